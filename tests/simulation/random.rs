//! Runbooks by chance.

use std::fmt::Write;

use fastrand::Rng;
use jiff::Timestamp;

/// Up to seven steps with needs, failures, approvals and proofs, by chance.
pub fn random(rng: &mut Rng) -> String {
    let mut text = String::from("\n");
    let steps = rng.usize(1..=7);
    let holds = rng.u8(..3) == 0;
    for step in 0..steps {
        one(rng, &mut text, &format!("s{step}"), step, holds);
    }
    if text.contains("under: [") {
        text.push_str("holds:\n");
        ["h0", "h1"].into_iter().for_each(|name| hold(rng, &mut text, name));
    }
    if rng.bool() {
        text.push_str("finally:\n");
        for step in 0..rng.usize(1..=2) {
            let kind = ["sim.set", "ledger.cleanup", "sim.proc"][rng.usize(..3)];
            let _ = writeln!(text, "  - {{ id: f{step}, uses: {kind}, with: {{}} }}");
        }
    }
    if rng.bool() {
        // Without `repeat`: nobody of the simulation answers while something comes by itself.
        text.push_str("tell: [{ when: [waiting, failed, late, ended], to: 'http://x' }]\n");
    }
    text
}

/// About when the simulated clock begins, which is set now and then, by up to an hour.
fn times(rng: &mut Rng) -> String {
    let begins = Timestamp::from_second(1_795_000_000).expect("a time");
    let at = |seconds: i64| begins + jiff::SignedDuration::from_secs(seconds);
    let mut text = String::new();
    if rng.u8(..8) == 0 {
        let _ = write!(text, ", not_before: '{}'", at(rng.i64(-60..300)));
    }
    if rng.u8(..8) == 0 {
        let (from, to) = (at(rng.i64(-1_800..1_800)), at(rng.i64(20_000..40_000)));
        let _ = write!(text, ", window: {{ from: '{}', to: '{}' }}", from.strftime("%H:%M"), to.strftime("%H:%M"));
    }
    if rng.u8(..6) == 0 {
        let _ = write!(text, ", deadline: {}s", rng.u8(1..30));
    }
    text
}

fn one(rng: &mut Rng, text: &mut String, id: &str, before: usize, holds: bool) {
    const KINDS: [&str; 9] = [
        "sim.read",
        "sim.keyed",
        "sim.set",
        "sim.proc",
        "sim.opaque",
        "sim.phased",
        "manual.task",
        "manual.notice",
        "manual.approval",
    ];
    let kind = KINDS[rng.usize(..KINDS.len())];
    let file =
        [None, Some("pair"), Some("nested")].into_iter().find(|file| file.is_some() && rng.u8(..12) == 0).flatten();
    let mut needs = Vec::new();
    for need in 0..before {
        if rng.u8(..3) == 0 {
            needs.push(match rng.u8(..8) {
                0 => format!("{{ step: s{need}, when: [failed] }}"),
                1 => format!("{{ step: s{need}, when: [succeeded, failed, blocked, skipped] }}"),
                _ => format!("s{need}"),
            });
        }
    }
    let _ = write!(text, "  - {{ id: {id}, needs: [{}]", needs.join(", "));
    if rng.u8(..6) == 0 {
        let _ = write!(text, ", if: {}", rng.bool());
    }
    text.push_str(&times(rng));
    if holds && rng.bool() {
        let _ = write!(text, ", under: [{}]", ["h0", "h1", "h0, h1", "h1, h0"][rng.usize(..4)]);
    }
    if let Some(file) = file {
        let approval = if rng.u8(..4) == 0 { ", approval: { minimum: 1 }" } else { "" };
        let _ = writeln!(
            text,
            ", include: tests/simulation/lib/{file}.yaml, with: {{ text: '{{{{ run.id }}}}' }}{approval} }}"
        );
        return;
    }
    if rng.u8(..10) == 0 {
        return ways(rng, text);
    }
    let _ = write!(text, ", uses: {kind}");
    match kind {
        "manual.task" => text.push_str(", with: { instructions: do it, form: { ticket: { type: string } } }"),
        "manual.notice" => {
            let _ = write!(text, ", with: {{ audience: all, message: so, acknowledge: {} }}", rng.bool());
        }
        "manual.approval" => text.push_str(", with: { show: all of it }"),
        _ => simulated(rng, text, kind),
    }
    if rng.u8(..5) == 0 && !text.lines().last().unwrap_or_default().contains("repair") {
        text.push_str(&items(rng));
    }
    if rng.u8(..5) == 0 {
        let _ = write!(text, ", lock: l{}", rng.u8(..2));
    }
    text.push_str(" }\n");
}

/// Something against a fault, perhaps another one than there is; it may fail itself.
fn repair(rng: &mut Rng) -> String {
    let entry = |rng: &mut Rng| {
        let when = ["the script", "as the", "of another sort"][rng.usize(..3)];
        let kind = ["sim.keyed", "sim.set", "sim.proc", "sim.opaque"][rng.usize(..4)];
        let with = ["", "", "fails: 1, how: now"][rng.usize(..3)];
        let more = ["", ", retry: { attempts: 2, delay: 1s }", ", approval: { minimum: 1 }"][rng.usize(..3)];
        let attempts = rng.u8(1..=2);
        format!("{{ when: {when}, attempts: {attempts}, do: {{ uses: {kind}, with: {{ {with} }}{more} }} }}")
    };
    let entries: Vec<String> = (0..rng.u8(1..=2)).map(|_| entry(rng)).collect();
    format!(", repair: [{}]", entries.join(", "))
}

/// Two or three, most of which fail.
fn ways(rng: &mut Rng, text: &mut String) {
    text.push_str(", try: [");
    for way in 0..rng.u8(2..=3) {
        let how = ["never", "now", "unprepared", "unknown"][rng.usize(..4)];
        let undo = if rng.bool() { ", undo: back" } else { "" };
        let fails = if rng.u8(..3) == 0 { 0 } else { 2 };
        let repair = if rng.u8(..3) == 0 { repair(rng) } else { String::new() };
        let with = format!("with: {{ fails: {fails}, how: {how} }}");
        let _ = write!(text, "{{ id: w{way}, uses: sim.keyed, {with}{undo}{repair} }}, ");
    }
    text.push_str("] }\n");
}

fn items(rng: &mut Rng) -> String {
    let list = ["[]", "[p]", "[p, q]", "{ p: 1, q: 2, r: 3 }"][rng.usize(..4)];
    let order = ["serial", "parallel"][rng.usize(..2)];
    let on_failure = ["stop", "isolate"][rng.usize(..2)];
    let most = if rng.bool() { ", max_parallel: 1" } else { "" };
    format!(", foreach: {list}, order: {order}, on_item_failure: {on_failure}{most}")
}

fn simulated(rng: &mut Rng, text: &mut String, kind: &str) {
    let mut with = Vec::new();
    if rng.u8(..3) == 0 {
        // A kind without a key says `lost` of nothing that happened.
        let how: &[&str] = match kind {
            "sim.keyed" | "sim.set" | "sim.phased" => &["now", "never", "lost", "unknown", "unprepared"],
            "sim.proc" => &["now", "unknown"],
            _ => &["now", "never"],
        };
        with.push(format!("fails: {}, how: {}", rng.u8(1..=2), how[rng.usize(..how.len())]));
    }
    if rng.u8(..50) == 0 {
        // Too long for a line of the journal.
        with.push(format!("text: {}", "x".repeat(66_000)));
    }
    if kind == "sim.keyed" && rng.u8(..8) == 0 {
        with.push("foreign: true".into());
    }
    let _ = write!(text, ", with: {{ {} }}", with.join(", "));
    // What was lost is found by another look, with a crash or without one.
    let lost = with.iter().any(|with| with.contains("lost"));
    if lost || rng.bool() {
        let attempts = if lost { 3 } else { rng.u8(1..=3) };
        let _ = write!(text, ", retry: {{ attempts: {attempts}, delay: {}s }}", rng.u8(1..=5));
    }
    // Where the reply was lost, a crash finds what was done, and nothing is repaired.
    if !lost && rng.u8(..4) == 0 {
        text.push_str(&repair(rng));
    }
    if rng.u8(..4) == 0 && kind != "sim.read" {
        text.push_str(", approval: { minimum: 1 }");
    }
    if rng.u8(..4) == 0 {
        text.push_str(", allow_failure: true");
    }
    if kind == "sim.keyed" && rng.bool() {
        text.push_str(", temporary: true");
    }
    if kind != "sim.read" && rng.bool() {
        text.push_str(", undo: back");
    }
    if rng.u8(..5) == 0 {
        let _ = write!(
            text,
            ", verify: [{{ probe: sim.probe, with: {{ unproven: {} }}, expect: {{ equals: 1 }} }}]",
            rng.u8(..2)
        );
    }
}

/// A hold of any kind; it may fail once to be taken or released.
fn hold(rng: &mut Rng, text: &mut String, name: &str) {
    let mut body = |kinds: &[&str]| {
        let kind = kinds[rng.usize(..kinds.len())];
        let fails = if rng.u8(..4) == 0 { "fails: 1, how: now, " } else { "" };
        format!("{{ uses: {kind}, with: {{ {fails}text: '{{{{ hold.previous.made }}}}' }} }}")
    };
    const CHANGE: &[&str] = &["sim.set", "sim.keyed", "sim.proc", "sim.opaque"];
    let (take, release) = (body(CHANGE), body(CHANGE));
    let on_abort = ["release", "keep", "ask"][rng.usize(..3)];
    let _ = writeln!(text, "  {name}:\n    on_abort: {on_abort}\n    read: {{ uses: sim.read, with: {{}} }}");
    let _ = writeln!(text, "    take: {take}\n    release: {release}");
}
