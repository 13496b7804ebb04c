//! One input of a seed: texts of the corpus taken apart and put together wrongly, with a sense for what they are made of.

use fastrand::Rng;

use crate::corpus::corpus;

/// Larger ones are rare: reading takes as long as they are.
const LARGE: usize = 256 << 10;

const ODD: &[&str] = &[
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "\u{200d}",
    "\u{202e}",
    "e\u{301}",
    "\u{1f469}\u{200d}\u{1f4bb}",
    "\0",
    "\u{1b}[31m",
    "\r",
    "\r\n",
    "\t",
    "\u{a0}",
    "\u{fffd}",
    "\u{10ffff}",
    "ﷺ",
    "'",
    "\"",
    "\\",
    "`",
    "%",
    "@",
    "#",
    " #",
    "|",
    ">",
    "|2-",
    ">+",
    "- ",
    "? ",
    ": ",
    ":",
    "{",
    "}",
    "[",
    "]",
    "[]",
    "{}",
    "~",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "!!str ",
    "!x ",
    "!!binary ",
    "&a ",
    "*a",
    "<<: *a",
    "{{",
    "}}",
    "{{{",
    "\\{{",
    "{{~",
    "{{!--",
    "--}}",
    "null",
    "true",
    "NO",
    "0x1F",
    "0o7",
    "1e999",
    "-1",
    ".inf",
    ".nan",
    "18446744073709551616",
    "-9223372036854775809",
    "1_000",
    "0755",
    "9999999d",
    "0s",
    "2026-02-30T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "$secret",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\x7f\"",
];

pub fn runbook(rng: &mut Rng) -> Vec<u8> {
    let mut text = match rng.u8(..40) {
        0 => chained_vars(rng),
        1 => many_steps(rng),
        2 => nested(rng),
        3 => bomb(rng),
        _ => pick(rng, &corpus().texts).to_string(),
    };
    for _ in 0..rng.usize(..=6) {
        change(rng, &mut text);
        if text.len() > LARGE {
            let end = text.floor_char_boundary(LARGE);
            text.truncate(end);
        }
    }
    let mut bytes = text.into_bytes();
    if rng.u8(..6) == 0 {
        spoil(rng, &mut bytes);
    }
    bytes
}

pub fn template(rng: &mut Rng) -> String {
    let mut text = String::new();
    for _ in 0..rng.usize(1..=3) {
        let inside = expression(rng, 0);
        let (open, close) = [("{{ ", " }}"), ("{{{", "}}}"), ("{{~", "~}}"), ("\\{{", "}}"), ("", "")][rng.usize(..5)];
        text.push_str(&format!("{open}{inside}{close}"));
        if rng.bool() {
            text.push_str(pick(rng, ODD));
        }
    }
    for _ in 0..rng.usize(..3) {
        let at = place(rng, &text);
        match rng.u8(..4) {
            0 => text.insert_str(at, pick(rng, ODD)),
            1 => text.insert_str(at, pick(rng, &corpus().templates)),
            2 => text.truncate(at),
            _ => text = text[at..].to_string(),
        }
    }
    text
}

/// An expression that mostly can be read: a helper of the language over anything.
fn expression(rng: &mut Rng, depth: usize) -> String {
    const NAMES: &[&str] = &[
        "params.n",
        "params.big",
        "params.small",
        "params.f",
        "params.t",
        "params.time",
        "params.end",
        "params.long",
        "params.l",
        "params.deep",
        "params.m",
        "params.nope",
        "params.l.0",
        "vars.s",
        "secrets.db",
        "run.id",
        "true",
        "null",
        "5",
        "-1",
        "1e308",
        "\"\"",
        "\"a.b\"",
        "'%Y'",
        "\"%-9999999Q %:::z\"",
        "\"10000d\"",
        "\"-9999d\"",
        "\"2h\"",
    ];
    if depth > 3 || rng.u8(..3) == 0 {
        return if rng.u8(..5) == 0 {
            pick(rng, &corpus().templates).to_string()
        } else {
            pick(rng, NAMES).to_string()
        };
    }
    let helpers: Vec<&str> = regrow::runbook::template::helper_names().collect();
    let mut text = pick(rng, &helpers).to_string();
    for _ in 0..rng.usize(1..=3) {
        let inner = expression(rng, depth + 1);
        let inner = if inner.contains(' ') && !inner.starts_with(['"', '\'']) { format!("({inner})") } else { inner };
        text.push(' ');
        text.push_str(&inner);
    }
    text
}

fn pick<'a, T: AsRef<str>>(rng: &mut Rng, all: &'a [T]) -> &'a str {
    all[rng.usize(..all.len())].as_ref()
}

/// A place between two characters.
fn place(rng: &mut Rng, text: &str) -> usize {
    text.floor_char_boundary(rng.usize(..=text.len()))
}

fn change(rng: &mut Rng, text: &mut String) {
    match rng.u8(..14) {
        0 => {
            let at = place(rng, text);
            text.insert_str(at, pick(rng, ODD));
        }
        1 => {
            let at = place(rng, text);
            let end = text.floor_char_boundary((at + rng.usize(..40)).min(text.len()));
            text.replace_range(at..end.max(at), "");
        }
        2 => splice(rng, text),
        3 => {
            let odd = odd_value(rng);
            replace_value(rng, text, &odd);
        }
        4 => {
            let value = pick(rng, &corpus().values).to_string();
            replace_value(rng, text, &value);
        }
        5 => replace_key(rng, text),
        6 => *text = text.replace('\n', ["\r\n", "\r", "\n\n", "\u{2028}"][rng.usize(..4)]),
        7 => text.insert(0, '\u{feff}'),
        8 => anchor(rng, text),
        _ => change_lines(rng, text),
    }
}

fn change_lines(rng: &mut Rng, text: &mut String) {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_string).collect();
    if lines.is_empty() {
        return;
    }
    let at = rng.usize(..lines.len());
    let end = (at + rng.usize(1..6)).min(lines.len());
    match rng.u8(..5) {
        0 => _ = lines.drain(at..end),
        1 => {
            let block = lines[at..end].concat();
            let times = if rng.u8(..8) == 0 { rng.usize(..3_000) } else { rng.usize(..4) };
            let times = times.min(LARGE / block.len().max(1));
            lines.insert(end, block.repeat(times));
        }
        2 => {
            let other = rng.usize(..lines.len());
            lines.swap(at, other);
        }
        3 => lines[at].insert_str(0, &" ".repeat(rng.usize(1..5))),
        _ => lines[at] = lines[at].trim_start_matches(' ').to_string(),
    }
    *text = lines.concat();
}

/// The beginning of one text and the end of another.
fn splice(rng: &mut Rng, text: &mut String) {
    let other = pick(rng, &corpus().texts);
    let (mine, theirs) = (place(rng, text), place(rng, other));
    let line = |text: &str, at: usize| text[..at].rfind('\n').map_or(0, |line| line + 1);
    let joined = format!("{}{}", &text[..line(text, mine)], &other[line(other, theirs)..]);
    *text = joined;
}

fn odd_value(rng: &mut Rng) -> String {
    match rng.u8(..8) {
        0 => "x".repeat(rng.usize(..70_000)),
        1 => format!("\"{{{{ {} }}}}\"", expression(rng, 0).replace('"', "\\\"")),
        2 => format!("'{}'", template(rng).replace('\'', "''")),
        3 => format!("\"{}\"", "{{ ".repeat(rng.usize(..2_000))),
        4 => format!("\"{{{{ {}params.x{} }}}}\"", "(upper ".repeat(40), ")".repeat(40)),
        5 => brackets(rng),
        6 => format!("|\n{}", "      line {{ params.x }}\n".repeat(rng.usize(..50))),
        _ => pick(rng, ODD).to_string(),
    }
}

fn brackets(rng: &mut Rng) -> String {
    let (open, close) = [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", "")][rng.usize(..4)];
    let deep = if rng.bool() { rng.usize(..60) } else { rng.usize(..20_000) };
    let closed = if rng.bool() { deep } else { 0 };
    format!("{}{}", open.repeat(deep), close.repeat(closed))
}

/// Behind the colon of some line.
fn replace_value(rng: &mut Rng, text: &mut String, value: &str) {
    let colons: Vec<usize> = text.match_indices(": ").map(|(at, _)| at + 2).collect();
    if colons.is_empty() {
        return;
    }
    let at = colons[rng.usize(..colons.len())];
    let end = text[at..].find([',', '}', '\n']).map_or(text.len(), |end| at + end);
    text.replace_range(at..end, value);
}

fn replace_key(rng: &mut Rng, text: &mut String) {
    let colons: Vec<usize> = text.match_indices(": ").map(|(at, _)| at).collect();
    if colons.is_empty() {
        return;
    }
    let at = colons[rng.usize(..colons.len())];
    let start = text[..at].rfind([' ', '\n', '{']).map_or(0, |start| start + 1);
    text.replace_range(start..at, pick(rng, &corpus().keys));
}

/// Names some value, and uses the name elsewhere.
fn anchor(rng: &mut Rng, text: &mut String) {
    let colons: Vec<usize> = text.match_indices(':').map(|(at, _)| at + 1).collect();
    if colons.is_empty() {
        return;
    }
    text.insert_str(colons[rng.usize(..colons.len())], " &a");
    for _ in 0..rng.usize(1..4) {
        replace_value(rng, text, "*a");
    }
}

const HEAD: &str = "version: 1\nname: x\nseverity: partial\n";

/// Variables that use one another: in chains, in rings, twice, and beside a secret.
fn chained_vars(rng: &mut Rng) -> String {
    let many = if rng.bool() { rng.usize(..60) } else { rng.usize(..8_000) };
    let secrets = if rng.bool() { "secrets: { s: { from: env, key: S } }\n" } else { "" };
    let mut text =
        format!("{HEAD}{secrets}steps: [{{ id: a, run: echo, needs: [], name: '{{{{ vars.v0 }}}}' }}]\nvars:\n");
    let (form, last) = [
        ("'{{ vars.vN }}'", "x"),
        ("'{{ vars.vN }}{{ vars.vN }}'", "x"),
        ("{ a: '{{ vars.vN.a }}{{ vars.vN.a }}', p: '{{ secrets.s }}' }", "{ a: x, p: '{{ secrets.s }}' }"),
        ("['{{ vars.vN }}', '{{ vars.vN }}']", "'{{ secrets.s }}'"),
        ("'{{ vars.vN }} {{ secrets.s }}'", "'{{ vars.v0 }}'"),
    ][rng.usize(..5)];
    let strays = rng.u8(..4) == 0;
    for at in 0..many {
        let next = if strays && rng.bool() { rng.usize(..=many) } else { at + 1 };
        text.push_str(&format!("  v{at}: {}\n", form.replace('N', &next.to_string())));
    }
    text.push_str(&format!("  v{many}: {last}\n"));
    text
}

fn many_steps(rng: &mut Rng) -> String {
    let many = rng.usize(..1_500);
    let mut text = format!("{HEAD}steps:\n");
    for at in 0..many {
        let needs: Vec<String> = (0..rng.usize(..4)).map(|_| format!("s{}", rng.usize(..=at))).collect();
        text.push_str(&format!("  - {{ id: s{at}, run: echo, needs: [{}] }}\n", needs.join(", ")));
    }
    text
}

fn nested(rng: &mut Rng) -> String {
    format!("{HEAD}steps: [{{ id: a, uses: run, with: {} }}]\n", brackets(rng))
}

fn bomb(rng: &mut Rng) -> String {
    let (levels, wide) = (rng.usize(1..12), rng.usize(1..12));
    let mut text = format!("{HEAD}steps: [{{ id: a, run: echo }}]\nvars:\n  x0: &a0 [1]\n");
    for level in 1..levels {
        let inner = vec![format!("*a{}", level - 1); wide].join(",");
        text.push_str(&format!("  x{level}: &a{level} [{inner}]\n"));
    }
    text
}

fn spoil(rng: &mut Rng, bytes: &mut [u8]) {
    for _ in 0..rng.usize(1..8) {
        if let Some(byte) = (!bytes.is_empty()).then(|| rng.usize(..bytes.len())) {
            bytes[byte] = rng.u8(..);
        }
    }
}
