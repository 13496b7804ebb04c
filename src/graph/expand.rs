//! A graph whose steps with `foreach` are groups of items.

use std::sync::OnceLock;

use super::dag::{ENDED, Edge, Graph, Member, Node};
use super::order::order;
use crate::model::Address;
use crate::runbook::ast::{Foreach, OnItemFailure, Order, Runbook};

impl Graph {
    /// `keys` names the items of a step with `foreach`. Members stand right behind their group.
    pub fn expand(&self, runbook: &Runbook, keys: impl Fn(&Address) -> Vec<String>) -> Self {
        let mut nodes: Vec<Node> = Vec::with_capacity(self.len());
        let mut place = Vec::with_capacity(self.len());
        for (node, at) in self.nodes.iter().enumerate() {
            place.push(nodes.len());
            nodes.push(Node { dependents: Vec::new(), ..at.clone() });
            if let Some(foreach) = &self.step(runbook, node).foreach {
                add_members(&mut nodes, foreach, &keys(&at.address));
            }
        }
        for (node, at) in self.nodes.iter().enumerate() {
            let moved = |(needed, when): &Edge| (place[*needed], when.clone());
            nodes[place[node]].needs = at.needs.iter().map(moved).collect();
        }
        for node in 0..nodes.len() {
            let needs: Vec<usize> = nodes[node].needs.iter().map(|(needed, _)| *needed).collect();
            needs.into_iter().for_each(|needed| nodes[needed].dependents.push(node));
        }
        let by_id = nodes.iter().enumerate().map(|(node, at)| (at.address.to_string(), node)).collect();
        let order = order(&nodes);
        Self { nodes, by_id, order, ancestors: OnceLock::new() }
    }
}

fn add_members(nodes: &mut Vec<Node>, foreach: &Foreach, keys: &[String]) {
    let group = nodes.len() - 1;
    let first = group + 1;
    nodes[group].members = Some(first..first + keys.len());
    for (item, key) in keys.iter().enumerate() {
        let needs = match foreach.order {
            Order::Serial if item > 0 => vec![(first + item - 1, after(foreach.on_item_failure))],
            Order::Serial | Order::Parallel => Vec::new(),
        };
        let address = nodes[group].address.item(key);
        let group = Some(Member { of: group, item });
        nodes.push(Node { address, needs, dependents: Vec::new(), group, members: None, ..nodes[first - 1].clone() });
    }
}

/// How the item before has to have ended.
fn after(on_failure: OnItemFailure) -> Option<Vec<crate::runbook::ast::Ended>> {
    match on_failure {
        OnItemFailure::Stop => None,
        OnItemFailure::Isolate => Some(ENDED.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::parse_text;

    fn expanded(steps: &str) -> Graph {
        let text = format!("version: 1\nname: x\nseverity: partial\nsteps:\n{steps}");
        let runbook = parse_text("x", &text).unwrap().runbook;
        let keys = |address: &Address| if address.as_str() == "none" { vec![] } else { vec!["p".into(), "q".into()] };
        Graph::of(&runbook).unwrap().expand(&runbook, keys)
    }

    fn words(graph: &Graph, nodes: impl IntoIterator<Item = usize>) -> String {
        nodes.into_iter().map(|node| graph.nodes[node].address.to_string()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_needs_a_group_comes_behind_all_its_items() {
        let graph = expanded(
            "  - {id: last, needs: [each, none], run: echo}\n  - {id: each, needs: [first], foreach: [p, q], run: echo}\n  \
             - {id: none, foreach: [], run: echo}\n  - {id: first, run: echo}\n",
        );
        assert_eq!(words(&graph, graph.order().iter().copied()), "none first each each:p each:q last");
        let group = graph.find("each").unwrap();
        assert_eq!(words(&graph, graph.nodes[group].members.clone().unwrap()), "each:p each:q");
        assert_eq!(graph.nodes[graph.find("each:q").unwrap()].group, Some(Member { of: group, item: 1 }));
        assert_eq!(words(&graph, graph.descendants(graph.find("each:p").unwrap())), "last");
        assert_eq!(words(&graph, graph.descendants(graph.find("first").unwrap())), "last each each:p each:q");
    }

    #[test]
    fn serial_items_wait_for_one_another() {
        let graph = expanded(
            "  - {id: stop, foreach: [p, q], order: serial, run: echo}\n  \
             - {id: on, foreach: [p, q], order: serial, on_item_failure: isolate, run: echo}\n",
        );
        let needs = |address: &str| graph.nodes[graph.find(address).unwrap()].needs.clone();
        assert_eq!(needs("stop:p"), []);
        assert_eq!(needs("stop:q"), [(graph.find("stop:p").unwrap(), None)]);
        assert_eq!(needs("on:q"), [(graph.find("on:p").unwrap(), Some(ENDED.to_vec()))]);
    }
}
