//! Keys that are taken over from a step.

use super::Key;
use super::tables::STEP;

/// A key that means the same as on a step.
pub(super) const fn of_step(name: &str) -> Key {
    let mut at = 0;
    while !is_same(STEP.known[at].name, name) {
        at += 1;
    }
    STEP.known[at]
}

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    one.len() == other.len() && at == one.len()
}
