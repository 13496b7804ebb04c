//! `status --json`, `list --json` and the records of `run --json` and `events --json`, as the contract has them: every field is
//! there, `null` where nobody knows.

use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use super::commands::{Commands, what, who_now};
use super::holds::HoldView;
use super::words::shown;
use super::{RunView, StepView, clean, derive};
use crate::model::ledger::LedgerEntry;
use crate::model::told::Told;
use crate::model::{Fault, Record, Status as StepStatus};

/// The object of `status --json`. It is written step by step: ten thousand steps as one tree take more memory than all
/// else.
pub struct Status<'a>(pub &'a RunView);

impl Serialize for Status<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        for (name, value) in all_but_steps(self.0).as_object().into_iter().flatten() {
            match name.as_str() {
                "steps" => map.serialize_entry(name, &Steps(self.0))?,
                _ => map.serialize_entry(name, value)?,
            }
        }
        map.end()
    }
}

/// A record as it is printed, on a line of its own: those of the run itself have a step, too, which is none.
pub fn write_record(record: &Record, out: &mut dyn Write) -> io::Result<()> {
    #[derive(serde::Serialize)]
    struct OfRun<'a> {
        #[serde(flatten)]
        record: &'a Record,
        step: (),
    }
    match record.event.step() {
        Some(_) => serde_json::to_writer(clean::Json(&mut *out), record)?,
        None => serde_json::to_writer(clean::Json(&mut *out), &OfRun { record, step: () })?,
    }
    out.write_all(b"\n")
}

struct Steps<'a>(&'a RunView);

impl Serialize for Steps<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.steps.iter().map(|it| step(self.0, it)))
    }
}

fn all_but_steps(view: &RunView) -> Value {
    let started = view.state.started();
    let executor = view.state.executor.as_ref();
    let fields = json!({
        "run": view.id,
        "head": some_text(&view.state.head),
        "runbook": started.map(|it| &it.runbook),
        "title": started.map(|it| &it.title),
        "severity": started.map(|it| &it.severity),
        "mode": view.mode(),
        "state": view.status,
        "started_at": view.started_at(),
        "ended_at": view.state.ended_at,
        "outage_began": view.outage_began(),
        "objectives": started.map(|it| &it.objectives),
        "elapsed_seconds": view.elapsed_seconds(),
        "expected_end": view.expected_end(),
        "rto_left_seconds": view.rto_left_seconds(),
        "executor": {
            "alive": view.alive,
            "host": executor.map(|it| &it.host),
            "pid": executor.map(|it| it.pid),
        },
        // Holds their place in the order.
        "steps": null,
        "holds": view.holds().iter().map(|it| hold(view, it)).collect::<Vec<_>>(),
        "ledger": view.state.ledger.iter().map(|it| ledger(view, it)).collect::<Vec<_>>(),
        "told": view.state.told.iter().map(told).collect::<Vec<_>>(),
        "recorded": view.recorded_of_run(),
        "readable": view.is_whole,
        "troubles": view.troubles.iter().map(|it| json!({"message": it.message, "hint": it.hint})).collect::<Vec<_>>(),
    });
    with_remarks(view, fields)
}

/// And what stands behind its end beside its own work.
fn with_remarks(view: &RunView, mut fields: Value) -> Value {
    for (name, value) in view.remarks_json() {
        fields[name] = value;
    }
    fields
}

/// Somebody outside.
fn told(told: &Told) -> Value {
    json!({
        "to": told.to,
        "at": told.at.as_ref().map(|it| it.at),
        "failing_since": told.failing.as_ref().map(|it| it.since.at),
        "fault": told.failing.as_ref().map(|it| fault(&it.fault)),
    })
}

/// One element of `list --json`.
pub fn list_entry(view: &RunView) -> Value {
    let started = view.state.started();
    let fields = json!({
        "run": view.id,
        "runbook": started.map(|it| &it.runbook),
        "title": started.map(|it| &it.title),
        "severity": started.map(|it| &it.severity),
        "mode": view.mode(),
        "state": view.status,
        "started_at": view.started_at(),
        "ended_at": view.state.ended_at,
        "alive": view.alive,
        "overdue": view.overdue().count(),
        "readable": view.is_whole,
    });
    with_remarks(view, fields)
}

/// One element of `steps`.
pub fn step(view: &RunView, step: &StepView) -> Value {
    let state = view.state_of(step);
    let progress =
        step.pulse.as_ref().map(|it| json!({"done": it.done, "total": it.total, "unit": it.unit, "doing": it.doing}));
    json!({
        "id": step.address,
        "name": step.name,
        "kind": step.kind,
        "state": step.status,
        "attempts": state.attempts,
        "restarts": state.restarts,
        "started_at": state.started_at.as_ref().map(|it| it.at),
        "ended_at": view.ended_of(step).map(|it| it.at),
        "drill": step.drill,
        "by_hand": state.by_hand,
        "claim": state.claim,
        "adopted": state.adopted,
        "progress": progress,
        "asks": asks(view, step),
        "waits": waits(view, step),
        "overdue_since": state.overdue.as_ref().map(|it| it.at),
        "outputs": state.outputs.as_ref().map(shown),
        "fault": state.fault.as_deref().map(fault),
        "repairs": state.repairs,
        "evidence": state.evidence(),
        "recorded": view.recorded_of(step),
        "blocked_by": step.blocked_by,
        "finally": step.finally,
    })
}

/// What a person is asked; `null` where nobody is.
fn asks(view: &RunView, step: &StepView) -> Value {
    let state = view.state_of(step);
    let ways = view.commands.ways(&step.address, state, step.status);
    let command = ways.first().map(|way| &way.command);
    match (&state.ask, step.status) {
        _ if view.state.ended.is_some() => Value::Null,
        (Some(asked), StepStatus::Waiting) if state.wait.is_none() => json!({
            "who": who_now(asked),
            "since": asked.since.at,
            "what": asked.ask.shown.join("\n"),
            "kind": what(&asked.ask),
            "code": asked.ask.code,
            "command": command,
            "shown": asked.ask.shown,
            "facts": state.reached.as_ref().map(|reached| &reached.facts),
            "from": asked.ask.from,
            "people": asked.people(),
            "escalation": asked.ask.escalation,
            "escalated_at": asked.escalated.as_ref().map(|it| it.at),
            "minimum": asked.ask.minimum,
            "by_starter": asked.ask.by_starter,
            "form": asked.ask.form,
            "approved_by": state.approved_by,
        }),
        (_, StepStatus::Unknown) => json!({
            "who": "anybody",
            "since": state.doubt.as_ref().map(|it| it.at.at),
            "what": state.evidence(),
            "kind": "decision",
            "code": null,
            "command": command,
            "shown": state.evidence().iter().collect::<Vec<_>>(),
        }),
        _ => Value::Null,
    }
}

/// Until when it waits for its time; `null` where it does not.
fn waits(view: &RunView, step: &StepView) -> Value {
    let state = view.state_of(step);
    let Some(it) = state.wait.as_ref().filter(|_| view.state.ended.is_none()) else { return Value::Null };
    let ways = view.commands.ways(&step.address, state, step.status);
    json!({
        "until": it.wait.until,
        "window": it.wait.window,
        "since": it.since.at,
        "command": ways.first().map(|way| &way.command),
    })
}

fn fault(fault: &Fault) -> Value {
    json!({
        "code": fault.code,
        "message": fault.message,
        "hint": fault.hint,
        "retry": fault.retry,
        "causes": fault.causes,
    })
}

fn hold(view: &RunView, hold: &HoldView) -> Value {
    json!({
        "name": hold.name,
        "title": hold.title,
        "state": hold.standing,
        "since": hold.since,
        "previous": hold.previous.as_ref().map(shown),
        "command": hold.standing.stays().then(|| view.commands.release(&hold.name)),
    })
}

fn ledger(view: &RunView, entry: &LedgerEntry) -> Value {
    json!({
        "kind": entry.kind,
        "id": entry.id,
        "made_by": entry.made_by,
        "keep_until": entry.keep_until,
        "remove": removal(&view.commands, entry),
        "temporary": entry.temporary,
        "overdue": derive::is_overdue(entry, view.now, view.status.is_final()),
    })
}

/// The command that takes a thing away.
pub fn removal(commands: &Commands, entry: &LedgerEntry) -> String {
    if entry.temporary {
        return commands.cleanup();
    }
    let argv = entry.details.get("remove").and_then(Value::as_array);
    let words: Option<Vec<String>> = argv.map(|argv| argv.iter().map(super::words::value).collect());
    match words.filter(|words| !words.is_empty()) {
        Some(words) => words.iter().map(|word| super::words::shell_word(word)).collect::<Vec<_>>().join(" "),
        // It was made to stay.
        None => "by hand".to_string(),
    }
}

fn some_text(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
