//! `plan`: the dry run. Renders every step, lets the kinds do their own reads, and changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use indexmap::IndexSet;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::args::{Choices, PlanArgs};
use super::context::Context;
use super::failure::{ARGUMENT, NOTHING_STARTED, PREFLIGHT};
use super::looker::Looker;
use super::looking::{print, print_json_line};
use super::{Failure, check, exit, run};
use crate::kind::{Made, Prepared, RawOp};
use crate::kinds;
use crate::model::record::Mode;
use crate::model::{Fault, RetryClass, RunId};
use crate::plan::forecast::{self, StepForecast, Verdict};
use crate::plan::outline::OutlineStep;
use crate::plan::schedule::{self, Foreseen};
use crate::plan::times::Times;
use crate::plan::unread::{Unread, unread};
use crate::plan::{Binding, Plan};
use crate::provider::mask::Masker;
use crate::provider::vault;
use crate::runbook::ast::{Runbook, SecretSpec};
use crate::runbook::catalog::Late;
use crate::runbook::repair::Repair;
use crate::runbook::tell::Tell;
use crate::runbook::template::Secrets;
use crate::runbook::{codes, duration};
use crate::view::drill::not_done;
use crate::view::page::Page;
use crate::view::{history, words};

pub fn plan(context: &Context, args: PlanArgs) -> Result<u8, Failure> {
    let plan = bind(context, &args.choices, if args.drill { Mode::Drill } else { Mode::Real })?;
    let steps = forecast::forecast(&plan);
    let all = plan.runbook.secrets.keys().cloned().collect();
    let looks = look(&plan, &steps, &harmless_secrets(&plan, &all), Sight::Foreseen)?;
    if context.json {
        print_json_line(&to_json(&plan, &steps, &looks))?;
    } else {
        let mut page = Page::new();
        to_text(&plan, &steps, &looks).iter().for_each(|line| page.line(line));
        print(page)?;
    }
    let unfit = looks.values().any(Result::is_err) || steps.iter().any(|step| !step.faults.is_empty());
    Ok(if unfit { exit::USAGE } else { exit::DONE })
}

pub fn bind(context: &Context, choices: &Choices, mode: Mode) -> Result<Plan, Failure> {
    let loaded = check::load_for(context, &choices.file, mode)?;
    let now = Timestamp::now();
    let params = run::params_of(context, &loaded, choices, now)?;
    let skipped = run::skipped(&loaded, choices)?;
    let base = run::absolute(&choices.file)?.parent().map(Path::to_path_buf).unwrap_or_default();
    // Nothing is started under it; names made of it only show their form.
    let run = "plan".parse::<RunId>().map_err(|why: String| Failure::usage(ARGUMENT, why))?;
    let binding = Binding {
        earlier: history::seconds(&context.looking(), &loaded.runbook.name),
        mode,
        concurrency: usize::from(choices.concurrency),
        skipped,
        base,
        ..Binding::new(run, now, params)
    };
    let plan = Plan::bind(loaded.runbook, &loaded.texts.digest(), binding, kinds::find)?;
    refuse_unread(&plan)?;
    Ok(plan)
}

/// What is left out and yet read would stop the run in the middle.
pub fn refuse_unread(plan: &Plan) -> Result<(), Failure> {
    let unread = unread(plan);
    let Some(first) = unread.first() else { return Ok(()) };
    let said = |it: &Unread| format!("`{}` reads `{}`, and `{}` is left out", it.reader, it.name, it.left_out);
    let mut failure = Failure::usage(codes::MISSING_VALUE, format!("{}{NOTHING_STARTED}", said(first)));
    failure.causes = unread[1..].iter().map(said).collect();
    Err(failure.hint(format!(
        "leave `{}` out as well, or say in it what is taken instead: `(default {} …)`",
        first.reader, first.name
    )))
}

type Looks = BTreeMap<usize, Result<Prepared<Value>, Fault>>;

/// How closely it is looked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sight {
    /// Nothing is going to be started.
    Foreseen,
    /// Somebody reads what is going to change.
    Whole,
    /// Only whether it can begin: each step looks for itself before it starts.
    Glance,
}

/// What the steps that start at once would find, before anything is started: a fault that will not go away by itself is a
/// reason not to begin. What they would change is told only where somebody is shown it.
pub fn preflight(plan: &Plan, secrets: &Secrets, is_shown: bool) -> Result<Vec<String>, Failure> {
    if !plan.kinds.iter().any(|kind| kind.prepares()) {
        return Ok(Vec::new());
    }
    let mut steps = forecast::forecast(plan);
    let at_once = forecast::starts_at_once(plan, &steps);
    steps.retain(|step| at_once.contains(&step.node));
    let looks = look(plan, &steps, secrets, if is_shown { Sight::Whole } else { Sight::Glance })?;
    let firm = |fault: &&Fault| fault.retry == RetryClass::Never;
    let faults: Vec<(usize, &Fault)> =
        looks.iter().filter_map(|(node, look)| Some((*node, look.as_ref().err().filter(firm)?))).collect();
    let Some((_, first)) = faults.first() else {
        let changes = looks.into_values().filter_map(Result::ok).flat_map(|look| look.changes);
        return Ok(changes.collect());
    };
    let mut failure = Failure::usage(PREFLIGHT, "the run would fail at once; nothing was started");
    let mask = Masker::new(secrets.values());
    for (node, fault) in &faults {
        failure.causes.push(mask.mask(&format!("`{}`: {fault}", plan.address(*node))));
        failure.causes.extend(fault.causes.iter().map(|cause| mask.mask(cause)));
    }
    failure.hint.clone_from(&first.hint);
    Err(failure)
}

/// Lets every kind that can look at what it would change.
fn look(plan: &Plan, steps: &[StepForecast], secrets: &Secrets, sight: Sight) -> Result<Looks, Failure> {
    let looker = Looker::new(plan, secrets)?;
    let attempt = u32::from(sight != Sight::Foreseen);
    let may = steps.iter().filter(|step| forecast::may_prepare(plan, step));
    let known = may.filter_map(|step| Some((step.node, looker.op(step, attempt)?.ok()?)));
    let seen = async |node: usize, op: RawOp| match sight {
        Sight::Glance => looker.can_begin(node, &op).await.map(|()| Prepared::new(Value::Null, Vec::new())),
        Sight::Foreseen | Sight::Whole => looker.prepare(node, &op).await,
    };
    // One by one: a plan is no run, and has nothing that would hold back what is large.
    let looks = known.map(|(node, op)| async move { (node, seen(node, op).await) });
    Ok(looker.all(looks, 1).into_iter().collect())
}

/// Of these secrets, all that can be read without running anything.
pub fn harmless_secrets(plan: &Plan, names: &BTreeSet<String>) -> Secrets {
    let wanted = plan.runbook.secrets.iter().filter(|(name, _)| names.contains(*name));
    let readable = wanted.filter(|(_, spec)| !matches!(spec, SecretSpec::Command { .. }));
    let one = |(name, spec): (&String, &SecretSpec)| {
        let specs = [(name.clone(), spec.clone())].into_iter().collect();
        vault::open(&specs, &plan.base).ok()
    };
    readable.filter_map(one).flatten().collect()
}

fn to_json(plan: &Plan, steps: &[StepForecast], looks: &Looks) -> Value {
    let id = |node: &usize| plan.address(*node).to_string();
    let path = forecast::critical_path(plan);
    let foreseen = schedule::foresee(&plan.outline, plan.concurrency);
    let shown: Vec<Value> = steps.iter().map(|step| step_json(plan, step, looks)).collect();
    json!({
        "runbook": plan.runbook.name,
        "severity": plan.runbook.severity,
        "mode": plan.mode,
        "digest": plan.digest,
        "objectives": run::objectives(&plan.runbook.objectives),
        "starts_at_once": forecast::starts_at_once(plan, steps).iter().map(id).collect::<Vec<_>>(),
        "touches": touches(steps, looks),
        "leaves_alone": leaves_alone(steps, looks),
        "steps": shown,
        "critical_path": path.iter().map(id).collect::<Vec<_>>(),
        "estimate_seconds": foreseen.map(|foreseen| foreseen.seconds),
        "bound_seconds": foreseen.map(|foreseen| foreseen.bound),
        "tells": plan.runbook.tell.iter().map(tell_json).collect::<Vec<_>>(),
        "findings": findings(plan, steps, looks),
    })
}

fn tell_json(tell: &Tell) -> Value {
    json!({"to": tell.label(), "when": tell.when, "repeat_seconds": tell.repeat.map(|it| it.as_secs())})
}

fn step_json(plan: &Plan, step: &StepForecast, looks: &Looks) -> Value {
    let outline = &plan.outline.steps[step.node];
    let needs = plan.graph.nodes[step.node].needs.iter().map(|(need, _)| plan.address(*need).to_string());
    let changes = looks.get(&step.node).and_then(|look| look.as_ref().ok()).map(|look| look.changes.clone());
    let mut shown = json!({
        "id": outline.address,
        "kind": outline.kind,
        "effect": outline.effect,
        "needs": needs.collect::<Vec<_>>(),
        "state": step.verdict.word(),
        "only_planned": step.only_planned,
        "inputs": step.inputs,
        "outputs": step.outputs,
        "changes": changes.unwrap_or_default(),
        "in_place": plan.step(step.node).in_place.as_ref().map(|said| json!({"because": said.because, "safety_copy": said.safety_copy})),
        "estimate_seconds": outline.estimate_seconds,
        "repairs": plan.step(step.node).repairs.iter().map(|it| repair_json(plan, step.node, it)).collect::<Vec<_>>(),
    });
    if let Value::Object(shown) = &mut shown {
        shown.extend(Times::of(plan, step.node, Timestamp::now()).json());
    }
    shown
}

fn repair_json(plan: &Plan, node: usize, repair: &Repair) -> Value {
    let by = plan.repair(node, &repair.by).map(|by| plan.address(by));
    json!({"when": repair.when.text(), "by": by, "attempts": repair.attempts})
}

/// What will be changed: as the kinds foresee it, and what they found they would make.
fn touches(steps: &[StepForecast], looks: &Looks) -> Vec<String> {
    let foreseen = running(steps).flat_map(|step| step.foresight.touches.iter().cloned());
    let made = looks.values().filter_map(|look| look.as_ref().ok()).flat_map(|look| &look.creates);
    let made = made.map(|Made { kind, id, .. }| format!("{kind} {id}"));
    foreseen.chain(made).collect::<IndexSet<String>>().into_iter().collect()
}

/// What the runbook names and only reads, in steps and in their proofs.
fn leaves_alone(steps: &[StepForecast], looks: &Looks) -> Vec<String> {
    let touched = touches(steps, looks);
    let probed =
        |(kind, with): &(String, Value)| kinds::find(kind).map(|kind| kind.foresee(&Late { value: with }).reads);
    let read = running(steps).flat_map(|step| {
        let probed = step.probes.iter().filter_map(probed).flatten();
        step.foresight.reads.iter().cloned().chain(probed).collect::<Vec<_>>()
    });
    // Itself, or a part of it; a longer name is another thing's.
    let goes_on = |rest: &str| rest.starts_with(|c: char| c.is_alphanumeric() || c == '-');
    let is_of = |touched: &String, read: &str| touched.strip_prefix(read).is_some_and(|rest| !goes_on(rest));
    let alone = read.filter(|read| !touched.iter().any(|touched| is_of(touched, read)));
    alone.collect::<IndexSet<String>>().into_iter().collect()
}

fn running(steps: &[StepForecast]) -> impl Iterator<Item = &StepForecast> {
    steps.iter().filter(|step| step.verdict != Verdict::WouldSkip)
}

fn findings(plan: &Plan, steps: &[StepForecast], looks: &Looks) -> Vec<Value> {
    let of_templates = steps.iter().flat_map(|step| step.faults.iter().map(|fault| (&step.node, fault)));
    let faults = looks.iter().filter_map(|(node, look)| Some((node, look.as_ref().err()?)));
    let faults = of_templates.chain(faults).map(|(node, fault)| json!({"step": plan.address(*node), "fault": fault}));
    let late = late(plan, looks).into_iter();
    let late = late.map(|(node, fault)| json!({"step": plan.address(node), "severity": "warning", "fault": fault}));
    faults.chain(late).collect()
}

/// Steps after which the world goes on as before for longer than was promised.
fn late(plan: &Plan, looks: &Looks) -> Vec<(usize, Fault)> {
    let Some(rto) = plan.runbook.objectives.rto else { return Vec::new() };
    let settles = looks.iter().filter_map(|(node, look)| Some((*node, look.as_ref().ok()?.settles.as_ref()?)));
    let late = settles.filter(|(_, settles)| Duration::from_secs(settles.seconds) > rto);
    late.map(|(node, settles)| {
        let kept = duration::format(Duration::from_secs(settles.seconds));
        let what = format!("{} for {kept}, longer than the RTO of {}", settles.what, duration::format(rto));
        (node, Fault::new(&settles.code, what).hint(settles.hint.clone()))
    })
    .collect()
}

fn to_text(plan: &Plan, steps: &[StepForecast], looks: &Looks) -> Vec<String> {
    let drill = if plan.is_drill() { "DRILL of " } else { "" };
    let title = plan.runbook.title.as_deref().unwrap_or("");
    let mut lines = vec![format!("{drill}{} · {title}", plan.runbook.name)];
    lines.push(format!("digest {}", &plan.digest[..12]));
    for step in steps {
        lines.extend(step_text(plan, step, looks));
    }
    for (node, fault) in late(plan, looks) {
        lines.extend([String::new(), format!("! `{}`: {fault}", plan.address(node))]);
        lines.extend(fault.hint.map(|hint| format!("  hint: {hint}")));
    }
    lines.push(String::new());
    lines.extend(touches(steps, looks).iter().map(|touched| format!("touches: {touched}")));
    lines.extend(leaves_alone(steps, looks).iter().map(|read| format!("leaves alone: {read}")));
    let path = forecast::critical_path(plan);
    let path: Vec<String> = path.iter().map(|node| format!("`{}`", plan.address(*node))).collect();
    lines.push(format!("longest way: {}", path.join(" → ")));
    lines.extend(schedule::foresee(&plan.outline, plan.concurrency).map(|foreseen| estimate(plan, foreseen)));
    lines.extend(plan.runbook.tell.iter().map(|tell| format!("tells: {}", tell.words())));
    lines.push("nothing was changed".to_string());
    lines
}

/// How long it will take, what no order can beat, and what was promised.
fn estimate(plan: &Plan, foreseen: Foreseen) -> String {
    let span = |seconds: u64| duration::format(Duration::from_secs(seconds));
    let mut text = format!("estimate: {}", span(foreseen.seconds));
    if foreseen.bound < foreseen.seconds {
        text.push_str(&format!("; no order takes less than {}", span(foreseen.bound)));
    }
    let counts = |step: &&OutlineStep| step.members.is_none() && step.mends.is_none();
    let unknown = plan.outline.steps.iter().filter(counts).filter(|step| step.estimate_seconds.is_none());
    match unknown.count() {
        0 => {}
        count => {
            text.push_str(&format!("; without {}, which nobody has estimated or run", words::count(count, "step")))
        }
    }
    if let Some(rto) = plan.runbook.objectives.rto {
        let fits = if Duration::from_secs(foreseen.seconds) <= rto { "within" } else { "MORE THAN" };
        text.push_str(&format!("; {fits} the RTO of {}", duration::format(rto)));
    }
    text
}

fn step_text(plan: &Plan, step: &StepForecast, looks: &Looks) -> Vec<String> {
    let outline = &plan.outline.steps[step.node];
    let needs: Vec<&str> =
        plan.graph.nodes[step.node].needs.iter().map(|(need, _)| plan.address(*need).as_str()).collect();
    let after = if needs.is_empty() { String::new() } else { format!(" after {}", needs.join(", ")) };
    let verdict = match step.verdict {
        Verdict::WouldRun if step.only_planned => "~ (only planned)",
        Verdict::WouldRun => "+",
        Verdict::WouldSkip => "- (left out)",
        Verdict::UnknownUntilRun => "? (known when it runs)",
    };
    let mends = plan.step(step.node).mends.as_ref().filter(|_| step.verdict == Verdict::UnknownUntilRun);
    let against = mends.map(|mends| format!("? (if `{}` fails with \"{}\")", mends.step, mends.when.text()));
    let verdict = against.as_deref().unwrap_or(verdict);
    let mut lines =
        vec![String::new(), format!("{verdict} {} · {} ({}){after}", outline.address, outline.name, outline.kind)];
    lines.extend(plan.left_out_of_drill(step.node).iter().map(|why| format!("    {}", not_done(why))));
    lines.extend(outline.in_place.iter().map(|said| format!("    IN PLACE, {said}")));
    let now = Timestamp::now();
    lines.extend(Times::of(plan, step.node, now).lines(now).iter().map(|line| format!("    {line}")));
    for (name, input) in &step.inputs {
        let text = match (input.get("value"), input.get("predicted"), input.get("unknown")) {
            (Some(value), ..) => one_line(value),
            (None, Some(value), _) => format!("{} (foreseen)", one_line(value)),
            (None, None, Some(unknown)) if input.get("fault").is_some() => one_line(unknown),
            (None, None, unknown) => format!("{} (known when it runs)", unknown.map(one_line).unwrap_or_default()),
        };
        lines.push(format!("    {name}: {text}"));
        lines.extend(more_lines(input.get("value").or(input.get("predicted"))));
    }
    if plan.is_list(step.node) && !plan.items.contains_key(&outline.address) {
        lines.extend(plan.step(step.node).inside().into_iter().flat_map(|inside| of_each_item(inside, "    ")));
    }
    let wrong = |fault: &Fault| {
        let hint = fault.hint.iter().map(|hint| format!("      hint: {hint}"));
        std::iter::once(format!("    ! {fault}")).chain(hint).collect::<Vec<_>>()
    };
    lines.extend(step.faults.iter().flat_map(wrong));
    match looks.get(&step.node) {
        Some(Ok(look)) => lines.extend(look.changes.iter().map(|change| format!("    ~ {change}"))),
        Some(Err(fault)) => lines.extend(wrong(fault)),
        None => {}
    }
    lines
}

/// What is done for an item that only the run will know.
fn of_each_item(inside: &Runbook, indent: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for (_, step) in inside.all_steps() {
        let name = step.name.as_deref().and_then(|name| name.written().as_str().map(|name| format!(" · {name}")));
        lines.push(format!("{indent}for each item: {}{} ({})", step.id, name.unwrap_or_default(), step.kind));
        lines.extend(step.inside().into_iter().flat_map(|inside| of_each_item(inside, &format!("{indent}  "))));
    }
    lines
}

fn one_line(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_string);
    // A text of several lines stands beneath.
    if text.contains('\n') { String::from("|") } else { text }
}

/// The lines of a text that has several: on one line a script reads as another.
fn more_lines(value: Option<&Value>) -> Vec<String> {
    let text = value.and_then(Value::as_str).filter(|text| text.contains('\n')).unwrap_or_default();
    text.lines().map(|line| format!("      {line}")).collect()
}
