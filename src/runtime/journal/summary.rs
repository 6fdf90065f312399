//! What a run was for, and what it came to: what is remembered of it.

use super::{Header, RunRow};
use crate::engine::{Machine, Usage};
use crate::runtime::report::status_name;
use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// So many skills are named.
const SKILLS: usize = 24;

/// A run in short, beside its status. All of it comes from the text of the plan or from the engine, but for what `goal` fills in
/// of the inputs; nothing of it was written by a skill.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The goal of the plan; values of inputs that are untrusted or private are `…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<Arc<str>>,
    /// SHA-256 over the plan's name and all its texts: the same for every run of the same plan.
    #[serde(default)]
    pub digest: Arc<str>,
    /// The skills that the plan calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<Arc<str>>,
    /// Whether a model wrote the plan that had read what is untrusted: then its names and its goal are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub doubted: bool,
    /// The step whose failure ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_step: Option<Arc<str>>,
    /// The error that ended it, where it is one of the language, of a signature or of the plan; `other` where an implementation
    /// made it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Arc<str>>,
    #[serde(default)]
    pub usage: Usage,
    /// Attempts made.
    #[serde(default)]
    pub calls: u64,
}

impl RunRow {
    /// What is remembered of it, in a line.
    #[must_use]
    pub fn told(&self) -> String {
        let status = status_name(self.status);
        let goal = self.about.goal.as_ref().map_or_else(String::new, |goal| format!(": {goal}"));
        let at = self.about.failed_step.as_ref().map_or_else(String::new, |step| format!(" at {step}"));
        let error = self.error.as_ref().map_or_else(String::new, |error| format!("{at}: {error}"));
        format!("plan {} {status}{error}{goal}", self.plan)
    }
}

impl Summary {
    /// What is known before a run starts.
    #[must_use]
    pub fn begin(header: &Header) -> Self {
        let text = |text: &Arc<str>| Value::String(Arc::clone(text));
        let all = [text(&header.plan)].into_iter().chain(header.sources.iter().map(|(_, t)| text(t)));
        Summary {
            digest: crate::value::canonical_digest(&Value::list(all.collect())).into(),
            skills: header.dag.skills().map(|(name, _)| Arc::clone(name)).take(SKILLS).collect(),
            doubted: header.dag.is_doubted(),
            ..Summary::default()
        }
    }

    /// What the machine knows by now.
    pub fn update(&mut self, machine: &Machine) {
        self.goal = machine.goal().cloned();
        self.usage = machine.usage();
        self.calls = machine.calls();
        let outcome = machine.outcome();
        self.failed_step = outcome.and_then(|o| o.failed_step.as_ref()).map(|step| Arc::clone(&step.0));
        let error = outcome.and_then(|o| o.error.as_ref());
        self.error = error.map(|e| match &e.skill {
            // `fail` and `require` take their words from the plan.
            None => Arc::clone(&e.kind),
            Some(_) if machine.dag().knows_error(&e.kind) => Arc::clone(&e.kind),
            Some(_) => "other".into(),
        });
    }
}
