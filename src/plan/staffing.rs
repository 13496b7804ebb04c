//! Who is wanted for a run, by role, and who there is.

use serde::{Deserialize, Serialize};

use super::Plan;
use super::forecast::{self, Verdict};
use crate::model::record::Contact;
use crate::runbook::ast::{Minimum, Runbook, Step};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staffing {
    /// Without a people file any name may take any role.
    pub people_file: bool,
    pub posts: Vec<Post>,
}

/// One role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    pub role: String,
    /// How many have to be there: a number or `all`; absent for a role that is only asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<Contact>,
}

impl Staffing {
    /// The roles of `responders`, then those that only approvals name.
    pub fn of(plan: &Plan) -> Self {
        let book = &plan.runbook;
        let wanted = |minimum: Minimum| match minimum {
            Minimum::Count(count) => count.to_string(),
            Minimum::All => "all".to_string(),
        };
        let mut posts: Vec<Post> = Vec::new();
        for (role, responder) in &book.responders {
            posts.push(Post { minimum: Some(wanted(responder.minimum)), ..Post::of(book, role) });
        }
        for role in book.steps_inside().into_iter().flat_map(Step::roles_asked) {
            if !posts.iter().any(|post| post.role == role) {
                posts.push(Post::of(book, role));
            }
        }
        Self { people_file: !book.people.is_empty(), posts }
    }

    /// One role a line, and what it means that nobody is named.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.posts.iter().map(|post| post.line(self.people_file)).collect();
        if !self.people_file && !lines.is_empty() {
            lines.push("there is no people file: any name may take any role".into());
        }
        lines
    }
}

/// What is missing for an approval that excludes who started the run, and wants more people than are left without `starter`: it
/// would wait for ever.
pub fn without_starter(plan: &Plan, starter: &str) -> Option<String> {
    let book = &plan.runbook;
    if book.people.is_empty() {
        return None;
    }
    let short = |(address, step): (String, &Step)| {
        let (from, minimum) = asks_others(step)?;
        let others = book.holders(&from).filter(|(name, _)| *name != starter).count();
        let wanted = minimum.of(others);
        let roles = if from.is_empty() { "people".to_string() } else { from.join(" or ") };
        usize::try_from(wanted)
            .is_ok_and(|wanted| wanted > others)
            .then(|| format!("`{address}` wants {wanted} of {roles}, not counting who started; there are {others}"))
    };
    let verdicts = forecast::verdicts(plan);
    let nodes = (0..plan.len()).filter(|node| verdicts[*node] != Verdict::WouldSkip);
    let mut steps = nodes.flat_map(|node| {
        let (address, step) = (plan.address(node), plan.step(node));
        // The steps of items that only the run will know are no nodes yet.
        let is_open = plan.is_list(node) && !plan.items.contains_key(address);
        let inner = if is_open { inside(step, address.as_str()) } else { Vec::new() };
        std::iter::once((address.to_string(), step)).chain(inner)
    });
    steps.find_map(short)
}

/// The steps that stand in one, with where they stand.
fn inside<'a>(step: &'a Step, address: &str) -> Vec<(String, &'a Step)> {
    let own = step.inside().into_iter().flat_map(Runbook::all_steps);
    own.flat_map(|(_, step)| {
        let address = format!("{address}/{}", step.id);
        let deeper = inside(step, &address);
        std::iter::once((address, step)).chain(deeper)
    })
    .collect()
}

/// Whom a step asks, if who started the run may not answer. As far as the runbook's text tells.
fn asks_others(step: &Step) -> Option<(Vec<String>, Minimum)> {
    if let Some(approval) = step.approval.as_ref().filter(|approval| !approval.by_starter) {
        return Some((approval.from.iter().map(|role| role.text.clone()).collect(), approval.minimum));
    }
    let with = step.with.written();
    if step.kind != "manual.approval" || with["by_starter"] != false {
        return None;
    }
    let from = with["from"].as_array().into_iter().flatten().filter_map(|role| role.as_str().map(str::to_string));
    Some((from.collect(), Minimum::said(&with["minimum"])))
}

impl Post {
    fn of(book: &Runbook, role: &str) -> Self {
        let roles = [role.to_string()];
        let holders = book.holders(&roles);
        let people = holders.map(|(name, it)| Contact { name: name.clone(), reach: it.reach.clone() }).collect();
        Self { role: role.to_string(), minimum: None, people }
    }

    /// `firefighter (at least 1): ana, +49 170 1; bo`.
    fn line(&self, people_file: bool) -> String {
        let wanted = match self.minimum.as_deref() {
            None => String::new(),
            Some("all") => " (all of them)".into(),
            Some(count) => format!(" (at least {count})"),
        };
        let people: Vec<String> = self.people.iter().map(ToString::to_string).collect();
        match people_file {
            true => format!("{}{wanted}: {}", self.role, people.join("; ")),
            false => format!("{}{wanted}", self.role),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing;
    use crate::runbook::ast::Somebody;

    fn missing(steps: &str) -> Option<String> {
        let mut plan = testing::plan(steps);
        let somebody = Somebody { roles: vec!["commander".into()], reach: None };
        plan.runbook.people.insert("ana".into(), somebody);
        without_starter(&plan, "ana")
    }

    const ASKS: &str = "approval: { from: [commander], by_starter: false }";

    #[test]
    fn who_would_be_missing_is_found_also_in_lists_that_only_the_run_knows() {
        let list = "  - { id: ask, uses: run, needs: [], with: { command: [x], outputs: { l: { type: list } } } }\n";
        let each = format!(
            "steps:\n{list}  - id: each\n    needs: [ask]\n    foreach: \"{{{{ steps.ask.outputs.l }}}}\"\n    steps: [{{ id: in, steps: [{{ id: x, run: x, {ASKS} }}] }}]\n"
        );
        assert!(missing(&each).is_some_and(|short| short.starts_with("`each/in/x` wants 1 of commander")), "{each}");
        let plain = format!("steps:\n  - {{ id: a, run: x, {ASKS} }}\n");
        assert!(missing(&plain).is_some_and(|short| short.starts_with("`a` wants 1")));
    }

    #[test]
    fn who_is_never_asked_is_not_missing() {
        let never = format!("steps:\n  - {{ id: all, if: false, steps: [{{ id: a, run: x, {ASKS} }}] }}\n");
        assert_eq!(missing(&never), None);
    }
}
