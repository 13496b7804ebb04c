//! Who stands where: a step stands one layer below the lowest of those it needs.

use super::Picture;
use crate::graph::{Edge, Graph};

/// The layer of each node, from 0.
pub fn layers(graph: &Graph) -> Vec<usize> {
    let mut layers = vec![0; graph.len()];
    for finally in [false, true] {
        let first = if finally { layers.iter().max().map_or(0, |deepest| deepest + 1) } else { 0 };
        for &node in graph.order().iter().filter(|node| graph.nodes[**node].finally == finally) {
            let below = arrows(graph, node).iter().map(|(need, _)| layers[*need] + 1).max();
            layers[node] = below.unwrap_or(first).max(first);
        }
    }
    layers
}

/// What a node is drawn behind. Steps of an include that need nothing stand below it; what needs the include stands below those
/// that end it.
pub fn arrows(graph: &Graph, node: usize) -> Vec<Edge> {
    let at = &graph.nodes[node];
    if at.needs.is_empty() {
        return at.group.iter().map(|member| (member.of, None)).collect();
    }
    let ends = |need: usize| {
        let under = graph.nodes[need].members.clone().unwrap_or_default();
        let is_last = |node: &usize| {
            let between = graph.groups(*node).take_while(|group| *group != need);
            !graph.nodes[*node].is_group() && between.chain([*node]).all(|it| graph.nodes[it].dependents.is_empty())
        };
        let last: Vec<usize> = under.filter(is_last).collect();
        if last.is_empty() { vec![need] } else { last }
    };
    at.needs.iter().flat_map(|(need, when)| ends(*need).into_iter().map(|end| (end, when.clone()))).collect()
}

/// The nodes of each layer, those that belong together near one another: each below the middle of what it needs.
pub fn rows(picture: &Picture) -> Vec<Vec<usize>> {
    let deepest = picture.steps.iter().map(|step| step.layer + 1).max().unwrap_or(0);
    let mut rows = vec![Vec::new(); deepest];
    picture.steps.iter().enumerate().for_each(|(node, step)| rows[step.layer].push(node));
    let mut place = vec![0.0; picture.steps.len()];
    for row in &mut rows {
        let middle = |node: &usize| {
            let needs = &picture.steps[*node].needs;
            let sum: f64 = needs.iter().map(|(need, _)| place[*need]).sum();
            if needs.is_empty() { 0.0 } else { sum / needs.len() as f64 }
        };
        row.sort_by(|a, b| middle(a).total_cmp(&middle(b)));
        let width = row.len() as f64;
        row.iter().enumerate().for_each(|(at, node)| place[*node] = (at as f64 + 0.5) / width);
    }
    rows
}
