//! The world as the driver sees it: every command and every happening is a point at which the machine may stop.

use regrow::engine::command::{Command, Happening, World};
use regrow::kind::RawOp;
use regrow::model::record::{Event, Record};
use regrow::model::secret::Secret;
use regrow::model::time::Moment;
use regrow::model::{Effect, RunState};
use regrow::plan::Plan;

use crate::machine::{Machine, Shared};
use crate::oracle::Deed;
use crate::outside::Process;
use crate::person;

pub struct SimWorld {
    pub machine: Shared,
    /// As far as it has grown.
    pub plan: Plan,
}

impl World for SimWorld {
    fn now(&self) -> Moment {
        self.machine.borrow_mut().now()
    }

    fn chance(&mut self) -> f64 {
        0.5
    }

    fn grown(&mut self, plan: &Plan) {
        self.machine.borrow_mut().outside.learn(plan);
        self.plan = plan.clone();
    }

    fn keep_secret(&mut self, _: &[Secret]) {}

    fn perform(&mut self, command: Command) {
        let mut machine = self.machine.borrow_mut();
        machine.note(|| format!("perform {}", short(&command)));
        machine.tick();
        self.judge(&mut machine, &command);
        machine.tasks.push(command);
    }

    fn wait(&mut self, millis: Option<u64>) -> Vec<Happening> {
        let mut machine = self.machine.borrow_mut();
        machine.tick();
        if machine.meddles
            && machine.rng.u8(..) < 12
            && let Some(happening) = person::meddle(&mut machine, &self.plan)
        {
            return vec![happening];
        }
        if machine.shuffles && machine.rng.u8(..) < 30 {
            let boot = machine.boot;
            let Machine { outside, oracle, .. } = &mut *machine;
            outside.land_late(boot, oracle);
        }
        if !machine.tasks.is_empty() {
            return self.finish_one(&mut machine);
        }
        let state = machine.told.clone().unwrap_or_default();
        if let Some(millis) = millis {
            // People answer while a time is waited for, too.
            if machine.shuffles
                && machine.rng.u8(..3) == 0
                && let Some(answer) = person::act(&mut machine, &self.plan, &state)
            {
                return vec![Happening::Answered(answer)];
            }
            machine.pass(millis);
            return Vec::new();
        }
        match person::act(&mut machine, &self.plan, &state) {
            Some(answer) => vec![Happening::Answered(answer)],
            None => {
                machine.broken("nothing can ever happen any more");
                Vec::new()
            }
        }
    }

    fn publish(&mut self, records: &[Record], state: &RunState) {
        let mut machine = self.machine.borrow_mut();
        for record in records {
            machine
                .note(|| format!("told {} {}", record.seq, serde_json::to_string(&record.event).unwrap_or_default()));
        }
        machine.tick();
        if machine.platter.failed {
            machine.broken("G11: something was told after the journal could not be written");
        }
        let Machine { oracle, platter, .. } = &mut *machine;
        oracle.absorb(platter);
        if let Err(what) = oracle.tell(records) {
            machine.broken(what);
        }
        for record in records {
            self.proven(&mut machine, record);
            if let Event::AnswerAccepted { answer } | Event::AnswerRefused { answer, .. } = &record.event {
                machine.inbox.retain(|lying| lying.id != answer.id);
            }
        }
        machine.told = Some(state.clone());
        if !machine.oracle.broken.is_empty() {
            machine.broken("see above");
        }
    }
}

impl SimWorld {
    /// Does one task and says how it went, with a point to stop at in between.
    fn finish_one(&self, machine: &mut Machine) -> Vec<Happening> {
        let at = if machine.shuffles { machine.rng.usize(..machine.tasks.len()) } else { 0 };
        let command = machine.tasks.remove(at);
        let boot = machine.boot;
        {
            let Machine { outside, oracle, .. } = &mut *machine;
            outside.begin(&command, boot, oracle);
        }
        machine.tick();
        let happenings = machine.outside.answer(&command, &format!("boot{boot}"));
        machine.note(|| format!("happened {happenings:?}"));
        if machine.shuffles && !machine.tasks.is_empty() && machine.rng.bool() {
            let mut all = happenings;
            all.extend(self.finish_one(machine));
            return all;
        }
        happenings
    }

    /// Holds a command against the platter before it does anything.
    fn judge(&self, machine: &mut Machine, command: &Command) {
        let Machine { oracle, platter, .. } = machine;
        oracle.absorb(platter);
        if platter.failed {
            return machine.broken(format!("G11: {} after the journal could not be written", short(command)));
        }
        let node = |step| self.plan.find(step);
        if let Command::Cleanup { step: Some(step), .. } = command
            && node(step).is_none_or(|node| self.plan.step(node).kind != "ledger.cleanup")
        {
            return machine.broken(format!("`{step}` empties the ledger"));
        }
        let (op, undo) = match command {
            Command::Start { op } => (op, false),
            Command::Undo { op, .. } => (op, true),
            _ => return,
        };
        let works = |((of, _), process): (&(String, u32), &Process)| of == op.id.as_str() && *process == Process::Alive;
        if undo && machine.outside.procs.iter().any(works) {
            return machine.broken(format!("`{}` is taken back while it works", op.step));
        }
        let Some(effect) = node(&op.step).map(|node| self.plan.effects[node]) else {
            return machine.broken(format!("`{}` is no step", op.step));
        };
        if effect == Effect::Read && !undo {
            return;
        }
        let deed = self.deed(op, effect, undo);
        if let Err(what) = machine.oracle.judge(&deed) {
            machine.broken(what);
        }
        let again = effect == Effect::Opaque
            && !undo
            && machine.outside.opaque.get(op.id.as_str()).is_some_and(|done| done.contains(&op.attempt));
        if again {
            machine.broken(format!("G6: attempt {} of opaque `{}` is issued a second time", op.attempt, op.step));
        }
    }

    fn deed<'a>(&'a self, op: &'a RawOp, effect: Effect, undo: bool) -> Deed<'a> {
        Deed {
            step: op.step.as_str(),
            op: op.id.as_str(),
            attempt: u64::from(op.attempt),
            phase: &op.phase,
            opaque: effect == Effect::Opaque,
            undo,
        }
    }

    /// A success that is told has happened, and nothing begins without room for its end (G12).
    fn proven(&self, machine: &mut Machine, record: &Record) {
        match &record.event {
            Event::StepSucceeded(it) if !it.by_hand => {
                let generation = machine
                    .oracle
                    .steps
                    .get(it.step.as_str())
                    .map_or(1, |known| known.done_in.unwrap_or(known.generation));
                let op = format!("{}.{}.{generation}", self.plan.run, it.step);
                if !machine.outside.is_done(it.step.as_str(), &op) {
                    machine.broken(format!("`{}` was told to have succeeded, and nothing happened", it.step));
                }
            }
            Event::StepIntended(it)
                if machine.platter.refused_room && it.effect != Effect::Human && it.phase.is_empty() =>
            {
                machine.broken(format!("G12: `{}` begins without room for its end", it.step));
            }
            _ => {}
        }
    }
}

pub fn short(command: &Command) -> String {
    let text = |what: &str, op: &RawOp| format!("{what} {} attempt {} phase `{}`", op.id, op.attempt, op.phase);
    match command {
        Command::Prepare { op, .. } => text("prepare", op),
        Command::Find { op, .. } => text("find", op),
        Command::Start { op, .. } => text("start", op),
        Command::Watch { op, .. } => text("watch", op),
        Command::Undo { op, .. } => text("undo", op),
        Command::Verify { step, .. } => format!("verify {step}"),
        Command::Cleanup { step, .. } => format!("clean-up by {step:?}"),
        Command::Report { step, .. } => format!("report by {step}"),
        Command::Tell(it) => format!("tell {} up to {}", it.entry, it.upto),
    }
}
