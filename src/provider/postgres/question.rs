//! One question, one answer as JSON.
//!
//! Rows come back through `row_to_json`: PostgreSQL itself says how each type looks in JSON. Columns are renamed first, so
//! that two columns of one name do not hide one another.

use std::error::Error as StdError;

use serde_json::Value;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, IsNull, ToSql, Type};
use tokio_postgres::{Column, Row, Statement};

use super::{Session, quote};
use crate::model::Fault;

/// An answer is kept in the journal: it is a proof, not an export.
const MOST_ROWS: usize = 10_000;

/// The statement as the server has read it, with as many values as it takes. In a transaction that only reads, which is left open.
pub async fn prepared(session: &Session, sql: &str, values: &[Value]) -> Result<Statement, Fault> {
    // In such a transaction not even `set transaction read write` helps after the first statement.
    session.begin_snapshot(None).await?;
    session.query("select 1", &[]).await?;
    let statement = session.client().prepare(bare(sql)).await.map_err(|error| refused(session, &error))?;
    let expected = statement.params().len();
    if expected != values.len() {
        let message = format!("the statement takes {expected} values, and `values` holds {}", values.len());
        return Err(Fault::new("RG2301", message).hint("give one value for each of `$1`, `$2`, …"));
    }
    Ok(statement)
}

fn bare(sql: &str) -> &str {
    sql.trim().trim_end_matches(';')
}

fn refused(session: &Session, error: &tokio_postgres::Error) -> Fault {
    session.refused("RG2302", "the server refuses the statement", error)
}

/// Asks in a transaction that only reads, and leaves it open.
pub async fn rows(session: &Session, sql: &str, values: &[Value]) -> Result<Vec<Value>, Fault> {
    let statement = prepared(session, sql, values).await?;
    let refuse = |error: &tokio_postgres::Error| refused(session, error);
    let sql = bare(sql);
    let bound: Vec<Text> = values.iter().map(Text::from).collect();
    let bound: Vec<&(dyn ToSql + Sync)> = bound.iter().map(|value| value as _).collect();
    let wrapped = if selects(sql) {
        let sql = wrap(sql, statement.columns());
        Some(session.client().prepare_typed(&sql, statement.params()).await.map_err(|error| refuse(&error))?)
    } else {
        None
    };
    let rows =
        session.client().query(wrapped.as_ref().unwrap_or(&statement), &bound).await.map_err(|error| refuse(&error))?;
    if rows.len() > MOST_ROWS {
        return Err(Fault::new("RG2303", format!("the answer has {} rows, more than {MOST_ROWS}", rows.len()))
            .hint("count or aggregate in the statement, or add a `limit`"));
    }
    if wrapped.is_some() { rows.iter().map(json).collect() } else { Ok(rows.iter().map(words).collect()) }
}

/// The first column of the first row; null without rows.
pub fn first(rows: &[Value]) -> Value {
    let first = rows.first().and_then(Value::as_object);
    first.and_then(|row| row.values().next()).cloned().unwrap_or(Value::Null)
}

/// Whether it can stand in parentheses; `show` and `explain` cannot.
fn selects(sql: &str) -> bool {
    let word: String = sql.trim_start_matches(|c: char| c.is_whitespace() || c == '(').chars().take(6).collect();
    let word = word.to_ascii_lowercase();
    ["select", "with", "values", "table"].iter().any(|start| word.starts_with(start)) || sql.starts_with("--")
}

fn wrap(sql: &str, columns: &[Column]) -> String {
    let mut names: Vec<String> = Vec::new();
    for column in columns {
        let mut name = column.name().to_owned();
        let mut again = 2;
        while names.contains(&name) {
            name = format!("{}_{again}", column.name());
            again += 1;
        }
        names.push(name);
    }
    let names: Vec<String> = names.iter().map(|name| quote(name)).collect();
    // The line break ends a comment at the end of the statement.
    format!("select row_to_json(q)::text from ({sql}\n) as q({}) limit {}", names.join(", "), MOST_ROWS + 1)
}

fn json(row: &Row) -> Result<Value, Fault> {
    let text: &str = row.get(0);
    serde_json::from_str(text).map_err(|error| Fault::new("RG2302", "a row is no JSON").caused_by(&error))
}

/// The answer of `show` and `explain`: text.
fn words(row: &Row) -> Value {
    let cell = |at: usize| row.try_get::<_, Option<String>>(at).ok().flatten().map_or(Value::Null, Value::String);
    Value::Object(row.columns().iter().enumerate().map(|(at, column)| (column.name().to_owned(), cell(at))).collect())
}

/// A value as text, which the server reads as the type it inferred for that place.
#[derive(Debug)]
pub struct Text(Option<String>);

impl From<&Value> for Text {
    fn from(value: &Value) -> Self {
        Self(match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        })
    }
}

impl ToSql for Text {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        let Some(text) = &self.0 else { return Ok(IsNull::Yes) };
        out.extend_from_slice(text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    tokio_postgres::types::to_sql_checked!();
}
