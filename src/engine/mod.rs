//! The engine: from records to what happens next.
//!
//! ```text
//!            ┌──────────── happenings ◄─────────────┐
//!            ▼                                      │
//!   react / answers ──► records ──► fold ──► decide │      one write, one sync
//!                                              │    │
//!                          commit ◄────────────┘    │
//!                            │                      │
//!                            ├──► publish           │
//!                            └──► commands ──► World┘
//! ```
//!
//! [`driver`] is the loop. [`decide`] says what follows from plan, state and time; [`react`] what a happening means;
//! [`answers`] judges people. All three are pure. The [`command::World`] does things: the real one in [`world`], a simulated
//! one in the tests.

pub mod amend;
pub mod answers;
mod ask;
mod by_hand;
mod cleanup;
pub mod command;
pub mod decide;
mod doubt;
pub mod driver;
mod ending;
pub mod errand;
pub mod escalation;
mod evidence;
pub mod executor;
pub mod frontier;
pub mod group;
pub mod holds;
mod intent;
mod late;
pub mod live;
pub mod opening;
mod people;
mod react;
mod rehearsal;
mod repairs;
mod retry;
pub mod tell;
mod time;
mod tries;
pub mod undo;
pub mod vault;
pub mod world;

pub use driver::{Driver, Halt};
