//! The parts of the page that are lists and tables.

use std::io;

use maud::{Markup, html};

use super::super::postmortem::Postmortem;
use super::super::steps::StepReport;
use super::super::{MOST_LEGS, MOST_OPEN, TABLE_HEADS};
use super::{Out, put, raw, state, table, ticked};
use crate::model::Address;
use crate::view::words::{clock, grouped, short, span, span_seconds, stamp};

/// Longest value.
const WIDEST: usize = 400;

pub fn facts(report: &Postmortem) -> Markup {
    html! {
        p.sub {
            @if let (Some(runbook), Some(severity)) = (&report.runbook, &report.severity) {
                "Runbook " b { (runbook) } " (" (severity) "). "
            }
            @if let Some(who) = &report.started_by { "Started by " b { (who) } ". " }
            @if let Some(at) = report.outage_began { "Outage began " (stamp(at)) ". " }
            @if let Some(at) = report.started_at { "Run started " (stamp(at)) ". " }
            @if let Some(at) = report.ended_at { "Run ended " (stamp(at)) ". " }
            @if let Some(digest) = &report.digest { "Digest " code { (digest) } ". " }
        }
        @if !report.params.is_empty() {
            ul.sub {
                @for (name, value) in &report.params { li { "Parameter " code { (name) } ": " (short(value, WIDEST)) } }
            }
        }
    }
}

fn code(step: &Address) -> Markup {
    html! { code { (step) } }
}

fn cell(text: &str) -> Markup {
    html! { (ticked(text)) }
}

pub fn has_open(report: &Postmortem) -> bool {
    !report.open.is_empty() || !report.ledger.is_empty()
}

pub fn open(report: &Postmortem, out: Out<'_>) -> io::Result<()> {
    put(
        out,
        html! {
            @if !report.open.is_empty() {
                ul {
                    @for it in report.open.iter().take(MOST_OPEN) {
                        li {
                            @if let Some(step) = &it.step { (code(step)) " " }
                            (ticked(&it.what))
                            @if let Some(command) = &it.command { ": " code { (command) } }
                        }
                    }
                    @if report.open.len() > MOST_OPEN {
                        li { "and " (grouped((report.open.len() - MOST_OPEN) as u64)) " more" }
                    }
                }
            }
        },
    )?;
    if report.ledger.is_empty() {
        return Ok(());
    }
    raw(out, "<h3>Made by the run and still there</h3>")?;
    let heads =
        &[("Name", false), ("What", false), ("Made by", false), ("Kept until", false), ("Take away with", false)];
    let row = |it: &super::super::open::Leftover| {
        let until = html! {
            (it.keep_until.map(stamp).unwrap_or_default()) @if it.overdue { b.badly { " OVERDUE" } }
        };
        vec![html! { code { (it.id) } }, cell(&it.kind), code(&it.made_by), until, html! { code { (it.remove) } }]
    };
    table(out, heads, report.ledger.iter().map(row))
}

pub fn lost(report: &Postmortem, out: Out<'_>) -> io::Result<()> {
    let from = if report.lost.from_outage { "the outage" } else { "the start of the run" };
    put(out, html! { p { "Measured from " (from) " back to the moment each step restored to." } })?;
    let heads = &[("Step", false), ("Restored to", false), ("Lost before it", true), ("Said by", false)];
    let row = |it: &super::super::lost::Restore| {
        let said_by = if it.by_hand { "a person" } else { "the step" };
        let lost = it.lost_seconds.map(span_seconds).unwrap_or_default();
        vec![code(&it.step), html! { (stamp(it.restored_to)) }, html! { (lost) }, html! { (said_by) }]
    };
    table(out, heads, report.lost.restores.iter().map(row))
}

pub fn decisions(report: &Postmortem, out: Out<'_>) -> io::Result<()> {
    let heads = &[("When", false), ("Who", false), ("What", false), ("Because", false)];
    let row = |it: &super::super::chronicle::Decision| {
        let because = html! {
            @if let Some(because) = &it.because { (ticked(because)) }
            @for fact in &it.shown { div.sub { (ticked(fact)) } }
        };
        vec![html! { (stamp(it.at)) }, html! { (it.who) }, cell(&it.what), because]
    };
    table(out, heads, report.decisions.iter().map(row))
}

pub fn waits(report: &Postmortem, out: Out<'_>) -> io::Result<()> {
    raw(out, "<p class=\"sub\">Work may have gone on meanwhile: these times need not add up.</p>")?;
    let heads = &[
        ("Step", false),
        ("Why", false),
        ("For whom", false),
        ("Since", false),
        ("Waited", true),
        ("Ended by", false),
    ];
    let row = |it: &super::super::diary::Wait| {
        let whose = it.step.as_ref().map_or_else(|| html! { "the run" }, code);
        let by = match &it.to {
            None => html! { b.badly { "open" } },
            Some(_) => html! { (it.by.join(", ")) },
        };
        let asked = it.asked.clone().unwrap_or_else(|| "anybody".into());
        vec![
            whose,
            html! { (it.why) },
            html! { (asked) },
            html! { (stamp(it.from)) },
            html! { (span(it.waited_ms)) },
            by,
        ]
    };
    table(out, heads, report.waits.iter().map(row))
}

pub fn flags(report: &Postmortem, out: Out<'_>) -> io::Result<()> {
    let heads = &[("Step", false), ("What", false), ("Who", false), ("Because", false)];
    let row = |it: &super::super::open::Flag| {
        let because = it.because.as_deref().unwrap_or_default();
        vec![code(&it.step), cell(it.title()), html! { (it.who.as_deref().unwrap_or_default()) }, cell(because)]
    };
    table(out, heads, report.flags.iter().map(row))
}

pub fn wrong(report: &Postmortem, out: Out<'_>) -> io::Result<()> {
    for step in report.steps.iter().filter(StepReport::is_trouble) {
        let trouble = html! {
            h3 { (code(step.id)) " (" (state(step.state)) ")" }
            ul {
                @if let Some(evidence) = step.evidence { li { "nobody can tell whether it happened: " (ticked(evidence)) } }
                @if let Some(fault) = step.fault {
                    li { code { (fault.code) } " " (ticked(&fault.message)) }
                    @for cause in &fault.causes { li { "because: " (ticked(cause)) } }
                    @if let Some(hint) = &fault.hint { li { "hint: " (ticked(hint)) } }
                }
            }
        };
        put(out, trouble)?;
    }
    let past = report.dealt_with();
    if past.is_empty() {
        return Ok(());
    }
    raw(out, "<h3>Dealt with since</h3>")?;
    let heads = &[("Step", false), ("When", false), ("How", false), ("What", false)];
    let row = |it: &super::super::chronicle::Failure| {
        let what = html! { @if let Some(code) = &it.code { code { (code) } " " } (ticked(&it.message)) };
        vec![code(&it.step), html! { (stamp(it.at)) }, html! { (it.how.replace('_', " ")) }, what]
    };
    table(out, heads, past.into_iter().map(row))
}

pub fn steps(report: &Postmortem, out: Out<'_>) -> io::Result<()> {
    put(out, paths(report))?;
    let heads = &[
        ("Step", false),
        ("State", false),
        ("Estimate", true),
        ("Took", true),
        ("Of it work", true),
        ("Started", true),
        ("Ended", true),
        ("By plan", true),
        ("Remarks", false),
    ];
    table(out, heads, report.steps.iter().map(|step| step_row(&step)))
}

fn step_row(step: &StepReport<'_>) -> Vec<Markup> {
    let worked = step.worked();
    let seconds = |seconds: u64| span_seconds(i64::try_from(seconds).unwrap_or(i64::MAX));
    let late = step.lateness();
    vec![
        html! { (code(step.id)) @if let Some(name) = step.called() { div.sub { (name) } } },
        state(step.state),
        html! { (step.estimate_seconds.map(seconds).unwrap_or_default()) },
        html! { (step.duration()) },
        html! { (worked) },
        html! { (step.started_at.map(clock).unwrap_or_default()) },
        html! { (step.ended_at.map(clock).unwrap_or_default()) },
        html! { @if late.ends_with("late") { b.badly { (late) } } @else { (late) } },
        html! { @for remark in step.remarks() { div { (ticked(&remark)) } } },
    ]
}

/// The way that was planned, and the one that was gone.
fn paths(report: &Postmortem) -> Markup {
    let plan = &report.plan;
    let seconds = |seconds: u64| span_seconds(i64::try_from(seconds).unwrap_or(i64::MAX));
    html! {
        @if let Some(estimate) = plan.estimate_seconds {
            p { "The plan foresaw " b { (seconds(estimate)) } " for the steps outside " code { "finally" }
                @if plan.changed { "; it was changed since the run began, and this is what the changed plan foresaw" }
                ". A step without an estimate counts as one second." }
        } @else {
            p { "No step has an estimate: the plan foresaw nothing." }
        }
        @if !plan.critical_path.is_empty() {
            p { "Longest way by plan: " @for (at, step) in plan.critical_path.iter().take(MOST_LEGS).enumerate() {
                @if at > 0 { " → " } (code(step))
            } (more(plan.critical_path.len())) }
        }
        @if !report.actual_path.is_empty() {
            p { "Longest way as it went: " @for (at, leg) in report.actual_path.iter().take(MOST_LEGS).enumerate() {
                @if at > 0 { " → " }
                @if leg.waited_ms >= 1000 { "(" (span(leg.waited_ms)) " between) → " }
                (code(&leg.step)) " " (span(leg.took_ms))
            } (more(report.actual_path.len())) }
        }
    }
}

fn more(legs: usize) -> Markup {
    let hidden = legs.saturating_sub(MOST_LEGS);
    html! { @if hidden > 0 { " and " (grouped(hidden as u64)) " more" } }
}

pub fn tables(report: &Postmortem, out: Out<'_>) -> io::Result<()> {
    let number = |count: Option<u64>| html! { (count.map(grouped).unwrap_or_default()) };
    let row = |it: &super::super::steps::TableReport| {
        let counts = [it.rows, it.only_in_live, it.only_in_copy, it.differ].map(number);
        [html! { code { (it.name) } }, code(&it.step)].into_iter().chain(counts).collect()
    };
    table(out, &TABLE_HEADS, report.tables.iter().map(row))
}

pub fn has_outputs(report: &Postmortem) -> bool {
    report.steps.iter().any(|step| step.named_outputs().next().is_some())
}

pub fn outputs(report: &Postmortem, out: Out<'_>) -> io::Result<()> {
    let heads = &[("Step", false), ("Output", false), ("Value", false)];
    let rows = report.steps.iter().flat_map(|step| {
        step.named_outputs()
            .map(move |(name, value)| vec![code(step.id), html! { code { (name) } }, html! { (short(value, WIDEST)) }])
    });
    table(out, heads, rows)
}

pub fn has_people(report: &Postmortem) -> bool {
    !report.staffing.lines().is_empty() || report.notes().next().is_some()
}

/// Who was wanted, and what people said that decided nothing.
pub fn people(report: &Postmortem, out: Out<'_>) -> io::Result<()> {
    let said = html! {
        ul { @for line in &report.staffing.lines() { li { (line) } } }
        ol.timeline {
            @for said in report.notes() {
                li {
                    time { (stamp(said.at)) } (said.who) ": " (ticked(&said.text))
                    @if let Some(because) = &said.because { ", because " (ticked(because)) }
                    @if let Some(reason) = &said.refused { " (refused: " (ticked(reason)) ")" }
                }
            }
        }
    };
    put(out, said)
}

pub fn interruptions(report: &Postmortem, out: Out<'_>) -> io::Result<()> {
    let list = html! {
        ol.timeline {
            @for it in &report.interruptions {
                li {
                    time { (stamp(it.from)) " to " (it.to.map_or_else(|| "now".into(), stamp)) } (it.cause())
                    @if let Some(who) = &it.resumed_by { "; resumed by " (who) }
                }
            }
        }
    };
    put(out, list)
}

pub fn timeline(report: &Postmortem, out: Out<'_>) -> io::Result<()> {
    raw(out, "<ol class=\"timeline\">")?;
    for entry in &report.timeline {
        put(out, html! { li { time { (stamp(entry.at)) } (ticked(&entry.text)) } })?;
        raw(out, "\n")?;
    }
    raw(out, "</ol>")
}
