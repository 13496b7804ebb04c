//! `cargo rig`: real servers for people, tests and benchmarks. The work is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    rig::cli::main()
}
