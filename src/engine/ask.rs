//! What a run wants of people, or of the world outside.

use super::event::StepPath;
use crate::types::Type;
use crate::value::{Map, Value};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Something that a step waits for and that no skill gives.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ask {
    /// The step that waits.
    pub step: StepPath,
    /// What is wanted.
    pub kind: AskKind,
    /// The question; for a signal its name.
    pub question: Arc<str>,
    /// What people see of it: the exact arguments of the call, or the value. Secrets are names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<Value>,
    /// The skill or plan that is to be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callee: Option<Arc<str>>,
    /// The SHA-256 of what is decided on.
    pub digest: Arc<str>,
    /// The type of the value that is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<String>,
    /// The roles that may answer: those asked so far. Empty: anyone.
    #[serde(default)]
    pub roles: Vec<Arc<str>>,
    /// How many people must say yes.
    pub quorum: u32,
    /// Who has said yes.
    #[serde(default)]
    pub approvals: Vec<Arc<str>>,
    /// Since when.
    pub asked_at: Timestamp,
    /// When the next role is asked, or the question expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Who is asked then; none: it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<Arc<str>>,
}

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskKind {
    /// Yes or no to a call.
    Approval,
    /// Yes or no to a value.
    Review,
    /// A value.
    Input,
    /// A signal.
    Signal,
}

impl AskKind {
    /// Whether a person answers.
    #[must_use]
    pub fn is_person(self) -> bool {
        match self {
            AskKind::Approval | AskKind::Review | AskKind::Input => true,
            AskKind::Signal => false,
        }
    }
}

impl Ask {
    /// What it waits for, in a few words.
    #[must_use]
    pub fn what(&self) -> String {
        let by = match self.roles.as_slice() {
            [] => String::new(),
            roles => format!(" by {}", roles.join(" or ")),
        };
        let count = match (self.quorum, self.approvals.len()) {
            (..=1, _) => String::new(),
            (quorum, given) => format!(" ({given} of {quorum})"),
        };
        match self.kind {
            AskKind::Approval => format!("approval{by}{count}: {}", self.question),
            AskKind::Review => format!("review{by}{count}: {}", self.question),
            AskKind::Input => format!("an answer{by}: {}", self.question),
            AskKind::Signal => format!("the signal `{}`", self.question),
        }
    }
}

/// What a person decided.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Decision {
    pub by: Arc<str>,
    pub at: Timestamp,
    pub approved: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Arc<str>>,
}

/// An [`Ask`] as the machine keeps it.
#[derive(Clone, Debug)]
pub(super) struct Asking {
    pub(super) kind: AskKind,
    pub(super) question: Arc<str>,
    pub(super) shown: Option<Value>,
    pub(super) callee: Option<Arc<str>>,
    pub(super) digest: Arc<str>,
    /// Of the value that is wanted.
    pub(super) ty: Option<Type>,
    /// At least one.
    pub(super) stages: Vec<Stage>,
    /// The stage it is at.
    pub(super) stage: usize,
    pub(super) quorum: u32,
    pub(super) approvals: Vec<Arc<str>>,
    pub(super) asked_at: Timestamp,
    pub(super) until: Option<Timestamp>,
}

/// Who is asked, and for how long.
#[derive(Clone, Debug, Default)]
pub(super) struct Stage {
    pub(super) role: Option<Arc<str>>,
    pub(super) within: Option<SignedDuration>,
    /// The error when nobody answers: `expired`, or `timeout` where the step has one.
    pub(super) timeout: bool,
}

impl Asking {
    /// A question of one stage.
    pub(super) fn new(kind: AskKind, question: Arc<str>, digest: Arc<str>, now: Timestamp) -> Self {
        Asking {
            kind,
            question,
            shown: None,
            callee: None,
            digest,
            ty: None,
            stages: vec![Stage::default()],
            stage: 0,
            quorum: 1,
            approvals: Vec::new(),
            asked_at: now,
            until: None,
        }
    }

    /// As others see it.
    pub(super) fn public(&self, step: StepPath) -> Ask {
        Ask {
            step,
            kind: self.kind,
            question: self.question.clone(),
            shown: self.shown.clone(),
            callee: self.callee.clone(),
            digest: self.digest.clone(),
            wanted: self.ty.as_ref().map(ToString::to_string),
            roles: self.stages.iter().take(self.stage + 1).filter_map(|s| s.role.clone()).collect(),
            quorum: self.quorum,
            approvals: self.approvals.clone(),
            asked_at: self.asked_at,
            until: self.until,
            then: self.stages.get(self.stage + 1).and_then(|s| s.role.clone()),
        }
    }
}

/// What is decided on: a call with its exact arguments, or a value.
pub(super) fn digest(what: &str, value: Value) -> Arc<str> {
    let mut map = Map::new();
    map.insert("what".into(), Value::text(what));
    map.insert("value".into(), value);
    crate::value::canonical_digest(&Value::map(map)).into()
}
