//! The real program on a real disk: killed, starved, overtaken, answered and cut off from power, then held against what the
//! steps did.

mod answers;
mod bench;
mod points;
mod processes;
