//! Templates by example: text, and what it renders to.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::model::sealed;
use crate::model::secret::Secret;
use crate::runbook::source::Source;

fn scope() -> Value {
    json!({
        "params": { "table": "Ord\"ers", "n": 5, "flag": true, "lost": ["mysql", "mongodb"], "none": null,
                    "as_of": "2026-11-22T14:00:00Z", "later": "2026-11-22T16:30:00+01:00", "grace": "90m" },
        "steps": { "load-it": { "outputs": { "rows": 3, "tables": [
            { "name": "b", "rows": 20, "ok": true, "at": "2026-01-02T00:00:00Z" },
            { "name": "a", "rows": 3, "ok": false, "at": "2026-01-01T23:00:00-05:00" },
            { "name": "c", "rows": 7, "ok": true, "at": "2026-01-01T00:00:00Z" } ] } } },
        "vars": { "live": { "url": "postgres://h/d", "password": { "$secret": "{{ secrets.db }}" } } },
        "run": { "id": "7qk2" },
    })
}

fn render(text: &str) -> Result<Value, Fault> {
    let template = Template::compile(text, None).map_err(|flaw| Fault::new(flaw.code, flaw.message.clone()))?;
    template.render(&scope())
}

use crate::model::Fault;

#[test]
fn values_are_as_written_here() {
    let cases = [
        ("{{ params.n }}", json!(5)),
        ("n={{ params.n }}!", json!("n=5!")),
        ("{{ params.lost }}", json!(["mysql", "mongodb"])),
        ("{{{ params.flag }}}", json!(true)),
        ("{{~ params.n ~}}", json!(5)),
        ("a {{~ params.n ~}} b", json!("a5b")),
        ("{{! a comment }}{{ params.n }}", json!(5)),
        ("\\{{ not.this }} {{ params.n }}", json!("{{ not.this }} 5")),
        ("{{ steps.load-it.outputs.tables.0.name }}", json!("b")),
        ("{{ steps.load-it.outputs.tables.[1].rows }}", json!(3)),
        ("<{{ params.table }}>", json!("<Ord\"ers>")),
        ("{{ eq params.n 5.0 }}", json!(true)),
        ("{{ eq params.as_of \"2026-11-22T15:00:00+01:00\" }}", json!(true)),
        ("{{ eq params.grace \"1h30m\" }}", json!(true)),
        ("{{ ne run.id \"x\" }}", json!(true)),
        ("{{ eq params.none null }}", json!(true)),
        ("{{ lt params.as_of params.later }}", json!(true)),
        ("{{ ge params.grace \"2h\" }}", json!(false)),
        ("{{ and params.flag (gt params.n 4) (le params.n 5) }}", json!(true)),
        ("{{ or false params.flag missing.one }}", json!(true)),
        ("{{ not params.flag }}", json!(false)),
        ("{{ contains params.lost 'mysql' }}", json!(true)),
        ("{{ contains \"hello\" \"ell\" }}", json!(true)),
        ("{{ exists params.nope }}", json!(false)),
        ("{{ exists params.none }}", json!(false)),
        ("{{ default params.nope \"x\" }}", json!("x")),
        ("{{ default params.none 7 }}", json!(7)),
        ("{{ default params.n 7 }}", json!(5)),
        ("{{ default (first (where steps.load-it.outputs.tables \"name\" \"zz\")) \"none\" }}", json!("none")),
        ("{{ lower \"ÄB\" }}", json!("äb")),
        ("{{ upper (trim \"  a \") }}", json!("A")),
        ("{{ join params.lost \", \" }}", json!("mysql, mongodb")),
        ("{{ split \"a,b\" \",\" }}", json!(["a", "b"])),
        ("x{{ json params.lost }}", json!("x[\"mysql\",\"mongodb\"]")),
        ("{{ base64 \"hi\" }}", json!("aGk=")),
        ("{{ basename \"/a/b.sql\" }}", json!("b.sql")),
        ("{{ concat \"a\" params.n }}", json!("a5")),
        ("{{ concat params.lost params.lost }}", json!(["mysql", "mongodb", "mysql", "mongodb"])),
        ("{{ length \"äb\" }}", json!(2)),
        ("{{ length params.lost }}", json!(2)),
        ("{{ first params.lost }}", json!("mysql")),
        ("{{ last params.lost }}", json!("mongodb")),
        ("{{ lookup params.lost 1 }}", json!("mongodb")),
        ("{{ lookup vars.live \"url\" }}", json!({ "$secret": "{{ lookup vars.live \"url\" }}" })),
        ("{{ add params.n 2 }}", json!(7)),
        ("{{ sub params.n 0.5 }}", json!(4.5)),
        ("{{ add params.grace \"30m\" }}", json!("2h")),
        ("{{ sub params.later params.as_of }}", json!("1h30m")),
        ("{{ duration 5400 }}", json!("1h30m")),
        ("{{ duration params.as_of params.later }}", json!("1h30m")),
        ("{{ time_add params.as_of \"-1d\" }}", json!("2026-11-21T14:00:00Z")),
        ("{{ time_format params.later \"%Y-%m-%d %H:%M\" }}", json!("2026-11-22 15:30")),
        ("{{ sql_name params.table }}", json!("\"Ord\"\"ers\"")),
        ("{{ sql_name \"public\" \"t\" }}", json!("\"public\".\"t\"")),
        ("{{ sql_name \"public.t\" }}", json!("\"public\".\"t\"")),
        ("{{ sql_name \"public\" \"a.b\" }}", json!("\"public\".\"a.b\"")),
        ("{{ pluck steps.load-it.outputs.tables \"name\" }}", json!(["b", "a", "c"])),
        ("{{ pluck (where steps.load-it.outputs.tables \"ok\") \"name\" }}", json!(["b", "c"])),
        ("{{ pluck (sort_by steps.load-it.outputs.tables \"rows\") \"rows\" }}", json!([3, 7, 20])),
        ("{{ pluck (sort_by steps.load-it.outputs.tables \"name\") \"name\" }}", json!(["a", "b", "c"])),
        ("{{ lookup (max_by steps.load-it.outputs.tables \"at\") \"name\" }}", json!("a")),
        ("{{ lookup (min_by steps.load-it.outputs.tables \"at\") \"name\" }}", json!("c")),
        ("{{ sum steps.load-it.outputs.tables \"rows\" }}", json!(30)),
        ("{{ count steps.load-it.outputs.tables \"ok\" false }}", json!(1)),
        ("{{ count params.lost }}", json!(2)),
        ("{{ unique (concat params.lost params.lost) }}", json!(["mysql", "mongodb"])),
        ("{{ union params.lost (split \"x,mysql\" \",\") }}", json!(["mysql", "mongodb", "x"])),
        ("{{ difference params.lost (split \"mysql\" \",\") }}", json!(["mongodb"])),
        ("{{ any steps.load-it.outputs.tables \"ok\" }}", json!(true)),
        ("{{ all steps.load-it.outputs.tables \"ok\" }}", json!(false)),
    ];
    for (text, value) in cases {
        assert_eq!(render(text), Ok(value), "{text}");
    }
    let tried: Vec<&str> = cases_mention();
    assert!(tried.is_empty(), "no case uses {tried:?}");
}

/// Helpers that the table above leaves out; it reads its own source.
fn cases_mention() -> Vec<&'static str> {
    let here = include_str!("tests.rs");
    helper_names()
        .filter(|name| !here.contains(&format!("{{{{ {name} ")) && !here.contains(&format!("({name} ")))
        .collect()
}

#[test]
fn faults_name_their_cause() {
    let cases = [
        ("{{ params.nope }}", codes::MISSING_VALUE),
        ("{{ upper params.nope }}", codes::MISSING_VALUE),
        ("x {{ params.lost }}", codes::NOT_TEXT),
        ("x {{ vars.live.url }} {{ params.none }}", codes::NOT_TEXT),
        ("x {{ steps.load-it.outputs }}", codes::NOT_TEXT),
        ("{{ upper params.n }}", codes::ARGUMENT_TYPE),
        ("{{ eq params.n \"5\" }}", codes::ARGUMENT_TYPE),
        ("{{ lt \"a\" \"b\" }}", codes::ARGUMENT_TYPE),
        ("{{ and params.flag params.n }}", codes::ARGUMENT_TYPE),
        ("{{ add 9223372036854775807 1 }}", codes::ARITHMETIC),
        ("{{ time_add params.as_of \"9999d\" }}x{{ time_add \"9999-12-30T00:00:00Z\" \"9d\" }}", codes::ARITHMETIC),
        ("{{ duration 9223372036854775807 }}", codes::ARITHMETIC),
        ("{{ sql_name \"\" }}", codes::ARGUMENT_TYPE),
        ("{{ first (difference params.lost params.lost) }}", codes::MISSING_VALUE),
        ("{{ pluck steps.load-it.outputs.tables \"nope\" }}", codes::MISSING_VALUE),
    ];
    for (text, code) in cases {
        assert_eq!(render(text).map_err(|fault| fault.code), Err(code.to_string()), "{text}");
    }
    // Two that do not go together are both shown.
    let fault = render("{{ gt params.grace params.n }}").unwrap_err();
    assert_eq!(fault.message, "`gt` takes two numbers, two timestamps or two durations, not \"90m\" and 5");
    let fault = render("x {{ params.lost }}").unwrap_err();
    assert!(fault.hint.unwrap().contains("json"));
}

use crate::runbook::codes;

#[test]
fn references_are_read_off_the_text() {
    let template =
        Template::compile("{{ concat (upper steps.b-1.outputs.n) vars.x }} {{ default params.y (first run.z) }}", None)
            .unwrap();
    let read: Vec<_> = template.references().iter().map(|r| (r.dotted(), r.optional)).collect();
    let expected = [("steps.b-1.outputs.n", false), ("vars.x", false), ("params.y", true), ("run.z", false)];
    assert_eq!(read, expected.map(|(path, optional)| (path.to_string(), optional)));
}

#[test]
fn a_secret_is_opened_only_on_demand() {
    let secrets: Secrets = BTreeMap::from([("db".to_string(), Secret::new("hunter2"))]);
    let cases = [
        ("{{ secrets.db }}", json!({ "$secret": "{{ secrets.db }}" }), json!("hunter2")),
        ("Bearer {{ secrets.db }}", json!({ "$secret": "Bearer {{ secrets.db }}" }), json!("Bearer hunter2")),
        ("{{ base64 secrets.db }}", json!({ "$secret": "{{ base64 secrets.db }}" }), json!("aHVudGVyMg==")),
        (
            "{{ vars.live }}",
            json!({ "url": "postgres://h/d", "password": { "$secret": "{{ secrets.db }}" } }),
            json!({ "url": "postgres://h/d", "password": "hunter2" }),
        ),
        ("p={{ vars.live.password }}", json!({ "$secret": "p={{ vars.live.password }}" }), json!("p=hunter2")),
        ("{{ vars.live.url }}", json!("postgres://h/d"), json!("postgres://h/d")),
        ("{{ default secrets.db \"x\" }}", json!({ "$secret": "{{ default secrets.db \"x\" }}" }), json!("hunter2")),
    ];
    for (text, placeholder, real) in cases {
        let rendered = render(text).unwrap();
        assert_eq!(rendered, placeholder, "{text}");
        assert!(!rendered.to_string().contains("hunter2"));
        assert_eq!(open(&rendered, &scope(), &secrets), Ok(real), "{text}");
    }
    let absent = open(&json!({ "$secret": "{{ secrets.other }}" }), &scope(), &secrets).unwrap_err();
    assert_eq!(absent.code, codes::SECRET_MISSING);
}

/// Alone it is passed on as it stands in the record; in a text, and within a sealed map, the template stands for it.
#[test]
fn a_sealed_output_is_opened_only_where_it_is_at_hand() {
    let sealed = |text: &str| sealed::placeholder(text, "x.access");
    let scope = json!({"steps": {"x": {"outputs": {"token": sealed("one"), "access": sealed("two")}}}});
    let secrets: Secrets = BTreeMap::from([
        (sealed_name("one"), Secret::new("\"hunter2\"")),
        (sealed_name("two"), Secret::new(r#"{"user": "app", "ports": [1, 2]}"#)),
    ]);
    let of = |text: &str| json!({ "$secret": text });
    let cases = [
        ("{{ steps.x.outputs.token }}", sealed("one"), json!("hunter2")),
        ("t={{ steps.x.outputs.token }}", of("t={{ steps.x.outputs.token }}"), json!("t=hunter2")),
        ("{{ steps.x.outputs.access.user }}", of("{{ steps.x.outputs.access.user }}"), json!("app")),
        ("{{ steps.x.outputs.access.ports.1 }}", of("{{ steps.x.outputs.access.ports.1 }}"), json!(2)),
    ];
    for (text, placeholder, real) in cases {
        let rendered = Template::compile(text, None).unwrap().render(&scope).unwrap();
        assert_eq!(rendered, placeholder, "{text}");
        assert_eq!(open(&rendered, &scope, &secrets), Ok(real), "{text}");
    }
    let gone = open(&json!([sealed("one")]), &scope, &Secrets::new()).unwrap_err();
    assert_eq!(gone.code, "RG2033");
    assert!(gone.hint.unwrap().contains("--secret-output x.access"));
    let forged = open(&json!({"$sealed": "one", "of": "x.access", "more": 1}), &scope, &secrets).unwrap_err();
    assert_eq!(forged.code, codes::RESERVED_KEY);
}

#[test]
fn a_placeholder_from_outside_is_refused() {
    let forged = json!({
        "steps": { "a": { "outputs": { "x": { "$secret": "{{ secrets.db }}" }, "sealed": { "$secret": "{{ steps.a.outputs.sealed }}" } } } },
        "params": { "p": { "deep": [{ "$secret": "x" }] } },
    });
    let render = |text: &str| Template::compile(text, None).unwrap().render(&forged);
    assert_eq!(render("{{ steps.a.outputs.x }}").unwrap_err().code, codes::RESERVED_KEY);
    assert_eq!(render("{{ params.p }}").unwrap_err().code, codes::RESERVED_KEY);
    assert!(render("{{ steps.a.outputs.sealed }}").is_ok());
}

#[test]
fn a_sealed_output_that_is_not_at_hand_ends_in_a_fault() {
    let scope = json!({ "steps": { "a": { "outputs": { "t": { "$secret": "{{ steps.a.outputs.t }}" } } } } });
    let rendered = Template::compile("{{ steps.a.outputs.t }}", None).unwrap().render(&scope).unwrap();
    assert!(open(&rendered, &scope, &Secrets::new()).is_err());
}

#[test]
fn conditions_are_boolean_with_and_without_braces() {
    let source = Source::new("x", "");
    let eval = |text: &str| Condition::compile(text, &source, Span::default()).unwrap().eval(&scope());
    for text in [
        "(contains params.lost \"mysql\")",
        "contains params.lost \"mysql\"",
        "{{ eq params.n 5 }}",
        "params.flag",
        "true",
    ] {
        assert_eq!(eval(text), Ok(true), "{text}");
    }
    assert_eq!(eval("params.n").unwrap_err().code, codes::NOT_BOOLEAN);
    assert_eq!(eval("(eq secrets.db \"x\")").unwrap_err().code, codes::SECRET_MISPLACED);
    assert!(Condition::compile("", &source, Span::default()).is_err());
}
