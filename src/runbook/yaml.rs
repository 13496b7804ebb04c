//! YAML text to a [`Tree`], by serde-saphyr under our own options and budgets.
//!
//! serde-saphyr stands behind this one file. It is told to read YAML 1.2 (`NO`, `0755` and `1_000` are text), to expand
//! no more aliases than a person would write, and to let duplicate keys through, so that all of them are reported and
//! each at its second place.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::{DuplicateKeyPolicy, Error, Location, Options, Spanned, alias_limits, budget, options};

use super::codes;
use super::diagnostic::{Problem, Report};
use super::source::{Source, Span};
use super::tree::{Entry, Name, Node, Tree};

/// Deep enough for any runbook, shallow enough for any stack.
const MAX_DEPTH: usize = 48;
/// A file of 8 MiB cannot hold more nodes than this without aliases.
const MAX_NODES: usize = 6_000_000;
/// Alias expansion in one file.
const MAX_REPLAYED: usize = 100_000;

/// Reads one document. Syntax errors end the reading; duplicate and reserved keys are put into the report.
pub fn parse(report: &mut Report) -> Result<Tree, Box<Problem>> {
    let source = report.source.clone();
    let parsed = serde_saphyr::from_str_with_options::<Spanned<Raw>>(&source.text, strict())
        .map_err(|error| Box::new(problem(&source, &error)))?;
    Ok(tree(parsed, report))
}

fn strict() -> Options {
    options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        reject_unsupported_tags: true,
        with_snippet: false,
        alias_limits: alias_limits! { max_total_replayed_events: MAX_REPLAYED },
        budget: budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: 3 * MAX_NODES,
            max_anchors: 1_000,
        }
    }
}

/// As it comes out of the parser: scalars typed, no keys judged.
enum Raw {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(yes))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Raw, E> {
        Ok(Raw::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Raw, E> {
        Ok(Raw::Number(number.into()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Raw, E> {
        Number::from_f64(number).map(Raw::Number).ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.into()))
    }

    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}

fn tree(raw: Spanned<Raw>, report: &mut Report) -> Tree {
    let span = span_of(&report.source, raw.referenced);
    let node = match raw.value {
        Raw::Null => Node::Null,
        Raw::Bool(yes) => Node::Bool(yes),
        Raw::Number(number) => Node::Number(number),
        Raw::Text(text) => Node::Text(text),
        Raw::List(items) => Node::List(items.into_iter().map(|item| tree(item, report)).collect()),
        Raw::Map(entries) => Node::Map(unique(entries, report)),
    };
    Tree { node, span }
}

/// So few keys are compared faster than hashed.
const FEW: usize = 16;

/// Keeps the first of equal keys and reports the others.
fn unique(entries: Vec<(Spanned<String>, Spanned<Raw>)>, report: &mut Report) -> Vec<Entry> {
    let mut seen = HashSet::new();
    let mut kept: Vec<Entry> = Vec::with_capacity(entries.len());
    let few = entries.len() <= FEW;
    for (key, value) in entries {
        let span = span_of(&report.source, key.referenced);
        let known = match few {
            true => kept.iter().any(|entry| entry.key.text == key.value),
            false => !seen.insert(key.value.clone()),
        };
        if known {
            let message = format!("the key `{}` stands here a second time", key.value);
            report.error_help(codes::DUPLICATE_KEY, span, message, "take one of the two away");
            continue;
        }
        if key.value == "$secret" {
            let message = "keys that begin with `$` belong to regrow";
            report.error_help(codes::RESERVED_KEY, span, message, "write `\"{{ secrets.NAME }}\"` as the value");
        }
        kept.push(Entry { key: Name { text: key.value, span }, value: tree(value, report) });
    }
    kept
}

fn span_of(source: &Source, location: Location) -> Span {
    let span = location.span();
    match (span.byte_offset(), span.byte_len()) {
        (Some(offset), Some(len)) => Span::new(offset as usize, len as usize),
        _ => Span::new(source.offset(location.line() as usize, location.column() as usize), 0),
    }
}

/// Says a parser's error in the words of an author.
fn problem(source: &Arc<Source>, error: &Error) -> Problem {
    let span = error.location().map_or_else(Span::default, |location| span_of(source, location));
    let text = error.to_string();
    if let Some(problem) = unquoted_template(source, span).or_else(|| tab(source, span, &text)) {
        return problem;
    }
    let at = |code, message: String, help: &str| Problem::at(source, code, span, message).help(help);
    let too_deep =
        || Problem::at(source, codes::TOO_DEEP, span, format!("the file is nested deeper than {MAX_DEPTH} levels"));
    let bomb = || at(codes::ALIAS_BOMB, format!("aliases expand to more than {MAX_REPLAYED} values"), ALIAS_HELP);
    match error.without_snippet() {
        Error::MultipleDocuments { .. } => Problem::at(
            source,
            codes::TWO_DOCUMENTS,
            second_document(source, span),
            "a second YAML document begins here",
        )
        .help("one file holds one runbook: take `---` away, or split the file"),
        Error::Budget { .. } if text.contains("Depth") => too_deep(),
        Error::Budget { .. } => bomb(),
        Error::NonFiniteFloat { .. } => {
            at(codes::ODD_YAML, "a number has to be finite".into(), "quote it if it is meant as text")
        }
        Error::NullIntoString { .. } => at(codes::ODD_YAML, "a key has to be text".into(), "quote the key"),
        Error::Unexpected { expected, .. } if expected.contains("string") => {
            at(codes::ODD_YAML, "a key has to be text".into(), "quote the value if it begins with `{`, `[` or `?`")
        }
        // Wrapped, or from the scanner, which has no variants: known by its words.
        _ if text.contains("recursion limit") => too_deep(),
        _ if text.contains("alias replay") || text.contains("alias expansion") => bomb(),
        _ if text.contains("recursive references") => {
            at(codes::ALIAS_BOMB, "an alias stands inside of what it repeats".into(), ALIAS_HELP)
        }
        _ if text.contains("unsupported tag") => {
            at(codes::ODD_YAML, plain(&text), "runbooks have no tags: take the word with `!` away, or quote the value")
        }
        _ => at(codes::YAML, plain(&text), syntax_help(&text)),
    }
}

const ALIAS_HELP: &str = "write the values out, or use `vars`";

/// The parser's sentence without its own place.
fn plain(text: &str) -> String {
    let end = text.find(" at line ").unwrap_or(text.len());
    let text = text[..end].trim_end_matches('.');
    match text.strip_prefix("unexpected character: `").and_then(|rest| rest.strip_suffix('\'')) {
        Some("`") => "a value cannot begin with a backtick".into(),
        Some(c) => format!("a value cannot begin with `{c}`"),
        None => text.to_string(),
    }
}

fn syntax_help(text: &str) -> &'static str {
    if text.contains("mapping values are not allowed") {
        "quote a value that holds `: `, or look at the indentation"
    } else if text.contains("after single-quoted scalar") {
        "a quote inside of quotes is written twice: `'it''s'`; or put the whole into double quotes"
    } else if text.contains("after double-quoted scalar") {
        "a quote inside of double quotes is written `\\\"`; or put the whole into single quotes"
    } else if text.contains("unclosed quote") {
        "the quote that opens here has no end"
    } else if text.contains("unexpected character") {
        "quote the value"
    } else if text.contains("unknown anchor") {
        "an alias `*name` needs an anchor `&name` above it; quote the value if it is meant as text"
    } else {
        "look at the indentation of this line and the one above it"
    }
}

fn tab(source: &Arc<Source>, span: Span, text: &str) -> Option<Problem> {
    let said = text.contains("tab") && text.contains("indentation");
    if !said && !starts_with_tab(source, span) {
        return None;
    }
    let (line, text) = source.line_at(span.offset);
    let at = text.find('\t').map_or(span, |at| Span::new(line.offset + at, 1));
    let problem = Problem::at(source, codes::TAB, at, "a tab stands where YAML takes only spaces");
    Some(problem.help("indent with two spaces"))
}

fn starts_with_tab(source: &Source, span: Span) -> bool {
    let (line, text) = source.line_at(span.offset);
    let before = &text[..text.floor_char_boundary(span.offset.saturating_sub(line.offset).min(text.len()))];
    before.contains('\t') && before.trim().is_empty()
}

/// The parser names the first token of the second document; the line that opens it is above.
fn second_document(source: &Source, span: Span) -> Span {
    let before = &source.text[..span.offset.min(source.text.len())];
    match before.rfind("\n---") {
        Some(at) => Span::new(at + 1, 3),
        None => span,
    }
}

/// `name: {{ x }}` without quotes is a map in a map for YAML. It is the most frequent mistake, so it gets its own words:
/// the line as it should be.
fn unquoted_template(source: &Arc<Source>, span: Span) -> Option<Problem> {
    let (line, text) = source.line_at(span.offset);
    let open = text.match_indices("{{").map(|(at, _)| at).find(|at| {
        let before = text[..*at].trim_end();
        (before.ends_with([':', '-', '[', ',']) || before.is_empty()) && !Before::of(before).is_quoted
    })?;
    let value = text[open..].split(" #").next().unwrap_or_default().trim_end();
    let place = Span::new(line.offset + open, value.len());
    let before = Before::of(&text[..open]);
    // Inside of quotes the braces are text already.
    if before.is_quoted || place.end() < span.offset {
        return None;
    }
    let in_flow = before.is_flow;
    let end = if in_flow { text[open..].find("}}").map(|at| open + at + 2)? } else { open + place.len };
    let (value, rest) = (&text[open..end], &text[end..]);
    let quoted = if value.contains('"') { format!("'{}'", value.replace('\'', "''")) } else { format!("\"{value}\"") };
    let problem = Problem::at(
        source,
        codes::UNQUOTED_TEMPLATE,
        Span::new(place.offset, end - open),
        "a template has to stand in quotes",
    );
    Some(problem.help(format!("write `{}{quoted}{rest}`", text[..open].trim_start())))
}

/// What is open at the end of the beginning of a line.
#[derive(Default)]
struct Before {
    is_quoted: bool,
    /// In `[…` or `{…`, where a value ends before the line does.
    is_flow: bool,
}

impl Before {
    fn of(text: &str) -> Self {
        let (mut quote, mut depth, mut last) = (None, 0_usize, ' ');
        for c in text.chars() {
            match (quote, c) {
                (None, '"' | '\'') if !last.is_alphanumeric() => quote = Some(c),
                (Some('"'), '"') if last == '\\' => {}
                (Some(open), c) if open == c => quote = None,
                (None, '[' | '{') => depth += 1,
                (None, ']' | '}') => depth = depth.saturating_sub(1),
                _ => {}
            }
            last = c;
        }
        Self { is_quoted: quote.is_some(), is_flow: depth > 0 }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(text: &str) -> Value {
        parse(&mut Report::new(&Source::new("x", text))).unwrap().written()
    }

    #[test]
    fn scalars_are_those_of_yaml_1_2() {
        let text = "a: NO\nb: yes\nc: 0755\nd: 1_000\ne: 0x1F\nf: 1.50\ng: true\nh: ~\ni:\nj: 2026-11-22\nk: 12:30:45\nl: on\n";
        let expected = json!({
            "a": "NO", "b": "yes", "c": "0755", "d": "1_000", "e": 31, "f": 1.5, "g": true, "h": null, "i": null,
            "j": "2026-11-22", "k": "12:30:45", "l": "on",
        });
        assert_eq!(read(text), expected);
    }

    #[test]
    fn merged_keys_give_way_to_written_ones() {
        let text = "base: &b { x: 1, y: 2 }\nuse: { <<: *b, x: 5 }\n";
        assert_eq!(read(text), json!({ "base": { "x": 1, "y": 2 }, "use": { "x": 5, "y": 2 } }));
    }

    #[test]
    fn an_alias_is_placed_where_it_is_used() {
        let mut report = Report::new(&Source::new("x", "a: &v [1]\nb: *v\n"));
        let tree = parse(&mut report).unwrap();
        assert_eq!(report.source.place(tree.get("b").unwrap().span.offset), (2, 4));
    }

    #[test]
    fn a_bomb_is_refused_before_it_costs_anything() {
        let mut text = String::from("x0: &a0 [1,1,1,1,1,1,1,1,1,1]\n");
        for level in 1..9 {
            let inner = vec![format!("*a{}", level - 1); 10].join(",");
            text.push_str(&format!("x{level}: &a{level} [{inner}]\n"));
        }
        let started = std::time::Instant::now();
        assert_eq!(parse(&mut Report::new(&Source::new("x", text))).unwrap_err().code, codes::ALIAS_BOMB);
        // 0.2 s without optimisation; a whole expansion would take hours.
        assert!(started.elapsed().as_secs() < 10);
    }
}
