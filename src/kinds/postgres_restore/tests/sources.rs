//! The forms a backup comes in.

use std::fs;
use std::process::Command;

use serde_json::json;

use super::super::{PostgresRestore, server};
use super::bench::{Lab, ask, run};
use crate::kind::Kind;
use crate::kind::stock::Reach;

#[tokio::test(flavor = "multi_thread")]
async fn a_tar_of_pg_basebackup_with_its_wal_beside_comes_back() {
    let lab = Lab::new();
    lab.backup("base", &["-Ft", "-X", "fetch"]);
    let moment = lab.lose();
    let outputs = lab.restore(&lab.with(&moment)).await.unwrap();
    assert_eq!(ask(&outputs, "select count(*) from orders").await, "1500");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tar_with_streamed_wal_and_a_plain_tar_come_back() {
    let lab = Lab::new();
    lab.backup("base", &["-Ft", "-X", "stream"]);
    let plain = lab.backup("plain", &[]);
    let moment = lab.lose();
    let outputs = lab.restore(&lab.with(&moment)).await.unwrap();
    assert_eq!(ask(&outputs, "select count(*) from orders").await, "1500");

    run(Command::new("tar").arg("-C").arg(&plain).arg("-cf").arg(lab.path("bk/one.tar")).arg("."));
    let mut with = lab.with(&moment);
    with["backup"]["base"] = json!(lab.text("bk/one.tar"));
    with["data_directory"] = json!(lab.text("second"));
    with["run_as"] = json!(lab.account.name);
    let op = lab.prepared(lab.op(&with)).await;
    let outputs = lab.work(&op).await.unwrap();
    assert_eq!(ask(&outputs, "select count(*) from orders").await, "1500");

    fs::rename(lab.path("bk/one.tar"), lab.path("bk/one.tar.gz")).unwrap();
    with["backup"]["base"] = json!(lab.text("bk/one.tar.gz"));
    with["data_directory"] = json!(lab.text("third"));
    assert_eq!(lab.prepare(&lab.op(&with)).await.unwrap_err().code, "RG2404");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_backups_the_newest_that_had_ended_is_taken() {
    let lab = Lab::new();
    lab.backup("a", &[]);
    lab.sql("insert into orders values (2001, 'after a')");
    lab.backup("b", &[]);
    lab.sql("insert into orders values (2002, 'after b')");
    let moment = lab.now();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    lab.sql("insert into orders values (2003, 'too late')");
    lab.backup("c", &[]);
    // Cut off: without a manifest, and the archive knows nothing of it.
    let broken = lab.backup("d", &[]);
    fs::remove_file(broken.join("backup_manifest")).unwrap();
    for entry in fs::read_dir(lab.path("arch")).unwrap().flatten() {
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        if entry.file_name().to_string_lossy().ends_with(".backup") && text.contains(&start_of(&broken)) {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    lab.switch();
    let mut with = lab.with(&moment);
    with["backup"]["base"] = json!(lab.text("bk"));
    let prepared = lab.prepare(&lab.op(&with)).await.unwrap();
    assert!(prepared.changes[1].contains("bk/b`"), "{:?}", prepared.changes);
    assert!(prepared.changes.iter().any(|line| line.contains("bk/d` is not used")), "{:?}", prepared.changes);
    let outputs = lab.restore(&with).await.unwrap();
    assert_eq!(ask(&outputs, "select max(id) from orders").await, "2002");
}

fn start_of(base: &std::path::Path) -> String {
    fs::read_to_string(base.join("backup_label")).unwrap().lines().next().unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn wal_may_come_by_a_command() {
    let lab = Lab::new();
    let moment = lab.loss();
    let mut with = lab.with(&moment);
    with["backup"]["wal"] = json!(["/bin/sh", "-c", format!("cp '{}/%f' \"%p\"", lab.text("arch"))]);
    let outputs = lab.restore(&with).await.unwrap();
    assert_eq!(ask(&outputs, "select count(*) from orders").await, "1500");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_backup_is_found_before_a_server_starts() {
    let lab = Lab::new();
    let moment = lab.loss();
    let table = lab.path("bk/base/base/1/1259");
    let mut bytes = fs::read(&table).unwrap();
    bytes[5000] ^= 1;
    fs::write(&table, &bytes).unwrap();
    let fault = lab.restore(&lab.with(&moment)).await.unwrap_err();
    assert_eq!(fault.code, "RG2415", "{fault:?}");
    assert!(fault.causes.iter().any(|line| line.contains("1259")), "{fault:?}");
    assert!(server::running(&lab.path("new")).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn wal_that_cannot_be_brought_is_not_taken_for_its_end() {
    let lab = Lab::new();
    let moment = lab.loss();
    let op = lab.prepared(lab.op(&lab.with(&moment))).await;
    let mut segments: Vec<_> = fs::read_dir(lab.path("arch")).unwrap().flatten().map(|entry| entry.path()).collect();
    segments.sort();
    let last = segments.pop().unwrap();
    fs::rename(&last, lab.path("kept")).unwrap();
    fs::create_dir(&last).unwrap();
    let fault = lab.work(&op).await.unwrap_err();
    assert_eq!(fault.code, "RG2420", "{fault:?}");
    assert!(server::running(&lab.path("new")).is_none());
    // Put right, it goes on where it was.
    fs::remove_dir(&last).unwrap();
    fs::rename(lab.path("kept"), &last).unwrap();
    let outputs = lab.work(&op).await.unwrap();
    assert_eq!(ask(&outputs, "select count(*) from orders").await, "1500");
}

#[tokio::test(flavor = "multi_thread")]
async fn pgbackrest_brings_back_what_it_keeps() {
    let lab = Lab::empty(&[]);
    let (conf, stanza) = (lab.text("pgbackrest.conf"), "--stanza=shop");
    lab.folder_of_account("repo");
    lab.folder_of_account("lock");
    let text = format!(
        "[global]\nrepo1-path={}\nlock-path={}\nlog-level-file=off\n[shop]\npg1-path={}\npg1-port={}\npg1-socket-path={}\npg1-user=regrow\n",
        lab.text("repo"),
        lab.text("lock"),
        lab.text("live"),
        lab.port(),
        lab.text("sock"),
    );
    fs::write(&conf, text).unwrap();
    lab.init();
    let file = lab.path("live/postgresql.conf");
    let archive = format!("archive_command='pgbackrest --config={conf} {stanza} archive-push %p'\n");
    fs::write(&file, fs::read_to_string(&file).unwrap() + &archive).unwrap();
    lab.start();
    let tool = |args: &[&str]| {
        let mut command = lab.account.command(std::path::Path::new("pgbackrest"));
        run(command.arg(format!("--config={conf}")).arg(stanza).args(args))
    };
    tool(&["stanza-create"]);
    let before = lab.now();
    lab.sql("create table orders as select i as id, 'n'::text as note from generate_series(1, 1000) i");
    tool(&["--type=full", "--start-fast", "backup"]);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let moment = lab.lose();

    let with = json!({
        "backup": {"pgbackrest": {"stanza": "shop", "config": conf}},
        "data_directory": lab.text("new"),
        "as_of": moment,
    });
    let shelves = PostgresRestore.backups(&lab.read(), &lab.op(&with)).await;
    let stock = shelves[0].stock.clone().unwrap();
    assert!(stock.newest.bytes.unwrap() > 1 << 20 && stock.before.is_none(), "{stock:?}");
    // The segment that holds the moment came into the repository after it.
    let Reach::AtLeast(reach) = stock.reach else { panic!("{stock:?}") };
    let second = moment.parse::<jiff::Timestamp>().unwrap().as_second();
    assert!(reach.as_second() >= second && reach <= jiff::Timestamp::now(), "{stock:?}, {moment}");
    let mut early = with.clone();
    early["as_of"] = json!(before);
    assert_eq!(lab.prepare(&lab.op(&early)).await.unwrap_err().code, "RG2406");
    let mut unknown = with.clone();
    unknown["backup"]["pgbackrest"]["stanza"] = json!("nobody");
    assert_eq!(lab.prepare(&lab.op(&unknown)).await.unwrap_err().code, "RG2403");

    let op = lab.prepared(lab.op(&with)).await;
    for after in [0, 30, 100, 300] {
        let _ = tokio::time::timeout(std::time::Duration::from_millis(after), lab.work(&op)).await;
    }
    let outputs = lab.work(&op).await.unwrap();
    assert_eq!(ask(&outputs, "select count(*) from orders").await, "1500");
    assert_eq!(ask(&outputs, "select current_setting('archive_mode')").await, "off");
    assert_eq!(ask(&outputs, "select current_setting('max_connections')").await, "37");
}
