//! How many syncs a step takes, counted as system calls. For the chain those of executor and supervisors together; with a
//! slow disk those of the journal's thread alone, because to trace every command would slow them more than the disk does.

use std::fs;
use std::process::Command;

use anyhow::Result;

use crate::Bench;
use crate::peers::peer;
use crate::steps::Graph;
use crate::support::{Figures, Spread, rounds, seconds};

pub fn measure(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let chain = counted(bench, &Graph::chain(200), "8", &["-f"])?;
    figures.at_most("syncs a step, chain of 200", "", 1.2, &chain);
    let slow = ["-e", "inject=fdatasync:delay_exit=4000"];
    let wide = counted(bench, &Graph::layers(640, 32), "32", &slow)?;
    figures.at_most("syncs a step, 32 wide, 4 ms injected into each", "", 0.2, &wide);
    Ok(())
}

fn counted(bench: &Bench, graph: &Graph, concurrency: &str, more: &[&str]) -> Result<Spread> {
    let strace = peer("strace", "strace")?;
    let runbook = graph.runbook(bench.path(), "")?;
    let trace = bench.path().join("trace");
    let mut spread = Spread::default();
    for _ in 0..rounds(3) {
        let state = bench.fresh_state()?;
        let mut command = Command::new(&strace);
        let calls = "trace=fsync,fdatasync,sync,syncfs,sync_file_range,msync";
        command.args(["-qq", "-e", calls, "-e", "signal=none"]).args(more).arg("-o").arg(&trace);
        command.arg(&bench.regrow).arg("--state").arg(&state).args(["run", "--yes", "--concurrency", concurrency]);
        seconds(command.arg(&runbook))?;
        // A call that another one interrupts is two lines.
        let calls = fs::read_to_string(&trace)?.lines().filter(|line| !line.contains(" resumed>")).count();
        spread.add(calls as f64 / graph.len() as f64);
    }
    Ok(spread)
}
