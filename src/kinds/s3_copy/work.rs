//! The work: page by page it is compared, written down and copied, several pages at once; then both are listed once more and compared.

use jiff::Timestamp;
use tokio::sync::mpsc::Receiver;

use super::decide::{Action, decide};
use super::pairs::{Page, Pair, Pairs, Side, cut};
use super::params::{Params, said};
use super::perform::{Copies, Way};
use super::prepare::{Differ, Prior, overwritable};
use super::progress::{Begun, Progress, Sums};
use crate::kind::{Next, Op, WorkCx};
use crate::model::Fault;
use crate::provider::s3::progress::{self, Write};
use crate::provider::s3::{
    Bucket, Ended, Failed, Flow, Job, Lanes, Pilot, Refused, Turn, Writer, ahead, fly, pages, wrong,
};

pub async fn work(cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
    let with = &op.params;
    let source = Bucket::open(&with.source.place, Flow::of_work(with.max_parallel)).await?;
    let target = Writer::open(cx, &with.target.place, with.max_parallel).await?;
    is_still(&source, op.prior.source_made).await?;
    is_still(&target, op.prior.target_made).await?;
    overwritable(&target, with).await?;
    let mut progress: Progress = progress::read(cx, op)?;
    if with.target.create && target.make(cx, op, &with.target.place).await? {
        progress = Progress::default();
    }
    if progress.course.lanes.is_uncut() {
        progress.course.lanes = Lanes::over(cut(&source, &with.prefix, pages(op.prior.keys)).await?);
    } else {
        cx.say(&format!("goes on behind {} keys that are done", progress.course.sums.keys()));
    }
    let from = Side { bucket: Some(&source), prefix: &with.prefix };
    let to = Side { bucket: Some(&*target), prefix: with.target_prefix() };
    if !progress.course.lanes.is_through() {
        let way = Way { source: &source, target: &target, target_prefix: with.target_prefix(), by: with.by() };
        let copies = Copies::new(cx, way, op.prior.keys, progress.since);
        let open = progress.course.lanes.open().map(|(lane, names)| (lane, Pairs::new(from, to, &names)));
        let listings: Vec<_> = open.collect();
        let count = listings.len();
        let act = Act { cx, op, copies: &copies, progress: &mut progress, failed: Failed::default() };
        ahead(source.flow(), listings, |pages| act.all(count, pages)).await?;
    }
    prove(cx, op, (from, to), &target, &progress).await?;
    Ok(Next::Done(progress.course.sums.outputs()))
}

/// A bucket that was made anew since is another one, whatever its name says.
async fn is_still(bucket: &Bucket, made: Option<Timestamp>) -> Result<(), Fault> {
    let (Some(then), Some(now)) = (made, bucket.made().await?) else { return Ok(()) };
    if then == now {
        return Ok(());
    }
    let what =
        format!("{} is another one than when this step was prepared: made at {now}, not at {then}", bucket.said());
    Err(Fault::new("RG2916", what).hint(
        "look who made it anew, or changed its policy; if it is the right one, `regrow rerun STEP --because WHY`",
    ))
}

struct Act<'a> {
    cx: &'a WorkCx,
    op: &'a Op<Params, Prior>,
    copies: &'a Copies<'a>,
    progress: &'a mut Progress,
    failed: Failed,
}

impl<'a> Pilot for Act<'a> {
    type Page = (usize, Page);
    type Job = Job<'a>;
    type Done = Ended<Sums>;

    /// Compares.
    fn begin(&mut self, (lane, page): (usize, Page)) -> Result<Turn<Self::Job, Self::Done>, Fault> {
        let mut ended = Ended::<Sums>::of(lane, page.pairs.last().map(|pair| pair.name.clone()), page.last);
        let (mut jobs, mut differ) = (Vec::new(), Differ::default());
        for pair in page.pairs {
            if let Some(begun) = self.made(&pair) {
                ended.sums.add(&begun);
                self.copies.add(begun.size);
                ended.begun.push(pair.name);
                continue;
            }
            match decide(&pair, self.op.params.overwrite, self.copies.since()) {
                Action::Leave => ended.sums.skipped += 1,
                Action::Differs => differ.add(pair.target.as_ref().map_or(&pair.name, |there| &there.key)),
                Action::Copy | Action::Overwrite => {
                    // What an earlier process began keeps what it saw: else its copy would not be known as one.
                    let begun = self.progress.course.begun.entry(pair.name.clone()).or_insert_with(|| Begun::of(&pair));
                    ended.sums.add(begun);
                    ended.begun.push(pair.name.clone());
                    jobs.push(self.copies.job(pair, begun.clone()));
                }
            }
        }
        if !differ.is_empty() {
            let way = &self.copies.way;
            return Err(differ.fault(&said(way.target.said(), way.target_prefix)));
        }
        Ok(Turn { jobs, done: ended, last: page.last })
    }

    fn end(&mut self, done: Self::Done, refused: Refused) {
        self.failed.add(refused);
        self.progress.course.end(done);
    }

    fn write(&mut self) -> Result<Write, Fault> {
        self.progress.since = self.copies.since();
        progress::later(self.cx, self.op, &*self.progress)
    }

    fn say(&self, more: u64) {
        self.copies.has(self.progress.course.sums.keys() + more);
    }
}

impl Act<'_> {
    async fn all(mut self, listings: usize, pages: Receiver<(usize, Page)>) -> Result<(), Fault> {
        self.copies.add(self.progress.course.sums.bytes);
        let flown = fly(self.copies.way.target.flow(), listings, pages, &mut self).await;
        self.progress.since = self.copies.since();
        if !flown? {
            return Err(self.copies.way.source.broke_off());
        }
        if self.failed.count > 0 {
            anew(self.cx, self.op, self.progress)?;
            return Err(self.failed.fault("copied"));
        }
        progress::write(self.cx, self.op, self.progress)
    }

    /// What an earlier process began, if it came to its end.
    fn made(&self, pair: &Pair) -> Option<Begun> {
        let there = pair.target.as_ref()?;
        let begun = self.progress.course.begun.get(&pair.name)?;
        let begun = begun.is_made(&there.content.etag, there.content.size).then(|| begun.clone())?;
        if there.content.etag != pair.source.content.etag {
            self.copies.wrote_its_own(Some(there.time));
        }
        Some(begun)
    }
}

/// The next attempt looks at every key again; what is copied is left alone.
fn anew(cx: &WorkCx, op: &Op<Params, Prior>, progress: &Progress) -> Result<(), Fault> {
    progress::write(cx, op, &Progress { since: progress.since, ..Progress::default() })
}

/// Every object of the source is in the target, say listings made after the last copy.
async fn prove(
    cx: &WorkCx,
    op: &Op<Params, Prior>,
    (from, to): (Side<'_>, Side<'_>),
    target: &Writer,
    progress: &Progress,
) -> Result<(), Fault> {
    let Progress { course, since } = progress;
    let listings = course.lanes.ranges().iter().map(|names| Pairs::new(from, to, names)).collect();
    let look = |Page { mut pairs, .. }: Page| {
        let keys = pairs.len() as u64;
        pairs.retain(|pair| decide(pair, false, *since) != Action::Leave);
        (keys, pairs.into_iter().map(|pair| pair.source.key).collect())
    };
    let wrong = wrong(cx, target.flow(), course.sums.keys(), listings, look).await?;
    if wrong.is_empty() {
        return Ok(());
    }
    // Somebody writes to one of them, or a call did not do what its answer says.
    anew(cx, op, progress)?;
    let what = format!("{} does not hold what {} holds", target.said(), op.params.source.place.said());
    let mut fault = Fault::new("RG2912", what)
        .hint("somebody may still be writing there: stop that, then `regrow retry STEP`; what is copied is left alone");
    fault.causes = wrong.into_iter().map(|key| format!("is not the same: {key}")).collect();
    Err(fault)
}
