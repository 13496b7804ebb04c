//! Time of a wide graph and of a chain, in turn with `ninja` and `make`.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use crate::Bench;
use crate::peers::{peer, run};
use crate::steps::Graph;
use crate::support::{Figures, Spread, rounds, seconds};

const CHAIN: usize = 200;

#[derive(Default)]
struct Times {
    regrow: Spread,
    ninja: Spread,
    make: Spread,
    /// The 50th of 100 syncs, once a round.
    sync: Spread,
}

pub fn measure(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let wide = in_turn(bench, &Graph::layers(1000, 50))?;
    figures.at_most("1,000 steps, 50 wide, 8 at once: x `ninja -j8`", "", 1.25, &wide.regrow.over(&wide.ninja));
    let chain = in_turn(bench, &Graph::chain(CHAIN))?;
    let allowed = |(ninja, sync): (f64, f64)| 1.5 * ninja + 1.2 * CHAIN as f64 * sync;
    let allowed = Spread::of(chain.ninja.each().zip(chain.sync.each()).map(allowed));
    let what = "chain of 200: x (1.5 ninja + 1.2 x 200 fdatasync)";
    figures.at_most(what, "", 1.0, &chain.regrow.over(&allowed));
    Ok(())
}

fn in_turn(bench: &Bench, graph: &Graph) -> Result<Times> {
    let (ninja, make) = (peer("ninja", "ninja-build")?, peer("make", "make")?);
    let runbook = graph.runbook(bench.path(), "")?;
    let (folder, makefile) = (graph.ninja(bench.path())?, graph.makefile(bench.path())?);
    let mut times = Times::default();
    for round in 0..=rounds(7) {
        let state = bench.fresh_state()?;
        let regrow = seconds(run(&bench.regrow, &state, &runbook).args(["--concurrency", "8"]))?;
        let sync = sync_p50(&state)?;
        for log in [".ninja_log", ".ninja_deps"] {
            let _ = fs::remove_file(folder.join(log));
        }
        let ninja = seconds(Command::new(&ninja).arg("-j8").arg("-C").arg(&folder))?;
        let make = seconds(Command::new(&make).arg("-j8").arg("-f").arg(&makefile))?;
        if round == 0 {
            continue; // caches are warm from here on
        }
        times.regrow.add(regrow);
        times.ninja.add(ninja);
        times.make.add(make);
        times.sync.add(sync);
    }
    let (regrow, ninja, make) = (times.regrow.text(), times.ninja.text(), times.make.text());
    let sync = Spread::of(times.sync.each().map(|sync| sync * 1000.0)).text();
    eprintln!("{} steps: regrow {regrow} s, ninja {ninja} s, make {make} s, fdatasync {sync} ms", graph.len());
    Ok(times)
}

/// What the disk below the state of the run takes for 400 bytes.
fn sync_p50(folder: &Path) -> Result<f64> {
    let path = folder.join("sync");
    let mut file = File::create(&path)?;
    let mut times = Spread::default();
    for _ in 0..100 {
        let began = Instant::now();
        file.write_all(&[b'.'; 400])?;
        file.sync_data()?;
        times.add(began.elapsed().as_secs_f64());
    }
    fs::remove_file(path)?;
    Ok(times.median())
}
