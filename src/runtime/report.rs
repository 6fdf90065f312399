//! What a run did, as data: the JSON forms of `run --json`, and the critical path.

use crate::engine::command::{NoticeKind, StepReport};
use crate::engine::{Failure, Machine, Notice, Outcome, RunStatus, StepPath, StepStatus, Usage};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;

/// A run with its steps.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    pub run: String,
    pub plan: String,
    pub status: RunStatus,
    /// How it ended; none while it goes on.
    pub outcome: Option<Outcome>,
    pub steps: Vec<StepReport>,
    pub usage: Usage,
    /// Calls made, attempts counted each.
    pub calls: u32,
    pub started_at: Option<jiff::Timestamp>,
    pub ended_at: Option<jiff::Timestamp>,
}

impl Report {
    /// Reads a machine off.
    #[must_use]
    pub fn of(run: &str, plan: &str, status: RunStatus, machine: &Machine) -> Self {
        let steps = machine.report();
        let started_at = steps.iter().filter_map(|s| s.started_at).min();
        let ended_at = steps.iter().filter_map(|s| s.ended_at).max();
        let calls = steps.iter().filter(|s| s.skill.is_some()).map(|s| s.attempts).sum();
        Report {
            run: run.to_owned(),
            plan: plan.to_owned(),
            status,
            outcome: machine.outcome().cloned(),
            usage: machine.usage(),
            steps,
            calls,
            started_at,
            ended_at,
        }
    }

    /// The last line of `run --json`.
    #[must_use]
    pub fn finished_line(&self) -> Json {
        let steps: Map<String, Json> =
            self.steps.iter().map(|s| (s.path.to_string(), step_json(s))).collect();
        json!({
            "event": "run_finished",
            "run": self.run,
            "status": status_name(self.status),
            "output": self.outcome.as_ref().map_or(Json::Null, |o| o.output.to_json()),
            "error": self.outcome.as_ref().and_then(|o| o.error.as_ref()).map_or(Json::Null, failure_json),
            "not_undone": self.outcome.as_ref().map(|o| o.not_undone.as_slice()).unwrap_or_default(),
            "steps": steps,
            "usage": { "cost_usd": self.usage.cost_usd, "tokens": self.usage.tokens, "calls": self.calls },
        })
    }

    /// The chain of steps that decided how long the run took, first to last.
    #[must_use]
    pub fn critical_path(&self) -> Vec<&StepReport> {
        let by_path: HashMap<&StepPath, &StepReport> = self.steps.iter().map(|s| (&s.path, s)).collect();
        let leaf = |s: &&StepReport| s.skill.is_some() && s.ended_at.is_some();
        let mut path = Vec::new();
        let mut at = self.steps.iter().filter(leaf).max_by_key(|s| s.ended_at);
        while let Some(step) = at {
            path.push(step);
            if path.len() > self.steps.len() {
                break;
            }
            at = step.released_by.as_ref().and_then(|p| by_path.get(p)).copied();
        }
        path.reverse();
        path
    }
}

fn step_json(step: &StepReport) -> Json {
    let mut row = Map::new();
    row.insert("status".into(), step_status_name(step.status).into());
    if let Some(value) = &step.value {
        row.insert("value".into(), value.to_json());
    }
    row.insert("attempts".into(), step.attempts.into());
    if let Some(because) = &step.skipped_because {
        row.insert("skipped_because".into(), because.as_ref().into());
    }
    if let Some(error) = &step.error {
        row.insert("error".into(), failure_json(error));
    }
    if let Some(status) = step.compensation {
        row.insert("compensation".into(), step_status_name(status).into());
    }
    Json::Object(row)
}

/// The outside form of a failure.
#[must_use]
pub fn failure_json(failure: &Failure) -> Json {
    let mut row = Map::new();
    row.insert("kind".into(), failure.kind.as_ref().into());
    row.insert("message".into(), failure.message.as_ref().into());
    if let Some(skill) = &failure.skill {
        row.insert("skill".into(), skill.as_ref().into());
    }
    if !failure.details.is_empty() {
        let details = failure.details.iter().map(|(k, v)| (k.to_string(), v.to_json())).collect();
        row.insert("details".into(), Json::Object(details));
    }
    Json::Object(row)
}

/// One line of `run --json`.
#[must_use]
pub fn notice_line(run: &str, notice: &Notice) -> Json {
    let mut row = Map::new();
    let (event, extra) = notice_parts(&notice.kind);
    row.insert("event".into(), event.into());
    row.insert("run".into(), run.into());
    row.insert("step".into(), notice.step.to_string().into());
    row.insert("attempt".into(), notice.attempt.into());
    row.insert("at".into(), notice.at.to_string().into());
    row.extend(extra);
    Json::Object(row)
}

fn notice_parts(kind: &NoticeKind) -> (&'static str, Map<String, Json>) {
    let mut extra = Map::new();
    let mut put = |key: &str, value: Json| {
        extra.insert(key.to_owned(), value);
    };
    let event = match kind {
        NoticeKind::Started => "step_started",
        NoticeKind::Succeeded { value } => {
            put("value", value.to_json());
            "step_succeeded"
        }
        NoticeKind::Recovered { value, error } => {
            put("value", value.to_json());
            put("error", failure_json(error));
            "step_recovered"
        }
        NoticeKind::Failed { error, handled } => {
            put("error", failure_json(error));
            put("handled", (*handled).into());
            "step_failed"
        }
        NoticeKind::Retrying { error, at } => {
            put("error", failure_json(error));
            put("retry_at", at.to_string().into());
            "step_retrying"
        }
        NoticeKind::Waiting { what, until } => {
            put("for", what.as_ref().into());
            put("until", until.map_or(Json::Null, |t| t.to_string().into()));
            "step_waiting"
        }
        NoticeKind::Skipped { because } => {
            put("skipped_because", because.as_ref().into());
            "step_skipped"
        }
        NoticeKind::Cancelled => "step_cancelled",
        NoticeKind::InDoubt => "step_in_doubt",
    };
    (event, extra)
}

/// The name of a run's status in every output.
#[must_use]
pub fn status_name(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Running => "running",
        RunStatus::Succeeded => "succeeded",
        RunStatus::Failed => "failed",
        RunStatus::Suspended => "suspended",
        RunStatus::Interrupted => "interrupted",
        RunStatus::Cancelled => "cancelled",
    }
}

/// The name of a step's status in every output.
#[must_use]
pub fn step_status_name(status: StepStatus) -> &'static str {
    match status {
        StepStatus::Pending => "pending",
        StepStatus::Waiting => "waiting",
        StepStatus::Running => "running",
        StepStatus::Succeeded => "succeeded",
        StepStatus::Recovered => "recovered",
        StepStatus::Skipped => "skipped",
        StepStatus::Failed => "failed",
        StepStatus::Cancelled => "cancelled",
        StepStatus::InDoubt => "in_doubt",
    }
}
