//! What a process of a run is given: nothing of our own environment but what is named here.

use super::files::JobFiles;
use super::job::{Job, Program, WorkRequest};
use crate::kind::{Kind, Op, RawOp, ReadCx, WriteCx};
use crate::model::Fault;
use crate::model::record::Mode;
use crate::provider::seal::Seal;

/// Handed down as they are.
const KEPT: [&str; 4] = ["PATH", "HOME", "LANG", "TZ"];

/// What any process needs, and nothing else of ours.
pub fn basics() -> impl Iterator<Item = (String, String)> {
    KEPT.iter().filter_map(|name| Some(((*name).to_string(), std::env::var(name).ok()?)))
}

/// The environment of every process regrow starts for a step; `own` wins.
pub fn environment<P, Q>(
    cx: &ReadCx,
    op: &Op<P, Q>,
    own: impl IntoIterator<Item = (String, String)>,
) -> Vec<(String, String)> {
    let kept = basics();
    let mode = match cx.mode {
        Mode::Real => "real",
        Mode::Drill => "drill",
    };
    let said = [
        ("REGROW_RUN", op.run.to_string()),
        ("REGROW_STEP", op.step.to_string()),
        ("REGROW_ATTEMPT", op.attempt.to_string()),
        ("REGROW_OP_ID", op.id.to_string()),
        ("REGROW_MODE", mode.to_string()),
    ];
    let said = said.map(|(name, value)| (name.to_string(), value));
    kept.chain(own).chain(said).collect()
}

/// The job that does a kind's own work.
pub fn work_job<K: Kind>(cx: &WriteCx, op: &RawOp) -> Result<Job, Fault> {
    let request = WorkRequest {
        kind: K::NAME.to_string(),
        base: cx.base.clone(),
        work: cx.work.clone(),
        mode: cx.mode,
        seal: cx.seal.as_ref().map(Seal::expose),
        op: op.clone(),
    };
    Ok(Job {
        program: Program::Work(Box::new(request)),
        dir: cx.base.clone(),
        env: environment(cx, op, []),
        stdin: None,
        secrets: cx.secrets.iter().map(|secret| secret.expose().to_string()).collect(),
        seal: None,
        timeout_ms: op.timeout_ms.filter(|_| !K::LIVES_ON),
        files: JobFiles::of(&cx.work, op).base().to_path_buf(),
    })
}
