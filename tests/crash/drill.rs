//! `regrow drill`: what is done, what is left out, what is taken away again, and what becomes of it when it is killed.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use super::support::{Place, Said};

const BOOK: &str = r#"
params: { word: { type: string, default: spoken } }
vars: { place: production }
drill: { params: { word: practised }, vars: { place: beside } }
steps:
  - id: opaque
    needs: []
    run: echo opaque >> effects
  - id: trusted
    needs: []
    drill: real
    run: echo "trusted $REGROW_MODE $WORD $PLACE" >> effects
    with: { env: { WORD: "{{ params.word }}", PLACE: "{{ vars.place }} {{ run.mode }}" } }
  - id: faked
    needs: [opaque]
    run: echo faked >> effects; echo rows=3 >> "$REGROW_OUTPUT"
    with: { outputs: { rows: { type: integer } } }
    verify: { probe: command, with: { command: [touch, proof] }, expect: { equals: 0 } }
    drill: { mode: stub, outputs: { rows: 7 } }
  - id: reads
    needs: [faked]
    drill: real
    run: echo "reads $ROWS" >> effects
    with: { env: { ROWS: "{{ steps.faked.outputs.rows }}" } }
  - id: lacks
    needs: [opaque]
    drill: real
    run: echo "lacks $CODE" >> effects
    with: { env: { CODE: "{{ steps.opaque.outputs.exit_code }}" } }
  - id: makes
    needs: [lacks]
    drill: { mode: real, with: { env: { HOW: over } } }
    run: |
      touch made
      echo "makes $HOW" >> effects
    with: { env: { HOW: under } }
    creates: [{ kind: file, id: made, remove: [sh, -c, "rm made && echo gone >> effects"] }]
  - id: said
    needs: [makes]
    drill: skip
    run: echo said >> effects
"#;
const EFFECTS: [&str; 4] = ["gone", "makes over", "reads 7", "trusted drill practised beside drill"];

fn drill(place: &Place, more: &str) -> Said {
    place.regrow(&format!("drill book.yaml --yes --no-wait --run-id run1 {more}"))
}

fn why(place: &Place, step: &str) -> String {
    let told = place.regrow("events run1").ends(0).stdout;
    let marked = format!("`{step}` is skipped");
    told.lines().find(|line| line.contains(&marked)).unwrap_or_else(|| panic!("{step}: {told}")).to_owned()
}

#[test]
fn only_what_the_author_trusts_is_done_and_what_it_made_is_gone_at_the_end() {
    let place = Place::new(BOOK);
    let said = drill(&place, "").ends(0);
    assert!(said.stderr.starts_with("drill run1 · book"), "{said:#?}");
    assert_eq!(place.effects(), EFFECTS);
    let status = place.status();
    assert_eq!((status["mode"].as_str(), status["state"].as_str()), (Some("drill"), Some("succeeded")));
    assert_eq!(status["ledger"], serde_json::json!([]));
    assert!(!place.path("made").exists() && !place.path("proof").exists());
    assert!(why(&place, "opaque").contains("known to its author alone"));
    assert!(why(&place, "lacks").contains("builds on `opaque`"));
    assert!(why(&place, "said").contains("the runbook leaves it out of drills"));

    // The same in earnest: the tripwires of this test are live.
    let place = Place::new(BOOK);
    place.run("--no-wait").ends(0);
    let real = ["faked", "lacks 0", "makes under", "opaque", "reads 3", "said", "trusted real spoken production real"];
    assert_eq!(place.effects(), real);
    assert!(place.path("made").exists() && place.path("proof").exists());
}

#[test]
fn a_value_on_the_command_line_wins_and_keep_leaves_what_was_made_to_cleanup() {
    let place = Place::new(BOOK);
    drill(&place, "--keep --param word=typed").ends(0);
    assert_eq!(place.effects(), ["makes over", "reads 7", "trusted drill typed beside drill"]);
    assert!(place.path("made").exists());
    let cleaned = place.regrow("cleanup run1").ends(0);
    assert_eq!(cleaned.stdout, "removed file made\n", "{cleaned:#?}");
    assert!(!place.path("made").exists());
}

/// What a run would take to keep others out is not taken for a drill, unless it can be given back as truly.
#[test]
fn holds_are_not_taken_unless_both_ends_are_real() {
    let hold = |word: &str| {
        format!(
            "holds:\n  page:\n    read: {{ run: echo read >> effects, with: {{ effect: read }}{word} }}\n    \
             take: {{ run: echo take >> effects{word} }}\n    release: {{ run: echo release >> effects{word} }}\n\
             steps:\n  - {{ id: a, needs: [], run: echo a >> effects, under: page, drill: real }}\n"
        )
    };
    let place = Place::new(&hold(""));
    drill(&place, "").ends(0);
    assert_eq!(place.effects(), ["a"]);
    assert!(why(&place, "page/take").contains("a drill takes no holds"));
    let place = Place::new(&hold(", drill: real"));
    drill(&place, "").ends(0);
    assert_eq!(place.effects(), ["a", "read", "release", "take"]);
}

/// Whoever is asked in a drill sees that it is one.
#[test]
fn people_are_asked_and_the_question_says_that_it_is_a_drill() {
    let place = Place::new(
        "steps:\n  - { id: ask, uses: manual.task, needs: [], with: { instructions: unplug the old server } }\n  \
         - { id: agree, needs: [], run: echo agreed >> effects, approval: {}, drill: real }\n",
    );
    drill(&place, "").ends(3);
    for step in ["ask", "agree"] {
        let shown = place.regrow(&format!("show {step} --run run1")).ends(0).stdout;
        assert!(shown.contains("DRILL: nothing in production may be changed"), "{shown}");
    }
    // A drill is never what a command without a name means.
    place.regrow("done ask --because said").ends(2);
    place.regrow("done ask --run run1 --because said").ends(0);
    let code = place.step("agree")["asks"]["code"].as_str().unwrap().to_owned();
    place.regrow(&format!("approve agree --run run1 --code {code}")).ends(0);
    place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(place.effects(), ["agreed"]);
}

/// Killed at each record: before the k-th write of the journal.
#[test]
fn killed_at_every_write_it_ends_the_same() {
    for k in 1..60 {
        let place = Place::new(BOOK);
        let inject = format!("inject=fdatasync:signal=SIGKILL:when={k}");
        let args = ["-qq", "-o", "/dev/null", "-e", &inject, super::support::REGROW];
        let line = ["drill", "book.yaml", "--yes", "--no-wait", "--run-id", "run1"];
        let said = super::support::finish(place.command("strace", &[&args[..], &line[..]].concat()));
        if said.signal.is_none() {
            said.ends(0);
            assert!(k > 5, "killed only {k} times");
            return;
        }
        assert_eq!(said.signal, Some(Signal::KILL.as_raw()), "{said:#?}");
        let again: &[&str] = if place.run_dir().exists() { &["resume", "run1", "--no-wait"] } else { &line };
        place.argv(again).ends(0);
        assert_eq!(place.effects(), EFFECTS, "killed before sync {k}");
        assert!(!place.path("made").exists(), "killed before sync {k}");
        let plan: Value = serde_json::from_slice(&fs::read(place.run_dir().join("plan.json")).unwrap()).unwrap();
        assert_eq!(plan["mode"], "drill");
    }
    panic!("never ran to its end");
}

/// Whatever a step stands in: what is left out leaves out what cannot do without it, and nothing else.
#[test]
fn what_builds_on_a_step_that_was_left_out_is_left_out_wherever_it_stands() {
    let place = Place::new(
        r#"
steps:
  - id: block
    needs: []
    steps: [{ id: x, needs: [], run: "echo x >> effects", with: { outputs: { n: { type: integer } } } }]
    outputs: { n: "{{ steps.x.outputs.n }}" }
  - id: each
    needs: []
    foreach: [a, b]
    run: echo each >> effects
  - id: stubs
    needs: []
    foreach: [a, b]
    run: echo stubs >> effects
    drill: { mode: stub, outputs: { exit_code: 0 } }
  - id: ways
    needs: []
    try:
      - { id: one, run: "echo one >> effects" }
      - { id: two, run: "echo two >> effects" }
  - id: reads
    needs: [block]
    drill: real
    run: echo reads >> effects
    with: { env: { N: "{{ steps.block.outputs.n }}" } }
  - id: judged
    needs: [block]
    drill: real
    if: (eq steps.block.outputs.n 1)
    run: echo judged >> effects
  - id: listed
    needs: [block]
    drill: real
    foreach: "{{ steps.block.outputs.n }}"
    run: echo listed >> effects
  - { id: given, needs: [block], include: lib.yaml, with: { n: "{{ steps.block.outputs.n }}" } }
  - { id: known, needs: [block], include: lib.yaml, with: { n: 5 } }
  - id: fallen
    needs: []
    drill: real
    allow_failure: true
    run: echo no room >&2; exit 3
    repair: { when: no room, do: { run: echo repaired >> effects } }
  - id: last
    needs: [block, each, stubs, ways, reads, judged, listed, given, known]
    drill: real
    run: echo "last $N" >> effects
    with: { env: { N: "{{ default steps.block.outputs.n \"none\" }}" } }
"#,
    );
    place.write(
        "lib.yaml",
        "params: { n: { type: integer } }\nsteps:\n  - id: part\n    needs: []\n    drill: real\n    \
         run: echo \"part $N\" >> effects\n    with: { env: { N: \"{{ params.n }}\" } }\n",
    );
    drill(&place, "").ends(0);
    assert_eq!(place.effects(), ["last none", "part 5"]);
    for step in ["reads", "judged", "listed", "given"] {
        assert!(why(&place, step).contains("it builds on `block`"), "{step}");
    }
    assert!(why(&place, "ways").contains("it builds on `ways/one`"));
    assert_eq!(place.step("stubs:a")["drill"], "stubbed");
    assert_eq!((place.step_state("each"), place.step_state("fallen")), ("succeeded".into(), "failed".into()));
}

#[test]
fn its_report_is_not_put_where_that_of_a_run_is() {
    let place = Place::new(
        "steps:\n  - { id: report, uses: report.write, needs: [], with: { formats: [json], to: reports } }\n",
    );
    drill(&place, "").ends(0);
    assert!(!place.path("reports").exists());
    place.regrow("run book.yaml --yes --no-wait --run-id run2").ends(0);
    assert!(place.path("reports").is_dir());
}

#[test]
fn a_drill_that_is_not_over_says_so_and_how_it_is_ended() {
    let place = Place::new(
        "steps:\n  - id: make\n    needs: []\n    run: touch made\n    drill: real\n    creates: [{ kind: file, id: made, remove: [rm, made] }]\n  \
         - { id: call, needs: [make], uses: manual.task, with: { instructions: call } }\n",
    );
    place.regrow("drill book.yaml --yes --no-wait --run-id run1").ends(3);
    let report = place.regrow("report run1").ends(0).stdout;
    assert!(report.contains("The drill is not over: 2 steps are still open."), "{report}");
    assert!(!report.contains("Nothing was left out"), "{report}");
    let kept = place.regrow("cleanup run1").ends(0).stdout;
    assert!(kept.contains("end it here: regrow abort --because TEXT --run run1"), "{kept}");
    place.argv(&["abort", "--because", "enough", "--run", "run1"]).ends(0);
    assert!(!place.path("made").exists());
}
