//! `regrow ready` through the real binary, on backups of real servers: what is fit, what is not, and that nothing is written.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rig::Scratch;
use rig::servers::{Postgres, moto};
use serde_json::{Value, json};

use super::objects::{client, name, server};
use super::support::{Place, REGROW, Said, finish};

/// A live server with its archive, and a folder of base backups.
pub struct Kept {
    pub live: Postgres,
    pub base: PathBuf,
    _scratch: Scratch,
}

impl Kept {
    pub fn new() -> Self {
        let scratch = Scratch::new().unwrap();
        let live = Postgres::start(&scratch).unwrap();
        let base = scratch.folder("backups").unwrap();
        Self { live, base, _scratch: scratch }
    }

    pub fn backup(&self, name: &str) -> PathBuf {
        let to = self.base.join(name);
        self.live.base_backup(&to).unwrap();
        to
    }

    /// A transaction that the archive holds.
    pub fn write(&self) {
        self.live.sql("lms", "create table if not exists t (); drop table t").unwrap();
        self.live.switch_wal().unwrap();
    }

    pub fn archive(&self) -> String {
        self.live.archive_dir().display().to_string()
    }

    /// A runbook that restores from here; `more` are further keys at the top.
    fn book(&self, more: &str) -> Place {
        let base = self.base.display();
        let place = Place::new(&format!(
            "{more}\nparams: {{ as_of: {{ type: timestamp }} }}\nsteps:\n  - id: copy\n    needs: []\n    uses: postgres.restore\n    \
             with: {{ backup: {{ base: '{base}', wal: '{}' }}, data_directory: new, as_of: '{{{{ params.as_of }}}}' }}\n",
            self.archive()
        ));
        // PostgreSQL never runs as root, and its account has to come to the folder.
        fs::set_permissions(place.path(""), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        place
    }
}

/// Every file below, with what would change if somebody wrote.
fn stand(folder: &Path, found: &mut BTreeMap<PathBuf, (i64, i64, u64, Vec<u8>)>) {
    let meta = fs::symlink_metadata(folder).unwrap();
    let bytes = if meta.is_file() { fs::read(folder).unwrap() } else { Vec::new() };
    found.insert(folder.into(), (meta.mtime(), meta.mtime_nsec(), meta.len(), bytes));
    if meta.is_dir() {
        fs::read_dir(folder).unwrap().for_each(|entry| stand(&entry.unwrap().path(), found));
    }
}

fn stands(folders: &[&Path]) -> BTreeMap<PathBuf, (i64, i64, u64, Vec<u8>)> {
    let mut found = BTreeMap::new();
    folders.iter().for_each(|folder| stand(folder, &mut found));
    found
}

pub fn ready(place: &Place, more: &str, exit: i32) -> Value {
    let said = place.regrow(&format!("ready book.yaml --json {more}")).ends(exit);
    serde_json::from_str(&said.stdout).unwrap()
}

/// Code and weight of each finding.
pub fn findings(ready: &Value) -> Vec<(String, bool)> {
    let all = ready["runbooks"][0]["findings"].as_array().unwrap_or_else(|| panic!("{ready:#}"));
    all.iter().map(|it| (it["fault"]["code"].as_str().unwrap().to_owned(), it["unfit"] == true)).collect()
}

pub fn unfit(code: &str) -> (String, bool) {
    (code.into(), true)
}

pub fn warning(code: &str) -> (String, bool) {
    (code.into(), false)
}

#[test]
fn a_backup_that_reaches_far_enough_is_fit_and_nothing_is_written() {
    let kept = Kept::new();
    kept.backup("one");
    kept.write();
    let place = kept.book("objectives: { rpo: 24h }");
    let found = ready(&place, "", 8);
    assert_eq!(findings(&found), [warning("RG8015")], "{found:#}");
    assert!(!place.path("state").exists(), "not even the state folder is made");

    let taken = found["runbooks"][0]["taken"]["as_of"].as_str().unwrap();
    place.regrow(&format!("drill book.yaml --param as_of={taken} --yes --no-wait --run-id run1")).ends(0);
    let folders = [place.path(""), kept.base.clone(), kept.live.archive_dir()];
    let folders: Vec<&Path> = folders.iter().map(PathBuf::as_path).collect();
    let before = stands(&folders);
    let found = ready(&place, "", 0);
    for look in ["ready book.yaml", "ready book.yaml --line"] {
        place.regrow(look).ends(0);
    }
    assert_eq!(stands(&folders), before, "it was written to");
    let book = &found["runbooks"][0];
    assert_eq!((&book["state"], &book["days_since_drill"]), (&json!("fit"), &json!(0)), "{found:#}");
    let store = &book["stores"]["copy"];
    assert_eq!(store["newest"], kept.base.join("one").display().to_string(), "{found:#}");
    assert!(store["bytes"].as_u64().unwrap() > 1 << 20 && store["age_seconds"].as_u64().unwrap() < 600, "{found:#}");
    let moment = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    // What nobody gave is the last moment that can be had.
    let (taken, reaches) = (moment(&book["taken"]["as_of"]), moment(&store["reaches"]));
    assert!(taken < reaches && moment(&store["at"]) <= taken, "{found:#}");
    assert_eq!(place.regrow("ready book.yaml --line").stdout, "FIT: book is fit\n");
    // And it can: the same moment is taken by a plan, a later one is not.
    place.regrow(&format!("plan book.yaml --param as_of={taken}")).ends(0);
    let late = ready(&place, &format!("--param as_of={}", jiff::Timestamp::now()), 8);
    assert_eq!(findings(&late), [warning("RG2408")], "{late:#}");
}

#[test]
fn what_would_be_lost_is_more_than_was_promised() {
    let kept = Kept::new();
    kept.backup("one");
    kept.write();
    let place = kept.book("objectives: { rpo: { copy: 1s, other: 1d } }");
    thread::sleep(Duration::from_millis(1100));
    let found = ready(&place, "", 9);
    assert_eq!(findings(&found), [unfit("RG3202"), warning("RG8015")], "{found:#}");
    let line = place.regrow("ready book.yaml --line").ends(9).stdout;
    assert!(
        line.starts_with("UNFIT: book (copy: what was written in the last ") && line.ends_with(", and 1 more)\n"),
        "{line}"
    );
    let text = place.regrow("ready book.yaml").ends(9).stdout;
    for part in
        ["UNFIT  book (book.yaml)\n", "\n  UNFIT: copy: ", "    do: see whether backups", "regrow drill book.yaml"]
    {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn a_backup_that_shrank_or_lacks_its_label_is_seen() {
    let kept = Kept::new();
    kept.live
        .sql("lms", "create table big as select repeat(md5(i::text), 30) t from generate_series(1, 60000) i")
        .unwrap();
    kept.backup("one");
    kept.live.sql("lms", "drop table big").unwrap();
    thread::sleep(Duration::from_millis(1100));
    let two = kept.backup("two");
    kept.write();
    let place = kept.book("");
    let found = ready(&place, "", 8);
    assert_eq!(findings(&found), [warning("RG3205"), warning("RG8015")], "{found:#}");
    assert!(found["runbooks"][0]["stores"]["copy"]["before"]["bytes"].as_u64().unwrap() > 60 << 20, "{found:#}");

    // Of two, the older one is left, and the newer one is named.
    fs::rename(two.join("backup_label"), two.join("aside")).unwrap();
    let found = ready(&place, "", 8);
    assert_eq!(findings(&found), [warning("RG3206"), warning("RG8015")], "{found:#}");
    assert_eq!(found["runbooks"][0]["stores"]["copy"]["newest"], kept.base.join("one").display().to_string());
    // None is left.
    fs::remove_file(kept.base.join("one/backup_label")).unwrap();
    let found = ready(&place, "", 9);
    assert_eq!(findings(&found), [unfit("RG2403"), warning("RG8015")], "{found:#}");
}

#[test]
fn what_keeps_a_run_from_starting_is_unfit_and_what_comes_later_is_not() {
    let kept = Kept::new();
    kept.backup("one");
    kept.write();
    let place = kept.book("");
    let step = place.read("book.yaml").replace("data_directory: new", "data_directory: no/such/folder");
    place.write("book.yaml", &step);
    assert_eq!(findings(&ready(&place, "", 9)), [unfit("RG2411"), warning("RG8015")]);
    // What another step makes before may be there by then.
    let behind = step
        .replace("steps:\n", "steps:\n  - { id: make, needs: [], run: mkdir -p no/such }\n")
        .replace("  - id: copy\n    needs: []", "  - id: copy\n    needs: [make]");
    place.write("book.yaml", &behind);
    assert_eq!(findings(&ready(&place, "", 8)), [warning("RG2411"), warning("RG8015")]);
}

#[test]
fn several_runbooks_are_looked_at_whatever_becomes_of_one() {
    let place = Place::new("params: { only: { type: string } }\nsteps: [{ id: a, needs: [], run: 'true' }]\n");
    place.write(
        "other.yaml",
        "version: 1\nname: other\nseverity: partial\nsteps: [{ id: a, needs: [], run: 'true' }]\n",
    );
    place.write("broken.yaml", "version: 1\nname: broken\nseverity: partial\nsteps: [{ id: a, uses: nothing }]\n");
    let json = |said: Said| serde_json::from_str::<Value>(&said.stdout).unwrap();
    let states = |all: &Value| {
        let all = all["runbooks"].as_array().unwrap();
        all.iter().map(|it| it["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let both = json(place.regrow("ready book.yaml other.yaml --json --param only=x").ends(8));
    assert_eq!((states(&both), &both["state"]), (vec!["warnings".into(), "warnings".into()], &json!("warnings")));
    let said = place.regrow("ready other.yaml broken.yaml --json").ends(2);
    assert!(said.stderr.contains("RG0505"), "{said:#?}");
    let one = json(said);
    assert_eq!(
        (states(&one), &one["state"]),
        (vec!["warnings".into(), "not_checkable".into()], &json!("not_checkable"))
    );
    assert_eq!(one["runbooks"][1]["error"]["code"], "RG8011");
    place.write("params.yaml", "only: x\n");
    place.regrow("ready book.yaml other.yaml --params params.yaml").ends(8);
    place.write("params.yaml", "onyl: x\n");
    let slip = place.regrow("ready book.yaml other.yaml --params params.yaml").ends(2).stderr;
    assert!(slip.contains("`onyl`") && slip.contains("did you mean `only`?"), "{slip}");
    // A parameter that is missing, one that nobody has, and no file at all.
    assert_eq!(json(place.regrow("ready book.yaml --json").ends(2))["runbooks"][0]["state"], "not_checkable");
    assert!(place.regrow("ready book.yaml other.yaml --param onyl=x").ends(2).stderr.contains("RG8008"));
    assert!(place.regrow("ready nowhere.yaml").ends(2).stdout.starts_with("NOT CHECKABLE  nowhere.yaml\n"));
    assert!(!place.path("state").exists());
}

#[test]
fn what_an_earlier_run_left_behind_is_named_with_the_command() {
    let place = Place::new(
        "steps:\n  - id: a\n    needs: []\n    run: touch made\n    temporary: true\n    \
         creates: [{ kind: file, id: made, remove: [rm, made] }]\n",
    );
    place.run("--no-wait").ends(0);
    assert_eq!(findings(&ready(&place, "", 8)), [warning("RG8015"), warning("RG8016")]);
    let text = place.regrow("ready book.yaml").ends(8).stdout;
    assert!(
        text.contains("file made of run `run1` should be gone") && text.contains("`regrow cleanup run1`"),
        "{text}"
    );
    place.regrow("cleanup run1").ends(0);
    assert_eq!(findings(&ready(&place, "", 8)), [warning("RG8015")]);
}

#[test]
fn a_secret_that_is_missing_tonight_keeps_a_run_from_starting() {
    let step = |id: &str, condition: &str| {
        let with = format!("with: {{ command: ['true'], env: {{ A: '{{{{ secrets.{id} }}}}' }} }}");
        format!("  - {{ id: {id}, needs: [], uses: run, if: {condition}, {with} }}\n")
    };
    let place = Place::new(&format!(
        "secrets: {{ a: {{ from: env, key: NOT_THERE }}, b: {{ from: env, key: NEVER_READ }} }}\nsteps:\n{}{}",
        step("a", "true"),
        step("b", "false")
    ));
    let found = ready(&place, "", 9);
    assert_eq!(findings(&found), [unfit("RG2021"), warning("RG8015")], "{found:#}");
    assert!(found.to_string().contains("NOT_THERE"), "{found:#}");
    assert!(place.run("--no-wait").ends(2).stderr.contains("RG8012"));
}

/// With what it needs in its environment.
fn shipped(place: &Place, book: &str, params: &[(&str, String)], env: &[(&str, &str)], more: &str) -> Said {
    let path = format!("{}/runbooks/{book}.yaml", env!("CARGO_MANIFEST_DIR"));
    let params = params.iter().flat_map(|(name, value)| ["--param".to_owned(), format!("{name}={value}")]);
    let words = ["ready".to_owned(), path, "--json".to_owned()].into_iter().chain(params);
    let words: Vec<String> = words.chain(more.split_whitespace().map(str::to_owned)).collect();
    let mut command = place.command(REGROW, &words.iter().map(String::as_str).collect::<Vec<_>>());
    command.envs(env.iter().copied());
    finish(command)
}

#[test]
fn the_runbooks_that_come_with_the_program_can_be_asked_every_night() {
    let kept = Kept::new();
    kept.backup("one");
    kept.write();
    let place = kept.book("");
    let (media, to) = (name(), name());
    client("make", &media, &["40"]);
    let text = |text: &str| text.to_owned();
    let base = ("base", kept.base.display().to_string());
    let (archive, folder) = (("archive", kept.archive()), ("data_directory", place.path("copy").display().to_string()));
    let keys = [("AWS_ACCESS_KEY_ID", moto::KEY), ("AWS_SECRET_ACCESS_KEY", moto::SECRET)];
    let copy_keys = [("COPY_AWS_ACCESS_KEY_ID", moto::KEY), ("COPY_AWS_SECRET_ACCESS_KEY", moto::SECRET)];
    let password = [("LIVE_PGPASSWORD", kept.live.lms_password())];
    let found = |said: Said| serde_json::from_str::<Value>(&said.stdout).unwrap();

    let params = [("table", text("t")), base.clone(), archive.clone(), ("live_url", kept.live.url()), folder.clone()];
    let one = found(shipped(&place, "restore-only", &params, &password, "").ends(8));
    assert_eq!(findings(&one), [warning("RG8015")], "{one:#}");
    assert_eq!(one["runbooks"][0]["stores"]["copy"]["fitness"], "fit", "{one:#}");

    let server_url = ("server_url", kept.live.url());
    let params = [
        ("lost", text("objects")),
        ("lost", text("database")),
        ("bucket", media.clone()),
        ("s3_endpoint", server().endpoint()),
        base.clone(),
        archive.clone(),
        folder.clone(),
        server_url.clone(),
    ];
    let half = found(shipped(&place, "partial", &params, &[&keys[..], &password].concat(), "").ends(8));
    assert_eq!(findings(&half), [warning("RG8015")], "{half:#}");
    for store in ["database/copy", "objects"] {
        assert_eq!(half["runbooks"][0]["stores"][store]["fitness"], "fit", "{store}: {half:#}");
    }

    let params = [
        base,
        archive,
        folder,
        server_url,
        ("assets", to),
        ("assets_endpoint", server().endpoint()),
        ("assets_copy", media),
        ("assets_copy_endpoint", server().endpoint()),
        ("kubeconfig", text("/dev/null")),
        ("zone", text("example.org")),
        ("dns_server", text("127.0.0.1:9")),
        ("addresses", text("192.0.2.80")),
        ("health", text("http://127.0.0.1:9/")),
    ];
    let env = [
        &keys[..],
        &copy_keys,
        &[("NEW_PGPASSWORD", kept.live.lms_password()), ("DNS_TSIG_SECRET", "c2VjcmV0c2VjcmV0")],
    ];
    // The cluster is asked for its backups beside its Velero (`tests/kubernetes`).
    let more = "--skip infrastructure --skip volumes --because tonight";
    let all = found(shipped(&place, "complete", &params, &env.concat(), more).ends(8));
    for store in ["copy", "assets"] {
        assert_eq!(all["runbooks"][0]["stores"][store]["fitness"], "fit", "{store}: {all:#}");
    }
    // The bucket that Terraform will have made is not there yet, which nobody is called for.
    assert!(findings(&all).contains(&warning("RG2906")), "{all:#}");
}
