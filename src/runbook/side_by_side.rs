//! Many things that do not need one another, each with its problems, on all cores. The order stays that of the list.

use super::diagnostic::Report;

/// Fewer are not worth a thread.
const MANY: usize = 1_000;

pub fn side_by_side<T: Send, R: Send, Rs: IntoIterator<Item = R>>(
    mut list: Vec<T>,
    report: &mut Report,
    each: impl Fn(T, &mut Report) -> Rs + Sync,
) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    if list.len() < MANY || threads == 1 {
        return in_order(list, report, &each);
    }
    let part = list.len().div_ceil(threads);
    let mut parts = Vec::new();
    while list.len() > part {
        parts.push(list.split_off(list.len() - part));
    }
    let (source, each) = (&report.source.clone(), &each);
    std::thread::scope(|scope| {
        let work = |part| {
            let mut report = Report::new(source);
            (in_order(part, &mut report, each), report.problems)
        };
        let others: Vec<_> = parts.into_iter().rev().map(|part| scope.spawn(move || work(part))).collect();
        let mut all = in_order(list, report, each);
        for other in others {
            let (more, problems) = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            all.extend(more);
            report.problems.extend(problems);
        }
        all
    })
}

fn in_order<T, R, Rs: IntoIterator<Item = R>>(
    list: Vec<T>,
    report: &mut Report,
    each: &impl Fn(T, &mut Report) -> Rs,
) -> Vec<R> {
    // As much room as is needed: a collected filter takes up to twice of it, and what is read may be large.
    let mut all = Vec::with_capacity(list.len());
    all.extend(list.into_iter().flat_map(|item| each(item, report)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::source::{Source, Span};

    #[test]
    fn results_and_problems_keep_the_order_of_the_list() {
        let mut report = Report::new(&Source::new("x", "x"));
        let list: Vec<usize> = (0..5 * MANY + 3).collect();
        let even = side_by_side(list, &mut report, |item, report| {
            report.error("RG0000", Span::default(), item.to_string());
            (item % 2 == 0).then_some(item)
        });
        assert_eq!(even, (0..5 * MANY + 3).step_by(2).collect::<Vec<_>>());
        assert!(report.problems.iter().enumerate().all(|(at, problem)| problem.message == at.to_string()));
        assert_eq!(report.problems.len(), 5 * MANY + 3);
    }
}
