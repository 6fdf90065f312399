//! The machine in a simulated world.

mod cases;
mod doubt;
mod generate;
#[cfg(feature = "runtime")]
mod journal;
mod ledger;
mod people;
mod properties;
mod random;
mod reuse;
mod speed;
mod undoing;
mod world;

pub use cases::CASES;
pub use generate::{Kind, plan as random_plan};
pub use world::{Random, SKILLS};
