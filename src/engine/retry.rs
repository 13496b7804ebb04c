//! When a failed attempt is tried again by itself (G16).

use crate::model::step::StepState;
use crate::model::time::Moment;
use crate::model::{Fault, RetryClass};
use crate::provider::process::TIMED_OUT;
use crate::runbook::ast::{Retry, RetryOn};

/// Milliseconds until the next attempt is due; `None` once it is.
pub fn due_in(step: &StepState, now: &Moment) -> Option<u64> {
    let retry = step.retry.as_ref()?;
    let left = retry.delay_ms.saturating_sub(now.since(&retry.at));
    (left > 0).then_some(left)
}

/// How long to wait before attempt `attempt + 1`, if `fault` is to be tried again. `chance` lies between 0 and 1: full
/// jitter, so that many steps which failed together do not come back together.
pub fn delay(policy: &Retry, attempt: u32, fault: &Fault, chance: f64) -> Option<u64> {
    if attempt >= policy.attempts || matches!(fault.retry, RetryClass::Unknown | RetryClass::Anew) {
        return None;
    }
    let meant = |on: &RetryOn| match on {
        RetryOn::Transient => fault.retry.is_transient(),
        RetryOn::Failed => true,
        RetryOn::Timeout => fault.code == TIMED_OUT,
        RetryOn::Code(code) => fault.code == *code,
    };
    if !policy.when.iter().any(meant) {
        return None;
    }
    let longest = policy.backoff.wait(policy.delay, attempt);
    Some((longest.as_secs_f64() * 1000.0 * (0.5 + chance / 2.0)) as u64)
}

/// Retries of one system begin at least so many milliseconds apart.
const APART: u64 = 200;

/// The budget of a system: steps that failed together come back one after another, five a second, instead of pressing at once
/// on what is already in trouble. `taken` says when others are due. It puts off, and takes no attempt away: how many there
/// are is the author's word.
pub fn in_turn(wanted: u64, taken: &[u64]) -> u64 {
    let mut taken = taken.to_vec();
    taken.sort_unstable();
    taken.into_iter().fold(wanted, |at, other| if at.abs_diff(other) < APART { other + APART } else { at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn policy(when: RetryOn) -> Retry {
        Retry { attempts: 3, delay: Duration::from_secs(10), when: vec![when].into(), ..Retry::default() }
    }

    #[test]
    fn only_what_is_meant_is_tried_again_and_not_for_ever() {
        let transient = Fault::new("RG2100", "cut").retry(RetryClass::Now);
        let firm = Fault::new("RG2100", "no");
        assert_eq!(delay(&policy(RetryOn::Transient), 1, &transient, 1.0), Some(10_000));
        assert_eq!(delay(&policy(RetryOn::Transient), 2, &transient, 0.0), Some(10_000));
        assert_eq!(delay(&policy(RetryOn::Transient), 3, &transient, 1.0), None);
        assert_eq!(delay(&policy(RetryOn::Transient), 1, &firm, 1.0), None);
        assert!(delay(&policy(RetryOn::Code("RG2100".into())), 1, &firm, 1.0).is_some());
    }

    #[test]
    fn those_that_failed_together_come_back_one_after_another() {
        assert_eq!(in_turn(1_000, &[]), 1_000);
        assert_eq!(in_turn(1_000, &[400, 2_000]), 1_000, "who is due at another time is in nobody's way");
        assert_eq!(in_turn(1_000, &[1_100, 900, 1_301]), 1_501);
        let mut due = Vec::new();
        for _ in 0..50 {
            due.push(in_turn(1_000, &due));
        }
        assert_eq!(due, (0..50).map(|n| 1_000 + 200 * n).collect::<Vec<_>>());
    }

    #[test]
    fn an_unknown_outcome_is_never_tried_again_nor_one_that_another_attempt_finds_again() {
        for class in [RetryClass::Unknown, RetryClass::Anew] {
            let fault = Fault::new("RG2100", "gone").retry(class);
            assert_eq!(delay(&policy(RetryOn::Failed), 1, &fault, 1.0), None);
        }
    }
}
