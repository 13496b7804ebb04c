//! `explain`: the reference, offline: a kind with its fields, a code, a key of the language.

mod codes;
mod fields;
mod keys;
mod kind;

use serde_json::{Value, json};

use super::Failure;
use super::context::Context;
use super::failure::ARGUMENT;
use super::kinds::summary;
use super::looking::{print, print_json};
use crate::kinds;
use crate::runbook::suggest;

pub fn explain(context: &Context, word: Option<&str>) -> Result<(), Failure> {
    let (text, value) = match word {
        Some(word) => page(word).ok_or_else(|| unknown(word))?,
        None => list(),
    };
    if context.json { print_json(&value) } else { print(text) }
}

/// For people and for programs.
type Explained = (String, Value);

fn page(word: &str) -> Option<Explained> {
    if let Some(page) = codes::find(word) {
        return Some((page.text(), page.json()));
    }
    if let Some(kind) = kinds::find(word) {
        return Some((kind::text(kind), kind::json(kind)));
    }
    keys::find(word).map(|key| (key.text(), key.json()))
}

fn unknown(word: &str) -> Failure {
    let words: Vec<&str> = words().collect();
    let failure = Failure::usage(ARGUMENT, format!("there is nothing to say about `{word}`"));
    match suggest::nearest(word, words) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint("`regrow explain` lists what can be explained"),
    }
}

fn words() -> impl Iterator<Item = &'static str> {
    let codes = codes::pages().iter().map(|page| page.code);
    kinds::all().map(|kind| kind.name()).chain(keys::names()).chain(codes)
}

fn list() -> Explained {
    let kinds = kinds::all().map(|kind| format!("  {:23} {}\n", kind.name(), summary(kind)));
    let keys: Vec<&str> = keys::names().collect();
    let codes = codes::pages().iter().map(|page| format!("  {} {}\n", page.code, page.title));
    let text = format!(
        "Kinds\n\n{}\nKeys\n\n{}\n\nCodes\n\n{}",
        kinds.collect::<String>(),
        rows(&keys, 90),
        codes.collect::<String>()
    );
    let codes: Vec<Value> = codes::pages().iter().map(|page| json!({"code": page.code, "title": page.title})).collect();
    let kinds: Vec<&str> = kinds::all().map(|kind| kind.name()).collect();
    (text, json!({"kinds": kinds, "keys": keys, "codes": codes}))
}

/// Words in lines of some width.
fn rows(words: &[&str], width: usize) -> String {
    let mut lines = vec![String::from(" ")];
    for word in words {
        if lines.last().is_some_and(|line| line.len() + word.len() > width) {
            lines.push(String::from(" "));
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_named() {
        for (wrong, right) in
            [("postgres.restor", "postgres.restore"), ("rg0203", "RG0203"), ("RG70077", "RG7007"), ("nedes", "needs")]
        {
            let text = match page(wrong) {
                Some((text, _)) => text,
                None => unknown(wrong).hint.unwrap(),
            };
            assert!(text.contains(right), "{wrong}: {text}");
        }
        assert_eq!(unknown("zzzzzzzzz").exit, crate::cli::exit::USAGE);
    }

    #[test]
    fn the_list_names_every_word() {
        let (text, _) = list();
        for word in words() {
            assert!(text.contains(word), "{word}");
        }
    }
}
