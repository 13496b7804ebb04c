//! How far work is that goes through a bucket in several listings at once: each has a lane, a range of keys of its own.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::etags::OwnEtags;
use super::folders::Cut;
use super::marks::{Marks, Range};

/// Kept on disk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lanes {
    lanes: Vec<Lane>,
    /// Where a bucket that was not cut can be cut the next time.
    marks: Option<Marks>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Lane {
    /// What is not done yet.
    rest: Range,
    through: bool,
}

impl Lanes {
    pub fn over(cut: Cut) -> Self {
        let marks = (cut.ranges.len() == 1).then(|| Marks::every(cut.worth));
        let lanes = cut.ranges.into_iter().map(|rest| Lane { rest, through: false }).collect();
        Self { lanes, marks }
    }

    /// Nobody has cut the bucket yet.
    pub fn is_uncut(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Those that are not through, with what is left of each.
    pub fn open(&self) -> impl Iterator<Item = (usize, Range)> {
        let open = self.lanes.iter().enumerate().filter(|(_, lane)| !lane.through);
        open.map(|(number, lane)| (number, lane.rest.clone()))
    }

    pub fn is_through(&self) -> bool {
        !self.is_uncut() && self.open().next().is_none()
    }

    /// All of it once more.
    pub fn ranges(&self) -> Vec<Range> {
        let cuts = || self.lanes.iter().filter_map(|lane| lane.rest.until.clone()).collect::<Vec<_>>();
        self.marks.as_ref().map_or_else(|| Range::between(&cuts()), Marks::ranges)
    }

    fn reach(&mut self, number: usize, last: Option<String>, through: bool) {
        if let (Some(marks), Some(last)) = (&mut self.marks, &last) {
            marks.add(last);
        }
        if let Some(lane) = self.lanes.get_mut(number) {
            lane.rest.after = last.or(lane.rest.after.take());
            lane.through |= through;
        }
    }
}

/// What is done, and what may be: written before a page's calls are made, so that whoever goes on knows which keys may have
/// been dealt with and counts none of them twice. Several pages may be under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Course<S, B> {
    pub lanes: Lanes,
    pub sums: S,
    /// What was about to be done with keys that are not done yet.
    pub begun: BTreeMap<String, B>,
    pub etags: OwnEtags,
}

impl<S: Default, B> Default for Course<S, B> {
    fn default() -> Self {
        Self { lanes: Lanes::default(), sums: S::default(), begun: BTreeMap::new(), etags: OwnEtags::default() }
    }
}

impl<S: Default, B> Course<S, B> {
    /// From the start, by another attempt: it looks at every key again.
    pub fn anew(&self) -> Self {
        Self { etags: self.etags, ..Self::default() }
    }
}

/// What counts once a page is done.
pub struct Ended<S> {
    pub lane: usize,
    /// The last key that it completes, if any.
    pub last: Option<String>,
    /// No page of the lane comes behind it.
    pub through: bool,
    pub sums: S,
    /// Keys that something was done with.
    pub begun: Vec<String>,
}

impl<S: Default> Ended<S> {
    /// Nothing is counted yet.
    pub fn of(lane: usize, last: Option<String>, through: bool) -> Self {
        Self { lane, last, through, sums: S::default(), begun: Vec::new() }
    }
}

impl<S: AddAssign, B> Course<S, B> {
    pub fn end(&mut self, ended: Ended<S>) {
        // Not before all of the page is done: until then the sums on disk do not hold it.
        for key in &ended.begun {
            self.begun.remove(key);
        }
        self.sums += ended.sums;
        self.lanes.reach(ended.lane, ended.last, ended.through);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lane_goes_on_where_it_was_and_all_is_looked_at_once_more() {
        let cuts = ["f".to_owned(), "p".to_owned()];
        let lanes = Lanes::over(Cut { ranges: Range::between(&cuts), worth: 1 });
        let mut course: Course<u64, u64> = Course { lanes, ..Course::default() };
        let begun = [("g".to_owned(), 1), ("h".to_owned(), 2), ("q".to_owned(), 3)];
        course.begun.extend(begun);
        let ended = |lane, last: Option<&str>, through, begun: &[&str]| {
            let begun = begun.iter().map(ToString::to_string).collect();
            Ended { lane, last: last.map(str::to_owned), through, sums: 1_u64, begun }
        };
        course.end(ended(1, Some("g"), false, &["g"]));
        course.end(ended(0, None, true, &[]));
        let text = serde_json::to_string(&course).unwrap();
        let mut course: Course<u64, u64> = serde_json::from_str(&text).unwrap();
        let range =
            |after: &str, until: Option<&str>| Range { after: Some(after.to_owned()), until: until.map(str::to_owned) };
        assert_eq!(course.lanes.open().collect::<Vec<_>>(), [(1, range("g", Some("p"))), (2, range("p", None))]);
        assert_eq!((course.sums, course.begun.len(), course.lanes.is_through()), (2, 2, false));
        course.end(ended(2, Some("q"), true, &["q"]));
        // A page that completes no key takes nothing back.
        course.end(ended(1, None, true, &["h"]));
        assert!(course.lanes.is_through() && course.begun.is_empty());
        assert_eq!(course.lanes.ranges(), Range::between(&cuts));
        assert!(!Lanes::default().is_through(), "what nobody has cut is not through");
    }

    #[test]
    fn what_was_not_cut_is_cut_the_second_time_at_keys_that_were_come_by() {
        let mut lanes = Lanes::over(Cut { ranges: vec![Range::default()], worth: 2 });
        for key in ["b", "d", "f", "h", "j"] {
            lanes.reach(0, Some(key.to_owned()), key == "j");
        }
        assert!(lanes.is_through());
        assert_eq!(lanes.ranges(), Range::between(&["d".to_owned(), "h".to_owned()]));
    }
}
