//! The kind in Rust, in a program of its own.

use std::process::Command;

use serde_json::Value;

use super::PROGRAM;
use super::support::{Place, Said, finish};

const BOOK: &str = r#"
steps:
  - id: closed
    uses: maintenance.on
    needs: []
    with: { file: www/maintenance.html, text: Back at noon }
    undo: "off"
  - id: told
    needs: [closed]
    run: cat "$FILE" >> effects
    with: { env: { FILE: "{{ steps.closed.outputs.file }}" } }
"#;
const RUN: [&str; 6] = ["run", "book.yaml", "--yes", "--no-wait", "--run-id", "run1"];
const PAGE: &str = "<p>Back at noon</p>\n<!-- run1.closed.1 -->\n";

fn place(book: &str) -> Place {
    let place = Place::new(book);
    std::fs::create_dir(place.path("www")).unwrap();
    place
}

fn command(place: &Place, under: &[&str], args: &[&str]) -> Command {
    let own = std::env::current_exe().unwrap();
    let all: Vec<&str> = under.iter().copied().chain([own.to_str().unwrap()]).chain(args.iter().copied()).collect();
    let mut command = place.command(all[0], &all[1..]);
    command.env(PROGRAM, "1");
    command
}

fn own(place: &Place, args: &[&str]) -> Said {
    finish(command(place, &[], args))
}

fn step(place: &Place, id: &str) -> Value {
    let said = own(place, &["status", "--json", "run1"]).ends(0);
    let status: Value = serde_json::from_str(&said.stdout).unwrap();
    status["steps"].as_array().unwrap().iter().find(|step| step["id"] == id).unwrap().clone()
}

pub fn it_is_a_kind_like_the_others() {
    let place = place(BOOK);
    own(&place, &["check", "book.yaml"]).ends(0);
    let said = own(&place, &["explain", "maintenance.on"]).ends(0);
    assert!(said.stdout.contains("What visitors read.") && said.stdout.contains("After a crash"), "{said:#?}");
    assert!(own(&place, &["kinds"]).stdout.contains("maintenance.on"));
    assert!(own(&place, &["schema"]).stdout.contains("Where the web server looks for the page."));
    let said = own(&place, &["plan", "book.yaml"]).ends(0);
    assert!(said.stdout.contains("touches: page www/maintenance.html"), "{said:#?}");
    assert!(!place.path("www/maintenance.html").exists(), "a plan changes nothing");
    place.write("book.yaml", &place.read("book.yaml").replace("Back at noon", "''"));
    let said = own(&place, &["check", "book.yaml"]).ends(2);
    assert!(said.stderr.contains("PAGE01") && said.stderr.contains("until when"), "{said:#?}");
    // The program without it says so.
    assert!(place.regrow("check book.yaml").stderr.contains("maintenance.on"));
}

pub fn it_is_done_and_taken_back() {
    let place = place(BOOK);
    own(&place, &RUN).ends(0);
    assert_eq!((place.read("www/maintenance.html").as_str(), place.read("effects").as_str()), (PAGE, PAGE));
    let undo = ["undo", "closed", "--run", "run1", "--yes", "--because", "test"];
    own(&place, &undo).ends(0);
    assert!(!place.path("www/maintenance.html").exists());
    assert_eq!(step(&place, "closed")["state"], "undone");
}

pub fn what_is_not_ours_is_left_alone() {
    let place = place(BOOK);
    place.write("www/maintenance.html", "<p>of a colleague</p>\n");
    let said = own(&place, &RUN).ends(2);
    assert!(said.stderr.contains("PAGE02"), "{said:#?}");
    assert_eq!(place.read("www/maintenance.html"), "<p>of a colleague</p>\n");
}

/// Before and after the effect, and at every write to disk: the resumed run finds what was done, or does it, once.
pub fn killed_anywhere_it_is_done_once() {
    let mut points = vec![("linkat".to_string(), 1), ("unlink".to_string(), 1)];
    points.extend((1..=12).map(|k| ("fdatasync".to_string(), k)));
    let (mut killed, mut adopted) = (0, 0);
    for (call, k) in points {
        let place = place(BOOK);
        let inject = format!("inject={call}:signal=SIGKILL:when={k}");
        let said = finish(command(&place, &["strace", "-f", "-qq", "-o", "/dev/null", "-e", &inject], &RUN));
        killed += usize::from(said.signal.is_some());
        let args: &[&str] = if place.run_dir().exists() { &["resume", "--no-wait", "run1"] } else { &RUN };
        let said = own(&place, args);
        assert_eq!(said.code, Some(0), "{call} {k}: {said:#?}");
        assert_eq!(place.read("www/maintenance.html"), PAGE, "{call} {k}");
        assert_eq!(step(&place, "closed")["state"], "succeeded", "{call} {k}");
        adopted += usize::from(step(&place, "closed")["adopted"] == true);
    }
    assert!(killed >= 5, "only {killed} kills met the run");
    assert!(adopted >= 1, "nothing was found again");
}
