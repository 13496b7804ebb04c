//! A drill beside servers of production that all have a tripwire: PostgreSQL, a zone of BIND, a bucket of MinIO.
//!
//! The same runbook is then run in earnest, and trips every one of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use rig::Scratch;
use rig::servers::dns::{KEY, ZONE};
use rig::servers::{Dns, Postgres, moto};
use rustix::process::Signal;
use serde_json::Value;

use super::objects::{client, name, server};
use super::support::{Place, REGROW, Running, Said, finish};

struct Production {
    live: Postgres,
    dns: Dns,
    bucket: String,
    place: Place,
    /// Where the copy goes in a run.
    copy: PathBuf,
    _scratch: Scratch,
}

/// What a write leaves behind, whatever it wrote: the next number of a transaction, the serial of the zone, every version.
#[derive(Debug, PartialEq)]
struct Wires {
    transaction: String,
    rows: String,
    serial: u64,
    versions: String,
}

impl Production {
    fn start() -> Self {
        let scratch = Scratch::new().unwrap();
        let live = Postgres::start(&scratch).unwrap();
        // It counts as a writer, and comes when it likes.
        live.sql("postgres", "alter system set autovacuum = off").unwrap();
        live.sql("postgres", "select pg_reload_conf()").unwrap();
        live.sql("lms", "create table orders as select i as id, 'n'::text as note from generate_series(1, 500) i")
            .unwrap();
        live.sql("lms", "alter table orders add primary key (id)").unwrap();
        live.sql("lms", "alter table orders owner to lms").unwrap();
        let base = scratch.folder("backup").unwrap().join("base");
        live.base_backup(&base).unwrap();
        live.sql("lms", "insert into orders values (501, 'late')").unwrap();
        let bucket = name();
        client("make", &bucket, &["40"]);
        std::thread::sleep(std::time::Duration::from_millis(2200));
        let as_of =
            live.sql("lms", "select to_char(now() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')").unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1200));
        live.sql("lms", "delete from orders where id > 100").unwrap();
        live.switch_wal().unwrap();
        client("disaster", &bucket, &[]);
        let dns = Dns::start(&scratch).unwrap();
        let room = scratch.folder("room").unwrap();
        live.account().own(&room).unwrap();
        let copy = room.join("copy");
        let place = Place::new("steps: []\n");
        place.write("book.yaml", &book(&live, &base, &copy, as_of.trim(), &dns, &bucket));
        place.write("password", live.lms_password());
        place.write("tsig", dns.tsig_secret());
        place.write("key", moto::KEY);
        place.write("secret", moto::SECRET);
        Self { live, dns, bucket, place, copy, _scratch: scratch }
    }

    fn wires(&self) -> Wires {
        let sql = |text: &str| self.live.sql("lms", text).unwrap();
        Wires {
            transaction: sql("select pg_snapshot_xmax(pg_current_snapshot())"),
            rows: sql("select count(*), sum(hashtext(orders::text)) from orders"),
            serial: self.dns.serial().unwrap(),
            versions: client("versions", &self.bucket, &[]),
        }
    }

    fn beside(&self) -> PathBuf {
        self.copy.with_file_name("copy-drill-run1")
    }

    /// Everything in the folder in which the copy of a drill stands for a while.
    fn room(&self) -> Vec<PathBuf> {
        fs::read_dir(self.copy.parent().unwrap()).unwrap().map(|it| it.unwrap().path()).collect()
    }

    /// That of production, and those beside it.
    fn buckets(&self) -> Vec<String> {
        let beside = format!("{}-drill-", self.bucket);
        let all = client("buckets", &self.bucket, &[]);
        all.lines().filter(|it| **it == self.bucket || it.starts_with(&beside)).map(str::to_owned).collect()
    }

    fn drill(&self, more: &str) -> Said {
        self.place.regrow(&format!("drill book.yaml --yes --no-wait --run-id run1 {more}"))
    }

    fn is_over(&self, what: &str) {
        let status = self.place.status();
        assert_eq!((status["mode"].as_str(), status["state"].as_str()), (Some("drill"), Some("succeeded")), "{what}");
        assert_eq!(status["ledger"], serde_json::json!([]), "{what}");
        assert_eq!(self.room(), Vec::<PathBuf>::new(), "{what}");
        let word = |step: &str| self.place.step(step)["drill"].as_str().unwrap_or_default().to_owned();
        let words = ["copy", "read", "load", "point", "assets", "practised"].map(word);
        assert_eq!(words, ["beside", "as_is", "beside", "planned", "beside", "planned"], "{what}");
        assert_eq!(self.place.step("read")["outputs"]["rows"][0]["count"], 501, "{what}");
        assert_eq!(self.place.step("load")["outputs"]["tables"][0]["rows"], 501, "{what}");
        assert_eq!(self.place.step("assets")["outputs"]["copied"], 54, "{what}");
        assert_eq!(self.buckets(), std::slice::from_ref(&self.bucket), "{what}");
    }
}

fn book(
    live: &Postgres,
    base: &std::path::Path,
    copy: &std::path::Path,
    as_of: &str,
    dns: &Dns,
    bucket: &str,
) -> String {
    let keys = "access_key_id: '{{ secrets.key }}', secret_access_key: '{{ secrets.secret }}'";
    let tsig = format!("tsig: {{ name: {KEY}, algorithm: hmac-sha256, secret: '{{{{ secrets.tsig }}}}' }}");
    let (base, copy, wal) = (base.display(), copy.display(), live.archive_dir().display().to_string());
    let (url, server_of_names, endpoint) = (live.url(), dns.server(), server().endpoint());
    format!(
        r#"version: 1
name: book
severity: partial
secrets:
  password: {{ from: file, path: password }}
  tsig: {{ from: file, path: tsig }}
  key: {{ from: file, path: key }}
  secret: {{ from: file, path: secret }}
vars:
  live: {{ url: "{url}", password: "{{{{ secrets.password }}}}" }}
steps:
  - id: copy
    needs: []
    uses: postgres.restore
    with: {{ backup: {{ base: {base}, wal: {wal} }}, data_directory: {copy}, as_of: "{as_of}" }}
    verify:
      - probe: postgres.query
        with: {{ connection: "{{{{ self.outputs.connection }}}}", database: lms, sql: "select count(*) from orders" }}
        expect: {{ equals: 501 }}
  - id: read
    needs: [copy]
    uses: postgres.query
    with: {{ connection: "{{{{ steps.copy.outputs.connection }}}}", database: lms, sql: "select count(*) from orders" }}
  - id: load
    needs: [copy]
    uses: postgres.dump_and_load
    with:
      source: "{{{{ steps.copy.outputs.connection }}}}"
      target: "{{{{ vars.live }}}}"
      database: lms
      tables: [orders]
      newer_rows: keep
    verify:
      - probe: postgres.query
        with: {{ connection: "{{{{ vars.live }}}}", database: lms, sql: "select count(*) from orders" }}
        expect: {{ at_least: 501 }}
  - id: point
    needs: [load]
    uses: dns.update
    with:
      provider: rfc2136
      server: "{server_of_names}"
      zone: {ZONE}
      {tsig}
      records: [{{ name: www, type: A, values: [192.0.2.99] }}]
  - id: assets
    needs: []
    uses: s3.restore
    with: {{ bucket: {bucket}, endpoint: "{endpoint}", {keys}, as_of: "{as_of}" }}
    verify:
      - probe: s3.objects
        with: {{ bucket: {bucket}, endpoint: "{endpoint}", {keys} }}
        expect: {{ at_least: 54 }}
  - id: practised
    needs: [point]
    uses: dns.update
    drill: plan
    with:
      provider: rfc2136
      server: "{server_of_names}"
      zone: {ZONE}
      {tsig}
      records: [{{ name: mail, type: A, values: [192.0.2.98] }}]
"#
    )
}

#[test]
fn production_is_out_of_reach_of_a_drill_and_in_reach_of_a_run() {
    let production = Production::start();
    let before = production.wires();
    production.drill("--keep").ends(0);
    assert_eq!(production.wires(), before, "a drill wrote to production");
    assert!(production.beside().join("postmaster.pid").exists(), "the copy beside is there: {:?}", production.room());
    assert!(!production.copy.exists());
    let buckets = production.buckets();
    assert_eq!((buckets.len(), &buckets[0]), (2, &production.bucket), "{buckets:?}");
    let shown = production.place.regrow("show point --run run1").ends(0).stdout;
    assert!(shown.contains("only planned in a drill") && shown.contains("192.0.2.99"), "{shown}");
    let removed = production.place.regrow("cleanup run1").ends(0).stdout;
    let copy = format!("removed postgres server {}", production.beside().display());
    let bucket = format!("removed s3 bucket {} at {}", buckets[1], server().endpoint());
    let removed: BTreeSet<_> = removed.lines().collect();
    assert_eq!(removed, BTreeSet::from([&*copy, &*bucket]));
    production.is_over("cleaned by hand");
    assert_eq!(production.wires(), before, "the clean-up wrote to production");

    // The same in earnest: each of the wires is live.
    production.place.regrow("run book.yaml --yes --no-wait --run-id run2").ends(0);
    let after = production.wires();
    assert_ne!(after.transaction, before.transaction);
    assert_ne!(after.rows, before.rows);
    assert_ne!(after.serial, before.serial);
    assert_ne!(after.versions, before.versions);
}

#[test]
fn killed_on_its_way_it_goes_on_as_a_drill_and_leaves_nothing() {
    let production = Production::start();
    let before = production.wires();
    // Of the records, the first write of each step: what comes between two is in `drill`.
    for k in [2, 3, 4, 5, 6, 8, 10] {
        let inject = format!("inject=fdatasync:signal=SIGKILL:when={k}");
        let options = ["-qq", "-o", "/dev/null", "-e", &inject, REGROW];
        let line = ["drill", "book.yaml", "--yes", "--no-wait", "--run-id", "run1"];
        let said = finish(production.place.command("strace", &[&options[..], &line[..]].concat()));
        let killed = said.signal == Some(Signal::KILL.as_raw());
        assert!(killed || k > 5, "{said:#?}");
        if killed {
            let again: &[&str] =
                if production.place.run_dir().exists() { &["resume", "run1", "--no-wait"] } else { &line };
            production.place.argv(again).ends(0);
        }
        production.is_over(&format!("killed before sync {k}"));
        assert_eq!(production.wires(), before, "killed before sync {k}");
        fs::remove_dir_all(production.place.run_dir()).unwrap();
    }
}

/// What a person sees of it while the copy stands beside production.
#[test]
fn a_drill_says_that_it_is_one_and_what_it_did_not_prove() {
    let production = Production::start();
    let said = Running::of({
        let line = ["drill", "book.yaml", "--yes", "--no-wait", "--run-id", "run1"];
        let mut command: Command = production.place.command(REGROW, &line);
        command.env("TERM", "dumb");
        command
    })
    .end()
    .ends(0);
    assert!(said.stderr.contains("a DRILL beside production"), "{said:#?}");
    assert!(said.stderr.contains("would: "), "{said:#?}");
    let status = production.place.regrow("status run1").ends(0).stdout;
    assert!(status.contains("DRILL") && status.contains("3 steps beside production"), "{status}");
    assert!(status.contains("2 steps only planned"), "{status}");
    let line = production.place.regrow("status run1 --line").ends(0).stdout;
    assert!(line.starts_with("A drill, nothing is lost: book: recovered"), "{line}");
    let report = fs::read_to_string(production.place.run_dir().join("report.md")).unwrap();
    assert!(report.starts_with("# Drill `run1`"), "{report}");
    assert!(
        report.contains("What did it not prove?** `point`, `practised`. Done on a copy, so not whether a run"),
        "{report}"
    );
    let bucket = format!("`assets`: bucket {} at ", production.bucket);
    for spared in ["`load`: database `lms` on ", &bucket] {
        assert!(report.contains(spared), "{spared}: {report}");
    }
    let json: Value =
        serde_json::from_str(&production.place.regrow("report run1 --format json").ends(0).stdout).unwrap();
    assert_eq!((json["mode"].as_str(), json["steps"][0]["drill"].as_str()), (Some("drill"), Some("beside")));
}
