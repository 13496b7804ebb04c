//! The page shows whole files, each as it is built and run.

use std::fs;
use std::path::Path;

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Language and file of a block, and its text.
fn blocks() -> Vec<(String, String)> {
    let text = read("docs/own-kind.md");
    let parts: Vec<&str> = text.split("\n```").collect();
    let block = |part: &&str| part.split_once('\n').map(|(head, body)| (head.to_string(), format!("{body}\n")));
    parts.iter().skip(1).step_by(2).filter_map(block).collect()
}

pub fn what_it_shows_is_what_is_tested() {
    let mut shown = Vec::new();
    for (head, body) in blocks() {
        let Some((_, file)) = head.split_once(" file ") else { continue };
        assert_eq!(body, read(&format!("tests/own_kind/{file}")), "{file}: the page shows something else");
        shown.push(file.to_string());
    }
    shown.sort();
    let all = ["lib/ticket.py", "lib/ticket.yaml", "maintenance/mod.rs", "maintenance/page.md", "program.rs"];
    assert_eq!(shown, all);
}

pub fn every_method_of_the_contract_is_in_it() {
    let (contract, page) = (read("src/kind/contract.rs"), read("docs/own-kind.md"));
    let of_kind = contract.split("pub trait Kind").nth(1).unwrap();
    let names = of_kind.lines().filter_map(|line| {
        let line = line.strip_prefix("    ")?;
        let rest = line.strip_prefix("fn ").or(line.strip_prefix("const ")).or(line.strip_prefix("type "))?;
        Some(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>())
    });
    let missing: Vec<String> = names.filter(|name| !page.contains(&format!("| `{name}`"))).collect();
    assert!(missing.is_empty(), "not in the page: {missing:?}");
}
