//! Steps that are done by others: an `include` stands for the steps of another file, a block holds them itself.

use indexmap::IndexMap;

use super::fields::Fields;
use super::{params, scalars, top};
use crate::runbook::ast::{Include, Runbook};
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::keys;
use crate::runbook::tree::{Name, Node, Tree};

/// Takes from an include, a block or a `try` what cannot stand on it, and says so.
pub fn only(mut tree: Tree, report: &mut Report) -> Tree {
    let has = |key: &str| tree.get(key).is_some_and(|value| !value.is_null());
    let (code, what, taken, whose) = match (has("include"), has("steps"), has("try")) {
        (true, ..) => (codes::NOT_ON_INCLUDE, "an include", keys::ON_INCLUDE, "the steps of the file"),
        (false, true, _) => (codes::NOT_ON_BLOCK, "a block", keys::ON_BLOCK, "its steps"),
        (false, false, true) => (codes::NOT_IN_TRY, "a `try`", keys::ON_TRY, "its ways"),
        (false, false, false) => return tree,
    };
    let has_ways = code == codes::NOT_IN_TRY;
    let Node::Map(entries) = &mut tree.node else { return tree };
    entries.retain(|entry| {
        let key = entry.key.text.as_str();
        let misplaced = keys::STEP.knows(key) && !taken.contains(&key);
        match key {
            _ if !misplaced => {}
            "uses" | "run" | "steps" | "try" => {
                let message = "a step has one of `uses`, `run`, `steps`, `try` and `include`";
                report.error_help(codes::ONE_OF, entry.key.span, message, "take the others away");
            }
            "with" => {
                let message = format!("`with` cannot stand on {what}: its steps see the names of the runbook");
                report.error_help(code, entry.key.span, message, "read `params`, `vars` and `item` in the steps");
            }
            "outputs" if has_ways => {
                let message = "`outputs` cannot stand on a `try`: it puts out what the way that succeeds puts out";
                report.error_help(code, entry.key.span, message, "take it away; every way gives the same outputs");
            }
            "outputs" => {
                let message = "`outputs` cannot stand on an include: the file says what it shows";
                report.error_help(code, entry.key.span, message, "write `outputs:` in the file");
            }
            _ => {
                let message = format!("`{key}` cannot stand on {what}");
                let help = format!("write it on {whose}{}; {what} takes {}", instead(key), listed(taken));
                report.error_help(code, entry.key.span, message, help);
            }
        }
        !misplaced
    });
    tree
}

/// Why what is said of a step cannot be said of several, and what can.
fn instead(key: &str) -> &'static str {
    match key {
        "timeout" => ": each has attempts of its own; `deadline` covers all of them",
        "lock" => ": each holds it while it runs, and between two of them others may",
        "estimate" => ": the whole is worked out from them",
        _ => "",
    }
}

/// The steps of a block, and what they show.
pub fn block(fields: &mut Fields, report: &mut Report) -> Option<Runbook> {
    let outputs = fields.take("outputs");
    let Some(steps) = fields.take("steps") else {
        if let Some(outputs) = outputs {
            let message = "`outputs` means nothing without `steps`";
            let help = "what a `run` puts out is declared in `with`: `with: { outputs: { NAME: { type: string } } }`";
            report.error_help(codes::MISSING_FIELD, outputs.key.span, message, help);
        }
        return None;
    };
    let steps = top::filled(steps, report);
    Some(Runbook::of_steps(steps, outputs.map(|entry| top::values(entry, "outputs", report)).unwrap_or_default()))
}

/// The ways of a `try`. What each puts out is what the step puts out.
pub fn ways(fields: &mut Fields, report: &mut Report) -> Option<Runbook> {
    let mut entry = fields.take("try")?;
    let at = entry.key.span;
    if let Node::List(ways) = &mut entry.value.node {
        if ways.len() == 1 {
            let message = "a `try` with one way has nothing to try after it";
            report.error_help(codes::MISSING_FIELD, at, message, "add another way, or write the step without `try`");
        }
        ways.iter_mut().for_each(|way| only_a_way(way, report));
    }
    Some(Runbook::of_steps(top::filled(entry, report), IndexMap::new()))
}

fn only_a_way(way: &mut Tree, report: &mut Report) {
    let Node::Map(entries) = &mut way.node else { return };
    entries.retain(|entry| {
        let key = entry.key.text.as_str();
        let misplaced = keys::NOT_ON_WAY.contains(&key);
        if misplaced {
            let help = match key {
                "needs" => "they follow one another as they are written; write `needs:` on the `try`",
                "allow_failure" => "a way may always fail; write it on the `try` if all of them may",
                "try" => "write its ways here, among the others",
                _ => "a way is done once; write the list in a block of it: `steps:` with a step that has `foreach:`",
            };
            let message = format!("`{key}` cannot stand on a way of a `try`");
            report.error_help(codes::NOT_IN_TRY, entry.key.span, message, help);
        }
        !misplaced
    });
}

fn listed(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

/// The file is read later, once it is known from where.
pub fn read(fields: &mut Fields, report: &mut Report) -> Option<Include> {
    let entry = fields.take("include")?;
    let path = Name { text: scalars::text(&entry, report)?, span: entry.value.span };
    Some(Include { path, part: None })
}

/// A file that is included: `params`, `steps` and `outputs`.
pub fn part(mut tree: Tree, report: &mut Report) -> Option<Runbook> {
    of_a_runbook(&mut tree, report);
    let begins = "an included file has `params:`, `steps:` and `outputs:`";
    let mut top = top::open(tree, &keys::PART, begins, report)?;
    let description = top.take("description").and_then(|entry| scalars::text(&entry, report));
    let outputs = top.take("outputs").map(|entry| top::values(entry, "outputs", report));
    let params = top.take("params").map(|entry| params::specs(entry, report)).unwrap_or_default();
    let book = Runbook::of_steps(top::steps(&mut top, report), outputs.unwrap_or_default());
    Some(Runbook { description, params, ..book })
}

/// Keys that only the runbook has: it says them once for the whole run.
fn of_a_runbook(tree: &mut Tree, report: &mut Report) {
    let Node::Map(entries) = &mut tree.node else { return };
    entries.retain(|entry| {
        let key = entry.key.text.as_str();
        let foreign = (keys::TOP.knows(key) || keys::TOP.later.contains(&key)) && !keys::PART.knows(key);
        if foreign {
            let message = format!("`{key}` belongs to the runbook, not to a file that it includes");
            let help = match key {
                "vars" | "secrets" => "declare a parameter here, and hand the value in by `with` of the include",
                "holds" => "write them in the runbook, and `under` on the step there that includes this file",
                "finally" => "move these steps to `finally` of the runbook",
                _ => "take it away; an included file has `params`, `steps` and `outputs`",
            };
            report.error_help(codes::UNKNOWN_KEY, entry.key.span, message, help);
        }
        !foreign
    });
}
