//! `schema`: the JSON schema of runbooks, for editors.

use super::Failure;
use super::looking::print_json;
use crate::kinds::Kinds;
use crate::runbook::schema;

pub fn schema() -> Result<(), Failure> {
    print_json(&schema::schema(&Kinds))
}
