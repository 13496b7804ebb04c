//! Ctrl-C and its relatives (G17): the first asks to stop, the second and a hang-up detach.

use std::io;
use std::sync::mpsc::Sender;

use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::engine::command::Happening;

pub fn listen(runtime: &Runtime, sender: &Sender<Happening>) -> io::Result<()> {
    let _inside = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let sender = sender.clone();
    runtime.spawn(async move {
        let mut asked = false;
        loop {
            let detach = tokio::select! {
                _ = interrupt.recv() => asked,
                _ = terminate.recv() => asked,
                _ = hang_up.recv() => true,
            };
            asked = true;
            let happening = if detach { Happening::DetachRequested } else { Happening::StopRequested };
            if sender.send(happening).is_err() {
                return;
            }
        }
    });
    Ok(())
}
