//! `schema`: the JSON schema of runbooks and of the files that they include, for editors.

use super::Failure;
use super::looking::print_json;
use crate::kinds::Kinds;
use crate::runbook::schema;

pub fn schema(include: bool) -> Result<(), Failure> {
    print_json(&if include { schema::part_schema(&Kinds) } else { schema::schema(&Kinds) })
}
