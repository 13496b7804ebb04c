//! Steps that need one another in a ring.

use std::collections::{BTreeSet, HashMap, VecDeque};

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::dag::{Defect, Node};

/// One shortest ring of every tangle. Kosaraju's search, because Tarjan's recurses: a chain of 10,000 steps is sound and
/// would end it.
pub fn rings(nodes: &[Node]) -> Vec<Defect> {
    let mut graph = DiGraph::<(), ()>::with_capacity(nodes.len(), nodes.len());
    nodes.iter().for_each(|_| {
        graph.add_node(());
    });
    for (index, node) in nodes.iter().enumerate() {
        for (needed, _) in &node.needs {
            graph.add_edge(NodeIndex::new(index), NodeIndex::new(*needed), ());
        }
    }
    let tangles =
        kosaraju_scc(&graph).into_iter().map(|scc| scc.into_iter().map(NodeIndex::index).collect::<BTreeSet<_>>());
    let knotted = tangles.filter(|tangle| {
        let first = *tangle.first().unwrap_or(&0);
        tangle.len() > 1 || nodes[first].needs.iter().any(|(needed, _)| *needed == first)
    });
    let mut found: Vec<_> = knotted.map(|tangle| Defect::Ring { nodes: shortest_ring(nodes, &tangle) }).collect();
    found.sort_by_key(|defect| match defect {
        Defect::Ring { nodes } => nodes[0],
        _ => usize::MAX,
    });
    found
}

/// Breadth first from each member, but not from all of a very large tangle: any ring shows the mistake.
fn shortest_ring(nodes: &[Node], tangle: &BTreeSet<usize>) -> Vec<usize> {
    const TRIED: usize = 64;
    let mut best: Vec<usize> = Vec::new();
    for &start in tangle.iter().take(TRIED) {
        let ring = ring_from(nodes, tangle, start);
        if best.is_empty() || ring.len() < best.len() {
            best = ring;
        }
    }
    let first = best.iter().enumerate().min_by_key(|(_, node)| **node).map_or(0, |(at, _)| at);
    best.rotate_left(first);
    best
}

fn ring_from(nodes: &[Node], tangle: &BTreeSet<usize>, start: usize) -> Vec<usize> {
    let mut came_from: HashMap<usize, usize> = HashMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for (needed, _) in nodes[node].needs.iter().filter(|(needed, _)| tangle.contains(needed)) {
            if *needed == start {
                let mut ring = vec![node];
                while let Some(before) = came_from.get(&ring[ring.len() - 1]) {
                    ring.push(*before);
                }
                ring.reverse();
                return ring;
            }
            if *needed != start && !came_from.contains_key(needed) {
                came_from.insert(*needed, node);
                queue.push_back(*needed);
            }
        }
    }
    vec![start]
}
