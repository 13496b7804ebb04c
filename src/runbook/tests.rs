//! The language as a whole: every file in `tests/broken` is refused as it says, every file in `tests/sound` is not.
//!
//! A broken file begins with what is expected of it, all of it, in order: `# RG0102 12:5 part of the help`. In a file that it
//! names the place is `lib/part.yaml:12:5`.

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::diagnostic::Problem;
use super::testkit::kinds;
use super::{check, load, parse_text};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    // What others include lies in folders.
    files.retain(|path| path.is_file());
    files.sort();
    files
}

fn problems(path: &Path) -> Vec<Problem> {
    load(path).map(|loaded| check(&loaded, &kinds())).unwrap_or_else(|problems| problems)
}

fn place(problem: &Problem, path: &Path) -> String {
    let place = format!("{}:{}", problem.line, problem.column);
    match Path::new(&problem.file).strip_prefix(path.parent().unwrap()) {
        Ok(file) if Path::new(&problem.file) != path => format!("{}:{place}", file.display()),
        _ => place,
    }
}

struct Expected {
    code: String,
    place: String,
    help: String,
}

fn expected(path: &Path) -> Vec<Expected> {
    let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    let lines =
        text.lines().map(|line| line.trim_start_matches('\u{feff}')).take_while(|line| line.starts_with("# RG"));
    let read = |line: &str| {
        let mut words = line[2..].splitn(3, ' ');
        let mut next = || words.next().unwrap_or_default().to_string();
        Expected { code: next(), place: next(), help: next() }
    };
    lines.map(read).collect()
}

#[test]
fn every_broken_runbook_is_refused_with_code_place_and_help() {
    let mut wrong = String::new();
    let files = files("broken");
    for path in &files {
        let (found, expected) = (problems(path), expected(path));
        assert!(!expected.is_empty(), "{} expects nothing", path.display());
        let same = found.len() == expected.len()
            && found.iter().zip(&expected).all(|(found, expected)| {
                let said = format!("{} {}", found.message, found.help.as_deref().unwrap_or_default());
                found.code == expected.code && place(found, path) == expected.place && said.contains(&expected.help)
            });
        for problem in &found {
            let help = problem.help.as_deref().unwrap_or_default();
            assert!(!help.is_empty(), "{}: no hint beside {}", path.display(), problem.message);
        }
        if !same {
            wrong.push_str(&format!("\n{}\n", path.file_name().unwrap().to_string_lossy()));
            for problem in &found {
                let help = problem.help.as_deref().unwrap_or_default();
                wrong.push_str(&format!("# {} {} {} | {help}\n", problem.code, place(problem, path), problem.message));
            }
        }
    }
    assert!(wrong.is_empty(), "these say something else than expected:{wrong}");
    assert!(files.len() >= 60);
}

#[test]
fn every_sound_runbook_is_accepted() {
    for path in files("sound") {
        let found = problems(&path);
        assert!(found.is_empty(), "{}: {found:#?}", path.display());
    }
}

#[test]
fn ten_thousand_steps_are_judged_at_once() {
    let mut text = String::from("version: 1\nname: large\nseverity: partial\nsteps:\n");
    for index in 0..10_000 {
        let needs = if index == 0 { String::new() } else { format!("s{}", index - 1) };
        text.push_str(&format!("  - id: s{index}\n    uses: run\n    needs: [{needs}]\n    with: {{ command: [echo, \"{{{{ run.id }}}}\"] }}\n"));
    }
    let loaded = parse_text("large.yaml", &text).unwrap();
    assert_eq!(check(&loaded, &kinds()).len(), 0);
    text.push_str("  - id: last\n    run: echo\n    needs: [s1]\n");
    let loaded = parse_text("large.yaml", &text).unwrap();
    let found = check(&loaded, &kinds());
    assert_eq!(found.iter().map(|problem| problem.code).collect::<Vec<_>>(), [super::codes::TOO_MANY_STEPS]);
}

/// A folder with `book.yaml`, which includes `part0.yaml`, and the files that `part` gives for each number.
fn folder(parts: usize, part: impl Fn(usize) -> String) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let book = "version: 1\nname: x\nseverity: partial\nsteps:\n  - { id: a, needs: [], include: part0.yaml }\n";
    std::fs::write(folder.path().join("book.yaml"), book).unwrap();
    for number in 0..parts {
        std::fs::write(folder.path().join(format!("part{number}.yaml")), part(number)).unwrap();
    }
    folder
}

fn codes_of(folder: &tempfile::TempDir) -> Vec<&'static str> {
    problems(&folder.path().join("book.yaml")).iter().map(|problem| problem.code).collect()
}

#[test]
fn the_limits_hold_over_all_files() {
    let many = |steps: usize| {
        let step = |index| format!("  - {{ id: s{index}, needs: [], run: echo }}\n");
        folder(1, |_| format!("steps:\n{}", (0..steps).map(step).collect::<String>()))
    };
    assert_eq!(codes_of(&many(9_999)), [""; 0]);
    assert_eq!(codes_of(&many(10_000)), [super::codes::TOO_MANY_STEPS]);
    // Each includes the next one twice: written out, more than there are atoms, and yet judged at once.
    let next = |number| format!("include: part{}.yaml", number + 1);
    let doubled = folder(30, |number| match number {
        29 => "steps:\n  - { id: a, uses: run, with: { command: [x], effect: read } }\n".into(),
        _ => format!("steps:\n  - {{ id: a, {0} }}\n  - {{ id: b, {0} }}\n", next(number)),
    });
    let found = codes_of(&doubled);
    assert!(!found.is_empty() && found.iter().all(|code| *code == super::codes::TOO_MANY_STEPS), "{found:?}");
    let deep = folder(40, |number| format!("steps:\n  - {{ id: a, needs: [], {} }}\n", next(number)));
    assert_eq!(codes_of(&deep), [super::codes::TOO_DEEP]);
}

#[test]
fn what_the_runbook_says_of_all_steps_does_not_reach_into_a_file() {
    let folder = folder(1, |_| "steps:\n  - { id: s, needs: [], run: echo }\n".into());
    let book = folder.path().join("book.yaml");
    let text = std::fs::read_to_string(&book).unwrap();
    std::fs::write(&book, text.replace("steps:", "defaults: { timeout: 5m, retry: 3, lock: one }\nsteps:")).unwrap();
    let loaded = load(&book).unwrap();
    assert_eq!(check(&loaded, &kinds()).len(), 0);
    let inner = &loaded.runbook.steps[0].part().unwrap().book.steps[0];
    assert_eq!((inner.timeout, inner.retry.attempts, &inner.lock), (None, 1, &None));
}

#[test]
fn places_are_right_with_returns_and_letters_beyond_ascii() {
    let text =
        "version: 1\nname: ä\nseverity: partial\nsteps:\n  - id: a\n    name: \"é {{ parms.x }}\"\n    run: echo\n";
    for (text, what) in
        [(text.to_string(), "plain"), (text.replace('\n', "\r\n"), "returns"), (format!("\u{feff}{text}"), "mark")]
    {
        let found = check(&parse_text("x.yaml", &text).unwrap(), &kinds());
        let places: Vec<_> = found.iter().map(|p| (p.code, p.line, p.column, p.end_column)).collect();
        assert_eq!(places, [("RG0306", 6, 14, 27)], "{what}");
    }
}

/// Pieces that make texts which come near to a runbook.
fn fragment() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "version: 1\n",
        "name: x\n",
        "severity: partial\n",
        "steps:\n",
        "  - id: a\n",
        "    uses: run\n",
        "    with: ",
        "    needs: [a]\n",
        "    if: ",
        "{ command: [x] }\n",
        "{{ params.x }}",
        "\"{{ steps.a.outputs.b }}\"\n",
        "'",
        "\"",
        "&a ",
        "*a",
        "<<: ",
        "- ",
        ": ",
        "\n",
        "\t",
        "|\n",
        ">-\n",
        "{",
        "}",
        "[",
        "]",
        "(eq ",
        ")",
        "\\{{",
        "{{#if x}}",
        "{{!-- ",
        "--}}",
        "é",
        "\u{feff}",
        "---\n",
        "!x ",
        "? ",
        "~",
        "    verify: [{probe: command, expect: {equals: 0}}]\n",
        "params:\n",
        "  p: {type: integer, default: 1}\n",
        "vars:\n",
        "  v: ",
    ]);
    prop_oneof![4 => words.prop_map(String::from), 1 => ".{0,6}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(pieces in prop::collection::vec(fragment(), 0..40)) {
        let text = pieces.concat();
        let found = parse_text("x.yaml", &text).map(|loaded| check(&loaded, &kinds())).unwrap_or_else(|problems| problems);
        for problem in found {
            prop_assert!(problem.span.end() <= problem.source.map_or(0, |source| source.text.len()));
        }
    }

    #[test]
    fn no_template_makes_the_compiler_panic(pieces in prop::collection::vec(template_fragment(), 0..12)) {
        let text = pieces.concat();
        if let Ok(template) = super::template::Template::compile(&text, None) {
            let scope = serde_json::json!({"params": {"x": 1, "l": [1, "a", {"b": 2}]}, "run": {"id": "7qk2"}});
            let _ = template.render(&scope);
        }
    }
}

fn template_fragment() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "{{",
        "}}",
        "{{{",
        "}}}",
        "~",
        "params.x",
        "params.l",
        " ",
        "(",
        ")",
        "eq ",
        "default ",
        "pluck ",
        "\"b\"",
        "'c'",
        "5",
        "-1",
        "null",
        "true",
        "[",
        "]",
        "{",
        "}",
        "\\",
        "\\{{",
        "!",
        "!--",
        "--",
        "#if ",
        "/if",
        "else",
        ">",
        "../",
        "@root",
        "this",
        ".",
        "é",
        "a=",
        "\"",
        "{{ params.x }}",
        "{{ upper run.id }}",
        "{{ (lower (trim run.id)) }}",
        "|",
        "as",
        "time_add ",
        "sql_name ",
        "\n",
    ]);
    prop_oneof![6 => words.prop_map(String::from), 1 => ".{0,4}"]
}

#[test]
fn defaults_fill_in_what_a_step_does_not_say() {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sound/defaults.yaml")).unwrap();
    let runbook = parse_text("x", &text).unwrap().runbook;
    let [a, b] = &runbook.steps[..] else { panic!("two steps") };
    let seconds = |step: &super::ast::Step| step.timeout.map(|timeout| timeout.as_secs());
    assert_eq!((seconds(a), seconds(b)), (Some(600), Some(3600)));
    assert_eq!((a.retry.attempts, a.retry.delay.as_secs()), (3, 5));
    assert_eq!((b.retry.attempts, b.retry.delay.as_secs()), (3, 1));
    assert_eq!(b.with.written()["env"], serde_json::json!({"STORE": "mysql", "REGION": "eu-1"}));
    assert_eq!(a.with.written()["env"], serde_json::json!({"REGION": "eu-1"}));
}
