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

/// What is wrong with one field hides nothing that is wrong with another, and what is plain to see is said.
#[test]
fn all_that_is_wrong_with_the_fields_of_a_kind_is_said_at_once() {
    let with = |with: &str| {
        let (uses, with) = with.split_once(' ').unwrap();
        let text = format!(
            "version: 1\nname: x\nseverity: partial\nsteps:\n  - id: a\n    needs: []\n    uses: {uses}\n    with: {with}\n"
        );
        let problems = runbook::check(&runbook::parse_text("x.yaml", &text).unwrap(), &Kinds);
        let said = |it: runbook::Problem| format!("{} {}", it.code, it.help.unwrap_or(it.message));
        problems.into_iter().map(said).collect::<Vec<_>>()
    };
    for (written, codes) in [
        (
            "postgres.restore { backup: /b, data_directory: c, as_of: yesterday }",
            "RG0502 it is a mapping with keys such as `base`, `wal`, `pgbackrest`; RG2402",
        ),
        ("kubernetes.scale { object: deployment/x, replicas: \"0\" }", "RG0502 without quotes: `replicas: 0`"),
        ("manual.task { instructions: x, form: { t: string } }", "RG0502 write `t: { type: string }`"),
        (
            "dns.update { provider: rfc2136, zone: example.org, server: 127.0.0.1, records: [{ name: www, type: AA, values: 192.0.2.1 }] }",
            "RG0503 there is `A`; RG0502 write `values: [192.0.2.1]`",
        ),
    ] {
        let said = with(written);
        assert_eq!(said.len(), codes.split("; ").count(), "{written}: {said:#?}");
        let fits = said.iter().zip(codes.split("; ")).all(|(said, wanted)| said.starts_with(wanted));
        assert!(fits, "{written}: {said:#?}");
    }
}
