//! What happens where something does not work: the next way of a `try`, a repair.

use super::words::ended;
use super::{At, Model, Past, Word};
use crate::agreement::book::Repair;

impl Model<'_> {
    /// "A step that fails with a fault that a repair is against; at most `attempts` times."
    pub(super) fn is_repaired(&self, at: At) -> bool {
        let may = |repair: &Repair| repair.fits && self.all[at].repaired < repair.times;
        let over = self.ending.is_some() && !self.all[at].finally;
        self.step(at).repair.as_deref().is_some_and(may) && !over
    }

    /// A way that fails gives way to the next, if there is one.
    pub(super) fn failure(&self, at: At) -> Past {
        let others = self.ways_beside(at);
        match others.last() {
            Some(last) if *last != at && self.ending.is_none() => Past::Superseded,
            _ => Past::Failed,
        }
    }

    /// Whether another way stands behind the one that it is or lies in: then its failure is no failure of the run.
    pub(super) fn is_excused(&self, at: At) -> bool {
        let has_one_behind =
            |at: At| self.ways_beside(at).last().is_some_and(|last| *last != at) && !self.was_taken(at);
        std::iter::once(at).chain(self.around(at)).any(has_one_behind)
    }

    /// Whether the ways behind it were left out because it succeeded, whatever is done with its steps since.
    fn was_taken(&self, at: At) -> bool {
        let behind = self.ways_beside(at).iter().skip_while(|way| **way != at).skip(1);
        self.is_body(at) && behind.into_iter().any(|way| self.all[*way].past == Past::Skipped)
    }

    /// A block that is a way gives way once all in it has ended, and not well.
    pub(super) fn blocks_give_way(&mut self) {
        // What lies inside comes first: the next way of a `try` there may come out well yet.
        for at in (0..self.len()).rev() {
            let runs = self.is_body(at) && self.all[at].past == Past::Runs && !self.was_taken(at);
            let failed = runs && self.word(at) == Word::Failed;
            if failed && self.failure(at) == Past::Superseded {
                self.give_way(at);
            }
        }
    }

    fn give_way(&mut self, at: At) {
        let left: Vec<At> = (0..self.len()).filter(|it| self.lies_in(*it, at)).collect();
        let well = |word: Word| matches!(word, Word::Succeeded | Word::Skipped | Word::Superseded);
        let left_out = |it: At| self.around(it).any(|around| self.all[around].past == Past::Skipped);
        let left: Vec<At> = left.into_iter().filter(|it| !well(self.word(*it)) && !left_out(*it)).collect();
        left.into_iter().for_each(|it| self.all[it].past = Past::Superseded);
    }

    /// What of a way begins anew with it.
    pub(super) fn begin_anew(&mut self, way: At) {
        for at in 0..self.len() {
            let gone = matches!(self.all[at].past, Past::Superseded | Past::Skipped);
            if gone && self.lies_in(at, way) {
                self.all[at].past = Past::Nothing;
            }
        }
    }

    /// The ways of the `try` that it is one of.
    pub(super) fn ways_beside(&self, at: At) -> &[At] {
        let is_way = self.all[at].parent.is_some_and(|parent| self.tries(parent)) && self.all[at].mends.is_none();
        if is_way { &self.all[at].beside } else { &[] }
    }

    /// Whether it is done by ways to the same thing.
    pub fn tries(&self, at: At) -> bool {
        self.step(at).tries && self.is_body(at)
    }

    /// "If the repair fails, the step is failed as ever."
    pub(super) fn repairs_in_vain(&mut self) {
        for at in 0..self.len() {
            let over = self.ending.is_some() && !self.all[at].finally;
            let failed = self.all[at].repair.is_some_and(|by| self.all[by].past == Past::Failed);
            if self.all[at].past == Past::Mends && failed && !over {
                self.all[at].past = self.failure(at);
            }
        }
    }

    /// A `try` of which no way was taken has failed; people may have left them out.
    pub(super) fn comes_to_nothing(&self, at: At) -> Option<Past> {
        let ways = || self.all[at].inside.iter().filter(|way| self.all[**way].mends.is_none());
        let well = |way: &At| matches!(self.all[*way].past, Past::Skipped | Past::Superseded);
        let over = self.all[at].inside.iter().all(|at| ended(self.word(*at)));
        let nothing = self.all[at].past == Past::Runs && self.tries(at) && over && ways().all(well);
        let left_out = ways().any(|way| self.all[*way].left_out);
        nothing.then_some(if left_out { Past::Skipped } else { Past::Failed })
    }
}
