//! A people file: who may answer, how they are reached, and that a run keeps to the file it started with.

use super::support::{Place, Said};

const PEOPLE: &str = "\
ana: { roles: [firefighter, commander], reach: \"+49 170 1\" }
bo: { roles: [firefighter], reach: pager 12 }
cem: { roles: [commander] }
";

/// `go` wants all commanders but who started the run; `work` any firefighter.
const BOOK: &str = r#"people: people.yaml
responders: { firefighter: { minimum: 2 } }
steps:
  - id: go
    uses: manual.approval
    needs: []
    with: { show: The site goes down., from: [commander], minimum: all, by_starter: false }
  - id: work
    needs: [go]
    approval: { from: [firefighter] }
    run: echo work >> effects
"#;

fn place() -> Place {
    let place = Place::new(BOOK);
    place.write("people.yaml", PEOPLE);
    place
}

fn code(place: &Place, step: &str) -> String {
    place.step(step)["asks"]["code"].as_str().unwrap().to_string()
}

fn says(said: &Said, parts: &[&str]) {
    for part in parts {
        assert!(said.stderr.contains(part) || said.stdout.contains(part), "`{part}` is missing in {said:#?}");
    }
}

#[test]
fn an_answer_counts_only_from_those_it_is_asked_of() {
    let place = place();
    let run = place.start_run("--as ana");
    place.until_step("go", "waiting");
    let go = code(&place, "go");
    says(
        &place.regrow(&format!("approve go --code {go} --as bo")).ends(2),
        &["RG5010", "is no commander", "said by cem"],
    );
    says(&place.regrow(&format!("approve go --code {go} --as cme")).ends(2), &["RG5011", "did you mean `--as cem`?"]);
    says(&place.regrow(&format!("approve go --code {go} --as ana")).ends(2), &["RG5010", "`ana` started the run"]);
    says(&place.regrow("reject go --because no --as bo").ends(2), &["RG5010"]);
    says(&place.regrow("skip go --because hurry --as bo").ends(2), &["RG5010"]);
    for way_round in ["skip go --because hurry --as ana", "done go --because so --as ana"] {
        says(&place.regrow(way_round).ends(2), &["RG5010", "`ana` started the run"]);
    }
    place.regrow(&format!("approve go --code {go} --as cem")).ends(0);
    place.until_step("work", "waiting");
    let work = code(&place, "work");
    says(&place.regrow("show work").ends(0), &["may be answered by: ana, +49 170 1; bo, pager 12"]);
    says(&place.regrow("status").ends(0), &["may be answered by: ana, +49 170 1; bo, pager 12"]);
    assert_eq!(place.step("work")["asks"]["people"][1], serde_json::json!({"name": "bo", "reach": "pager 12"}));
    place.regrow(&format!("approve work --code {work} --as bo")).ends(0);
    run.end().ends(0);
    assert_eq!(place.effects(), ["work"]);
    says(
        &place.regrow("report run1").ends(0),
        &["- firefighter (at least 2): ana, +49 170 1; bo, pager 12", "- commander: ana, +49 170 1; cem"],
    );
}

#[test]
fn nobody_starts_what_only_they_could_approve() {
    let place = place();
    place.write("people.yaml", &PEOPLE.replace("cem: { roles: [commander] }\n", ""));
    let said = place.run("--no-wait --as ana").ends(2);
    says(&said, &["RG0516", "`go` wants 1 of commander, not counting who started; there are 0", "--as NAME"]);
    place.run("--no-wait --as bo").ends(3);
}

#[test]
fn an_answer_that_is_recorded_is_judged_by_the_same_rule() {
    let place = place();
    place.run("--no-wait --as ana").ends(3);
    let go = code(&place, "go");
    says(&place.regrow(&format!("approve go --code {go} --as bo")).ends(2), &["RG5010", "said by cem"]);
    place.regrow(&format!("approve go --code {go} --as cem")).ends(0);
    place.regrow("resume run1 --no-wait").ends(3);
    assert_eq!(place.step_state("go"), "succeeded");
}

#[test]
fn a_run_keeps_to_the_people_file_it_started_with() {
    let place = place();
    place.run("--no-wait --as ana").ends(3);
    place.write("people.yaml", &PEOPLE.replace("pager 12", "pager 13"));
    let said = place.regrow("resume run1 --no-wait").ends(2);
    says(&said, &["people.yaml` was edited since", "people file.bo.reach: pager 12 → pager 13"]);
    says(&place.run("--no-wait").ends(2), &["another runbook"]);
    place.regrow("resume run1 --no-wait --as-started").ends(3);
    let (_, rest) = said.stderr.split_once("--accept ").unwrap();
    let digest: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
    place.regrow(&format!("resume run1 --no-wait --accept {digest}")).ends(3);
    place.regrow("resume run1 --no-wait").ends(3);
    // Whoever asks later is answered from the copy, wherever the file went.
    std::fs::remove_file(place.path("people.yaml")).unwrap();
    says(&place.regrow("resume run1 --no-wait").ends(2), &["people.yaml` is gone"]);
    place.regrow("resume run1 --no-wait --as-started --outage-began 2026-01-01T00:00:00Z").ends(3);
    let go = code(&place, "go");
    place.regrow(&format!("approve go --code {go} --as cem")).ends(0);
    place.regrow("resume run1 --no-wait --as-started").ends(3);
    says(&place.regrow("show work").ends(0), &["bo, pager 13"]);
}

#[test]
fn without_a_people_file_any_name_may_take_any_role_and_the_report_says_so() {
    let place = Place::new(
        &BOOK
            .replace("people: people.yaml\n", "")
            .replace("firefighter: {", "commander: { minimum: 1 }, firefighter: {"),
    );
    place.run("--no-wait --as ana").ends(3);
    let go = code(&place, "go");
    place.regrow(&format!("approve go --code {go} --as anybody")).ends(0);
    says(&place.regrow("report run1").ends(0), &["- commander (at least 1)\n", "any name may take any role"]);
}

const ESCALATED: &str = r#"people: people.yaml
steps:
  - id: go
    uses: manual.approval
    needs: []
    with: { show: It burns., from: [firefighter], escalate_after: { after: AFTER, to: [commander] } }
"#;

fn escalating(after: &str) -> Place {
    let place = Place::new(&ESCALATED.replace("AFTER", after));
    place.write("people.yaml", PEOPLE);
    place
}

#[test]
fn a_question_nobody_answers_goes_to_more_people_and_says_so() {
    let place = escalating("1s");
    let run = place.start_run("");
    place.until_step("go", "waiting");
    let go = code(&place, "go");
    says(&place.regrow(&format!("approve go --code {go} --as cem")).ends(2), &["RG5010", "is no firefighter"]);
    place.until("it is escalated", |place| !place.step("go")["asks"]["escalated_at"].is_null());
    says(&place.regrow("status").ends(0), &["asks firefighter, ESCALATED to commander", "bo, pager 12; cem"]);
    place.regrow(&format!("approve go --code {go} --as cem")).ends(0);
    says(&run.end().ends(0), &["asked now: firefighter, ESCALATED to commander"]);
}

#[test]
fn nobody_stays_for_a_question_and_the_time_counts_while_nobody_executes() {
    let place = escalating("1500ms");
    place.run("--no-wait").ends(3);
    let go = code(&place, "go");
    place.regrow(&format!("approve go --code {go} --as cem")).ends(2);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    place.regrow(&format!("approve go --code {go} --as cem")).ends(0);
    place.regrow("resume run1 --no-wait").ends(0);
    let events = place.regrow("events run1 --json").ends(0).stdout;
    assert_eq!(events.matches("\"ask_escalated\"").count(), 1, "{events}");
}

#[test]
fn a_change_in_place_is_shown_to_whoever_approves_it() {
    let place = Place::new(
        "steps:\n  - id: wipe\n    approval: { from: [commander] }\n    in_place: { because: no room, safety_copy: tape 7 }\n    run: echo wipe >> effects\n",
    );
    let planned = place.regrow("plan book.yaml --json").ends(0).stdout;
    assert!(planned.contains(r#""in_place":{"because":"no room","safety_copy":"tape 7"}"#), "{planned}");
    place.run("--no-wait").ends(3);
    let words = "IN PLACE: what it replaces cannot be had back; because: no room; safety copy: tape 7";
    says(&place.regrow("show wipe").ends(0), &[words]);
    says(&place.regrow("report run1").ends(0), &["IN PLACE, because: no room; safety copy: tape 7"]);
}
