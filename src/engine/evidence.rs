//! What the folder of a run tells of work that its journal does not know.
//!
//! An intent is durable before its job is handed over. A job without one means that records are gone which had been written:
//! somebody cut or emptied the journal, or put an older copy in its place. Whatever they said would be done a second time, so
//! nothing is done at all. Where a crash itself left doubt, [`super::doubt`] knows which steps may have begun.

use std::collections::HashSet;
use std::path::PathBuf;

use crate::journal::JournalError;
use crate::model::RunState;
use crate::provider::process::JobFiles;

/// Refuses a journal that does not know what was handed over.
pub fn weigh(state: &RunState, segment: &str, handed_over: &[(String, PathBuf)]) -> Result<(), JournalError> {
    let known = state.steps.iter().filter(|(_, it)| it.attempts > 0 || it.generation > 1 || it.in_doubt.is_some());
    let known: HashSet<String> = known.map(|(step, _)| JobFiles::word(step)).collect();
    let Some((word, file)) = handed_over.iter().find(|(word, _)| !known.contains(word)) else { return Ok(()) };
    let file = file.file_name().unwrap_or_default().to_string_lossy();
    let what =
        format!("records are gone: `{}` was begun, says `work/{file}`, and no record does", word.replace('+', "/"));
    Err(JournalError::Damaged { file: segment.to_owned(), offset: 0, what })
}
