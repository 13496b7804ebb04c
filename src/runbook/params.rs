//! Parameters of one run: what was given, typed and judged against what the runbook asks for.

mod fit;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Map, Number, Value, json};

use super::ast::{ParamSpec, ParamType};
use super::diagnostic::{Problem, Report};
use super::read::param_value;
use super::source::{Source, Span};
use super::template::Reference;
use super::tree::{Node, Tree};
use super::{codes, suggest, yaml};
use crate::model::Fault;

pub(crate) use fit::{fit, url_with_password};

/// Why a value is none for its parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    pub code: &'static str,
    pub message: String,
    pub help: String,
}

/// A file of parameters: one mapping in YAML or JSON.
pub struct ParamFile {
    source: Arc<Source>,
    values: Vec<(String, Span, Value)>,
}

impl ParamFile {
    pub fn read(path: &Path) -> Result<Self, Vec<Problem>> {
        let (source, _) = Source::read(path).map_err(|problem| vec![*problem])?;
        Self::parse(&source)
    }

    pub fn parse(source: &Arc<Source>) -> Result<Self, Vec<Problem>> {
        let mut report = Report::new(source);
        let tree = yaml::parse(&mut report).map_err(|problem| vec![*problem])?;
        let values = Self::values(tree, &mut report);
        if report.problems.is_empty() { Ok(Self { source: source.clone(), values }) } else { Err(report.problems) }
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|(name, ..)| name.as_str())
    }

    /// As they are written behind `--param`, once for each item of a list.
    pub fn typed(&self) -> Vec<(String, String)> {
        let each = |name: &String, value: &Value| match value {
            Value::Array(items) => items.iter().map(|item| (name.clone(), text(item))).collect(),
            value => vec![(name.clone(), text(value))],
        };
        self.values.iter().flat_map(|(name, _, value)| each(name, value)).collect()
    }

    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.values.retain(|(name, ..)| keep(name));
    }

    fn values(tree: Tree, report: &mut Report) -> Vec<(String, Span, Value)> {
        if !matches!(tree.node, Node::Map(_) | Node::Null) {
            let message = format!("a file of parameters is a mapping, not {}", tree.what());
            report.error_help(codes::NO_MAPPING, tree.span, message, "write one `name: value` a line");
            return Vec::new();
        }
        let read = tree.entries().iter().filter_map(|entry| {
            Some((entry.key.text.clone(), entry.key.span, param_value(&entry.value, Some(&entry.key), report)?))
        });
        read.collect()
    }
}

/// Gives every parameter its value: from `given` (`--param`, repeated for a list), else from the file, else its default.
/// `now` in a timestamp becomes the moment handed over, once for the run. What may be left out and is has no value.
pub fn bind(
    specs: &IndexMap<String, ParamSpec>,
    given: &[(String, String)],
    file: Option<&ParamFile>,
    now: Timestamp,
) -> Result<Map<String, Value>, Vec<Problem>> {
    bind_beside(Map::new(), specs, given, file, now)
}

/// The same for what an edited runbook has in addition: `known` are the values of the others.
pub fn bind_beside(
    known: Map<String, Value>,
    specs: &IndexMap<String, ParamSpec>,
    given: &[(String, String)],
    file: Option<&ParamFile>,
    now: Timestamp,
) -> Result<Map<String, Value>, Vec<Problem>> {
    let mut problems = unknown(specs, given, file);
    let (bound, open) = values(known, specs, given, file, now, &mut problems);
    for name in open {
        match is_required(&specs[name], &bound) {
            Ok(true) => problems.push(missing(name, &specs[name])),
            Ok(false) => {}
            Err(fault) => {
                let message = format!("whether `{name}` is required cannot be told: {}", fault.message);
                problems.push(Problem::bare(codes::MISSING_VALUE, message).in_file("--param"));
            }
        }
    }
    if problems.is_empty() { Ok(bound) } else { Err(problems) }
}

/// What has to be given and is not, as far as that is known from what is.
pub fn lacking<'a>(
    specs: &'a IndexMap<String, ParamSpec>,
    given: &[(String, String)],
    file: Option<&ParamFile>,
    now: Timestamp,
) -> Vec<&'a str> {
    let (bound, mut open) = values(Map::new(), specs, given, file, now, &mut Vec::new());
    open.retain(|name| is_required(&specs[*name], &bound) == Ok(true));
    open
}

/// The values, and the names of those that have none.
fn values<'a>(
    mut bound: Map<String, Value>,
    specs: &'a IndexMap<String, ParamSpec>,
    given: &[(String, String)],
    file: Option<&ParamFile>,
    now: Timestamp,
    problems: &mut Vec<Problem>,
) -> (Map<String, Value>, Vec<&'a str>) {
    let mut open = Vec::new();
    for (name, spec) in specs.iter().filter(|(name, _)| !bound.contains_key(*name)).collect::<Vec<_>>() {
        let texts: Vec<&str> = given.iter().filter(|(key, _)| key == name).map(|(_, text)| text.as_str()).collect();
        let from_file = file.and_then(|file| Some((file, file.values.iter().find(|(key, ..)| key == name)?)));
        let value = match (texts.is_empty(), from_file, &spec.default) {
            (false, ..) => typed(name, &texts, spec)
                .and_then(|value| fit_now(value, spec, now))
                .map_err(|m| from_argument(name, m)),
            (true, Some((file, (_, span, value))), _) => {
                fit_now(value.clone(), spec, now).map_err(|misfit| from_place(&file.source, *span, name, misfit))
            }
            (true, None, Some(default)) => {
                fit_now(default.clone(), spec, now).map_err(|misfit| from_argument(name, misfit))
            }
            (true, None, None) => {
                open.push(name.as_str());
                continue;
            }
        };
        match value {
            Ok(value) => drop(bound.insert(name.clone(), value)),
            Err(problem) => problems.push(problem),
        }
    }
    (bound, open)
}

/// Whether a parameter without a value has to have one.
fn is_required(spec: &ParamSpec, bound: &Map<String, Value>) -> Result<bool, Fault> {
    let Some(condition) = &spec.required_if else { return Ok(true) };
    let is_there = |reference: &Reference| reference.path.get(1).is_none_or(|name| bound.contains_key(name));
    // What it asks for was left out, rightly or not: nothing follows from it.
    if condition.references().iter().any(|reference| !reference.optional && !is_there(reference)) {
        return Ok(false);
    }
    condition.eval(&json!({ "params": bound }))
}

fn unknown(specs: &IndexMap<String, ParamSpec>, given: &[(String, String)], file: Option<&ParamFile>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let help = |name: &str| {
        let near = suggest::help(name, specs.keys().map(String::as_str));
        near.unwrap_or_else(|| "the runbook has no parameters".into())
    };
    let mut said = std::collections::HashSet::new();
    for (name, _) in given.iter().filter(|(name, _)| !specs.contains_key(name) && said.insert(name)) {
        let message = format!("there is no parameter `{name}`");
        problems.push(Problem::bare(codes::PARAM_UNKNOWN, message).in_file("--param").help(help(name)));
    }
    for (file, (name, span, _)) in file.iter().flat_map(|file| file.values.iter().map(move |value| (file, value))) {
        if !specs.contains_key(name) {
            let message = format!("there is no parameter `{name}`");
            problems.push(Problem::at(&file.source, codes::PARAM_UNKNOWN, *span, message).help(help(name)));
        }
    }
    problems
}

fn missing(name: &str, spec: &ParamSpec) -> Problem {
    let what = spec.description.as_deref().map_or_else(String::new, |text| format!(" ({text})"));
    let why = spec
        .required_if
        .as_ref()
        .map_or_else(String::new, |condition| format!("; it is required because of `{}`", condition.text.trim()));
    Problem::bare(codes::PARAM_MISSING, format!("the parameter `{name}` is missing{what}{why}"))
        .in_file("--param")
        .help(format!("add `{}`", as_arguments(name, spec)))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

/// How the example of a parameter is typed.
fn as_arguments(name: &str, spec: &ParamSpec) -> String {
    let one = |value: &Value| format!("--param {name}={}", quoted(&text(value)));
    match &spec.example {
        Some(Value::Array(items)) if !items.is_empty() => items.iter().map(one).collect::<Vec<_>>().join(" "),
        Some(example) => one(example),
        None => format!("--param {name}=VALUE  (a {}{})", spec.kind.word(), of_items(spec)),
    }
}

/// ` of integer`, for a list or map that says so.
pub fn of_items(spec: &ParamSpec) -> String {
    spec.items.map_or_else(String::new, |kind| format!(" of {}", kind.word()))
}

/// A value as one word of a command line.
pub fn quoted(value: &str) -> String {
    let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:/+@,".contains(c));
    if plain && !value.is_empty() { value.to_string() } else { format!("'{}'", value.replace('\'', "'\\''")) }
}

fn from_argument(name: &str, misfit: Misfit) -> Problem {
    let message = format!("the parameter `{name}` does not fit: {}", misfit.message);
    Problem::bare(misfit.code, message).in_file("--param").help(misfit.help)
}

fn from_place(source: &Arc<Source>, span: Span, name: &str, misfit: Misfit) -> Problem {
    let message = format!("the parameter `{name}` does not fit: {}", misfit.message);
    Problem::at(source, misfit.code, span, message).help(misfit.help)
}

/// Texts of the command line as a value of the parameter's type.
fn typed(name: &str, texts: &[&str], spec: &ParamSpec) -> Result<Value, Misfit> {
    if spec.kind == ParamType::List {
        if let [text] = texts
            && text.starts_with('[')
        {
            return serde_json::from_str(text).map_err(|_| wrong(text, "a list in JSON"));
        }
        let items = spec.items.unwrap_or(ParamType::String);
        return texts.iter().map(|text| one(text, items)).collect();
    }
    match texts {
        [text] => one(text, spec.kind),
        _ => Err(Misfit {
            code: codes::PARAM_TWICE,
            message: format!("`{name}` is given {} times and is no list", texts.len()),
            help: "give it once".into(),
        }),
    }
}

fn one(text: &str, kind: ParamType) -> Result<Value, Misfit> {
    match kind {
        ParamType::Integer | ParamType::Number => {
            let number = text.parse::<Number>().map(Value::Number);
            number.map_err(|_| wrong(text, if kind == ParamType::Integer { "a whole number" } else { "a number" }))
        }
        ParamType::Boolean => match text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(wrong(text, "`true` or `false`")),
        },
        ParamType::List | ParamType::Map => serde_json::from_str(text).map_err(|_| wrong(text, "JSON")),
        ParamType::String | ParamType::Timestamp | ParamType::Duration | ParamType::Url => Ok(Value::from(text)),
    }
}

fn wrong(found: impl std::fmt::Display, wanted: &str) -> Misfit {
    Misfit { code: codes::PARAM_TYPE, message: format!("`{found}` is not {wanted}"), help: format!("give {wanted}") }
}

fn fit_now(value: Value, spec: &ParamSpec, now: Timestamp) -> Result<Value, Misfit> {
    let resolved = |kind: ParamType, value: Value| match (kind, value.as_str()) {
        (ParamType::Timestamp, Some("now")) => Value::from(now.to_string()),
        _ => value,
    };
    let value = match (value, spec.items) {
        (Value::Array(list), Some(kind)) => list.into_iter().map(|item| resolved(kind, item)).collect(),
        (value, _) => resolved(spec.kind, value),
    };
    fit(&value, spec)
}
