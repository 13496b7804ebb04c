//! The outside world, each system as a half that reads and a half that writes.

pub mod clock;
pub mod mask;
pub mod process;
pub mod vault;
