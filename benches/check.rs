//! What looking at a runbook costs, and what the order of steps gains.
//!
//! `cargo bench --bench check`. Times and memory are those of the shipped binary; makespans are played through on a virtual
//! clock by the code that orders a run. `REGROW_BENCH_ROUNDS` says how often, `REGROW_BENCH_ONLY` which part: judging,
//! ordering. Ends with an error where a target is missed.

#[path = "check/judging.rs"]
mod judging;
#[path = "engine/memory.rs"]
mod memory;
#[path = "check/ordering.rs"]
mod ordering;
#[path = "support/parts.rs"]
mod parts;
mod support;

use anyhow::Result;

use parts::Bench;

fn main() -> Result<()> {
    parts::measure(&[("judging", judging::measure), ("ordering", ordering::measure)])
}
