//! Makes the `Restore` once, and waits for its end; where the storage location has to be read-only meanwhile, in three phases.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Prior;
use super::ended::{self, Stand};
use super::location;
use super::params::{self, Params};
use super::prepare::foreign;
use super::results::{self, Results};
use super::scratch;
use crate::kind::{Found, Next, Op, Outputs, ReadCx, WorkCx};
use crate::model::{Fault, Pulse};
use crate::provider::kubernetes::{self, Cluster, Goal, Look, Named, Place, is_made_by, metadata};

/// A watch on which nothing comes is a watch that may be dead.
const WATCHED: Duration = Duration::from_secs(20);
/// Velero gives the address of its files at once, or not at all.
const FILES: Duration = Duration::from_secs(20);

/// The location is read-only.
const RESTORE: &str = "restore";
/// The `Restore` has come to its end, or was taken away.
const REOPEN: &str = "reopen";

pub async fn work(cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
    match (&op.prior.location, op.phase.as_str()) {
        (None, _) => restored(cx, op).await.map(Next::Done),
        (Some(_), RESTORE) => match restored(cx, op).await {
            Err(fault) if !is_over(&fault) => Err(fault),
            outcome => Ok(phase(REOPEN, serde_json::to_value(outcome).unwrap_or_default())),
        },
        (Some(location), REOPEN) => {
            location::reopen(cx, op, location).await?;
            let outcome = serde_json::from_value::<Result<Outputs, Fault>>(op.facts.clone());
            outcome
                .map_err(|error| Fault::new("RG1004", "the outcome of the restore is not on disk").caused_by(&error))?
                .map(Next::Done)
        }
        (Some(location), _) => {
            location::close(cx, op, location).await?;
            Ok(phase(RESTORE, Value::Null))
        }
    }
}

fn phase(name: &str, facts: Value) -> Next {
    Next::Phase { phase: name.to_owned(), facts, shown: Vec::new(), creates: Vec::new() }
}

/// Whether nothing of the restore goes on any more; else only the waiting has ended, or the cluster is another one.
fn is_over(fault: &Fault) -> bool {
    matches!(fault.code.as_str(), "RG3105" | "RG3106" | "RG3107" | "RG3108" | "RG3111" | "RG3113")
}

async fn restored(cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Outputs, Fault> {
    let goal = Restored { op, seen: Mutex::default() };
    kubernetes::until(cx, op, &op.params.reach(), Some(&op.prior.cluster), &goal).await
}

/// What became of an attempt that left nothing behind. One that is there is ours to wait for, also when it has ended: its files
/// are still to be read. A location is looked at by whoever writes it, and written once whoever looks.
pub async fn settle(cx: &ReadCx, op: &Op<Params, Prior>) -> Result<Found, Fault> {
    let cluster = Cluster::open_as(cx, &op.params.reach(), &op.prior.cluster).await?;
    if op.prior.location.is_some() && op.phase != RESTORE {
        return Ok(Found::Running);
    }
    let name = params::name(&op.id);
    Ok(match cluster.place(&op.params.named("Restore", &name)).await?.find().await? {
        None => Found::Absent,
        Some(live) if is_made_by(cx, &live, &op.id)? => Found::Running,
        Some(_) => Found::Foreign(foreign(&name)),
    })
}

struct Restored<'a> {
    op: &'a Op<Params, Prior>,
    seen: Mutex<Seen>,
}

/// What earlier looks found.
#[derive(Default)]
struct Seen {
    /// To watch from; none before the object is there, and after its end.
    version: Option<String>,
    was_there: bool,
    progress: Option<Pulse>,
    ended: Option<Instant>,
}

impl Restored<'_> {
    fn named(&self) -> Named {
        self.op.params.named("Restore", &params::name(&self.op.id))
    }

    fn seen<T>(&self, see: impl FnOnce(&mut Seen) -> T) -> T {
        see(&mut self.seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    async fn make(&self, cx: &WorkCx, cluster: &Cluster, place: &Place) -> Result<Look<Outputs>, Fault> {
        if self.seen(|seen| seen.was_there) {
            return Err(Fault::new("RG3106", format!("{} was deleted before its end", place.what))
                .hint("look who did it; `regrow rerun STEP --because …` makes another one"));
        }
        kubernetes::ask(cx, self.op)?;
        if let Some(lacks) = scratch::make(cx, cluster, self.op).await? {
            return Ok(Look::Lacks(lacks));
        }
        let body = self.op.params.restore(&self.op.id, &self.op.prior.backup);
        if place.create(cx, &body).await? {
            cx.say(&format!("made: {} from the backup {}", place.what, self.op.prior.backup));
        }
        Ok(Look::Lacks(format!("Velero has not taken up {} yet", place.what)))
    }

    async fn end(&self, cx: &WorkCx, cluster: &Cluster, live: &Value) -> Result<Look<Outputs>, Fault> {
        let since = self.seen(|seen| *seen.ended.get_or_insert_with(Instant::now));
        let results = if ended::has_messages(live) {
            match results::fetch(cx, cluster, self.op, metadata(live, "name")).await {
                Ok(Some(results)) => Ok(results),
                Ok(None) if since.elapsed() < FILES => {
                    return Ok(Look::Lacks("Velero has not said yet where its result files are".to_owned()));
                }
                Ok(None) => Err(Fault::new("RG3110", "Velero does not say where its result files are")),
                // The cluster is waited for; nothing else is worth losing the outcome over.
                Err(fault) if fault.code == "RG3001" => return Err(fault),
                Err(fault) => Err(fault),
            }
        } else {
            Ok(Results::default())
        };
        results::tell(cx, results.as_ref());
        ended::judge(live, results.as_ref(), self.op).map(Look::Done)
    }
}

impl Goal for Restored<'_> {
    type Found = Outputs;

    /// Velero itself gives a volume four hours, and there may be many.
    const PATIENCE: Duration = Duration::from_secs(24 * 3600);

    async fn look(&self, cx: &WorkCx, cluster: &Cluster) -> Result<Look<Outputs>, Fault> {
        let place = cluster.place(&self.named()).await?;
        let Some(live) = place.find().await? else { return self.make(cx, cluster, &place).await };
        if !is_made_by(cx, &live, &self.op.id)? {
            return Err(foreign(metadata(&live, "name")));
        }
        let stand = ended::stand(&live);
        self.seen(|seen| {
            seen.was_there = true;
            seen.version = (stand != Stand::Ended).then(|| metadata(&live, "resourceVersion").to_owned());
            seen.progress = ended::pulse(&live);
        });
        match stand {
            Stand::Waits => Ok(Look::Lacks(format!("Velero has not taken up {} yet; does it run?", place.what))),
            Stand::Goes(phase) => Ok(Look::Lacks(format!("{} is {phase}", place.what))),
            Stand::Ended => self.end(cx, cluster, &live).await,
        }
    }

    fn progress(&self) -> Option<Pulse> {
        self.seen(|seen| seen.progress.clone())
    }

    async fn rest(&self, cluster: &Cluster, pause: Duration) {
        if let Some(version) = self.seen(|seen| seen.version.clone())
            && let Ok(place) = cluster.place(&self.named()).await
            && place.changed(&version, WATCHED).await
        {
            return;
        }
        tokio::time::sleep(pause).await;
    }
}
