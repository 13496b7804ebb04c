//! The fields of a kind, as its schema has them.

use serde_json::{Value, json};

use crate::model::secret::TAKES_SECRET;

#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// With the names it lies in: `backup.base`.
    pub name: String,
    pub form: String,
    pub required: bool,
    pub secret: bool,
    pub about: String,
    /// What may be chosen, each with what it means.
    pub choices: Vec<(String, String)>,
}

pub fn fields(schema: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    Walk { root: schema }.inside(schema, "", &mut found);
    found
}

struct Walk<'a> {
    root: &'a Value,
}

impl<'a> Walk<'a> {
    fn inside(&self, schema: &Value, within: &str, found: &mut Vec<Field>) {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let name = format!("{within}{name}");
            let own = self.resolve(field);
            let required =
                schema["required"].as_array().is_some_and(|all| all.iter().any(|one| *one == name[within.len()..]));
            let about = [field, own].iter().find_map(|it| it["description"].as_str()).unwrap_or_default();
            found.push(Field {
                form: self.form(own),
                required,
                secret: self.takes_secret(own),
                about: about.replace('\n', " "),
                choices: choices(own),
                name: name.clone(),
            });
            let items = if own["items"].is_object() { &own["items"] } else { &own["additionalProperties"] };
            // What stands in a list or under free names belongs to each of them.
            for (nested, mark) in [(own, "."), (self.resolve(items), "[].")] {
                // Deep enough for every kind; a type that holds itself ends here.
                if within.matches('.').count() < 3 {
                    self.inside(nested, &format!("{name}{mark}"), found);
                }
            }
        }
    }

    /// Behind references, and the one form that an optional field has.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let target = schema["$ref"].as_str().and_then(|path| self.root.pointer(path.trim_start_matches('#')));
        if let Some(target) = target {
            return self.resolve(target);
        }
        let branches: Vec<&Value> =
            schema["anyOf"].as_array().into_iter().flatten().filter(|branch| branch["type"] != "null").collect();
        if let [only] = branches[..] { self.resolve(only) } else { schema }
    }

    fn form(&self, schema: &'a Value) -> String {
        let schema = self.resolve(schema);
        let words: Vec<String> = choices(schema).into_iter().map(|(word, _)| word).collect();
        if !words.is_empty() {
            return words.join(" | ");
        }
        let branches = schema["anyOf"].as_array().or(schema["oneOf"].as_array());
        if let Some(branches) = branches {
            let mut forms: Vec<String> =
                branches.iter().filter(|branch| branch["type"] != "null").map(|branch| self.form(branch)).collect();
            forms.dedup();
            return forms.join(" or ");
        }
        let names: Vec<&str> = match &schema["type"] {
            Value::String(only) => vec![only],
            Value::Array(any) => any.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect(),
            _ => return "anything".into(),
        };
        names.into_iter().map(|name| self.named(name, schema)).collect::<Vec<_>>().join(" or ")
    }

    fn named(&self, name: &str, schema: &'a Value) -> String {
        match name {
            "string" => "text".into(),
            "array" if schema["items"].is_object() => format!("list of {}", self.form(&schema["items"])),
            "array" => "list".into(),
            "object" if schema["additionalProperties"].is_object() => {
                format!("mapping of {}", self.form(&schema["additionalProperties"]))
            }
            "object" => "mapping".into(),
            other => other.into(),
        }
    }

    fn takes_secret(&self, schema: &Value) -> bool {
        let here = |schema: &Value| schema[TAKES_SECRET] == true;
        here(schema) || here(&schema["additionalProperties"]) || here(&schema["items"])
    }
}

fn choices(schema: &Value) -> Vec<(String, String)> {
    let one = |word: &Value, about: &Value| {
        Some((word.as_str()?.to_string(), about.as_str().unwrap_or_default().replace('\n', " ")))
    };
    let plain = schema["enum"].as_array().into_iter().flatten().filter_map(|word| one(word, &Value::Null));
    // Variants that say what they mean come one by one, the others together.
    let told = schema["oneOf"].as_array().into_iter().flatten().flat_map(|branch| match branch["enum"].as_array() {
        Some(words) => words.iter().filter_map(|word| one(word, &Value::Null)).collect(),
        None => one(&branch["const"], &branch["description"]).into_iter().collect::<Vec<_>>(),
    });
    plain.chain(told).collect()
}

impl Field {
    pub fn text(&self) -> String {
        let notes = [(self.required, "required"), (self.secret, "takes a secret")];
        let notes: String = notes.iter().filter(|(so, _)| *so).map(|(_, note)| format!(", {note}")).collect();
        let mut text = format!("  {} ({}{notes})\n", self.name, self.form);
        if !self.about.is_empty() {
            text.push_str(&format!("      {}\n", self.about));
        }
        let told = self.choices.iter().filter(|(_, about)| !about.is_empty());
        text.extend(told.map(|(word, about)| format!("      `{word}`: {about}\n")));
        text
    }

    pub fn json(&self) -> Value {
        let choices: Vec<Value> =
            self.choices.iter().map(|(word, about)| json!({"value": word, "description": about})).collect();
        json!({
            "name": self.name,
            "type": self.form,
            "required": self.required,
            "secret": self.secret,
            "description": self.about,
            "choices": choices,
        })
    }
}
