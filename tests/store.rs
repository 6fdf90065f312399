//! The store: one suite of the contract run against every back end, and what must hold after a crash or damage.

#[path = "store/contract.rs"]
mod contract;
#[path = "store/crash.rs"]
pub mod crash;
#[path = "store/damage.rs"]
mod damage;
#[path = "store/measure.rs"]
mod measure;
#[path = "store/power.rs"]
mod power;
#[path = "store/scale.rs"]
mod scale;

use aos::runtime::store::disk::BackEnd;
use std::future::Future;

/// Those that are built in.
pub fn back_ends() -> Vec<BackEnd> {
    if cfg!(feature = "redb") { vec![BackEnd::Sled, BackEnd::Redb] } else { vec![BackEnd::Sled] }
}

/// Runs a future to its end on a runtime of its own.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
