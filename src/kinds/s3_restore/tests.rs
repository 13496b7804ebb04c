//! Random histories, listed as a server lists them and cut into pages anywhere, against a model that simply plays them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::kinds::s3_restore::decide::{Action, decide, is_proven};
use crate::kinds::s3_restore::progress::{Begun, Sums, What};
use crate::provider::s3::history::{Histories, History};
use crate::provider::s3::{Content, Entry, Object, OwnEtags, Page, Start};

/// The moment wanted.
const THEN: i64 = 10;

/// What happened to a key, oldest first.
#[derive(Clone, Debug)]
struct Event {
    second: i64,
    id: String,
    /// None: deleted.
    content: Option<u8>,
}

type Bucket = BTreeMap<String, Vec<Event>>;

fn key_events() -> impl Strategy<Value = Vec<Event>> {
    let each = (8..13i64, proptest::option::weighted(0.6, 0..3u8));
    (proptest::collection::vec(each, 1..7), any::<bool>()).prop_map(|(mut list, null)| {
        list.sort_by_key(|(second, _)| *second);
        let id = |at: usize| if null && at == 0 { "null".to_owned() } else { format!("v{at}") };
        let event = |(at, (second, content))| Event { second, id: id(at), content };
        list.into_iter().enumerate().map(event).collect()
    })
}

fn bucket() -> impl Strategy<Value = Bucket> {
    proptest::collection::btree_map("[a-cä +%\n]{1,3}", key_events(), 1..6)
}

fn content(number: u8) -> Content {
    Content { etag: format!("etag{number}"), size: u64::from(number), class: "STANDARD".to_owned() }
}

/// All of it as one page, as the server has it in truth.
fn listed(bucket: &Bucket) -> Vec<Entry> {
    let entry = |key: &String, event: &Event, latest: bool| Entry {
        key: key.clone(),
        id: event.id.clone(),
        time: Timestamp::from_second(event.second).unwrap(),
        latest,
        content: event.content.map(content),
    };
    let all = bucket
        .iter()
        .flat_map(|(key, events)| events.iter().rev().enumerate().map(move |(at, event)| entry(key, event, at == 0)));
    all.collect()
}

fn histories(entries: &[Entry], cuts: &[Index]) -> Vec<History> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(entries.len() + 1)).collect();
    cuts.extend([0, entries.len()]);
    cuts.sort_unstable();
    let mut found = Histories::new(Timestamp::from_second(THEN).unwrap());
    let pages = cuts.windows(2).map(|pair| {
        let (versions, markers) = entries[pair[0]..pair[1]].iter().cloned().partition(|it| it.content.is_some());
        (versions, markers)
    });
    let pages: Vec<(Vec<Entry>, Vec<Entry>)> = pages.collect();
    let last = pages.len() - 1;
    let each = pages.into_iter().enumerate().flat_map(|(at, (versions, markers))| {
        found.take(Page { versions, markers, next: (at < last).then(Start::default) })
    });
    each.collect()
}

/// What a key held then, played from the start.
fn held(events: &[Event]) -> Option<u8> {
    events.iter().rfind(|event| event.second <= THEN)?.content
}

/// Nobody could tell: twice in that very second, or a version and a marker at one time with something later on top.
fn is_unclear(events: &[Event]) -> bool {
    let in_second = events.iter().filter(|event| event.second == THEN).count();
    let until: Vec<&Event> = events.iter().filter(|event| event.second <= THEN).collect();
    let Some(last) = until.last() else { return false };
    let tied = until.iter().any(|it| it.second == last.second && it.content.is_some() != last.content.is_some());
    in_second > 1 || (tied && until.len() < events.len())
}

fn apply(events: &mut Vec<Event>, action: &Action) {
    let id = format!("new{}", events.len());
    match action {
        Action::Leave | Action::Compare(_) | Action::Keep | Action::Ambiguous | Action::Lost => {}
        Action::Undelete { markers, .. } => events.retain(|event| {
            let goes = markers.contains(&event.id);
            assert!(!goes || event.content.is_none(), "a version would be lost");
            !goes
        }),
        Action::Copy(source) => {
            let content = events.iter().find(|event| event.id == source.id).unwrap().content;
            assert!(content.is_some(), "a marker is no source");
            events.push(Event { second: 20, id, content });
        }
        Action::Delete => events.push(Event { second: 20, id, content: None }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_key_is_as_it_was_wherever_pages_end(
        mut bucket in bucket(),
        cuts in proptest::collection::vec(any::<Index>(), 0..8),
        delete_newer: bool,
    ) {
        let found = histories(&listed(&bucket), &cuts);
        prop_assert_eq!(found.iter().map(|it| &it.key).collect::<Vec<_>>(), bucket.keys().collect::<Vec<_>>());
        for history in &found {
            let events = bucket.get_mut(&history.key).unwrap();
            let (wanted, before) = (held(events), events.last().unwrap().content);
            let action = decide(history, delete_newer, &OwnEtags::default());
            prop_assert_eq!(action == Action::Ambiguous, is_unclear(events), "{:?}", events);
            apply(events, &action);
            let now = events.last().and_then(|event| event.content);
            match (&action, wanted, delete_newer) {
                (Action::Ambiguous, ..) | (_, None, false) => prop_assert_eq!(now, before),
                (_, wanted, _) => prop_assert_eq!(now, wanted, "{:?}", action),
            }
        }
        // What was done is proven by a new listing, and there is nothing left to do.
        for history in histories(&listed(&bucket), &[]) {
            prop_assert!(is_proven(&history, delete_newer, &OwnEtags::default()));
            let action = decide(&history, delete_newer, &OwnEtags::default());
            let is_nothing = !matches!(action, Action::Undelete { .. } | Action::Copy(_) | Action::Delete);
            prop_assert!(is_nothing, "{:?}", action);
        }
    }

    /// Some calls of a page were made when the process died: each is counted once, and none is made again.
    #[test]
    fn a_page_that_was_cut_off_is_finished_without_a_second_copy(
        mut bucket in bucket(),
        made in proptest::collection::vec(any::<bool>(), 6),
        delete_newer: bool,
    ) {
        let (mut wanted, mut begun) = (Sums::default(), BTreeMap::new());
        for (history, made) in histories(&listed(&bucket), &[]).iter().zip(made) {
            let action = decide(history, delete_newer, &OwnEtags::default());
            wanted.add(&history.key, &action);
            begun.extend(Begun::of(history, &action).map(|it| (history.key.clone(), it)));
            if made {
                apply(bucket.get_mut(&history.key).unwrap(), &action);
            }
        }
        let mut sums = Sums::default();
        for history in histories(&listed(&bucket), &[]) {
            let action = decide(&history, delete_newer, &OwnEtags::default());
            match begun.get(&history.key).and_then(|before| before.is_done(&history, &action)) {
                Some((what, size)) => sums.add_done(what, size),
                None => {
                    apply(bucket.get_mut(&history.key).unwrap(), &action);
                    sums.add(&history.key, &action);
                }
            }
        }
        prop_assert_eq!(sums, wanted);
        for (key, events) in &bucket {
            prop_assert!(events.iter().filter(|event| event.id.starts_with("new")).count() <= 1, "{} {:?}", key, events);
        }
    }
}

proptest! {
    /// Beside, what came later in the source is in nobody's way; and whoever goes on counts a copy that was made as made.
    #[test]
    fn beside_what_a_key_held_is_copied_and_known_as_copied(bucket in bucket()) {
        for mut history in histories(&listed(&bucket), &[]) {
            let events = &bucket[&history.key];
            history.now_is(None);
            let action = decide(&history, false, &OwnEtags::default());
            let Action::Copy(source) = &action else {
                let (wanted, unclear) = (held(events), is_unclear(events));
                prop_assert!(unclear || wanted.is_none(), "{:?} {:?}", action, events);
                let is_told = if unclear { action == Action::Ambiguous } else { matches!(action, Action::Leave | Action::Lost) };
                prop_assert!(is_told, "{:?} {:?}", action, events);
                continue;
            };
            let wanted = held(events).map(content);
            prop_assert_eq!(Some(&source.content), wanted.as_ref());
            prop_assert!(!is_proven(&history, false, &OwnEtags::default()));
            let begun = Begun::of(&history, &action).unwrap();
            prop_assert_eq!(begun.is_done(&history, &action), None);
            let time = Timestamp::from_second(20).unwrap();
            history.now_is(Some(Object { key: history.key.clone(), content: source.content.clone(), time }));
            prop_assert!(is_proven(&history, false, &OwnEtags::default()));
            prop_assert!(matches!(decide(&history, false, &OwnEtags::default()), Action::Compare(_)));
            prop_assert_eq!(begun.is_done(&history, &Action::Leave), Some((What::Copy, source.content.size)));
        }
    }
}

/// A page may hold nothing but markers, and a key with more of them than are taken away one by one is copied.
#[test]
fn pages_of_markers_alone_and_keys_of_many_markers() {
    let event = |at: usize, content: Option<u8>| Event {
        second: if content.is_none() { 12 } else { 9 },
        id: format!("v{at}"),
        content,
    };
    let many: Vec<Event> = std::iter::once(event(0, Some(1))).chain((1..=101).map(|at| event(at, None))).collect();
    let few = many[..=100].to_vec();
    let bucket = Bucket::from([("few".to_owned(), few), ("many".to_owned(), many)]);
    let entries = listed(&bucket);
    let every: Vec<Index> = Vec::new();
    let whole: Vec<Action> =
        histories(&entries, &every).iter().map(|it| decide(it, false, &OwnEtags::default())).collect();
    assert!(
        matches!(&whole[..], [Action::Undelete { markers, .. }, Action::Copy(_)] if markers.len() == 100),
        "{whole:?}"
    );
    let mut found = Histories::new(Timestamp::from_second(THEN).unwrap());
    let mut one_by_one = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let next = (at + 1 < entries.len()).then(Start::default);
        let (versions, markers) =
            if entry.content.is_some() { (vec![entry.clone()], vec![]) } else { (vec![], vec![entry.clone()]) };
        one_by_one.extend(
            found.take(Page { versions, markers, next }).iter().map(|it| decide(it, false, &OwnEtags::default())),
        );
    }
    assert_eq!(one_by_one, whole);
}

/// A server that counts finer than seconds says which came first.
#[test]
fn the_second_of_the_moment_is_clear_where_the_server_counts_finer() {
    let at = |nanos: i32| Timestamp::new(THEN, nanos).unwrap();
    let entry =
        |id: &str, time, latest| Entry { key: "k".into(), id: id.into(), time, latest, content: Some(content(1)) };
    for (nanos, ambiguous) in [(100_000_000, false), (0, true)] {
        let mut found = Histories::new(at(500_000_000));
        let versions = vec![entry("later", at(nanos * 9), true), entry("wanted", at(nanos), false)];
        let history = found.take(Page { versions, markers: vec![], next: None }).remove(0);
        assert_eq!(history.ambiguous, ambiguous);
        assert!(ambiguous || history.then.unwrap().id == "wanted");
    }
}

/// Each `(id, second, content)`, newest first, as one page lists them.
fn history(entries: &[(&str, i64, Option<u8>)]) -> History {
    let entry = |(at, (id, second, held)): (usize, &(&str, i64, Option<u8>))| Entry {
        key: "k".into(),
        id: (*id).into(),
        time: Timestamp::from_second(*second).unwrap(),
        latest: at == 0,
        content: held.map(content),
    };
    let all = entries.iter().enumerate().map(entry);
    let (versions, markers) = all.partition(|entry| entry.content.is_some());
    Histories::new(Timestamp::from_second(THEN).unwrap()).take(Page { versions, markers, next: None }).remove(0)
}

fn decided(entries: &[(&str, i64, Option<u8>)], delete_newer: bool) -> Action {
    decide(&history(entries), delete_newer, &OwnEtags::default())
}

/// An upload in parts has the time at which it was begun, and lies above what came before it ended.
#[test]
fn times_that_contradict_the_order_are_ambiguous() {
    assert_eq!(
        decided(&[("parts", 9, Some(2)), ("later", 12, Some(1)), ("good", 8, Some(0))], false),
        Action::Ambiguous
    );
    assert_eq!(decided(&[("parts", 9, Some(2)), ("marker", 12, None), ("good", 8, Some(0))], false), Action::Ambiguous);
    assert!(matches!(
        decided(&[("later", 12, Some(1)), ("parts", 9, Some(2)), ("good", 8, Some(0))], false),
        Action::Copy(_)
    ));
}

#[test]
fn markers_without_a_version_are_told_and_not_taken_for_nothing() {
    assert_eq!(decided(&[("marker", 12, None)], true), Action::Lost);
    assert_eq!(decided(&[("marker", 9, None)], true), Action::Leave, "it was deleted then, too");
    assert_eq!(decided(&[("marker", 13, None), ("new", 12, Some(0))], true), Action::Leave);
    let mut beside = history(&[("marker", 12, None)]);
    beside.now_is(None);
    assert_eq!(decide(&beside, false, &OwnEtags::default()), Action::Lost);
}

/// The listing tells nothing of metadata and tags.
#[test]
fn what_has_the_same_bytes_is_compared_before_it_is_left_alone() {
    let same = [("new", 12, Some(1)), ("good", 9, Some(1))];
    assert!(matches!(decided(&same, false), Action::Compare(source) if source.id == "good"));
    assert!(is_proven(&history(&same), false, &OwnEtags::default()));
    assert_eq!(decided(&[("good", 9, Some(1))], false), Action::Leave);
}
