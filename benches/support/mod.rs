//! What all benchmarks need: the binary, times, and a table of targets and figures.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

/// The binary that is shipped: `REGROW_BIN`, else what `cargo dist` makes now.
pub fn regrow() -> Result<PathBuf> {
    if let Some(said) = env::var_os("REGROW_BIN") {
        return PathBuf::from(said).canonicalize().context("REGROW_BIN names no file");
    }
    // TARGET/release/deps/NAME-HASH
    let own = env::current_exe()?;
    let target = own.ancestors().nth(3).context("this program lies in no target folder")?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let made = Command::new(cargo)
        .args(["dist", "--quiet", "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()?;
    ensure!(made.success(), "`cargo dist` made no binary");
    Ok(target.join("x86_64-unknown-linux-gnu/release/regrow"))
}

/// How often each thing is done: `REGROW_BENCH_ROUNDS`.
pub fn rounds(usual: usize) -> usize {
    env::var("REGROW_BENCH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(usual).max(1)
}

/// Seconds until `command` has ended, its output thrown away unless it fails.
pub fn seconds(command: &mut Command) -> Result<f64> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let began = Instant::now();
    let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
    let output = child.wait_with_output()?;
    let took = began.elapsed().as_secs_f64();
    ensure!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(took)
}

/// Figures of all rounds.
#[derive(Clone, Debug, Default)]
pub struct Spread(Vec<f64>);

impl Spread {
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        Self(values.into_iter().collect())
    }

    pub fn each(&self) -> impl Iterator<Item = f64> {
        self.0.iter().copied()
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    pub fn median(&self) -> f64 {
        let sorted = self.sorted();
        match sorted.len() {
            0 => f64::NAN,
            len if len % 2 == 1 => sorted[len / 2],
            len => (sorted[len / 2 - 1] + sorted[len / 2]) / 2.0,
        }
    }

    /// `0.83 (0.79 to 0.91)`.
    pub fn text(&self) -> String {
        let sorted = self.sorted();
        let extremes = sorted.first().zip(sorted.last());
        let (low, high) = extremes.map_or((f64::NAN, f64::NAN), |(low, high)| (*low, *high));
        format!("{} ({} to {})", short(self.median()), short(low), short(high))
    }
}

fn short(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// What was to be reached, and what was.
pub struct Figures {
    rows: Vec<[String; 4]>,
    missed: usize,
    load_before: String,
}

impl Figures {
    pub fn begin() -> Self {
        Self { rows: Vec::new(), missed: 0, load_before: load() }
    }

    pub fn at_most(&mut self, what: &str, unit: &str, target: f64, figures: &Spread) {
        self.row(what, format!("<= {}{unit}", short(target)), figures, figures.median() <= target);
    }

    pub fn row(&mut self, what: &str, target: String, figures: &Spread, reached: bool) {
        self.missed += usize::from(!reached);
        let verdict = if reached { "reached" } else { "MISSED" };
        let row = [what.to_string(), target, figures.text(), verdict.to_string()];
        eprintln!("{}", row.join("  "));
        self.rows.push(row);
    }

    /// Prints the table; an error if a target was missed.
    pub fn end(self) -> Result<()> {
        let mut table = String::from("| what | target | median (extremes) | |\n|---|---|---|---|\n");
        for row in &self.rows {
            let _ = writeln!(table, "| {} |", row.join(" | "));
        }
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        println!("\n{table}\n{cores} cores; load average before {}, after {}", self.load_before, load());
        ensure!(self.missed == 0, "{} of {} targets were missed", self.missed, self.rows.len());
        Ok(())
    }
}

/// Of the last minute. Above the number of cores nothing here can be trusted.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_string()
}
