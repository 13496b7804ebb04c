//! What children, providers, files and people write, in every command: nothing of it moves the cursor, forges a line or puts
//! a node into a page.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use super::screen::Screen;
use super::support::{Place, REGROW, Said, finish};

/// Moves, clears, renames the terminal, links, rings, erases, turns, hides, marks up, and begins lines of its own.
const EVIL: &str = "e\x1b[2J\x1b[1A\x1b]0;owned\x07\x1b]8;;http://x/\x1b\\l\x1b[45mred\r\x08\x7f\u{9b}31m\u{85}\u{202e}tx\u{2066}\
                    \u{200b}\u{2028}\u{ad}\u{feff}\u{e0041}<script>x</script><img src=x onerror=y>[t](javascript:z)`|`\
                    \nFORGED 2026-01-01T00:00:00Z `one` succeeded\n# FORGED\n\n| FORGED |";

/// Without the colours that are ours, or the drawer's of problems.
fn without_colours(text: &str) -> String {
    let ours = regex::Regex::new("\x1b\\[(0|1|2|3[0-9]|3[0-9];1|3[0-9];1;4|3[0-9];2|38;[0-9;]*)m").unwrap();
    ours.replace_all(text, "").into_owned()
}

fn is_hidden(c: char) -> bool {
    let invisible =
        "\u{ad}\u{61c}\u{200b}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202e}\u{2066}\u{2069}\u{feff}\u{e0041}";
    (c.is_control() && c != '\n' && c != '\t') || invisible.contains(c)
}

#[track_caller]
fn harmless(what: &str, text: &str) {
    let plain = without_colours(text);
    if let Some(c) = plain.chars().find(|c| is_hidden(*c)) {
        let line = plain.lines().find(|line| line.contains(c)).unwrap_or_default();
        panic!("`{what}` sends {c:?}: {:?}", line.chars().take(400).collect::<String>());
    }
}

#[track_caller]
fn nothing_forged(what: &str, text: &str) {
    let plain = without_colours(text);
    let forged = plain
        .lines()
        .find(|line| line.starts_with("FORGED") || line.starts_with("# FORGED") || line.starts_with("| FORGED"));
    assert_eq!(forged, None, "`{what}` lets a line be forged:\n{plain}");
    let is_bounded = |line: &str| line.starts_with('{') || line.chars().count() < 9000;
    assert!(plain.lines().all(is_bounded), "`{what}` prints a line without end");
}

/// A scalar of YAML and of JSON alike, but for what only YAML has.
fn quoted(text: &str) -> String {
    let one = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        ' '..='~' => c.to_string(),
        c => format!("\\U{:08x}", u32::from(c)),
    };
    format!("\"{}\"", text.chars().map(one).collect::<String>())
}

/// A server whose every word is hostile; answers for ever, and is gone with the test.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 4096]);
            let body = EVIL.repeat(3);
            let head = format!(
                "HTTP/1.1 500 \u{202e}no\r\nX-Evil: \u{9b}31m\u{202e}\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
        }
    });
    url
}

fn book(url: &str) -> String {
    let evil = quoted(EVIL);
    format!(
        r#"title: {evil}
description: {evil}
params: {{ word: {{ type: string, description: {evil} }}, sites: {{ type: list }} }}
steps:
  - id: one
    name: {evil}
    needs: []
    owner: {evil}
    estimate: 1m
    run: |
      cat evil; cat evil >&2; head -c 300000 /dev/zero | tr '\0' x; echo
      {{ echo 'text<<END'; cat evil; echo; echo END; }} > "$REGROW_OUTPUT"
    with: {{ outputs: {{ text: {{}} }}, env: {{ WORD: "{{{{ params.word }}}}" }} }}
    undo: [cat, {evil}]
  - id: items
    name: {evil}
    needs: [one]
    foreach: "{{{{ params.sites }}}}"
    run: "true"
  - id: breaks
    name: {evil}
    needs: [one]
    run: cat evil >&2; exit 3
    with: {{ env: {{ TEXT: "{{{{ steps.one.outputs.text }}}}" }} }}
  - {{ id: looks, needs: [], uses: http.get, with: {{ url: "{url}/?q=x" }} }}
  - id: asks
    needs: [one]
    approval: {{ from: [firefighter] }}
    run: echo
    with: {{ env: {{ TEXT: "{{{{ steps.one.outputs.text }}}}" }} }}
  - id: task
    needs: [one]
    uses: manual.task
    with: {{ instructions: "{{{{ steps.one.outputs.text }}}}" }}
finally:
  - {{ id: told, uses: manual.notice, with: {{ audience: all, message: {evil} }} }}
"#
    )
}

struct Hostile {
    place: Place,
    _url: String,
}

impl Hostile {
    fn new() -> Self {
        let url = server();
        let place = Place::new(&book(&url));
        place.write("evil", EVIL);
        let sites = ["a\u{202e}b", "c\u{200b}d"].map(quoted).join(", ");
        place.write("params.yaml", &format!("word: {}\nsites: [{sites}]\n", quoted(EVIL)));
        Self { place, _url: url }
    }

    fn argv(&self, args: &[&str]) -> Said {
        let mut command = self.place.command(REGROW, args);
        // As whoever `sudo` says.
        command.env("SUDO_USER", EVIL);
        finish(command)
    }

    /// In text, with colours, and as JSON.
    #[track_caller]
    fn tells(&self, line: &str) {
        for way in ["--color=never", "--color=always", "--json"] {
            let args: Vec<&str> = std::iter::once(way).chain(line.split('~')).collect();
            let said = self.argv(&args);
            for text in [&said.stdout, &said.stderr] {
                harmless(&format!("{way} {line}"), text);
                // What a command printed is given back as it is; a page keeps its text in nodes.
                if !line.starts_with("logs") && !line.contains("html") {
                    nothing_forged(&format!("{way} {line}"), text);
                }
            }
            assert!(!said.stdout.is_empty() || !said.stderr.is_empty(), "{line} says nothing");
        }
    }
}

#[test]
fn nothing_that_others_wrote_is_obeyed_by_a_terminal() {
    let hostile = Hostile::new();
    let run = |more: &str| format!("run~book.yaml~--params~params.yaml~--yes~--no-wait{more}");
    hostile.tells("plan~book.yaml~--params~params.yaml");
    for format in ["text", "dot", "mermaid", "svg"] {
        hostile.tells(&format!("graph~book.yaml~--format~{format}"));
    }
    hostile.tells("check~book.yaml");
    let first = hostile.argv(&run("~--run-id~run1").split('~').collect::<Vec<_>>());
    harmless("run", &(first.stderr.clone() + &first.stdout));
    nothing_forged("run", &first.stderr);
    assert!(first.stderr.contains("\\u{1b}[2J"), "nothing hostile was told at all: {first:#?}");
    hostile.tells(&run("~--run-id~run2"));
    for args in [vec!["note", EVIL], vec!["pause", "--because", EVIL], vec!["skip", "breaks", "--because", EVIL]] {
        let said = hostile.argv(&[&args[..], &["--run", "run1"]].concat());
        harmless("an answer", &said.stderr);
        nothing_forged("an answer", &said.stderr);
    }
    looks(&hostile);
    hostile.tells("resume~run1~--no-wait");
    hostile.tells("resume~run1~--no-wait~--params");
    looks(&hostile);
    hostile.tells("undo~one~--run~run1~--because~x");
    hostile.tells("undo~one~--run~run1~--because~x~--yes");
    hostile.tells("approve~asks~--run~run1~--code~x");
    hostile.tells(&format!("abort~--run~run1~--because~{EVIL}"));
    looks(&hostile);
    for word in ["status", "show", "logs", "explain", "resume", "verify-log", "report", "check", "plan", "graph"] {
        hostile.tells(&format!("{word}~{EVIL}"));
    }
}

fn looks(hostile: &Hostile) {
    for line in ["status~run1", "-v~status~run1", "status~run1~--line", "list", "events~run1", "verify-log~run1"] {
        hostile.tells(line);
    }
    for step in ["one", "items", "items:a\u{202e}b", "breaks", "looks", "asks", "task", "told"] {
        hostile.tells(&format!("show~{step}~--run~run1"));
        hostile.tells(&format!("logs~{step}~--run~run1"));
    }
    for format in ["markdown", "html", "json"] {
        hostile.tells(&format!("report~run1~--format~{format}"));
    }
    let html = hostile.argv(&["report", "run1", "--format", "html"]).stdout;
    // Links of our own lead within the page.
    let html = html.replace("<a href=\"#", "");
    for node in ["<script", "<img", "<a ", "onerror=y>"] {
        assert!(!html.contains(node), "{node} in {html}");
    }
    // What stands between backticks is text.
    let markdown = hostile.argv(&["report", "run1"]).stdout;
    let markdown: String = markdown.lines().flat_map(|line| line.split('`').step_by(2)).collect();
    for node in ["<script", "<img", "[t](javascript"] {
        assert!(!markdown.contains(node), "{node} in {markdown}");
    }
}

#[test]
fn a_difference_and_the_problems_of_a_file_are_shown_and_not_sent() {
    let hostile = Hostile::new();
    let args = ["run", "book.yaml", "--params", "params.yaml", "--yes", "--no-wait", "--run-id", "run1"];
    hostile.argv(&args);
    let edited = book("http://127.0.0.1:1").replace("id: task", "id: other").replace("estimate: 1m", "estimate: 2m");
    let edited =
        edited.replace("sites: { type: list }", &format!("sites: {{ type: list, description: {} }}", quoted(EVIL)));
    hostile.place.write("book.yaml", &format!("version: 1\nname: book\nseverity: partial\n{edited}"));
    hostile.tells("resume~run1~--no-wait");
    let raw = EVIL.replace(['\n', '\r', '\x1b', '\x08', '\x07', '\x7f', '"', '`'], "");
    for (at, broken) in [
        format!("version: 1\nname: x # {raw}\nseverity: {}\nsteps: []\n", quoted(EVIL)),
        format!("version: 1\nname: x\nseverity: partial\n{}: 1\nsteps:\n  - {{ id: {}, uses: {} }}\n", quoted(EVIL), quoted(EVIL), quoted(EVIL)),
        format!("version: 1\nname: x\nseverity: partial\nsteps:\n  - {{ id: a, needs: [{0}], run: {0}, retry: {{ {0}: 1 }} }}\n", quoted(EVIL)),
        format!("{EVIL}\n"),
    ]
    .into_iter()
    .enumerate()
    {
        hostile.place.write(&format!("broken{at}.yaml"), &broken);
        for command in ["check", "plan", "graph", "run"] {
            let said = hostile.argv(&[command, &format!("broken{at}.yaml")]);
            harmless(command, &said.stderr);
            nothing_forged(command, &said.stderr);
            assert_eq!(said.code, Some(2), "{said:#?}");
        }
    }
}

#[test]
fn nothing_that_others_wrote_reaches_the_live_view() {
    let hostile = Hostile::new();
    let line = "run book.yaml --params params.yaml --yes --run-id run1";
    let mut screen = Screen::with(&hostile.place, line, |command| {
        command.env("SUDO_USER", EVIL);
    });
    screen.until("type a number");
    let drawn = screen.drawn();
    for sent in [
        "\x1b]0;owned",
        "\x1b]8;;",
        "\x07owned",
        "\u{9b}31m",
        "\u{202e}",
        "\u{2066}",
        "\u{200b}",
        "\u{e0041}",
        "\x1b[1A\x1b]0",
    ] {
        assert!(!drawn.contains(sent), "{sent:?} is sent");
    }
    assert!(drawn.contains("\\u{202e}") && !drawn.contains("\r\nFORGED"), "{drawn}");
}
