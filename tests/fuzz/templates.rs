//! What holds of any template: it is refused or computed, the same each time, of the type that `check` foretells, and no
//! secret shows.

use std::path::Path;
use std::sync::Arc;

use fastrand::Rng;
use regrow::model::secret::Secret;
use regrow::runbook::source::{Source, Span};
use regrow::runbook::template::{Condition, Secrets, Template, Type, infer, open};
use serde_json::{Value, json};

use crate::mutate;

const PLANTED: &str = "hunter2-\u{e9}-planted";

pub fn attempt(seed: u64, _: &Path, shown: bool) -> usize {
    let text = mutate::template(&mut Rng::with_seed(seed));
    if shown {
        println!("{text}");
    }
    let source = Source::new("template", format!("name: {text}"));
    let place = Span::new(6, text.len());
    judge(&text, &source, place);
    if let Ok(condition) = Condition::compile(&text, &source, place) {
        let _ = condition.eval(&scope());
    }
    text.len()
}

fn judge(text: &str, source: &Arc<Source>, place: Span) {
    let template = match Template::compile(text, Some((source, place))) {
        Ok(template) => template,
        Err(flaw) => {
            assert!(flaw.at <= text.len() && !flaw.message.is_empty());
            let problem = flaw.problem(source, place);
            return assert!(problem.span.end() <= source.text.len(), "{problem:?}");
        }
    };
    assert_eq!(Template::compile(&template.text, Some((source, place))).as_ref(), Ok(&template));
    assert!(template.references().iter().all(|name| !name.path.is_empty() && name.span.end() <= source.text.len()));
    let scope = scope();
    let rendered = template.render(&scope);
    assert_eq!(rendered, template.render(&scope), "computed twice");
    let known = template.render_known(&scope);
    assert!(!known.contains(PLANTED));
    let Ok(value) = rendered else { return };
    assert!(!value.to_string().contains(PLANTED), "a secret shows in {value}");
    has_the_type_foretold(&template, &value);
    let secrets: Secrets = [("db".to_string(), Secret::new(PLANTED))].into();
    let _ = open(&value, &scope, &secrets);
}

fn has_the_type_foretold(template: &Template, value: &Value) {
    let Some(expr) = template.single().filter(|_| value.get("$secret").is_none()) else { return };
    let foretold = infer(expr, &|_| Type::Any, &mut |_, _| {});
    let fits = match foretold {
        Type::Any => true,
        Type::Text => value.is_string(),
        Type::Number => value.is_number(),
        Type::Boolean => value.is_boolean(),
        Type::Timestamp => value.as_str().is_some_and(|text| regrow::runbook::duration::parse_timestamp(text).is_ok()),
        Type::Duration => value.as_str().is_some_and(|text| regrow::runbook::duration::parse(text).is_ok()),
        Type::List => value.is_array(),
        Type::Map => value.is_object(),
    };
    assert!(fits, "{} was to be {foretold:?} and is {value}", template.text);
}

/// Values at the edges of their types.
fn scope() -> Value {
    json!({
        "params": {
            "n": 5, "big": i64::MAX, "small": i64::MIN, "f": f64::MAX, "t": "a,b\u{0}c \u{202e}", "time": "2026-11-22T14:00:00Z",
            "end": "9999-12-31T23:59:59Z", "long": "10000d", "l": ["x", "y", "x"], "deep": [{"a": {"b": 1}}, {"a": {"b": 2.5}}],
            "m": {"a": {"b": null}, "": 1}, "none": null,
        },
        "vars": { "s": { "$secret": "{{ secrets.db }}" } },
        "run": { "id": "7qk2" },
    })
}
