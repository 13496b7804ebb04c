//! Repairs: what is done when a step has failed in a way that is known, before the step is tried again. A stale lock that is
//! cleared, room that is made.
//!
//! A repair is an ordinary step of the graph, `STEP/repair-1` beside its step: journal, crash rules, approval and views know
//! nothing else of it. It needs its step, so that it is blocked where that failed for good; its own failure counts for nothing,
//! since the step fails then.

use super::ast::Step;
use crate::model::Fault;

/// What a step says of one of its repairs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// The id of the step that does it.
    pub by: String,
    pub when: When,
    /// How often it is begun at the most.
    pub attempts: u32,
}

/// Against which faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    Code(String),
    /// Stands in what the fault says, its causes included: for a `run` those end with the end of stderr.
    Says(String),
}

/// What a repair is there for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mends {
    /// The id of the step.
    pub step: String,
    pub when: When,
}

/// The id of a repair, counted from 0. No step can be called so by an author.
pub fn id(step: &str, at: usize) -> String {
    format!("{step}/repair-{}", at + 1)
}

impl When {
    /// As it is written.
    pub fn text(&self) -> &str {
        let (Self::Code(text) | Self::Says(text)) = self;
        text
    }

    pub fn of(text: &str) -> Self {
        let digits = text.strip_prefix("RG").filter(|it| it.len() == 4 && it.bytes().all(|byte| byte.is_ascii_digit()));
        match digits {
            Some(_) => Self::Code(text.into()),
            None => Self::Says(text.into()),
        }
    }

    pub fn is_of(&self, fault: &Fault) -> bool {
        match self {
            Self::Code(code) => fault.code == *code,
            Self::Says(text) => {
                fault.message.contains(text.as_str()) || fault.causes.iter().any(|cause| cause.contains(text.as_str()))
            }
        }
    }
}

impl Step {
    /// Whether others than those who need it say when it is done.
    pub fn is_on_call(&self) -> bool {
        self.held.is_some() || self.mends.is_some()
    }

    /// Whether it is a repair of that step.
    pub fn is_repair_of(&self, step: &str) -> bool {
        self.mends.as_ref().is_some_and(|mends| mends.step == step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_whole_code_and_a_text_stands_anywhere_in_what_the_fault_says() {
        let mut fault = Fault::new("RG2011", "the command ended with exit code 1");
        fault.causes.push("copying\ncp: No space left on device".into());
        assert!(When::of("RG2011").is_of(&fault) && !When::of("RG2012").is_of(&fault));
        assert!(When::of("No space left").is_of(&fault) && When::of("exit code 1").is_of(&fault));
        assert!(!When::of("no space left").is_of(&fault) && !When::of("RG201").is_of(&fault));
        assert_eq!(When::of("RG20111"), When::Says("RG20111".into()));
    }
}
