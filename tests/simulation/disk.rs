//! A disk in memory that loses what was not synced, in every way the fault model names.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Cursor, ErrorKind};

use fastrand::Rng;
use regrow::journal::Disk;

use crate::machine::{Machine, Shared, Stop};

/// All files of one run's folder.
#[derive(Clone, Default)]
pub struct Platter {
    pub files: BTreeMap<String, SimFile>,
    /// Bytes that may still be written; `None`: no end of it.
    pub room: Option<u64>,
    /// The newest sync or write failed, and the executor was told.
    pub failed: bool,
    /// The newest question for room was answered with no.
    pub refused_room: bool,
}

#[derive(Clone, Default)]
pub struct SimFile {
    /// What a reader sees while the machine is up.
    pub cache: Vec<u8>,
    /// So much of it is on the platter for certain.
    pub synced: usize,
    /// Unsynced writes, by where they end.
    pub writes: Vec<usize>,
    /// Its name is on the platter.
    pub named: bool,
    /// A sync of it failed once: the kernel has forgotten which pages were dirty, and later syncs prove nothing.
    pub broken: bool,
}

/// What a power cut makes of one write that was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Kept,
    Dropped,
    Cut,
    Zeroed,
    Garbage,
}

pub const FATES: [Fate; 5] = [Fate::Dropped, Fate::Kept, Fate::Cut, Fate::Zeroed, Fate::Garbage];

impl Platter {
    /// The power goes. `fate` is asked for each unsynced write, `keeps_name` for each unsynced name.
    pub fn power_cut(
        &mut self,
        rng: &mut Rng,
        mut fate: impl FnMut(&mut Rng) -> Fate,
        keeps_name: &mut dyn FnMut() -> bool,
    ) {
        self.files.retain(|_, file| file.named || keeps_name());
        for file in self.files.values_mut() {
            let mut start = file.synced;
            let mut rest = vec![0; file.cache.len() - file.synced];
            let mut end_of_file = 0;
            for end in std::mem::take(&mut file.writes) {
                let written = &file.cache[start..end];
                let at = start - file.synced;
                let there: Vec<u8> = match fate(rng) {
                    Fate::Kept => written.to_vec(),
                    Fate::Dropped => Vec::new(),
                    Fate::Cut => written[..rng.usize(..=written.len())].to_vec(),
                    Fate::Zeroed => vec![0; written.len()],
                    Fate::Garbage => {
                        written.iter().map(|byte| if rng.u8(..4) == 0 { rng.u8(..) } else { *byte }).collect()
                    }
                };
                rest[at..at + there.len()].copy_from_slice(&there);
                if !there.is_empty() {
                    end_of_file = at + there.len();
                }
                start = end;
            }
            rest.truncate(end_of_file);
            file.cache.truncate(file.synced);
            file.cache.extend(rest);
            // What survived the cut is on the platter, whatever it is.
            (file.synced, file.named, file.broken) = (file.cache.len(), true, false);
        }
        (self.failed, self.refused_room) = (false, false);
    }

    /// The executor is gone, the machine is not: everything written can still be read.
    pub fn killed(&mut self) {
        (self.failed, self.refused_room) = (false, false);
    }

    fn take_room(&mut self, bytes: usize) -> usize {
        let Some(room) = &mut self.room else { return bytes };
        let fits = usize::try_from(*room).unwrap_or(usize::MAX).min(bytes);
        *room -= fits as u64;
        fits
    }
}

/// What goes wrong at one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    Eio,
    Full,
}

fn trouble_error(trouble: Trouble) -> io::Error {
    match trouble {
        Trouble::Eio => io::Error::from_raw_os_error(5),
        Trouble::Full => ErrorKind::StorageFull.into(),
    }
}

/// The journal's way to the platter.
#[derive(Clone)]
pub struct SimDisk(pub Shared);

impl SimDisk {
    /// One operation: the machine may stop here, or the operation may fail.
    fn operate<T>(&self, perform: impl FnOnce(&mut Machine, Option<Trouble>) -> io::Result<T>) -> io::Result<T> {
        let mut machine = self.0.borrow_mut();
        let trouble = machine.tick();
        let result = perform(&mut machine, trouble);
        if result.is_err() {
            machine.platter.failed = true;
        }
        result
    }
}

impl Disk for SimDisk {
    type File = String;

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.borrow().platter.files.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn BufRead + '_>> {
        let machine = self.0.borrow();
        let file = machine.platter.files.get(name).ok_or(ErrorKind::NotFound)?;
        Ok(Box::new(Cursor::new(file.cache.clone())))
    }

    fn create(&mut self, name: &str) -> io::Result<String> {
        self.operate(|machine, trouble| {
            if let Some(trouble) = trouble {
                return Err(trouble_error(trouble));
            }
            if machine.platter.files.contains_key(name) {
                return Err(ErrorKind::AlreadyExists.into());
            }
            machine.platter.files.insert(name.to_string(), SimFile::default());
            Ok(name.to_string())
        })
    }

    fn write(&mut self, file: &mut String, bytes: &[u8]) -> io::Result<()> {
        // A stop in the middle of a write leaves a part of it.
        let stopped = self.0.borrow_mut().stops_here();
        if let Some(stop) = stopped {
            let part = match stop {
                Stop::Kill { half_written: true } => bytes.len() / 2,
                Stop::Kill { half_written: false } => 0,
                Stop::Power(_) => bytes.len(),
            };
            append(&mut self.0.borrow_mut().platter, file, &bytes[..part]);
        }
        self.operate(|machine, trouble| {
            let platter = &mut machine.platter;
            let fits = match trouble {
                Some(_) => bytes.len() / 3,
                None => platter.take_room(bytes.len()),
            };
            append(platter, file, &bytes[..fits]);
            match trouble {
                Some(trouble) => Err(trouble_error(trouble)),
                None if fits < bytes.len() => Err(ErrorKind::StorageFull.into()),
                None => Ok(()),
            }
        })
    }

    fn sync(&mut self, file: &mut String) -> io::Result<()> {
        self.operate(|machine, trouble| {
            let Some(file) = machine.platter.files.get_mut(file.as_str()) else {
                return Err(ErrorKind::NotFound.into());
            };
            if let Some(trouble) = trouble {
                file.broken = true;
                return Err(trouble_error(trouble));
            }
            if !file.broken {
                file.synced = file.cache.len();
                file.writes.clear();
            }
            Ok(())
        })
    }

    fn sync_names(&mut self) -> io::Result<()> {
        self.operate(|machine, trouble| {
            if let Some(trouble) = trouble {
                return Err(trouble_error(trouble));
            }
            machine.platter.files.values_mut().for_each(|file| file.named = true);
            Ok(())
        })
    }

    fn reserve(&mut self, _: &mut String, _: u64, bytes: u64) -> io::Result<()> {
        let mut machine = self.0.borrow_mut();
        let trouble = machine.tick();
        let full = machine.platter.room.is_some_and(|room| room < bytes);
        machine.platter.refused_room = trouble.is_some() || full;
        if machine.platter.refused_room { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

fn append(platter: &mut Platter, name: &str, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let file = platter.files.entry(name.to_string()).or_default();
    file.cache.extend_from_slice(bytes);
    file.writes.push(file.cache.len());
}
