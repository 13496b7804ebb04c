//! `run`: from a file and parameters to a run that can be resumed, and its first executor.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::args::{Choices, Going, OnFailureArg, RunArgs};
use super::context::{Context, person};
use super::failure::{ARGUMENT, FILES, NO_STEP, SECRETS, TAKEN, UNFIT};
use super::looking::talk;
use super::offer::{self, Choice};
use super::{Failure, answer, check, exit, follow, sealed, start_question};
use crate::engine::Halt;
use crate::engine::errand::is_errand;
use crate::engine::executor::{self, ExecuteError, Hands};
use crate::journal::store::{RunDir, Store};
use crate::journal::{Folder, recover};
use crate::kinds;
use crate::model::record::{Mode, OnFailure, RunStarted};
use crate::model::{Address, Answer, Person, RunId, Verb};
use crate::plan::saved::SavedPlan;
use crate::plan::staffing::without_starter;
use crate::plan::{Binding, Plan, secrets};
use crate::provider::seal::Seal;
use crate::provider::vault;
use crate::runbook::ast::{Objectives, Rpo};
use crate::runbook::params::{self, ParamFile};
use crate::runbook::template::Secrets;
use crate::runbook::{Loaded, codes, duration, suggest};
use crate::view::{Commands, history};

pub fn run(context: &Context, args: RunArgs) -> Result<u8, Failure> {
    begin(context, args, Mode::Real, false)
}

/// `keep`: what a drill makes is left where it is at its end.
pub fn begin(context: &Context, args: RunArgs, mode: Mode, keep: bool) -> Result<u8, Failure> {
    let loaded = check::load_for(context, &args.choices.file, mode)?;
    let store = context.writing()?;
    let run_id = match &args.run_id {
        Some(id) => id.parse::<RunId>().map_err(|why: String| Failure::usage(ARGUMENT, why))?,
        None => fresh_id(&store),
    };
    let binding = Binding { mode, keep, ..bind(context, &loaded, &args, &run_id)? };
    let texts = loaded.texts;
    let runbook = absolute(&args.choices.file)?;
    let plan = Plan::bind(loaded.runbook, &texts.digest(), binding, kinds::find)?;
    let saved = SavedPlan::of(&plan, &runbook, &texts, args.choices.params.clone());
    if store.exists(&run_id) {
        return again(context, &args, &store.run(&run_id), &saved);
    }
    super::plan::refuse_unread(&plan)?;
    // Before anything is made: a secret that is missing is a reason not to start.
    let secrets = open_secrets(&plan)?;
    let changes = super::plan::preflight(&plan, &secrets, !args.going.yes)?;
    let who = person(args.going.name.as_deref());
    if let Some(short) = without_starter(&plan, &who.name) {
        return Err(Failure::usage(codes::TOO_FEW_PEOPLE, short)
            .hint(format!("let somebody else start it, with `--as NAME`; it would be started by {}", who.name)));
    }
    start_question::tell_of_unfinished(context, &store, &plan);
    start_question::ask(context, &plan, &args, &changes)?;
    let started = started(&plan, &who, args.choices.because.as_deref());
    let dir = match executor::create(&store, &plan, &saved, &texts) {
        // Somebody was quicker.
        Err(_) if store.exists(&run_id) => return again(context, &args, &store.run(&run_id), &saved),
        created => created?,
    };
    announce(context, &dir, &plan);
    execute(context, &dir, plan, started, Engaged { who, secrets, no_wait: args.going.no_wait })
}

/// Who executes, and with what.
pub struct Engaged {
    pub who: Person,
    pub secrets: Secrets,
    pub no_wait: bool,
}

/// Executes a run and makes an exit code of how that went.
pub fn execute(
    context: &Context,
    dir: &RunDir,
    plan: Plan,
    started: RunStarted,
    engaged: Engaged,
) -> Result<u8, Failure> {
    execute_with(context, dir, plan, started, engaged, None)
}

/// The same, with what is to be done before the run goes on, or instead of that. Where somebody sits, what can be done is
/// offered whenever the run cannot go on by itself.
pub fn execute_with(
    context: &Context,
    dir: &RunDir,
    mut plan: Plan,
    started: RunStarted,
    engaged: Engaged,
    act: Option<Answer>,
) -> Result<u8, Failure> {
    let offers = context.interactive && !engaged.no_wait;
    let errand = act.as_ref().is_some_and(|act| is_errand(&act.verb));
    // One object is printed then, and not the records before it.
    let tells_at_the_end = context.json && act.as_ref().is_some_and(|act| act.verb == Verb::Cleanup);
    let mut answers: Vec<Answer> = Vec::from_iter(act);
    let mut no_wait = engaged.no_wait || offers;
    let seal = sealed::of_run(context, dir, &plan, errand)?;
    loop {
        let given = answers.clone();
        let hands = Hands {
            who: engaged.who.clone(),
            secrets: engaged.secrets.clone(),
            seal: seal.clone(),
            given: context.given.clone(),
            audience: if tells_at_the_end { Vec::new() } else { follow::audience(context, dir, &plan.outline) },
            write_report: follow::write_report,
            compose: follow::compose(context, dir),
            find_kind: kinds::find,
            no_wait,
            answers: std::mem::take(&mut answers),
            errand,
        };
        let halt = match executor::execute(dir, &mut plan, started.clone(), hands) {
            Ok(halt) => halt,
            Err(ExecuteError::Busy(_)) if !engaged.no_wait => {
                // Somebody was quicker; what was said here still counts.
                given.iter().try_for_each(|answer| answer::deliver(dir, answer))?;
                if !context.json && !context.quiet {
                    talk(format_args!("another process executes run `{}`; what it does is shown here", dir.id()));
                }
                return follow::follow(context, dir);
            }
            Err(error) => return Err(error.into()),
        };
        if halt == Halt::Ended || !offers {
            // What follows takes as much memory as the plan of a large run.
            drop(plan);
            if halt == Halt::Ended {
                // Nothing opens any more what was secret in it.
                Seal::destroy(&dir.path)?;
                follow::write_reports(context, dir);
            }
            follow::farewell(context, dir, halt);
            return Ok(code(dir, halt));
        }
        follow::farewell(context, dir, halt);
        match offer::offer(context, dir, halt, &engaged.who)? {
            Choice::Answer(answer) => {
                answers.push(*answer);
                no_wait = true;
            }
            Choice::Wait => no_wait = false,
            Choice::GoOn => no_wait = true,
            Choice::Follow => return follow::follow(context, dir),
            Choice::Leave => {
                let commands = Commands::new(dir.id()).at(context.said_state());
                talk(format_args!("go on with: {}", commands.resume()));
                return Ok(code(dir, halt));
            }
        }
    }
}

/// `run --run-id X` on a run that is there already.
fn again(context: &Context, args: &RunArgs, dir: &RunDir, saved: &SavedPlan) -> Result<u8, Failure> {
    let old = SavedPlan::read(dir)?;
    // What was typed is compared: `now` means another moment each time.
    let same_params = old.params == saved.params || (!saved.given.is_empty() && old.given == saved.given);
    let other: Vec<&str> = [
        ("another mode", old.mode == saved.mode && old.keep == saved.keep),
        ("another runbook", old.source_digest == saved.source_digest),
        ("other parameters", same_params),
        ("other steps left out", old.skipped == saved.skipped),
    ]
    .iter()
    .filter_map(|(what, same)| (!same).then_some(*what))
    .collect();
    if !other.is_empty() {
        return Err(Failure::usage(TAKEN, format!("run `{}` exists, with {}", old.run, other.join(" and ")))
            .hint("name another id, or `regrow resume` the old one"));
    }
    if let Ok(recovered) = recover(&Folder::new(&dir.path))
        && recovered.state.ended.is_some()
    {
        return Ok(follow::ended(context, dir));
    }
    super::resume::resume_dir(context, dir, &args.going, None)
}

fn fresh_id(store: &Store) -> RunId {
    loop {
        let id = RunId::random();
        if !store.exists(&id) {
            return id;
        }
    }
}

fn bind(context: &Context, loaded: &Loaded, args: &RunArgs, run: &RunId) -> Result<Binding, Failure> {
    let now = Timestamp::now();
    let params = params_of(context, loaded, &args.choices, now)?;
    Ok(Binding {
        earlier: history::seconds(&context.looking(), &loaded.runbook.name),
        outage_began: outage_began(&args.going, now)?,
        on_failure: on_failure(&args.going).unwrap_or(OnFailure::Pause),
        concurrency: usize::from(args.choices.concurrency),
        skipped: skipped(loaded, &args.choices)?,
        base: base(&args.choices.file)?,
        ..Binding::new(run.clone(), now, params)
    })
}

pub fn params_of(
    context: &Context,
    loaded: &Loaded,
    choices: &Choices,
    now: Timestamp,
) -> Result<Map<String, Value>, Failure> {
    let refused = |problems: Vec<crate::runbook::Problem>| check::refused(context, &choices.file, &problems);
    let (mut given, file) = told(context, loaded, choices)?;
    start_question::ask_for_missing(context, loaded, &mut given, file.as_ref(), now)?;
    params::bind(&loaded.runbook.params, &given, file.as_ref(), now).map_err(refused)
}

/// What is told of the parameters of a runbook, behind `--param` and in a file.
pub fn told(context: &Context, loaded: &Loaded, choices: &Choices) -> Result<(Given, Option<ParamFile>), Failure> {
    let refused = |problems: Vec<crate::runbook::Problem>| check::refused(context, &choices.file, &problems);
    let mut file = choices.params_file.as_deref().map(ParamFile::read).transpose().map_err(refused)?;
    let mut given = given(choices)?;
    if choices.shared {
        let specs = &loaded.runbook.params;
        given.retain(|(name, _)| specs.contains_key(name));
        file.iter_mut().for_each(|file| file.retain(|name| specs.contains_key(name)));
    }
    Ok((given, file))
}

/// Names and values.
type Given = Vec<(String, String)>;

/// What stands behind `--param`.
pub fn given(choices: &Choices) -> Result<Given, Failure> {
    let one = |param: &String| {
        let (name, value) = param.split_once('=').ok_or_else(|| {
            Failure::usage(ARGUMENT, format!("`--param {param}` has no value")).hint("write --param NAME=VALUE")
        })?;
        Ok((name.to_string(), value.to_string()))
    };
    choices.params.iter().map(one).collect()
}

/// The steps that `--only`, `--from` and `--skip` leave out.
pub fn skipped(loaded: &Loaded, choices: &Choices) -> Result<BTreeSet<Address>, Failure> {
    let graph = crate::graph::Graph::as_written(&loaded.runbook).map_err(|why| Failure::usage(UNFIT, why))?;
    let find = |id: &String| {
        let none = || {
            let failure = Failure::usage(NO_STEP, format!("there is no step `{id}` in `{}`", choices.file.display()));
            let known = graph.nodes.iter().map(|node| node.address.as_str());
            suggest::help(id, known).into_iter().fold(failure, Failure::hint)
        };
        graph.find(id).ok_or_else(none)
    };
    // What is under a hold asks for it, whatever is chosen; a repair is called by the failure of its step.
    let is_on_call = |node: &usize| graph.step(&loaded.runbook, *node).is_on_call();
    let mut left_out: BTreeSet<usize> = choices.skip.iter().map(find).collect::<Result<_, _>>()?;
    if !choices.only.is_empty() {
        let mut wanted = BTreeSet::new();
        for id in &choices.only {
            let node = find(id)?;
            let under = graph.nodes[node].members.clone().unwrap_or_default();
            wanted.extend(graph.ancestors(node).chain([node]).chain(under));
        }
        let unwanted = |node: &usize| !wanted.contains(node) && !graph.nodes[*node].finally;
        left_out.extend((0..graph.len()).filter(|node| unwanted(node) && !is_on_call(node)));
    }
    if let Some(id) = &choices.from {
        let node = find(id)?;
        if graph.nodes[node].finally {
            let message = format!("`--from {id}` begins nowhere: a step of `finally` is done at the end of every run");
            return Err(Failure::usage(ARGUMENT, message).hint("name a step of `steps`"));
        }
        // What it lies in has to open for it.
        let is_around = |before: &usize| graph.groups(node).any(|group| group == *before);
        left_out.extend(graph.ancestors(node).filter(|before| !is_around(before) && !is_on_call(before)));
    }
    for id in choices.only.iter().chain(&choices.from) {
        if left_out.contains(&find(id)?) {
            let message = format!("`{id}` is asked for and left out at once by `--only`, `--from` and `--skip`");
            return Err(Failure::usage(ARGUMENT, message).hint(format!("leave the word out that leaves `{id}` out")));
        }
    }
    Ok(left_out.into_iter().map(|node| graph.nodes[node].address.clone()).collect())
}

pub fn outage_began(going: &Going, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
    let began = going.outage_began.as_deref().map(duration::parse_timestamp).transpose();
    let began = began.map_err(|why| {
        Failure::usage(ARGUMENT, format!("--outage-began: {why}"))
            .hint("write it as `2026-11-22T14:05:00Z`, with its offset")
    })?;
    if began.is_some_and(|began| began > now) {
        return Err(Failure::usage(ARGUMENT, "--outage-began lies in the future"));
    }
    Ok(began)
}

pub fn on_failure(going: &Going) -> Option<OnFailure> {
    going.on_failure.map(|on_failure| match on_failure {
        OnFailureArg::Pause => OnFailure::Pause,
        OnFailureArg::Abort => OnFailure::Abort,
    })
}

/// Those that no step of this run will read may be missing. Where they are there, they are masked like the others.
pub fn open_secrets(plan: &Plan) -> Result<Secrets, Failure> {
    let idle = secrets::idle(plan);
    let wanted = plan.runbook.secrets.keys().filter(|name| !idle.contains(*name)).cloned().collect();
    let mut opened = open_those_secrets(plan, &wanted)?;
    opened.extend(super::plan::harmless_secrets(plan, &idle));
    Ok(opened)
}

pub fn open_those_secrets(plan: &Plan, names: &BTreeSet<String>) -> Result<Secrets, Failure> {
    let mut specs = plan.runbook.secrets.clone();
    specs.retain(|name, _| names.contains(name));
    vault::open(&specs, &plan.base).map_err(|faults| {
        let mut failure = Failure::usage(SECRETS, "secrets are missing; nothing was started");
        failure.causes = faults.iter().map(|fault| format!("{fault}")).collect();
        failure.hint = faults.into_iter().find_map(|fault| fault.hint);
        failure
    })
}

/// The first record of a run.
pub fn started(plan: &Plan, who: &Person, because: Option<&str>) -> RunStarted {
    let book = &plan.runbook;
    RunStarted {
        run: plan.run.clone(),
        runbook: book.name.clone(),
        title: book.title.clone().unwrap_or_else(|| book.name.clone()),
        severity: json!(book.severity).as_str().unwrap_or_default().to_string(),
        mode: plan.mode,
        digest: plan.digest.clone(),
        params: plan.params.clone(),
        objectives: objectives(&book.objectives),
        outage_began: plan.outage_began,
        on_failure: plan.on_failure,
        concurrency: plan.concurrency,
        who: who.clone(),
        skipped: plan.skipped.iter().cloned().collect(),
        because: because.map(str::to_string),
        regrow: env!("CARGO_PKG_VERSION").to_string(),
    }
}

/// As the runbook says them: `{"rto": "1h30m", "rpo": "1d"}`.
pub fn objectives(objectives: &Objectives) -> Value {
    let mut said = Map::new();
    if let Some(rto) = objectives.rto {
        said.insert("rto".into(), duration::format(rto).into());
    }
    match &objectives.rpo {
        Rpo::Unsaid => {}
        Rpo::All(rpo) => {
            said.insert("rpo".into(), duration::format(*rpo).into());
        }
        Rpo::ByStore(stores) => {
            let stores = stores.iter().map(|(store, rpo)| (store.clone(), duration::format(*rpo).into()));
            said.insert("rpo".into(), Value::Object(stores.collect()));
        }
    }
    Value::Object(said)
}

fn announce(context: &Context, dir: &RunDir, plan: &Plan) {
    let word = if plan.is_drill() { "drill" } else { "run" };
    talk(format_args!("{word} {} · {} · state in {}", plan.run, plan.runbook.name, dir.path.display()));
    if !context.quiet && !std::io::stderr().is_terminal() {
        talk(format_args!("after a crash: {}", Commands::new(dir.id()).at(context.said_state()).resume()));
    }
}

fn code(dir: &RunDir, halt: Halt) -> u8 {
    match halt {
        Halt::Ended => follow::code(dir),
        Halt::Paused => exit::FAILED,
        Halt::Waiting => exit::WAITING,
        Halt::Unknown => exit::UNKNOWN,
        Halt::PausedByPerson | Halt::Stopped | Halt::Detached | Halt::Full => exit::STOPPED,
    }
}

pub fn absolute(file: &Path) -> Result<PathBuf, Failure> {
    file.canonicalize().map_err(|e| Failure::usage(FILES, format!("cannot find `{}`: {e}", file.display())))
}

fn base(file: &Path) -> Result<PathBuf, Failure> {
    Ok(absolute(file)?.parent().map_or_else(|| PathBuf::from("/"), Path::to_path_buf))
}
