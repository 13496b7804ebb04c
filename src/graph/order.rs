//! The order in which nodes can start.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::dag::Node;

/// Kahn's order with a heap, so that the file's order decides among the free. A group is left behind only when all its
/// members are.
pub fn order(nodes: &[Node]) -> Vec<usize> {
    let mut missing: Vec<usize> =
        nodes.iter().map(|node| node.needs.len() + usize::from(node.group.is_some())).collect();
    let mut open = vec![0; nodes.len()];
    nodes.iter().filter_map(|node| node.group).for_each(|member| open[member.of] += 1);
    let free = missing.iter().enumerate().filter(|(_, count)| **count == 0).map(|(node, _)| Reverse(node));
    let mut heap: BinaryHeap<_> = free.collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(Reverse(node)) = heap.pop() {
        order.push(node);
        let mut release = |node: usize| {
            missing[node] -= 1;
            if missing[node] == 0 {
                heap.push(Reverse(node));
            }
        };
        let is_member = |member: &usize| nodes[*member].group.is_some_and(|member| member.of == node);
        nodes[node].members.clone().into_iter().flatten().filter(is_member).for_each(&mut release);
        let mut ended = Some(node).filter(|node| open[*node] == 0);
        while let Some(node) = ended {
            nodes[node].dependents.iter().copied().for_each(&mut release);
            ended = nodes[node].group.map(|member| member.of).filter(|group| {
                open[*group] -= 1;
                open[*group] == 0
            });
        }
    }
    order
}
