//! What the runs of a store leave for later ones.

use super::{RunError, Runtime};
use crate::engine::StepStatus;
use crate::runtime::journal;
use crate::runtime::memory::{Ask, Label, Memory, MemoryError, Told};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// That the result of a step is worth keeping.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Keep {
    /// A run's id, or its first characters.
    pub run: String,
    pub step: Arc<str>,
    pub tags: Vec<Arc<str>>,
    /// Trusted where a person vouches for it.
    pub label: Label,
    pub by: Arc<str>,
}

impl Runtime {
    /// The memories of the store.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Asks the memories of the store.
    ///
    /// # Errors
    /// As [`Memory::answer`].
    pub async fn recall(&self, ask: Ask) -> Result<Told, RunError> {
        let memory = self.memory.clone();
        let told = tokio::task::spawn_blocking(move || memory.answer(ask)).await;
        Ok(told.map_err(|error| RunError::Task(error.to_string()))??)
    }

    /// Keeps the result of a step.
    ///
    /// # Errors
    /// There is no such run or step, it has no result, or the result is too large.
    pub async fn keep(&self, keep: Keep) -> Result<Told, RunError> {
        let Keep { run, step, tags, label, by } = keep;
        let run = self.find(&run)?;
        let (report, _, _) = self.report(run)?;
        let refuse = |why: String| RunError::Memory(MemoryError::Refused(why));
        let Some(found) = report.steps.iter().find(|s| s.path.0 == step) else {
            let paths = report.steps.iter().map(|s| &*s.path.0);
            let near = crate::diagnostic::nearest(&step, paths);
            let hint = near.map_or_else(
                || format!("`aos show {run}` lists its steps"),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(refuse(format!("run {run} has no step `{step}`; {hint}")));
        };
        let Some(value) = &found.value else {
            let why = match found.status {
                StepStatus::Skipped => "it was skipped",
                StepStatus::Failed | StepStatus::Cancelled | StepStatus::InDoubt => "it did not succeed",
                StepStatus::Pending | StepStatus::Waiting | StepStatus::Running => "it has not ended",
                StepStatus::Succeeded | StepStatus::Recovered => "its result is not kept",
            };
            return Err(refuse(format!("the step `{step}` of run {run} has no result: {why}")));
        };
        self.recall(Ask::Keep { run, step, value: value.to_json(), tags, label, by }).await
    }

    /// What is to be done once a run has ended, so that those who look find it.
    pub(super) fn remembering(&self) -> impl FnOnce(Uuid) + Send + 'static {
        let (memory, journal, tenant) = (self.memory.clone(), self.journal.clone(), self.tenant.clone());
        move |run| {
            if !memory.looks() {
                return;
            }
            tokio::task::spawn_blocking(move || match journal::row(&journal, &tenant, run) {
                Ok(Some(row)) => memory.saw(row),
                Ok(None) => {}
                Err(error) => tracing::warn!(%run, %error, "a run that ended cannot be remembered"),
            });
        }
    }
}
