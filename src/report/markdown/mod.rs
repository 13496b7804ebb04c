//! The report in Markdown: for a pull request, a wiki, a ticket. Written line by line, so that it is never held as a whole.

mod text;

use std::fmt::Arguments;
use std::io::{self, Write};

use super::diary::Wait;
use super::glance;
use super::hours::Whose;
use super::open::Leftover;
use super::picture::picture;
use super::postmortem::Postmortem;
use super::steps::{StepReport, TableReport};
use super::{MOST_LEGS, MOST_OPEN};
use crate::graph::draw;
use crate::model::record::Mode;
use crate::view::clean;
use crate::view::words::{clock, grouped, short, span, span_seconds, stamp};
use text::{code, plain};

/// Longest output in the report.
const WIDEST: usize = 200;

pub fn write(report: &Postmortem, out: &mut dyn Write) -> io::Result<()> {
    let sheet = &mut Sheet(out);
    head(report, sheet)?;
    open(report, sheet)?;
    times(report, sheet)?;
    decisions(report, sheet)?;
    waits(report, sheet)?;
    flags(report, sheet)?;
    troubles(report, sheet)?;
    steps(report, sheet)?;
    graph(report, sheet)?;
    tables(report, sheet)?;
    outputs(report, sheet)?;
    people(report, sheet)?;
    interruptions(report, sheet)?;
    timeline(report, sheet)?;
    foot(report, sheet)
}

/// The one way onto the page: nothing of what others wrote moves the cursor or turns the writing.
struct Sheet<'a>(&'a mut dyn Write);

impl Sheet<'_> {
    fn line(&mut self, text: Arguments<'_>) -> io::Result<()> {
        let line = format!("{text}\n");
        self.0.write_all(clean::lines(&line).as_bytes())
    }

    fn title(&mut self, title: &str) -> io::Result<()> {
        self.line(format_args!("## {title}\n"))
    }

    fn end(&mut self) -> io::Result<()> {
        self.line(format_args!(""))
    }

    fn table(&mut self, heads: &[&str], rows: impl Iterator<Item = Vec<String>>) -> io::Result<()> {
        self.line(format_args!("| {} |", heads.join(" | ")))?;
        self.line(format_args!("|{}", " --- |".repeat(heads.len())))?;
        for row in rows {
            let cells: Vec<String> = row.into_iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
            self.line(format_args!("| {} |", cells.join(" | ")))?;
        }
        self.end()
    }
}

fn head(report: &Postmortem, out: &mut Sheet<'_>) -> io::Result<()> {
    let drill = if report.mode == Some(Mode::Drill) { "Drill" } else { "Recovery" };
    out.line(format_args!("# {drill} `{}`: {}\n", report.run, plain(&report.title)))?;
    for held in glance::held(report) {
        out.line(format_args!("**{}**\n", plain(&held)))?;
    }
    out.line(format_args!("**{}**\n", plain(&report.outcome)))?;
    if !report.ended {
        let at = stamp(report.written_at);
        out.line(format_args!("> THIS RUN HAS NOT ENDED. All of this is as of {at}.\n"))?;
    }
    for trouble in &report.troubles {
        out.line(format_args!("> Not complete: {}\n", plain(trouble)))?;
    }
    for it in glance::answers(report) {
        out.line(format_args!("- **{}** {}", it.question, plain(&it.answer)))?;
    }
    out.end()?;
    let mut facts = Vec::new();
    if let (Some(runbook), Some(severity)) = (&report.runbook, &report.severity) {
        facts.push(("Runbook", format!("{} ({})", plain(runbook), plain(severity))));
    }
    facts.extend(report.started_by.as_ref().map(|who| ("Started by", plain(who))));
    facts.extend(report.outage_began.map(|at| ("Outage began", stamp(at))));
    facts.extend(report.started_at.map(|at| ("Started", stamp(at))));
    facts.extend(report.ended_at.map(|at| ("Ended", stamp(at))));
    facts.extend(report.digest.as_ref().map(|digest| ("Digest", code(digest))));
    for (name, value) in &report.params {
        facts.push(("Parameter", format!("{} = {}", code(name), plain(&short(value, WIDEST)))));
    }
    out.table(&["", ""], facts.into_iter().map(|(name, value)| vec![name.to_string(), value]))
}

fn open(report: &Postmortem, out: &mut Sheet<'_>) -> io::Result<()> {
    if !report.open.is_empty() {
        out.title("Still open")?;
        for it in report.open.iter().take(MOST_OPEN) {
            let step = it.step.as_ref().map(|step| format!("`{step}` ")).unwrap_or_default();
            let command = it.command.as_ref().map(|command| format!(": {}", code(command))).unwrap_or_default();
            out.line(format_args!("- {step}{}{command}", plain(&it.what)))?;
        }
        if report.open.len() > MOST_OPEN {
            out.line(format_args!("- and {} more", grouped((report.open.len() - MOST_OPEN) as u64)))?;
        }
        out.end()?;
    }
    if report.ledger.is_empty() {
        return Ok(());
    }
    out.title("Still there")?;
    let row = |it: &Leftover| {
        let late = if it.overdue { " (OVERDUE)" } else { "" };
        let until = format!("{}{late}", it.keep_until.map(stamp).unwrap_or_default());
        vec![plain(&it.kind), code(&it.id), code(it.made_by.as_str()), until, code(&it.remove)]
    };
    out.table(&["What", "Name", "Made by", "Kept until", "Take away with"], report.ledger.iter().map(row))
}

fn times(report: &Postmortem, out: &mut Sheet<'_>) -> io::Result<()> {
    out.title("Times")?;
    for objective in &report.objectives {
        out.line(format_args!("- {}", plain(&objective.text())))?;
    }
    let times = &report.times;
    let total = if times.before_ms.is_some() { "From outage to end" } else { "From start to end" };
    let part = |out: &mut Sheet<'_>, name: &str, millis: u64| out.line(format_args!("- {name}: {}", span(millis)));
    times.total_ms.map_or(Ok(()), |millis| part(out, total, millis))?;
    times.before_ms.map_or(Ok(()), |millis| part(out, "Before the run was started", millis))?;
    for whose in Whose::ALL {
        part(out, whose.title(), times.hours.of(whose))?;
    }
    if times.left_waiting_ms > 0 {
        part(out, "Of it, after the executor had left to wait for people", times.left_waiting_ms)?;
    }
    for it in &report.lost.restores {
        let lost = it.lost_seconds.map(|lost| format!(", {} before", span_seconds(lost))).unwrap_or_default();
        let from = if report.lost.from_outage { " the outage began" } else { " the run was started" };
        let by_hand = if it.by_hand { ", as a person said" } else { "" };
        out.line(format_args!("- `{}` restored to {}{lost}{from}{by_hand}", it.step, stamp(it.restored_to)))?;
    }
    out.end()
}

fn decisions(report: &Postmortem, out: &mut Sheet<'_>) -> io::Result<()> {
    if report.decisions.is_empty() {
        return Ok(());
    }
    out.title("Decisions")?;
    let row = |it: &super::chronicle::Decision| {
        let because = it.because.iter().chain(&it.shown).map(|text| plain(text)).collect::<Vec<_>>();
        vec![stamp(it.at), plain(&it.who), plain(&it.what), because.join("; ")]
    };
    out.table(&["When", "Who", "What", "Because"], report.decisions.iter().map(row))
}

fn waits(report: &Postmortem, out: &mut Sheet<'_>) -> io::Result<()> {
    if report.waits.is_empty() {
        return Ok(());
    }
    out.title("Who waited for whom")?;
    let row = |it: &Wait| {
        let step = it.step.as_ref().map_or_else(|| "the run".into(), |step| code(step.as_str()));
        let by = if it.to.is_none() { "open".into() } else { plain(&it.by.join(", ")) };
        let asked = plain(it.asked.as_deref().unwrap_or("anybody"));
        vec![step, it.why.into(), asked, stamp(it.from), span(it.waited_ms), by]
    };
    out.table(&["Step", "Why", "For whom", "Since", "Waited", "Ended by"], report.waits.iter().map(row))
}

fn flags(report: &Postmortem, out: &mut Sheet<'_>) -> io::Result<()> {
    if report.flags.is_empty() {
        return Ok(());
    }
    out.title("Not as the runbook has it")?;
    for it in &report.flags {
        let who = it.who.as_ref().map(|who| format!(", {}", plain(who))).unwrap_or_default();
        let because = it.because.as_ref().map(|text| format!(": {}", plain(text))).unwrap_or_default();
        out.line(format_args!("- `{}` {}{who}{because}", it.step, it.title()))?;
    }
    out.end()
}

fn troubles(report: &Postmortem, out: &mut Sheet<'_>) -> io::Result<()> {
    let troubled = report.steps.iter().filter(StepReport::is_trouble);
    let past = report.dealt_with();
    if !report.has_trouble() {
        return Ok(());
    }
    out.title("What went wrong")?;
    for step in troubled {
        out.line(format_args!("- `{}` ({})", step.id, step.state.word()))?;
        if let Some(evidence) = step.evidence {
            out.line(format_args!("  - nobody can tell whether it happened: {}", plain(evidence)))?;
        }
        let Some(fault) = step.fault else { continue };
        out.line(format_args!("  - `{}` {}", fault.code, plain(&fault.message)))?;
        fault.causes.iter().try_for_each(|it| out.line(format_args!("  - because: {}", plain(it))))?;
        fault.hint.iter().try_for_each(|it| out.line(format_args!("  - hint: {}", plain(it))))?;
    }
    for it in past {
        let code = it.code.as_ref().map(|code| format!("`{code}` ")).unwrap_or_default();
        let (at, how, what) = (stamp(it.at), it.how.replace('_', " "), plain(&it.message));
        out.line(format_args!("- dealt with since: `{}` {at} {how}: {code}{what}", it.step))?;
    }
    out.end()
}

fn steps(report: &Postmortem, out: &mut Sheet<'_>) -> io::Result<()> {
    out.title("Steps, planned and actual")?;
    let seconds = |seconds: u64| span_seconds(i64::try_from(seconds).unwrap_or(i64::MAX));
    if let Some(estimate) = report.plan.estimate_seconds {
        let changed = if report.plan.changed { ", as it was changed," } else { "" };
        out.line(format_args!("The plan{changed} foresaw {}.\n", seconds(estimate)))?;
    }
    let more = |legs: usize| match legs.saturating_sub(MOST_LEGS) {
        0 => String::new(),
        hidden => format!(" and {} more", grouped(hidden as u64)),
    };
    let planned = &report.plan.critical_path;
    if !planned.is_empty() {
        let way: Vec<String> = planned.iter().take(MOST_LEGS).map(|step| code(step.as_str())).collect();
        out.line(format_args!("Longest way by plan: {}{}\n", way.join(" → "), more(planned.len())))?;
    }
    if !report.actual_path.is_empty() {
        let leg = |it: &super::paths::Leg| {
            let waited =
                if it.waited_ms >= 1000 { format!("({} between) → ", span(it.waited_ms)) } else { String::new() };
            format!("{waited}`{}` {}", it.step, span(it.took_ms))
        };
        let way: Vec<String> = report.actual_path.iter().take(MOST_LEGS).map(leg).collect();
        out.line(format_args!("Longest way as it went: {}{}\n", way.join(" → "), more(report.actual_path.len())))?;
    }
    let row = |step: StepReport<'_>| {
        let remarks: Vec<String> = step.remarks().iter().map(|it| plain(it)).collect();
        let worked = step.worked();
        vec![
            code(step.id.as_str()),
            step.state.word().into(),
            step.estimate_seconds.map(seconds).unwrap_or_default(),
            step.duration(),
            worked,
            step.started_at.map(clock).unwrap_or_default(),
            step.ended_at.map(clock).unwrap_or_default(),
            step.lateness(),
            step.called().map(plain).unwrap_or_default(),
            remarks.join("; "),
        ]
    };
    let heads = ["Step", "State", "Estimate", "Took", "Of it work", "Started", "Ended", "By plan", "Name", "Remarks"];
    out.table(&heads, report.steps.iter().map(row))
}

fn graph(report: &Postmortem, out: &mut Sheet<'_>) -> io::Result<()> {
    out.title("Graph")?;
    match picture(report) {
        Ok(picture) => out.line(format_args!("```mermaid\n{}```\n", draw::mermaid(&picture))),
        Err(why) => out.line(format_args!("{}\n", plain(&why))),
    }
}

fn tables(report: &Postmortem, out: &mut Sheet<'_>) -> io::Result<()> {
    if report.tables.is_empty() {
        return Ok(());
    }
    out.title("Tables")?;
    let number = |count: Option<u64>| count.map(grouped).unwrap_or_default();
    let row = |it: &TableReport| {
        let counts = [it.rows, it.only_in_live, it.only_in_copy, it.differ].map(number);
        [code(&it.name), code(it.step.as_str())].into_iter().chain(counts).collect()
    };
    out.table(&super::TABLE_HEADS.map(|(head, _)| head), report.tables.iter().map(row))
}

fn outputs(report: &Postmortem, out: &mut Sheet<'_>) -> io::Result<()> {
    let mut rows = report.steps.iter().flat_map(|step| {
        step.named_outputs()
            .map(move |(name, value)| vec![code(step.id.as_str()), code(name), plain(&short(value, WIDEST))])
    });
    let Some(first) = rows.next() else { return Ok(()) };
    out.title("Outputs")?;
    out.table(&["Step", "Output", "Value"], std::iter::once(first).chain(rows))
}

fn people(report: &Postmortem, out: &mut Sheet<'_>) -> io::Result<()> {
    let lines = report.staffing.lines();
    if !lines.is_empty() {
        out.title("People")?;
        lines.iter().try_for_each(|line| out.line(format_args!("- {}", plain(line))))?;
        out.end()?;
    }
    if report.notes().next().is_none() {
        return Ok(());
    }
    out.title("What people said")?;
    for said in report.notes() {
        let because = said.because.as_ref().map(|it| format!(", because {}", plain(it))).unwrap_or_default();
        let refused = said.refused.as_ref().map(|it| format!(" (refused: {})", plain(it))).unwrap_or_default();
        let (at, who, text) = (stamp(said.at), plain(&said.who), plain(&said.text));
        out.line(format_args!("- {at} {who}: {text}{because}{refused}"))?;
    }
    out.end()
}

fn interruptions(report: &Postmortem, out: &mut Sheet<'_>) -> io::Result<()> {
    if report.interruptions.is_empty() {
        return Ok(());
    }
    out.title("Interruptions")?;
    for it in &report.interruptions {
        let to = it.to.map_or_else(|| "now".into(), stamp);
        let who = it.resumed_by.as_ref().map(|who| format!("; resumed by {}", plain(who))).unwrap_or_default();
        out.line(format_args!("- {} to {to}: {}{who}", stamp(it.from), it.cause()))?;
    }
    out.end()
}

fn timeline(report: &Postmortem, out: &mut Sheet<'_>) -> io::Result<()> {
    out.title("Timeline")?;
    for entry in &report.timeline {
        out.line(format_args!("- {} {}", stamp(entry.at), plain(&entry.text)))?;
    }
    out.end()
}

fn foot(report: &Postmortem, out: &mut Sheet<'_>) -> io::Result<()> {
    out.line(format_args!("Written {} from {} records.", stamp(report.written_at), grouped(report.records)))?;
    out.line(format_args!("Head of the journal: `{}`", report.head))
}
