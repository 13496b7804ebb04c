//! Who sits at the terminal: the offer when a run cannot go on, and the first Ctrl-C.

use super::holds;
use super::screen::Screen;
use super::support::Place;

const TWO: &str = "steps:
  - id: one
    needs: []
    run: test -e mended || { echo broken >&2; exit 1; }
  - id: two
    needs: []
    run: test -e mended
  - { id: may, needs: [], allow_failure: true, run: exit 3 }
";

/// The number that stands before `means` in the latest offer.
fn number(screen: &Screen, means: &str) -> String {
    let drawn = screen.drawn();
    let numbered = |line: &&str| line.trim_start().starts_with(|c: char| c.is_ascii_digit()) && line.contains(means);
    let line = drawn.lines().rev().find(numbered).unwrap_or_else(|| panic!("no `{means}` in\n{drawn}"));
    line.split_whitespace().next().unwrap().to_string() + "\n"
}

const ANSWERED: &str = "type a number";

#[test]
fn all_that_is_open_is_offered_at_once_and_what_may_fail_is_not() {
    let place = Place::new(TWO);
    let mut screen = Screen::start(&place, "run book.yaml --yes --run-id run1");
    screen.until("2 steps need somebody");
    screen.until("`one` failed");
    screen.until("`two` failed");
    screen.until(ANSWERED);
    assert!(!screen.drawn().contains("regrow retry may"), "{}", screen.drawn());
    place.write("mended", "");
    screen.types(&number(&screen, "try all that failed again"));
    screen.ends(0);
    assert_eq!(place.state(), "succeeded");
}

#[test]
fn an_offer_that_another_terminal_has_answered_is_made_anew() {
    let place = Place::new(TWO);
    let mut screen = Screen::start(&place, "run book.yaml --yes --run-id run1");
    screen.until(ANSWERED);
    place.write("mended", "");
    place.regrow("retry one").ends(0);
    screen.until("moved on");
    screen.until("recorded, takes effect at resume");
    screen.until(ANSWERED);
    // And one that executes it meanwhile is followed.
    place.regrow("retry two").ends(0);
    screen.until("moved on");
    screen.until(ANSWERED);
    place.regrow("resume run1").ends(0);
    screen.ends(0);
}

#[test]
fn a_reason_that_is_typed_while_the_run_moves_on_says_nothing() {
    let place = Place::new(TWO);
    let mut screen = Screen::start(&place, "run book.yaml --yes --run-id run1");
    screen.until(ANSWERED);
    screen.types(&number(&screen, "go on without it"));
    screen.until("why `skip`?");
    place.regrow("note looking-into-it").ends(0);
    screen.until("moved on meanwhile; nothing was said");
    screen.until(ANSWERED);
    screen.types("\n");
    screen.ends(1);
    assert_eq!(place.step_state("one"), "failed");
}

#[test]
fn ctrl_c_leaves_an_offer() {
    let place = Place::new("steps:\n  - { id: one, needs: [], run: exit 1 }\n");
    let mut screen = Screen::start(&place, "run book.yaml --yes --run-id run1");
    screen.until(ANSWERED);
    screen.types("\x03");
    let drawn = screen.ends(1);
    assert!(drawn.contains("go on with: regrow resume run1"), "{drawn}");
}

#[test]
fn the_first_ctrl_c_is_heard_at_once() {
    let place =
        Place::new("steps:\n  - id: long\n    run: \"echo x >> effects; while ! [ -e go ]; do sleep 0.05; done\"\n");
    let mut screen = Screen::start(&place, "run book.yaml --yes --run-id run1");
    place.until_effects(1);
    screen.types("\x03");
    screen.until("stopping after what is in flight");
    place.write("go", "");
    screen.ends(75);
    // The same where only lines are printed.
    let place =
        Place::new("steps:\n  - id: long\n    run: \"echo x >> effects; while ! [ -e go ]; do sleep 0.05; done\"\n");
    let run = place.start_run("");
    place.until_effects(1);
    run.signal(rustix::process::Signal::INT);
    std::thread::sleep(std::time::Duration::from_millis(300));
    place.write("go", "");
    let said = run.end().ends(75);
    let stopping = said.stderr.find("stopping after what is in flight").expect(&said.stderr);
    assert!(stopping < said.stderr.find("`long` succeeded").unwrap(), "{}", said.stderr);
}

#[test]
fn a_command_to_copy_is_whole_at_80_columns() {
    let place = Place::new(
        "steps:\n  - id: restore-all-the-enrolments-of-the-year\n    needs: []\n    approval: { minimum: 1 }\n    run: echo\n",
    );
    let mut screen =
        Screen::start(&place, "--state ./a-folder-with-a-long-name run book.yaml --yes --run-id run1 --no-wait");
    let step = "restore-all-the-enrolments-of-the-year";
    // A line of its own, not one filled up with blanks.
    screen.until("` is started by");
    screen.until("\r\n");
    let filled = regex::Regex::new(r"  20\d\d-\d\d-\d\dT").unwrap();
    assert!(!filled.is_match(&screen.drawn()), "{}", screen.drawn());
    screen.until(&format!("regrow --state ./a-folder-with-a-long-name approve {step} --code "));
    screen.until("--run run1");
}

#[test]
fn who_aborts_is_asked_whether_a_hold_goes_back() {
    for (answer, state, page) in [("y", "released", "shop\n"), ("n", "kept", "maintenance\n")] {
        let place = holds::example();
        place.write("broken-migrate-database", "");
        place.regrow(&holds::line(&place)).ends(1);
        let mut screen = Screen::start(&place, "abort --because enough");
        screen.until("release the hold `page`, taken since");
        screen.types(answer);
        screen.ends(0);
        assert_eq!((place.state(), place.read("page")), ("aborted".into(), page.into()));
        assert_eq!(holds::hold(&place, "page")["state"], state);
    }
}

#[test]
fn what_was_asked_for_is_added_to_the_command_that_was_typed() {
    let place = Place::new(
        "params: { who: { type: string }, shards: { type: list } }\nsteps:\n  - { id: a, needs: [], run: \"true\" }\n  - { id: b, needs: [], run: \"true\" }\n",
    );
    let mut screen = Screen::start(&place, "run book.yaml --run-id run1 --skip b --because 'too late' --yes");
    for (asked, typed) in
        [("who (string", "ana"), ("shards (list", "north"), ("next one", "the south"), ("next one", "")]
    {
        screen.until(asked);
        screen.types(&format!("{typed}\n"));
    }
    screen.until("next time: regrow run book.yaml --run-id run1 --skip b");
    screen.until("--param who=ana --param shards=north --param shards='the south'");
    assert!(screen.drawn().contains("--because 'too late'"), "{}", screen.drawn());
    place.until("it ends", |place| place.state() == "succeeded");
    assert_eq!(place.step_state("b"), "skipped");
}
