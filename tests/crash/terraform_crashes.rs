//! `terraform.apply` cut off in every phase, over a state in a file, behind a server and in a bucket; resumed through the real
//! binary.

use std::fs;
use std::process::id;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use super::support::{Place, Running, children, send};
use super::terraform::{fault, made};
use super::terraform_states::{Backend, EVERYWHERE, Home, REMOTE, marker};

/// Goes on once `go` is there.
const GATE: &str = ", vars: { pause: 'while [ -e ../book.yaml ] && ! [ -e ../go ]; do sleep 0.05; done' }";

/// A run whose name no other test has at the same time: processes are found by it.
fn start(place: &Place) -> Running {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("tf{}-{}", id(), NEXT.fetch_add(1, Ordering::Relaxed));
    place.start(&format!("run book.yaml --yes --no-wait --run-id {name}"))
}

fn until_made(place: &Place, count: usize) {
    place.until(&format!("{count} are made"), |place| made(place).len() >= count);
}

/// Everything is in flight, and the id of the lock was asked for.
fn until_in_flight(home: &Home, backend: Backend) {
    until_made(&home.place, 2);
    if backend != Backend::Local {
        home.place.until("the lock is known", |place| marker(place).contains("\"lock\":\""));
    }
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
    for backend in EVERYWHERE {
        let home = backend.home(GATE);
        let place = &home.place;
        let run = start(place);
        until_made(place, 2);
        run.signal(Signal::KILL);
        run.end();
        let resumed = place.start("resume --no-wait");
        place.until("somebody executes it", |place| place.status()["executor"]["alive"] == true);
        place.write("go", "");
        resumed.end().ends(0);
        assert_eq!(made(place), ["0", "1"], "{backend:?}");
    }
}

#[test]
fn terraform_lives_on_without_its_worker_and_is_waited_for() {
    for backend in EVERYWHERE {
        let home = backend.home(GATE);
        let place = &home.place;
        let run = start(place);
        until_in_flight(&home, backend);
        send(worker(&run), Signal::KILL);
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(made(place), ["0", "1"]);
        place.write("go", "");
        run.end().ends(0);
        assert_eq!(made(place), ["0", "1"], "{backend:?}");
        assert!(!home.is_locked());
    }
}

#[test]
fn what_was_in_flight_is_not_made_again_by_itself() {
    for backend in EVERYWHERE {
        let home = backend.home(GATE);
        let place = &home.place;
        let run = start(place);
        until_in_flight(&home, backend);
        run.cut_power();
        assert_eq!(home.is_locked(), backend != Backend::Local);
        place.regrow("resume --no-wait").ends(4);
        // Its own lock is gone, though the resource is for a person.
        assert!(!home.is_locked(), "{backend:?}");
        let text = evidence(place);
        assert!(text.contains("RG2707") && text.contains("import { to = terraform_data.made[1]"), "{text}");
        assert_eq!(made(place), ["0", "1"]);
        // Looking again changes nothing; a person says that it is not there.
        place.regrow("resume --no-wait").ends(4);
        place.argv(&["retry", "platform", "--because", "looked, it is not there"]).ends(0);
        place.write("go", "");
        place.regrow("resume --no-wait").ends(0);
        assert_eq!(made(place), ["0", "0", "1", "1"]);
    }
}

/// Such a backend tells who holds a lock, so it is known as ours also where nobody had the time to ask for its id.
#[test]
fn a_lock_in_a_bucket_is_known_as_our_own_without_its_id() {
    let home = Backend::S3.home(GATE);
    let place = &home.place;
    let run = start(place);
    place.until("the apply holds the lock", |place| !marker(place).is_empty() && home.is_locked());
    run.cut_power();
    assert!(home.is_locked() && marker(place).contains("\"lock\":null"), "{}", marker(place));
    place.write("go", "");
    let said = place.regrow("resume --no-wait");
    assert!(!home.is_locked(), "{said:#?}");
    let twice = made(place).windows(2).any(|pair| pair[0] == pair[1]);
    assert!(matches!(said.code, Some(0 | 4)) && !twice, "{said:#?} {:?}", made(place));
}

#[test]
fn what_was_finished_and_never_reached_the_state_is_told_with_its_id() {
    for backend in REMOTE {
        let home = backend.home("");
        let place = &home.place;
        let gate = "[ ${count.index} = 0 ] || while [ -e ../book.yaml ] && ! [ -e ../go ]; do sleep 0.05; done";
        place.write("infra/main.tf", &place.read("infra/main.tf").replace("${var.pause}", gate));
        let run = start(place);
        let complete = "made[0]: Creation complete";
        place.until("one is complete", |place| place.regrow("logs platform").stdout.contains(complete));
        until_in_flight(&home, backend);
        run.cut_power();
        place.regrow("resume --no-wait").ends(4);
        let text = evidence(place);
        assert!(text.contains("terraform_data.made[0] was made with id"), "{text}");
        assert!(text.contains("terraform_data.made[1] was begun"), "{text}");
        assert_eq!(made(place), ["0", "1"]);
    }
}

/// Its module is looked at.
fn has_begun(place: &Place) -> bool {
    let runs = fs::read_dir(place.path("state/runs")).into_iter().flatten().flatten();
    runs.flat_map(|run| fs::read_dir(run.path().join("work"))).any(|mut work| work.next().is_some())
}

/// Terraform does not read its own file back if it was cut off while it wrote that.
#[test]
fn what_a_cut_tore_in_the_data_folder_is_made_anew() {
    let home = Backend::S3.home("");
    let place = &home.place;
    let run = start(place);
    let rooms = |place: &Place| {
        let runs = fs::read_dir(place.path("state/runs")).into_iter().flatten().flatten();
        let works = runs.flat_map(|run| fs::read_dir(run.path().join("work")).into_iter().flatten().flatten());
        works.map(|entry| entry.path().join("data")).filter(|data| data.exists()).collect::<Vec<_>>()
    };
    place.until("it initialises", |place| !rooms(place).is_empty());
    run.cut_power();
    fs::write(rooms(place)[0].join("terraform.tfstate"), "{").unwrap();
    assert!(!rooms(place)[0].parent().unwrap().join("initialised").exists(), "the cut came too late to show it");
    place.regrow("resume --no-wait").ends(0);
    assert_eq!(made(place), ["0", "1"]);
}

/// When to cut: from the first moment to beyond the end, more finely where a run is short.
fn moments(backend: Backend) -> Vec<u64> {
    match backend {
        Backend::Local | Backend::Http => vec![40, 90, 140, 180, 220, 260, 300, 340, 380, 420, 480],
        Backend::S3 => (1..=14).map(|step| step * 90).collect(),
    }
}

/// Initialising, planning, applying, after it: wherever the cut comes, nothing is made twice.
#[test]
fn a_cut_at_any_moment_makes_nothing_twice() {
    let mut ends = Vec::new();
    for backend in EVERYWHERE {
        for millis in moments(backend) {
            let home = backend.home("");
            let place = &home.place;
            let run = start(place);
            place.until("it has begun", has_begun);
            std::thread::sleep(Duration::from_millis(millis));
            run.cut_power();
            let when = format!("{millis} ms, {backend:?}");
            let said = place.regrow("resume --no-wait");
            let twice = made(place).windows(2).any(|pair| pair[0] == pair[1]);
            assert!(!twice, "{when}: {:?}\n{said:#?}", made(place));
            match said.code {
                Some(0) => assert_eq!(made(place), ["0", "1"], "{when}"),
                // Between taking the lock and knowing its id: this backend does not tell whose it is.
                Some(1) => {
                    assert!(backend == Backend::Http && fault(place).contains("RG2708"), "{when}: {}", fault(place));
                }
                Some(4) => assert!(evidence(place).contains("RG2707"), "{when}"),
                // Nothing to resume: the run had come to its end.
                Some(2) => assert_eq!(made(place), ["0", "1"], "{when}"),
                other => panic!("{when}: {other:?} {said:#?}"),
            }
            assert!(said.code == Some(1) || !home.is_locked(), "{when}: a lock was left");
            ends.push((millis, backend, said.code));
        }
    }
    println!("{ends:?}");
    assert!(ends.iter().filter(|(_, _, code)| *code == Some(0)).count() > 12, "{ends:?}");
}

#[test]
fn somebody_elses_lock_is_left_alone() {
    for backend in REMOTE {
        let home = backend.home("");
        let (place, remote) = (&home.place, home.remote());
        remote.lock_as("4f2a-of-a-colleague");
        start(place).end().ends(1);
        assert!(fault(place).contains("RG2708") && fault(place).contains("4f2a-of-a-colleague"), "{}", fault(place));
        assert!(home.is_locked() && made(place).is_empty());
        // Nor after a crash.
        place.regrow("resume --no-wait").ends(1);
        assert!(home.is_locked());
        remote.unlock();
        place.regrow("retry platform").ends(0);
        place.regrow("resume --no-wait").ends(0);
        assert_eq!(made(place), ["0", "1"], "{backend:?}");
    }
}

#[test]
fn a_state_that_its_backend_did_not_take_is_brought_home_first() {
    for backend in REMOTE {
        let home = backend.home("");
        let (place, remote) = (&home.place, home.remote());
        remote.refuse_writes(true);
        start(place).end().ends(1);
        assert!(fault(place).contains("RG2709"), "{}", fault(place));
        assert!(place.path("infra/errored.tfstate").exists());
        assert_eq!(made(place), ["0", "1"]);
        remote.refuse_writes(false);
        place.regrow("retry platform").ends(0);
        place.regrow("resume --no-wait").ends(0);
        assert_eq!(made(place), ["0", "1"], "{backend:?}");
        assert!(!place.path("infra/errored.tfstate").exists());
        assert_eq!(place.step("platform")["outputs"]["count"], 2);
    }
}

#[test]
fn a_state_that_somebody_else_left_behind_is_not_pushed() {
    let home = Backend::Http.home("");
    let place = &home.place;
    place.write("infra/errored.tfstate", r#"{"version":4,"serial":9,"lineage":"another"}"#);
    start(place).end().ends(1);
    assert!(fault(place).contains("RG2710"), "{}", fault(place));
    assert!(made(place).is_empty() && place.path("infra/errored.tfstate").exists());
}

#[test]
fn a_state_that_can_be_written_nowhere_is_saved_in_the_runs_folder() {
    for backend in REMOTE {
        let home = backend.home(GATE);
        let place = &home.place;
        let run = start(place);
        until_made(place, 2);
        home.remote().refuse_writes(true);
        // A folder stands where Terraform would write it.
        fs::create_dir(place.path("infra/errored.tfstate")).unwrap();
        place.write("go", "");
        assert_ne!(run.end().code, Some(0));
        let mut found = Vec::new();
        super::support::holding(&place.path("state"), "\"lineage\"", &mut found);
        assert!(found.iter().any(|path| path.ends_with("/emergency.tfstate")), "{backend:?}: {found:?}");
        assert_eq!(made(place), ["0", "1"]);
    }
}

/// Before the first write, and only where there is something to lose.
#[test]
fn the_state_is_copied_before_it_is_changed() {
    for backend in EVERYWHERE {
        let home = backend.home("");
        let place = &home.place;
        start(place).end().ends(0);
        let copies = |place: &Place| {
            let mut found = Vec::new();
            super::support::holding(&place.path("state"), "\"lineage\"", &mut found);
            found.retain(|path| path.ends_with("/before.tfstate"));
            found
        };
        assert!(copies(place).is_empty(), "{backend:?}: there was no state yet");
        place.write("infra/terraform.tfvars", "n = 3\n");
        start(place).end().ends(0);
        let [copy] = &copies(place)[..] else { panic!("{backend:?}: one copy, not {:?}", copies(place)) };
        let copy = fs::read_to_string(copy).unwrap().replace(": ", ":");
        assert!(copy.contains("\"index_key\":1") && !copy.contains("\"index_key\":2"), "{backend:?}: {copy}");
    }
}

#[test]
fn asked_to_stop_twice_terraform_is_asked_once() {
    for backend in REMOTE {
        let home = backend.home(GATE);
        let place = &home.place;
        let run = start(place);
        until_made(place, 2);
        let pid = worker(&run);
        for signal in [Signal::INT, Signal::TERM, Signal::INT] {
            send(pid, signal);
            std::thread::sleep(Duration::from_millis(30));
        }
        run.end().ends(1);
        assert!(fault(place).contains("RG2711"), "{}", fault(place));
        let log = place.regrow("logs platform").ends(0).stdout;
        assert!(log.contains("Interrupt received") && !log.contains("Two interrupts"), "{log}");
        let state = home.remote().state();
        assert!(!home.is_locked() && state.contains("tainted"), "{backend:?}: {state}");
    }
}
