//! Nothing is deleted or replaced that the runbook does not name: in a partial disaster an unexpected replace of what has
//! survived is the worst that can happen.

use crate::model::Fault;
use crate::provider::terraform::{Change, is_allowed};

pub fn refuse(changes: &[Change], allowed: &[String]) -> Result<(), Fault> {
    let refused: Vec<&Change> =
        changes.iter().filter(|change| change.action.destroys() && !is_allowed(&change.address, allowed)).collect();
    let Some(first) = refused.first() else { return Ok(()) };
    let more = if refused.len() > 1 { format!(" and {} more", refused.len() - 1) } else { String::new() };
    let mut fault = Fault::new("RG2703", format!("the plan would {} {}{more}", first.action, first.address));
    fault.causes = refused.iter().map(|change| change.words()).collect();
    Err(fault.hint("nothing was changed; if it is meant, name the address under `allow_destroy`"))
}
