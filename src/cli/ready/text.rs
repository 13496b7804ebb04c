//! What `ready` found: as a table, as one line, as JSON.

use std::cmp::Reverse;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Looked, Readiness, worst};
use crate::cli::Failure;
use crate::cli::failure::NOTHING_STARTED;
use crate::kind::stock::{Finding, Fitness, Held, entry, since};
use crate::model::amount::size;
use crate::view::clean;
use crate::view::page::Page;
use crate::view::paint::Paint;
use crate::view::words::{between, named, span, stamp};

/// Of a runbook that could not be checked.
const NOT_CHECKABLE: &str = "not_checkable";
/// So many steps that nobody could look at are named for one reason.
const MOST_UNSEEN: usize = 12;

pub fn page(all: &[Readiness], paint: Paint, now: Timestamp) -> Page {
    let mut page = Page::new();
    for (index, readiness) in all.iter().enumerate() {
        if index > 0 {
            page.gap();
        }
        let file = readiness.file.display();
        match &readiness.outcome {
            Ok(looked) => {
                let state = heading(readiness.fitness());
                let state = if state == "FIT" { state.to_owned() } else { paint.alarm(state) };
                page.line(format_args!("{state}  {} ({file})", looked.runbook));
                body(looked, paint, now, &mut page);
            }
            Err(failure) => {
                let code = failure.code.as_deref().map(|code| format!(" [{code}]")).unwrap_or_default();
                page.line(format_args!("{}  {file}", paint.alarm(heading(None))));
                page.line(format_args!("  {}{code}", why(failure)));
                failure.causes.iter().for_each(|cause| page.line(format_args!("    because: {cause}")));
                failure.hint.iter().for_each(|hint| page.line(format_args!("    do: {hint}")));
            }
        }
    }
    page
}

/// Nobody wanted to start anything.
fn why(failure: &Failure) -> &str {
    failure.message.strip_suffix(NOTHING_STARTED).unwrap_or(&failure.message)
}

fn heading(fitness: Option<Fitness>) -> &'static str {
    match fitness {
        Some(Fitness::Fit) => "FIT",
        Some(Fitness::Warnings) => "FIT, WITH WARNINGS",
        Some(Fitness::Unfit) => "UNFIT",
        None => "NOT CHECKABLE",
    }
}

fn body(looked: &Looked, paint: Paint, now: Timestamp, page: &mut Page) {
    table(looked, now).into_iter().for_each(|line| page.line(format_args!("  {line}")));
    let mut unseen: IndexMap<&str, Vec<String>> = IndexMap::new();
    looked.unseen.iter().for_each(|(step, why)| unseen.entry(why).or_default().push(step.clone()));
    for (why, steps) in unseen {
        page.line(format_args!("  not looked at: {}: {why}", named(&steps, MOST_UNSEEN, ", ")));
    }
    for (name, at) in &looked.moments {
        page.line(format_args!("  {name} was not given: {at} was taken"));
    }
    if let Some(at) = looked.drilled {
        page.line(format_args!("  the last drill that passed ended {} ago, at {}", span(between(at, now)), stamp(at)));
        looked.spared.iter().for_each(|spared| page.line(format_args!("    done there on a copy, not on {spared}")));
    }
    let (unfit, warnings): (Vec<_>, Vec<_>) = looked.findings.iter().partition(|(_, finding)| finding.unfit);
    for (of, Finding { unfit, fault }) in unfit.into_iter().chain(warnings) {
        let mark = if *unfit { paint.alarm("UNFIT") } else { "warning".to_owned() };
        let of = of.as_ref().map(|of| format!("{of}: ")).unwrap_or_default();
        page.line(format_args!("  {mark}: {of}{} [{}]", fault.message, fault.code));
        fault.causes.iter().for_each(|cause| page.line(format_args!("    because: {cause}")));
        fault.hint.iter().for_each(|hint| page.line(format_args!("    do: {hint}")));
    }
}

fn table(looked: &Looked, now: Timestamp) -> Vec<String> {
    if looked.stores.is_empty() {
        return Vec::new();
    }
    let amount = |held: Option<&Held>| match held {
        Some(Held { bytes: Some(bytes), .. }) => size(*bytes),
        Some(Held { items: Some(items), .. }) => format!("{items} items"),
        _ => "-".to_owned(),
    };
    let mut rows = vec![["backups", "newest", "age", "size", "before", "reaches"].map(str::to_owned)];
    rows.extend(looked.stores.iter().map(|store| match &store.shelf.stock {
        Ok(stock) => [
            clean::word(&store.name),
            stamp(stock.newest.at),
            span(between(stock.newest.at, now)),
            amount(Some(&stock.newest)),
            amount(stock.before.as_ref()),
            stamp(stock.reach.at(now)),
        ],
        Err(_) => [clean::word(&store.name), "none".into(), "-".into(), "-".into(), "-".into(), "-".into()],
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// `UNFIT: complete (copy: the newest backup is 3d04h old, more than 1d2h)`; what is worst comes first, and what is fit is not
/// named beside it.
pub fn line(all: &[Readiness]) -> Page {
    let one = |readiness: &&Readiness| match &readiness.outcome {
        Err(failure) => format!("{} ({})", readiness.file.display(), why(failure)),
        Ok(looked) => {
            let mut findings: Vec<&(Option<String>, Finding)> = looked.findings.iter().collect();
            findings.sort_by_key(|(_, finding)| !finding.unfit);
            match findings.first() {
                None => format!("{} is fit", looked.runbook),
                Some((of, finding)) => {
                    let of = of.as_ref().map(|of| format!("{of}: ")).unwrap_or_default();
                    let more = findings.len() - 1;
                    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
                    format!("{} ({of}{}{more})", looked.runbook, finding.fault.message)
                }
            }
        }
    };
    let mut told: Vec<&Readiness> = all.iter().filter(|it| it.fitness() != Some(Fitness::Fit)).collect();
    // None, which is not checkable, is the worst of all.
    told.sort_by_key(|it| it.fitness().map(Reverse));
    if told.is_empty() {
        told.extend(all);
    }
    let mut page = Page::new();
    page.line(format_args!("{}: {}", heading(worst(all)), told.iter().map(one).collect::<Vec<_>>().join("; ")));
    page
}

pub fn json(all: &[Readiness], now: Timestamp) -> Value {
    json!({
        "at": now,
        "state": worst(all).map_or(NOT_CHECKABLE, Fitness::word),
        "runbooks": all.iter().map(|readiness| of_runbook(readiness, now)).collect::<Vec<_>>(),
    })
}

fn of_runbook(readiness: &Readiness, now: Timestamp) -> Value {
    let looked = match &readiness.outcome {
        Ok(looked) => looked,
        Err(failure) => {
            let error =
                json!({"code": failure.code, "message": why(failure), "hint": failure.hint, "causes": failure.causes});
            return json!({"file": readiness.file, "state": NOT_CHECKABLE, "error": error});
        }
    };
    let stores = looked.stores.iter().map(|store| (store.name.clone(), entry(&store.shelf, &store.findings, now)));
    let finding = |(of, it): &(Option<String>, Finding)| json!({"of": of, "unfit": it.unfit, "fault": it.fault});
    let unseen = |(step, why): &(String, String)| json!({"step": step, "because": why});
    let moments: Map<String, Value> = looked.moments.iter().map(|(name, at)| (name.clone(), json!(at))).collect();
    json!({
        "file": readiness.file,
        "runbook": looked.runbook,
        "state": readiness.fitness().map(Fitness::word),
        "stores": stores.collect::<Map<_, _>>(),
        "findings": looked.findings.iter().map(finding).collect::<Vec<_>>(),
        "not_looked_at": looked.unseen.iter().map(unseen).collect::<Vec<_>>(),
        "last_drill_passed": looked.drilled,
        "last_drill_on_copies": looked.spared,
        "days_since_drill": looked.drilled.map(|at| since(at, now).as_secs() / 86_400),
        "taken": moments,
    })
}
