//! One simulated machine: its disk, its clock, what lies outside of it, and where it is going to be stopped.

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::rc::Rc;

use fastrand::Rng;
use jiff::Timestamp;
use regrow::engine::command::Command;
use regrow::model::time::Moment;
use regrow::model::{Answer, RunState};

use crate::disk::{Fate, Platter, Trouble};
use crate::oracle::Oracle;
use crate::outside::Outside;

pub type Shared = Rc<RefCell<Machine>>;

/// How an executor comes to its end from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    Kill {
        half_written: bool,
    },
    /// All unsynced writes meet the same fate; `None`: each its own.
    Power(Option<Fate>),
}

/// What is thrown where the machine stops; no destructor of the engine may undo anything.
pub struct Stopped;

#[derive(Clone)]
pub struct Machine {
    pub platter: Platter,
    pub outside: Outside,
    pub oracle: Oracle,
    pub rng: Rng,
    /// Operations and happenings so far, of this executor.
    pub ticks: u64,
    /// Of the clock, by this executor.
    readings: u64,
    pub stop_at: Option<(u64, Stop)>,
    pub stopped_by: Option<Stop>,
    pub trouble_at: Option<(u64, Trouble)>,
    /// One operation in so many fails.
    pub trouble_rate: Option<u32>,
    /// Whether tasks are done in any order, or first come, first served.
    pub shuffles: bool,
    pub boot: u32,
    mono: u64,
    wall: i64,
    /// Commands under way: gone with the executor, though what they asked for may still happen.
    pub tasks: Vec<Command>,
    /// Answers that lie in the run's folder.
    pub inbox: Vec<Answer>,
    pub answers: u32,
    /// Questions by a person with other ideas are put at random moments.
    pub meddles: bool,
    /// A person said of an attempt that was going to fail what became of it: the end may differ.
    pub person_settled: bool,
    /// What was told last.
    pub told: Option<RunState>,
    /// A record on the platter was damaged, and this has to come of it.
    pub damage_due: Option<crate::oracle::Due>,
    pub trace: Option<Vec<String>>,
}

impl Machine {
    pub fn new(seed: u64) -> Self {
        Self {
            platter: Platter::default(),
            outside: Outside::default(),
            oracle: Oracle::default(),
            rng: Rng::with_seed(seed),
            ticks: 0,
            readings: 0,
            stop_at: None,
            stopped_by: None,
            trouble_at: None,
            trouble_rate: None,
            shuffles: false,
            boot: 1,
            mono: 1_000,
            wall: 1_795_000_000_000,
            tasks: Vec::new(),
            inbox: Vec::new(),
            answers: 0,
            meddles: false,
            person_settled: false,
            told: None,
            damage_due: None,
            trace: None,
        }
    }

    pub fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            let line = format!("{:>4} {}", self.ticks, line());
            trace.push(line);
        }
    }

    /// Whether the next tick is the last one.
    pub fn stops_here(&self) -> Option<Stop> {
        self.stop_at.filter(|(tick, _)| *tick == self.ticks).map(|(_, stop)| stop)
    }

    /// A point at which the machine can stop, or an operation fail.
    pub fn tick(&mut self) -> Option<Trouble> {
        if let Some(stop) = self.stops_here() {
            self.stop_at = None;
            self.stopped_by = Some(stop);
            self.note(|| format!("STOP {stop:?}"));
            resume_unwind(Box::new(Stopped));
        }
        let tick = self.ticks;
        self.ticks += 1;
        // A window may open only tomorrow, and the clock is looked at twice a minute.
        if tick > 12_000 {
            self.broken("one executor goes round and round");
        }
        if let Some((_, trouble)) = self.trouble_at.filter(|(at, _)| *at == tick) {
            self.note(|| format!("TROUBLE {trouble:?}"));
            return Some(trouble);
        }
        match self.trouble_rate {
            Some(rate) if self.rng.u32(..rate) == 0 => Some(if self.rng.bool() { Trouble::Eio } else { Trouble::Full }),
            _ => None,
        }
    }

    /// A promise was broken.
    pub fn broken(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.note(|| format!("BROKEN {what}"));
        self.oracle.broken.push(what);
        resume_unwind(Box::new(Stopped));
    }

    pub fn now(&mut self) -> Moment {
        self.pass(1);
        self.readings += 1;
        if self.readings > 100_000 {
            self.broken("one executor goes round and round without doing anything");
        }
        Moment {
            at: Timestamp::from_millisecond(self.wall).unwrap_or_default(),
            mono: self.mono,
            boot: format!("boot{}", self.boot),
        }
    }

    pub fn pass(&mut self, millis: u64) {
        self.mono += millis;
        self.wall += i64::try_from(millis).unwrap_or(0);
        if self.shuffles && self.rng.u8(..) < 4 {
            // Somebody sets the clock.
            self.wall += self.rng.i64(-3_600_000..3_600_000);
        }
    }

    /// Takes a fresh start after the executor ended, by itself or not.
    pub fn executor_gone(&mut self) {
        let stop = self.stopped_by.take();
        (self.ticks, self.readings) = (0, 0);
        let tasks = std::mem::take(&mut self.tasks);
        self.land(tasks);
        match stop {
            Some(Stop::Power(fate)) => {
                let shuffles = self.shuffles;
                let mut names = Rng::with_seed(self.rng.u64(..));
                let all_names = fate == Some(Fate::Kept);
                let mut keeps_name = || if shuffles { names.bool() } else { all_names };
                let pick =
                    |rng: &mut Rng| fate.unwrap_or_else(|| crate::disk::FATES[rng.usize(..crate::disk::FATES.len())]);
                self.platter.power_cut(&mut self.rng, pick, &mut keeps_name);
                self.boot += 1;
                self.mono = 500;
                let mut rng = Rng::with_seed(self.rng.u64(..));
                self.outside.power_cut(&mut || rng.bool());
            }
            Some(Stop::Kill { .. }) | None => self.platter.killed(),
        }
        self.told = None;
    }

    /// What the requests of a dead executor come to: they were sent, or not, or arrive late.
    fn land(&mut self, tasks: Vec<Command>) {
        for task in tasks {
            if self.rng.bool() {
                self.outside.begin(&task, self.boot, &mut self.oracle);
            } else if self.rng.bool() {
                self.outside.late.push(task);
            }
        }
    }
}
