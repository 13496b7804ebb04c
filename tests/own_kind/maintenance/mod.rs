//! `maintenance.on`: puts a page where the web server looks for it, so that visitors read what is going on.
//!
//! The page carries the operation id: that is how it is known as ours after a crash.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use regrow::kind::{Foresight, Found, Kind, Made, Next, Op, Outputs, Prepared, ReadCx, Undone, WriteCx};
use regrow::model::ledger::LedgerEntry;
use regrow::model::{Effect, Fault, RetryClass};
use regrow::runbook::catalog::{Complaint, Known, Late, OutputType, Shape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The fields of `with`: `explain`, the schema and `check` are made of them.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Where the web server looks for the page.
    file: String,
    /// What visitors read.
    text: String,
}

/// Taken once, before anything is done, and kept in the journal: undo looks here, wherever it runs.
#[derive(Serialize, Deserialize)]
pub struct Prior {
    file: PathBuf,
}

pub struct MaintenanceOn;

impl Kind for MaintenanceOn {
    const NAME: &'static str = "maintenance.on";
    const PAGE: &'static str = include_str!("page.md");
    type Params = Params;
    type Prior = Prior;

    fn example() -> &'static str {
        "id: closed\nuses: maintenance.on\nneeds: []\nwith: { file: /srv/www/maintenance.html, text: Back at noon }\n"
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        match with.get(&["text"]) {
            Known::Known(Value::String(text)) if text.trim().is_empty() => vec![Complaint {
                path: vec!["text".into()],
                code: "PAGE01",
                message: "visitors would read an empty page".into(),
                help: Some("say what happened, and until when".into()),
            }],
            _ => Vec::new(),
        }
    }

    fn effect(&self, _: &Late<'_>) -> Effect {
        Effect::KeyedCreate
    }

    fn outputs(&self, _: &Late<'_>) -> Shape {
        Shape::of([("file", OutputType::Text)])
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        Foresight::touching(with.text(&["file"]).map(|file| format!("page {file}")))
    }

    fn undos(&self) -> &'static [&'static str] {
        &["off"]
    }

    async fn prepare(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<Prepared<Prior>, Fault> {
        let file = std::path::absolute(cx.path(&op.params.file)).map_err(|error| broken(&op.params.file, error))?;
        if let Some(text) = read(&file)? {
            return Err(foreign(&file, &text));
        }
        let changes = vec![format!("visitors read `{}` from {}", op.params.text, file.display())];
        let id = file.display().to_string();
        let made = Made { kind: "page".into(), id, scratch: false, details: json!({ "op": op.id }) };
        Ok(Prepared::new(Prior { file }, changes).creating(vec![made]))
    }

    async fn find(&self, _: &ReadCx, op: &Op<Params, Prior>) -> Result<Found, Fault> {
        Ok(match read(&op.prior.file)? {
            None => Found::Absent,
            Some(text) if text == page(op) => Found::Done(done(op)),
            Some(text) => Found::Foreign(foreign(&op.prior.file, &text)),
        })
    }

    /// Whole or not at all, and never over another page: a link to a finished file, which fails where there is one.
    async fn start(&self, _: &WriteCx, op: &Op<Params, Prior>) -> Result<(), Fault> {
        let file = &op.prior.file;
        let part = file.with_extension("regrow-part");
        let made = fs::write(&part, page(op)).and_then(|()| fs::hard_link(&part, file));
        let _ = fs::remove_file(&part);
        made.map_err(|error| broken(&file.display().to_string(), error))
    }

    async fn watch(&self, _: &ReadCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
        Ok(done(op))
    }

    async fn undo(&self, _: &WriteCx, op: &Op<Params, Prior>, _: &Value, _: &Outputs) -> Result<Undone, Fault> {
        let id = op.prior.file.display().to_string();
        take_away(&op.prior.file, op.id.as_str())?;
        Ok(Undone { facts: vec![format!("visitors do not read {id} any more")], gone: vec![id] })
    }

    async fn remove(&self, _: &WriteCx, entry: &LedgerEntry, _: &Value) -> Result<(), Fault> {
        take_away(&PathBuf::from(&entry.id), entry.details["op"].as_str().unwrap_or_default())
    }
}

fn page(op: &Op<Params, Prior>) -> String {
    format!("<p>{}</p>\n<!-- {} -->\n", op.params.text, op.id)
}

fn done(op: &Op<Params, Prior>) -> Next {
    Next::Done(Outputs::from_iter([("file".to_string(), json!(op.prior.file))]))
}

/// Gone already is as good; what is not ours stays.
fn take_away(file: &PathBuf, op: &str) -> Result<(), Fault> {
    match read(file)? {
        Some(text) if text.contains(&format!("<!-- {op} -->")) => {
            fs::remove_file(file).map_err(|error| broken(&file.display().to_string(), error))
        }
        Some(text) => Err(foreign(file, &text)),
        None => Ok(()),
    }
}

fn read(file: &PathBuf) -> Result<Option<String>, Fault> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(broken(&file.display().to_string(), error)),
    }
}

fn foreign(file: &std::path::Path, text: &str) -> Fault {
    let first = text.lines().next().unwrap_or_default();
    Fault::new("PAGE02", format!("{} holds another page: {first}", file.display()))
        .hint("ask who put it there; it is not overwritten")
}

fn broken(file: &str, error: std::io::Error) -> Fault {
    Fault::new("PAGE03", format!("`{file}` cannot be read or written")).caused_by(&error).retry(RetryClass::Now)
}
