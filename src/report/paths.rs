//! The plan against what became of it: when each step was to start and end, and which chain of needs took longest.

use serde::Serialize;

use crate::model::Address;
use crate::plan::outline::Outline;

/// One step of the chain that took longest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Leg {
    pub step: Address,
    /// From the end of the leg before, or from the start of the run, to its own start: nobody worked on this chain.
    pub waited_ms: u64,
    /// From its start to its end, the waits in it included.
    pub took_ms: u64,
}

/// The steps of the longest way by estimate; empty where no step on it has one.
pub fn planned(outline: &Outline) -> Vec<usize> {
    let mut ends = Ends::new(outline);
    let estimate = |node: usize| outline.steps[node].estimate_seconds;
    for &node in outline.order.iter().filter(|node| outline.steps[**node].members.is_none()) {
        let before = ends.before(node).and_then(|before| ends.at[before]).unwrap_or(0);
        ends.note(node, before + estimate(node).unwrap_or(0));
    }
    let way = ends.way();
    if way.iter().any(|node| estimate(*node).is_some()) { way } else { Vec::new() }
}

/// The chain that ended last. `times` gives start and end of a step that has both, in milliseconds from the start of the run.
pub fn actual(outline: &Outline, times: impl Fn(usize) -> Option<(u64, u64)>) -> Vec<Leg> {
    let mut ends = Ends::new(outline);
    for &node in outline.order.iter().filter(|node| outline.steps[**node].members.is_none()) {
        if let Some((_, end)) = times(node) {
            ends.note(node, end);
        }
    }
    let mut done = 0;
    let mut legs = Vec::new();
    for node in ends.way() {
        let Some((start, end)) = times(node) else { continue };
        // One that was done again may have started before what it needs ended again.
        let start = start.max(done);
        let end = end.max(start);
        let step = outline.steps[node].address.clone();
        legs.push(Leg { step, waited_ms: start - done, took_ms: end - start });
        done = end;
    }
    legs
}

/// When steps ended, and which member of a group did last.
struct Ends<'a> {
    outline: &'a Outline,
    at: Vec<Option<u64>>,
    last: Vec<Option<usize>>,
}

impl<'a> Ends<'a> {
    fn new(outline: &'a Outline) -> Self {
        Self { outline, at: vec![None; outline.len()], last: vec![None; outline.len()] }
    }

    fn groups(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(node), |node| self.outline.steps[*node].group)
    }

    fn note(&mut self, node: usize, at: u64) {
        self.at[node] = Some(at);
        let above: Vec<usize> = self.groups(node).collect();
        for group in above {
            if self.last[group].and_then(|last| self.at[last]).is_none_or(|last| last < at) {
                self.last[group] = Some(node);
            }
        }
    }

    /// What it came after: of all that it, and the groups around it, need, the one that ended last.
    fn before(&self, node: usize) -> Option<usize> {
        let needs = self.groups(node).flat_map(|it| &self.outline.steps[it].needs);
        needs.filter_map(|need| self.last[need.step]).max_by_key(|before| self.at[*before])
    }

    /// Back from the last of all. What is in `finally` comes behind all others and is no part of it.
    fn way(&self) -> Vec<usize> {
        let ended = (0..self.at.len()).filter(|node| self.at[*node].is_some() && !self.outline.steps[*node].finally);
        let last = ended.max_by_key(|node| (self.at[*node], std::cmp::Reverse(*node)));
        let mut way: Vec<usize> = std::iter::successors(last, |node| self.before(*node)).collect();
        way.reverse();
        way
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::outline::OutlineNeed;
    use crate::view::testing::outline;

    fn ids(outline: &Outline, way: &[usize]) -> Vec<String> {
        way.iter().map(|node| outline.steps[*node].address.to_string()).collect()
    }

    #[test]
    fn the_way_that_was_planned_and_the_one_that_was_gone() {
        let mut outline = outline(&[
            ("a", "run", "", &[]),
            ("b", "run", "", &["a"]),
            ("c", "run", "", &["a"]),
            ("d", "run", "", &["b", "c"]),
        ]);
        outline.steps[1].estimate_seconds = Some(900);
        assert_eq!(ids(&outline, &planned(&outline)), ["a", "b", "d"]);
        let times = [Some((1, 10)), Some((10, 20)), Some((12, 40)), Some((45, 50))];
        let legs = actual(&outline, |node| times[node]);
        let leg = |step: &str, waited_ms, took_ms| Leg { step: step.parse().unwrap(), waited_ms, took_ms };
        assert_eq!(legs, [leg("a", 1, 9), leg("c", 2, 28), leg("d", 5, 5)]);
        assert_eq!(legs.iter().map(|leg| leg.waited_ms + leg.took_ms).sum::<u64>(), 50);
    }

    #[test]
    fn a_group_ends_with_its_last_member_and_begins_after_what_it_needs() {
        let mut outline = outline(&[
            ("a", "run", "", &[]),
            ("g", "run", "", &["a"]),
            ("m", "run", "", &[]),
            ("n", "run", "", &[]),
            ("z", "run", "", &["g"]),
        ]);
        outline.steps[1].members = Some(2..4);
        (outline.steps[2].group, outline.steps[3].group) = (Some(1), Some(1));
        outline.steps[3].estimate_seconds = Some(900);
        assert_eq!(ids(&outline, &planned(&outline)), ["a", "n", "z"]);
        let times = [Some((0, 10)), None, Some((10, 30)), Some((10, 20)), None];
        let legs = actual(&outline, |node| times[node]);
        assert_eq!(legs.iter().map(|leg| leg.step.as_str()).collect::<Vec<_>>(), ["a", "m"]);
    }

    #[test]
    fn without_estimates_or_ends_there_is_no_way() {
        let mut outline = outline(&[("a", "run", "", &[]), ("b", "run", "", &[])]);
        outline.steps.iter_mut().for_each(|step| step.estimate_seconds = None);
        outline.steps[1].needs = vec![OutlineNeed { step: 0, when: None }];
        assert!(planned(&outline).is_empty());
        assert!(actual(&outline, |_| None).is_empty());
    }
}
