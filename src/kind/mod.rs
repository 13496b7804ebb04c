//! The contract between the engine and a step kind.
//!
//! The life of a step: `check` and `plan` look at it on a calm day. On the bad day `prepare` takes what was there before,
//! once; the intent goes to disk; `find` asks whether an earlier attempt did it already; `start` acts; `watch` waits for
//! the end, which may be the next [`contract::Phase`]; `undo` takes it back.

pub mod context;
pub mod contract;
pub mod erased;
pub mod kept;
pub mod op;
pub mod places;
pub mod rehearsal;
pub mod stock;

pub use crate::model::ledger::Made;
pub use context::{ReadCx, WorkCx, WriteCx};
pub use contract::{Foresight, Found, Kind, Next, Prepared, Role, Settles, Undone, answered};
pub use erased::{AnyKind, RawOp};
pub use op::{Op, Outputs};
pub use rehearsal::{Rehearsal, Scratch};
