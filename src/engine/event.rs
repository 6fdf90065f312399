//! What happened. The journal is a list of these.

use crate::value::{Map, Value};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// The name of a step instance: `fetch`, `pages[3].page`, `gate.then.x`, `sub.x`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepPath(pub Arc<str>);

impl fmt::Display for StepPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Something that happened to a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// When; the only clock of the machine.
    pub at: jiff::Timestamp,
    /// Who did it: a login name, an agent, `engine`.
    pub actor: Arc<str>,
    #[serde(flatten)]
    pub kind: EventKind,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// Before `started`: what an earlier run leaves to this one.
    Reusable {
        from: Arc<str>,
        steps: Vec<super::reuse::Earlier>,
    },
    Started {
        run: Arc<str>,
        inputs: Map,
    },
    /// The attempt is about to be made. Written before calls of skills that must not be repeated unasked.
    AttemptStarted {
        step: StepPath,
        attempt: u32,
    },
    AttemptSucceeded {
        step: StepPath,
        attempt: u32,
        value: Value,
        #[serde(default, skip_serializing_if = "Usage::is_none")]
        usage: Usage,
        /// Where the value was taken from instead of a call: `cache`, or the run that made it under the same key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reused: Option<Arc<str>>,
    },
    AttemptFailed {
        step: StepPath,
        attempt: u32,
        error: Failure,
        #[serde(default, skip_serializing_if = "Usage::is_none")]
        usage: Usage,
    },
    TimerFired {
        timer: Arc<str>,
    },
    CancelRequested {
        #[serde(default)]
        reason: Option<Arc<str>>,
    },
    /// A person (the actor) says what became of a step that was in doubt, or what is to become of it.
    Resolved {
        step: StepPath,
        resolution: Resolution,
    },
    /// A person (the actor) said yes or no to a call or a value.
    Decided {
        step: StepPath,
        /// Of what was shown.
        digest: Arc<str>,
        approved: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<Arc<str>>,
        /// The login name, where the person answers by another.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        login: Option<Arc<str>>,
    },
    /// A person (the actor) gave the value that a step asked for.
    Answered {
        step: StepPath,
        value: Value,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        login: Option<Arc<str>>,
    },
    /// A signal came from outside.
    Signalled {
        name: Arc<str>,
        value: Value,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        login: Option<Arc<str>>,
    },
    /// The process that ran it ended, and another goes on.
    Resumed,
}

/// What a person says about a step that is in doubt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// It did not act, or may act twice: it is called again.
    Retry,
    /// It has no value; what needs one is skipped too.
    Skip,
    /// It did act, and gave this.
    Use(Value),
}

/// What a call used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// US dollars.
    #[serde(default)]
    pub cost_usd: f64,
    #[serde(default)]
    pub tokens: i64,
    /// Calls of models whose cost is not known: `cost_usd` is without them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unpriced: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl Usage {
    /// What is known of the cost; `None` where a part of it is not.
    #[must_use]
    pub fn known_cost(&self) -> Option<f64> {
        (self.unpriced == 0).then_some(self.cost_usd)
    }

    fn is_none(&self) -> bool {
        *self == Usage::default()
    }
}

/// Why something failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Failure {
    /// `timeout`, `rate_limited`, …
    pub kind: Arc<str>,
    pub message: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skill: Option<Arc<str>>,
    /// Typed by the skill's `throws`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub details: Map,
    /// The skill asks for at least this wait before a retry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<i64>,
    /// The text of the plan that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<crate::source::Span>,
}

impl Failure {
    /// As plans see it.
    #[must_use]
    pub fn to_value(&self, attempt: u32) -> Value {
        let text = |s: &Arc<str>| Value::String(s.clone());
        let mut map = Map::new();
        map.insert("kind".into(), text(&self.kind));
        map.insert("message".into(), text(&self.message));
        map.insert("skill".into(), self.skill.as_ref().map_or(Value::Null, text));
        map.insert("attempt".into(), Value::Int(i64::from(attempt)));
        map.insert("details".into(), Value::Map(Arc::new(self.details.clone())));
        Value::Map(Arc::new(map))
    }

    /// A failure without details.
    #[must_use]
    pub fn new(kind: &str, message: impl Into<String>) -> Self {
        let message: String = message.into();
        Failure {
            kind: kind.into(),
            message: message.into(),
            skill: None,
            details: Map::new(),
            retry_after_ms: None,
            span: None,
        }
    }
}
