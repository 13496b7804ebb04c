//! TXT data as people write it: plain text, or quoted strings where it matters how it is cut.

/// What fits into one string of a TXT record.
const STRING: usize = 255;

/// `"a" "b"` is two strings; anything that does not begin with a quote is one text, cut where it has to be.
pub fn parse(text: &str) -> Result<Vec<Vec<u8>>, String> {
    let trimmed = text.trim();
    if !trimmed.starts_with('"') {
        let cut = text.as_bytes().chunks(STRING).map(<[u8]>::to_vec).collect::<Vec<_>>();
        return Ok(if cut.is_empty() { vec![Vec::new()] } else { cut });
    }
    let mut strings = Vec::new();
    let mut rest = trimmed;
    while let Some(inside) = rest.strip_prefix('"') {
        let (string, after) = quoted(inside)?;
        if string.len() > STRING {
            return Err(format!("a quoted string of TXT holds at most {STRING} bytes"));
        }
        strings.push(string);
        rest = after.trim_start();
    }
    if rest.is_empty() { Ok(strings) } else { Err(format!("`{rest}` stands behind a quoted string")) }
}

/// The bytes up to the closing quote, and what follows it.
fn quoted(text: &str) -> Result<(Vec<u8>, &str), String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    loop {
        let Some(at) = rest.find(['"', '\\']) else { return Err("a quote is not closed".to_owned()) };
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let after = &rest[at + 1..];
        if rest.as_bytes()[at] == b'"' {
            return Ok((bytes, after));
        }
        let number = after.get(..3).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
        rest = match (number, after.chars().next()) {
            (Some(digits), _) => {
                bytes.push(digits.parse().map_err(|_| format!("`\\{digits}` is no byte"))?);
                &after[3..]
            }
            (None, Some(c)) => {
                let mut utf8 = [0; 4];
                bytes.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes());
                &after[c.len_utf8()..]
            }
            (None, None) => return Err("a quote is not closed".to_owned()),
        };
    }
}

/// The shorter form where it says the same.
pub fn write(strings: &[Box<[u8]>]) -> String {
    let whole = strings.concat();
    if let Ok(plain) = std::str::from_utf8(&whole)
        && !plain.contains(char::is_control)
        && parse(plain).is_ok_and(|cut| cut.iter().map(Vec::as_slice).eq(strings.iter().map(AsRef::as_ref)))
    {
        return plain.to_owned();
    }
    strings.iter().map(|string| quote(string)).collect::<Vec<_>>().join(" ")
}

fn quote(string: &[u8]) -> String {
    let mut text = String::from("\"");
    for byte in string {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(*byte)]),
            0x20..0x7f => text.push(char::from(*byte)),
            other => text.push_str(&format!("\\{other:03}")),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(strings: Vec<Vec<u8>>) -> Vec<Box<[u8]>> {
        strings.into_iter().map(Vec::into_boxed_slice).collect()
    }

    #[test]
    fn plain_text_stays_plain_and_cuts_are_kept() {
        let long = "x".repeat(300);
        for text in ["v=spf1 -all", "a\\b", "ü", "say \"hi\"", "", long.as_str(), r#""a" "b""#, r#""a\"\\\000" "\255""#]
        {
            let strings = boxed(parse(text).unwrap());
            assert_eq!(write(&strings), text);
        }
        assert_eq!(write(&boxed(parse("\"one\"").unwrap())), "one");
        assert_eq!(parse(&long).unwrap().len(), 2);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for text in ["\"open", "\"a\" b", "\"\\", "\"\\999\""] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
