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
                // "COPY orders, line 17, column total": the place without the value, which stands behind a colon.
                let place = place.lines().next().unwrap_or_default();
                fault.causes.push(place.split(": ").next().unwrap_or_default().to_owned());
            }
            fault
        }
        None => fault.caused_by(error),
    }
}

pub fn sql_state(error: &Error) -> Option<&str> {
    error.code().map(SqlState::code)
}

/// A lock was not had in time, or two sessions waited for one another.
pub fn is_lock_refused(error: &Error) -> bool {
    matches!(sql_state(error), Some("55P03" | "40P01"))
}

fn class(error: &Error) -> RetryClass {
    let Some(state) = sql_state(error) else {
        // No state: the connection could not be made or was cut.
        return RetryClass::Now;
    };
    match state {
        // Too many connections, starting up, shutting down: it will be back.
        "53300" | "57P01" | "57P02" | "57P03" => RetryClass::Later,
        "40001" | "40P01" | "55P03" => RetryClass::Now,
        _ if state.starts_with("08") => RetryClass::Now,
        _ => RetryClass::Never,
    }
}
