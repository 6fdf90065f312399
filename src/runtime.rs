//! The impure shell of the engine: a durable store, a clock, skills, and the driver that ties them together.

pub mod artifacts;
pub mod blobs;
pub mod care;
pub mod dead;
pub mod driver;
pub mod host;
pub mod journal;
pub mod report;
pub mod setup;
pub mod skill;
pub mod socket;
pub mod store;

pub use host::Runtime;
