//! What a kind may reach. Reading and writing are different types: a plan cannot change anything because it is never
//! handed a [`WriteCx`].

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::model::record::Mode;
use crate::model::secret::Secret;
use crate::model::{Address, Fault, Pulse};
use crate::provider::mask::{self, Masker, SHORTEST};
use crate::provider::seal::Seal;
use crate::runbook::ast::Rpo;

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
    /// For outputs that are secret; absent where the run can have none, or its key is gone.
    pub seal: Option<Seal>,
    /// What the runbook promises: the longest stretch that may be lost.
    pub rpo: Rpo,
}

impl ReadCx {
    /// What stands in records for a value that is secret.
    pub fn seal(&self, step: &Address, name: &str, value: &Value) -> Result<Value, Fault> {
        if mask::texts(value).is_empty() {
            let why = format!("output `{name}` of `{step}` is secret, and shorter than {SHORTEST} characters");
            return Err(Fault::new("RG2022", why).hint("so short a secret cannot be kept out of logs"));
        }
        match &self.seal {
            Some(seal) => seal.close(step, name, value),
            None => Err(self.unsealable(step, name)),
        }
    }

    pub fn unsealable(&self, step: &Address, name: &str) -> Fault {
        Fault::new("RG2032", format!("output `{name}` of `{step}` is secret, and there is no key to seal it"))
            .hint("put the key of this run back, as the note at the start of `regrow resume` says; then retry")
    }

    /// For what is cut before it is handed on, where all of it is masked.
    pub fn masker(&self) -> Masker {
        Masker::new(self.secrets.iter())
    }

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
