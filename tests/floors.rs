//! Holds the code to its floors: a module uses its own floor and those below it, kinds never use the engine or one another.

use std::fs;
use std::path::{Path, PathBuf};

const FLOORS: [(&str, u8); 13] = [
    ("model", 0),
    ("graph", 1),
    ("runbook", 1),
    ("journal", 2),
    ("kind", 2),
    ("provider", 2),
    ("engine", 3),
    ("kinds", 3),
    ("plan", 3),
    ("report", 4),
    ("view", 4),
    ("live", 4),
    ("cli", 5),
];

fn floor(module: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every `crate::a::b` of a text, without what stands in comments.
fn uses(text: &str) -> Vec<(String, String)> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let word = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let after = |rest: &str| {
        let first = word(rest);
        let second = rest[first.len()..].strip_prefix("::").map(word).unwrap_or_default();
        (first, second)
    };
    code.split("crate::").skip(1).map(after).collect()
}

#[test]
fn modules_only_look_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let place = file.strip_prefix(&root).unwrap().with_extension("");
        let parts: Vec<&str> = place.iter().map(|part| part.to_str().unwrap()).collect();
        let Some(own) = floor(parts[0]) else { continue };
        for (module, inner) in uses(&fs::read_to_string(&file).unwrap()) {
            let upward = floor(&module).is_some_and(|theirs| theirs > own);
            let kind_uses_engine = parts[0] == "kinds" && ["engine"].contains(&module.as_str());
            let kinds_meet =
                parts[0] == "kinds" && module == "kinds" && parts.len() > 2 && !inner.is_empty() && inner != parts[1];
            if upward || kind_uses_engine || kinds_meet {
                wrong.push(format!("{} uses crate::{module}::{inner}", place.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Where text is cut by characters that nobody else wrote, or nothing of it is shown.
const CUTS: [&str; 8] = [
    "kinds/kubernetes_job/body.rs",
    "kinds/velero_restore/params.rs",
    "provider/clock.rs",
    "provider/kubernetes/cluster.rs",
    "provider/mask.rs",
    "provider/postgres/question.rs",
    "provider/postgres/testing.rs",
    "provider/s3/own.rs",
];

/// Of a secret that is cut before it is masked, the part that is left is never found.
#[test]
fn what_others_said_is_masked_before_it_is_cut() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    ["kinds", "provider"].iter().for_each(|part| sources(&root.join(part), &mut files));
    let mut wrong = Vec::new();
    for file in files {
        let name = file.strip_prefix(&root).unwrap().display().to_string();
        let text = fs::read_to_string(&file).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let cuts = code.filter(|line| line.contains(".chars()") && line.contains(".take("));
        if !CUTS.contains(&name.as_str()) {
            wrong.extend(cuts.map(|line| format!("{name}: {}", line.trim())));
        }
    }
    assert!(wrong.is_empty(), "a `Masker` cuts what others said, these do it by themselves:\n{}", wrong.join("\n"));
}

/// Where text leaves for a terminal: each of these cleans what it sends, and nothing else sends anything.
const SINKS: [&str; 8] = [
    "cli/events.rs",
    "cli/follow.rs",
    "cli/logs.rs",
    "cli/looking.rs",
    "cli/problems.rs",
    "cli/report.rs",
    "report/lines.rs",
    "report/terminal.rs",
];

#[test]
fn what_is_shown_goes_through_few_doors() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    ["cli", "view", "report", "plan", "engine", "kinds"].iter().for_each(|part| sources(&root.join(part), &mut files));
    let mut wrong = Vec::new();
    for file in files {
        let name = file.strip_prefix(&root).unwrap().display().to_string();
        let text = fs::read_to_string(&file).unwrap();
        let asks = |line: &str| line.contains(".is_terminal()") || line.contains(".size");
        let sends =
            |line: &&str| ["::stdout()", "::stderr()", "print!", "println!"].iter().any(|way| line.contains(way));
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let sent = code.filter(sends).filter(|line| !asks(line));
        if !SINKS.contains(&name.as_str()) && !name.contains("/tests/") {
            wrong.extend(sent.map(|line| format!("{name}: {}", line.trim())));
        }
    }
    assert!(wrong.is_empty(), "a sink cleans what it is given, these do not pass one:\n{}", wrong.join("\n"));
}
