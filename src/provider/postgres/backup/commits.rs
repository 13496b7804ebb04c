//! When transactions ended, read from the WAL itself by `pg_waldump`: the only times that need no trust in time zones,
//! file dates or another machine's clock.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::exec::{capture, plain};
use super::wal::{Lsn, Segment};

/// Where segments can be had from, to look into them.
pub struct Segments<'a> {
    pub bin: &'a Path,
    pub size: u64,
    /// Folders to look in, in this order.
    pub folders: Vec<PathBuf>,
    /// A command that brings a segment that lies in none of them, and where it brings it to.
    pub fetch: Option<(&'a [String], &'a Path)>,
}

/// The end of one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    pub lsn: Lsn,
    pub at: Timestamp,
    pub committed: bool,
}

impl Segments<'_> {
    fn file(&self, segment: Segment) -> Option<PathBuf> {
        let name = segment.name(self.size);
        let here = self.folders.iter().map(|folder| folder.join(&name)).find(|path| path.is_file());
        here.or_else(|| {
            let (argv, folder) = self.fetch?;
            let path = folder.join(&name);
            let word =
                |word: &String| word.replace("%f", &name).replace("%p", &path.to_string_lossy()).replace("%%", "%");
            let said = capture(plain(Path::new(&word(argv.first()?))).args(argv[1..].iter().map(word))).ok()?;
            (said.ok && path.is_file()).then_some(path)
        })
    }

    /// The transactions that ended in this segment; none if it cannot be had.
    fn endings(&self, segment: Segment) -> Vec<Ending> {
        let Some(path) = self.file(segment) else { return vec![] };
        let mut dump = plain(&self.bin.join("pg_waldump"));
        // It may complain at the end of a segment whose last record goes on in the next; what it printed is right.
        let said = capture(dump.args(["--rmgr=Transaction"]).arg(&path));
        said.map(|said| said.out.lines().filter_map(ending).collect()).unwrap_or_default()
    }

    /// The newest commit that a backup from `start` to `end` holds for certain: everything before it is in the files.
    ///
    /// Looked for backwards from the end, a little beyond the start: an idle server wrote its last commit long before.
    pub fn last_commit_in_backup(&self, start: Segment, end: Lsn) -> Option<Timestamp> {
        const BEYOND: u64 = 4;
        let last = Segment::at(end, start.timeline, self.size).number;
        for number in (start.number.saturating_sub(BEYOND)..=last).rev() {
            let found = self.endings(Segment { number, timeline: start.timeline });
            let inside = found.iter().filter(|it| it.committed && it.lsn <= end).map(|it| it.at).max();
            if inside.is_some() {
                return inside;
            }
        }
        None
    }

    /// When the last transaction up to `last` ended: recovery can stop only where one ends after the moment wanted.
    pub fn reach(&self, first: u64, last: Segment) -> Option<Timestamp> {
        const AT_MOST: u64 = 32;
        let first = first.max(last.number.saturating_sub(AT_MOST));
        (first..=last.number)
            .rev()
            .find_map(|number| self.endings(Segment { number, timeline: last.timeline }).iter().map(|it| it.at).max())
    }
}

/// `rmgr: Transaction len …, lsn: 0/03000E20, prev …, desc: COMMIT 2026-11-24 13:38:26.903633 UTC; …`
fn ending(line: &str) -> Option<Ending> {
    let (_, rest) = line.split_once("lsn: ")?;
    let (lsn, rest) = rest.split_once(',')?;
    let (_, desc) = rest.split_once("desc: ")?;
    let committed = desc.starts_with("COMMIT");
    if !committed && !desc.starts_with("ABORT") {
        return None;
    }
    let words: Vec<&str> = desc.split_whitespace().collect();
    let time = words.windows(3).find(|three| three[2].starts_with("UTC") && three[0].len() == 10)?;
    let at = format!("{}T{}Z", time[0], time[1]).parse().ok()?;
    Some(Ending { lsn: Lsn::parse(lsn)?, at, committed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_pg_waldump_tells_where_and_when() {
        let line = "rmgr: Transaction len (rec/tot):     34/    34, tx:        725, lsn: 0/03000E20, prev 0/03000028, desc: COMMIT 2026-11-24 13:38:26.903633 UTC";
        let expected =
            Ending { lsn: Lsn(0x3000E20), at: "2026-11-24T13:38:26.903633Z".parse().unwrap(), committed: true };
        assert_eq!(ending(line), Some(expected));
        let more = format!("{line}; inval msgs: catcache 21");
        assert_eq!(ending(&more), Some(expected));
        assert!(!ending(&line.replace("COMMIT", "ABORT")).unwrap().committed);
        assert_eq!(ending(&line.replace("COMMIT", "PREPARE gid a:")), None);
    }
}
