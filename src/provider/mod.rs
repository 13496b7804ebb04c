//! Outside systems, each as a half that reads and a half that writes.
#[cfg(feature = "postgres")]
pub mod postgres;
