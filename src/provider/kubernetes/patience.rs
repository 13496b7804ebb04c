//! Looking again until something is so, over a cluster that goes away and comes back.

use std::future::Future;
use std::time::{Duration, Instant};

use super::cluster::{Cluster, Identity, is_away};
use super::reach::Reach;
use crate::kind::{Op, WorkCx};
use crate::model::{Fault, Pulse, RetryClass};
use crate::runbook::duration;

const ASK_EVERY: Duration = Duration::from_millis(500);
/// Slower after a while: nobody is helped by ten thousand questions.
const LATER: Duration = Duration::from_secs(3);

/// Whoever was let in before may be let in again: credentials are renewed from outside, and a server that was just started may not know
/// them yet.
const LET_IN_AGAIN: Duration = Duration::from_secs(300);

/// What a look found.
pub enum Look<T> {
    Done(T),
    /// What is still missing, in words.
    Lacks(String),
}

/// Looks at a cluster, and writes what is not there yet.
pub trait Goal: Sync {
    type Found;

    /// How long it is waited for where the step says nothing.
    const PATIENCE: Duration = Duration::from_secs(600);

    fn look(&self, cx: &WorkCx, cluster: &Cluster) -> impl Future<Output = Result<Look<Self::Found>, Fault>> + Send;

    /// How far it is, where the last look could tell.
    fn progress(&self) -> Option<Pulse> {
        None
    }

    /// Until it is worth looking again: for `pause`, where nothing tells.
    fn rest(&self, _: &Cluster, pause: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(pause)
    }
}

/// Looks until `goal` is reached. Every look begins with the question whether it is still the same cluster. While the cluster
/// does not answer, it is waited for; credentials are read anew, since they may have been renewed.
pub async fn until<G: Goal, P, Q>(
    cx: &WorkCx,
    op: &Op<P, Q>,
    reach: &Reach,
    pinned: Option<&Identity>,
    goal: &G,
) -> Result<G::Found, Fault> {
    // Ends before the supervisor ends it, which could not say what is missing.
    let own = op.timeout_ms.map(|ms| Duration::from_millis(ms).saturating_sub(Duration::from_secs(1)));
    let (patience, began) = (own.unwrap_or(G::PATIENCE), Instant::now());
    let (mut said, mut looks, mut let_in) = (String::new(), 0, None::<Instant>);
    loop {
        let opened = match pinned {
            Some(pinned) => Cluster::open_as(cx, reach, pinned).await,
            None => Cluster::open(cx, reach).await,
        };
        let looked = match &opened {
            Ok(cluster) => goal.look(cx, cluster).await,
            Err(fault) => Err(fault.clone()),
        };
        let (lacks, away) = match looked {
            Ok(Look::Done(done)) => return Ok(done),
            Ok(Look::Lacks(what)) => {
                let_in = Some(Instant::now());
                (what, None)
            }
            Err(fault) if is_away(&fault) => (fault.message.clone(), Some(fault)),
            Err(fault) if is_locked_out(&fault, let_in.map(|at| at.elapsed())) => {
                (format!("{}; the kubeconfig is read again", fault.message), Some(fault))
            }
            Err(fault) => return Err(fault),
        };
        if lacks != said {
            cx.say(&format!("waits: {lacks}"));
            said = lacks;
        }
        looks += 1;
        let counted =
            || Pulse { done: looks, total: None, unit: "looks".to_owned(), doing: format!("waiting: {said}") };
        cx.pulse(goal.progress().unwrap_or_else(counted));
        if began.elapsed() >= patience {
            return Err(away.unwrap_or_else(|| too_late(patience, said)));
        }
        let pause = if began.elapsed() < Duration::from_secs(30) { ASK_EVERY } else { LATER };
        let left = patience.saturating_sub(began.elapsed());
        match &opened {
            Ok(cluster) if away.is_none() => _ = tokio::time::timeout(left, goal.rest(cluster, pause)).await,
            _ => tokio::time::sleep(pause.min(left)).await,
        }
    }
}

/// Not let in any more, for so short a time that it may be over soon.
fn is_locked_out(fault: &Fault, let_in_ago: Option<Duration>) -> bool {
    fault.code == "RG3004" && let_in_ago.is_some_and(|ago| ago < LET_IN_AGAIN)
}

fn too_late(patience: Duration, lacks: String) -> Fault {
    let mut fault = Fault::new("RG3013", format!("after {} it is still not so", duration::format(patience)))
        .hint("`regrow retry STEP` goes on waiting; `timeout` of the step says how long")
        .retry(RetryClass::Later);
    fault.causes.push(lacks);
    fault
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_was_let_in_just_now_is_waited_for_at_the_door() {
        let is_locked_out =
            |code: &str, ago: Option<u64>| is_locked_out(&Fault::new(code, ""), ago.map(Duration::from_secs));
        assert!(is_locked_out("RG3004", Some(0)) && is_locked_out("RG3004", Some(299)));
        assert!(
            !is_locked_out("RG3004", Some(300)) && !is_locked_out("RG3004", None) && !is_locked_out("RG3005", Some(1))
        );
    }
}
