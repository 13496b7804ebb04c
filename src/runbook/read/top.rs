//! The top level of a runbook.

use indexmap::IndexMap;

use super::fields::{Fields, start};
use super::{defaults, holds, params, scalars, step, tell};
use crate::runbook::ast::{Minimum, Objectives, Responder, Rpo, Runbook, RunbookSeverity, SecretSpec, Somebody, Step};
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::drill;
use crate::runbook::keys::{self, SecretSource};
use crate::runbook::tree::{Entry, Name, Node, Tree};

pub fn runbook(tree: Tree, report: &mut Report) -> Option<Runbook> {
    if is_part(&tree) {
        let message = "this is a file that runbooks include, and no runbook";
        report.error_help(codes::MISSING_FIELD, start(&tree), message, "name the runbook that includes it");
        return None;
    }
    let begins = "a runbook begins with `version: 1`, `name:`, `severity:` and `steps:`";
    let mut top = open(tree, &keys::TOP, begins, report)?;
    version(&mut top, report);
    let name = top.require("name", report).and_then(|entry| name(&entry, report));
    let severity = top
        .require("severity", report)
        .and_then(|entry| scalars::word(&entry.value, &entry.key, keys::SEVERITIES, report));
    if let Some(entry) = top.take("defaults") {
        defaults::judge(entry, report);
    }
    let mut optional = |key: &str, report: &mut Report| top.take(key).and_then(|entry| scalars::text(&entry, report));
    let (title, description) = (optional("title", report), optional("description", report));
    let mut runbook = Runbook {
        name: name.unwrap_or_default(),
        title,
        description,
        severity: severity.unwrap_or(RunbookSeverity::Complete),
        objectives: top.take("objectives").map(|entry| objectives(entry, report)).unwrap_or_default(),
        people_file: top.take("people").and_then(|entry| {
            let span = entry.value.span;
            scalars::text(&entry, report).map(|text| Name { text, span })
        }),
        people: IndexMap::new(),
        responders: top.take("responders").map(|entry| responders(entry, report)).unwrap_or_default(),
        params: top.take("params").map(|entry| params::specs(entry, report)).unwrap_or_default(),
        secrets: top.take("secrets").map(|entry| secrets(entry, report)).unwrap_or_default(),
        tell: top.take("tell").map(|entry| tell::tell(entry, report)).unwrap_or_default(),
        vars: top.take("vars").map(|entry| values(entry, "variables", report)).unwrap_or_default(),
        holds: IndexMap::new(),
        drill: drill::Values::default(),
        steps: steps(&mut top, report),
        finally: top
            .take("finally")
            .and_then(|entry| scalars::list(entry, report))
            .map(|list| each(list, report))
            .unwrap_or_default(),
        outputs: IndexMap::new(),
    };
    if let Some(entry) = top.take("drill") {
        runbook.drill = super::drill::values(entry, &runbook.params, &runbook.vars, report);
    }
    if let Some(entry) = top.take("holds") {
        holds::add(entry, &mut runbook, report);
    }
    Some(runbook)
}

/// Whether only what an included file has stands in it, and something that no runbook has.
fn is_part(tree: &Tree) -> bool {
    let has = |key: &str| tree.get(key).is_some();
    has("outputs") && tree.entries().iter().all(|entry| keys::PART.knows(&entry.key.text))
}

/// The mapping that a file is. `begins` says how such a file begins.
pub fn open(tree: Tree, keys: &keys::Keys, begins: &str, report: &mut Report) -> Option<Fields> {
    if !matches!(tree.node, Node::Map(_)) {
        let what = if tree.is_null() {
            "the file is empty".to_string()
        } else {
            format!("the file is {}, not a mapping", tree.what())
        };
        report.error_help(codes::NO_MAPPING, tree.span, what, begins);
        return None;
    }
    Fields::open(tree, None, keys, report)
}

fn version(top: &mut Fields, report: &mut Report) {
    let Some(entry) = top.require("version", report) else { return };
    if !matches!(&entry.value.node, Node::Number(number) if number.as_u64() == Some(1)) {
        let at = scalars::place(&entry.value, Some(&entry.key));
        report.error_help(codes::VERSION, at, "the version of a runbook is the number 1", "write `version: 1`");
    }
}

fn name(entry: &Entry, report: &mut Report) -> Option<String> {
    let text = scalars::text(entry, report)?;
    if text.trim().is_empty() || text.len() > 200 || text.contains(['\n', '\r']) {
        let message = "`name` is one line of 1 to 200 characters";
        report.error_help(codes::BAD_FORMAT, entry.value.span, message, "write more of it in `description`");
        return None;
    }
    Some(text)
}

pub fn steps(top: &mut Fields, report: &mut Report) -> Vec<Step> {
    top.require("steps", report).map(|entry| filled(entry, report)).unwrap_or_default()
}

/// A list of steps with one in it.
pub fn filled(entry: Entry, report: &mut Report) -> Vec<Step> {
    let key = entry.key.clone();
    let at = scalars::place(&entry.value, Some(&key));
    let Some(list) = scalars::list(entry, report) else { return Vec::new() };
    if list.is_empty() {
        let message = format!("`{}` holds no step", key.text);
        report.error_help(codes::MISSING_FIELD, at, message, "add one: `- { id: NAME, needs: [], run: … }`");
    }
    each(list, report)
}

fn each(list: Vec<Tree>, report: &mut Report) -> Vec<Step> {
    // As much room as is needed: a collected filter takes up to twice of it, and a step is large.
    let mut steps = Vec::with_capacity(list.len());
    steps.extend(list.into_iter().flat_map(|tree| step::step(tree, report)));
    steps
}

fn objectives(entry: Entry, report: &mut Report) -> Objectives {
    let Some(mut fields) = Fields::open(entry.value, Some(&entry.key), &keys::OBJECTIVES, report) else {
        return Objectives::default();
    };
    let rto = fields.take("rto").and_then(|entry| scalars::duration(&entry, report));
    let rpo = fields.take("rpo").map(|entry| rpo(entry, report)).unwrap_or_default();
    Objectives { rto, rpo }
}

fn rpo(entry: Entry, report: &mut Report) -> Rpo {
    match entry.value.node {
        Node::Map(stores) => {
            let read = stores
                .into_iter()
                .filter_map(|store| Some((store.key.text.clone(), scalars::duration_or_zero(&store, report)?)));
            Rpo::ByStore(read.collect())
        }
        _ => scalars::duration_or_zero(&entry, report).map_or(Rpo::Unsaid, Rpo::All),
    }
}

/// `minimum: 2` or `minimum: all`.
pub fn minimum(entry: &Entry, report: &mut Report) -> Option<Minimum> {
    match &entry.value.node {
        Node::Text(text) if text != "all" => {
            let message = format!("`minimum` cannot be `{text}`");
            report.error_help(codes::NOT_ALLOWED, entry.value.span, message, "there is `all`; or a whole number");
            None
        }
        Node::Text(_) => Some(Minimum::All),
        _ => scalars::integer(entry, 1, report).map(Minimum::Count),
    }
}

fn responders(entry: Entry, report: &mut Report) -> IndexMap<String, Responder> {
    let mut roles = IndexMap::new();
    for role in named(entry, "roles", report) {
        let Some(mut fields) = Fields::open(role.value, Some(&role.key), &keys::RESPONDER, report) else { continue };
        let least = fields.take("minimum");
        let span = role.key.span;
        let minimum_span = least.as_ref().map_or(span, |entry| entry.value.span);
        let minimum = least.and_then(|entry| minimum(&entry, report)).unwrap_or(Minimum::Count(1));
        roles.insert(role.key.text, Responder { minimum, span, minimum_span });
    }
    roles
}

/// A people file: who has which role.
pub fn people(tree: Tree, report: &mut Report) -> IndexMap<String, Somebody> {
    let (span, what) = (tree.span, tree.what());
    let mut people = IndexMap::new();
    let Node::Map(entries) = tree.node else {
        let message = format!("a people file is a mapping from names, not {what}");
        report.error_help(codes::NO_MAPPING, span, message, "write `NAME: { roles: [ROLE], reach: HOW }`");
        return people;
    };
    if entries.is_empty() {
        let help = "add one: `ana: { roles: [firefighter] }`";
        report.error_help(codes::NO_MAPPING, span, "the people file names nobody", help);
    }
    for entry in entries {
        if let Some(somebody) = person(entry.value, &entry.key, report) {
            people.insert(entry.key.text, somebody);
        }
    }
    people
}

fn person(tree: Tree, name: &Name, report: &mut Report) -> Option<Somebody> {
    let mut fields = Fields::open(tree, Some(name), &keys::PERSON, report)?;
    let mut roles = Vec::new();
    for role in fields.require("roles", report).map(|entry| scalars::names(entry, report)).unwrap_or_default() {
        if roles.contains(&role.text) {
            let message = format!("`{}` has the role `{}` twice", name.text, role.text);
            report.error_help(codes::DUPLICATE_ROLE, role.span, message, "take one of the two away");
        } else {
            roles.push(role.text);
        }
    }
    Some(Somebody { roles, reach: fields.take("reach").and_then(|entry| scalars::text(&entry, report)) })
}

/// The entries of a mapping from names to something.
pub fn named(entry: Entry, of: &str, report: &mut Report) -> Vec<Entry> {
    let Node::Map(entries) = entry.value.node else {
        scalars::wrong_type(&entry, &format!("a mapping of {of}"), report);
        return Vec::new();
    };
    let fits = |entry: &Entry, report: &mut Report| {
        let good = is_name(&entry.key.text);
        if !good {
            let message = format!("`{}` is no name", entry.key.text);
            let help = "names are letters, digits, `_` and `-`, beginning with a letter";
            report.error_help(codes::BAD_ID, entry.key.span, message, help);
        }
        good
    };
    entries.into_iter().filter(|entry| fits(entry, report)).collect()
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.len() <= 63
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// Values with a name, compiled.
pub fn values(entry: Entry, of: &str, report: &mut Report) -> IndexMap<String, Tree> {
    named(entry, of, report)
        .into_iter()
        .map(|mut var| {
            var.value.compile(report);
            (var.key.text, var.value)
        })
        .collect()
}

fn secrets(entry: Entry, report: &mut Report) -> IndexMap<String, SecretSpec> {
    let mut specs = IndexMap::new();
    for secret in named(entry, "secrets", report) {
        // A spec that cannot be read still has its name, so that references to it are no second problem.
        let spec = secret_spec(secret.value, &secret.key, report);
        specs.insert(secret.key.text, spec.unwrap_or(SecretSpec::Env { key: String::new() }));
    }
    specs
}

fn secret_spec(tree: Tree, name: &Name, report: &mut Report) -> Option<SecretSpec> {
    if tree.as_text().is_some() {
        let message = format!("the secret `{}` stands in clear text", name.text);
        let help = format!("name where to read it: `{}: {{ from: env, key: NAME }}`", name.text);
        report.error_help(codes::SECRET_IN_CLEAR, tree.span, message, help);
        return None;
    }
    let is_later = tree.get("from").and_then(Tree::as_text) == Some("kubernetes");
    let mut fields =
        Fields::open(tree, Some(name), if is_later { &keys::SECRET_LATER } else { &keys::SECRET }, report)?;
    let from = fields.require("from", report)?;
    match scalars::word(&from.value, &from.key, keys::SECRET_SOURCES, report)? {
        SecretSource::Env => {
            let key = fields.require("key", report).and_then(|entry| scalars::text(&entry, report))?;
            Some(SecretSpec::Env { key })
        }
        SecretSource::File => {
            let path = fields.require("path", report).and_then(|entry| scalars::text(&entry, report))?;
            Some(SecretSpec::File { path })
        }
        SecretSource::Command => {
            let entry = fields.require("command", report)?;
            let at = scalars::place(&entry.value, Some(&entry.key));
            if !matches!(entry.value.node, Node::List(_)) {
                scalars::wrong_type(&entry, "a list: the program and its arguments", report);
                return None;
            }
            let command: Vec<_> = scalars::names(entry, report).into_iter().map(|name| name.text).collect();
            if command.is_empty() {
                let help = "write the program and its arguments: `command: [program, argument]`";
                report.error_help(codes::MISSING_FIELD, at, "`command` names no program", help);
            }
            Some(SecretSpec::Command { command })
        }
        SecretSource::Kubernetes => {
            let message = "`from: kubernetes` is not in this version";
            let help = "read it with a command: `{ from: command, command: [kubectl, get, secret, …] }`";
            report.error_help(codes::VALUE_LATER, from.value.span, message, help);
            None
        }
    }
}
