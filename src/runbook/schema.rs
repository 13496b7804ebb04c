//! The JSON schema of a runbook, for editors: made of the tables the reader reads by ([`super::keys`]) and of what the
//! kinds say of their fields.
//!
//! Draft 7, which editors know best. What belongs to the chosen `uses:` or `probe:` hangs on it by `if` and `then`: so an
//! editor completes the fields of that kind, and names the one field that is wrong instead of every kind that does not fit.
//! It sees the form of single values; names, references and the graph are judged by `check` alone.

use serde_json::{Map, Value, json};

use super::catalog::{Catalog, KindFace};
use super::duration;
use super::expect::Operator;
use super::keys::{self, Form, Keys};

/// Of a runbook.
pub fn schema(catalog: &dyn Catalog) -> Value {
    of_file(&keys::TOP, "A runbook of regrow", catalog)
}

/// Of a file that runbooks include.
pub fn part_schema(catalog: &dyn Catalog) -> Value {
    of_file(&keys::PART, "A file that runbooks of regrow include", catalog)
}

fn of_file(top: &Keys, title: &str, catalog: &dyn Catalog) -> Value {
    let kinds: Vec<&dyn KindFace> = catalog.names().into_iter().filter_map(|name| catalog.kind(name)).collect();
    let mut definitions = Map::new();
    definitions.insert("step".into(), step(&kinds));
    if top.names().any(|name| name == "holds") {
        definitions.insert("hold_step".into(), hold_step(&kinds));
    }
    definitions.insert("repair_step".into(), of_one_kind(&kinds, &keys::REPAIR_STEP));
    definitions.insert("proof".into(), proof(&kinds));
    definitions.insert("param".into(), param());
    definitions.insert("secret".into(), secret());
    definitions.insert("tests".into(), tests());
    definitions.insert("expect".into(), expect());
    definitions.insert("template".into(), template());
    for kind in &kinds {
        definitions.insert(with_name(*kind), with(*kind));
    }
    let mut schema = fields(top);
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!(title);
    schema["definitions"] = definitions.into();
    schema
}

fn template() -> Value {
    json!({"type": "string", "pattern": "\\{\\{", "description": "Text with a template, known when the run is."})
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/definitions/{name}")})
}

fn or_template(schema: Value) -> Value {
    json!({"anyOf": [schema, reference("template")]})
}

/// A key with nothing behind it counts as absent.
fn or_nothing(mut schema: Value) -> Value {
    if let Some(branches) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        branches.push(json!({"type": "null"}));
        return schema;
    }
    match schema.get("type").cloned() {
        Some(Value::String(only)) if schema.get("enum").is_none() => schema["type"] = json!([only, "null"]),
        Some(Value::Array(mut any)) => {
            any.push("null".into());
            any.dedup();
            schema["type"] = any.into();
        }
        None if schema.get("$ref").is_none() => {}
        _ => return json!({"anyOf": [schema, {"type": "null"}]}),
    }
    schema
}

/// Text that takes no template.
fn text() -> Value {
    json!({"type": "string", "not": {"pattern": "\\{\\{"}})
}

fn fields(keys: &Keys) -> Value {
    let properties: Map<String, Value> = keys.known.iter().map(|key| (key.name.into(), described(key))).collect();
    let required: Vec<&str> = keys.known.iter().filter(|key| key.required).map(|key| key.name).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn described(key: &keys::Key) -> Value {
    let mut schema = match form(key.form) {
        schema if !key.required => or_nothing(schema),
        // In draft 7 nothing counts beside a `$ref`.
        schema if schema.get("$ref").is_some() => json!({"allOf": [schema]}),
        schema => schema,
    };
    schema["description"] = json!(key.about);
    schema
}

fn form(form_of: Form) -> Value {
    match form_of {
        Form::Version => json!({"const": 1}),
        Form::Title => {
            json!({"type": "string", "pattern": "^[^\\n\\r]*\\S[^\\n\\r]*$", "maxLength": 200, "not": {"pattern": "\\{\\{"}})
        }
        Form::Text | Form::File(_) => text(),
        Form::TemplatedText => json!({"type": "string"}),
        Form::Template => reference("template"),
        Form::Id => json!({"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,62}$"}),
        Form::Needed => json!({"type": "string", "pattern": "^[a-z][a-z0-9_-]{0,62}(/release)?$"}),
        Form::Boolean => json!({"type": "boolean"}),
        Form::Count => json!({"type": "integer", "minimum": 1, "maximum": 1_000_000}),
        Form::Factor => json!({"type": "number", "minimum": 1, "maximum": 100}),
        Form::Duration => json!({"type": "string", "pattern": duration::PATTERN_SOME}),
        Form::DurationOrZero => json!({"anyOf": [{"type": "string", "pattern": duration::PATTERN}, {"const": 0}]}),
        Form::Estimate => or_template(form(Form::Duration)),
        Form::Moment => or_template(json!({"type": "string", "pattern": duration::TIMESTAMP_PATTERN})),
        Form::Clock => json!({"type": "string", "pattern": "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"}),
        Form::Condition => json!({"type": ["boolean", "string"]}),
        Form::RetryOn => {
            json!({"anyOf": [{"enum": keys::RETRY_ON}, {"type": "string", "pattern": "^[A-Z0-9_-]{3,}$"}]})
        }
        Form::Words(words) => json!({"type": "string", "enum": words()}),
        Form::Argv => json!({"type": "array", "items": text(), "minItems": 1}),
        Form::TemplatedArgv => json!({"type": "array", "items": {"type": "string"}, "minItems": 1}),
        Form::Script => json!({"type": "string", "not": {"pattern": "(^|[^\\\\])\\{\\{"}}),
        Form::Any => json!({}),
        Form::Plain => json!({"not": reference("template")}),
        Form::With => json!({"type": "object"}),
        Form::ProbeWith => or_template(json!({"type": "object"})),
        // The names are added where the kinds are known.
        Form::Kind | Form::Probe => json!({"type": "string"}),
        Form::Expect => reference("expect"),
        Form::Step => reference("step"),
        Form::HoldStep => reference("hold_step"),
        Form::RepairStep => reference("repair_step"),
        Form::Proof => reference("proof"),
        Form::Param => reference("param"),
        Form::Secret => reference("secret"),
        Form::Fields(keys) => fields(keys),
        Form::Named(inner) => {
            let name = json!({"pattern": "^[A-Za-z][A-Za-z0-9_-]{0,62}$"});
            json!({"type": "object", "propertyNames": name, "additionalProperties": form(*inner)})
        }
        Form::Map(inner) => json!({"type": "object", "additionalProperties": form(*inner)}),
        Form::List(inner) => json!({"type": "array", "items": form(*inner)}),
        Form::Filled(inner) => json!({"type": "array", "items": form(*inner), "minItems": 1}),
        Form::OneOrList(inner) => json!({"anyOf": [form(Form::List(inner)), form(*inner)]}),
        Form::Either(forms) => json!({"anyOf": forms.iter().map(|one| form(*one)).collect::<Vec<_>>()}),
    }
}

fn step(kinds: &[&dyn KindFace]) -> Value {
    let steps: Vec<_> = kinds.iter().filter(|kind| kind.is_step()).collect();
    let mut schema = fields(&keys::STEP);
    schema["properties"]["uses"]["enum"] = steps.iter().map(|kind| kind.name()).collect();
    schema["oneOf"] = ["uses", "run", "steps", "try", "include"].map(|key| json!({"required": [key]})).to_vec().into();
    schema["dependencies"] = json!({
        "succeeds_if": ["verify"],
        "outputs": ["steps"],
        "repair": {"properties": {"foreach": false}},
    });
    let mut rules = by_kind(&steps);
    for (key, taken) in [("include", keys::ON_INCLUDE), ("steps", keys::ON_BLOCK), ("try", keys::ON_TRY)] {
        let elsewhere = keys::STEP.names().filter(|name| !taken.contains(name));
        let elsewhere: Map<String, Value> = elsewhere.map(|name| (name.into(), json!(false))).collect();
        rules.push(json!({"if": {"required": [key]}, "then": {"properties": elsewhere}}));
    }
    schema["allOf"] = rules.into();
    schema
}

fn by_kind(steps: &[&&dyn KindFace]) -> Vec<Value> {
    let mut rules: Vec<Value> = steps.iter().map(|kind| chosen("uses", **kind, body(**kind))).collect();
    if let Some(run) = steps.iter().find(|kind| kind.name() == "run") {
        let mut short = body(**run);
        short["properties"]["with"] =
            json!({"allOf": [reference(&with_name(**run)), {"properties": {"script": false, "command": false}}]});
        rules.push(json!({"if": {"required": ["run"]}, "then": short}));
    }
    rules
}

fn hold_step(kinds: &[&dyn KindFace]) -> Value {
    let mut schema = of_one_kind(kinds, &keys::HOLD_STEP);
    schema["dependencies"] = json!({"succeeds_if": ["verify"]});
    schema
}

/// A step body that only a kind does.
fn of_one_kind(kinds: &[&dyn KindFace], taken: &Keys) -> Value {
    let steps: Vec<_> = kinds.iter().filter(|kind| kind.is_step()).collect();
    let mut schema = fields(taken);
    schema["properties"]["uses"]["enum"] = steps.iter().map(|kind| kind.name()).collect();
    schema["oneOf"] = json!([{"required": ["uses"]}, {"required": ["run"]}]);
    schema["allOf"] = by_kind(&steps).into();
    schema
}

/// What the kind says of a step: its fields, how it is undone.
fn body(kind: &dyn KindFace) -> Value {
    let mut rules = Map::new();
    let with = reference(&with_name(kind));
    rules.insert("with".into(), if required(kind.schema()).is_empty() { or_nothing(with) } else { with });
    if kind.name() == "run" {
        rules.insert("undo".into(), form(Form::TemplatedArgv));
    } else {
        rules.insert("creates".into(), json!(false));
        let undos = kind.undos();
        rules.insert("undo".into(), if undos.is_empty() { json!(false) } else { json!({"enum": undos}) });
    }
    json!({"properties": rules})
}

fn proof(kinds: &[&dyn KindFace]) -> Value {
    let probes: Vec<_> = kinds.iter().filter(|kind| kind.is_probe()).collect();
    let mut schema = fields(&keys::PROOF);
    schema["properties"]["probe"]["enum"] = probes.iter().map(|kind| kind.name()).collect();
    let with = |kind: &dyn KindFace| json!({"properties": {"with": or_template(reference(&with_name(kind)))}});
    schema["allOf"] = probes.iter().map(|kind| chosen("probe", **kind, with(**kind))).collect();
    schema
}

/// What holds where `key` names the kind. A kind with required fields needs its `with`.
fn chosen(key: &str, kind: &dyn KindFace, mut then: Value) -> Value {
    if !required(kind.schema()).is_empty() {
        then["required"] = json!(["with"]);
    }
    json!({"if": {"properties": {key: {"const": kind.name()}}, "required": [key]}, "then": then})
}

/// The fields that have to be there.
pub fn required(schema: &Value) -> Vec<String> {
    schema["required"].as_array().into_iter().flatten().filter_map(|name| Some(name.as_str()?.to_string())).collect()
}

fn with_name(kind: &dyn KindFace) -> String {
    format!("with {}", kind.name()).replace(' ', "-")
}

/// The fields of a kind: everything but plain text may also be a template, and references lead into this schema.
fn with(kind: &dyn KindFace) -> Value {
    let mut schema = kind.schema().clone();
    let place = format!("#/definitions/{}/$defs/", with_name(kind));
    if let Some(map) = schema.as_object_mut() {
        map.remove("$schema");
        map.remove("title");
        for (_, definition) in map.get_mut("$defs").and_then(Value::as_object_mut).into_iter().flatten() {
            inside(definition, &place);
        }
    }
    inside(&mut schema, &place);
    if let Some(script) = schema.pointer_mut("/properties/script") {
        *script = json!({"description": script["description"], "allOf": [form(Form::Script)]});
    }
    schema
}

fn inside(schema: &mut Value, place: &str) {
    let needed = required(schema);
    let Some(map) = schema.as_object_mut() else { return };
    for (name, property) in map.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        late(property, place);
        if !needed.contains(name) {
            *property = or_nothing(property.take());
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = map.get_mut(key).filter(|inner| inner.is_object()) {
            late(inner, place);
        }
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        map.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten().for_each(|part| inside(part, place));
    }
    if let Some(target) = map.get("$ref").and_then(Value::as_str) {
        let moved = target.replace("#/$defs/", place);
        map.insert("$ref".into(), moved.into());
    }
    // Editors would take it for another form of duration.
    if map.get("format") == Some(&json!("duration")) {
        map.remove("format");
        map.insert("pattern".into(), duration::PATTERN.into());
    }
}

/// A value of a field, or a template that gives it.
fn late(schema: &mut Value, place: &str) {
    inside(schema, place);
    let plain = schema["type"] == "string"
        && !["enum", "const", "pattern", "format", "minLength"].iter().any(|rule| schema.get(*rule).is_some());
    if plain || !schema.is_object() {
        return;
    }
    let description = schema.as_object_mut().and_then(|map| map.remove("description"));
    *schema = or_template(schema.take());
    if let Some(description) = description {
        schema["description"] = description;
    }
}

fn param() -> Value {
    let mut schema = fields(&keys::PARAM);
    schema["if"] = json!({"properties": {"type": {"enum": ["list", "map"]}}, "required": ["type"]});
    schema["else"] = json!({"properties": {"items": false}});
    schema
}

fn secret() -> Value {
    let mut schema = fields(&keys::SECRET);
    let sources = keys::SECRET_SOURCES.iter().filter_map(|(word, source)| Some((word, source.field()?)));
    let rules = sources.map(|(word, field)| {
        json!({"if": {"properties": {"from": {"const": word}}, "required": ["from"]}, "then": {"required": [field]}})
    });
    schema["allOf"] = rules.collect();
    schema
}

/// Operators, each with its operand.
fn operators() -> Map<String, Value> {
    Operator::ALL.iter().map(|(word, operator)| ((*word).to_string(), operand(*operator))).collect()
}

fn operand(operator: Operator) -> Value {
    let many = json!({"type": "array"});
    match operator {
        Operator::Between => or_template(json!({"type": "array", "minItems": 2, "maxItems": 2})),
        Operator::AtLeast | Operator::AtMost => json!({"type": ["number", "string"]}),
        Operator::Matches => json!({"type": "string"}),
        Operator::All | Operator::Any => json!({"anyOf": [many, reference("tests"), reference("template")]}),
        Operator::SameAcrossItems => json!({"const": true}),
        Operator::Refused => or_template(json!({"type": "boolean"})),
        Operator::Equals | Operator::Contains | Operator::Not => json!({}),
    }
}

fn tests() -> Value {
    json!({"type": "object", "properties": operators(), "additionalProperties": false})
}

fn expect() -> Value {
    let mapping = json!({
        "type": "object",
        "minProperties": 1,
        "properties": operators(),
        "additionalProperties": reference("tests"),
    });
    json!({"anyOf": [{"type": ["number", "boolean", "string"]}, mapping]})
}
