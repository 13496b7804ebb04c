//! Time and memory of `check` with 10,000 steps, and how long `--help` takes.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::Bench;
use crate::memory::watched;
use crate::support::{Figures, Spread, rounds, seconds};

pub fn measure(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let file = bench.path().join("large.yaml");
    fs::write(&file, runbook(10_000))?;
    let (mut times, mut peaks, mut help) = (Spread::default(), Spread::default(), Spread::default());
    for round in 0..=rounds(9) {
        let taken = watched(Command::new(&bench.regrow).arg("check").arg(&file))?;
        ensure!(taken.code == Some(0), "check of the large runbook ended with {:?}", taken.code);
        let took = seconds(Command::new(&bench.regrow).arg("--help"))? * 1000.0;
        if round == 0 {
            continue; // caches are warm from here on
        }
        times.add(taken.seconds);
        peaks.add(taken.peak);
        help.add(took);
    }
    figures.at_most("`check` of 10,000 steps", " s", 0.5, &times);
    figures.at_most("`check` of 10,000 steps", " MiB", 150.0, &peaks);
    figures.at_most("`--help`", " ms", 20.0, &help);
    Ok(())
}

/// Steps as people write them: needs, templates that read the step before, retry, a timeout.
fn runbook(steps: usize) -> String {
    let mut text =
        String::from("version: 1\nname: large\nseverity: partial\nparams: { site: { type: string } }\nsteps:\n");
    for step in 0..steps {
        let needs: Vec<String> =
            [1, 50].iter().filter_map(|back| step.checked_sub(*back)).map(|at| format!("s{at}")).collect();
        let read = match step {
            0 => "params.site".to_string(),
            _ => format!("steps.s{}.outputs.made", step - 1),
        };
        let _ = writeln!(
            text,
            "  - id: s{step}\n    name: Step {step} of {{{{ params.site }}}}\n    uses: run\n    needs: [{}]\n    timeout: 5m\n    \
             retry: {{ attempts: 3, delay: 5s }}\n    with:\n      command: [echo, \"{{{{ {read} }}}}\"]\n      \
             outputs: {{ made: {{ type: string }} }}",
            needs.join(", ")
        );
    }
    text
}
