//! What a program that was killed leaves behind: nobody's child any more, and still at work on files of the scratch.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rig::Scratch;
use rig::process::Identity;

/// A process without a parent of ours that runs `script`; it is known once it has written its pid.
fn orphan(folder: &Path, name: &str, script: &str) -> Identity {
    let pid = folder.join(name);
    let script = format!("{script}; echo $$ > {pid}.part; mv {pid}.part {pid}; sleep 60", pid = pid.display());
    let status = Command::new("sh").args(["-c", "setsid sh -c \"$0\" &", &script]).status().unwrap();
    assert!(status.success());
    let begun = Instant::now();
    loop {
        if let Some(process) = fs::read_to_string(&pid).ok().and_then(|text| Identity::of(text.trim().parse().ok()?)) {
            return process;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{name} does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn who_writes_below_the_scratch_or_its_results_ends_with_it_and_who_reads_does_not() {
    let (elsewhere, scratch) = (tempfile::tempdir().unwrap(), Scratch::new().unwrap());
    let kept = elsewhere.path().join(scratch.path().file_name().unwrap());
    fs::create_dir(&kept).unwrap();
    fs::write(kept.join("log"), "").unwrap();
    let inside = orphan(elsewhere.path(), "inside", &format!("exec 3> {}/job", scratch.path().display()));
    let beside = orphan(elsewhere.path(), "beside", &format!("exec 3>> {}/log", kept.display()));
    let reader = orphan(elsewhere.path(), "reader", &format!("exec 3< {}/log", kept.display()));
    drop(scratch);
    assert!(!inside.is_alive() && !beside.is_alive(), "supervised work goes on without its servers");
    assert!(reader.is_alive(), "whoever looks at the results is left alone");
    rig::process::descendants(reader).iter().chain([&reader]).for_each(|it| it.signal(rustix::process::Signal::KILL));
}
