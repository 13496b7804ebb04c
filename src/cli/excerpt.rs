//! The lines around a place, where one of them is too long to be drawn: what lies around the mark, and under the number that it has
//! in its file.

use miette::{MietteError, SourceCode, SourceSpan, SpanContents};

use super::problems::named;
use crate::runbook::Source;
use crate::runbook::source::Span;
use crate::view::clean;

/// Stands for what is left out.
const GAP: char = '…';

pub struct Excerpt {
    name: String,
    text: String,
    /// Lines above it, and the place of the mark in its own, from 0.
    lines: usize,
    column: usize,
    pub mark: SourceSpan,
}

impl Excerpt {
    /// `at` is marked, `len` bytes of it in one line; a line has room for so many characters. None where all of them fit.
    pub fn around(source: &Source, at: usize, len: usize, room: usize) -> Option<Self> {
        let (span, line) = source.line_at(at);
        let above = span.offset.checked_sub(1).map(|end| source.line_at(end).1);
        let next = source.text[span.end()..].find('\n').map(|end| span.end() + end + 1);
        let below = next.filter(|start| *start < source.text.len()).map(|start| source.line_at(start).1);
        let fits = |line: &str| line.chars().count() <= room;
        if fits(line) && above.is_none_or(fits) && below.is_none_or(fits) {
            return None;
        }
        let all: Vec<char> = line.chars().collect();
        let before = line[..line.floor_char_boundary(at - span.offset)].chars().count();
        let marked = source.slice(Span::new(at, len)).chars().count();
        let start = if fits(line) { 0 } else { before.saturating_sub(room / 3).min(all.len() - room) };
        let end = all.len().min(start + room);
        let mut text: String = above.map(|line| format!("{}\n", cut(line, room))).unwrap_or_default();
        text.extend((start > 0).then_some(GAP));
        text.extend(&all[start..before]);
        let offset = text.len();
        text.extend(&all[before..end]);
        let shown: usize = all[before..end].iter().take(marked).map(|c| c.len_utf8()).sum();
        text.extend((end < all.len()).then_some(GAP));
        text.extend(below.map(|line| format!("\n{}", cut(line, room))));
        text.push('\n');
        let (line, column) = source.place(at);
        let lines = line - 1 - usize::from(above.is_some());
        Some(Self { name: clean::word(&source.name), text, lines, column: column - 1, mark: (offset, shown).into() })
    }
}

fn cut(line: &str, room: usize) -> String {
    match line.char_indices().nth(room) {
        Some((end, _)) => format!("{}{GAP}", &line[..end]),
        None => line.to_owned(),
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let inner = self.text.read_span(span, before, after)?;
        // Nothing else is asked for that begins in the middle of a line.
        let column = if inner.column() > 0 { self.column } else { 0 };
        Ok(named(self.name.clone(), &*inner, (inner.line() + self.lines, column)))
    }
}
