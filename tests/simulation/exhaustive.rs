//! Every pair of places at which a small run can be stopped.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use regrow::model::Verb;
use regrow::plan::Plan;

use crate::books;
use crate::disk::{FATES, Fate, Trouble};
use crate::life::{Fin, Left, Summary, execute, live};
use crate::machine::{Machine, Stop};
use crate::person;

/// A run that is never disturbed.
pub fn undisturbed(plan: &Plan) -> Result<Summary, String> {
    match live(books::machine(plan, 0), plan, |_, _| {}) {
        Ok(Fin::Ended(summary)) => Ok(*summary),
        Ok(Fin::Refused) => Err("an undamaged journal was refused".into()),
        Err(machine) => Err(format!("undisturbed: {}", machine.oracle.broken.join("; "))),
    }
}

fn stops() -> Vec<Stop> {
    let kills = [Stop::Kill { half_written: false }, Stop::Kill { half_written: true }];
    kills.into_iter().chain(FATES.into_iter().map(|fate| Stop::Power(Some(fate)))).collect()
}

/// What was tried, and the first thing that went wrong.
#[derive(Default)]
pub struct Tried {
    pub lives: u64,
    pub wrong: Option<String>,
}

/// All double crashes of one runbook; `thin` takes only each so-many-th second stop.
pub fn double_crashes(name: &str, text: &str, thin: u64) -> Tried {
    let plan = books::bind(name, text);
    let expected = match undisturbed(&plan) {
        Ok(expected) => expected,
        Err(wrong) => return Tried { lives: 1, wrong: Some(wrong) },
    };
    let mut tried = Tried::default();
    let mut first = 0;
    loop {
        let mut reached = false;
        for (index, stop) in stops().into_iter().enumerate() {
            let seed = first * 31 + index as u64;
            let crashed = match crash_once(&plan, seed, (first, stop)) {
                Crash::Over => continue,
                Crash::Alike => {
                    reached = true;
                    continue;
                }
                Crash::At(machine) => machine,
            };
            reached = true;
            second_stops(name, &plan, &expected, &crashed, thin, (first, stop), &mut tried);
            if tried.wrong.is_some() {
                return tried;
            }
        }
        for trouble in [Trouble::Eio, Trouble::Full] {
            let mut machine = books::machine(&plan, first);
            machine.trouble_at = Some((first, trouble));
            let only_first = |machine: &mut Machine, executor: u32| {
                if executor > 0 {
                    machine.trouble_at = None;
                }
            };
            tried.lives += 1;
            hold(name, &expected, live(machine, &plan, only_first), &format!("{trouble:?} at {first}"), &mut tried);
        }
        if !reached || tried.wrong.is_some() {
            return tried;
        }
        first += 1;
    }
}

enum Crash {
    /// The executor leaves before.
    Over,
    /// No write was unsynced, so that this stop leaves what another one leaves.
    Alike,
    At(Box<Machine>),
}

/// The machine as the first crash leaves it.
fn crash_once(plan: &Plan, seed: u64, stop: (u64, Stop)) -> Crash {
    let mut machine = books::machine(plan, seed);
    machine.stop_at = Some(stop);
    let shared = Rc::new(RefCell::new(machine));
    let left = execute(&shared, plan);
    let mut machine = shared.borrow().clone();
    match left {
        Left::Stopped => {
            let unsynced = machine.platter.files.values().any(|file| !file.writes.is_empty());
            let plain = matches!(stop.1, Stop::Kill { half_written: false } | Stop::Power(Some(Fate::Dropped)));
            if !unsynced && !plain {
                return Crash::Alike;
            }
            machine.executor_gone();
            Crash::At(Box::new(machine))
        }
        Left::Halted(..) | Left::Journal(_) => Crash::Over,
    }
}

fn second_stops(
    name: &str,
    plan: &Plan,
    expected: &Summary,
    crashed: &Machine,
    thin: u64,
    one: (u64, Stop),
    tried: &mut Tried,
) {
    let all = stops();
    let mut second = one.0 % thin;
    loop {
        let stop = all[((one.0 + second) % all.len() as u64) as usize];
        let mut reached = false;
        let plan_stop = |machine: &mut Machine, executor: u32| {
            reached |= executor == 1 && machine.stop_at.is_none();
            machine.stop_at = (executor == 0).then_some((second, stop));
        };
        tried.lives += 1;
        let fin = live(crashed.clone(), plan, plan_stop);
        hold(name, expected, fin, &format!("{:?} at {}, then {stop:?} at {second}", one.1, one.0), tried);
        if !reached || tried.wrong.is_some() {
            return;
        }
        second += thin;
    }
}

fn hold(name: &str, expected: &Summary, fin: Result<Fin, Box<Machine>>, how: &str, tried: &mut Tried) {
    let wrong = match fin {
        // Whether a person had to say what happened is all that may differ.
        Ok(Fin::Ended(summary))
            if (Summary { person_settled: expected.person_settled, ..(*summary).clone() }) == *expected =>
        {
            return;
        }
        Ok(Fin::Ended(summary)) => format!("ends differently\n  undisturbed: {expected:?}\n  disturbed:   {summary:?}"),
        Ok(Fin::Refused) => "was refused".into(),
        Err(machine) => machine.oracle.broken.join("\n  "),
    };
    tried.wrong.get_or_insert_with(|| format!("`{name}`, {how}: {wrong}"));
}

/// A run that is killed anywhere and then taken back while nobody executes it: what goes wrong first.
pub fn taken_back_after_a_kill() -> Option<String> {
    let steps = "
  - { id: a, uses: sim.keyed, needs: [], with: {}, undo: back }
  - { id: b, uses: sim.proc, needs: [a], with: {}, undo: back }
";
    let plan = books::bind("taken-back", steps);
    for seed in 0..8 {
        for tick in 0.. {
            let mut machine = match crash_once(&plan, seed, (tick, Stop::Kill { half_written: false })) {
                Crash::Over => break,
                Crash::Alike => continue,
                Crash::At(machine) => *machine,
            };
            machine.outside.meddled = true;
            person::say(&mut machine, Verb::Undo { step: None });
            if let Err(machine) = live(machine, &plan, |_, _| {}) {
                return Some(format!("killed at {tick}, then taken back: {}", machine.oracle.broken.join("; ")));
            }
        }
    }
    None
}

#[test]
fn what_still_works_is_not_taken_back() {
    assert_eq!(taken_back_after_a_kill(), None);
}

#[test]
fn every_double_crash() {
    let thin = crate::seeds::number("REGROW_SIM_THIN").unwrap_or(1);
    let next = AtomicU64::new(0);
    let lives = AtomicU64::new(0);
    let began = std::time::Instant::now();
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((name, text)) = books::SMALL.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                    let tried = double_crashes(name, text, thin);
                    lives.fetch_add(tried.lives, Ordering::Relaxed);
                    wrong.lock().expect("no panic").extend(tried.wrong);
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    eprintln!("{} lives of {} runbooks in {:?}", lives.into_inner(), books::SMALL.len(), began.elapsed());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
