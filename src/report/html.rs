//! The report as one page that needs nothing else: no scripts, no fonts, no pictures from anywhere. It prints well.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::markdown::time_rows;
use super::postmortem::{Leftover, Postmortem, StepReport, TableReport};
use crate::model::record::Mode;
use crate::model::{RunStatus, Status};
use crate::plan::staffing::Staffing;
use crate::view::clean;
use crate::view::words::{grouped, short, span, stamp};

const WIDEST: usize = 400;

const STYLE: &str = "
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #8884; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
code { font: .92em ui-monospace, monospace; overflow-wrap: anywhere; }
.outcome { font-size: 1.1rem; border-left: .4rem solid #888; padding: .5rem 1rem; }
.well { border-color: #2a8a4a; } .badly { border-color: #c0392b; }
.state-failed, .state-unknown, .state-unproven, .missed { color: #c0392b; font-weight: bold; }
.state-succeeded { color: #2a8a4a; }
.split { display: flex; height: 1.2rem; margin: .5rem 0; border: 1px solid #8888; }
.split div { min-width: 1px; } .before { background: #bbb; } .machine { background: #4a7fb5; }
.human { background: #e0a030; } .idle { background: repeating-linear-gradient(45deg, #ddd 0 4px, #999 4px 8px); }
ol.timeline { list-style: none; padding: 0; } ol.timeline time { color: #888; margin-right: .6rem; }
@media print { body { max-width: none; margin: 0; font-size: 11pt; } h2 { break-after: avoid; } tr, li { break-inside: avoid; } }
";

pub fn write(report: &Postmortem) -> String {
    let drill = if report.mode == Some(Mode::Drill) { "Drill" } else { "Recovery" };
    let title = format!("{drill} {}: {}", report.run, report.title);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                p class={ "outcome " (tone(report.state)) } { (ticked(&report.outcome)) }
                @for trouble in &report.troubles { p.missed { "Not complete: " (ticked(trouble)) } }
                (facts(report))
                (people(&report.staffing))
                (times(report))
                (tables(&report.tables))
                (wrong(report))
                (steps(&report.steps))
                (outputs(&report.steps))
                (answers(report))
                (interruptions(report))
                (ledger(&report.ledger))
                (timeline(report))
                p { "Written " (stamp(report.written_at)) " from " (grouped(report.records)) " records. Head of the journal: "
                    code { (report.head) } }
            }
        }
    };
    clean::lines(&page.into_string())
}

fn tone(state: RunStatus) -> &'static str {
    match state {
        RunStatus::Succeeded => "well",
        RunStatus::Failed | RunStatus::Paused => "badly",
        RunStatus::Running | RunStatus::Waiting | RunStatus::Ending | RunStatus::Aborted | RunStatus::Undone => "",
    }
}

/// Text with what stands between backticks as code.
fn ticked(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn facts(report: &Postmortem) -> Markup {
    html! {
        table {
            @if let (Some(runbook), Some(severity)) = (&report.runbook, &report.severity) {
                tr { th { "Runbook" } td { (runbook) " (" (severity) ")" } }
            }
            @if let Some(who) = &report.started_by { tr { th { "Started by" } td { (who) } } }
            @if let Some(at) = report.outage_began { tr { th { "Outage began" } td { (stamp(at)) } } }
            @if let Some(at) = report.started_at { tr { th { "Started" } td { (stamp(at)) } } }
            @if let Some(at) = report.ended_at { tr { th { "Ended" } td { (stamp(at)) } } }
            @if let Some(digest) = &report.digest { tr { th { "Digest" } td { code { (digest) } } } }
            @for (name, value) in &report.params {
                tr { th { "Parameter " code { (name) } } td { (short(value, WIDEST)) } }
            }
        }
    }
}

fn times(report: &Postmortem) -> Markup {
    let hours = &report.times.hours;
    let parts = [
        ("before", report.times.before_ms.unwrap_or(0)),
        ("machine", hours.machine_ms),
        ("human", hours.human_ms),
        ("idle", hours.idle_ms),
    ];
    html! {
        h2 { "Times" }
        ul {
            @for objective in &report.objectives {
                li class=[(objective.met == Some(false)).then_some("missed")] { (objective.text()) }
            }
            @for (name, millis) in time_rows(report) { li { (name) ": " (span(millis)) } }
        }
        div.split {
            @for (class, millis) in parts.iter().filter(|(_, millis)| *millis > 0) {
                div class=(class) style={ "flex:" (millis) } title={ (class) ": " (span(*millis)) } {}
            }
        }
    }
}

fn people(staffing: &Staffing) -> Markup {
    let lines = staffing.lines();
    html! {
        @if !lines.is_empty() {
            h2 { "People" }
            ul { @for line in &lines { li { (line) } } }
        }
    }
}

fn tables(tables: &[TableReport]) -> Markup {
    let number = |count: Option<u64>| count.map(grouped).unwrap_or_default();
    html! {
        @if !tables.is_empty() {
            h2 { "Tables" }
            table {
                tr { @for (index, head) in super::TABLE_HEADS.iter().enumerate() { th class=[(index > 1).then_some("n")] { (head) } } }
                @for it in tables {
                    tr {
                        td { code { (it.name) } } td { code { (it.step) } }
                        @for count in [it.rows, it.only_in_live, it.only_in_copy, it.differ] { td.n { (number(count)) } }
                    }
                }
            }
        }
    }
}

fn wrong(report: &Postmortem) -> Markup {
    let troubled: Vec<&StepReport> = report.steps.iter().filter(|step| step.is_trouble()).collect();
    html! {
        @if !troubled.is_empty() {
            h2 { "What went wrong" }
            @for step in troubled {
                p { code { (step.id) } " (" (state(step.state)) ")" }
                ul {
                    @if let Some(evidence) = &step.evidence { li { "nobody can tell whether it happened: " (ticked(evidence)) } }
                    @if let Some(fault) = &step.fault {
                        li { code { (fault.code) } " " (ticked(&fault.message)) }
                        @for cause in &fault.causes { li { "because: " (ticked(cause)) } }
                        @if let Some(hint) = &fault.hint { li { "hint: " (ticked(hint)) } }
                    }
                }
            }
        }
    }
}

fn state(status: Status) -> Markup {
    html! { span class={ "state-" (status.word()) } { (status.word()) } }
}

fn steps(steps: &[StepReport]) -> Markup {
    html! {
        h2 { "Steps" }
        table {
            tr { th { "Step" } th { "State" } th.n { "Took" } th { "Name" } th { "Remarks" } }
            @for step in steps {
                tr {
                    td { code { (step.id) } } td { (state(step.state)) } td.n { (step.duration()) }
                    td { @if step.name != step.id.as_str() { (step.name) } }
                    td { @for remark in step.remarks() { div { (ticked(&remark)) } } }
                }
            }
        }
    }
}

fn outputs(steps: &[StepReport]) -> Markup {
    let named = |step: &StepReport| step.outputs.iter().flatten().any(|(name, _)| name != "tables");
    html! {
        @if steps.iter().any(named) {
            h2 { "Outputs" }
            table {
                tr { th { "Step" } th { "Output" } th { "Value" } }
                @for step in steps {
                    @for (name, value) in step.outputs.iter().flatten().filter(|(name, _)| *name != "tables") {
                        tr { td { code { (step.id) } } td { code { (name) } } td { (short(value, WIDEST)) } }
                    }
                }
            }
        }
    }
}

fn answers(report: &Postmortem) -> Markup {
    html! {
        @if !report.answers.is_empty() {
            h2 { "What people said" }
            ol.timeline {
                @for said in &report.answers {
                    li {
                        time { (stamp(said.at)) } (said.who) ": " (ticked(&said.text))
                        @if let Some(because) = &said.because { ", because " (ticked(because)) }
                        @if let Some(reason) = &said.refused { " (refused: " (ticked(reason)) ")" }
                    }
                }
            }
        }
    }
}

fn interruptions(report: &Postmortem) -> Markup {
    html! {
        @if !report.interruptions.is_empty() {
            h2 { "Interruptions" }
            ol.timeline {
                @for it in &report.interruptions {
                    li {
                        time { (stamp(it.from)) " to " (it.to.map_or_else(|| "now".into(), stamp)) } (it.cause())
                        @if let Some(who) = &it.resumed_by { "; resumed by " (who) }
                    }
                }
            }
        }
    }
}

fn ledger(ledger: &[Leftover]) -> Markup {
    html! {
        @if !ledger.is_empty() {
            h2 { "Still there" }
            table {
                tr { th { "What" } th { "Name" } th { "Made by" } th { "Kept until" } th { "Take away with" } }
                @for it in ledger {
                    tr {
                        td { (it.kind) } td { code { (it.id) } } td { code { (it.made_by) } }
                        td { (it.keep_until.map(stamp).unwrap_or_default()) @if it.overdue { span.missed { " OVERDUE" } } }
                        td { code { (it.remove) } }
                    }
                }
            }
        }
    }
}

fn timeline(report: &Postmortem) -> Markup {
    html! {
        h2 { "Timeline" }
        ol.timeline {
            @for entry in &report.timeline { li { time { (stamp(entry.at)) } (ticked(&entry.text)) } }
        }
    }
}
