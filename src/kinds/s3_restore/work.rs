//! The work: page by page it is decided, written down and done, several pages at once.

use tokio::sync::mpsc::Receiver;

use super::decide::decide;
use super::keys::{self, Keys, Lists, Now};
use super::params::Params;
use super::perform::jobs;
use super::prepare::Prior;
use super::progress::{Begun, Progress, Sums};
use super::prove::prove;
use crate::kind::{Next, Op, WorkCx};
use crate::model::{Fault, Pulse};
use crate::provider::s3::progress::{self, Write};
use crate::provider::s3::{Bucket, Failed, Flow, Job, Marks, Pilot, Range, Refused, Turn, Writer, fly};

pub async fn work(cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
    let with = &op.params;
    let bucket = Writer::open(cx, &with.place, with.max_parallel).await?;
    let source = match with.source {
        Some(_) => Some(Bucket::open(&with.origin(), Flow::of_work(with.max_parallel)).await?),
        None => None,
    };
    let from = source.as_ref().unwrap_or(&bucket);
    from.keeps_versions().await?;
    let mut progress: Progress = progress::read(cx, op)?;
    if source.is_some() && bucket.make(cx, op, &with.place).await? {
        progress = Progress::default();
    }
    let now = if source.is_some() { Now::Beside(Some(&*bucket)) } else { Now::Same };
    let lists = Lists { from, now, prefix: &with.prefix, as_of: op.prior.as_of };
    let mut marks = Marks::default();
    if progress.after.is_some() {
        cx.say(&format!("goes on behind {} keys that are done", progress.sums.keys()));
    }
    if !progress.through {
        let rest = Range::behind(progress.after.clone());
        let (progress, marks) = (&mut progress, &mut marks);
        let act = Act { cx, op, bucket: &bucket, from, progress, marks, failed: Failed::default() };
        keys::with(lists, &rest, |pages| act.all(pages)).await?;
    }
    prove(cx, op, &bucket, lists, &progress, &marks).await?;
    Ok(Next::Done(progress.sums.outputs(&op.prior.as_of.to_string())))
}

struct Act<'a> {
    cx: &'a WorkCx,
    op: &'a Op<Params, Prior>,
    bucket: &'a Writer,
    from: &'a Bucket,
    progress: &'a mut Progress,
    marks: &'a mut Marks,
    failed: Failed,
}

/// What counts once a page is done.
struct Ended {
    last: String,
    sums: Sums,
    /// Keys that something was done with.
    begun: Vec<String>,
}

impl<'a> Pilot for Act<'a> {
    type Page = Keys;
    type Job = Job<'a>;
    /// None where a page completes no key.
    type Done = Option<Ended>;

    fn begin(&mut self, page: Keys) -> Result<Turn<Self::Job, Self::Done>, Fault> {
        let Keys { histories, last: is_last } = page;
        let Some(last) = histories.last().map(|history| history.key.clone()) else {
            return Ok(Turn { jobs: Vec::new(), done: None, last: is_last });
        };
        let (mut sums, mut todo, mut begun) = (Sums::default(), Vec::new(), Vec::new());
        for history in histories {
            let action = decide(&history, self.op.params.delete_newer);
            let new = Begun::of(&history, &action);
            let before = self.progress.begun.get(&history.key);
            if let Some((what, size)) = before.and_then(|before| before.is_done(&history, &action)) {
                sums.add_done(what, size);
                begun.push(history.key);
                continue;
            }
            sums.add(&history.key, &action);
            if let Some(new) = new {
                // What an earlier process began keeps the id that it saw: else its copy would not be known as one.
                self.progress.begun.entry(history.key.clone()).or_insert(new);
                begun.push(history.key.clone());
                todo.push((history, action));
            }
        }
        Ok(Turn { jobs: jobs(self.bucket, self.from, todo), done: Some(Ended { last, sums, begun }), last: is_last })
    }

    fn end(&mut self, done: Self::Done, refused: Refused) {
        self.failed.add(refused);
        let Some(Ended { last, sums, begun }) = done else { return };
        // Not before all of the page is done: until then the sums on disk do not hold it.
        for key in &begun {
            self.progress.begun.remove(key);
        }
        self.progress.sums.add_all(sums);
        self.marks.add(&last);
        self.progress.after = Some(last);
    }

    fn write(&mut self) -> Result<Write, Fault> {
        progress::later(self.cx, self.op, &*self.progress)
    }

    fn say(&self, more: u64) {
        let (keys, megabytes) = (self.progress.sums.keys() + more, self.progress.sums.bytes >> 20);
        let total = self.op.prior.keys.map(|total| total.max(keys));
        let doing = format!("bringing back, {megabytes} MiB so far");
        self.cx.pulse(Pulse { done: keys, total, unit: "keys".to_owned(), doing });
    }
}

impl Act<'_> {
    async fn all(mut self, pages: Receiver<Keys>) -> Result<(), Fault> {
        if !fly(self.bucket.flow(), pages, &mut self).await? {
            return Err(self.from.broke_off());
        }
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
