//! A run of 10,000 steps that lacks one: looked at, resumed to where it stands, and resumed to its end with its report.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::Bench;
use crate::memory::watched;
use crate::peers::run;
use crate::steps::Graph;
use crate::support::{Figures, Spread, rounds, seconds};

pub fn measure(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let flag = bench.path().join("flag");
    let last = format!(
        "  - id: last\n    needs: [s9998]\n    uses: run\n    with: {{ command: [test, -e, \"{}\"] }}\n",
        flag.display()
    );
    let runbook = Graph::layers(9999, 50).runbook(bench.path(), &last)?;
    let kept = bench.fresh_state()?;
    let made = watched(run(&bench.regrow, &kept, &runbook).arg("--no-wait"))?;
    ensure!(made.code == Some(1), "the run of 10,000 steps should have failed in its last step");
    eprintln!("run of 10,000 steps: {:.1} s, {:.0} MiB", made.seconds, made.peak);
    File::create(flag)?;

    let (mut status, mut resume, mut finish) = (Seen::default(), Seen::default(), Seen::default());
    for _ in 0..rounds(5) {
        let state = bench.path().join("copy");
        let _ = fs::remove_dir_all(&state);
        seconds(Command::new("cp").arg("-a").arg(&kept).arg(&state))?;
        status.add(of(bench, &state, &["status", "bench"], 0)?);
        resume.add(of(bench, &state, &["resume", "--no-wait", "bench"], 1)?);
        seconds(Command::new(&bench.regrow).arg("--state").arg(&state).args(["retry", "last"]))?;
        finish.add(of(bench, &state, &["resume", "bench"], 0)?);
    }
    figures.at_most("status of 10,000 steps", " s", 1.0, &status.seconds);
    figures.at_most("status of 10,000 steps", " MiB", 64.0, &status.peaks);
    figures.at_most("resume of 10,000 steps to where it stands", " s", 1.0, &resume.seconds);
    figures.at_most("resume of 10,000 steps to where it stands", " MiB", 64.0, &resume.peaks);
    figures.at_most("resume of 10,000 steps to its end and report", " s", 1.0, &finish.seconds);
    figures.at_most("resume of 10,000 steps to its end and report", " MiB", 64.0, &finish.peaks);
    Ok(())
}

#[derive(Default)]
struct Seen {
    seconds: Spread,
    peaks: Spread,
}

impl Seen {
    fn add(&mut self, (seconds, peak): (f64, f64)) {
        self.seconds.add(seconds);
        self.peaks.add(peak);
    }
}

fn of(bench: &Bench, state: &Path, words: &[&str], code: i32) -> Result<(f64, f64)> {
    let taken = watched(Command::new(&bench.regrow).arg("--state").arg(state).args(words))?;
    ensure!(taken.code == Some(code), "{words:?} ended with {:?}", taken.code);
    Ok((taken.seconds, taken.peak))
}
