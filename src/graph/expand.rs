//! A graph whose includes are groups of steps, and whose steps with `foreach` are groups of items.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::dag::{ENDED, Edge, Graph, Member, Node};
use super::order::order;
use crate::model::Address;
use crate::runbook::ast::{Foreach, OnItemFailure, Order, Runbook};

impl Graph {
    /// `keys` names the items of a step with `foreach`. Members stand right behind their group.
    pub fn expand(&self, runbook: &Runbook, keys: impl Fn(&Address) -> Vec<String>) -> Self {
        self.grown(|nodes, node| {
            if let Some(foreach) = &self.step(runbook, node).foreach {
                add_members(nodes, foreach, &keys(&self.nodes[node].address));
            }
        })
    }

    /// The steps of the files that the runbook includes, each behind its include.
    pub(super) fn written_out(self, runbook: &Runbook) -> Result<Self, String> {
        if runbook.all_steps().all(|(_, step)| step.include.is_none()) {
            return Ok(self);
        }
        // The same file may be included many times.
        let mut parts: HashMap<&str, Self> = HashMap::new();
        for (_, step) in runbook.all_steps() {
            if let Some(part) = step.part()
                && !parts.contains_key(part.key.as_str())
            {
                parts.insert(&part.key, Self::of(&part.book)?);
            }
        }
        Ok(self.grown(|nodes, node| {
            if let Some(part) = self.step(runbook, node).part() {
                add_part(nodes, &parts[part.key.as_str()]);
            }
        }))
    }

    /// A graph with more nodes: `add` puts what lies under a node right behind it.
    fn grown(&self, add: impl Fn(&mut Vec<Node>, usize)) -> Self {
        let mut nodes: Vec<Node> = Vec::with_capacity(self.len());
        let mut place = Vec::with_capacity(self.len() + 1);
        for (node, at) in self.nodes.iter().enumerate() {
            place.push(nodes.len());
            let group = at.group.map(|member| Member { of: place[member.of], ..member });
            let unit = at.unit.map(|unit| place[unit]);
            nodes.push(Node { dependents: Vec::new(), group, unit, ..at.clone() });
            add(&mut nodes, node);
        }
        place.push(nodes.len());
        for (node, at) in self.nodes.iter().enumerate() {
            let moved = |(needed, when): &Edge| (place[*needed], when.clone());
            let grown = &mut nodes[place[node]];
            grown.needs = at.needs.iter().map(moved).collect();
            if let Some(under) = &at.members {
                grown.members = Some(place[under.start]..place[under.end]);
            }
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

/// The steps of a file under the include that stands last.
fn add_part(nodes: &mut Vec<Node>, part: &Graph) {
    let include = nodes.len() - 1;
    let first = include + 1;
    let (address, finally) = (nodes[include].address.clone(), nodes[include].finally);
    nodes[include].members = Some(first..first + part.len());
    for (item, at) in part.nodes.iter().enumerate() {
        let group = at.group.map_or(Member { of: include, item }, |member| Member { of: first + member.of, ..member });
        nodes.push(Node {
            address: address.under(&at.address),
            step: at.step,
            finally,
            needs: at.needs.iter().map(|(needed, when)| (first + needed, when.clone())).collect(),
            dependents: Vec::new(),
            unit: Some(at.unit.map_or(include, |unit| first + unit)),
            group: Some(group),
            members: at.members.as_ref().map(|under| first + under.start..first + under.end),
        });
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

    #[test]
    fn an_include_is_a_group_of_the_steps_of_its_file() {
        let sound = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sound/include.yaml");
        let runbook = crate::runbook::load(std::path::Path::new(sound)).unwrap().runbook;
        let graph = Graph::of(&runbook).unwrap().expand(&runbook, |_| vec!["p".into(), "q".into()]);
        let node = |address: &str| graph.find(address).unwrap();
        let first = node("first");
        assert_eq!(words(&graph, graph.members(first)), "first/copy first/load first/after");
        let under = graph.nodes[first].members.clone().unwrap();
        assert_eq!(
            words(&graph, under),
            "first/copy first/load first/after first/after/each first/after/each:p first/after/each:q"
        );
        assert_eq!(graph.step(&runbook, node("first/after/each:q")).id, "each");
        assert_eq!(words(&graph, graph.groups(node("first/after/each:q"))), "first/after/each first/after first");
        let ancestors: Vec<usize> = graph.ancestors(node("second/load")).collect();
        assert!(
            [first, node("look"), node("first/after/each:q"), node("second/copy")]
                .iter()
                .all(|it| ancestors.contains(it))
        );
        assert!(!ancestors.contains(&node("second/after")));
        let behind = graph.descendants(node("first/after/each:p"));
        assert!(behind.contains(&node("second/copy")) && behind.contains(&node("tell")));
        assert_eq!(graph.order().len(), graph.len());
        assert!(graph.nodes[node("note/each:p")].finally && graph.step(&runbook, node("note/each")).id == "each");
    }
}
