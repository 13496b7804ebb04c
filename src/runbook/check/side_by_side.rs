//! Many things that do not need one another, judged on all cores. The problems stay in the order of the things.

use std::panic::resume_unwind;
use std::thread;

use crate::runbook::diagnostic::Report;

/// Fewer are not worth a thread.
const MANY: usize = 1_000;

/// Judges the things from 0 to `count`.
pub fn side_by_side(count: usize, report: &mut Report, judge: impl Fn(usize, &mut Report) + Sync) {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    if count < MANY || threads == 1 {
        return (0..count).for_each(|thing| judge(thing, report));
    }
    let part = count.div_ceil(threads);
    let (source, judge) = (&report.source.clone(), &judge);
    thread::scope(|scope| {
        let work = |from: usize| {
            let mut report = Report::new(source);
            (from..count.min(from + part)).for_each(|thing| judge(thing, &mut report));
            report.problems
        };
        let parts: Vec<_> = (0..count).step_by(part).map(|from| scope.spawn(move || work(from))).collect();
        let problems = parts.into_iter().flat_map(|part| part.join().unwrap_or_else(|panic| resume_unwind(panic)));
        report.problems.extend(problems);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::source::{Source, Span};

    #[test]
    fn problems_keep_the_order_of_the_things() {
        let mut report = Report::new(&Source::new("x", "x"));
        let count = 5 * MANY + 3;
        side_by_side(count, &mut report, |thing, report| report.error("RG0000", Span::default(), thing.to_string()));
        assert_eq!(report.problems.len(), count);
        assert!(report.problems.iter().enumerate().all(|(at, problem)| problem.message == at.to_string()));
    }
}
