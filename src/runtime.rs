//! The impure shell of the engine: a durable store, a clock, skills, and the driver that ties them together.

pub mod agents;
pub mod artifacts;
pub mod blobs;
pub mod call;
pub mod care;
pub mod dead;
pub mod driver;
pub mod host;
pub mod journal;
pub mod keep;
pub mod memory;
pub mod model;
pub mod people;
pub mod planning;
pub mod points;
pub mod rate;
pub mod report;
pub mod reuse;
pub mod setup;
pub mod skill;
pub mod socket;
pub mod spend;
pub mod store;
pub mod testing;
pub mod timeline;
mod trace;
mod watch;

pub use host::Runtime;
