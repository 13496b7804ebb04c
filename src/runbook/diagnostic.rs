//! What is wrong with a runbook, and where. Problems are collected, never thrown at the first.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::source::{Source, Span};
use super::suggest;

/// Looking for the nearest of many words takes long, and nobody reads the hundredth hint.
const MOST_HINTS: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Error,
    Warning,
}

/// One problem at one place. Serialises as an element of `check --json`.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    pub code: &'static str,
    pub severity: Severity,
    /// One sentence, present tense, without a final dot.
    pub message: String,
    pub file: String,
    pub line: usize,
    pub column: usize,
    pub end_line: usize,
    /// Behind the last character.
    pub end_column: usize,
    /// What to do about it.
    #[serde(serialize_with = "text_or_empty")]
    pub help: Option<String>,
    /// In bytes.
    #[serde(skip)]
    pub span: Span,
    /// The text the place is in; absent where there is none, as for a missing file.
    #[serde(skip)]
    pub source: Option<Arc<Source>>,
}

/// What there is to do about a problem of which nothing closer is known.
fn says_more(code: &str) -> String {
    format!("`regrow explain {code}` says what to do about it")
}

fn text_or_empty<S: Serializer>(help: &Option<String>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(help.as_deref().unwrap_or_default())
}

impl Problem {
    /// An error at a place of a source.
    pub fn at(source: &Arc<Source>, code: &'static str, span: Span, message: impl Into<String>) -> Self {
        let (line, column) = source.place(span.offset);
        let (end_line, end_column) = source.place(span.end());
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            file: source.name.clone(),
            line,
            column,
            end_line,
            end_column,
            help: Some(says_more(code)),
            span,
            source: Some(source.clone()),
        }
    }

    /// An error about something that has no text: a missing file, an argument.
    pub fn bare(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            file: String::new(),
            line: 1,
            column: 1,
            end_line: 1,
            end_column: 1,
            help: Some(says_more(code)),
            span: Span::default(),
            source: None,
        }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        let help = help.into();
        // Where nothing better is known, what was said before stays.
        if !help.is_empty() {
            self.help = Some(help);
        }
        self
    }

    pub fn in_file(mut self, name: &str) -> Self {
        self.file = name.into();
        self
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Collects the problems of one source.
#[derive(Debug)]
pub struct Report {
    pub source: Arc<Source>,
    pub problems: Vec<Problem>,
}

impl Report {
    pub fn new(source: &Arc<Source>) -> Self {
        Self { source: source.clone(), problems: Vec::new() }
    }

    pub fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        self.problems.push(Problem::at(&self.source, code, span, message));
    }

    pub fn error_help(&mut self, code: &'static str, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem::at(&self.source, code, span, message).help(help));
    }

    /// Help for a word that is none of the known, which may be thousands.
    pub fn nearest<'a>(&self, word: &str, known: impl Fn() -> Vec<&'a str>) -> String {
        if self.problems.len() > MOST_HINTS {
            return String::new();
        }
        suggest::help(word, known()).unwrap_or_default()
    }

    pub fn warning(&mut self, code: &'static str, span: Span, message: impl Into<String>, help: impl Into<String>) {
        let mut problem = Problem::at(&self.source, code, span, message).help(help);
        problem.severity = Severity::Warning;
        self.problems.push(problem);
    }
}

/// Puts problems into the order of the file and drops what was said twice of one place.
pub fn tidy(problems: &mut Vec<Problem>) {
    problems.sort_by(|a, b| (&a.file, a.span, a.code).cmp(&(&b.file, b.span, b.code)));
    problems.dedup_by(|a, b| a.file == b.file && a.span == b.span && a.code == b.code && a.message == b.message);
}
