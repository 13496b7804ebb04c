//! A runbook bound to a run: parameters, variables, kinds. Everything the engine decides on besides the records.

pub mod forecast;
pub mod outline;
pub mod saved;
pub mod scope;
pub mod secrets;
#[cfg(test)]
pub mod testing;

use std::collections::BTreeSet;
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
    /// Names of the roles that each person has; empty: no people file.
    pub people: Map<String, Value>,
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
    pub base: PathBuf,
}

impl Plan {
    /// Binds a runbook that `check` found no error in. `source_digest` stands for its text.
    pub fn bind(
        runbook: Runbook,
        source_digest: &str,
        binding: Binding,
        kind: impl Fn(&str) -> Option<&'static dyn AnyKind>,
    ) -> Result<Self, Fault> {
        let graph = Graph::of(&runbook).map_err(|why| Fault::new("RG0201", why))?;
        let mut kinds = Vec::with_capacity(graph.len());
        let mut effects = Vec::with_capacity(graph.len());
        for node in 0..graph.len() {
            let step = graph.step(&runbook, node);
            let found =
                kind(&step.kind).ok_or_else(|| Fault::new("RG0204", format!("there is no kind `{}`", step.kind)))?;
            effects.push(found.effect(&Late { value: &step.with.written() }));
            kinds.push(found);
        }
        let digest = digest(source_digest, &binding);
        let Binding { run, mode, started_at, outage_began, params, on_failure, concurrency, skipped, base } = binding;
        let mut plan = Self {
            run,
            mode,
            started_at,
            outage_began,
            runbook,
            graph,
            outline: Outline::default(),
            kinds,
            effects,
            params,
            vars: Map::new(),
            on_failure,
            concurrency,
            skipped,
            people: Map::new(),
            base,
            digest,
            amendment: None,
        };
        plan.vars = scope::vars(&plan)?;
        plan.outline = plan.draw_outline();
        Ok(plan)
    }

    fn draw_outline(&self) -> Outline {
        // Before the first record: what needs an output keeps its template.
        let state = RunState::default();
        let scope = scope::RunScope::new(self, &state);
        let text = |tree: Option<&Tree>| {
            let tree = tree?;
            if let Some(template) = tree.as_template() {
                return Some(template.render_known(&scope));
            }
            let value = tree.written();
            Some(value.as_str().map_or_else(|| value.to_string(), str::to_string))
        };
        let name = |node: usize| text(self.step(node).name.as_ref());
        let estimate = |node: usize| {
            let text = text(self.step(node).estimate.as_ref())?;
            duration::parse(&text).ok().map(|estimate| estimate.as_secs())
        };
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
