//! The program in Python, used through `run`, in an include of its own.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::support::{Place, REGROW, Running, Said, finish};
use super::web::{Seen, Web, says};

const BOOK: &str = r#"
secrets: { hoster: { from: env, key: HOSTER_TOKEN } }
params: { hoster: { type: url } }
steps:
  - id: ticket
    include: lib/ticket.yaml
    needs: []
    with: { url: "{{ params.hoster }}", token: "{{ secrets.hoster }}", title: The region is down }
  - id: told
    needs: [ticket]
    run: echo "ticket $NUMBER" >> effects
    with: { env: { NUMBER: "{{ steps.ticket.outputs.number }}" } }
"#;
const TOKEN: &str = "hush-4711-hush";

/// The hoster: each operation has one ticket, number 17.
struct Hoster {
    web: Web,
    /// While it is set, who opened a ticket waits for the answer.
    holds: Arc<AtomicBool>,
}

impl Hoster {
    fn open() -> Hoster {
        let holds = Arc::new(AtomicBool::new(false));
        let held = Arc::clone(&holds);
        let web = Web::start(move |seen, before| {
            let begun = |seen: &&Seen, start: &str| seen.line.starts_with(start);
            let count = |start: &str| before.iter().filter(|seen| begun(seen, start)).count();
            match seen.line.split(' ').next() {
                Some("POST") => {
                    while held.load(Ordering::SeqCst) {
                        std::thread::sleep(Duration::from_millis(10));
                    }
                    says(200, "", "{\"number\": 17}")
                }
                Some("GET") if count("POST") > count("DELETE") => says(200, "", "{\"number\": 17}"),
                Some("DELETE") if count("POST") > count("DELETE") => says(200, "", "{}"),
                _ => says(404, "", "{}"),
            }
        });
        Hoster { web, holds }
    }

    fn place(&self) -> Place {
        let place = Place::new(BOOK);
        std::fs::create_dir(place.path("lib")).unwrap();
        for file in ["lib/ticket.yaml", "lib/ticket.py"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/own_kind").join(file);
            place.write(file, &std::fs::read_to_string(path).unwrap());
        }
        place
    }

    fn command(&self, place: &Place, args: &[&str]) -> std::process::Command {
        let mut command = place.command(REGROW, args);
        command.env("HOSTER_TOKEN", TOKEN);
        command
    }

    fn run(&self) -> [String; 8] {
        let param = format!("hoster={}", self.web.url(""));
        ["run", "book.yaml", "--yes", "--no-wait", "--run-id", "run1", "--param", &param].map(str::to_string)
    }

    fn regrow(&self, place: &Place, args: &[&str]) -> Said {
        finish(self.command(place, args))
    }
}

fn strs(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

pub fn it_is_used_like_a_kind() {
    let hoster = Hoster::open();
    let place = hoster.place();
    hoster.regrow(&place, &strs(&hoster.run())).ends(0);
    assert_eq!(place.effects(), ["ticket 17"]);
    assert_eq!(place.step("ticket")["outputs"]["number"], 17);
    let opened = hoster.web.log.all()[0].clone();
    let body: Value = serde_json::from_str(&opened.body).unwrap();
    assert_eq!(body, json!({"operation": "run1.ticket/open.1", "title": "The region is down"}));
    assert!(opened.headers.iter().any(|header| header == &format!("Authorization: Bearer {TOKEN}")), "{opened:?}");
    // The ledger has it, and whoever cleans up closes it with the same program and the same key.
    assert_eq!(place.status()["ledger"][0]["kind"], "ticket");
    hoster.regrow(&place, &["cleanup", "run1"]).ends(0);
    assert_eq!(hoster.web.log.count("DELETE /tickets?operation=run1.ticket%2Fopen.1"), 1, "{:?}", hoster.web.log.all());
    assert_eq!(place.status()["ledger"], json!([]));

    let undo = ["undo", "ticket/open", "--run", "run1", "--yes", "--because", "test"];
    hoster.regrow(&place, &undo).ends(0);
    assert_eq!(hoster.web.log.count("DELETE"), 2, "closed already is as good");
    let mut found = Vec::new();
    holding(&place.path("state"), &mut found);
    assert!(found.is_empty(), "the secret is in {found:?}");
}

pub fn killed_in_the_middle_it_is_adopted_by_its_probe() {
    let hoster = Hoster::open();
    let place = hoster.place();
    hoster.holds.store(true, Ordering::SeqCst);
    let running = Running::of(hoster.command(&place, &strs(&hoster.run())));
    hoster.web.log.until("POST");
    running.cut_power();
    hoster.holds.store(false, Ordering::SeqCst);
    hoster.regrow(&place, &["resume", "run1", "--no-wait"]).ends(0);
    assert_eq!(hoster.web.log.count("POST"), 1, "one ticket");
    assert_eq!(hoster.web.log.count("GET"), 1, "the probe asked");
    assert_eq!(place.step("ticket/open")["adopted"], true);
    assert_eq!(place.effects(), ["ticket 17"], "its outputs are read by who comes next");
}

fn holding(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            holding(&path, found);
        } else if String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default()).contains(TOKEN) {
            found.push(path.display().to_string());
        }
    }
}
