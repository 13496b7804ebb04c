//! What a drill did, and did not do, in words.

use serde::Serialize;

use super::words::count;
use super::{RunView, StepView};
use crate::kind::Role;
use crate::kinds;
use crate::model::record::{Mode, NotDone, SkipReason};
use crate::model::step::StepState;
use crate::model::{Effect, Status};
use crate::plan::outline::OutlineStep;
use crate::runbook::drill::Way;

/// What became of a step in a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rehearsed {
    /// As in a run: it only looks, or people do it.
    AsIs,
    Beside,
    /// Because its author says so.
    Real,
    Stubbed,
    Planned,
    LeftOut,
}

impl Rehearsed {
    const ALL: [Self; 6] = [Self::AsIs, Self::Beside, Self::Real, Self::Stubbed, Self::Planned, Self::LeftOut];

    pub fn of(outline: &OutlineStep, step: &StepState) -> Option<Self> {
        if let Some(SkipReason::Drill(why)) = &step.skipped {
            return Some(if matches!(why, NotDone::Planned(_)) { Self::Planned } else { Self::LeftOut });
        }
        let is_group = outline.members.is_some();
        if is_group || !matches!(step.status, Status::Succeeded | Status::Unproven | Status::Failed) {
            return None;
        }
        Some(match outline.drill {
            Some(Way::Stub) => Self::Stubbed,
            Some(Way::Real) => Self::Real,
            _ => {
                let intrinsic = kinds::find(&outline.kind).is_some_and(|kind| kind.role() == Role::Intrinsic);
                let looks = matches!(outline.effect, Effect::Read | Effect::Human);
                if intrinsic || looks { Self::AsIs } else { Self::Beside }
            }
        })
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::AsIs => "as in a run",
            Self::Beside => "beside production",
            Self::Real => "for real, trusted to its author",
            Self::Stubbed => "a stub, nothing was done",
            Self::Planned => "only planned",
            Self::LeftOut => "left out",
        }
    }

    /// Whether nothing is known of the step by it.
    pub fn proves_nothing(self) -> bool {
        matches!(self, Self::Stubbed | Self::Planned | Self::LeftOut)
    }
}

impl RunView {
    pub fn is_drill(&self) -> bool {
        self.mode() == Some(Mode::Drill)
    }

    /// `2 steps as in a run, 1 step beside production, 1 step only planned`; nothing of a run.
    pub fn rehearsed(&self) -> Option<String> {
        let of = |part: Rehearsed| self.steps.iter().filter(move |step| step.drill == Some(part)).count();
        let said = Rehearsed::ALL.into_iter().map(|part| (part, of(part))).filter(|(_, steps)| *steps > 0);
        let said: Vec<String> = said.map(|(part, steps)| format!("{} {}", count(steps, "step"), part.word())).collect();
        if said.is_empty() { None } else { Some(said.join("; ")) }
    }

    /// The steps of which a drill says nothing.
    pub fn not_rehearsed(&self) -> impl Iterator<Item = &StepView> {
        self.steps.iter().filter(|step| step.drill.is_some_and(Rehearsed::proves_nothing))
    }

    /// The steps that a drill did on a copy, and what a run would have changed there instead.
    pub fn spared(&self) -> impl Iterator<Item = (&StepView, &[String])> {
        let of = |step: &StepView| self.state_of(step).intent.as_ref().map_or(&[][..], |intent| &intent.spared);
        self.steps
            .iter()
            .filter(|step| step.drill == Some(Rehearsed::Beside))
            .map(move |step| (step, of(step)))
            .filter(|(_, it)| !it.is_empty())
    }

    /// The same, one step a line.
    pub fn not_proven_by_copies(&self) -> Vec<String> {
        self.spared().map(|(step, spared)| format!("`{}`: {}", step.address, spared.join(", "))).collect()
    }

    /// `2 proofs`, where a drill left some out.
    pub fn proofs_not_asked(&self) -> Option<String> {
        let all = self.steps.iter().flat_map(|step| &self.state_of(step).checks);
        let left_out = all.filter(|check| check.left_out).count();
        (left_out > 0).then(|| count(left_out, "proof"))
    }
}

/// Why a drill does not do a step.
pub fn not_done(why: &NotDone) -> String {
    match why {
        NotDone::Planned(_) => "only planned in a drill".into(),
        NotDone::Said => "the runbook leaves it out of drills".into(),
        NotDone::Kind(why) => format!("left out of a drill: {why}"),
        NotDone::Hold => "a drill takes no holds".into(),
        NotDone::Lacks(step) => format!("it builds on `{step}`, which this drill does not do"),
    }
}

/// What a step that was only planned would do, one line each.
pub fn would(why: &SkipReason) -> impl Iterator<Item = String> {
    why.planned().into_iter().flat_map(|planned| planned.changes.iter().map(|change| format!("would: {change}")))
}
