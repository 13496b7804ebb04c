//! Proves what a step did: probes that only read, asked again until they hold or their time is up.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::engine::command::RenderedProof;
use crate::kind::{AnyKind, Next, Outputs, ReadCx};
use crate::model::Fault;
use crate::model::record::Check;

const ASK_EVERY: Duration = Duration::from_millis(500);
/// A probe that hangs is no proof.
const LONGEST: Duration = Duration::from_secs(60);
/// Why a drill leaves a proof out.
const NOT_BESIDE: &str = "nothing beside production is like what it looks at";

/// All proofs in order, also after one failed: a person wants to see them all.
pub async fn prove(
    cx: &ReadCx,
    proofs: &[RenderedProof],
    find_kind: fn(&str) -> Option<&'static dyn AnyKind>,
) -> (Vec<Check>, Option<Fault>) {
    let mut checks = Vec::new();
    for proof in proofs {
        let check = match find_kind(&proof.proof.probe) {
            _ if proof.left_out => check(proof, Seen { text: NOT_BESIDE.into(), ..Seen::default() }),
            Some(kind) => hold(cx, kind, proof).await,
            None => check(proof, Seen { passed: false, text: "there is no such probe".into(), ..Seen::default() }),
        };
        checks.push(check);
    }
    let asked = checks.iter().filter(|check| !check.left_out).count();
    let failed: Vec<&Check> = checks.iter().filter(|check| check.has_failed()).collect();
    let fault = failed.first().map(|_| {
        let mut fault = Fault::new("RG5005", format!("{} of {asked} proofs failed", failed.len()));
        fault.causes = failed.iter().map(|check| format!("`{}`: {}", check.probe, check.text)).collect();
        fault.hint("`retry` proves it again, `rerun` does it again, `skip` goes on without")
    });
    (checks, fault)
}

/// Asks until it holds for as long as wanted, or `within` is over.
async fn hold(cx: &ReadCx, kind: &'static dyn AnyKind, proof: &RenderedProof) -> Check {
    let stable = proof.proof.stable_for.unwrap_or_default();
    let within = proof.proof.within.unwrap_or_default() + stable;
    let began = Instant::now();
    let mut since: Option<Instant> = None;
    loop {
        let seen = ask(cx, kind, proof).await;
        let held = since.get_or_insert_with(Instant::now).elapsed();
        if seen.passed && held >= stable {
            return check(proof, seen);
        }
        if !seen.passed {
            since = None;
            if began.elapsed() >= within {
                return check(proof, seen);
            }
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// What one look gave.
#[derive(Default)]
struct Seen {
    passed: bool,
    text: String,
    compared: Outputs,
}

fn check(proof: &RenderedProof, seen: Seen) -> Check {
    let Seen { passed, text, compared } = seen;
    Check { probe: proof.proof.probe.clone(), passed, text, left_out: proof.left_out, compared }
}

async fn ask(cx: &ReadCx, kind: &'static dyn AnyKind, proof: &RenderedProof) -> Seen {
    let failed = |text: String| Seen { text, ..Seen::default() };
    let answer = tokio::time::timeout(LONGEST, kind.watch(cx, &proof.op)).await;
    let outputs = match answer {
        Ok(Ok(Next::Done(outputs))) => outputs,
        Ok(Ok(Next::Phase { .. })) => return failed("the probe did not end".into()),
        Ok(Err(fault)) => {
            let causes: String = fault.causes.iter().map(|cause| format!(": {cause}")).collect();
            return failed(format!("{fault}{causes}"));
        }
        Err(_) => return failed("no answer within a minute".into()),
    };
    let main = kind.main_value(&outputs);
    let (passed, text) = judge(&main, &outputs, proof);
    Seen { passed, text, compared: proof.proof.expect.across(&main, &outputs) }
}

fn judge(main: &Value, outputs: &Outputs, proof: &RenderedProof) -> (bool, String) {
    match proof.proof.expect.judge(main, outputs, &proof.names) {
        Ok(broken) if broken.is_empty() => (true, format!("is {main}")),
        Ok(broken) => (false, broken.join("; ")),
        Err(fault) => (false, fault.to_string()),
    }
}
