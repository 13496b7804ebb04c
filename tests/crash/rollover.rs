//! A journal that grows beyond one segment: the run goes on in the next, also when it is killed right behind the turn.

use std::fs;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::support::Place;

const ITEMS: usize = 1_250;

/// Each item leaves 57 KB in its outcome, just short of what goes to a blob: together more than a segment of 64 MiB.
fn long_outputs() -> Place {
    let items: Vec<String> = (0..ITEMS).map(|n| format!("i{n}")).collect();
    Place::new(&format!(
        "steps:\n  - id: long\n    needs: []\n    foreach: [{}]\n    order: parallel\n    uses: run\n    with:\n      script: |\n        \
         echo \"$REGROW_OP_ID\" >> effects\n        \
         printf 'text=%057000d\\n' 1 >> \"$REGROW_OUTPUT\"\n      \
         outputs: {{ text: {{ type: string }} }}\n",
        items.join(", ")
    ))
}

#[test]
fn a_run_that_outgrows_a_segment_goes_on_in_the_next_also_after_a_kill() {
    let place = long_outputs();
    let mut run = place.start_run("--no-wait --concurrency 8 -q");
    while !place.run_dir().join("journal.000002").exists() {
        assert!(!run.is_over(), "it ended within one segment");
        thread::sleep(Duration::from_millis(15));
    }
    run.signal(Signal::KILL);
    assert_eq!(run.end().signal, Some(9));
    assert!(fs::metadata(place.run_dir().join("journal.000001")).unwrap().len() > 64 << 20);

    place.regrow("resume --no-wait -q").ends(0);
    let effects = place.effects();
    assert_eq!(effects.len(), ITEMS, "every item happened");
    assert!(effects.windows(2).all(|two| two[0] != two[1]), "and none twice");
    assert_eq!(place.state(), "succeeded");
    let whole = place.regrow("verify-log").ends(0).stdout;
    let segments: usize = whole.split(" in ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(segments >= 3, "{whole}");
}
