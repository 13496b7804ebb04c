//! A journal of which more is damaged than a crash can explain: nothing is skipped without a word, nothing is done twice.

use std::fs;

use super::support::Place;

const BOOK: &str = r#"steps:
  - id: first
    needs: []
    run: echo first >> effects
  - { id: go, needs: [first], uses: manual.approval, with: { show: Go on. } }
  - id: second
    needs: [go]
    run: echo second >> effects
  - { id: more, needs: [second], uses: manual.approval, with: { show: Go on. } }
"#;

/// Waits for `more`, in its second segment.
fn place() -> Place {
    let place = Place::new(BOOK);
    place.run("--no-wait").ends(3);
    approve(&place, "go");
    place.regrow("resume run1 --no-wait").ends(3);
    assert_eq!(place.effects(), ["first", "second"]);
    place
}

fn approve(place: &Place, step: &str) {
    let code = place.step(step)["asks"]["code"].as_str().unwrap().to_string();
    place.regrow(&format!("approve {step} --code {code}")).ends(0);
}

#[test]
fn a_newest_segment_that_cannot_be_read_leaves_everything_behind_the_one_before_in_doubt() {
    let place = place();
    fs::write(place.run_dir().join("journal.000002"), vec![b'x'; 4500]).unwrap();
    let status = place.regrow("status run1").ends(0);
    assert!(status.stdout.contains("nothing of `journal.000002`"), "{status:#?}");
    let verified = place.regrow("verify-log run1").ends(0);
    assert!(verified.stdout.contains("`journal.000002`, of which nothing can be read"), "{verified:#?}");
    place.regrow("resume run1 --no-wait").ends(3);
    approve(&place, "go");
    // It may have been done, and it was: it is looked for, and found by what its command left.
    place.regrow("resume run1 --no-wait").ends(3);
    assert_eq!(place.effects(), ["first", "second"]);
    approve(&place, "more");
    place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(place.effects(), ["first", "second"]);
}

#[test]
fn a_journal_of_a_newer_release_is_refused() {
    let place = place();
    let newest = place.run_dir().join("journal.000002");
    let text = fs::read_to_string(&newest).unwrap();
    fs::write(&newest, text.replace("RG1 ", "RG2 ")).unwrap();
    let said = place.regrow("resume run1 --no-wait").ends(2);
    assert!(said.stderr.contains("RG7004"), "{said:#?}");
    let status = place.regrow("status run1").ends(0);
    assert!(status.stdout.contains("newer"), "{status:#?}");
    assert_eq!(fs::read_to_string(&newest).unwrap(), text.replace("RG1 ", "RG2 "));
}

/// What is left of a journal.
type Damage = fn(&[u8]) -> Option<Vec<u8>>;

/// Records were durable before what they allow was handed over: a journal that lacks them was cut, emptied or put back as it
/// was. Nothing is done by it, whatever of it is left.
#[test]
fn a_journal_that_does_not_know_what_was_begun_is_refused() {
    let book = "steps:\n  - { id: first, needs: [], run: echo first >> effects }\n  \
                - { id: more, needs: [first], uses: manual.approval, with: { show: Go on. } }\n";
    let damages: [Damage; 3] = [|_| None, |_| Some(Vec::new()), |whole| Some(whole[..900].to_vec())];
    for damage in damages {
        let place = Place::new(book);
        place.run("--no-wait").ends(3);
        let journal = place.run_dir().join("journal.000001");
        let whole = fs::read(&journal).unwrap();
        match damage(&whole) {
            Some(left) => fs::write(&journal, left).unwrap(),
            None => fs::remove_file(&journal).unwrap(),
        }
        let said = place.regrow("resume run1 --no-wait").ends(2);
        assert!(said.stderr.contains("RG7005") && said.stderr.contains("`first` was begun"), "{said:#?}");
        place.regrow("run book.yaml --yes --no-wait --run-id run1").ends(2);
        assert_eq!(place.effects(), ["first"]);
        // Put back from a copy it goes on.
        fs::write(&journal, whole).unwrap();
        place.regrow("resume run1 --no-wait").ends(3);
        assert_eq!(place.effects(), ["first"]);
    }
}
