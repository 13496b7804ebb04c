//! `report [RUN]`: the postmortem that writes itself, to stdout or a file. It is also in the run's folder after every end.

use super::args::{ReportArgs, ReportFormat};
use super::context::Context;
use super::exit;
use super::failure::Failure;
use super::looking::{self, print, talk};
use crate::report::postmortem::Postmortem;
use crate::report::{Format, render, replace};

pub fn report(context: &Context, args: &ReportArgs) -> Result<(), Failure> {
    let view = looking::view(context, args.run.as_deref())?;
    let format = match args.format {
        // `--json` asks for the same.
        _ if context.json => Format::Json,
        ReportFormat::Markdown => Format::Markdown,
        ReportFormat::Html => Format::Html,
        ReportFormat::Json => Format::Json,
    };
    let text = render(&Postmortem::of(&view), format);
    let Some(path) = args.output.as_deref().filter(|path| path.as_os_str() != "-") else { return print(&text) };
    replace(path, text.as_bytes()).map_err(|error| {
        let message = format!("`{}` cannot be written", path.display());
        Failure::new(exit::FAILED, message).code("RG8002").caused_by(&error)
    })?;
    talk(&format!("the report is in `{}`", path.display()));
    Ok(())
}
