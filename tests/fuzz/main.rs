//! Runbooks and templates that nobody would write, made of those that somebody did, for `REGROW_FUZZ_SECONDS` (60 unless
//! said). Whatever the text, reading it ends soon, with problems inside the file, in little memory, and the same each time.
//!
//! The work is done in a process of its own under a limit of memory, so that an overflowing stack and an endless loop are
//! seen like any other fault. A seed says everything: `REGROW_FUZZ_SEED=N cargo test --test fuzz runbooks` tries the one
//! input again, and prints it.

mod corpus;
mod mutate;
mod runbooks;
mod templates;
mod worker;

use worker::{Subject, hunt};

#[test]
fn runbooks() {
    hunt(&Subject { name: "runbooks", attempt: runbooks::attempt });
}

#[test]
fn templates() {
    hunt(&Subject { name: "templates", attempt: templates::attempt });
}
