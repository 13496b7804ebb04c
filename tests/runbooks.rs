//! The runbooks that come with the program: sound, without a warning, and planned with their own examples.

use std::fs;
use std::path::{Path, PathBuf};

use regrow::kinds::Kinds;
use regrow::runbook::{self, ast::Step};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files
}

#[test]
fn every_runbook_is_sound_without_a_warning() {
    let mut names = Vec::new();
    for path in files("runbooks") {
        let loaded = runbook::load(&path).unwrap_or_else(|problems| panic!("{}: {problems:#?}", path.display()));
        let problems = runbook::check(&loaded, &Kinds);
        assert!(problems.is_empty(), "{}: {problems:#?}", path.display());
        names.push(loaded.runbook.name);
    }
    assert_eq!(names, ["complete", "partial", "restore-objects", "restore-only"]);
}

#[test]
fn every_example_is_sound_without_a_warning() {
    let mut names = Vec::new();
    for path in files("runbooks/examples") {
        let loaded = runbook::load(&path).unwrap_or_else(|problems| panic!("{}: {problems:#?}", path.display()));
        let problems = runbook::check(&loaded, &Kinds);
        assert!(problems.is_empty(), "{}: {problems:#?}", path.display());
        names.push(loaded.runbook.name);
    }
    assert_eq!(
        names,
        ["faster", "maintenance", "promote", "redeploy", "rejoin", "repaired", "second-way", "worked-anyway"]
    );
}

#[test]
fn every_file_of_the_library_is_included_by_one_of_them() {
    let included: Vec<String> =
        files("runbooks").iter().flat_map(|path| runbook::load(path).unwrap().files.into_keys()).collect();
    for path in files("runbooks/lib") {
        let key = format!("lib/{}", path.file_name().unwrap().to_string_lossy());
        assert!(included.contains(&key), "nothing includes {key}, so nothing checks it");
    }
}

/// What nobody can do yet stands as a comment: a step that only pretends would be believed on the bad day.
#[test]
fn every_step_acts() {
    fn judge(step: &Step) {
        assert_ne!(step.kind, "manual.task", "`{}` stands for something else", step.id);
        step.part().into_iter().flat_map(|part| &part.book.steps).for_each(judge);
    }
    for path in files("runbooks") {
        runbook::load(&path).unwrap().runbook.all_steps().for_each(|(_, step)| judge(step));
    }
}

#[test]
fn every_runbook_is_planned_with_its_own_examples() {
    for path in files("runbooks") {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_regrow"));
        command.args(["plan", "--json"]).arg(&path).env_clear();
        command.envs([
            ("LIVE_PGPASSWORD", "planned-only"),
            ("NEW_PGPASSWORD", "planned-only"),
            ("DNS_TSIG_SECRET", "cGxhbm5lZC1vbmx5"),
            ("HOME", "/nowhere"),
        ]);
        for (name, spec) in &runbook::load(&path).unwrap().runbook.params {
            let Some(example) = &spec.example else { continue };
            for one in example.as_array().map_or(std::slice::from_ref(example), Vec::as_slice) {
                command.args(["--param", &format!("{name}={}", one.as_str().unwrap())]);
            }
        }
        let output = command.output().unwrap();
        let plan: serde_json::Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}: {}", path.display(), String::from_utf8_lossy(&output.stderr)));
        let steps = plan["steps"].as_array().unwrap();
        let unknown: Vec<_> = steps.iter().filter(|step| step["state"] == "unknown_until_run").collect();
        assert!(!steps.is_empty() && unknown.is_empty(), "{}: {unknown:#?}", path.display());
        assert!(!String::from_utf8_lossy(&output.stdout).contains("planned-only"));
    }
}
