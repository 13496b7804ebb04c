//! WAL by name: positions, segments, timelines, and whether an archive is without a gap.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::exec::io;
use crate::model::Fault;

/// A position in the WAL, as PostgreSQL writes it: `0/3006B78`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lsn(pub u64);

impl Lsn {
    pub fn parse(text: &str) -> Option<Self> {
        let (high, low) = text.trim().split_once('/')?;
        Some(Self(u64::from_str_radix(high, 16).ok()? << 32 | u64::from(u32::from_str_radix(low, 16).ok()?)))
    }
}

/// One segment's place on a timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Segment {
    pub number: u64,
    pub timeline: u32,
}

impl Segment {
    pub fn at(lsn: Lsn, timeline: u32, size: u64) -> Self {
        Self { number: lsn.0 / size, timeline }
    }

    pub fn parse(name: &str, size: u64) -> Option<Self> {
        if name.len() != 24 || !name.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b)) {
            return None;
        }
        let part = |at: usize| u64::from_str_radix(&name[at..at + 8], 16).ok();
        let timeline = u32::try_from(part(0)?).ok()?;
        Some(Self { number: part(8)? * ((1 << 32) / size) + part(16)?, timeline })
    }

    pub fn name(self, size: u64) -> String {
        let per_log = (1 << 32) / size;
        format!("{:08X}{:08X}{:08X}", self.timeline, self.number / per_log, self.number % per_log)
    }
}

/// What file names tell of an archive.
pub struct Archive {
    size: u64,
    segments: BTreeMap<u64, BTreeSet<u32>>,
    /// Timelines with their ancestors and where each ancestor was left.
    histories: BTreeMap<u32, Vec<(u32, Lsn)>>,
}

/// How far one can go without a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The last segment before the first gap, none if the very first is missing.
    pub last: Option<Segment>,
    /// The first one missing although later ones exist.
    pub missing: Option<Segment>,
    pub count: u64,
}

impl Archive {
    /// Reads the names in `folder` and in the backup's own `pg_wal`: the server takes either.
    pub fn read(folder: &Path, inside: &[String], size: u64) -> Result<Self, Fault> {
        let mut archive = Self { size, segments: BTreeMap::new(), histories: BTreeMap::new() };
        let unreadable = |error| io("reading the WAL archive", folder, &error);
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            archive.take(&name);
            if let Some(timeline) = name.strip_suffix(".history").and_then(|id| u32::from_str_radix(id, 16).ok()) {
                let text = std::fs::read_to_string(entry.path()).map_err(unreadable)?;
                archive.histories.insert(timeline, ancestors(&text));
            }
        }
        inside.iter().for_each(|name| archive.take(name));
        Ok(archive)
    }

    fn take(&mut self, name: &str) {
        if let Some(segment) = Segment::parse(name, self.size) {
            self.segments.entry(segment.number).or_default().insert(segment.timeline);
        }
    }

    /// The timelines that recovery from `start` to the latest one follows, the way the server looks for them.
    pub fn timelines(&self, start: u32, end_of_backup: Lsn) -> Result<Vec<u32>, Fault> {
        let newest = (start + 1..).take_while(|id| self.histories.contains_key(id)).last();
        let Some(newest) = newest else { return Ok(vec![start]) };
        let ancestors = &self.histories[&newest];
        match ancestors.iter().find(|(id, _)| *id == start) {
            Some((_, left)) if *left >= end_of_backup => {
                Ok(ancestors.iter().map(|(id, _)| *id).filter(|id| *id >= start).chain([newest]).collect())
            }
            _ => Err(Fault::new("RG2407", format!("timeline {newest} in the archive does not come from this backup"))
                .hint(format!(
                    "take the files of timeline {newest} out of the archive's copy, or a backup of that timeline"
                ))),
        }
    }

    /// From `start` as far as every segment is there, on any of `timelines`.
    pub fn run(&self, start: Segment, timelines: &[u32]) -> Run {
        let on_path =
            |number: u64| self.segments.get(&number).and_then(|ids| timelines.iter().rev().find(|id| ids.contains(id)));
        let last = self.segments.keys().rev().find(|number| on_path(**number).is_some()).copied();
        let mut run = Run { last: None, missing: None, count: 0 };
        for number in start.number..=last.unwrap_or(start.number).max(start.number) {
            let Some(timeline) = on_path(number) else {
                let timeline = run.last.map_or(start.timeline, |it| it.timeline);
                run.missing = Some(Segment { number, timeline });
                break;
            };
            run.last = Some(Segment { number, timeline: *timeline });
            run.count += 1;
        }
        run
    }
}

/// `1<TAB>0/3000000<TAB>why`, one ancestor a line.
fn ancestors(history: &str) -> Vec<(u32, Lsn)> {
    let parse = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.parse().ok()?, Lsn::parse(words.next()?)?))
    };
    history.lines().filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u64 = 16 << 20;

    fn archive(names: &[&str], histories: &[(&str, &str)]) -> Archive {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        for (name, text) in histories {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Archive::read(folder.path(), &[], SIZE).unwrap()
    }

    #[test]
    fn names_and_positions_agree() {
        let segment = Segment::at(Lsn::parse("A/FF000028").unwrap(), 3, SIZE);
        assert_eq!(segment.name(SIZE), "000000030000000A000000FF");
        assert_eq!(Segment::parse("000000030000000A000000FF", SIZE), Some(segment));
        assert_eq!(Segment::parse("000000030000000A000000FF.partial", SIZE), None);
    }

    #[test]
    fn a_gap_is_named_and_what_lies_before_it_counts() {
        let names = ["000000010000000000000002", "000000010000000000000003", "000000010000000000000005"];
        let run = archive(&names, &[]).run(Segment { number: 2, timeline: 1 }, &[1]);
        assert_eq!(run.missing.unwrap().name(SIZE), "000000010000000000000004");
        assert_eq!(run.last.unwrap().name(SIZE), "000000010000000000000003");
        let run = archive(&names, &[]).run(Segment { number: 1, timeline: 1 }, &[1]);
        assert_eq!((run.missing.unwrap().number, run.last, run.count), (1, None, 0));
    }

    #[test]
    fn a_failover_is_followed_and_a_stranger_is_not() {
        let names = [
            "000000010000000000000002",
            "000000010000000000000003",
            "000000020000000000000003",
            "000000020000000000000004",
        ];
        let archive = archive(&names, &[("00000002.history", "1\t0/3000100\tno recovery target specified\n")]);
        let timelines = archive.timelines(1, Lsn(0x2000100)).unwrap();
        assert_eq!(timelines, [1, 2]);
        let run = archive.run(Segment { number: 2, timeline: 1 }, &timelines);
        assert_eq!((run.last.unwrap(), run.missing), (Segment { number: 4, timeline: 2 }, None));
        assert_eq!(archive.timelines(1, Lsn(0x3000200)).unwrap_err().code, "RG2407");
    }
}
