//! Reads what a command wrote to `$REGROW_OUTPUT`: `name=value`, or `name<<WORD`, lines, `WORD`.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::params::{OutputKind, OutputSpec};
use crate::kind::Outputs;
use crate::model::Fault;
use crate::provider::mask::{MASK, Masker};

/// What is shown of what cannot be read.
const SHORT: usize = 60;

/// Takes the declared names, typed. A name that is declared and not written is left out; reading it is an error later.
pub fn parse(text: &str, declared: &IndexMap<String, OutputSpec>, masker: &Masker) -> Result<Outputs, Fault> {
    let mut outputs = Map::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim().is_empty() {
            continue;
        }
        let shows = declared.values().all(|spec| !spec.secret);
        let (name, value) = entry(line, &mut lines, shows.then_some(masker))?;
        if let Some(spec) = declared.get(name) {
            outputs.insert(name.to_string(), typed(name, &value, spec, masker)?);
        }
    }
    Ok(outputs)
}

/// The first output that a secret was taken out of.
pub fn masked(text: &str) -> Option<&str> {
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        match entry(line, &mut lines, None) {
            Ok((name, value)) if value.contains(MASK) => return Some(name),
            _ => {}
        }
    }
    None
}

/// `shows`: what cannot be read may be shown, without secrets.
fn entry<'a>(
    line: &'a str,
    lines: &mut std::str::Lines<'a>,
    shows: Option<&Masker>,
) -> Result<(&'a str, String), Fault> {
    let heredoc = line.split_once("<<").filter(|(name, _)| !name.contains('='));
    let Some((name, word)) = heredoc else {
        return match line.split_once('=') {
            Some((name, value)) => Ok((name.trim(), value.to_string())),
            None => Err(bad(match shows {
                None => "a line is neither `name=value` nor `name<<WORD`".into(),
                Some(masker) => format!("`{}` is neither `name=value` nor `name<<WORD`", masker.excerpt(line, SHORT)),
            })),
        };
    };
    let word = word.trim();
    let mut body = Vec::new();
    for next in lines.by_ref() {
        if next.trim_end() == word {
            return Ok((name.trim(), body.join("\n")));
        }
        body.push(next);
    }
    let name = if shows.is_some() { name } else { "…" };
    Err(bad(format!("`{name}<<{word}` has no line `{word}` that ends it")))
}

fn typed(name: &str, text: &str, spec: &OutputSpec, masker: &Masker) -> Result<Value, Fault> {
    let found = || if spec.secret { String::new() } else { format!(", and is `{}`", masker.excerpt(text, SHORT)) };
    let wrong = |what: &str| bad(format!("output `{name}` should be {what}{}", found()));
    let json = |what: &str, fits: fn(&Value) -> bool| match serde_json::from_str::<Value>(text.trim()) {
        Ok(value) if fits(&value) => Ok(value),
        _ => Err(wrong(what)),
    };
    match spec.kind {
        OutputKind::String => Ok(text.into()),
        OutputKind::Integer => json("an integer", |v| v.is_i64() || v.is_u64()),
        OutputKind::Number => json("a number", Value::is_number),
        OutputKind::Boolean => json("`true` or `false`", Value::is_boolean),
        OutputKind::List => json("a list as JSON", Value::is_array),
        OutputKind::Map => json("a map as JSON", Value::is_object),
        OutputKind::Timestamp => match text.trim().parse::<jiff::Timestamp>() {
            Ok(at) => Ok(at.to_string().into()),
            Err(_) => Err(wrong("a timestamp with an offset")),
        },
    }
}

fn bad(message: String) -> Fault {
    Fault::new("RG2013", message).hint("write `name=value` or `name<<EOT`, lines, `EOT` to \"$REGROW_OUTPUT\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::secret::Secret;

    fn declared(names: &[(&str, OutputKind)]) -> IndexMap<String, OutputSpec> {
        names.iter().map(|(name, kind)| ((*name).to_string(), OutputSpec { kind: *kind, secret: false })).collect()
    }

    #[test]
    fn declared_names_are_taken_and_typed() {
        let text = "rows=12\nnote<<EOT\ntwo\nlines=x\nEOT\nlist=[1,2]\nother=ignored\n";
        let wanted = [("rows", OutputKind::Integer), ("note", OutputKind::String), ("list", OutputKind::List)];
        let outputs = parse(text, &declared(&wanted), &Masker::new([])).unwrap();
        assert_eq!(serde_json::to_string(&outputs).unwrap(), r#"{"rows":12,"note":"two\nlines=x","list":[1,2]}"#);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_name() {
        let parse = |text: &str, names: &[(&str, OutputKind)]| {
            let masker = Masker::new([&Secret::new("far-too-long-a-secret")]);
            parse(text, &declared(names), &masker).unwrap_err()
        };
        let fault = parse("rows=many\n", &[("rows", OutputKind::Integer)]);
        assert!(fault.message.contains("`rows` should be an integer"), "{fault}");
        parse("note<<EOT\nno end\n", &[]);
        for text in ["rows=", ""].map(|start| format!("{start}{} far-too-long-a-secret\n", "x".repeat(50))) {
            let fault = parse(&text, &[("rows", OutputKind::Integer)]);
            assert!(fault.message.contains("***") && !fault.message.contains("far-"), "{fault}");
        }
    }
}
