//! Looks at all that one runbook would need tonight.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::{Looked, Store};
use crate::cli::args::Choices;
use crate::cli::context::Context;
use crate::cli::failure::{Failure, NEVER_DRILLED, NO_ANSWER, OVERDUE};
use crate::cli::looker::Looker;
use crate::cli::looking::view_of;
use crate::cli::{check, plan, run};
use crate::kind::RawOp;
use crate::kind::stock::{Finding, Fitness, Shelf, judge};
use crate::model::record::Mode;
use crate::model::{Effect, Fault, RetryClass, RunStatus};
use crate::plan::forecast::{self, StepForecast, Verdict};
use crate::plan::{Plan, secrets};
use crate::provider::mask::Masker;
use crate::provider::vault;
use crate::runbook::ast::{ParamType, SecretSpec};
use crate::runbook::catalog::Late;
use crate::runbook::params;
use crate::runbook::template::Secrets;
use crate::view::RunView;
use crate::view::words::{shell_word, stamp};

/// How long one step is looked at, at most.
const PATIENCE: Duration = Duration::from_secs(60);
/// What may pass by itself is looked at again, so much later each time.
const AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];

pub fn at(context: &Context, choices: &Choices, now: Timestamp) -> Result<Looked, Failure> {
    let given = Given::of(context, choices, now)?;
    // Its problems are told by now.
    let quiet = Context { quiet: true, ..context.clone() };
    let at = if given.moments.is_empty() { now } else { reached(&quiet, &given.filled(choices, now), now)? };
    let mut looked = once(&quiet, &given.filled(choices, at), now, Depth::Steps)?;
    let drill = given.drill(context, choices, at);
    looked.moments = given.moments.into_iter().map(|name| (name, at)).collect();
    let earlier = earlier(&quiet, &looked.runbook);
    match drilled(&earlier) {
        Some((ended, view)) => {
            looked.drilled = Some(ended);
            looked.spared = view.not_proven_by_copies();
        }
        None => {
            let fault = Fault::new(NEVER_DRILLED, "no drill of it has passed yet");
            looked.findings.push((None, Finding::warning(fault.hint(format!("rehearse it: `{drill}`")))));
        }
    }
    looked.findings.extend(overdue(&earlier).map(|finding| (None, finding)));
    Ok(looked)
}

/// Nothing reaches this very moment: what can be had is the last one that all stores reach.
fn reached(context: &Context, choices: &Choices, now: Timestamp) -> Result<Timestamp, Failure> {
    let looked = once(context, choices, now, Depth::Stores)?;
    let stocks = looked.stores.iter().filter_map(|store| store.shelf.stock.as_ref().ok());
    Ok(stocks.filter_map(|stock| stock.latest).min().map_or(now, |latest| latest.min(now)))
}

/// What was typed, and what nobody gave.
struct Given {
    /// Behind `--param`, and of a file that is also for other runbooks.
    params: Vec<(String, String)>,
    file: Option<PathBuf>,
    /// The parameters of type timestamp that have to be given and are not.
    moments: Vec<String>,
}

impl Given {
    fn of(context: &Context, choices: &Choices, now: Timestamp) -> Result<Self, Failure> {
        let loaded = check::load(context, &choices.file)?;
        let (mut params, file) = run::told(context, &loaded, choices)?;
        let (specs, mut given, mut moments) = (&loaded.runbook.params, params.clone(), Vec::new());
        // One at a time: a value may decide what else is required.
        let is_moment = |name: &&&str| specs[**name].kind == ParamType::Timestamp;
        while let Some(name) = params::lacking(specs, &given, file.as_ref(), now).iter().find(is_moment) {
            given.push((name.to_string(), now.to_string()));
            moments.push(name.to_string());
        }
        let mut named = choices.params_file.clone();
        if let Some(file) = file.filter(|_| choices.shared) {
            named = None;
            let typed = |name: &str| params.iter().any(|(given, _)| given == name);
            let more: Vec<_> = file.typed().into_iter().filter(|(name, _)| !typed(name)).collect();
            params.extend(more);
        }
        Ok(Self { params, file: named, moments })
    }

    fn filled(&self, choices: &Choices, at: Timestamp) -> Choices {
        let mut filled = choices.clone();
        filled.params.extend(self.moments.iter().map(|name| format!("{name}={at}")));
        filled
    }

    /// The command line of a drill with all of it.
    fn drill(&self, context: &Context, choices: &Choices, at: Timestamp) -> String {
        let word = |path: &Path| shell_word(&path.display().to_string());
        let state = context.said_state().map(|state| format!(" --state {}", word(&state))).unwrap_or_default();
        let file = self.file.as_deref().map(|file| format!(" --params {}", word(file))).unwrap_or_default();
        let moments = self.moments.iter().map(|name| (name.clone(), at.to_string()));
        let param = |(name, value): (String, String)| format!(" --param {}", shell_word(&format!("{name}={value}")));
        let params: String = self.params.iter().cloned().chain(moments).map(param).collect();
        format!("regrow{state} drill {}{file}{params}", word(&choices.file))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Only what backups there are.
    Stores,
    /// Also whether each step could begin.
    Steps,
}

fn once(context: &Context, choices: &Choices, now: Timestamp, depth: Depth) -> Result<Looked, Failure> {
    let plan = plan::bind(context, choices, Mode::Real)?;
    let mut looked = Looked { runbook: plan.runbook.name.clone(), ..Looked::default() };
    let secrets = secrets_of(&plan, &mut looked);
    let looker = Looker::new(&plan, &secrets)?;
    let steps = forecast::forecast(&plan);
    let scene = Scene { plan: &plan, looker: &looker, now, depth };
    let done = steps.iter().filter(|step| step.verdict != Verdict::WouldSkip && !plan.is_body(step.node));
    for told in looker.all(done.map(|step| scene.step(step)), plan.concurrency) {
        looked.stores.extend(told.stores);
        looked.findings.extend(told.findings);
        looked.unseen.extend(told.unseen.map(|why| (told.step, why)));
    }
    let mask = Masker::new(secrets.values());
    let findings = looked.stores.iter_mut().flat_map(|store| &mut store.findings);
    for finding in findings.chain(looked.findings.iter_mut().map(|(_, finding)| finding)) {
        finding.fault.message = mask.mask(&finding.fault.message);
        finding.fault.causes.iter_mut().for_each(|cause| *cause = mask.mask(cause));
    }
    Ok(looked)
}

/// All that the run would read and that can be read without running anything. Without one of them no run starts.
fn secrets_of(plan: &Plan, looked: &mut Looked) -> Secrets {
    let idle = secrets::idle(plan);
    let mut secrets = Secrets::new();
    for (name, spec) in plan.runbook.secrets.iter().filter(|(name, _)| !idle.contains(*name)) {
        if matches!(spec, SecretSpec::Command { .. }) {
            continue;
        }
        match vault::open(&[(name.clone(), spec.clone())].into_iter().collect(), &plan.base) {
            Ok(opened) => secrets.extend(opened),
            Err(faults) => looked.findings.extend(faults.into_iter().map(|fault| (None, Finding::unfit(fault)))),
        }
    }
    secrets
}

/// What one step tells.
#[derive(Default)]
struct Told {
    step: String,
    stores: Vec<Store>,
    findings: Vec<(Option<String>, Finding)>,
    /// Why it could not be looked at, or not at all of it.
    unseen: Option<String>,
}

struct Scene<'a> {
    plan: &'a Plan,
    looker: &'a Looker<'a>,
    now: Timestamp,
    depth: Depth,
}

impl Scene<'_> {
    /// Lets a step look for its backups, and whether it could begin. Steps that people do have nothing to look at.
    async fn step(&self, step: &StepForecast) -> Told {
        let (plan, node) = (self.plan, step.node);
        let mut told = Told { step: plan.address(node).to_string(), ..Told::default() };
        if !step.faults.is_empty() {
            let faults = step.faults.iter().cloned().map(Finding::unfit);
            told.findings.extend(faults.map(|finding| (Some(told.step.clone()), finding)));
        } else if plan.is_list(node) {
            let is_open = !plan.items.contains_key(plan.address(node));
            told.unseen = is_open.then(|| "its items show only in the run".to_owned());
        } else if !forecast::is_of_people(plan, node) {
            match self.looker.op(step, 0) {
                _ if step.verdict == Verdict::UnknownUntilRun => {
                    told.unseen = Some("whether it is done shows only in the run".to_owned());
                }
                Some(Ok(op)) => self.whole(step, &op, &mut told).await,
                Some(Err(fault)) => told.unseen = Some(fault.message),
                None => self.part(step, &mut told).await,
            }
        }
        told
    }

    async fn whole(&self, step: &StepForecast, op: &RawOp, told: &mut Told) {
        let (kind, node) = (self.plan.kinds[step.node], step.node);
        let mut fitness = Fitness::Fit;
        if kind.finds_backups() {
            match self.looker.backups(node, op).await {
                Ok(shelves) => fitness = self.stores(shelves, told),
                Err(fault) => told.findings.push((Some(told.step.clone()), Finding::unfit(fault))),
            }
        }
        if !kind.looks() && !kind.finds_backups() {
            told.unseen = Some("what it finds shows only in the run".to_owned());
        }
        // What is wrong with its backup is said by now.
        if self.depth == Depth::Steps && fitness < Fitness::Unfit && forecast::may_look(self.plan, step) {
            let fault = self.patiently(node, async || self.looker.can_begin(node, op).await).await.err();
            told.findings.extend(fault.map(|fault| (Some(told.step.clone()), self.weighed(node, fault))));
        }
    }

    /// What is wrong with each of them, and the worst of it.
    fn stores(&self, shelves: Vec<Shelf>, told: &mut Told) -> Fitness {
        let mut fitness = Fitness::Fit;
        for shelf in shelves {
            let name = shelf.name.clone().unwrap_or_else(|| told.step.clone());
            let findings = judge(&shelf, self.plan.runbook.objectives.rpo.of(&name), self.now);
            fitness = fitness.max(Fitness::of(&findings));
            told.findings.extend(findings.iter().map(|finding| (Some(name.clone()), finding.clone())));
            told.stores.push(Store { name, shelf, findings });
        }
        fitness
    }

    /// Looks at what is known of it: production may be, while the copy that it is given is not there yet.
    async fn part(&self, step: &StepForecast, told: &mut Told) {
        let node = step.node;
        let reached = async || match self.depth {
            Depth::Stores => Ok(Vec::new()),
            Depth::Steps => self.looker.reach(node, &self.looker.known_part(step)?).await,
        };
        const RUN: &str = "what it is done with shows only in the run";
        match self.patiently(node, reached).await {
            Ok(fields) if fields.is_empty() => told.unseen = Some(RUN.to_owned()),
            Ok(fields) => {
                let fields: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
                told.unseen = Some(format!("{RUN}, but for {}, which answers", fields.join(" and ")));
            }
            Err(fault) => told.findings.push((Some(told.step.clone()), self.weighed(node, fault))),
        }
    }

    /// Looks again where that may help and matters.
    async fn patiently<T>(&self, node: usize, look: impl AsyncFn() -> Result<T, Fault>) -> Result<T, Fault> {
        let mut waits = AGAIN.into_iter().filter(|_| !self.may_be_mended(node));
        let looks = async {
            loop {
                match (look().await, &mut waits) {
                    (Err(fault), waits) if fault.retry.is_transient() => match waits.next() {
                        Some(wait) => tokio::time::sleep(wait).await,
                        None => return Err(fault),
                    },
                    (said, _) => return said,
                }
            }
        };
        let late = || Fault::new(NO_ANSWER, format!("no answer within {} seconds", PATIENCE.as_secs()));
        tokio::time::timeout(PATIENCE, looks).await.unwrap_or_else(|_| Err(late().retry(RetryClass::Unknown)))
    }

    /// A fault of a step behind no other change would be the run's. Everything else may be mended by what comes before it, or by
    /// time: an archive that is filled, a lock that is held. Who does not answer, time and again, is down.
    fn weighed(&self, node: usize, fault: Fault) -> Finding {
        let passes = match fault.retry {
            RetryClass::Never | RetryClass::Anew | RetryClass::Now => false,
            RetryClass::Later => self.plan.kinds[node].prepares(),
            RetryClass::Unknown => true,
        };
        Finding { unfit: !passes && !self.may_be_mended(node), fault }
    }

    fn may_be_mended(&self, node: usize) -> bool {
        let plan = self.plan;
        let mends = |before: usize| {
            let changes = !matches!(plan.effects[before], Effect::Read | Effect::Human);
            changes && !plan.kinds[before].stands_apart(&Late { value: &plan.step(before).with.written() })
        };
        plan.graph.ancestors(node).any(mends)
    }
}

/// All runs of that runbook, also drills.
fn earlier(context: &Context, runbook: &str) -> Vec<RunView> {
    let store = context.looking();
    let views = store.list().unwrap_or_default().into_iter().map(|id| view_of(context, &store.run(&id)));
    views.filter(|view| view.state.started().is_some_and(|started| started.runbook == runbook)).collect()
}

/// The last drill that passed, and when.
fn drilled(earlier: &[RunView]) -> Option<(Timestamp, &RunView)> {
    let passed = earlier.iter().filter(|view| view.is_drill() && view.status == RunStatus::Succeeded);
    passed.filter_map(|view| Some((view.state.ended_at?, view))).max_by_key(|(ended, _)| *ended)
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
