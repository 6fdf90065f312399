//! What is kept of a run: a header with everything it needs, its events, and a row for lists.

use super::store::codec::{self, CodecError};
use super::store::journal::{Journal, JournalError as RowError};
use super::store::keys::{self, Key, KeyName};
use super::store::{Op, StoreError};
use crate::dag::Dag;
use crate::engine::event::EventKind;
use crate::engine::{Ask, AskKind, Event, Machine, Outcome, Rest, RunStatus, Step, StepPath};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use uuid::Uuid;

/// The version of [`Header`] and of the events behind it.
pub const FORMAT: u32 = 1;
/// The version of [`RunRow`].
const ROW: u16 = 1;

/// Why a run could not be written or read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Row(#[from] RowError),
    #[error("the row of run {run} cannot be read: {why}")]
    RunRow { run: Uuid, why: CodecError },
    #[error("run {0} has no header; its journal starts in the middle")]
    NoHeader(Uuid),
    #[error("run {run} was written in format {found}, this program knows {FORMAT}; use a newer aos")]
    Newer { run: Uuid, found: u32 },
    #[error("event {seq} of run {run} does not fit its plan: {why}")]
    Illegal { run: Uuid, seq: u64, why: String },
}

/// The first entry of a journal: a run ends on the plan it began with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Header {
    pub format: u32,
    pub tenant: Arc<str>,
    pub actor: Arc<str>,
    pub plan: Arc<str>,
    /// The plan file as the user named it.
    pub file: Arc<str>,
    /// Where `aos.toml` lies, or the file: what skills are configured by.
    pub project_root: PathBuf,
    pub dag: Arc<Dag>,
    /// Path and text of every file, by number.
    pub sources: Vec<(Arc<str>, Arc<str>)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "the large one is the one that there are many of")]
enum Entry {
    Header(Box<Header>),
    Event(Event),
}

/// A run in lists: a projection of its journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunRow {
    pub run: Uuid,
    pub plan: Arc<str>,
    pub file: Arc<str>,
    pub actor: Arc<str>,
    pub status: RunStatus,
    pub started_at: jiff::Timestamp,
    pub updated_at: jiff::Timestamp,
    /// Kind and message of what ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Steps whose call may or may not have acted.
    #[serde(default)]
    pub in_doubt: u32,
    /// What a suspended run waits for, the first few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Waits>,
    /// How many things it waits for.
    #[serde(default)]
    pub waits: u32,
    /// When something of a suspended run is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<jiff::Timestamp>,
}

/// One thing that a suspended run waits for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Waits {
    pub step: StepPath,
    pub kind: AskKind,
    /// In a few words, with the question.
    pub what: String,
    /// Of a signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<jiff::Timestamp>,
}

impl Waits {
    /// How long the words are at most.
    const CHARS: usize = 200;

    fn of(ask: &Ask) -> Self {
        let what: String = ask.what().chars().take(Self::CHARS).collect();
        let name = (ask.kind == AskKind::Signal).then(|| Arc::clone(&ask.question));
        Waits { step: ask.step.clone(), kind: ask.kind, what, name, until: ask.until }
    }
}

/// The journal of one run, open for writing.
pub struct RunJournal {
    journal: Journal,
    tenant: KeyName,
    row: RunRow,
    next: u64,
    /// Written together with the first events.
    header: Option<Box<Header>>,
    /// What the store holds in its lists.
    listed: Option<RunStatus>,
}

impl RunJournal {
    /// The journal of a new run; nothing is written yet.
    #[must_use]
    pub fn create(journal: Journal, tenant: KeyName, run: Uuid, header: Header) -> Self {
        let now = jiff::Timestamp::now();
        let row = RunRow {
            run,
            plan: Arc::clone(&header.plan),
            file: Arc::clone(&header.file),
            actor: Arc::clone(&header.actor),
            status: RunStatus::Running,
            started_at: now,
            updated_at: now,
            error: None,
            in_doubt: 0,
            waiting: Vec::new(),
            waits: 0,
            due: None,
        };
        RunJournal { journal, tenant, row, next: 0, header: Some(Box::new(header)), listed: None }
    }

    /// Appends events with one sync, and the row of the run where its status changes.
    ///
    /// # Errors
    /// The store could not make them durable.
    pub async fn append(
        &mut self,
        events: &[Event],
        outcome: Option<&Outcome>,
        rest: Option<&Rest>,
        machine: &Machine,
    ) -> Result<(), JournalError> {
        let mut entries = Vec::with_capacity(events.len() + 1);
        entries.extend(self.header.take().map(Entry::Header));
        entries.extend(events.iter().cloned().map(Entry::Event));
        let status = match (outcome, rest) {
            (Some(outcome), _) => outcome.status,
            (None, Some(_)) => RunStatus::Suspended,
            (None, None) => RunStatus::Running,
        };
        let ops = self.row_ops(status, outcome, rest, machine)?;
        self.journal.append(self.row.run, self.next, &entries, Vec::new(), ops).await?;
        self.listed = Some(status);
        self.next += entries.len() as u64;
        if outcome.is_some() {
            self.journal.forget(self.row.run);
        }
        Ok(())
    }

    /// Changes the status in the lists without an event.
    ///
    /// # Errors
    /// The store could not make it durable.
    pub async fn set_status(&mut self, status: RunStatus, machine: &Machine) -> Result<(), JournalError> {
        let ops = self.row_ops(status, None, None, machine)?;
        if !ops.is_empty() {
            self.journal.store().commit(Vec::new(), ops).await?;
            self.listed = Some(status);
        }
        Ok(())
    }

    /// The process lets go of a run that waits for people, signals or a far time. Its row says so already, unless the last event was
    /// none of the journal's.
    ///
    /// # Errors
    /// The store could not make it durable.
    pub async fn suspend(&mut self, rest: &Rest, machine: &Machine) -> Result<(), JournalError> {
        if self.listed != Some(RunStatus::Suspended) {
            let ops = self.row_ops(RunStatus::Suspended, None, Some(rest), machine)?;
            self.journal.store().commit(Vec::new(), ops).await?;
            self.listed = Some(RunStatus::Suspended);
        }
        self.journal.forget(self.row.run);
        Ok(())
    }

    fn row_ops(
        &mut self,
        status: RunStatus,
        outcome: Option<&Outcome>,
        rest: Option<&Rest>,
        machine: &Machine,
    ) -> Result<Vec<Op>, JournalError> {
        // What a suspended run waits for changes with each event.
        if self.listed == Some(status) && rest.is_none() {
            return Ok(Vec::new());
        }
        let run = self.row.run;
        let before = self.row.due.take();
        self.row.due = rest.and_then(|r| r.due);
        self.row.waits = rest.map_or(0, |r| u32::try_from(r.count).unwrap_or(u32::MAX));
        self.row.waiting = rest.map(|r| r.asks.iter().map(Waits::of).collect()).unwrap_or_default();
        self.row.status = status;
        self.row.updated_at = jiff::Timestamp::now();
        self.row.error = outcome.and_then(|o| o.error.as_ref()).map(|e| format!("{}: {}", e.kind, e.message));
        if outcome.is_some() {
            let doubts =
                machine.report().iter().filter(|s| s.status == crate::engine::StepStatus::InDoubt).count();
            self.row.in_doubt = u32::try_from(doubts).unwrap_or(u32::MAX);
        }
        let row = codec::encode(ROW, &self.row).map_err(|why| JournalError::RunRow { run, why })?;
        let tenant = || self.tenant.clone();
        let mut ops = vec![Op::Put(Key::Run { tenant: tenant(), run }.encode(), row)];
        if before != self.row.due {
            ops.extend(before.map(|at| Op::Del(timer(at, run))));
            ops.extend(self.row.due.map(|at| Op::Put(timer(at, run), tenant().as_str().as_bytes().to_vec())));
        }
        if let Some(old) = self.listed.filter(|old| *old != status) {
            ops.push(Op::Del(Key::RunByStatus { tenant: tenant(), status: number(old), run }.encode()));
        }
        ops.push(Op::Put(
            Key::RunByStatus { tenant: tenant(), status: number(status), run }.encode(),
            Vec::new(),
        ));
        let open = Key::OpenRun { run }.encode();
        ops.push(match status {
            RunStatus::Running | RunStatus::Suspended | RunStatus::Interrupted => {
                Op::Put(open, self.tenant.as_str().as_bytes().to_vec())
            }
            RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled => Op::Del(open),
        });
        Ok(ops)
    }
}

/// Where the time is kept at which something of a suspended run is due. Rounded up: what is found there is due.
fn timer(at: jiff::Timestamp, run: Uuid) -> Vec<u8> {
    let due_ms = u64::try_from(at.as_millisecond().saturating_add(1)).unwrap_or(0);
    Key::Timer { due_ms, id: run }.encode()
}

/// The suspended runs of a tenant of which something is due, the longest overdue first.
///
/// # Errors
/// The store cannot be read.
pub fn due(
    journal: &Journal,
    tenant: &KeyName,
    now: jiff::Timestamp,
    limit: usize,
) -> Result<Vec<Uuid>, JournalError> {
    let now_ms = u64::try_from(now.as_millisecond()).unwrap_or(0);
    let rows = journal.store().scan(keys::timers_due(now_ms), false, limit)?;
    let ours = rows.into_iter().filter(|(_, of)| of.as_slice() == tenant.as_str().as_bytes());
    Ok(ours
        .filter_map(|(key, _)| match Key::parse(&key) {
            Some(Key::Timer { id, .. }) => Some(id),
            _ => None,
        })
        .collect())
}

/// The number of a status in keys; never changes.
fn number(status: RunStatus) -> u8 {
    match status {
        RunStatus::Running => 0,
        RunStatus::Suspended => 1,
        RunStatus::Interrupted => 2,
        RunStatus::Succeeded => 3,
        RunStatus::Failed => 4,
        RunStatus::Cancelled => 5,
    }
}

/// A run read back: its header, and a machine that has seen all of its events.
pub struct Replayed {
    pub header: Header,
    pub machine: Machine,
    pub journal: RunJournal,
}

/// Reads a run and applies its events.
///
/// # Errors
/// The journal is damaged, of a newer format, or does not fit its plan.
pub fn replay(journal: &Journal, tenant: &KeyName, run: Uuid) -> Result<Replayed, JournalError> {
    replay_watched(journal, tenant, run, &mut |_, _| {})
}

/// The same, telling of every event and what the machine made of it.
///
/// # Errors
/// As [`replay`].
pub fn replay_watched(
    journal: &Journal,
    tenant: &KeyName,
    run: Uuid,
    watch: &mut dyn FnMut(&Event, &Step),
) -> Result<Replayed, JournalError> {
    let row = row(journal, tenant, run)?.ok_or(JournalError::NoHeader(run))?;
    let mut entries = journal.read::<Entry>(run);
    let header = match entries.next().transpose()? {
        Some((_, Entry::Header(header))) => *header,
        Some((_, Entry::Event(_))) | None => return Err(JournalError::NoHeader(run)),
    };
    if header.format > FORMAT {
        return Err(JournalError::Newer { run, found: header.format });
    }
    let mut machine = Machine::new(Arc::clone(&header.dag));
    let mut next = 1;
    for entry in entries {
        let (seq, entry) = entry?;
        next = seq + 1;
        if let Entry::Event(event) = entry {
            let step =
                machine.apply(&event).map_err(|e| JournalError::Illegal { run, seq, why: e.to_string() })?;
            watch(&event, &step);
        }
    }
    let listed = Some(row.status);
    let journal =
        RunJournal { journal: journal.clone(), tenant: tenant.clone(), row, next, header: None, listed };
    Ok(Replayed { header, machine, journal })
}

/// The row of a run.
///
/// # Errors
/// It is damaged or cannot be read.
pub fn row(journal: &Journal, tenant: &KeyName, run: Uuid) -> Result<Option<RunRow>, JournalError> {
    let bytes = journal.store().get(&Key::Run { tenant: tenant.clone(), run }.encode())?;
    bytes.map(|bytes| codec::decode(ROW, &bytes).map_err(|why| JournalError::RunRow { run, why })).transpose()
}

/// The latest runs first, at most `limit`.
///
/// # Errors
/// The store cannot be read, or a row is damaged.
pub fn rows(journal: &Journal, tenant: &KeyName, limit: usize) -> Result<Vec<RunRow>, JournalError> {
    let entries = journal.store().scan(keys::runs(tenant), true, limit)?;
    entries
        .into_iter()
        .map(|(key, bytes)| {
            let run = match Key::parse(&key) {
                Some(Key::Run { run, .. }) => run,
                _ => Uuid::nil(),
            };
            codec::decode(ROW, &bytes).map_err(|why| JournalError::RunRow { run, why })
        })
        .collect()
}

/// The event that starts a run.
#[must_use]
pub fn started(run: Uuid, inputs: crate::value::Map) -> EventKind {
    EventKind::Started { run: run.to_string().into(), inputs }
}
