//! The work: page by page it is decided, written down and done, several pages at once.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc::Receiver;

use super::decide::{Action, decide};
use super::keys::{Keys, Lists, Now, Stream};
use super::params::Params;
use super::perform::{Hand, Todo, jobs};
use super::prepare::Prior;
use super::progress::{Begun, Progress, Sums};
use super::prove::prove;
use crate::kind::{Next, Op, WorkCx};
use crate::model::amount::size;
use crate::model::{Fault, Pulse};
use crate::provider::s3::progress::{self, Write};
use crate::provider::s3::{
    Bucket, Ended, Etags, Failed, Flow, Job, Lanes, Of, Pilot, Refused, Turn, Writer, ahead, fly, pages,
};

pub async fn work(cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
    let with = &op.params;
    let bucket = Writer::open(cx, &with.place, with.max_parallel).await?;
    let source = match with.source {
        Some(_) => Some(Bucket::open(&with.origin(), Flow::of_work(with.max_parallel)).await?),
        None => None,
    };
    let from = source.as_ref().unwrap_or(&bucket);
    from.is_still(op.prior.made).await?;
    from.keeps_versions().await?;
    let mut progress: Progress = progress::read(cx, op)?;
    if source.is_some() && bucket.make(cx, op, &with.place).await? {
        progress = Progress::default();
    }
    let now = if source.is_some() { Now::Beside(Some(&*bucket)) } else { Now::Same };
    let lists = Lists { from, now, prefix: &with.prefix, as_of: op.prior.as_of };
    if progress.lanes.is_uncut() {
        progress.lanes = Lanes::over(from.cut(&with.prefix, Of::Versions, pages(op.prior.keys)).await?);
    } else {
        cx.say(&format!("goes on behind {} keys that are done", progress.sums.keys()));
    }
    if !progress.lanes.is_through() {
        let open = progress.lanes.open().map(|(lane, range)| (lane, Stream::new(lists, range)));
        let listings: Vec<_> = open.collect();
        let (count, progress) = (listings.len(), &mut progress);
        let etags = Etags::new(progress.etags);
        let copied_after_all = AtomicU64::new(0);
        let hand = Hand { bucket: &bucket, from, etags: &etags, copied_after_all: &copied_after_all };
        let act = Act { cx, op, hand, progress, failed: Failed::default() };
        ahead(from.flow(), listings, |pages| act.all(count, pages)).await?;
    }
    prove(cx, op, &bucket, lists, &progress).await?;
    Ok(Next::Done(progress.sums.outputs(&op.prior.as_of.to_string())))
}

struct Act<'a> {
    cx: &'a WorkCx,
    op: &'a Op<Params, Prior>,
    hand: Hand<'a>,
    progress: &'a mut Progress,
    failed: Failed,
}

impl<'a> Pilot for Act<'a> {
    type Page = (usize, Keys);
    type Job = Job<'a>;
    type Done = Ended<Sums>;

    fn begin(&mut self, (lane, page): (usize, Keys)) -> Result<Turn<Self::Job, Self::Done>, Fault> {
        let Keys { histories, last } = page;
        let mut ended = Ended::<Sums>::of(lane, histories.last().map(|history| history.key.clone()), last);
        let (mut todo, known) = (Vec::new(), self.hand.etags.known());
        for history in histories {
            let before = self.progress.begun.get(&history.key);
            let action = match decide(&history, self.op.deletes_newer(), &known) {
                // What may be its copy is read.
                Action::Compare(source) if before.is_some_and(|before| before.is_copied(&history)) => {
                    Action::Copy(source)
                }
                action => action,
            };
            let new = Begun::of(&history, &action);
            if let Some((what, size)) = before.and_then(|before| before.is_done(&history, &action)) {
                ended.sums.add_done(what, size);
                ended.begun.push(history.key);
                continue;
            }
            ended.sums.add(&history.key, &action);
            if let Some(new) = new {
                // What an earlier process began keeps the id that it saw: else its copy would not be known as one.
                let begun = self.progress.begun.entry(history.key.clone()).or_insert(new);
                ended.begun.push(history.key.clone());
                todo.push(Todo { before: begun.latest.clone(), history, action });
            }
        }
        Ok(Turn { jobs: jobs(self.hand, todo), done: ended, last })
    }

    fn end(&mut self, done: Self::Done, refused: Refused) {
        self.failed.add(refused);
        self.progress.end(done);
        // The calls of other pages may be ahead of the page that counts their keys.
        let counter = self.hand.copied_after_all;
        let keys = counter.load(Ordering::Relaxed).min(self.progress.sums.skipped);
        counter.fetch_sub(keys, Ordering::Relaxed);
        self.progress.sums.are_copied_after_all(keys);
    }

    fn write(&mut self) -> Result<Write, Fault> {
        self.progress.etags = self.hand.etags.known();
        progress::later(self.cx, self.op, &*self.progress)
    }

    fn say(&self, more: u64) {
        let keys = self.progress.sums.keys() + more;
        let total = self.op.prior.keys.map(|total| total.max(keys));
        let doing = format!("bringing back, {} so far", size(self.progress.sums.bytes));
        self.cx.pulse(Pulse { done: keys, total, unit: "keys".to_owned(), doing });
    }
}

impl Act<'_> {
    async fn all(mut self, listings: usize, pages: Receiver<(usize, Keys)>) -> Result<(), Fault> {
        let flown = fly(self.hand.bucket.flow(), listings, pages, &mut self).await;
        self.progress.etags = self.hand.etags.known();
        if !flown? {
            return Err(self.hand.from.broke_off());
        }
        if self.failed.count > 0 {
            // The next attempt looks at every key again; those that are back are left alone.
            progress::write(self.cx, self.op, &self.progress.anew())?;
            return Err(self.failed.fault("brought back"));
        }
        progress::write(self.cx, self.op, self.progress)
    }
}
