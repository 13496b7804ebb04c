//! What is given, judged and missing.

use super::*;
use crate::runbook::parse_text;

fn specs() -> IndexMap<String, ParamSpec> {
    let text = "version: 1\nname: x\nseverity: partial\nsteps: [{ id: a, run: echo }]\nparams:\n\
                \x20 table: { pattern: \"^[a-z]+$\", example: orders }\n\
                \x20 n: { type: integer, default: 1 }\n\
                \x20 at: { type: timestamp, default: now }\n\
                \x20 lost: { type: list, items: integer, default: [] }\n\
                \x20 mode: { enum: [swap, merge], default: swap }\n\
                \x20 url: { type: url, default: \"https://h/\" }\n\
                \x20 wait: { type: duration, default: 5m }\n\
                \x20 tags: { type: map, default: {} }\n";
    parse_text("x", text).unwrap().runbook.params
}

fn bound(given: &[(&str, &str)], file: Option<&str>) -> Result<Map<String, Value>, Vec<(&'static str, usize)>> {
    let given: Vec<_> = given.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
    let file = file.map(|text| ParamFile::parse(&Source::new("p.yaml", text)).unwrap());
    let now = "2026-11-22T10:00:00Z".parse().unwrap();
    bind(&specs(), &given, file.as_ref(), now).map_err(|problems| problems.iter().map(|p| (p.code, p.line)).collect())
}

#[test]
fn values_are_typed_and_now_is_resolved() {
    let all =
        bound(&[("table", "orders"), ("n", "5"), ("lost", "1"), ("lost", "2"), ("tags", "{\"a\":1}")], None).unwrap();
    let expected = json!({
        "table": "orders", "n": 5, "at": "2026-11-22T10:00:00Z", "lost": [1, 2], "mode": "swap", "url": "https://h/",
        "wait": "5m", "tags": { "a": 1 },
    });
    assert_eq!(Value::Object(all), expected);
    let file = bound(&[("n", "7")], Some("table: users\nn: 3\nlost: [4]\n")).unwrap();
    assert_eq!((&file["table"], &file["n"], &file["lost"]), (&json!("users"), &json!(7), &json!([4])));
}

#[test]
fn what_does_not_fit_is_refused_all_at_once() {
    type Case = (&'static [(&'static str, &'static str)], &'static [&'static str]);
    let cases: &[Case] = &[
        (&[], &[codes::PARAM_MISSING]),
        (&[("table", "Orders")], &[codes::PARAM_PATTERN]),
        (&[("table", "a"), ("n", "5x")], &[codes::PARAM_TYPE]),
        (&[("table", "a"), ("n", "5"), ("n", "6")], &[codes::PARAM_TWICE]),
        (&[("table", "a"), ("tabel", "b")], &[codes::PARAM_UNKNOWN]),
        (
            &[("table", "a"), ("mode", "swop"), ("wait", "90"), ("at", "2026-11-22")],
            &[codes::PARAM_TYPE, codes::PARAM_ENUM, codes::PARAM_TYPE],
        ),
        (&[("table", "a"), ("url", "https://u:p@h/")], &[codes::URL_PASSWORD]),
        (&[("table", "a"), ("lost", "x")], &[codes::PARAM_TYPE]),
    ];
    for (given, expected) in cases {
        let found = bound(given, None).unwrap_err();
        assert_eq!(found.iter().map(|(code, _)| *code).collect::<Vec<_>>(), *expected, "{given:?}");
    }
    assert_eq!(
        bound(&[], Some("table: a\nn: x\nzz: 1\n")).unwrap_err(),
        [(codes::PARAM_UNKNOWN, 3), (codes::PARAM_TYPE, 2)]
    );
    let problem = bind(&specs(), &[("tabel".into(), "b".into())], None, Timestamp::UNIX_EPOCH).unwrap_err();
    assert_eq!(problem[0].help.as_deref(), Some("did you mean `table`?"));
    assert_eq!(problem[1].help.as_deref(), Some("add `--param table=orders`"));
}

#[test]
fn what_is_required_depends_on_the_others() {
    let text = "version: 1\nname: x\nseverity: partial\nsteps: [{ id: a, run: echo }]\nparams:\n\
                \x20 mode: { enum: [one, all] }\n\
                \x20 table: { required_if: eq params.mode \"one\", example: it's, description: The lost one }\n\
                \x20 rows: { type: list, items: integer, required_if: (exists params.table), example: [1, 2] }\n";
    let specs = parse_text("x", text).unwrap().runbook.params;
    let given = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()
    };
    let now = Timestamp::UNIX_EPOCH;
    type Case = (&'static [(&'static str, &'static str)], &'static [&'static str]);
    let cases: &[Case] = &[
        (&[], &["mode"]),
        (&[("mode", "all")], &[]),
        (&[("mode", "one")], &["table"]),
        (&[("mode", "two")], &[]),
        (&[("mode", "one"), ("table", "t")], &["rows"]),
        (&[("mode", "all"), ("table", "t"), ("rows", "1")], &[]),
    ];
    for (pairs, wanted) in cases {
        assert_eq!(lacking(&specs, &given(pairs), None, now), *wanted, "{pairs:?}");
    }
    assert_eq!(
        bind(&specs, &given(&[("mode", "all")]), None, now).unwrap(),
        Map::from_iter([("mode".into(), json!("all"))])
    );
    let problem = &bind(&specs, &given(&[("mode", "one")]), None, now).unwrap_err()[0];
    let wanted = "the parameter `table` is missing (The lost one); it is required because of `eq params.mode \"one\"`";
    assert_eq!(problem.message, wanted);
    assert_eq!(problem.help.as_deref(), Some("add `--param table='it'\\''s'`"));
    let problems = bind(&specs, &given(&[("mode", "one"), ("table", "t")]), None, now).unwrap_err();
    assert_eq!(problems[0].help.as_deref(), Some("add `--param rows=1 --param rows=2`"));
    let problems = bind(&specs, &given(&[("mode", "all"), ("rows", "[1, \"x\", true]")]), None, now).unwrap_err();
    let wanted = "the parameter `rows` does not fit: item 2: `\"x\"` is not a whole number; item 3: `true` is not a whole number";
    assert_eq!(problems[0].message, wanted);
}

#[test]
fn passwords_in_urls_are_found() {
    for (text, clean) in [
        ("postgres://u:p@h/d", Some("postgres://u@h/d")),
        ("see mysql://u:p%40@h:3306/d now", Some("mysql://u@h:3306/d")),
        ("https://h/x?a=1&password=x", Some("https://h/x?a=1")),
        ("postgres://u@h:5432/d", None),
        ("https://h/a:b@c", None),
        ("no url: at@all", None),
    ] {
        assert_eq!(url_with_password(text).as_deref(), clean, "{text}");
    }
}
