//! What a drill makes of a runbook: the same steps, beside production.
//!
//! [`Runbook::rehearsed`] writes it out once, before the graph is made, so that the engine runs an ordinary graph: values of
//! the drill stand in for those of a run, holds that are not real are plain steps that are left out, whatever is made is
//! temporary, and a clean-up stands at the end. What a kind does beside production it says itself, see
//! [`crate::kind::Rehearsal`].

use std::mem;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ast::{Ended, Need, Retry, Runbook, Step, Temporary};
use super::holds::{Held, Part, id};
use super::keys::WAYS;
use super::source::Span;
use super::tree::{Entry, Name, Node, Tree};

/// The address of the step that a drill ends with. No step can be called so by an author.
pub const CLEANUP: &str = "drill/cleanup";

/// `drill:` at the top: what stands in for the values of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values {
    /// Each fits its parameter.
    pub params: IndexMap<String, Value>,
    pub vars: IndexMap<String, Tree>,
}

/// What a step says of drills.
#[derive(Clone, Debug, PartialEq)]
pub struct Drill {
    pub way: Way,
    /// Laid over the step's own `with`.
    pub with: Option<Tree>,
    /// What a stub puts out: a map.
    pub outputs: Option<Tree>,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Done as in a run.
    Real,
    /// Its kind looks at what would change, and nothing is done.
    Plan,
    /// Counts as done, with outputs that the author gives.
    Stub,
    Skip,
    /// Of a hold that a drill does not take. Nobody writes it.
    #[serde(skip)]
    Untaken,
}

impl Way {
    pub fn word(self) -> &'static str {
        WAYS.iter().find(|(_, way)| *way == self).map_or("skip", |(word, _)| word)
    }
}

impl Step {
    /// What it says of drills.
    pub fn in_drill(&self) -> Option<Way> {
        self.drill.as_ref().map(|drill| drill.way)
    }

    /// Its fields as a drill has them.
    pub fn with_in_drill(&self) -> Option<Tree> {
        let over = self.drill.as_ref()?.with.as_ref()?;
        let mut with = self.with.clone();
        lay(&mut with, over);
        Some(with)
    }
}

impl Runbook {
    /// Puts the values of a drill in the place of those of a run. What is given on the command line wins over both.
    pub fn take_drill_values(&mut self) {
        let Values { params, vars } = mem::take(&mut self.drill);
        for (name, value) in params {
            if let Some(spec) = self.params.get_mut(&name) {
                spec.default = Some(value);
            }
        }
        self.vars.extend(vars);
    }

    /// The runbook as a drill goes through it. `keep`: nothing is taken away at its end.
    pub fn rehearsed(mut self, keep: bool) -> Self {
        self.take_drill_values();
        self.leave_holds();
        self.steps.iter_mut().chain(&mut self.finally).for_each(rehearse);
        if !keep {
            let all = self.finally.iter().filter(|step| !step.is_on_call()).map(|step| step.id.clone());
            let last = clean_up(all.collect());
            self.finally.push(last);
        }
        self
    }

    /// Whether a drill takes that hold.
    pub fn is_real_hold(&self, name: &str) -> bool {
        let real = |part| self.step(&id(name, part)).and_then(Step::in_drill) == Some(Way::Real);
        real(Part::Take) && real(Part::Release)
    }

    fn leave_holds(&mut self) {
        let left: Vec<String> = self.holds.keys().filter(|name| !self.is_real_hold(name)).cloned().collect();
        self.holds.retain(|name, _| !left.contains(name));
        for step in &mut self.steps {
            step.under.retain(|hold| !left.contains(&hold.text));
            if let Some(Held { .. }) = step.held.take_if(|held| left.contains(&held.hold)).as_deref() {
                step.drill = Some(Box::new(Drill { way: Way::Untaken, with: None, outputs: None, span: step.span }));
            }
        }
    }
}

fn rehearse(step: &mut Step) {
    if let Some(block) = step.block.as_deref_mut() {
        return block.steps.iter_mut().for_each(rehearse);
    }
    if let Some(part) = step.include.as_deref_mut().and_then(|include| include.part.as_mut()) {
        return Arc::make_mut(part).book.steps.iter_mut().for_each(rehearse);
    }
    if let Some(with) = step.with_in_drill() {
        step.with = with;
    }
    step.temporary.get_or_insert(Temporary { keep_for: None });
}

/// Lays a mapping over another one, field by field.
fn lay(under: &mut Tree, over: &Tree) {
    let Node::Map(over) = &over.node else { return };
    let Node::Map(entries) = &mut under.node else { return };
    for field in over {
        match entries.iter_mut().find(|entry| entry.key.text == field.key.text) {
            Some(Entry { value, .. }) if [&*value, &field.value].iter().all(|it| matches!(it.node, Node::Map(_))) => {
                lay(value, &field.value);
            }
            Some(entry) => *entry = field.clone(),
            None => entries.push(field.clone()),
        }
    }
}

/// Takes away what the drill made, however the steps of the end came out.
fn clean_up(after: Vec<String>) -> Step {
    let span = Span::default();
    let text = |text: &str| Tree { node: Node::Text(text.into()), span };
    let need = |step| Need { step, when: Some(Ended::ANY.to_vec()), span };
    let only = Entry { key: Name { text: "only".into(), span }, value: text("temporary") };
    Step {
        id: CLEANUP.into(),
        name: Some(Box::new(text("take away what the drill made"))),
        kind: "ledger.cleanup".into(),
        with: Tree { node: Node::Map(vec![only]), span },
        needs: Some(after.into_iter().map(need).collect()),
        condition: None,
        foreach: None,
        include: None,
        block: None,
        require: Vec::new(),
        retry: Retry::default(),
        timeout: None,
        deadline: None,
        not_before: None,
        window: Vec::new(),
        approval: None,
        verify: Vec::new(),
        succeeds_if_verified: false,
        undo: None,
        temporary: None,
        allow_failure: false,
        estimate: None,
        owner: None,
        lock: None,
        instructions: None,
        creates: Vec::new(),
        in_place: None,
        under: Vec::new(),
        held: None,
        repairs: Vec::new(),
        mends: None,
        drill: None,
        span,
        kind_span: span,
        needs_span: span,
    }
}
