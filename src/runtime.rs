//! The impure shell of the engine: a durable store, a clock, skills, and the driver that ties them together.

pub mod blobs;
pub mod driver;
pub mod host;
pub mod journal;
pub mod report;
pub mod reuse;
pub mod setup;
pub mod skill;
pub mod socket;
pub mod store;
pub mod testing;
pub mod timeline;
mod trace;

pub use host::Runtime;
