//! Locks values that are born secret, so that a later executor can use them and nobody can read them in the journal.
//!
//! Two keys. Each run has one of its own, which locks the values; it lies in the run's folder, locked with the key of the
//! operator, which lies outside: in the file that `REGROW_SEAL_KEY` names, else `regrow/seal.key` in the folder of the user's
//! settings. Who has the folder alone can open nothing. When the run ends its key is deleted, and with it all its values,
//! also those in copies of the journal that were made before.
//!
//! AES-256-GCM with random nonces, bound to the run and to the output that the value belongs to: <https://www.rfc-editor.org/rfc/rfc5116>.

use std::env;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::journal::disk::sync_folder;
use crate::model::{Address, Fault, RunId, sealed};

/// In the run's folder: its key, locked.
const FILE: &str = "seal";
/// One that could not be opened any more.
const LOST: &str = "seal.lost";
/// What it is bound to beside the run.
const WHOLE: &str = "run";

const KEY: usize = 32;

/// The key of one run.
#[derive(Clone, PartialEq, Eq)]
pub struct Seal {
    run: RunId,
    key: [u8; KEY],
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Seal {
    /// The seal of a run; made where it has none yet.
    pub fn take(folder: &Path, run: &RunId) -> Result<Self, Fault> {
        if let Some(seal) = Self::find(folder, run)? {
            return Ok(seal);
        }
        let own = operator(true)?;
        let key = random()?;
        let locked = lock(&own, &bound(run, WHOLE), &key)?;
        match write_new(&folder.join(FILE), &locked) {
            // Somebody was quicker.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Self::take(folder, run),
            written => written.map_err(|error| unusable(&folder.join(FILE), &error))?,
        }
        sync_folder(folder).map_err(|error| unusable(folder, &error))?;
        Ok(Self { run: run.clone(), key })
    }

    /// The seal of a run that has one; none once it was destroyed.
    pub fn find(folder: &Path, run: &RunId) -> Result<Option<Self>, Fault> {
        let file = folder.join(FILE);
        let locked = match fs::read_to_string(&file) {
            Ok(locked) => locked,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(&file, &error)),
        };
        let own = operator(false)?;
        let opened = unlock(&own, &bound(run, WHOLE), locked.trim()).and_then(|bytes| bytes.try_into().ok());
        let place = place()?;
        let key = opened.ok_or_else(|| {
            Fault::new("RG2031", format!("`{}` does not open what run `{run}` sealed", place.display()))
                .hint("put back the key that sealed it, or name its file by $REGROW_SEAL_KEY")
        })?;
        Ok(Some(Self { run: run.clone(), key }))
    }

    /// A new seal in the place of one whose key is gone; what is left of that is kept.
    pub fn anew(folder: &Path, run: &RunId) -> Result<Self, Fault> {
        let (file, lost) = (folder.join(FILE), folder.join(LOST));
        fs::rename(&file, &lost).map_err(|error| unusable(&file, &error))?;
        Self::take(folder, run)
    }

    /// Makes every value that it sealed unreadable for good.
    pub fn destroy(folder: &Path) -> io::Result<()> {
        let gone = |file: &str| match fs::remove_file(folder.join(file)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            removed => removed.map(|()| true),
        };
        if gone(FILE)? | gone(LOST)? { sync_folder(folder) } else { Ok(()) }
    }

    /// What stands in records for output `name` of `step`.
    pub fn close(&self, step: &Address, name: &str, value: &Value) -> Result<Value, Fault> {
        let of = format!("{step}.{name}");
        let text = lock(&self.key, &bound(&self.run, &of), value.to_string().as_bytes())?;
        Ok(sealed::placeholder(&text, &of))
    }

    /// The value that a placeholder stands for; none if it is not of this seal.
    pub fn open(&self, text: &str, of: &str) -> Option<Value> {
        serde_json::from_slice(&unlock(&self.key, &bound(&self.run, of), text)?).ok()
    }

    /// For a process of this run, by pipe only.
    pub fn expose(&self) -> String {
        BASE64.encode(self.key)
    }

    pub fn exposed(run: &RunId, text: &str) -> Option<Self> {
        Some(Self { run: run.clone(), key: BASE64.decode(text).ok()?.try_into().ok()? })
    }
}

fn bound(run: &RunId, of: &str) -> String {
    format!("{run} {of}")
}

fn lock(key: &[u8; KEY], bound: &str, value: &[u8]) -> Result<String, Fault> {
    let broken = |_| Fault::new("RG2031", "a value cannot be sealed");
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).map_err(broken)?;
    let mut text = value.to_vec();
    let nonce = key.seal_in_place_append_tag(Aad::from(bound), &mut text).map_err(broken)?;
    Ok(BASE64.encode([&nonce.as_ref()[..], &text].concat()))
}

fn unlock(key: &[u8; KEY], bound: &str, text: &str) -> Option<Vec<u8>> {
    let bytes = BASE64.decode(text).ok()?;
    let (nonce, text) = bytes.split_at_checked(NONCE_LEN)?;
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).ok()?;
    let mut text = text.to_vec();
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    Some(key.open_in_place(nonce, Aad::from(bound), &mut text).ok()?.to_vec())
}

fn random() -> Result<[u8; KEY], Fault> {
    let mut key = [0; KEY];
    rand::fill(&mut key).map_err(|_| Fault::new("RG2031", "there is no randomness for a key"))?;
    Ok(key)
}

/// Where the key of the operator lies.
fn place() -> Result<PathBuf, Fault> {
    let named = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let settings = || named("XDG_CONFIG_HOME").or_else(|| Some(named("HOME")?.join(".config")));
    named("REGROW_SEAL_KEY").or_else(|| Some(settings()?.join("regrow/seal.key"))).ok_or_else(|| {
        Fault::new("RG2031", "there is no place for the key that seals secret outputs")
            .hint("name a file by $REGROW_SEAL_KEY, on another disk than the state folder")
    })
}

/// The key of the operator; `make`: where there is none yet.
fn operator(make: bool) -> Result<[u8; KEY], Fault> {
    let file = place()?;
    let read = || fs::read_to_string(&file);
    let text = match read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound && make => {
            match new_key(&file, &random()?) {
                // Somebody was quicker.
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(unusable(&file, &error)),
                _ => {}
            }
            read()
        }
        other => other,
    };
    let text = text.map_err(|error| unusable(&file, &error))?;
    let mode = fs::metadata(&file).map_err(|error| unusable(&file, &error))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Fault::new("RG2031", format!("others may read the key in `{}`", file.display()))
            .hint(format!("chmod 600 {}", file.display())));
    }
    let key = BASE64.decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
    key.ok_or_else(|| {
        Fault::new("RG2031", format!("`{}` holds no key", file.display()))
            .hint("it is a line of base64 that regrow makes where there is none; put back the one that was there")
    })
}

fn new_key(file: &Path, key: &[u8; KEY]) -> io::Result<()> {
    let folder = folder_of(file);
    fs::create_dir_all(folder)?;
    write_new(file, &BASE64.encode(key))?;
    sync_folder(folder)
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whole or not at all, and never in the place of another.
fn write_new(file: &Path, text: &str) -> io::Result<()> {
    // Only its owner reads it, from the first moment on.
    let mut draft = NamedTempFile::new_in(folder_of(file))?;
    draft.write_all(text.as_bytes()).and_then(|()| draft.write_all(b"\n"))?;
    draft.as_file().sync_all()?;
    draft.persist_noclobber(file)?;
    Ok(())
}

fn unusable(place: &Path, error: &io::Error) -> Fault {
    Fault::new("RG2031", format!("`{}` cannot be used for sealing", place.display())).caused_by(error)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seal(byte: u8) -> Seal {
        Seal { run: "7qk2".parse().unwrap(), key: [byte; KEY] }
    }

    #[test]
    fn a_value_opens_with_its_seal_at_its_place_and_nowhere_else() {
        let value = json!({"user": "app", "password": "hunter22"});
        let step = Address::top("token");
        let placeholder = seal(1).close(&step, "key", &value).unwrap();
        assert!(!placeholder.to_string().contains("hunter22"));
        let (text, of) = sealed::read(&placeholder).unwrap();
        assert_eq!(of, "token.key");
        assert_eq!(seal(1).open(text, of), Some(value.clone()));
        assert_eq!(seal(1).open(text, "token.other"), None);
        assert_eq!(seal(2).open(text, of), None);
        let other = Seal { run: "zzzz".parse().unwrap(), ..seal(1) };
        assert_eq!(other.open(text, of), None);
        // Sealed again it looks otherwise.
        assert_ne!(seal(1).close(&step, "key", &value).unwrap(), placeholder);
    }

    #[test]
    fn a_key_is_written_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/seal.key");
        new_key(&file, &[1; KEY]).unwrap();
        assert_eq!(new_key(&file, &[2; KEY]).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&file).unwrap().trim(), BASE64.encode([1; KEY]));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path().join("deep")).unwrap().count(), 1);
    }
}
