//! `graph`: the steps of a runbook and what each needs, as a picture. Offline: nothing is bound and nothing is read but the file.

use std::path::{Path, PathBuf};

use super::args::Drawn;
use super::context::Context;
use super::failure::UNFIT;
use super::looking::{print, print_json};
use super::{Failure, check, exit};
use crate::graph::Graph;
use crate::graph::draw::{self, Picture};
use crate::kinds::Kinds;
use crate::runbook::{self, Problem, Runbook};

pub fn graph(context: &Context, file: &PathBuf, format: Drawn) -> Result<u8, Failure> {
    let Some(runbook) = sound(file) else { return check::check(context, std::slice::from_ref(file)) };
    let graph = Graph::as_written(&runbook).map_err(|why| Failure::usage(UNFIT, why))?;
    let picture = Picture::of(&runbook, &graph);
    if context.json {
        print_json(&picture.json())?;
        return Ok(exit::DONE);
    }
    print(match format {
        Drawn::Text => draw::text(&picture),
        Drawn::Dot => draw::dot(&picture),
        Drawn::Mermaid => draw::mermaid(&picture),
        Drawn::Svg => draw::svg(&picture),
    })?;
    Ok(exit::DONE)
}

/// A runbook without errors.
fn sound(file: &Path) -> Option<Runbook> {
    let loaded = runbook::load(file).ok()?;
    let broken = runbook::check(&loaded, &Kinds).iter().any(Problem::is_error);
    (!broken).then_some(loaded.runbook)
}
