use std::cmp::Reverse;

use fastrand::Rng;

use super::*;
use crate::model::{Address, Effect};
use crate::plan::outline::{OutlineNeed, OutlineStep};

fn step(id: usize, seconds: u64, needs: &[usize], lock: Option<&str>) -> OutlineStep {
    OutlineStep {
        address: Address::top(&format!("s{id}")),
        name: String::new(),
        kind: "run".into(),
        effect: Effect::Opaque,
        needs: needs.iter().map(|need| OutlineNeed { step: *need, when: None }).collect(),
        dependents: Vec::new(),
        group: None,
        members: None,
        stops: false,
        lock: lock.map(str::to_string),
        finally: false,
        allow_failure: false,
        covered: false,
        list: false,
        estimate_seconds: Some(seconds),
        remaining_seconds: 0,
        owner: None,
        held: None,
        mends: None,
        under: Vec::new(),
        drill: None,
        in_place: None,
        read: Vec::new(),
        secret: Vec::new(),
    }
}

fn outline(mut steps: Vec<OutlineStep>) -> Outline {
    for node in 0..steps.len() {
        let needs: Vec<usize> = steps[node].needs.iter().map(|need| need.step).collect();
        needs.into_iter().for_each(|need| steps[need].dependents.push(node));
    }
    let order = (0..steps.len()).collect();
    let mut outline = Outline { steps, order };
    outline.rank();
    outline
}

fn longest_first(outline: &Outline, concurrency: usize) -> u64 {
    makespan(outline, concurrency, |node| (Reverse(outline.steps[node].remaining_seconds), node))
}

#[test]
fn the_longest_way_comes_first() {
    let steps = vec![step(0, 3, &[], None), step(1, 1, &[], None), step(2, 9, &[1], None)];
    let outline = outline(steps);
    assert_eq!(remaining(&outline), [3, 10, 9]);
    assert_eq!(longest_first(&outline, 1), 13);
    assert_eq!(makespan(&outline, 2, |node| node), 10);
    assert_eq!(bound(&outline, 2), 10);
    assert_eq!(foresee(&outline, 1), Some(Foreseen { seconds: 13, bound: 13 }));
}

#[test]
fn the_timetable_is_the_run_as_it_is_played() {
    let mut steps = vec![step(0, 3, &[], None), step(1, 1, &[], None), step(2, 9, &[1], None), step(3, 2, &[], None)];
    steps[3].finally = true;
    let outline = outline(steps);
    assert_eq!(timetable(&outline, 1), [Some((10, 13)), Some((0, 1)), Some((1, 10)), None]);
    assert_eq!(timetable(&outline, 2), [Some((0, 3)), Some((0, 1)), Some((1, 10)), None]);
}

#[test]
fn a_lock_takes_one_after_the_other() {
    let steps = vec![step(0, 2, &[], None), step(1, 4, &[0], Some("dns")), step(2, 5, &[0], Some("dns"))];
    let outline = outline(steps);
    assert_eq!(longest_first(&outline, 8), 11);
    assert_eq!(bound(&outline, 8), 11);
}

/// Work on two to four locks, in layers, as recoveries are: everything of a system needs some of what stands before.
fn random(rng: &mut Rng) -> (Outline, usize) {
    let locks = rng.usize(2..=4);
    let steps = (0..rng.usize(20..=60)).map(|id| {
        let mut needs: Vec<usize> =
            (0..id.min(rng.usize(0..3))).map(|_| rng.usize(id.saturating_sub(12)..id)).collect();
        needs.sort_unstable();
        needs.dedup();
        let lock = (rng.u8(..4) == 0).then(|| format!("l{}", rng.usize(..locks)));
        step(id, rng.u64(1..=60), &needs, lock.as_deref())
    });
    (outline(steps.collect()), rng.usize(2..=4))
}

#[test]
fn a_thousand_random_graphs_come_near_the_bound() {
    let mut rng = Rng::with_seed(7);
    let mut ratios = Vec::new();
    for _ in 0..1000 {
        let (outline, concurrency) = random(&mut rng);
        let (seconds, bound) = (longest_first(&outline, concurrency), bound(&outline, concurrency));
        assert!(seconds >= bound, "no order beats the bound");
        ratios.push(seconds as f64 / bound as f64);
    }
    let average = ratios.iter().sum::<f64>() / ratios.len() as f64;
    assert!(average <= 1.05, "{average}");
}
