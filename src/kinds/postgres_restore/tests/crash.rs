//! Killed at many points, and called again.

use std::time::Duration;

use rustix::process::{Signal, kill_process};

use super::super::{Params, PostgresRestore, Prior, server};
use super::bench::{Lab, ask};
use crate::kind::{Found, Kind, Op};

async fn comes_back(lab: &Lab, op: &Op<Params, Prior>, when: &str) {
    let outputs = lab.work(op).await.unwrap_or_else(|fault| panic!("{when}: {fault:?}"));
    assert_eq!(ask(&outputs, "select count(*) from orders").await, "1500", "{when}");
    assert_eq!(outputs["timeline"], 2, "{when}");
    let found = lab.settled(op).await;
    assert!(matches!(found, Found::Done(_)), "{when}: {found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_is_dropped_anywhere_is_gone_on_with() {
    let lab = Lab::new();
    let moment = lab.loss();
    let op = lab.prepared(lab.op(&lab.with(&moment))).await;
    let mut seen = [0; 3];
    let mut whole = false;
    for step in 0..60_u64 {
        let after = Duration::from_millis(step * step * 4);
        whole = tokio::time::timeout(after, lab.work(&op)).await.is_ok();
        let when = format!("after {after:?}");
        match PostgresRestore.settle(&lab.read(), &op).await.unwrap() {
            Found::Absent => seen[0] += 1,
            Found::Running => seen[1] += 1,
            Found::Done(_) => seen[2] += 1,
            other => panic!("{when}: {other:?}"),
        }
        if whole {
            break;
        }
        // Every third one is gone on with, and begun anew after that; the others are cut again where they are.
        if step % 3 == 2 {
            comes_back(&lab, &op, &when).await;
            PostgresRestore
                .remove(&lab.write(), &lab.entry("new", op.id.as_str()), &serde_json::Value::Null)
                .await
                .unwrap();
        }
    }
    // Whether a cut falls into the short time in which something goes on alone is for the machine's load to say: so that is
    // brought about.
    let goes_on = std::fs::File::open(lab.place().own.join("lock")).unwrap();
    goes_on.lock().unwrap();
    if matches!(PostgresRestore.settle(&lab.read(), &op).await.unwrap(), Found::Running) {
        seen[1] += 1;
    }
    assert!(whole && seen.iter().all(|count| *count > 0), "every answer was had: {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_is_started_again_where_it_was() {
    let lab = Lab::new();
    let moment = lab.loss();
    let op = lab.prepared(lab.op(&lab.with(&moment))).await;
    // While it recovers: as soon as it is there.
    let work = lab.work(&op);
    let kill = async {
        loop {
            if let Some(pid) = server::running(&lab.path("new")) {
                kill_process(pid, Signal::KILL).unwrap();
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let both = async { tokio::join!(work, kill) };
    let (fault, ()) = tokio::time::timeout(Duration::from_secs(60), both).await.unwrap();
    let fault = fault.unwrap_err();
    assert!(fault.code == "RG2416" && fault.retry.is_transient(), "{fault:?}");
    assert!(matches!(lab.settled(&op).await, Found::Absent));
    comes_back(&lab, &op, "killed while it recovers").await;

    // After it had reached the moment.
    let before = lab.work(&op).await.unwrap();
    kill_process(server::running(&lab.path("new")).unwrap(), Signal::KILL).unwrap();
    while server::running(&lab.path("new")).is_some() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(matches!(lab.settled(&op).await, Found::Absent));
    comes_back(&lab, &op, "killed when done").await;
    assert_eq!(lab.work(&op).await.unwrap()["restored_to"], before["restored_to"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_another_boot_that_was_not_synced_is_copied_again() {
    let lab = Lab::new();
    let moment = lab.loss();
    let op = lab.prepared(lab.op(&lab.with(&moment))).await;
    lab.work(&op).await.unwrap();
    server::stop(&lab.path("new"), false).unwrap();
    std::fs::write(lab.path("new/PG_VERSION"), "").unwrap();
    let file = lab.place().marker_file();
    let marker = std::fs::read_to_string(&file).unwrap();
    let boot = super::super::place::boot();
    std::fs::write(&file, marker.replace(&boot, "00000000-0000-0000-0000-000000000000")).unwrap();
    assert!(matches!(lab.settled(&op).await, Found::Absent));
    comes_back(&lab, &op, "after a power cut").await;
}
