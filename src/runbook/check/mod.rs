//! Judges a runbook against the kinds there are.

use std::sync::Arc;

use super::ast::Runbook;
use super::catalog::Catalog;
use super::diagnostic::{Problem, Report};
use super::source::Source;

pub fn check(_runbook: &Runbook, source: &Arc<Source>, _catalog: &dyn Catalog) -> Vec<Problem> {
    Report::new(source).problems
}
