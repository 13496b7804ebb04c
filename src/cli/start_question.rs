//! What is asked before a run starts: missing parameters, and whether this is really meant.

use dialoguer::Input;
use jiff::Timestamp;

use super::args::RunArgs;
use super::context::Context;
use super::failure::NOT_MEANT;
use super::looking::{talk, tell};
use super::{Failure, run};
use crate::journal::store::Store;
use crate::plan::Plan;
use crate::plan::staffing::Staffing;
use crate::runbook::Loaded;
use crate::runbook::ast::ParamType;
use crate::runbook::params::{self, ParamFile};
use crate::view::page::Page;
use crate::view::{Commands, clean, history};

/// Asks for parameters that were not given, where somebody sits, and prints the command line that needs no questions.
pub fn ask_for_missing(
    context: &Context,
    loaded: &Loaded,
    given: &mut Vec<(String, String)>,
    file: Option<&ParamFile>,
    now: Timestamp,
) -> Result<(), Failure> {
    if !context.interactive {
        return Ok(());
    }
    let specs = &loaded.runbook.params;
    let typed = given.len();
    // One at a time: what was answered decides what else is required.
    while let Some(name) = params::lacking(specs, given, file, now).first() {
        let spec = &specs[*name];
        let about = spec.description.clone().unwrap_or_default();
        let example = spec.example.as_ref().map(|e| format!(", for example {e}")).unwrap_or_default();
        let kind = format!("{}{}", spec.kind.word(), params::of_items(spec));
        let prompt = |how: &str| clean::word(&format!("{name} ({kind}{example}{how}) {about}"));
        if spec.kind == ParamType::List {
            given.push((name.to_string(), typed_in(prompt(", one at a time"), false)?));
            loop {
                let item = typed_in(format!("{name}, the next one, or nothing"), true)?;
                if item.is_empty() {
                    break;
                }
                given.push((name.to_string(), item));
            }
        } else {
            given.push((name.to_string(), typed_in(prompt(""), false)?));
        }
    }
    if given.len() > typed {
        let params = given[typed..].iter().map(|(name, value)| format!(" --param {name}={}", params::quoted(value)));
        let words = std::env::args().skip(1).map(|word| format!(" {}", params::quoted(&word)));
        let mut page = Page::new();
        page.command(format_args!("next time: regrow{}", words.chain(params).collect::<String>()));
        tell(page);
    }
    Ok(())
}

fn typed_in(prompt: String, allow_empty: bool) -> Result<String, Failure> {
    let typed = Input::new().with_prompt(prompt).allow_empty(allow_empty).interact_text();
    typed.map_err(|error| Failure::usage(NOT_MEANT, error.to_string()))
}

/// A second run of one runbook works on the same things as the first.
pub fn tell_of_unfinished(context: &Context, store: &Store, plan: &Plan) {
    if context.quiet || context.json || plan.is_drill() {
        return;
    }
    for run in history::unfinished(store, &plan.runbook.name) {
        let resume = Commands::new(run.clone()).at(context.said_state()).resume();
        talk(format_args!(
            "run `{run}` of this runbook has not ended, and this is another one; to go on with that: {resume}"
        ));
    }
}

/// Reads back what is going to happen and wants the runbook's name typed. Without a terminal `--yes` says it.
pub fn ask(context: &Context, plan: &Plan, args: &RunArgs, changes: &[String]) -> Result<(), Failure> {
    if args.going.yes {
        return Ok(());
    }
    if !context.interactive {
        return Err(Failure::usage(NOT_MEANT, "nobody can be asked whether this run is meant; nothing was started")
            .hint("without a terminal say --yes; approvals are asked all the same"));
    }
    let changes = changes.iter().map(|change| format!("at once: {change}"));
    let mut page = Page::new();
    summary(plan).into_iter().chain(changes).for_each(|line| page.line(format_args!("  {line}")));
    tell(page);
    let name = &plan.runbook.name;
    let typed = typed_in(clean::word(&format!("type `{name}` to start, anything else to leave")), true)?;
    if typed.trim() == name { Ok(()) } else { Err(Failure::usage(NOT_MEANT, "not started")) }
}

fn summary(plan: &Plan) -> Vec<String> {
    let book = &plan.runbook;
    let mut lines = vec![format!("{} · {}", book.name, book.title.as_deref().unwrap_or("no title"))];
    if plan.is_drill() {
        lines.insert(0, "DRILL: the steps are done beside production, planned, or left out".into());
    }
    let local = plan.started_at.to_zoned(jiff::tz::TimeZone::system());
    lines.push(format!("now: {} UTC, {} here", plan.started_at.strftime("%F %T"), local.strftime("%F %T %Z")));
    lines.extend(plan.params.iter().map(|(name, value)| format!("{name}: {value}")));
    let objectives = run::objectives(&book.objectives);
    if let Some(said) = objectives.as_object().filter(|said| !said.is_empty()) {
        lines.extend(said.iter().map(|(name, value)| {
            format!("{name}: {}", value.as_str().map_or_else(|| value.to_string(), str::to_string))
        }));
    }
    lines.extend(Staffing::of(plan).lines());
    for step in plan.outline.steps.iter().filter(|step| !step.finally) {
        let left_out = if plan.skipped.contains(&step.address) { " (left out)" } else { "" };
        lines.push(format!("step `{}`: {} ({}){left_out}", step.address, step.name, step.kind));
    }
    lines
}
