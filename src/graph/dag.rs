//! Steps and their needs as a directed graph without rings.
//!
//! Nodes are numbered in the order of the file, first `steps`, then `finally`. The steps of `finally` wait only for one
//! another: for the one above, unless they say otherwise. Only `needs` makes an edge, never a reference in a template.
//!
//! A step with `foreach` is one node until [`Graph::expand`] knows its items; then it is a **group** with a node of its own
//! for each. A block is a group of the steps in it, an include one of the steps of its file, from the start; with `foreach`
//! each item is such a group. A member starts once its group is open, and the group has ended when all of them have. What lies
//! under a group stands right behind it, so a range names all of it; when a graph grows, the numbers of nodes move.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::OnceLock;

use super::bits::Bits;
use crate::model::Address;
use crate::runbook::ast::{Ended, Runbook, Step};

#[derive(Clone, Debug)]
pub struct Graph {
    pub nodes: Vec<Node>,
    pub(super) by_id: HashMap<String, usize>,
    pub(super) order: Vec<usize>,
    pub(super) ancestors: OnceLock<Vec<Bits>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub address: Address,
    /// Place in [`Runbook::steps`] of its body, or in [`Runbook::finally`] if `finally` of the runbook.
    pub step: usize,
    pub role: Role,
    pub finally: bool,
    pub needs: Vec<Edge>,
    /// The nodes that need this one, in order.
    pub dependents: Vec<usize>,
    /// The body it is written in: a block or include, or an item of one.
    pub unit: Option<usize>,
    /// The group this is a member of, and which of its items.
    pub group: Option<Member>,
    /// All that lies under a group: its members, and what lies under those.
    pub members: Option<Range<usize>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Done once.
    Single,
    /// Done once an item.
    List,
    /// One of those.
    Item,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    pub of: usize,
    pub item: usize,
}

/// A need: the node, and the ends that satisfy; `None` is succeeded or skipped.
pub type Edge = (usize, Option<Vec<Ended>>);

/// What keeps the steps from being a graph. Steps are named by node, needs by their place in [`Step::needs`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Defect {
    DuplicateId {
        node: usize,
    },
    UnknownNeed {
        node: usize,
        need: usize,
    },
    DuplicateNeed {
        node: usize,
        need: usize,
    },
    /// A need across the border of `finally`.
    Border {
        node: usize,
        need: usize,
    },
    /// Each node needs the next, the last one the first. Begins with the one that stands first in the file.
    Ring {
        nodes: Vec<usize>,
    },
}

impl Graph {
    /// Builds what can be built and says what is wrong. Without defects every node is in [`Graph::order`].
    pub fn build(runbook: &Runbook) -> (Self, Vec<Defect>) {
        let mut defects = Vec::new();
        let (mut nodes, by_id) = nodes(runbook, &mut defects);
        for index in 0..nodes.len() {
            let needs = needs(runbook, &nodes, &by_id, index, &mut defects);
            needs.iter().for_each(|(needed, _)| nodes[*needed].dependents.push(index));
            nodes[index].needs = needs;
        }
        defects.extend(super::rings::rings(&nodes));
        let order = super::order::order(&nodes);
        (Self { nodes, by_id, order, ancestors: OnceLock::new() }, defects)
    }

    /// The graph of a runbook that was checked, with the steps of all that it includes; the error is a sentence.
    pub fn of(runbook: &Runbook) -> Result<Self, String> {
        Self::sound(runbook, &mut HashSet::new()).map(|graph| graph.written_out(runbook, false))
    }

    /// The same with the steps of every list under it once, as they are written: `ID/STEP`.
    pub fn as_written(runbook: &Runbook) -> Result<Self, String> {
        Self::sound(runbook, &mut HashSet::new()).map(|graph| graph.written_out(runbook, true))
    }

    /// The graph of a body whose own bodies are graphs, too. `seen`: those looked at already, by the place they have in memory.
    fn sound(runbook: &Runbook, seen: &mut HashSet<*const Runbook>) -> Result<Self, String> {
        for book in runbook.all_steps().filter_map(|(_, step)| step.inside()) {
            if seen.insert(std::ptr::from_ref(book)) {
                Self::sound(book, seen)?;
            }
        }
        match Self::build(runbook) {
            (graph, defects) if defects.is_empty() => Ok(graph),
            (_, defects) => Err(format!("the steps are no graph: {:?}", defects[0])),
        }
    }

    /// A graph of which only the shape was kept: the nodes, each behind all that it needs in `order`.
    pub fn kept(nodes: Vec<Node>, order: Vec<usize>) -> Self {
        let by_id = nodes.iter().enumerate().map(|(node, at)| (at.address.to_string(), node)).collect();
        Self { nodes, by_id, order, ancestors: OnceLock::new() }
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    pub fn find(&self, address: &str) -> Option<usize> {
        self.by_id.get(address).copied()
    }

    /// The step behind a node.
    pub fn step<'a>(&self, runbook: &'a Runbook, node: usize) -> &'a Step {
        let at = &self.nodes[node];
        let book = self.book(runbook, node);
        if at.finally && at.unit.is_none() { &book.finally[at.step] } else { &book.steps[at.step] }
    }

    /// The body in which a node is written.
    pub fn book<'a>(&self, runbook: &'a Runbook, node: usize) -> &'a Runbook {
        self.nodes[node].unit.and_then(|unit| self.step(runbook, unit).inside()).unwrap_or(runbook)
    }

    /// The step beside whose fault a node is done against, where it is a repair.
    pub fn mends(&self, runbook: &Runbook, node: usize) -> Option<usize> {
        let of = &self.step(runbook, node).mends.as_ref()?.step;
        self.nodes[node].needs.iter().map(|(need, _)| *need).find(|need| self.step(runbook, *need).id == *of)
    }

    /// The bodies a node is written in, the nearest first.
    pub fn units(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(self.nodes[node].unit, |unit| self.nodes[*unit].unit)
    }

    /// The include in whose file a node is written; `None` for the runbook itself.
    pub fn file(&self, runbook: &Runbook, node: usize) -> Option<usize> {
        self.units(node).find(|unit| self.step(runbook, *unit).include.is_some())
    }

    /// The groups a node lies in, the nearest first.
    pub fn groups(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(self.nodes[node].group, |member| self.nodes[member.of].group).map(|member| member.of)
    }

    /// The members of a group, without what lies under them.
    pub fn members(&self, group: usize) -> impl Iterator<Item = usize> + '_ {
        let under = self.nodes[group].members.clone().unwrap_or_default();
        under.filter(move |node| self.nodes[*node].group.is_some_and(|member| member.of == group))
    }

    /// Every node behind all that it needs, and behind its group; among the free, the one that stands first in the file.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    pub fn is_ancestor(&self, ancestor: usize, of: usize) -> bool {
        self.all_ancestors()[of].contains(ancestor)
    }

    /// All that a node waits for, directly or not, in the order of the file.
    pub fn ancestors(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        self.all_ancestors()[node].iter()
    }

    /// All that waits for a node, directly or not, and the members of a group, in the order of the file.
    pub fn descendants(&self, node: usize) -> Vec<usize> {
        let mut found = BTreeSet::new();
        let mut queue = vec![node];
        while let Some(next) = queue.pop() {
            let at = &self.nodes[next];
            let of_group = self.groups(next).flat_map(|group| self.nodes[group].dependents.iter().copied());
            let behind = at.dependents.iter().copied().chain(of_group).chain(at.members.clone().into_iter().flatten());
            queue.extend(behind.filter(|behind| found.insert(*behind)));
        }
        found.into_iter().collect()
    }

    fn all_ancestors(&self) -> &[Bits] {
        self.ancestors.get_or_init(|| {
            let mut all = vec![Bits::new(self.nodes.len()); self.nodes.len()];
            for &node in &self.order {
                let mut own = std::mem::take(&mut all[node]);
                let at = &self.nodes[node];
                let group = at.group.map(|member| member.of);
                let needed = at.needs.iter().map(|(needed, _)| *needed);
                // Who waits for a group waits for all that lies under it.
                let under = needed.clone().flat_map(|needed| self.nodes[needed].members.clone().unwrap_or_default());
                for before in needed.chain(under).chain(group) {
                    own.insert(before);
                    own.join(&all[before]);
                }
                all[node] = own;
            }
            all
        })
    }
}

impl Node {
    fn top(written: &Step, step: usize, finally: bool) -> Self {
        let (needs, dependents) = (Vec::new(), Vec::new());
        let address = Address::top(&written.id);
        let role = if written.foreach.is_some() { Role::List } else { Role::Single };
        Self { address, step, role, finally, needs, dependents, unit: None, group: None, members: None }
    }

    pub fn is_group(&self) -> bool {
        self.members.is_some()
    }
}

/// A step of a graph without includes written out.
fn step_of<'a>(runbook: &'a Runbook, node: &Node) -> &'a Step {
    if node.finally { &runbook.finally[node.step] } else { &runbook.steps[node.step] }
}

fn nodes(runbook: &Runbook, defects: &mut Vec<Defect>) -> (Vec<Node>, HashMap<String, usize>) {
    let mut nodes: Vec<Node> = Vec::with_capacity(runbook.steps.len() + runbook.finally.len());
    let mut by_id = HashMap::with_capacity(nodes.capacity());
    for (finally, step) in runbook.all_steps() {
        let index = nodes.len();
        let place = if finally { index - runbook.steps.len() } else { index };
        if by_id.contains_key(&step.id) {
            defects.push(Defect::DuplicateId { node: index });
        } else {
            by_id.insert(step.id.clone(), index);
        }
        nodes.push(Node::top(step, place, finally));
    }
    (nodes, by_id)
}

fn needs(
    runbook: &Runbook,
    nodes: &[Node],
    by_id: &HashMap<String, usize>,
    node: usize,
    defects: &mut Vec<Defect>,
) -> Vec<Edge> {
    let this = &nodes[node];
    let mut edges = super::holds::edges(runbook, by_id, step_of(runbook, this));
    let Some(written) = &step_of(runbook, this).needs else {
        // Behind the step itself, not behind what may be done against its faults.
        let is_step = |above: &usize| step_of(runbook, &nodes[*above]).mends.is_none();
        let above = (node - this.step..node).rev().find(is_step).filter(|_| this.finally);
        // A failure above does not keep the next from cleaning up.
        edges.extend(above.map(|above| (above, Some(Ended::ANY.to_vec()))));
        return edges;
    };
    for (need, wanted) in written.iter().enumerate() {
        match by_id.get(&wanted.step) {
            None => defects.push(Defect::UnknownNeed { node, need }),
            Some(other) if step_of(runbook, &nodes[*other]).mends.is_some() => {
                defects.push(Defect::UnknownNeed { node, need });
            }
            Some(other) if nodes[*other].finally != this.finally => defects.push(Defect::Border { node, need }),
            Some(other) if edges.iter().any(|(held, _)| held == other) => {
                defects.push(Defect::DuplicateNeed { node, need });
            }
            Some(other) => edges.push((*other, wanted.when.clone())),
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::parse_text;

    fn graph(steps: &str, finally: &str) -> (Graph, Vec<Defect>) {
        let one = |line: &str| {
            let (id, needs) = line.split_once(':').unwrap_or((line, "-"));
            let needs = if needs == "-" { String::new() } else { format!("    needs: [{needs}]\n") };
            format!("  - id: {id}\n    run: echo\n{needs}")
        };
        let all = |lines: &str| lines.split_whitespace().map(one).collect::<String>();
        let text = format!("version: 1\nname: x\nseverity: partial\nsteps:\n{}finally:\n{}", all(steps), all(finally));
        Graph::build(&parse_text("x", &text).unwrap().runbook)
    }

    fn ids(graph: &Graph, nodes: &[usize]) -> Vec<String> {
        nodes.iter().map(|node| graph.nodes[*node].address.to_string()).collect()
    }

    #[test]
    fn order_follows_needs_and_else_the_file() {
        let (graph, defects) = graph("d:b,c c:a b:a a: e:", "x y z:");
        assert_eq!(defects, []);
        assert_eq!(ids(&graph, graph.order()), ["a", "c", "b", "d", "e", "x", "y", "z"]);
        let d = graph.find("d").unwrap();
        assert_eq!(ids(&graph, &graph.ancestors(d).collect::<Vec<_>>()), ["c", "b", "a"]);
        assert_eq!(ids(&graph, &graph.descendants(graph.find("a").unwrap())), ["d", "c", "b"]);
        assert!(graph.is_ancestor(graph.find("a").unwrap(), d));
        assert!(!graph.is_ancestor(d, graph.find("a").unwrap()));
    }

    #[test]
    fn finally_is_a_list_unless_it_says_otherwise() {
        let (graph, _) = graph("a", "x y z:");
        let needs: Vec<_> =
            graph.nodes.iter().map(|node| node.needs.iter().map(|edge| edge.0).collect::<Vec<_>>()).collect();
        assert_eq!(needs, [vec![], vec![], vec![1], vec![]]);
        assert_eq!(graph.nodes[2].needs[0].1.as_deref(), Some(Ended::ANY));
        assert!(graph.nodes[1].finally && graph.nodes[1].step == 0);
    }

    #[test]
    fn rings_are_the_shortest_of_their_tangle() {
        let (graph, defects) = graph("a:b b:c,d c:a d:b e:e", "");
        assert_eq!(defects, [Defect::Ring { nodes: vec![1, 3] }, Defect::Ring { nodes: vec![4] }]);
        assert!(graph.order().is_empty());
    }

    #[test]
    fn a_large_tangle_ends() {
        let steps: String = (0..3000).map(|i| format!("s{i}:s{},s{} ", (i + 1) % 3000, (i * 7) % 3000)).collect();
        let (_, defects) = graph(&steps, "");
        assert!(defects.iter().any(|defect| matches!(defect, Defect::Ring { .. })));
    }
}
