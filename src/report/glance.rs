//! The first screen: the questions that whoever opens the report asks first, each answered in a sentence or two.

use super::open::Open;
use super::postmortem::Postmortem;
use crate::model::record::{End, Mode};
use crate::model::{RunStatus, Status};
use crate::view::claims::named;
use crate::view::holds::HoldView;
use crate::view::tell::end_word;
use crate::view::words::{count, grouped, span, span_seconds, stamp};

#[derive(Debug, PartialEq, Eq)]
pub struct Answered {
    pub question: &'static str,
    pub answer: String,
    pub tone: Tone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Well,
    Badly,
    Plain,
}

/// So many open matters are told of at once.
const MOST_NAMED: usize = 3;

/// And so many steps that a drill did not prove.
const MOST_UNPROVEN: usize = 12;

pub fn answers(report: &Postmortem) -> Vec<Answered> {
    let mut answers = vec![is_it_back(report), how_long(report), what_was_lost(report), what_is_open(report)];
    answers.extend(what_was_rehearsed(report));
    answers
}

/// Of a drill: what it says nothing of. Whoever reads that all went well should know of what.
fn what_was_rehearsed(report: &Postmortem) -> Option<Answered> {
    let view = report.steps.view();
    if !view.is_drill() {
        return None;
    }
    let open: Vec<String> = view.not_rehearsed().map(|step| format!("`{}`", step.address)).collect();
    let named = open.iter().take(MOST_UNPROVEN).cloned().collect::<Vec<_>>().join(", ");
    let more =
        if open.len() > MOST_UNPROVEN { format!(" and {} more", open.len() - MOST_UNPROVEN) } else { String::new() };
    let parts = view.rehearsed().map(|parts| format!(" {parts}.")).unwrap_or_default();
    let steps = (!open.is_empty()).then(|| format!("{named}{more}"));
    let proofs = view.proofs_not_asked().map(|proofs| format!("{proofs} not asked"));
    let open: Vec<String> = steps.into_iter().chain(proofs).collect();
    Some(match open.is_empty() {
        true => answered("What did it not prove?", format!("Nothing was left out.{parts}"), Tone::Well),
        false => answered("What did it not prove?", format!("{}.{parts}", open.join("; ")), Tone::Plain),
    })
}

/// Said before all else: users see it, and nobody takes it away by himself.
pub fn held(report: &Postmortem) -> Vec<String> {
    let view = report.steps.view();
    let held = view.holds().into_iter().filter(|hold| hold.standing.stays());
    let said = |hold: HoldView| {
        format!("HOLD `{}` {}. Release it: `{}`", hold.name, hold.words(), view.commands.release(&hold.name))
    };
    held.map(said).collect()
}

fn answered(question: &'static str, answer: String, tone: Tone) -> Answered {
    Answered { question, answer, tone }
}

fn is_it_back(report: &Postmortem) -> Answered {
    let at = report.ended_at.map(stamp).unwrap_or_default();
    let view = report.steps.view();
    let taken_back = view.count(Status::Undone);
    let stuck = view.not_taken_back();
    let unverified = report.flags.iter().filter(|flag| flag.what == "unverified").count();
    let (mut text, tone) = match report.state {
        RunStatus::Succeeded | RunStatus::Failed if view.is_being_taken_back() => {
            let could_not =
                if stuck.is_empty() { String::new() } else { format!(", and {} could not be", named(&stuck)) };
            let again = view.take_back_again().map(|command| format!(" Go on with: `{command}`")).unwrap_or_default();
            (format!("No: it is being taken back{could_not}.{again}"), Tone::Badly)
        }
        RunStatus::Succeeded if view.lacks_a_part() => {
            let left_out: Vec<String> =
                view.left_out().iter().map(|it| format!("`{}`, {}", it.step.address, it.left_out())).collect();
            (format!("Nobody has shown it: the run ended at {at} without {}.", some(&left_out)), Tone::Badly)
        }
        RunStatus::Succeeded if taken_back > 0 => {
            (format!("In part, since {at}: {} taken back since.", were(taken_back)), Tone::Badly)
        }
        RunStatus::Succeeded if view.is_drill() => {
            (format!("What was rehearsed worked, until {at}. {}", proof(report)), Tone::Well)
        }
        RunStatus::Succeeded if view.is_taken_on_trust() => {
            (format!("So people say, since {at}. {}", proof(report)), Tone::Plain)
        }
        RunStatus::Succeeded => (format!("Yes, since {at}. {}", proof(report)), Tone::Well),
        RunStatus::Failed => (format!("No: the run failed at {at}.{}", last_decision(report)), Tone::Badly),
        RunStatus::Aborted => (format!("No: the run was aborted at {at}.{}", last_decision(report)), Tone::Badly),
        RunStatus::Undone => (format!("No: it was taken back at {at}.{}", last_decision(report)), Tone::Badly),
        RunStatus::Running | RunStatus::Waiting | RunStatus::Paused | RunStatus::Ending => not_yet(report),
    };
    let by_word: Vec<String> = view.by_word().iter().map(|it| format!("`{}` {}", it.step.address, it.done())).collect();
    if !by_word.is_empty() {
        text.push_str(&format!(" {}.", some(&by_word)));
    }
    if unverified > 0 {
        text.push_str(&format!(" {} called done by a person and NOT VERIFIED.", were(unverified)));
    }
    if !report.ended {
        text.push_str(&format!(" As of {}.", stamp(report.written_at)));
    }
    let asked = if report.mode == Some(Mode::Drill) { "Would it be back? (a drill)" } else { "Is it back?" };
    answered(asked, text, tone)
}

/// Of a run that has not ended.
fn not_yet(report: &Postmortem) -> (String, Tone) {
    let view = report.steps.view();
    let coming = view.state.ending.filter(|how| *how != End::Succeeded).map(end_word);
    let how = match (report.state, coming) {
        (_, Some(how)) => return (format!("No: the run comes to its end as {how}."), Tone::Badly),
        _ if view.is_abandoned() => " NOBODY EXECUTES THIS RUN".to_string(),
        (RunStatus::Waiting, _) if view.waits_for_time() => " the run waits until a step may start".into(),
        (RunStatus::Waiting, _) => " the run waits for people".into(),
        (RunStatus::Paused, _) => " the run is paused until somebody deals with what is open".into(),
        _ => " the run goes on".into(),
    };
    let expected = view.expected_end().map(|at| format!(", expected to end at {}", stamp(at))).unwrap_or_default();
    (format!("Not yet:{how}{expected}."), if view.is_abandoned() { Tone::Badly } else { Tone::Plain })
}

/// The first of them, and how many more.
fn some(said: &[String]) -> String {
    let more = said.len().saturating_sub(MOST_NAMED);
    let more = if more > 0 { format!("; and {} more", grouped(more as u64)) } else { String::new() };
    format!("{}{more}", said.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join("; "))
}

/// `1 step was`, `3 steps were`.
fn were(steps: usize) -> String {
    format!("{} {}", count(steps, "step"), if steps == 1 { "was" } else { "were" })
}

fn proof(report: &Postmortem) -> String {
    let states = report.steps.view().state.steps.values();
    let passed = states.flat_map(|step| &step.checks).filter(|check| check.passed).count();
    match passed {
        0 => "Nothing proved it: no step has a check that was made.".into(),
        1 => "1 check proved it.".into(),
        _ => format!("{} checks proved it.", grouped(passed as u64)),
    }
}

/// Who ended it, and why.
fn last_decision(report: &Postmortem) -> String {
    let ends = |what: &str| ["`abort", "`undo", "`reject"].iter().any(|verb| what.starts_with(verb));
    let Some(it) = report.decisions.iter().rev().find(|it| ends(&it.what)) else { return String::new() };
    let because = it.because.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
    format!(" {} said {}{because}", it.who, it.what)
}

fn how_long(report: &Postmortem) -> Answered {
    let times = &report.times;
    let mut parts = Vec::new();
    if let (Some(total), Some(before)) = (times.total_ms, times.before_ms) {
        parts.push(format!("{} from the outage, {} of it before the run was started.", span(total), span(before)));
    } else {
        parts.push(format!("{} from the start; nobody said when the outage began.", span(times.elapsed_ms)));
    }
    let rto = report.objectives.iter().find(|it| it.name == "rto");
    parts.extend(rto.map(|it| format!("{}.", it.text())));
    if let Some(estimate) = report.plan.estimate_seconds {
        parts.push(format!(
            "The plan foresaw {} for the run.",
            span_seconds(i64::try_from(estimate).unwrap_or(i64::MAX))
        ));
    }
    answered("How long did it take?", parts.join(" "), tone_of(rto.and_then(|it| it.met)))
}

fn tone_of(met: Option<bool>) -> Tone {
    match met {
        Some(true) => Tone::Well,
        Some(false) => Tone::Badly,
        None => Tone::Plain,
    }
}

fn what_was_lost(report: &Postmortem) -> Answered {
    let lost = &report.lost;
    let others: Vec<_> = report.objectives.iter().filter(|it| it.name != "rto").collect();
    let mut parts = Vec::new();
    if report.ended && report.state != RunStatus::Succeeded && !lost.restores.is_empty() {
        parts.push("The run ended without success; of what it restored:".to_string());
    }
    parts.push(match (lost.worst_seconds, lost.from_outage) {
        (None, _) => "Not measured: no step that stands says to which moment it restored.".to_string(),
        (Some(0), true) => "Nothing that was written before the outage began.".into(),
        (Some(worst), true) => format!("What was written in the {} before the outage began.", span_seconds(worst)),
        (Some(worst), false) => {
            format!(
                "What was written in the {} before the run was started; nobody said when the outage began.",
                span_seconds(worst)
            )
        }
    });
    let oldest = lost.restores.iter().max_by_key(|it| it.lost_seconds);
    parts.extend(oldest.map(|it| format!("`{}` restored to {}.", it.step, stamp(it.restored_to))));
    parts.extend(others.iter().map(|it| format!("{}.", it.text())));
    let kept: u64 = report.tables.iter().filter_map(|it| it.only_in_live).sum();
    if kept > 0 {
        parts.push(format!("{} rows were only in live, see the tables.", grouped(kept)));
    }
    let met = if others.iter().any(|it| it.met == Some(false)) { Some(false) } else { None };
    answered("What was lost?", parts.join(" "), tone_of(met))
}

fn what_is_open(report: &Postmortem) -> Answered {
    let (open, left) = (report.open.len(), report.ledger.len());
    let overdue = report.ledger.iter().filter(|it| it.overdue).count();
    let mut parts = Vec::new();
    if open > 0 {
        let matter = |it: &Open| {
            let step = it.step.as_ref().map(|step| format!("`{step}` ")).unwrap_or_default();
            format!("{step}{}", it.what)
        };
        let named: Vec<String> = report.open.iter().take(MOST_NAMED).map(matter).collect();
        let more = if open > MOST_NAMED {
            format!("; and {} more", grouped((open - MOST_NAMED) as u64))
        } else {
            String::new()
        };
        parts.push(format!("{}: {}{more}.", count(open, "matter"), named.join("; ")));
    }
    if left > 0 {
        let late = if overdue > 0 { format!(", {overdue} of it OVERDUE") } else { String::new() };
        parts.push(format!(
            "{} that the run made {} still there{late}.",
            count(left, "thing"),
            if left == 1 { "is" } else { "are" }
        ));
    }
    if parts.is_empty() {
        parts.push("Nothing.".into());
    }
    let tone = if open + overdue > 0 { Tone::Badly } else { Tone::Plain };
    answered("What is still open?", parts.join(" "), tone)
}
