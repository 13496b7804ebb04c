//! regrow with the kinds that come with it.

use std::process::ExitCode;

fn main() -> ExitCode {
    regrow::main(&[])
}
