//! What a step costs beside its own work: time against `ninja`, which keeps nothing for a crash, syncs, memory.
//!
//! `cargo bench --bench engine`. Every ratio is of figures taken in turn within one run; medians are shown with both
//! extremes. `REGROW_BENCH_ROUNDS` says how often, `REGROW_BENCH_ONLY` which part: graphs, syncs, large, printing, masking.
//! `TMPDIR` is the disk that is measured. Ends with an error where a target is missed.

#[path = "engine/graphs.rs"]
mod graphs;
#[path = "engine/large.rs"]
mod large;
#[path = "engine/masking.rs"]
mod masking;
#[path = "engine/memory.rs"]
mod memory;
#[path = "support/parts.rs"]
mod parts;
#[path = "support/peers.rs"]
mod peers;
#[path = "engine/printing.rs"]
mod printing;
#[path = "engine/steps.rs"]
mod steps;
mod support;
#[path = "engine/syncs.rs"]
mod syncs;

use std::path::PathBuf;

use anyhow::Result;

use parts::Bench;

impl Bench {
    /// A state folder without runs.
    fn fresh_state(&self) -> Result<PathBuf> {
        let state = self.path().join("state");
        if state.exists() {
            std::fs::remove_dir_all(&state)?;
        }
        Ok(state)
    }
}

fn main() -> Result<()> {
    parts::measure(&[
        ("graphs", graphs::measure),
        ("syncs", syncs::measure),
        ("large", large::measure),
        ("printing", printing::measure),
        ("masking", masking::measure),
    ])
}
