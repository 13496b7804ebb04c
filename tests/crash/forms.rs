//! Forms whose choices an earlier step found.

use serde_json::json;

use super::support::Place;

fn place(hosts: &str) -> Place {
    Place::new(&format!(
        r#"steps:
  - {{ id: scan, needs: [], run: "printf '%s' \"$H\" >> \"$REGROW_OUTPUT\"", with: {{ env: {{ H: 'hosts={hosts}' }}, outputs: {{ hosts: {{ type: list }} }} }} }}
  - {{ id: choose, needs: [scan], uses: manual.task, with: {{ instructions: Choose, form: {{ host: {{ enum: "{{{{ steps.scan.outputs.hosts }}}}" }} }} }} }}
  - {{ id: use, needs: [choose], run: "echo $H >> effects", with: {{ env: {{ H: "{{{{ steps.choose.outputs.host }}}}" }} }} }}
"#
    ))
}

#[test]
fn the_choices_are_what_an_earlier_step_found() {
    let place = place(r#"["db1","db2"]"#);
    place.run("--no-wait").ends(3);
    let shown = place.regrow("show choose").ends(0).stdout;
    assert!(shown.contains("db1") && shown.contains("db2"), "{shown}");
    let said = place.argv(&["done", "choose", "--because", "x", "--output", "host=db3"]).ends(2);
    assert!(said.stderr.contains("is one of db1"), "{}", said.stderr);
    place.argv(&["done", "choose", "--because", "x", "--output", "host=db1"]).ends(0);
    place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(place.effects(), ["db1"]);
}

#[test]
fn nobody_is_asked_to_choose_from_nothing() {
    let place = place("[]");
    place.run("--no-wait").ends(1);
    assert_eq!(place.step("choose")["fault"]["code"], json!("RG5013"));
}

/// The number of a ticket is text where text is asked for; a command that was not filled in says nothing.
#[test]
fn what_is_given_is_of_the_type_that_is_asked_for() {
    let place = Place::new(
        r#"steps:
  - id: ask
    needs: []
    uses: manual.task
    with: { instructions: Ask them, form: { ticket: { type: string }, hosts: { type: integer }, up: { type: boolean } } }
  - { id: use, needs: [ask], run: "echo $T >> effects", with: { env: { T: "{{ json steps.ask.outputs }}" } } }
"#,
    );
    place.run("--no-wait").ends(3);
    let unfilled =
        place.regrow("done ask --because told --output ticket=VALUE --output hosts=2 --output up=true").ends(2);
    assert!(unfilled.stderr.contains("`VALUE` stands for"), "{}", unfilled.stderr);
    let wrong = place.regrow("done ask --because told --output ticket=5 --output hosts=two --output up=true").ends(2);
    assert!(wrong.stderr.contains("output `hosts` of `ask` should be an integer"), "{}", wrong.stderr);
    place.regrow("done ask --because told --output ticket=4711 --output hosts=2 --output up=true").ends(0);
    place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(place.effects(), [r#"{"ticket":"4711","hosts":2,"up":true}"#]);
}
