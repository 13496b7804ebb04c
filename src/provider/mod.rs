//! The outside world, each system as a half that reads and a half that writes.

pub mod clock;
pub mod dns;
pub mod http;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
pub mod mask;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod process;
#[cfg(feature = "s3")]
pub mod s3;
pub mod seal;
pub mod terraform;
pub mod tls;
pub mod vault;
#[cfg(feature = "kubernetes")]
pub mod velero;
