//! What the machine wants, and what it tells.

use super::ask::{Ask, Decision};
use super::event::{Failure, StepPath, Usage};
use crate::check::hir::{Idempotency, Rate};
use crate::syntax::ast::EffectKind;
use crate::types::Type;
use crate::value::{Map, Value};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The name of a timer, unique in its run.
pub type TimerId = Arc<str>;

/// What applying one event gave.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// To be obeyed once the event is durable.
    pub commands: Vec<Command>,
    /// What to tell those who watch.
    pub notices: Vec<Notice>,
    /// Calls that nobody is to make: people, or the world outside, are asked.
    pub asked: Vec<Asked>,
}

/// A call of `human.ask`, `human.review` or `signal.wait`. The step's end among the notices is its answer.
#[derive(Clone, Debug)]
pub struct Asked {
    pub step: StepPath,
    pub skill: Arc<str>,
    pub args: Map,
    pub type_args: Vec<(Arc<str>, Type)>,
    /// How many notices came before it.
    pub notices: usize,
}

/// What a driver is to do.
#[derive(Clone, Debug)]
pub enum Command {
    /// Call a skill; answer with `attempt_succeeded` or `attempt_failed`.
    Invoke(Box<Invoke>),
    /// Answer with `timer_fired` at this time or later. A timer that is armed again moves.
    WakeAt { timer: TimerId, at: jiff::Timestamp },
    /// The timer is not needed any more.
    Disarm { timer: TimerId },
    /// Stop a call; an answer that still comes is ignored.
    Abort { step: StepPath, attempt: u32 },
    /// The run has ended.
    Finish(Outcome),
}

/// One attempt of one call.
#[derive(Clone, Debug)]
pub struct Invoke {
    pub step: StepPath,
    pub attempt: u32,
    pub skill: Arc<str>,
    pub args: Map,
    /// The result is checked against it before it is recorded.
    pub output: Type,
    /// Type arguments, for skills that need a schema.
    pub type_args: Vec<(Arc<str>, Type)>,
    /// The same for every attempt of one step with the same arguments.
    pub idempotency_key: Arc<str>,
    /// Whether `attempt_started` must be durable before the call is made.
    pub intent: bool,
    pub effect: EffectKind,
    pub idempotency: Idempotency,
    pub timeout_ms: i64,
    /// The result of an earlier call will do.
    pub cache: Option<CallCache>,
    /// Made once, whichever run asks.
    pub key: Option<CallKey>,
    /// The driver holds calls back that would be more than this.
    pub rate: Option<Rate>,
    /// What it uses at the worst, as far as its signature says.
    pub worst: Usage,
}

/// `cache`: what the result is kept under, and for how long.
#[derive(Clone, Debug)]
pub struct CallCache {
    /// Over the skill, its arguments and the type of its result.
    pub digest: Arc<str>,
    pub keep_ms: i64,
}

/// `key`: what makes two calls one.
#[derive(Clone, Debug)]
pub struct CallKey {
    /// Over the skill and the key.
    pub digest: Arc<str>,
    /// Over the arguments: under one key they are always the same.
    pub args: Arc<str>,
}

/// How a run ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    pub status: RunStatus,
    pub output: Value,
    pub error: Option<Failure>,
    /// The step whose failure ended the run.
    pub failed_step: Option<StepPath>,
    /// Steps that acted and could not be undone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_undone: Vec<StepPath>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    Running,
    Succeeded,
    Failed,
    Suspended,
    Interrupted,
    Cancelled,
}

impl RunStatus {
    /// Whether it never goes on.
    #[must_use]
    pub fn is_ended(self) -> bool {
        match self {
            RunStatus::Running | RunStatus::Suspended | RunStatus::Interrupted => false,
            RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled => true,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    Pending,
    /// For a retry, a timer, a person, a signal.
    Waiting,
    /// An attempt is in flight, or its content runs. In `run --json` this is not a final status.
    Running,
    Succeeded,
    Recovered,
    Skipped,
    Failed,
    Cancelled,
    InDoubt,
}

/// Something that those who watch a run want to know. Not journalled: replay gives it again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Notice {
    pub at: jiff::Timestamp,
    pub step: StepPath,
    pub attempt: u32,
    pub kind: NoticeKind,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    Started,
    Succeeded {
        value: Value,
    },
    /// It failed and was handled: `use`, `fallback`, `continue` give `Recovered` or `Failed { handled }`.
    Recovered {
        value: Value,
        error: Failure,
    },
    Failed {
        error: Failure,
        handled: bool,
    },
    Retrying {
        error: Failure,
        at: jiff::Timestamp,
    },
    /// Waits for a timer, a person, a signal.
    Waiting {
        what: Arc<str>,
        until: Option<jiff::Timestamp>,
        /// What people, or the world outside, are asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ask: Option<Box<Ask>>,
    },
    Skipped {
        because: Arc<str>,
    },
    Cancelled,
    InDoubt,
    /// Whether an earlier run had made it already.
    Reuse {
        reuse: super::reuse::Reused,
    },
}

/// One row of a run's report.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StepReport {
    pub path: StepPath,
    pub status: StepStatus,
    pub value: Option<Value>,
    pub attempts: u32,
    pub skipped_because: Option<Arc<str>>,
    pub error: Option<Failure>,
    pub skill: Option<Arc<str>>,
    /// The step whose end let this one start: the edge of the critical path.
    pub released_by: Option<StepPath>,
    pub started_at: Option<jiff::Timestamp>,
    pub ended_at: Option<jiff::Timestamp>,
    pub usage: Usage,
    /// Who decided what about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decision>,
    /// Where its value was taken from instead of a call: `cache`, or the run that made it under the same key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reused: Option<Arc<str>>,
    /// What became of its compensation, where it was unwound; details are in the row of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensation: Option<StepStatus>,
    /// Whether it was taken over from the run that this one started from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reuse: Option<super::reuse::Reused>,
    /// The plan's text of it.
    pub span: crate::source::Span,
}
