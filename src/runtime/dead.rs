//! Runs that are put aside: nothing goes on with them by itself, so that they hold up no others, until a person decides.

use super::journal::{JournalError, RunRow};
use super::store::codec::{self, CodecError};
use super::store::keys::{self, Key, KeyName};
use super::store::{Op, Store};
use crate::engine::{Machine, Outcome, RunStatus};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// The version of [`DeadLetter`].
const SCHEMA: u16 = 1;

/// So many processes may end while a run goes on without getting any further; then it is put aside.
pub const MOST_CRASHES: u32 = 5;

/// Why a run was put aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The process ended several times while it went on, and it got no further.
    Crashes,
    /// The step that failed had been tried again before.
    Retries,
    /// The end of its journal is lost: what it did last is not known.
    Damage,
}

impl Cause {
    /// For people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Crashes => "crashes",
            Self::Retries => "retries",
            Self::Damage => "damage",
        }
    }
}

/// A run that is put aside.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeadLetter {
    pub run: Uuid,
    pub plan: Arc<str>,
    pub file: Arc<str>,
    pub cause: Cause,
    /// What went wrong last.
    pub error: String,
    /// The step that failed, or those that it was at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Arc<str>>,
    /// How often the step was tried, or the process ended.
    #[serde(default)]
    pub attempts: u32,
    /// How many events its journal had.
    pub events: u64,
    pub at: jiff::Timestamp,
}

impl DeadLetter {
    /// The letter of a run, put aside now.
    #[must_use]
    pub fn of(row: &RunRow, cause: Cause, error: String, events: u64) -> Self {
        Self {
            run: row.run,
            plan: Arc::clone(&row.plan),
            file: Arc::clone(&row.file),
            cause,
            error,
            steps: Vec::new(),
            attempts: 0,
            events,
            at: jiff::Timestamp::now(),
        }
    }
}

/// The letter of a run that ends so: its failed step, or one around it, had been tried more than once.
pub(super) fn of_outcome(
    row: &RunRow,
    outcome: &Outcome,
    machine: &Machine,
    events: u64,
) -> Option<DeadLetter> {
    if outcome.status != RunStatus::Failed {
        return None;
    }
    let failed = outcome.failed_step.as_ref()?;
    let inside = |path: &str| {
        failed.0.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let report = machine.report();
    let attempts = report.iter().filter(|step| inside(&step.path.0)).map(|step| step.attempts).max()?;
    if attempts < 2 {
        return None;
    }
    let error = super::journal::error_of(Some(outcome)).unwrap_or_default();
    let letter = DeadLetter::of(row, Cause::Retries, error, events);
    Some(DeadLetter { steps: vec![Arc::clone(&failed.0)], attempts, ..letter })
}

/// The bytes of a letter.
///
/// # Errors
/// If it cannot be written.
pub fn encode(letter: &DeadLetter) -> Result<Vec<u8>, CodecError> {
    codec::encode(SCHEMA, letter)
}

/// The write that puts a letter on the list.
///
/// # Errors
/// It cannot be written.
pub fn put(tenant: &KeyName, letter: &DeadLetter) -> Result<Op, JournalError> {
    let run = letter.run;
    let bytes = encode(letter).map_err(|why| JournalError::RunRow { run, why })?;
    Ok(Op::Put(Key::DeadLetter { tenant: tenant.clone(), run }.encode(), bytes))
}

/// The letter of a run.
///
/// # Errors
/// It is damaged or cannot be read.
pub fn get(store: &dyn Store, tenant: &KeyName, run: Uuid) -> Result<Option<DeadLetter>, JournalError> {
    let bytes = store.get(&Key::DeadLetter { tenant: tenant.clone(), run }.encode())?;
    bytes
        .map(|bytes| codec::decode(SCHEMA, &bytes).map_err(|why| JournalError::RunRow { run, why }))
        .transpose()
}

/// All letters of a tenant, the latest first.
///
/// # Errors
/// One is damaged, or the store cannot be read.
pub fn list(store: &dyn Store, tenant: &KeyName) -> Result<Vec<DeadLetter>, JournalError> {
    let mut letters = Vec::new();
    for (key, bytes) in store.scan(keys::dead_letters(tenant), false, usize::MAX)? {
        let run = match Key::parse(&key) {
            Some(Key::DeadLetter { run, .. }) => run,
            _ => Uuid::nil(),
        };
        let letter: DeadLetter =
            codec::decode(SCHEMA, &bytes).map_err(|why| JournalError::RunRow { run, why })?;
        letters.push(letter);
    }
    letters.sort_by_key(|letter| std::cmp::Reverse(letter.at));
    Ok(letters)
}
