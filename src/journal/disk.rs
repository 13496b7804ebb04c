//! The few things the journal asks of a file system, so that a simulated disk can stand in for the real one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A flat folder of files.
pub trait Disk {
    type File;

    fn list(&self) -> io::Result<Vec<String>>;
    fn open(&self, name: &str) -> io::Result<Box<dyn BufRead + '_>>;
    /// Makes a file that did not exist.
    fn create(&mut self, name: &str) -> io::Result<Self::File>;
    fn write(&mut self, file: &mut Self::File, bytes: &[u8]) -> io::Result<()>;
    /// Everything written to `file` survives a power cut once this returned.
    fn sync(&mut self, file: &mut Self::File) -> io::Result<()>;
    /// So do the names of the files.
    fn sync_names(&mut self) -> io::Result<()>;
    /// Keeps room for `bytes` more from `offset`, without making the file longer.
    fn reserve(&mut self, file: &mut Self::File, offset: u64, bytes: u64) -> io::Result<()>;
}

/// The real thing.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Disk for Folder {
    type File = File;

    fn list(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        names.collect()
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn BufRead + '_>> {
        Ok(Box::new(BufReader::with_capacity(256 * 1024, File::open(self.path.join(name))?)))
    }

    fn create(&mut self, name: &str) -> io::Result<File> {
        private().create_new(true).write(true).open(self.path.join(name))
    }

    fn write(&mut self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn sync(&mut self, file: &mut File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_names(&mut self) -> io::Result<()> {
        sync_folder(&self.path)
    }

    fn reserve(&mut self, file: &mut File, offset: u64, bytes: u64) -> io::Result<()> {
        self::reserve(file, offset, bytes)
    }
}

/// Keeps room without making the file longer.
pub fn reserve(file: &File, offset: u64, bytes: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;
    match fallocate(file, FallocateFlags::KEEP_SIZE, offset, bytes) {
        // Not every file system can; there the room is only known when it is used.
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        result => Ok(result?),
    }
}

/// Whether somebody has to make room first.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Opens files that only their owner reads, and never through a link.
pub fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32);
    options
}

pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
