//! Text that others wrote: which of its characters are never sent to a terminal or into a page as they are.

/// Whether a character moves the cursor, breaks the line, turns the direction of writing or takes no room: who reads a text
/// with it reads something else than what stands there.
pub fn is_hidden(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

/// Formats and fillers of Unicode that no glyph stands for. Joiners between the parts of one emoji are among them: nothing is
/// lost that a person needs at a terminal.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether anything of a text can be seen.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_hidden(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_known_and_letters_of_all_scripts_are_not_touched() {
        for c in "\u{1b}\r\n\t\u{7f}\u{9b}\u{85}\u{ad}\u{202e}\u{2066}\u{200b}\u{2028}\u{feff}\u{e0041}".chars() {
            assert!(is_hidden(c), "{c:?}");
        }
        assert!(!"aé ß漢字עבריתعربي🚑→·\u{301}".chars().any(is_hidden));
        assert!(is_blank(" \t\u{200b}\u{3000}") && is_blank("") && !is_blank(" . "));
    }
}
