//! The work: page by page it is compared, written down and copied, several pages at once; then both are listed once more and compared.

use jiff::Timestamp;
use tokio::sync::mpsc::Receiver;

use super::decide::{Action, decide};
use super::pairs::{self, Page, Pair, Side};
use super::params::{Params, said};
use super::perform::{Copies, Way};
use super::prepare::{Differ, Prior, overwritable};
use super::progress::{Begun, Progress, Sums};
use crate::kind::{Next, Op, WorkCx};
use crate::model::{Fault, Pulse};
use crate::provider::s3::progress::{self, Write};
use crate::provider::s3::{Bucket, Failed, Flow, Job, Pilot, Refused, Turn, Writer, fly};

/// As many keys are named where something is wrong with them.
const NAMED: usize = 5;

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
    if progress.after.is_some() {
        cx.say(&format!("goes on behind {} keys that are done", progress.sums.keys()));
    }
    let sides = |after| {
        let target = Side { bucket: Some(&*target), prefix: with.target_prefix() };
        (Side { bucket: Some(&source), prefix: &with.prefix }, target, after)
    };
    if !progress.through {
        let (from, to, after) = sides(progress.after.clone());
        let way = Way { source: &source, target: &target, target_prefix: with.target_prefix(), by: with.by() };
        let copies = Copies::new(cx, way, op.prior.keys, progress.since);
        let act = Act { cx, op, copies: &copies, progress: &mut progress, failed: Failed::default() };
        pairs::with(from, to, after, |pages| act.all(pages)).await?;
    }
    let (from, to, after) = sides(None);
    pairs::with(from, to, after, |pages| prove(cx, op, &target, &progress, pages)).await?;
    Ok(Next::Done(progress.sums.outputs()))
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

/// What counts once a page is done.
struct Ended {
    last: String,
    sums: Sums,
    /// Names that something was done with.
    begun: Vec<String>,
}

impl<'a> Pilot for Act<'a> {
    type Page = Page;
    type Job = Job<'a>;
    /// None for a page without objects.
    type Done = Option<Ended>;

    /// Compares.
    fn begin(&mut self, page: Page) -> Result<Turn<Self::Job, Self::Done>, Fault> {
        let Some(last) = page.pairs.last().map(|pair| pair.name.clone()) else {
            return Ok(Turn { jobs: Vec::new(), done: None, last: page.last });
        };
        let (mut sums, mut jobs, mut names, mut differ) = (Sums::default(), Vec::new(), Vec::new(), Differ::default());
        for pair in page.pairs {
            if let Some(begun) = self.made(&pair) {
                sums.add(&begun);
                self.copies.add(begun.size);
                names.push(pair.name);
                continue;
            }
            match decide(&pair, self.op.params.overwrite, self.copies.since()) {
                Action::Leave => sums.skipped += 1,
                Action::Differs => differ.add(pair.target.as_ref().map_or(&pair.name, |there| &there.key)),
                Action::Copy | Action::Overwrite => {
                    // What an earlier process began keeps what it saw: else its copy would not be known as one.
                    let begun = self.progress.begun.entry(pair.name.clone()).or_insert_with(|| Begun::of(&pair));
                    sums.add(begun);
                    names.push(pair.name.clone());
                    jobs.push(self.copies.job(pair, begun.clone()));
                }
            }
        }
        if !differ.is_empty() {
            let way = &self.copies.way;
            return Err(differ.fault(&said(way.target.said(), way.target_prefix)));
        }
        Ok(Turn { jobs, done: Some(Ended { last, sums, begun: names }), last: page.last })
    }

    fn end(&mut self, done: Self::Done, refused: Refused) {
        self.failed.add(refused);
        let Some(Ended { last, sums, begun }) = done else { return };
        // Not before all of the page is done: until then the sums on disk do not hold it.
        for name in &begun {
            self.progress.begun.remove(name);
        }
        self.progress.sums.add_all(&sums);
        self.progress.after = Some(last);
    }

    fn write(&mut self) -> Result<Write, Fault> {
        self.progress.since = self.copies.since();
        progress::later(self.cx, self.op, &*self.progress)
    }

    fn say(&self, more: u64) {
        self.copies.has(self.progress.sums.keys() + more);
    }
}

impl Act<'_> {
    async fn all(mut self, pages: Receiver<Page>) -> Result<(), Fault> {
        self.copies.add(self.progress.sums.bytes);
        let flown = fly(self.copies.way.target.flow(), pages, &mut self).await;
        self.progress.since = self.copies.since();
        if !flown? {
            return Err(self.copies.way.source.broke_off());
        }
        if self.failed.count > 0 {
            anew(self.cx, self.op, self.progress)?;
            return Err(self.failed.fault("copied"));
        }
        self.progress.begun.clear();
        self.progress.through = true;
        progress::write(self.cx, self.op, self.progress)
    }

    /// What an earlier process began, if it came to its end.
    fn made(&self, pair: &Pair) -> Option<Begun> {
        let there = pair.target.as_ref()?;
        let begun = self.progress.begun.get(&pair.name)?;
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

/// Every object of the source is in the target, says a listing made after the last copy.
async fn prove(
    cx: &WorkCx,
    op: &Op<Params, Prior>,
    target: &Writer,
    progress: &Progress,
    mut pages: Receiver<Page>,
) -> Result<(), Fault> {
    let (mut seen, mut wrong) = (0, Vec::new());
    loop {
        let page = pages.recv().await.ok_or_else(|| target.broke_off())?;
        for pair in page.pairs {
            seen += 1;
            if decide(&pair, false, progress.since) != Action::Leave {
                wrong.push(pair.source.key);
            }
        }
        let total = Some(progress.sums.keys().max(seen));
        cx.pulse(Pulse { done: seen, total, unit: "keys".to_owned(), doing: "comparing".to_owned() });
        if wrong.len() > NAMED || page.last {
            break;
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    // Somebody writes to one of them, or a call did not do what its answer says.
    anew(cx, op, progress)?;
    wrong.truncate(NAMED);
    let what = format!("{} does not hold what {} holds", target.said(), op.params.source.place.said());
    let mut fault = Fault::new("RG2912", what)
        .hint("somebody may still be writing there: stop that, then `regrow retry STEP`; what is copied is left alone");
    fault.causes = wrong.into_iter().map(|key| format!("is not the same: {key}")).collect();
    Err(fault)
}
