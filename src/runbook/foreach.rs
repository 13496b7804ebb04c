//! Steps that are done once an item, as typed data.

use super::source::Span;
use super::tree::Tree;

/// One step for every item of a list or map.
#[derive(Clone, Debug, PartialEq)]
pub struct Foreach {
    pub list: Tree,
    /// What tells the items apart; read with the item at hand.
    pub key: Option<Tree>,
    pub order: Order,
    pub on_item_failure: OnItemFailure,
    /// How many items at a time.
    pub max_parallel: Option<usize>,
    /// The key `foreach`.
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Each item behind the one before.
    Serial,
    Parallel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnItemFailure {
    /// No further item starts.
    Stop,
    Isolate,
}
