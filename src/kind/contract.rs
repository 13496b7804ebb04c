//! What every kind promises, and what it may rely on.

use std::future::Future;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::context::{ReadCx, WorkCx, WriteCx};
use super::op::{Op, Outputs};
use super::rehearsal::{Rehearsal, Scratch};
use super::stock::Shelf;
use crate::model::ledger::{LedgerEntry, Made};
use crate::model::{Effect, Fault};
use crate::runbook::catalog::{Complaint, InPlace, Late, Shape};

/// Where a kind may stand in a runbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Step,
    /// Under `verify`, and as a step that reads.
    Probe,
    /// A step that the engine itself performs.
    Intrinsic,
}

/// What was there before the first mutation, and what is going to change.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Prepared<Prior> {
    /// Taken once, journaled with the intent, never taken again. No secrets.
    pub prior: Prior,
    /// What will change, one fact a line; an approval is bound to it.
    pub changes: Vec<String>,
    /// What will exist afterwards; it is in the ledger before the first call.
    pub creates: Vec<Made>,
    /// How long after the step the world goes on as before; a plan holds it against the RTO.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settles: Option<Settles>,
}

impl<Prior> Prepared<Prior> {
    /// Nothing is made that somebody would have to take away, and the world follows at once.
    pub fn new(prior: Prior, changes: Vec<String>) -> Self {
        Self { prior, changes, creates: Vec::new(), settles: None }
    }

    pub fn creating(self, creates: Vec<Made>) -> Self {
        Self { creates, ..self }
    }

    pub fn settling(self, settles: Option<Settles>) -> Self {
        Self { settles, ..self }
    }
}

/// What others keep of how it was, which no step can hurry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settles {
    pub seconds: u64,
    pub code: String,
    /// `resolvers may keep the old answer`
    pub what: String,
    pub hint: String,
}

/// What `find` learns about an operation whose outcome is not on disk.
#[derive(Clone, Debug)]
pub enum Found {
    /// Nothing of ours exists: `start`.
    Absent,
    /// In progress: `watch`.
    Running,
    /// This phase happened.
    Done(Next),
    /// It happened and failed.
    Failed(Fault),
    /// Something else stands at our place: the step fails, nothing is touched.
    Foreign(Fault),
    /// Nobody but a person can tell; the text is the evidence.
    CannotTell(String),
}

/// What the text of a step alone tells of it before the run, see [`Kind::foresee`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Foresight {
    /// Outputs that `with` fixes.
    pub outputs: Outputs,
    /// What will be changed, one thing a line.
    pub touches: Vec<String>,
    /// What is only read.
    pub reads: Vec<String>,
}

impl Foresight {
    /// Nothing is foreseen but what is changed.
    pub fn touching(touches: impl IntoIterator<Item = String>) -> Self {
        Self { touches: touches.into_iter().collect(), ..Self::default() }
    }

    /// Nothing is foreseen but what is read.
    pub fn reading(reads: impl IntoIterator<Item = String>) -> Self {
        Self { reads: reads.into_iter().collect(), ..Self::default() }
    }
}

/// How a phase ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    Done(Outputs),
    /// The next phase is ready to start. `shown` is what an approval in front of it is bound to, one fact a line.
    Phase {
        phase: String,
        facts: Value,
        shown: Vec<String>,
        /// What will exist after that phase; in the ledger before it starts.
        creates: Vec<Made>,
    },
}

/// What an undo did.
#[derive(Debug, Default)]
pub struct Undone {
    /// In words, one fact a line.
    pub facts: Vec<String>,
    /// Ids of what the ledger names and is not there any more under that name.
    pub gone: Vec<String>,
}

impl From<Vec<String>> for Undone {
    fn from(facts: Vec<String>) -> Self {
        Self { facts, gone: Vec::new() }
    }
}

/// One kind of recovery work: foresee it, prepare it, do it, find it again, take it back.
///
/// This contract is final: what stands here keeps its meaning, and what comes later has a default that changes nothing for
/// kinds that do not know it. `docs/own-kind.md` goes through it with an example.
///
/// # What the engine promises
/// `start` is called only after its intent (parameters, [`Prepared`], phase, operation id) is on disk, only when every
/// need is satisfied, and only after `find` said [`Found::Absent`] if an earlier intent has no outcome. The id stays the
/// same over attempts and resumes. No two calls for one step overlap.
///
/// # What a kind promises
/// Everything but `start`, `work`, `undo` and `remove` only reads, and may be called any number of times, in a new
/// process. Two starts under one id make one thing. `undo` tolerates a start that never happened, and one that was undone.
pub trait Kind: Send + Sync + 'static {
    /// The word after `uses:`.
    const NAME: &'static str;
    /// What `explain` says before the fields, in Markdown: one line of what it does, more of it, and under
    /// `## After a crash` what becomes of a step that was cut off.
    const PAGE: &'static str;
    const ROLE: Role = Role::Step;
    /// Whether the engine has to call `prepare` at all; without it the intent is written at once.
    const PREPARES: bool = true;
    /// Whether it is done by [`Kind::work`], in a process of its own. Then `start` and `watch` are not called, and `find`
    /// only when that process is gone and left no result.
    const WORKS: bool = false;
    /// Whether its process is left alone when its time is up, because ending it would do harm: it is late then.
    const LIVES_ON: bool = false;
    /// Its work mostly waits for answers, so one thread is enough for it. It takes less memory: what one thread gets and another
    /// one gives back comes back late.
    const ONE_THREAD: bool = false;
    /// An `approval` stands in front of what changes what is live: the step's start, or the phase after the first.
    const ASKS_BEFORE_PHASE: bool = false;
    /// Some of its outputs may be secret, which only the run tells: whatever it seals by [`ReadCx::seal`].
    const SEALS: bool = false;
    /// Whether it brings something back from what [`Kind::backups`] finds.
    const FINDS_BACKUPS: bool = false;
    /// Whether [`Kind::can_begin`] looks at anything.
    const LOOKS: bool = Self::PREPARES;

    type Params: DeserializeOwned + JsonSchema + Send + Sync;
    type Prior: Serialize + DeserializeOwned + Send + Sync;

    /// YAML of one step, tested.
    fn example() -> &'static str;

    /// For probes: the value that `expect` looks at when no part is named.
    fn main_value(_outputs: &Outputs) -> Value {
        Value::Null
    }

    /// For probes that stand as a step: why it has failed, though there was an answer. Under `verify`, `expect` judges.
    fn disappoints(_outputs: &Outputs) -> Option<Fault> {
        None
    }

    fn check(&self, _with: &Late<'_>) -> Vec<Complaint> {
        Vec::new()
    }

    fn effect(&self, with: &Late<'_>) -> Effect;

    fn outputs(&self, with: &Late<'_>) -> Shape;

    /// What a dry run can say without looking at anything.
    fn foresee(&self, _with: &Late<'_>) -> Foresight {
        Foresight::default()
    }

    /// Whether what it replaces cannot be had back from what it keeps: then the step has to say so, and people agree first.
    fn in_place(&self, _with: &Late<'_>) -> InPlace {
        InPlace::No
    }

    /// What a drill does with it, where the runbook does not say it: a drill cannot touch production. What changes something is
    /// only planned, unless the kind knows how to do the same beside. `with` may be as it is written, or rendered; the answer for
    /// what is rendered counts.
    fn drill(&self, with: &Late<'_>, _scratch: &Scratch<'_>) -> Rehearsal {
        match (Self::ROLE, self.effect(with)) {
            (Role::Probe | Role::Intrinsic, _) | (Role::Step, Effect::Read | Effect::Human) => Rehearsal::AsIs,
            (Role::Step, _) => Rehearsal::Planned,
        }
    }

    /// What a proof of a step that is done beside production looks at, once it names what [`Kind::drill`] put in the place of
    /// production's; none where nothing beside is like what it asks for. `given` is the `with` from there.
    fn proof_beside(&self, _given: &Late<'_>, _probe: &str, proof: Value) -> Option<Value> {
        Some(proof)
    }

    /// The names that `undo:` takes.
    fn undos(&self) -> &'static [&'static str] {
        &[]
    }

    fn prepare(
        &self,
        _cx: &ReadCx,
        _op: &Op<Self::Params, ()>,
    ) -> impl Future<Output = Result<Prepared<Self::Prior>, Fault>> + Send {
        async { Err(Fault::new("RG1003", "this kind has nothing to prepare")) }
    }

    /// Whether `prepare` would refuse, as far as little work tells: asked before a run of which nobody is shown what it
    /// changes, and night after night by `regrow ready`. The step's own `prepare` looks at all of it. A probe says here whether it
    /// would be answered, if that is soon said and starts no program.
    fn can_begin(&self, cx: &ReadCx, op: &Op<Self::Params, ()>) -> impl Future<Output = Result<(), Fault>> + Send {
        async { self.prepare(cx, op).await.map(|_| ()) }
    }

    /// The same where part of `with` shows only in the run: what is known of it is there, the rest as it is written, see [`Late`].
    /// Whether what the known fields name can be reached and lets us in. Gives the fields that were looked at.
    fn reach(
        &self,
        _cx: &ReadCx,
        _op: &Op<Value, ()>,
    ) -> impl Future<Output = Result<Vec<&'static str>, Fault>> + Send {
        async { Ok(Vec::new()) }
    }

    /// Whether what it makes can be named by its outputs alone: then it mends nothing that a later step names itself.
    fn stands_apart(&self, _with: &Late<'_>) -> bool {
        false
    }

    /// What the step would find of backups, whatever moment it wants: for `regrow ready`, night after night.
    fn backups(&self, _cx: &ReadCx, _op: &Op<Self::Params, ()>) -> impl Future<Output = Vec<Shelf>> + Send {
        async { Vec::new() }
    }

    /// Says what became of an operation that has an intent and no outcome on disk. Where a kind does not say it, what only
    /// reads is begun again, and of everything else a person decides.
    fn find(
        &self,
        _cx: &ReadCx,
        _op: &Op<Self::Params, Self::Prior>,
    ) -> impl Future<Output = Result<Found, Fault>> + Send {
        async {
            Ok(match Self::ROLE {
                Role::Probe | Role::Intrinsic => Found::Absent,
                Role::Step => Found::CannotTell("this kind of step does not look for what it did".into()),
            })
        }
    }

    /// Acts. Kinds that only read have nothing to start: they read in `watch`.
    fn start(
        &self,
        _cx: &WriteCx,
        _op: &Op<Self::Params, Self::Prior>,
    ) -> impl Future<Output = Result<(), Fault>> + Send {
        async { Ok(()) }
    }

    /// Waits for the end of the phase. Dropping the future only stops the watching.
    fn watch(
        &self,
        _cx: &ReadCx,
        _op: &Op<Self::Params, Self::Prior>,
    ) -> impl Future<Output = Result<Next, Fault>> + Send {
        async { Err(Fault::new("RG1003", "this kind has no watch of its own")) }
    }

    /// Takes the step back: `undo` is one of the names of [`Kind::undos`], or what this kind takes instead.
    fn undo(
        &self,
        _cx: &WriteCx,
        _op: &Op<Self::Params, Self::Prior>,
        _undo: &Value,
        _outputs: &Outputs,
    ) -> impl Future<Output = Result<Undone, Fault>> + Send {
        async { Err(Fault::new("RG1001", "this kind of step cannot be undone")) }
    }

    /// Takes away what the ledger says this kind made. Gone already is success.
    /// `with` is that of the step which made it, secrets opened.
    fn remove(
        &self,
        _cx: &WriteCx,
        entry: &LedgerEntry,
        _with: &Value,
    ) -> impl Future<Output = Result<(), Fault>> + Send {
        let what = format!("`{} {}` cannot be removed by this kind", entry.kind, entry.id);
        async move { Err(Fault::new("RG1002", what)) }
    }

    /// The long work of kinds that run in a process of their own, under the supervisor: called there, never here.
    fn work(
        &self,
        _cx: &WorkCx,
        _op: &Op<Self::Params, Self::Prior>,
    ) -> impl Future<Output = Result<Next, Fault>> + Send {
        async { Err(Fault::new("RG1003", "this kind has no work of its own")) }
    }
}

/// What [`Kind::can_begin`] makes of the answer of a probe.
pub fn answered<K: Kind>(answer: Next) -> Result<(), Fault> {
    match answer {
        Next::Done(outputs) => K::disappoints(&outputs).map_or(Ok(()), Err),
        Next::Phase { .. } => Ok(()),
    }
}
