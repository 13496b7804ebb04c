//! Answers from other processes: one synced file each, named after the answer.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use crate::engine::command::Happening;
use crate::journal::disk::sync_folder;
use crate::journal::store::write_private;
use crate::model::Answer;
use crate::model::record::{Event, Record};

/// How long an answer may lie before it is seen.
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub struct Inbox {
    folder: PathBuf,
}

impl Inbox {
    /// Hands on every answer in `folder`, those that lie there already included, each once.
    pub fn watch(folder: PathBuf, sender: Sender<Happening>) -> Self {
        let watched = folder.clone();
        thread::spawn(move || {
            let mut seen = BTreeSet::new();
            loop {
                for (path, answer) in pending(&watched) {
                    if seen.insert(path) && sender.send(Happening::Answered(answer)).is_err() {
                        return;
                    }
                }
                thread::sleep(LOOK_EVERY);
            }
        });
        Self { folder }
    }

    /// Takes away the files of answers whose verdict is on disk.
    pub fn forget_judged(&self, records: &[Record]) {
        for record in records {
            if let Event::AnswerAccepted { answer } | Event::AnswerRefused { answer, .. } = &record.event {
                let _ = fs::remove_file(self.folder.join(file_name(&answer.id)));
            }
        }
    }
}

/// Answers that nobody has judged yet, oldest first.
pub fn pending(folder: &Path) -> Vec<(PathBuf, Answer)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let read = |path: PathBuf| {
        let answer: Answer = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
        Some((path, answer))
    };
    let files = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "json"));
    let mut answers: Vec<_> = files.filter_map(read).collect();
    answers.sort_by_key(|(_, answer)| answer.at);
    answers
}

/// Puts an answer into the inbox; it is on disk when this returns.
pub fn deliver(folder: &Path, answer: &Answer) -> io::Result<PathBuf> {
    let draft = folder.join(format!("{}.draft", answer.id));
    let path = folder.join(file_name(&answer.id));
    write_private(&draft, &serde_json::to_vec(answer).map_err(io::Error::other)?)?;
    fs::rename(&draft, &path)?;
    sync_folder(folder)?;
    Ok(path)
}

fn file_name(id: &str) -> String {
    format!("{id}.json")
}
