//! Steps of which others are a part: lists, blocks, tries, and what lies in them.

use super::Plan;
use crate::graph::Role;
use crate::model::Item;

impl Plan {
    /// Whether it is done by its members.
    pub fn is_group(&self, node: usize) -> bool {
        self.graph.nodes[node].is_group()
    }

    /// Whether it is done once an item, by its items.
    pub fn is_list(&self, node: usize) -> bool {
        self.graph.nodes[node].role == Role::List
    }

    /// Whether it is done by the steps in it: a block or include, or an item of one.
    pub fn is_body(&self, node: usize) -> bool {
        self.is_group(node) && !self.is_list(node)
    }

    /// The item a node is.
    pub fn item(&self, node: usize) -> Option<&Item> {
        let at = &self.graph.nodes[node];
        let member = at.group.filter(|_| at.role == Role::Item)?;
        self.items.get(self.address(member.of))?.get(member.item)
    }

    /// Whether one of the steps in it has to succeed.
    pub fn is_try(&self, node: usize) -> bool {
        self.is_body(node) && self.step(node).tries()
    }

    /// The `try` that it is a way of.
    pub fn try_of(&self, way: usize) -> Option<usize> {
        let of = self.graph.nodes[way].group?.of;
        (self.is_try(of) && self.step(way).mends.is_none()).then_some(of)
    }

    /// The ways of a `try`.
    pub fn ways(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        self.graph.members(node).filter(|way| self.outline.steps[*way].mends.is_none())
    }
}
