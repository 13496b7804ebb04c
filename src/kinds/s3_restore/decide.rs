//! What is done with a key, by its history alone.

use crate::provider::s3::history::{History, content};
use crate::provider::s3::{Content, Entry, OwnEtags, Source};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is as it was.
    Leave,
    /// Another version than then, of which the listing tells nothing else: it is left alone if what belongs to it is the
    /// same, too, and else as for [`Action::Copy`].
    Compare(Source),
    /// It was not there, and stays.
    Keep,
    /// Nobody can tell what it was.
    Ambiguous,
    /// Markers without a version: what it held was taken away, by a rule or by somebody.
    Lost,
    /// The markers on top of it go.
    Undelete { markers: Vec<String>, size: u64 },
    /// An older version is made the current one.
    Copy(Source),
    /// It was not there: a marker on top.
    Delete,
}

pub fn decide(history: &History, delete_newer: bool, etags: &OwnEtags) -> Action {
    if history.ambiguous {
        return Action::Ambiguous;
    }
    let is_there = content(&history.now).is_some();
    let Some((then, wanted)) = history.then.as_ref().and_then(|then| Some((then, then.content.as_ref()?))) else {
        return match (is_there, delete_newer) {
            (false, _) if history.is_lost() => Action::Lost,
            (false, _) => Action::Leave,
            (true, false) => Action::Keep,
            (true, true) => Action::Delete,
        };
    };
    if history.is_unchanged() {
        return Action::Leave;
    }
    if history.only_markers {
        return Action::Undelete { markers: history.markers.clone(), size: wanted.size };
    }
    let source = Source { key: history.key.clone(), id: then.id.clone(), content: wanted.clone() };
    let may_be_same = |now: &Entry, there: &Content| {
        there == wanted || (there.etag != wanted.etag && etags.are_same(wanted, there, now.time))
    };
    let now = history.now.as_ref().and_then(|now| Some((now, now.content.as_ref()?)));
    match now.is_some_and(|(now, there)| may_be_same(now, there)) {
        true => Action::Compare(source),
        false => Action::Copy(source),
    }
}

/// Whether a key is as it was, as far as a listing tells. A server may keep a copy in a storage class of its own choice.
pub fn is_proven(history: &History, delete_newer: bool, etags: &OwnEtags) -> bool {
    match decide(history, delete_newer, etags) {
        Action::Leave | Action::Compare(_) | Action::Keep | Action::Ambiguous | Action::Lost => true,
        Action::Undelete { .. } | Action::Delete => false,
        Action::Copy(Source { content: wanted, .. }) => {
            content(&history.now).is_some_and(|now| now.size == wanted.size && now.etag == wanted.etag)
        }
    }
}
