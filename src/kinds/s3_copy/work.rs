//! The work: page by page it is compared, written down and copied, several pages at once; then both are listed once more and compared.

use tokio::sync::mpsc::Receiver;

use super::decide::{Action, decide};
use super::pairs::{Page, Pairs, Side, cut};
use super::params::{Params, said};
use super::perform::{Copies, Way};
use super::prepare::{Differ, Prior, overwritable};
use super::progress::{Begun, Progress, Sums};
use crate::kind::{Next, Op, WorkCx};
use crate::model::Fault;
use crate::provider::s3::progress::{self, Write};
use crate::provider::s3::{
    Bucket, Ended, Failed, Flow, Job, Lanes, Object, Pilot, Refused, Turn, Versioning, Writer, ahead, fly, pages, wrong,
};

pub async fn work(cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
    let with = &op.params;
    let source = Bucket::open(&with.source.place, Flow::of_work(with.max_parallel)).await?;
    let target = Writer::open(cx, &with.target.place, with.max_parallel).await?;
    // What is overwritten stays as an older version.
    let target = if with.overwrite { target } else { target.guarding() };
    source.is_still(op.prior.source_made).await?;
    target.is_still(op.prior.target_made).await?;
    overwritable(&target, with).await?;
    let mut progress: Progress = progress::read(cx, op)?;
    if with.target.create && target.make(cx, op, &with.target.place).await? {
        progress = Progress::default();
    }
    if progress.lanes.is_uncut() {
        progress.lanes = Lanes::over(cut(&source, &with.prefix, pages(op.prior.keys)).await?);
    } else {
        cx.say(&format!("goes on behind {} keys that are done", progress.sums.keys()));
    }
    let from = Side { bucket: Some(&source), prefix: &with.prefix };
    let to = Side { bucket: Some(&*target), prefix: with.target_prefix() };
    if !progress.lanes.is_through() {
        // In what is made for this step nobody else writes; a marker or a version more destroys nothing.
        let looks = !with.overwrite && !with.target.create && target.versioning().await? != Versioning::Enabled;
        let way = Way {
            looks,
            source: &source,
            target: &target,
            target_prefix: with.target_prefix(),
            by: with.by(),
            overwrite: with.overwrite,
        };
        let copies = Copies::new(cx, way, op.prior.keys, progress.etags);
        let open = progress.lanes.open().map(|(lane, names)| (lane, Pairs::new(from, to, &names)));
        let listings: Vec<_> = open.collect();
        let count = listings.len();
        let act = Act { cx, op, copies: &copies, progress: &mut progress, failed: Failed::default() };
        ahead(source.flow(), listings, |pages| act.all(count, pages)).await?;
    }
    prove(cx, op, (from, to), &target, &progress).await?;
    Ok(Next::Done(progress.sums.outputs()))
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
        let (mut jobs, mut differ, known) = (Vec::new(), Differ::default(), self.copies.etags());
        for pair in page.pairs {
            let earlier = self.progress.begun.get(&pair.name).zip(pair.target.as_ref());
            let made = earlier.filter(|(begun, there)| begun.is_made(&there.content.etag, there.content.size));
            let has_moved = made.is_some();
            let is_it = |there: &Object| known.are_same(&pair.source.content, &there.content, there.time);
            if let Some((begun, _)) = made.filter(|(_, there)| is_it(there)) {
                ended.sums.add(begun);
                self.copies.add(begun.size);
                ended.begun.push(pair.name);
                continue;
            }
            match decide(&pair, self.op.params.overwrite, &known) {
                Action::Leave => ended.sums.skipped += 1,
                Action::Differs if !has_moved => {
                    differ.add(pair.target.as_ref().map_or(&pair.name, |there| &there.key));
                }
                Action::Copy | Action::Overwrite | Action::Differs => {
                    // What an earlier process began keeps what it saw: else its copy would not be known as one.
                    let begun = self.progress.begun.entry(pair.name.clone()).or_insert_with(|| Begun::of(&pair));
                    ended.sums.add(begun);
                    ended.begun.push(pair.name.clone());
                    jobs.push(self.copies.job(pair, begun.clone(), has_moved));
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
        self.progress.end(done);
    }

    fn write(&mut self) -> Result<Write, Fault> {
        self.progress.etags = self.copies.etags();
        progress::later(self.cx, self.op, &*self.progress)
    }

    fn say(&self, more: u64) {
        self.copies.has(self.progress.sums.keys() + more);
    }
}

impl Act<'_> {
    async fn all(mut self, listings: usize, pages: Receiver<(usize, Page)>) -> Result<(), Fault> {
        self.copies.add(self.progress.sums.bytes);
        let flown = fly(self.copies.way.target.flow(), listings, pages, &mut self).await;
        self.progress.etags = self.copies.etags();
        if !flown? {
            return Err(self.copies.way.source.broke_off());
        }
        if self.failed.count > 0 {
            progress::write(self.cx, self.op, &self.progress.anew())?;
            return Err(self.failed.fault("copied"));
        }
        progress::write(self.cx, self.op, self.progress)
    }
}

/// Every object of the source is in the target, say listings made after the last copy.
async fn prove(
    cx: &WorkCx,
    op: &Op<Params, Prior>,
    (from, to): (Side<'_>, Side<'_>),
    target: &Writer,
    progress: &Progress,
) -> Result<(), Fault> {
    let listings = progress.lanes.ranges().iter().map(|names| Pairs::new(from, to, names)).collect();
    let look = |Page { mut pairs, .. }: Page| {
        let keys = pairs.len() as u64;
        pairs.retain(|pair| decide(pair, false, &progress.etags) != Action::Leave);
        (keys, pairs.into_iter().map(|pair| pair.source.key).collect())
    };
    let wrong = wrong(cx, target.flow(), progress.sums.keys(), listings, look).await?;
    if wrong.is_empty() {
        return Ok(());
    }
    // Somebody writes to one of them, or a call did not do what its answer says.
    progress::write(cx, op, &progress.anew())?;
    let what = format!("{} does not hold what {} holds", target.said(), op.params.source.place.said());
    let mut fault = Fault::new("RG2912", what)
        .hint("somebody may still be writing there: stop that, then `regrow retry STEP`; what is copied is left alone");
    fault.causes = wrong.into_iter().map(|key| format!("is not the same: {key}")).collect();
    Err(fault)
}
