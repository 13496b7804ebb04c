//! Whose folder it is: nothing that is not ours is written, started or removed. And what happens when it is full.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use super::super::exec::is_root;
use super::super::{PostgresRestore, server};
use super::bench::{Lab, ask, run};
use crate::kind::{Found, Kind};

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_with_anything_in_it_is_refused() {
    let lab = Lab::new();
    let moment = lab.loss();
    fs::create_dir(lab.path("new")).unwrap();
    lab.prepare(&lab.op(&lab.with(&moment))).await.expect("an empty one is taken");
    let op = lab.prepared(lab.op(&lab.with(&moment))).await;
    fs::write(lab.path("new/precious"), "x").unwrap();
    assert_eq!(lab.prepare(&lab.op(&lab.with(&moment))).await.unwrap_err().code, "RG2410");
    assert_eq!(lab.work(&op).await.unwrap_err().code, "RG2410");
    assert!(matches!(lab.settled(&op).await, Found::Foreign(_)));
    let entry = lab.entry("new", op.id.as_str());
    assert_eq!(
        PostgresRestore.remove(&lab.write(), &entry, &serde_json::Value::Null).await.unwrap_err().code,
        "RG2421"
    );
    assert_eq!(fs::read_to_string(lab.path("new/precious")).unwrap(), "x");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_operation_made_is_not_touched() {
    let lab = Lab::new();
    let moment = lab.loss();
    let theirs = lab.prepared(lab.op_named("aaaa.restore.1", &lab.with(&moment))).await;
    let ours = lab.prepared(lab.op_named("bbbb.restore.1", &lab.with(&moment))).await;
    let outputs = lab.work(&theirs).await.unwrap();
    assert_eq!(lab.prepare(&lab.op_named("bbbb.restore.1", &lab.with(&moment))).await.unwrap_err().code, "RG2410");
    assert_eq!(lab.work(&ours).await.unwrap_err().code, "RG2410");
    assert!(matches!(lab.settled(&ours).await, Found::Foreign(_)));
    let entry = lab.entry("new", ours.id.as_str());
    assert_eq!(
        PostgresRestore.remove(&lab.write(), &entry, &serde_json::Value::Null).await.unwrap_err().code,
        "RG2421"
    );
    assert_eq!(ask(&outputs, "select count(*) from orders").await, "1500");

    // Ours by its marker, but another folder stands there now.
    server::stop(&lab.path("new"), false).unwrap();
    fs::rename(lab.path("new"), lab.path("moved")).unwrap();
    fs::create_dir(lab.path("new")).unwrap();
    fs::write(lab.path("new/precious"), "x").unwrap();
    let entry = lab.entry("new", theirs.id.as_str());
    assert_eq!(
        PostgresRestore.remove(&lab.write(), &entry, &serde_json::Value::Null).await.unwrap_err().code,
        "RG2421"
    );
    assert!(matches!(lab.settled(&theirs).await, Found::Foreign(_)));
    assert!(lab.path("new/precious").exists());

    // A marker that cannot be read is nobody's.
    fs::write(lab.place().marker_file(), "{").unwrap();
    assert_eq!(
        PostgresRestore.remove(&lab.write(), &entry, &serde_json::Value::Null).await.unwrap_err().code,
        "RG2421"
    );
}

/// A small disk of its own. Needs root, as the suite has it.
struct Disk(PathBuf);

impl Disk {
    fn new(lab: &Lab, mib: u32) -> Self {
        assert!(is_root(), "a small disk is mounted here: run the suite as root");
        let path = lab.path("disk");
        fs::create_dir(&path).unwrap();
        run(Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={mib}m,mode=755"), "tmpfs"]).arg(&path));
        Self(path)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = server::stop(&self.0.join("new"), false);
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_and_survived() {
    let lab = Lab::new();
    let moment = lab.loss();
    let mut with = lab.with(&moment);
    with["data_directory"] = json!(lab.text("disk/new"));

    let small = Disk::new(&lab, 24);
    let fault = lab.prepare(&lab.op(&with)).await.unwrap_err();
    assert!(fault.code == "RG2409" && fault.hint.is_some(), "{fault}");
    drop(small);
    fs::remove_dir(lab.path("disk")).unwrap();

    // Room while it is looked at, none any more when it is copied; then none for the WAL.
    let _disk = Disk::new(&lab, 400);
    let op = lab.prepared(lab.op(&with)).await;
    for left in [10, 40] {
        let filler = lab.path("disk/filler");
        fs::write(&filler, vec![1; (400 - left) << 20]).unwrap();
        let fault = lab.work(&op).await.unwrap_err();
        assert_eq!(fault.code, "RG2409", "{left} MiB left: {fault:?}");
        assert!(server::running(&lab.path("disk/new")).is_none());
        fs::remove_file(filler).unwrap();
    }
    let outputs = lab.work(&op).await.unwrap();
    assert_eq!(ask(&outputs, "select count(*) from orders").await, "1500");
    PostgresRestore
        .remove(&lab.write(), &lab.entry("disk/new", op.id.as_str()), &serde_json::Value::Null)
        .await
        .unwrap();
}
