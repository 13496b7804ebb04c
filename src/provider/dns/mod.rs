//! The domain name system: how servers are asked, what records look like in a runbook, how a zone is changed.
//!
//! Messages and their signatures are made by a library; what goes over the wire, how often and for how long is decided here.
//! Promises: a question may be asked any number of times; a change is one message, whole or not at all, sent once over TCP and
//! bound to what it replaces; it is known whether a change that broke off had been sent; an answer to a signed message that is
//! not signed by the same key is not believed.

mod ask;
mod fault;
mod record;
mod server;
mod text;
mod update;
mod wire;
mod zone;

pub use ask::{Answer, ask};
pub use record::{RrSet, Type, absolute, canonical, name_in};
pub use server::{address, is_address, name_servers, system_resolver};
pub use update::{Change, Refusal, Tsig};
pub use zone::{Shown, Zone};
