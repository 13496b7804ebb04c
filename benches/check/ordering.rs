//! How long a run takes on a clock of its own: the longest way first, against what no order can beat and against the order
//! in which steps become ready.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use fastrand::Rng;
use jiff::Timestamp;
use regrow::kinds;
use regrow::plan::schedule::{bound, makespan};
use regrow::plan::{Binding, Plan};
use regrow::runbook::ast::ParamSpec;
use regrow::runbook::{Loaded, load, parse_text};
use serde_json::{Value, json};

use crate::Bench;
use crate::support::{Figures, Spread};

pub fn measure(_: &Bench, figures: &mut Figures) -> Result<()> {
    let mut rng = Rng::with_seed(11);
    let mut ratios = Vec::new();
    for _ in 0..1000 {
        let loaded = parse_text("random", &random(&mut rng)).map_err(|problems| anyhow!("{problems:?}"))?;
        let plan = bind(loaded)?;
        let at_once = rng.usize(2..=4);
        ratios.push(longest_first(&plan, at_once) as f64 / bound(&plan.outline, at_once) as f64);
    }
    let average = ratios.iter().sum::<f64>() / ratios.len() as f64;
    let all = Spread::of(ratios);
    eprintln!("1,000 random graphs, makespan over the bound: {}", all.text());
    figures.at_most("makespan of 1,000 random graphs, average: x bound", "", 1.05, &Spread::of([average]));
    for file in shipped()? {
        against_first_ready(&file, figures)?;
    }
    Ok(())
}

fn longest_first(plan: &Plan, at_once: usize) -> u64 {
    makespan(&plan.outline, at_once, |node| (Reverse(plan.outline.steps[node].remaining_seconds), node))
}

fn shipped() -> Result<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        files.push(entry?.path());
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    Ok(files)
}

/// What becomes ready first starts first: of that moment, the order of the file.
fn against_first_ready(file: &Path, figures: &mut Figures) -> Result<()> {
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let plan = bind(load(file).map_err(|problems| anyhow!("{problems:?}"))?).with_context(|| name.clone())?;
    let mut best = Spread::default();
    let mut said = Vec::new();
    // Where first ready takes no longer than the bound, no order can be better.
    let mut could_gain = false;
    for at_once in [2, 3, 4, 8] {
        let first_ready = makespan(&plan.outline, at_once, |node| (first_possible(&plan, node), node));
        let (ours, least) = (longest_first(&plan, at_once), bound(&plan.outline, at_once));
        ensure!(ours >= least, "`{name}` beats what no order can beat");
        could_gain |= first_ready > least;
        said.push(format!("{at_once} at once: {ours} s, first ready {first_ready} s, bound {least} s"));
        best.add(1.0 - ours as f64 / first_ready as f64);
    }
    eprintln!("{name}: {}", said.join("; "));
    let steps = plan.outline.steps.iter().filter(|step| !step.finally).count();
    let most = best.each().fold(0.0, f64::max);
    let what = format!("`{name}`, {steps} steps: time saved over first ready");
    let target = if could_gain { ">= 0.15" } else { "first ready is the bound: nothing to gain" };
    figures.row(&what, target.to_string(), &best, !could_gain || most >= 0.15);
    Ok(())
}

/// Seconds until all its needs can have ended: who is ready earlier stands earlier in the queue.
fn first_possible(plan: &Plan, node: usize) -> u64 {
    let mut start: BTreeMap<usize, u64> = BTreeMap::new();
    for &at in plan.graph.order() {
        let step = &plan.outline.steps[at];
        let ended = |need: usize| {
            start.get(&need).copied().unwrap_or(0) + plan.outline.steps[need].estimate_seconds.unwrap_or(1)
        };
        let group = step.group.map(|group| start.get(&group).copied().unwrap_or(0));
        let begins = step.needs.iter().map(|need| ended(need.step)).chain(group).max().unwrap_or(0);
        start.insert(at, begins);
    }
    start[&node]
}

fn bind(loaded: Loaded) -> Result<Plan> {
    let params = loaded.runbook.params.iter().map(|(name, spec)| (name.clone(), stand_in(spec))).collect();
    let run = "bench".parse().map_err(|why: String| anyhow!(why))?;
    let binding = Binding::new(run, Timestamp::UNIX_EPOCH, params);
    Plan::bind(loaded.runbook, &loaded.texts.digest(), binding, kinds::find).map_err(|fault| anyhow!("{fault}"))
}

/// What is said to be usual; else anything of its type.
fn stand_in(spec: &ParamSpec) -> Value {
    let said = spec.default.clone().or_else(|| spec.example.clone()).or_else(|| spec.choices.first().cloned());
    said.unwrap_or_else(|| match spec.kind.word() {
        "integer" | "number" => json!(1),
        "boolean" => json!(true),
        "list" => json!(["one", "two"]),
        "map" => json!({ "one": "a" }),
        "timestamp" => json!("2026-11-22T14:00:00Z"),
        "duration" => json!("1h"),
        _ => json!("text"),
    })
}

/// Work on two to four resources, in layers, as recoveries are: everything of a system needs some of what stands before.
fn random(rng: &mut Rng) -> String {
    let mut text = String::from("version: 1\nname: random\nseverity: partial\nsteps:\n");
    let resources = rng.usize(2..=4);
    for step in 0..rng.usize(20..=60_usize) {
        let mut needs: Vec<usize> =
            (0..step.min(rng.usize(0..3))).map(|_| rng.usize(step.saturating_sub(12)..step)).collect();
        needs.sort_unstable();
        needs.dedup();
        let needs: Vec<String> = needs.iter().map(|need| format!("s{need}")).collect();
        let lock = if rng.u8(..4) == 0 { format!(", lock: l{}", rng.usize(..resources)) } else { String::new() };
        let _ = writeln!(
            text,
            "  - {{ id: s{step}, needs: [{}], uses: run, estimate: {}s, with: {{ command: [echo] }}{lock} }}",
            needs.join(", "),
            rng.u64(1..=60)
        );
    }
    text
}
