//! Keeps secrets out of what is written: every known secret is replaced by `***`, as it stands and in the encodings that
//! programs print it in.
//!
//! A secret of several lines is looked for line by line, so no pattern spans a newline and whole lines can be let go at once.
//! Base64 is looked for in its three shifts, without the characters that depend on what stands beside the secret.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::model::secret::Secret;

pub const MASK: &str = "***";

/// Shorter secrets would blank out ordinary text; `run` refuses them.
pub const SHORTEST: usize = 4;
/// Shorter pieces of an encoding are left out for the same reason.
const SHORTEST_PIECE: usize = 6;

/// Tools break base64 into lines, the narrowest of them after this many bytes.
const WRAPPED: usize = 48;

#[derive(Clone, Debug)]
pub struct Masker {
    search: Option<AhoCorasick>,
    longest: usize,
}

impl Masker {
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut patterns = BTreeSet::new();
        for secret in secrets {
            add_patterns(secret.expose(), &mut patterns);
        }
        let longest = patterns.iter().map(String::len).max().unwrap_or(0);
        let build = || AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&patterns).ok();
        Self { search: if patterns.is_empty() { None } else { build() }, longest }
    }

    /// Whether a secret stands in `text`.
    pub fn finds(&self, text: &[u8]) -> bool {
        self.search.as_ref().is_some_and(|search| search.is_match(text))
    }

    pub fn mask(&self, text: &str) -> String {
        match &self.search {
            None => text.to_string(),
            Some(search) => {
                let mut out = String::with_capacity(text.len());
                search.replace_all_with(text, &mut out, |_, _, out| {
                    out.push_str(MASK);
                    true
                });
                out
            }
        }
    }

    /// Masks every string of a value, keys included.
    pub fn mask_value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.mask(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.mask_value(item)),
            Value::Object(map) => {
                let old = std::mem::take(map);
                for (key, mut inner) in old {
                    self.mask_value(&mut inner);
                    map.insert(self.mask(&key), inner);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// A stream of bytes, masked over the borders of its chunks.
    pub fn stream(&self) -> MaskStream<'_> {
        MaskStream { masker: self, held: Vec::new() }
    }
}

/// Holds back what may be the beginning of a secret, at most until the line ends.
pub struct MaskStream<'a> {
    masker: &'a Masker,
    held: Vec<u8>,
}

impl MaskStream<'_> {
    /// Appends to `out` what of `chunk` can be let go.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let Some(search) = &self.masker.search else {
            out.extend_from_slice(chunk);
            return;
        };
        self.held.extend_from_slice(chunk);
        let newline = self.held.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let safe = newline.max((self.held.len() + 1).saturating_sub(self.masker.longest));
        let end = replace(search, &self.held, safe, out);
        self.held.drain(..end);
    }

    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if let Some(search) = &self.masker.search {
            replace(search, &self.held, self.held.len(), out);
            self.held.clear();
        }
    }
}

/// Appends `text` up to `safe` to `out`, masked; a match that crosses `safe` is taken whole. Returns where it ended.
fn replace(search: &AhoCorasick, text: &[u8], safe: usize, out: &mut Vec<u8>) -> usize {
    let mut end = 0;
    for found in search.find_iter(text) {
        if found.start() >= safe {
            break;
        }
        out.extend_from_slice(&text[end..found.start()]);
        out.extend_from_slice(MASK.as_bytes());
        end = found.end();
    }
    if end < safe {
        out.extend_from_slice(&text[end..safe]);
        end = safe;
    }
    end
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
    if bytes.len() >= WRAPPED {
        (0..3).for_each(|shift| add_wrapped_base64(bytes, shift, patterns));
    }
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
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

/// Pieces of the base64 of a long secret. It is broken into lines at any place, always between groups of four: what a piece
/// does not cover of a line is less than [`SHORTEST_WRAPPED`] groups.
fn add_wrapped_base64(bytes: &[u8], shift: usize, patterns: &mut BTreeSet<String>) {
    const SHORTEST_WRAPPED: usize = 3;
    const LONGEST_WRAPPED: usize = 6;
    let mut shifted = vec![0; shift];
    shifted.extend_from_slice(bytes);
    let text = STANDARD_NO_PAD.encode(&shifted);
    let inner = text.get((shift * 8).div_ceil(24) * 4..shifted.len() / 3 * 4).unwrap_or_default();
    let groups = inner.len() / 4;
    for start in 0..groups {
        for count in SHORTEST_WRAPPED..=LONGEST_WRAPPED {
            patterns.extend(inner.get(start * 4..(start + count) * 4).map(str::to_string));
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "s3cr3t/Pass wörd'\"$x";

    fn masker() -> Masker {
        Masker::new([&Secret::new(SECRET)])
    }

    #[test]
    fn every_encoding_is_masked() {
        let masker = masker();
        let encode = |before: &str| STANDARD_NO_PAD.encode(format!("{before}{SECRET}after"));
        let mut texts = vec![SECRET.to_string(), format!("x{SECRET}y"), serde_json::to_string(SECRET).unwrap()];
        texts.extend(["", "a", "ab", "abc"].map(encode));
        texts.push(URL_SAFE_NO_PAD.encode(SECRET));
        texts.push(SECRET.bytes().map(|b| format!("{b:02x}")).collect());
        texts.push(url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect());
        texts.push(SECRET.replace('\'', "'\\''"));
        for text in texts {
            let masked = masker.mask(&text);
            assert!(masked.contains(MASK), "{text} came through as {masked}");
        }
        assert_eq!(masker.mask("nothing to hide"), "nothing to hide");
    }

    #[test]
    fn a_secret_split_over_writes_is_masked_wherever_it_is_cut() {
        let masker = masker();
        let text = format!("before {SECRET} after\nand {SECRET}").into_bytes();
        for cut in 0..text.len() {
            for second in [cut, (cut + 3).min(text.len())] {
                let (mut stream, mut out) = (masker.stream(), Vec::new());
                stream.push(&text[..cut], &mut out);
                stream.push(&text[cut..second], &mut out);
                stream.push(&text[second..], &mut out);
                stream.finish(&mut out);
                assert_eq!(String::from_utf8(out).unwrap(), "before *** after\nand ***", "cut at {cut}");
            }
        }
    }

    #[test]
    fn base64_that_is_broken_into_lines_is_masked() {
        let secret: String = (0..400).map(|i| char::from(b'!' + u8::try_from(i * i % 89).unwrap())).collect();
        let masker = Masker::new([&Secret::new(&secret)]);
        for before in ["", "a", "ab", "user:"] {
            let text = STANDARD_NO_PAD.encode(format!("{before}{secret}"));
            for width in [64, 76] {
                let lines = text.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap());
                for line in lines {
                    let left: usize = masker.mask(line).split(MASK).map(str::len).max().unwrap_or(0);
                    assert!(left < 12, "{} of {line}", masker.mask(line));
                }
            }
        }
    }

    #[test]
    fn json_in_json_is_masked() {
        let twice = serde_json::to_string(&serde_json::to_string("x\"y'z\\w\"").unwrap()).unwrap();
        assert_eq!(Masker::new([&Secret::new("x\"y'z\\w\"")]).mask(&twice), r#""\"***\"""#);
    }

    #[test]
    fn a_key_of_several_lines_is_masked_line_by_line() {
        let pem = Secret::new("-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\n9w0BAQEFAASCBKcwggSj\n-----END KEY-----\n");
        let masker = Masker::new([&pem]);
        assert_eq!(masker.mask("log: 9w0BAQEFAASCBKcwggSj"), "log: ***");
    }
}
