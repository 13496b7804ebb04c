//! What a runbook and its steps say of drills.

use super::tables::{may, must, words};
use super::{Form, Keys, WAYS};

/// At the top of a runbook.
pub static DRILL: Keys = Keys {
    of: "`drill`",
    known: &[
        may("params", Form::Named(&Form::Plain), "Values of parameters in a drill; one on the command line wins."),
        may("vars", Form::Named(&Form::Any), "Variables that have another value in a drill."),
    ],
    later: &[],
};

/// On a step, in full.
pub static DRILL_OF_STEP: Keys = Keys {
    of: "`drill` of a step",
    known: &[
        must("mode", Form::Words(|| words(WAYS)), "What a drill does with the step."),
        may("with", Form::With, "With `real` or `plan`: fields that are laid over the step's own."),
        may("outputs", Form::Named(&Form::Any), "With `stub`: what the step puts out."),
    ],
    later: &[],
};
