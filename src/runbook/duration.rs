//! Durations as people write them (`90m`, `1h30m`, `2d`, `500ms`) and moments as machines do (RFC 3339 with offset).

use std::time::Duration;

use jiff::Timestamp;

const UNITS: &[(&str, u128)] = &[("ms", 1), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];

/// Longer than anybody waits for a recovery, short enough to be added to any clock.
pub const MAX: Duration = Duration::from_secs(10_000 * 86_400);

/// What [`parse`] takes, for editors.
pub const PATTERN: &str = "^(?=[0-9])([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$";
/// The same, and longer than nothing.
pub const PATTERN_SOME: &str = "^(?=.*[1-9])([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$";

/// What [`parse_timestamp`] takes, by its form.
pub const TIMESTAMP_PATTERN: &str =
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$";

pub const DURATION_HELP: &str = "write it as `90s`, `90m`, `1h30m`, `2d` or `500ms`";
pub const TIMESTAMP_HELP: &str = "write it as `2026-11-22T14:05:00Z` or `2026-11-22T14:05:00+01:00`";

/// Reads a duration; the error is one sentence.
pub fn parse(text: &str) -> Result<Duration, String> {
    if text.starts_with('-') {
        return Err(format!("`{text}` is negative"));
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("`{text}` has no unit"));
    }
    let wrong = || format!("`{text}` is no duration");
    let (mut rest, mut millis, mut last) = (text, 0u128, u128::MAX);
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u32 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let (unit, size) = UNITS.iter().find(|(unit, _)| rest.starts_with(unit)).ok_or_else(wrong)?;
        // `30m1h` and `1h1h` are slips, not durations.
        if *size >= last {
            return Err(wrong());
        }
        last = *size;
        millis += u128::from(number) * size;
        rest = &rest[unit.len()..];
    }
    let duration = Duration::from_millis(u64::try_from(millis).map_err(|_| wrong())?);
    if duration > MAX { Err(format!("`{text}` is longer than 10,000 days")) } else { Ok(duration) }
}

/// The shortest way to write it; reads back as the same.
pub fn format(duration: Duration) -> String {
    let mut millis = duration.as_millis();
    if millis == 0 {
        return "0s".into();
    }
    let mut text = String::new();
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if millis >= size {
            text.push_str(&format!("{}{unit}", millis / size));
            millis %= size;
        }
    }
    text
}

/// Reads RFC 3339 with `Z` or an offset; a moment without one is refused, nobody could tell which it is.
pub fn parse_timestamp(text: &str) -> Result<Timestamp, String> {
    let bytes = text.as_bytes();
    let shaped = bytes.len() >= 20
        && text.is_ascii()
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && matches!(bytes[10], b'T' | b't' | b' ')
        && !text.contains('[');
    if !shaped {
        let dateless = bytes.len() >= 10 && text.is_ascii() && bytes[4] == b'-' && bytes[7] == b'-';
        let what = if dateless { "lacks the time or the offset" } else { "is no timestamp" };
        return Err(format!("`{text}` {what}"));
    }
    let after_date = &text[11..];
    if !after_date.ends_with(['Z', 'z']) && !after_date.contains(['+', '-']) {
        return Err(format!("`{text}` has no offset"));
    }
    text.parse().map_err(|_| format!("`{text}` is no timestamp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_back() {
        for (text, seconds) in
            [("90s", 90), ("90m", 5400), ("1h30m", 5400), ("2d", 172_800), ("1d2h3m4s", 93_784), ("0s", 0)]
        {
            let read = parse(text).unwrap();
            assert_eq!(read.as_secs(), seconds, "{text}");
            assert_eq!(parse(&format(read)).unwrap(), read);
        }
        assert_eq!(parse("500ms").unwrap().as_millis(), 500);
        for wrong in ["", "5", "-5m", "m", "5x", "30m1h", "1h1h", "1.5h", "99999999999d", "5 m", "9999999d"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_timestamp_has_an_offset() {
        for right in ["2026-11-22T14:05:00Z", "2026-11-22T14:05:00.123+01:00", "2026-11-22 14:05:00-08:00"] {
            assert!(parse_timestamp(right).is_ok(), "{right}");
        }
        for wrong in
            ["2026-11-22", "2026-11-22T14:05:00", "now", "14:05", "2026-13-22T14:05:00Z", "2026-11-22T14:05:00Z[UTC]"]
        {
            assert!(parse_timestamp(wrong).is_err(), "{wrong}");
        }
    }
}
