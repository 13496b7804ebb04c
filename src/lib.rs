//! regrow brings hosted services back after a disaster.
//!
//! # The story of a run
//!
//! `regrow run FILE` reads a **runbook** ([`runbook`]), judges it against the **kinds** there are ([`kinds`]), draws its
//! **graph** ([`graph`]) and binds it to parameters: a **plan** ([`plan`]). The plan and the runbook's text go into a folder of
//! the run's own ([`journal::store`]); from here on the run survives this process.
//!
//! An **executor** ([`engine::executor`]) takes the run's lock and opens the next segment of its **journal** ([`journal`]).
//! Then one loop ([`engine::driver`]) turns: something **happens**, **records** follow from it ([`model::record`]), the fold of
//! all records ([`model::run`]) says where the run stands, `decide` says what comes next. All of that is written and synced
//! at once; only then is it told, and only then is anything done.
//!
//! What is done is done by kinds ([`kind`]): they prepare, start, watch, find again, undo. Local commands and long work run
//! under **supervisors** ([`provider::process`]) that outlive the executor. If it dies, `regrow resume` reads the journal,
//! looks for what was in flight, and goes on; what nobody can tell is **unknown**, and a person settles it.
//!
//! People answer from any terminal: an **answer** is a file in the run's inbox, judged by the same pure function wherever it
//! is given ([`engine::answers`]). Whoever only looks ([`view`], [`report`]) folds the same records and touches nothing.
//!
//! # Floors
//!
//! ```text
//! 5  cli                        words to and from a person; exit codes
//! 4  view  report               look at a run
//! 3  plan  engine  kinds        bind, decide, do
//! 2  kind  journal  provider    the contract, the paper, the outside world
//! 1  runbook  graph             text to a typed runbook to a graph
//! 0  model                      records, statuses, ids, faults: data only
//! ```
//!
//! A module uses its own floor and those below it; kinds use neither the engine nor one another. `tests/floors.rs` checks it.
//!
//! # Glossary
//!
//! **run** one execution of a runbook · **step** one piece of work in it · **kind** what `uses:` names · **need** an edge of the
//! graph · **record** something that happened, on disk · **fold** all records as one state · **pulse** progress, never written
//! down · **intent** the record before an effect · **operation** run, step and generation: the name the outside world knows ·
//! **adopt** take up what an earlier executor began · **verify** prove that it is so · **undo** take it back · **fault** why
//! something did not work · **ledger** what a run made and somebody must take away.

/// True. Marks a guard that a crash or damage would get past without it: built with the feature `mutants`, the simulation
/// switches each off and must notice.
macro_rules! guard {
    ($name:literal) => {{
        #[cfg(feature = "mutants")]
        let stands = crate::mutants::stands($name);
        #[cfg(not(feature = "mutants"))]
        let stands = true;
        stands
    }};
}

use std::process::ExitCode;

use provider::process;

pub mod cli;
pub mod engine;
pub mod graph;
pub mod journal;
pub mod kind;
pub mod kinds;
pub mod model;
#[cfg(feature = "mutants")]
pub mod mutants;
pub mod plan;
pub mod provider;
pub mod report;
pub mod runbook;
pub mod view;

/// The whole program, with kinds of one's own beside those that come with it: parse, run, exit code. It has to be all that
/// `main` does, because the program starts itself again for supervisors and for long work.
pub fn main(own: &'static [&'static dyn kind::AnyKind]) -> ExitCode {
    // A supervisor starts a thousand times in a large run: it is told apart before anything else is set up.
    let code = match std::env::args_os().nth(1) {
        Some(word) if word == process::SUPERVISE => u8::try_from(process::supervisor_main()).unwrap_or(1),
        word => {
            kinds::add(own);
            match word {
                Some(word) if word == process::WORK => u8::try_from(kinds::work()).unwrap_or(1),
                _ => cli::main(),
            }
        }
    };
    ExitCode::from(code)
}
