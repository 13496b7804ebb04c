//! `regrow ready` beside servers that are down, or do not let us in; what a drill in a copy says nothing of.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::ready::{Kept, findings, unfit, warning};
use super::support::{Place, REGROW, Said, finish};

/// A runbook that restores beside, and loads one table of that into the live server.
struct Loading {
    kept: Kept,
    place: Place,
}

impl Loading {
    fn new() -> Self {
        let kept = Kept::new();
        kept.live.sql("lms", "create table kept (id int primary key); insert into kept values (1)").unwrap();
        kept.live.sql("lms", "alter table kept owner to lms").unwrap();
        kept.backup("one");
        kept.write();
        let (base, wal) = (kept.base.display(), kept.archive());
        let place = Place::new(&format!(
            r#"
params: {{ as_of: {{ type: timestamp }}, live_url: {{ type: url }} }}
secrets: {{ password: {{ from: env, key: LIVE }} }}
vars: {{ live: {{ url: "{{{{ params.live_url }}}}", password: "{{{{ secrets.password }}}}" }} }}
steps:
  - id: copy
    needs: []
    uses: postgres.restore
    with: {{ backup: {{ base: '{base}', wal: '{wal}' }}, data_directory: new, as_of: "{{{{ params.as_of }}}}" }}
  - id: load
    needs: [copy]
    uses: postgres.dump_and_load
    with: {{ source: "{{{{ steps.copy.outputs.connection }}}}", target: "{{{{ vars.live }}}}", tables: [kept], newer_rows: keep }}
"#
        ));
        fs::set_permissions(place.path(""), PermissionsExt::from_mode(0o755)).unwrap();
        place.write("params.yaml", &format!("live_url: {}\n", kept.live.url()));
        Self { kept, place }
    }

    fn says(&self, password: &str, line: &str) -> Said {
        let mut command = self.place.command(REGROW, &line.split_whitespace().collect::<Vec<_>>());
        command.env("LIVE", password);
        finish(command)
    }

    fn ready(&self, password: &str, more: &str, exit: i32) -> Value {
        let said = self.says(password, &format!("ready book.yaml --json {more}")).ends(exit);
        serde_json::from_str(&said.stdout).unwrap()
    }
}

#[test]
fn what_a_drill_did_on_a_copy_is_named_and_looked_at_where_it_is() {
    let loading = Loading::new();
    let found = loading.ready("totallywrong", "--params params.yaml", 9);
    assert_eq!(findings(&found), [unfit("RG2102"), warning("RG8015")], "{found:#}");
    assert_eq!(found["runbooks"][0]["findings"][0]["of"], "load");

    // The command that is printed can be pasted, with all that was given; beside production a wrong password does no harm.
    let text = loading.says("totallywrong", "ready book.yaml --params params.yaml").ends(9).stdout;
    let (_, drill) = text.split_once("rehearse it: `regrow ").unwrap();
    let drill = drill.lines().next().unwrap().trim_end_matches('`');
    assert!(drill.starts_with("drill book.yaml --params params.yaml --param as_of="), "{text}");
    let planned = loading.says("totallywrong", &drill.replace("drill", "plan --drill")).ends(0).stdout;
    assert!(
        planned.contains("\n+ load · ") && planned.contains("target: a copy of the restored database"),
        "{planned}"
    );
    loading.says("totallywrong", &format!("{drill} --yes --no-wait --run-id run1")).ends(0);
    let report = fs::read_to_string(loading.place.run_dir().join("report.md")).unwrap();
    let place = loading.kept.live.url();
    let (_, place) = place.split_once('@').unwrap();
    let place = place.split('/').next().unwrap();
    let not_proven = report.lines().find(|line| line.contains("What did it not prove?")).unwrap();
    for part in ["a run can reach", &format!("`load`: database `lms` on {place}: table `kept`"), "`copy`: folder "] {
        assert!(not_proven.contains(part), "{part}: {not_proven}");
    }
    assert!(!not_proven.contains("Nothing was left out"), "{not_proven}");

    let text = loading.says("totallywrong", "ready book.yaml --params params.yaml").ends(9).stdout;
    assert!(text.contains("UNFIT: load: the server at ") && text.contains("[RG2102]"), "{text}");
    assert!(text.contains("done there on a copy, not on `load`: database `lms`"), "{text}");
    let found = loading.ready(loading.kept.live.lms_password(), "--params params.yaml", 0);
    let unseen = &found["runbooks"][0]["not_looked_at"];
    assert_eq!(unseen[0]["step"], "load", "{found:#}");
    assert!(unseen[0]["because"].as_str().unwrap().contains("but for `target`, which answers"), "{found:#}");
    let line = loading.says("totallywrong", "ready book.yaml --params params.yaml --line").ends(9).stdout;
    assert!(line.starts_with("UNFIT: book (load: "), "{line}");
}

#[test]
fn a_server_that_is_down_is_seen_before_the_bad_day() {
    let loading = Loading::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = listener.local_addr().unwrap();
    drop(listener);
    let more = format!("--param live_url=postgres://lms@{dead}/lms");
    let found = loading.ready(loading.kept.live.lms_password(), &more, 9);
    assert_eq!(findings(&found), [unfit("RG2101"), warning("RG8015")], "{found:#}");

    // A step that reads is asked as it would be first thing in the run; a statement is only read by the server.
    let live = json!({"url": loading.kept.live.url(), "password": "{{ secrets.password }}"});
    let query = |sql: &str| {
        format!("  - {{ id: a, needs: [], uses: postgres.query, with: {{ connection: {live}, sql: \"{sql}\" }} }}\n")
    };
    let book = |steps: &str| {
        let head =
            "version: 1\nname: book\nseverity: partial\nsecrets: { password: { from: env, key: LIVE } }\nsteps:\n";
        loading.place.write("book.yaml", &format!("{head}{steps}"));
    };
    let says = |exit: i32| loading.ready(loading.kept.live.lms_password(), "", exit);
    book(&query("select count(*) from no_such_table"));
    assert_eq!(findings(&says(9)), [unfit("RG2302"), warning("RG8015")]);
    book(&query("select pg_sleep(600)"));
    assert_eq!(findings(&says(8)), [warning("RG8015")]);
    book(&format!("  - {{ id: a, needs: [], uses: tcp.connect, with: {{ address: '{dead}' }} }}\n"));
    assert_eq!(findings(&says(9)), [unfit("RG2453"), warning("RG8015")]);
    // Behind a change it may be there by then.
    book(&format!(
        "  - {{ id: make, needs: [], run: 'true' }}\n  \
         - {{ id: a, needs: [make], uses: tcp.connect, with: {{ address: '{dead}' }} }}\n"
    ));
    let found = says(8);
    assert_eq!(findings(&found), [warning("RG2453"), warning("RG8015")]);
    let unseen = &found["runbooks"][0]["not_looked_at"];
    assert_eq!((unseen.as_array().unwrap().len(), &unseen[0]["step"]), (1, &json!("make")), "{found:#}");
}

#[test]
fn the_worst_comes_first_and_what_is_fit_is_left_out_of_the_line() {
    let place = Place::new("steps: [{ id: a, needs: [], run: 'true' }]\n");
    place.regrow("drill book.yaml --yes --no-wait --run-id run1").ends(0);
    assert_eq!(place.regrow("ready book.yaml --line").ends(0).stdout, "FIT: book is fit\n");
    let other = |name: &str, more: &str| {
        let text = format!(
            "version: 1\nname: {name}\nseverity: partial\n{more}steps: [{{ id: a, needs: [], run: 'true' }}]\n"
        );
        place.write(&format!("{name}.yaml"), &text);
    };
    other("fresh", "");
    other("broken", "stepps: []\n");
    let line = place.regrow("ready book.yaml fresh.yaml broken.yaml --line").ends(2).stdout;
    assert!(line.starts_with("NOT CHECKABLE: broken.yaml (`broken.yaml` cannot be run); fresh (no drill"), "{line}");
    assert!(!line.contains("book is fit") && !line.contains("started"), "{line}");
}

#[test]
fn what_fails_with_all_that_is_known_is_found_before_the_run() {
    let place = Place::new(
        "params: { at: { type: timestamp, default: '2026-11-24T08:15:00Z' }, d: { type: duration, default: 5m } }\nsteps:\n  \
         - { id: a, needs: [], uses: run, with: { command: [echo, '{{ time_add params.at \"5 minutes\" }}'] } }\n  \
         - { id: b, needs: [a], if: (gt params.d 5), run: 'true' }\n  \
         - { id: c, needs: [a], run: 'true', with: { env: { A: '{{ time_add params.at params.d }}' } } }\n",
    );
    let planned: Value = serde_json::from_str(&place.regrow("plan book.yaml --json").ends(2).stdout).unwrap();
    let found: Vec<_> =
        planned["findings"].as_array().unwrap().iter().map(|it| (&it["step"], &it["fault"]["code"])).collect();
    assert_eq!(found, [(&json!("a"), &json!("RG0312")), (&json!("b"), &json!("RG0312"))], "{planned:#}");
    let text = place.regrow("plan book.yaml").ends(2).stdout;
    assert!(text.contains("! RG0312 `time_add`") && !text.contains("5 minutes\\\" }}\"] (known when"), "{text}");
    assert_eq!(findings(&super::ready::ready(&place, "", 9)), [unfit("RG0312"), unfit("RG0312"), warning("RG8015")]);
}
