//! What a run did, as data: the JSON forms of `run --json`, and the critical path.

use super::timeline::Timeline;
use crate::engine::command::{NoticeKind, StepReport};
use crate::engine::reuse::Reused;
use crate::engine::{
    Ask, AskKind, Decision, Failure, Machine, Notice, Outcome, RunStatus, StepPath, StepStatus, Usage,
};
use crate::value::Map as Inputs;
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
    /// What it was started with; known where the journal was read.
    #[serde(default)]
    pub inputs: Inputs,
    /// What the steps did over time; known where the journal was read.
    #[serde(default)]
    pub timeline: Timeline,
    /// What people, or the world outside, are asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asks: Vec<Ask>,
    /// When something of a suspended run is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<jiff::Timestamp>,
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
            inputs: Inputs::default(),
            timeline: Timeline::default(),
            asks: machine.asks(),
            due: machine.rest(jiff::Timestamp::now()).and_then(|rest| rest.due),
        }
    }

    /// The last line of `run --json`.
    #[must_use]
    pub fn finished_line(&self) -> Json {
        let steps: Map<String, Json> =
            self.steps.iter().map(|s| (s.path.to_string(), step_json(s))).collect();
        let mut line = json!({
            "event": "run_finished",
            "run": self.run,
            "status": status_name(self.status),
            "output": self.outcome.as_ref().map_or(Json::Null, |o| o.output.to_json()),
            "error": self.outcome.as_ref().and_then(|o| o.error.as_ref()).map_or(Json::Null, failure_json),
            "not_undone": self.outcome.as_ref().map(|o| o.not_undone.as_slice()).unwrap_or_default(),
            "steps": steps,
            "usage": { "cost_usd": self.usage.known_cost(), "tokens": self.usage.tokens, "calls": self.calls },
        });
        if self.usage.unpriced > 0
            && let Some(usage) = line.get_mut("usage").and_then(Json::as_object_mut)
        {
            usage.insert("known_cost_usd".into(), self.usage.cost_usd.into());
            usage.insert("unknown_cost_calls".into(), self.usage.unpriced.into());
        }
        if let (false, Some(line)) = (self.asks.is_empty(), line.as_object_mut()) {
            line.insert("waiting".into(), self.asks.iter().map(|ask| ask_json(&self.run, ask)).collect());
        }
        line
    }

    /// The values of its own steps that have ended well and were not undone, by name.
    #[must_use]
    pub fn kept(&self) -> Inputs {
        let whole = |s: &&StepReport| !s.path.0.contains(['.', '[']) && s.compensation.is_none();
        let ended = |s: &&StepReport| matches!(s.status, StepStatus::Succeeded | StepStatus::Recovered);
        let steps = self.steps.iter().filter(whole).filter(ended);
        steps.filter_map(|s| Some((s.path.0.clone(), s.value.clone()?))).collect()
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

/// What somebody is asked for, with the command that answers.
fn ask_json(run: &str, ask: &Ask) -> Json {
    let mut row = Map::new();
    row.insert("step".into(), ask.step.to_string().into());
    row.extend(ask_parts(run, ask));
    Json::Object(row)
}

fn ask_parts(run: &str, ask: &Ask) -> Map<String, Json> {
    let mut row = Map::new();
    let kind = match ask.kind {
        AskKind::Approval => "approval",
        AskKind::Review => "review",
        AskKind::Input => "answer",
        AskKind::Signal => "signal",
        AskKind::Doubt => "in_doubt",
    };
    row.insert("for".into(), kind.into());
    row.insert("question".into(), ask.question.as_ref().into());
    row.insert("by".into(), ask.roles.iter().map(|r| Json::from(r.as_ref())).collect());
    if let Some(callee) = &ask.callee {
        row.insert("skill".into(), callee.as_ref().into());
    }
    if let Some(shown) = &ask.shown {
        let name = if ask.kind == AskKind::Approval { "arguments" } else { "value" };
        row.insert(name.into(), shown.to_json());
    }
    if let Some(wanted) = &ask.wanted {
        row.insert("type".into(), wanted.as_str().into());
    }
    if ask.kind.is_person() {
        row.insert("digest".into(), ask.digest.as_ref().into());
        row.insert("quorum".into(), ask.quorum.into());
        row.insert("approvals".into(), ask.approvals.iter().map(|a| Json::from(a.as_ref())).collect());
    }
    row.insert("until".into(), ask.until.map_or(Json::Null, |t| t.to_string().into()));
    row.insert("command".into(), command(run, ask.kind, &ask.step, &ask.question).into());
    row
}

/// The command that answers, to be completed with a value where one is wanted.
#[must_use]
pub fn command(run: &str, kind: AskKind, step: &StepPath, question: &str) -> String {
    let step = shell_word(&step.0);
    match kind {
        AskKind::Approval | AskKind::Review => format!("aos approve {run} {step}"),
        AskKind::Input => format!("aos answer {run} {step} VALUE"),
        AskKind::Signal => format!("aos signal {run} {} VALUE", shell_word(question)),
        AskKind::Doubt => format!("aos resume {run} --retry {step}"),
    }
}

/// A word that a shell takes as it is: step paths have brackets.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
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
    if let Some(reused) = &step.reused {
        row.insert("reused".into(), reused.as_ref().into());
    }
    if !step.decisions.is_empty() {
        row.insert("decisions".into(), step.decisions.iter().map(decision_json).collect());
    }
    if let Some(status) = step.compensation {
        row.insert("compensation".into(), step_status_name(status).into());
    }
    if let Some(reuse) = &step.reuse {
        let (key, value) = reuse_json(reuse);
        row.insert(key.into(), value);
    }
    Json::Object(row)
}

fn reuse_json(reuse: &Reused) -> (&'static str, Json) {
    match reuse {
        Reused::From(run) => ("reused_from", run.as_ref().into()),
        Reused::Not(why) => ("not_reused", why.as_ref().into()),
    }
}

fn decision_json(decision: &Decision) -> Json {
    json!({
        "by": decision.by, "at": decision.at.to_string(), "approved": decision.approved, "comment": decision.comment,
    })
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
    let (event, extra) = notice_parts(run, &notice.kind);
    row.insert("event".into(), event.into());
    row.insert("run".into(), run.into());
    row.insert("step".into(), notice.step.to_string().into());
    row.insert("attempt".into(), notice.attempt.into());
    row.insert("at".into(), notice.at.to_string().into());
    row.extend(extra);
    Json::Object(row)
}

fn notice_parts(run: &str, kind: &NoticeKind) -> (&'static str, Map<String, Json>) {
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
        NoticeKind::Waiting { ask: Some(ask), .. } => {
            ask_parts(run, ask).into_iter().for_each(|(key, value)| put(&key, value));
            "step_waiting"
        }
        NoticeKind::Waiting { what, until, ask: None } => {
            put("for", what.as_ref().into());
            put("until", until.map_or(Json::Null, |t| t.to_string().into()));
            "step_waiting"
        }
        NoticeKind::Skipped { because } => {
            put("skipped_because", because.as_ref().into());
            "step_skipped"
        }
        NoticeKind::Reuse { reuse } => {
            let (key, value) = reuse_json(reuse);
            put(key, value);
            if matches!(reuse, Reused::From(_)) { "step_reused" } else { "step_not_reused" }
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
