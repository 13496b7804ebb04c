//! The second model: how a run moves, from the words of the contract alone. It keeps what has happened to every step and
//! item, and works out everything else anew each time it is asked. Nothing in it is fast.

use super::book::{Book, Condition, KEYS, Need, Step};

/// How a step or item stands, in the words of `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Pending,
    Running,
    Succeeded,
    Skipped,
    Failed,
    Blocked,
}

/// What has happened to something that is done by one attempt after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Past {
    Nothing,
    /// An attempt failed and another one follows by itself.
    WillRetry,
    Runs,
    Succeeded,
    Skipped,
    Failed,
}

/// A step, or one item of it. Steps of `finally` are numbered behind the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    pub step: usize,
    pub item: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Succeeded,
    Failed,
    Aborted,
}

/// What an attempt came to.
pub enum Outcome {
    Success,
    Failure { transient: bool },
}

pub struct Model<'a> {
    book: &'a Book,
    past: Vec<Vec<Past>>,
    attempts: Vec<Vec<u32>>,
    /// Steps with `foreach` whose items may start.
    opened: Vec<bool>,
    group_skipped: Vec<bool>,
    pub ending: Option<End>,
}

/// What a need says about the start of a step.
#[derive(PartialEq)]
enum Says {
    Satisfied,
    Wait,
    Skip,
    Block,
}

impl<'a> Model<'a> {
    pub fn new(book: &'a Book) -> Self {
        let of = |step: &Step| step.items.map_or(1, |items| items.count);
        let counts: Vec<usize> = book.steps.iter().chain(&book.finally).map(of).collect();
        let past = counts.iter().map(|count| vec![Past::Nothing; *count]).collect();
        let attempts = counts.iter().map(|count| vec![0; *count]).collect();
        let (opened, group_skipped) = (vec![false; counts.len()], vec![false; counts.len()]);
        let mut model = Self { book, past, attempts, opened, group_skipped, ending: None };
        model.settle();
        model
    }

    pub fn len(&self) -> usize {
        self.past.len()
    }

    pub fn step(&self, step: usize) -> &'a Step {
        let steps = &self.book.steps;
        steps.get(step).unwrap_or_else(|| &self.book.finally[step - steps.len()])
    }

    fn is_finally(&self, step: usize) -> bool {
        step >= self.book.steps.len()
    }

    pub fn address(&self, leaf: Leaf) -> String {
        let step = self.step(leaf.step);
        if step.items.is_some() { format!("{}:{}", step.id, KEYS[leaf.item]) } else { step.id.clone() }
    }

    pub fn leaves(&self) -> Vec<Leaf> {
        (0..self.len()).flat_map(|step| (0..self.past[step].len()).map(move |item| Leaf { step, item })).collect()
    }

    /// "A need that ended outside `when` skips the step if it succeeded or was skipped, blocks it if it failed, was blocked
    /// or undone." Without `when`: succeeded or skipped; a failure that is allowed counts as satisfied.
    fn says(&self, need: &Need) -> Says {
        let ended = self.step_word(need.step);
        let (word, well) = match ended {
            Word::Pending | Word::Running => return Says::Wait,
            Word::Succeeded => ("succeeded", true),
            Word::Skipped => ("skipped", true),
            Word::Failed => ("failed", false),
            Word::Blocked => ("blocked", false),
        };
        let satisfied = match &need.when {
            Some(when) => when.contains(&word),
            None => well || (ended == Word::Failed && self.step(need.step).allow_failure),
        };
        match (satisfied, well) {
            (true, _) => Says::Satisfied,
            (false, true) => Says::Skip,
            (false, false) => Says::Block,
        }
    }

    /// "Blocked wins"; before a step is skipped, it must be certain that it is not blocked.
    fn needs_say(&self, step: usize) -> Says {
        if self.is_finally(step) {
            // A list, in which a failure above keeps nothing from being cleaned up.
            let above = self.book.steps.len()..step;
            let ended = |step: usize| !matches!(self.step_word(step), Word::Pending | Word::Running);
            return if above.into_iter().all(ended) { Says::Satisfied } else { Says::Wait };
        }
        let all: Vec<Says> = self.step(step).needs.iter().map(|need| self.says(need)).collect();
        [Says::Block, Says::Wait, Says::Skip].into_iter().find(|says| all.contains(says)).unwrap_or(Says::Satisfied)
    }

    /// Blocked and the state of a list of items are nowhere kept: they follow from the needs and the items.
    pub fn step_word(&self, step: usize) -> Word {
        if self.step(step).items.is_none() {
            return self.word(Leaf { step, item: 0 });
        }
        if self.group_skipped[step] {
            return Word::Skipped;
        }
        if !self.opened[step] {
            return if self.needs_say(step) == Says::Block { Word::Blocked } else { Word::Pending };
        }
        let words: Vec<Word> = (0..self.past[step].len()).map(|item| self.word(Leaf { step, item })).collect();
        if words.iter().any(|word| matches!(word, Word::Pending | Word::Running)) {
            Word::Running
        } else if words.iter().any(|word| matches!(word, Word::Failed | Word::Blocked)) {
            Word::Failed
        } else {
            Word::Succeeded
        }
    }

    pub fn word(&self, leaf: Leaf) -> Word {
        match self.past[leaf.step][leaf.item] {
            Past::Runs => Word::Running,
            Past::Succeeded => Word::Succeeded,
            Past::Skipped => Word::Skipped,
            Past::Failed => Word::Failed,
            Past::Nothing | Past::WillRetry if self.is_blocked(leaf) => Word::Blocked,
            Past::Nothing | Past::WillRetry => Word::Pending,
        }
    }

    fn is_blocked(&self, leaf: Leaf) -> bool {
        match self.step(leaf.step).items {
            None => self.needs_say(leaf.step) == Says::Block,
            Some(_) if !self.opened[leaf.step] => self.step_word(leaf.step) == Word::Blocked,
            // "stop": no further item starts.
            Some(items) => {
                items.stops && !self.step(leaf.step).allow_failure && self.past[leaf.step].contains(&Past::Failed)
            }
        }
    }

    /// Whether everything but limits and locks lets it start.
    fn is_ready(&self, leaf: Leaf) -> bool {
        if self.word(leaf) != Word::Pending || !self.is_turn(leaf.step) {
            return false;
        }
        match self.step(leaf.step).items {
            None => self.needs_say(leaf.step) == Says::Satisfied,
            Some(items) => {
                let ended = |item: usize| {
                    let word = self.word(Leaf { item, ..leaf });
                    !matches!(word, Word::Pending | Word::Running)
                };
                self.opened[leaf.step] && (!items.serial || (0..leaf.item).all(ended))
            }
        }
    }

    /// `finally` runs at the end, when nothing of the others is under way; at the end nothing else starts.
    fn is_turn(&self, step: usize) -> bool {
        let others_run = || (0..self.book.steps.len()).any(|step| self.past[step].contains(&Past::Runs));
        if self.is_finally(step) { self.ending.is_some() && !others_run() } else { self.ending.is_none() }
    }

    /// Whether it may start at this moment.
    pub fn may_start(&self, leaf: Leaf) -> Result<(), String> {
        let runs = |leaf: &Leaf| self.past[leaf.step][leaf.item] == Past::Runs;
        let running: Vec<Leaf> = self.leaves().into_iter().filter(runs).collect();
        let step = self.step(leaf.step);
        let beside = running.iter().filter(|other| other.step == leaf.step).count();
        let says = |what: &str| Err(format!("`{}`: {what}", self.address(leaf)));
        if !self.is_ready(leaf) {
            return says("it is not ready");
        }
        if self.condition(leaf.step) != Ok(true) {
            return says("its condition does not hold");
        }
        if running.len() >= self.book.concurrency {
            return says("no more may run at once");
        }
        if step.lock.is_some() && running.iter().any(|other| self.step(other.step).lock == step.lock) {
            return says("another step has its lock");
        }
        if step.items.and_then(|items| items.most).is_some_and(|most| beside >= most) {
            return says("enough of its items run");
        }
        Ok(())
    }

    /// Nothing that may start is left waiting, but what waits for its next attempt.
    pub fn left_waiting(&self) -> Option<Leaf> {
        let may = |leaf: &Leaf| self.past[leaf.step][leaf.item] == Past::Nothing && self.may_start(*leaf).is_ok();
        self.leaves().into_iter().find(may)
    }

    pub fn waits_for_a_retry(&self) -> bool {
        let waits = |leaf: &Leaf| self.past[leaf.step][leaf.item] == Past::WillRetry && self.may_start(*leaf).is_ok();
        self.leaves().iter().any(waits)
    }

    fn condition(&self, step: usize) -> Result<bool, ()> {
        let made = |of: usize| self.word(Leaf { step: of, item: 0 }) == Word::Succeeded;
        match self.step(step).condition {
            Condition::None => Ok(true),
            Condition::Always(yes) => Ok(yes),
            Condition::Made(of) => Ok(made(of)),
            Condition::Reads(of) if made(of) => Ok(true),
            // "Reading an output of a skipped step is an error."
            Condition::Reads(_) => Err(()),
        }
    }

    pub fn start(&mut self, leaf: Leaf) -> Result<u32, String> {
        self.may_start(leaf)?;
        self.past[leaf.step][leaf.item] = Past::Runs;
        self.attempts[leaf.step][leaf.item] += 1;
        Ok(self.attempts[leaf.step][leaf.item])
    }

    /// `retry` counts all attempts, also those that a person asked for.
    pub fn end(&mut self, leaf: Leaf, outcome: &Outcome) {
        let (step, attempts) = (self.step(leaf.step), self.attempts[leaf.step][leaf.item]);
        self.past[leaf.step][leaf.item] = match *outcome {
            Outcome::Success => Past::Succeeded,
            Outcome::Failure { transient } if attempts < step.attempts && (transient || step.retries_all) => {
                Past::WillRetry
            }
            Outcome::Failure { .. } => Past::Failed,
        };
        self.settle();
    }

    pub fn retry(&mut self, leaf: Leaf) {
        self.past[leaf.step][leaf.item] = Past::Nothing;
    }

    pub fn skip(&mut self, leaf: Leaf) {
        self.past[leaf.step][leaf.item] = Past::Skipped;
    }

    pub fn succeed_by_hand(&mut self, leaf: Leaf) {
        self.past[leaf.step][leaf.item] = Past::Succeeded;
    }

    /// Failures that a person has to deal with.
    pub fn failed(&self) -> Vec<Leaf> {
        let counts = |leaf: &Leaf| {
            !self.is_finally(leaf.step) && self.word(*leaf) == Word::Failed && !self.step(leaf.step).allow_failure
        };
        self.leaves().into_iter().filter(counts).collect()
    }

    /// What follows without anybody doing anything: skips, lists that open, the end.
    pub fn settle(&mut self) {
        loop {
            self.ending = self.ending.or_else(|| self.ends());
            if !self.one_round() {
                return;
            }
        }
    }

    /// "When every step has ended well", which a blocked one has only if nobody has to deal with what blocks it; "or a failure
    /// under `--on-failure abort`".
    fn ends(&self) -> Option<End> {
        let ended = |step: usize| !matches!(self.step_word(step), Word::Pending | Word::Running);
        match (self.failed().is_empty(), self.book.aborts) {
            (false, true) => Some(End::Failed),
            (true, _) if (0..self.book.steps.len()).all(ended) => Some(End::Succeeded),
            _ => None,
        }
    }

    fn one_round(&mut self) -> bool {
        let mut changed = false;
        for step in 0..self.len() {
            if self.step(step).items.is_some() && !self.opened[step] && !self.group_skipped[step] && self.is_turn(step)
            {
                match self.needs_say(step) {
                    Says::Satisfied => self.opened[step] = true,
                    Says::Skip => {
                        self.group_skipped[step] = true;
                        self.past[step].fill(Past::Skipped);
                    }
                    Says::Wait | Says::Block => continue,
                }
                changed = true;
            }
        }
        // All of a moment at once: the condition of one does not hang on what becomes of another.
        let mut news = Vec::new();
        for leaf in self.leaves().into_iter().filter(|leaf| self.past[leaf.step][leaf.item] == Past::Nothing) {
            let single = self.step(leaf.step).items.is_none();
            if single && self.is_turn(leaf.step) && self.needs_say(leaf.step) == Says::Skip {
                news.push((leaf, Past::Skipped));
            } else if self.is_ready(leaf) {
                match self.condition(leaf.step) {
                    Ok(true) => {}
                    Ok(false) => news.push((leaf, Past::Skipped)),
                    Err(()) => news.push((leaf, Past::Failed)),
                }
            }
        }
        for (leaf, past) in &news {
            self.past[leaf.step][leaf.item] = *past;
            // What fails before it starts counts as an attempt: the contract says nothing of it, and `status` shows one.
            self.attempts[leaf.step][leaf.item] += u32::from(*past == Past::Failed);
        }
        changed || !news.is_empty()
    }

    /// The state at the end: a `finally` that failed makes a success a failure.
    pub fn end_state(&self) -> Option<End> {
        let over = |step: usize| !matches!(self.step_word(step), Word::Pending | Word::Running);
        let finally = self.book.steps.len()..self.len();
        if !finally.clone().all(over) || self.leaves().iter().any(|leaf| self.word(*leaf) == Word::Running) {
            return None;
        }
        let bad = |step: usize| self.step_word(step) == Word::Failed && !self.step(step).allow_failure;
        match self.ending? {
            End::Succeeded if finally.into_iter().any(bad) => Some(End::Failed),
            how => Some(how),
        }
    }
}
