//! The mappings that say at what time a step starts, and who is told of what.

use super::tables::{may, must, words};
use super::{Form, Keys};
use crate::model::told::Matter;
use crate::runbook::window::DAYS;

pub static WINDOW: Keys = Keys {
    of: "`window`",
    known: &[
        may("from", Form::Clock, "When it opens: `\"22:00\"`; midnight unless said."),
        may("to", Form::Clock, "When it closes, on the day after if that is before `from`; midnight unless said."),
        may(
            "days",
            Form::OneOrList(&Form::Words(|| words(DAYS))),
            "The days on which it opens; every day unless said.",
        ),
        may("zone", Form::Text, "The time zone of these hours: `Europe/Berlin`; UTC unless said."),
    ],
    later: &[],
};

pub static TELL: Keys = Keys {
    of: "an entry of `tell`",
    known: &[
        must("when", Form::OneOrList(&Form::Words(|| words(Matter::ALL))), "What they are told of."),
        must("to", Form::TemplatedText, "The address of the web hook; it may be a secret, and is never shown."),
        may("repeat", Form::Duration, "They are told again after so long, for as long as it is so."),
    ],
    later: &[],
};
