//! Terraform and OpenTofu: how they are called, and what they say.
//!
//! A [`Module`] is one folder of configuration with all that a call needs: a data folder of this run's own, so that no other
//! shell shares `.terraform`; a clean environment; variables in that environment, never in arguments or files. Short calls
//! are read from pipes ([`Module::ask`]). Long ones print into a file ([`Module::follow`]), so that they live on and are
//! still readable when the process that called them is gone.
//!
//! Plans are made without the state's lock: a process that dies while it plans then leaves none behind, and a saved plan is
//! held against the state again when it is applied, under the lock.

mod changes;
mod git;
mod lock;
mod module;
mod outputs;
mod params;
mod plan;
mod said;
mod state;
mod stream;

pub use changes::{Action, Change, Plan, is_allowed};
pub use git::Commit;
pub use lock::{LockInfo, who};
pub use module::{Binary, Module, broken, folder};
pub use outputs::{Taken, taken};
pub use params::{Planning, Reach, check, described};
pub use plan::Scope;
pub use said::{Problem, failed};
pub use state::State;
pub use stream::{Ended, Hook, Line, Progress, Stage, hooks};
