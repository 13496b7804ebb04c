//! Lists that are written out and hold more than any run may have. What only a run knows is judged there.

use std::collections::HashMap;

use crate::runbook::ast::{Runbook, Step};
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::tree::Node;

/// More than any recovery has, few enough to be planned at once.
pub const MOST: usize = 100_000;
/// What helps where there are more.
pub const MOST_HELP: &str = "split the lists over several runs";

/// Said where there are more.
pub fn too_many(all: usize) -> String {
    format!("with all items there are {all} steps, more than 100,000")
}

pub fn judge(book: &Runbook, report: &mut Report) {
    Expanded::default().judge(book, report);
}

/// How many steps bodies are, by the place they have in memory: a file that is included often is counted once.
#[derive(Default)]
struct Expanded(HashMap<*const Runbook, usize>);

impl Expanded {
    fn judge(&mut self, book: &Runbook, report: &mut Report) {
        let all = self.body(book);
        let largest = book.all_steps().map(|(_, step)| (self.step(step), step)).max_by_key(|(steps, _)| *steps);
        let Some((_, step)) = largest.filter(|_| all > MOST) else { return };
        let is_within = step.inside().is_some_and(|inside| self.body(inside) > MOST);
        match (&step.block, step.part()) {
            (Some(block), _) if is_within => self.judge(block, report),
            // It is said there.
            (None, Some(_)) if is_within => {}
            _ => {
                let at = step.foreach.as_ref().map_or(step.span, |foreach| foreach.span);
                report.error_help(codes::TOO_MANY_STEPS, at, too_many(all), MOST_HELP);
            }
        }
    }

    fn body(&mut self, book: &Runbook) -> usize {
        let place = std::ptr::from_ref(book);
        if let Some(known) = self.0.get(&place) {
            return *known;
        }
        let all = book.all_steps().fold(0, |sum: usize, (_, step)| sum.saturating_add(self.step(step)));
        self.0.insert(place, all);
        all
    }

    fn step(&mut self, step: &Step) -> usize {
        let each = 1 + step.inside().map_or(0, |inside| self.body(inside));
        match step.foreach.as_ref().map(|foreach| &foreach.list.node) {
            None => each,
            Some(Node::List(items)) => items.len().saturating_mul(each).saturating_add(1),
            Some(Node::Map(items)) => items.len().saturating_mul(each).saturating_add(1),
            Some(_) => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::parse_text;

    fn problems(steps: &str) -> Vec<(&'static str, usize, usize)> {
        let loaded = parse_text("x", &format!("version: 1\nname: x\nseverity: partial\nsteps:\n{steps}")).unwrap();
        let mut report = Report::new(&loaded.source);
        judge(&loaded.runbook, &mut report);
        report.problems.iter().map(|it| (it.code, it.line, it.column)).collect()
    }

    fn list(items: usize) -> String {
        (0..items).map(|it| it.to_string()).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn a_list_that_no_run_may_have_is_refused_where_it_stands() {
        let nested = |inner| {
            format!(
                "  - id: a\n    foreach: [{}]\n    steps:\n      - id: b\n        run: x\n        foreach: [{}]\n",
                list(100),
                list(inner)
            )
        };
        assert_eq!(problems(&nested(997)), []);
        assert_eq!(problems(&nested(998)), [(codes::TOO_MANY_STEPS, 6, 5)], "only both together are too many");
        let within: String = nested(998).lines().map(|line| format!("    {line}\n")).collect();
        let alone = format!("  - id: all\n    steps:\n{within}");
        assert_eq!(problems(&alone), [(codes::TOO_MANY_STEPS, 8, 9)]);
    }
}
