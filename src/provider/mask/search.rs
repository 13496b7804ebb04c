//! Looks for many patterns at once in much text.

use std::collections::BTreeSet;
use std::ops::Range;

use aho_corasick::{AhoCorasick, Anchored, Input, MatchKind, StartKind};

use super::SHORTEST;

/// Bits of [`Search::begins`]. It fits into the fastest cache, and hundreds of patterns leave it nearly empty.
const BITS: u32 = 17;

/// Finds the leftmost place where a pattern stands, and the longest pattern there.
///
/// Almost nowhere in a text does a pattern begin, and one look into a bitmap says so; the automaton is asked only about the
/// places that are left. Run over the whole text, it takes four times as long.
#[derive(Clone, Debug)]
pub struct Search {
    /// A bit for each hash of the first [`SHORTEST`] bytes of a pattern.
    begins: Vec<u64>,
    automaton: AhoCorasick,
    longest: usize,
}

impl Search {
    /// `None` where there is nothing to look for.
    pub fn of(patterns: &BTreeSet<String>) -> Option<Self> {
        let longest = patterns.iter().map(String::len).max()?;
        let mut begins = vec![0; 1 << (BITS - u64::BITS.ilog2())];
        for first in patterns.iter().filter_map(|pattern| pattern.as_bytes().first_chunk()) {
            let (word, bit) = place(*first);
            begins[word] |= bit;
        }
        let mut builder = AhoCorasick::builder();
        builder.match_kind(MatchKind::LeftmostLongest).start_kind(StartKind::Anchored);
        Some(Self { begins, automaton: builder.build(patterns).ok()?, longest })
    }

    /// Bytes of the longest pattern.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// The first match that begins at `from` or behind it.
    pub fn find(&self, text: &[u8], from: usize) -> Option<Range<usize>> {
        let begins = |first: &[u8; SHORTEST]| {
            let (word, bit) = place(*first);
            self.begins[word] & bit != 0
        };
        let places = (from..).zip(text.get(from..)?.array_windows());
        places.filter(|(_, first)| begins(first)).find_map(|(at, _)| self.at(text, at))
    }

    /// All matches, one behind the other.
    pub fn all<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Range<usize>> + 'a {
        let mut from = 0;
        std::iter::from_fn(move || {
            let found = self.find(text, from)?;
            from = found.end;
            Some(found)
        })
    }

    fn at(&self, text: &[u8], at: usize) -> Option<Range<usize>> {
        let input = Input::new(text).range(at..).anchored(Anchored::Yes);
        self.automaton.find(input).map(|found| found.range())
    }
}

/// The word of the bitmap and the bit in it that stand for the first bytes of a pattern.
fn place(first: [u8; SHORTEST]) -> (usize, u64) {
    // Multiplied by the golden ratio of 32 bits, the upper bits depend on all four bytes.
    let hash = u32::from_le_bytes(first).wrapping_mul(0x9E37_79B1) >> (u32::BITS - BITS);
    ((hash / u64::BITS) as usize, 1 << (hash % u64::BITS))
}
