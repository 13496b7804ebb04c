//! A tree against a JSON schema (draft 2020-12, as schemars writes it), with the places of the tree.
//!
//! Not a validator for all schemas: what the kinds' types produce is understood, and every message is in the words of
//! an author. Text with a template satisfies every scalar. A variable named whole is judged by what it holds.

use std::sync::Arc;

use serde_json::Value;

use super::limits::{number_flaws, text_flaws};
use super::names::{Names, Site};
use super::{instead, nearest, places, secrets};
use crate::model::secret::TAKES_SECRET;
use crate::runbook::codes;
use crate::runbook::diagnostic::Problem;
use crate::runbook::source::{Source, Span};
use crate::runbook::template::{Template, Type};
use crate::runbook::tree::{Entry, Name, Node, Tree};

/// Something that does not fit.
#[derive(Clone, Debug)]
pub struct Flaw {
    code: &'static str,
    span: Span,
    message: String,
    help: Option<String>,
    /// How far from fitting at all: a wrong type weighs more than a wrong field inside.
    weight: usize,
}

impl Flaw {
    pub fn is_unknown_key(&self) -> bool {
        self.code == codes::UNKNOWN_KEY
    }

    pub fn span(&self) -> Span {
        self.span
    }

    pub fn problem(self, source: &Arc<Source>) -> Problem {
        let problem = Problem::at(source, self.code, self.span, self.message);
        match self.help.filter(|help| !help.is_empty()) {
            Some(help) => problem.help(help),
            None => problem,
        }
    }
}

const WRONG_TYPE: usize = 1_000;

/// What does not fit in the `with` of a kind; `uses` is where a missing field is reported.
pub fn judge(names: &Names<'_, '_>, with: &Tree, schema: &Value, uses: Span, site: &Site) -> Vec<Flaw> {
    let walk = Walk { names, root: schema, site };
    walk.node(with, schema, &At { key: None, start: Some(uses), instead: None, secret: false, depth: 0 })
}

struct Walk<'a> {
    names: &'a Names<'a, 'a>,
    root: &'a Value,
    site: &'a Site,
}

/// Where the walk is.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    key: Option<&'a Name>,
    /// Where a missing field is reported, if not at the mapping.
    start: Option<Span>,
    /// Inside of a variable: everything is reported where the variable is used.
    instead: Option<Span>,
    /// A secret may stand here.
    secret: bool,
    depth: usize,
}

impl At<'_> {
    fn span(&self, tree: &Tree) -> Span {
        self.instead.unwrap_or_else(|| places::of_value(tree, self.key))
    }

    pub(super) fn flaw(
        &self,
        tree: &Tree,
        code: &'static str,
        message: String,
        help: impl Into<Option<String>>,
    ) -> Flaw {
        Flaw { code, span: self.span(tree), message, help: help.into(), weight: 1 }
    }

    fn key_text(&self) -> &str {
        self.key.map_or("", |key| key.text.as_str())
    }

    pub(super) fn name(&self) -> String {
        self.key.map_or_else(|| "the value".into(), |key| format!("`{}`", key.text))
    }
}

/// `$ref`s and variables in one another; a ring of either ends here.
const MAX_DEPTH: usize = 64;

impl Walk<'_> {
    fn node(&self, tree: &Tree, schema: &Value, at: &At<'_>) -> Vec<Flaw> {
        let Value::Object(rules) = schema else { return self.unjudged(tree, at) };
        let mut at = At { depth: at.depth + 1, ..*at };
        at.secret |= rules.get(TAKES_SECRET) == Some(&Value::Bool(true));
        if at.depth > MAX_DEPTH {
            return Vec::new();
        }
        if let Some(target) = rules.get("$ref").and_then(Value::as_str).and_then(|path| self.resolve(path)) {
            return self.node(tree, target, &at);
        }
        if let Node::Template(template) = &tree.node
            && let Some(flaws) = self.variable(template, tree, schema, &at)
        {
            return flaws;
        }
        if let Some(branches) = rules.get("anyOf").or(rules.get("oneOf")).and_then(Value::as_array) {
            return self.best(tree, schema, branches, &at);
        }
        if let Some(all) = rules.get("allOf").and_then(Value::as_array) {
            return all.iter().flat_map(|part| self.node(tree, part, &at)).collect();
        }
        match &tree.node {
            Node::Template(template) => self.template(template, tree, schema, &at),
            Node::Map(entries) => self.map(entries, tree, schema, &at),
            Node::List(items) => self.list(items, tree, schema, &at),
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) => self.scalar(tree, schema, &at),
        }
    }

    fn resolve(&self, path: &str) -> Option<&Value> {
        self.root.pointer(path.strip_prefix('#')?)
    }

    /// A variable named whole stands for what it holds, and so does what an include hands in.
    fn variable(&self, template: &Template, tree: &Tree, schema: &Value, at: &At<'_>) -> Option<Vec<Flaw>> {
        let path = template.single_path().filter(|path| path.len() > 1)?;
        let inside = At { instead: Some(at.instead.unwrap_or(tree.span)), start: None, ..*at };
        match path[0].as_str() {
            "vars" => {
                let held = self.names.runbook.vars.get(&path[1])?.at(&path[2..])?;
                Some(self.node(held, schema, &inside))
            }
            "params" => {
                let held = self.names.given?.spread(&path[1..], tree.span)?;
                Some(self.node(&held, schema, &inside))
            }
            _ => None,
        }
    }

    /// The flaws of the branch that fits best.
    fn best(&self, tree: &Tree, schema: &Value, branches: &[Value], at: &At<'_>) -> Vec<Flaw> {
        let judged = branches.iter().map(|branch| self.node(tree, branch, at));
        let weight = |flaws: &Vec<Flaw>| flaws.iter().map(|flaw| flaw.weight).sum::<usize>();
        let best = judged.min_by_key(weight).unwrap_or_default();
        // Words that may stand there beside other forms are named together with them, whatever else is text.
        let beside = branches.iter().filter(|branch| self.constants(branch).is_empty());
        let words_only = tree.as_text().is_some()
            && branches.iter().any(|branch| !self.constants(branch).is_empty())
            && !beside.clone().any(|branch| self.wanted(branch).contains(&"text"));
        if weight(&best) < WRONG_TYPE && !words_only {
            return best;
        }
        // No branch is near: name what they ask for together.
        let words: Vec<&str> = branches.iter().flat_map(|branch| self.constants(branch)).collect();
        if !words.is_empty() && tree.as_text().is_some() && !best.is_empty() {
            let others: Vec<&str> = beside.flat_map(|branch| self.wanted(branch)).collect();
            let mut flaw = not_allowed(tree, at, &words);
            if !others.is_empty() {
                flaw.help = flaw.help.map(|help| format!("{help}; or {}", list_words(&others)));
            }
            return vec![flaw];
        }
        if best.is_empty() {
            return best;
        }
        let wanted: Vec<&str> = branches.iter().flat_map(|branch| self.wanted(branch)).collect();
        let wanted = if wanted.is_empty() { self.wanted(schema) } else { wanted };
        vec![wrong_type(tree, at, &wanted)]
    }

    /// The words a schema allows by `enum` or `const`.
    fn constants<'s>(&'s self, schema: &'s Value) -> Vec<&'s str> {
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|path| self.resolve(path));
        let schema = target.unwrap_or(schema);
        if let Some(word) = schema.get("const").and_then(Value::as_str) {
            return vec![word];
        }
        schema.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// The types a schema asks for, in words; `null` is not one to ask for.
    fn wanted(&self, schema: &Value) -> Vec<&'static str> {
        let schema = match schema.get("$ref").and_then(Value::as_str).and_then(|path| self.resolve(path)) {
            Some(target) => target,
            None => schema,
        };
        if let Some(branches) = schema.get("anyOf").or(schema.get("oneOf")).and_then(Value::as_array) {
            return branches.iter().flat_map(|branch| self.wanted(branch)).collect();
        }
        types(schema).into_iter().filter(|name| *name != "null").map(in_words).collect()
    }

    fn template(&self, template: &Template, tree: &Tree, schema: &Value, at: &At<'_>) -> Vec<Flaw> {
        let secret = template.references().iter().find(|reference| self.names.is_secret(&reference.path, self.site));
        // A URL with a password in it was reported as that.
        if let Some(secret) = secret.filter(|_| !at.secret && secrets::without_password(&template.text).is_none()) {
            let message = format!("`{}` is a secret, and {} would show it", secret.dotted(), at.name());
            let span = at.instead.unwrap_or(secret.span);
            return vec![Flaw {
                code: codes::SECRET_MISPLACED,
                span,
                message,
                help: Some(secrets::MISPLACED_HELP.into()),
                weight: 10,
            }];
        }
        let found = match template.single() {
            Some(expr) if secret.is_none() => self.names.infer(expr, self.site, &mut |_, _| {}),
            _ => Type::Text,
        };
        let wanted = types(schema);
        let fits = wanted.is_empty()
            || match found {
                Type::Any => true,
                Type::List => wanted.contains(&"array"),
                Type::Map => wanted.contains(&"object"),
                _ => wanted.iter().any(|name| !matches!(*name, "array" | "object" | "null")),
            };
        if fits {
            return Vec::new();
        }
        let wanted: Vec<&str> = wanted.into_iter().filter(|name| *name != "null").collect();
        let message = format!("{} has to be {}, not {}", at.name(), list_words(&wanted), found.what());
        vec![Flaw { weight: WRONG_TYPE, ..at.flaw(tree, codes::WRONG_TYPE, message, None) }]
    }

    fn map(&self, entries: &[Entry], tree: &Tree, schema: &Value, at: &At<'_>) -> Vec<Flaw> {
        if let Some(flaw) = type_flaw(tree, schema, at, "object") {
            return vec![flaw];
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let rest = schema.get("additionalProperties");
        let mut flaws = self.missing(tree, schema, at);
        for entry in entries {
            let inside = At { key: Some(&entry.key), start: None, ..*at };
            match (properties.and_then(|known| known.get(&entry.key.text)), rest) {
                // A key with nothing behind it counts as absent.
                (Some(_), _) if entry.value.is_null() => {}
                (Some(rules), _) => flaws.extend(self.node(&entry.value, rules, &inside)),
                (None, Some(Value::Object(_))) => {
                    flaws.extend(self.node(&entry.value, rest.unwrap_or(&Value::Null), &inside))
                }
                (None, Some(Value::Bool(false))) => flaws.push(unknown_key(entry, schema, at)),
                (None, None) if properties.is_some() => flaws.push(unknown_key(entry, schema, at)),
                (None, _) => flaws.extend(self.unjudged(&entry.value, &inside)),
            }
        }
        flaws
    }

    fn missing(&self, tree: &Tree, schema: &Value, at: &At<'_>) -> Vec<Flaw> {
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let absent = required.filter(|key| tree.get(key).is_none_or(Tree::is_null));
        let span = at.instead.or(at.start).unwrap_or_else(|| places::of_start(tree));
        let flaws = absent.map(|key| {
            let (message, help) = match at.key {
                Some(parent) => (format!("`{}` lacks `{key}`", parent.text), format!("add `{key}:` to it")),
                None => (format!("`with` lacks `{key}`"), format!("add `{key}:` under `with:`")),
            };
            Flaw { code: codes::MISSING_FIELD, span, message, help: Some(help), weight: 20 }
        });
        flaws.collect()
    }

    fn list(&self, items: &[Tree], tree: &Tree, schema: &Value, at: &At<'_>) -> Vec<Flaw> {
        if let Some(flaw) = type_flaw(tree, schema, at, "array") {
            return vec![flaw];
        }
        let limit = |name: &str| schema.get(name).and_then(Value::as_u64);
        if limit("minItems").is_some_and(|least| (items.len() as u64) < least) {
            let message = format!("{} holds too few items: {}", at.name(), items.len());
            return vec![at.flaw(tree, codes::OUT_OF_RANGE, message, None)];
        }
        if limit("maxItems").is_some_and(|most| items.len() as u64 > most) {
            let message = format!("{} holds too many items: {}", at.name(), items.len());
            return vec![at.flaw(tree, codes::OUT_OF_RANGE, message, None)];
        }
        let rules = schema.get("items").unwrap_or(&Value::Bool(true));
        items.iter().flat_map(|item| self.node(item, rules, &At { start: None, ..*at })).collect()
    }

    fn scalar(&self, tree: &Tree, schema: &Value, at: &At<'_>) -> Vec<Flaw> {
        let word = match &tree.node {
            Node::Null => "null",
            Node::Bool(_) => "boolean",
            Node::Number(number) if number.is_f64() => "number",
            Node::Number(_) => "integer",
            _ => "string",
        };
        if let Some(flaw) = type_flaw(tree, schema, at, word) {
            return vec![flaw];
        }
        let words = self.constants(schema);
        if !words.is_empty() && tree.as_text().is_none_or(|text| !words.contains(&text)) {
            return vec![not_allowed(tree, at, &words)];
        }
        match &tree.node {
            Node::Text(text) => text_flaws(text, tree, schema, at),
            Node::Number(number) => number_flaws(number.as_f64().unwrap_or(0.0), tree, schema, at),
            _ => Vec::new(),
        }
    }

    /// Where the schema says nothing, secrets still have no place.
    fn unjudged(&self, tree: &Tree, at: &At<'_>) -> Vec<Flaw> {
        if at.secret {
            return Vec::new();
        }
        let secret = tree.references().into_iter().filter(|reference| self.names.is_secret(&reference.path, self.site));
        let flaws = secret.map(|reference| Flaw {
            code: codes::SECRET_MISPLACED,
            span: at.instead.unwrap_or(reference.span),
            message: format!("`{}` is a secret, and {} would show it", reference.dotted(), at.name()),
            help: Some(secrets::MISPLACED_HELP.into()),
            weight: 10,
        });
        flaws.collect()
    }
}

fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn type_flaw(tree: &Tree, schema: &Value, at: &At<'_>, found: &str) -> Option<Flaw> {
    let wanted = types(schema);
    let fits = |name: &&str| *name == found || (*name == "number" && found == "integer");
    if wanted.is_empty() || wanted.iter().any(fits) {
        return None;
    }
    // `5.0` is whole.
    if found == "number"
        && wanted.contains(&"integer")
        && matches!(&tree.node, Node::Number(n) if n.as_f64().is_some_and(|f| f.fract() == 0.0))
    {
        return None;
    }
    let is_mapping = wanted.contains(&"object");
    let words: Vec<&str> = wanted.into_iter().filter(|name| *name != "null").map(in_words).collect();
    let mut flaw = wrong_type(tree, at, &words);
    if is_mapping && flaw.help.is_none() {
        flaw.help = instead::of_mapping(tree, at.key_text(), schema);
    }
    Some(flaw)
}

fn wrong_type(tree: &Tree, at: &At<'_>, wanted: &[&str]) -> Flaw {
    let message = format!("{} has to be {}, not {}", at.name(), list_words(wanted), tree.what());
    Flaw {
        weight: WRONG_TYPE,
        ..at.flaw(tree, codes::WRONG_TYPE, message, instead::of_value(tree, at.key_text(), wanted))
    }
}

fn in_words(name: &str) -> &'static str {
    match name {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "a mapping",
        _ => "nothing",
    }
}

fn list_words(words: &[&str]) -> String {
    let mut words: Vec<&str> =
        words.iter().map(|word| if word.contains(' ') || *word == "text" { word } else { in_words(word) }).collect();
    words.dedup();
    words.join(" or ")
}

fn not_allowed(tree: &Tree, at: &At<'_>, words: &[&str]) -> Flaw {
    let found = tree.as_text().unwrap_or_else(|| tree.what());
    let message = format!("{} cannot be `{found}`", at.name());
    at.flaw(tree, codes::NOT_ALLOWED, message, nearest(found, words.iter().copied()))
}

fn unknown_key(entry: &Entry, schema: &Value, at: &At<'_>) -> Flaw {
    let known: Vec<&str> = schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
        .collect();
    let of = at.key.map_or_else(|| "`with`".to_string(), |key| format!("`{}`", key.text));
    let message = format!("unknown key `{}` in {of}", entry.key.text);
    let span = at.instead.unwrap_or(entry.key.span);
    Flaw { code: codes::UNKNOWN_KEY, span, message, help: Some(nearest(&entry.key.text, known)), weight: 20 }
}
