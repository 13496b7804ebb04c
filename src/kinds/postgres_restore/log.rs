//! What the server's log says about its recovery.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::exec::{full, last_lines};
use super::prepare::beyond;
use super::prior::Prior;
use crate::model::{Fault, RetryClass};

/// Reads a log from a place on.
pub struct Log {
    path: PathBuf,
    from: u64,
}

impl Log {
    pub fn from(path: &Path, from: u64) -> Self {
        Self { path: path.into(), from }
    }

    pub fn whole(path: &Path) -> Self {
        Self { path: path.into(), from: 0 }
    }

    pub fn text(&self) -> String {
        let read = || {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(self.from))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            std::io::Result::Ok(bytes)
        };
        String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
    }
}

/// How many segments it took from the archive.
pub fn segments(text: &str) -> u64 {
    text.lines().filter(|line| line.contains("restored log file \"") && !line.contains(".history\"")).count() as u64
}

/// `last completed transaction was at log time 2026-11-24 13:38:26.903633+00`
pub fn last_transaction(text: &str) -> Option<Timestamp> {
    let (_, rest) = text.rsplit_once("last completed transaction was at log time ")?;
    rest.lines().next()?.trim().replacen(' ', "T", 1).parse().ok()
}

/// Whether it has given up for good.
pub fn is_over(text: &str) -> bool {
    ["FATAL:  ", "PANIC:  ", "database system is shut down"].iter().any(|word| {
        // "The database system is starting up" is only said to those who come too early.
        text.lines().any(|line| line.contains(word) && !line.contains("the database system is"))
    })
}

/// Why it does not run, in words that say what to do.
pub fn why(text: &str, prior: &Prior, path: &Path) -> Fault {
    let says = |words: &str| text.contains(words);
    let mut fault = if says("No space left on device") {
        full(&prior.data_directory)
    } else if says("recovery ended before configured recovery target was reached") {
        match last_transaction(text) {
            Some(reach) => beyond(prior.as_of, reach),
            None => Fault::new("RG2408", format!("the WAL does not reach {}: there is no transaction in it after the backup", prior.as_of))
                .hint("see that the archive holds what the lost server wrote after the backup, and that its segments have no gap"),
        }
    } else if says("requested recovery stop point is before consistent recovery point") {
        Fault::new("RG2406", format!("the backup holds newer data than {}", prior.as_of))
            .hint("choose a later moment or an older backup")
    } else if says("WAL ends before") {
        Fault::new("RG2407", "the WAL ends before the end of the backup")
            .hint("the backup cannot be used without its own WAL: find the missing segments")
    } else if says("could not restore file") {
        Fault::new("RG2420", "a WAL segment is in the archive and cannot be brought from it")
            .hint("see to the archive (leave to read, network, room), then `retry`: recovery goes on where it is")
            .retry(RetryClass::Later)
    } else if says("Address already in use") {
        Fault::new("RG2417", "the port was taken by another process meanwhile")
            .hint("leave `port` out to have a free one chosen")
    } else if is_over(text) {
        Fault::new("RG2416", "the restored server ended by itself").hint(format!("its log is `{}`", path.display()))
    } else {
        Fault::new("RG2416", "the restored server was killed")
            .hint(format!("`retry` goes on where it was; its log is `{}`", path.display()))
            .retry(RetryClass::Later)
    };
    fault.causes = last_lines(text, 6);
    fault
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_transaction_is_read_from_the_log() {
        let text = "LOG:  redo done at 0/3\nLOG:  last completed transaction was at log time 2026-11-24 13:38:26.903633+00\nFATAL:  recovery ended\n";
        assert_eq!(last_transaction(text), Some("2026-11-24T13:38:26.903633Z".parse().unwrap()));
        assert!(is_over(text));
        assert!(!is_over("FATAL:  the database system is starting up"));
    }
}
