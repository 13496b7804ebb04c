//! What children, providers and people wrote, made fit to be shown: nothing in it moves the cursor, turns the direction of
//! writing or forges a line. What would is shown as its escape instead.

use std::fmt::Write;

use super::words::grouped;

/// Longest text that stands on one line; the whole of it is in `--json`.
const LONGEST: usize = 2000;

/// Text on one line, also where it held several, and of bounded length.
pub fn word(text: &str) -> String {
    let count = text.chars().count();
    let mut shown = String::with_capacity(text.len().min(LONGEST));
    text.chars().take(LONGEST).for_each(|c| push(c, &mut shown));
    if count > LONGEST {
        let _ = write!(shown, "… ({} characters)", grouped(count as u64));
    }
    shown
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

fn push(c: char, out: &mut String) {
    let _ = match c {
        '\t' => out.write_char(c),
        c if c.is_control() || is_invisible(c) => write!(out, "{}", c.escape_default()),
        c => out.write_char(c),
    };
}

/// Turns the direction of writing, breaks the line or takes no room.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_turns_or_hides_is_shown_and_not_sent() {
        let hostile = "a\x1b[2Jb\rc\u{9b}d\u{7f}\u{202e}e\u{2066}\u{200b}\u{2028}\u{61c}f\tg\nh";
        let shown = "a\\u{1b}[2Jb\\rc\\u{9b}d\\u{7f}\\u{202e}e\\u{2066}\\u{200b}\\u{2028}\\u{61c}f\tg";
        assert_eq!(word(hostile), format!("{shown}\\nh"));
        assert_eq!(lines(hostile), format!("{shown}\nh"));
        assert_eq!(each_line("a\nb\r").collect::<Vec<_>>(), ["a", "b\\r"]);
    }

    #[test]
    fn a_line_without_end_is_cut_with_its_length() {
        let shown = word(&"x".repeat(200_036));
        assert!(shown.ends_with("x… (200,036 characters)") && shown.chars().count() < 2100);
    }
}
