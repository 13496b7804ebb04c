//! Who is wanted for a run, by role, and who there is.

use serde::{Deserialize, Serialize};

use super::Plan;
use crate::model::Address;
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
    let short = |(address, from, minimum): (&Address, Vec<String>, Minimum)| {
        let others = book.holders(&from).filter(|(name, _)| *name != starter).count();
        let wanted = minimum.of(others);
        let roles = if from.is_empty() { "people".to_string() } else { from.join(" or ") };
        usize::try_from(wanted)
            .is_ok_and(|wanted| wanted > others)
            .then(|| format!("`{address}` wants {wanted} of {roles}, not counting who started; there are {others}"))
    };
    let mut nodes = (0..plan.len()).filter(|node| !plan.is_left_out(*node));
    nodes.find_map(|node| asks_others(plan, node).and_then(short))
}

/// Whom a step asks, if who started the run may not answer. As far as the runbook's text tells.
fn asks_others(plan: &Plan, node: usize) -> Option<(&Address, Vec<String>, Minimum)> {
    let (address, step) = (plan.address(node), plan.step(node));
    if let Some(approval) = step.approval.as_ref().filter(|approval| !approval.by_starter) {
        let from = approval.from.iter().map(|role| role.text.clone()).collect();
        return Some((address, from, approval.minimum));
    }
    let with = step.with.written();
    if step.kind != "manual.approval" || with["by_starter"] != false {
        return None;
    }
    let from = with["from"].as_array().into_iter().flatten().filter_map(|role| role.as_str().map(str::to_string));
    Some((address, from.collect(), Minimum::said(&with["minimum"])))
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
