//! From pages of a listing to the history of one key after another, of which only what decides is kept.
//!
//! A page holds versions and markers in two lists; how they lie in one another only their times tell, and times may be
//! equal. The last key of a page may go on in the next one and is carried over. All others are complete.

use std::cmp::Ordering;

use jiff::Timestamp;

use super::list::{Content, Entry, Object, Page};

/// Markers on top that are taken away one by one; beyond that a copy is less work.
const MOST_MARKERS: usize = 100;

/// What is known of one key, as far as it decides what is done.
#[derive(Clone, Debug)]
pub struct History {
    pub key: String,
    /// What is there now: the version or marker that the server calls the latest.
    pub now: Option<Entry>,
    /// What was there at the moment wanted; none: the key did not exist yet.
    pub then: Option<Entry>,
    /// The ids of later markers.
    pub markers: Vec<String>,
    /// Nothing later than the moment wanted but these markers.
    pub only_markers: bool,
    /// Its entries have times of which nobody can say which came first.
    pub ambiguous: bool,
    /// See [`History::is_lost`]; kept where markers are in nobody's way.
    lost: bool,
    /// Entries in the very second of the moment wanted.
    in_second: usize,
}

impl History {
    fn new(key: String) -> Self {
        Self {
            key,
            now: None,
            then: None,
            markers: Vec::new(),
            only_markers: true,
            ambiguous: false,
            lost: false,
            in_second: 0,
        }
    }

    fn add(&mut self, entry: Entry, as_of: Timestamp) {
        if entry.latest || self.now.is_none() {
            self.now = Some(entry.clone());
        }
        // Servers that count whole seconds cut the rest off: what came before and after within it looks the same.
        if entry.time.as_second() == as_of.as_second() && entry.time.subsec_nanosecond() == 0 {
            self.in_second += 1;
            self.ambiguous |= self.in_second > 1;
        }
        if entry.time > as_of {
            // What lies below came before: an upload in parts has the time at which it was begun.
            self.ambiguous |= self.then.is_some();
            self.is_later(&entry);
            return;
        }
        match &self.then {
            None => {
                self.ambiguous |= entry.latest && !self.is_unchanged();
                self.then = Some(entry);
            }
            Some(then) if then.time == entry.time => {
                // Two of one list stand in their order. Of a version and a marker only the latest of all is known to be later.
                if then.content.is_some() != entry.content.is_some() && !then.latest {
                    self.ambiguous |= !entry.latest;
                    if entry.latest {
                        self.then = Some(entry);
                    }
                }
            }
            Some(_) => {}
        }
    }

    fn is_later(&mut self, entry: &Entry) {
        if entry.content.is_some() || self.markers.len() == MOST_MARKERS {
            self.only_markers = false;
            self.markers.clear();
        } else if self.only_markers {
            self.markers.push(entry.id.clone());
        }
    }

    /// What is there now is what another bucket holds: markers and later versions of this one are in nobody's way.
    pub fn now_is(&mut self, now: Option<Object>) {
        self.lost = self.is_lost();
        self.now = now.map(|Object { key, content, time }| {
            // A bucket that is made for it keeps no versions.
            Entry { key, id: "null".to_owned(), time, latest: true, content: Some(content) }
        });
        self.only_markers = false;
        self.markers.clear();
    }

    /// Markers since, and not one version: what it held was taken away, by a rule or by somebody.
    pub fn is_lost(&self) -> bool {
        self.lost || (self.then.is_none() && self.only_markers && !self.markers.is_empty())
    }

    /// Whether anything came after the moment wanted.
    pub fn is_unchanged(&self) -> bool {
        self.only_markers && self.markers.is_empty()
    }
}

/// Takes pages in, gives complete histories out.
pub struct Histories {
    as_of: Timestamp,
    open: Option<History>,
}

impl Histories {
    pub fn new(as_of: Timestamp) -> Self {
        Self { as_of, open: None }
    }

    /// The histories that this page completes.
    pub fn take(&mut self, page: Page) -> Vec<History> {
        let (mut done, is_last) = (Vec::new(), page.next.is_none());
        for entry in merged(page) {
            let open = match self.open.take() {
                Some(open) if open.key == entry.key => open,
                other => {
                    done.extend(other);
                    History::new(entry.key.clone())
                }
            };
            self.open.insert(open).add(entry, self.as_of);
        }
        if is_last {
            done.extend(self.open.take());
        }
        done
    }
}

/// Both lists as one, by key and then newest first.
fn merged(page: Page) -> impl Iterator<Item = Entry> {
    let (mut versions, mut markers) = (page.versions.into_iter().peekable(), page.markers.into_iter().peekable());
    std::iter::from_fn(move || {
        let order = match (versions.peek(), markers.peek()) {
            (Some(version), Some(marker)) => {
                version.key.as_bytes().cmp(marker.key.as_bytes()).then(marker.time.cmp(&version.time))
            }
            (None, _) => Ordering::Greater,
            (_, None) => Ordering::Less,
        };
        if order.is_gt() { markers.next() } else { versions.next() }
    })
}

/// The content of an entry that is an object.
pub fn content(entry: &Option<Entry>) -> Option<&Content> {
    entry.as_ref()?.content.as_ref()
}
