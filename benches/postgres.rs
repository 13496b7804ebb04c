//! One table of 3 million rows from one PostgreSQL to another on the same machine: regrow, as a runbook and with its journal,
//! against PostgreSQL's own tools, none of which compares what it copied.
//!
//! `cargo bench --bench postgres`. Every tool has its turn in every round, in an order that rotates, into an emptied
//! database; its time is from the start of the process to its end. Afterwards rows and indexes are counted. The ratio of a
//! round is regrow's time over the best peer's in that very round. `REGROW_BENCH_ROUNDS` says how often, `TMPDIR` where
//! the servers live. Ends with an error where a target is missed.

#[path = "support/peers.rs"]
mod peers;
#[path = "postgres/servers.rs"]
mod servers;
mod support;
#[path = "postgres/tools.rs"]
mod tools;

use anyhow::Result;

use servers::Servers;
use support::{Figures, Spread, rounds};
use tools::{PEERS, TOOLS};

fn main() -> Result<()> {
    peers::peer("pgcopydb", "pgcopydb")?;
    let regrow = support::regrow()?;
    let servers = Servers::start()?;
    let mut figures = Figures::begin();
    let mut times = vec![Spread::default(); TOOLS.len()];
    for round in 0..rounds(5) {
        for turn in 0..TOOLS.len() {
            let at = (turn + round) % TOOLS.len();
            servers.empty_target()?;
            let took = TOOLS[at].time(&servers, &regrow)?;
            servers.check_target()?;
            eprintln!("round {}: {} {took:.2} s", round + 1, TOOLS[at].name);
            times[at].add(took);
        }
    }
    for (tool, times) in TOOLS.iter().zip(&times) {
        println!("{}: {} s", tool.name, times.text());
    }
    let peers: Vec<Vec<f64>> = times[..PEERS].iter().map(|spread| spread.each().collect()).collect();
    let best = (0..peers[0].len()).map(|round| peers.iter().map(|times| times[round]).fold(f64::INFINITY, f64::min));
    let best = Spread::of(best);
    for (tool, times) in TOOLS.iter().zip(&times).skip(PEERS) {
        figures.at_most(&format!("{}: x best of PostgreSQL's own", tool.name), "", tool.target, &times.over(&best));
    }
    figures.end()
}
