//! `creates.remove`: takes away what a step made, under a supervisor, so that a crash in between makes nothing twice.

use serde_json::Value;

use crate::kind::{Op, WriteCx};
use crate::model::ledger::LedgerEntry;
use crate::model::{Fault, OpId, RetryClass};
use crate::provider::process::{self, Ended, Fate, Job, JobFiles, Program};

/// One that takes longer than this is ended.
const PATIENCE_MS: u64 = 60_000;

/// With the environment of the step that made it: credentials stand there.
pub async fn remove(cx: &WriteCx, entry: &LedgerEntry, with: &Value) -> Result<(), Fault> {
    let unsaid = || Fault::new("RG2014", format!("the ledger does not say how to remove `{}`", entry.id));
    let argv: Vec<String> =
        serde_json::from_value(entry.details.get("remove").cloned().unwrap_or_default()).map_err(|_| unsaid())?;
    let op = operation(entry).ok_or_else(unsaid)?;
    let own = with["env"].as_object().into_iter().flatten();
    let own = own.map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    let files = JobFiles::of(&cx.work, &op);
    let job = Job {
        dir: cx.base.clone(),
        env: process::environment(cx, &op, own),
        program: Program::Command(argv.clone()),
        stdin: None,
        secrets: cx.secrets.iter().map(|secret| secret.expose().to_string()).collect(),
        seal: None,
        timeout_ms: op.timeout_ms,
        files: files.base().to_path_buf(),
    };
    // No intent is on disk: where not even the mark is left, it is begun.
    let same_boot = true;
    let failed_before = |fate| matches!(fate, Fate::Ended(outcome) if outcome.ended != Ended::Exit(0));
    if failed_before(process::fate(&op.id, &files, same_boot)?) {
        files.forget();
    }
    let outcome = process::once(cx, &op.id, &files, same_boot, &job).await.map_err(|fault| match fault.retry {
        RetryClass::Unknown => {
            // Said once: the next clean-up that a person asks for does it again.
            files.forget();
            fault.hint(format!("look whether `{}` is gone; the next clean-up removes it again", entry.id))
        }
        _ => fault,
    })?;
    if outcome.ended == Ended::Exit(0) {
        return Ok(());
    }
    let what = format!("`{}` failed to remove `{} {}`", argv.join(" "), entry.kind, entry.id);
    Err(Fault::new("RG2011", what))
}

/// Under the operation that made it, and once for each attempt that may have made it.
fn operation(entry: &LedgerEntry) -> Option<Op<(), ()>> {
    let id: OpId = serde_json::from_value(entry.details.get("op")?.clone()).ok()?;
    let run = id.to_string().split('.').next()?.parse().ok()?;
    let attempt = entry.details["attempt"].as_u64().and_then(|it| u32::try_from(it).ok()).unwrap_or(1);
    let phase = format!("remove-{:08x}", crc32c::crc32c(entry.what().as_bytes()));
    let (step, timeout_ms, boot) = (entry.made_by.clone(), Some(PATIENCE_MS), String::new());
    Some(Op { id, run, step, attempt, phase, params: (), prior: (), facts: Value::Null, timeout_ms, boot })
}
