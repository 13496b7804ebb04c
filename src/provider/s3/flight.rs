//! Pages under way, several at once: the calls of the next one begin while the last ones of the one before still run, and
//! nobody waits for the disk.
//!
//! The story: a page is taken up, and what is going to be done with it is written down; while that write is under way more
//! pages are taken up, and the next write holds all of them. Once it is on disk a page's calls may be made. A page counts
//! as done when it is, and all before it are: so one key of each listing tells how far the work is, and no write of its own
//! is needed.
//!
//! Promises: no call of a page is made before the write that holds it is on disk; pages count in the order in which they came;
//! not more pages are under way than are needed to keep the calls going.

use std::collections::VecDeque;
use std::future::Future;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;

use super::flow::Flow;
use super::progress::{Write, unkept};
use super::together::Refused;
use crate::model::Fault;

/// Calls that lie ready; only below that another page is taken up.
const READY: usize = 256;
/// Pages under way, where one call of the first of them takes long.
const PAGES: usize = 16;

/// What is done with pages.
pub trait Pilot {
    type Page;
    /// A call, or some of them one after the other, and how many keys it dealt with.
    type Job: Future<Output = Result<(u64, Refused), Fault>>;
    /// What counts once all of a page is done.
    type Done;

    /// Decides what is done with a page, and takes up what has to be on disk before it.
    fn begin(&mut self, page: Self::Page) -> Result<Turn<Self::Job, Self::Done>, Fault>;

    /// All of a page is done, and all before it.
    fn end(&mut self, done: Self::Done, refused: Refused);

    /// What has to be on disk by now.
    fn write(&mut self) -> Result<Write, Fault>;

    /// Says how far it is; so many keys are done beside those of whole pages.
    fn say(&self, more: u64);
}

/// What is done with one page.
pub struct Turn<J, D> {
    pub jobs: Vec<J>,
    pub done: D,
    /// No page of its listing comes behind it.
    pub last: bool,
}

/// Goes through all pages of so many listings. False: they broke off before the last one.
pub async fn fly<P: Pilot>(
    flow: &Flow,
    listings: usize,
    pages: Receiver<P::Page>,
    pilot: &mut P,
) -> Result<bool, Fault> {
    let mut flight = Flight {
        pilot,
        listings,
        pages: VecDeque::new(),
        first: 0,
        waiting: Vec::new(),
        ready: VecDeque::new(),
        writing: None,
        more: 0,
    };
    let flown = flight.all(flow, pages).await;
    // Nobody writes there any more once this has returned.
    if let Some((_, write)) = flight.writing.take() {
        let _ = write.await;
    }
    flown
}

struct Flight<'f, P: Pilot> {
    pilot: &'f mut P,
    /// Of which pages are still to come.
    listings: usize,
    /// In their order, the first one with that number.
    pages: VecDeque<Begun<P::Done>>,
    first: u64,
    /// Calls that wait for the disk, of these pages.
    waiting: Calls<P::Job>,
    ready: VecDeque<(u64, P::Job)>,
    writing: Option<Writing<P::Job>>,
    /// Keys that are done of pages that are not.
    more: u64,
}

/// Each with the number of its page.
type Calls<J> = Vec<(u64, J)>;
/// A write under way, and the calls that it lets go.
type Writing<J> = (Calls<J>, JoinHandle<Result<(), Fault>>);

struct Begun<D> {
    open: usize,
    keys: u64,
    refused: Refused,
    done: D,
}

impl<P: Pilot> Flight<'_, P> {
    async fn all(&mut self, flow: &Flow, mut pages: Receiver<P::Page>) -> Result<bool, Fault> {
        let mut running = FuturesUnordered::new();
        loop {
            self.write()?;
            while running.len() < flow.width()
                && let Some((number, job)) = self.ready.pop_front()
            {
                running.push(async move { (number, job.await) });
            }
            let is_listed = self.listings == 0;
            if is_listed && self.pages.is_empty() {
                return Ok(true);
            }
            let has_room = !is_listed && self.pages.len() < PAGES && self.calls() < READY;
            tokio::select! {
                Some((number, ended)) = running.next() => self.ended(number, ended?),
                written = disk(&mut self.writing), if self.writing.is_some() => self.written(written?),
                page = pages.recv(), if has_room => match page {
                    Some(page) => self.begin(page)?,
                    None => return Ok(false),
                },
            }
        }
    }

    /// Calls that were not begun yet.
    fn calls(&self) -> usize {
        self.ready.len() + self.waiting.len() + self.writing.as_ref().map_or(0, |(calls, _)| calls.len())
    }

    fn begin(&mut self, page: P::Page) -> Result<(), Fault> {
        let Turn { jobs, done, last } = self.pilot.begin(page)?;
        let number = self.first + self.pages.len() as u64;
        self.pages.push_back(Begun { open: jobs.len(), keys: 0, refused: Refused::new(), done });
        self.waiting.extend(jobs.into_iter().map(|job| (number, job)));
        self.listings -= usize::from(last);
        self.land();
        Ok(())
    }

    /// Begins to write what waits for it, one write at a time.
    fn write(&mut self) -> Result<(), Fault> {
        if self.writing.is_none() && !self.waiting.is_empty() {
            let write = tokio::task::spawn_blocking(self.pilot.write()?);
            self.writing = Some((std::mem::take(&mut self.waiting), write));
        }
        Ok(())
    }

    fn written(&mut self, calls: Calls<P::Job>) {
        self.ready.extend(calls);
    }

    fn ended(&mut self, number: u64, (keys, refused): (u64, Refused)) {
        // A page with open calls is still there.
        if let Some(page) = usize::try_from(number - self.first).ok().and_then(|at| self.pages.get_mut(at)) {
            page.open -= 1;
            page.keys += keys;
            page.refused.extend(refused);
            self.more += keys;
        }
        self.land();
    }

    /// What is done up to the first page that is not.
    fn land(&mut self) {
        while let Some(page) = self.pages.pop_front_if(|page| page.open == 0) {
            self.first += 1;
            self.more -= page.keys;
            self.pilot.end(page.done, page.refused);
        }
        self.pilot.say(self.more);
    }
}

/// The calls that may be made once the write is on disk.
async fn disk<J>(writing: &mut Option<Writing<J>>) -> Result<Calls<J>, Fault> {
    let Some((_, write)) = writing else { return Ok(Vec::new()) };
    write.await.map_err(|error| unkept().caused_by(&error))??;
    Ok(writing.take().map(|(calls, _)| calls).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use futures_util::future::BoxFuture;
    use tokio::sync::{Notify, mpsc};

    use super::*;

    /// Notes what happens. A page is how many calls it has; the first call of page 0 waits to be let go.
    #[derive(Default)]
    struct Log {
        happened: Arc<Mutex<Vec<String>>>,
        begun: usize,
        ended: usize,
        gate: Arc<Notify>,
        is_broken: Arc<AtomicBool>,
    }

    impl Log {
        fn note(&self, what: String) {
            self.happened.lock().unwrap().push(what);
        }
    }

    impl Pilot for Log {
        type Page = (usize, bool);
        type Job = BoxFuture<'static, Result<(u64, Refused), Fault>>;
        type Done = usize;

        fn begin(&mut self, (calls, last): Self::Page) -> Result<Turn<Self::Job, usize>, Fault> {
            let page = self.begun;
            self.begun += 1;
            let jobs = (0..calls).map(|call| -> Self::Job {
                let (happened, gate, is_broken) =
                    (Arc::clone(&self.happened), Arc::clone(&self.gate), Arc::clone(&self.is_broken));
                Box::pin(async move {
                    happened.lock().unwrap().push(format!("call {page}"));
                    if page == 0 && call == 0 {
                        gate.notified().await;
                    }
                    if is_broken.load(Ordering::SeqCst) {
                        return Err(Fault::new("RG2906", "gone"));
                    }
                    Ok((1, Refused::new()))
                })
            });
            Ok(Turn { jobs: jobs.collect(), done: page, last })
        }

        fn end(&mut self, page: usize, _: Refused) {
            assert_eq!(page, self.ended, "pages count in their order");
            self.ended += 1;
            self.note(format!("end {page}"));
        }

        fn write(&mut self) -> Result<Write, Fault> {
            let (happened, upto) = (Arc::clone(&self.happened), self.begun);
            Ok(Box::new(move || {
                // Slower than anything else here.
                std::thread::sleep(Duration::from_millis(20));
                happened.lock().unwrap().push(format!("disk {upto}"));
                Ok(())
            }))
        }

        fn say(&self, _: u64) {}
    }

    fn pages(calls: &[usize]) -> mpsc::Receiver<(usize, bool)> {
        let (to, from) = mpsc::channel(1);
        let calls = calls.to_vec();
        tokio::spawn(async move {
            for (at, count) in calls.iter().enumerate() {
                if to.send((*count, at + 1 == calls.len())).await.is_err() {
                    return;
                }
            }
        });
        from
    }

    /// Every call behind the write that holds its page.
    fn is_written_first(happened: &[String]) {
        let mut on_disk = 0;
        for it in happened {
            let (what, number) = it.split_once(' ').unwrap();
            let number: usize = number.parse().unwrap();
            match what {
                "disk" => on_disk = number,
                "call" => assert!(number < on_disk, "{happened:?}"),
                _ => {}
            }
        }
    }

    #[tokio::test]
    async fn no_call_comes_before_its_page_is_on_disk_and_none_waits_for_another_page() {
        let (mut log, flow) = (Log::default(), Flow::of_work(4));
        let (happened, gate) = (Arc::clone(&log.happened), Arc::clone(&log.gate));
        let opener = tokio::spawn(async move {
            // All calls of all other pages are made while the first one of the first page still waits.
            loop {
                tokio::time::sleep(Duration::from_millis(5)).await;
                let calls = happened.lock().unwrap().iter().filter(|it| it.starts_with("call")).count();
                if calls == 3 + 2 + 50 + 1 {
                    break;
                }
            }
            happened.lock().unwrap().push("open 0".to_owned());
            gate.notify_one();
        });
        let flown =
            tokio::time::timeout(Duration::from_secs(20), fly(&flow, 1, pages(&[3, 2, 0, 50, 1]), &mut log)).await;
        assert!(flown.expect("pages wait for one another").unwrap());
        opener.await.unwrap();
        let happened = log.happened.lock().unwrap().clone();
        is_written_first(&happened);
        let open = happened.iter().position(|it| it == "open 0").unwrap();
        let ends: Vec<_> = happened[open + 1..].to_vec();
        assert_eq!(ends, ["end 0", "end 1", "end 2", "end 3", "end 4"]);
        let writes = happened.iter().filter(|it| it.starts_with("disk")).count();
        assert!(writes <= 4, "one write holds what gathered meanwhile: {happened:?}");
    }

    #[tokio::test]
    async fn no_more_is_taken_up_than_keeps_the_calls_going() {
        let (mut log, flow) = (Log::default(), Flow::of_work(4));
        let flown = tokio::time::timeout(Duration::from_millis(700), fly(&flow, 1, pages(&[1; 100]), &mut log)).await;
        assert!(flown.is_err(), "the first call still waits");
        assert_eq!((log.begun, log.ended), (PAGES, 0));
        let (mut log, flow) = (Log::default(), Flow::of_work(1));
        let flown = tokio::time::timeout(Duration::from_millis(700), fly(&flow, 1, pages(&[200; 100]), &mut log)).await;
        assert!(flown.is_err(), "the first call still waits");
        assert_eq!(log.begun, 2, "{READY} calls are ready");
    }

    #[tokio::test]
    async fn what_breaks_off_ends_it_and_leaves_no_write_behind() {
        let (mut log, flow) = (Log::default(), Flow::of_work(4));
        log.is_broken.store(true, Ordering::SeqCst);
        let fault = fly(&flow, 1, pages(&[0, 2, 2, 2, 2]), &mut log).await.unwrap_err();
        assert_eq!((fault.code.as_str(), log.ended), ("RG2906", 1));
        let (to, from) = mpsc::channel(1);
        to.send((0, false)).await.unwrap();
        drop(to);
        assert!(
            !fly(&flow, 1, from, &mut Log::default()).await.unwrap(),
            "without its last page a listing says nothing"
        );
    }
}
