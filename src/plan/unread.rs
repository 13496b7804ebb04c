//! Outputs of steps that are left out: what reads one fails in the middle of the run, so such a run is not begun.

use std::collections::BTreeSet;

use super::Plan;
use super::forecast::{self, Verdict};
use super::scope::RunScope;
use crate::model::{Address, RunState};
use crate::runbook::template::Reference;

/// Who reads what of whom.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unread {
    pub reader: Address,
    pub left_out: Address,
    /// `steps.copy.outputs.rows`
    pub name: String,
}

/// Only what is certain: who may not come to read, or may do without, is not named.
pub fn unread(plan: &Plan) -> Vec<Unread> {
    let verdicts = forecast::verdicts(plan);
    let state = RunState::default();
    let mut found = BTreeSet::new();
    for node in 0..plan.len() {
        for reference in plan.read_by(node).into_iter().filter(|reference| is_read(plan, &verdicts, node, reference)) {
            let Some(other) = RunScope::of(plan, &state, node).find(&reference.path[1]) else { continue };
            if is_left_out(plan, &verdicts, other) {
                // Every item reads the same.
                let reader = plan.address(node).without_keys();
                found.insert(Unread { reader, left_out: plan.address(other).clone(), name: reference.dotted() });
            }
        }
    }
    found.into_iter().collect()
}

fn is_read(plan: &Plan, verdicts: &[Verdict], node: usize, reference: &Reference) -> bool {
    let is_output = reference.root() == "steps" && reference.path.get(2).is_some_and(|field| field == "outputs");
    if !is_output || reference.optional || reference.lazy {
        return false;
    }
    let step = plan.step(node);
    // A hold is taken for others, and of the ways of a `try` another one may do.
    let is_spare = step.is_on_call() || plan.graph.groups(node).any(|group| plan.step(group).tries());
    let is_rehearsed = plan.way(node).is_some() || plan.left_out_of_drill(node).is_some();
    if is_spare || is_rehearsed {
        return false;
    }
    match verdicts[node] {
        Verdict::WouldRun => true,
        Verdict::WouldSkip => false,
        // Its own `if` cannot be answered.
        Verdict::UnknownUntilRun => {
            let is_asked =
                step.condition.as_deref().is_some_and(|condition| condition.references().contains(reference));
            let opens = plan.graph.groups(node).all(|group| verdicts[group] == Verdict::WouldRun);
            is_asked && opens && plan.graph.nodes[node].needs.iter().all(|(_, when)| when.is_none())
        }
    }
}

/// On request, or since its `if` is false. What a drill leaves out also leaves out who reads it.
fn is_left_out(plan: &Plan, verdicts: &[Verdict], node: usize) -> bool {
    if plan.is_drill() {
        return plan.graph.groups(node).chain([node]).any(|node| plan.is_left_out(node));
    }
    verdicts[node] == Verdict::WouldSkip
}

#[cfg(test)]
mod tests {
    use super::unread;
    use crate::plan::testing;

    fn told(steps: &str) -> Vec<String> {
        let outputs = "with: { command: [x], outputs: { v: { type: string } } }";
        let head = format!(
            "params: {{ db: {{ type: string }} }}\nsteps:\n  - {{ id: a, uses: run, needs: [], IF {outputs} }}\n"
        );
        let left_out = head.replace("IF", "if: (eq params.db \"none\"),");
        let found = unread(&testing::plan(&format!("{left_out}{steps}")));
        assert!(unread(&testing::plan(&format!("{}{steps}", head.replace("IF", "")))).is_empty());
        found.into_iter().map(|it| format!("{} {} {}", it.reader, it.left_out, it.name)).collect()
    }

    #[test]
    fn who_reads_what_is_left_out_is_named() {
        let reads = "  - { id: b, uses: run, needs: [a], with: { command: [\"{{ steps.a.outputs.v }}\"] } }\n";
        assert_eq!(told(reads), ["b a steps.a.outputs.v"]);
        let asks = "  - { id: b, uses: run, needs: [a], if: (eq steps.a.outputs.v \"x\"), with: { command: [x] } }\n";
        assert_eq!(told(asks), ["b a steps.a.outputs.v"]);
        let inside = format!("  - id: o\n    needs: [a]\n    steps:\n    {}", reads.replace("[a]", "[]"));
        assert_eq!(told(&inside), ["o/b a steps.a.outputs.v"]);
    }

    #[test]
    fn what_may_do_without_is_not() {
        for step in [
            "  - { id: b, uses: run, needs: [a], with: { command: [\"{{ default steps.a.outputs.v 1 }}\"] } }\n",
            "  - { id: b, uses: run, needs: [a], if: (or (eq params.db \"x\") (eq steps.a.outputs.v \"x\")), with: { command: [x] } }\n",
            "  - { id: b, uses: run, needs: [a], if: (eq params.db \"none\"), with: { command: [\"{{ steps.a.outputs.v }}\"] } }\n",
            "  - { id: b, uses: run, needs: [a], with: { command: [x] } }\n",
        ] {
            assert!(told(step).is_empty(), "{step}");
        }
    }
}
