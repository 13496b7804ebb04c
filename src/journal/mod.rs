//! The paper: what happened, on disk before it is told, readable after any crash.
//!
//! A run is a folder. Its journal is a row of segments, `journal.000001` and on, one for every process that ever executed
//! the run; [`frame`] says how a line looks, [`writer`] what is promised once a line is committed, [`reader`] what a damaged
//! file still tells. [`lease`] keeps a second executor out, [`store`] knows where runs lie.

pub mod disk;
pub mod error;
pub mod frame;
pub mod lease;
mod payload;
pub mod reader;
pub mod store;
pub mod writer;

pub use disk::{Disk, Folder};
pub use error::JournalError;
pub use reader::{Recovered, Tail, recover, replay};
pub use writer::{Writer, segment_name};
