//! What the commands of a step printed: the logs that supervised processes leave, in the order they were written.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::journal::lease;
use crate::journal::store::RunDir;
use crate::model::Address;
use crate::provider::process::{JobFiles, log_files};
use crate::view::words::grouped;

/// The log of one attempt and phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepLog {
    pub path: PathBuf,
    pub generation: u32,
    pub attempt: u32,
    /// Empty for the first phase.
    pub phase: String,
}

/// All logs of a step, oldest first.
pub fn of_step(dir: &RunDir, step: &Address) -> Vec<StepLog> {
    let begin = format!(".{}.", JobFiles::word(step));
    let parsed = JobFiles::logs(&dir.work(), step).into_iter().filter_map(|path| parse(path, &begin));
    let mut logs: Vec<(StepLog, SystemTime)> = parsed.map(|log| (log.clone(), written_at(&log.path))).collect();
    // Phases of one attempt follow one another; their names do not say how.
    logs.sort_by(|(a, a_at), (b, b_at)| (a.generation, a.attempt, a_at).cmp(&(b.generation, b.attempt, b_at)));
    logs.into_iter().map(|(log, _)| log).collect()
}

/// `7qk2.load.1.2.swap.log`
fn parse(path: PathBuf, begin: &str) -> Option<StepLog> {
    let name = path.file_name()?.to_str()?;
    let rest = name.get(name.find(begin)? + begin.len()..)?.strip_suffix(".log")?;
    let mut fields = rest.splitn(3, '.');
    let generation = fields.next()?.parse().ok()?;
    let attempt = fields.next()?.parse().ok()?;
    let phase = fields.next().unwrap_or_default().to_string();
    Some(StepLog { path, generation, attempt, phase })
}

fn written_at(path: &Path) -> SystemTime {
    fs::metadata(path).and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

impl StepLog {
    /// Whether the process that writes it lives.
    pub fn is_growing(&self) -> bool {
        lease::is_locked(&self.path.with_extension("job"))
    }

    /// `attempt 2`, `attempt 2, swap`.
    pub fn title(&self) -> String {
        let phase = if self.phase.is_empty() { String::new() } else { format!(", {}", self.phase) };
        format!("attempt {}{phase}", self.attempt)
    }

    /// What stands at `offset` and behind it, and where that ends. What the log has left out is told in a line of its own.
    pub fn read_from(&self, offset: u64) -> io::Result<(Vec<u8>, u64)> {
        let (mut text, mut at) = (Vec::new(), offset);
        for (begins_at, path) in log_files(&self.path) {
            let mut file = match File::open(&path) {
                // A piece that has made room for a newer one since.
                Err(error) if error.kind() == io::ErrorKind::NotFound && begins_at > 0 => continue,
                opened => opened?,
            };
            if begins_at > at {
                let left_out = grouped(begins_at - at);
                text.extend_from_slice(format!("\n[regrow: {left_out} bytes are left out here]\n").as_bytes());
                at = begins_at;
            }
            file.seek(SeekFrom::Start(at - begins_at))?;
            at += file.read_to_end(&mut text)? as u64;
        }
        Ok((text, at))
    }
}

/// The last `most` lines of `bytes`.
pub fn last_lines(bytes: &[u8], most: usize) -> &[u8] {
    let end = bytes.len().saturating_sub(usize::from(bytes.ends_with(b"\n")));
    let breaks = bytes[..end].iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    match most {
        0 => &[],
        _ => breaks.map(|(at, _)| at + 1).nth(most - 1).map_or(bytes, |start| &bytes[start..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_the_last_lines() {
        assert_eq!(last_lines(b"a\nb\nc\n", 2), b"b\nc\n");
        assert_eq!(last_lines(b"a\nb\nc", 1), b"c");
        assert_eq!(last_lines(b"a\n", 5), b"a\n");
        assert_eq!(last_lines(b"a\n", 0), b"");
        assert_eq!(last_lines(b"", 3), b"");
    }

    #[test]
    fn what_a_long_log_has_left_out_is_said_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("7qk2.load.1.1.log");
        fs::write(&path, "head").unwrap();
        let log = StepLog { path: path.clone(), generation: 1, attempt: 1, phase: String::new() };
        assert_eq!(log.read_from(0).unwrap(), (b"head".to_vec(), 4));
        fs::write(path.with_extension("log.4"), "next").unwrap();
        assert_eq!(log.read_from(2).unwrap(), (b"adnext".to_vec(), 8));
        // The piece is gone before somebody who follows has seen its end.
        fs::remove_file(path.with_extension("log.4")).unwrap();
        fs::write(path.with_extension("log.3000"), "tail").unwrap();
        let gap = |bytes| format!("\n[regrow: {bytes} bytes are left out here]\ntail").into_bytes();
        assert_eq!(log.read_from(6).unwrap(), (gap("2,994"), 3004));
        assert_eq!(log.read_from(0).unwrap().0, [b"head".to_vec(), gap("2,996")].concat());
        assert_eq!(log.read_from(3002).unwrap(), (b"il".to_vec(), 3004));
        assert_eq!(log.read_from(3004).unwrap(), (Vec::new(), 3004));
    }

    #[test]
    fn the_tenth_attempt_comes_after_the_second() {
        let folder = tempfile::tempdir().unwrap();
        let dir = RunDir { path: folder.path().into() };
        fs::create_dir(dir.work()).unwrap();
        for name in ["7qk2.load.1.10.log", "7qk2.load.1.2.log", "7qk2.load.1.2.swap.log", "7qk2.loader.1.1.log"] {
            fs::write(dir.work().join(name), name).unwrap();
        }
        let titles: Vec<String> = of_step(&dir, &Address::top("load")).iter().map(StepLog::title).collect();
        assert_eq!(titles, ["attempt 2", "attempt 2, swap", "attempt 10"]);
    }
}
