//! Pictures as they are printed, names that would like to be more than names, and runbooks of a real size.

use std::fs;
use std::path::Path;

use super::*;
use crate::runbook::parse_text;

type Draw = fn(&Picture) -> String;

const FORMATS: [(&str, Draw); 4] = [("text", text), ("dot", dot), ("mermaid", mermaid), ("svg", svg)];

fn picture(yaml: &str) -> Picture {
    let runbook = parse_text("x.yaml", yaml).unwrap().runbook;
    let graph = Graph::of(&runbook).unwrap();
    Picture::of(&runbook, &graph)
}

#[test]
fn a_small_runbook_is_drawn_as_committed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/graph");
    let picture = picture(&fs::read_to_string(folder.join("small.yaml")).unwrap());
    for (format, draw) in FORMATS {
        let committed = fs::read_to_string(folder.join(format!("small.{format}"))).unwrap_or_default();
        let refresh = format!("regrow graph tests/graph/small.yaml --format {format} > tests/graph/small.{format}");
        assert!(committed == draw(&picture), "look at the new picture, then `{refresh}`:\n{}", draw(&picture));
    }
}

/// Every way out of a string of one of the formats.
const HOSTILE: &str = r##"a</text></svg><script>alert(1)</script> "]; end --> n0 \" \n &amp; #quot; `b` "##;

#[test]
fn a_hostile_name_stays_a_name() {
    let name = format!("{HOSTILE}\n---\u{1b}[31m\u{7}\u{202e}x\u{0}");
    let yaml = format!(
        "version: 1\nname: {title}\ntitle: {name}\nseverity: partial\nsteps:\n  - id: a\n    name: {name}\n    run: x\n",
        title = Value::from(HOSTILE),
        name = Value::from(name),
    );
    let picture = picture(&yaml);
    for (format, draw) in FORMATS {
        let drawn = draw(&picture);
        let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!drawn.contains(bad), "{format}: {drawn:?}");
        let harmless = picture_lines(&draw(&harmless()));
        assert_eq!(picture_lines(&drawn), harmless, "{format} has other lines:\n{drawn}");
    }
    let svg = svg(&picture);
    assert_eq!(svg.matches("</svg>").count(), 1, "{svg}");
    assert!(svg.ends_with("</svg>\n") && !svg.contains("<script"), "{svg}");
    for line in dot(&picture).lines() {
        let bare = line.replace("\\\\", "").replace("\\\"", "");
        let outside: String = bare.split('"').step_by(2).collect();
        assert!(bare.matches('"').count() % 2 == 0 && !outside.contains("--"), "{line}");
    }
    for line in mermaid(&picture).lines().filter(|line| line.contains("[\"")) {
        let label = line.split_once("[\"").unwrap().1.strip_suffix("\"]").unwrap().replace("<br/>", "");
        assert!(!label.contains(['"', '<', '>', '`', '\\', '[', ']']), "{line}");
    }
}

fn harmless() -> Picture {
    picture("version: 1\nname: x\ntitle: x\nseverity: partial\nsteps:\n  - id: a\n    name: x\n    run: x\n")
}

fn picture_lines(drawn: &str) -> usize {
    drawn.lines().count()
}

/// A wide layer, long ids, steps with many needs, and a long chain.
fn large() -> String {
    let id = |at: usize| format!("step-{at:02}-{}", "x".repeat(at % 56));
    let step = |at: usize| {
        let needs: Vec<String> = match at {
            0 => vec![],
            1..40 => vec![id(0)],
            40 => (1..40).map(id).collect(),
            _ => vec![id(at - 1), id(at - 20)],
        };
        format!("  - id: {}\n    run: x\n    needs: [{}]\n    estimate: {}m\n", id(at), needs.join(", "), at % 7 + 1)
    };
    let steps: String = (0..100).map(step).collect();
    format!("version: 1\nname: large\nseverity: complete\nsteps:\n{steps}finally:\n  - id: last\n    run: x\n")
}

#[test]
fn a_hundred_steps_are_readable() {
    let picture = picture(&large());
    let text = text(&picture);
    let widest = text.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(120), "{widest:?}\n{text}");
    for step in &picture.steps {
        assert!(text.contains(&step.id), "{} is missing", step.id);
    }
    assert!(text.lines().all(|line| !line.ends_with(' ')));
    let svg = svg(&picture);
    assert_eq!(svg.matches("<g>").count(), 101);
    for (format, draw) in FORMATS {
        assert_eq!(draw(&picture), draw(&picture), "{format} is not always the same");
    }
}

#[test]
fn layers_go_down_and_finally_is_last() {
    let picture = picture(&large());
    for step in &picture.steps {
        assert!(step.needs.iter().all(|(need, _)| picture.steps[*need].layer < step.layer), "{}", step.id);
    }
    assert_eq!(picture.steps.iter().max_by_key(|step| step.layer).map(|step| step.id.as_str()), Some("last"));
}

#[test]
fn a_run_is_drawn_with_how_its_steps_ended() {
    let yaml = "version: 1\nname: x\nseverity: partial\nsteps:\n  - id: a\n    run: x\n  - id: b\n    run: x\n    needs: [a]\n";
    let runbook = parse_text("x.yaml", yaml).unwrap().runbook;
    let graph = Graph::of(&runbook).unwrap();
    let kept = Graph::kept(graph.nodes.clone(), graph.order().to_vec());
    let state = |node: usize| if node == 0 { Status::Succeeded } else { Status::Failed };
    let said = |node: usize| format!("{} {HOSTILE}", state(node).word());
    let facts = |node: usize| Facts { state: Some(state(node)), said: Some(said(node)), ..Facts::default() };
    let picture = Picture::made(HOSTILE.into(), &kept, vec![0, 1], facts);
    let drawn = inline(&picture, HOSTILE).into_string();
    assert!(
        drawn.contains("class=\"step critical well\"") && drawn.contains("class=\"step critical badly\""),
        "{drawn}"
    );
    assert!(drawn.contains("class=\"arrow critical\"") && !drawn.contains("<script"), "{drawn}");
    assert_eq!((drawn.matches("</svg>").count(), drawn.matches("<style").count()), (1, 0));
    let text = mermaid(&picture);
    assert!(text.contains("  class n0 well\n") && text.contains("  class n1 badly\n"), "{text}");
    assert!(!text.contains("<script") && !text.contains("`b`"), "{text}");
}

#[test]
fn without_estimates_nothing_is_marked() {
    let picture = harmless();
    assert!(picture.longest.is_empty() && !text(&picture).contains('*'));
    assert_eq!(picture.json()["critical_path"], json!([]));
}

#[test]
fn the_steps_of_an_include_are_drawn_between_it_and_what_needs_it() {
    let sound = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sound/include.yaml");
    let runbook = crate::runbook::load(Path::new(sound)).unwrap().runbook;
    let picture = Picture::of(&runbook, &Graph::of(&runbook).unwrap());
    let drawn = text(&picture);
    for (step, needs) in [("first/copy", "first"), ("tell", "first/after/each, second/after/each")] {
        let line = drawn.lines().find(|line| line.contains(&format!(" {step} "))).unwrap();
        let after = line.split_once("after ").unwrap().1;
        assert!(needs.split(", ").all(|need| after.contains(need)), "{drawn}");
    }
    let json = picture.json();
    let tell = json["steps"].as_array().unwrap().iter().find(|step| step["id"] == "tell").unwrap().clone();
    assert_eq!(tell["needs"], serde_json::json!(["first", "second"]));
    assert_eq!(dot(&picture).matches(" -> ").count(), picture.steps.iter().map(|step| step.needs.len()).sum::<usize>());
}
