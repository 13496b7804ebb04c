//! Only with the feature `mutants`: which guard is switched off, for this thread.

use std::cell::Cell;

thread_local! {
    static OFF: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Switches one guard off, or none.
pub fn switch_off(name: Option<&'static str>) {
    OFF.set(name);
}

pub fn stands(name: &str) -> bool {
    OFF.get() != Some(name)
}
