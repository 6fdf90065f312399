//! The machine in a simulated world.

mod cases;
#[cfg(feature = "runtime")]
mod journal;
mod people;
mod properties;
mod reuse;
mod speed;
mod undoing;
mod world;

pub use cases::CASES;
pub use world::{Random, SKILLS};
