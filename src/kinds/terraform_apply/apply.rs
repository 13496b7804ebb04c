//! Applies the saved plan, once, and never the same one again.

use std::fs;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use super::marker::{self, Ending, Kept, Marker};
use super::recover;
use super::site::Site;
use crate::journal::disk::private;
use crate::model::Fault;
use crate::provider::terraform::{self, Line, Problem, Progress, State, broken};

pub enum Applied {
    Done,
    /// The state is not the one the plan was made for; nothing was changed.
    Stale,
    /// Nobody saw how it ended, or its state had to be brought home: only another plan can tell.
    Unseen,
}

pub async fn apply(site: &Site<'_>) -> Result<Applied, Fault> {
    let copy_is_sensitive = copy_state(site).await?;
    let attempt = site.op.attempt;
    // Before the first call: from here on a saved plan is not to be applied again by whoever comes after us.
    let marker = Kept::new(&site.folder, Marker::new(attempt))?;
    let ended = attended(site, &marker).await?;
    site.forget_plan();
    save_dump(site, &ended.lines)?;
    let Some(code) = ended.code else { return Ok(Applied::Unseen) };
    if code == 0 {
        marker.change(|marker| marker.ending = Some(Ending::Applied))?;
        let _ = fs::remove_file(site.stream(attempt));
        if copy_is_sensitive {
            let _ = fs::remove_file(copy_of_state(site));
        }
        return Ok(Applied::Done);
    }
    let problem = site.module.problem(&ended.lines, "apply");
    if let Problem::Unwritten(fault) = problem {
        recover::bring_home(site, fault).await?;
        return Ok(Applied::Unseen);
    }
    marker.change(|marker| marker.ending = Some(Ending::Failed))?;
    let _ = fs::remove_file(site.stream(attempt));
    match problem {
        Problem::Stale => {
            // Nothing began: the next plan is free to be applied.
            marker.change(|marker| marker.attempt = 0)?;
            Ok(Applied::Stale)
        }
        other if marker::was_stopped(&site.folder, attempt) => Err(stopped(other.fault())),
        other => Err(other.fault()),
    }
}

fn stopped(fault: Fault) -> Fault {
    let mut stopped = Fault::new("RG2711", "it was stopped on request; what was finished stands in the state");
    stopped.causes = fault.causes;
    stopped.hint("retry the step: it plans what is left")
}

/// Runs Terraform to its end: progress for whoever looks, one INT if somebody wants it to stop, and the id of its lock.
async fn attended(site: &Site<'_>, marker: &Kept<'_>) -> Result<terraform::Ended, Fault> {
    let mut progress = Progress::default();
    let (working, is_over) = (Notify::new(), AtomicBool::new(false));
    let plan = site.plan_file().display().to_string();
    let parallelism = site.op.params.planning.parallelism.map(|number| format!("-parallelism={number}"));
    let mut arguments = vec!["apply", "-input=false", "-json", "-lock-timeout=0s"];
    arguments.extend(parallelism.as_deref());
    arguments.push(&plan);
    let began = |pid| {
        let _ = marker.change(|marker| marker.process = marker::started(pid).map(|start| (pid, start)));
    };
    let heed = |line: Option<Line>| {
        let Some(line) = line else { return marker::seen_alive(&site.folder) };
        // The first of these is printed under the lock.
        if matches!(line, Line::Planned | Line::Hook(_)) {
            working.notify_one();
        }
        progress.heed(&line);
        tell(site, &line);
        site.cx.pulse(progress.pulse());
    };
    let stream = site.stream(site.op.attempt);
    let run = async {
        let ended = site.module.follow(&arguments, &stream, began, heed).await;
        is_over.store(true, Ordering::Relaxed);
        working.notify_one();
        ended
    };
    let learn = async {
        working.notified().await;
        if !is_over.load(Ordering::Relaxed) && !site.module.is_local() {
            learn_lock(site, marker).await;
        }
    };
    let both = async { tokio::join!(run, learn).0 };
    tokio::select! {
        ended = both => ended,
        error = obey_signals(site) => Err(error),
    }
}

/// A backend need not tell who holds a lock, so its id is asked for while it is certainly ours. Not knowing it only means
/// that a person has to release it after a crash.
async fn learn_lock(site: &Site<'_>, marker: &Kept<'_>) {
    // The apply may end meanwhile: then we take the lock for a moment, and may die of it.
    let noted = marker.change(|marker| marker.asked.push(Timestamp::now()));
    if noted.is_ok()
        && let Ok(Some(info)) = site.module.holder(&site.scope()).await
    {
        let _ = marker.change(|marker| marker.lock = Some(info.id));
    }
}

/// Returns only if signals cannot be had.
async fn obey_signals(site: &Site<'_>) -> Fault {
    let (mut int, mut term) = match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(int), Ok(term)) => (int, term),
        (Err(error), _) | (_, Err(error)) => return broken(error),
    };
    loop {
        tokio::select! {
            _ = int.recv() => {}
            _ = term.recv() => {}
        }
        marker::interrupt(&site.folder);
    }
}

fn tell(site: &Site<'_>, line: &Line) {
    match line {
        Line::Hook(hook) => site.cx.say(&hook.words),
        Line::Told(words) | Line::Raw(words) if !words.is_empty() => site.cx.say(words),
        Line::Error(error) => site.cx.say(&format!("error: {}", error.summary)),
        _ => {}
    }
}

fn copy_of_state(site: &Site<'_>) -> std::path::PathBuf {
    site.folder.join("before.tfstate")
}

/// The state as it was before the first write of this operation. True: it holds what its module calls sensitive.
async fn copy_state(site: &Site<'_>) -> Result<bool, Fault> {
    let said = site.module.ask(&["state", "pull"]).await?;
    if !said.ok {
        return Err(terraform::failed(&said, "copying the state"));
    }
    let Some(state) = State::read(&said.stdout) else { return Ok(false) };
    save(&copy_of_state(site), &said.stdout, false)?;
    Ok(state.is_sensitive)
}

/// What could be written nowhere else.
fn save_dump(site: &Site<'_>, lines: &[Line]) -> Result<(), Fault> {
    let dump = lines.iter().find_map(|line| match line {
        Line::Dump(state) => Some(state),
        _ => None,
    });
    let Some(state) = dump else { return Ok(()) };
    let path = site.folder.join("emergency.tfstate");
    save(&path, state, true)?;
    site.cx.say(&format!("the state could be written nowhere else: it lies in `{}`", path.display()));
    Ok(())
}

/// `anew`: the newest is the one that counts; else the first.
fn save(path: &std::path::Path, text: &str, anew: bool) -> Result<(), Fault> {
    if !anew && path.exists() {
        return Ok(());
    }
    let write = || {
        let mut file = private().create(true).truncate(true).write(true).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(broken)
}
