//! Earlier runs of a runbook: what their steps took, and which of them are not over.

use std::collections::BTreeMap;

use super::read;
use crate::journal::store::Store;
use crate::model::record::Mode;
use crate::model::{Address, RunId, RunState, Status};

/// So many runs are asked, the newest ones that fit, among so many.
const ASKED: usize = 3;
const AMONG: usize = 20;

/// Real runs of that name that have not ended, the newest first.
pub fn unfinished(store: &Store, runbook: &str) -> Vec<RunId> {
    runs(store, runbook).filter(|(_, state)| state.ended.is_none()).map(|(id, _)| id).collect()
}

/// The newest first, each read when it is asked for.
fn runs(store: &Store, runbook: &str) -> impl Iterator<Item = (RunId, RunState)> {
    let fits = move |state: &RunState| {
        state.started().is_some_and(|started| started.runbook == runbook && started.mode == Mode::Real)
    };
    let all = store.list().unwrap_or_default().into_iter().take(AMONG);
    all.map(|id| {
        let state = read::fold(&store.run(&id).path).state;
        (id, state)
    })
    .filter(move |(_, state)| fits(state))
}

/// The median of what each step took, in seconds, over the newest real runs of that name. What cannot be read counts as none.
pub fn seconds(store: &Store, runbook: &str) -> BTreeMap<Address, u64> {
    let mut taken: BTreeMap<Address, Vec<u64>> = BTreeMap::new();
    for (_, state) in runs(store, runbook).take(ASKED) {
        for (address, seconds) in steps(&state) {
            taken.entry(address.clone()).or_default().push(seconds);
        }
    }
    taken.into_iter().map(|(address, mut all)| (address, median(&mut all))).collect()
}

fn steps(state: &RunState) -> impl Iterator<Item = (&Address, u64)> {
    let done = state.steps.iter().filter(|(_, step)| step.status == Status::Succeeded && !step.by_hand);
    done.filter_map(|(address, step)| {
        let (began, ended) = (step.started_at.as_ref()?.at, step.ended_at.as_ref()?.at);
        Some((address, u64::try_from((ended - began).total(jiff::Unit::Second).ok()?.round() as i64).ok()?))
    })
}

fn median(all: &mut [u64]) -> u64 {
    all.sort_unstable();
    all[all.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_run_does_not_say_how_long_it_takes() {
        assert_eq!(median(&mut [100, 3, 5]), 5);
        assert_eq!(median(&mut [4]), 4);
    }
}
