//! How things stand, worked out from what has happened: the words of the contract about needs, lists and limits.

use super::{At, Model, Past, Role, Word};
use crate::agreement::book::{Condition, Need};

/// What a need says about the start of a step.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Says {
    Satisfied,
    Wait,
    Skip,
    Block,
}

pub(super) fn ended(word: Word) -> bool {
    !matches!(word, Word::Pending | Word::Running)
}

impl Model<'_> {
    /// "A need that ended outside `when` skips the step if it succeeded or was skipped, blocks it if it failed, was blocked
    /// or undone." Without `when`: succeeded or skipped; a failure that is allowed counts as satisfied.
    pub(super) fn says(&self, at: At, when: Option<&[&str]>) -> Says {
        let ended = self.word(at);
        let (word, well) = match ended {
            Word::Pending | Word::Running => return Says::Wait,
            Word::Succeeded => ("succeeded", true),
            Word::Skipped => ("skipped", true),
            Word::Superseded => ("superseded", true),
            Word::Failed => ("failed", false),
            Word::Blocked => ("blocked", false),
        };
        let satisfied = match when {
            Some(when) => when.contains(&word),
            None => well || (ended == Word::Failed && self.all[at].step.allow_failure),
        };
        match (satisfied, well) {
            (true, _) => Says::Satisfied,
            (false, true) => Says::Skip,
            (false, false) => Says::Block,
        }
    }

    /// Whether what it lies in is open. "stop: no further item starts."
    pub(super) fn gate(&self, at: At) -> Says {
        let Some(parent) = self.all[at].parent else { return Says::Satisfied };
        if self.all[parent].past == Past::Runs {
            let stops =
                matches!(self.all[parent].role, Role::List) && self.step(parent).items.is_some_and(|it| it.stops);
            let failed = |item: &At| self.word_of_past(*item) == Word::Failed && !self.step(*item).allow_failure;
            let stopped = stops && self.all[parent].inside.iter().any(failed);
            return if stopped { Says::Block } else { Says::Satisfied };
        }
        match self.word(parent) {
            Word::Skipped => Says::Skip,
            Word::Failed | Word::Blocked => Says::Block,
            _ => Says::Wait,
        }
    }

    /// "Blocked wins"; before a step is skipped, it must be certain that it is not blocked.
    pub(super) fn needs_say(&self, at: At) -> Says {
        let one = &self.all[at];
        let mut all = vec![self.gate(at)];
        if let Some(of) = one.mends {
            return self.repair_says(at, of, all[0]);
        }
        let ways = self.ways_beside(at);
        // "The first that succeeds wins": the others are tried one after the other, once those before gave way.
        all.extend(
            ways.iter().take_while(|way| **way != at).map(|way| self.says(*way, Some(&["superseded", "skipped"]))),
        );
        match one.role {
            Role::Item(item) => {
                let items = one.step.items.filter(|items| items.serial && item > 0);
                if let (Some(items), Some(list)) = (items, one.parent) {
                    let any = ["succeeded", "skipped", "failed", "blocked"];
                    all.push(self.says(self.all[list].inside[item - 1], (!items.stops).then_some(&any[..])));
                }
            }
            _ if one.finally => {
                // A list, in which a failure above keeps nothing from being cleaned up.
                let above = one.beside.iter().take_while(|other| **other != at);
                all.extend(above.filter(|other| !ended(self.word(**other))).map(|_| Says::Wait));
            }
            _ => all.extend(
                one.step.needs.iter().map(|need: &Need| self.says(one.beside[need.step], need.when.as_deref())),
            ),
        }
        [Says::Block, Says::Wait, Says::Skip].into_iter().find(|says| all.contains(says)).unwrap_or(Says::Satisfied)
    }

    /// A repair begins when its step waits for it. It is left out once that has ended, and blocked where it failed for good.
    fn repair_says(&self, at: At, of: At, gate: Says) -> Says {
        let step = self.word(of);
        match gate {
            _ if self.all[of].past == Past::Mends && self.all[at].past == Past::Nothing => Says::Satisfied,
            Says::Block => Says::Block,
            _ if step == Word::Blocked || (step == Word::Failed && !self.step(of).allow_failure) => Says::Block,
            _ if !ended(step) || gate == Says::Wait => Says::Wait,
            _ => Says::Skip,
        }
    }

    pub fn word(&self, at: At) -> Word {
        match self.all[at].past {
            Past::Nothing | Past::WillRetry | Past::Mends if self.needs_say(at) == Says::Block => Word::Blocked,
            _ => self.word_of_past(at),
        }
    }

    /// Blocked, and the state of what others do, are nowhere kept: they follow from the needs and from what lies inside.
    pub(super) fn word_of_past(&self, at: At) -> Word {
        let one = &self.all[at];
        match one.past {
            Past::Nothing | Past::WillRetry | Past::Mends => Word::Pending,
            Past::Superseded => Word::Superseded,
            Past::Succeeded => Word::Succeeded,
            Past::Skipped => Word::Skipped,
            Past::Failed => Word::Failed,
            Past::Runs if self.is_leaf(at) => Word::Running,
            Past::Runs => {
                let words: Vec<(Word, bool)> =
                    one.inside.iter().map(|at| (self.word(*at), self.step(*at).allow_failure)).collect();
                let is_list = one.role == Role::List;
                // What may fail in a block, and what that blocks, is no failure of the block.
                let fails = |(word, may): &(Word, bool)| match word {
                    Word::Failed => is_list || !may,
                    Word::Blocked => is_list,
                    _ => false,
                };
                // A `try` has not ended before one of its ways was taken, or what becomes of it without one was said.
                let ways = one.inside.iter().filter(|way| self.all[**way].mends.is_none()).map(|way| self.word(*way));
                let settles = |word: Word| matches!(word, Word::Succeeded | Word::Failed | Word::Blocked);
                let is_open = self.tries(at) && !ways.into_iter().any(settles);
                match () {
                    () if is_open => Word::Running,
                    () if words.iter().any(|(word, _)| !ended(*word)) => Word::Running,
                    () if words.iter().any(fails) => Word::Failed,
                    () => Word::Succeeded,
                }
            }
        }
    }

    /// Whether everything but limits and locks lets it start.
    pub(super) fn is_ready(&self, at: At) -> bool {
        let nothing = match self.all[at].past {
            Past::Nothing | Past::WillRetry => true,
            Past::Mends => self.is_mended(at),
            _ => false,
        };
        nothing && self.is_turn(at) && self.needs_say(at) == Says::Satisfied
    }

    /// Whether the repair that it waits for has been done.
    fn is_mended(&self, at: At) -> bool {
        self.all[at].repair.is_some_and(|by| matches!(self.all[by].past, Past::Succeeded | Past::Skipped))
    }

    pub(super) fn runs(&self, at: At) -> bool {
        self.is_leaf(at) && self.all[at].past == Past::Runs
    }

    /// `finally` runs at the end, when nothing of the others is under way; at the end nothing else starts.
    pub(super) fn is_turn(&self, at: At) -> bool {
        let others_run = || (0..self.len()).any(|at| !self.all[at].finally && self.runs(at));
        if self.all[at].finally { self.ending.is_some() && !others_run() } else { self.ending.is_none() }
    }

    pub(super) fn lies_in(&self, at: At, outer: At) -> bool {
        at == outer || self.around(at).any(|around| around == outer)
    }

    /// Whether an item may begin or go on beside the others of its list.
    pub(super) fn has_room(&self, item: At) -> bool {
        let (Role::Item(_), Some(list)) = (self.all[item].role, self.all[item].parent) else { return true };
        let items = self.step(item).items;
        let most = items.and_then(|it| if it.serial { Some(1) } else { it.most });
        let Some(most) = most else { return true };
        let all = &self.all[list].inside;
        let works = |item: &At| (0..self.len()).any(|at| self.lies_in(at, *item) && self.runs(at));
        if self.is_leaf(item) {
            return all.iter().filter(|item| works(item)).count() < most;
        }
        let begun: Vec<At> =
            all.iter().copied().filter(|it| self.all[*it].past == Past::Runs && !ended(self.word(*it))).collect();
        if !begun.contains(&item) {
            return begun.len() < most;
        }
        // More began than may go on only if somebody sent several back.
        let (busy, others): (Vec<At>, Vec<At>) = begun.iter().partition(|item| works(item));
        let free = most.saturating_sub(busy.len());
        begun.len() <= most || busy.contains(&item) || others.iter().take(free).any(|other| *other == item)
    }

    /// Whether it may start at this moment.
    pub fn may_start(&self, at: At) -> Result<(), String> {
        let running: Vec<At> = (0..self.len()).filter(|at| self.runs(*at)).collect();
        let step = self.step(at);
        let says = |what: &str| Err(format!("`{}`: {what}", self.address(at)));
        if !self.is_leaf(at) || !self.is_ready(at) {
            return says("it is not ready");
        }
        if self.condition(at) != Ok(true) {
            return says("its condition does not hold");
        }
        if running.len() >= self.book.concurrency {
            return says("no more may run at once");
        }
        if step.lock.is_some() && running.iter().any(|other| self.step(*other).lock == step.lock) {
            return says("another step has its lock");
        }
        if !std::iter::once(at).chain(self.around(at)).all(|item| self.has_room(item)) {
            return says("enough of its items are under way");
        }
        Ok(())
    }

    /// Nothing that may start is left waiting, but what waits for its next attempt.
    pub fn left_waiting(&self) -> Option<At> {
        let waits = |at: At| matches!(self.all[at].past, Past::Nothing | Past::Mends);
        (0..self.len()).find(|at| waits(*at) && self.may_start(*at).is_ok())
    }

    pub fn waits_for_a_retry(&self) -> bool {
        (0..self.len()).any(|at| self.all[at].past == Past::WillRetry && self.may_start(at).is_ok())
    }

    pub(super) fn condition(&self, at: At) -> Result<bool, ()> {
        let one = &self.all[at];
        let beside = match one.role {
            Role::Item(_) => one.parent.map(|list| &self.all[list].beside),
            _ => Some(&one.beside),
        };
        let made = |of: usize| beside.is_some_and(|beside| self.word(beside[of]) == Word::Succeeded);
        match one.step.condition {
            Condition::None => Ok(true),
            Condition::Always(yes) => Ok(yes),
            Condition::Made(of) => Ok(made(of)),
            Condition::Reads(of) if made(of) => Ok(true),
            // "Reading an output of a skipped step is an error."
            Condition::Reads(_) => Err(()),
        }
    }
}
