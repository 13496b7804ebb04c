//! The people file beside a runbook: who has which role, and how they are reached.

use std::sync::Arc;

use indexmap::IndexMap;

use super::ast::Somebody;
use super::diagnostic::{Problem, Report};
use super::source::Source;
use super::{read, yaml};

/// The error is what kept it from being read at all.
pub(super) fn read(
    source: &Arc<Source>,
    problems: &mut Vec<Problem>,
) -> Result<IndexMap<String, Somebody>, Box<Problem>> {
    let mut report = Report::new(source);
    let tree = yaml::parse(&mut report)?;
    let people = read::people(tree, &mut report);
    problems.extend(report.problems);
    Ok(people)
}
