//! Canaries (G23): secrets from every source, in every place that takes one and in every encoding that programs print, and
//! no trace of them in anything regrow leaves, says, or hands to another process.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

const FROM_ENV: &str = "Env9'x\"/+ pä$w\\zq7-canary";
const FROM_COMMAND: &str = "cmd-canary-71&=?%#/x y";
const PEM: &str = "-----BEGIN KEY-----\nMIIEcanaryQIBADANBgkqhkiG9w0BAQ\nEFAASCBKcwcanary2ggSjAgEAAo+/IB\nAQDcanary3==\n-----END KEY-----";

const BOOK: &str = r#"version: 1
name: canaries
severity: partial
secrets:
  env: { from: env, key: CANARY }
  file: { from: file, path: key.pem }
  cmd: { from: command, command: [cat, cmd.txt] }
steps:
  - id: prints
    uses: run
    needs: []
    allow_failure: true
    with:
      env: { E: '{{ secrets.env }}', F: '{{ secrets.file }}', C: 'x{{ secrets.cmd }}y' }
      script: |
        for file in encoded/*; do cat "$file"; echo; cat "$file" >&2; echo >&2; dd if="$file" bs=3 2>/dev/null; echo; done
        printf '%s\n' "$E" "$F" "$C"
        printf '%s\n' "$E" "$F" "$C" >&2
        env
        sleep 1
        exit 3
  - id: reads
    uses: run
    needs: []
    with: { stdin: '{{ secrets.env }}', script: 'cat; sleep 1' }
  - id: puts-out
    uses: run
    needs: []
    allow_failure: true
    with:
      env: { E: '{{ secrets.env }}' }
      script: 'printf "token=%s\n" "$E" >> "$REGROW_OUTPUT"'
      outputs: { token: { type: string } }
  - id: puts-out-encoded
    uses: run
    needs: []
    allow_failure: true
    with:
      env: { F: '{{ secrets.file }}' }
      script: 'printf "token=%s\n" "$(printf %s "$F" | base64 -w0)" >> "$REGROW_OUTPUT"'
      outputs: { token: { type: string } }
  - id: types-wrong
    uses: run
    needs: []
    allow_failure: true
    with:
      env: { C: '{{ secrets.cmd }}' }
      script: 'printf "count=%s\n" "$C" >> "$REGROW_OUTPUT"'
      outputs: { count: { type: integer } }
  - id: other
    uses: run
    needs: []
    with:
      script: |
        sleep 0.5
        cat "/proc/$$/environ" > seen.environ
        for process in /proc/[0-9]*; do tr '\0' ' ' < "$process/cmdline" 2>/dev/null || true; echo; done > seen.cmdlines
        environ() { tr '\0' '\n' < "/proc/$1/environ" 2>/dev/null || true; }
        # Its supervisor, and the one beside it.
        parent=$(sed 's/.*) //' "/proc/$$/stat" | cut -d' ' -f2)
        environ "$parent" > seen.supervisor
  - id: query
    uses: postgres.query
    needs: []
    allow_failure: true
    with:
      connection: { url: 'postgres://somebody@127.0.0.1:9/app', password: '{{ secrets.env }}' }
      sql: select 1
  - id: proven
    uses: run
    needs: []
    allow_failure: true
    with: { script: 'true' }
    verify: [{ probe: command, with: { command: [sh, -c, 'echo "$E"; exit 1'], env: { E: '{{ secrets.env }}' } }, expect: { equals: 0 } }]
"#;

struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let here = folder.path();
        fs::write(here.join("book.yaml"), BOOK).expect("a runbook");
        fs::write(here.join("key.pem"), PEM).expect("a key");
        fs::write(here.join("cmd.txt"), FROM_COMMAND).expect("a secret");
        fs::create_dir(here.join("encoded")).expect("a folder");
        for (index, text) in printed().into_iter().enumerate() {
            fs::write(here.join(format!("encoded/{index:03}")), text).expect("a file");
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn regrow(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_regrow"));
        command.arg("--state").arg(self.path("state")).args(args).env("CANARY", FROM_ENV).stdin(Stdio::null());
        command.current_dir(self.folder.path()).output().expect("regrow starts")
    }
}

/// Every secret as programs print it, with something around it.
fn printed() -> Vec<String> {
    let mut all = Vec::new();
    for secret in [FROM_ENV, FROM_COMMAND, PEM] {
        for before in ["", "a", "ab"] {
            all.push(STANDARD.encode(format!("{before}{secret}after")));
            all.push(URL_SAFE_NO_PAD.encode(format!("{before}{secret}after")));
        }
        all.extend(encodings(secret).into_values().flatten().map(|text| format!("before {text} after")));
        all.push(format!("postgres://user:{}@host/db", url_encoded(secret, "%20")));
    }
    all
}

fn url_encoded(text: &str, space: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        b' ' => space.to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(one).collect()
}

/// What must not be found, by the name of the encoding.
fn encodings(secret: &str) -> BTreeMap<&'static str, Vec<String>> {
    let core = |engine: &dyn Fn(&[u8]) -> String, shift: usize| {
        let bytes = [vec![0; shift], secret.as_bytes().to_vec()].concat();
        let text = engine(&bytes);
        text[(shift * 8).div_ceil(6)..bytes.len() * 8 / 6].to_string()
    };
    let shifts = |engine: &dyn Fn(&[u8]) -> String| (0..3).map(|shift| core(engine, shift)).collect::<Vec<_>>();
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let json = serde_json::to_string(secret).expect("JSON").trim_matches('"').to_string();
    // A key of several lines is looked for line by line, without the lines that say nothing.
    let lines = secret.lines().filter(|line| line.contains("canary")).map(str::to_string).collect();
    BTreeMap::from([
        ("raw", lines),
        ("base64", shifts(&|bytes| STANDARD_NO_PAD.encode(bytes))),
        ("base64url", shifts(&|bytes| URL_SAFE_NO_PAD.encode(bytes))),
        ("hex", vec![hex.clone(), hex.to_uppercase()]),
        ("url", vec![url_encoded(secret, "%20"), url_encoded(secret, "+")]),
        ("json", vec![json]),
        ("shell", vec![secret.replace('\'', "'\\''")].into_iter().filter(|text| !text.contains('\n')).collect()),
    ])
}

/// Says where a secret stands in `bytes`.
fn hits(place: &str, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, secret) in [("env", FROM_ENV), ("command", FROM_COMMAND), ("file", PEM)] {
        for (encoding, needles) in encodings(secret) {
            for needle in needles {
                if bytes.windows(needle.len()).any(|window| window == needle.as_bytes()) {
                    found.push(format!("{place}: the secret from {name}, {encoding}: {needle}"));
                }
            }
        }
    }
    found
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn the_scan_finds_what_is_there() {
    for text in printed() {
        assert!(!hits("here", text.as_bytes()).is_empty(), "{text}");
    }
    assert!(hits("here", b"nothing").is_empty());
}

#[test]
fn no_secret_is_left_anywhere() {
    let bench = Bench::new();
    let mut found = Vec::new();
    let book = bench.path("book.yaml").display().to_string();
    let mut said = |args: &[&str], code: i32| {
        let output = bench.regrow(args);
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {err}");
        found.extend(hits(&format!("stdout of {args:?}"), &output.stdout));
        found.extend(hits(&format!("stderr of {args:?}"), &output.stderr));
    };
    said(&["check", &book], 0);
    said(&["run", &book, "--run-id", "k1", "--yes", "--no-wait", "--skip", "query", "--because", "later"], 1);
    for args in [
        vec!["status", "k1"],
        vec!["--json", "status", "k1"],
        vec!["events", "k1"],
        vec!["--json", "events", "k1"],
        vec!["logs", "prints", "--run", "k1"],
        vec!["logs", "reads", "--run", "k1"],
        vec!["show", "prints", "--run", "k1"],
        vec!["show", "puts-out", "--run", "k1"],
        vec!["report", "k1"],
        vec!["report", "k1", "--format", "html"],
        vec!["report", "k1", "--format", "json"],
    ] {
        said(&args, 0);
    }
    for args in [vec!["plan", &book], vec!["--json", "plan", &book]] {
        let output = bench.regrow(&args);
        found.extend(hits(&format!("{args:?}"), &[output.stdout, output.stderr].concat()));
    }
    let mut all = Vec::new();
    files(&bench.path("state"), &mut all);
    all.extend(["seen.environ", "seen.cmdlines", "seen.supervisor"].map(|name| bench.path(name)));
    for path in &all {
        found.extend(hits(&path.display().to_string(), &fs::read(path).expect("a file")));
    }
    let cmdlines = fs::read_to_string(bench.path("seen.cmdlines")).expect("a file");
    assert!(cmdlines.contains("sleep 1"), "the commands with secrets were running meanwhile");
    let log = fs::read_to_string(bench.path("state/runs/k1/work/k1.prints.1.1.log")).expect("a log");
    assert!(log.matches("***").count() > 100, "the log holds what was printed, masked");
    assert!(found.is_empty(), "{} hits:\n{}", found.len(), found.join("\n"));
}

#[test]
fn a_database_password_is_in_no_plan_and_no_fault() {
    let bench = Bench::new();
    let book = bench.path("book.yaml").display().to_string();
    let args = ["run", &book, "--run-id", "k2", "--yes", "--no-wait", "--only", "query"];
    let output = bench.regrow(&args);
    let mut found = hits("run", &[output.stdout, output.stderr].concat());
    let mut all = Vec::new();
    files(&bench.path("state"), &mut all);
    for path in &all {
        found.extend(hits(&path.display().to_string(), &fs::read(path).expect("a file")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
