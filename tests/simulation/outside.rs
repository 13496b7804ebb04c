//! What lies outside of the machine, and what lives on it without the executor: a provider that refuses second creates, a
//! registry of values, supervised processes.

use std::collections::{BTreeMap, BTreeSet};

use regrow::engine::command::{Command, Happening};
use regrow::kind::{Found, Made, Next, Outputs, Prepared, RawOp};
use regrow::model::record::Check;
use regrow::model::{Address, Fault, RetryClass};
use regrow::plan::Plan;
use serde_json::{Value, json};

use crate::kinds::{Behaviour, PHASES};
use crate::oracle::Oracle;

#[derive(Clone, Default)]
pub struct Outside {
    /// Kind of every step, by address.
    pub kinds: BTreeMap<String, &'static str>,
    /// Operation and phase of everything created under a key.
    pub keyed: BTreeSet<(String, String)>,
    /// The value a step has set, as the operation that set it.
    pub sets: BTreeMap<String, String>,
    pub procs: BTreeMap<(String, u32), Process>,
    /// Opaque effects that happened, by operation and attempt.
    pub opaque: BTreeMap<String, Vec<u32>>,
    /// Requests of a dead executor that are still on their way.
    pub late: Vec<Command>,
    pub undone: BTreeSet<String>,
    /// Somebody may have sent a step back that had happened.
    pub meddled: bool,
    /// How often each step was proven.
    proofs: BTreeMap<String, u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Process {
    /// Runs, its supervisor too.
    Alive,
    /// Its result lies there.
    Ended,
    /// The mark lies there, and no result.
    Lost,
    /// Not even the mark: the files were never synced.
    Gone,
}

pub fn behaviour(op: &RawOp) -> Behaviour {
    serde_json::from_value(op.params.clone()).unwrap_or_default()
}

fn outputs(op: &RawOp) -> Outputs {
    Outputs::from_iter([("made".to_string(), json!(format!("{} {}", op.id, op.params["text"])))])
}

fn failing(op: &RawOp) -> Option<String> {
    let it = behaviour(op);
    (op.attempt <= it.fails).then_some(it.how)
}

fn fault(class: RetryClass) -> Fault {
    Fault::new("SIM1", "as the script says").retry(class)
}

/// Whether an attempt that the script lets fail has its effect all the same.
fn happens(op: &RawOp) -> bool {
    failing(op).is_none_or(|how| how == "lost" || how == "unknown")
}

impl Outside {
    fn kind(&self, op: &RawOp) -> &'static str {
        self.kinds.get(op.step.as_str()).copied().unwrap_or("")
    }

    /// The first thing a command does in the world. Reads do nothing.
    pub fn begin(&mut self, command: &Command, boot: u32, oracle: &mut Oracle) {
        match command {
            Command::Start { op, .. } => self.start(op, boot, oracle),
            Command::Undo { op, .. } => self.undo(op),
            _ => {}
        }
    }

    fn start(&mut self, op: &RawOp, _: u32, oracle: &mut Oracle) {
        let key = op.id.to_string();
        if !happens(op) || behaviour(op).foreign {
            return;
        }
        match self.kind(op) {
            "sim.keyed" | "sim.phased" => {
                self.keyed.insert((key, op.phase.clone()));
            }
            "sim.set" => {
                self.sets.insert(op.step.to_string(), key);
            }
            "sim.proc" | "sim.opaque" if !self.meddled && self.opaque.contains_key(&key) => {
                oracle.broken.push(format!("G6: opaque `{key}` happens a second time, and nobody asked for it"));
            }
            "sim.proc" => {
                if self.procs.insert((key.clone(), op.attempt), Process::Alive).is_some_and(|old| old != Process::Gone)
                {
                    oracle.broken.push(format!("process of `{}` attempt {} was started twice", op.step, op.attempt));
                }
                self.opaque.entry(key).or_default().push(op.attempt);
            }
            "sim.opaque" => self.opaque.entry(key).or_default().push(op.attempt),
            _ => {}
        }
    }

    fn undo(&mut self, op: &RawOp) {
        let key = op.id.to_string();
        self.late.retain(|late| !matches!(late, Command::Start { op: other, .. } if other.step == op.step));
        self.keyed.retain(|(of, _)| *of != key);
        if self.kind(op) == "sim.set" {
            match op.prior["value"].as_str() {
                Some(prior) => self.sets.insert(op.step.to_string(), prior.to_string()),
                None => self.sets.remove(op.step.as_str()),
            };
        }
        self.undone.insert(key);
    }

    /// Everything on the machine dies. `synced` says whether a file that was never synced is there all the same.
    pub fn power_cut(&mut self, synced: &mut dyn FnMut() -> bool) {
        for process in self.procs.values_mut() {
            *process = match process {
                Process::Ended if synced() => Process::Ended,
                _ if synced() => Process::Lost,
                _ => Process::Gone,
            };
        }
    }

    /// A request that was on its way for long arrives.
    pub fn land_late(&mut self, boot: u32, oracle: &mut Oracle) {
        if let Some(command) = self.late.pop() {
            let remote = matches!(&command, Command::Start { op } if self.kind(op) == "sim.keyed" && !self.undone.contains(op.id.as_str()));
            if remote {
                self.begin(&command, boot, oracle);
            }
        }
    }

    /// Whether the last phase of the operation is done.
    pub fn is_done(&self, step: &str, op: &str) -> bool {
        match self.kinds.get(step).copied().unwrap_or("") {
            "sim.keyed" => self.keyed.contains(&(op.to_string(), String::new())),
            "sim.phased" => PHASES.iter().all(|phase| self.keyed.contains(&(op.to_string(), (*phase).to_string()))),
            "sim.set" => self.sets.get(step).is_some_and(|value| value == op),
            "sim.proc" | "sim.opaque" => self.opaque.contains_key(op),
            _ => true,
        }
    }

    /// Which steps there are, and of which kind.
    pub fn learn(&mut self, plan: &Plan) {
        let kind = |node: usize| if plan.is_group(node) { "sim.read" } else { plan.kinds[node].name() };
        self.kinds = (0..plan.len()).map(|node| (plan.address(node).to_string(), kind(node))).collect();
    }

    /// Finishes a command and says how it went.
    pub fn answer(&mut self, command: &Command, boot: &str) -> Vec<Happening> {
        let one = match command {
            Command::Prepare { op } => Happening::Prepared { step: op.step.clone(), result: self.prepare(op) },
            Command::Find { op } => Happening::Found { step: op.step.clone(), result: Ok(self.find(op, boot)) },
            Command::Start { op } | Command::Watch { op } => {
                Happening::Ended { step: op.step.clone(), result: self.end(op) }
            }
            Command::Verify { step, proofs } => self.verify(step, proofs.first().map(|proof| &proof.op)),
            Command::Undo { op, .. } => {
                Happening::Undone { step: op.step.clone(), result: Ok(vec!["taken back".into()].into()) }
            }
            Command::Cleanup { step, entries } => {
                let goes = |id: &str| entries.iter().any(|removal| removal.entry.id == id);
                self.keyed.retain(|(op, _)| !goes(op));
                // As after an undo, nothing of it arrives any more.
                self.late.retain(|late| !matches!(late, Command::Start { op } if goes(op.id.as_str())));
                let mut all: Vec<_> =
                    entries.iter().map(|removal| Happening::Removed { entry: removal.entry.clone() }).collect();
                all.push(match step {
                    Some(step) => Happening::Ended { step: step.clone(), result: Ok(Next::Done(Outputs::new())) },
                    None => Happening::CleanedUp { kept: Vec::new(), failed: Vec::new() },
                });
                return all;
            }
            Command::Tell(it) => Happening::Told { entry: it.entry, upto: it.upto, result: Ok(()) },
            Command::Report { step, .. } => {
                Happening::Ended { step: step.clone(), result: Ok(Next::Done(Outputs::new())) }
            }
        };
        vec![one]
    }

    fn prepare(&self, op: &RawOp) -> Result<Prepared<Value>, Fault> {
        if failing(op).as_deref() == Some("unprepared") {
            return Err(fault(RetryClass::Now));
        }
        let prior = match self.kind(op) {
            "sim.set" => json!({ "value": self.sets.get(op.step.as_str()) }),
            _ => Value::Null,
        };
        let creates = match self.kind(op) {
            "sim.keyed" => {
                vec![Made { kind: "thing".into(), id: op.id.to_string(), scratch: false, details: Value::Null }]
            }
            _ => Vec::new(),
        };
        Ok(Prepared::new(prior, vec![format!("`{}` changes", op.step)]).creating(creates))
    }

    fn find(&self, op: &RawOp, boot: &str) -> Found {
        let key = op.id.to_string();
        if behaviour(op).foreign {
            return Found::Foreign(Fault::new("SIM2", "something of somebody else stands there"));
        }
        let there = |there: bool| if there { Found::Done(self.next(op)) } else { Found::Absent };
        match self.kind(op) {
            "sim.keyed" | "sim.phased" => there(self.keyed.contains(&(key, op.phase.clone()))),
            "sim.set" => there(self.sets.get(op.step.as_str()) == Some(&key)),
            "sim.proc" => match self.procs.get(&(key, op.attempt)) {
                Some(Process::Alive) => Found::Running,
                Some(Process::Ended) => Found::Done(self.next(op)),
                Some(Process::Lost) => Found::CannotTell("it began and is gone".into()),
                Some(Process::Gone) | None if op.boot == boot => Found::Absent,
                Some(Process::Gone) | None => Found::CannotTell("it may have begun before the power went".into()),
            },
            "sim.opaque" => Found::CannotTell("nobody can tell".into()),
            _ => Found::Absent,
        }
    }

    fn end(&mut self, op: &RawOp) -> Result<Next, Fault> {
        if behaviour(op).foreign {
            return Err(Fault::new("SIM2", "something of somebody else stands there"));
        }
        let process = self.procs.get_mut(&(op.id.to_string(), op.attempt));
        match process {
            Some(process @ Process::Alive) => *process = Process::Ended,
            Some(Process::Ended) | None => {}
            Some(Process::Lost | Process::Gone) => return Err(fault(RetryClass::Unknown)),
        }
        match failing(op).as_deref() {
            None => Ok(self.next(op)),
            Some("never") => Err(fault(RetryClass::Never)),
            Some("unknown") => Err(fault(RetryClass::Unknown)),
            Some(_) => Err(fault(RetryClass::Now)),
        }
    }

    fn next(&self, op: &RawOp) -> Next {
        let place = PHASES.iter().position(|phase| *phase == op.phase).unwrap_or(0);
        match PHASES.get(place + 1).filter(|_| self.kind(op) == "sim.phased") {
            Some(phase) => {
                let facts = json!({ "rows": 3 });
                Next::Phase { phase: (*phase).to_string(), facts, shown: vec!["3 rows".into()], creates: Vec::new() }
            }
            None => Next::Done(outputs(op)),
        }
    }

    fn verify(&mut self, step: &Address, op: Option<&RawOp>) -> Happening {
        let (proven, wanted) = match op {
            Some(op) => {
                let proofs = self.proofs.entry(op.step.to_string()).or_default();
                *proofs += 1;
                (*proofs, behaviour(op).unproven)
            }
            None => (1, 0),
        };
        let passed = proven > wanted;
        let checks = vec![Check {
            probe: "sim.probe".into(),
            passed,
            text: "as the script says".into(),
            left_out: false,
            compared: Default::default(),
        }];
        let fault = (!passed).then(|| Fault::new("SIM3", "not proven"));
        Happening::Verified { step: step.clone(), checks, fault }
    }
}
