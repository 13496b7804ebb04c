//! What somebody outside is told: what is so now, as a text that a chat shows and as data for programs.

use serde_json::{Value, json};

use super::back::undo_failed;
use super::commands::who_now;
use super::words::{clock, count};
use super::{RunView, StepView, derive, tell};
use crate::model::Status;
use crate::model::told::Matter;

/// More facts, and more lines of what one shows, are only counted: a chat shows no more.
const MOST: usize = 20;

/// One thing that is so.
struct Fact {
    matter: Matter,
    step: Option<String>,
    /// One line.
    text: String,
    /// What is shown to whoever is asked.
    shown: Vec<String>,
    command: Option<String>,
}

/// The body of a message about those matters.
pub fn body(view: &RunView, when: &[Matter]) -> Value {
    let facts: Vec<Fact> = when.iter().flat_map(|matter| facts(view, *matter)).collect();
    let more = facts.len().saturating_sub(MOST);
    let started = view.state.started();
    let status = view.commands.status();
    json!({
        "text": text(view, &facts, more, &status),
        "run": view.id,
        "runbook": started.map(|it| &it.runbook),
        "title": started.map(|it| &it.title),
        "severity": started.map(|it| &it.severity),
        "mode": view.mode(),
        "state": view.status,
        "facts": facts.iter().take(MOST).map(as_json).collect::<Vec<_>>(),
        "more": more,
        "status": status,
    })
}

fn as_json(fact: &Fact) -> Value {
    json!({
        "what": fact.matter,
        "step": fact.step,
        "text": fact.text,
        "shown": fact.shown,
        "command": fact.command,
    })
}

fn text(view: &RunView, facts: &[Fact], more: usize, status: &str) -> String {
    let drill = if view.is_drill() { "DRILL " } else { "" };
    let severity = view.state.started().map(|it| format!(" ({})", it.severity)).unwrap_or_default();
    let mut lines = vec![format!("{drill}regrow {} · {}{severity}: {}", view.id, view.called(), view.status.word())];
    for fact in facts.iter().take(MOST) {
        lines.push(fact.text.clone());
        lines.extend(fact.shown.iter().map(|line| format!("  {line}")));
        lines.extend(fact.command.iter().map(|command| format!("  {command}")));
    }
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.push(format!("all of it: {status}"));
    lines.join("\n")
}

fn facts(view: &RunView, matter: Matter) -> Vec<Fact> {
    match matter {
        Matter::Ended => return ended(view).into_iter().collect(),
        Matter::HoldKept => return hold_kept(view).into_iter().collect(),
        Matter::Waiting | Matter::Failed | Matter::Late => {}
    }
    view.steps.iter().filter(|step| is_so(view, step, matter)).map(|step| of_step(view, step, matter)).collect()
}

fn is_so(view: &RunView, step: &StepView, matter: Matter) -> bool {
    match matter {
        Matter::Waiting if view.state.ended.is_some() => false,
        Matter::Waiting => match step.status {
            Status::Waiting => view.state_of(step).is_asked(),
            status => status == Status::Unknown,
        },
        Matter::Failed => {
            matches!(step.status, Status::Failed | Status::Unproven) && derive::needs_attention(step) && !step.is_group
        }
        Matter::Late => step.status == Status::Late || view.is_overdue(step),
        // Of the run.
        Matter::HoldKept | Matter::Ended => false,
    }
}

fn of_step(view: &RunView, step: &StepView, matter: Matter) -> Fact {
    let state = view.state_of(step);
    let what = match (matter, step.status) {
        (Matter::Late, _) => "is late: it goes on and is watched".to_string(),
        (_, Status::Unknown) => format!("is unknown, did it happen? {}", state.evidence().unwrap_or_default()),
        (Matter::Waiting, _) => state
            .ask
            .as_ref()
            .map_or_else(String::new, |asked| format!("asks {}, since {}", who_now(asked), clock(asked.since.at))),
        _ => match &state.fault {
            Some(fault) if view.is_stuck(step) => undo_failed(fault),
            Some(fault) => format!("{}: {fault}", step.status.word()),
            None => step.status.word().to_string(),
        },
    };
    let name = if step.name == step.address.as_str() { String::new() } else { format!(" ({})", step.name) };
    let shown = state.ask.as_ref().filter(|_| matter == Matter::Waiting).map(|asked| asked.ask.shown.clone());
    let ways = view.commands.ways(&step.address, state, step.status);
    Fact {
        matter,
        step: Some(step.address.to_string()),
        text: format!("`{}`{name} {what}", step.address),
        shown: shown.map(shortened).unwrap_or_default(),
        command: ways
            .into_iter()
            .next()
            .map(|way| way.command)
            .filter(|_| view.state.ended.is_none() || view.is_stuck(step)),
    }
}

fn shortened(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(MOST);
    lines.truncate(MOST);
    lines.extend((more > 0).then(|| format!("… {}", count(more, "more line"))));
    lines
}

fn hold_kept(view: &RunView) -> Option<Fact> {
    view.state.keeps_a_hold().then_some(())?;
    let text = "a hold was not released".to_string();
    Some(Fact { matter: Matter::HoldKept, step: None, text, shown: Vec::new(), command: Some(view.commands.status()) })
}

fn ended(view: &RunView) -> Option<Fact> {
    let how = view.state.ended.map(tell::end_word)?;
    let failed = view.count(Status::Failed);
    let failed = if failed > 0 { format!(", {} failed", count(failed, "step")) } else { String::new() };
    let remarks: String = view.remarks().iter().map(|it| format!(", {it}")).collect();
    let text = format!("the run has ended: {how}{remarks}, {}{failed}", view.done_of_all());
    Some(Fact { matter: Matter::Ended, step: None, text, shown: Vec::new(), command: Some(view.commands.report()) })
}
