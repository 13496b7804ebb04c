//! What others wrote, as text of a Markdown page: it begins no markup, for any reader of Markdown.

use crate::view::clean;

/// A name, a command: literal, whatever backticks are in it.
pub fn code(text: &str) -> String {
    let text = clean::word(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let (fence, space) = ("`".repeat(longest + 1), if longest > 0 { " " } else { "" });
    format!("{fence}{space}{text}{space}{fence}")
}

/// Text that stays text: on one line, no HTML, no link, no picture. Between two single backticks it is literal already; as
/// many in a row, or one that nobody closes, begin nothing.
pub fn plain(text: &str) -> String {
    let text = clean::word(text);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(c) = rest.chars().next() {
        let ticks = rest.len() - rest.trim_start_matches('`').len();
        let closed = if ticks == 1 { closing(&rest[1..]) } else { None };
        let taken = match (ticks, closed) {
            (0, _) => {
                push_plain(c, &mut out);
                c.len_utf8()
            }
            (_, Some(end)) => {
                out.push_str(&rest[..end + 2]);
                end + 2
            }
            _ => {
                out.push_str(&"\\`".repeat(ticks));
                ticks
            }
        };
        rest = &rest[taken..];
    }
    out
}

/// Where the next backtick stands that has none beside it.
fn closing(text: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + text[from..].find('`')?;
        let ticks = text[at..].len() - text[at..].trim_start_matches('`').len();
        if ticks == 1 {
            return Some(at);
        }
        from = at + ticks;
    }
}

fn push_plain(c: char, out: &mut String) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '[' | ']' | '*' | '\\' => out.extend(['\\', c]),
        _ => out.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::{code, plain};

    #[test]
    fn what_people_write_is_text_and_no_markup() {
        let cases = [
            ("see `copy` & <b>", "see `copy` &amp; &lt;b>"),
            ("[x](http://e) ![i](http://e/i.png)", "\\[x\\](http://e) !\\[i\\](http://e/i.png)"),
            ("**loud**", "\\*\\*loud\\*\\*"),
            ("`[a](b)` and `[c](d)", "`[a](b)` and \\`\\[c\\](d)"),
            // What begins a literal for us begins one for every reader of Markdown, and nothing else does.
            ("```<b>`", "\\`\\`\\`&lt;b>\\`"),
            ("\\`<b>`", "\\\\`<b>`"),
            ("`a``<b>`", "`a``<b>`"),
            ("``", "\\`\\`"),
        ];
        for (text, wanted) in cases {
            assert_eq!(plain(text), wanted);
        }
    }

    #[test]
    fn a_name_with_backticks_is_literal() {
        assert_eq!(code("copy"), "`copy`");
        assert_eq!(code("a` <b> ``"), "``` a` <b> `` ```");
    }
}
