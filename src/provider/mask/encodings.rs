//! The forms that programs print a secret in.
//!
//! A secret of several lines is looked for line by line. Base64 is looked for in its three shifts, without the characters
//! that depend on what stands beside the secret.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::SHORTEST;
use crate::model::secret::Secret;

/// Shorter pieces of an encoding would blank out ordinary text.
const SHORTEST_PIECE: usize = 6;

/// Tools break base64 into lines, the narrowest of them after this many bytes.
const WRAPPED_BASE64: usize = 48;
/// The same for hex: `xxd -p`.
const WRAPPED_HEX: usize = 30;

/// Every text that a secret is looked for as. None holds a newline, none is shorter than [`SHORTEST`].
pub fn of<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> BTreeSet<String> {
    let mut patterns = BTreeSet::new();
    secrets.into_iter().for_each(|secret| add_patterns(secret.expose(), &mut patterns));
    patterns
}

fn add_patterns(secret: &str, patterns: &mut BTreeSet<String>) {
    let whole = secret.trim_matches(['\r', '\n']);
    add_encodings(whole, patterns);
    for line in whole.lines().map(str::trim).filter(|line| line.len() >= SHORTEST) {
        patterns.insert(line.to_string());
        if line.len() != whole.len() && line.len() >= 2 * SHORTEST {
            add_encodings(line, patterns);
        }
    }
}

fn add_encodings(secret: &str, patterns: &mut BTreeSet<String>) {
    if secret.len() < SHORTEST {
        return;
    }
    let bytes = secret.as_bytes();
    for shift in 0..3 {
        patterns.extend(
            [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD].iter().filter_map(|engine| base64_core(*engine, bytes, shift)),
        );
    }
    if bytes.len() >= WRAPPED_BASE64 {
        (0..3).for_each(|shift| add_wrapped_base64(bytes, shift, patterns));
    }
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    if bytes.len() >= WRAPPED_HEX {
        [&hex, &hex.to_uppercase()].into_iter().for_each(|hex| add_pieces(hex, 2, 4..=8, patterns));
    }
    let percent = |upper: bool, space: &str| -> String {
        let one = |byte: &u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(*byte).to_string(),
            b' ' => space.to_string(),
            other if upper => format!("%{other:02X}"),
            other => format!("%{other:02x}"),
        };
        bytes.iter().map(one).collect()
    };
    let json = serde_json::to_string(secret).unwrap_or_default();
    // One quote at each end: the secret may have some of its own there.
    let json = json.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default();
    let ascii: String =
        json.chars().map(|c| if c.is_ascii() { c.to_string() } else { c.escape_unicode_json() }).collect();
    patterns.extend([hex.to_uppercase(), hex, percent(true, "%20"), percent(false, "%20"), percent(true, "+")]);
    // JSON in a string of JSON, as loggers nest it.
    let nested = serde_json::to_string(json).unwrap_or_default();
    let nested = nested.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default().to_string();
    patterns.extend([ascii, json.replace('/', "\\/"), json.replace('\\', "\\\\"), nested, json.to_string()]);
    patterns.extend([secret.replace('\'', "'\\''"), secret.replace('\'', "'\"'\"'"), shell_escaped(secret)]);
    patterns.extend([true, false].map(|octal| ansi_c_quoted(secret, octal)));
    patterns.insert(secret.to_string());
    patterns.retain(|pattern| !pattern.contains('\n') && pattern.len() >= SHORTEST);
}

/// `\uXXXX` as JSON writes it: in UTF-16 units.
trait EscapeJson {
    fn escape_unicode_json(self) -> String;
}

impl EscapeJson for char {
    fn escape_unicode_json(self) -> String {
        self.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
    }
}

/// As `printf %q` of a shell prints it.
fn shell_escaped(secret: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./:=@%+,".contains(c);
    secret.chars().map(|c| if plain(c) { c.to_string() } else { format!("\\{c}") }).collect()
}

/// What stands between `$'` and `'` where a shell quotes so; `octal`: also what is not ASCII, as in the locale `C`.
fn ansi_c_quoted(secret: &str, octal: bool) -> String {
    let mut quoted = String::new();
    for c in secret.chars() {
        match c {
            '\'' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\x1b' => quoted.push_str("\\E"),
            c if c.is_ascii_control() || (octal && !c.is_ascii()) => {
                c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| quoted.push_str(&format!("\\{byte:03o}")));
            }
            c => quoted.push(c),
        }
    }
    quoted
}

/// The base64 of a long secret, in pieces.
fn add_wrapped_base64(bytes: &[u8], shift: usize, patterns: &mut BTreeSet<String>) {
    let mut shifted = vec![0; shift];
    shifted.extend_from_slice(bytes);
    let text = STANDARD_NO_PAD.encode(&shifted);
    let inner = text.get((shift * 8).div_ceil(24) * 4..shifted.len() / 3 * 4).unwrap_or_default();
    add_pieces(inner, 4, 3..=6, patterns);
}

/// Pieces of an encoding that tools break into lines at any place, always between groups of `width` characters: what pieces
/// of `counts` groups do not cover of a line is less than the shortest of them.
fn add_pieces(text: &str, width: usize, counts: RangeInclusive<usize>, patterns: &mut BTreeSet<String>) {
    for start in 0..text.len() / width {
        let pieces = counts.clone().filter_map(|count| text.get(start * width..(start + count) * width));
        patterns.extend(pieces.map(str::to_string));
    }
}

/// The base64 of `bytes` behind `shift` unknown ones, without the characters that depend on the neighbours.
fn base64_core(engine: &impl Engine, bytes: &[u8], shift: usize) -> Option<String> {
    let mut shifted = vec![0; shift];
    shifted.extend_from_slice(bytes);
    let text = engine.encode(&shifted);
    let first = (shift * 8).div_ceil(6);
    let last = shifted.len() * 8 / 6;
    let core = text.get(first..last)?;
    (core.len() >= SHORTEST_PIECE).then(|| core.to_string())
}
