//! The helpers over lists. Paths are dotted: `(pluck steps.load.outputs.tables "name")`.

use serde_json::{Number, Value};

use super::eval::{dig, scalar};
use super::helpers::{Call, equal, order};
use crate::model::Fault;

type Answer = Result<Value, Fault>;

impl Call<'_> {
    /// The values at the path in argument `path`, of all items of the first argument.
    fn values(&self, path: usize) -> Result<Vec<&Value>, Fault> {
        let dotted = self.text(path)?;
        let names: Vec<&str> = dotted.split('.').collect();
        let find = |item| dig(item, &names).ok_or_else(|| self.missing(&format!("an item without `{dotted}`")));
        self.list(0)?.iter().map(find).collect()
    }

    /// For each item, whether it is true, holds true at the path, or holds the value at the path.
    fn matches(&self) -> Result<Vec<bool>, Fault> {
        let values = if self.args.len() > 1 { self.values(1)? } else { self.list(0)?.iter().collect() };
        let judge = |value: &Value| match (self.args.get(2), value) {
            (Some(wanted), value) => Ok(equal(value, wanted)),
            (None, Value::Bool(yes)) => Ok(*yes),
            (None, _) => Err(self.wrong(0, "items that are true or false, or a value to compare with")),
        };
        values.into_iter().map(judge).collect()
    }
}

pub(super) fn join(call: &Call<'_>) -> Answer {
    let by = if call.args.len() > 1 { call.text(1)? } else { "," };
    let texts =
        call.list(0)?.iter().map(|item| scalar(item).ok_or_else(|| call.wrong(0, "a list of texts or numbers")));
    Ok(texts.collect::<Result<Vec<_>, _>>()?.join(by).into())
}

pub(super) fn split(call: &Call<'_>) -> Answer {
    let (text, by) = (call.text(0)?, call.text(1)?);
    if by.is_empty() {
        return Err(call.wrong(1, "a text to split at"));
    }
    if text.is_empty() {
        return Ok(Value::Array(Vec::new()));
    }
    Ok(text.split(by).map(Value::from).collect())
}

/// Lists to one list, texts and numbers to one text.
pub(super) fn concat(call: &Call<'_>) -> Answer {
    if call.args[0].is_array() {
        let mut all = Vec::new();
        for index in 0..call.args.len() {
            all.extend_from_slice(call.list(index)?);
        }
        return Ok(Value::Array(all));
    }
    let mut all = String::new();
    for (index, arg) in call.args.iter().enumerate() {
        all.push_str(&scalar(arg).ok_or_else(|| call.wrong(index, "texts, numbers, or only lists"))?);
    }
    Ok(all.into())
}

pub(super) fn first(call: &Call<'_>) -> Answer {
    call.list(0)?.first().cloned().ok_or_else(|| call.missing("an empty list"))
}

pub(super) fn last(call: &Call<'_>) -> Answer {
    call.list(0)?.last().cloned().ok_or_else(|| call.missing("an empty list"))
}

pub(super) fn pluck(call: &Call<'_>) -> Answer {
    Ok(call.values(1)?.into_iter().cloned().collect())
}

pub(super) fn filter(call: &Call<'_>) -> Answer {
    let matches = call.matches()?;
    Ok(call.list(0)?.iter().zip(matches).filter(|(_, yes)| *yes).map(|(item, _)| item.clone()).collect())
}

/// Items in order of their value at the path; equal ones keep their order.
fn sorted<'a>(call: &'a Call<'_>) -> Result<Vec<&'a Value>, Fault> {
    let values = call.values(1)?;
    let mut pairs: Vec<_> = values.into_iter().zip(call.list(0)?).collect();
    let texts = pairs.iter().all(|(value, _)| value.is_string());
    let comparable = pairs.windows(2).all(|pair| order(pair[0].0, pair[1].0).is_some());
    if comparable {
        pairs.sort_by(|a, b| order(a.0, b.0).unwrap_or(std::cmp::Ordering::Equal));
    } else if texts {
        pairs.sort_by(|a, b| a.0.as_str().cmp(&b.0.as_str()));
    } else {
        return Err(call.wrong(0, "items with numbers, timestamps, durations or texts at the path"));
    }
    Ok(pairs.into_iter().map(|(_, item)| item).collect())
}

pub(super) fn sort_by(call: &Call<'_>) -> Answer {
    Ok(sorted(call)?.into_iter().cloned().collect())
}

pub(super) fn max_by(call: &Call<'_>) -> Answer {
    sorted(call)?.last().map(|item| (*item).clone()).ok_or_else(|| call.missing("an empty list"))
}

pub(super) fn min_by(call: &Call<'_>) -> Answer {
    sorted(call)?.first().map(|item| (*item).clone()).ok_or_else(|| call.missing("an empty list"))
}

pub(super) fn sum(call: &Call<'_>) -> Answer {
    let values = if call.args.len() > 1 { call.values(1)? } else { call.list(0)?.iter().collect() };
    if values.iter().all(|value| value.is_i64()) {
        let sum = values.iter().filter_map(|value| value.as_i64()).try_fold(0i64, i64::checked_add);
        return sum.map(Value::from).ok_or_else(|| call.range());
    }
    let numbers = values.iter().map(|value| value.as_f64().ok_or_else(|| call.wrong(0, "a list of numbers")));
    let sum = numbers.sum::<Result<f64, Fault>>()?;
    Number::from_f64(sum).map(Value::Number).ok_or_else(|| call.range())
}

pub(super) fn count(call: &Call<'_>) -> Answer {
    if call.args.len() == 1 {
        return Ok(call.list(0)?.len().into());
    }
    Ok(call.matches()?.into_iter().filter(|yes| *yes).count().into())
}

pub(super) fn unique(call: &Call<'_>) -> Answer {
    Ok(Value::Array(distinct(call.list(0)?.iter())))
}

pub(super) fn union(call: &Call<'_>) -> Answer {
    Ok(Value::Array(distinct(call.list(0)?.iter().chain(call.list(1)?))))
}

pub(super) fn difference(call: &Call<'_>) -> Answer {
    let without = call.list(1)?;
    Ok(call.list(0)?.iter().filter(|item| !without.iter().any(|other| equal(item, other))).cloned().collect())
}

fn distinct<'a>(items: impl Iterator<Item = &'a Value>) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::new();
    for item in items {
        if !kept.iter().any(|other| equal(item, other)) {
            kept.push(item.clone());
        }
    }
    kept
}

pub(super) fn any(call: &Call<'_>) -> Answer {
    Ok(Value::Bool(call.matches()?.contains(&true)))
}

pub(super) fn all(call: &Call<'_>) -> Answer {
    Ok(Value::Bool(!call.matches()?.contains(&false)))
}
