//! `terraform.apply` cut off in every phase, over a state in a file and one behind a server; resumed through the real binary.

use std::fs;
use std::process::id;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use super::state_server::StateServer;
use super::support::{Place, Running, children, send};
use super::terraform::{MODULE, fault, made, place};

/// Goes on once `go` is there.
const GATE: &str = ", vars: { pause: 'while [ -e ../book.yaml ] && ! [ -e ../go ]; do sleep 0.05; done' }";

/// Where the state lies.
fn with_server(with: &str) -> (StateServer, Place) {
    let server = StateServer::start();
    let url = server.url();
    let place = place(
        &format!("terraform {{\n  backend \"http\" {{}}\n}}\n{MODULE}"),
        &format!("{with}, backend_config: {{ address: {url}, lock_address: {url}, unlock_address: {url} }}"),
        "",
    );
    (server, place)
}

/// A run whose name no other test has at the same time: processes are found by it.
fn start(place: &Place) -> Running {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("tf{}-{}", id(), NEXT.fetch_add(1, Ordering::Relaxed));
    place.start(&format!("run book.yaml --yes --no-wait --run-id {name}"))
}

fn until_made(place: &Place, count: usize) {
    place.until(&format!("{count} are made"), |place| made(place).len() >= count);
}

/// The process that does the work of the step.
fn worker(run: &Running) -> u32 {
    let supervisors = children(run.pid());
    supervisors.into_iter().flat_map(children).next().expect("nobody works")
}

/// What is asked of a person because nobody else can tell.
fn evidence(place: &Place) -> String {
    assert_eq!(place.step_state("platform"), "unknown");
    place.regrow("show platform").ends(0).stdout
}

#[test]
fn a_killed_executor_finds_its_apply_again() {
    let (_server, place) = with_server(GATE);
    let run = start(&place);
    until_made(&place, 2);
    run.signal(Signal::KILL);
    run.end();
    let resumed = place.start("resume --no-wait");
    place.until("somebody executes it", |place| place.status()["executor"]["alive"] == true);
    place.write("go", "");
    resumed.end().ends(0);
    assert_eq!(made(&place), ["0", "1"]);
}

#[test]
fn terraform_lives_on_without_its_worker_and_is_waited_for() {
    for served in [false, true] {
        let (server, place) = match served {
            true => with_server(GATE),
            false => (StateServer::start(), place(MODULE, GATE, "")),
        };
        let run = start(&place);
        until_made(&place, 2);
        // By now the id of the lock was asked for.
        std::thread::sleep(Duration::from_millis(600));
        send(worker(&run), Signal::KILL);
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(made(&place), ["0", "1"]);
        place.write("go", "");
        run.end().ends(0);
        assert_eq!(made(&place), ["0", "1"], "served: {served}");
        assert!(!server.is_locked());
    }
}

#[test]
fn what_was_in_flight_is_not_made_again_by_itself() {
    for served in [false, true] {
        let (server, place) = match served {
            true => with_server(GATE),
            false => (StateServer::start(), place(MODULE, GATE, "")),
        };
        let run = start(&place);
        until_made(&place, 2);
        std::thread::sleep(Duration::from_millis(600));
        run.cut_power();
        assert_eq!(server.is_locked(), served);
        place.regrow("resume --no-wait").ends(4);
        // Its own lock is gone, though the resource is for a person.
        assert!(!server.is_locked());
        let text = evidence(&place);
        assert!(text.contains("RG2707") && text.contains("import { to = terraform_data.made[1]"), "{text}");
        assert_eq!(made(&place), ["0", "1"]);
        // Looking again changes nothing; a person says that it is not there.
        place.regrow("resume --no-wait").ends(4);
        place.argv(&["retry", "platform", "--because", "looked, it is not there"]).ends(0);
        place.write("go", "");
        place.regrow("resume --no-wait").ends(0);
        assert_eq!(made(&place), ["0", "0", "1", "1"]);
    }
}

#[test]
fn what_was_finished_and_never_reached_the_state_is_told_with_its_id() {
    let (_server, place) = with_server("");
    let gate = "%s && [ ${count.index} = 0 ] || while [ -e ../book.yaml ] && ! [ -e ../go ]; do sleep 0.05; done";
    place.write("infra/main.tf", &place.read("infra/main.tf").replace("${var.pause}", &gate.replace("%s", "true")));
    let run = start(&place);
    place.until("one is complete", |place| place.regrow("logs platform").stdout.contains("made[0]: Creation complete"));
    std::thread::sleep(Duration::from_millis(600));
    run.cut_power();
    place.regrow("resume --no-wait").ends(4);
    let text = evidence(&place);
    assert!(text.contains("terraform_data.made[0] was made with id"), "{text}");
    assert!(text.contains("terraform_data.made[1] was begun"), "{text}");
    assert_eq!(made(&place), ["0", "1"]);
}

/// Initialising, planning, applying, after it: wherever the cut comes, nothing is made twice.
#[test]
fn a_cut_at_any_moment_makes_nothing_twice() {
    let mut ends = Vec::new();
    for millis in [40, 90, 140, 180, 220, 260, 300, 340, 380, 420, 480] {
        for served in [false, true] {
            let (_server, place) = match served {
                true => with_server(""),
                false => (StateServer::start(), place(MODULE, "", "")),
            };
            let run = start(&place);
            place.until("it has begun", |place| place.path("state/runs").exists());
            std::thread::sleep(Duration::from_millis(millis));
            run.cut_power();
            let said = place.regrow("resume --no-wait");
            let twice = made(&place).windows(2).any(|pair| pair[0] == pair[1]);
            assert!(!twice, "{millis} ms, served {served}: {:?}\n{said:#?}", made(&place));
            match said.code {
                Some(0) => assert_eq!(made(&place), ["0", "1"], "{millis} ms, served {served}"),
                // Between taking the lock and knowing its id, or with something in flight.
                Some(1) => assert!(served && fault(&place).contains("RG2708"), "{millis} ms: {}", fault(&place)),
                Some(4) => assert!(evidence(&place).contains("RG2707"), "{millis} ms"),
                // Nothing to resume: the run had come to its end.
                Some(2) => assert_eq!(made(&place), ["0", "1"], "{millis} ms, served {served}"),
                other => panic!("{millis} ms, served {served}: {other:?} {said:#?}"),
            }
            ends.push((millis, served, said.code));
        }
    }
    println!("{ends:?}");
    assert!(ends.iter().filter(|(_, _, code)| *code == Some(0)).count() > 8, "{ends:?}");
}

#[test]
fn somebody_elses_lock_is_left_alone() {
    let (server, place) = with_server("");
    server.lock_as("4f2a-of-a-colleague");
    start(&place).end().ends(1);
    assert!(fault(&place).contains("RG2708") && fault(&place).contains("4f2a-of-a-colleague"), "{}", fault(&place));
    assert!(server.is_locked() && made(&place).is_empty());
    // Nor after a crash.
    place.regrow("resume --no-wait").ends(1);
    assert!(server.is_locked());
    server.unlock();
    place.regrow("retry platform").ends(0);
    place.regrow("resume --no-wait").ends(0);
    assert_eq!(made(&place), ["0", "1"]);
}

#[test]
fn a_state_that_its_backend_did_not_take_is_brought_home_first() {
    let (server, place) = with_server("");
    server.refuse_writes(true);
    start(&place).end().ends(1);
    assert!(fault(&place).contains("RG2709"), "{}", fault(&place));
    assert!(place.path("infra/errored.tfstate").exists());
    assert_eq!(made(&place), ["0", "1"]);
    server.refuse_writes(false);
    place.regrow("retry platform").ends(0);
    place.regrow("resume --no-wait").ends(0);
    assert_eq!(made(&place), ["0", "1"]);
    assert!(!place.path("infra/errored.tfstate").exists());
    assert_eq!(place.step("platform")["outputs"]["count"], 2);
}

#[test]
fn a_state_that_somebody_else_left_behind_is_not_pushed() {
    let (_server, place) = with_server("");
    place.write("infra/errored.tfstate", r#"{"version":4,"serial":9,"lineage":"another"}"#);
    start(&place).end().ends(1);
    assert!(fault(&place).contains("RG2710"), "{}", fault(&place));
    assert!(made(&place).is_empty() && place.path("infra/errored.tfstate").exists());
}

#[test]
fn a_state_that_can_be_written_nowhere_is_saved_in_the_runs_folder() {
    let (server, place) = with_server(GATE);
    let run = start(&place);
    until_made(&place, 2);
    server.refuse_writes(true);
    // A folder stands where Terraform would write it.
    fs::create_dir(place.path("infra/errored.tfstate")).unwrap();
    place.write("go", "");
    assert_ne!(run.end().code, Some(0));
    let mut found = Vec::new();
    super::terraform::holding(&place.path("state"), "\"lineage\"", &mut found);
    assert!(found.iter().any(|path| path.ends_with("/emergency.tfstate")), "{found:?}");
    assert_eq!(made(&place), ["0", "1"]);
}

#[test]
fn asked_to_stop_twice_terraform_is_asked_once() {
    let (server, place) = with_server(GATE);
    let run = start(&place);
    until_made(&place, 2);
    let pid = worker(&run);
    for signal in [Signal::INT, Signal::TERM, Signal::INT] {
        send(pid, signal);
        std::thread::sleep(Duration::from_millis(30));
    }
    run.end().ends(1);
    assert!(fault(&place).contains("RG2711"), "{}", fault(&place));
    let log = place.regrow("logs platform").ends(0).stdout;
    assert!(log.contains("Interrupt received") && !log.contains("Two interrupts"), "{log}");
    assert!(!server.is_locked() && server.state().contains("tainted"), "{}", server.state());
}
