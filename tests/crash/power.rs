//! Power loss: executor, supervisor and command gone together, in the middle of a step.

use super::support::Place;

/// One step that writes its effect and then takes its time, unless `quick` is there.
fn cut(with: &str) -> Place {
    let place = Place::new(&format!(
        "steps:\n  - id: work\n    run: |\n      echo \"$REGROW_OP_ID\" >> effects\n      [ -e quick ] || sleep 60\n{with}  \
         - id: after\n    needs: [work]\n    run: echo after >> effects\n"
    ));
    let run = place.start_run("--no-wait");
    place.until_effects(1);
    let said = run.cut_power();
    assert_eq!(said.signal, Some(9));
    place.write("quick", "");
    place
}

#[test]
fn an_opaque_step_is_unknown_and_never_run_again_by_itself() {
    let place = cut("");
    for _ in 0..3 {
        place.regrow("resume --no-wait").ends(4);
        assert_eq!(place.step_state("work"), "unknown");
        assert_eq!(place.effects().len(), 1);
    }
    let asks = &place.step("work")["asks"];
    assert!(asks["since"].is_string(), "{asks}");
    // Neither is it something to leave out, nor does it happen again without a reason.
    place.regrow("skip work --because now").ends(2);
    place.regrow("retry work").ends(2);
    place.regrow("resume --no-wait").ends(4);
    assert_eq!(place.effects().len(), 1);
}

#[test]
fn retry_with_a_reason_runs_it_once_more() {
    let place = cut("");
    place.regrow("resume --no-wait").ends(4);
    place.regrow("retry work --because nothing-of-it-is-there").ends(0);
    place.regrow("resume --no-wait").ends(0);
    // The same operation: a provider that knows its id would see a repetition.
    assert_eq!(place.effects(), ["after", "run1.work.1", "run1.work.1"]);
}

#[test]
fn done_with_a_reason_does_not_run_it() {
    let place = cut("");
    place.regrow("resume --no-wait").ends(4);
    place.regrow("done work").ends(2);
    place.regrow("done work --because it-is-there").ends(0);
    place.regrow("resume --no-wait").ends(0);
    assert_eq!(place.effects(), ["after", "run1.work.1"]);
    assert_eq!(place.step("work")["by_hand"], true);
}

#[test]
fn what_may_be_done_again_is_and_says_so() {
    let place = cut("    with: { effect: convergent }\n");
    let said = place.regrow("resume --no-wait").ends(0).stderr;
    let told = "`work` was begun and left no result; it may be done again, and is started again\n";
    assert_eq!(said.matches(told).count(), 1, "{said}");
    assert_eq!(place.effects(), ["after", "run1.work.1", "run1.work.1"]);
    assert!(place.regrow("events --json").stdout.contains("\"kind\":\"step_restarted\""));
    // The same attempt, done again.
    assert_eq!((&place.step("work")["attempts"], &place.step("work")["restarts"]), (&1.into(), &1.into()));
    assert_eq!(place.step("after")["restarts"], 0);
    for page in ["status", "report"] {
        let page = place.regrow(page).ends(0).stdout;
        assert!(page.contains("left no result and was started again"), "{page}");
    }
}

#[test]
fn a_probe_that_says_done_settles_it() {
    let place = cut("    with: { probe: [test, -e, effects] }\n");
    place.regrow("resume --no-wait").ends(0);
    assert_eq!(place.effects(), ["after", "run1.work.1"]);
    assert_eq!(place.step("work")["adopted"], true);
}

/// It runs where the command runs, and what it puts out is as good as what the command would have put out.
#[test]
fn a_probe_gives_the_outputs_and_no_secret() {
    for (value, code, effects) in [("7", 0, vec!["7", "begun"]), ("$S", 4, vec!["begun"])] {
        let place = Place::new(&format!(
            r#"secrets: {{ s: {{ from: file, path: secret }} }}
steps:
  - id: work
    run: |
      echo begun >> ../effects
      sleep 60
    with:
      dir: sub
      env: {{ S: "{{{{ secrets.s }}}}" }}
      outputs: {{ n: {{}} }}
      probe: [sh, -c, 'test -e ../effects && echo "n={value}" > "$REGROW_OUTPUT"']
  - id: after
    needs: [work]
    run: echo "$N" >> effects
    with: {{ env: {{ N: "{{{{ steps.work.outputs.n }}}}" }} }}
"#
        ));
        place.write("secret", "hush-4711-hush");
        std::fs::create_dir(place.path("sub")).unwrap();
        let run = place.start_run("--no-wait");
        place.until_effects(1);
        run.cut_power();
        place.regrow("resume --no-wait").ends(code);
        assert_eq!(place.effects(), effects);
        let events = place.regrow("events --json").stdout;
        assert!(!events.contains("hush-4711") && (code == 0 || events.contains("RG2012")), "{events}");
    }
}

#[test]
fn a_probe_that_says_not_done_lets_it_run_again() {
    let place = cut("    with: { probe: [\"false\"] }\n");
    place.regrow("resume --no-wait").ends(0);
    assert_eq!(place.effects(), ["after", "run1.work.1", "run1.work.1"]);
}

#[test]
fn a_probe_that_cannot_tell_leaves_it_to_a_person() {
    let place = cut("    with: { probe: [sh, -c, exit 7] }\n");
    place.regrow("resume --no-wait").ends(4);
    assert_eq!((place.step_state("work").as_str(), place.effects().len()), ("unknown", 1));
}

#[test]
fn what_is_harmless_twice_is_run_again() {
    for effect in ["convergent", "read"] {
        let place = cut(&format!("    with: {{ effect: {effect} }}\n"));
        place.regrow("resume --no-wait").ends(0);
        assert_eq!(place.effects(), ["after", "run1.work.1", "run1.work.1"], "{effect}");
    }
}
