//! What the live view shows, as lines of text: kept up to date by records, drawn by [`super::terminal`]. Pure but for the
//! pulses it reads, so that it is tested without a terminal.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::Value;

use crate::journal::store::RunDir;
use crate::model::record::{End, Event, Mode};
use crate::model::{Address, Record, RunState, Status};
use crate::plan::outline::{Outline, OutlineStep};
use crate::provider::process::{JobFiles, latest_pulse};
use crate::runbook::duration;
use crate::view::commands::{Commands, who_now};
use crate::view::paint::Paint;
use crate::view::tell::{end_word, paused};
use crate::view::words::{between, grouped, span, span_seconds};
use crate::view::{clean, holds, read};

/// Cells of a progress bar.
const BAR: usize = 20;

/// So many of the steps that come next are named.
const MOST_NEXT: usize = 3;

pub struct Scene {
    outline: Outline,
    /// Where each step stands in the outline.
    places: HashMap<Address, usize>,
    total: usize,
    work: PathBuf,
    commands: Commands,
    paint: Paint,
    title: String,
    began: Option<Timestamp>,
    outage: Option<Timestamp>,
    rto_seconds: Option<i64>,
    statuses: HashMap<Address, Status>,
    /// What is not on its way to an end by itself, or is on its way right now.
    notable: IndexMap<Address, Notable>,
    paused: Option<String>,
    /// Which holds are taken, and since when.
    held: String,
    ending: Option<End>,
}

/// One step that has a line.
struct Notable {
    status: Status,
    began: Option<Timestamp>,
    files: Option<JobFiles>,
    phase: String,
    asks: Option<Asks>,
    /// Until when it waits for its time, and why.
    waits: Option<String>,
    overdue: bool,
    fault: Option<String>,
}

struct Asks {
    who: String,
    since: Timestamp,
    command: String,
}

impl Scene {
    pub fn new(outline: &Outline, work: &Path, commands: Commands, paint: Paint) -> Self {
        let mut scene = Self {
            outline: Outline::default(),
            places: HashMap::new(),
            total: 0,
            work: work.to_path_buf(),
            commands,
            paint,
            title: String::new(),
            began: None,
            outage: None,
            rto_seconds: None,
            statuses: HashMap::new(),
            notable: IndexMap::new(),
            paused: None,
            held: String::new(),
            ending: None,
        };
        scene.draw(outline.clone());
        scene
    }

    fn draw(&mut self, outline: Outline) {
        self.places = outline.steps.iter().enumerate().map(|(at, step)| (step.address.clone(), at)).collect();
        // What is done by its members counts in them: no record says that it is done.
        self.total = outline.steps.iter().filter(|step| step.members.is_none()).count();
        self.outline = outline;
    }

    /// Takes note of what came in.
    pub fn update(&mut self, records: &[Record], state: &RunState) {
        let is_new = self.began.is_none();
        if is_new {
            self.begin(state);
        }
        let grows = |record: &Record| matches!(record.event, Event::StepOpened { list: Some(_), .. });
        let has_grown = is_new && state.steps.values().any(|step| step.list.is_some());
        if (has_grown || records.iter().any(grows))
            && let Some(Ok(grown)) =
                self.work.parent().map(|run| read::outline(&RunDir { path: run.into() }, Some(state)))
        {
            self.draw(grown);
        }
        for record in records {
            let steps = [record.event.step(), record.event.opens()];
            steps.into_iter().flatten().for_each(|step| self.look_at(step, state));
        }
        // A resumed run begins with a folded state: its steps have no records here.
        if is_new || records.iter().any(|record| matches!(record.event, Event::SegmentOpened { .. })) {
            state.steps.keys().for_each(|step| self.look_at(step, state));
        }
        self.paused = paused(state);
        let held = holds::of(&self.outline, state).into_iter().filter(|hold| hold.standing.is_out());
        self.held = held.map(|hold| format!(", `{}` {}", hold.name, hold.words())).collect();
        self.ending = state.ending;
    }

    fn begin(&mut self, state: &RunState) {
        let Some(started) = state.started() else { return };
        let drill = if started.mode == Mode::Drill { "DRILL " } else { "" };
        let title = if started.title.is_empty() { &started.runbook } else { &started.title };
        self.title = format!("{drill}{title}");
        self.began = state.started_at.as_ref().map(|moment| moment.at);
        self.outage = started.outage_began;
        let rto = started.objectives.get("rto").and_then(Value::as_str).and_then(|text| duration::parse(text).ok());
        self.rto_seconds = rto.and_then(|rto| i64::try_from(rto.as_secs()).ok());
    }

    fn look_at(&mut self, step: &Address, state: &RunState) {
        let held = state.step(step);
        self.statuses.insert(step.clone(), held.status);
        let may = held.status == Status::Failed && self.planned(step).is_some_and(|it| it.allow_failure);
        if !is_notable(held.status) || may {
            self.notable.shift_remove(step);
            return;
        }
        let intent = held.intent.as_ref();
        let asks = held.ask.as_ref().filter(|_| held.wait.is_none()).map(|asked| Asks {
            who: clean::word(&who_now(asked)),
            since: asked.since.at,
            command: self
                .commands
                .ways(step, held, held.status)
                .first()
                .map(|way| way.command.clone())
                .unwrap_or_default(),
        });
        let notable = Notable {
            status: held.status,
            began: held.started_at.as_ref().map(|moment| moment.at),
            files: intent.map(|intent| JobFiles::named(&self.work, &intent.op, held.attempts, &intent.phase)),
            phase: intent.map(|intent| intent.phase.clone()).unwrap_or_default(),
            asks,
            waits: held.wait.as_ref().map(|it| it.wait.to_string()),
            overdue: held.overdue.is_some(),
            fault: held.fault.as_ref().map(|fault| clean::word(&fault.to_string())),
        };
        self.notable.insert(step.clone(), notable);
    }

    /// What `height` rows hold: the header, what people are asked, what went wrong, what is under way. `rows` says how many a line
    /// takes.
    pub fn lines(&self, now: Timestamp, height: usize, rows: impl Fn(&String) -> usize) -> Vec<String> {
        let mut steps: Vec<(&Address, &Notable)> = self.notable.iter().collect();
        steps.sort_by_key(|(_, it)| rank(it));
        let mut lines = vec![self.header(now)];
        let next = match &self.paused {
            Some(how) => Some(format!("  {how}; go on: {}", self.commands.resume())),
            None => self.next(),
        };
        let height = height.saturating_sub(next.iter().map(&rows).sum());
        let mut used: usize = lines.iter().map(&rows).sum();
        let mut hidden = 0;
        for (step, it) in steps {
            let own = self.step_lines(step, it, now);
            let taken: usize = own.iter().map(&rows).sum();
            if used + taken < height {
                used += taken;
                lines.extend(own);
            } else {
                hidden += 1;
            }
        }
        if hidden > 0 {
            lines.push(format!("  … and {hidden} more"));
        }
        lines.extend(next);
        lines
    }

    /// What the terminal is called: who looks away sees there that a person is waited for.
    pub fn title(&self) -> String {
        let of = |wanted: fn(Status) -> bool| {
            let of_people = |it: &Notable| it.waits.is_none() && wanted(it.status);
            self.notable.iter().find(|(_, it)| of_people(it)).map(|(step, _)| step)
        };
        let run = &self.commands.run;
        if let Some(step) = of(|status| status == Status::Waiting) {
            return format!("regrow {run} WAITS FOR YOU: {step}");
        }
        if let Some(step) = of(|status| matches!(status, Status::Failed | Status::Unproven | Status::Unknown)) {
            return format!("regrow {run} NEEDS YOU: {step}");
        }
        format!("regrow {run} {}", self.done_of_all())
    }

    /// `2 of 5 done, 1 skipped`.
    fn done_of_all(&self) -> String {
        let standing = |wanted| self.statuses.values().filter(|status| **status == wanted).count();
        let (done, skipped) = (standing(Status::Succeeded), standing(Status::Skipped));
        let not_needed = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
        format!("{done} of {} done{not_needed}", self.total.max(done))
    }

    /// The steps that wait for nothing but what is under way, longest way first.
    fn next(&self) -> Option<String> {
        let steps = &self.outline.steps;
        let status = |node: usize| self.statuses.get(&steps[node].address).copied().unwrap_or(Status::Pending);
        let is_coming = |status: Status| {
            status.is_in_flight() || matches!(status, Status::Succeeded | Status::Skipped | Status::Waiting)
        };
        let comes = |node: &usize| {
            let step = &steps[*node];
            let needs_one = step.needs.iter().any(|need| !status(need.step).is_settled());
            !step.finally
                && status(*node) == Status::Pending
                && needs_one
                && step.needs.iter().all(|need| is_coming(status(need.step)))
        };
        let mut next: Vec<usize> = (0..steps.len()).filter(comes).collect();
        next.sort_by_key(|node| std::cmp::Reverse(steps[*node].remaining_seconds));
        let named: Vec<&str> = next.iter().take(MOST_NEXT).map(|node| steps[*node].address.as_str()).collect();
        let more = next.len() - named.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!named.is_empty()).then(|| format!("  next      {}{more}", named.join(", ")))
    }

    fn header(&self, now: Timestamp) -> String {
        let done = self.done_of_all();
        let elapsed = self.began.map(|began| span(between(began, now))).unwrap_or_default();
        let left = self.rto_seconds.zip(self.outage.or(self.began)).map(|(rto, from)| {
            let left = rto - now.duration_since(from).as_secs();
            if left >= 0 {
                format!(", {} left of RTO", span_seconds(left))
            } else {
                self.paint.alarm(&format!(", RTO MISSED by {}", span_seconds(-left)))
            }
        });
        let state = match (self.ending, self.paused.is_some()) {
            (Some(how), _) => format!(", ending as {}", end_word(how)),
            (None, true) => ", paused on request".into(),
            (None, false) => String::new(),
        };
        let head = self.paint.bold(&format!("{} {}", self.commands.run, self.title));
        let (left, held) = (left.unwrap_or_default(), clean::word(&self.held));
        format!("{head}  {elapsed}{left}, {done}{state}{held}")
    }

    fn step_lines(&self, step: &Address, it: &Notable, now: Timestamp) -> Vec<String> {
        let status = self.paint.status(it.status, 9);
        let name = self.planned(step).map(|it| &it.name).filter(|name| *name != step.as_str());
        let name = name.map(|name| format!("  {}", clean::word(name))).unwrap_or_default();
        match (&it.asks, it.status) {
            (Some(asks), Status::Waiting) => vec![
                format!("  {status} {step}  asks {} for {}{name}", asks.who, span(between(asks.since, now))),
                format!("            {}", asks.command),
            ],
            (_, Status::Waiting) if it.waits.is_some() => {
                vec![format!("  {status} {step}  {}{name}", it.waits.as_deref().unwrap_or_default())]
            }
            (_, Status::Failed | Status::Unproven | Status::Unknown) => {
                let fault = it.fault.as_deref().unwrap_or("did it happen?");
                vec![format!("  {status} {step}  {fault}"), format!("            {}", self.commands.show(step))]
            }
            _ => {
                let took = it.began.map(|began| span(between(began, now))).unwrap_or_default();
                let usual = self.usual(step).map(|seconds| format!(" of about {}", span_seconds(seconds)));
                let took = format!("{took}{}", usual.unwrap_or_default());
                let phase = if it.phase.is_empty() { String::new() } else { format!(" {}", it.phase) };
                let late = if it.overdue { self.paint.alarm("  BEYOND ITS DEADLINE") } else { String::new() };
                vec![format!("  {status} {step}{phase}  {took}{late}{}{name}", self.progress(it))]
            }
        }
    }

    fn planned(&self, step: &Address) -> Option<&OutlineStep> {
        self.outline.steps.get(*self.places.get(step)?)
    }

    /// How long it takes by its estimate, or took before.
    fn usual(&self, step: &Address) -> Option<i64> {
        i64::try_from(self.planned(step)?.estimate_seconds?).ok()
    }

    fn progress(&self, it: &Notable) -> String {
        let Some(pulse) = it.files.as_ref().and_then(latest_pulse) else { return String::new() };
        let doing = if pulse.doing.is_empty() { String::new() } else { format!(" {}", clean::word(&pulse.doing)) };
        match pulse.total {
            Some(total) if total > 0 => {
                let part = pulse.done.min(total) as f64 / total as f64;
                let full = (part * BAR as f64) as usize;
                let bar = format!("{}{}", "#".repeat(full), ".".repeat(BAR - full));
                format!("  [{bar}] {:.0} % of {} {}{doing}", part * 100.0, grouped(total), pulse.unit)
            }
            _ => format!("  {} {}{doing}", grouped(pulse.done), pulse.unit),
        }
    }
}

fn is_notable(status: Status) -> bool {
    match status {
        Status::Running
        | Status::Verifying
        | Status::Late
        | Status::Undoing
        | Status::Waiting
        | Status::Failed
        | Status::Unproven
        | Status::Unknown => true,
        Status::Pending
        | Status::Queued
        | Status::Succeeded
        | Status::Skipped
        | Status::Blocked
        | Status::Undone
        | Status::Superseded => false,
    }
}

/// What needs a person comes first.
fn rank(it: &Notable) -> u8 {
    match it.status {
        Status::Waiting if it.waits.is_some() => 5,
        Status::Waiting => 0,
        Status::Unknown => 1,
        Status::Failed | Status::Unproven => 2,
        status if status == Status::Late || it.overdue => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests;
