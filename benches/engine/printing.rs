//! Memory while 1,000 steps run, one of them printing 1 GiB.

use anyhow::{Result, ensure};

use crate::Bench;
use crate::memory::watched;
use crate::peers::run;
use crate::steps::Graph;
use crate::support::{Figures, Spread, rounds};

const LOUD: &str = "  - id: loud
    needs: []
    uses: run
    with: { command: [sh, -c, \"yes 'a line as long as those that programs print to their logs' | head -c 1073741824\"] }
";

pub fn measure(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let runbook = Graph::layers(999, 50).runbook(bench.path(), LOUD)?;
    let (mut executor, mut supervisor) = (Spread::default(), Spread::default());
    for _ in 0..rounds(3) {
        let state = bench.fresh_state()?;
        let taken = watched(&mut run(&bench.regrow, &state, &runbook))?;
        ensure!(taken.code == Some(0), "the run ended with {:?}", taken.code);
        executor.add(taken.peak);
        supervisor.add(taken.child_peak);
    }
    figures.at_most("1,000 steps, one prints 1 GiB: executor", " MiB", 64.0, &executor);
    figures.at_most("1,000 steps, one prints 1 GiB: largest supervisor", " MiB", 64.0, &supervisor);
    Ok(())
}
