//! S3: AWS, and every server that speaks as it does.
//!
//! Promises: nothing is sent again behind our back (the client's own retries are off, since a second copy is a second version);
//! what is wrong with a call has a code of ours; who asks for less is given less ([`Flow`]); names travel in a form that
//! every byte of a key survives.

mod bucket;
mod client;
mod fault;
mod flow;
mod list;
mod parts;
mod place;
mod write;

pub use bucket::{Bucket, Expiry, Versioning};
pub use flow::Flow;
pub use list::{Content, Entry, Page, Start};
pub use parts::{LARGEST_COPY, PART};
pub use place::{Place, check};
pub use write::{Source, Writer};
