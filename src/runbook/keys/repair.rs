//! What a repair is made of.

use super::of_step::of_step;
use super::tables::{may, must};
use super::{Form, Keys};

pub static REPAIR: Keys = Keys {
    of: "a repair",
    known: &[
        must(
            "when",
            Form::Text,
            "The code of a fault such as `RG2011`, or text that stands in it: in what it says, or in the end of stderr.",
        ),
        must("do", Form::RepairStep, "Done when the step has failed so; then the step is tried again."),
        may("attempts", Form::Count, "How often at the most; once unless said."),
    ],
    later: &[],
};

/// A step body without what its step says for it: when it is done, and that it may fail.
pub static REPAIR_STEP: Keys = Keys {
    of: "the step of a repair",
    known: &[
        of_step("name"),
        of_step("uses"),
        of_step("with"),
        of_step("run"),
        of_step("require"),
        of_step("retry"),
        of_step("timeout"),
        of_step("approval"),
        of_step("owner"),
        of_step("lock"),
        of_step("in_place"),
        of_step("instructions"),
        of_step("estimate"),
        of_step("drill"),
    ],
    later: &[],
};
