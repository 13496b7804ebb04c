//! The most memory of `s3.restore`, by the size of the bucket: against a server that holds no objects but makes up its listing as it
//! is asked, since a million versions on a real one take longer to write than anybody waits.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::Bench;
use crate::made_up::MadeUp;
use crate::support::{Figures, Spread, rounds};

const SMALL: usize = 20_000;
const LARGE: usize = 1_000_000;

pub fn memory(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let (mut small, mut large) = (Spread::default(), Spread::default());
    for round in 0..rounds(5).min(3) {
        small.add(peak(bench, SMALL, round)?);
        large.add(peak(bench, LARGE, round)?);
    }
    eprintln!("peak with {SMALL} versions {} MiB, with {LARGE} {} MiB", small.text(), large.text());
    figures.at_most("s3.restore: peak with 1,000,000 versions, x that with 20,000", "", 1.25, &large.over(&small));
    Ok(())
}

/// MiB of the largest process.
fn peak(bench: &Bench, versions: usize, round: usize) -> Result<f64> {
    let server = MadeUp::start(versions)?;
    let name = format!("made-up-{versions}-{round}");
    let (is_over, most) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let watch = {
        let (is_over, most, program) = (Arc::clone(&is_over), Arc::clone(&most), bench.regrow.clone());
        thread::spawn(move || {
            while !is_over.load(Ordering::SeqCst) {
                most.fetch_max(largest(&program), Ordering::SeqCst);
                thread::sleep(Duration::from_millis(5));
            }
        })
    };
    let ran = crate::by_regrow(bench, &server.endpoint(), &name, &MadeUp::as_of());
    is_over.store(true, Ordering::SeqCst);
    let _ = watch.join();
    ran?;
    ensure!(server.is_back(), "not all of {versions} versions came back");
    Ok(most.load(Ordering::SeqCst) as f64 / 1024.0)
}

/// KiB, of the processes that are that program.
fn largest(program: &Path) -> usize {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten().map(|it| it.path());
    let own = processes.filter(|process| fs::read_link(process.join("exe")).is_ok_and(|exe| exe == program));
    own.filter_map(|process| {
        let status = fs::read_to_string(process.join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    })
    .max()
    .unwrap_or(0)
}
