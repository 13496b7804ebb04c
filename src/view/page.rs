//! A page for people, put together line by line. What stands on a line stays on it, whoever wrote it.

use std::fmt;

use super::clean;

#[derive(Clone, Debug, Default)]
pub struct Page(String);

impl Page {
    pub fn new() -> Self {
        Self::default()
    }

    /// One line. What would break it, or move the cursor, is shown as its escape; what is too long is cut.
    pub fn line(&mut self, line: impl fmt::Display) {
        self.push(&clean::line(line.to_string().trim_end_matches(' ')));
    }

    /// One line that is meant to be copied: never cut.
    pub fn command(&mut self, line: impl fmt::Display) {
        self.push(&clean::whole_line(&line.to_string()));
    }

    /// A text that may have several lines: none of them stands where only ours begin.
    pub fn lines(&mut self, first: &str, further: &str, text: &str) {
        for (index, line) in text.split('\n').enumerate() {
            let margin = if index == 0 { first } else { further };
            self.line(format_args!("{margin}{line}"));
        }
    }

    /// The same, all behind one margin.
    pub fn quote(&mut self, margin: &str, text: &str) {
        self.lines(margin, margin, text);
    }

    /// The same as an item of a list.
    pub fn item(&mut self, text: &str) {
        self.lines("  ", "    ", text);
    }

    pub fn gap(&mut self) {
        self.0.push('\n');
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn push(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_makes_a_line_of_its_own() {
        let mut page = Page::new();
        page.line(format_args!("state {}", "a\nb\x1b[1A"));
        page.quote("  | ", "one\ntwo\r");
        page.item("first\nsecond");
        page.gap();
        page.command(format_args!("regrow {}", "x".repeat(3000)));
        let text = page.to_string();
        assert!(
            text.starts_with("state a\\nb\\u{1b}[1A\n  | one\n  | two\\r\n  first\n    second\n\nregrow x"),
            "{text}"
        );
        assert!(text.ends_with("xxx\n"));
    }
}
