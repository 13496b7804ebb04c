//! The table comes back: what a restore gives, and what it leaves behind.

use std::os::unix::fs::MetadataExt;

use jiff::Timestamp;
use serde_json::json;

use super::super::{PostgresRestore, server};
use super::bench::{Lab, ask};
use crate::kind::{Found, Kind, Next};

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_before_the_loss_comes_back_and_goes_again() {
    let lab = Lab::new();
    let moment = lab.loss();
    let op = lab.prepared(lab.op(&lab.with(&moment))).await;
    let outputs = lab.work(&op).await.unwrap();

    assert_eq!(ask(&outputs, "select count(*) from orders").await, "1500");
    assert_eq!(outputs["timeline"], 2);
    assert_eq!(outputs["host"], "127.0.0.1");
    let restored_to: Timestamp = outputs["restored_to"].as_str().unwrap().parse().unwrap();
    assert!(restored_to <= moment.parse().unwrap(), "{restored_to}");
    let url = outputs["connection"]["url"].as_str().unwrap();
    assert!(url.starts_with("postgres://regrow@%2F") && url.ends_with(&format!(":{}", outputs["port"])), "{url}");
    assert_eq!(url::Url::parse(url).unwrap().port(), outputs["port"].as_u64().map(|port| port as u16));

    for (setting, value) in
        [("archive_mode", "off"), ("fsync", "off"), ("listen_addresses", "127.0.0.1"), ("max_connections", "37")]
    {
        assert_eq!(ask(&outputs, &format!("select current_setting('{setting}')")).await, value, "{setting}");
    }
    let pid = server::running(&lab.path("new")).unwrap().as_raw_nonzero().get();
    assert_eq!(std::fs::metadata(format!("/proc/{pid}")).unwrap().uid(), lab.account.uid);
    assert_ne!(session(&pid.to_string()), session("self"), "a session of its own");
    assert_eq!(std::fs::metadata(lab.path("new.regrow")).unwrap().mode() & 0o777, 0o700);

    assert_eq!(lab.work(&op).await.unwrap(), outputs, "a second start makes nothing new");
    assert_eq!(server::running(&lab.path("new")).unwrap().as_raw_nonzero().get(), pid);
    let found = lab.settled(&op).await;
    assert!(matches!(&found, Found::Done(Next::Done(found)) if *found == outputs), "{found:?}");

    let entry = lab.entry("new", op.id.as_str());
    PostgresRestore.remove(&lab.write(), &entry, &serde_json::Value::Null).await.unwrap();
    assert!(!lab.path("new").exists() && !lab.path("new.regrow").exists());
    assert!(server::running(&lab.path("new")).is_none());
    PostgresRestore.remove(&lab.write(), &entry, &serde_json::Value::Null).await.unwrap();
    assert!(matches!(lab.settled(&op).await, Found::Absent));
    assert_eq!(lab.sql("select 1"), "1", "the live server is untouched");
}

/// Read from `/proc`, where the session of a test in a PID namespace whose leader is outside reads 0; `getsid` has no word for that.
fn session(pid: &str) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(')').unwrap().1.split_whitespace().nth(3).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_serves_keeps_the_backup_s_configuration_and_is_durable() {
    let lab = Lab::empty(&[("statement_timeout", "77s"), ("fsync", "on")]);
    lab.init();
    lab.start();
    lab.sql("create table orders as select i as id, 'n'::text as note from generate_series(1, 1000) i");
    lab.sql("alter system set work_mem = '9MB'");
    let moment = lab.loss();
    let mut with = lab.with(&moment);
    with["serve"] = json!(true);
    with["listen"] = json!("127.0.0.1");
    let outputs = lab.restore(&with).await.unwrap();
    let settings = [
        ("fsync", "on"),
        ("statement_timeout", "77s"),
        ("work_mem", "9MB"),
        ("archive_mode", "off"),
        ("listen_addresses", "127.0.0.1"),
    ];
    for (setting, value) in settings {
        assert_eq!(ask(&outputs, &format!("select current_setting('{setting}')")).await, value, "{setting}");
    }
    assert_eq!(ask(&outputs, "select count(*) from orders").await, "1500");
    assert_ne!(outputs["port"], json!(lab.port()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_without_a_commit_after_the_backup_is_the_backup_s() {
    let lab = Lab::new();
    lab.backup("base", &[]);
    let moment = lab.now();
    lab.sql("drop table orders");
    lab.switch();
    let outputs = lab.restore(&lab.with(&moment)).await.unwrap();
    assert_eq!(ask(&outputs, "select count(*) from orders").await, "1000");
    let restored_to: Timestamp = outputs["restored_to"].as_str().unwrap().parse().unwrap();
    assert!(restored_to <= moment.parse().unwrap());
}
