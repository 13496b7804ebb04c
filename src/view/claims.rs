//! What stands behind the end of a run beside its own work: steps that a person left out, or called done, and what was taken
//! back since. Whoever is told that a run succeeded is told these, too.

use serde_json::{Value, json};

use super::{RunView, StepView, words};
use crate::model::record::SkipReason;
use crate::model::step::StepState;
use crate::model::{Effect, RunStatus, Status};

/// So many steps are named in a phrase.
const MOST_NAMED: usize = 3;

/// A step for which a person's word stands.
#[derive(Clone, Copy, Debug)]
pub struct Claimed<'a> {
    pub step: &'a StepView,
    /// Absent where the record of it is lost.
    pub who: Option<&'a str>,
    pub because: Option<&'a str>,
}

impl RunView {
    /// What a person left out, by `skip` or at the start. A way of a `try` in whose place another one was taken leaves
    /// nothing out, nor does a repair; a hold that is not given back is told of as a hold.
    pub fn left_out(&self) -> Vec<Claimed<'_>> {
        let steps = self.steps.iter().enumerate().filter(|(node, step)| self.is_left_out(*node, step));
        steps.map(|(_, step)| self.claimed(step)).collect()
    }

    /// Whether a person left something out that brings back what is to be brought back.
    pub fn lacks_a_part(&self) -> bool {
        self.steps.iter().enumerate().any(|(node, step)| !step.finally && self.is_left_out(node, step))
    }

    fn is_left_out(&self, node: usize, step: &StepView) -> bool {
        if self.state_of(step).skipped != Some(SkipReason::Person) || step.is_release() {
            return false;
        }
        let Some(outline) = self.plan.as_ref().map(|plan| &plan.outline.steps) else { return true };
        let mut at = node;
        while let Some(known) = outline.get(at) {
            let gave_way = self.steps[at].status != Status::Succeeded;
            match known.group {
                _ if known.mends.is_some() => return false,
                Some(group) if outline[group].tries() && gave_way => return false,
                Some(group) => at = group,
                None => break,
            }
        }
        true
    }

    /// What a person called done in the place of the step's own work.
    pub fn by_word(&self) -> Vec<Claimed<'_>> {
        self.steps.iter().filter(|step| self.is_by_word(step)).map(|step| self.claimed(step)).collect()
    }

    /// Of a step that a person called done.
    pub fn by_word_of<'a>(&'a self, step: &'a StepView) -> Option<Claimed<'a>> {
        self.state_of(step).by_hand.then(|| self.claimed(step))
    }

    /// Of a step that a person left out.
    pub fn left_out_of<'a>(&'a self, step: &'a StepView) -> Option<Claimed<'a>> {
        (self.state_of(step).skipped == Some(SkipReason::Person)).then(|| self.claimed(step))
    }

    fn is_by_word(&self, step: &StepView) -> bool {
        step.status == Status::Succeeded && in_place_of_its_work(self.state_of(step))
    }

    fn claimed<'a>(&'a self, step: &'a StepView) -> Claimed<'a> {
        let own = |step: &StepView| self.state.step(&step.address).claim.as_deref();
        // A `try` is left out once a way of it was.
        let within = || self.steps.iter().filter(|it| it.address.is_inside_of(&step.address)).find_map(own);
        let said = own(step).or_else(|| if step.is_group { within() } else { None });
        let started = self.state.started().filter(|it| said.is_none() && it.skipped.contains(&step.address));
        let who = said.map(|it| it.who.as_str()).or(started.map(|it| it.who.name.as_str()));
        let because = said.map(|it| it.because.as_str()).or(started.and_then(|it| it.because.as_deref()));
        Claimed { step, who, because: because.filter(|text| !text.is_empty()) }
    }

    /// Whether any of what is only called done was proven by nothing.
    pub fn is_taken_on_trust(&self) -> bool {
        self.by_word().iter().any(|it| !self.state_of(it.step).checks.iter().any(|check| check.passed))
    }

    /// What was taken back, where the run as a whole was not.
    pub fn taken_back(&self) -> Vec<&StepView> {
        let is_whole = self.status == RunStatus::Undone;
        self.steps.iter().filter(|step| !is_whole && step.status == Status::Undone).collect()
    }

    /// What was to be taken back and could not be.
    pub fn not_taken_back(&self) -> Vec<&StepView> {
        self.steps.iter().filter(|step| self.is_stuck(step)).collect()
    }

    /// Whether its undo failed.
    pub fn is_stuck(&self, step: &StepView) -> bool {
        step.status == Status::Failed && self.state_of(step).undo.is_some()
    }

    /// Whether an undo that a person wanted goes on, or has to be gone on with.
    pub fn is_being_taken_back(&self) -> bool {
        let Some(undoing) = &self.state.undoing else { return false };
        let mut wanted = self.steps.iter().filter(|step| undoing.steps.contains(&step.address));
        undoing.goes_on() || wanted.any(|step| self.is_stuck(step))
    }

    /// The command that goes on with it.
    pub fn take_back_again(&self) -> Option<String> {
        let undoing = self.state.undoing.as_ref().filter(|_| self.is_being_taken_back())?;
        match undoing.steps.last() {
            _ if undoing.goes_on() => Some(self.commands.resume()).filter(|_| !self.alive),
            // The one that was meant comes last, behind all that needed it.
            Some(step) if !undoing.all => Some(self.commands.take_back(step).command),
            _ => Some(self.commands.undo()),
        }
    }

    /// Whether it succeeded, and all of it stands by its own work or a person's.
    pub fn is_recovered(&self) -> bool {
        let stands = || self.taken_back().is_empty() && !self.is_being_taken_back();
        self.status == RunStatus::Succeeded && !self.lacks_a_part() && stands()
    }

    /// Why an objective cannot be said to be met, of a run that has ended.
    pub fn why_not_met(&self) -> Option<&'static str> {
        match self.status {
            _ if !self.status.is_final() || self.is_recovered() => None,
            RunStatus::Succeeded if self.lacks_a_part() => Some("not judged, a part was left out"),
            RunStatus::Succeeded => Some("not judged, a part was taken back since"),
            _ => Some("not recovered"),
        }
    }

    /// All of it in short, for whoever reads how the run stands: ``without `load`, left out by ana``.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let claims = |claims: Vec<Claimed<'_>>| {
            let steps: Vec<&StepView> = claims.iter().map(|it| it.step).collect();
            let mut who: Vec<&str> = claims.iter().map(|it| it.name()).collect();
            who.dedup();
            (!steps.is_empty()).then(|| (named(&steps), who.join(", ")))
        };
        remarks.extend(claims(self.left_out()).map(|(steps, who)| format!("without {steps}, left out by {who}")));
        remarks.extend(claims(self.by_word()).map(|(steps, who)| format!("{steps} done by hand, says {who}")));
        let back = self.taken_back();
        remarks.extend((!back.is_empty()).then(|| format!("then {} taken back", named(&back))));
        let stuck = self.not_taken_back();
        remarks.extend((!stuck.is_empty()).then(|| format!("the undo of {} FAILED", named(&stuck))));
        remarks
    }

    /// The same behind a sentence: `, without …, then … taken back`.
    pub fn remarked(&self) -> String {
        self.remarks().iter().map(|it| format!(", {it}")).collect()
    }

    /// The same for programs, as fields of `status --json` and `list --json`.
    pub fn remarks_json(&self) -> [(&'static str, Value); 3] {
        let ids = |steps: Vec<&StepView>| steps.into_iter().map(|step| json!(step.address)).collect();
        let left_out = self.left_out();
        let left_out = left_out.iter().map(|it| json!({"step": it.step.address, "who": it.who, "because": it.because}));
        [
            ("left_out", left_out.collect()),
            ("taken_back", ids(self.taken_back())),
            ("not_taken_back", ids(self.not_taken_back())),
        ]
    }
}

impl Claimed<'_> {
    fn name(&self) -> &str {
        self.who.unwrap_or("a person")
    }

    /// `left out by ana: the region is gone`.
    pub fn left_out(&self) -> String {
        format!("left out by {}{}", self.name(), self.why())
    }

    /// `done by hand, says ana: restored from the console`.
    pub fn done(&self) -> String {
        format!("done by hand, says {}{}", self.name(), self.why())
    }

    fn why(&self) -> String {
        self.because.map(|text| format!(": {text}")).unwrap_or_default()
    }
}

/// Whether a person's word stands for work: what only people do, and tell, is done by them.
pub fn in_place_of_its_work(step: &StepState) -> bool {
    step.by_hand && step.intent.as_ref().is_none_or(|intent| intent.effect != Effect::Human)
}

/// `` `a`, `b`, `c` and 4 more ``.
pub fn named(steps: &[&StepView]) -> String {
    let names: Vec<String> = steps.iter().map(|step| format!("`{}`", step.address)).collect();
    words::named(&names, MOST_NAMED, ", ")
}
