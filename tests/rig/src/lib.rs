//! Real servers on loopback, for the demo, the tests and the benchmarks of regrow.
//!
//! A [`Scratch`] is a private folder. A server lives in it: [`servers::Postgres`] is the first. Both end with their `Drop`,
//! also on a panic. What a killed process leaves behind is ended by the reaper of the program `rig` at once
//! ([`reaper`]), and by the next [`Scratch`] in every other case ([`leftovers`]).
//!
//! Nothing is ever ended by its name. A process is ended when its own start wrote down its pid and the kernel's start time
//! of that pid is still the one written down.
//!
//! ```no_run
//! let scratch = rig::Scratch::new()?;
//! let live = rig::servers::Postgres::start(&scratch)?;
//! assert_eq!(live.sql("lms", "select 1")?, "1");
//! # anyhow::Ok(())
//! ```

pub mod cache;
pub mod cli;
pub mod demo;
pub mod go;
pub mod leftovers;
pub mod process;
pub mod reaper;
pub mod scratch;
pub mod servers;
pub mod tools;
pub mod workspace;

pub use scratch::Scratch;
