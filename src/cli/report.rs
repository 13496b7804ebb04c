//! `report [RUN]`: the postmortem that writes itself, to stdout or a file. It is also in the run's folder after every end.

use std::path::Path;

use super::exit;
use super::failure::Failure;
use super::looking::{Looking, print, talk};
use crate::report::postmortem::Postmortem;
use crate::report::{Format, render, replace};

pub fn report(ctx: &Looking, run: Option<&str>, format: Format, output: Option<&Path>) -> Result<(), Failure> {
    let view = ctx.view(run)?;
    let text = render(&Postmortem::of(&view), format);
    let Some(path) = output.filter(|path| path.as_os_str() != "-") else { return print(&text) };
    replace(path, text.as_bytes()).map_err(|error| {
        Failure::new(exit::FAILED, format!("`{}` cannot be written", path.display())).code("RG8005").caused_by(&error)
    })?;
    talk(&format!("the report is in `{}`", path.display()));
    Ok(())
}
