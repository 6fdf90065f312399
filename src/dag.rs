//! The graph of a plan: per body its statements and what each of them waits for, frozen and serialisable.

use crate::check::hir::Program;
use serde::{Deserialize, Serialize};

/// The version of the serialised form.
pub const VERSION: u32 = 1;

/// A plan as the engine runs it. Goes into the journal: a run ends on the plan it began with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dag {
    version: u32,
    entry: std::sync::Arc<str>,
    concurrency: u32,
}

impl Dag {
    /// The graph of a checked program.
    #[must_use]
    pub fn new(program: &Program) -> Self {
        let concurrency = program.plans.get(&program.entry).map_or(64, |p| p.concurrency.max(1));
        Dag { version: VERSION, entry: program.entry.clone(), concurrency }
    }

    /// The plan that is started.
    #[must_use]
    pub fn entry(&self) -> &str {
        &self.entry
    }

    /// The version of the form it was made in.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Steps in flight at once.
    #[must_use]
    pub fn concurrency(&self) -> u32 {
        self.concurrency
    }

    /// The same graph with another limit of steps in flight; at least one.
    #[must_use]
    pub fn with_concurrency(mut self, limit: u32) -> Self {
        self.concurrency = limit.max(1);
        self
    }
}
