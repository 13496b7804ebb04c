//! Every guard switched off is noticed: `cargo test --features mutants --test simulation mutants`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use regrow::mutants::switch_off;

use crate::books;
use crate::exhaustive::{double_crashes, taken_back_after_a_kill};
use crate::seeds::play;

/// By the names they have in the source. That no file is appended to by a second process needs no guard: the journal's
/// `Disk` cannot open a file for writing that exists.
const GUARDS: &[&str] = &[
    "sync",
    "failed sync",
    "names",
    "blob",
    "covered damage",
    "garbage",
    "doubt",
    "look in doubt",
    "commit, then act",
    "commit, then tell",
    "look first",
    "ask again",
    "room",
    "foreign",
    "unknown",
    "unknown fault",
    "overtaken",
    "prior",
    "undo waits",
];
const MOST_SEEDS: u64 = 40_000;

/// What notices it first.
fn noticed() -> Option<String> {
    for (name, text) in books::SMALL {
        if let Some(wrong) = double_crashes(name, text, 13).wrong {
            return Some(wrong);
        }
    }
    if let Some(wrong) = taken_back_after_a_kill() {
        return Some(wrong);
    }
    (1..MOST_SEEDS)
        .find_map(|seed| play(seed, false).err().map(|wrong| wrong.lines().last().unwrap_or_default().to_string()))
}

#[test]
fn mutants_are_noticed() {
    let next = AtomicUsize::new(0);
    let missed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(guard) = GUARDS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    switch_off(Some(guard));
                    match noticed() {
                        Some(how) => {
                            eprintln!("{guard:>18}: {}", how.chars().take(160).collect::<String>().replace('\n', " "))
                        }
                        None => missed.lock().expect("no panic").push(*guard),
                    }
                    switch_off(None);
                }
            });
        }
    });
    let missed = missed.into_inner().expect("no panic");
    assert!(missed.is_empty(), "switched off without being noticed: {missed:?}");
}
