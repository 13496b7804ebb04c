//! What a call does to the world, and so what a crash in the middle of it means.

use serde::{Deserialize, Serialize};

/// What a call does to the world; the engine's crash rules hang on it (guarantees: effect classes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// No side effect: run again.
    Read,
    /// The other side refuses a second create under one key: `find`, then adopt or create.
    KeyedCreate,
    /// Doing it twice gives the same: `find`, then do it again.
    ConvergentSet,
    /// Whether it happened can only be told by its result. Without one, a person decides.
    Opaque,
    /// A person does it.
    Human,
}
