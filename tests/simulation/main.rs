//! The shipped writer, reader, `decide` and driver on a simulated machine: only disk, clock, people and providers are
//! exchanged. Runs are stopped by kills and power cuts wherever they can be stopped, resumed, and held against the
//! guarantees by a checker that reads the platter by itself.
//!
//! - `every_double_crash`: small runbooks, each pair of places to stop.
//! - `engine_and_model_agree`: random runbooks without crashes, held against a second model of how a run moves.
//! - `seeds`: random runbooks, faults, people and damage, `REGROW_SIM_SEEDS` of them (12,000 unless said).
//!   `REGROW_SIM_SEED=N` plays one seed again, with everything that happened.

mod agreement;
mod books;
mod disk;
mod exhaustive;
mod holds;
mod kinds;
mod life;
mod machine;
#[cfg(feature = "mutants")]
mod mutants;
mod oracle;
mod outside;
mod person;
mod random;
mod repairs;
mod seeds;
mod world;
