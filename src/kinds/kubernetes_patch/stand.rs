//! Where the patched fields stand between their former values and the wanted ones.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::provider::kubernetes::{Change, Identity, OPERATION, at, is_ours, merge_between, metadata, put, shown};
use crate::provider::mask::Masker;

/// What `prepare` took, once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prior {
    pub cluster: Identity,
    /// Of the object: one that was made anew under its name is another.
    pub uid: String,
    /// What the patch comes to.
    pub changes: Vec<Change>,
    /// The operation that wrote the object before, which an undo puts back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Stand {
    /// As it is to be; whether this step made it so.
    After { ours: bool },
    /// As it was. The merge patch makes it as it is to be, unless anybody writes before it.
    Before(Value),
    /// Neither: somebody else moved it.
    Elsewhere(String),
}

impl Prior {
    pub fn stand(&self, live: &Value, operation: &str, masker: &Masker) -> Stand {
        if metadata(live, "uid") != self.uid {
            return Stand::Elsewhere("it was deleted and made anew".to_owned());
        }
        let ours = is_ours(live, operation);
        let Some(apart) = self.apart(live, wanted) else {
            return Stand::After { ours: ours && !self.changes.is_empty() };
        };
        // Marked and not as it is to be: it was changed, and somebody moved it since.
        if ours {
            return Stand::Elsewhere(format!("after this step changed it, {}", told(live, apart, masker)));
        }
        match self.apart(live, former) {
            None => Stand::Before(self.write(live, wanted, Some(operation))),
            Some(apart) => Stand::Elsewhere(told(live, apart, masker)),
        }
    }

    /// The same the other way round, for an undo. `wrote`: it is known that this step changed the object, though another may
    /// have written it since.
    pub fn back(&self, live: &Value, operation: &str, wrote: bool, masker: &Masker) -> Stand {
        if metadata(live, "uid") != self.uid {
            return Stand::Elsewhere("it was deleted and made anew".to_owned());
        }
        let ours = is_ours(live, operation);
        if self.changes.is_empty() || !(ours || wrote) || (!ours && self.apart(live, former).is_none()) {
            return Stand::After { ours };
        }
        if self.apart(live, former).is_some()
            && let Some(apart) = self.apart(live, wanted)
        {
            return Stand::Elsewhere(told(live, apart, masker));
        }
        let mark = if ours { self.mark.as_deref() } else { live["metadata"]["annotations"][OPERATION].as_str() };
        Stand::Before(self.write(live, former, mark))
    }

    /// The first field that does not have that value.
    fn apart<'a>(&'a self, live: &Value, value: fn(&Change) -> Option<&Value>) -> Option<&'a Change> {
        self.changes.iter().find(|change| at(live, &change.pointer) != value(change))
    }

    fn write(&self, live: &Value, value: fn(&Change) -> Option<&Value>, mark: Option<&str>) -> Value {
        let mut then = live.clone();
        for change in &self.changes {
            put(&mut then, &change.pointer, value(change));
        }
        let place = format!("/metadata/annotations/{}", OPERATION.replace('/', "~1"));
        put(&mut then, &place, mark.map(|mark| json!(mark)).as_ref());
        let mut patch = merge_between(live, &then);
        // A late copy of it changes nothing.
        put(&mut patch, "/metadata/resourceVersion", Some(&json!(metadata(live, "resourceVersion"))));
        patch
    }
}

fn wanted(change: &Change) -> Option<&Value> {
    change.after.as_ref()
}

fn former(change: &Change) -> Option<&Value> {
    change.before.as_ref()
}

fn told(live: &Value, change: &Change, masker: &Masker) -> String {
    let shown = |value| shown(value, masker);
    let (now, was, is_to_be) = (shown(at(live, &change.pointer)), shown(former(change)), shown(wanted(change)));
    format!("`{}` is {now} (it was {was}, and is to be {is_to_be})", change.path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::kubernetes::changes;

    fn live(uid: &str, paused: Option<bool>, mark: Option<&str>) -> Value {
        json!({"metadata": {"uid": uid, "resourceVersion": "7", "annotations": {OPERATION: mark}}, "spec": {"paused": paused, "replicas": 3}})
    }

    fn prior() -> Prior {
        let changes = changes(&live("u", None, None), &live("u", Some(true), None));
        let cluster = Identity { uid: "c".into(), server: "s".into() };
        Prior { cluster, uid: "u".into(), changes, mark: Some("earlier".into()) }
    }

    fn word(stand: &Stand) -> &'static str {
        match stand {
            Stand::After { ours: true } => "ours",
            Stand::After { ours: false } => "after",
            Stand::Before(_) => "before",
            Stand::Elsewhere(_) => "elsewhere",
        }
    }

    #[test]
    fn only_what_is_as_it_was_is_changed_and_only_what_is_ours_is_taken_back() {
        // The object, where the step stands, and its undo where nothing is known of a write, and where one is.
        let cases = [
            (live("u", None, None), "before", "after", "after"),
            (live("u", None, Some("earlier")), "before", "after", "after"),
            (live("u", Some(true), Some("op")), "ours", "before", "before"),
            // Somebody wanted the same, or a later step wrote the object.
            (live("u", Some(true), None), "after", "after", "before"),
            (live("u", None, Some("op")), "elsewhere", "before", "before"),
            (live("u", Some(false), Some("op")), "elsewhere", "elsewhere", "elsewhere"),
            (live("u", Some(false), None), "elsewhere", "after", "elsewhere"),
            (live("other", None, None), "elsewhere", "elsewhere", "elsewhere"),
        ];
        let masker = Masker::new([]);
        for (live, there, back, known) in cases {
            assert_eq!(word(&prior().stand(&live, "op", &masker)), there, "{live}");
            assert_eq!(word(&prior().back(&live, "op", false, &masker)), back, "{live}");
            assert_eq!(word(&prior().back(&live, "op", true, &masker)), known, "{live}");
        }
    }

    #[test]
    fn only_the_patched_fields_are_written_and_the_former_mark_comes_back() {
        let masker = Masker::new([]);
        let Stand::Before(patch) = prior().stand(&live("u", None, Some("earlier")), "op", &masker) else { panic!() };
        let there =
            json!({"metadata": {"annotations": {OPERATION: "op"}, "resourceVersion": "7"}, "spec": {"paused": true}});
        assert_eq!(patch, there);
        let Stand::Before(patch) = prior().back(&live("u", Some(true), Some("op")), "op", true, &masker) else {
            panic!()
        };
        let back = json!({"metadata": {"annotations": {OPERATION: "earlier"}, "resourceVersion": "7"}, "spec": {"paused": null}});
        assert_eq!(patch, back);
        // A later step's mark is not this one's to take.
        let Stand::Before(patch) = prior().back(&live("u", Some(true), Some("later")), "op", true, &masker) else {
            panic!()
        };
        assert_eq!(patch, json!({"metadata": {"resourceVersion": "7"}, "spec": {"paused": null}}));
    }
}
