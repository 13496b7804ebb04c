//! The graph of a run with how its steps ended, for pages that can show it.

use crate::graph::draw::{Facts, Picture};
use crate::graph::{Graph, Member, Node, Role};
use crate::model::Status;
use crate::plan::outline::{Outline, OutlineStep};

use super::postmortem::Postmortem;
use super::steps::StepReport;

/// A picture of more steps shows nothing.
pub const MOST: usize = 200;

/// What is drawn, or why nothing is.
pub fn picture(report: &Postmortem) -> Result<Picture, String> {
    let outline = report.steps.view().plan.as_ref().map(|plan| &plan.outline);
    let Some(outline) = outline.filter(|outline| !outline.is_empty()) else {
        return Err("There is no picture: the plan of the run cannot be read.".into());
    };
    if outline.len() > MOST {
        return Err(format!(
            "No picture is drawn of more than {MOST} steps; this run has {}. The table of steps has them all.",
            outline.len()
        ));
    }
    let steps: Vec<StepReport<'_>> = report.steps.iter().collect();
    let graph = graph(outline);
    let on_the_way = on_the_way(report, &graph);
    let facts = |node: usize| {
        let step = &steps[node];
        let name = step.called().unwrap_or_default().to_string();
        Facts { name, state: Some(step.state), said: Some(said(step)), ..Facts::default() }
    };
    Ok(Picture::made(format!("How the steps of {} ended", report.run), &graph, on_the_way, facts))
}

/// The way that took longest, with the groups that open on it.
fn on_the_way(report: &Postmortem, graph: &Graph) -> Vec<usize> {
    let mut way: Vec<usize> = Vec::new();
    for node in report.actual_path.iter().filter_map(|leg| graph.find(leg.step.as_str())) {
        let mut groups: Vec<usize> = graph.groups(node).filter(|group| !way.contains(group)).collect();
        groups.reverse();
        way.extend(groups.into_iter().chain([node]));
    }
    way
}

/// `succeeded in 3m12s, by hand`.
fn said(step: &StepReport<'_>) -> String {
    let took = step.duration();
    let took = if took.is_empty() || step.state == Status::Pending { String::new() } else { format!(" in {took}") };
    let by_hand = if step.by_hand { ", by hand" } else { "" };
    format!("{}{took}{by_hand}", step.state.word())
}

fn graph(outline: &Outline) -> Graph {
    let node = |step: &OutlineStep| Node {
        address: step.address.clone(),
        step: 0,
        role: if step.list { Role::List } else { Role::Single },
        finally: step.finally,
        needs: step.needs.iter().map(|need| (need.step, need.when.clone())).collect(),
        dependents: step.dependents.clone(),
        unit: None,
        group: step.group.map(|of| Member { of, item: 0 }),
        members: step.members.clone(),
    };
    Graph::kept(outline.steps.iter().map(node).collect(), outline.order.clone())
}
