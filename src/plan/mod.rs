//! A runbook bound to a run: parameters, variables, kinds. Everything the engine decides on besides the records.

pub mod forecast;
mod groups;
pub mod include;
pub mod items;
pub mod outline;
mod reads;
pub mod rehearsal;
pub mod saved;
pub mod schedule;
pub mod scope;
pub mod secrets;
pub mod staffing;
#[cfg(test)]
pub mod testing;
pub mod times;
pub mod unread;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::graph::Graph;
use crate::kind::AnyKind;
use crate::model::record::{Mode, OnFailure};
use crate::model::{Address, Amendment, Effect, Fault, RunId, RunState};
use crate::runbook::ast::{Runbook, Step};
use crate::runbook::catalog::{Late, Shape};
use crate::runbook::duration;
use crate::runbook::tree::Tree;

use items::Items;
use outline::Outline;

#[derive(Clone)]
pub struct Plan {
    pub run: RunId,
    pub mode: Mode,
    /// Of a drill: what it made is not taken away at its end.
    pub keep: bool,
    /// When the run started, as templates see it.
    pub started_at: Timestamp,
    pub outage_began: Option<Timestamp>,
    pub runbook: Runbook,
    pub graph: Graph,
    pub outline: Outline,
    pub items: Items,
    /// Seconds that steps took in earlier runs.
    pub earlier: BTreeMap<Address, u64>,
    /// Of all steps that are written, by name.
    pub catalog: BTreeMap<String, &'static dyn AnyKind>,
    /// One a node.
    pub kinds: Vec<&'static dyn AnyKind>,
    pub effects: Vec<Effect>,
    pub params: Map<String, Value>,
    /// Rendered; a secret stands in it as its placeholder.
    pub vars: Map<String, Value>,
    pub on_failure: OnFailure,
    pub concurrency: usize,
    /// Left out on request.
    pub skipped: BTreeSet<Address>,
    pub base: PathBuf,
    pub digest: String,
    /// The newest change since the run began.
    pub amendment: Option<Amendment>,
}

/// What a run is bound to, beside the runbook.
pub struct Binding {
    pub run: RunId,
    pub mode: Mode,
    pub keep: bool,
    pub started_at: Timestamp,
    pub outage_began: Option<Timestamp>,
    pub params: Map<String, Value>,
    pub on_failure: OnFailure,
    pub concurrency: usize,
    pub skipped: BTreeSet<Address>,
    /// Known from an earlier binding of this run.
    pub items: Items,
    /// Seconds that steps took in earlier runs.
    pub earlier: BTreeMap<Address, u64>,
    pub base: PathBuf,
}

impl Binding {
    /// A real run of all steps, four at once, that nothing is known of from earlier; what is otherwise is said with
    /// `..Binding::new(…)`.
    pub fn new(run: RunId, started_at: Timestamp, params: Map<String, Value>) -> Self {
        Self {
            run,
            mode: Mode::Real,
            keep: false,
            started_at,
            outage_began: None,
            params,
            on_failure: OnFailure::Pause,
            concurrency: 4,
            skipped: BTreeSet::new(),
            items: Items::new(),
            earlier: BTreeMap::new(),
            base: "/".into(),
        }
    }
}

impl Plan {
    /// Binds a runbook that `check` found no error in. `source_digest` stands for its text.
    pub fn bind(
        runbook: Runbook,
        source_digest: &str,
        binding: Binding,
        kind: impl Fn(&str) -> Option<&'static dyn AnyKind>,
    ) -> Result<Self, Fault> {
        let runbook = if binding.mode == Mode::Drill { runbook.rehearsed(binding.keep) } else { runbook };
        let graph = Graph::of(&runbook).map_err(|why| Fault::new("RG1007", why))?;
        let digest = digest(source_digest, &binding);
        let Binding {
            run,
            mode,
            keep,
            started_at,
            outage_began,
            params,
            on_failure,
            concurrency,
            skipped,
            items,
            earlier,
            base,
        } = binding;
        let mut plan = Self {
            run,
            mode,
            keep,
            started_at,
            outage_began,
            runbook,
            graph,
            outline: Outline::default(),
            items: Items::new(),
            earlier,
            catalog: BTreeMap::new(),
            kinds: Vec::new(),
            effects: Vec::new(),
            params,
            vars: Map::new(),
            on_failure,
            concurrency,
            skipped,
            base,
            digest,
            amendment: None,
        };
        plan.vars = scope::vars(&plan)?;
        find_kinds(&plan.runbook, &kind, &mut plan.catalog)?;
        loop {
            // A list in a list is known once the items of the outer one are.
            let found = items::early(&plan, &items)?;
            let done = found.is_empty();
            plan.add_items(found);
            if done {
                break;
            }
        }
        plan.complete(&[]);
        Ok(plan)
    }

    /// Adds the items of lists that opened since: the same plan wherever it is made of the same runbook and records. Gives where
    /// each node has its place now, if any moved.
    pub fn grow(&mut self, state: &RunState) -> Option<Vec<usize>> {
        let mut moved: Option<Vec<usize>> = None;
        loop {
            let found = items::recorded(self, state);
            if found.is_empty() {
                break;
            }
            let place = self.add_items(found);
            moved = Some(match moved {
                None => place,
                Some(before) => before.into_iter().map(|node| place[node]).collect(),
            });
        }
        if let Some(place) = &moved {
            self.complete(place);
        }
        moved
    }

    fn add_items(&mut self, found: Items) -> Vec<usize> {
        self.items.extend(found);
        let keys = |step: &Address| Some(self.items.get(step)?.iter().map(|item| item.key.clone()).collect());
        let (graph, place) = self.graph.expand(&self.runbook, keys);
        self.graph = graph;
        place
    }

    /// Works out what belongs to each node; what stands in `place` of nodes that moved is taken from there.
    fn complete(&mut self, place: &[usize]) {
        let mut before: Vec<Option<usize>> = vec![None; self.len()];
        place.iter().take(self.kinds.len()).enumerate().for_each(|(old, new)| before[*new] = Some(old));
        let (kinds, effects) = (std::mem::take(&mut self.kinds), std::mem::take(&mut self.effects));
        for (node, old) in before.iter().enumerate() {
            let (kind, effect) = match old {
                Some(old) => (kinds[*old], effects[*old]),
                None => self.kind_of(node),
            };
            self.kinds.push(kind);
            self.effects.push(effect);
        }
        self.outline = self.draw_outline(&before);
    }

    fn kind_of(&self, node: usize) -> (&'static dyn AnyKind, Effect) {
        let step = self.step(node);
        let kind = self.catalog.get(step.kind.as_str()).copied().unwrap_or(&include::Body as &'static dyn AnyKind);
        let effect =
            if self.is_group(node) { Effect::Read } else { kind.effect(&Late { value: &step.with.written() }) };
        (kind, effect)
    }

    /// `before`: where a node stood in the outline that there is.
    fn draw_outline(&self, before: &[Option<usize>]) -> Outline {
        // Before the first record: what needs an output keeps its template.
        let state = RunState::default();
        let text = |node: usize, tree: &Tree| {
            if let Some(template) = tree.as_template() {
                return template.render_known(&scope::RunScope::of(self, &state, node));
            }
            let value = tree.written();
            value.as_str().map_or_else(|| value.to_string(), str::to_string)
        };
        // What is said of each item is not said of the group.
        let is_shared = |node: usize, tree: &&Tree| {
            !self.is_group(node) || !tree.references().iter().any(|name| matches!(name.root(), "item" | "item_key"))
        };
        let known = |node: usize| before[node].map(|old| &self.outline.steps[old]);
        let name = |node: usize| {
            if let Some(known) = known(node) {
                return Some(known.name.clone());
            }
            let name = self.step(node).name.as_deref().filter(|name| is_shared(node, name))?;
            Some(text(node, name))
        };
        let said = |node: usize| {
            let estimate = self.step(node).estimate.as_deref().filter(|_| !self.is_group(node))?;
            duration::parse(&text(node, estimate)).ok().map(|estimate| estimate.as_secs())
        };
        let fresh = |node: usize| said(node).or_else(|| self.earlier.get(self.address(node)).copied());
        let estimate = |node: usize| known(node).map_or_else(|| fresh(node), |known| known.estimate_seconds);
        let puts_out = |node: usize| self.puts_out(node);
        Outline::of(&self.runbook, &self.graph, &self.effects, name, estimate, puts_out)
    }

    pub fn len(&self) -> usize {
        self.graph.len()
    }

    pub fn is_empty(&self) -> bool {
        self.graph.is_empty()
    }

    pub fn step(&self, node: usize) -> &Step {
        self.graph.step(&self.runbook, node)
    }

    pub fn address(&self, node: usize) -> &Address {
        &self.graph.nodes[node].address
    }

    pub fn find(&self, address: &Address) -> Option<usize> {
        self.graph.find(address.as_str())
    }

    /// What it puts out, as far as its text tells.
    pub fn puts_out(&self, node: usize) -> Shape {
        self.kinds[node].outputs(&Late { value: &self.step(node).with.written() })
    }

    /// Whether its failure keeps the run from nothing: it may fail, or what it lies in may.
    pub fn may_fail(&self, node: usize) -> bool {
        self.graph.groups(node).chain([node]).any(|node| self.step(node).allow_failure)
    }

    /// Whether it was left out on request, as an item or as it is written.
    pub fn is_left_out(&self, node: usize) -> bool {
        let address = self.address(node);
        !self.skipped.is_empty() && (self.skipped.contains(address) || self.skipped.contains(&address.without_keys()))
    }

    /// The repair of a step with that id.
    pub fn repair(&self, node: usize, id: &str) -> Option<usize> {
        let is_it = |other: &usize| self.outline.steps[*other].mends == Some(node) && self.step(*other).id == id;
        self.graph.nodes[node].dependents.iter().copied().find(is_it)
    }

    /// How long a step may take as a whole; one of a step with `foreach` is that of the list.
    pub fn deadline(&self, node: usize) -> Option<Duration> {
        self.step(node).deadline.filter(|_| self.item(node).is_none())
    }

    pub fn is_finally(&self, node: usize) -> bool {
        self.graph.nodes[node].finally
    }
}

/// The kinds of all steps, by name.
fn find_kinds(
    book: &Runbook,
    kind: &dyn Fn(&str) -> Option<&'static dyn AnyKind>,
    found: &mut BTreeMap<String, &'static dyn AnyKind>,
) -> Result<(), Fault> {
    for (_, step) in book.all_steps() {
        match step.inside() {
            Some(inside) => find_kinds(inside, kind, found)?,
            None if found.contains_key(&step.kind) => {}
            None => {
                let missing = || Fault::new("RG1005", format!("there is no kind `{}`", step.kind));
                found.insert(step.kind.clone(), kind(&step.kind).ok_or_else(missing)?);
            }
        }
    }
    Ok(())
}

/// Stands for everything that decides what a run does: changed, the run may not simply go on (G13).
pub fn digest(source: &str, binding: &Binding) -> String {
    let skipped: Vec<&str> = binding.skipped.iter().map(Address::as_str).collect();
    let mut bound = serde_json::json!([source, binding.mode, binding.params, skipped, binding.outage_began]);
    if let (true, Some(bound)) = (binding.keep, bound.as_array_mut()) {
        bound.push("keep".into());
    }
    Sha256::digest(bound.to_string().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::testing;

    #[test]
    fn a_name_is_rendered_as_far_as_it_is_known_before_the_run() {
        let plan = testing::plan(
            r#"
params: { db: { type: string } }
vars: { site: lyon }
steps:
  - { id: a, uses: run, needs: [], name: "copy {{ params.db }} of {{ vars.site }}", with: { command: [x] } }
  - id: b
    uses: run
    needs: [a]
    name: "{{ params.db }}: {{ steps.a.outputs.exit_code }} of {{ upper vars.site }}"
    with: { command: [x] }
  - { id: c, uses: run, needs: [a], name: "{{ params.db }} {{ upper steps.a.ended_at }}", with: { command: [x] } }
"#,
        );
        let names: Vec<&str> = plan.outline.steps.iter().map(|step| step.name.as_str()).collect();
        let wanted = [
            "copy lms of lyon",
            "lms: {{ steps.a.outputs.exit_code }} of LYON",
            "{{ params.db }} {{ upper steps.a.ended_at }}",
        ];
        assert_eq!(names, wanted);
    }
}
