//! What the checker wants of holds.

use crate::oracle::Oracle;

impl Oracle {
    /// Nothing begins under a hold that is not taken, or that is on its way back.
    pub fn holds_are_taken(&mut self, step: &str) {
        for hold in self.under.get(step).cloned().unwrap_or_default() {
            let outcome =
                |part: &str| self.steps.get(&format!("{hold}/{part}")).and_then(|known| known.outcome.clone());
            let going_back = self.steps.get(&format!("{hold}/release")).is_some_and(|known| known.open);
            let taken = match outcome("take").as_deref() {
                // A person may want it left as it is.
                Some("succeeded") => matches!(outcome("release").as_deref(), None | Some("skipped")) && !going_back,
                Some("skipped") => true,
                _ => false,
            };
            if !taken {
                self.broken.push(format!("the intent of `{step}` is written while its hold `{hold}` is not taken"));
            }
        }
    }

    /// Whatever happened: what was taken is released at the end, or named as what stays.
    pub fn holds_are_back(&mut self) {
        for hold in &self.holds {
            let known = |part: &str| self.steps.get(&format!("{hold}/{part}")).cloned().unwrap_or_default();
            let (take, release) = (known("take"), known("release"));
            let taken = !take.op.is_empty() || take.outcome.as_deref() == Some("succeeded");
            if taken && release.outcome.is_none() {
                self.broken
                    .push(format!("the run has ended, and nothing is said of the hold `{hold}`, which was taken"));
            }
            if release.ended_at < take.intended_at && !release.left_out {
                self.broken.push(format!("`{hold}` was taken again and not released again"));
            }
        }
    }
}
