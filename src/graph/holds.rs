//! The edges of holds: what is under a hold waits for its take, its release waits for all of that.

use std::collections::HashMap;

use super::dag::Edge;
use crate::runbook::ast::{Ended, Runbook, Step};
use crate::runbook::holds::{Part, id};

/// What a step waits for because of holds.
pub(super) fn edges(runbook: &Runbook, by_id: &HashMap<String, usize>, step: &Step) -> Vec<Edge> {
    let find = |id: &str| by_id.get(id).copied();
    let Some(held) = &step.held else {
        let takes = step.under.iter().filter_map(|name| find(&id(&name.text, Part::Take)));
        return takes.map(|take| (take, None)).collect();
    };
    match held.part {
        Part::Read => Vec::new(),
        Part::Take => {
            find(&held.beside(Part::Read)).map(|read| (read, Some(vec![Ended::Succeeded]))).into_iter().collect()
        }
        Part::Release => {
            let under = runbook.steps.iter().filter(|step| step.is_under(&held.hold)).filter_map(|step| find(&step.id));
            find(&held.beside(Part::Take))
                .into_iter()
                .chain(under)
                .map(|node| (node, Some(Ended::ANY.to_vec())))
                .collect()
        }
    }
}
