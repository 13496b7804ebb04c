//! `completions`: what a shell has to know to complete the command line.

use clap::CommandFactory;
use clap_complete::Shell;

use super::Failure;
use super::args::Cli;
use super::looking::print;

pub fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "regrow", &mut script);
    print(String::from_utf8_lossy(&script))
}
