//! Keeps secrets out of what is written: every known secret is replaced by `***`, as it stands and in the encodings that
//! programs print it in.
//!
//! No pattern spans a newline, so whole lines can be let go at once.
//!
//! What somebody else said is cut here only, by [`Masker::excerpt`] and [`Masker::cut`]: of a secret that was cut before it was
//! looked for, the part that is left is never found.

mod encodings;
mod search;

use std::ops::Range;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Number, Value};

use search::Search;

use crate::model::secret::Secret;

pub const MASK: &str = "***";

/// Shorter secrets would blank out ordinary text; `run` refuses them.
pub const SHORTEST: usize = 4;

#[derive(Clone, Debug)]
pub struct Masker {
    search: Option<Search>,
}

impl Masker {
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        Self { search: Search::of(&encodings::of(secrets)) }
    }

    /// Whether a secret stands in `text`.
    pub fn finds(&self, text: &[u8]) -> bool {
        self.search.as_ref().is_some_and(|search| search.find(text, 0).is_some())
    }

    /// Where secrets stand in `text`.
    pub fn places<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Range<usize>> + 'a {
        self.search.iter().flat_map(|search| search.all(text))
    }

    pub fn mask(&self, text: &str) -> String {
        match &self.search {
            None => text.to_string(),
            Some(search) => {
                let mut out = Vec::with_capacity(text.len());
                replace(search, text.as_bytes(), text.len(), &mut out);
                // Patterns are text: what stands between them is text as well.
                String::from_utf8_lossy(&out).into_owned()
            }
        }
    }

    /// The beginning of a text.
    pub fn excerpt(&self, text: &str, most: usize) -> String {
        self.mask(text).chars().take(most).collect()
    }

    /// Cuts to `most` bytes, and to less where a secret could have begun whose end is cut off.
    pub fn cut(&self, bytes: &mut Vec<u8>, most: usize) {
        if bytes.len() > most {
            bytes.truncate(most);
            self.end(bytes);
        }
    }

    /// The same of what was cut already, by a server.
    pub fn end(&self, bytes: &mut Vec<u8>) {
        let Some(search) = &self.search else { return };
        let safe = safe(search, bytes);
        let last = search.all(bytes).take_while(|found| found.start < safe).last();
        bytes.truncate(last.map_or(safe, |found| found.end.max(safe)));
    }

    /// The same thing without any secret: none in its texts, keys included, and none as a number. A number that its type wants to
    /// be one is none that anybody else gave, and stays.
    pub fn masked<T: Serialize + DeserializeOwned>(&self, thing: T) -> T {
        let Ok(mut texts) = serde_json::to_value(&thing) else { return thing };
        if !self.finds(texts.to_string().as_bytes()) {
            return thing;
        }
        let mut all = texts.clone();
        self.mask_value(&mut all, true);
        self.mask_value(&mut texts, false);
        serde_json::from_value(all).or_else(|_| serde_json::from_value(texts)).unwrap_or(thing)
    }

    fn mask_value(&self, value: &mut Value, numbers: bool) {
        match value {
            Value::String(text) => *text = self.mask(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.mask_value(item, numbers)),
            Value::Object(map) => {
                let old = std::mem::take(map);
                for (key, mut inner) in old {
                    self.mask_value(&mut inner, numbers);
                    map.insert(self.mask(&key), inner);
                }
            }
            Value::Number(number) if numbers && self.is_secret(number) => *value = MASK.into(),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// A longer number that has the digits of a secret in it does not tell them.
    fn is_secret(&self, number: &Number) -> bool {
        let text = number.to_string();
        let digits = text.strip_suffix(".0").unwrap_or(&text);
        let digits = digits.strip_prefix('-').unwrap_or(digits);
        self.places(digits.as_bytes()).next() == Some(0..digits.len())
    }

    /// A stream of bytes, masked over the borders of its chunks.
    pub fn stream(&self) -> MaskStream<'_> {
        MaskStream { masker: self, held: Vec::new() }
    }
}

/// The texts in a secret value that are long enough to be kept out of what is printed.
pub fn texts(value: &Value) -> Vec<Secret> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Array(list) => return list.iter().flat_map(texts).collect(),
        Value::Object(map) => return map.values().flat_map(texts).collect(),
        Value::Null | Value::Bool(_) => return Vec::new(),
    };
    if text.len() < SHORTEST { Vec::new() } else { vec![Secret::new(text)] }
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
        let end = replace(search, &self.held, safe(search, &self.held), out);
        self.held.drain(..end);
    }

    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if let Some(search) = &self.masker.search {
            replace(search, &self.held, self.held.len(), out);
            self.held.clear();
        }
    }
}

/// Where the first secret can begin of which `text`, which goes on, may not hold all.
fn safe(search: &Search, text: &[u8]) -> usize {
    let newline = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    newline.max((text.len() + 1).saturating_sub(search.longest()))
}

/// Appends `text` up to `safe` to `out`, masked; a match that crosses `safe` is taken whole. Returns where it ended.
fn replace(search: &Search, text: &[u8], safe: usize, out: &mut Vec<u8>) -> usize {
    let mut end = 0;
    for found in search.all(text).take_while(|found| found.start < safe) {
        out.extend_from_slice(&text[end..found.start]);
        out.extend_from_slice(MASK.as_bytes());
        end = found.end;
    }
    if end < safe {
        out.extend_from_slice(&text[end..safe]);
        end = safe;
    }
    end
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
    use serde_json::json;

    use super::*;

    const SECRET: &str = "s3cr3t/Pass wörd'\"$x";

    /// The secret behind none to four other letters, as `base32` of GNU prints it.
    const BASE32: [&str; 5] = [
        "OMZWG4RTOQXVAYLTOMQHPQ5WOJSCOIREPBQWM5DFOI======",
        "MFZTGY3SGN2C6UDBONZSA56DWZZGIJZCER4GCZTUMVZA====",
        "MFRHGM3DOIZXIL2QMFZXGIDXYO3HEZBHEISHQYLGORSXE===",
        "MFRGG4ZTMNZDG5BPKBQXG4ZAO7B3M4TEE4RCI6DBMZ2GK4Q=",
        "MFRGGZDTGNRXEM3UF5IGC43TEB34HNTSMQTSEJDYMFTHIZLS",
    ];

    fn percent_encoded(upper: bool) -> String {
        SECRET.bytes().map(|byte| if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") }).collect()
    }

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
        texts.extend([true, false].map(percent_encoded));
        for (quote, tick) in [("&quot;", "&#39;"), ("&#34;", "&#x27;"), ("\"", "&apos;")] {
            let escaped = SECRET.replace('"', quote).replace('\'', tick);
            texts.extend([escaped.clone(), escaped.replace('ö', "&#246;")]);
        }
        texts.extend(BASE32.map(str::to_string));
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
    fn hex_that_is_broken_into_lines_is_masked() {
        let secret: String = (0..90).map(|i| char::from(b'!' + u8::try_from(i * i % 89).unwrap())).collect();
        let masker = Masker::new([&Secret::new(&secret)]);
        for before in ["", "a", "user:"] {
            let hex: String = format!("{before}{secret}").bytes().map(|byte| format!("{byte:02x}")).collect();
            for text in [hex.to_uppercase(), hex] {
                // The first line may hold what stands before the secret, the last one a piece too short to tell.
                for line in text.as_bytes().chunks(60).map(|line| std::str::from_utf8(line).unwrap()) {
                    let left: usize = masker.mask(line).split(MASK).map(str::len).max().unwrap_or(0);
                    assert!(left <= 2 * before.len().max(4), "{} of {line}", masker.mask(line));
                }
            }
        }
    }

    #[test]
    fn a_dump_of_bytes_is_masked() {
        let masker = masker();
        for before in ["", "a", "twelve bytes"] {
            let dump = |upper: bool| {
                let byte = |byte: u8| if upper { format!(" {byte:02X}") } else { format!(" {byte:02x}") };
                format!("{before}{SECRET}").bytes().map(byte).collect::<String>()
            };
            for text in [dump(false), dump(true)] {
                for line in text.as_bytes().chunks(16 * 3).map(|line| std::str::from_utf8(line).unwrap()) {
                    let masked = masker.mask(&format!("0000020{line}"));
                    let left = masked.split(MASK).map(|text| text.matches(' ').count()).max().unwrap();
                    assert!(left <= before.len().max(3), "{masked}");
                }
            }
        }
    }

    #[test]
    fn what_a_shell_quotes_with_escapes_is_masked() {
        let masker = Masker::new([&Secret::new("pa'ss\\w\u{f6}rd\tend")]);
        for text in ["$'pa\\'ss\\\\w\u{f6}rd\\tend'", "$'pa\\'ss\\\\w\\303\\266rd\\tend'"] {
            assert_eq!(masker.mask(text), "$'***'");
        }
    }

    #[test]
    fn what_markup_escapes_is_masked() {
        let masker = Masker::new([&Secret::new("a<b>&'c\"d\u{f6}")]);
        for text in [
            "a&lt;b&gt;&amp;&apos;c&quot;d\u{f6}",
            "a&lt;b&gt;&amp;&#39;c&#34;d&#246;",
            "a&lt;b&gt;&amp;&#x27;c&quot;d\u{f6}",
            "a&lt;b&gt;&amp;'c&quot;d\u{f6}",
            "a&lt;b>&amp;'c\"d\u{f6}",
        ] {
            assert_eq!(masker.mask(&format!("<p>{text}</p>")), "<p>***</p>", "{text}");
        }
    }

    /// What is left of a text that was cut holds no part of a secret, wherever it is cut.
    #[test]
    fn what_is_cut_holds_no_part_of_a_secret() {
        let masker = masker();
        let text = format!(
            "before {SECRET} after\nand {SECRET} {SECRET}x and so on and on and on and on and on and on and on and on"
        );
        let parts: Vec<&str> = SECRET.char_indices().filter_map(|(at, _)| SECRET.get(at..at + 3)).collect();
        for most in 0..=text.len() {
            let mut bytes = text.clone().into_bytes();
            masker.cut(&mut bytes, most);
            assert!(if most < text.len() { bytes.len() <= most } else { bytes.len() == text.len() });
            let left = [masker.mask(&String::from_utf8_lossy(&bytes)), masker.excerpt(&text, most)];
            for part in &parts {
                assert!(!left.iter().any(|left| left.contains(part)), "`{part}` of {left:?}, cut at {most}");
            }
        }
        let none = Masker::new([]);
        let mut bytes = text.clone().into_bytes();
        none.cut(&mut bytes, 9);
        assert_eq!((bytes.len(), none.excerpt("wörd", 2).as_str()), (9, "wö"));
    }

    #[test]
    fn a_number_is_masked_where_it_is_a_secret() {
        let masker = Masker::new([&Secret::new("73519264")]);
        let given =
            json!({"n": 73519264, "list": [73519264.0, -73519264, 735192640, 17, "73519264"], "73519264": null});
        let masked = json!({"n": MASK, "list": [MASK, MASK, 735192640, 17, MASK], MASK: null});
        assert_eq!(masker.masked(given), masked);
        #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
        struct Typed {
            delay: u64,
            why: String,
        }
        let typed = |why: &str| Typed { delay: 73519264, why: why.to_string() };
        assert_eq!(masker.masked(typed("it is 73519264")), typed("it is ***"));
    }

    /// The search against the plainest way to say what it does.
    #[test]
    fn the_leftmost_and_longest_is_found_at_any_place() {
        let masker = Masker::new([&Secret::new("abcd"), &Secret::new("abcdef"), &Secret::new("bcdefg")]);
        for (text, masked) in [
            ("abcd", "***"),
            ("xabcdex", "x***ex"),
            ("abcdefg", "***g"),
            ("aabcdeabcdef", "a***e***"),
            ("xbcdefgabcd", "x******"),
            ("abc", "abc"),
            ("", ""),
        ] {
            assert_eq!(masker.mask(text), masked, "{text}");
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
