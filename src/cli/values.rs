//! How values on the command line are read.

use std::time::Duration;

use crate::model::text::{is_blank, is_hidden};
use crate::runbook::duration;

/// A name stands in many lines for ever. What somebody says is not judged here: the message would repeat it, and it may hold a
/// secret by mistake.
pub fn one_line(text: &str) -> Result<String, String> {
    match text.chars().find(|c| is_hidden(*c)) {
        Some(c) => Err(format!("it holds the character {}, which nobody sees", c.escape_default())),
        None => said(text),
    }
}

pub fn duration(text: &str) -> Result<Duration, String> {
    match duration::parse(text) {
        Ok(time) if time.is_zero() => Err("that is no time".into()),
        other => other.map_err(|error| error.to_string()),
    }
}

/// What is kept in the journal says something.
pub fn said(text: &str) -> Result<String, String> {
    if is_blank(text) { Err("it is empty".into()) } else { Ok(text.to_owned()) }
}
