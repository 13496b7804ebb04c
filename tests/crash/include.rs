//! A runbook that includes files: killed, edited, answered and taken up again by the copies in the run's folder.

use super::support::{Place, Said};

const BOOK: &str = r#"params: { word: { type: string, default: orders } }
secrets: { key: { from: env, key: SESAME } }
steps:
  - id: look
    run: |
      echo "table=$WORD" >> "$REGROW_OUTPUT"
    with: { env: { WORD: "{{ params.word }}" }, outputs: { table: { type: string } } }
  - id: db
    include: lib/table.yaml
    needs: [look]
    with: { table: "{{ steps.look.outputs.table }}", key: "{{ secrets.key }}" }
  - id: last
    needs: [db]
    run: echo "last $ROWS" >> effects
    with: { env: { ROWS: "{{ steps.db.outputs.rows }}" } }
"#;

const TABLE: &str = r#"params:
  table: { type: string, pattern: "^[a-z]+$" }
  key: { type: string }
steps:
  - id: copy
    needs: []
    run: |
      echo "copy $TABLE" >> ../effects
      while [ -e ../hold ]; do sleep 0.02; done
      echo "rows=7" >> "$REGROW_OUTPUT"
    with: { env: { TABLE: "{{ params.table }}" }, outputs: { rows: { type: integer } } }
  - id: load
    name: Load {{ params.table }}
    needs: [copy]
    run: |
      echo "load $ROWS with $KEY" | tee -a ../effects
      test ! -e ../broken
    with: { env: { ROWS: "{{ steps.copy.outputs.rows }}", KEY: "key={{ params.key }}" } }
  - id: deeper
    needs: [load]
    include: deeper/note.yaml
    with: { words: ["a", "{{ params.table }}"] }
outputs:
  rows: "{{ steps.copy.outputs.rows }}"
"#;

const NOTE: &str = r#"params: { words: { type: list } }
steps:
  - id: note
    run: |
      echo "note $WORDS" >> ../../effects
    with: { env: { WORDS: "{{ join params.words \",\" }}" } }
"#;

const DONE: &str = "copy orders\nload 7 with key=open-sesame\nnote a,orders\nlast 7\n";

fn place() -> Place {
    let place = Place::new(BOOK);
    std::fs::create_dir_all(place.path("lib/deeper")).unwrap();
    place.write("lib/table.yaml", TABLE);
    place.write("lib/deeper/note.yaml", NOTE);
    place
}

fn regrow(place: &Place, line: &str) -> Said {
    let mut command = place.command(super::support::REGROW, &line.split_whitespace().collect::<Vec<_>>());
    super::support::finish({
        command.env("SESAME", "open-sesame");
        command
    })
}

#[test]
fn every_step_runs_in_its_own_file_with_what_it_is_given() {
    let place = place();
    regrow(&place, "check book.yaml").ends(0);
    let plan = regrow(&place, "plan book.yaml --json").ends(0).stdout;
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    let ids: Vec<&str> = plan["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["look", "db", "db/copy", "db/load", "db/deeper", "db/deeper/note", "last"]);
    assert_eq!(plan["starts_at_once"], serde_json::json!(["look"]));
    regrow(&place, "run book.yaml --yes --run-id run1").ends(0);
    assert_eq!(place.read("effects"), DONE);
    assert_eq!(place.step("db")["outputs"]["rows"], 7);
    assert!(regrow(&place, "logs db/load").ends(0).stdout.contains("load 7 with key=***"));
    let all = ["events run1 --json", "report run1", "show db/load", "status --json"];
    assert!(all.iter().all(|line| !regrow(&place, line).ends(0).stdout.contains("open-sesame")));
    assert!(regrow(&place, "report run1").ends(0).stdout.contains("db/deeper/note"));
    regrow(&place, "verify-log run1").ends(0);
}

#[test]
fn killed_inside_of_an_include_the_run_goes_on_by_its_copies() {
    let place = place();
    place.write("hold", "");
    let mut command = place.command(super::support::REGROW, &["run", "book.yaml", "--yes", "--run-id", "run1"]);
    command.env("SESAME", "open-sesame");
    let run = super::support::Running::of(command);
    place.until_effects(1);
    run.signal(rustix::process::Signal::KILL);
    run.end();
    // Nothing of the originals is looked at again, not even their absence.
    std::fs::remove_file(place.path("lib/deeper/note.yaml")).unwrap();
    std::fs::remove_file(place.path("hold")).unwrap();
    let said = regrow(&place, "resume run1 --no-wait").ends(2);
    assert!(said.stderr.contains("lib/deeper/note.yaml` is gone; it was there when run `run1` took it"), "{said:#?}");
    regrow(&place, "resume run1 --no-wait --as-started").ends(0);
    assert_eq!(place.read("effects"), DONE);
}

#[test]
fn a_step_of_an_include_is_answered_by_its_address() {
    let place = place();
    place.write("broken", "");
    regrow(&place, "run book.yaml --yes --run-id run1 --no-wait").ends(1);
    assert_eq!((place.step_state("db/load"), place.step_state("db")), ("failed".into(), "failed".into()));
    assert_eq!(place.step_state("db/deeper/note"), "blocked");
    let said = regrow(&place, "done db --because asked --output rows=1").ends(2);
    assert!(said.stderr.contains("say it of one: regrow done db/copy"), "{said:#?}");
    assert!(regrow(&place, "show db").ends(0).stdout.contains("regrow retry db --run run1"));
    let said = regrow(&place, "skip db/copy --because wrong").ends(2);
    assert!(said.stderr.contains("db/copy"), "{said:#?}");
    std::fs::remove_file(place.path("broken")).unwrap();
    regrow(&place, "retry db").ends(0);
    regrow(&place, "resume run1 --no-wait").ends(0);
    let twice =
        DONE.replace("load 7 with key=open-sesame\n", "load 7 with key=open-sesame\nload 7 with key=open-sesame\n");
    assert_eq!(place.read("effects"), twice);
}

#[test]
fn an_edit_of_an_included_file_is_told_and_taken_over_step_by_step() {
    let place = place();
    place.write("broken", "");
    regrow(&place, "run book.yaml --yes --run-id run1 --no-wait").ends(1);
    place.write("lib/deeper/note.yaml", &NOTE.replace("note $WORDS", "edited $WORDS"));
    let said = regrow(&place, "resume run1 --no-wait").ends(2);
    assert!(said.stderr.contains("lib/deeper/note.yaml` was edited since run `run1` took it"), "{said:#?}");
    assert!(said.stderr.contains("step `db/deeper/note` differs") && !said.stderr.contains("db/load"), "{said:#?}");
    let digest = |said: &Said| {
        let (_, rest) = said.stderr.split_once("--accept ").unwrap_or_else(|| panic!("{said:#?}"));
        rest.chars().take_while(char::is_ascii_hexdigit).collect::<String>()
    };
    let accepted = digest(&said);
    // What is begun stays what it is: a step, and what the whole include asks for and puts out.
    for (was, is, told) in [("copy $TABLE", "other $TABLE", "`db/copy`"), ("^[a-z]+$", "^[a-z_]+$", "`db`")] {
        place.write("lib/table.yaml", &TABLE.replace(was, is));
        let said = regrow(&place, "resume run1 --no-wait").ends(2);
        assert!(said.stderr.contains(&format!("step {told} differs")), "{said:#?}");
        assert!(!said.stderr.contains("--accept"), "there is no way to take it over: {said:#?}");
    }
    place.write("lib/table.yaml", TABLE);
    std::fs::remove_file(place.path("broken")).unwrap();
    regrow(&place, "retry db/load").ends(0);
    regrow(&place, &format!("resume run1 --no-wait --accept {accepted}")).ends(0);
    assert!(place.read("effects").contains("edited a,orders\nlast 7\n"), "{}", place.read("effects"));
    regrow(&place, "verify-log run1").ends(0);
}

#[test]
fn what_only_the_run_knows_is_judged_when_the_include_begins() {
    let place = place();
    regrow(&place, "run book.yaml --yes --run-id run1 --no-wait --param word=ORDERS").ends(1);
    let fault = &place.step("db")["fault"];
    assert_eq!(fault["code"], "RG0410", "{fault:#}");
    assert!(
        fault["message"].as_str().unwrap().contains("`lib/table.yaml` is given a `table` that does not fit"),
        "{fault:#}"
    );
    assert_eq!(place.step_state("db/copy"), "blocked");
    regrow(&place, "skip db --because lost").ends(2);
    assert_eq!(place.effects(), [""; 0]);
}

#[test]
fn an_include_is_left_out_as_a_whole_and_its_steps_one_by_one() {
    let place = place();
    let text =
        place.read("book.yaml").replace("    needs: [look]\n", "    needs: [look]\n    if: (eq params.word \"x\")\n");
    place.write("book.yaml", &text.replace("steps.db.outputs.rows", "default steps.db.outputs.rows 0"));
    regrow(&place, "run book.yaml --yes --run-id run1").ends(0);
    assert_eq!(place.read("effects"), "last 0\n");
    assert_eq!((place.step_state("db"), place.step_state("db/deeper/note")), ("skipped".into(), "skipped".into()));
    place.write("book.yaml", &text);
    let only = "run book.yaml --yes --run-id run2 --only db/load --because drill --param word=x";
    regrow(&place, only).ends(0);
    assert_eq!(place.read("effects"), "last 0\ncopy x\nload 7 with key=open-sesame\n");
}
