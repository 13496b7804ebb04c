//! Names of superusers, read from the files of a cluster: nobody can be asked before one has logged in.
//!
//! They are only candidates. The server, to which the private socket gives way without password, says who is one.

use std::fs;
use std::path::Path;

const PG_AUTHID: u32 = 1260;
const PAGE: usize = 8192;
const NAME: usize = 64;

/// Roles that were superusers and may log in, the first made (by `initdb`) in front.
pub fn superusers(data: &Path) -> Vec<String> {
    let mut found = read(data).unwrap_or_default();
    found.sort();
    found.dedup();
    found.into_iter().map(|(_, name)| name).collect()
}

fn read(data: &Path) -> Option<Vec<(u32, String)>> {
    let map = fs::read(data.join("global/pg_filenode.map")).ok()?;
    let count = usize::try_from(word(&map, 4)?).ok()?;
    let file =
        (0..count.min(64)).find_map(|n| (word(&map, 8 + 8 * n)? == PG_AUTHID).then(|| word(&map, 12 + 8 * n))?)?;
    let heap = fs::read(data.join(format!("global/{file}"))).ok()?;
    Some(heap.chunks_exact(PAGE).flat_map(page).collect())
}

fn page(page: &[u8]) -> Vec<(u32, String)> {
    let end = usize::from(u16::from_le_bytes([page[12], page[13]])).min(PAGE);
    let items = (24..end.saturating_sub(3)).step_by(4).filter_map(|at| word(page, at));
    // A line pointer: 15 bits of place, 2 of state (1: in use), 15 of length.
    items.filter(|item| (item >> 15) & 3 == 1).filter_map(|item| role(page.get((item & 0x7fff) as usize..)?)).collect()
}

/// `oid, rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, …` behind the tuple's header.
fn role(tuple: &[u8]) -> Option<(u32, String)> {
    let row = tuple.get(usize::from(*tuple.get(22)?)..)?;
    let name = row.get(4..4 + NAME)?.split(|byte| *byte == 0).next()?;
    let flags = row.get(4 + NAME..4 + NAME + 5)?;
    let name = std::str::from_utf8(name).ok().filter(|name| !name.is_empty())?;
    (flags[0] == 1 && flags[4] == 1).then(|| Some((word(row, 0)?, name.to_string())))?
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
