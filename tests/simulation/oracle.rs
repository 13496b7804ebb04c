//! The checker. It reads the platter by itself, with none of the engine's code, and holds what was done and told against it.

use std::collections::{BTreeMap, BTreeSet};

use regrow::model::Record;
use serde_json::Value;

use crate::disk::Platter;

/// What is certainly on the platter, and what was told.
#[derive(Clone, Default)]
pub struct Oracle {
    /// How far each segment was read.
    read: BTreeMap<String, usize>,
    /// Kind of every durable record.
    durable: BTreeMap<u64, String>,
    pub steps: BTreeMap<String, Known>,
    /// What each step needs, but for needs whose end may stand in no record.
    pub needs: BTreeMap<String, Vec<String>>,
    /// The lock of every step that has one.
    pub locks: BTreeMap<String, String>,
    pub holds: Vec<String>,
    /// The step of every repair.
    pub mends: BTreeMap<String, String>,
    /// The holds that each step is under.
    pub under: BTreeMap<String, Vec<String>>,
    pub told: BTreeMap<String, Told>,
    told_seq: u64,
    /// The seq of the newest `segment_opened`: what stood behind the state it continues was dropped.
    pub broken: Vec<String>,
    pub ended: Option<String>,
}

/// A step as the platter tells it.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub op: String,
    pub generation: u64,
    pub attempt: u64,
    pub phase: String,
    /// An intent without outcome.
    pub open: bool,
    pub undoing: bool,
    pub outcome: Option<String>,
    /// Attempts with an intent and without a known outcome.
    pub open_attempts: BTreeSet<u64>,
    /// What was there before, by generation.
    pub prior: BTreeMap<u64, Value>,
    pub taken_twice: bool,
    /// The seq of the latest intent, and of the latest outcome.
    pub intended_at: u64,
    /// The generation that succeeded last: it may have been sent back in the same write.
    pub done_in: Option<u64>,
    pub ended_at: u64,
    /// A person said that it is not done, perhaps long before its turn.
    pub left_out: bool,
    pub ended_once: bool,
    /// The repair that is done before its next attempt.
    pub mending: Option<String>,
}

/// A step as people were told of it.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub succeeded: bool,
    /// Phases that were told to be over, of this generation.
    pub phases: BTreeSet<String>,
    pub phase: String,
}

/// A command that is going to change the world.
pub struct Deed<'a> {
    pub step: &'a str,
    pub op: &'a str,
    pub attempt: u64,
    pub phase: &'a str,
    pub opaque: bool,
    pub undo: bool,
}

impl Oracle {
    /// Reads what has become durable.
    pub fn absorb(&mut self, platter: &Platter) {
        let mut segments: Vec<&String> = platter.files.keys().filter(|name| name.starts_with("journal.")).collect();
        segments.sort();
        // What a power cut left of an older one is continued by nobody.
        let newest = self.read.keys().next_back().cloned().unwrap_or_default();
        segments.retain(|name| **name >= newest);
        for name in segments {
            let file = &platter.files[name];
            if !file.named || file.broken {
                continue;
            }
            let from = self.read.get(name).copied().unwrap_or(0);
            if from >= file.synced {
                continue;
            }
            let mut at = from;
            while let Some(length) = file.cache[at..file.synced].iter().position(|byte| *byte == b'\n') {
                let line = &file.cache[at..at + length];
                // What a power cut left may be anything; nothing in it was ever acted upon.
                let Some(record) = payload(line, platter) else { break };
                at += length + 1;
                self.take(&record);
            }
            // Looked at once: a later sync adds whole lines only.
            self.read.insert(name.clone(), if at == from { file.synced } else { at });
        }
    }

    fn take(&mut self, record: &Value) {
        let kind = record["kind"].as_str().unwrap_or_default().to_string();
        let seq = record["seq"].as_u64().unwrap_or_default();
        if kind == "segment_opened" {
            // Numbers behind it are given anew.
            self.durable.split_off(&seq);
            self.head(&record["state"], seq);
        }
        self.durable.insert(seq, kind.clone());
        if kind == "run_ended" {
            self.ended = record["state"].as_str().map(str::to_string);
            self.holds_are_back();
        }
        let step = record["step"].as_str().map(str::to_string);
        if let Some(step) = step {
            if ["step_reopened", "undo_intended", "step_undone"].contains(&kind.as_str()) {
                self.told.remove(&step);
            }
            if kind == "step_intended" {
                self.needs_have_ended(&step);
                self.holds_are_taken(&step);
                self.repairs_are_awaited(&step);
            }
            let known = self.steps.entry(step.clone()).or_default();
            known.take(&kind, record);
            known.note(&kind, seq);
            if let Some(by) = record["by"].as_str().filter(|_| kind == "repair_began") {
                self.told.remove(by);
                self.steps.entry(by.to_string()).or_default().reopen(record);
            }
            let known = self.steps.entry(step.clone()).or_default();
            if std::mem::take(&mut known.taken_twice) {
                self.broken.push(format!("what was there before `{step}` was taken a second time"));
            }
        }
    }

    /// The outcome of every need lies before the intent (G3).
    fn needs_have_ended(&mut self, step: &str) {
        let open = |need: &&String| self.steps.get(*need).is_none_or(|need| need.outcome.is_none());
        if let Some(need) = self.needs.get(step).into_iter().flatten().find(open) {
            // Sent back meanwhile by a person: then the outcome it had was there.
            if self.steps.get(need).is_none_or(|need| !need.ended_once) {
                self.broken.push(format!("G3: the intent of `{step}` lies before any outcome of `{need}`"));
            }
        }
    }

    /// The folded state at the head of a segment: it may know more than was durable, never less.
    fn head(&mut self, state: &Value, seq: u64) {
        for (step, known) in &mut self.steps {
            let folded = state["steps"][step.as_str()]["status"].as_str().unwrap_or("pending");
            let kept = ["succeeded", "verifying", "unproven"].contains(&folded);
            let told = self.told.get(step).is_some_and(|told| told.succeeded);
            // A person sent it back, in records that a kill left unsynced and the next executor took over.
            let generation = state["steps"][step.as_str()]["generation"].as_u64().unwrap_or(1);
            if told && (generation > known.generation || folded == "undoing") {
                self.told.remove(step);
            } else if told && known.outcome.as_deref() == Some("succeeded") && !kept {
                self.broken.push(format!("`{step}` was told to have succeeded, and a new segment says {folded}"));
            }
        }
        for (step, folded) in state["steps"].as_object().into_iter().flatten() {
            let known = self.steps.entry(step.clone()).or_default();
            known.fold(folded);
            known.note("segment_opened", seq);
        }
    }

    /// Records are told: each must be durable, and in order (G3, G15).
    pub fn tell(&mut self, records: &[Record]) -> Result<(), String> {
        for record in records {
            let told = serde_json::to_value(record).map_err(|e| e.to_string())?;
            let (seq, kind) = (record.seq.0, told["kind"].as_str().unwrap_or_default());
            if self.durable.get(&seq).map(String::as_str) != Some(kind) {
                return Err(format!("G3: `{kind}` {seq} was told and is not on the platter"));
            }
            if seq <= self.told_seq {
                return Err(format!("G15: `{kind}` {seq} was told after {}", self.told_seq));
            }
            self.told_seq = seq;
            if kind == "answer_accepted" && told["answer"]["verb"]["verb"] == "undo" {
                continue;
            }
            let Some(step) = told["step"].as_str() else { continue };
            let step_told = self.told.entry(step.to_string()).or_default();
            if step_told.succeeded && ["retry_scheduled", "repair_began", "step_failed"].contains(&kind) {
                return Err(format!("`{step}` was told to have succeeded, and then {kind}"));
            }
            step_told.take(kind, &told);
            if let Some(by) = told["by"].as_str().filter(|_| kind == "repair_began") {
                self.told.remove(by);
            }
        }
        Ok(())
    }

    /// Records behind a doubtful tail were lost: what was told of them may be told anew.
    pub fn forgive(&mut self) {
        self.told.clear();
        self.told_seq = 0;
        self.steps.clear();
        self.durable.clear();
        self.read.clear();
    }

    /// Something is about to be done to the world: everything that must be on the platter before (G1, G2, G3, G6).
    pub fn judge(&self, deed: &Deed<'_>) -> Result<(), String> {
        let Deed { step, op, attempt, phase, .. } = *deed;
        let known = self.steps.get(step).cloned().unwrap_or_default();
        if deed.undo {
            return if known.undoing {
                Ok(())
            } else {
                Err(format!("G2: `{step}` is taken back without an intent on the platter"))
            };
        }
        let intended = known.open && known.op == op && known.attempt == attempt && known.phase == phase;
        if !intended {
            return Err(format!(
                "G2: `{step}` {op} attempt {attempt} phase `{phase}` is started; on the platter is {known:?}"
            ));
        }
        if let Some(lock) = self.locks.get(step) {
            let shares = |other: &&String| *other != step && self.locks.get(*other) == Some(lock);
            if let Some(other) = self.steps.iter().filter(|(_, known)| known.open).map(|(other, _)| other).find(shares)
            {
                return Err(format!("`{step}` is started under the lock `{lock}` while `{other}` is under way"));
            }
        }
        if let Some(told) = self.told.get(step) {
            if told.succeeded {
                return Err(format!("G1: `{step}` was told to have succeeded and is started again"));
            }
            if told.phases.contains(phase) {
                return Err(format!("G1: phase `{phase}` of `{step}` was told to be over and is started again"));
            }
        }
        if deed.opaque && known.open_attempts.iter().any(|open| *open < attempt) {
            return Err(format!("G6: `{step}` is started again while an earlier attempt is open"));
        }
        Ok(())
    }
}

impl Known {
    fn take(&mut self, kind: &str, record: &Value) {
        match kind {
            "step_intended" => {
                (self.open, self.undoing, self.outcome) = (true, false, None);
                self.mending = None;
                self.op = record["op"].as_str().unwrap_or_default().into();
                self.generation = record["generation"].as_u64().unwrap_or_default();
                self.attempt = record["attempt"].as_u64().unwrap_or_default();
                self.open_attempts.insert(self.attempt);
                self.phase = record["phase"].as_str().unwrap_or_default().into();
                let prior = record.get("prior").cloned().unwrap_or_default();
                let first = self.prior.entry(self.generation).or_insert_with(|| prior.clone());
                self.taken_twice |= *first != prior;
            }
            "step_succeeded" | "step_verified" => {
                self.done_in = Some(self.generation);
                self.close(Some("succeeded"));
            }
            "step_unproven" => self.close(Some("unproven")),
            "step_failed" | "undo_failed" => self.close(Some("failed")),
            "step_skipped" => {
                self.close(Some("skipped"));
                self.left_out = record["why"] == "person";
            }
            "step_undone" => {
                self.undoing = false;
                self.close(Some("undone"));
            }
            "retry_scheduled" => self.close(None),
            "repair_began" => {
                self.close(None);
                self.mending = record["by"].as_str().map(str::to_string);
            }
            "step_reopened" => self.reopen(record),
            "phase_reached" => self.open = false,
            "undo_intended" => self.undoing = true,
            _ => {}
        }
    }

    fn note(&mut self, kind: &str, seq: u64) {
        if kind == "step_intended" {
            self.intended_at = seq;
        } else if self.outcome.is_some() {
            self.ended_at = seq;
        }
    }

    fn reopen(&mut self, record: &Value) {
        self.close(None);
        self.left_out = false;
        self.generation = record["generation"].as_u64().unwrap_or_default();
    }

    fn close(&mut self, outcome: Option<&str>) {
        self.open = false;
        self.open_attempts.clear();
        self.ended_once |= outcome.is_some();
        self.mending = None;
        self.outcome = outcome.map(str::to_string);
    }

    fn fold(&mut self, state: &Value) {
        let status = state["status"].as_str().unwrap_or("pending");
        let intent = &state["intent"];
        self.attempt = state["attempts"].as_u64().unwrap_or_default();
        self.generation = state["generation"].as_u64().unwrap_or(1);
        if let Some(op) = intent["op"].as_str() {
            self.op = op.into();
            self.phase = intent["phase"].as_str().unwrap_or_default().into();
        }
        self.open = ["running", "late"].contains(&status) && !self.op.is_empty() && state["reached"].is_null();
        self.undoing = status == "undoing";
        self.left_out = state["skipped"] == "person";
        self.mending = state["mending"].as_str().map(str::to_string);
        self.outcome = ["succeeded", "unproven", "failed", "skipped", "undone", "superseded"]
            .iter()
            .find(|s| **s == status)
            .map(|s| (*s).into());
        if status == "verifying" {
            self.outcome = Some("succeeded".into());
        }
        self.open_attempts.clear();
        if self.open || ["unknown", "late", "undoing"].contains(&status) {
            self.open_attempts.insert(self.attempt);
        }
        self.ended_once |= self.outcome.is_some();
    }
}

impl Told {
    fn take(&mut self, kind: &str, record: &Value) {
        match kind {
            "step_intended" => self.phase = record["phase"].as_str().unwrap_or_default().into(),
            "step_succeeded" => {
                self.succeeded = true;
                self.phases.insert(self.phase.clone());
            }
            "phase_reached" => {
                self.phases.insert(self.phase.clone());
            }
            // Another attempt begins at the first phase.
            "step_reopened" | "step_undone" | "undo_intended" | "retry_scheduled" | "repair_began" | "step_failed" => {
                *self = Self::default()
            }
            _ => {}
        }
    }
}

/// The record of a line, or of the blob it names, if the line stands as it was written.
fn payload(line: &[u8], platter: &Platter) -> Option<Value> {
    let spaces: Vec<usize> =
        line.iter().enumerate().filter(|(_, byte)| **byte == b' ').map(|(at, _)| at).take(8).collect();
    let [.., head, first, second] = spaces[..] else { return None };
    let sum = std::str::from_utf8(&line[first + 1..second]).ok().and_then(|text| u32::from_str_radix(text, 16).ok())?;
    let body = &line[second + 1..];
    if crc32c::crc32c_append(crc32c::crc32c(&line[..head]), body) != sum {
        return None;
    }
    let record: Value = serde_json::from_slice(body).ok()?;
    match record["blob"].as_str() {
        None => Some(record),
        Some(blob) => serde_json::from_slice(&platter.files.get(blob)?.cache).ok(),
    }
}

/// What damage to a line of a segment has to lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// A later record says that it was durable.
    Refusal,
    Doubt,
}

/// The lines of a segment: where each begins and ends, and what its damage has to lead to.
pub fn lines(bytes: &[u8], platter: &Platter) -> Vec<(usize, usize, Due)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(length) = bytes[at..].iter().position(|byte| *byte == b'\n') {
        if payload(&bytes[at..at + length], platter).is_none() {
            break;
        }
        let text = String::from_utf8_lossy(&bytes[at..at + length]).into_owned();
        let field = |n: usize| text.split(' ').nth(n).and_then(|field| field.parse::<u64>().ok());
        let (Some(seq), Some(durable)) = (field(3), field(4)) else { break };
        found.push((at, at + length, seq, durable));
        at += length + 1;
    }
    let due = |index: usize, seq: u64| {
        let covered = found[index + 1..].iter().any(|(.., durable)| *durable >= seq);
        if covered { Due::Refusal } else { Due::Doubt }
    };
    found.iter().enumerate().map(|(index, (start, end, seq, _))| (*start, *end, due(index, *seq))).collect()
}
