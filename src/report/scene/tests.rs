use super::*;
use crate::view::testing::{self, Golden};

fn scene(run: &Golden, height: usize) -> Vec<String> {
    let mut scene = Scene::new(&run.outline, &run.dir.work(), Commands::new(run.id()), Paint::default());
    scene.update(&run.records, &run.state);
    scene.lines(run.now.at, height, |_| 1)
}

#[test]
fn a_question_stands_under_the_clock_with_its_command() {
    let mut run = testing::waiting();
    run.wait(65);
    let expected = [
        "7qk2 Bring back one table  4m57s, 1h15m left of RTO, 1 of 4 done",
        "  waiting   load  asks firefighter for 1m05s  Put enrolments back",
        "            regrow approve load --code k3m9q2 --run 7qk2",
        "  next      tell",
    ];
    assert_eq!(scene(&run, 20), expected);
    let mut scene = Scene::new(&run.outline, &run.dir.work(), Commands::new(run.id()), Paint::default());
    assert_eq!(scene.title(), "regrow 7qk2 0 of 4 done");
    scene.update(&run.records, &run.state);
    assert_eq!(scene.title(), "regrow 7qk2 WAITS FOR YOU: load");
}

#[test]
fn work_shows_how_far_it_is() {
    let mut run = Golden::new(testing::rescue());
    run.starts("copy").wait(42);
    let op = run.state.step(&testing::at("copy")).intent.as_ref().unwrap().op.clone();
    let pulse = r#"{"done": 1500, "total": 3000, "unit": "files", "doing": "copying base"}"#;
    std::fs::write(JobFiles::named(&run.dir.work(), &op, 1, "").pulse(), pulse).unwrap();
    let lines = scene(&run, 20);
    let line = "  running   copy  42s of about 10m00s  [##########..........] 50 % of 3,000 files copying base  Restore the whole";
    assert!(lines[1].starts_with(line), "{lines:?}");
}

#[test]
fn a_resumed_run_shows_what_was_under_way() {
    let mut run = Golden::new(testing::rescue());
    run.starts("copy").wait(10).resume();
    let records = run.records[run.records.len() - 2..].to_vec();
    let mut scene = Scene::new(&run.outline, &run.dir.work(), Commands::new(run.id()), Paint::default());
    scene.update(&records, &run.state);
    assert!(scene.lines(run.now.at, 20, |_| 1)[1].contains("running   copy"));
}

#[test]
fn more_steps_than_fit_are_counted() {
    let ids: Vec<String> = (0..30).map(|n| format!("s{n:02}")).collect();
    let steps: Vec<(&str, &str, &str, &[&str])> =
        ids.iter().map(|id| (id.as_str(), "run", id.as_str(), &[][..])).collect();
    let mut run = Golden::new(testing::outline(&steps));
    ids.iter().for_each(|id| {
        run.starts(id);
    });
    let lines = scene(&run, 10);
    assert_eq!(lines.len(), 10);
    assert_eq!(lines.last().unwrap(), "  … and 22 more");
}
