//! `tell`: what its addresses may read. They are the run's, not a step's.

use super::names::{Names, Site};
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;

const ROOTS: &[&str] = &["params", "vars", "secrets", "run"];

pub fn judge(names: &Names<'_, '_>, report: &mut Report) {
    let site = Site { takes_secret: true, ..Site::outputs() };
    for tell in &names.runbook.tell {
        let strange = tell.to.references().into_iter().find(|it| !ROOTS.contains(&it.root()));
        match strange {
            Some(reference) => {
                let message = format!("`to` of `tell` cannot read `{}`", reference.dotted());
                report.error_help(
                    codes::UNKNOWN_NAME,
                    reference.span,
                    message,
                    "there is `params`, `vars`, `secrets`, `run`",
                );
            }
            None => names.judge_tree(&tell.to, &site, report),
        }
    }
}
