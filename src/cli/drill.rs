//! `drill`: a run beside production. What becomes of each step then is said in [`crate::plan::rehearsal`].

use clap::Args;

use super::args::RunArgs;
use super::context::Context;
use super::{Failure, run};
use crate::model::record::Mode;

#[derive(Debug, Args)]
pub struct DrillArgs {
    #[command(flatten)]
    run: RunArgs,
    /// Leave what the drill makes where it is, until `regrow cleanup`
    #[arg(long)]
    keep: bool,
}

pub fn drill(context: &Context, args: DrillArgs) -> Result<u8, Failure> {
    run::begin(context, args.run, Mode::Drill, args.keep)
}
