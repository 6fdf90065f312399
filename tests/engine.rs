//! The machine in a simulated world.

mod cases;
mod properties;
mod world;
