//! What the steps of a run did over time: when they worked, when they waited and for what, what went wrong on the way.

use crate::engine::command::NoticeKind;
use crate::engine::{Failure, Notice, StepPath};
use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The phases of every step that started.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timeline {
    steps: IndexMap<StepPath, Vec<Phase>>,
}

/// A stretch of a step's time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Phase {
    pub kind: PhaseKind,
    pub from: Timestamp,
    /// None while it goes on.
    pub to: Option<Timestamp>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseKind {
    /// An attempt is made, or what is inside runs.
    Work { attempt: u32 },
    /// The next attempt is waited for.
    Retry { error: Failure },
    /// A timer, a person, a signal is waited for.
    Wait { what: Arc<str> },
}

impl Phase {
    /// Whether it took time, or is something waited for: the rest is not worth drawing.
    #[must_use]
    pub fn shows(&self) -> bool {
        self.to != Some(self.from) || !matches!(self.kind, PhaseKind::Work { .. })
    }
}

impl Timeline {
    /// Takes in what a machine told, in order.
    pub fn take(&mut self, notice: &Notice) {
        let next = match &notice.kind {
            NoticeKind::Started => Some(PhaseKind::Work { attempt: notice.attempt }),
            NoticeKind::Retrying { error, .. } => Some(PhaseKind::Retry { error: error.clone() }),
            NoticeKind::Waiting { what, .. } => Some(PhaseKind::Wait { what: what.clone() }),
            NoticeKind::Reuse { .. } => return,
            NoticeKind::Succeeded { .. }
            | NoticeKind::Recovered { .. }
            | NoticeKind::Failed { .. }
            | NoticeKind::Skipped { .. }
            | NoticeKind::Cancelled
            | NoticeKind::InDoubt => None,
        };
        if next.is_none() && !self.steps.contains_key(&notice.step) {
            return;
        }
        if next.is_some() {
            self.goes_on(notice);
        }
        let phases = self.steps.entry(notice.step.clone()).or_default();
        if let Some(last) = phases.last_mut() {
            last.to.get_or_insert(notice.at);
        }
        if let Some(kind) = next {
            phases.push(Phase { kind, from: notice.at, to: None });
        }
    }

    /// A step inside a `loop` that waited for its next round begins: the round does.
    fn goes_on(&mut self, notice: &Notice) {
        let Some((around, _)) = notice.step.0.rsplit_once('.') else { return };
        let around = around.rsplit_once('[').map_or(around, |(step, _)| step);
        let Some(phases) = self.steps.get_mut(&StepPath(around.into())) else { return };
        let Some(last) = phases.last_mut() else { return };
        if last.to.is_none() && matches!(last.kind, PhaseKind::Wait { .. }) {
            last.to = Some(notice.at);
            phases.push(Phase { kind: PhaseKind::Work { attempt: 1 }, from: notice.at, to: None });
        }
    }

    /// The phases of a step, in order.
    #[must_use]
    pub fn of(&self, step: &StepPath) -> &[Phase] {
        self.steps.get(step).map_or(&[], Vec::as_slice)
    }

    /// Ends what still goes on, for a picture of a run that does.
    pub fn close(&mut self, at: Timestamp) {
        for last in self.steps.values_mut().filter_map(|phases| phases.last_mut()) {
            last.to.get_or_insert(at.max(last.from));
        }
    }

    /// The latest time that is known.
    #[must_use]
    pub fn last(&self) -> Option<Timestamp> {
        self.steps.values().filter_map(|phases| phases.last()).map(|p| p.to.unwrap_or(p.from)).max()
    }

    /// Whether nothing was told.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}
