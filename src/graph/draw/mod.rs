//! The graph of a runbook as a picture: for a terminal, for Graphviz, for Mermaid, as SVG. Also of a run, with how its steps
//! ended.
//!
//! Promise: what an author wrote is only ever text in it. Names may hold quotes, markup and control characters, and the
//! picture may be put into a page or a terminal: [`plain`] and the escapes of each format keep it text.

mod dot;
mod layers;
mod mermaid;
mod svg;
mod text;

use std::time::Duration;

use serde_json::{Value, json};

pub use dot::dot;
pub use mermaid::mermaid;
pub use svg::{inline, svg};
pub use text::text;

use super::{Edge, Graph, Role, longest_way};
use crate::model::Status;
use crate::model::text::is_hidden;
use crate::runbook::ast::{Ended, Runbook, RunbookSeverity, Step};
use crate::runbook::duration;
use crate::runbook::keys::{ENDS, SEVERITIES};
use crate::runbook::window;

pub struct Picture {
    pub title: String,
    /// In the order of the file.
    pub steps: Vec<Shown>,
    /// The steps of the longest way; empty without estimates.
    pub longest: Vec<usize>,
    pub estimate: Option<Duration>,
}

/// One step, everything an author wrote made plain.
pub struct Shown {
    pub id: String,
    /// Empty where it has none.
    pub name: String,
    pub kind: String,
    /// What it is drawn behind: of an include the steps that end it.
    pub needs: Vec<Edge>,
    /// As they are written.
    written: Vec<usize>,
    pub finally: bool,
    /// The block or include it lies in.
    pub within: Option<usize>,
    /// Others lie in it: it is drawn as a frame around them, with a box of its own.
    pub frame: bool,
    /// Done once an item.
    pub each: bool,
    pub estimate: Option<Duration>,
    /// When it may start and by when it is to be over; empty where nothing is said.
    pub times: String,
    /// Where it stands, in the picture of a run.
    pub state: Option<Status>,
    /// Stands in the place of kind and estimate.
    pub said: Option<String>,
    /// On the longest way.
    pub critical: bool,
    /// How many steps have to end before, at least; those of `finally` come behind all others.
    pub layer: usize,
}

impl Picture {
    /// Of a graph without defects.
    pub fn of(runbook: &Runbook, graph: &Graph) -> Self {
        let estimate = |node: usize| known_estimate(graph.step(runbook, node));
        let counts = |node: usize| graph.step(runbook, node).mends.is_none();
        let (way, seconds) = longest_way(graph, counts, |node| estimate(node).map(|it| it.as_secs()));
        let longest = if seconds.is_some() { way } else { Vec::new() };
        let name = [Some(&runbook.name), runbook.title.as_ref()].into_iter().flatten().map(|text| plain(text));
        let title = format!("{} ({})", name.collect::<Vec<_>>().join(": "), severity(runbook.severity));
        let facts = |node: usize| {
            let step = graph.step(runbook, node);
            let name = step.name.as_ref().map(|name| name.written().as_str().unwrap_or_default().to_string());
            Facts {
                name: name.unwrap_or_default(),
                kind: step.kind.clone(),
                estimate: estimate(node),
                times: times(step),
                ..Facts::default()
            }
        };
        Self { estimate: seconds.map(Duration::from_secs), ..Self::made(title, graph, longest, facts) }
    }

    /// Of a graph about whose nodes somebody else tells.
    pub fn made(title: String, graph: &Graph, longest: Vec<usize>, facts: impl Fn(usize) -> Facts) -> Self {
        let layers = layers::layers(graph);
        let steps = graph.nodes.iter().enumerate().map(|(node, at)| {
            let facts = facts(node);
            Shown {
                id: at.address.to_string(),
                name: plain(&facts.name),
                kind: plain(&facts.kind),
                needs: layers::arrows(graph, node),
                written: at.needs.iter().map(|(need, _)| *need).collect(),
                finally: at.finally,
                within: at.group.map(|member| member.of),
                frame: at.members.as_ref().is_some_and(|under| !under.is_empty()),
                each: at.role == Role::List,
                estimate: facts.estimate,
                times: plain(&facts.times),
                state: facts.state,
                said: facts.said.as_deref().map(plain),
                critical: longest.contains(&node),
                layer: layers[node],
            }
        });
        Self { title: plain(&title), steps: steps.collect(), longest, estimate: None }
    }

    /// The steps that lie in `within` and in nothing else, `finally` apart.
    fn inside(&self, within: Option<usize>, finally: bool) -> impl Iterator<Item = usize> + '_ {
        let steps = self.steps.iter().enumerate();
        steps.filter(move |(_, step)| step.within == within && step.finally == finally).map(|(node, _)| node)
    }

    /// The frames a step lies in, the nearest first.
    fn frames(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(self.steps[node].within, |node| self.steps[*node].within)
    }

    /// Writes every step that lies in `within` as its box, a frame with the boxes of what lies in it behind its own.
    fn boxes(&self, nest: &Nest<'_>, within: Option<usize>, finally: bool, indent: &str, text: &mut String) {
        for node in self.inside(within, finally) {
            let step = &self.steps[node];
            if !step.frame {
                text.push_str(&(nest.one)(node, step, indent));
                continue;
            }
            let deeper = format!("{indent}  ");
            text.push_str(&(nest.begin)(node, step, indent));
            text.push_str(&(nest.one)(node, step, &deeper));
            self.boxes(nest, Some(node), finally, &deeper, text);
            text.push_str(&format!("{indent}{}\n", nest.end));
        }
    }

    pub fn json(&self) -> Value {
        let id = |node: &usize| self.steps[*node].id.clone();
        let steps = self.steps.iter().map(|step| {
            json!({
                "id": step.id,
                "name": step.name,
                "kind": step.kind,
                "needs": step.written.iter().map(id).collect::<Vec<_>>(),
                "finally": step.finally,
                "within": step.within.as_ref().map(id),
                "each": step.each,
                "layer": step.layer,
                "estimate_seconds": step.estimate.map(|it| it.as_secs()),
                "times": (!step.times.is_empty()).then_some(&step.times),
            })
        });
        json!({
            "title": self.title,
            "steps": steps.collect::<Vec<_>>(),
            "critical_path": self.longest.iter().map(id).collect::<Vec<_>>(),
            "estimate_seconds": self.estimate.map(|it| it.as_secs()),
        })
    }
}

/// How a format writes boxes in frames; each function is given the node, its step and the indentation.
struct Nest<'a> {
    begin: &'a dyn Fn(usize, &Shown, &str) -> String,
    one: &'a dyn Fn(usize, &Shown, &str) -> String,
    end: &'a str,
}

/// What there is to tell of a node, as written.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub name: String,
    pub kind: String,
    pub estimate: Option<Duration>,
    pub times: String,
    pub state: Option<Status>,
    pub said: Option<String>,
}

/// How a state is to be taken, for colours.
fn tone(state: Status) -> &'static str {
    match state {
        Status::Succeeded => "well",
        Status::Failed | Status::Unknown | Status::Unproven => "badly",
        Status::Waiting | Status::Late => "waits",
        Status::Running | Status::Verifying | Status::Undoing => "works",
        Status::Pending | Status::Queued | Status::Skipped | Status::Blocked | Status::Undone | Status::Superseded => {
            "off"
        }
    }
}

impl Shown {
    /// What a frame is called.
    fn frame_name(&self) -> String {
        if self.each { format!("{}, for each item", self.id) } else { self.id.clone() }
    }

    /// `postgres.restore, 20m`, or what else there is to say.
    fn last_line(&self) -> String {
        if let Some(said) = &self.said {
            return said.clone();
        }
        let estimate = self.estimate.map(duration::format).unwrap_or_default();
        let parts = [self.kind.as_str(), &estimate, &self.times];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
    }
}

/// As they are written.
fn times(step: &Step) -> String {
    let not_before =
        step.not_before.as_ref().map(|tree| format!("not before {}", tree.written().as_str().unwrap_or("")));
    let window = (!step.window.is_empty()).then(|| window::words(&step.window));
    let deadline = step.deadline.map(|it| format!("deadline {}", duration::format(it)));
    let against = step.mends.as_ref().map(|mends| format!("if it fails with \"{}\"", mends.when.text()));
    let drill = step.in_drill().map(|way| format!("in a drill: {}", way.word()));
    against.into_iter().chain(not_before).chain(window).chain(deadline).chain(drill).collect::<Vec<_>>().join(", ")
}

fn severity(severity: RunbookSeverity) -> &'static str {
    SEVERITIES.iter().find(|(_, one)| *one == severity).map_or("", |(word, _)| word)
}

/// A templated one is known only when the run is.
fn known_estimate(step: &Step) -> Option<Duration> {
    duration::parse(step.estimate.as_ref()?.as_text()?).ok()
}

/// One line without anything that moves the cursor, the line or the direction of writing.
fn plain(text: &str) -> String {
    let visible = |c: char| if is_hidden(c) || c.is_whitespace() { ' ' } else { c };
    let text: String = text.chars().map(visible).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// At most that many characters.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_string();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

/// The ends that satisfy a need, where the need says them.
fn ends(when: &[Ended]) -> String {
    // No author can ask for a way that gave way; the next one needs it so.
    let word = |end: &Ended| ENDS.iter().find(|(_, one)| one == end).map_or("superseded", |(word, _)| *word);
    when.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// Whether any end satisfies: then the need is only an order.
fn is_only_order(when: &[Ended]) -> bool {
    ENDS.iter().all(|(_, end)| when.contains(end))
}

#[cfg(test)]
mod tests;
