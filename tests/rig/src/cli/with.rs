//! `cargo rig with NAME,NAME -- COMMAND…`: servers for the time of one command. Stdout is the command's alone.

use std::ffi::OsString;
use std::io;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;
use tokio::process::{Child, Command};

use super::{exit, ready, signals};
use crate::process::Identity;
use crate::reaper::Watched;
use crate::scratch::Scratch;
use crate::servers::{Offer, Running, offer};
use crate::tools::Tool;

/// How long the command may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(10);

pub async fn run(names: &[String], command: &[OsString]) -> Result<u8> {
    let mut offers: Vec<&Offer> = Vec::new();
    for name in names {
        let offer = offer(name).with_context(|| format!("there is no server `{name}`"))?;
        if !offers.iter().any(|known| known.name == offer.name) {
            offers.push(offer);
        }
    }
    let tools: Vec<Tool> = offers.iter().flat_map(|offer| offer.tools).copied().collect();
    let code = ready(&tools)?;
    if code != exit::DONE {
        return Ok(code);
    }
    // Before the first server, so that no signal finds us without a hand to clean up.
    let signals = signals::Signals::listen()?;
    let scratch = Watched::new()?;
    let servers = offers.iter().map(|offer| (offer.start)(&scratch)).collect::<Result<Vec<_>>>()?;
    serve(&scratch, &servers, command, signals).await
}

async fn serve(
    scratch: &Scratch,
    servers: &[Box<dyn Running>],
    command: &[OsString],
    mut signals: signals::Signals,
) -> Result<u8> {
    let (program, arguments) = command.split_first().context("no command")?;
    let env = servers.iter().flat_map(|server| server.env());
    let mut child = match Command::new(program).args(arguments).envs(env).kill_on_drop(true).spawn() {
        Ok(child) => child,
        Err(error) => {
            eprintln!("rig: cannot run {}: {error}", program.to_string_lossy());
            return Ok(if error.kind() == io::ErrorKind::NotFound { exit::NOT_FOUND } else { exit::NOT_EXECUTABLE });
        }
    };
    let process = child.id().and_then(|pid| Identity::of(i32::try_from(pid).ok()?));
    if let Some(process) = process {
        scratch.record(process, Signal::TERM)?;
    }
    tokio::select! {
        status = child.wait() => Ok(exit::of(status?)),
        signal = signals.next() => {
            if let Some(process) = process
                && !(signal == Signal::INT && signals::comes_from_terminal())
            {
                process.signal(signal);
            }
            end(&mut child, &mut signals).await
        }
    }
}

/// The command was asked to end. It gets its time, or until the next signal.
async fn end(child: &mut Child, signals: &mut signals::Signals) -> Result<u8> {
    tokio::select! {
        status = child.wait() => return Ok(exit::of(status?)),
        _ = tokio::time::sleep(GRACE) => {}
        _ = signals.next() => {}
    }
    child.kill().await?;
    Ok(exit::of(child.wait().await?))
}
