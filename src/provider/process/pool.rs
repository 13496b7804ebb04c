//! Supervisors of this executor, used again: starting one costs as much as most commands.
//!
//! A supervisor has one job at a time. It gets the job and the locked job file by a socket, says that it is free again just
//! before it lets the lock go, and ends when the socket does: at once if it is idle, after its job if it has one. A job that
//! was sent and not read is no job: the lock goes with the socket, and no mark was written.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};

use super::SUPERVISE;

/// More idle ones than this are let go.
const MOST: usize = 64;
const FREE: u8 = b'.';

static SUPERVISORS: Mutex<Vec<UnixStream>> = Mutex::new(Vec::new());

/// Hands a job and its locked file to a supervisor, an idle one if there is any.
pub fn hand_over(job: &[u8], lock: &File) -> io::Result<()> {
    if let Some(idle) = take_idle()
        && send(&idle, job, lock).is_ok()
    {
        keep(idle);
        return Ok(());
    }
    let fresh = spawn()?;
    send(&fresh, job, lock)?;
    keep(fresh);
    Ok(())
}

fn take_idle() -> Option<UnixStream> {
    let mut supervisors = SUPERVISORS.lock().unwrap_or_else(PoisonError::into_inner);
    let mut at = 0;
    while at < supervisors.len() {
        let mut word = [0];
        match (&supervisors[at]).read(&mut word) {
            Ok(1) if word[0] == FREE => {
                let idle = supervisors.swap_remove(at);
                return idle.set_nonblocking(false).is_ok().then_some(idle);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => at += 1,
            // It is gone; what became of its job is for `fate` to say.
            _ => drop(supervisors.swap_remove(at)),
        }
    }
    None
}

fn keep(supervisor: UnixStream) {
    let mut supervisors = SUPERVISORS.lock().unwrap_or_else(PoisonError::into_inner);
    // One that is not kept ends after its job.
    if supervisors.len() < MOST && supervisor.set_nonblocking(true).is_ok() {
        supervisors.push(supervisor);
    }
}

fn spawn() -> io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut command = Command::new("/proc/self/exe");
    command.arg(SUPERVISE).env_clear().stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    // Collected when it ends, so that no dead supervisor is left behind.
    std::thread::Builder::new().stack_size(64 * 1024).spawn(move || child.wait())?;
    Ok(ours)
}

fn send(to: &UnixStream, job: &[u8], lock: &File) -> io::Result<()> {
    let length = (job.len() as u64).to_le_bytes();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let files = [lock.as_fd()];
    if !control.push(SendAncillaryMessage::ScmRights(&files)) {
        return Err(io::Error::other("no room for a file descriptor"));
    }
    let sent = sendmsg(to, &[IoSlice::new(&length)], &mut control, SendFlags::NOSIGNAL)?;
    if sent != length.len() {
        return Err(io::ErrorKind::WriteZero.into());
    }
    let mut to = to;
    to.write_all(job)
}

/// The supervisor's side: the next job and its locked file, `None` once the executor is gone.
pub fn receive(from: &UnixStream) -> io::Result<Option<(Vec<u8>, File)>> {
    let mut length = [0; 8];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        match recvmsg(from, &mut [IoSliceMut::new(&mut length)], &mut control, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other?,
        }
    };
    if received.bytes == 0 {
        return Ok(None);
    }
    let files = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(files) => Some(files),
        _ => None,
    });
    let lock = files.flatten().next().map(File::from);
    let mut job = vec![0; usize::try_from(u64::from_le_bytes(length)).unwrap_or(0)];
    let mut from = from;
    from.read_exact(&mut job)?;
    match lock {
        Some(lock) if received.bytes == length.len() => Ok(Some((job, lock))),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// The supervisor's side: says that it can take another job.
pub fn say_free(to: &UnixStream) {
    let mut to = to;
    let _ = to.write_all(&[FREE]);
}
