//! The servers on offer, one file each. A new one is a file and a line in [`OFFERS`]; the command line follows.
//!
//! What every server keeps: it listens on loopback only, on a port that was free; it is ready when its own protocol says
//! so, not when some time has passed; it ends with its `Drop` and, failing that, with its scratch.

pub mod account;
pub mod dns;
mod http;
pub mod kubernetes;
pub mod minio;
pub mod moto;
pub mod objects;
mod own;
pub mod postgres;
pub mod velero;

use std::io;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::Result;

pub use dns::Dns;
pub use kubernetes::Cluster;
pub use minio::MinIo;
pub use moto::Moto;
pub use postgres::{Options, Postgres, StopMode};
pub use velero::Velero;

use crate::scratch::Scratch;
use crate::tools::Tool;

/// A server that runs until dropped.
pub trait Running {
    /// What a command needs in its environment to reach the server.
    fn env(&self) -> Vec<(String, String)>;
}

/// A server that can be started by its name.
pub struct Offer {
    pub name: &'static str,
    pub about: &'static str,
    /// Programs that must be there first.
    pub tools: &'static [Tool],
    pub start: fn(&Scratch) -> Result<Box<dyn Running>>,
}

pub const OFFERS: &[Offer] = &[postgres::OFFER, dns::OFFER, minio::OFFER, moto::AWS, kubernetes::OFFER, velero::OFFER];

pub fn offer(name: &str) -> Option<&'static Offer> {
    OFFERS.iter().find(|offer| offer.name == name)
}

/// A port that was free a moment ago. Somebody may take it before the server does, so a start has to try again.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
