//! What children, providers and people wrote, made fit to be shown: nothing in it moves the cursor, turns the direction of
//! writing or forges a line. What would is shown as its escape instead.
//!
//! The places where text leaves call this, so that no line can forget it: [`super::page::Page`] for what is put together line
//! by line, [`screen`] for whole texts, [`Json`] for JSON. `tests/floors.rs` holds that nothing else writes to a terminal.

use std::fmt::Write;
use std::io;

use super::paint::COLOURS;
use super::words::grouped;
use crate::model::text::is_hidden;

/// Longest text that stands on one line; the whole of it is in `--json`.
const LONGEST: usize = 2000;

/// Text on one line, also where it held several, and of bounded length.
pub fn word(text: &str) -> String {
    one_line(text, false, LONGEST)
}

/// A line of ours with what others wrote in it: the same, but our own colours stay.
pub fn line(text: &str) -> String {
    one_line(text, true, LONGEST)
}

/// A line that is meant to be copied: never cut.
pub fn whole_line(text: &str) -> String {
    one_line(text, true, usize::MAX)
}

/// Text whose lines stay lines.
pub fn lines(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' { shown.push(c) } else { push(c, &mut shown) }
    }
    shown
}

/// The lines of a text, each as [`word`] shows it.
pub fn each_line(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split('\n').map(word)
}

/// A text of ours as it goes to a terminal: its lines and our own colours, and everything else shown.
pub fn screen(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            shown.push('\n');
        }
        shown.push_str(&whole_line(line));
    }
    shown
}

fn one_line(text: &str, coloured: bool, most: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(most));
    let (mut rest, mut taken, mut open) = (text, 0, false);
    while let Some(c) = rest.chars().next().filter(|_| taken < most) {
        if let Some(colour) = COLOURS.iter().find(|colour| coloured && c == '\x1b' && rest.starts_with(**colour)) {
            shown.push_str(colour);
            open = *colour != COLOURS[0];
            rest = &rest[colour.len()..];
            continue;
        }
        push(c, &mut shown);
        rest = &rest[c.len_utf8()..];
        taken += 1;
    }
    if !rest.is_empty() {
        let _ = write!(shown, "… ({} characters)", grouped(text.chars().count() as u64));
    }
    if open {
        shown.push_str(COLOURS[0]);
    }
    shown
}

fn push(c: char, out: &mut String) {
    let _ = match c {
        '\t' => out.write_char(c),
        c if is_hidden(c) => write!(out, "{}", c.escape_default()),
        c => out.write_char(c),
    };
}

/// Takes JSON as it is written and hands it on with the characters escaped that JSON lets stand and a terminal would obey: it
/// means the same.
#[derive(Debug)]
pub struct Json<W>(pub W);

impl<W: io::Write> io::Write for Json<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match std::str::from_utf8(bytes) {
            Ok(text) if !is_harmless(bytes) => self.0.write_all(json(text).as_bytes())?,
            _ => self.0.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn is_harmless(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| byte.is_ascii() && *byte != 0x7f)
}

/// A text of JSON, in the same way.
pub fn json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        // Line breaks stand between values only.
        if is_hidden(c) && c != '\n' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const HOSTILE: &str = "a\x1b[2Jb\rc\u{9b}d\u{7f}\u{202e}e\u{2066}\u{200b}\u{2028}\u{61c}f\tg\nh";
    const SHOWN: &str = "a\\u{1b}[2Jb\\rc\\u{9b}d\\u{7f}\\u{202e}e\\u{2066}\\u{200b}\\u{2028}\\u{61c}f\tg";

    #[test]
    fn what_moves_turns_or_hides_is_shown_and_not_sent() {
        assert_eq!(word(HOSTILE), format!("{SHOWN}\\nh"));
        assert_eq!(line(HOSTILE), format!("{SHOWN}\\nh"));
        assert_eq!(lines(HOSTILE), format!("{SHOWN}\nh"));
        assert_eq!(screen(HOSTILE), format!("{SHOWN}\nh"));
        assert_eq!(each_line("a\nb\r").collect::<Vec<_>>(), ["a", "b\\r"]);
    }

    #[test]
    fn a_line_without_end_is_cut_with_its_length() {
        let long = "x".repeat(200_036);
        let shown = word(&long);
        assert!(shown.ends_with("x… (200,036 characters)") && shown.chars().count() < 2100);
        assert_eq!(whole_line(&long), long);
    }

    #[test]
    fn of_colours_only_ours_stay_and_none_runs_on_into_the_next_line() {
        assert_eq!(line("\x1b[31m\x1b[1mbad\x1b[0m"), "\x1b[31m\x1b[1mbad\x1b[0m");
        assert_eq!(line("\x1b[8mhidden\x1b[31;1mx"), "\\u{1b}[8mhidden\\u{1b}[31;1mx");
        assert_eq!(screen("\x1b[2mfaint\nx"), "\x1b[2mfaint\x1b[0m\nx");
        assert_eq!(word("\x1b[31mred"), "\\u{1b}[31mred");
    }

    #[test]
    fn json_means_the_same_and_holds_nothing_that_a_terminal_obeys() {
        let value = serde_json::json!({ HOSTILE: [HOSTILE, "\u{e0041}"] });
        let mut out = Vec::new();
        serde_json::to_writer_pretty(Json(&mut out), &value).unwrap();
        Json(&mut out).flush().unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.chars().any(|c| is_hidden(c) && c != '\n'), "{text:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
