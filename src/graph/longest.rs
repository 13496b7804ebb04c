//! The longest way through a graph: what decides how long a run takes when enough is done side by side.

use super::dag::Graph;

/// The steps of the longest way to an end that is not in `finally`, and how long it takes; `None` where nothing on it has an
/// estimate. What does not count is nobody's last. Without estimates, the way of most steps.
pub fn longest_way(
    graph: &Graph,
    counts: impl Fn(usize) -> bool,
    estimate: impl Fn(usize) -> Option<u64>,
) -> (Vec<usize>, Option<u64>) {
    let mut best: Vec<(u64, usize, Option<usize>)> = vec![(0, 0, None); graph.len()];
    for &node in graph.order() {
        let at = &graph.nodes[node];
        // A group ends with the item that ends last, and its items wait for its own needs.
        let ended = |need: usize| {
            let members = graph.nodes[need].members.clone().unwrap_or_default();
            members
                .filter(|member| counts(*member))
                .max_by_key(|member| (best[*member].0, best[*member].1))
                .unwrap_or(need)
        };
        let before = at.needs.iter().map(|(need, _)| ended(*need)).chain(at.group.map(|member| member.of));
        let longest = before.map(|before| (best[before].0, best[before].1, Some(before))).max();
        let (seconds, depth, from) = longest.unwrap_or((0, 0, None));
        best[node] = (seconds + estimate(node).unwrap_or(0), depth + 1, from);
    }
    let ends = (0..graph.len()).filter(|node| !graph.nodes[*node].finally && counts(*node));
    let last = ends.max_by_key(|node| (best[*node].0, best[*node].1));
    let mut path = Vec::new();
    let mut next = last;
    while let Some(node) = next {
        path.push(node);
        next = best[node].2;
    }
    path.reverse();
    let known = path.iter().any(|node| estimate(*node).is_some());
    (path, last.map(|node| best[node].0).filter(|_| known))
}
