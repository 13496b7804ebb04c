//! What a person says of a step in the place of its work.

use serde::{Deserialize, Serialize};

use super::answer::{Answer, Verb};
use super::ids::Address;

/// Who said that a step is done, or is left out, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    pub who: String,
    pub because: String,
}

impl Claim {
    pub fn of(answer: &Answer) -> Option<(&Address, Self)> {
        let (Verb::Skip { step } | Verb::Done { step, .. }) = &answer.verb else { return None };
        let because = answer.because.clone().unwrap_or_default();
        Some((step, Self { who: answer.who.name.clone(), because }))
    }
}
