//! The process of a kind's own long work: the request and the secrets of the run on stdin, pulses and the result as lines on stdout.

use std::io::{self, Read, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::job::WorkRequest;
use super::supervisor::WorkLine;
use crate::kind::{Next, ReadCx, WorkCx, WriteCx};
use crate::model::secret::Secret;
use crate::model::{Fault, Pulse};
use crate::provider::seal::Seal;
use crate::runbook::ast::Rpo;

/// More often than this nobody looks.
const PULSE_EVERY: Duration = Duration::from_millis(250);

/// Runs the work that stdin asks for. `perform` finds the kind.
pub fn main(perform: impl FnOnce(WorkRequest, WorkCx) -> Result<Next, Fault>) -> i32 {
    let mut text = String::new();
    let read = io::stdin().lock().read_to_string(&mut text).map_err(|e| e.to_string());
    let told: Result<(WorkRequest, Vec<String>), String> =
        read.and_then(|_| serde_json::from_str(&text).map_err(|e| e.to_string()));
    let result = match told {
        Ok((request, secrets)) => {
            let (base, work, mode) = (request.base.clone(), request.work.clone(), request.mode);
            let seal = request.seal.as_deref().and_then(|key| Seal::exposed(&request.op.run, key));
            let secrets = secrets.into_iter().map(Secret::new).collect();
            let read = ReadCx { base, work, mode, secrets, seal, rpo: Rpo::Unsaid };
            perform(request, WorkCx::new(WriteCx::grant(read), pulses()))
        }
        Err(why) => Err(Fault::new("RG2004", format!("the work was not told what to do: {why}"))),
    };
    let failed = result.is_err();
    say(&WorkLine::Ended(Box::new(result)));
    i32::from(failed)
}

fn pulses() -> impl Fn(Pulse) + Send + Sync {
    let last: Mutex<Option<Instant>> = Mutex::new(None);
    move |pulse| {
        let Ok(mut last) = last.lock() else { return };
        if last.is_none_or(|at| at.elapsed() >= PULSE_EVERY) {
            *last = Some(Instant::now());
            say(&WorkLine::Pulse(pulse));
        }
    }
}

fn say(line: &WorkLine) {
    let Ok(mut text) = serde_json::to_string(line) else { return };
    text.push('\n');
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
