//! The real world: workers on a runtime, the inbox, signals, observers.

mod inbox;
mod messenger;
mod proofs;
mod signals;
mod worker;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::command::{Command, Happening, World};
use crate::journal::store::RunDir;
use crate::kind::{AnyKind, ReadCx};
use crate::model::record::Record;
use crate::model::secret::Secret;
use crate::model::time::{Clock, Moment};
use crate::model::{Address, Fault, RunState};
use crate::plan::{Plan, include};
use crate::provider::clock::SystemClock;

pub use inbox::{deliver, pending};
pub use messenger::Compose;

/// Told only what is on disk.
pub trait Audience: Send {
    fn hear(&mut self, records: &[Record], state: &RunState);
    /// Somebody asked to stop: nothing new starts, and what is under way is seen to its end.
    fn stopping(&mut self) {}
}

/// Writes the report of a run; lives above the engine.
pub type WriteReport = fn(&RunDir, &serde_json::Value) -> Result<Vec<String>, Fault>;

pub struct RealWorld {
    runtime: Runtime,
    sender: Sender<Happening>,
    happenings: Receiver<Happening>,
    kinds: HashMap<Address, &'static dyn AnyKind>,
    find_kind: fn(&str) -> Option<&'static dyn AnyKind>,
    cx: ReadCx,
    folders: Arc<worker::Folders>,
    run: RunDir,
    audience: Vec<Box<dyn Audience>>,
    write_report: WriteReport,
    compose: Compose,
    inbox: inbox::Inbox,
}

/// What a real world is made of.
pub struct Setting {
    pub cx: ReadCx,
    pub run: RunDir,
    pub audience: Vec<Box<dyn Audience>>,
    pub write_report: WriteReport,
    pub compose: Compose,
    pub find_kind: fn(&str) -> Option<&'static dyn AnyKind>,
}

impl RealWorld {
    pub fn new(plan: &Plan, setting: Setting) -> std::io::Result<Self> {
        let (sender, happenings) = channel();
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            // One thread for each supervised process that is watched.
            .max_blocking_threads(plan.concurrency + 8)
            .thread_stack_size(512 * 1024)
            .enable_all()
            .build()?;
        signals::listen(&runtime, &sender)?;
        let Setting { cx, run, audience, write_report, compose, find_kind } = setting;
        let inbox = inbox::Inbox::watch(run.inbox(), sender.clone());
        let (kinds, folders) = Default::default();
        let mut world = Self {
            runtime,
            sender,
            happenings,
            kinds,
            find_kind,
            cx,
            folders,
            run,
            audience,
            write_report,
            compose,
            inbox,
        };
        world.grown(plan);
        Ok(world)
    }

    /// For answers that are asked for in this very terminal.
    pub fn sender(&self) -> Sender<Happening> {
        self.sender.clone()
    }

    /// Ends without waiting for what is still watched.
    pub fn close(self) {
        self.runtime.shutdown_background();
    }
}

impl World for RealWorld {
    fn now(&self) -> Moment {
        SystemClock.now()
    }

    fn chance(&mut self) -> f64 {
        fastrand::f64()
    }

    fn grown(&mut self, plan: &Plan) {
        self.kinds = (0..plan.len()).map(|node| (plan.address(node).clone(), plan.kinds[node])).collect();
        let within = |node: &usize| plan.graph.file(&plan.runbook, *node).is_some();
        let included = (0..plan.len()).filter(within);
        let folders = included.map(|node| (plan.address(node).clone(), include::folder(plan, node))).collect();
        self.folders = Arc::new(folders);
    }

    fn keep_secret(&mut self, secrets: &[Secret]) {
        self.cx.secrets = self.cx.secrets.iter().chain(secrets).cloned().collect();
    }

    fn perform(&mut self, command: Command) {
        if let Command::Report { step, inputs } = command {
            let (write, run, sender) = (self.write_report, self.run.clone(), self.sender.clone());
            // It reads the whole journal and writes files: on this thread a slow disk would hold up every other step.
            self.runtime.spawn_blocking(move || {
                let result = write(&run, &inputs).map(worker::report_outputs);
                let _ = sender.send(Happening::Ended { step, result });
            });
            return;
        }
        let worker = worker::Worker {
            cx: self.cx.clone(),
            folders: self.folders.clone(),
            sender: self.sender.clone(),
            find_kind: self.find_kind,
            compose: self.compose.clone(),
            kind: command.step().and_then(|step| self.kinds.get(step)).copied(),
        };
        self.runtime.spawn(worker.perform(command));
    }

    fn wait(&mut self, millis: Option<u64>) -> Vec<Happening> {
        let first = match millis {
            None => self.happenings.recv().ok(),
            Some(millis) => self.happenings.recv_timeout(Duration::from_millis(millis)).ok(),
        };
        // Everything that came while the disk was busy shares the next write.
        let happenings: Vec<Happening> = first.into_iter().chain(self.happenings.try_iter()).collect();
        if happenings.iter().any(|it| matches!(it, Happening::StopRequested)) {
            self.audience.iter_mut().for_each(|listener| listener.stopping());
        }
        happenings
    }

    fn publish(&mut self, records: &[Record], state: &RunState) {
        self.inbox.forget_judged(records);
        for listener in &mut self.audience {
            listener.hear(records, state);
        }
    }
}
