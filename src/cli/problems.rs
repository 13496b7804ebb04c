//! Prints problems.
