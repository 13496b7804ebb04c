//! What is typed wrong, and what may not be typed at all, is refused before anything of it is kept.

use super::support::Place;

const ASKS: &str = "steps:\n  - id: ask\n    uses: manual.task\n    needs: []\n    with:\n      instructions: where is it\n      \
                    form: { at: { type: string } }\n";
const URL: &str = "postgres://app:tr0ub4dor@db.example.org/app";

/// Every file of the run, as one text.
fn kept(place: &Place) -> String {
    let mut folders = vec![place.run_dir()];
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                text.push_str(&String::from_utf8_lossy(&std::fs::read(path).unwrap()));
            }
        }
    }
    text
}

#[test]
fn a_password_in_an_answer_is_refused_before_it_is_written() {
    let place = Place::new(ASKS);
    place.run("--no-wait").ends(3);
    place.write("outputs.json", &format!(r#"{{"at": "there", "more": [{{"url": "{URL}"}}]}}"#));
    let (output, because) = (format!("at={URL}"), format!("it is at {URL}"));
    for answer in [
        &["done", "ask", "--because", "seen", "--output", &output][..],
        &["done", "ask", "--because", "seen", "--outputs", "outputs.json"],
        &["done", "ask", "--because", &because, "--output", "at=there"],
        &["note", &because],
    ] {
        let said = place.argv(answer).ends(2);
        assert!(said.stderr.contains("error[RG0404]"), "{said:#?}");
        assert!(said.stderr.contains("postgres://app@db.example.org/app"), "{said:#?}");
        assert!(!said.stderr.contains("tr0ub4dor"), "{said:#?}");
    }
    assert!(!kept(&place).contains("tr0ub4dor"));
    let run = place.start("resume");
    place.until("somebody executes the run", |place| place.status()["executor"]["alive"] == true);
    place.argv(&["done", "ask", "--because", "seen", "--output", &output]).ends(2);
    assert!(!kept(&place).contains("tr0ub4dor"));
    place.argv(&["done", "ask", "--because", "seen", "--output", "at=postgres://app@db.example.org/app"]).ends(0);
    run.end().ends(0);
}

#[test]
fn a_step_that_is_chosen_and_does_not_exist_is_named_with_the_nearest() {
    let place = Place::new(ASKS);
    for chosen in ["--only aks", "--skip aks --because no-time", "--from aks --because no-time"] {
        let said = place.run(chosen).ends(2);
        assert!(said.stderr.contains("error[RG8001]") && said.stderr.contains("did you mean `ask`?"), "{said:#?}");
    }
    assert!(!place.run_dir().exists());
}

#[test]
fn a_run_that_has_ended_says_how_whoever_asks_for_it() {
    let place = Place::new("steps:\n  - id: fails\n    needs: []\n    run: exit 1\n");
    place.run("--on-failure abort").ends(1);
    for again in ["run book.yaml --yes --run-id run1", "resume run1"] {
        let said = place.regrow(again).ends(1);
        assert!(said.stderr.contains("has ended: failed"), "{said:#?}");
        let said = place.regrow(&format!("--json {again}")).ends(1);
        let record: serde_json::Value = serde_json::from_str(&said.stdout).unwrap_or_else(|_| panic!("{said:#?}"));
        assert_eq!((&record["kind"], &record["state"]), (&"run_ended".into(), &"failed".into()), "{record}");
    }
}

#[test]
fn a_step_that_is_left_out_and_read_later_is_refused_before_anything_starts() {
    let place = Place::new(
        "steps:\n  - id: a\n    needs: []\n    uses: run\n    with: { script: \"echo v=1 >> $REGROW_OUTPUT\", outputs: { v: { type: string } } }\n  \
         - { id: other, needs: [], run: \"echo other >> effects\" }\n  \
         - { id: b, needs: [a], uses: run, with: { command: [echo, \"{{ steps.a.outputs.v }}\"] } }\n\
         finally:\n  - { id: end, run: \"true\" }\n",
    );
    for chosen in ["--skip a --because no-time", "--from b --because no-time"] {
        for said in [
            place.run(chosen),
            place.regrow(&format!("plan book.yaml {chosen}")),
            place.regrow(&format!("ready book.yaml {chosen}")),
        ] {
            let said = said.ends(2);
            let text = format!("{}{}", said.stdout, said.stderr);
            assert!(text.contains("[RG0320]"), "{said:#?}");
            assert!(text.contains("`b` reads `steps.a.outputs.v`, and `a` is left out"), "{said:#?}");
        }
    }
    for chosen in ["--only a --from b", "--only a --skip a", "--from end"] {
        let said = place.run(&format!("{chosen} --because no-time")).ends(2);
        assert!(said.stderr.contains("error[RG80") && said.stderr.contains("hint"), "{said:#?}");
    }
    assert!(place.effects().is_empty() && !place.run_dir().exists());
    place.run("--skip a --skip b --because no-time").ends(0);
    assert_eq!(place.effects(), ["other"]);
}
