//! Words to and from a person.

pub mod exit;
pub mod failure;
pub mod looking;
pub mod problems;

pub mod events;
pub mod list;
pub mod logs;
pub mod report;
pub mod show;
pub mod status;
pub mod verify_log;
