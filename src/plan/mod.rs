//! A runbook bound to a run: parameters, variables, kinds. Everything the engine decides on besides the records.

pub mod forecast;
pub mod include;
pub mod items;
pub mod outline;
mod reads;
pub mod saved;
pub mod schedule;
pub mod scope;
pub mod secrets;
pub mod staffing;
#[cfg(test)]
pub mod testing;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::graph::dag::Graph;
use crate::kind::AnyKind;
use crate::model::record::{Mode, OnFailure};
use crate::model::{Address, Amendment, Effect, Fault, RunId, RunState};
use crate::runbook::ast::{Runbook, Step};
use crate::runbook::catalog::Late;
use crate::runbook::duration;
use crate::runbook::tree::Tree;

use items::{Item, Items};
use outline::Outline;

pub struct Plan {
    pub run: RunId,
    pub mode: Mode,
    /// When the run started, as templates see it.
    pub started_at: Timestamp,
    pub outage_began: Option<Timestamp>,
    pub runbook: Runbook,
    pub graph: Graph,
    pub outline: Outline,
    pub items: Items,
    /// Seconds that steps took in earlier runs.
    pub earlier: BTreeMap<Address, u64>,
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
        let graph = Graph::of(&runbook).map_err(|why| Fault::new("RG1007", why))?;
        let digest = digest(source_digest, &binding);
        let Binding {
            run,
            mode,
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
            started_at,
            outage_began,
            runbook,
            graph,
            outline: Outline::default(),
            items: Items::new(),
            earlier,
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
        plan.items = items::of(&plan, &items)?;
        plan.graph = plan.graph.expand(&plan.runbook, |step| {
            plan.items.get(step).into_iter().flatten().map(|item| item.key.clone()).collect()
        });
        plan.find_kinds(kind)?;
        plan.outline = plan.draw_outline();
        Ok(plan)
    }

    fn find_kinds(&mut self, kind: impl Fn(&str) -> Option<&'static dyn AnyKind>) -> Result<(), Fault> {
        for node in 0..self.graph.len() {
            let step = self.graph.step(&self.runbook, node);
            let found = match step.include {
                Some(_) => Some(&include::Include as &'static dyn AnyKind),
                None => kind(&step.kind),
            };
            let found = found.ok_or_else(|| Fault::new("RG1005", format!("there is no kind `{}`", step.kind)))?;
            self.effects.push(match self.graph.nodes[node].is_group() {
                true => Effect::Read,
                false => found.effect(&Late { value: &step.with.written() }),
            });
            self.kinds.push(found);
        }
        Ok(())
    }

    fn draw_outline(&self) -> Outline {
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
        let name = |node: usize| {
            let name = self.step(node).name.as_deref().filter(|name| is_shared(node, name))?;
            Some(text(node, name))
        };
        let said = |node: usize| {
            let estimate = self.step(node).estimate.as_deref().filter(|_| !self.is_group(node))?;
            duration::parse(&text(node, estimate)).ok().map(|estimate| estimate.as_secs())
        };
        let estimate = |node: usize| said(node).or_else(|| self.earlier.get(self.address(node)).copied());
        Outline::of(&self.runbook, &self.graph, &self.effects, name, estimate)
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

    /// Whether it is done by the steps of a file.
    pub fn is_include(&self, node: usize) -> bool {
        self.step(node).include.is_some()
    }

    /// Whether it is done by its members.
    pub fn is_group(&self, node: usize) -> bool {
        self.graph.nodes[node].is_group()
    }

    /// The item a node is about.
    pub fn item(&self, node: usize) -> Option<&Item> {
        let member = self.graph.nodes[node].group?;
        self.items.get(self.address(member.of))?.get(member.item)
    }

    pub fn is_finally(&self, node: usize) -> bool {
        self.graph.nodes[node].finally
    }
}

/// Stands for everything that decides what a run does: changed, the run may not simply go on (G13).
fn digest(source: &str, binding: &Binding) -> String {
    let skipped: Vec<&str> = binding.skipped.iter().map(Address::as_str).collect();
    let bound = serde_json::json!([source, binding.mode, binding.params, skipped, binding.outage_began]);
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
