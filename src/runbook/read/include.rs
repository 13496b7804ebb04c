//! `include`: a step that stands for the steps of another file, and such a file.

use indexmap::IndexMap;

use super::fields::Fields;
use super::{params, scalars, top};
use crate::runbook::ast::{Include, Objectives, Runbook, RunbookSeverity};
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::keys;
use crate::runbook::tree::{Name, Node, Tree};

/// Takes from an include what cannot stand on it, and says so.
pub fn only(mut tree: Tree, report: &mut Report) -> Tree {
    if tree.get("include").is_none_or(Tree::is_null) {
        return tree;
    }
    let Node::Map(entries) = &mut tree.node else { return tree };
    entries.retain(|entry| {
        let key = entry.key.text.as_str();
        let misplaced = keys::STEP.knows(key) && !keys::ON_INCLUDE.contains(&key);
        match key {
            _ if !misplaced => {}
            "uses" | "run" => {
                let message = "a step has one of `uses`, `run` and `include`";
                report.error_help(codes::ONE_OF, entry.key.span, message, "take the others away");
            }
            _ => {
                let message = format!("`{key}` cannot stand on an include");
                let help = format!("write it on the steps of the file; an include takes {}", listed(keys::ON_INCLUDE));
                report.error_help(codes::NOT_ON_INCLUDE, entry.key.span, message, help);
            }
        }
        !misplaced
    });
    tree
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
    Some(Runbook {
        name: String::new(),
        title: None,
        description,
        severity: RunbookSeverity::Complete,
        objectives: Objectives::default(),
        responders: IndexMap::new(),
        people_file: None,
        people: IndexMap::new(),
        params: top.take("params").map(|entry| params::specs(entry, report)).unwrap_or_default(),
        secrets: IndexMap::new(),
        vars: IndexMap::new(),
        steps: top::steps(&mut top, report),
        finally: Vec::new(),
        outputs: outputs.unwrap_or_default(),
    })
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
                "finally" => "move these steps to `finally` of the runbook",
                _ => "take it away; an included file has `params`, `steps` and `outputs`",
            };
            report.error_help(codes::UNKNOWN_KEY, entry.key.span, message, help);
        }
        !foreign
    });
}
