//! One file as text, and where in it something stands.
//!
//! Offsets are bytes; lines and columns are for people: from 1, columns in characters. A byte order mark is taken off
//! first, so that it moves no column.

use std::path::Path;
use std::sync::Arc;

use super::codes;
use super::diagnostic::Problem;

/// Files over this size are refused: no runbook that a person can read comes near it.
pub const MAX_BYTES: u64 = 8 << 20;

/// A stretch of a source, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub offset: usize,
    pub len: usize,
}

impl Span {
    pub fn new(offset: usize, len: usize) -> Self {
        Self { offset, len }
    }

    pub fn end(self) -> usize {
        self.offset + self.len
    }
}

pub struct Source {
    /// The path as it was given.
    pub name: String,
    pub text: String,
    line_starts: Vec<usize>,
}

/// Only the name: the text of a source is long, and every problem holds one.
impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Source({})", self.name)
    }
}

impl Source {
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        let mut text = text.into();
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Arc::new(Self { name: name.into(), text, line_starts })
    }

    /// Reads a file, or says in one problem why not. Also gives back its bytes, for the digest.
    pub fn read(path: &Path) -> Result<(Arc<Self>, Vec<u8>), Box<Problem>> {
        let name = path.display().to_string();
        let bytes = read_bytes(path).map_err(|problem| Box::new(problem.in_file(&name)))?;
        match String::from_utf8(bytes.clone()) {
            Ok(text) => Ok((Self::new(name, text), bytes)),
            Err(error) => Err(Box::new(not_utf8(&name, &bytes, error.utf8_error().valid_up_to()))),
        }
    }

    /// Line and column of an offset, both from 1.
    pub fn place(&self, offset: usize) -> (usize, usize) {
        let offset = self.floor(offset);
        let line = self.line_starts.partition_point(|start| *start <= offset);
        (line, self.text[self.line_starts[line - 1]..offset].chars().count() + 1)
    }

    /// The offset of a line and column, both from 1.
    pub fn offset(&self, line: usize, column: usize) -> usize {
        let Some(start) = line.checked_sub(1).and_then(|line| self.line_starts.get(line)) else {
            return self.text.len();
        };
        let rest = &self.text[*start..];
        start + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at)
    }

    /// The text of a span; shortened where it does not fit.
    pub fn slice(&self, span: Span) -> &str {
        &self.text[self.floor(span.offset)..self.floor(span.end())]
    }

    /// The line an offset stands in, without its end.
    pub fn line_at(&self, offset: usize) -> (Span, &str) {
        let offset = self.floor(offset);
        let line = self.line_starts.partition_point(|start| *start <= offset) - 1;
        let start = self.line_starts[line];
        let end = self.line_starts.get(line + 1).map_or(self.text.len(), |next| next - 1);
        let text = self.text[start..end].trim_end_matches('\r');
        (Span::new(start, text.len()), text)
    }

    fn floor(&self, offset: usize) -> usize {
        self.text.floor_char_boundary(offset.min(self.text.len()))
    }
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, Box<Problem>> {
    use std::io::ErrorKind;
    let about = |error: std::io::Error| {
        Box::new(match error.kind() {
            ErrorKind::NotFound => Problem::bare(codes::MISSING_FILE, format!("there is no file `{}`", path.display()))
                .help("check the path; it is taken from the folder you stand in"),
            _ => Problem::bare(codes::UNREADABLE, format!("`{}` cannot be read: {error}", path.display())),
        })
    };
    let meta = std::fs::metadata(path).map_err(about)?;
    if meta.is_dir() {
        let problem = Problem::bare(codes::DIRECTORY, format!("`{}` is a directory", path.display()));
        return Err(Box::new(problem.help("name the runbook's file, such as `runbooks/complete.yaml`")));
    }
    if meta.len() > MAX_BYTES {
        return Err(Box::new(too_large(path, meta.len())));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(about)?;
    // A pipe has no length, so the limit is held while reading, too.
    std::io::Read::read_to_end(&mut std::io::Read::take(file, MAX_BYTES + 1), &mut bytes).map_err(about)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Box::new(too_large(path, bytes.len() as u64)));
    }
    Ok(bytes)
}

fn too_large(path: &Path, bytes: u64) -> Problem {
    let message = format!("`{}` has {} MiB, more than the 8 MiB of a runbook", path.display(), bytes.div_ceil(1 << 20));
    Problem::bare(codes::FILE_TOO_LARGE, message).help("put data into files of its own and name them in the steps")
}

fn not_utf8(name: &str, bytes: &[u8], valid: usize) -> Problem {
    let source = Source::new(name, String::from_utf8_lossy(&bytes[..valid]).into_owned());
    let message = format!("byte {} of the file is not UTF-8", valid + 1);
    Problem::at(&source, codes::NOT_UTF8, Span::new(source.text.len(), 0), message)
        .help("save the file as UTF-8: `iconv -f latin1 -t utf-8 FILE`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_end_with_or_without_return() {
        let source = Source::new("a", "\u{feff}ä: 1\r\nbé: x\r\n");
        assert_eq!(source.place(0), (1, 1));
        assert_eq!(source.place(2), (1, 2));
        let x = source.text.find('x').unwrap();
        assert_eq!(source.place(x), (2, 5));
        assert_eq!(source.offset(2, 5), x);
        assert_eq!(source.line_at(x).1, "bé: x");
        assert_eq!(source.place(9999), (3, 1));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let code = |path: &Path| Source::read(path).unwrap_err().code;
        assert_eq!(code(&dir.path().join("none.yaml")), codes::MISSING_FILE);
        assert_eq!(code(dir.path()), codes::DIRECTORY);
        assert_eq!(code(&write("big.yaml", &vec![b'#'; (MAX_BYTES + 1) as usize])), codes::FILE_TOO_LARGE);
        let latin = Source::read(&write("latin.yaml", b"a: 1\nname: caf\xe9\n")).unwrap_err();
        assert_eq!((latin.code, latin.line, latin.column), (codes::NOT_UTF8, 2, 10));
    }
}
