//! The one loop: wait for something to happen, write down what follows, and only then do it and tell it.
//!
//! Everything that follows from a batch of happenings lies in one write and one sync: the outcome of a step and the intents
//! of those it releases (G2, G3). After a journal error nothing more is done: the loop returns and its process ends (G11).

use super::answers;
use super::command::{Command, Happening, World};
use super::decide::decide;
use super::doubt;
use super::holds;
use super::live::Live;
use super::react::{Luck, react};
use super::vault::Vault;
use crate::journal::{Disk, JournalError, Writer};
use crate::model::answer::Refusal;
use crate::model::record::{Event, Record, StopReason};
use crate::model::secret::Secret;
use crate::model::{Address, Answer, Fault, RunState, Status};
use crate::plan::Plan;
use crate::plan::scope::RunScope;
use crate::runbook::template::open;

pub struct Driver<'a, W: World, D: Disk> {
    plan: &'a mut Plan,
    state: RunState,
    live: Live,
    /// Absent only while the next segment is begun.
    writer: Option<Writer<D>>,
    world: W,
    vault: Vault,
    /// Leave instead of waiting for people.
    no_wait: bool,
    /// Staged, not yet on disk, not yet told.
    fresh: Vec<Record>,
    /// What could not be handed out.
    failed: Vec<Happening>,
}

/// Why the loop came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The run is over.
    Ended,
    /// A failure keeps it from going on.
    Paused,
    /// A person asked for it.
    PausedByPerson,
    Waiting,
    Unknown,
    Stopped,
    Detached,
    Full,
}

impl Halt {
    /// Whether somebody outside should hear of it first. Who asked for it is there.
    fn is_news(self) -> bool {
        matches!(self, Halt::Ended | Halt::Paused | Halt::Waiting | Halt::Unknown)
    }
}

/// In how many milliseconds something comes by itself.
struct Times {
    /// The run goes on.
    wake_in: Option<u64>,
    /// Somebody is to be told. Nobody stays for that alone.
    remind_in: Option<u64>,
    /// But for a moment, for news.
    owes: bool,
}

impl<'a, W: World, D: Disk> Driver<'a, W, D> {
    pub fn new(plan: &'a mut Plan, state: RunState, writer: Writer<D>, world: W, vault: Vault, no_wait: bool) -> Self {
        let boot = world.now().boot;
        let live = Live::new(plan, &state, &boot);
        let (fresh, failed) = (Vec::new(), Vec::new());
        let mut driver = Self { plan, state, live, writer: Some(writer), world, vault, no_wait, fresh, failed };
        let known = driver.state.steps.values().filter_map(|step| step.outputs.as_ref());
        let born = driver.vault.learn(known.flat_map(|outputs| outputs.values()));
        driver.keep_secret(&born);
        driver
    }

    /// The world is told only of what is new: most steps put out no secret.
    fn keep_secret(&mut self, born: &[Secret]) {
        if !born.is_empty() {
            self.world.keep_secret(born);
        }
    }

    /// Only does what the answers ask for, and leaves.
    pub fn on_an_errand(mut self) -> Self {
        self.live.errand = true;
        self
    }

    /// Executes the run as far as it goes. `first` is written before anything else, and `answers` that lie there already are
    /// judged before anything new begins.
    pub fn run(&mut self, first: Vec<Event>, answers: Vec<Answer>) -> Result<Halt, JournalError> {
        first.into_iter().try_for_each(|event| self.stage(event))?;
        answers.into_iter().try_for_each(|answer| self.take(Happening::Answered(answer)))?;
        loop {
            let Times { wake_in, remind_in, owes } = self.advance()?;
            if self.live.is_idle()
                && self.failed.is_empty()
                && wake_in.is_none()
                && let Some(halt) = self.halt()
                && !(owes && halt.is_news())
            {
                return self.leave(halt);
            }
            let mut happenings = std::mem::take(&mut self.failed);
            if happenings.is_empty() {
                happenings = self.world.wait(wake_in.into_iter().chain(remind_in).min());
            }
            if happenings.iter().any(|happening| matches!(happening, Happening::DetachRequested)) {
                return self.leave(Halt::Detached);
            }
            for happening in happenings {
                self.take(happening)?;
            }
        }
    }

    pub fn state(&self) -> &RunState {
        &self.state
    }

    pub fn into_parts(self) -> (RunState, Option<D>, W) {
        (self.state, self.writer.map(Writer::into_disk), self.world)
    }

    fn take(&mut self, happening: Happening) -> Result<(), JournalError> {
        let events = match happening {
            Happening::Answered(answer) => self.judge(answer),
            other => {
                let luck = Luck { now: self.world.now(), chance: self.world.chance() };
                react(self.plan, &self.state, &mut self.live, other, &luck)
            }
        };
        events.into_iter().try_for_each(|event| self.stage(event))
    }

    fn judge(&mut self, answer: Answer) -> Vec<Event> {
        if self.state.judged(&answer.id).is_some() {
            return Vec::new();
        }
        match answers::judge(self.plan, &self.state, &answer) {
            Ok(events) => std::iter::once(Event::AnswerAccepted { answer }).chain(events).collect(),
            Err(Refusal { reason, code, hint }) => vec![Event::AnswerRefused { answer, reason, code, hint }],
        }
    }

    /// Decides until nothing follows, makes it durable, tells it, and hands out the commands.
    fn advance(&mut self) -> Result<Times, JournalError> {
        let mut commands = Vec::new();
        let mut times;
        loop {
            let in_flight = self.live.busy.len();
            self.live.has_room = match &mut self.writer {
                Some(writer) => writer.has_room_for(in_flight)? && !self.live.full,
                None => false,
            };
            let now = self.world.now();
            let decision = decide(self.plan, &self.state, &mut self.live, &now);
            commands.extend(decision.commands);
            times = Times { wake_in: decision.wake_in, remind_in: decision.remind_in, owes: decision.owes };
            if decision.events.is_empty() {
                break;
            }
            let grows = decision.events.iter().any(|event| matches!(event, Event::StepOpened { list: Some(_), .. }));
            decision.events.into_iter().try_for_each(|event| self.stage(event))?;
            if grows {
                self.grow()?;
            }
        }
        if guard!("commit, then act") {
            self.commit()?;
        }
        commands.into_iter().for_each(|command| self.hand_out(command));
        self.commit()?;
        Ok(times)
    }

    fn stage(&mut self, event: Event) -> Result<(), JournalError> {
        let event = self.vault.masked(event);
        if let Event::StepSucceeded(it) = &event {
            let born = self.vault.learn(it.outputs.values());
            self.keep_secret(&born);
        }
        let now = self.world.now();
        let Some(writer) = self.writer.as_mut() else { return Ok(()) };
        let (record, hash) = writer.stage(event, &now)?;
        self.state.apply(&record, &hash);
        if let Some(node) = record.event.step().and_then(|step| self.plan.find(step)) {
            self.live.frontier.touch(&self.plan.outline, &self.state, node);
        }
        self.fresh.push(record);
        Ok(())
    }

    /// Lists opened whose items the plan does not have yet.
    fn grow(&mut self) -> Result<(), JournalError> {
        let Some(place) = self.plan.grow(&self.state) else { return Ok(()) };
        self.world.grown(self.plan);
        let in_doubt = doubt::hand_down(self.plan, &mut self.state);
        self.live.moved(self.plan, &self.state, &place);
        if in_doubt {
            // In the head of a segment: a crash right behind it must not forget the doubt.
            self.commit()?;
            self.next_segment()?;
        }
        Ok(())
    }

    fn next_segment(&mut self) -> Result<(), JournalError> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let now = self.world.now();
        let (writer, state) = Writer::open(writer.into_disk(), std::mem::take(&mut self.state), &now)?;
        (self.writer, self.state) = (Some(writer), state);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        if self.fresh.is_empty() {
            return Ok(());
        }
        if !guard!("commit, then tell") {
            self.world.publish(&self.fresh, &self.state);
        }
        let Some(mut writer) = self.writer.take() else { return Ok(()) };
        writer.commit()?;
        let is_full = writer.is_full();
        self.writer = Some(writer);
        if is_full {
            self.next_segment()?;
        }
        self.world.publish(&self.fresh, &self.state);
        self.fresh.clear();
        Ok(())
    }

    /// Opens the placeholders of secrets for the one call that needs them.
    fn hand_out(&mut self, mut command: Command) {
        match self.opened(&mut command) {
            Ok(()) => self.world.perform(command),
            Err(fault) => self.failed.push(refused(&command, fault)),
        }
    }

    fn opened(&self, command: &mut Command) -> Result<(), Fault> {
        let opened = |value: &serde_json::Value, step: &Address| {
            let whole = RunScope::new(self.plan, &self.state);
            let scope = self.plan.find(step).map_or(whole, |node| RunScope::of(self.plan, &self.state, node));
            open(value, &scope, self.vault.secrets())
        };
        match command {
            Command::Prepare { op }
            | Command::Find { op }
            | Command::Start { op }
            | Command::Watch { op }
            | Command::Undo { op, .. } => {
                op.params = opened(&op.params, &op.step)?;
                Ok(())
            }
            Command::Verify { step, proofs } => proofs.iter_mut().try_for_each(|proof| {
                proof.with = opened(&proof.with, step)?;
                proof.op.params = proof.with.clone();
                Ok(())
            }),
            Command::Cleanup { entries, .. } => entries.iter_mut().try_for_each(|removal| {
                removal.with = opened(&removal.with, &removal.entry.made_by)?;
                Ok(())
            }),
            Command::Tell(telling) => {
                let scope = RunScope::new(self.plan, &self.state);
                telling.to = open(&telling.to, &scope, self.vault.secrets())?;
                Ok(())
            }
            Command::Report { .. } => Ok(()),
        }
    }

    /// Why nothing can go on by itself; `None` where it is worth waiting.
    fn halt(&self) -> Option<Halt> {
        if self.state.ended.is_some() {
            return Some(Halt::Ended);
        }
        if self.live.stopping || self.live.errand {
            return Some(Halt::Stopped);
        }
        if self.state.paused {
            return Some(Halt::PausedByPerson);
        }
        if !self.live.has_room {
            return Some(Halt::Full);
        }
        let at_end = |node: usize| self.plan.is_finally(node) || holds::is_release(self.plan, node);
        let ending = self.state.ending.is_some();
        let in_turn = |node: &usize| if ending { at_end(*node) } else { !self.plan.is_finally(*node) };
        let any = |wanted: &dyn Fn(usize) -> bool| (0..self.plan.len()).filter(in_turn).any(wanted);
        let status = |node: usize| self.live.frontier.statuses[node];
        let unknown = any(&|node| status(node) == Status::Unknown);
        let waiting = any(&|node| status(node) == Status::Waiting);
        let failed = any(&|node| self.needs_attention(node));
        match (unknown, failed, waiting) {
            (true, ..) if self.no_wait => Some(Halt::Unknown),
            (_, true, _) if self.no_wait => Some(Halt::Paused),
            (.., true) if self.no_wait => Some(Halt::Waiting),
            (true, ..) | (_, _, true) => None,
            _ => Some(Halt::Paused),
        }
    }

    fn needs_attention(&self, node: usize) -> bool {
        match self.live.frontier.statuses[node] {
            Status::Failed => !self.plan.may_fail(node),
            Status::Unproven | Status::Undone => true,
            _ => false,
        }
    }

    fn leave(&mut self, halt: Halt) -> Result<Halt, JournalError> {
        let reason = match halt {
            Halt::Ended => return Ok(halt),
            Halt::Paused | Halt::PausedByPerson => StopReason::Paused,
            Halt::Waiting | Halt::Unknown => StopReason::Waiting,
            Halt::Stopped => StopReason::Requested,
            Halt::Detached => StopReason::Detached,
            // There may be no room for a word of farewell.
            Halt::Full => return Ok(halt),
        };
        self.stage(Event::ExecutorStopped { reason })?;
        self.commit()?;
        Ok(halt)
    }
}

/// What a command that could not be handed out comes to. Nothing was begun.
fn refused(command: &Command, fault: Fault) -> Happening {
    let step = match (command.step(), command) {
        (Some(step), _) => step.clone(),
        (None, Command::Tell(it)) => {
            return Happening::Told { entry: it.entry, upto: it.upto, result: Err(fault) };
        }
        (None, _) => return Happening::CleanedUp { kept: Vec::new(), failed: vec![fault.to_string()] },
    };
    match command {
        Command::Prepare { .. } => Happening::Prepared { step, result: Err(fault) },
        Command::Find { .. } => Happening::Found { step, result: Err(fault) },
        Command::Verify { .. } => Happening::Verified { step, checks: Vec::new(), fault: Some(fault) },
        Command::Undo { .. } => Happening::Undone { step, result: Err(fault) },
        Command::Start { .. }
        | Command::Watch { .. }
        | Command::Cleanup { .. }
        | Command::Tell(_)
        | Command::Report { .. } => Happening::Ended { step, result: Err(fault) },
    }
}
