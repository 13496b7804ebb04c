//! What PostgreSQL says, as a [`Fault`]: its message and state, never its detail line, which holds values of rows.
//!
//! States: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::model::{Fault, RetryClass};

/// A fault of the code given, with what the server said as its cause and whether trying again may help.
pub fn fault(code: &str, message: impl Into<String>, error: &Error) -> Fault {
    let mut fault = Fault::new(code, message).retry(class(error));
    match error.as_db_error() {
        Some(db) => {
            let mut cause = format!("{} {}: {}", db.severity(), db.code().code(), db.message());
            if let Some(constraint) = db.constraint() {
                cause.push_str(&format!(" (constraint `{constraint}`)"));
            }
            fault.causes.push(cause);
            if let Some(place) = db.where_() {
                fault.causes.push(place_only(place));
            }
            fault
        }
        None => fault.caused_by(error),
    }
}

/// The same for a session that speaks the protocol itself.
pub(super) fn server_fault(
    place: &str,
    severity: &str,
    state: &str,
    message: &str,
    constraint: &str,
    context: &str,
) -> Fault {
    let (code, text) = if state.starts_with("57P") {
        ("RG2104", format!("the connection to {place} was cut"))
    } else {
        ("RG2106", format!("the server at {place} refuses a statement"))
    };
    let mut fault = Fault::new(code, text).retry(class_of(state));
    let named = if constraint.is_empty() { String::new() } else { format!(" (constraint `{constraint}`)") };
    fault.causes.push(format!("{severity} {state}: {message}{named}"));
    if !context.is_empty() {
        fault.causes.push(place_only(context));
    }
    fault
}

/// "COPY orders, line 17, column total": the place without the value, which stands behind a colon.
fn place_only(context: &str) -> String {
    let line = context.lines().next().unwrap_or_default();
    line.split(": ").next().unwrap_or_default().to_owned()
}

pub fn sql_state(error: &Error) -> Option<&str> {
    error.code().map(SqlState::code)
}

fn class(error: &Error) -> RetryClass {
    // No state: the connection could not be made or was cut.
    sql_state(error).map_or(RetryClass::Now, class_of)
}

fn class_of(state: &str) -> RetryClass {
    match state {
        // Too many connections, starting up, shutting down: it will be back.
        "53300" | "57P01" | "57P02" | "57P03" => RetryClass::Later,
        "40001" | "40P01" | "55P03" => RetryClass::Now,
        _ if state.starts_with("08") => RetryClass::Now,
        _ => RetryClass::Never,
    }
}
