//! What a fault, an answer and a preview say: of what they speak, and what to type next.

use super::support::Place;

#[track_caller]
fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
}

#[test]
fn an_output_that_was_not_written_is_told_where_it_was_to_come_from() {
    let place = Place::new(
        r#"steps:
  - { id: h, needs: [], run: "if [ -e mended ]; then echo n=5 > $REGROW_OUTPUT; fi", with: { outputs: { n: { type: integer } } } }
  - { id: i, needs: [h], run: "echo $N >> effects", with: { env: { N: "{{ steps.h.outputs.n }}" } } }
  - { id: j, needs: [h], run: "echo $N >> effects", with: { env: { N: "{{ default steps.h.outputs.n 7 }}" } } }
"#,
    );
    let said = place.run("--no-wait").ends(1).stderr;
    assert_has(
        &said,
        &[
            "exit_code=0; it DID NOT PUT OUT `n`, which later steps read\n",
            "  do it again: regrow rerun h --because TEXT --run run1\n",
            "RG0320 `h` succeeded and did not put out `n`: `steps.h.outputs.n` has no value\n",
            "`regrow rerun h --because TEXT` does it again; where it may be missing, write `(default steps.h.outputs.n …)`",
        ],
    );
    // What may be missing goes on without it, and what is suggested helps.
    assert_eq!(place.effects(), ["7"]);
    place.write("mended", "");
    place.regrow("rerun h --because mended").ends(0);
    place.regrow("retry i").ends(0);
    place.regrow("resume --no-wait").ends(0);
    assert_eq!(place.effects(), ["5", "7"]);
    // One that only `default` reads is nobody's loss.
    let place = Place::new(
        r#"steps:
  - { id: h, needs: [], run: "true", with: { outputs: { n: {} } } }
  - { id: j, needs: [h], run: "true", with: { env: { N: "{{ default steps.h.outputs.n 7 }}" } } }
"#,
    );
    assert!(!place.run("").ends(0).stderr.contains("DID NOT PUT OUT"));
}

#[test]
fn a_command_that_was_ended_or_never_began_is_told_with_its_time_its_name_or_its_folder() {
    let place = Place::new(
        "steps:
  - { id: long, needs: [], timeout: 1s, run: sleep 60 }
  - { id: gone, needs: [], uses: run, with: { command: [no-such-program, -v] } }
  - { id: nowhere, needs: [], uses: run, with: { command: ['true'], dir: not-there } }
",
    );
    let said = place.run("--no-wait").ends(1).stderr;
    assert_has(
        &said,
        &[
            "the command was ended because its time was up (timeout 1s)",
            "the command could not be started: `no-such-program`: No such file or directory",
            "the command could not be started: its folder `",
        ],
    );
}

#[test]
fn a_hold_that_cannot_be_given_back_at_the_end_says_how_to_try_again() {
    let place = Place::new(
        "holds:
  page:
    name: Maintenance page
    read: { run: 'true', with: { effect: read } }
    take: { run: echo take >> effects }
    release: { run: test -e mended && echo release >> effects }
    on_abort: keep
steps:
  - { id: load, needs: [], under: [page], run: exit 1 }
",
    );
    place.run("--no-wait").ends(1);
    place.regrow("abort --because enough").ends(0);
    let said = place.regrow("release page --because over --run run1").ends(1).stderr;
    assert_has(&said, &["give it back again: regrow release page --because TEXT --run run1\n"]);
    place.write("mended", "");
    place.regrow("release page --because over --run run1").ends(0);
    assert_eq!(place.effects(), ["release", "take"]);
}

#[test]
fn an_approval_of_several_says_how_many_there_are_and_who_is_still_asked() {
    let place = Place::new(
        "people: ops.yaml
steps:
  - { id: load, needs: [], run: echo load >> effects, approval: { from: [firefighter], minimum: 2 } }
",
    );
    place.write(
        "ops.yaml",
        "ana: { roles: [firefighter], reach: '+49 1' }\nben: { roles: [firefighter], reach: '+49 2' }\n",
    );
    place.run("--no-wait --as cleo").ends(3);
    let code = place.step("load")["asks"]["code"].as_str().unwrap().to_string();
    let first = place.regrow(&format!("approve load --code {code} --as ana")).ends(0).stderr;
    assert_has(&first, &["1 of 2 have approved; 1 more of firefighter has to; may be: ben"]);
    assert!(!first.contains("may be: ana"), "{first}");
    let second = place.regrow(&format!("approve load --code {code} --as ben")).ends(0).stderr;
    assert!(!second.contains("have approved"), "{second}");
    place.regrow("resume --no-wait").ends(0);
    assert_eq!(place.effects(), ["load"]);
}

#[test]
fn what_can_be_taken_back_is_named_before_anybody_means_it() {
    let place = Place::new(
        "steps:
  - { id: made, needs: [], run: 'true' }
  - { id: load, needs: [made], run: 'true', undo: [sh, -c, 'echo back >> effects'] }
  - { id: late, needs: [load], run: exit 1 }
",
    );
    place.run("--no-wait").ends(1);
    let said = place.regrow("abort --because enough").ends(0).stderr;
    assert_has(
        &said,
        &[
            "2 steps stay done\n",
            "can be taken back then: `load`; by: regrow undo --because TEXT --run run1\n",
            "cannot be taken back, without an undo: `late`, `made`\n",
        ],
    );
    let said = place.regrow("undo --because wrong --run run1").ends(2).stderr;
    assert_has(&said, &["takes back `load` by `sh -c echo back >> effects`\n", "stays: `made` has no undo\n"]);
    place.regrow("undo --because wrong --run run1 --yes").ends(0);
    // How long it took to do is not how long it took until it was taken back.
    let status = place.regrow("status run1").ends(0).stdout;
    assert!(status.lines().any(|line| line.trim_end() == "  undone     load"), "{status}");
    // Where nothing can be, no command is offered that does nothing.
    let place =
        Place::new("steps:\n  - { id: made, needs: [], run: 'true' }\n  - { id: late, needs: [made], run: exit 1 }\n");
    place.run("--no-wait").ends(1);
    let said = place.regrow("abort --because enough").ends(0).stderr;
    assert!(!said.contains("regrow undo") && said.contains("cannot be taken back"), "{said}");
}
