//! The moment that a restore goes back to.

use jiff::Timestamp;

use crate::model::Fault;

/// What `as_of` names; `code` is of the kind that asks.
pub fn parse(text: &str, code: &str) -> Result<Timestamp, Fault> {
    let wrong = |what: String| {
        Fault::new(code, what).hint("write the last good moment as RFC 3339, for example 2026-11-24T09:41:00Z")
    };
    if text.trim().eq_ignore_ascii_case("now") {
        return Err(wrong("`as_of: now` is refused: the moment wanted lies before the loss".to_owned()));
    }
    text.trim().parse().map_err(|error: jiff::Error| wrong(format!("`{text}` is no moment")).caused_by(&error))
}
