//! The storage location, read-only for as long as the restore goes on: Velero then neither deletes the backup that is being read, nor
//! writes another beside it.
//!
//! Promises: what the mode was stands in the journal, and on the location itself, where a step that comes after one that was given up
//! finds it. Whoever took the location over since has to put it back: it is left to them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Prior;
use super::params::Params;
use crate::kind::{Op, WorkCx};
use crate::model::Fault;
use crate::provider::kubernetes::{self, Cluster, Goal, Look, OPERATION, field, is_ours, metadata, moved};

const READ_ONLY: &str = "ReadOnly";
/// The former mode, on the location itself; empty where none was written.
const FORMER: &str = "regrow.dev/former-access-mode";

/// What `prepare` took, once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Location {
    pub name: String,
    /// One that was made anew under its name is another.
    pub uid: String,
    /// Not written is another thing than written as the default.
    pub mode: Option<String>,
}

#[derive(Debug, PartialEq)]
enum Stand {
    AsWanted,
    /// The patch makes it so, unless anybody writes before it.
    Otherwise(Value),
    /// It is not this step's any more.
    TakenOver(String),
}

impl Location {
    /// Its mode is the one from before the first step that closed it.
    pub fn of(live: &Value) -> Location {
        let former = live["metadata"]["annotations"][FORMER].as_str();
        let mode = former.or_else(|| field(live, "spec.accessMode").as_str());
        let [name, uid] = ["name", "uid"].map(|key| metadata(live, key).to_owned());
        Location { name, uid, mode: mode.filter(|mode| !mode.is_empty()).map(str::to_owned) }
    }

    /// What is going to happen, for people.
    pub fn words(&self) -> String {
        match self.mode.as_deref() {
            Some(READ_ONLY) => format!("the storage location {} is read-only already, and stays so", self.name),
            mode => {
                let mode = mode.unwrap_or("ReadWrite");
                format!("the storage location {} is read-only meanwhile: {mode} → {READ_ONLY} → {mode}", self.name)
            }
        }
    }

    fn closed(&self, live: &Value, operation: &str) -> Stand {
        if let Some(other) = self.is_other(live) {
            return other;
        }
        let read_only = field(live, "spec.accessMode") == READ_ONLY;
        // Read-only by itself: there is nothing to put back.
        if read_only && (is_ours(live, operation) || self.mode.as_deref() == Some(READ_ONLY)) {
            return Stand::AsWanted;
        }
        let marks = json!({OPERATION: operation, FORMER: self.mode.clone().unwrap_or_default()});
        Stand::Otherwise(patch(live, &marks, json!(READ_ONLY)))
    }

    fn open(&self, live: &Value, operation: &str) -> Stand {
        match self.is_other(live) {
            Some(other) => other,
            None if is_ours(live, operation) => {
                Stand::Otherwise(patch(live, &json!({OPERATION: null, FORMER: null}), json!(self.mode)))
            }
            None => match live["metadata"]["annotations"][FORMER].as_str() {
                Some(_) => Stand::TakenOver("another restore keeps it read-only, and puts it back".to_owned()),
                None => Stand::AsWanted,
            },
        }
    }

    fn is_other(&self, live: &Value) -> Option<Stand> {
        let other = metadata(live, "uid") != self.uid;
        other.then(|| Stand::TakenOver("it was deleted and made anew".to_owned()))
    }
}

fn patch(live: &Value, marks: &Value, mode: Value) -> Value {
    let version = metadata(live, "resourceVersion");
    json!({"metadata": {"resourceVersion": version, "annotations": marks}, "spec": {"accessMode": mode}})
}

/// Makes it read-only.
pub async fn close(cx: &WorkCx, op: &Op<Params, Prior>, location: &Location) -> Result<(), Fault> {
    turn(cx, op, location, true).await
}

/// Puts it back as it was.
pub async fn reopen(cx: &WorkCx, op: &Op<Params, Prior>, location: &Location) -> Result<(), Fault> {
    turn(cx, op, location, false).await
}

async fn turn(cx: &WorkCx, op: &Op<Params, Prior>, location: &Location, close: bool) -> Result<(), Fault> {
    let goal = Turned { op, location, close };
    kubernetes::until(cx, op, &op.params.reach(), Some(&op.prior.cluster), &goal).await
}

struct Turned<'a> {
    op: &'a Op<Params, Prior>,
    location: &'a Location,
    close: bool,
}

impl Goal for Turned<'_> {
    type Found = ();

    async fn look(&self, cx: &WorkCx, cluster: &Cluster) -> Result<Look<()>, Fault> {
        let (location, operation) = (self.location, self.op.id.as_str());
        let place = cluster.place(&self.op.params.named("BackupStorageLocation", &location.name)).await?;
        let live = match place.find().await? {
            Some(live) => live,
            // There is nothing to put back.
            None if !self.close => return Ok(Look::Done(())),
            None => return Err(place.absent()),
        };
        let stand = if self.close { location.closed(&live, operation) } else { location.open(&live, operation) };
        match stand {
            Stand::AsWanted => Ok(Look::Done(())),
            Stand::TakenOver(why) if self.close => Err(moved(&place.what, why)),
            Stand::TakenOver(why) => {
                cx.say(&format!("{} is left alone: {why}", place.what));
                Ok(Look::Done(()))
            }
            Stand::Otherwise(patch) => {
                if place.merge(cx, &patch).await? {
                    let mode = patch["spec"]["accessMode"].as_str().unwrap_or("as it was before, the default");
                    cx.say(&format!("written: {} is {mode}", place.what));
                }
                Ok(Look::Lacks(format!("{} is being changed", place.what)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(mode: Option<&str>, marks: Option<(&str, &str)>) -> Value {
        let annotations = marks.map(|(operation, former)| json!({OPERATION: operation, FORMER: former}));
        json!({"metadata": {"name": "default", "uid": "u", "resourceVersion": "7", "annotations": annotations},
            "spec": {"accessMode": mode}})
    }

    /// Asked once before the first write, and once after each, whatever was cut in between.
    #[test]
    fn what_it_was_comes_back_whatever_it_was() {
        for mode in [None, Some("ReadWrite")] {
            let location = Location::of(&live(mode, None));
            let Stand::Otherwise(patch) = location.closed(&live(mode, None), "op") else { panic!("{mode:?}") };
            assert_eq!(
                (&patch["metadata"]["resourceVersion"], &patch["spec"]["accessMode"]),
                (&json!("7"), &json!(READ_ONLY))
            );
            let closed = live(Some(READ_ONLY), Some(("op", mode.unwrap_or_default())));
            assert_eq!(patch["metadata"]["annotations"], closed["metadata"]["annotations"]);
            assert_eq!(location.closed(&closed, "op"), Stand::AsWanted);
            assert_eq!(Location::of(&closed), location, "one that comes after it takes the mode from before");
            let Stand::Otherwise(patch) = location.open(&closed, "op") else { panic!("{mode:?}") };
            assert_eq!(patch["spec"]["accessMode"], json!(mode));
            assert_eq!(patch["metadata"]["annotations"], json!({OPERATION: null, FORMER: null}));
            assert_eq!(location.open(&live(mode, None), "op"), Stand::AsWanted);
        }
    }

    #[test]
    fn who_comes_later_takes_it_over_and_puts_it_back() {
        let closed = live(Some(READ_ONLY), Some(("earlier", "ReadWrite")));
        let location = Location::of(&closed);
        assert!(matches!(location.closed(&closed, "later"), Stand::Otherwise(_)));
        assert!(matches!(
            location.open(&live(Some(READ_ONLY), Some(("later", "ReadWrite"))), "earlier"),
            Stand::TakenOver(_)
        ));
        let other = Location { uid: "another".to_owned(), ..location };
        assert!(matches!(other.closed(&closed, "later"), Stand::TakenOver(_)));
    }

    #[test]
    fn one_that_was_read_only_before_is_never_written() {
        let read_only = live(Some(READ_ONLY), None);
        let location = Location::of(&read_only);
        assert_eq!(location.closed(&read_only, "op"), Stand::AsWanted);
        assert_eq!(location.open(&read_only, "op"), Stand::AsWanted);
        assert!(location.words().contains("stays so"));
    }
}
