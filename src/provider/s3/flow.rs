//! How much at once, and how long to go on when a server does not answer.
//!
//! A server that asks for less gets half as much at once, and then one more for every round that went well. A call is
//! tried again until it has failed for some time: work that has begun waits for a server that is started anew, who only
//! looks does not.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::fault::BUSY;
use crate::model::Fault;

const OF_WORK: Duration = Duration::from_secs(120);
const OF_A_LOOK: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const LOOKS: usize = 8;
/// More than any server takes from one.
pub const MOST_PARALLEL: usize = 256;

/// Shared by all calls of one piece of work.
pub struct Flow {
    patience: Duration,
    most: usize,
    width: AtomicUsize,
    /// Calls that went well since the width changed.
    well: AtomicUsize,
}

impl Flow {
    /// For work, with so many calls at once.
    pub fn of_work(most: usize) -> Self {
        let most = most.clamp(1, MOST_PARALLEL);
        Self { patience: OF_WORK, most, width: AtomicUsize::new(most), well: AtomicUsize::new(0) }
    }

    /// For a look, a few calls at once.
    pub fn of_a_look() -> Self {
        Self { patience: OF_A_LOOK, ..Self::of_work(LOOKS) }
    }

    /// How many calls there may be at once.
    pub fn width(&self) -> usize {
        self.width.load(Ordering::Relaxed)
    }

    fn went_well(&self) {
        let width = self.width();
        if width < self.most && self.well.fetch_add(1, Ordering::Relaxed) + 1 >= width {
            self.well.store(0, Ordering::Relaxed);
            self.width.store(width + 1, Ordering::Relaxed);
        }
    }

    fn is_too_much(&self) {
        self.well.store(0, Ordering::Relaxed);
        self.width.store((self.width() / 2).max(1), Ordering::Relaxed);
    }

    /// Calls until it works, fails for good, or has failed for too long.
    pub async fn again<T, F>(&self, mut call: impl FnMut() -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let (began, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            match call().await {
                Ok(done) => {
                    self.went_well();
                    return Ok(done);
                }
                Err(fault) if fault.retry.is_transient() && began.elapsed() < self.patience => {
                    if fault.code == BUSY {
                        self.is_too_much();
                    }
                    tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(fault) => return Err(fault),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RetryClass;

    #[tokio::test]
    async fn a_busy_server_is_asked_for_less_and_then_for_more_again() {
        let flow = Flow::of_work(16);
        let mut busy = 3;
        let answer = flow.again(|| {
            busy -= 1;
            let busy = busy >= 0;
            async move { if busy { Err(Fault::new(BUSY, "").retry(RetryClass::Later)) } else { Ok(()) } }
        });
        answer.await.unwrap();
        assert_eq!(flow.width(), 2);
        for _ in 0..200 {
            flow.again(async || Ok(())).await.unwrap();
        }
        assert_eq!(flow.width(), 16);
    }

    #[tokio::test]
    async fn what_is_refused_is_not_asked_again() {
        let mut calls = 0;
        let answer: Result<(), Fault> = Flow::of_a_look()
            .again(|| {
                calls += 1;
                async { Err(Fault::new("RG2903", "no")) }
            })
            .await;
        assert_eq!((answer.unwrap_err().code.as_str(), calls), ("RG2903", 1));
    }
}
