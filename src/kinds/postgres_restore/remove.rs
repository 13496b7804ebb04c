//! Takes the server and its folder away, only where the marker beside it says that they are this operation's.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::exec::{Account, Cancel, io};
use super::place::{Claim, Place};
use super::server;
use crate::model::ledger::LedgerEntry;
use crate::model::{Fault, OpId};

/// What the ledger keeps of it, as `prepare` wrote it.
#[derive(Deserialize)]
struct Details {
    op: OpId,
    data_directory: PathBuf,
}

pub fn remove(entry: &LedgerEntry) -> Result<(), Fault> {
    let details: Details = serde_json::from_value(entry.details.clone()).map_err(|error| {
        Fault::new("RG2421", format!("the ledger does not say whose `{}` is", entry.id)).caused_by(&error)
    })?;
    let place = Place::new(&details.data_directory);
    match place.claim(&details.op)? {
        Claim::Free => return Ok(()),
        Claim::Foreign(fault) => {
            let why = Fault::new(
                "RG2421",
                format!("`{}` is not removed: it is not what this run made", place.data.display()),
            );
            return Err(why.hint("remove it by hand if it is to go").caused_by(&fault));
        }
        Claim::Ours(_) => {}
    }
    let owner = Account::owner_of(&place.own).unwrap_or(Account { name: String::new(), uid: 0, gid: 0 });
    let _lock = place.lock(&owner, &Cancel::default())?;
    server::stop(&place.data, false)?;
    // The marker goes last: until then, what is left is known as ours.
    gone(&place.data, fs::remove_dir_all(&place.data))?;
    gone(&place.own, fs::remove_dir_all(&place.own))
}

fn gone(path: &Path, result: std::io::Result<()>) -> Result<(), Fault> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        // A mount point stays, empty.
        Err(error) if error.kind() == ErrorKind::ResourceBusy && super::place::is_free(path)? => Ok(()),
        result => result.map_err(|error| io("removing", path, &error)),
    }
}
