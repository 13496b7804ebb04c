//! Transcripts of the binary, one file a scene: what is typed, and every line that comes back. They are read as an operator
//! reads them; a change of a word shows up here.
//!
//! A scene begins with why it is there (`#`), then files (`=== NAME`, up to `===`), then commands:
//!
//! ```text
//! $ regrow …          runs to its end; `| head N` at its end keeps the first lines of it
//! & regrow …          starts, and goes on beside what follows; `$ wait` is its end
//! $ until STEP STATE  waits for it
//! $ sh …              anything else
//! | a line of stdout
//! ! a line of stderr
//! ? exit code, if it is not 0
//! ```
//!
//! `{code STEP}` is the code that the step asks for, `{digest}` what the latest command wants accepted. What differs from one
//! time to the next stands in `<…>`. `TRANSCRIPTS=write cargo test --test transcripts` writes down what came.

#[expect(dead_code, reason = "the crash tests need more of it")]
#[path = "crash/support.rs"]
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex::{Captures, Regex};
use support::{Place, REGROW, Running, Said, finish};

fn scenes() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

struct Scene {
    place: Place,
    run: Option<String>,
    beside: Option<Running>,
    /// All of the latest command, as it was.
    latest: String,
}

/// The text of a scene with what came in the place of what is expected.
fn play(text: &str) -> String {
    let mut scene = Scene { place: Place::new("steps: []\n"), run: None, beside: None, latest: String::new() };
    let mut out = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if ["| ", "! ", "? "].iter().any(|mark| line.starts_with(mark)) || ["|", "!"].contains(&line) {
            continue;
        }
        out.push_str(line);
        out.push('\n');
        if let Some(name) = line.strip_prefix("=== ") {
            let inside: Vec<&str> = lines.by_ref().take_while(|line| *line != "===").collect();
            scene.place.write(name, &(inside.join("\n") + "\n"));
            out.push_str(&format!("{}\n===\n", inside.join("\n")));
        } else if let Some(command) = line.strip_prefix("& regrow ") {
            let argv = scene.argv(command);
            scene.beside = Some(Running::of(scene.command(&argv)));
        } else if let Some(command) = line.strip_prefix("$ ") {
            out.push_str(&scene.does(command));
        }
    }
    out
}

impl Scene {
    fn command(&self, argv: &[String]) -> std::process::Command {
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        let mut command = self.place.command(REGROW, &argv);
        command.env("SUDO_USER", "ana");
        command
    }

    /// The words of a line, as a shell takes them.
    fn argv(&mut self, line: &str) -> Vec<String> {
        let code = Regex::new(r"\{code ([^}]*)\}").unwrap();
        let line = code.replace_all(line, |found: &Captures<'_>| {
            self.place.step(&found[1])["asks"]["code"].as_str().unwrap_or("none").to_string()
        });
        let digest = Regex::new(r"--accept ([0-9a-f]+)").unwrap();
        let digest = digest.captures(&self.latest).map(|found| found[1].to_string()).unwrap_or_default();
        let line = line.replace("{digest}", &digest);
        let word = Regex::new(r#""([^"]*)"|(\S+)"#).unwrap();
        let words = word.captures_iter(&line).map(|it| it.get(1).or(it.get(2)).unwrap().as_str().to_string()).collect();
        let id = Regex::new(r"--run-id (\S+)").unwrap();
        if let Some(found) = id.captures(&line) {
            self.run = Some(found[1].to_string());
        }
        words
    }

    fn does(&mut self, command: &str) -> String {
        if let Some(line) = command.strip_prefix("sh ") {
            let said = finish(self.place.command("sh", &["-c", line]));
            assert_eq!(said.code, Some(0), "{line}: {said:#?}");
            return String::new();
        }
        if let Some(wanted) = command.strip_prefix("until ") {
            let (step, state) = wanted.split_once(' ').unwrap();
            let run = self.place.path("state/runs").join(self.run.as_ref().expect("a run")).join("journal.000001");
            self.place.until(wanted, |place| run.exists() && place.step_state(step) == state);
            return String::new();
        }
        if command == "wait" {
            let said = self.beside.take().expect("something goes on beside").end();
            return self.tell(said, usize::MAX);
        }
        let (line, most) = match command.split_once(" | head ") {
            Some((line, most)) => (line, most.parse().unwrap()),
            None => (command, usize::MAX),
        };
        let argv = self.argv(line.strip_prefix("regrow ").unwrap_or_else(|| panic!("what is `{command}`?")));
        let said = finish(self.command(&argv));
        self.tell(said, most)
    }

    fn tell(&mut self, said: Said, most: usize) -> String {
        self.latest = format!("{}{}", said.stdout, said.stderr);
        let mut out = String::new();
        for (mark, text) in [("|", said.stdout), ("!", said.stderr)] {
            for line in self.alike(&text).lines().take(most) {
                out.push_str(format!("{mark} {line}").trim_end());
                out.push('\n');
            }
        }
        match said.code {
            Some(0) => {}
            Some(code) => out.push_str(&format!("? {code}\n")),
            None => out.push_str(&format!("? signal {}\n", said.signal.unwrap_or_default())),
        }
        out
    }

    /// The same every time.
    fn alike(&self, text: &str) -> String {
        let folder = self.place.path("").display().to_string();
        let text = text.replace(folder.trim_end_matches('/'), "<DIR>");
        let rules = [
            (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z", "<TIME>"),
            (r"\b\d\d:\d\d:\d\dZ", "<CLOCK>"),
            (r#""(mono|pid|uid|elapsed_seconds|rto_left_seconds|\w*_ms)":( ?)-?\d+"#, "\"$1\":$2<N>"),
            (r#""(boot|host)":( ?)"[^"]*""#, "\"$1\":$2\"<ANY>\""),
            (r"process \d+ on (`?)[\w.-]+`?", "process <PID> on $1<HOST>$1"),
            (r"\b[0-9a-f]{64}\b", "<HASH>"),
            (r"(journal head|digest is|digest|--accept) [0-9a-f]{12}\b", "$1 <HASH>"),
            (r"\b[0-9a-f]{10,11}-[0-9a-f]{16}\b", "<ID>"),
            (r"(--code |code: |code `)[2-9a-z]{6}\b", "$1<CODE>"),
            (r#""code":( ?)"[2-9a-z]{6}""#, "\"code\":$1\"<CODE>\""),
            (r"\b\d+(\.\d)?(ms|s)\b", "<SPAN>"),
            (r"\b(\d+m\d\ds|\dh\d\dm (left|since))\b", "<SPAN>"),
        ];
        rules.iter().fold(text, |text, (pattern, by)| Regex::new(pattern).unwrap().replace_all(&text, *by).into_owned())
    }
}

#[test]
fn every_scene_is_as_it_was() {
    let write = std::env::var_os("TRANSCRIPTS").is_some_and(|it| it == "write");
    let played: Vec<(PathBuf, String, String)> = std::thread::scope(|threads| {
        let one = |file: PathBuf| {
            threads.spawn(move || {
                let text = fs::read_to_string(&file).unwrap();
                let came = play(&text);
                (file, text, came)
            })
        };
        let all: Vec<_> = scenes().into_iter().map(one).collect();
        all.into_iter().map(|played| played.join().unwrap()).collect()
    });
    let mut wrong = String::new();
    for (file, text, came) in played {
        if write {
            fs::write(&file, &came).unwrap();
        } else if text != came {
            let lines = text.lines().zip(came.lines()).enumerate();
            let first = lines.into_iter().find(|(_, (old, new))| old != new);
            let (at, (old, new)) = first.unwrap_or((text.lines().count(), ("(the end)", "(more or fewer lines)")));
            wrong.push_str(&format!("\n{}:{}\n- {old}\n+ {new}\n", file.display(), at + 1));
        }
    }
    assert!(wrong.is_empty(), "these say something else; if they should, TRANSCRIPTS=write notes it:{wrong}");
}

/// Commands that are typed in some scene.
#[test]
fn every_command_has_a_scene() {
    let help = finish(Place::new("steps: []\n").command(REGROW, &["help"])).stdout;
    let inside = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let commands = inside
        .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next().filter(|_| !line.starts_with("   ")));
    let typed: BTreeSet<String> = scenes()
        .into_iter()
        .flat_map(|file| fs::read_to_string(file).unwrap().lines().map(str::to_string).collect::<Vec<_>>())
        .filter_map(|line| Some(line.strip_prefix("$ regrow ").or(line.strip_prefix("& regrow "))?.to_string()))
        .flat_map(|line| {
            line.split_whitespace()
                .filter(|word| !word.starts_with('-'))
                .map(str::to_string)
                .take(2)
                .collect::<Vec<_>>()
        })
        .collect();
    let missing: Vec<&str> = commands.filter(|command| *command != "help" && !typed.contains(*command)).collect();
    assert!(missing.is_empty(), "no scene types {missing:?}");
}
