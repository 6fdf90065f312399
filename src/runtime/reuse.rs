//! What a run leaves to one that starts `--from` it.

use super::journal::{self, JournalError};
use super::store::journal::Journal;
use super::store::keys::KeyName;
use crate::engine::EventKind;
use crate::engine::reuse::Collector;
use serde::{Deserialize, Serialize};
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
    let mut collector = Collector::default();
    let replayed =
        journal::replay_watched(journal, tenant, run, &mut |event, step| collector.take(event, step))?;
    let steps = collector.finish(&replayed.machine, rerun);
    let from: Arc<str> = run.to_string().into();
    if steps.is_empty() {
        return Ok(vec![EventKind::Reusable { from, steps }]);
    }
    Ok(steps.chunks(CHUNK).map(|c| EventKind::Reusable { from: from.clone(), steps: c.to_vec() }).collect())
}
