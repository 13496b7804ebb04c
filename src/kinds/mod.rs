//! The list of kinds. Adding one touches its folder and this file.

mod run;

use crate::kind::AnyKind;

/// Every kind that `uses:` and `probe:` can name.
pub static KINDS: &[&dyn AnyKind] = &[&run::Run];

/// The kind of that name.
pub fn find(name: &str) -> Option<&'static dyn AnyKind> {
    KINDS.iter().copied().find(|kind| kind.name() == name)
}
