//! The machine's face.

use super::command::{Outcome, Step, StepReport, StepStatus};
use super::event::{Event, StepPath, Usage};
use crate::dag::Dag;
use std::sync::Arc;

/// An event that cannot have happened: a run that is started twice, an answer to a call that was never made.
#[derive(Clone, Debug, thiserror::Error)]
#[error("illegal event: {0}")]
pub struct IllegalEvent(pub String);

/// One run.
#[derive(Debug)]
pub struct Machine {
    dag: Arc<Dag>,
}

impl Machine {
    /// A run of this plan that has not started.
    #[must_use]
    pub fn new(dag: Arc<Dag>) -> Self {
        Machine { dag }
    }

    /// The plan that runs.
    #[must_use]
    pub fn dag(&self) -> &Arc<Dag> {
        &self.dag
    }

    /// Takes in what happened; says what is to be done now.
    ///
    /// # Errors
    /// An event that cannot have happened. The machine is as it was.
    pub fn apply(&mut self, event: &Event) -> Result<Step, IllegalEvent> {
        Err(IllegalEvent(format!("{:?}: the engine is not there yet", event.kind)))
    }

    /// How the run ended; `None` while it runs.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        None
    }

    /// The status of one step instance; `None` where there is none of that name.
    #[must_use]
    pub fn status(&self, step: &StepPath) -> Option<StepStatus> {
        let _ = step;
        None
    }

    /// Every step instance, in the order of the text; iterations by index.
    #[must_use]
    pub fn report(&self) -> Vec<StepReport> {
        Vec::new()
    }

    /// The calls in flight, with their attempt.
    #[must_use]
    pub fn open_attempts(&self) -> Vec<(StepPath, u32)> {
        Vec::new()
    }

    /// What all calls used up so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage::default()
    }

    /// How many attempts were made so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        0
    }
}
