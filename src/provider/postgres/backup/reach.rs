//! How far the WAL of an archive reaches, from a backup on.

use std::path::Path;

use jiff::Timestamp;

use super::choose::{Chosen, folders};
use super::commits::Segments;
use super::source::WalSource;
use super::wal::{Archive, Segment};
use crate::model::Fault;

pub struct Reach {
    /// The last segment before the first gap.
    pub last: Segment,
    /// The first one missing although later ones exist.
    pub missing: Option<Segment>,
    pub count: u64,
    /// When the last transaction in it ended; none if its last segments hold none.
    pub at: Option<Timestamp>,
}

/// Fails where the archive lacks what the backup itself needs.
pub fn reach(chosen: &Chosen, folder: &Path, wal: &WalSource) -> Result<Reach, Fault> {
    let size = chosen.control.segment_size;
    let archive = Archive::read(folder, &chosen.contents.wal, size)?;
    let timelines = archive.timelines(chosen.timeline, chosen.end)?;
    let start = Segment::at(chosen.start, chosen.timeline, size);
    let run = archive.run(start, &timelines);
    let needed = |missing: Segment| gap(missing, size, folder, "; the backup cannot be used without it");
    let Some(last) = run.last else { return Err(needed(run.missing.unwrap_or(start))) };
    if last.number < Segment::at(chosen.end, chosen.timeline, size).number {
        return Err(needed(run.missing.unwrap_or(Segment { number: last.number + 1, ..last })));
    }
    let segments = Segments { bin: &chosen.bin, size, folders: folders(&chosen.form, wal), fetch: None };
    let at = segments.reach(start.number, last);
    Ok(Reach { last, missing: run.missing, count: run.count, at })
}

pub fn gap(missing: Segment, size: u64, folder: &Path, what: &str) -> Fault {
    Fault::new("RG2407", format!("the WAL segment {} is missing in `{}`{what}", missing.name(size), folder.display()))
        .hint(
            "find the segment (another copy of the archive, `pg_wal` of the lost server), or choose an earlier moment",
        )
}
