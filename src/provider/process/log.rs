//! What a command prints, masked and capped, as it comes.
//!
//! A log keeps its beginning and its end. The beginning is `NAME.log`; what follows lies in pieces beside it, each named after
//! the place where it begins: `NAME.log.8388608`. Only the newest pieces stay. A file is only appended to or removed, so a log
//! can be read at any moment, also after everything was killed, and what was left out is the distance between two files.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::journal::disk::private;
use crate::provider::mask::{MaskStream, Masker};

/// How much of the beginning stays.
const HEAD: u64 = 8 << 20;
const PIECE: u64 = 4 << 20;
/// Two whole pieces and the one that grows: never less than the last 8 MiB.
const PIECES: usize = 3;
/// How much of stderr goes into a fault.
pub const TAIL: usize = 4 * 1024;

/// The log both streams of a command go to. Made with the first byte.
pub struct Log {
    path: PathBuf,
    file: Option<File>,
    /// Bytes that were printed, also those that are gone again.
    written: u64,
    /// Where the file that grows is full.
    full_at: u64,
    /// Where the pieces begin that are there.
    pieces: VecDeque<u64>,
}

impl Log {
    pub fn new(path: PathBuf) -> Self {
        Self { path, file: None, written: 0, full_at: 0, pieces: VecDeque::new() }
    }

    /// A log that cannot be written does not stop the command.
    pub fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.written == self.full_at {
                self.begin_file();
            }
            let room = usize::try_from(self.full_at - self.written).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            if let Some(file) = &mut self.file {
                let _ = file.write_all(now);
            }
            self.written += now.len() as u64;
            bytes = later;
        }
    }

    fn begin_file(&mut self) {
        let path = if self.written == 0 { self.path.clone() } else { piece(&self.path, self.written) };
        self.file = private().create(true).append(true).open(path).ok();
        if self.written == 0 {
            self.full_at = HEAD;
            return;
        }
        self.full_at += PIECE;
        self.pieces.push_back(self.written);
        if self.pieces.len() > PIECES
            && let Some(oldest) = self.pieces.pop_front()
        {
            let _ = fs::remove_file(piece(&self.path, oldest));
        }
    }
}

fn piece(log: &Path, begins_at: u64) -> PathBuf {
    let mut path = log.as_os_str().to_owned();
    path.push(format!(".{begins_at}"));
    path.into()
}

/// The files of a log in their order, each with the place where it begins.
pub fn files(log: &Path) -> Vec<(u64, PathBuf)> {
    let (Some(folder), Some(name)) = (log.parent(), log.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let begins_at = |path: &Path| path.file_name()?.to_str()?.strip_prefix(name)?.strip_prefix('.')?.parse().ok();
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let pieces = entries.filter_map(|path| Some((begins_at(&path)?, path)));
    let mut files: Vec<(u64, PathBuf)> = pieces.chain([(0, log.to_path_buf())]).collect();
    files.sort();
    files
}

/// Blots out what was not known as a secret when it was printed, also over the border of two files. Every byte keeps its
/// place.
pub fn mask_again(log: &Path, masker: &Masker) -> io::Result<()> {
    let mut stretch = Stretch::default();
    for (begins_at, path) in files(log) {
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other?,
        };
        if begins_at != stretch.begins_at + stretch.text.len() as u64 {
            stretch.mask(masker)?;
            stretch = Stretch { begins_at, ..Stretch::default() };
        }
        stretch.files.push((stretch.text.len(), path));
        stretch.text.extend_from_slice(&text);
    }
    stretch.mask(masker)
}

/// Files of a log between which nothing is left out.
#[derive(Default)]
struct Stretch {
    begins_at: u64,
    text: Vec<u8>,
    /// Each with the place in the text where it begins.
    files: Vec<(usize, PathBuf)>,
}

impl Stretch {
    fn mask(&self, masker: &Masker) -> io::Result<()> {
        for found in masker.places(&self.text) {
            for (at, (begin, path)) in self.files.iter().enumerate() {
                let end = self.files.get(at + 1).map_or(self.text.len(), |(next, _)| *next);
                let (from, to) = (found.start.max(*begin), found.end.min(end));
                if from < to {
                    let file = private().write(true).open(path)?;
                    file.write_all_at(&vec![b'*'; to - from], (from - begin) as u64)?;
                }
            }
        }
        Ok(())
    }
}

/// One stream of a command.
pub struct Stream<'a> {
    mask: MaskStream<'a>,
    tail: VecDeque<u8>,
    masked: Vec<u8>,
}

impl<'a> Stream<'a> {
    pub fn new(mask: MaskStream<'a>) -> Self {
        Self { mask, tail: VecDeque::new(), masked: Vec::new() }
    }

    pub fn push(&mut self, chunk: &[u8], log: &mut Log) {
        self.masked.clear();
        self.mask.push(chunk, &mut self.masked);
        self.pass_on(log);
    }

    pub fn finish(&mut self, log: &mut Log) {
        self.masked.clear();
        self.mask.finish(&mut self.masked);
        self.pass_on(log);
    }

    fn pass_on(&mut self, log: &mut Log) {
        log.write(&self.masked);
        let keep = &self.masked[self.masked.len().saturating_sub(TAIL)..];
        self.tail.extend(keep);
        let surplus = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..surplus);
    }

    pub fn tail(&self) -> String {
        let bytes: Vec<u8> = self.tail.iter().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::secret::Secret;

    #[test]
    fn a_secret_is_blotted_out_over_the_border_of_two_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("7qk2.load.1.1.log");
        let mut log = Log::new(path.clone());
        let secret = "born-in-the-run";
        let mut printed = vec![b'x'; usize::try_from(HEAD).unwrap() - 7];
        printed.extend_from_slice(format!("{secret} and {secret} once more").as_bytes());
        // The second border, and one behind which something was left out.
        printed.resize(usize::try_from(HEAD + PIECE).unwrap() - 3, b'y');
        printed.extend_from_slice(secret.as_bytes());
        printed.resize(usize::try_from(HEAD + 5 * PIECE).unwrap() + 10, b'z');
        for upto in [HEAD + 100, HEAD + PIECE + 100, HEAD + 5 * PIECE + 10] {
            let from = usize::try_from(log.written).unwrap();
            log.write(&printed[from..usize::try_from(upto).unwrap()]);
            mask_again(&path, &Masker::new([&Secret::new(secret)])).unwrap();
            let kept: Vec<Vec<u8>> = files(&path).iter().map(|(_, path)| fs::read(path).unwrap()).collect();
            let parts = kept
                .iter()
                .flat_map(|text| text.windows(3))
                .filter(|part| [b"bor", b"run"].iter().any(|it| part == it));
            assert_eq!(parts.count(), 0, "after {upto}");
            assert_eq!(kept.concat().len() as u64, upto.min(HEAD + 2 * PIECE + upto % PIECE));
        }
    }

    /// At any moment the files hold the beginning and the last 8 MiB, and their names say where their bytes stood.
    #[test]
    fn the_beginning_and_the_end_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("7qk2.load.1.1.log");
        let mut log = Log::new(path.clone());
        let mut printed = Vec::new();
        let mut chunk = Vec::new();
        for round in 0..60_u32 {
            chunk.clear();
            (0..80_000).for_each(|line| chunk.extend_from_slice(format!("{:06}\n", round * 80_000 + line).as_bytes()));
            log.write(&chunk);
            printed.extend_from_slice(&chunk);
            let files = files(&path);
            let kept: u64 = files.iter().map(|(_, path)| fs::metadata(path).unwrap().len()).sum();
            assert!(kept <= HEAD + PIECES as u64 * PIECE);
            assert!(kept >= (printed.len() as u64).min(HEAD + 2 * PIECE));
            for (at, path) in files {
                let at = usize::try_from(at).unwrap();
                let bytes = fs::read(path).unwrap();
                assert!(printed[at..].starts_with(&bytes), "the file at {at} holds something else");
            }
        }
    }
}
