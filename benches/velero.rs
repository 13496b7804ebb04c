//! What `velero.restore` costs beside the restore itself, and the complete runbook beside its critical path.
//!
//! `cargo bench --bench velero`. Velero says when its restore began and ended, in whole seconds: what is over that is the whole command,
//! from its start to its end, report of the run included. The complete runbook is that of `cargo rig demo complete`, without the kill; its
//! report says which chain of steps ended last and how long each worked. What people were waited for on that chain counts in neither;
//! whoever is asked for something else meanwhile holds nothing up.
//! `REGROW_BENCH_ROUNDS` says how often, `REGROW_BENCH_ONLY` which part: restore, complete. Ends with an error where a target is
//! missed.

#[path = "support/parts.rs"]
mod parts;
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rig::Scratch;
use rig::demo::{Disaster, Stage};
use rig::servers::{Cluster, MinIo, Velero};
use serde_json::{Value, json};

use parts::Bench;
use support::{Figures, Spread, rounds, seconds};

/// Objects in the backup.
const OBJECTS: usize = 300;

fn main() -> Result<()> {
    parts::measure(&[("restore", restore), ("complete", complete)])
}

fn restore(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let scratch = Scratch::new()?;
    let (cluster, s3) = (Cluster::start(&scratch)?, MinIo::start(&scratch)?);
    let velero = Velero::start(&scratch, &cluster, &s3)?;
    let folder = bench.path().join("restore");
    fs::create_dir(&folder)?;
    let map = |at| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("c{at}"), "namespace": "edx"}});
    let items: Vec<Value> = (0..OBJECTS).map(map).collect();
    fs::write(folder.join("maps.json"), json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string())?;
    cluster.said(&["create", "namespace", "edx"])?;
    cluster.said(&["create", "-f", &folder.join("maps.json").display().to_string()])?;
    velero.backup("b", "edx", &[])?;
    let (mut ours, mut theirs) = (Spread::default(), Spread::default());
    for round in 0..rounds(10) {
        let (run, space) = (format!("round{round}"), format!("edx-{round}"));
        fs::write(folder.join("book.yaml"), book(&cluster.kubeconfig(), &space))?;
        let mut regrow = Command::new(&bench.regrow);
        regrow
            .args(["--state", "state", "run", "book.yaml", "--yes", "--no-wait", "--run-id", &run])
            .current_dir(&folder);
        let took = seconds(&mut regrow)?;
        let back = cluster.said(&["get", "configmaps", "-n", &space, "-o", "name"])?;
        ensure!(back.lines().count() == OBJECTS + 1, "not all is back in {space}");
        ours.add(took);
        theirs.add(reported(&cluster, &run)?);
    }
    let over = Spread::of(ours.each().zip(theirs.each()).map(|(ours, theirs)| ours - theirs));
    eprintln!("{OBJECTS} objects: the command {} s, Velero reports {} s", ours.text(), theirs.text());
    figures.at_most("velero.restore: over what Velero reports", " s", 1.0, &over);
    Ok(())
}

fn book(kubeconfig: &Path, space: &str) -> String {
    format!(
        "version: 1\nname: bench\nseverity: partial\nsteps:\n  - id: it\n    needs: []\n    uses: velero.restore\n    with:\n\
         \x20     kubeconfig: {}\n      backup: b\n      namespace_mapping: {{ edx: {space} }}\n",
        kubeconfig.display()
    )
}

/// Seconds from the start to the end of the one restore of that run.
fn reported(cluster: &Cluster, run: &str) -> Result<f64> {
    let all = cluster.said(&["get", "restores", "-n", "velero", "-o", "json"])?;
    let all: Value = serde_json::from_str(&all)?;
    let of_run = |it: &&Value| it["metadata"]["annotations"]["regrow.dev/operation"] == format!("{run}.it.1");
    let one = all["items"].as_array().into_iter().flatten().find(of_run).context("there is no restore of the run")?;
    let at = |name: &str| -> Result<jiff::Timestamp> {
        Ok(one["status"][name].as_str().context("the restore does not say when it was")?.parse()?)
    };
    Ok(at("completionTimestamp")?.duration_since(at("startTimestamp")?).as_secs_f64())
}

fn complete(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let mut over = Spread::default();
    for round in 0..rounds(3) {
        let scratch = Scratch::new()?;
        let kept = bench.path().join(format!("complete-{round}"));
        fs::create_dir(&kept)?;
        let stage =
            Stage { scratch: &scratch, regrow: bench.regrow.clone(), kept: kept.clone(), rows: 600_000, kills: false };
        let problems = tokio::runtime::Runtime::new()?.block_on(stage.play(Disaster::Complete))?;
        ensure!(problems.is_empty(), "{problems:#?}");
        over.add(over_its_path(&bench.regrow, &kept.join("state"))?);
    }
    figures.at_most("complete.yaml on the rig: x its critical path", "", 1.05, &over);
    Ok(())
}

/// The time of a run in terms of the work on the chain that ended last, without waits for people on that chain.
fn over_its_path(regrow: &Path, state: &Path) -> Result<f64> {
    let said = Command::new(regrow).arg("--state").arg(state).args(["report", "demo", "--format", "json"]).output()?;
    let report: Value = serde_json::from_slice(&said.stdout).context("the report is no JSON")?;
    let ms = |value: &Value| value.as_f64().unwrap_or_default();
    let steps = report["steps"].as_array().context("the report has no steps")?;
    let worked =
        |leg: &Value| steps.iter().find(|step| step["id"] == leg["step"]).map_or(0.0, |step| ms(&step["worked_ms"]));
    let legs: Vec<&Value> = report["actual_path"].as_array().into_iter().flatten().collect();
    let path: f64 = legs.iter().map(|leg| worked(leg)).sum();
    // A step of an include or a list waits for what stands before the whole.
    let is_on_it = |step: &str| {
        let mut steps = legs.iter().filter_map(|leg| leg["step"].as_str());
        steps.any(|leg| leg.strip_prefix(step).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':'])))
    };
    let waits = report["waits"].as_array().context("the report has no waits")?.iter();
    let waits = waits.filter(|wait| wait["step"].as_str().is_some_and(is_on_it));
    let all = ms(&report["times"]["elapsed_ms"]) - waits.map(|wait| ms(&wait["waited_ms"])).sum::<f64>();
    eprintln!("the run took {:.1} s without people, {:.1} s of it on its longest way", all / 1e3, path / 1e3);
    ensure!(path > 0.0, "no step of the longest way worked");
    Ok(all / path)
}
