//! `show STEP`: all about one step, with what is asked, its code, and the commands that answer.

use serde_json::{Map, Value, json};

use super::context::Context;
use super::failure::Failure;
use super::looking::{self, print, print_json};
use super::status::progress;
use crate::model::record::SkipReason;
use crate::view::commands::{what, who_now, whom};
use crate::view::logs::{last_lines, of_step};
use crate::view::page::Page;
use crate::view::paint::Paint;
use crate::view::tell::why_skipped;
use crate::view::words::{short, stamp, with_placeholders};
use crate::view::{RunView, StepView};

/// How much of a log stands here; `logs` has all of it.
const LOG_LINES: usize = 10;
/// Longest value on a line.
const WIDEST: usize = 400;

pub fn show(context: &Context, run: Option<&str>, step: &str) -> Result<(), Failure> {
    let view = looking::view(context, run)?;
    let step = looking::step(&view, step)?;
    if context.json {
        return print_json(&as_json(&view, step));
    }
    print(text(&view, step, looking::paint(context)))
}

fn as_json(view: &RunView, step: &StepView) -> Value {
    let state = view.state_of(step);
    let intent = state.intent.as_ref();
    let mut shown = crate::view::json::step(view, step);
    let ways = view.commands.ways(&step.address, state, step.status);
    let more = json!({
        "run": view.id,
        "operation": intent.map(|it| &it.op),
        "generation": state.generation,
        "effect": intent.map(|it| it.effect),
        "phase": intent.map(|it| &it.phase),
        "inputs": intent.map(|it| with_placeholders(&it.inputs)),
        "changes": intent.map(|it| &it.changes),
        "checks": state.checks,
        "skipped": state.skipped,
        "ways": ways.iter().map(|way| json!({"means": way.means, "command": way.command})).collect::<Vec<_>>(),
        "logs": of_step(&view.dir, &step.address).iter().map(|log| &log.path).collect::<Vec<_>>(),
    });
    if let (Value::Object(shown), Value::Object(more)) = (&mut shown, more) {
        shown.extend(more);
    }
    shown
}

/// The page for people.
pub fn text(view: &RunView, step: &StepView, paint: Paint) -> Page {
    let mut out = Page::new();
    head(view, step, paint, &mut out);
    asked(view, step, paint, &mut out);
    fault(view, step, paint, &mut out);
    lines("recorded", &view.recorded_of(step), &mut out);
    ways(view, step, &mut out);
    checks(view, step, &mut out);
    let state = view.state_of(step);
    if let Some(intent) = &state.intent {
        values("inputs", &as_map(&with_placeholders(&intent.inputs)), &mut out);
        lines("changes", &intent.changes, &mut out);
    }
    if let Some(planned) = state.skipped.as_ref().and_then(SkipReason::planned) {
        lines("would change", &planned.changes, &mut out);
    }
    state.outputs.iter().for_each(|outputs| values("outputs", outputs, &mut out));
    log(view, step, &mut out);
    for trouble in &view.troubles {
        out.gap();
        out.line(format_args!("note: {}", trouble.message));
        out.line(format_args!("  hint: {}", trouble.hint));
    }
    out
}

fn head(view: &RunView, step: &StepView, paint: Paint, out: &mut Page) {
    let state = view.state_of(step);
    let name = if step.name == step.address.as_str() { "" } else { &step.name };
    out.line(format_args!("{}  {name}", paint.bold(step.address.as_str())));
    let mut fact = |name: &str, text: String| out.line(format_args!("{name:9} {text}"));
    let why = match (&state.skipped, &step.blocked_by) {
        (Some(why), _) => format!(": {}", why_skipped(&step.address, why)),
        (None, Some(need)) => format!(" by `{need}`"),
        (None, None) => String::new(),
    };
    fact("status", format!("{}{why}", paint.status(step.status, 0)));
    step.kind.iter().for_each(|kind| fact("kind", kind.clone()));
    step.owner.iter().for_each(|owner| fact("owner", owner.clone()));
    state.started_at.iter().for_each(|it| fact("started", stamp(it.at)));
    view.ended_of(step).iter().for_each(|it| fact("ended", stamp(it.at)));
    let took = if step.status.is_settled() { "took" } else { "so far" };
    view.duration_of(step).into_iter().for_each(|span| fact(took, span));
    step.pulse.iter().for_each(|pulse| fact("progress", progress(pulse)));
    state.wait.iter().for_each(|it| fact("waits", format!("{} (since {})", it.wait, stamp(it.since.at))));
    if state.early {
        fact("early", "yes: a person let it start before its time".into());
    }
    state.overdue.iter().for_each(|it| fact("deadline", format!("over since {}", stamp(it.at))));
    if state.attempts > 0 {
        fact("attempts", format!("{}, generation {}", state.attempts, state.generation));
    }
    for repaired in &state.repairs {
        fact("repaired", format!("by `{}`, done {}", repaired.by, repaired.often()));
    }
    if let Some(intent) = &state.intent {
        fact("operation", intent.op.to_string());
        if !intent.phase.is_empty() {
            fact("phase", intent.phase.clone());
        }
    }
    if state.by_hand {
        fact("by hand", "yes".into());
    }
    if state.adopted {
        fact("adopted", "yes: an earlier executor began it".into());
    }
}

fn asked(view: &RunView, step: &StepView, paint: Paint, out: &mut Page) {
    let state = view.state_of(step);
    let Some(asked) = &state.ask else { return };
    out.gap();
    let (what, who) = (paint.bold(what(&asked.ask)), who_now(asked));
    out.line(format_args!("{what} of {who}, since {}", stamp(asked.since.at)));
    whom(asked).iter().for_each(|whom| out.item(whom));
    asked.ask.shown.iter().for_each(|fact| out.item(fact));
    out.line(format_args!("  code: {}", asked.ask.code));
    if !state.approved_by.is_empty() {
        let so_far = state.approved_by.join(", ");
        out.line(format_args!("  approved so far by {so_far} of {}", asked.ask.minimum));
    }
    for (name, field) in asked.ask.form.as_object().into_iter().flatten() {
        out.line(format_args!("  wants `{name}`: {}", wanted(field)));
    }
}

/// A field of a form, in words.
fn wanted(field: &Value) -> String {
    let mut words = vec![field["type"].as_str().unwrap_or("string").to_string()];
    let choices: Vec<String> = field["enum"].as_array().into_iter().flatten().map(|one| short(one, WIDEST)).collect();
    if !choices.is_empty() {
        words.push(format!("one of {}", choices.join(", ")));
    }
    words.extend((field["required"] == false).then(|| "may be left out".to_string()));
    words.join(", ")
}

fn fault(view: &RunView, step: &StepView, paint: Paint, out: &mut Page) {
    let state = view.state_of(step);
    if let Some(evidence) = state.evidence() {
        out.gap();
        out.line(format_args!("{} whether it happened", paint.alarm("nobody can tell")));
        out.item(evidence);
    }
    let Some(fault) = &state.fault else { return };
    out.gap();
    out.line(format_args!("{} {}", paint.alarm(&fault.code), fault.message));
    for cause in &fault.causes {
        out.lines("  because: ", "           ", cause.trim_end());
    }
    fault.hint.iter().for_each(|hint| out.lines("  hint: ", "        ", hint));
}

fn ways(view: &RunView, step: &StepView, out: &mut Page) {
    let ways = view.commands.ways(&step.address, view.state_of(step), step.status);
    if ways.is_empty() || view.state.ended.is_some() {
        return;
    }
    let width = ways.iter().map(|way| way.means.len()).max().unwrap_or(0) + 1;
    out.gap();
    out.line("answer with");
    for way in ways {
        out.command(format_args!("  {:width$} {}", format!("{}:", way.means), way.command));
    }
}

fn checks(view: &RunView, step: &StepView, out: &mut Page) {
    let checks = &view.state_of(step).checks;
    if checks.is_empty() {
        return;
    }
    out.gap();
    out.line("checks");
    for check in checks {
        let verdict = match (check.left_out, check.passed) {
            (true, _) => "not asked",
            (false, true) => "ok    ",
            (false, false) => "FAILED",
        };
        out.line(format_args!("  {verdict} {}: {}", check.probe, check.text));
    }
}

fn values(title: &str, values: &Map<String, Value>, out: &mut Page) {
    // On one line a script would read as another: what stands behind a `#` as a comment.
    let one = |(name, value): (&String, &Value)| match value.as_str().filter(|text| text.contains('\n')) {
        Some(text) => format!("{name}: |\n{}", text.trim_end_matches('\n')),
        None => format!("{name}: {}", short(value, WIDEST)),
    };
    let all: Vec<String> = values.iter().map(one).collect();
    lines(title, &all, out);
}

fn lines(title: &str, lines: &[String], out: &mut Page) {
    if lines.is_empty() {
        return;
    }
    out.gap();
    out.line(title);
    lines.iter().for_each(|line| out.item(line));
}

fn as_map(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn log(view: &RunView, step: &StepView, out: &mut Page) {
    let logs = of_step(&view.dir, &step.address);
    let Some(newest) = logs.last() else { return };
    out.gap();
    out.line(format_args!("log {}", newest.path.display()));
    match newest.read_from(0) {
        Ok((bytes, _)) => {
            let text = String::from_utf8_lossy(last_lines(&bytes, LOG_LINES)).into_owned();
            out.quote("  ", text.trim_end_matches('\n'));
            out.command(format_args!("all of it: {}", view.commands.logs(&step.address)));
        }
        Err(error) => out.line(format_args!("  it cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing;

    fn page(run: &testing::Golden, id: &str) -> String {
        let view = run.view();
        text(&view, view.find(id).unwrap(), Paint::default()).to_string()
    }

    #[test]
    fn what_is_asked_stands_with_its_code_and_command() {
        let expected = "\
load  Put enrolments back
status    waiting
kind      postgres.dump_and_load
started   2026-11-24 10:03:12Z
so far    40s
attempts  1, generation 1
operation 7qk2.load.1

approval of firefighter, since 2026-11-24 10:03:52Z
  412 rows come back
  3 rows are only in live and stay
  code: k3m9q2

answer with
  yes: regrow approve load --code k3m9q2 --run 7qk2
  no:  regrow reject load --because TEXT --run 7qk2

inputs
  database: lms
  password: {{ secrets.live }}

changes
  `load` changes one thing
";
        assert_eq!(page(&testing::waiting(), "load"), expected);
    }

    #[test]
    fn a_failure_stands_with_cause_hint_ways_and_the_end_of_its_log() {
        let run = testing::failed();
        std::fs::write(run.dir.work().join("7qk2.copy.1.2.log"), "waiting for the lock\ngiving up\n").unwrap();
        let page = page(&run, "copy");
        for line in [
            "RG2104 the lock on `enrolments` was not had\n  because: canceling statement due to lock timeout\n  hint: end",
            "  try again:        regrow retry copy --run 7qk2\n",
            "7qk2.copy.1.2.log\n  waiting for the lock\n  giving up\nall of it: regrow logs copy --run 7qk2\n",
        ] {
            assert!(page.contains(line), "`{line}` is missing in\n{page}");
        }
    }

    #[test]
    fn an_unknown_step_stands_with_its_evidence_and_the_two_commands() {
        let page = page(&testing::unknown(), "copy");
        let expected = "\
nobody can tell whether it happened
  its supervisor is gone and left no result

answer with
  it happened:              regrow done copy --because TEXT --run 7qk2
  it did not happen: do it: regrow retry copy --because TEXT --run 7qk2
";
        assert!(page.contains(expected), "{page}");
    }

    #[test]
    fn proofs_and_outputs_stand_too() {
        let page = page(&testing::ok(), "load");
        assert!(page.contains("checks\n  ok     postgres.query: `select count(*)` is 412, at least 412\n"), "{page}");
        assert!(page.contains("outputs\n  tables: [{\"name\":\"enrolments\""), "{page}");
        let view = testing::ok().view();
        let shown = as_json(&view, view.find("load").unwrap());
        assert_eq!(shown["inputs"]["password"], "{{ secrets.live }}");
        assert_eq!(shown["checks"][0]["passed"], true);
    }
}
