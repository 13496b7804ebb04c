//! The helpers: one table, one small function each. Pure: no I/O, no clock.

use std::cmp::Ordering;
use std::path::Path;

use base64::Engine;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Number, Value};

use super::eval::{dig, scalar};
use super::lists;
use super::types::Type;
use crate::model::Fault;
use crate::runbook::{codes, duration};

pub struct Helper {
    pub name: &'static str,
    /// How it is written, for help texts.
    pub usage: &'static str,
    least: usize,
    most: usize,
    /// What it takes, the last for all that follow.
    pub(super) takes: &'static [Type],
    pub(super) gives: Type,
    pub(super) special: Option<Special>,
    run: fn(&Call<'_>) -> Result<Value, Fault>,
}

/// Helpers that decide themselves which argument is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    Default,
    Exists,
    And,
    Or,
}

/// One use of a helper, with its computed arguments.
pub(super) struct Call<'a> {
    helper: &'a Helper,
    pub(super) args: &'a [Value],
}

const MANY: usize = 64;
use Type::{Any, Boolean, Duration as Dur, List, Number as Num, Text, Timestamp as Time};

const fn helper(
    name: &'static str,
    usage: &'static str,
    count: (usize, usize),
    takes: &'static [Type],
    gives: Type,
    run: fn(&Call<'_>) -> Result<Value, Fault>,
) -> Helper {
    Helper { name, usage, least: count.0, most: count.1, takes, gives, special: None, run }
}

const fn special(mut helper: Helper, special: Special) -> Helper {
    helper.special = Some(special);
    helper
}

static HELPERS: &[Helper] = &[
    helper("eq", "(eq a b)", (2, 2), &[Any], Boolean, |c| c.same().map(Value::Bool)),
    helper("ne", "(ne a b)", (2, 2), &[Any], Boolean, |c| c.same().map(|same| Value::Bool(!same))),
    helper("lt", "(lt a b)", (2, 2), &[Any], Boolean, |c| c.compare(Ordering::is_lt)),
    helper("le", "(le a b)", (2, 2), &[Any], Boolean, |c| c.compare(Ordering::is_le)),
    helper("gt", "(gt a b)", (2, 2), &[Any], Boolean, |c| c.compare(Ordering::is_gt)),
    helper("ge", "(ge a b)", (2, 2), &[Any], Boolean, |c| c.compare(Ordering::is_ge)),
    special(helper("and", "(and a b …)", (2, MANY), &[Boolean], Boolean, nothing), Special::And),
    special(helper("or", "(or a b …)", (2, MANY), &[Boolean], Boolean, nothing), Special::Or),
    helper("not", "(not a)", (1, 1), &[Boolean], Boolean, |c| Ok(Value::Bool(!c.boolean(0)?))),
    special(helper("default", "(default value otherwise)", (2, 2), &[Any], Any, nothing), Special::Default),
    special(helper("exists", "(exists name)", (1, 1), &[Any], Boolean, nothing), Special::Exists),
    helper("contains", "(contains list-or-text-or-map value)", (2, 2), &[Any], Boolean, contains),
    helper("lower", "(lower text)", (1, 1), &[Text], Text, |c| Ok(c.text(0)?.to_lowercase().into())),
    helper("upper", "(upper text)", (1, 1), &[Text], Text, |c| Ok(c.text(0)?.to_uppercase().into())),
    helper("trim", "(trim text)", (1, 1), &[Text], Text, |c| Ok(c.text(0)?.trim().into())),
    helper("join", "(join list \", \")", (1, 2), &[List, Text], Text, lists::join),
    helper("split", "(split text \",\")", (2, 2), &[Text], List, lists::split),
    helper("json", "(json value)", (1, 1), &[Any], Text, |c| Ok(c.args[0].to_string().into())),
    helper("base64", "(base64 text)", (1, 1), &[Text], Text, base64),
    helper("basename", "(basename path)", (1, 1), &[Text], Text, basename),
    helper("concat", "(concat a b …)", (1, MANY), &[Any], Any, lists::concat),
    helper("length", "(length list-or-text-or-map)", (1, 1), &[Any], Num, length),
    helper("first", "(first list)", (1, 1), &[List], Any, lists::first),
    helper("last", "(last list)", (1, 1), &[List], Any, lists::last),
    helper("lookup", "(lookup map-or-list key)", (2, 2), &[Any], Any, lookup),
    helper("add", "(add a b)", (2, 2), &[Any], Any, |c| c.sum(1)),
    helper("sub", "(sub a b)", (2, 2), &[Any], Any, |c| c.sum(-1)),
    helper("duration", "(duration seconds), (duration text) or (duration from to)", (1, 2), &[Any], Dur, to_duration),
    helper("time_add", "(time_add time \"90m\")", (2, 2), &[Time, Any], Time, time_add),
    helper("time_format", "(time_format time \"%Y-%m-%d %H:%M\")", (2, 2), &[Time, Text], Text, time_format),
    helper("sql_name", "(sql_name name) or (sql_name schema name)", (1, 3), &[Text], Text, sql_name),
    helper("pluck", "(pluck list \"path\")", (2, 2), &[List, Text], List, lists::pluck),
    helper("where", "(where list \"path\" value)", (2, 3), &[List, Text, Any], List, lists::filter),
    helper("sort_by", "(sort_by list \"path\")", (2, 2), &[List, Text], List, lists::sort_by),
    helper("max_by", "(max_by list \"path\")", (2, 2), &[List, Text], Any, lists::max_by),
    helper("min_by", "(min_by list \"path\")", (2, 2), &[List, Text], Any, lists::min_by),
    helper("sum", "(sum list) or (sum list \"path\")", (1, 2), &[List, Text], Num, lists::sum),
    helper("count", "(count list) or (count list \"path\" value)", (1, 3), &[List, Text, Any], Num, lists::count),
    helper("unique", "(unique list)", (1, 1), &[List], List, lists::unique),
    helper("union", "(union list list)", (2, 2), &[List], List, lists::union),
    helper("difference", "(difference list list)", (2, 2), &[List], List, lists::difference),
    helper("any", "(any list) or (any list \"path\" value)", (1, 3), &[List, Text, Any], Boolean, lists::any),
    helper("all", "(all list) or (all list \"path\" value)", (1, 3), &[List, Text, Any], Boolean, lists::all),
];

pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    HELPERS.iter().map(|helper| helper.name)
}

pub(super) fn find(name: &str) -> Option<&'static Helper> {
    HELPERS.iter().find(|helper| helper.name == name)
}

impl std::fmt::Debug for Helper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Helper {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Helper {
    /// May its first argument be missing?
    pub(super) fn takes_missing(&self) -> bool {
        matches!(self.special, Some(Special::Default | Special::Exists))
    }

    pub(super) fn check_count(&self, count: usize) -> Result<(), String> {
        if (self.least..=self.most).contains(&count) {
            return Ok(());
        }
        let wanted = match (self.least, self.most) {
            (least, most) if least == most => format!("{least}"),
            (least, MANY) => format!("{least} or more"),
            (least, most) => format!("{least} to {most}"),
        };
        Err(format!("`{}` takes {wanted} arguments, not {count}", self.name))
    }

    pub(super) fn run(&self, args: &[Value]) -> Result<Value, Fault> {
        (self.run)(&Call { helper: self, args })
    }

    pub(super) fn wrong(&self, value: &Value, wanted: &str) -> Fault {
        self.takes(wanted, &shown(value))
    }

    fn takes(&self, wanted: &str, given: &str) -> Fault {
        Fault::new(codes::ARGUMENT_TYPE, format!("`{}` takes {wanted}, not {given}", self.name))
            .hint(format!("use it as `{}`", self.usage))
    }
}

/// As much of it as a line takes.
fn shown(value: &Value) -> String {
    let shown = value.to_string();
    match shown.chars().count() > 60 {
        true => shown.chars().take(57).chain("...".chars()).collect(),
        false => shown,
    }
}

impl Call<'_> {
    pub(super) fn wrong(&self, index: usize, wanted: &str) -> Fault {
        self.helper.wrong(&self.args[index], wanted)
    }

    /// The first two do not go together.
    fn unlike(&self, wanted: &str) -> Fault {
        self.helper.takes(wanted, &format!("{} and {}", shown(&self.args[0]), shown(&self.args[1])))
    }

    pub(super) fn text(&self, index: usize) -> Result<&str, Fault> {
        self.args[index].as_str().ok_or_else(|| self.wrong(index, "text"))
    }

    pub(super) fn list(&self, index: usize) -> Result<&[Value], Fault> {
        self.args[index].as_array().map(Vec::as_slice).ok_or_else(|| self.wrong(index, "a list"))
    }

    fn boolean(&self, index: usize) -> Result<bool, Fault> {
        self.args[index].as_bool().ok_or_else(|| self.wrong(index, "true or false"))
    }

    fn time(&self, index: usize) -> Result<Timestamp, Fault> {
        duration::parse_timestamp(self.text(index)?).map_err(|_| self.wrong(index, "a timestamp"))
    }

    fn same(&self) -> Result<bool, Fault> {
        let (a, b) = (&self.args[0], &self.args[1]);
        if !a.is_null() && !b.is_null() && std::mem::discriminant(a) != std::mem::discriminant(b) {
            return Err(self.unlike("two values of one type"));
        }
        Ok(equal(a, b))
    }

    fn compare(&self, holds: fn(Ordering) -> bool) -> Result<Value, Fault> {
        match order(&self.args[0], &self.args[1]) {
            Some(order) => Ok(Value::Bool(holds(order))),
            None => Err(self.unlike("two numbers, two timestamps or two durations")),
        }
    }

    /// `a + sign × b` over numbers, over durations, and the time between two moments.
    fn sum(&self, sign: i64) -> Result<Value, Fault> {
        let (a, b) = (&self.args[0], &self.args[1]);
        if let (Some(a), Some(b)) = (a.as_i64(), b.as_i64()) {
            let sum = b.checked_mul(sign).and_then(|b| a.checked_add(b));
            return sum.map(Value::from).ok_or_else(|| self.range());
        }
        if let (Some(a), Some(b)) = (a.as_f64(), b.as_f64()) {
            return Number::from_f64(a + sign as f64 * b).map(Value::Number).ok_or_else(|| self.range());
        }
        if let (Some(a), Some(b)) = (as_duration(a), as_duration(b)) {
            let sum = if sign < 0 { a.checked_sub(b) } else { a.checked_add(b) };
            return self.duration(sum);
        }
        if let (-1, Some(a), Some(b)) = (sign, as_time(a), as_time(b)) {
            return self.between(b, a);
        }
        Err(self.unlike("two numbers or two durations"))
    }

    fn between(&self, from: Timestamp, to: Timestamp) -> Result<Value, Fault> {
        self.duration(std::time::Duration::try_from(to.duration_since(from)).ok())
    }

    /// One that can be read again, too.
    fn duration(&self, made: Option<std::time::Duration>) -> Result<Value, Fault> {
        let made = made.filter(|made| *made <= duration::MAX).ok_or_else(|| self.range())?;
        Ok(duration::format(made).into())
    }

    pub(super) fn range(&self) -> Fault {
        Fault::new(codes::ARITHMETIC, format!("the result of `{}` is out of range", self.helper.name))
    }

    pub(super) fn missing(&self, what: &str) -> Fault {
        Fault::new(codes::MISSING_VALUE, format!("`{}` finds {what}", self.helper.name))
            .hint("where it may be missing, write `(default (…) …)`")
    }
}

/// The body of a special helper: the evaluation does its work before this could be called.
fn nothing(_: &Call<'_>) -> Result<Value, Fault> {
    Ok(Value::Null)
}

fn as_duration(value: &Value) -> Option<std::time::Duration> {
    value.as_str().and_then(|text| duration::parse(text).ok())
}

fn as_time(value: &Value) -> Option<Timestamp> {
    value.as_str().and_then(|text| duration::parse_timestamp(text).ok())
}

/// Equal as numbers, as moments, as durations, else as JSON.
pub(super) fn equal(a: &Value, b: &Value) -> bool {
    a == b || order(a, b) == Some(Ordering::Equal)
}

/// The order of two numbers, two timestamps or two durations.
pub(crate) fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => match (x.as_i64(), y.as_i64()) {
            (Some(x), Some(y)) => Some(x.cmp(&y)),
            _ => x.as_f64()?.partial_cmp(&y.as_f64()?),
        },
        (Value::String(_), Value::String(_)) => match (as_time(a), as_time(b)) {
            (Some(x), Some(y)) => Some(x.cmp(&y)),
            _ => Some(as_duration(a)?.cmp(&as_duration(b)?)),
        },
        _ => None,
    }
}

fn contains(call: &Call<'_>) -> Result<Value, Fault> {
    let wanted = &call.args[1];
    let found = match &call.args[0] {
        Value::Array(list) => list.iter().any(|item| equal(item, wanted)),
        Value::String(text) => text.contains(call.text(1)?),
        Value::Object(map) => map.contains_key(call.text(1)?),
        _ => return Err(call.wrong(0, "a list, a text or a map")),
    };
    Ok(Value::Bool(found))
}

fn base64(call: &Call<'_>) -> Result<Value, Fault> {
    Ok(base64::engine::general_purpose::STANDARD.encode(call.text(0)?).into())
}

fn basename(call: &Call<'_>) -> Result<Value, Fault> {
    let name = Path::new(call.text(0)?).file_name().and_then(|name| name.to_str());
    name.map(Value::from).ok_or_else(|| call.wrong(0, "a path with a name at its end"))
}

fn length(call: &Call<'_>) -> Result<Value, Fault> {
    Ok(match &call.args[0] {
        Value::Array(list) => list.len().into(),
        Value::String(text) => text.chars().count().into(),
        Value::Object(map) => map.len().into(),
        _ => return Err(call.wrong(0, "a list, a text or a map")),
    })
}

fn lookup(call: &Call<'_>) -> Result<Value, Fault> {
    if !call.args[0].is_array() && !call.args[0].is_object() {
        return Err(call.wrong(0, "a map or a list"));
    }
    let key = scalar(&call.args[1]).ok_or_else(|| call.wrong(1, "a key"))?;
    dig(&call.args[0], &[&key]).cloned().ok_or_else(|| call.missing(&format!("nothing at `{key}`")))
}

fn to_duration(call: &Call<'_>) -> Result<Value, Fault> {
    if call.args.len() == 2 {
        return call.between(call.time(0)?, call.time(1)?);
    }
    if let Some(seconds) = call.args[0].as_f64() {
        return call.duration(std::time::Duration::try_from_secs_f64(seconds).ok());
    }
    let read = as_duration(&call.args[0]).ok_or_else(|| call.wrong(0, "seconds or a duration"))?;
    call.duration(Some(read))
}

fn time_add(call: &Call<'_>) -> Result<Value, Fault> {
    let text = call.text(1)?;
    let (back, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let by = duration::parse(text).map_err(|_| call.wrong(1, "a duration, with `-` to go back"))?;
    let by = SignedDuration::try_from(by).map_err(|_| call.range())?;
    let time = call.time(0)?.checked_add(if back { -by } else { by }).map_err(|_| call.range())?;
    Ok(time.to_string().into())
}

fn time_format(call: &Call<'_>) -> Result<Value, Fault> {
    let form = call.text(1)?;
    let zoned = call.time(0)?.to_zoned(jiff::tz::TimeZone::UTC);
    let text = jiff::fmt::strtime::format(form, &zoned)
        .map_err(|error| call.wrong(1, "a format as of `date`").caused_by(&error))?;
    Ok(text.into())
}

/// Quotes names as SQL identifiers, exactly as they are written. One argument is `table` or `schema.table`; of several each
/// is one part, so that a name may hold a dot.
fn sql_name(call: &Call<'_>) -> Result<Value, Fault> {
    let mut parts: Vec<&str> = Vec::with_capacity(call.args.len());
    for index in 0..call.args.len() {
        parts.push(call.text(index)?);
    }
    if let [whole] = parts[..] {
        parts = whole.split('.').collect();
    }
    if let Some(bad) = parts.iter().position(|name| name.is_empty() || name.contains('\0')) {
        return Err(call.wrong(bad.min(call.args.len() - 1), "a name that is not empty and holds no NUL"));
    }
    let quoted: Vec<String> = parts.iter().map(|name| format!("\"{}\"", name.replace('"', "\"\""))).collect();
    Ok(quoted.join(".").into())
}
