//! Start and end of one `named` that is our own child.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::config::Role;
use super::relay::Relay;
use super::{Dns, LOOPBACK, PATIENCE, SECONDARY};
use crate::servers::free_port;
use crate::servers::own::Own;

impl Dns {
    pub(super) fn start_on_free_port(&mut self) -> Result<()> {
        for _ in 0..10 {
            self.ports = [free_port()?, free_port()?, free_port()?];
            self.configure()?;
            if self.try_start()? {
                return Ok(());
            }
            self.servers.clear();
            self.relay = None;
        }
        bail!("found no free port for BIND in ten attempts")
    }

    /// False if the port was taken.
    fn try_start(&mut self) -> Result<bool> {
        for role in Role::ALL {
            let named = self.spawn(role)?;
            self.servers.push(named);
            if !self.wait_ready(role)? {
                return Ok(false);
            }
        }
        let at = SocketAddr::from((SECONDARY, self.ports[Role::Primary as usize]));
        self.relay = Relay::start(at, SocketAddr::from((LOOPBACK, self.ports[Role::Secondary as usize]))).ok();
        Ok(self.relay.is_some())
    }

    fn spawn(&self, role: Role) -> Result<Own> {
        let log = self.home.join(role.name()).with_extension("log");
        let mut named = self.account.command(&self.program);
        named.args(["-g", "-n", "1", "-c"]).arg(self.home.join(role.name()).join("named.conf"));
        Own::spawn(&mut named, log, &self.scratch)
    }

    fn wait_ready(&mut self, role: Role) -> Result<bool> {
        let server = format!("{}:{}", LOOPBACK, self.ports[role as usize]);
        let token = format!("\"{}\"", self.token);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let named = self.servers.last_mut().context("not started")?;
            let over = named.is_over()?;
            let log = named.log();
            // It goes on without the sockets that it did not get.
            if log.contains("address in use") {
                return Ok(false);
            }
            if over {
                return Err(anyhow!("named did not start:\n{log}"));
            }
            if log.contains(" running")
                && self.dig(&server, "_rig", "TXT").is_ok_and(|answer| answer == [token.clone()])
            {
                return Ok(true);
            }
            ensure!(Instant::now() < deadline, "named is not ready:\n{log}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}
