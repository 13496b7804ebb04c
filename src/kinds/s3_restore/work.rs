//! The work: page by page it is decided, written down and done; then a second listing proves it.

use tokio::sync::mpsc::Receiver;

use super::decide::{decide, is_proven};
use super::history::{Histories, History};
use super::pages;
use super::params::Params;
use super::perform::perform;
use super::prepare::{Prior, versioned};
use super::progress::{Begun, Progress};
use crate::kind::{Next, Op, WorkCx};
use crate::model::{Fault, Pulse, RetryClass};
use crate::provider::s3::{Failed, Page, Writer, progress};

/// As many keys are named where something is wrong with them.
const NAMED: usize = 5;

pub async fn work(cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
    let bucket = Writer::open(cx, &op.params.place, op.params.max_parallel).await?;
    versioned(&bucket).await?;
    let mut progress: Progress = progress::read(cx, op)?;
    if progress.after.is_some() {
        cx.say(&format!("goes on behind {} keys that are done", progress.sums.keys()));
    }
    if !progress.through {
        let after = progress.after.clone();
        let act = Act { cx, op, bucket: &bucket, progress: &mut progress, failed: Failed::default() };
        pages::with(&bucket, &op.params.prefix, after, |pages| act.all(pages)).await?;
    }
    pages::with(&bucket, &op.params.prefix, None, |pages| prove(cx, op, &bucket, &progress, pages)).await?;
    Ok(Next::Done(progress.sums.outputs(&op.prior.as_of.to_string())))
}

struct Act<'a> {
    cx: &'a WorkCx,
    op: &'a Op<Params, Prior>,
    bucket: &'a Writer,
    progress: &'a mut Progress,
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
fn broken_off(bucket: &Writer) -> Fault {
    Fault::new("RG2907", format!("the listing of {} broke off", bucket.said())).retry(RetryClass::Later)
}

/// Every key is as it was, says a listing made after the last change.
async fn prove(
    cx: &WorkCx,
    op: &Op<Params, Prior>,
    bucket: &Writer,
    progress: &Progress,
    mut pages: Receiver<Page>,
) -> Result<(), Fault> {
    let mut histories = Histories::new(op.prior.as_of);
    let (mut seen, mut wrong) = (0, Vec::new());
    loop {
        let page = pages.recv().await.ok_or_else(|| broken_off(bucket))?;
        let is_last = page.next.is_none();
        for history in histories.take(page) {
            seen += 1;
            if !is_proven(&history, op.params.delete_newer) {
                wrong.push(history.key);
            }
        }
        let total = Some(progress.sums.keys().max(seen));
        cx.pulse(Pulse { done: seen, total, unit: "keys".to_owned(), doing: "comparing".to_owned() });
        if wrong.len() > NAMED || is_last {
            break;
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    // Somebody writes there, or a call did not do what its answer says: the next attempt looks at every key again.
    progress::write(cx, op, &Progress::default())?;
    wrong.truncate(NAMED);
    let what = format!("{} does not hold what it held at {}", bucket.said(), op.prior.as_of);
    let mut fault = Fault::new("RG2912", what)
        .hint("somebody may still be writing there: stop that, then `regrow retry STEP`; what is back is left alone");
    fault.causes = wrong.into_iter().map(|key| format!("is not as it was: {key}")).collect();
    Err(fault)
}
