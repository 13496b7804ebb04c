//! What is executed, as the runbook writes it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::kind::Op;
use crate::model::Fault;
use crate::provider::mask::Masker;
use crate::provider::postgres::statements::{self, Statement};
use crate::provider::postgres::{Connection, Endpoint, application_name};
use crate::runbook::catalog::{Complaint, Late};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The server.
    pub connection: Connection,
    /// Where the connection names none, or another one than it names.
    #[serde(default)]
    pub database: Option<String>,
    /// One statement or several, with semicolons between them; all of them happen or none.
    pub sql: String,
    /// What `$1`, `$2`, … stand for, in all of the statements.
    #[serde(default)]
    pub values: Vec<Value>,
    /// Tells whether it happened, where PostgreSQL has forgotten it.
    #[serde(default)]
    pub probe: Option<Probe>,
}

/// A query: true in the first column of its first row says that it happened, false or no row that it did not.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// One statement that reads.
    pub sql: String,
    /// What `$1`, `$2`, … stand for.
    #[serde(default)]
    pub values: Vec<Value>,
}

impl Params {
    pub fn statements(&self) -> Result<Vec<Statement>, Fault> {
        let found = statements::split(&self.sql);
        let wanted = statements::values_wanted(&found);
        if wanted > self.values.len() {
            let message = format!("the statements use `${wanted}`, and `values` holds {}", self.values.len());
            return Err(Fault::new("RG2301", message).hint("give one value for each of `$1`, `$2`, …"));
        }
        match found.iter().find_map(misfit) {
            Some(fault) => Err(fault),
            None => Ok(found),
        }
    }
}

pub fn endpoint<P>(op: &Op<Params, P>) -> Endpoint {
    Endpoint {
        connection: op.params.connection.clone(),
        database: op.params.database.clone(),
        application: application_name(&op.id),
    }
}

pub fn check(with: &Late<'_>) -> Vec<Complaint> {
    let found = statements::split(with.text(&["sql"]).unwrap_or_default());
    let misfit = found.iter().find_map(misfit).map(|fault| Complaint::of(&["sql"], "RG2304", fault));
    [statements::check(with, &[]), statements::check(with, &["probe"]), misfit].into_iter().flatten().collect()
}

/// What cannot be part of the one transaction.
fn misfit(statement: &Statement) -> Option<Fault> {
    // Nothing is opened for a check.
    let what = statement.excerpt(&Masker::new([]));
    if statement.moves_transaction() {
        let fault = Fault::new("RG2304", format!("`{what}` would end the transaction that the step is"));
        return Some(fault.hint("leave it out: all statements of a step are one transaction; write two steps for two"));
    }
    let fault = || Fault::new("RG2304", format!("`{what}` wants a program that gives or takes the rows"));
    statement.copies().then(|| fault().hint("use `run` with psql and `\\copy`, or a path that the server reads"))
}
