//! What is done with an object, by what stands under its key in the target.

use jiff::Timestamp;

use super::pairs::Pair;
use crate::provider::s3::Object;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The same content is there.
    Leave,
    Copy,
    Overwrite,
    /// Something else is there, and it is to stay.
    Differs,
}

/// `since`: when this step wrote its first copy with an ETag of the target's own making.
pub fn decide(pair: &Pair, overwrite: bool, since: Option<Timestamp>) -> Action {
    match &pair.target {
        None => Action::Copy,
        Some(there) if is_same(&pair.source, there, since) => Action::Leave,
        Some(_) if overwrite => Action::Overwrite,
        Some(_) => Action::Differs,
    }
}

/// The size and the ETag tell. Where a server makes ETags of its own (by its keys of encryption), only what this step has
/// written itself is known by its size alone.
fn is_same(source: &Object, there: &Object, since: Option<Timestamp>) -> bool {
    source.content.size == there.content.size
        && (source.content.etag == there.content.etag || since.is_some_and(|since| there.time >= since))
}
