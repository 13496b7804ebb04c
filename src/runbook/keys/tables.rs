//! The mappings of the language, each key once.

use super::drill::{DRILL, DRILL_OF_STEP};
use super::holds::HOLD;
use super::repair::REPAIR;
use super::times::{TELL, WINDOW};
use super::{
    BACKOFFS, ENDS, Form, Key, Keys, MINIMUMS, ON_ITEM_FAILURE, ORDERS, SECRET_SOURCES, SEVERITIES, SUCCEEDS_IF, WAYS,
};
use crate::runbook::ast::ParamType;

pub(super) const fn may(name: &'static str, form: Form, about: &'static str) -> Key {
    Key { name, required: false, form, about }
}

pub(super) const fn must(name: &'static str, form: Form, about: &'static str) -> Key {
    Key { name, required: true, form, about }
}

pub(super) fn words<T>(table: &[(&'static str, T)]) -> Vec<&'static str> {
    table.iter().map(|(word, _)| *word).collect()
}

const MINIMUM: Form = Form::Either(&[Form::Count, Form::Words(|| words(MINIMUMS))]);

pub static TOP: Keys = Keys {
    of: "the runbook",
    known: &[
        must("version", Form::Version, "The version of the language: `1`."),
        must("name", Form::Title, "What the runbook is called, in one line."),
        may("title", Form::Text, "What it does, for people."),
        may("description", Form::Text, "When to use it, and what is left afterwards."),
        must(
            "severity",
            Form::Words(|| words(SEVERITIES)),
            "How much is lost: everything, a part, or only data of a healthy platform.",
        ),
        may("objectives", Form::Fields(&OBJECTIVES), "How long the recovery may take, and how much data may be lost."),
        may("responders", Form::Named(&Form::Fields(&RESPONDER)), "Who has to be there, by role."),
        may("people", Form::Text, "The file that says who has which role and how they are reached."),
        may("params", Form::Named(&Form::Param), "What is asked of whoever starts a run."),
        may("secrets", Form::Named(&Form::Secret), "Where secrets are read from; their values never stand here."),
        may("vars", Form::Named(&Form::Any), "Values with a name, made of parameters, secrets and `env.NAME`."),
        may("tell", Form::List(&Form::Fields(&TELL)), "Who is woken by a web hook, and when."),
        may("defaults", Form::Fields(&DEFAULTS), "What steps that do not say it are given, field by field."),
        may(
            "holds",
            Form::Named(&Form::Fields(&HOLD)),
            "What is taken before steps `under` it start, and given back behind the last of them and at every end.",
        ),
        may("drill", Form::Fields(&DRILL), "What has another value in a drill."),
        must("steps", Form::Filled(&Form::Step), "The work. Only `needs` makes an order."),
        may("finally", Form::List(&Form::Step), "Steps of the end, whatever became of the others."),
    ],
    later: &[],
};

pub static PART: Keys = Keys {
    of: "an included file",
    known: &[
        may("description", Form::Text, "What it does, for whoever includes it."),
        may("params", Form::Named(&Form::Param), "What it is given by `with` of the step that includes it."),
        must("steps", Form::Filled(&Form::Step), "The work. Only `needs` makes an order."),
        may("outputs", Form::Named(&Form::Any), "What the outside sees of it, made of what its steps put out."),
    ],
    later: &[],
};

pub static DEFAULTS: Keys = Keys {
    of: "`defaults`",
    known: &[
        may("timeout", Form::Duration, "How long one attempt may take."),
        may("retry", Form::Either(&[Form::Count, Form::Fields(&RETRY)]), "How often to try."),
        may("approval", Form::Fields(&APPROVAL), "People agree to what a step shows before it changes anything."),
        may("owner", Form::Text, "Who knows about it."),
        may("lock", Form::Text, "Steps under the same lock never run side by side."),
        may("allow_failure", Form::Boolean, "The run goes on if a step fails."),
        may(
            "kinds",
            Form::Map(&Form::Map(&Form::Any)),
            "Fields of `with` by kind, or by the beginning of kinds: `postgres.*`. The nearest pattern wins.",
        ),
    ],
    later: &[],
};

pub static STEP: Keys = Keys {
    of: "a step",
    known: &[
        must("id", Form::Id, "What others call it: lower case, digits, `_` and `-`, at most 63 characters."),
        may("name", Form::TemplatedText, "What people call it."),
        may("uses", Form::Kind, "The kind of work. `regrow kinds` lists all."),
        may("with", Form::With, "The fields of the kind. `regrow explain KIND` describes them."),
        may("run", Form::Script, "A script for `/bin/sh -eu`; short for `uses: run` with a `script`."),
        may(
            "needs",
            Form::OneOrList(&Form::Either(&[Form::Needed, Form::Fields(&NEED)])),
            "The steps that have to be satisfied before. `[]`: it starts at once.",
        ),
        may(
            "include",
            Form::File(&PART),
            "A file, relative to this one, whose steps stand here as `ID/STEP`. `with` gives its parameters; others see its outputs.",
        ),
        may(
            "steps",
            Form::Filled(&Form::Step),
            "A block: steps that belong together, `ID/STEP`; with `foreach` once an item, `ID:KEY/STEP`. They see all names of the runbook.",
        ),
        may("outputs", Form::Named(&Form::Any), "What others see of a block, made of what its steps put out."),
        may(
            "try",
            Form::Filled(&Form::Step),
            "Ways to the same thing, `ID/WAY`, one after the other until one succeeds; what it puts out the step puts out.",
        ),
        may("if", Form::Condition, "One expression, true or false; if false the step is skipped."),
        may(
            "foreach",
            Form::Either(&[Form::List(&Form::Any), Form::Map(&Form::Any), Form::Template]),
            "A list or mapping, or one expression that gives one, also of what an earlier step put out: the step is done once an item.",
        ),
        may("key", Form::TemplatedText, "What tells the items of `foreach` apart, made of `item`."),
        may(
            "order",
            Form::Words(|| words(ORDERS)),
            "Whether the items of `foreach` go one after the other or side by side.",
        ),
        may(
            "on_item_failure",
            Form::Words(|| words(ON_ITEM_FAILURE)),
            "Whether a failed item keeps others from starting: `stop` when serial, `isolate` when parallel, unless said.",
        ),
        may("max_parallel", Form::Count, "How many items of `foreach` at a time."),
        may(
            "require",
            Form::OneOrList(&Form::Fields(&REQUIREMENT)),
            "What has to be so when the step begins; else it fails, with advice.",
        ),
        may(
            "retry",
            Form::Either(&[Form::Count, Form::Fields(&RETRY)]),
            "How often to try. An unknown outcome is never tried again by itself.",
        ),
        may(
            "repair",
            Form::OneOrList(&Form::Fields(&REPAIR)),
            "What is done when it fails in a way that is known, `ID/repair-1` and so on; then it is tried again.",
        ),
        may("timeout", Form::Duration, "How long one attempt may take."),
        may(
            "deadline",
            Form::Duration,
            "How long it may take from its start to its end, with all attempts, items and steps in it. Beyond it is late: it goes on, and people are told.",
        ),
        may(
            "not_before",
            Form::Moment,
            "It waits until then: a time, or one expression such as `(time_add steps.x.ended_at \"1h\")`.",
        ),
        may(
            "window",
            Form::OneOrList(&Form::Fields(&WINDOW)),
            "The hours in which it may start; outside of them it waits, or a person starts it: `regrow start STEP --because TEXT`.",
        ),
        may("approval", Form::Fields(&APPROVAL), "People agree to what the step shows before it changes anything."),
        may("verify", Form::OneOrList(&Form::Proof), "Proofs that what the step did is so."),
        may(
            "succeeds_if",
            Form::Words(|| words(SUCCEEDS_IF)),
            "`verify`: the proofs decide, the call's own failure does not count.",
        ),
        may(
            "undo",
            Form::Either(&[Form::Text, Form::TemplatedArgv]),
            "How it is taken back: a name that the kind offers, or for `run` a program and its arguments.",
        ),
        may("owner", Form::Text, "Who knows about it."),
        may("lock", Form::Text, "Steps under the same lock never run side by side."),
        may(
            "temporary",
            Form::Either(&[Form::Boolean, Form::Fields(&TEMPORARY)]),
            "What it makes is taken away again by `ledger.cleanup`.",
        ),
        may("creates", Form::List(&Form::Fields(&CREATES)), "What a `run` makes, for the ledger."),
        may(
            "in_place",
            Form::Fields(&IN_PLACE),
            "What it replaces cannot be had back from what it keeps: why that is right, and where a safety copy is.",
        ),
        may("under", Form::OneOrList(&Form::Id), "The holds that are taken before it starts."),
        may("instructions", Form::TemplatedText, "What a person should know who has to do it by hand."),
        may("estimate", Form::Estimate, "How long it takes, as far as anybody knows."),
        may("allow_failure", Form::Boolean, "The run goes on if it fails."),
        may(
            "drill",
            Form::Either(&[Form::Words(|| words(WAYS)), Form::Fields(&DRILL_OF_STEP)]),
            "What a drill does with it, where that is not what its kind does beside production.",
        ),
    ],
    later: &[],
};

/// What can be said of a body as a whole, beside what makes it one.
macro_rules! on_body {
    ($($own:literal),*) => {
        &[
            "id",
            "name",
            $($own,)*
            "needs",
            "if",
            "require",
            "approval",
            "deadline",
            "not_before",
            "window",
            "owner",
            "foreach",
            "key",
            "order",
            "on_item_failure",
            "max_parallel",
            "verify",
            "allow_failure",
            "under",
        ]
    };
}

/// What can be said of an include. The rest belongs to the steps of the file, one by one.
pub const ON_INCLUDE: &[&str] = on_body!("include", "with");

/// The same of a block.
pub const ON_BLOCK: &[&str] = on_body!("steps", "outputs");

/// The same of a `try`.
pub const ON_TRY: &[&str] = on_body!("try");

/// What cannot be said of one of its ways: each is done once, if those before it have not succeeded.
pub const NOT_ON_WAY: &[&str] = &["needs", "foreach", "try", "allow_failure"];

pub static OBJECTIVES: Keys = Keys {
    of: "`objectives`",
    known: &[
        may("rto", Form::Duration, "Longest time to recover."),
        may(
            "rpo",
            Form::Either(&[Form::DurationOrZero, Form::Map(&Form::DurationOrZero)]),
            "Longest stretch of data that may be lost, one for all or one a store.",
        ),
    ],
    later: &[],
};

pub static RESPONDER: Keys = Keys {
    of: "a responder",
    known: &[may("minimum", MINIMUM, "How many distinct people; one unless said.")],
    later: &[],
};

/// One of the people file, behind a name.
pub static PERSON: Keys = Keys {
    of: "a person",
    known: &[
        must("roles", Form::OneOrList(&Form::Text), "What they may answer for."),
        may("reach", Form::Text, "How to reach them: a number, a channel."),
    ],
    later: &[],
};

pub static PARAM: Keys = Keys {
    of: "a parameter",
    known: &[
        may("type", Form::Words(|| words(ParamType::ALL)), "`string` unless said."),
        may("default", Form::Plain, "Without one the parameter is required."),
        may(
            "required_if",
            Form::Condition,
            "One expression over other parameters: only if it is true the parameter has to be given.",
        ),
        may("enum", Form::Filled(&Form::Plain), "The allowed values."),
        may("pattern", Form::Text, "A regular expression for text."),
        may(
            "items",
            Form::Either(&[Form::Words(|| words(ParamType::ALL)), Form::Fields(&ITEMS)]),
            "Type of the items of a list or of the values of a map.",
        ),
        may("example", Form::Plain, "Shown to whoever is asked."),
        may("description", Form::Text, "What it is, for whoever is asked."),
    ],
    later: &[],
};

pub static ITEMS: Keys =
    Keys { of: "`items`", known: &[must("type", Form::Words(|| words(ParamType::ALL)), "Type of each.")], later: &[] };

pub static SECRET: Keys = Keys {
    of: "a secret",
    known: &[
        must("from", Form::Words(secret_sources), "Where it is read from."),
        may("key", Form::Text, "Name of the environment variable."),
        may("path", Form::Text, "The file, relative to the runbook."),
        may("command", Form::Argv, "The program that prints it, and its arguments."),
    ],
    later: &[],
};

/// Of a secret that this version cannot read.
pub static SECRET_LATER: Keys = Keys { of: SECRET.of, known: SECRET.known, later: &["namespace", "name"] };

fn secret_sources() -> Vec<&'static str> {
    SECRET_SOURCES.iter().filter(|(_, source)| source.field().is_some()).map(|(word, _)| *word).collect()
}

pub static NEED: Keys = Keys {
    of: "a need",
    known: &[
        must("step", Form::Needed, "The step that is needed."),
        may(
            "when",
            Form::OneOrList(&Form::Words(|| words(ENDS))),
            "The ends that satisfy; succeeded or skipped unless said.",
        ),
    ],
    later: &[],
};

pub static REQUIREMENT: Keys = Keys {
    of: "a requirement",
    known: &[
        must("that", Form::Condition, "One expression, true or false."),
        must("otherwise", Form::TemplatedText, "Advice for whoever reads the failure."),
    ],
    later: &[],
};

pub static RETRY: Keys = Keys {
    of: "`retry`",
    known: &[
        may("attempts", Form::Count, "All attempts together; 3 unless said."),
        may("delay", Form::DurationOrZero, "Before the second attempt; `5s` unless said."),
        may(
            "backoff",
            Form::Either(&[Form::Words(|| words(BACKOFFS)), Form::Factor]),
            "How the delay grows: a word, or what it is multiplied by; `exponential` unless said.",
        ),
        may(
            "when",
            Form::OneOrList(&Form::RetryOn),
            "`transient`, `failed`, `timeout` or a fault's code; `transient` unless said.",
        ),
    ],
    later: &[],
};

pub static APPROVAL: Keys = Keys {
    of: "`approval`",
    known: &[
        may("from", Form::OneOrList(&Form::Text), "Roles that may agree; anybody unless said."),
        may("minimum", MINIMUM, "How many distinct people; one unless said."),
        may("by_starter", Form::Boolean, "Whether who started the run counts; yes unless said."),
        may(
            "escalate_after",
            Form::Either(&[Form::Duration, Form::Fields(&ESCALATION)]),
            "A question that is not answered by then is said louder, and goes to more people.",
        ),
    ],
    later: &[],
};

pub static ESCALATION: Keys = Keys {
    of: "`escalate_after`",
    known: &[
        must("after", Form::Duration, "How long it waits before."),
        may("to", Form::OneOrList(&Form::Text), "Roles that may agree from then on, too."),
    ],
    later: &[],
};

pub static PROOF: Keys = Keys {
    of: "a proof",
    known: &[
        must("probe", Form::Probe, "The kind that looks."),
        may("with", Form::ProbeWith, "The fields of the kind."),
        must("expect", Form::Expect, "Operators on the main value, or on named parts."),
        may("within", Form::Duration, "Waits this long for it."),
        may("stable_for", Form::Duration, "Wants it held this long."),
    ],
    later: &[],
};

pub static TEMPORARY: Keys = Keys {
    of: "`temporary`",
    known: &[may("keep_for", Form::Duration, "Younger than this it stays, and is named.")],
    later: &[],
};

pub static IN_PLACE: Keys = Keys {
    of: "`in_place`",
    known: &[
        must("because", Form::Text, "Why it is done so all the same."),
        must("safety_copy", Form::Text, "Where what is replaced can be had."),
    ],
    later: &[],
};

pub static CREATES: Keys = Keys {
    of: "an entry of `creates`",
    known: &[
        must("kind", Form::TemplatedText, "What sort of thing it is."),
        must("id", Form::TemplatedText, "Which one."),
        must("remove", Form::TemplatedArgv, "The program that takes it away, and its arguments."),
    ],
    later: &[],
};
