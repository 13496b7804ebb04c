//! Pages: their form, their shape as JSON, and text that would like to be more than text.

use serde_json::Value;

use super::*;

/// Every tag of the page is closed, in the right order, and ids are there once.
pub fn nested(page: &str) {
    const VOID: [&str; 2] = ["meta", "!DOCTYPE"];
    let mut open: Vec<&str> = Vec::new();
    let body = page.replace(include_str!("../html/page.css"), "");
    for tag in body.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("a tag that ends");
        let name = tag.split([' ', '\n']).next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "in\n{page}"),
            None if VOID.contains(&name) => {}
            // The names live as long as the body, which is leaked for the test.
            None => open.push(Box::leak(name.to_string().into_boxed_str())),
        }
    }
    assert!(open.is_empty(), "{open:?} in\n{page}");
    let ids: Vec<&str> = body.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let distinct: std::collections::HashSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), distinct.len(), "{ids:?}");
}

#[test]
fn the_page_lets_nothing_in_and_says_what_its_pictures_show() {
    let page = written(&postmortem(&testing::ok()), Format::Html);
    assert_has(
        &page,
        &["content=\"default-src 'none'; style-src 'unsafe-inline';", "prefers-color-scheme: dark", "lang=\"en\""],
    );
    for svg in page.split("<svg ").skip(1) {
        let head = svg.split_once('>').unwrap().0;
        assert!(head.contains("role=\"img\"") && head.contains("aria-label=\""), "{head}");
    }
    assert_has(&page, &["<th scope=\"col\"", "<th scope=\"row\"", "class=\"step critical well\""]);
}

#[test]
fn many_steps_are_listed_and_not_drawn() {
    let ids: Vec<String> = (0..250).map(|at| format!("s{at}")).collect();
    let steps: Vec<(&str, &str, &str, &[&str])> = ids.iter().map(|id| (id.as_str(), "run", "", &[][..])).collect();
    let run = Golden::new(testing::outline(&steps));
    let report = postmortem(&run);
    let said = "No picture is drawn of more than 200 steps; this run has 250. The table of steps has them all.";
    for format in [Format::Markdown, Format::Html] {
        let text = written(&report, format);
        assert_has(&text, &[said, "s249"]);
        assert!(!text.contains("flowchart") && !text.contains("class=\"graph\""));
    }
}

/// Keys of an object and of all in it, but for what runbooks and people name.
fn keys(value: &Value, found: &mut std::collections::BTreeSet<String>) {
    const FREE: [&str; 3] = ["params", "outputs", "details"];
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                found.insert(key.clone());
                if !FREE.contains(&key.as_str()) {
                    keys(inner, found);
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|inner| keys(inner, found)),
        _ => {}
    }
}

#[test]
fn the_shape_of_the_json_is_documented() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/report.md")).unwrap();
    let mut found = std::collections::BTreeSet::new();
    for run in GOLDENS.iter().map(|golden| golden()).chain([by_hand()]) {
        keys(&serde_json::from_str(&written(&postmortem(&run), Format::Json)).unwrap(), &mut found);
    }
    let missing: Vec<_> = found.iter().filter(|key| !page.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "docs/report.md does not tell of {missing:?}");
}

/// What would like to be more than text, wherever somebody else says what stands there.
#[test]
fn hostile_text_stays_text_in_every_format() {
    const HOSTILE: &str = "```<script>alert(1)</script>` </style></svg>--> \u{1b}[2J\u{202e} \"><img src=x> | x";
    let mut outline = testing::rescue();
    outline.steps.iter_mut().for_each(|step| step.name = HOSTILE.into());
    let mut run = Golden::new(outline);
    run.starts("copy").wait(10);
    let mut fault = testing::fault().hint(HOSTILE);
    (fault.message, fault.causes) = (HOSTILE.into(), vec![HOSTILE.into()]);
    run.add(crate::model::Event::StepFailed { step: testing::at("copy"), fault });
    run.answered(crate::model::Verb::Skip { step: testing::at("copy") }, Some(HOSTILE));
    run.add(crate::model::Event::NoteAdded { text: HOSTILE.into(), who: testing::person(HOSTILE) });
    let entry = crate::model::ledger::LedgerEntry {
        kind: HOSTILE.into(),
        id: HOSTILE.into(),
        made_by: testing::at("copy"),
        temporary: false,
        scratch: false,
        put_aside: false,
        keep_until: None,
        keep_for_ms: None,
        remover: "run".into(),
        details: serde_json::json!({"remove": ["rm", HOSTILE]}),
    };
    run.add(crate::model::Event::LedgerAdded { entry });
    run.succeeds("load", serde_json::json!({"x": HOSTILE, "tables": [{"name": HOSTILE}]}));
    let report = postmortem(&run);
    let page = written(&report, Format::Html);
    nested(&page);
    assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
    let markdown = written(&report, Format::Markdown);
    assert!(!page.contains(['\u{1b}', '\u{202e}']) && !markdown.contains(['\u{1b}', '\u{202e}']));
    // In Markdown a tag is text between single backticks that everybody pairs alike, or is escaped.
    for line in markdown.lines().filter(|line| !line.contains("[\"")) {
        assert!(!outside_of_code(line).contains("<script"), "{line}");
    }
    let json = written(&report, Format::Json);
    assert!(!json.contains('\u{1b}'), "{json}");
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["steps"][0]["name"], HOSTILE);
}

/// A line of Markdown without its code spans, as CommonMark pairs runs of backticks.
fn outside_of_code(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while !rest.is_empty() {
        if let Some(escaped) = rest.strip_prefix('\\') {
            let width = escaped.chars().next().map_or(0, char::len_utf8);
            rest = &escaped[width..];
            continue;
        }
        let run = rest.len() - rest.trim_start_matches('`').len();
        if run == 0 {
            let c = rest.chars().next().unwrap();
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        }
        rest = &rest[run..];
        let mut from = 0;
        while let Some(at) = rest[from..].find('`').map(|at| at + from) {
            let closing = rest[at..].len() - rest[at..].trim_start_matches('`').len();
            if closing == run {
                rest = &rest[at + closing..];
                break;
            }
            from = at + closing;
        }
    }
    out
}
