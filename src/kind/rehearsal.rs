//! What a drill does with a step that says nothing of drills itself.

use serde_json::Value;

use crate::model::ledger::LedgerEntry;
use crate::model::{Address, OpId, RunId};

#[derive(Clone, Debug, PartialEq)]
pub enum Rehearsal {
    /// It only looks, or only people and regrow itself do it: as in a run.
    AsIs,
    /// The same work beside production: the `with` that it is given instead.
    Beside(Value),
    /// It cannot be done beside production: what it would change is looked at.
    Planned,
    /// It is not even looked at, for this reason.
    LeftOut(&'static str),
}

/// Longest name of a bucket.
const LONGEST_BUCKET: usize = 63;

/// What a drill has of its own.
#[derive(Clone, Copy, Debug)]
pub struct Scratch<'a> {
    pub run: &'a RunId,
    pub step: &'a Address,
    /// What it has made so far.
    pub ledger: &'a [LedgerEntry],
}

impl Scratch<'_> {
    /// A name beside one of production, with the run in it.
    pub fn beside(&self, name: &str) -> String {
        format!("{}-drill-{}", name.trim_end_matches('/'), self.run)
    }

    /// A bucket of this step alone beside one of production, with the run in its name; named as servers take it.
    pub fn bucket(&self, name: &str) -> String {
        let step = OpId::new(self.run, self.step, 1).short();
        let behind = format!("-drill-{}-{}", self.run, &step[..4]);
        let fit = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let name: String = name.chars().map(fit).take(LONGEST_BUCKET - behind.len()).collect();
        format!("{name}{behind}").trim_start_matches('-').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_beside_has_a_name_that_servers_take_and_is_of_one_step() {
        let name = |run: &str, step: &str, bucket: &str| {
            let (run, step) = (run.parse().unwrap(), Address::top(step));
            Scratch { run: &run, step: &step, ledger: &[] }.bucket(bucket)
        };
        assert!(name("7qk2", "assets", "shop.Media").starts_with("shop-media-drill-7qk2-"));
        assert_ne!(name("7qk2", "assets", "shop"), name("7qk2", "media", "shop"));
        let longest_run = "r".repeat(40);
        for bucket in ["a", "...", &"b".repeat(63), "ü_x"] {
            let name = name(&longest_run, "assets", bucket);
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            assert!((3..=63).contains(&name.len()) && name.contains(&longest_run), "{name}");
            assert!(name.starts_with(fits) && name.ends_with(fits), "{name}");
            assert!(name.chars().all(|c| fits(c) || c == '-'), "{name}");
        }
    }
}
