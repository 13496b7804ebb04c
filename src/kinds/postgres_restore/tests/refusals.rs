//! What must not be begun, and in which words it is refused.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::server;
use super::bench::Lab;
use crate::model::Fault;

async fn refused(lab: &Lab, with: &Value) -> Fault {
    let fault = lab.prepare(&lab.op(with)).await.expect_err("refused");
    assert!(fault.hint.is_some(), "{fault}");
    assert!(!lab.path("new").exists() && !lab.path("new.regrow").exists(), "prepare only reads");
    fault
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_before_the_end_of_the_backup_names_the_earliest_one() {
    let lab = Lab::new();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let before = lab.now();
    lab.sql("insert into orders values (0, 'while nobody has a backup')");
    lab.loss();
    let fault = refused(&lab, &lab.with(&before)).await;
    assert_eq!(fault.code, "RG2406", "{fault}");
    let earliest: Timestamp = fault.message.rsplit_once("is ").unwrap().1.parse().unwrap();
    assert!(earliest > before.parse().unwrap());
    // The moment it names can be had.
    lab.prepare(&lab.op(&lab.with(&earliest.to_string()))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_beyond_the_wal_says_how_far_it_reaches() {
    let lab = Lab::new();
    lab.loss();
    std::thread::sleep(std::time::Duration::from_millis(50));
    let beyond = lab.now();
    let fault = refused(&lab, &lab.with(&beyond)).await;
    assert_eq!(fault.code, "RG2408", "{fault}");
    let reach: Timestamp = fault.message.rsplit_once("at ").unwrap().1.parse().unwrap();
    assert!(reach < beyond.parse().unwrap());

    // By a command nobody knows before: the server finds out, and is not left running.
    let mut with = lab.with(&beyond);
    with["backup"]["wal"] = json!(["cp", format!("{}/%f", lab.text("arch")), "%p"]);
    let fault = lab.restore(&with).await.unwrap_err();
    assert_eq!(fault.code, "RG2408", "{fault:?}");
    assert_eq!(fault.message.rsplit_once("at ").unwrap().1.parse::<Timestamp>().unwrap(), reach);
    assert!(server::running(&lab.path("new")).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_in_the_wal_is_named_unless_it_lies_after_the_moment() {
    let lab = Lab::new();
    lab.backup("base", &[]);
    lab.sql("insert into orders values (2000, 'a')");
    let first = lab.switch();
    lab.sql("insert into orders values (2001, 'b')");
    let early = lab.now();
    lab.sql("insert into orders values (2002, 'c')");
    let second = lab.switch();
    lab.sql("insert into orders values (2003, 'd')");
    let gap = lab.switch();
    lab.sql("insert into orders values (2004, 'e')");
    let late = lab.now();
    lab.sql("drop table orders");
    lab.switch();
    let name = |path: &std::path::Path| path.file_name().unwrap().to_string_lossy().into_owned();

    std::fs::remove_file(&gap).unwrap();
    let fault = refused(&lab, &lab.with(&late)).await;
    assert_eq!(fault.code, "RG2407", "{fault}");
    assert!(fault.message.contains(&name(&gap)), "{fault}");
    let prepared = lab.prepare(&lab.op(&lab.with(&early))).await.unwrap();
    assert!(prepared.changes.iter().any(|line| line.contains(&name(&gap))), "{:?}", prepared.changes);
    let outputs = lab.restore(&lab.with(&early)).await.unwrap();
    assert_eq!(super::bench::ask(&outputs, "select max(id) from orders").await, "2001");

    let mut other = lab.with(&early);
    other["data_directory"] = json!(lab.text("other"));
    std::fs::remove_file(&second).unwrap();
    let fault = lab.prepare(&lab.op(&other)).await.unwrap_err();
    assert!(fault.code == "RG2407" && fault.message.contains(&name(&second)), "{fault}");
    std::fs::remove_file(&first).unwrap();
    let fault = lab.prepare(&lab.op(&other)).await.unwrap_err();
    assert!(fault.code == "RG2407" && fault.message.contains(&name(&first)), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_contradicts_itself_or_is_not_there_is_refused() {
    let lab = Lab::new();
    let moment = lab.loss();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut with = lab.with(&moment);
        change(&mut with);
        with
    };
    let busy = lab.port();
    let link = lab.path("bk/base/pg_tblspc/16400");
    let cases: [(&str, Value); 10] = [
        ("RG2402", changed(&|with| with["as_of"] = json!("now"))),
        ("RG2402", changed(&|with| with["as_of"] = json!("2999-01-01T00:00:00Z"))),
        ("RG2401", changed(&|with| with["backup"]["pgbackrest"] = json!({"stanza": "s"}))),
        ("RG2413", changed(&|with| with["run_as"] = json!("root"))),
        ("RG2413", changed(&|with| with["run_as"] = json!("nobody-of-that-name"))),
        ("RG2417", changed(&|with| with["port"] = json!(busy))),
        ("RG2412", changed(&|with| with["bin_directory"] = json!("/usr/bin"))),
        ("RG2411", changed(&|with| with["data_directory"] = json!(lab.text("no/such/parent")))),
        ("RG2411", changed(&|with| with["data_directory"] = json!(lab.text(&"x".repeat(90))))),
        ("RG2403", changed(&|with| with["backup"]["base"] = json!(lab.text("arch")))),
    ];
    for (code, with) in cases {
        let fault = refused(&lab, &with).await;
        assert_eq!(fault.code, code, "{fault}");
    }
    std::os::unix::fs::symlink("/elsewhere", &link).unwrap();
    let fault = refused(&lab, &lab.with(&moment)).await;
    assert!(fault.code == "RG2405" && fault.message.contains("/elsewhere"), "{fault}");
    std::fs::remove_file(link).unwrap();

    std::fs::rename(lab.path("bk/base/backup_label"), lab.path("label")).unwrap();
    let fault = refused(&lab, &lab.with(&moment)).await;
    assert!(fault.code == "RG2403" && fault.message.contains("backup_label"), "{fault}");
}
