//! `dns.update` killed, cut off and answered late: every record changes once, and nobody's newer record is overwritten.

use std::fs;

use rustix::process::Signal;

use super::relay::Mode;
use super::support::children;
use super::zone::Lab;

const RECORDS: &str = "- { name: www, type: A, values: [192.0.2.99] }";

/// Through the end: done, one change, shown everywhere.
#[track_caller]
fn resumed(lab: &Lab, serial: u64) {
    lab.relay.set(Mode::Pass);
    lab.place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(lab.place.step_state("point"), "succeeded");
    assert_eq!(
        (lab.dig("www", "A"), lab.dig_secondary("www", "A")),
        (vec!["192.0.2.99".to_string()], vec!["192.0.2.99".to_string()])
    );
    assert_eq!(lab.dns.serial().unwrap(), serial + 1, "changed once");
    let previous = lab.place.step("point")["outputs"]["previous"].to_string();
    assert!(previous.contains("192.0.2.10"), "what was there is not taken anew: {previous}");
    lab.place.regrow("verify-log run1").ends(0);
    lab.has_no_secret();
}

#[test]
fn cut_off_after_the_intent_before_the_write() {
    let lab = Lab::start();
    lab.relayed(RECORDS);
    let serial = lab.dns.serial().unwrap();
    lab.relay.set(Mode::Hold);
    let running = lab.place.start_run("");
    lab.relay.until_changes(1);
    running.cut_power();
    assert_eq!(lab.dig("www", "A"), ["192.0.2.10"]);
    resumed(&lab, serial);
}

#[test]
fn cut_off_after_the_write_before_its_answer() {
    let lab = Lab::start();
    lab.relayed(RECORDS);
    let serial = lab.dns.serial().unwrap();
    lab.relay.set(Mode::HoldAnswer);
    let running = lab.place.start_run("");
    lab.relay.until_changes(1);
    lab.place.until("it is written", |_| lab.dig("www", "A") == ["192.0.2.99"]);
    running.cut_power();
    resumed(&lab, serial);
    // What was there was taken once: it is what undo puts back.
    lab.place.argv(&["undo", "--run", "run1", "--yes", "--because", "test"]).ends(0);
    assert_eq!(lab.dig("www", "A"), ["192.0.2.10"]);
}

#[test]
fn cut_off_while_it_waits_for_a_secondary() {
    let lab = Lab::lagging(4);
    lab.relayed(RECORDS);
    let serial = lab.dns.serial().unwrap();
    let running = lab.place.start_run("");
    lab.relay.until_changes(1);
    lab.place.until("it waits", |place| place.regrow("logs point --run run1").stdout.contains("waits:"));
    running.cut_power();
    resumed(&lab, serial);
}

#[test]
fn an_executor_that_is_killed_leaves_the_work_to_go_on() {
    let lab = Lab::lagging(3);
    lab.relayed(RECORDS);
    let serial = lab.dns.serial().unwrap();
    let running = lab.place.start_run("");
    lab.relay.until_changes(1);
    running.signal(Signal::KILL);
    running.end();
    resumed(&lab, serial);
}

#[test]
fn an_answer_that_is_lost_is_found_by_looking() {
    let lab = Lab::start();
    lab.relayed(RECORDS);
    let serial = lab.dns.serial().unwrap();
    lab.relay.set(Mode::LoseAnswer);
    lab.place.run("").ends(0);
    assert_eq!(lab.place.step("point")["attempts"], 1);
    resumed(&lab, serial);
}

#[test]
fn moved_by_somebody_after_the_crash_nothing_is_overwritten() {
    let lab = Lab::start();
    lab.relayed(RECORDS);
    lab.relay.set(Mode::Hold);
    let running = lab.place.start_run("");
    lab.relay.until_changes(1);
    running.cut_power();
    lab.relay.set(Mode::Pass);
    lab.dns.update("update delete www.example.test. A\nupdate add www.example.test. 300 A 192.0.2.77").unwrap();
    lab.place.regrow("resume run1 --no-wait").ends(1);
    let fault = lab.place.step("point")["fault"].clone();
    assert_eq!(fault["code"], "RG2508", "{fault:#}");
    assert_eq!(lab.dig("www", "A"), ["192.0.2.77"]);
}

/// Between the look and the write, and by a message that arrives when its sender is long dead: the condition that goes with the
/// change holds it off.
#[test]
fn moved_while_the_change_is_on_its_way_nothing_is_overwritten() {
    for crash in [false, true] {
        let lab = Lab::start();
        lab.relayed(RECORDS);
        lab.relay.set(Mode::Delay);
        let running = lab.place.start_run("--no-wait");
        lab.relay.until_changes(1);
        let running = if crash {
            running.cut_power();
            None
        } else {
            Some(running)
        };
        lab.dns.update("update delete www.example.test. A\nupdate add www.example.test. 300 A 192.0.2.77").unwrap();
        lab.relay.set(Mode::Pass);
        lab.relay.until_answers(1);
        match running {
            Some(running) => running.end().ends(1),
            None => lab.place.regrow("resume run1 --no-wait").ends(1),
        };
        let fault = lab.place.step("point")["fault"].clone();
        assert_eq!(fault["code"], "RG2508", "{fault:#}");
        assert_eq!(lab.dig("www", "A"), ["192.0.2.77"], "crash: {crash}");
    }
}

#[test]
fn the_key_is_in_no_command_line_and_no_environment() {
    let lab = Lab::start();
    lab.relayed(RECORDS);
    lab.relay.set(Mode::Hold);
    let running = lab.place.start_run("");
    lab.relay.until_changes(1);
    let mut all = vec![running.pid()];
    let mut at = 0;
    while at < all.len() {
        all.extend(children(all[at]));
        at += 1;
    }
    assert!(all.len() > 2, "executor, supervisor, work: {all:?}");
    for pid in all {
        for file in ["cmdline", "environ"] {
            let text = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            assert!(!String::from_utf8_lossy(&text).contains(lab.dns.tsig_secret()), "{pid} {file}");
        }
    }
    running.cut_power();
    lab.has_no_secret();
}
