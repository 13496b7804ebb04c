//! What is done with an object, by what stands under its key in the target.

use super::pairs::Pair;
use crate::provider::s3::OwnEtags;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The same content is there.
    Leave,
    Copy,
    Overwrite,
    /// Something else is there, and it is to stay.
    Differs,
}

pub fn decide(pair: &Pair, overwrite: bool, etags: &OwnEtags) -> Action {
    match &pair.target {
        None => Action::Copy,
        Some(there) if etags.are_same(&pair.source.content, &there.content, there.time) => Action::Leave,
        Some(_) if overwrite => Action::Overwrite,
        Some(_) => Action::Differs,
    }
}
