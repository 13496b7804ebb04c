//! What the checker wants of repairs.

use crate::oracle::Oracle;

impl Oracle {
    /// A repair begins only for a step that has failed and waits for it, and that step begins only behind its outcome.
    pub fn repairs_are_awaited(&mut self, step: &str) {
        let mending = |step: &str| self.steps.get(step).and_then(|known| known.mending.clone());
        if let Some(of) = self.mends.get(step)
            && mending(of).as_deref() != Some(step)
        {
            // Of a repair that is under way its step may be settled by a person.
            if self.steps.get(of).is_none_or(|known| known.outcome.is_none()) {
                self.broken.push(format!("the intent of `{step}` is written while `{of}` does not wait for it"));
            }
        }
        if let Some(by) = mending(step)
            && self.steps.get(&by).is_none_or(|known| known.outcome.is_none())
        {
            self.broken.push(format!("the intent of `{step}` is written while `{by}` has not ended"));
        }
    }
}
