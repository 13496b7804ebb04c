//! What is seen around a block: the steps that stand beside it, and the item at hand.

use super::names::{Names, Site, put_out};
use crate::graph::Graph;
use crate::runbook::ast::Runbook;

impl<'b, 'a> Names<'b, 'a> {
    /// Inside of a block.
    pub fn within<'c>(&'c self, node: usize, block: &'a Runbook, graph: &'c Graph) -> Names<'c, 'a>
    where
        'b: 'c,
    {
        let (written, shapes) = put_out(block, self.catalog);
        let secret_vars = self.secret_vars.clone();
        Names { body: block, graph, outer: Some((self, node)), written, shapes, secret_vars, ..*self }
    }

    /// The body in which a step of that id is seen: this one, or the nearest around it, with what of it looks there.
    pub(super) fn seen(&self, id: &str, site: &Site) -> Option<(&Names<'b, 'a>, usize, Site)> {
        match (self.graph.find(id), self.outer) {
            (Some(node), _) => Some((self, node, *site)),
            (None, Some((outer, block))) => outer.seen(id, &Site::step(block)),
            (None, None) => None,
        }
    }

    /// Ids of all steps that are seen here.
    pub fn ids(&self) -> Vec<&'a str> {
        let mut ids: Vec<&str> = self.body.all_steps().map(|(_, step)| step.id.as_str()).collect();
        ids.extend(self.outer.into_iter().flat_map(|(outer, _)| outer.ids()));
        ids
    }

    /// Whether there is an item at hand: of the step itself, or around it.
    pub fn has_item(&self, node: Option<usize>) -> bool {
        node.is_some_and(|node| self.step(node).foreach.is_some()) || self.has_item_around()
    }

    /// Whether there is one without `foreach` of the step itself.
    pub fn has_item_around(&self) -> bool {
        self.outer.is_some_and(|(outer, block)| outer.has_item(Some(block)))
    }
}
