//! What a run is made of: data only, no I/O, no clock of its own.
//!
//! The record is the one vocabulary: the journal line, what `events --json` prints and what every view folds is
//! [`record::Record`]. [`run::RunState`] is the one fold over records, [`step::StepState`] its part for one step, and [`status::next`] the one table that says what
//! a record does to a step.

pub mod amendment;
pub mod amount;
pub mod answer;
pub mod ask;
pub mod check;
pub mod claim;
pub mod effect;
pub mod fault;
pub mod ids;
pub mod item;
pub mod ledger;
pub mod pulse;
pub mod record;
pub mod repaired;
pub mod run;
pub mod sealed;
pub mod secret;
pub mod skipped;
pub mod started;
pub mod status;
pub mod step;
pub mod text;
mod tight;
pub mod time;
pub mod told;
pub mod wait;

pub use amendment::Amendment;
pub use answer::{Answer, Person, Verb};
pub use effect::Effect;
pub use fault::{Fault, RetryClass};
pub use ids::{Address, OpId, RunId, Seq};
pub use item::Item;
pub use pulse::Pulse;
pub use record::{Event, Record};
pub use run::RunState;
pub use status::{RunStatus, Status};
pub use wait::Wait;
