//! What a kind may reach. Reading and writing are different types: a plan cannot change anything because it is never
//! handed a [`WriteCx`].

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::Pulse;
use crate::model::record::Mode;
use crate::model::secret::Secret;

/// Leave to look.
#[derive(Clone, Debug)]
pub struct ReadCx {
    /// Folder of the runbook: relative paths start here.
    pub base: PathBuf,
    /// Where supervised processes of this run keep their files.
    pub work: PathBuf,
    pub mode: Mode,
    /// Every secret of the run: what a process prints is masked with them.
    pub secrets: Arc<[Secret]>,
}

impl ReadCx {
    /// A path as the runbook writes it.
    pub fn path(&self, written: &str) -> PathBuf {
        self.base.join(written)
    }
}

/// Leave to act. Only the engine grants it, after the intent is on disk.
#[derive(Clone, Debug)]
pub struct WriteCx(ReadCx);

impl WriteCx {
    pub(crate) fn grant(read: ReadCx) -> Self {
        Self(read)
    }
}

impl Deref for WriteCx {
    type Target = ReadCx;

    fn deref(&self) -> &ReadCx {
        &self.0
    }
}

/// Leave to act for a long time, in a process of its own under the supervisor.
pub struct WorkCx {
    write: WriteCx,
    pulse: Box<dyn Fn(Pulse) + Send + Sync>,
}

impl WorkCx {
    pub(crate) fn new(write: WriteCx, pulse: impl Fn(Pulse) + Send + Sync + 'static) -> Self {
        Self { write, pulse: Box::new(pulse) }
    }

    /// Says how far the work is. Cheap; the supervisor keeps the latest.
    pub fn pulse(&self, pulse: Pulse) {
        (self.pulse)(pulse);
    }

    /// Says one line into the step's log.
    pub fn say(&self, line: &str) {
        eprintln!("{line}");
    }

    pub fn base(&self) -> &Path {
        &self.base
    }
}

impl Deref for WorkCx {
    type Target = WriteCx;

    fn deref(&self) -> &WriteCx {
        &self.write
    }
}
