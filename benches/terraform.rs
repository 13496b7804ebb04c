//! What `terraform.apply` costs beside the five commands that it stands for: init, plan, show, apply, output.
//!
//! `cargo bench --bench terraform`. Both have their turn in every round, in an order that alternates, on a module and a state
//! of their own; the folder is a git work tree, whose commit the step looks up. `REGROW_BENCH_ROUNDS` says how often,
//! `REGROW_BENCH_ONLY` which part: quick, long, bucket. Ends with an error where a target is missed.

#[path = "terraform/module.rs"]
mod module;
#[path = "support/parts.rs"]
mod parts;
#[path = "support/peers.rs"]
mod peers;
mod support;

use anyhow::Result;
use rig::Scratch;
use rig::servers::Moto;

use module::{Module, State};
use parts::Bench;
use support::{Figures, Spread, rounds};

fn main() -> Result<()> {
    rig::tools::terraform()?;
    peers::peer("git", "git")?;
    parts::measure(&[("quick", quick), ("long", long), ("bucket", bucket)])
}

/// Nothing to wait for: only what is called counts.
fn quick(bench: &Bench, figures: &mut Figures) -> Result<()> {
    against_hands(bench, figures, "10 things at once", &Module { things: 10, pause: 0, state: State::File })
}

/// Three rounds of ten things that take a second each.
fn long(bench: &Bench, figures: &mut Figures) -> Result<()> {
    against_hands(bench, figures, "30 things of 1 s", &Module { things: 30, pause: 1, state: State::File })
}

/// A state with a lock, whose id the step asks for beside the apply.
fn bucket(bench: &Bench, figures: &mut Figures) -> Result<()> {
    let scratch = Scratch::new()?;
    let s3 = Moto::start(&scratch)?;
    let module = Module { things: 30, pause: 1, state: State::Bucket(&s3) };
    against_hands(bench, figures, "30 things of 1 s, S3 with its lockfile", &module)
}

fn against_hands(bench: &Bench, figures: &mut Figures, what: &str, module: &Module<'_>) -> Result<()> {
    let (mut ours, mut theirs) = (Spread::default(), Spread::default());
    for round in 0..rounds(5) {
        for turn in 0..2 {
            let folder = bench.path().join(format!("{}-{round}-{turn}", module.name()));
            module.make(&folder)?;
            if (turn + round) % 2 == 0 {
                ours.add(module.by_regrow(&folder, &bench.regrow)?);
            } else {
                theirs.add(module.by_hand(&folder)?);
            }
        }
    }
    eprintln!("{what}: regrow {} s, by hand {} s", ours.text(), theirs.text());
    eprintln!("{what}: x by hand {}", ours.over(&theirs).text());
    let over = Spread::of(ours.each().zip(theirs.each()).map(|(ours, theirs)| ours - theirs));
    let most = f64::max(0.5, 0.03 * theirs.median());
    figures.at_most(&format!("{what}: more than by hand, or 3 %"), " s", most, &over);
    Ok(())
}
