//! Prints the problems of a runbook: the source line with a finger on the place, or JSON for programs.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents,
};
use serde_json::{Value, json};

use super::excerpt::Excerpt;
use crate::model::amount;
use crate::model::text::is_hidden;
use crate::runbook::{Problem, Severity, Source};
use crate::view::clean;

/// So many are drawn. Nobody reads more, and drawing one takes as long as the file is.
const DRAWN: usize = 100;
/// Below a longer line a finger finds no place: what draws it counts columns in 16 bits.
const LONGEST_LINE: usize = 4096;
/// What stands beside a line: its number, and room for what is left out of it.
const MARGIN: usize = 12;

/// The problems as a person reads them, one after the other. With colours only if the reader has them.
pub fn text(problems: &[Problem], colour: bool, width: usize) -> String {
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_links(false).with_width(width.max(40));
    let mut text = String::new();
    let (drawn, named) = problems.split_at(problems.len().min(DRAWN));
    let mut sources = Sources::default();
    for problem in drawn {
        let source = problem.source.as_ref().map(|source| sources.plain(source));
        let shown = Shown::of(problem, source, width.max(40) - MARGIN);
        // Writing into a string cannot fail, and a problem that cannot be drawn is still said.
        if !has_place_for_a_finger(problem) || handler.render_report(&mut text, &shown).is_err() {
            text.push_str(&line(problem));
        }
        text.push('\n');
    }
    text.extend(named.iter().map(line));
    text.push_str(&count(problems));
    text
}

/// Onto stderr. Its colours are the drawer's, and everything else in it is plain already.
pub fn print(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

fn has_place_for_a_finger(problem: &Problem) -> bool {
    problem.source.as_ref().is_none_or(|source| source.line_at(problem.span.offset).0.len <= LONGEST_LINE)
}

/// One line a problem, as compilers print for editors.
pub fn line(problem: &Problem) -> String {
    let word = word(problem.severity);
    let Problem { file, line, column, code, message, .. } = problem;
    let (file, message) = (clean::word(file), clean::word(message));
    format!("{file}:{line}:{column}: {word}[{code}]: {message}\n")
}

/// What `check --json` prints.
pub fn to_json(problems: &[Problem]) -> Value {
    json!({ "ok": !problems.iter().any(Problem::is_error), "problems": problems })
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// `2 errors, 1 warning`; nothing if there is nothing to count.
fn count(problems: &[Problem]) -> String {
    let of = |severity: Severity| problems.iter().filter(|problem| problem.severity == severity).count();
    let said = [Severity::Error, Severity::Warning]
        .into_iter()
        .filter(|severity| of(*severity) > 0)
        .map(|severity| amount::count(of(severity), word(severity)));
    let said = said.collect::<Vec<_>>().join(", ");
    if said.is_empty() { said } else { format!("{said}\n") }
}

/// A problem in miette's eyes.
struct Shown<'a> {
    problem: &'a Problem,
    /// What it points into, made fit to be shown.
    source: Option<Arc<Source>>,
    /// The part of it that is drawn, where a whole line is too much.
    excerpt: Option<Excerpt>,
    mark: SourceSpan,
}

impl<'a> Shown<'a> {
    fn of(problem: &'a Problem, source: Option<Arc<Source>>, room: usize) -> Self {
        let at = problem.span.offset;
        // Only the first line of a long place is shown: a script of a hundred lines is no finger.
        let rest = source.as_ref().map_or("", |source| source.slice(problem.span));
        let len = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let excerpt = source.as_ref().and_then(|source| Excerpt::around(source, at, len, room));
        let mark = excerpt.as_ref().map_or((at, len).into(), |excerpt| excerpt.mark);
        Self { problem, source, excerpt, mark }
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&clean::word(&self.problem.message))
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let at = match (&self.problem.source, self.problem.file.as_str()) {
            (None, file) if !file.is_empty() => format!(" ({})", clean::word(file)),
            _ => String::new(),
        };
        Some(Box::new(format!("{}{at}", self.problem.code)))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.problem.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.problem.help.as_ref().map(|help| clean::lines(help));
        help.map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        match &self.excerpt {
            Some(excerpt) => Some(excerpt),
            None => self.source.as_deref().map(|source| source as &dyn SourceCode),
        }
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.source.as_ref()?;
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(None, self.mark))))
    }
}

/// Sources without what a terminal would obey; each is looked through once.
#[derive(Default)]
struct Sources(Vec<[Arc<Source>; 2]>);

impl Sources {
    fn plain(&mut self, source: &Arc<Source>) -> Arc<Source> {
        let known = self.0.iter().find(|[raw, _]| Arc::ptr_eq(raw, source));
        if let Some([_, plain]) = known {
            return plain.clone();
        }
        let is_plain = !source.text.chars().any(|c| is_hidden(c) && c != '\n' && c != '\t');
        let plain = if is_plain { source.clone() } else { Source::new(source.name.clone(), in_place(&source.text)) };
        self.0.push([source.clone(), plain.clone()]);
        plain
    }
}

/// As many bytes as before, so that every place in the text stays where it is.
fn in_place(text: &str) -> String {
    let one = |c: char| match (c, c.len_utf8()) {
        ('\n' | '\t', _) => c.to_string(),
        _ if !is_hidden(c) => c.to_string(),
        ('\r', _) => " ".into(),
        (_, 1) => "?".into(),
        (_, 3) => "\u{fffd}".into(),
        (_, bytes) => "·".repeat(bytes / 2),
    };
    text.chars().map(one).collect()
}

impl SourceCode for Source {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let inner = self.text.read_span(span, before, after)?;
        let place = (inner.line(), inner.column());
        Ok(named(clean::word(&self.name), &*inner, place))
    }
}

/// The same lines under the name of their file, with the place that they have in it.
pub fn named<'a>(
    name: String,
    inner: &dyn SpanContents<'a>,
    (line, column): (usize, usize),
) -> Box<dyn SpanContents<'a> + 'a> {
    let (data, span, count) = (inner.data(), *inner.span(), inner.line_count());
    Box::new(MietteSpanContents::new_named(name, data, span, line, column, count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::parse_text;

    fn broken() -> Vec<Problem> {
        parse_text("rescue.yaml", "version: 1\nname: é {{ x }}\nseverity: completee\nsteps: []\n")
            .map(|loaded| crate::runbook::check(&loaded, &crate::runbook::catalog::NoKinds))
            .unwrap_or_else(|problems| problems)
    }

    #[test]
    fn a_problem_shows_its_line_with_a_finger() {
        let shown = text(&broken(), false, 100);
        assert!(shown.contains("rescue.yaml:3:11"), "{shown}");
        assert!(shown.contains("severity: completee"), "{shown}");
        assert!(shown.contains("────"), "{shown}");
        assert!(shown.contains("did you mean `complete`?"), "{shown}");
        assert!(shown.contains("RG0503"), "{shown}");
        assert!(shown.contains("3 errors"), "{shown}");
        assert!(!shown.contains('\u{1b}'), "{shown}");
        assert!(text(&broken(), true, 100).contains('\u{1b}'));
    }

    #[test]
    fn what_a_file_hides_is_not_sent_to_who_checks_it() {
        let text = "version: 1\nname: x # \u{202e}\u{9b}2J\u{feff}\u{e0041}\r\nseverity: completee\nsteps: []\n";
        let problems = match parse_text("res\x1bcue.yaml", text) {
            Ok(loaded) => crate::runbook::check(&loaded, &crate::runbook::catalog::NoKinds),
            Err(problems) => problems,
        };
        let shown = self::text(&problems, false, 100) + &line(&problems[0]);
        assert!(shown.contains("res\\u{1b}cue.yaml:2:14") && shown.contains("x # \u{fffd}·2J\u{fffd}··"), "{shown}");
        assert!(!shown.chars().any(|c| is_hidden(c) && c != '\n'), "{shown:?}");
    }

    #[test]
    fn very_long_lines_and_very_many_problems_are_named_and_not_drawn() {
        let check = |text: String| {
            let loaded = parse_text("rescue.yaml", &text).unwrap();
            crate::runbook::check(&loaded, &crate::runbook::catalog::NoKinds)
        };
        let long = format!("version: 1\nname: {} {{{{ x }}}}\nseverity: partial\nsteps: []\n", "x".repeat(70_000));
        assert!(text(&check(long), false, 100).contains("rescue.yaml:2:70008: error[RG0302]"));
        let steps = "  - { id: a, bad: 1, run: echo }\n".repeat(2_000);
        let shown = text(&check(format!("version: 1\nname: x\nseverity: partial\nsteps:\n{steps}")), false, 100);
        assert_eq!(shown.matches("────").count(), DRAWN);
        assert!(shown.contains("rescue.yaml:2004:") && shown.contains(" errors"));
    }

    #[test]
    fn of_a_long_line_what_lies_around_the_mark_is_drawn() {
        let long = "x: é, ".repeat(60);
        let book = format!(
            "version: 1\nname: x\nseverity: partial # {long}\nsteps: [{{ {long} bad: 1, {long} }}]\n# {long}\n"
        );
        let loaded = parse_text("rescue.yaml", &book);
        let problems = match loaded {
            Ok(loaded) => crate::runbook::check(&loaded, &crate::runbook::catalog::NoKinds),
            Err(problems) => problems,
        };
        let at = problems.iter().find(|problem| problem.message.contains("`bad`")).unwrap();
        let shown = text(std::slice::from_ref(at), false, 100);
        assert!(shown.contains(&format!("[rescue.yaml:4:{}]", at.column)), "{shown}");
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines.iter().all(|line| line.chars().count() <= 100), "{shown}");
        let drawn = lines.iter().position(|line| line.starts_with(" 4 │ …")).unwrap();
        let finger = lines[drawn + 1].chars().position(|c| c == '─').unwrap();
        let under: String = lines[drawn].chars().skip(finger).take(3).collect();
        assert_eq!(under, "bad", "{shown}");
        // A place behind the end of the text is no place, and no panic either.
        let source = at.source.clone().unwrap();
        let beyond = Problem::at(&source, "RG0101", crate::runbook::source::Span::new(book.len() + 9, 3), "gone");
        assert!(text(&[beyond], false, 100).contains("gone"));
        // A line that fits is drawn whole.
        assert!(!text(&broken(), false, 100).contains("│ …"));
    }

    #[test]
    fn json_is_as_promised() {
        let value = to_json(&broken());
        assert_eq!(value["ok"], false);
        let first = &value["problems"][0];
        assert_eq!(first["code"], "RG0302");
        assert_eq!(first["severity"], "error");
        assert_eq!((&first["line"], &first["column"], &first["end_column"]), (&json!(2), &json!(9), &json!(16)));
        assert_eq!(first["file"], "rescue.yaml");
        assert_eq!(to_json(&[])["ok"], true);
    }

    #[test]
    fn what_has_no_text_is_said_without_a_finger() {
        let problems = crate::runbook::load(std::path::Path::new("/nowhere/x.yaml")).unwrap_err();
        let shown = text(&problems, false, 80);
        assert!(shown.contains("there is no file `/nowhere/x.yaml`"), "{shown}");
        assert_eq!(line(&problems[0]), "/nowhere/x.yaml:1:1: error[RG0110]: there is no file `/nowhere/x.yaml`\n");
    }
}
