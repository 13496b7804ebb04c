//! Parse, run, exit code; nothing else.

use std::process::ExitCode;

use regrow::provider::process;

fn main() -> ExitCode {
    // A supervisor starts a thousand times in a large run: it is told apart before anything else is set up.
    let code = match std::env::args_os().nth(1) {
        Some(word) if word == process::SUPERVISE => u8::try_from(process::supervisor_main()).unwrap_or(1),
        Some(word) if word == process::WORK => u8::try_from(regrow::kinds::work()).unwrap_or(1),
        _ => regrow::cli::main(),
    };
    ExitCode::from(code)
}
