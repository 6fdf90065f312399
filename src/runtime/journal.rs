//! What is kept of a run: a header with everything it needs, its events, and a row for lists.

mod large;
mod summary;

pub use large::Spilled;
pub use summary::Summary;

use super::artifacts;
use super::blobs::BlobError;
use super::dead;
use super::points;
use super::spend::Spend;
use super::store::codec::{self, CodecError};
use super::store::journal::{Journal, JournalError as RowError};
use super::store::keys::{self, Key, KeyName};
use super::store::{Op, StoreError};
use crate::dag::Dag;
use crate::engine::event::EventKind;
use crate::engine::{Ask, AskKind, Event, Machine, Outcome, Rest, RunStatus, Step, StepPath};
use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use uuid::Uuid;

/// The version of [`Header`] and of the events behind it. 2: nothing stands for what is empty, and spans are lists.
pub const FORMAT: u32 = 2;
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
    #[error("a large result of run {run} cannot be kept: {why}")]
    Blob { run: Uuid, why: BlobError },
    #[error("event {seq} of run {run} has lost its result: {why}")]
    Large { run: Uuid, seq: u64, why: String },
}

/// The first entry of a journal: a run ends on the plan it began with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Header {
    pub format: u32,
    pub tenant: Arc<str>,
    pub actor: Arc<str>,
    pub plan: Arc<str>,
    /// Of `aos.toml`, on whose behalf the run is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Arc<str>>,
    /// The plan file as the user named it.
    pub file: Arc<str>,
    /// Where `aos.toml` lies, or the file: what skills are configured by.
    pub project_root: PathBuf,
    pub dag: Arc<Dag>,
    /// Path and text of every file, by number.
    pub sources: Vec<(Arc<str>, Arc<str>)>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Header(Box<Header>),
    Event(Event),
    /// An event whose result is kept beside the journal; in the event it is null.
    Large {
        event: Event,
        value: Spilled,
    },
}

/// The same as it is written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Written<'e> {
    Header(Box<Header>),
    Event(&'e Event),
    Large { event: Box<Event>, value: Spilled },
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
    /// How many processes ended while it went on, since it last got any further. No event says so: rows made anew begin at 0.
    #[serde(default)]
    pub crashes: u32,
    /// What a suspended run waits for, the first few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Waits>,
    /// How many things it waits for.
    #[serde(default)]
    pub waits: u32,
    /// When something of a suspended run is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<jiff::Timestamp>,
    /// What it was for, and what it came to.
    #[serde(default)]
    pub about: Summary,
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
    /// What the store holds in its lists; `None` where the row must be written.
    listed: Option<RunStatus>,
    /// The status in the store, by which its rows are replaced.
    stored: Option<RunStatus>,
    /// Written with the next events.
    notes: Vec<Op>,
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
            crashes: 0,
            waiting: Vec::new(),
            waits: 0,
            due: None,
            about: Summary::begin(&header),
        };
        RunJournal {
            journal,
            tenant,
            row,
            next: 0,
            header: Some(Box::new(header)),
            listed: None,
            stored: None,
            notes: Vec::new(),
        }
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
        entries.extend(self.header.take().map(Written::Header));
        let first = self.next + entries.len() as u64;
        let mut found = Vec::new();
        for (event, seq) in events.iter().zip(first..) {
            let entry = self.entry(event).await?;
            let spilled = if let Written::Large { value, .. } = &entry { Some(value) } else { None };
            found.extend(artifacts::of(seq, event, spilled));
            entries.push(entry);
        }
        if self.row.crashes > 0 && events.iter().any(|event| is_progress(&event.kind)) {
            self.crashed(0);
        }
        let status = status(outcome, rest);
        let mut ops = self.row_ops(status, outcome, rest, machine)?;
        let rows = artifacts::puts(&self.tenant, &self.row, &found)?;
        ops.extend(rows.into_iter().map(|(key, value)| Op::Put(key, value)));
        let next = self.next + entries.len() as u64;
        if let Some(letter) = outcome.and_then(|o| dead::of_outcome(&self.row, o, machine, next)) {
            ops.push(dead::put(&self.tenant, &letter)?);
        }
        ops.append(&mut self.notes);
        points::pass("journal-encoded");
        self.journal.append(self.row.run, self.next, &entries, Vec::new(), ops).await?;
        points::pass("journal-appended");
        self.listed = Some(status);
        self.stored = Some(status);
        self.next = next;
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
            self.stored = Some(status);
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
            self.stored = Some(RunStatus::Suspended);
        }
        self.journal.forget(self.row.run);
        Ok(())
    }

    /// Takes up what a call used; it is written with the next events.
    pub fn note(&mut self, spend: &Spend) {
        match spend.put(&self.tenant) {
            Ok(op) => self.notes.push(op),
            Err(error) => tracing::warn!(run = %self.row.run, %error, "what a call used cannot be written"),
        }
    }

    /// Writes what was taken up and no event came after.
    ///
    /// # Errors
    /// The store could not make it durable.
    pub async fn flush(&mut self) -> Result<(), JournalError> {
        if !self.notes.is_empty() {
            self.journal.store().commit(Vec::new(), std::mem::take(&mut self.notes)).await?;
        }
        Ok(())
    }

    /// Counts the processes that ended while it went on; written with the next events.
    pub fn crashed(&mut self, times: u32) {
        self.row.crashes = times;
        self.listed = None;
    }

    /// The row of the run.
    #[must_use]
    pub fn row(&self) -> &RunRow {
        &self.row
    }

    /// How many events the journal has.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.next
    }

    /// An event as it is kept: a large result goes beside the journal, durable before the event that names it is.
    async fn entry<'e>(&self, event: &'e Event) -> Result<Written<'e>, JournalError> {
        let run = self.row.run;
        let Some(blobs) = self.journal.blobs() else { return Ok(Written::Event(event)) };
        let EventKind::AttemptSucceeded { value, .. } = &event.kind else {
            return Ok(Written::Event(event));
        };
        if !artifacts::is_large(value) {
            return Ok(Written::Event(event));
        }
        let (blobs, value) = (blobs.clone(), value.clone());
        let spilled = tokio::task::spawn_blocking(move || large::spill(&blobs, &value)).await;
        let spilled = spilled.map_err(|error| JournalError::Blob {
            run,
            why: BlobError::Io { act: "write", path: "a blob".into(), why: error.to_string() },
        })?;
        let value = spilled.map_err(|why| JournalError::Blob { run, why })?;
        let mut event = event.clone();
        if let EventKind::AttemptSucceeded { value, .. } = &mut event.kind {
            *value = Value::Null;
        }
        Ok(Written::Large { event: Box::new(event), value })
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
        if rest.is_some() {
            self.row.in_doubt = u32::try_from(machine.doubts().len()).unwrap_or(u32::MAX);
        }
        self.row.status = status;
        self.row.updated_at = jiff::Timestamp::now();
        self.row.error = error_of(outcome);
        self.row.about.update(machine);
        if outcome.is_some() {
            self.row.in_doubt = in_doubt(machine);
        }
        let tenant = &self.tenant;
        let mut ops = Vec::with_capacity(6);
        if let Some(at) = before.filter(|_| before != self.row.due) {
            ops.push(Op::Del(timer(at, run)));
        }
        if let Some(old) = self.stored.filter(|old| *old != status) {
            ops.push(Op::Del(Key::RunByStatus { tenant: tenant.clone(), status: number(old), run }.encode()));
        }
        if status.is_ended() {
            ops.push(Op::Del(Key::OpenRun { run }.encode()));
        }
        ops.extend(row_puts(tenant, &self.row)?.into_iter().map(|(key, value)| Op::Put(key, value)));
        Ok(ops)
    }
}

fn status(outcome: Option<&Outcome>, rest: Option<&Rest>) -> RunStatus {
    match (outcome, rest) {
        (Some(outcome), _) => outcome.status,
        (None, Some(_)) => RunStatus::Suspended,
        (None, None) => RunStatus::Running,
    }
}

/// The status of a number in keys.
#[must_use]
pub fn status_of(number: u8) -> Option<RunStatus> {
    ALL_STATUSES.into_iter().find(|status| self::number(*status) == number)
}

const ALL_STATUSES: [RunStatus; 6] = [
    RunStatus::Running,
    RunStatus::Suspended,
    RunStatus::Interrupted,
    RunStatus::Succeeded,
    RunStatus::Failed,
    RunStatus::Cancelled,
];

/// A row out of its bytes.
///
/// # Errors
/// They are damaged.
pub fn decode_row(bytes: &[u8]) -> Result<RunRow, CodecError> {
    codec::decode(ROW, bytes)
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
    let Read { header, machine, next, .. } = read(journal, run, &mut |_, event, _, step| watch(event, step))?;
    let listed = Some(row.status);
    let journal = RunJournal {
        journal: journal.clone(),
        tenant: tenant.clone(),
        row,
        next,
        header: None,
        listed,
        stored: listed,
        notes: Vec::new(),
    };
    Ok(Replayed { header, machine, journal })
}

/// What the journal of a run says, without its row.
pub struct Read {
    pub header: Header,
    pub machine: Machine,
    /// The number of the next event.
    pub next: u64,
    /// The time of the first event and of the last.
    pub between: Option<(jiff::Timestamp, jiff::Timestamp)>,
}

/// Reads and checks a journal, applies its events, and shows each of them.
///
/// # Errors
/// The journal is damaged, of a newer format, or does not fit its plan.
pub fn read(journal: &Journal, run: Uuid, each: &mut Each<'_>) -> Result<Read, JournalError> {
    let (read, error) = read_sound(journal, run, each)?;
    error.map_or(Ok(read), Err)
}

/// Is shown the number of an event, the event, where its large result lies, and what the machine made of it.
pub type Each<'a> = dyn FnMut(u64, &Event, Option<&Spilled>, &Step) + 'a;

/// The same, up to the first event that is not sound: gives what is wrong with that.
///
/// # Errors
/// There is no header to begin with.
pub fn read_sound(
    journal: &Journal,
    run: Uuid,
    each: &mut Each<'_>,
) -> Result<(Read, Option<JournalError>), JournalError> {
    let mut entries = journal.read::<Entry>(run);
    let header = match entries.next().transpose()? {
        Some((_, Entry::Header(header))) => *header,
        Some((_, Entry::Event(_) | Entry::Large { .. })) | None => return Err(JournalError::NoHeader(run)),
    };
    if header.format > FORMAT {
        return Err(JournalError::Newer { run, found: header.format });
    }
    let machine = Machine::new(Arc::clone(&header.dag));
    let mut read = Read { header, machine, next: 1, between: None };
    for entry in entries {
        let taken = entry
            .map_err(JournalError::from)
            .and_then(|(seq, entry)| read.take(journal, run, seq, entry, each));
        if let Err(error) = taken {
            return Ok((read, Some(error)));
        }
    }
    Ok((read, None))
}

impl Read {
    fn take(
        &mut self,
        journal: &Journal,
        run: Uuid,
        seq: u64,
        entry: Entry,
        each: &mut Each<'_>,
    ) -> Result<(), JournalError> {
        let (event, spilled) = match entry {
            Entry::Header(_) => (None, None),
            Entry::Event(event) => (Some(event), None),
            Entry::Large { event, value } => {
                let event = large::filled(journal.blobs(), event, &value)
                    .map_err(|why| JournalError::Large { run, seq, why })?;
                (Some(event), Some(value))
            }
        };
        if let Some(event) = event {
            let applied = self.machine.apply(&event);
            let step = applied.map_err(|e| JournalError::Illegal { run, seq, why: e.to_string() })?;
            self.between = Some((self.between.map_or(event.at, |(first, _)| first), event.at));
            each(seq, &event, spilled.as_ref(), &step);
        }
        self.next = seq + 1;
        Ok(())
    }
}

/// The tenant that a journal says it is of, and the row its events give. A run that has not ended is `running` there.
#[must_use]
pub fn row_of(run: Uuid, read: &Read) -> (KeyName, RunRow) {
    let outcome = read.machine.outcome();
    let rest = read.between.and_then(|(_, last)| read.machine.rest(last)).filter(|_| outcome.is_none());
    let tenant = KeyName::new(&read.header.tenant).unwrap_or_else(|_| KeyName::local());
    let (started_at, updated_at) = read.between.unwrap_or_default();
    let mut about = Summary::begin(&read.header);
    about.update(&read.machine);
    let row = RunRow {
        run,
        plan: Arc::clone(&read.header.plan),
        file: Arc::clone(&read.header.file),
        actor: Arc::clone(&read.header.actor),
        status: status(outcome, rest.as_ref()),
        started_at,
        updated_at,
        error: error_of(outcome),
        in_doubt: if outcome.is_some() { in_doubt(&read.machine) } else { 0 },
        crashes: 0,
        waiting: rest.iter().flat_map(|r| r.asks.iter().map(Waits::of)).collect(),
        waits: rest.as_ref().map_or(0, |r| u32::try_from(r.count).unwrap_or(u32::MAX)),
        due: rest.and_then(|r| r.due),
        about,
    };
    (tenant, row)
}

/// The rows of the lists that a run's row gives.
///
/// # Errors
/// The row cannot be written.
pub fn row_puts(tenant: &KeyName, row: &RunRow) -> Result<Vec<super::store::Entry>, JournalError> {
    let run = row.run;
    let bytes = codec::encode(ROW, row).map_err(|why| JournalError::RunRow { run, why })?;
    let mut puts = vec![
        (Key::Run { tenant: tenant.clone(), run }.encode(), bytes),
        (Key::RunByStatus { tenant: tenant.clone(), status: number(row.status), run }.encode(), Vec::new()),
    ];
    if let Some(at) = row.due {
        puts.push((timer(at, run), tenant.as_str().as_bytes().to_vec()));
    }
    if !row.status.is_ended() {
        puts.push((Key::OpenRun { run }.encode(), tenant.as_str().as_bytes().to_vec()));
    }
    Ok(puts)
}

/// Whether an event shows that the run got further: that it is taken up again does not.
fn is_progress(event: &EventKind) -> bool {
    !matches!(
        event,
        EventKind::Started { .. }
            | EventKind::Resumed
            | EventKind::AttemptStarted { .. }
            | EventKind::TimerFired { .. }
            | EventKind::CancelRequested { .. }
    )
}

pub(super) fn error_of(outcome: Option<&Outcome>) -> Option<String> {
    outcome.and_then(|o| o.error.as_ref()).map(|e| format!("{}: {}", e.kind, e.message))
}

fn in_doubt(machine: &Machine) -> u32 {
    u32::try_from(machine.count_in_doubt()).unwrap_or(u32::MAX)
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
