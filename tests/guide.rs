//! The author's guide: every runbook in it is sound, every fragment is part of a sound one, and every command there is.
//! A block `yaml fragment` is completed: with the head of a runbook, and with a step if it has none. A block `yaml file NAME` is
//! that file beside those behind it.

use std::path::Path;
use std::process::{Command, Stdio};

use regrow::kinds::Kinds;
use regrow::runbook::{check, parse_text};

struct Block {
    line: usize,
    language: String,
    text: String,
}

fn blocks() -> Vec<Block> {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guide.md");
    let text = std::fs::read_to_string(guide).expect("the guide");
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    for (at, line) in text.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if inside => inside = false,
            Some(language) => {
                inside = true;
                blocks.push(Block { line: at + 1, language: language.to_string(), text: String::new() });
            }
            None if inside => {
                let block = blocks.last_mut().expect("one is open");
                block.text.push_str(line);
                block.text.push('\n');
            }
            None => {}
        }
    }
    assert!(!inside, "the last block of the guide has no end");
    blocks
}

fn completed(fragment: &str) -> String {
    let head = "version: 1\nname: fragment\nseverity: partial\n";
    if fragment.starts_with("- ") {
        let steps: String = fragment.lines().map(|line| format!("  {line}\n")).collect();
        return format!("{head}steps:\n{steps}");
    }
    let step = if fragment.contains("steps:") { "" } else { "steps: [{ id: step, run: echo, needs: [] }]\n" };
    format!("{head}{fragment}{step}")
}

#[test]
fn every_example_is_sound() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut wrong = Vec::new();
    let mut tried = 0;
    for block in blocks() {
        if let Some(name) = block.language.strip_prefix("yaml file ") {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            std::fs::write(file, &block.text).expect("a file");
            continue;
        }
        let text = match block.language.as_str() {
            "yaml" => block.text,
            "yaml fragment" => completed(&block.text),
            "console" => continue,
            other => panic!("line {}: a block of `{other}`, which nothing tries", block.line),
        };
        tried += 1;
        let name = folder.path().join(format!("block at line {}", block.line));
        let problems = parse_text(&name.to_string_lossy(), &text)
            .map_or_else(|problems| problems, |loaded| check(&loaded, &Kinds));
        wrong.extend(
            problems
                .iter()
                .map(|problem| format!("{}{:?}\n{text}", regrow::cli::problems::line(problem), problem.help)),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried >= 15, "only {tried} examples");
}

#[test]
fn every_command_is_there() {
    for block in blocks().into_iter().filter(|block| block.language == "console") {
        for line in block.text.lines().filter_map(|line| line.strip_prefix("$ regrow ")) {
            let word = line.split_whitespace().next().unwrap_or_default();
            let status =
                Command::new(env!("CARGO_BIN_EXE_regrow")).args([word, "--help"]).stdout(Stdio::null()).status();
            assert!(status.expect("regrow starts").success(), "line {}: there is no `regrow {word}`", block.line);
        }
    }
}
