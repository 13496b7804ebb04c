//! Where a listing can be cut so that several go at once: keys that an earlier one of the same bucket came by. No guess is
//! needed, and nothing is between the ranges.

use serde::{Deserialize, Serialize};

/// As many ranges, however large the bucket is.
const MOST: usize = 16;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Marks {
    keys: Vec<String>,
    pages: usize,
    every: usize,
}

/// What lies behind one key, up to another one and with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    pub after: Option<String>,
    pub until: Option<String>,
}

impl Range {
    /// Cut at these keys.
    pub fn between(keys: &[String]) -> Vec<Self> {
        let ends = keys.iter().cloned().map(Some).chain([None]);
        let mut after = None;
        ends.map(|until| Self { after: std::mem::replace(&mut after, until.clone()), until }).collect()
    }

    /// There are servers that begin a listing with the very key behind which it is to begin.
    pub fn holds(&self, key: &str) -> bool {
        self.after.as_ref().is_none_or(|after| key.as_bytes() > after.as_bytes()) && !self.ends_before(key)
    }

    pub fn ends_before(&self, key: &str) -> bool {
        self.until.as_ref().is_some_and(|until| key.as_bytes() > until.as_bytes())
    }
}

impl Marks {
    /// So many pages in each range at least.
    pub fn every(pages: usize) -> Self {
        Self { keys: Vec::new(), pages: 0, every: pages }
    }

    /// A page ended with that key.
    pub fn add(&mut self, key: &str) {
        self.pages += 1;
        if !self.pages.is_multiple_of(self.every) {
            return;
        }
        self.keys.push(key.to_owned());
        if self.keys.len() == MOST {
            self.every = self.every.saturating_mul(2);
            let mut at = 0;
            self.keys.retain(|_| {
                at += 1;
                at % 2 == 0
            });
        }
    }

    pub fn ranges(&self) -> Vec<Range> {
        Range::between(&self.keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_every_key_once_and_are_about_even() {
        for pages in [0_usize, 1, 2, 3, 31, 32, 33, 1000] {
            let mut marks = Marks::every(2);
            (0..pages).for_each(|page| marks.add(&format!("{page:04}")));
            let ranges = marks.ranges();
            let holding = |key: &str| ranges.iter().filter(|range| range.holds(key)).count();
            assert!((0..=pages).all(|page| holding(&format!("{page:04}")) == 1), "{pages}: {ranges:?}");
            assert!(ranges.len() <= MOST && (pages < 32 || ranges.len() > MOST / 2), "{pages}: {}", ranges.len());
        }
    }
}
