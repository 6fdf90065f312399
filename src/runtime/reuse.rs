//! What a run leaves to one that starts `--from` it.

use super::journal::{self, JournalError};
use super::store::journal::Journal;
use super::store::keys::KeyName;
use crate::engine::reuse::{Earlier, EarlierEnd, Reused, digests};
use crate::engine::{Command, Event, EventKind, NoticeKind, Step, StepPath, StepStatus};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use uuid::Uuid;

/// Steps in one event, so that none grows without bound.
const CHUNK: usize = 256;

/// `--from RUN --rerun STEP…`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct From {
    /// A run's id, or its first characters.
    pub run: String,
    /// Steps that are made again whatever was: themselves, and all inside.
    pub rerun: Vec<String>,
}

type Call = (Arc<str>, BTreeMap<Arc<str>, Arc<str>>);

/// The events that give the calls of an earlier run to a new one.
///
/// # Errors
/// The earlier run cannot be read.
pub fn events(
    journal: &Journal,
    tenant: &KeyName,
    run: Uuid,
    rerun: &[String],
) -> Result<Vec<EventKind>, JournalError> {
    let mut calls: HashMap<(StepPath, u32), Call> = HashMap::new();
    let mut given: HashMap<StepPath, Earlier> = HashMap::new();
    let mut found: indexmap::IndexMap<StepPath, Earlier> = indexmap::IndexMap::new();
    let mut watch = |event: &Event, step: &Step| {
        match &event.kind {
            EventKind::Reusable { steps, .. } => {
                given.extend(steps.iter().map(|s| (s.step.clone(), s.clone())))
            }
            EventKind::AttemptSucceeded { step, attempt, value, .. } => {
                if let Some((skill, args)) = calls.remove(&(step.clone(), *attempt)) {
                    let end = EarlierEnd::Value(value.clone());
                    found.insert(step.clone(), Earlier { step: step.clone(), skill, args, end });
                }
            }
            EventKind::AttemptFailed { step, attempt, error, .. } => {
                if let Some((skill, args)) = calls.remove(&(step.clone(), *attempt)) {
                    let end = EarlierEnd::Nothing(format!("it failed with {} then", error.kind).into());
                    found.insert(step.clone(), Earlier { step: step.clone(), skill, args, end });
                }
            }
            EventKind::Started { .. }
            | EventKind::AttemptStarted { .. }
            | EventKind::TimerFired { .. }
            | EventKind::CancelRequested { .. }
            | EventKind::Decided { .. }
            | EventKind::Answered { .. }
            | EventKind::Signalled { .. }
            | EventKind::Resumed => {}
        }
        for command in &step.commands {
            if let Command::Invoke(invoke) = command {
                let call = (invoke.skill.clone(), digests(&invoke.args, &invoke.type_args));
                calls.insert((invoke.step.clone(), invoke.attempt), call);
            }
        }
        for notice in &step.notices {
            // What that run took over itself is handed on.
            if matches!(&notice.kind, NoticeKind::Reuse { reuse: Reused::From(_) })
                && let Some(earlier) = given.remove(&notice.step)
            {
                found.insert(notice.step.clone(), earlier);
            }
        }
    };
    let replayed = journal::replay_watched(journal, tenant, run, &mut watch)?;
    for ((step, _), (skill, args)) in calls {
        let end = EarlierEnd::Nothing("it had not ended then".into());
        found.entry(step.clone()).or_insert(Earlier { step, skill, args, end });
    }
    // What was undone has no effect any more, whatever its value was.
    for step in replayed.machine.report() {
        if step.compensation.is_some_and(|status| status != StepStatus::Skipped)
            && let Some(earlier) = found.get_mut(&step.path)
        {
            earlier.end = EarlierEnd::Nothing("it was undone then".into());
        }
    }
    for earlier in found.values_mut().filter(|e| rerun.iter().any(|r| stands_in(&e.step.0, r))) {
        earlier.end = EarlierEnd::Nothing("it is to be made again".into());
    }
    let from: Arc<str> = run.to_string().into();
    let steps: Vec<Earlier> = found.into_values().collect();
    let mut events: Vec<EventKind> =
        steps.chunks(CHUNK).map(|c| EventKind::Reusable { from: from.clone(), steps: c.to_vec() }).collect();
    if events.is_empty() {
        events.push(EventKind::Reusable { from, steps: Vec::new() });
    }
    Ok(events)
}

/// Whether a path is this step or lies inside it.
fn stands_in(path: &str, step: &str) -> bool {
    path.strip_prefix(step).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
