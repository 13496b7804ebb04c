//! A bucket of 10,000 keys back to a moment, half of them deleted since, a quarter overwritten: `s3.restore` as a runbook and with
//! its journal, against a client that makes the same calls and keeps nothing, and against s3-pit-restore.
//!
//! `cargo bench --bench s3`. All have their turn in every round, in an order that rotates, on a bucket of their own with the same
//! history; afterwards each key is compared with what it held. `REGROW_BENCH_ROUNDS` says how often, `REGROW_BENCH_ONLY` against
//! whom: bare, peer; `REGROW_BENCH_KEYS` how many keys. `memory` is the most that it takes with a million versions. Ends with an error where a target is missed.

#[path = "s3/bare.rs"]
mod bare;
#[path = "s3/bucket.rs"]
mod bucket;
#[path = "s3/made_up.rs"]
mod made_up;
#[path = "s3/many.rs"]
mod many;
#[path = "support/parts.rs"]
mod parts;
#[path = "support/peers.rs"]
mod peers;
#[path = "s3/pit.rs"]
mod pit;
mod support;

use std::fs;

use anyhow::Result;
use jiff::Timestamp;
use rig::Scratch;
use rig::servers::{MinIo, moto};

use bucket::{Bucket, Server};
use parts::Bench;
use support::{Figures, Spread, rounds, seconds};

/// At once, by all of them.
const WIDTH: usize = 16;

fn main() -> Result<()> {
    peers::peer("python3", "python3-venv")?;
    parts::measure(&[("bare", bare), ("peer", peer), ("memory", many::memory)])
}

fn bare(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let (ours, theirs) = against(bench, "bare client", &bare::restore)?;
    figures.at_most("s3.restore: x bare client with the same calls", "", 1.2, &ours.over(&theirs));
    Ok(())
}

fn peer(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let peer = pit::install(bench.path())?;
    let (ours, theirs) = against(bench, "s3-pit-restore", &|server, bucket| peer.restore(server, bucket))?;
    let faster = theirs.over(&ours);
    let reached = faster.median() >= 4.0;
    figures.row("s3.restore: times faster than s3-pit-restore", ">= 4.00".to_owned(), &faster, reached);
    Ok(())
}

type Other<'a> = &'a dyn Fn(&Server, &Bucket) -> Result<f64>;

/// Seconds of regrow and of the other one, in every round.
fn against(bench: &Bench, name: &str, other: Other<'_>) -> Result<(Spread, Spread)> {
    let scratch = Scratch::new()?;
    let minio = MinIo::start(&scratch)?;
    let server = Server::of(&minio.endpoint())?;
    let (mut ours, mut theirs) = (Spread::default(), Spread::default());
    for round in 0..rounds(5) {
        for turn in 0..2 {
            let bucket = Bucket::make(&server, &format!("{}-{round}-{turn}", name.replace(' ', "-")))?;
            if (turn + round) % 2 == 0 {
                ours.add(by_regrow(bench, &server.endpoint, &bucket.name, &bucket.as_of)?);
            } else {
                theirs.add(other(&server, &bucket)?);
            }
            bucket.check(&server)?;
        }
    }
    eprintln!("regrow {} s, {name} {} s", ours.text(), theirs.text());
    Ok((ours, theirs))
}

fn by_regrow(bench: &Bench, endpoint: &str, bucket: &str, as_of: &Timestamp) -> Result<f64> {
    let folder = bench.path().join(bucket);
    fs::create_dir(&folder)?;
    fs::write(folder.join("key"), moto::KEY)?;
    fs::write(folder.join("secret"), moto::SECRET)?;
    let book = format!(
        "version: 1\nname: bench\nseverity: partial\n\
         secrets: {{ key: {{ from: file, path: key }}, secret: {{ from: file, path: secret }} }}\n\
         steps:\n  - id: objects\n    needs: []\n    uses: s3.restore\n    with:\n      bucket: {bucket}\n      endpoint: '{endpoint}'\n      \
         access_key_id: '{{{{ secrets.key }}}}'\n      secret_access_key: '{{{{ secrets.secret }}}}'\n      as_of: '{as_of}'\n      \
         max_parallel: {WIDTH}\n"
    );
    let file = folder.join("book.yaml");
    fs::write(&file, book)?;
    seconds(peers::run(&bench.regrow, &folder.join("state"), &file).current_dir(&folder))
}
