//! Outputs that are secret: used by later steps over any crash, found in nothing that stays or is shown.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use super::blocks::killed_at_every_commit;
use super::support::{Place, REGROW, Said, holding};

/// A key is made, known to the place that made it (`keys`), and used.
const BOOK: &str = r#"params: { tool: { type: string, default: "" } }
steps:
  - id: token
    needs: []
    run: |
      test ! -e broken
      key=token-$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
      echo "made $key"
      echo "made $key" >&2
      echo "$key" >> keys
      echo token >> effects
      echo "key=$key" >> "$REGROW_OUTPUT"
      echo "id=7" >> "$REGROW_OUTPUT"
    with: { outputs: { key: { secret: true }, id: { type: integer } } }
  - id: use
    needs: [token]
    run: |
      test ! -e wait
      grep -qx "$KEY" keys
      echo "used $KEY"
      echo use >> effects
      echo "who=$ID" >> "$REGROW_OUTPUT"
    with:
      env: { KEY: "{{ steps.token.outputs.key }}", ID: "{{ steps.token.outputs.id }}" }
      outputs: { who: { type: integer } }
"#;

const RUN: &str = "run book.yaml --yes --no-wait --run-id run1";

/// With `text` on stdin, as a pipe.
fn piped(place: &Place, line: &str, text: &str) -> Said {
    let args: Vec<&str> = line.split_whitespace().collect();
    let mut command = place.command(REGROW, &args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    Said::from(child.wait_with_output().unwrap())
}

#[track_caller]
fn nothing_shows(place: &Place, key: &str) {
    assert!(key.len() > 10, "{key}");
    let mut found = Vec::new();
    holding(&place.path("state"), key, &mut found);
    assert_eq!(found, Vec::<String>::new());
    for line in [
        "status run1",
        "status run1 --json",
        "show token",
        "show use --json",
        "logs token",
        "logs use",
        "report run1",
        "events run1 --json",
    ] {
        let said = place.regrow(line);
        assert!(!said.stdout.contains(key) && !said.stderr.contains(key), "{line}: {said:#?}");
    }
}

#[test]
fn a_secret_output_is_used_and_shown_nowhere() {
    let place = Place::new(BOOK);
    let said = place.regrow(RUN).ends(0);
    assert_eq!(place.effects(), ["token", "use"]);
    let key = place.read("keys").trim().to_owned();
    assert!(!said.stdout.contains(&key) && !said.stderr.contains(&key), "{said:#?}");
    nothing_shows(&place, &key);
    assert!(place.regrow("logs token").ends(0).stdout.contains("made ****"));
    assert!(place.regrow("logs use").ends(0).stdout.contains("used ***"));
    // Of no use to anybody any more.
    assert!(!place.run_dir().join("seal").exists());
}

#[test]
fn a_secret_output_outlives_a_kill_at_every_commit() {
    killed_at_every_commit(|| Place::new(BOOK), "", &["token", "use"]);
}

/// What was there before a hold is a password: it is kept over every crash, put back, and shown nowhere.
const HOLD: &str = r#"params: { tool: { type: string, default: "" } }
holds:
  login:
    read: { run: 'echo "key=$(cat password)" >> "$REGROW_OUTPUT"', with: { effect: read, outputs: { key: { secret: true } } } }
    take: { run: "echo take >> effects; echo temporary-for-the-restore > password", with: { effect: convergent, probe: [grep, -q, temporary, password] } }
    release:
      run: 'echo release >> effects; echo "$KEY" > password'
      with: { effect: convergent, probe: [sh, -c, "! grep -q temporary password"], env: { KEY: "{{ hold.previous.key }}" } }
steps:
  - { id: use, needs: [], under: [login], run: "test ! -e wait; echo use >> effects", with: { effect: convergent, probe: [grep, -q, use, effects] } }
"#;

#[test]
fn a_secret_that_a_hold_found_is_put_back_and_shown_nowhere() {
    let key = "hunter2-of-the-year-before";
    let make = || {
        let place = Place::new(HOLD);
        place.write("password", &format!("{key}\n"));
        place
    };
    let place = make();
    place.write("wait", "");
    place.regrow(RUN).ends(1);
    assert_eq!(place.read("password"), "temporary-for-the-restore\n");
    let taken = place.status()["holds"][0].clone();
    assert_eq!((&taken["state"], &taken["previous"]["key"]), (&"taken".into(), &"(secret)".into()));
    nothing_shows(&place, key);
    fs::remove_file(place.path("wait")).unwrap();
    place.regrow("retry use").ends(0);
    place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(place.read("password"), format!("{key}\n"));
    nothing_shows(&place, key);
    killed_at_every_commit(make, "", &["release", "take", "use"]);
}

#[test]
fn where_the_key_is_gone_the_step_says_so_and_takes_the_value_on_stdin() {
    let place = Place::new(BOOK);
    place.write("wait", "");
    place.regrow(RUN).ends(1);
    let key = place.read("keys").trim().to_owned();
    nothing_shows(&place, &key);
    fs::remove_file(place.path("wait")).unwrap();
    fs::rename(place.path(".config/regrow/seal.key"), place.path("elsewhere")).unwrap();
    place.regrow("retry use").ends(0);
    let said = place.regrow("resume run1 --no-wait").ends(1);
    assert!(said.stderr.contains("note: RG2031"), "{said:#?}");
    let shown = place.regrow("show use").ends(0).stdout;
    assert!(shown.contains("RG2033") && shown.contains("--secret-output token.key"), "{shown}");
    assert_eq!(place.effects(), ["token"]);
    place.regrow("retry use").ends(0);
    piped(&place, "resume run1 --no-wait --secret-output token.key", &format!("{key}\n")).ends(0);
    assert_eq!(place.effects(), ["token", "use"]);
    nothing_shows(&place, &key);
}

#[test]
fn a_key_that_is_put_back_opens_what_it_sealed() {
    let place = Place::new(BOOK);
    place.write("wait", "");
    place.regrow(RUN).ends(1);
    fs::remove_file(place.path("wait")).unwrap();
    fs::rename(place.path(".config/regrow/seal.key"), place.path("elsewhere")).unwrap();
    place.regrow("retry use").ends(0);
    let mut command = place.command(REGROW, &["resume", "run1", "--no-wait"]);
    Said::from(command.env("REGROW_SEAL_KEY", place.path("elsewhere")).output().unwrap()).ends(0);
    assert_eq!(place.effects(), ["token", "use"]);
}

#[test]
fn a_value_that_a_person_gives_never_stands_in_an_argument() {
    let place = Place::new(BOOK);
    place.write("broken", "");
    place.regrow(RUN).ends(1);
    let refused = place.regrow("done token --because by-hand --output key=token-by-hand-1 --output id=7").ends(2);
    assert!(refused.stderr.contains("--secret-output key"), "{refused:#?}");
    place.write("keys", "token-by-hand-2\n");
    piped(&place, "done token --because by-hand --secret-output key --output id=7", "token-by-hand-2\n").ends(0);
    place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(place.effects(), ["use"]);
    nothing_shows(&place, "token-by-hand-1");
    nothing_shows(&place, "token-by-hand-2");
}

/// While the run goes on its undo has the value; afterwards it is asked for.
#[test]
fn an_undo_uses_a_secret_output() {
    let undone = BOOK.replace("      outputs: { who: { type: integer } }\n", "      outputs: { who: { type: integer } }\n    undo: [sh, -c, 'grep -qx \"$KEY\" keys; echo undo >> effects']\n");
    let place = Place::new(&format!("{undone}  - {{ id: stop, needs: [use], run: test -e go }}\n"));
    place.regrow(RUN).ends(1);
    place.regrow("undo use --yes --because x").ends(0);
    assert_eq!(place.effects(), ["token", "undo", "use"]);

    let place = Place::new(&undone);
    place.regrow(RUN).ends(0);
    let key = place.read("keys");
    let said = place.regrow("undo use --run run1 --yes --because x").ends(1);
    assert!(format!("{said:?}").contains("RG2033"), "{said:#?}");
    assert_eq!(place.effects(), ["token", "use"]);
    piped(&place, "undo use --run run1 --yes --because x --secret-output token.key", &key).ends(0);
    assert_eq!(place.effects(), ["token", "undo", "use"]);
    nothing_shows(&place, key.trim());
}

/// Asked by a form, while the run is executed and while nobody executes it.
#[test]
fn a_secret_field_of_a_form_is_taken_on_stdin() {
    let book = r#"steps:
  - id: ask
    uses: manual.task
    needs: []
    with: { instructions: Log in to the provider, form: { pin: { secret: true }, name: {} } }
  - { id: use, needs: [ask], run: "echo $PIN >> keys; echo use >> effects", with: { env: { PIN: "{{ steps.ask.outputs.pin }}" } } }
"#;
    let given = "done ask --because x --secret-output pin --output name=ana";
    let place = Place::new(book);
    let said = place.regrow(RUN).ends(3);
    assert!(said.stderr.contains("--secret-output pin"), "{said:#?}");
    place.regrow("done ask --because x --output pin=pin-in-clear --output name=ana").ends(2);
    piped(&place, given, "pin-on-stdin\n").ends(0);
    place.regrow("resume run1 --no-wait").ends(0);
    nothing_shows(&place, "pin-in-clear");
    nothing_shows(&place, "pin-on-stdin");
    assert_eq!(place.read("keys"), "pin-on-stdin\n");

    let place = Place::new(book);
    let run = place.start(RUN.replace(" --no-wait", "").as_str());
    place.until_step("ask", "waiting");
    piped(&place, given, "pin-on-stdin\n").ends(0);
    run.end().ends(0);
    assert_eq!(place.read("keys"), "pin-on-stdin\n");
    nothing_shows(&place, "pin-on-stdin");
}

#[test]
fn an_output_that_holds_a_newborn_secret_fails_the_step() {
    let place =
        Place::new(&BOOK.replace("id: { type: integer }", "id: {}").replace("echo \"id=7\"", "echo \"id=of-$key\""));
    place.regrow(RUN).ends(1);
    assert!(place.regrow("show token").ends(0).stdout.contains("RG2012"));
    nothing_shows(&place, place.read("keys").trim());
}
