//! The tree of a file to a typed [`Runbook`], collecting every problem of shape on the way.
//!
//! Reading goes on after a problem: what is wrong is left out or given a harmless value, so that one pass finds
//! everything and [`super::check`] can still judge the rest.

mod defaults;
mod drill;
mod expect;
mod fields;
mod foreach;
mod holds;
mod include;
mod params;
mod policy;
mod repair;
mod scalars;
mod script;
mod step;
mod tell;
mod time;
mod top;

pub use include::part;

use super::ast::Runbook;
use super::diagnostic::Report;
use super::tree::Tree;

pub(crate) use defaults::spread;
pub(crate) use params::{is_secret_name, value as param_value};
pub(crate) use top::people;

/// Reads the whole file. `None` if it is no mapping at all.
pub fn runbook(mut tree: Tree, report: &mut Report) -> Option<Runbook> {
    defaults::spread(&mut tree);
    top::runbook(tree, report)
}
