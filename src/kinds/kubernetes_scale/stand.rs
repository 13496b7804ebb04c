//! Where a workload stands between its former count and the wanted one.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::provider::kubernetes::{Identity, OPERATION, is_ours, metadata};

/// What `prepare` took, once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prior {
    pub cluster: Identity,
    /// Of the workload: one that was made anew under its name is another.
    pub uid: String,
    /// The count from before.
    pub replicas: i64,
    /// The one that it has, where that is another: an earlier step stopped it and did not give it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<i64>,
}

/// The former count, on the object itself: whoever has lost the journal finds it there.
const FORMER: &str = "regrow.dev/former-replicas";
/// The count that was set when that was written: with another one the former is of no meaning any more.
const SET: &str = "regrow.dev/set-replicas";

#[derive(Clone, Debug, PartialEq)]
pub enum Stand {
    /// As it is to be.
    After,
    /// As it was. The patch makes it as it is to be, unless anybody writes before it.
    Before(Value),
    /// Neither: somebody else moved it.
    Elsewhere(String),
}

impl Prior {
    /// What was set for good (3 → 6) is the count from before for whoever sets another one. But where it was stopped, or stands as
    /// wanted already, the count tells nothing: what it had before that stands on it.
    pub fn of(cluster: Identity, live: &Value, wanted: i64) -> Prior {
        let (now, uid) = (count(live), metadata(live, "uid").to_owned());
        match former(live).filter(|former| *former != wanted && (now == 0 || now == wanted)) {
            Some(replicas) => Prior { cluster, uid, replicas, now: Some(now) },
            None => Prior { cluster, uid, replicas: now, now: None },
        }
    }

    /// What a person should know who only sees the count that it has.
    pub fn words(&self) -> Option<String> {
        let (now, before) = (self.now?, self.replicas);
        Some(format!(
            "an earlier step set it from {before} to {now}, and it was not given back: {before} counts as the former"
        ))
    }

    pub fn now(&self) -> i64 {
        self.now.unwrap_or(self.replicas)
    }

    pub fn stand(&self, live: &Value, operation: &str, wanted: i64) -> Stand {
        if metadata(live, "uid") != self.uid {
            return Stand::Elsewhere("it was deleted and made anew".to_owned());
        }
        let (now, ours) = (count(live), is_ours(live, operation));
        if now == wanted {
            return Stand::After;
        }
        // Marked and back at its former count: it was changed, and somebody took it back.
        if now == self.now() && !ours {
            // Whoever gives back what stands on it takes it off.
            let is_back = former(live) == Some(wanted);
            let [before, set] = [self.replicas, wanted].map(|count| (!is_back).then(|| count.to_string()));
            return Stand::Before(patch(live, wanted, &json!({OPERATION: operation, FORMER: before, SET: set})));
        }
        let whom = if ours { "after this step changed it, " } else { "" };
        Stand::Elsewhere(format!("{whom}it was set to {now} (it had {}, and is to have {wanted})", self.now()))
    }

    /// The same the other way round, for an undo.
    pub fn back(&self, live: &Value, operation: &str, wanted: i64) -> Stand {
        if metadata(live, "uid") != self.uid {
            return Stand::Elsewhere("it was deleted and made anew".to_owned());
        }
        let now = count(live);
        // Set by an earlier step, which took the same count: this one found nothing to do.
        let ours = is_ours(live, operation) || (now == wanted && former(live) == Some(self.replicas));
        match now {
            _ if now == self.replicas && !ours => Stand::After,
            _ if (now == wanted || now == self.replicas) && ours => {
                Stand::Before(patch(live, self.replicas, &json!({OPERATION: null, FORMER: null, SET: null})))
            }
            _ => Stand::Elsewhere(format!("it was set to {now} since (this step set it to {wanted})")),
        }
    }
}

fn patch(live: &Value, replicas: i64, marks: &Value) -> Value {
    let version = metadata(live, "resourceVersion");
    json!({"metadata": {"resourceVersion": version, "annotations": marks}, "spec": {"replicas": replicas}})
}

/// What it had before regrow set the count that it has.
fn former(live: &Value) -> Option<i64> {
    let mark = |name: &str| live["metadata"]["annotations"][name].as_str()?.parse::<i64>().ok();
    mark(FORMER).filter(|_| mark(SET) == Some(count(live)))
}

pub fn count(live: &Value) -> i64 {
    live["spec"]["replicas"].as_i64().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(uid: &str, replicas: i64, mark: Option<&str>) -> Value {
        json!({"metadata": {"uid": uid, "resourceVersion": "7", "annotations": {OPERATION: mark}}, "spec": {"replicas": replicas}})
    }

    fn prior() -> Prior {
        Prior { cluster: Identity { uid: "c".into(), server: "s".into() }, uid: "u".into(), replicas: 3, now: None }
    }

    fn word(stand: &Stand) -> &'static str {
        match stand {
            Stand::After => "after",
            Stand::Before(_) => "before",
            Stand::Elsewhere(_) => "elsewhere",
        }
    }

    #[test]
    fn only_what_is_as_it_was_is_changed() {
        let cases = [
            (live("u", 3, None), "before", "after"),
            (live("u", 3, Some("earlier")), "before", "after"),
            (live("u", 0, Some("op")), "after", "before"),
            // Somebody wanted the same, or a mark was lost: it is as it is to be, and not ours to take back.
            (live("u", 0, None), "after", "elsewhere"),
            (live("u", 3, Some("op")), "elsewhere", "before"),
            (live("u", 5, Some("op")), "elsewhere", "elsewhere"),
            (live("u", 5, None), "elsewhere", "elsewhere"),
            (live("other", 3, None), "elsewhere", "elsewhere"),
        ];
        for (live, there, back) in cases {
            assert_eq!(word(&prior().stand(&live, "op", 0)), there, "{live}");
            assert_eq!(word(&prior().back(&live, "op", 0)), back, "{live}");
        }
        let Stand::Before(patch) = prior().stand(&live("u", 3, None), "op", 0) else { panic!() };
        assert_eq!(patch["metadata"]["resourceVersion"], "7", "a late copy changes nothing");
        assert_eq!(patch["metadata"]["annotations"], json!({OPERATION: "op", FORMER: "3", SET: "0"}));
    }

    fn marked(replicas: i64, former: &str, set: &str) -> Value {
        let marks = json!({OPERATION: "earlier", FORMER: former, SET: set});
        json!({"metadata": {"uid": "u", "resourceVersion": "7", "annotations": marks}, "spec": {"replicas": replicas}})
    }

    #[test]
    fn what_it_had_before_it_was_stopped_is_not_lost() {
        let of = |live: &Value, wanted: i64| Prior::of(prior().cluster, live, wanted);
        let stopped = marked(0, "3", "0");
        // Stopped again, by the same step or by another one: undone it has what it had.
        let again = of(&stopped, 0);
        assert_eq!((again.replicas, again.now, again.stand(&stopped, "op", 0)), (3, Some(0), Stand::After));
        let Stand::Before(patch) = again.back(&stopped, "op", 0) else { panic!() };
        assert_eq!(patch["spec"]["replicas"], 3);
        assert_eq!(patch["metadata"]["annotations"], json!({OPERATION: null, FORMER: null, SET: null}));
        // Another count: the former one stays on it.
        let few = of(&stopped, 1);
        let Stand::Before(patch) = few.stand(&stopped, "op", 1) else { panic!() };
        assert_eq!(patch["metadata"]["annotations"], json!({OPERATION: "op", FORMER: "3", SET: "1"}));
        // Given back: it is not stopped any more, and 0 is what it had.
        let back = of(&stopped, 3);
        let Stand::Before(patch) = back.stand(&stopped, "op", 3) else { panic!() };
        assert_eq!((back.replicas, &patch["metadata"]["annotations"][FORMER]), (0, &Value::Null));
    }

    #[test]
    fn a_mark_of_long_ago_is_not_believed() {
        let former = |live: &Value, wanted: i64| Prior::of(prior().cluster, live, wanted).replicas;
        assert_eq!(former(&marked(6, "3", "6"), 0), 6, "set for good since");
        assert_eq!(former(&marked(0, "3", "6"), 0), 0, "somebody else stopped it");
        assert_eq!(former(&marked(0, "no", "0"), 0), 0);
        assert_eq!(former(&live("u", 0, None), 0), 0);
    }
}
