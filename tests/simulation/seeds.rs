//! Random runbooks, stops, troubles, people and damage. A seed says everything: it plays again bit for bit.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use fastrand::Rng;

use crate::books;
use crate::exhaustive::undisturbed;
use crate::life::{Fin, live};
use crate::machine::{Machine, Stop};
use crate::oracle::lines;
use crate::person;
use crate::random;

/// One seed. The error says what went wrong, with everything that happened if `traced`.
pub fn play(seed: u64, traced: bool) -> Result<u32, String> {
    let mut rng = Rng::with_seed(seed);
    let text = random::random(&mut rng);
    let plan = books::bind("random", &text);
    let meddles = rng.u8(..3) == 0;
    let mut sound = rng.u8(..4) != 0;
    let damages = !sound;
    let mut machine = books::machine(&plan, rng.u64(..));
    machine.trace = traced.then(Vec::new);
    machine.shuffles = true;
    machine.meddles = meddles;
    machine.outside.meddled = meddles;
    let crashes = rng.u32(..6);
    let mut stops = 0;
    let disturb = |machine: &mut Machine, executor: u32| {
        // The last executors are left alone, so that the run comes to its end.
        let left_alone = executor >= crashes;
        machine.meddles = meddles && executor < 12;
        machine.stop_at = None;
        machine.trouble_rate = None;
        machine.platter.room = None;
        if executor > 0 && !sound && !left_alone && rng.bool() {
            // One sector, once.
            sound = damage(machine, &mut rng);
        }
        if executor > 0 && machine.meddles && rng.u8(..4) == 0 {
            person::leave(machine, &plan);
        }
        if left_alone {
            return;
        }
        stops += 1;
        match rng.u8(..8) {
            0 => machine.trouble_rate = Some(rng.u32(20..200)),
            1 => machine.platter.room = Some(rng.u64(..100_000) * 30),
            2..=4 => machine.stop_at = Some((rng.u64(..60), Stop::Kill { half_written: rng.bool() })),
            _ => machine.stop_at = Some((rng.u64(..60), Stop::Power(None))),
        }
    };
    let fin = live(machine, &plan, disturb);
    let said = |what: String, trace: &[String]| format!("{text}\n{}\nseed {seed}: {what}", trace.join("\n"));
    match fin {
        Ok(Fin::Ended(summary)) if !meddles && !damages && !summary.person_settled => {
            let expected = undisturbed(&plan)?;
            if *summary == expected {
                return Ok(stops);
            }
            Err(said(format!("ends differently\n  undisturbed: {expected:?}\n  disturbed:   {summary:?}"), &[]))
        }
        Ok(Fin::Ended(_) | Fin::Refused) => Ok(stops),
        Err(machine) => Err(said(machine.oracle.broken.join("\n"), machine.trace.as_deref().unwrap_or_default())),
    }
}

/// One sector goes bad: some bytes of one line of the newest segment.
fn damage(machine: &mut Machine, rng: &mut Rng) -> bool {
    let mut names: Vec<String> =
        machine.platter.files.keys().filter(|name| name.starts_with("journal.")).cloned().collect();
    names.sort();
    let Some((name, all)) = names.into_iter().rev().find_map(|name| {
        let all = lines(&machine.platter.files[&name].cache, &machine.platter);
        (!all.is_empty()).then_some((name, all))
    }) else {
        return false;
    };
    // Mostly near the end, where it is not refused.
    let from = if rng.bool() { all.len().saturating_sub(4) } else { 0 };
    let (start, end, due) = all[rng.usize(from..all.len())];
    let Some(file) = machine.platter.files.get_mut(&name) else { return false };
    let at = rng.usize(start..end);
    for byte in file.cache[at..end.min(at + 8)].iter_mut() {
        *byte ^= rng.u8(1..=255);
    }
    machine.note(|| format!("DAMAGE to {name} at {at}: {due:?}"));
    machine.damage_due = Some(due);
    machine.oracle.forgive();
    true
}

/// The same in every run, so that what fails came with a change; `REGROW_SIM_FROM=N` looks elsewhere.
pub const FIRST: u64 = 1;

#[test]
fn seeds() {
    if let Some(seed) = number("REGROW_SIM_SEED") {
        let result = play(seed, true);
        assert!(result.is_ok(), "{}", result.unwrap_err());
        return;
    }
    // A number and not a time: a fast machine plays what a slow one does.
    let seeds = number("REGROW_SIM_SEEDS").unwrap_or(12_000);
    let from = number("REGROW_SIM_FROM").unwrap_or(FIRST);
    let (next, stops) = (AtomicU64::new(from), AtomicU64::new(0));
    let began = Instant::now();
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while wrong.lock().expect("no panic").len() < 25 {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= from + seeds {
                        return;
                    }
                    match play(seed, false) {
                        Ok(crashes) => _ = stops.fetch_add(u64::from(crashes), Ordering::Relaxed),
                        Err(what) => wrong.lock().expect("no panic").push(what),
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    let stops = stops.into_inner();
    eprintln!("{seeds} seeds from {from}, {stops} disturbances, in {:?}", began.elapsed());
    assert!(wrong.is_empty(), "play one again with REGROW_SIM_SEED\n{}", wrong.join("\n\n"));
}

pub fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}
