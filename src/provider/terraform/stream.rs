//! What Terraform prints while it works: one JSON object a line, in a file that outlives who reads it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Child;

use super::said::Diagnostic;
use crate::model::Pulse;

/// One line, as far as it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Version,
    /// Something will be changed.
    Planned,
    /// Begun, going on, completed or failed: of one address.
    Hook(Hook),
    /// The end of an apply that went well.
    Applied,
    Error(Diagnostic),
    /// The whole state, because it could be written nowhere.
    Dump(String),
    Told(String),
    /// No JSON: a provider that crashed.
    Raw(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    pub address: String,
    pub action: String,
    pub stage: Stage,
    /// What the provider calls it, once it is made.
    pub id: Option<String>,
    pub seconds: u64,
    pub words: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Started,
    Going,
    Completed,
    Failed,
}

/// How the call ended.
pub struct Ended {
    /// None: by a signal.
    pub code: Option<i32>,
    pub lines: Vec<Line>,
}

/// How often the file is looked at.
const BEAT: Duration = Duration::from_millis(100);

/// Reads what `child` prints into `file` behind `from` until it has ended.
pub async fn follow(mut child: Child, file: &Path, from: u64, mut heed: impl FnMut(Option<Line>)) -> io::Result<Ended> {
    let mut reader = File::open(file)?;
    reader.seek(SeekFrom::Start(from))?;
    let (mut rest, mut kept) = (Vec::new(), Vec::new());
    let status = loop {
        let ended = tokio::time::timeout(BEAT, child.wait()).await;
        reader.read_to_end(&mut rest)?;
        let whole = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        for line in lines(&rest[..whole]) {
            if matches!(line, Line::Error(_) | Line::Raw(_) | Line::Dump(_) | Line::Applied) {
                kept.push(line.clone());
            }
            heed(Some(line));
        }
        rest.drain(..whole);
        match ended {
            Ok(status) => break status?,
            Err(_) => heed(None),
        }
    };
    if !rest.is_empty() {
        kept.extend(lines(&rest));
    }
    Ok(Ended { code: status.code(), lines: kept })
}

pub fn lines(text: &[u8]) -> Vec<Line> {
    text.split(|byte| *byte == b'\n').filter_map(read).collect()
}

fn read(line: &[u8]) -> Option<Line> {
    if line.iter().all(u8::is_ascii_whitespace) {
        return None;
    }
    let Ok(value) = serde_json::from_slice::<Value>(line) else {
        return Some(Line::Raw(String::from_utf8_lossy(line).into_owned()));
    };
    let message = value["@message"].as_str().unwrap_or_default().to_owned();
    let hook = |stage| Some(Line::Hook(hook(&value["hook"], stage, message.clone())));
    match value["type"].as_str().unwrap_or_default() {
        "version" => Some(Line::Version),
        "planned_change" if !matches!(value["change"]["action"].as_str(), Some("noop" | "read")) => Some(Line::Planned),
        "apply_start" => hook(Stage::Started),
        "apply_progress" => hook(Stage::Going),
        "apply_complete" => hook(Stage::Completed),
        "apply_errored" => hook(Stage::Failed),
        "change_summary" if value["changes"]["operation"] == "apply" => Some(Line::Applied),
        "diagnostic" => Diagnostic::read(&value["diagnostic"]).map(Line::Error).or(Some(Line::Told(message))),
        "log" if value.get("state").is_some() => Some(Line::Dump(match &value["state"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })),
        _ => Some(Line::Told(message)),
    }
}

fn hook(value: &Value, stage: Stage, words: String) -> Hook {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Hook {
        address: text(&value["resource"]["addr"]),
        action: text(&value["action"]),
        stage,
        id: value["id_value"].as_str().map(str::to_owned),
        seconds: value["elapsed_seconds"].as_u64().unwrap_or(0),
        words,
    }
}

/// The last word about each address that was begun.
pub fn hooks(text: &[u8]) -> BTreeMap<String, Hook> {
    let all = lines(text).into_iter().filter_map(|line| match line {
        Line::Hook(hook) => Some((hook.address.clone(), hook)),
        _ => None,
    });
    all.collect()
}

/// How far an apply is.
#[derive(Default)]
pub struct Progress {
    planned: u64,
    done: u64,
    doing: BTreeMap<String, (String, u64)>,
}

impl Progress {
    pub fn heed(&mut self, line: &Line) {
        match line {
            Line::Planned => self.planned += 1,
            Line::Hook(hook) => match hook.stage {
                Stage::Started | Stage::Going => {
                    self.doing.insert(hook.address.clone(), (hook.action.clone(), hook.seconds));
                }
                Stage::Completed => {
                    self.doing.remove(&hook.address);
                    self.done += 1;
                }
                Stage::Failed => {
                    self.doing.remove(&hook.address);
                }
            },
            _ => {}
        }
    }

    pub fn pulse(&self) -> Pulse {
        let longest = self.doing.iter().max_by_key(|(_, (_, seconds))| *seconds);
        let doing = longest.map_or_else(String::new, |(address, (action, seconds))| {
            let others =
                if self.doing.len() > 1 { format!(" and {} more", self.doing.len() - 1) } else { String::new() };
            format!("{action} {address}, {seconds} s{others}")
        });
        // A replace is completed twice: once gone, once made.
        let total = self.planned.max(self.done);
        Pulse { done: self.done, total: (total > 0).then_some(total), unit: "changes".into(), doing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = r#"{"@message":"Terraform 1.11.4","type":"version","ui":"1.2"}
{"@message":"x: Plan to create","type":"planned_change","change":{"resource":{"addr":"x"},"action":"create"}}
{"@message":"y: Plan to create","type":"planned_change","change":{"resource":{"addr":"y"},"action":"create"}}
{"@message":"x: Creating...","type":"apply_start","hook":{"resource":{"addr":"x"},"action":"create"}}
{"@message":"y: Creating...","type":"apply_start","hook":{"resource":{"addr":"y"},"action":"create"}}
{"@message":"x: done","type":"apply_complete","hook":{"resource":{"addr":"x"},"action":"create","id_key":"id","id_value":"7","elapsed_seconds":3}}
{"@message":"y: still","type":"apply_progress","hook":{"resource":{"addr":"y"},"action":"create","elapsed_seconds":10}}
panic: a provider
"#;

    #[test]
    fn progress_is_what_was_planned_and_what_is_complete() {
        let mut progress = Progress::default();
        lines(PRINTED.as_bytes()).iter().for_each(|line| progress.heed(line));
        let pulse = progress.pulse();
        assert_eq!((pulse.done, pulse.total, pulse.doing.as_str()), (1, Some(2), "create y, 10 s"));
    }

    #[test]
    fn what_was_begun_is_known_by_its_last_word() {
        let hooks = hooks(PRINTED.as_bytes());
        assert_eq!((hooks["x"].stage, hooks["x"].id.as_deref()), (Stage::Completed, Some("7")));
        assert_eq!(hooks["y"].stage, Stage::Going);
        assert!(lines(PRINTED.as_bytes()).contains(&Line::Raw("panic: a provider".into())));
    }

    #[test]
    fn a_state_that_was_printed_for_want_of_a_place_is_found() {
        let printed = br#"{"@message":"Emergency state dump","type":"log","state":{"version":4}}"#;
        assert_eq!(lines(printed), [Line::Dump(r#"{"version":4}"#.into())]);
    }
}
