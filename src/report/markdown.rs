//! The report in Markdown: for a pull request, a wiki, a ticket.

use std::fmt::Write;

use super::postmortem::{Postmortem, StepReport};
use crate::model::record::Mode;
use crate::view::clean;
use crate::view::words::{grouped, short, span, stamp};

/// Longest output in the report.
const WIDEST: usize = 200;

pub fn write(report: &Postmortem) -> String {
    let mut out = String::new();
    head(report, &mut out);
    people(report, &mut out);
    times(report, &mut out);
    tables(report, &mut out);
    troubles(report, &mut out);
    steps(report, &mut out);
    outputs(report, &mut out);
    answers(report, &mut out);
    interruptions(report, &mut out);
    ledger(report, &mut out);
    timeline(report, &mut out);
    foot(report, &mut out);
    clean::lines(&out)
}

fn head(report: &Postmortem, out: &mut String) {
    let drill = if report.mode == Some(Mode::Drill) { "Drill" } else { "Recovery" };
    let _ = writeln!(out, "# {drill} `{}`: {}\n", report.run, plain(&report.title));
    let _ = writeln!(out, "**{}**\n", plain(&report.outcome));
    for trouble in &report.troubles {
        let _ = writeln!(out, "> Not complete: {}\n", plain(trouble));
    }
    let mut facts = Vec::new();
    if let (Some(runbook), Some(severity)) = (&report.runbook, &report.severity) {
        facts.push(("Runbook", format!("{} ({})", plain(runbook), plain(severity))));
    }
    facts.extend(report.started_by.as_ref().map(|who| ("Started by", plain(who))));
    facts.extend(report.outage_began.map(|at| ("Outage began", stamp(at))));
    facts.extend(report.started_at.map(|at| ("Started", stamp(at))));
    facts.extend(report.ended_at.map(|at| ("Ended", stamp(at))));
    facts.extend(report.digest.as_ref().map(|digest| ("Digest", format!("`{digest}`"))));
    for (name, value) in &report.params {
        facts.push(("Parameter", format!("`{name}` = {}", plain(&short(value, WIDEST)))));
    }
    table(&["", ""], facts.into_iter().map(|(name, value)| vec![name.to_string(), value]), out);
}

fn times(report: &Postmortem, out: &mut String) {
    let _ = writeln!(out, "## Times\n");
    for objective in &report.objectives {
        let _ = writeln!(out, "- {}", plain(&objective.text()));
    }
    for (name, millis) in time_rows(report) {
        let _ = writeln!(out, "- {name}: {}", span(millis));
    }
    let _ = writeln!(out);
}

/// The parts of the time, for every display of the report.
pub fn time_rows(report: &Postmortem) -> Vec<(&'static str, u64)> {
    let times = &report.times;
    let total = if report.outage_began.is_some() { "From outage to end" } else { "From start to end" };
    let mut rows = Vec::new();
    rows.extend(times.total_ms.map(|millis| (total, millis)));
    rows.extend(times.before_ms.map(|millis| ("Before the run was started", millis)));
    rows.push(("Machines worked", times.hours.machine_ms));
    rows.push(("Waited for people", times.hours.human_ms));
    rows.push(("Idle", times.hours.idle_ms));
    rows
}

fn people(report: &Postmortem, out: &mut String) {
    let lines = report.staffing.lines();
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(out, "## People\n");
    lines.iter().for_each(|line| out.push_str(&format!("- {}\n", plain(line))));
    let _ = writeln!(out);
}

fn tables(report: &Postmortem, out: &mut String) {
    if report.tables.is_empty() {
        return;
    }
    let _ = writeln!(out, "## Tables\n");
    let number = |count: Option<u64>| count.map(grouped).unwrap_or_default();
    let row = |it: &super::postmortem::TableReport| {
        let counts = [it.rows, it.only_in_live, it.only_in_copy, it.differ].map(number);
        [format!("`{}`", it.name), format!("`{}`", it.step)].into_iter().chain(counts).collect()
    };
    table(&super::TABLE_HEADS, report.tables.iter().map(row), out);
}

fn troubles(report: &Postmortem, out: &mut String) {
    let troubled: Vec<&StepReport> = report.steps.iter().filter(|step| step.is_trouble()).collect();
    if troubled.is_empty() {
        return;
    }
    let _ = writeln!(out, "## What went wrong\n");
    for step in troubled {
        let _ = writeln!(out, "- `{}` ({})", step.id, step.state.word());
        step.evidence
            .iter()
            .for_each(|it| out.push_str(&format!("  - nobody can tell whether it happened: {}\n", plain(it))));
        let Some(fault) = &step.fault else { continue };
        let _ = writeln!(out, "  - `{}` {}", fault.code, plain(&fault.message));
        fault.causes.iter().for_each(|it| out.push_str(&format!("  - because: {}\n", plain(it))));
        fault.hint.iter().for_each(|it| out.push_str(&format!("  - hint: {}\n", plain(it))));
    }
    let _ = writeln!(out);
}

fn steps(report: &Postmortem, out: &mut String) {
    let _ = writeln!(out, "## Steps\n");
    let row = |step: &StepReport| {
        let name = if step.name == step.id.as_str() { String::new() } else { plain(&step.name) };
        let remarks: Vec<String> = step.remarks().iter().map(|it| plain(it)).collect();
        vec![format!("`{}`", step.id), step.state.word().into(), step.duration(), name, remarks.join("; ")]
    };
    table(&["Step", "State", "Took", "Name", "Remarks"], report.steps.iter().map(row), out);
}

fn outputs(report: &Postmortem, out: &mut String) {
    let mut rows = Vec::new();
    for step in &report.steps {
        for (name, value) in step.outputs.iter().flatten().filter(|(name, _)| *name != "tables") {
            rows.push(vec![format!("`{}`", step.id), format!("`{name}`"), plain(&short(value, WIDEST))]);
        }
    }
    if !rows.is_empty() {
        let _ = writeln!(out, "## Outputs\n");
        table(&["Step", "Output", "Value"], rows, out);
    }
}

fn answers(report: &Postmortem, out: &mut String) {
    if report.answers.is_empty() {
        return;
    }
    let _ = writeln!(out, "## What people said\n");
    for said in &report.answers {
        let because = said.because.as_ref().map(|it| format!(", because {}", plain(it))).unwrap_or_default();
        let refused = said.refused.as_ref().map(|it| format!(" (refused: {})", plain(it))).unwrap_or_default();
        let _ = writeln!(out, "- {} {}: {}{because}{refused}", stamp(said.at), plain(&said.who), plain(&said.text));
    }
    let _ = writeln!(out);
}

fn interruptions(report: &Postmortem, out: &mut String) {
    if report.interruptions.is_empty() {
        return;
    }
    let _ = writeln!(out, "## Interruptions\n");
    for it in &report.interruptions {
        let to = it.to.map_or_else(|| "now".into(), stamp);
        let who = it.resumed_by.as_ref().map(|who| format!("; resumed by {}", plain(who))).unwrap_or_default();
        let _ = writeln!(out, "- {} to {to}: {}{who}", stamp(it.from), it.cause());
    }
    let _ = writeln!(out);
}

fn ledger(report: &Postmortem, out: &mut String) {
    if report.ledger.is_empty() {
        return;
    }
    let _ = writeln!(out, "## Still there\n");
    let row = |it: &super::postmortem::Leftover| {
        let late = if it.overdue { " (OVERDUE)" } else { "" };
        let until = format!("{}{late}", it.keep_until.map(stamp).unwrap_or_default());
        vec![plain(&it.kind), format!("`{}`", it.id), format!("`{}`", it.made_by), until, format!("`{}`", it.remove)]
    };
    table(&["What", "Name", "Made by", "Kept until", "Take away with"], report.ledger.iter().map(row), out);
}

fn timeline(report: &Postmortem, out: &mut String) {
    let _ = writeln!(out, "## Timeline\n");
    for entry in &report.timeline {
        let _ = writeln!(out, "- {} {}", stamp(entry.at), plain(&entry.text));
    }
    let _ = writeln!(out);
}

fn foot(report: &Postmortem, out: &mut String) {
    let _ = writeln!(out, "Written {} from {} records.", stamp(report.written_at), grouped(report.records));
    let _ = writeln!(out, "Head of the journal: `{}`", report.head);
}

fn table(heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>, out: &mut String) {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    out.push_str(&line(&heads.iter().map(|it| (*it).to_string()).collect::<Vec<_>>()));
    out.push_str(&format!("|{}\n", " --- |".repeat(heads.len())));
    for row in rows {
        let cells: Vec<String> = row.into_iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
        out.push_str(&line(&cells));
    }
    out.push('\n');
}

/// Text that stays text: on one line, no HTML, no link, no picture. Between two backticks it is literal already.
fn plain(text: &str) -> String {
    let text = clean::word(text);
    let parts: Vec<&str> = text.split('`').collect();
    let mut out = String::new();
    for (index, part) in parts.iter().enumerate() {
        // One that nobody closes begins nothing.
        let is_open = index % 2 == 1;
        let is_literal = is_open && index + 1 < parts.len();
        if index > 0 {
            out.push_str(if is_open && !is_literal { "\\`" } else { "`" });
        }
        if is_literal {
            out.push_str(part);
            continue;
        }
        for c in part.chars() {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '[' | ']' | '*' => out.extend(['\\', c]),
                _ => out.push(c),
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn what_people_write_is_text_and_no_markup() {
        let cases = [
            ("see `copy` & <b>", "see `copy` &amp; &lt;b>"),
            ("[x](http://e) ![i](http://e/i.png)", "\\[x\\](http://e) !\\[i\\](http://e/i.png)"),
            ("**loud**", "\\*\\*loud\\*\\*"),
            ("`[a](b)` and `[c](d)", "`[a](b)` and \\`\\[c\\](d)"),
        ];
        for (text, wanted) in cases {
            assert_eq!(plain(text), wanted);
        }
    }
}
