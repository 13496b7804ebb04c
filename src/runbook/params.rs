//! Parameters of one run: what was given, typed and judged against what the runbook asks for.

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
use super::{codes, duration, suggest, yaml};
use crate::model::Fault;

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

/// How the example of a parameter is typed.
fn as_arguments(name: &str, spec: &ParamSpec) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
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

/// Judges a value against its parameter.
pub(crate) fn fit(value: &Value, spec: &ParamSpec) -> Result<Value, Misfit> {
    fit_type(value, spec.kind)?;
    let misfits: Vec<Misfit> = parts(value).filter_map(|(place, part)| misfit(part, &place, spec)).collect();
    // All of a list at once: whoever mends it should not have to come back for the next.
    let message = misfits.iter().map(|misfit| misfit.message.as_str()).collect::<Vec<_>>().join("; ");
    match misfits.into_iter().next() {
        Some(first) => Err(Misfit { message, ..first }),
        None => Ok(value.clone()),
    }
}

/// The items of a list or the values of a map, each with its place; else the value alone.
fn parts(value: &Value) -> Box<dyn Iterator<Item = (String, &Value)> + '_> {
    match value {
        Value::Array(list) => Box::new(list.iter().enumerate().map(|(at, item)| (format!("item {}: ", at + 1), item))),
        Value::Object(map) => Box::new(map.iter().map(|(key, value)| (format!("`{key}`: "), value))),
        other => Box::new(std::iter::once((String::new(), other))),
    }
}

fn misfit(part: &Value, place: &str, spec: &ParamSpec) -> Option<Misfit> {
    let inner = spec.items.filter(|_| matches!(spec.kind, ParamType::List | ParamType::Map));
    let typed = inner.map_or(Ok(()), |kind| fit_type(part, kind));
    let found = typed.and_then(|()| fit_choice(part, spec)).and_then(|()| fit_pattern(part, spec)).err()?;
    Some(Misfit { message: format!("{place}{}", found.message), ..found })
}

fn fit_type(value: &Value, kind: ParamType) -> Result<(), Misfit> {
    let text = |what: &str| value.as_str().ok_or_else(|| wrong(value, what));
    let good = match kind {
        ParamType::String => {
            text("text")?;
            true
        }
        ParamType::Integer => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|f| f.fract() == 0.0),
        ParamType::Number => value.is_number(),
        ParamType::Boolean => value.is_boolean(),
        ParamType::List => value.is_array(),
        ParamType::Map => value.is_object(),
        ParamType::Duration => {
            let text = text("a duration")?;
            duration::parse(text).map_err(|message| sentence(message, duration::DURATION_HELP))?;
            true
        }
        ParamType::Timestamp => {
            let text = text("a timestamp")?;
            duration::parse_timestamp(text).map_err(|message| sentence(message, duration::TIMESTAMP_HELP))?;
            true
        }
        ParamType::Url => return fit_url(text("a URL")?),
    };
    let wanted = match kind {
        ParamType::Integer => "a whole number",
        ParamType::Number => "a number",
        ParamType::Boolean => "`true` or `false`",
        ParamType::List => "a list",
        _ => "a map",
    };
    if good { Ok(()) } else { Err(wrong(value, wanted)) }
}

fn sentence(message: String, help: &str) -> Misfit {
    Misfit { code: codes::PARAM_TYPE, message, help: help.into() }
}

fn fit_url(text: &str) -> Result<(), Misfit> {
    if url_with_password(text).is_some() {
        return Err(Misfit {
            code: codes::URL_PASSWORD,
            message: "the URL holds a password".into(),
            help: "give the URL without it; the runbook takes the password as a secret: \
                   `{ url: \"…\", password: \"{{ secrets.NAME }}\" }`"
                .into(),
        });
    }
    url::Url::parse(text)
        .map(|_| ())
        .map_err(|error| sentence(format!("`{text}` is no URL: {error}"), "give it with its scheme: `https://…`"))
}

fn fit_choice(value: &Value, spec: &ParamSpec) -> Result<(), Misfit> {
    if spec.choices.is_empty() || spec.choices.contains(value) {
        return Ok(());
    }
    let words: Vec<String> =
        spec.choices.iter().map(|choice| choice.as_str().map_or_else(|| choice.to_string(), String::from)).collect();
    let found = value.as_str().map_or_else(|| value.to_string(), String::from);
    let help = suggest::nearest(&found, words.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
    Err(Misfit {
        code: codes::PARAM_ENUM,
        message: format!("`{found}` is none of the allowed values"),
        help: help.unwrap_or_else(|| format!("allowed: {}", words.join(", "))),
    })
}

fn fit_pattern(value: &Value, spec: &ParamSpec) -> Result<(), Misfit> {
    let (Some(pattern), Some(text)) = (&spec.pattern, value.as_str()) else { return Ok(()) };
    if regex::Regex::new(pattern).is_ok_and(|regex| regex.is_match(text)) {
        return Ok(());
    }
    let example = spec.example.as_ref().map_or_else(String::new, |example| format!(", as in {example}"));
    Err(Misfit {
        code: codes::PARAM_PATTERN,
        message: format!("`{text}` does not match `{pattern}`"),
        help: format!("give a value that matches{example}"),
    })
}

/// The URL without its password, if there is one in it.
pub(crate) fn url_with_password(text: &str) -> Option<String> {
    use std::sync::LazyLock;
    static IN_AUTHORITY: LazyLock<Option<regex::Regex>> =
        LazyLock::new(|| regex::Regex::new(r#"(?i)\b([a-z][a-z0-9+.-]*://[^\s/:@'"]*):[^\s/@'"]+@([^\s'"]*)"#).ok());
    static IN_QUERY: LazyLock<Option<regex::Regex>> = LazyLock::new(|| {
        regex::Regex::new(r#"(?i)\b([a-z][a-z0-9+.-]*://[^\s'"]*[?&])(?:password|passwd|pwd)=[^\s&'"]+"#).ok()
    });
    if !text.contains("://") {
        return None;
    }
    if let Some(found) = IN_AUTHORITY.as_ref()?.captures(text) {
        return Some(format!("{}@{}", &found[1], &found[2]));
    }
    IN_QUERY.as_ref()?.captures(text).map(|found| found[1].trim_end_matches(['?', '&']).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::parse_text;

    fn specs() -> IndexMap<String, ParamSpec> {
        let text = "version: 1\nname: x\nseverity: partial\nsteps: [{ id: a, run: echo }]\nparams:\n\
                    \x20 table: { pattern: \"^[a-z]+$\", example: orders }\n\
                    \x20 n: { type: integer, default: 1 }\n\
                    \x20 at: { type: timestamp, default: now }\n\
                    \x20 lost: { type: list, items: integer, default: [] }\n\
                    \x20 mode: { enum: [swap, merge], default: swap }\n\
                    \x20 url: { type: url, default: \"https://h/\" }\n\
                    \x20 wait: { type: duration, default: 5m }\n\
                    \x20 tags: { type: map, default: {} }\n";
        parse_text("x", text).unwrap().runbook.params
    }

    fn bound(given: &[(&str, &str)], file: Option<&str>) -> Result<Map<String, Value>, Vec<(&'static str, usize)>> {
        let given: Vec<_> = given.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
        let file = file.map(|text| ParamFile::parse(&Source::new("p.yaml", text)).unwrap());
        let now = "2026-11-22T10:00:00Z".parse().unwrap();
        bind(&specs(), &given, file.as_ref(), now)
            .map_err(|problems| problems.iter().map(|p| (p.code, p.line)).collect())
    }

    #[test]
    fn values_are_typed_and_now_is_resolved() {
        let all = bound(&[("table", "orders"), ("n", "5"), ("lost", "1"), ("lost", "2"), ("tags", "{\"a\":1}")], None)
            .unwrap();
        let expected = json!({
            "table": "orders", "n": 5, "at": "2026-11-22T10:00:00Z", "lost": [1, 2], "mode": "swap", "url": "https://h/",
            "wait": "5m", "tags": { "a": 1 },
        });
        assert_eq!(Value::Object(all), expected);
        let file = bound(&[("n", "7")], Some("table: users\nn: 3\nlost: [4]\n")).unwrap();
        assert_eq!((&file["table"], &file["n"], &file["lost"]), (&json!("users"), &json!(7), &json!([4])));
    }

    #[test]
    fn what_does_not_fit_is_refused_all_at_once() {
        type Case = (&'static [(&'static str, &'static str)], &'static [&'static str]);
        let cases: &[Case] = &[
            (&[], &[codes::PARAM_MISSING]),
            (&[("table", "Orders")], &[codes::PARAM_PATTERN]),
            (&[("table", "a"), ("n", "5x")], &[codes::PARAM_TYPE]),
            (&[("table", "a"), ("n", "5"), ("n", "6")], &[codes::PARAM_TWICE]),
            (&[("table", "a"), ("tabel", "b")], &[codes::PARAM_UNKNOWN]),
            (
                &[("table", "a"), ("mode", "swop"), ("wait", "90"), ("at", "2026-11-22")],
                &[codes::PARAM_TYPE, codes::PARAM_ENUM, codes::PARAM_TYPE],
            ),
            (&[("table", "a"), ("url", "https://u:p@h/")], &[codes::URL_PASSWORD]),
            (&[("table", "a"), ("lost", "x")], &[codes::PARAM_TYPE]),
        ];
        for (given, expected) in cases {
            let found = bound(given, None).unwrap_err();
            assert_eq!(found.iter().map(|(code, _)| *code).collect::<Vec<_>>(), *expected, "{given:?}");
        }
        assert_eq!(
            bound(&[], Some("table: a\nn: x\nzz: 1\n")).unwrap_err(),
            [(codes::PARAM_UNKNOWN, 3), (codes::PARAM_TYPE, 2)]
        );
        let problem = bind(&specs(), &[("tabel".into(), "b".into())], None, Timestamp::UNIX_EPOCH).unwrap_err();
        assert_eq!(problem[0].help.as_deref(), Some("did you mean `table`?"));
        assert_eq!(problem[1].help.as_deref(), Some("add `--param table=orders`"));
    }

    #[test]
    fn what_is_required_depends_on_the_others() {
        let text = "version: 1\nname: x\nseverity: partial\nsteps: [{ id: a, run: echo }]\nparams:\n\
                    \x20 mode: { enum: [one, all] }\n\
                    \x20 table: { required_if: eq params.mode \"one\", example: it's, description: The lost one }\n\
                    \x20 rows: { type: list, items: integer, required_if: (exists params.table), example: [1, 2] }\n";
        let specs = parse_text("x", text).unwrap().runbook.params;
        let given = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()
        };
        let now = Timestamp::UNIX_EPOCH;
        let cases: &[(&[(&str, &str)], &[&str])] = &[
            (&[], &["mode"]),
            (&[("mode", "all")], &[]),
            (&[("mode", "one")], &["table"]),
            (&[("mode", "two")], &[]),
            (&[("mode", "one"), ("table", "t")], &["rows"]),
            (&[("mode", "all"), ("table", "t"), ("rows", "1")], &[]),
        ];
        for (pairs, wanted) in cases {
            assert_eq!(lacking(&specs, &given(pairs), None, now), *wanted, "{pairs:?}");
        }
        assert_eq!(
            bind(&specs, &given(&[("mode", "all")]), None, now).unwrap(),
            Map::from_iter([("mode".into(), json!("all"))])
        );
        let problem = &bind(&specs, &given(&[("mode", "one")]), None, now).unwrap_err()[0];
        let wanted =
            "the parameter `table` is missing (The lost one); it is required because of `eq params.mode \"one\"`";
        assert_eq!(problem.message, wanted);
        assert_eq!(problem.help.as_deref(), Some("add `--param table='it'\\''s'`"));
        let problems = bind(&specs, &given(&[("mode", "one"), ("table", "t")]), None, now).unwrap_err();
        assert_eq!(problems[0].help.as_deref(), Some("add `--param rows=1 --param rows=2`"));
        let problems = bind(&specs, &given(&[("mode", "all"), ("rows", "[1, \"x\", true]")]), None, now).unwrap_err();
        let wanted = "the parameter `rows` does not fit: item 2: `\"x\"` is not a whole number; item 3: `true` is not a whole number";
        assert_eq!(problems[0].message, wanted);
    }

    #[test]
    fn passwords_in_urls_are_found() {
        for (text, clean) in [
            ("postgres://u:p@h/d", Some("postgres://u@h/d")),
            ("see mysql://u:p%40@h:3306/d now", Some("mysql://u@h:3306/d")),
            ("https://h/x?a=1&password=x", Some("https://h/x?a=1")),
            ("postgres://u@h:5432/d", None),
            ("https://h/a:b@c", None),
            ("no url: at@all", None),
        ] {
            assert_eq!(url_with_password(text).as_deref(), clean, "{text}");
        }
    }
}
