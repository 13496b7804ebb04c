//! regrow with one kind more.

use std::process::ExitCode;

use regrow::kind::AnyKind;

use crate::maintenance::MaintenanceOn;

static OWN: [&dyn AnyKind; 1] = [&MaintenanceOn];

pub fn main() -> ExitCode {
    regrow::main(&OWN)
}
