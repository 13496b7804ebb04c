//! The second model: how a run moves, from the words of the contract alone. It keeps what has happened to every step and
//! item, and works out everything else anew each time it is asked. Nothing in it is fast.

mod ways;
mod words;

use super::book::{Book, Condition, KEYS, Step};
use words::{Says, ended};

/// How a step or item stands, in the words of `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Pending,
    Running,
    Succeeded,
    Skipped,
    Failed,
    Blocked,
    /// A way that gave way to the next.
    Superseded,
}

/// What has happened to something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Past {
    Nothing,
    /// An attempt failed and another one follows by itself.
    WillRetry,
    /// An attempt failed, and its repair comes before the next.
    Mends,
    /// Under way, or, where others do it, open.
    Runs,
    Succeeded,
    Skipped,
    Failed,
    Superseded,
}

/// A step, a list, or one item of it, by its place in [`Model::all`].
pub type At = usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Single,
    List,
    /// With its number.
    Item(usize),
}

struct One<'a> {
    address: String,
    step: &'a Step,
    role: Role,
    parent: Option<At>,
    /// Items of a list, steps of a block.
    inside: Vec<At>,
    /// The steps beside it in the same block, by their number.
    beside: Vec<At>,
    finally: bool,
    past: Past,
    attempts: u32,
    /// Its repair, and how often that was begun for it.
    repair: Option<At>,
    repaired: u32,
    /// What it is a repair of.
    mends: Option<At>,
    /// A person left it out.
    left_out: bool,
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
    all: Vec<One<'a>>,
    pub ending: Option<End>,
}

impl<'a> Model<'a> {
    pub fn new(book: &'a Book) -> Self {
        let mut model = Self { book, all: Vec::new(), ending: None };
        model.add_steps(&book.steps, None, false);
        model.add_steps(&book.finally, None, true);
        model.settle();
        model
    }

    fn add_steps(&mut self, steps: &'a [Step], parent: Option<At>, finally: bool) -> Vec<At> {
        let (mut beside, mut all) = (Vec::new(), Vec::new());
        for step in steps {
            let above = parent.map(|parent| format!("{}/", self.all[parent].address)).unwrap_or_default();
            let role = if step.items.is_some() { Role::List } else { Role::Single };
            let at = self.add(format!("{above}{}", step.id), step, role, parent, finally);
            beside.push(at);
            all.push(at);
            if let Some(items) = step.items {
                let add = |item: usize, model: &mut Self| {
                    let address = format!("{}:{}", model.all[at].address, KEYS[item]);
                    let one = model.add(address, step, Role::Item(item), Some(at), finally);
                    model.all[one].inside = model.add_steps(&step.inside, Some(one), finally);
                    one
                };
                self.all[at].inside = (0..items.count).map(|item| add(item, self)).collect();
            } else {
                self.all[at].inside = self.add_steps(&step.inside, Some(at), finally);
            }
            if let Some(repair) = &step.repair {
                let by = self.add(format!("{above}{}", repair.step.id), &repair.step, Role::Single, parent, finally);
                (self.all[at].repair, self.all[by].mends) = (Some(by), Some(at));
                all.push(by);
            }
        }
        beside.iter().for_each(|at| self.all[*at].beside.clone_from(&beside));
        all
    }

    fn add(&mut self, address: String, step: &'a Step, role: Role, parent: Option<At>, finally: bool) -> At {
        let (inside, beside) = (Vec::new(), Vec::new());
        self.all.push(One {
            address,
            step,
            role,
            parent,
            inside,
            beside,
            finally,
            past: Past::Nothing,
            attempts: 0,
            repair: None,
            repaired: 0,
            mends: None,
            left_out: false,
        });
        self.all.len() - 1
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn step(&self, at: At) -> &'a Step {
        self.all[at].step
    }

    pub fn address(&self, at: At) -> &str {
        &self.all[at].address
    }

    pub fn find(&self, address: &str) -> Option<At> {
        self.all.iter().position(|one| one.address == address)
    }

    /// Whether others do it.
    fn is_group(&self, at: At) -> bool {
        self.all[at].role == Role::List || !self.all[at].step.inside.is_empty()
    }

    fn is_body(&self, at: At) -> bool {
        self.is_group(at) && self.all[at].role != Role::List
    }

    pub fn is_leaf(&self, at: At) -> bool {
        !self.is_group(at)
    }

    fn around(&self, at: At) -> impl Iterator<Item = At> + '_ {
        std::iter::successors(self.all[at].parent, |at| self.all[*at].parent)
    }

    /// How many of its attempts fail.
    pub fn fails(&self, at: At) -> u32 {
        let item = std::iter::once(at).chain(self.around(at)).find_map(|at| match self.all[at].role {
            Role::Item(item) => Some(item),
            _ => None,
        });
        self.all[at].step.fails.get(item.unwrap_or(0)).copied().unwrap_or(0)
    }

    /// A failure that nobody has to deal with: of the step, or of what it lies in.
    fn may_fail(&self, at: At) -> bool {
        std::iter::once(at).chain(self.around(at)).any(|at| self.all[at].step.allow_failure)
    }

    pub fn start(&mut self, at: At) -> Result<u32, String> {
        self.may_start(at)?;
        self.all[at].past = Past::Runs;
        self.all[at].attempts += 1;
        Ok(self.all[at].attempts)
    }

    /// `retry` counts all attempts, also those that a person asked for; those that a repair brings come on top.
    pub fn end(&mut self, at: At, outcome: &Outcome) {
        let (step, attempts) = (self.step(at), self.all[at].attempts - self.all[at].repaired);
        self.all[at].past = match *outcome {
            Outcome::Success => Past::Succeeded,
            Outcome::Failure { .. } if self.is_repaired(at) => {
                self.all[at].repaired += 1;
                let by = self.all[at].repair.expect("it has one");
                self.all[by].past = Past::Nothing;
                Past::Mends
            }
            Outcome::Failure { transient } if attempts < step.attempts && (transient || step.retries_all) => {
                Past::WillRetry
            }
            Outcome::Failure { .. } => self.failure(at),
        };
        self.settle();
    }

    /// A `try` of which no way was taken begins with the first again.
    pub fn retry(&mut self, at: At) {
        for way in self.all[at].inside.clone() {
            let gone = matches!(self.all[way].past, Past::Superseded | Past::Skipped);
            if self.tries(at) && gone && self.all[way].mends.is_none() {
                self.begin_anew(way);
            }
        }
        self.all[at].past = Past::Nothing;
    }

    pub fn skip(&mut self, at: At) {
        self.all[at].left_out = true;
        self.all[at].past = Past::Skipped;
    }

    /// Whether a later step reads what it puts out, so that it cannot be left out.
    pub fn is_read(&self, at: At) -> bool {
        let beside = &self.all[at].beside;
        beside.iter().any(|other| {
            let step = self.step(*other);
            let list = step.items.and_then(|items| items.runtime);
            let read = match step.condition {
                Condition::Reads(of) => Some(of),
                _ => None,
            };
            [list, read].into_iter().flatten().any(|of| beside[of] == at)
        })
    }

    /// Items that the engine cannot know yet.
    pub fn is_hidden(&self, at: At) -> bool {
        self.around(at).any(|list| self.all[list].role == Role::List && self.all[list].past != Past::Runs)
    }

    pub fn succeed_by_hand(&mut self, at: At) {
        self.all[at].past = Past::Succeeded;
    }

    /// All that failed by itself.
    pub fn all_failed(&self) -> Vec<At> {
        let counts = |at: &At| self.all[*at].past == Past::Failed && self.all[*at].mends.is_none();
        (0..self.len()).filter(counts).collect()
    }

    /// Failures that a person has to deal with.
    pub fn failed(&self) -> Vec<At> {
        let counts = |at: &At| !self.all[*at].finally && !self.may_fail(*at) && !self.is_excused(*at);
        self.all_failed().into_iter().filter(counts).collect()
    }

    /// What follows without anybody doing anything: skips, lists that open, the end.
    pub fn settle(&mut self) {
        loop {
            self.repairs_in_vain();
            self.blocks_give_way();
            self.ending = self.ending.or_else(|| self.ends());
            if !self.one_round() {
                return;
            }
        }
    }

    /// "When every step has ended well", which a blocked one has only if nobody has to deal with what blocks it; "or a failure
    /// under `--on-failure abort`".
    fn ends(&self) -> Option<End> {
        let over = |at: At| self.all[at].finally || ended(self.word(at));
        match (self.failed().is_empty(), self.book.aborts) {
            (false, true) => Some(End::Failed),
            (true, _) if (0..self.len()).all(over) => Some(End::Succeeded),
            _ => None,
        }
    }

    /// What follows for one thing at this moment.
    fn next(&self, at: At) -> Option<Past> {
        let one = &self.all[at];
        if let Some(past) = self.comes_to_nothing(at) {
            return Some(past);
        }
        if !matches!(one.past, Past::Nothing) || !self.is_turn(at) {
            return None;
        }
        match self.needs_say(at) {
            Says::Skip => return Some(Past::Skipped),
            Says::Satisfied => {}
            Says::Wait | Says::Block => return None,
        }
        if one.role == Role::List {
            return match one.step.items.and_then(|items| items.runtime) {
                Some(from) if self.word(one.beside[from]) != Word::Succeeded => Some(Past::Failed),
                _ => Some(Past::Runs),
            };
        }
        if self.is_body(at) && !self.has_room(at) {
            return None;
        }
        match self.condition(at) {
            Ok(true) if self.is_body(at) => Some(Past::Runs),
            Ok(true) => None,
            Ok(false) => Some(Past::Skipped),
            Err(()) => Some(Past::Failed),
        }
    }

    fn one_round(&mut self) -> bool {
        // All of a moment at once: the condition of one does not hang on what becomes of another; but of several that may
        // open, each counts for the next.
        let mut opened: Vec<At> = Vec::new();
        let mut news = Vec::new();
        for at in 0..self.len() {
            let Some(past) = self.next(at) else { continue };
            if past == Past::Runs && self.is_body(at) {
                self.all[at].past = past;
                opened.push(at);
            } else {
                news.push((at, past));
            }
        }
        for (at, past) in &news {
            self.all[*at].past = *past;
            // What fails before it starts counts as an attempt: the contract says nothing of it, and `status` shows one.
            self.all[*at].attempts += u32::from(*past == Past::Failed);
        }
        !news.is_empty() || !opened.is_empty()
    }

    /// The state at the end: a `finally` that failed makes a success a failure.
    pub fn end_state(&self) -> Option<End> {
        let finally = || (0..self.len()).filter(|at| self.all[*at].finally);
        if !finally().all(|at| ended(self.word(at))) || (0..self.len()).any(|at| self.runs(at)) {
            return None;
        }
        let bad = |at: At| self.word(at) == Word::Failed && !self.may_fail(at);
        match self.ending? {
            End::Succeeded if finally().any(bad) => Some(End::Failed),
            how => Some(how),
        }
    }
}
