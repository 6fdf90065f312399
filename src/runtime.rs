//! The impure shell of the engine: a durable store, a clock, skills, and the driver that ties them together.

pub mod blobs;
pub mod skill;
pub mod store;
