//! The fields of a step that say at what time it starts and by when it is to be over.

use jiff::civil::Time;
use jiff::tz::{self, TimeZone};

use super::fields::Fields;
use super::scalars;
use crate::runbook::diagnostic::Report;
use crate::runbook::tree::{Entry, Name, Node, Tree};
use crate::runbook::window::{DAYS, Window};
use crate::runbook::{codes, duration, keys, suggest};

const CLOCK_HELP: &str = "write the time of a clock with 24 hours: `\"22:00\"`";
const NOT_BEFORE_HELP: &str =
    "so long after a step: `\"{{ time_add steps.ID.ended_at \\\"1h\\\" }}\"`, with ID among its `needs`";

/// A time, or one expression that gives one.
pub fn not_before(entry: Entry, report: &mut Report) -> Option<Tree> {
    if duration_instead(&entry, report) {
        return None;
    }
    if entry.value.as_text().is_some_and(|text| text.contains("{{")) {
        let (key, written) = (entry.key.clone(), entry.value.clone());
        let tree = scalars::templated(entry, report);
        if tree.as_template().is_some_and(|template| template.single().is_none()) {
            scalars::wrong(&written, Some(&key), "a time, or one expression that gives one", report);
            return None;
        }
        return Some(tree);
    }
    let text = scalars::text(&entry, report)?;
    if let Err(message) = duration::parse_timestamp(&text) {
        report.error_help(codes::BAD_TIMESTAMP, entry.value.span, message, duration::TIMESTAMP_HELP);
        return None;
    }
    Some(entry.value)
}

fn duration_instead(entry: &Entry, report: &mut Report) -> bool {
    let is_one = entry.value.as_text().is_some_and(|text| duration::parse(text).is_ok());
    if is_one {
        let message = "`not_before` is a time, not how long to wait";
        report.error_help(codes::BAD_TIMESTAMP, entry.value.span, message, NOT_BEFORE_HELP);
    }
    is_one
}

/// One window, or several: it may start in any of them.
pub fn windows(entry: Entry, report: &mut Report) -> Vec<Window> {
    let key = entry.key.clone();
    let at = scalars::place(&entry.value, Some(&key));
    let items = match &entry.value.node {
        Node::Map(_) => Some(vec![entry.value]),
        Node::List(items) => Some(items.clone()),
        _ => {
            scalars::wrong_type(&entry, "a mapping of `from`, `to`, `days` and `zone`, or a list of such", report);
            None
        }
    };
    let Some(items) = items else { return Vec::new() };
    if items.is_empty() {
        report.error_help(codes::MISSING_FIELD, at, "`window` names no hours", "leave it away to start at any time");
    }
    items.into_iter().filter_map(|item| window(item, &key, report)).collect()
}

fn window(tree: Tree, key: &Name, report: &mut Report) -> Option<Window> {
    let mut fields = Fields::open(tree, Some(key), &keys::WINDOW, report)?;
    let (span, from, to) = (fields.span, fields.take("from"), fields.take("to"));
    let days = fields.take("days");
    let zone = fields.take("zone").map(|entry| zone(&entry, report));
    if from.is_none() && to.is_none() && days.is_none() {
        let message = "a window lacks its hours or its days";
        report.error_help(codes::MISSING_FIELD, span, message, "add `from: \"22:00\"` and `to: \"05:00\"`, or `days:`");
        return None;
    }
    let at = to.as_ref().map_or(span, |to| to.value.span);
    let from = from.map_or(Some(Some(Time::midnight())), |entry| clock(&entry, report));
    let to = to.map_or(Some(None), |entry| clock(&entry, report));
    let days = days.map(|entry| each_day(entry, report)).unwrap_or_default();
    // Midnight at the end of a day is no time of that day.
    let (Some(Some(from)), Some(to)) = (from, to) else {
        if from == Some(None) {
            report.error_help(codes::BAD_FORMAT, span, "no window opens at 24:00", "write `from: \"00:00\"`");
        }
        return None;
    };
    if to == Some(from) {
        let help = "leave both out for the whole day";
        report.error_help(codes::BAD_FORMAT, at, "a window closes at another time than it opens", help);
        return None;
    }
    Some(Window { from, to, days, zone: zone.unwrap_or(Some(TimeZone::UTC))? })
}

/// `Some(None)` is 24:00.
fn clock(entry: &Entry, report: &mut Report) -> Option<Option<Time>> {
    let text = scalars::text(entry, report)?;
    if text == "24:00" {
        return Some(None);
    }
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = text.split_once(':').filter(|(hour, minute)| digits(hour) && digits(minute));
    let time = parts.and_then(|(hour, minute)| Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok());
    if time.is_none() {
        let message = format!("`{text}` is no time of a day");
        report.error_help(codes::BAD_FORMAT, entry.value.span, message, CLOCK_HELP);
    }
    time.map(Some)
}

fn zone(entry: &Entry, report: &mut Report) -> Option<TimeZone> {
    let text = scalars::text(entry, report)?;
    let found = TimeZone::get(&text).ok();
    if found.is_none() {
        let names: Vec<String> = tz::db().available().map(|name| name.to_string()).collect();
        let near = suggest::nearest(&text, names.iter().map(String::as_str));
        let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let help = format!("{near}zones are named as in `Europe/Berlin`; UTC unless said");
        report.error_help(codes::NOT_ALLOWED, entry.value.span, format!("there is no time zone `{text}`"), help);
    }
    found
}

fn each_day(entry: Entry, report: &mut Report) -> Vec<jiff::civil::Weekday> {
    let key = entry.key.clone();
    let words = scalars::names(entry, report).into_iter();
    let mut days = Vec::new();
    for name in words {
        let tree = Tree { node: Node::Text(name.text), span: name.span };
        days.extend(scalars::word(&tree, &key, DAYS, report));
    }
    days
}
