//! Tells people what happens and what happened.
//!
//! While a run goes on, observers are told each record once it is on disk: [`lines`] prints timestamped lines, [`terminal`]
//! a live view where there is a terminal, [`json_lines`] the records themselves. At every end [`write_all`] leaves the
//! report in the run's folder: [`chronicle`] goes through all records, with [`hours`] (whose time it was) and [`diary`] (who
//! waited for whom); [`postmortem`] is the report as data, of [`steps`], what was [`lost`], what is still [`open`], and the
//! [`paths`] that took longest; [`glance`] answers what is asked first; [`markdown`], [`html`] and its JSON are three ways to
//! write that down.

mod absence;
pub mod chronicle;
pub mod diary;
pub mod glance;
pub mod hours;
pub mod html;
pub mod json_lines;
pub mod lines;
pub mod lost;
pub mod markdown;
pub mod open;
pub mod paths;
mod picture;
pub mod postmortem;
mod scene;
pub mod steps;
pub mod terminal;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;

use crate::journal::disk::{private, sync_folder};
use crate::journal::store::RunDir;
use crate::view::clean;
use postmortem::Postmortem;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    Markdown,
    Html,
    Json,
}

impl Format {
    pub const ALL: [Format; 3] = [Format::Markdown, Format::Html, Format::Json];

    /// As runbooks and options write it.
    pub fn word(self) -> &'static str {
        match self {
            Format::Markdown => "markdown",
            Format::Html => "html",
            Format::Json => "json",
        }
    }

    /// Of the file in the run's folder.
    pub fn file_name(self) -> &'static str {
        match self {
            Format::Markdown => "report.md",
            Format::Html => "report.html",
            Format::Json => "report.json",
        }
    }
}

/// Columns of the tables that were brought back; `true`: numbers.
const TABLE_HEADS: [(&str, bool); 6] = [
    ("Table", false),
    ("Step", false),
    ("Rows", true),
    ("Only in live", true),
    ("Only in copy", true),
    ("Differ", true),
];

/// So many steps of a way are named.
const MOST_LEGS: usize = 50;

/// So many open matters are listed one by one.
const MOST_OPEN: usize = 50;

/// Writes the report down.
pub fn write(report: &Postmortem, format: Format, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Markdown => markdown::write(report, out),
        Format::Html => html::write(report, out),
        // By far the longest: never as one text beside what it is made of.
        Format::Json => {
            serde_json::to_writer_pretty(clean::Json(&mut *out), report)?;
            out.write_all(b"\n")
        }
    }
}

/// Writes the report in all formats into the run's folder. Each file is there whole or not at all.
pub fn write_all(run: &RunDir) -> io::Result<Vec<PathBuf>> {
    write_to(run, &Format::ALL, &run.path)
}

/// The same for some formats and another folder, which is there already.
pub fn write_to(run: &RunDir, formats: &[Format], folder: &Path) -> io::Result<Vec<PathBuf>> {
    let report = Postmortem::gather(run, Timestamp::now());
    let mut files = Vec::new();
    for format in formats {
        let path = folder.join(format.file_name());
        replace(&path, |out| write(&report, *format, out))?;
        files.push(path);
    }
    sync_folder(folder)?;
    Ok(files)
}

/// Puts a whole file in the place of an older one; only its owner reads it.
pub fn replace(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Steps that write the same report side by side do not share it.
    let draft = |path: &Path| private().create_new(true).write(true).open(path);
    let mut out = BufWriter::new(tempfile::Builder::new().make_in(folder, draft)?);
    write(&mut out)?;
    let draft = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    draft.as_file().sync_data()?;
    draft.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests;
