//! What is done with a key, by its history alone.

use crate::provider::s3::history::{History, content};
use crate::provider::s3::{Content, Entry, OwnEtags, Source};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is as it was.
    Leave,
    /// It was not there, and stays.
    Keep,
    /// Nobody can tell what it was.
    Ambiguous,
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
            (false, _) => Action::Leave,
            (true, false) => Action::Keep,
            (true, true) => Action::Delete,
        };
    };
    let is_same = |now: &Entry, there: &Content| {
        let by_us = etags.are_same(wanted, there, now.time) && there.etag != wanted.etag;
        there == wanted || by_us
    };
    let now = history.now.as_ref().and_then(|now| Some((now, now.content.as_ref()?)));
    if history.is_unchanged() || now.is_some_and(|(now, there)| is_same(now, there)) {
        return Action::Leave;
    }
    if history.only_markers {
        return Action::Undelete { markers: history.markers.clone(), size: wanted.size };
    }
    Action::Copy(Source { key: history.key.clone(), id: then.id.clone(), content: wanted.clone() })
}

/// Whether a key is as it was, as far as a listing tells. A server may keep a copy in a storage class of its own choice.
pub fn is_proven(history: &History, delete_newer: bool, etags: &OwnEtags) -> bool {
    match decide(history, delete_newer, etags) {
        Action::Leave | Action::Keep | Action::Ambiguous => true,
        Action::Undelete { .. } | Action::Delete => false,
        Action::Copy(Source { content: wanted, .. }) => {
            content(&history.now).is_some_and(|now| now.size == wanted.size && now.etag == wanted.etag)
        }
    }
}
