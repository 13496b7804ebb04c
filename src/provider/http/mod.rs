//! One call over HTTP/1.1, on a connection of its own.
//!
//! Promises: nothing is sent twice by itself; a failure says whether the server may have got the request; no proxy of the
//! environment is used; answers are read up to a limit; a call ends in its time; headers go only where they were meant for.

mod body;
mod call;
mod connect;
pub mod hook;

pub use body::Body;
pub use call::{Call, Failure, Headers, Reply, follow, header_outputs, send, url};
