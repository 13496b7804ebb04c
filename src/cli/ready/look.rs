//! Looks at all that one runbook would need tonight.

use jiff::Timestamp;

use super::{Looked, Store};
use crate::cli::args::Choices;
use crate::cli::context::Context;
use crate::cli::failure::{Failure, NEVER_DRILLED, OVERDUE};
use crate::cli::looker::Looker;
use crate::cli::looking::view_of;
use crate::cli::{check, plan, run};
use crate::kind::stock::{Finding, Fitness, judge};
use crate::model::record::Mode;
use crate::model::{Effect, Fault, RetryClass, RunStatus};
use crate::plan::forecast::{self, StepForecast, Verdict};
use crate::plan::{Plan, secrets};
use crate::provider::mask::Masker;
use crate::provider::vault;
use crate::runbook::ast::{ParamType, SecretSpec};
use crate::runbook::params;
use crate::runbook::template::Secrets;
use crate::view::RunView;
use crate::view::words::{shell_word, stamp};

pub fn at(context: &Context, choices: &Choices, now: Timestamp) -> Result<Looked, Failure> {
    let moments = moments(context, choices, now)?;
    // Its problems are told by now.
    let quiet = Context { quiet: true, ..context.clone() };
    let mut at = now;
    let mut looked = once(&quiet, &filled(choices, &moments, at), now)?;
    // Nothing reaches this very moment: what can be had is the last one that all stores reach.
    let stocks = looked.stores.iter().filter_map(|store| store.shelf.stock.as_ref().ok());
    if let Some(latest) = stocks.filter_map(|stock| stock.latest).min().filter(|latest| *latest < now)
        && !moments.is_empty()
    {
        at = latest;
        looked = once(&quiet, &filled(choices, &moments, at), now)?;
    }
    looked.moments = moments.into_iter().map(|name| (name, at)).collect();
    let earlier = earlier(&quiet, &looked.runbook);
    looked.drilled = drilled(&earlier);
    if looked.drilled.is_none() {
        let fault = Fault::new(NEVER_DRILLED, "no drill of it has passed yet");
        let file = shell_word(&choices.file.display().to_string());
        looked.findings.push((None, Finding::warning(fault.hint(format!("rehearse it: `regrow drill {file}`")))));
    }
    looked.findings.extend(overdue(&earlier).map(|finding| (None, finding)));
    Ok(looked)
}

/// The parameters of type timestamp that have to be given and are not.
fn moments(context: &Context, choices: &Choices, now: Timestamp) -> Result<Vec<String>, Failure> {
    let loaded = check::load(context, &choices.file)?;
    let (mut given, file) = run::told(context, &loaded, choices)?;
    let (specs, mut found) = (&loaded.runbook.params, Vec::new());
    // One at a time: a value may decide what else is required.
    let is_moment = |name: &&&str| specs[**name].kind == ParamType::Timestamp;
    while let Some(name) = params::lacking(specs, &given, file.as_ref(), now).iter().find(is_moment) {
        given.push((name.to_string(), now.to_string()));
        found.push(name.to_string());
    }
    Ok(found)
}

fn filled(choices: &Choices, moments: &[String], at: Timestamp) -> Choices {
    let mut filled = choices.clone();
    filled.params.extend(moments.iter().map(|name| format!("{name}={at}")));
    filled
}

fn once(context: &Context, choices: &Choices, now: Timestamp) -> Result<Looked, Failure> {
    let plan = plan::bind(context, choices, Mode::Real)?;
    let mut looked = Looked { runbook: plan.runbook.name.clone(), ..Looked::default() };
    let secrets = secrets_of(&plan, &mut looked);
    let looker = Looker::new(&plan, &secrets)?;
    let steps = forecast::forecast(&plan);
    for step in steps.iter().filter(|step| step.verdict != Verdict::WouldSkip) {
        step_of(&plan, &looker, step, now, &mut looked);
    }
    let mask = Masker::new(secrets.values());
    let findings = looked.stores.iter_mut().flat_map(|store| &mut store.findings);
    for finding in findings.chain(looked.findings.iter_mut().map(|(_, finding)| finding)) {
        finding.fault.message = mask.mask(&finding.fault.message);
        finding.fault.causes.iter_mut().for_each(|cause| *cause = mask.mask(cause));
    }
    Ok(looked)
}

/// All that the run would read and that can be read without running anything; what is missing is a warning, since whoever
/// recovers may have it.
fn secrets_of(plan: &Plan, looked: &mut Looked) -> Secrets {
    let idle = secrets::idle(plan);
    let mut secrets = Secrets::new();
    for (name, spec) in plan.runbook.secrets.iter().filter(|(name, _)| !idle.contains(*name)) {
        if matches!(spec, SecretSpec::Command { .. }) {
            continue;
        }
        match vault::open(&[(name.clone(), spec.clone())].into_iter().collect(), &plan.base) {
            Ok(opened) => secrets.extend(opened),
            Err(faults) => looked.findings.extend(faults.into_iter().map(|fault| (None, Finding::warning(fault)))),
        }
    }
    secrets
}

fn step_of(plan: &Plan, looker: &Looker<'_>, step: &StepForecast, now: Timestamp, looked: &mut Looked) {
    let (node, address) = (step.node, plan.address(step.node).to_string());
    let keeps = plan.kinds[node].finds_backups() && !plan.is_body(node) && !plan.is_list(node);
    let asked = match looker.op(step, 0) {
        Some(Ok(op)) if step.verdict == Verdict::WouldRun => Ok(op),
        Some(Err(fault)) => Err(fault.message),
        Some(Ok(_)) => Err("whether it is done shows only in the run".to_owned()),
        None => Err("what it is done with shows only in the run".to_owned()),
    };
    let op = match asked {
        Ok(op) => op,
        Err(why) => {
            looked.unseen.extend(keeps.then_some((address, why)));
            return;
        }
    };
    let mut fitness = Fitness::Fit;
    if keeps {
        match looker.backups(node, &op) {
            Ok(shelves) => {
                for shelf in shelves {
                    let name = shelf.name.clone().unwrap_or_else(|| address.clone());
                    let findings = judge(&shelf, plan.runbook.objectives.rpo.of(&name), now);
                    fitness = fitness.max(Fitness::of(&findings));
                    looked.findings.extend(findings.iter().map(|finding| (Some(name.clone()), finding.clone())));
                    looked.stores.push(Store { name, shelf, findings });
                }
            }
            Err(fault) => looked.findings.push((Some(address.clone()), Finding::unfit(fault))),
        }
    }
    // What is wrong with its backup is said by now.
    if fitness < Fitness::Unfit && forecast::may_prepare(plan, step) {
        let fault = looker.prepare(node, &op).err();
        looked.findings.extend(fault.map(|fault| (Some(address), weighed(plan, node, fault))));
    }
}

/// A fault that stays, of a step behind no other change, would keep the run from starting. Everything else may be mended by what comes
/// before it in the run, or by itself.
fn weighed(plan: &Plan, node: usize, fault: Fault) -> Finding {
    let changes = |before: usize| !matches!(plan.effects[before], Effect::Read | Effect::Human);
    let unfit = fault.retry == RetryClass::Never && !plan.graph.ancestors(node).any(changes);
    Finding { unfit, fault }
}

/// All runs of that runbook, also drills.
fn earlier(context: &Context, runbook: &str) -> Vec<RunView> {
    let store = context.looking();
    let views = store.list().unwrap_or_default().into_iter().map(|id| view_of(context, &store.run(&id)));
    views.filter(|view| view.state.started().is_some_and(|started| started.runbook == runbook)).collect()
}

/// When a drill passed last.
fn drilled(earlier: &[RunView]) -> Option<Timestamp> {
    let passed = earlier.iter().filter(|view| view.is_drill() && view.status == RunStatus::Succeeded);
    passed.filter_map(|view| view.state.ended_at).max()
}

/// What earlier runs made for a while, and is still there.
fn overdue(earlier: &[RunView]) -> impl Iterator<Item = Finding> {
    earlier.iter().flat_map(|view| {
        view.overdue().map(|entry| {
            let until = entry.keep_until.map(|until| format!(" since {}", stamp(until))).unwrap_or_default();
            let what = format!("{} of run `{}` should be gone{until}", entry.what(), view.id);
            Finding::warning(Fault::new(OVERDUE, what).hint(format!("take it away: `{}`", view.commands.cleanup())))
        })
    })
}
