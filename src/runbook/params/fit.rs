//! Whether a value is one for its parameter.

use serde_json::Value;

use super::{Misfit, wrong};
use crate::runbook::ast::{ParamSpec, ParamType};
use crate::runbook::{codes, duration, suggest};

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
