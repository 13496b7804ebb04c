//! The work: page by page it is decided, written down and done.

use tokio::sync::mpsc::Receiver;

use super::decide::decide;
use super::history::{Histories, History};
use super::pages;
use super::params::Params;
use super::perform::perform;
use super::prepare::Prior;
use super::progress::{Begun, Progress};
use super::prove::prove;
use crate::kind::{Next, Op, WorkCx};
use crate::model::{Fault, Pulse, RetryClass};
use crate::provider::s3::{Failed, Marks, Page, Range, Writer, progress};

pub async fn work(cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
    let bucket = Writer::open(cx, &op.params.place, op.params.max_parallel).await?;
    bucket.keeps_versions().await?;
    let mut progress: Progress = progress::read(cx, op)?;
    let mut marks = Marks::default();
    if progress.after.is_some() {
        cx.say(&format!("goes on behind {} keys that are done", progress.sums.keys()));
    }
    if !progress.through {
        let rest = Range::behind(progress.after.clone());
        let (progress, marks) = (&mut progress, &mut marks);
        let act = Act { cx, op, bucket: &bucket, progress, marks, failed: Failed::default() };
        pages::with(&bucket, &op.params.prefix, &rest, |pages| act.all(pages)).await?;
    }
    prove(cx, op, &bucket, &progress, &marks).await?;
    Ok(Next::Done(progress.sums.outputs(&op.prior.as_of.to_string())))
}

struct Act<'a> {
    cx: &'a WorkCx,
    op: &'a Op<Params, Prior>,
    bucket: &'a Writer,
    progress: &'a mut Progress,
    marks: &'a mut Marks,
    failed: Failed,
}

impl Act<'_> {
    async fn all(mut self, mut pages: Receiver<Page>) -> Result<(), Fault> {
        let mut histories = Histories::new(self.op.prior.as_of);
        while let Some(page) = pages.recv().await {
            let is_last = page.next.is_none();
            self.page(histories.take(page)).await?;
            if is_last {
                return self.end();
            }
        }
        Err(broken_off(self.bucket))
    }

    /// Decides, writes down, does.
    async fn page(&mut self, histories: Vec<History>) -> Result<(), Fault> {
        let Some(last) = histories.last().map(|history| history.key.clone()) else { return Ok(()) };
        let mut sums = self.progress.sums.clone();
        let (mut todo, mut keys) = (Vec::new(), Vec::new());
        for history in histories {
            let action = decide(&history, self.op.params.delete_newer);
            let new = Begun::of(&history, &action);
            let before = self.progress.begun.get(&history.key);
            keys.push(history.key.clone());
            if let Some((what, size)) = before.and_then(|before| before.is_done(&history, &action)) {
                sums.add_done(what, size);
            } else if let Some(new) = new {
                // What an earlier process began keeps the id that it saw: else its copy would not be known as one.
                self.progress.begun.entry(history.key.clone()).or_insert(new);
                todo.push((history, action));
            } else {
                sums.add(&history.key, &action);
            }
        }
        if !todo.is_empty() {
            progress::write(self.cx, self.op, self.progress)?;
            self.failed.add(perform(self.bucket, &todo, |done| self.say(sums.keys() + done)).await?);
            todo.iter().for_each(|(history, action)| sums.add(&history.key, action));
        }
        // Not before all of the page is done: until then the sums on disk do not hold it.
        for key in &keys {
            self.progress.begun.remove(key);
        }
        self.progress.sums = sums;
        self.marks.add(&last);
        self.progress.after = Some(last);
        self.say(self.progress.sums.keys());
        Ok(())
    }

    fn say(&self, keys: u64) {
        let megabytes = self.progress.sums.bytes >> 20;
        let total = self.op.prior.keys.map(|total| total.max(keys));
        let doing = format!("bringing back, {megabytes} MiB so far");
        self.cx.pulse(Pulse { done: keys, total, unit: "keys".to_owned(), doing });
    }

    fn end(self) -> Result<(), Fault> {
        if self.failed.count > 0 {
            // The next attempt looks at every key again; those that are back are left alone.
            progress::write(self.cx, self.op, &Progress::default())?;
            return Err(self.failed.fault("brought back"));
        }
        self.progress.begun.clear();
        self.progress.through = true;
        progress::write(self.cx, self.op, self.progress)
    }
}

/// Without its last page a listing says nothing.
pub fn broken_off(bucket: &Writer) -> Fault {
    Fault::new("RG2907", format!("the listing of {} broke off", bucket.said())).retry(RetryClass::Later)
}
