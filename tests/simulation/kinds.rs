//! Kinds of the simulated world, one an effect class. The engine never calls a kind itself, it only asks what it is like;
//! what they do is in [`crate::outside`].

use regrow::kind::{AnyKind, Found, Kind, Op, Prepared, ReadCx, Role};
use regrow::model::{Effect, Fault};
use regrow::runbook::catalog::{Late, OutputType, Shape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How a step of the simulated world behaves.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct Behaviour {
    /// So many attempts fail first.
    pub fails: u32,
    /// `now`: before anything happened; `lost`: it happened, and the reply was lost; `unknown`: the same, and it is known
    /// that nobody knows; `never`: for good; `unprepared`: it cannot even be prepared.
    pub how: String,
    /// Something of another owner stands in the place.
    pub foreign: bool,
    /// So many proofs fail first.
    pub unproven: u32,
    /// Anything, so that inputs can refer to outputs.
    pub text: Value,
}

pub struct Read;
pub struct Keyed;
pub struct Set;
/// Under a supervisor, which tells what became of it.
pub struct Proc;
/// Nothing tells what became of it.
pub struct Opaque;
/// Keyed, in three phases; the later ones are approved.
pub struct Phased;

pub const PHASES: [&str; 3] = ["", "load", "swap"];

macro_rules! sim_kind {
    ($kind:ty, $name:literal, $effect:expr, $prepares:literal, $asks:literal) => {
        impl Kind for $kind {
            const NAME: &'static str = $name;
            const PAGE: &'static str = "";
            const ROLE: Role = Role::Step;
            const PREPARES: bool = $prepares;
            const ASKS_BEFORE_PHASE: bool = $asks;
            type Params = Behaviour;
            type Prior = Value;

            fn example() -> &'static str {
                ""
            }

            fn effect(&self, _: &Late<'_>) -> Effect {
                $effect
            }

            fn outputs(&self, _: &Late<'_>) -> Shape {
                let lists = (0..=4).map(|count| (format!("l{count}"), OutputType::List));
                Shape::Closed(lists.chain([("made".to_string(), OutputType::Text)]).collect())
            }

            async fn prepare(&self, _: &ReadCx, _: &Op<Behaviour, ()>) -> Result<Prepared<Value>, Fault> {
                Err(Fault::new("SIM", "the simulated world prepares"))
            }

            async fn find(&self, _: &ReadCx, _: &Op<Behaviour, Value>) -> Result<Found, Fault> {
                Err(Fault::new("SIM", "the simulated world finds"))
            }
        }
    };
}

sim_kind!(Read, "sim.read", Effect::Read, false, false);
sim_kind!(Keyed, "sim.keyed", Effect::KeyedCreate, true, false);
sim_kind!(Set, "sim.set", Effect::ConvergentSet, true, false);
sim_kind!(Proc, "sim.proc", Effect::Opaque, false, false);
sim_kind!(Opaque, "sim.opaque", Effect::Opaque, false, false);
sim_kind!(Phased, "sim.phased", Effect::KeyedCreate, true, true);

static SIM: [&dyn AnyKind; 6] = [&Read, &Keyed, &Set, &Proc, &Opaque, &Phased];

/// The simulated kinds, and of the real ones those that the engine performs itself.
pub fn find(name: &str) -> Option<&'static dyn AnyKind> {
    SIM.iter().copied().find(|kind| kind.name() == name).or_else(|| regrow::kinds::find(name))
}
