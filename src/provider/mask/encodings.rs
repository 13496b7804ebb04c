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
/// The same for base32: `base32` of GNU.
const WRAPPED_BASE32: usize = 40;
/// The same for hex: `xxd -p`.
const WRAPPED_HEX: usize = 30;

/// Longer secrets are not looked for in dumps of bytes: there would be too many pieces of them.
const SPACED_HEX: usize = 64;

/// Every text that a secret is looked for as. None holds a newline, none is shorter than [`SHORTEST`].
pub fn of<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> BTreeSet<String> {
    let mut patterns = BTreeSet::new();
    secrets.into_iter().for_each(|secret| add_patterns(secret.expose(), &mut patterns));
    patterns
}

fn add_patterns(secret: &str, patterns: &mut BTreeSet<String>) {
    let whole = secret.trim_matches(['\r', '\n']);
    add_encodings(whole, patterns);
    if whole.len() <= SPACED_HEX {
        add_spaced_hex(whole.as_bytes(), patterns);
    }
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
    for shift in 0..5 {
        let text = base32(bytes, shift);
        patterns.extend(base32_core(&text, bytes.len(), shift));
        if bytes.len() >= WRAPPED_BASE32 {
            let inner = text.get(shift.div_ceil(5) * 8..(shift + bytes.len()) / 5 * 8).unwrap_or_default();
            add_pieces(inner, 8, 2..=3, patterns);
        }
    }
    let percent = |upper: bool, space: &str| -> String {
        let one = |byte: &u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(*byte).to_string(),
            b' ' => space.to_string(),
            other => percent_all(&[*other], upper),
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
    patterns.extend([true, false].map(|upper| percent_all(bytes, upper)));
    patterns.extend(in_markup(secret));
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

/// Every byte escaped, as strict encoders of URLs do it.
fn percent_all(bytes: &[u8], upper: bool) -> String {
    bytes.iter().map(|byte| if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") }).collect()
}

/// As text and attributes of XML and HTML hold it. What is escaped and how differs from writer to writer, the same one does
/// always the same.
fn in_markup(secret: &str) -> BTreeSet<String> {
    const QUOTES: [Option<&str>; 4] = [None, Some("&quot;"), Some("&#34;"), Some("&#x22;")];
    const TICKS: [Option<&str>; 5] = [None, Some("&#39;"), Some("&#039;"), Some("&#x27;"), Some("&apos;")];
    let written = |quote: Option<&str>, tick: Option<&str>, greater: bool, wide: bool| -> String {
        let one = |c: char| match c {
            '&' => "&amp;".to_string(),
            '<' => "&lt;".to_string(),
            '>' if greater => "&gt;".to_string(),
            '"' => quote.unwrap_or("\"").to_string(),
            '\'' => tick.unwrap_or("'").to_string(),
            c if wide && !c.is_ascii() => format!("&#{};", u32::from(c)),
            c => c.to_string(),
        };
        secret.chars().map(one).collect()
    };
    let mut forms = BTreeSet::new();
    // Ways to write what is not there make no other form.
    let quotes = if secret.contains('"') { &QUOTES[..] } else { &QUOTES[..1] };
    let ticks = if secret.contains('\'') { &TICKS[..] } else { &TICKS[..1] };
    let both = |there: bool| if there { &[false, true][..] } else { &[false] };
    let (greater, wide) = (both(secret.contains('>')), both(!secret.is_ascii()));
    for (quote, tick) in quotes.iter().flat_map(|quote| ticks.iter().map(move |tick| (*quote, *tick))) {
        for (greater, wide) in greater.iter().flat_map(|greater| wide.iter().map(move |wide| (*greater, *wide))) {
            forms.insert(written(quote, tick, greater, wide));
        }
    }
    forms
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

/// As `od -tx1` prints bytes: a space in front of each, 16 on a line, in which the secret begins anywhere.
fn add_spaced_hex(bytes: &[u8], patterns: &mut BTreeSet<String>) {
    let spaced: String = bytes.iter().map(|byte| format!(" {byte:02x}")).collect();
    [&spaced, &spaced.to_uppercase()].into_iter().for_each(|spaced| add_pieces(spaced, 3, 4..=16, patterns));
}

/// The base64 of a long secret, in pieces.
fn add_wrapped_base64(bytes: &[u8], shift: usize, patterns: &mut BTreeSet<String>) {
    let mut shifted = vec![0; shift];
    shifted.extend_from_slice(bytes);
    let text = STANDARD_NO_PAD.encode(&shifted);
    let inner = text.get((shift * 8).div_ceil(24) * 4..shifted.len() / 3 * 4).unwrap_or_default();
    add_pieces(inner, 4, 3..=6, patterns);
}

/// Of the base32 of `length` bytes behind `shift` unknown ones, what does not depend on the neighbours.
fn base32_core(text: &str, length: usize, shift: usize) -> impl Iterator<Item = String> {
    let core = text.get((shift * 8).div_ceil(5)..(shift + length) * 8 / 5).unwrap_or_default().to_string();
    let forms = [core.to_lowercase(), core];
    forms.into_iter().filter(|core| core.len() >= SHORTEST_PIECE)
}

/// Without padding, as RFC 4648 has it.
fn base32(bytes: &[u8], shift: usize) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::new();
    let (mut held, mut bits) = (0u32, 0);
    for byte in std::iter::repeat_n(&0, shift).chain(bytes) {
        held = (held << 8 | u32::from(*byte)) & 0xffff;
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(ALPHABET[(held >> bits & 31) as usize]));
        }
    }
    if bits > 0 {
        text.push(char::from(ALPHABET[(held << (5 - bits) & 31) as usize]));
    }
    text
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
