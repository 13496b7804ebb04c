//! A graph whose blocks and includes are groups of steps, and whose steps with `foreach` are groups of items.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::dag::{Edge, Graph, Member, Node, Role};
use super::order::order;
use crate::model::Address;
use crate::runbook::ast::{Ended, Foreach, OnItemFailure, Order, Runbook, Step};

/// The graphs of bodies, by the place they have in memory: the same file may be included many times, the same block be done for
/// many items.
#[derive(Default)]
struct Parts(HashMap<*const Runbook, Graph>);

impl Parts {
    /// Of a body that was checked with what it lies in.
    fn of(&mut self, step: &Step, lists_too: bool) -> Option<&Graph> {
        let book = step.inside()?;
        let built = || {
            let written = Graph::build(book).0;
            let written = if step.tries() { written.one_after_another(book) } else { written };
            written.written_out(book, lists_too)
        };
        Some(self.0.entry(std::ptr::from_ref(book)).or_insert_with(built))
    }
}

impl Graph {
    /// `keys` names the items of a step with `foreach`; `None`: not known yet. A list that has members keeps them. Gives the
    /// larger graph, and where in it each node has its place.
    pub fn expand(&self, runbook: &Runbook, keys: impl Fn(&Address) -> Option<Vec<String>>) -> (Self, Vec<usize>) {
        let mut parts = Parts::default();
        self.grown(|nodes, node| {
            let at = &self.nodes[node];
            if at.role != Role::List || at.members.as_ref().is_some_and(|under| !under.is_empty()) {
                return;
            }
            let step = self.step(runbook, node);
            let Some(foreach) = &step.foreach else { return };
            add_items(nodes, foreach, &keys(&at.address).unwrap_or_default(), parts.of(step, false));
        })
    }

    /// The ways of a `try`: each begins once all before it gave way, or were left out.
    fn one_after_another(mut self, ways: &Runbook) -> Self {
        let gave_way = Some(vec![Ended::Superseded, Ended::Skipped]);
        let is_way = |node: &usize| ways.steps[*node].mends.is_none();
        for (node, at) in self.nodes.iter_mut().enumerate().filter(|(node, _)| is_way(node)) {
            at.needs = (0..node).filter(is_way).map(|before| (before, gave_way.clone())).collect();
        }
        self
    }

    /// The steps of the blocks and of the files that the runbook includes, each behind what it is the body of. `lists_too`: also
    /// of lists, without their items.
    pub(super) fn written_out(self, runbook: &Runbook, lists_too: bool) -> Self {
        if runbook.all_steps().all(|(_, step)| step.inside().is_none()) {
            return self;
        }
        let mut parts = Parts::default();
        let grown = self.grown(|nodes, node| {
            let wanted = lists_too || self.nodes[node].role == Role::Single;
            if wanted && let Some(part) = parts.of(self.step(runbook, node), lists_too) {
                add_body(nodes, part);
            }
        });
        grown.0
    }

    /// A graph with more nodes: `add` puts what lies under a node right behind it.
    fn grown(&self, mut add: impl FnMut(&mut Vec<Node>, usize)) -> (Self, Vec<usize>) {
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
                grown.members = Some(place[node] + 1..place[under.end]);
            }
        }
        for node in 0..nodes.len() {
            let needs: Vec<usize> = nodes[node].needs.iter().map(|(needed, _)| *needed).collect();
            needs.into_iter().for_each(|needed| nodes[needed].dependents.push(node));
        }
        let by_id = nodes.iter().enumerate().map(|(node, at)| (at.address.to_string(), node)).collect();
        let order = order(&nodes);
        (Self { nodes, by_id, order, ancestors: OnceLock::new() }, place)
    }
}

/// The steps of a body under the node that stands last.
fn add_body(nodes: &mut Vec<Node>, part: &Graph) {
    let body = nodes.len() - 1;
    let first = body + 1;
    let (address, finally) = (nodes[body].address.clone(), nodes[body].finally);
    nodes[body].members = Some(first..first + part.len());
    for (item, at) in part.nodes.iter().enumerate() {
        let group = at.group.map_or(Member { of: body, item }, |member| Member { of: first + member.of, ..member });
        nodes.push(Node {
            address: address.under(&at.address),
            step: at.step,
            role: at.role,
            finally,
            needs: at.needs.iter().map(|(needed, when)| (first + needed, when.clone())).collect(),
            dependents: Vec::new(),
            unit: Some(at.unit.map_or(body, |unit| first + unit)),
            group: Some(group),
            members: at.members.as_ref().map(|under| first + under.start..first + under.end),
        });
    }
}

fn add_items(nodes: &mut Vec<Node>, foreach: &Foreach, keys: &[String], part: Option<&Graph>) {
    let of = nodes.len() - 1;
    let list = nodes[of].clone();
    let mut before = None;
    for (item, key) in keys.iter().enumerate() {
        let needs = match (foreach.order, before) {
            (Order::Serial, Some(before)) => vec![(before, after(foreach.on_item_failure))],
            _ => Vec::new(),
        };
        before = Some(nodes.len());
        let (address, group) = (list.address.item(key), Some(Member { of, item }));
        let dependents = Vec::new();
        nodes.push(Node { address, role: Role::Item, needs, dependents, group, members: None, ..list.clone() });
        part.into_iter().for_each(|part| add_body(nodes, part));
    }
    nodes[of].members = Some(of + 1..nodes.len());
}

/// How the item before has to have ended.
fn after(on_failure: OnItemFailure) -> Option<Vec<Ended>> {
    match on_failure {
        OnItemFailure::Stop => None,
        OnItemFailure::Isolate => Some(Ended::ANY.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::parse_text;

    fn expanded(steps: &str) -> Graph {
        let text = format!("version: 1\nname: x\nseverity: partial\nsteps:\n{steps}");
        let runbook = parse_text("x", &text).unwrap().runbook;
        let two = || Some(vec!["p".to_string(), "q".into()]);
        let keys = |address: &Address| if address.as_str() == "none" { Some(vec![]) } else { two() };
        Graph::of(&runbook).unwrap().expand(&runbook, keys).0
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
        assert_eq!(needs("on:q"), [(graph.find("on:p").unwrap(), Some(Ended::ANY.to_vec()))]);
    }

    #[test]
    fn an_include_is_a_group_of_the_steps_of_its_file() {
        let sound = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sound/include.yaml");
        let runbook = crate::runbook::load(std::path::Path::new(sound)).unwrap().runbook;
        let keys = |_: &Address| Some(vec!["p".into(), "q".into()]);
        let graph = Graph::of(&runbook).unwrap().expand(&runbook, keys).0;
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

    #[test]
    fn a_block_is_a_group_and_with_foreach_each_item_is_one() {
        let inner = "steps: [{id: x, run: echo}, {id: y, needs: [x], run: echo}]";
        let graph = expanded(&format!(
            "  - {{id: once, {inner}}}\n  - {{id: each, needs: [once], foreach: [p, q], order: serial, {inner}}}\n  \
             - {{id: after, needs: [each], run: echo}}\n"
        ));
        let all = "once once/x once/y each each:p each:p/x each:p/y each:q each:q/x each:q/y after";
        assert_eq!(words(&graph, 0..graph.len()), all);
        assert_eq!(words(&graph, graph.order().iter().copied()), all);
        let node = |address: &str| graph.find(address).unwrap();
        assert_eq!(words(&graph, graph.members(node("each"))), "each:p each:q");
        assert_eq!(words(&graph, graph.members(node("each:q"))), "each:q/x each:q/y");
        assert_eq!(graph.nodes[node("each:q")].needs, [(node("each:p"), None)]);
        assert_eq!(graph.nodes[node("each:q/y")].needs, [(node("each:q/x"), None)]);
        assert_eq!(graph.nodes[node("each:q/y")].unit, Some(node("each:q")));
        assert_eq!(words(&graph, graph.descendants(node("each:p/y"))), "each:q each:q/x each:q/y after");
    }

    #[test]
    fn a_list_in_a_list_grows_in_its_place() {
        let text = "version: 1\nname: x\nseverity: partial\nsteps:\n  - {id: out, foreach: [p], steps: [{id: in, foreach: [1], \
                    steps: [{id: x, run: echo}]}, {id: end, needs: [in], run: echo}]}\n  - {id: after, needs: [out], run: echo}\n";
        let runbook = parse_text("x", text).unwrap().runbook;
        let first = |address: &Address| (address.as_str() == "out").then(|| vec!["p".into()]);
        let (graph, _) = Graph::of(&runbook).unwrap().expand(&runbook, first);
        assert_eq!(words(&graph, 0..graph.len()), "out out:p out:p/in out:p/end after");
        let second = |_: &Address| Some(vec!["a".into(), "b".into()]);
        let (grown, place) = graph.expand(&runbook, second);
        let all = "out out:p out:p/in out:p/in:a out:p/in:a/x out:p/in:b out:p/in:b/x out:p/end after";
        assert_eq!(words(&grown, 0..grown.len()), all);
        assert_eq!(place, [0, 1, 2, 7, 8, 9]);
        assert_eq!(grown.nodes[0].members, Some(1..8));
        assert_eq!(grown.nodes[2].members, Some(3..7));
        assert_eq!(grown.nodes[7].needs, [(2, None)]);
        let again = grown.expand(&runbook, second).0;
        assert_eq!(again.nodes, grown.nodes);
    }
}
