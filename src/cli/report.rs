//! `report [RUN]`: the postmortem that writes itself, to stdout or a file. It is also in the run's folder after every end.

use std::io::{self, BufWriter, Write};

use jiff::Timestamp;

use super::args::{ReportArgs, ReportFormat};
use super::context::Context;
use super::exit;
use super::failure::OUTPUT;
use super::failure::{Failure, written};
use super::looking::talk;
use crate::report::postmortem::Postmortem;
use crate::report::{Format, replace, write};

pub fn report(context: &Context, args: &ReportArgs) -> Result<(), Failure> {
    let dir = context.run_to_look_at(args.run.as_deref())?;
    let format = match args.format {
        // `--json` asks for the same.
        _ if context.json => Format::Json,
        ReportFormat::Markdown => Format::Markdown,
        ReportFormat::Html => Format::Html,
        ReportFormat::Json => Format::Json,
    };
    let report = Postmortem::gather(&dir, Timestamp::now());
    let Some(path) = args.output.as_deref().filter(|path| path.as_os_str() != "-") else {
        let mut out = BufWriter::new(io::stdout().lock());
        return written(write(&report, format, &mut out).and_then(|()| out.flush()));
    };
    replace(path, |out| write(&report, format, out)).map_err(|error| {
        let message = format!("`{}` cannot be written", path.display());
        Failure::new(exit::FAILED, OUTPUT, message).caused_by(&error)
    })?;
    talk(format_args!("the report is in `{}`", path.display()));
    Ok(())
}
