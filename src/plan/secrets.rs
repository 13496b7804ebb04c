//! Which secrets a part of a run needs: who only takes something away should not be asked for all of them.

use std::collections::BTreeSet;

use super::Plan;
use crate::runbook::ast::{Step, Undo};
use crate::runbook::tree::Tree;

/// The secrets that the steps at `nodes` read, also by way of variables.
pub fn needed(plan: &Plan, nodes: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
    let mut needed = BTreeSet::new();
    let mut seen = BTreeSet::new();
    // Each with the include in whose file it is written.
    let file = |node: usize| plan.graph.file(&plan.runbook, node);
    let own = |node: usize| trees(plan.step(node)).into_iter().map(move |tree| (file(node), tree));
    let mut trees: Vec<(Option<usize>, &Tree)> = nodes.into_iter().flat_map(own).collect();
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
