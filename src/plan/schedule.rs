//! In which order the ready start, how long a run will take so, and what no order can beat.
//!
//! Among the ready the one with the longest way behind it comes first, by estimates: what is on the longest way must not
//! wait for what is not. The same rule is played through ahead of time, on a clock of its own.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::outline::Outline;

/// What stands for a step that nobody has estimated and no earlier run has done.
const UNKNOWN: u64 = 1;

/// Seconds from the start of a run to its end, by estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreseen {
    pub seconds: u64,
    /// No order is faster: the longest way, or what a limit or lock has to take one after the other.
    pub bound: u64,
}

/// For every node the seconds from its start to the end of all that waits for it.
pub fn remaining(outline: &Outline) -> Vec<u64> {
    let mut rank = vec![0; outline.len()];
    for &node in outline.order.iter().rev() {
        let step = &outline.steps[node];
        let behind = |node: usize, rank: &[u64]| {
            outline.steps[node].dependents.iter().map(|other| rank[*other]).max().unwrap_or(0)
        };
        let groups = std::iter::successors(step.group, |group| outline.steps[*group].group);
        let after = groups.map(|group| behind(group, &rank)).chain([behind(node, &rank)]).max().unwrap_or(0);
        let inside = step.members.clone().into_iter().flatten().map(|member| rank[member]).max().unwrap_or(0);
        rank[node] = inside.max(after + weight(outline, node));
    }
    rank
}

fn weight(outline: &Outline, node: usize) -> u64 {
    let step = &outline.steps[node];
    // That it is needed is not foreseen.
    if step.members.is_some() || step.mends.is_some() { 0 } else { step.estimate_seconds.unwrap_or(UNKNOWN) }
}

/// Plays the run through. `None` where nothing is known of any step.
pub fn foresee(outline: &Outline, concurrency: usize) -> Option<Foreseen> {
    is_known(outline).then(|| Foreseen {
        seconds: makespan(outline, concurrency, |node| (Reverse(outline.steps[node].remaining_seconds), node)),
        bound: bound(outline, concurrency),
    })
}

/// Whether anything is known of any step.
fn is_known(outline: &Outline) -> bool {
    outline.steps.iter().any(|step| step.estimate_seconds.is_some() && !step.finally)
}

/// When each step starts and ends, in seconds from the start of the run, by estimate; a step that nobody has estimated counts
/// as one second. `None` for groups, for `finally`, and for all where nothing is known of any step.
pub fn timetable(outline: &Outline, concurrency: usize) -> Vec<Option<(u64, u64)>> {
    if !is_known(outline) {
        return vec![None; outline.len()];
    }
    let priority = |node: usize| (Reverse(outline.steps[node].remaining_seconds), node);
    let mut play = Play::new(outline, concurrency, priority);
    play.run();
    play.times
}

/// How long it takes if the ready start in the order of `priority`. The steps of `finally` are left out.
pub fn makespan<P: Ord>(outline: &Outline, concurrency: usize, priority: impl Fn(usize) -> P) -> u64 {
    Play::new(outline, concurrency, priority).run()
}

/// A run on a clock of its own.
struct Play<'a, P, F> {
    outline: &'a Outline,
    concurrency: usize,
    priority: F,
    missing: Vec<usize>,
    open: Vec<usize>,
    /// Became free and was not looked at yet.
    queue: Vec<usize>,
    ready: BTreeSet<(P, usize)>,
    running: BinaryHeap<Reverse<(u64, usize)>>,
    held: BTreeSet<&'a str>,
    now: u64,
    /// When each began and will end.
    times: Vec<Option<(u64, u64)>>,
}

impl<'a, P: Ord, F: Fn(usize) -> P> Play<'a, P, F> {
    fn new(outline: &'a Outline, concurrency: usize, priority: F) -> Self {
        let missing = outline.steps.iter().map(|step| step.needs.len() + usize::from(step.group.is_some()));
        let mut open = vec![0; outline.len()];
        outline.steps.iter().filter_map(|step| step.group).for_each(|group| open[group] += 1);
        Self {
            outline,
            concurrency,
            priority,
            missing: missing.collect(),
            open,
            queue: Vec::new(),
            ready: BTreeSet::new(),
            running: BinaryHeap::new(),
            held: BTreeSet::new(),
            now: 0,
            times: vec![None; outline.len()],
        }
    }

    fn run(&mut self) -> u64 {
        let free = |node: &usize| self.missing[*node] == 0 && !self.outline.steps[*node].finally;
        self.queue = (0..self.outline.len()).filter(free).collect();
        loop {
            self.free();
            self.start();
            let Some(Reverse((at, node))) = self.running.pop() else { return self.now };
            self.now = at;
            if let Some(lock) = &self.outline.steps[node].lock {
                self.held.remove(lock.as_str());
            }
            self.end(node);
        }
    }

    /// What became free is ready, or a group that opens.
    fn free(&mut self) {
        while let Some(node) = self.queue.pop() {
            match self.outline.steps[node].members.clone() {
                Some(under) if under.is_empty() => self.end(node),
                Some(under) => under
                    .filter(|member| self.outline.steps[*member].group == Some(node))
                    .for_each(|member| self.release(member)),
                None if self.outline.steps[node].mends.is_some() => self.end(node),
                None => {
                    self.ready.insert(((self.priority)(node), node));
                }
            }
        }
    }

    fn start(&mut self) {
        let mut left = BTreeSet::new();
        while let Some((priority, node)) = self.ready.pop_first() {
            if self.running.len() >= self.concurrency {
                left.insert((priority, node));
                break;
            }
            match &self.outline.steps[node].lock {
                Some(lock) if !self.held.insert(lock) => {
                    left.insert((priority, node));
                }
                _ => {
                    let end = self.now + weight(self.outline, node);
                    self.times[node] = Some((self.now, end));
                    self.running.push(Reverse((end, node)));
                }
            }
        }
        self.ready.append(&mut left);
    }

    fn end(&mut self, node: usize) {
        let outline = self.outline;
        outline.steps[node].dependents.iter().for_each(|dependent| self.release(*dependent));
        if let Some(group) = outline.steps[node].group {
            self.open[group] -= 1;
            if self.open[group] == 0 {
                self.end(group);
            }
        }
    }

    fn release(&mut self, node: usize) {
        self.missing[node] -= 1;
        if self.missing[node] == 0 {
            self.queue.push(node);
        }
    }
}

/// Seconds that no order can beat.
pub fn bound(outline: &Outline, concurrency: usize) -> u64 {
    let steps = || (0..outline.len()).filter(|node| !outline.steps[*node].finally);
    let longest = steps().map(|node| outline.steps[node].remaining_seconds).max().unwrap_or(0);
    let work: u64 = steps().map(|node| weight(outline, node)).sum();
    let shared = work.div_ceil(concurrency.max(1) as u64);
    longest.max(shared).max(longest_lock(outline))
}

/// One after the other under the same lock, behind what all of them wait for, and before what waits for all of them.
fn longest_lock(outline: &Outline) -> u64 {
    let mut locks: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (node, step) in outline.steps.iter().enumerate().filter(|(_, step)| step.members.is_none() && !step.finally) {
        if let Some(lock) = &step.lock {
            locks.entry(lock).or_default().push(node);
        }
    }
    let heads = earliest(outline);
    let one = |nodes: &Vec<usize>| {
        let head = nodes.iter().map(|node| heads[*node]).min().unwrap_or(0);
        let own: u64 = nodes.iter().map(|node| weight(outline, *node)).sum();
        let tail = nodes.iter().map(|node| outline.steps[*node].remaining_seconds - weight(outline, *node)).min();
        head + own + tail.unwrap_or(0)
    };
    locks.values().map(one).max().unwrap_or(0)
}

/// When each node can start at the earliest.
fn earliest(outline: &Outline) -> Vec<u64> {
    let mut start = vec![0; outline.len()];
    for &node in &outline.order {
        let step = &outline.steps[node];
        let ended = |need: usize, start: &[u64]| {
            let members = outline.steps[need].members.clone().into_iter().flatten();
            members.chain([need]).map(|node| start[node] + weight(outline, node)).max().unwrap_or(0)
        };
        let needs = step.needs.iter().map(|need| ended(need.step, &start));
        start[node] = needs.chain(step.group.map(|group| start[group])).max().unwrap_or(0);
    }
    start
}

#[cfg(test)]
mod tests;
