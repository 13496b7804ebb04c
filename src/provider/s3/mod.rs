//! S3: AWS, and every server that speaks as it does.
//!
//! Promises: nothing is sent again behind our back (the client's own retries are off, since a second copy is a second version);
//! what is wrong with a call has a code of ours; who asks for less is given less ([`Flow`]); names travel in a form that
//! every byte of a key survives.

mod bucket;
mod client;
mod digest;
mod etags;
mod fault;
mod flight;
mod flow;
mod folders;
pub mod history;
mod lanes;
mod limit;
mod list;
mod listing;
mod marks;
pub mod own;
mod pages;
mod parts;
mod pass;
mod place;
pub mod progress;
mod proof;
mod stock;
mod together;
mod walk;
mod write;

pub use bucket::{Bucket, Current, Expiry, Versioning};
pub use etags::{Etags, OwnEtags};
pub use fault::DENIED;
pub use flight::{Pilot, Turn, fly};
pub use flow::Flow;
pub use folders::{Cut, Of};
pub use lanes::{Course, Ended, Lanes};
pub use list::{Content, Entry, Object, Objects, Page, Start};
pub use listing::{COUNTED_PAGES, Listing, ahead, pages};
pub use marks::Range;
pub use pages::Pages;
pub use parts::{LARGEST_COPY, PART, cut};
pub use place::{Place, check, check_made, check_name, check_parallel, parallel};
pub use proof::wrong;
pub use together::{Failed, Job, Refused, settle, together};
pub use walk::Walk;
pub use write::{By, DELETED_AT_ONCE, Origin, Source, Writer};
