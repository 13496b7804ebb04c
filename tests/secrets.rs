//! Secrets planted in every position and printed in every encoding: none of it may be found in anything that stays or is shown.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use tempfile::TempDir;

/// With all that is quoted, escaped or encoded somewhere.
const FROM_ENV: &str = "Zx9/qT&7'k \"Pa$w0rd\\+Lm=e4";
const FROM_FILE: &str = "fïle-sécret/9f8e7d6c5b4a3+Q";
const FROM_COMMAND: &str = "-----BEGIN PRIVATE KEY-----\n\
    MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n\
    MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu\n\
    NMoSfm76oqFvAp8Gy0iz5sxjZmSnXyCdPEovGhLa0VzMaQ8s+CLOyS56YyCFGeJZ\n\
    -----END PRIVATE KEY-----";
const SECRETS: [&str; 3] = [FROM_ENV, FROM_FILE, FROM_COMMAND];
/// Declared nowhere: what the scan has to find.
const CONTROL: &str = "Qw7/control&not'a \"secret+9z";
/// Made by a step of the run, of what lies in a file beside the runbook.
const BORN: &str = "bOrn-in/the'Run \"9x+Qm7=\\Tz4";
/// A piece as long as this is too much of a secret.
const PIECE: usize = 12;

const BOOK: &str = r#"version: 1
name: secrets
severity: partial
secrets:
  env: { from: env, key: PLANTED }
  file: { from: file, path: planted-file }
  key: { from: command, command: [sh, -c, "tr '\\0' '\\n' < /proc/$$/environ > environ-of-secret; cat planted-key"] }
steps:
  - id: plain
    run: |
      printf '%s\n' "$A" "$B" "$C"
      printf '%s\n' "$A" "$B" "$C" >&2
      echo "password=$A"
      set -x
      : "$A" "$B"
    with: &all { env: { A: "{{ secrets.env }}", B: "{{ secrets.file }}", C: "{{ secrets.key }}" } }
  - id: encoded
    needs: []
    run: |
      cat printed
      cat printed >&2
  - id: tools
    needs: []
    run: |
      for text in "$A" "$B" "$C"; do
        printf %s "$text" | base64
        printf 'user:%s' "$text" | base64
        printf 'x%s' "$text" | base64 -w 0; echo
        printf %s "$text" | od -An -v -tx1 | tr -d ' \n'; echo
        printf %s "$text" | while IFS= read -r line; do echo "key line: $line"; done
      done
    with: *all
  - id: split
    needs: []
    run: |
      for text in "$A" "$B"; do
        rest=${text#??????????}
        printf %s "${text%"$rest"}"
        sleep 0.15
        printf '%s' "$rest"
        sleep 0.15
        printf '%s' "$text" | dd bs=5 2>/dev/null
      done
      for text in "$A" "$B"; do
        rest=${text#?????????}
        printf %s "${text%"$rest"}" >&2
        sleep 0.15
        printf %s "$rest" >&2
      done
    with: *all
  - id: reads
    needs: []
    run: cat
    with: { stdin: "{{ secrets.key }}" }
  - id: puts-out
    needs: []
    allow_failure: true
    run: echo "value=$A" >> "$REGROW_OUTPUT"
    with: { env: { A: "{{ secrets.env }}" }, outputs: { value: {} } }
  - id: puts-out-lines
    needs: []
    allow_failure: true
    run: |
      { echo 'value<<EOT'; printf '%s\n' "$C"; echo EOT; } >> "$REGROW_OUTPUT"
    with: { env: { C: "{{ secrets.key }}" }, outputs: { value: {} } }
  - id: puts-out-encoded
    needs: []
    allow_failure: true
    run: echo "value=$(printf %s "$A" | base64 -w 0)" >> "$REGROW_OUTPUT"
    with: { env: { A: "{{ secrets.env }}" }, outputs: { value: {} } }
  - id: puts-out-wrong
    needs: []
    allow_failure: true
    run: echo "value=$B" >> "$REGROW_OUTPUT"
    with: { env: { B: "{{ secrets.file }}" }, outputs: { value: { type: integer } } }
  - id: fails
    needs: []
    allow_failure: true
    run: |
      head -c 4000 /dev/zero | tr '\0' x >&2
      printf '%s\n' "$A" "$B" "$C" >&2
      head -c 3990 /dev/zero | tr '\0' y >&2
      cat printed >&2
      echo "cannot log in with $A" >&2
      exit 1
    with: *all
  - id: server
    needs: []
    allow_failure: true
    uses: postgres.query
    with:
      connection: { url: "postgres://admin@127.0.0.1:1/none", password: "{{ secrets.env }}" }
      sql: select 1
  - id: bears
    needs: []
    run: |
      cat born-printed
      echo "born=$(cat born-word)" >> "$REGROW_OUTPUT"
      cat born-printed >&2
    with: { outputs: { born: { type: string, secret: true } } }
  - id: uses-born
    needs: [bears]
    allow_failure: true
    run: |
      cat born-printed
      echo "$A $B"
      echo "cannot log in with $A" >&2
      exit 1
    with: { env: { A: "{{ steps.bears.outputs.born }}", B: "Bearer {{ steps.bears.outputs.born }}" } }
  - id: puts-born-out
    needs: [bears]
    allow_failure: true
    run: echo "value=$A" >> "$REGROW_OUTPUT"
    with: { env: { A: "{{ steps.bears.outputs.born }}" }, outputs: { value: {} } }
  - id: proven
    needs: []
    run: "true"
    verify:
      probe: command
      with: { command: [sh, -c, "cat printed; cat planted-file"] }
      expect: { stdout: { equals: nothing } }
  - id: given
    needs: []
    run: |
      touch given
      while [ -e book.yaml ] && ! [ -e go ]; do sleep 0.05; done
    with: *all
  - id: other
    needs: []
    run: |
      touch other
      while [ -e book.yaml ] && ! [ -e go ]; do sleep 0.05; done
  - id: task
    uses: manual.task
    needs: []
    with: { instructions: Look around, form: { seen: { type: string, required: true } } }
"#;

/// A place with the runbook, its secrets where it expects them, and all their encodings in the file `printed`.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::Builder::new().prefix("regrow-secrets-").tempdir().unwrap());
        place.write("book.yaml", BOOK);
        place.write("planted-file", &format!("{FROM_FILE}\n"));
        place.write("planted-key", &format!("{FROM_COMMAND}\n"));
        let all: Vec<String> = SECRETS.iter().flat_map(|secret| spellings(secret)).collect();
        place.write("printed", &(all.join("\n") + "\n"));
        place.write("born-word", &format!("{BORN}\n"));
        place.write("born-printed", &(spellings(BORN).join("\n") + "\n"));
        fs::create_dir(place.path("tmp")).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_regrow"));
        command.args(args).current_dir(self.0.path()).stdin(Stdio::null()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.0.path()).env("LANG", "C.UTF-8");
        command.env("REGROW_STATE", self.path("state")).env("TMPDIR", self.path("tmp")).env("PLANTED", FROM_ENV);
        command
    }

    fn say(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < Duration::from_secs(20), "waited in vain until {what}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Every file of the state folder and of the folder for temporary files.
    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.path("state"), self.path("tmp")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files
    }
}

/// A secret as programs print it, each spelling on one line; a secret of several lines also line by line.
fn spellings(secret: &str) -> Vec<String> {
    let mut all = Vec::new();
    for text in [secret].into_iter().chain(secret.lines().filter(|line| line.len() < secret.len())) {
        all.push(text.to_string());
        for before in ["", "a", "ab", "abc", "user:"] {
            all.push(STANDARD_NO_PAD.encode(format!("{before}{text}")));
            all.push(URL_SAFE_NO_PAD.encode(format!("{before}{text}@host")));
        }
        let hex = |upper: bool| -> String {
            text.bytes().map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") }).collect()
        };
        all.extend([hex(false), hex(true)]);
        all.push(url::form_urlencoded::byte_serialize(text.as_bytes()).collect());
        all.push(url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20"));
        all.push(serde_json::to_string(text).unwrap());
        all.push(serde_json::to_string(&serde_json::to_string(text).unwrap()).unwrap());
        all.push(format!("'{}'", text.replace('\'', "'\\''")));
        let special = |c: &char| !(c.is_alphanumeric() || "_-./:=@%+,".contains(*c));
        all.push(text.chars().map(|c| if special(&c) { format!("\\{c}") } else { c.to_string() }).collect());
    }
    all
}

/// All pieces of a secret's spellings. What base64 makes of the bytes beside the secret is left out.
fn pieces(secret: &str) -> BTreeSet<Vec<u8>> {
    let mut pieces = BTreeSet::new();
    let mut add = |text: &[u8]| pieces.extend(text.windows(PIECE).map(<[u8]>::to_vec));
    for text in spellings(secret).iter().flat_map(|text| text.lines().map(str::to_string).collect::<Vec<_>>()) {
        let is_base64 = text.len() >= PIECE + 8 && STANDARD_NO_PAD.decode(&text).is_ok();
        let inner = if is_base64 { text.get(8..text.len() - 8).unwrap_or_default() } else { text.as_str() };
        add(inner.as_bytes());
    }
    // The frame of a key is no secret, and neither is what every text could hold.
    pieces.retain(|piece| !piece.windows(4).any(|part| part == b"----" || part == b"KEY-") && !is_dull(piece));
    pieces
}

fn is_dull(piece: &[u8]) -> bool {
    piece.iter().collect::<BTreeSet<_>>().len() < 5
}

struct Scan {
    search: aho_corasick::AhoCorasick,
}

impl Scan {
    fn of<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let pieces: BTreeSet<Vec<u8>> = secrets.into_iter().flat_map(pieces).collect();
        Self { search: aho_corasick::AhoCorasick::new(pieces).unwrap() }
    }

    /// Where a piece of a secret stands, with what is around it.
    fn find(&self, text: &[u8]) -> Option<String> {
        let found = self.search.find(text)?;
        let around = &text[found.start().saturating_sub(60)..(found.end() + 60).min(text.len())];
        Some(String::from_utf8_lossy(around).into_owned())
    }

    fn hits(&self, artefacts: &[(String, Vec<u8>)]) -> Vec<String> {
        let hit = |(name, text): &(String, Vec<u8>)| Some(format!("{name}: …{}…", self.find(text)?));
        artefacts.iter().filter_map(hit).collect()
    }
}

fn ids() -> Vec<&'static str> {
    BOOK.lines().filter_map(|line| line.strip_prefix("  - id: ")).collect()
}

/// What every command prints, and what lies in every file.
fn artefacts(place: &Place) -> Vec<(String, Vec<u8>)> {
    let mut lines: Vec<String> = [
        "status",
        "status --json",
        "status --line",
        "-v status",
        "list",
        "list --json",
        "events",
        "events --json",
        "verify-log",
        "verify-log --json",
        "report --format markdown",
        "report --format html",
        "report --format json",
        "plan book.yaml",
        "plan book.yaml --json",
        "check book.yaml",
        "check book.yaml --json",
    ]
    .map(str::to_string)
    .to_vec();
    for id in ids() {
        lines.extend([
            format!("show {id}"),
            format!("show {id} --json"),
            format!("logs {id}"),
            format!("logs {id} --json"),
        ]);
    }
    let mut all = Vec::new();
    for line in lines {
        let output = place.say(&line.split_whitespace().collect::<Vec<_>>());
        all.push((format!("{line} (stdout)"), output.stdout));
        all.push((format!("{line} (stderr)"), output.stderr));
    }
    for path in place.files() {
        all.push((path.display().to_string(), path.display().to_string().into_bytes()));
        all.push((path.display().to_string(), fs::read(&path).unwrap_or_default()));
    }
    all
}

/// The processes below `pid`.
fn descendants(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut at = 0;
    while at < all.len() {
        let Ok(threads) = fs::read_dir(format!("/proc/{}/task", all[at])) else { break };
        for thread in threads.flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            all.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
        at += 1;
    }
    all.split_off(1)
}

/// Command lines of all processes of a run; environments of those that were not given a secret.
fn of_processes(executor: u32) -> Vec<(String, Vec<u8>)> {
    let read = |pid: u32, what: &str| fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
    let mut all = vec![("command line of the executor".to_string(), read(executor, "cmdline"))];
    let mut spared = 0;
    for pid in descendants(executor) {
        let environ = read(pid, "environ");
        let name = String::from_utf8_lossy(&read(pid, "cmdline")).replace('\0', " ");
        all.push((format!("command line of `{name}`"), read(pid, "cmdline")));
        if environ.split(|byte| *byte == 0).any(|entry| entry == b"REGROW_STEP=given") {
            spared += 1;
        } else {
            all.push((format!("environment of `{name}`"), environ));
        }
    }
    assert!(spared > 0 && all.len() > 6, "the processes were not found: {spared} {}", all.len());
    all
}

#[test]
fn the_scan_finds_what_is_planted() {
    let place = Place::new();
    let book = "version: 1\nname: control\nseverity: partial\nsteps:\n  - id: prints\n    run: |\n      cat printed\n      \
                cat printed >&2\n      exit 1\n";
    place.write("book.yaml", book);
    let scan = Scan::of([CONTROL]);
    for spelling in spellings(CONTROL) {
        place.write("printed", &format!("{spelling}\n"));
        let _ = fs::remove_dir_all(place.path("state"));
        let run = place.say(&["run", "book.yaml", "--yes", "--no-wait"]);
        let found = scan.hits(&[("stderr of run".into(), run.stderr)]);
        assert!(!found.is_empty(), "not found: {spelling}");
        let logs = place.say(&["logs", "prints"]).stdout;
        assert!(scan.find(&logs).is_some(), "not found in the log: {spelling}");
        let files = place.files();
        let holding = files.iter().filter(|path| scan.find(&fs::read(path).unwrap()).is_some()).count();
        assert!(holding >= 3, "found in {holding} files only (journal, log, result): {spelling}");
    }
    // What is said of other things is no hit.
    assert_eq!(Scan::of(SECRETS).find(BOOK.as_bytes()), None);
}

#[test]
fn no_secret_is_found_in_anything() {
    let place = Place::new();
    let begun = Instant::now();
    let run = start(&place);
    place.until("two steps wait", || ["given", "other"].iter().all(|name| place.path(name).exists()));
    place.until("all others are over", || {
        let status = String::from_utf8(place.say(&["status", "--json"]).stdout).unwrap();
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        let over =
            |step: &&serde_json::Value| !["running", "verifying", "pending"].contains(&step["state"].as_str().unwrap());
        status["steps"].as_array().unwrap().iter().filter(over).count() == ids().len() - 2
    });
    let mut all = of_processes(run.id());
    // A person may say one too.
    let said = [
        // What was not proven keeps a run from its end.
        place.say(&["skip", "proven", "--because", &format!("key {FROM_COMMAND}")]),
        place.say(&["note", FROM_ENV, "--because", FROM_FILE]),
        place.say(&["done", "task", "--because", FROM_ENV, "--output", &format!("seen={FROM_FILE}")]),
    ];
    for output in said {
        assert!(output.status.success(), "{output:?}");
        all.extend([("answer".to_string(), output.stdout), ("answer".to_string(), output.stderr)]);
    }
    all.extend(artefacts(&place));
    place.write("go", "");
    let output = run.end();
    all.extend([("stdout of run".to_string(), output.stdout), ("stderr of run".to_string(), output.stderr)]);
    all.extend(artefacts(&place));
    all.push(("environment of the command of a secret".into(), fs::read(place.path("environ-of-secret")).unwrap()));
    let bytes: usize = all.iter().map(|(_, text)| text.len()).sum();
    println!("{} artefacts, {bytes} bytes, {:.1} s", all.len(), begun.elapsed().as_secs_f32());
    let hits = Scan::of(SECRETS.into_iter().chain([BORN])).hits(&all);
    assert!(hits.is_empty(), "{} hits:\n{}", hits.len(), hits.join("\n"));
    for step in ["plain", "bears", "uses-born"] {
        let masked = fs::read_to_string(logs_of(&place, step)).unwrap();
        assert!(masked.matches("***").count() >= 6, "{step}: {masked}");
    }
    for name in ["report.md", "report.html", "report.json"] {
        assert!(all.iter().any(|(path, _)| path.ends_with(name)), "no {name}");
    }
}

/// Killed if the test fails before its end; its steps end with the place.
struct Executor(Option<Child>);

impl Executor {
    fn id(&self) -> u32 {
        self.0.as_ref().unwrap().id()
    }

    fn end(mut self) -> Output {
        self.0.take().unwrap().wait_with_output().unwrap()
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn start(place: &Place) -> Executor {
    let mut command = place.command(&["run", "book.yaml", "--yes", "--json", "--concurrency", "20"]);
    Executor(Some(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()))
}

fn logs_of(place: &Place, step: &str) -> PathBuf {
    let part = format!(".{step}.");
    place
        .files()
        .into_iter()
        .find(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.contains(&part) && name.ends_with(".log")
        })
        .unwrap()
}
