//! What a drill did, and did not do, in words.

use crate::model::record::NotDone;

/// Why a drill does not do a step.
pub fn not_done(why: &NotDone) -> String {
    match why {
        NotDone::Planned(_) => "only planned in a drill".into(),
        NotDone::Said => "the runbook leaves it out of drills".into(),
        NotDone::Kind(why) => format!("left out of a drill: {why}"),
        NotDone::Hold => "a drill takes no holds".into(),
        NotDone::Lacks(step) => format!("it builds on `{step}`, which this drill does not do"),
    }
}
