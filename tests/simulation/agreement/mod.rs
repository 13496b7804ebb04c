//! Held against a second model: what the shipped engine starts, skips, blocks, fails and tries again, and how the run ends,
//! is what a slow and obvious interpreter of the contract's words says, at every moment at which the engine waits.
//!
//! - `engine_and_model_agree`: `REGROW_MODEL_BOOKS` random runbooks (10,000 unless said).
//!   `REGROW_MODEL_SEED=N` plays one again, with everything that happened. A runbook that fails is made smaller first.

mod book;
mod drive;
mod model;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use fastrand::Rng;

use crate::seeds::{FIRST, number};
use book::Book;

/// What goes wrong with a runbook under one seed of outcomes, orders and people.
fn disagreement(book: &Book, seed: u64, traced: bool) -> Option<String> {
    let told = catch_unwind(AssertUnwindSafe(|| drive::play(book, Rng::with_seed(seed), traced)));
    match told {
        Ok(result) => result.err(),
        Err(_) => Some("the engine panicked".into()),
    }
}

/// Takes away what is not needed to go wrong.
fn smaller(mut book: Book, seed: u64) -> Book {
    loop {
        let next = book.simplified().into_iter().find(|simpler| disagreement(simpler, seed, false).is_some());
        match next {
            Some(simpler) => book = simpler,
            None => return book,
        }
    }
}

#[test]
fn engine_and_model_agree() {
    if let Some(seed) = number("REGROW_MODEL_SEED") {
        let book = Book::random(&mut Rng::with_seed(seed));
        assert_eq!(disagreement(&book, seed, true), None, "{}", book.text());
        return;
    }
    let books = number("REGROW_MODEL_BOOKS").unwrap_or(10_000);
    let from = number("REGROW_MODEL_FROM").unwrap_or(FIRST);
    let next = AtomicU64::new(0);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while wrong.lock().expect("no panic").len() < 3 {
                    let seed = from + next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + books {
                        return;
                    }
                    let book = Book::random(&mut Rng::with_seed(seed));
                    if disagreement(&book, seed, false).is_some() {
                        let book = smaller(book, seed);
                        let what = disagreement(&book, seed, true).unwrap_or_default();
                        wrong.lock().expect("no panic").push(format!("seed {seed}: {what}\n{}", book.text()));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "play one again with REGROW_MODEL_SEED\n{}", wrong.join("\n\n"));
}
