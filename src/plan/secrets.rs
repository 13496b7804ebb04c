//! Which secrets a part of a run needs: who only takes something away should not be asked for all of them.

use std::collections::BTreeSet;

use super::Plan;
use super::forecast::{self, Verdict};
use crate::runbook::ast::{Runbook, Step, Undo};
use crate::runbook::tree::Tree;

/// The secrets that the steps at `nodes` read, also by way of variables.
pub fn needed(plan: &Plan, nodes: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
    // Each with the include in whose file it is written.
    let file = |node: usize| plan.graph.file(&plan.runbook, node);
    let own = |node: usize| {
        let step = plan.step(node);
        let mut own: Vec<(Option<usize>, &Tree)> = trees(step).into_iter().map(|tree| (file(node), tree)).collect();
        // The steps of items that only the run will know are no nodes yet.
        if plan.is_list(node) && !plan.items.contains_key(plan.address(node)) {
            let within = if step.include.is_some() { Some(node) } else { file(node) };
            let inner = step.inside().into_iter().flat_map(Runbook::steps_inside);
            own.extend(inner.flat_map(trees).map(|tree| (within, tree)));
        }
        own
    };
    read_by(plan, nodes.into_iter().flat_map(own).collect())
}

/// The secrets that trees read, each with the include in whose file it is written.
fn read_by<'a>(plan: &'a Plan, mut trees: Vec<(Option<usize>, &'a Tree)>) -> BTreeSet<String> {
    let file = |node: usize| plan.graph.file(&plan.runbook, node);
    let mut needed = BTreeSet::new();
    let mut seen = BTreeSet::new();
    while let Some((unit, tree)) = trees.pop() {
        for reference in tree.references() {
            let Some(name) = reference.path.get(1) else { continue };
            match (reference.root(), unit) {
                ("secrets", _) => drop(needed.insert(name.clone())),
                ("vars", _) if seen.insert((None, name)) => {
                    trees.extend(plan.runbook.vars.get(name).map(|tree| (None, tree)));
                }
                ("params", Some(include)) if seen.insert((unit, name)) => {
                    let outside = file(include);
                    trees.extend(plan.step(include).with.get(name).map(|tree| (outside, tree)));
                }
                _ => {}
            }
        }
    }
    needed
}

/// The secrets that are read only by steps whose condition is known to be false from the start. What a person left out may
/// still be done, so what that needs is not among them.
pub fn idle(plan: &Plan) -> BTreeSet<String> {
    if plan.runbook.secrets.is_empty() {
        return BTreeSet::new();
    }
    let verdicts = forecast::verdicts(plan);
    let by_person = |node| plan.graph.groups(node).chain([node]).any(|it| plan.is_left_out(it));
    let (never, others): (Vec<usize>, Vec<usize>) =
        (0..plan.len()).partition(|node| verdicts[*node] == Verdict::WouldSkip && !by_person(*node));
    let mut wanted = needed(plan, others);
    wanted.extend(of_tell(plan));
    needed(plan, never).into_iter().filter(|name| !wanted.contains(name)).collect()
}

/// The secrets in the addresses of those who are told.
pub fn of_tell(plan: &Plan) -> BTreeSet<String> {
    read_by(plan, plan.runbook.tell.iter().map(|tell| (None, &tell.to)).collect())
}

fn trees(step: &Step) -> Vec<&Tree> {
    let mut trees = vec![&step.with];
    trees.extend(step.verify.iter().flat_map(|proof| std::iter::once(&proof.with).chain(proof.expect.trees())));
    trees.extend(step.creates.iter().flat_map(|made| [&made.kind, &made.id, &made.remove]));
    if let Some(Undo::Command(argv)) = step.undo.as_deref() {
        trees.push(argv);
    }
    trees
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing;

    #[test]
    fn a_step_needs_what_it_reads_itself_or_by_a_variable() {
        let plan = testing::plan(
            r#"
secrets: { a: { from: env, key: A }, b: { from: env, key: B }, c: { from: env, key: C } }
vars: { far: "{{ secrets.b }}", near: "x{{ vars.far }}" }
steps:
  - { id: one, uses: run, needs: [], with: { command: [x], env: { A: "{{ secrets.a }}" } } }
  - { id: two, uses: run, needs: [], with: { command: [x], env: { B: "{{ vars.near }}" } } }
"#,
        );
        assert_eq!(needed(&plan, [0]), BTreeSet::from(["a".to_string()]));
        assert_eq!(needed(&plan, [1]), BTreeSet::from(["b".to_string()]));
        assert!(needed(&plan, []).is_empty());
    }

    #[test]
    fn what_only_steps_read_that_are_never_done_is_idle() {
        let text = r#"
secrets: { a: { from: env, key: A }, b: { from: env, key: B }, c: { from: env, key: C }, d: { from: env, key: D } }
vars: { far: "{{ secrets.b }}" }
steps:
  - { id: one, uses: run, needs: [], with: { command: [x], env: { A: "{{ secrets.a }}" } } }
  - { id: two, uses: run, needs: [], if: (eq params.db "x"), with: { command: [x], env: { A: "{{ secrets.a }}", B: "{{ vars.far }}" } } }
  - { id: three, include: tests/sound/lib/deeper/notes.yaml, needs: [], if: (eq params.db "x"), with: { words: [x], password: "{{ secrets.c }}" } }
"#;
        // Nobody reads `d`: it may be there so that it is masked.
        let mut plan = testing::plan(text);
        assert_eq!(idle(&plan), BTreeSet::from(["b".to_string(), "c".to_string()]));
        plan.skipped.insert("three".parse().unwrap());
        assert_eq!(idle(&plan), BTreeSet::from(["b".to_string()]));
        // Who is told of the run is told whatever it does.
        let plan = testing::plan(&format!("tell: [{{ when: ended, to: '{{{{ vars.far }}}}' }}]\n{text}"));
        assert_eq!(idle(&plan), BTreeSet::from(["c".to_string()]));
    }

    #[test]
    fn what_items_need_that_only_the_run_knows_is_needed_from_the_start() {
        let plan = testing::plan(
            r#"
secrets: { a: { from: env, key: A }, b: { from: env, key: B } }
steps:
  - { id: never, uses: run, needs: [], if: false, with: { command: [x], env: { A: "{{ secrets.a }}", B: "{{ secrets.b }}" } } }
  - { id: ask, uses: run, needs: [], with: { command: [x], outputs: { list: { type: list } } } }
  - id: each
    needs: [ask]
    foreach: "{{ steps.ask.outputs.list }}"
    steps: [{ id: in, steps: [{ id: x, uses: run, with: { command: [x], env: { A: "{{ secrets.a }}" } } }] }]
"#,
        );
        assert_eq!(idle(&plan), BTreeSet::from(["b".to_string()]));
    }

    #[test]
    fn a_step_of_an_include_needs_what_it_is_handed() {
        let plan = testing::plan(
            r#"
secrets: { a: { from: env, key: A }, b: { from: env, key: B } }
vars: { far: "{{ secrets.a }}" }
steps:
  - id: one
    include: tests/sound/lib/deeper/notes.yaml
    needs: []
    with: { words: [x], password: "{{ vars.far }}" }
  - { id: two, include: tests/sound/lib/deeper/notes.yaml, needs: [], with: { words: [x], password: "{{ secrets.b }}" } }
"#,
        );
        let of = |step: &str| needed(&plan, [plan.graph.find(step).unwrap()]);
        assert_eq!(of("one/each:x"), BTreeSet::from(["a".to_string()]));
        assert_eq!(of("two/each:x"), BTreeSet::from(["b".to_string()]));
    }
}
