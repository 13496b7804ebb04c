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
    pub replicas: i64,
}

/// The former count, on the object itself: whoever has lost the journal finds it there.
const FORMER: &str = "regrow.dev/former-replicas";

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
    pub fn of(cluster: Identity, live: &Value) -> Prior {
        Prior { cluster, uid: metadata(live, "uid").to_owned(), replicas: count(live) }
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
        if now == self.replicas && !ours {
            let marks = json!({OPERATION: operation, FORMER: self.replicas.to_string()});
            return Stand::Before(patch(live, wanted, &marks));
        }
        let whom = if ours { "after this step changed it, " } else { "" };
        Stand::Elsewhere(format!("{whom}it was set to {now} (it had {}, and is to have {wanted})", self.replicas))
    }

    /// The same the other way round, for an undo.
    pub fn back(&self, live: &Value, operation: &str, wanted: i64) -> Stand {
        if metadata(live, "uid") != self.uid {
            return Stand::Elsewhere("it was deleted and made anew".to_owned());
        }
        let (now, ours) = (count(live), is_ours(live, operation));
        match now {
            _ if now == self.replicas && !ours => Stand::After,
            _ if (now == wanted || now == self.replicas) && ours => {
                Stand::Before(patch(live, self.replicas, &json!({OPERATION: null, FORMER: null})))
            }
            _ => Stand::Elsewhere(format!("it was set to {now} since (this step set it to {wanted})")),
        }
    }
}

fn patch(live: &Value, replicas: i64, marks: &Value) -> Value {
    let version = metadata(live, "resourceVersion");
    json!({"metadata": {"resourceVersion": version, "annotations": marks}, "spec": {"replicas": replicas}})
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
        Prior { cluster: Identity { uid: "c".into(), server: "s".into() }, uid: "u".into(), replicas: 3 }
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
        assert_eq!(patch["metadata"]["annotations"][FORMER], "3");
    }
}
