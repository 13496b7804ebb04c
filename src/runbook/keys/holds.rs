//! What a hold is made of.

use super::of_step::of_step;
use super::tables::{may, must, words};
use super::{Form, Keys, ON_ABORT};

pub static HOLD: Keys = Keys {
    of: "a hold",
    known: &[
        may("name", Form::Text, "What people call it."),
        must(
            "read",
            Form::HoldStep,
            "Puts out the value before: `hold.previous.NAME` in `take` and `release`, kept from the first time only.",
        ),
        must("take", Form::HoldStep, "Done before the first step under it starts."),
        must("release", Form::HoldStep, "Done when the last step under it has ended, and at every end of the run."),
        may(
            "on_abort",
            Form::Words(|| words(ON_ABORT)),
            "What becomes of it when a person aborts the run; `ask` unless said, which without a terminal is `keep`.",
        ),
    ],
    later: &[],
};

/// A step body without what its hold says for it: when it is done, and how it is taken back.
pub static HOLD_STEP: Keys = Keys {
    of: "a step of a hold",
    known: &[
        of_step("name"),
        of_step("uses"),
        of_step("with"),
        of_step("run"),
        of_step("require"),
        of_step("retry"),
        of_step("timeout"),
        of_step("approval"),
        of_step("verify"),
        of_step("succeeds_if"),
        of_step("owner"),
        of_step("lock"),
        of_step("in_place"),
        of_step("instructions"),
        of_step("estimate"),
        of_step("drill"),
    ],
    later: &[],
};
