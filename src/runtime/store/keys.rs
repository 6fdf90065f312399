//! What the keys of the store mean: `table u8 | fields`, integers big-endian, so that the order of bytes is the order
//! of the fields. A name is its length as one byte, then its bytes; a run or timer id is 16 bytes.
//!
//! | table | key | value |
//! |---|---|---|
//! | 01 meta | name | identity, format and last commit of the store |
//! | 10 run | tenant, run | header of a run |
//! | 11 runs by status | tenant, status, run | empty |
//! | 12 open runs | run | tenant |
//! | 20 events | run, seq | the journal: source of truth of a run |
//! | 21 step results | run, step path, attempt | result of an attempt |
//! | 30 artifacts | tenant, run, seq, number | a file or large value that an event holds |
//! | 40 idempotency | tenant, scope, SHA-256 of the key | request, run, response |
//! | 41 expiry | expires in ms, a key of 40 | empty |
//! | 50 spending | tenant, booked at in ms, id | what a call used, with what its model's provider said of it |
//! | 70 timers | due in ms, run | tenant |
//! | 71 timers by id | id | due in ms |
//! | 80 dead letters | tenant, run | why a run is put aside |
//! | 95 plannings | tenant, planning | a goal, its rounds, its plan |
//!
//! 10, 11, 12, 21, 30, 70 and 71 are projections: 20 can rebuild them.

use super::KeyRange;
use std::fmt;
use std::sync::Arc;
use uuid::Uuid;

/// The first byte of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Table {
    /// What the store is.
    Meta = 0x01,
    /// Headers of runs.
    Run = 0x10,
    /// Runs by status.
    RunByStatus = 0x11,
    /// Runs that have not ended.
    OpenRun = 0x12,
    /// Journals.
    Event = 0x20,
    /// Results of attempts.
    StepResult = 0x21,
    /// Files and large values, to be found again.
    Artifact = 0x30,
    /// Keys of requests that must not act twice.
    Idempotency = 0x40,
    /// When keys expire.
    IdempotencyExpiry = 0x41,
    /// What calls used.
    Spend = 0x50,
    /// Timers by time.
    Timer = 0x70,
    /// Timers by id.
    TimerById = 0x71,
    /// Runs that are put aside.
    DeadLetter = 0x80,
    /// Goals that were planned.
    Planning = 0x95,
}

impl Table {
    /// All of them, in the order of their keys.
    pub const ALL: [Self; 14] = [
        Self::Meta,
        Self::Run,
        Self::RunByStatus,
        Self::OpenRun,
        Self::Event,
        Self::StepResult,
        Self::Artifact,
        Self::Idempotency,
        Self::IdempotencyExpiry,
        Self::Spend,
        Self::Timer,
        Self::TimerById,
        Self::DeadLetter,
        Self::Planning,
    ];

    /// What it holds, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Meta => "store",
            Self::Run => "runs",
            Self::RunByStatus => "runs by status",
            Self::OpenRun => "open runs",
            Self::Event => "events",
            Self::StepResult => "step results",
            Self::Artifact => "artifacts",
            Self::Idempotency => "request keys",
            Self::IdempotencyExpiry => "request keys by expiry",
            Self::Spend => "spending",
            Self::Timer => "timers",
            Self::TimerById => "timers by id",
            Self::DeadLetter => "dead letters",
            Self::Planning => "plannings",
        }
    }

    /// Whether the journals can rebuild it: such tables are no part of an export.
    pub fn is_projection(self) -> bool {
        match self {
            Self::Run
            | Self::RunByStatus
            | Self::OpenRun
            | Self::StepResult
            | Self::Artifact
            | Self::Timer
            | Self::TimerById => true,
            Self::Spend
            | Self::Meta
            | Self::Event
            | Self::Idempotency
            | Self::IdempotencyExpiry
            | Self::DeadLetter
            | Self::Planning => false,
        }
    }
}

/// A name inside a key (a tenant, a scope): 1 to 255 bytes of UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(Arc<str>);

/// The text cannot be a name inside a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tenant or scope has 1 to 255 bytes, this one {0}")]
pub struct BadKeyName(usize);

impl KeyName {
    /// Checks the length.
    ///
    /// # Errors
    /// If it is empty or longer than 255 bytes.
    pub fn new(text: &str) -> Result<Self, BadKeyName> {
        if (1..=255).contains(&text.len()) { Ok(Self(text.into())) } else { Err(BadKeyName(text.len())) }
    }

    /// The tenant of the command line.
    pub fn local() -> Self {
        Self("local".into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key of the store, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// Something about the store itself.
    Meta { name: String },
    /// The header of a run.
    Run { tenant: KeyName, run: Uuid },
    /// That a run has a status.
    RunByStatus { tenant: KeyName, status: u8, run: Uuid },
    /// That a run has not ended.
    OpenRun { run: Uuid },
    /// An event of a run.
    Event { run: Uuid, seq: u64 },
    /// The result of an attempt at a step.
    StepResult { run: Uuid, step: String, attempt: u32 },
    /// A file or large value that an event of a run holds, counted from 0 in its event.
    Artifact { tenant: KeyName, run: Uuid, seq: u64, number: u32 },
    /// A request that must not act twice, by the SHA-256 of its key.
    Idempotency { tenant: KeyName, scope: KeyName, hash: [u8; 32] },
    /// When a key expires, in milliseconds since 1970.
    IdempotencyExpiry { expires_ms: u64, key: Vec<u8> },
    /// What a call used, by when it was booked, in milliseconds since 1970.
    Spend { tenant: KeyName, at_ms: u64, id: Uuid },
    /// A timer by its time, in milliseconds since 1970.
    Timer { due_ms: u64, id: Uuid },
    /// A timer by its id.
    TimerById { id: Uuid },
    /// A run that is put aside.
    DeadLetter { tenant: KeyName, run: Uuid },
    /// A goal that was planned.
    Planning { tenant: KeyName, id: Uuid },
}

impl Key {
    /// The table it lies in.
    pub fn table(&self) -> Table {
        match self {
            Self::Meta { .. } => Table::Meta,
            Self::Run { .. } => Table::Run,
            Self::RunByStatus { .. } => Table::RunByStatus,
            Self::OpenRun { .. } => Table::OpenRun,
            Self::Event { .. } => Table::Event,
            Self::StepResult { .. } => Table::StepResult,
            Self::Artifact { .. } => Table::Artifact,
            Self::Idempotency { .. } => Table::Idempotency,
            Self::IdempotencyExpiry { .. } => Table::IdempotencyExpiry,
            Self::Spend { .. } => Table::Spend,
            Self::Timer { .. } => Table::Timer,
            Self::TimerById { .. } => Table::TimerById,
            Self::DeadLetter { .. } => Table::DeadLetter,
            Self::Planning { .. } => Table::Planning,
        }
    }

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let key = Builder::new(self.table());
        match self {
            Self::Meta { name } => key.bytes(name.as_bytes()),
            Self::Run { tenant, run } => key.name(tenant).bytes(run.as_bytes()),
            Self::RunByStatus { tenant, status, run } => {
                key.name(tenant).bytes(&[*status]).bytes(run.as_bytes())
            }
            Self::OpenRun { run } => key.bytes(run.as_bytes()),
            Self::Event { run, seq } => key.bytes(run.as_bytes()).bytes(&seq.to_be_bytes()),
            Self::StepResult { run, step, attempt } => {
                key.bytes(run.as_bytes()).text(step).bytes(&attempt.to_be_bytes())
            }
            Self::Artifact { tenant, run, seq, number } => {
                key.name(tenant).bytes(run.as_bytes()).bytes(&seq.to_be_bytes()).bytes(&number.to_be_bytes())
            }
            Self::Idempotency { tenant, scope, hash } => key.name(tenant).name(scope).bytes(hash),
            Self::IdempotencyExpiry { expires_ms, key: of } => key.bytes(&expires_ms.to_be_bytes()).bytes(of),
            Self::Spend { tenant, at_ms, id } => {
                key.name(tenant).bytes(&at_ms.to_be_bytes()).bytes(id.as_bytes())
            }
            Self::Timer { due_ms, id } => key.bytes(&due_ms.to_be_bytes()).bytes(id.as_bytes()),
            Self::TimerById { id } => key.bytes(id.as_bytes()),
            Self::DeadLetter { tenant, run } => key.name(tenant).bytes(run.as_bytes()),
            Self::Planning { tenant, id } => key.name(tenant).bytes(id.as_bytes()),
        }
        .0
    }

    /// Takes bytes apart; `None` if they are no key of a known table.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (&table, rest) = bytes.split_first()?;
        let mut fields = Fields(rest);
        let key = match table {
            0x01 => Self::Meta { name: fields.rest()? },
            0x10 => Self::Run { tenant: fields.name()?, run: fields.id()? },
            0x11 => Self::RunByStatus { tenant: fields.name()?, status: fields.byte()?, run: fields.id()? },
            0x12 => Self::OpenRun { run: fields.id()? },
            0x20 => Self::Event { run: fields.id()?, seq: u64::from_be_bytes(fields.array()?) },
            0x21 => Self::StepResult {
                run: fields.id()?,
                step: fields.text()?,
                attempt: u32::from_be_bytes(fields.array()?),
            },
            0x30 => Self::Artifact {
                tenant: fields.name()?,
                run: fields.id()?,
                seq: u64::from_be_bytes(fields.array()?),
                number: u32::from_be_bytes(fields.array()?),
            },
            0x40 => {
                Self::Idempotency { tenant: fields.name()?, scope: fields.name()?, hash: fields.array()? }
            }
            0x41 => Self::IdempotencyExpiry {
                expires_ms: u64::from_be_bytes(fields.array()?),
                key: std::mem::take(&mut fields.0).to_vec(),
            },
            0x50 => Self::Spend {
                tenant: fields.name()?,
                at_ms: u64::from_be_bytes(fields.array()?),
                id: fields.id()?,
            },
            0x70 => Self::Timer { due_ms: u64::from_be_bytes(fields.array()?), id: fields.id()? },
            0x71 => Self::TimerById { id: fields.id()? },
            0x80 => Self::DeadLetter { tenant: fields.name()?, run: fields.id()? },
            0x95 => Self::Planning { tenant: fields.name()?, id: fields.id()? },
            _ => return None,
        };
        fields.0.is_empty().then_some(key)
    }
}

/// All keys of a table.
pub fn table(table: Table) -> KeyRange {
    KeyRange::prefix([table as u8])
}

/// The headers of a tenant's runs, oldest first.
pub fn runs(tenant: &KeyName) -> KeyRange {
    KeyRange::prefix(Builder::new(Table::Run).name(tenant).0)
}

/// A tenant's runs of one status, oldest first.
pub fn runs_by_status(tenant: &KeyName, status: u8) -> KeyRange {
    KeyRange::prefix(Builder::new(Table::RunByStatus).name(tenant).bytes(&[status]).0)
}

/// The events of a run, in order.
pub fn events(run: Uuid) -> KeyRange {
    KeyRange::prefix(Builder::new(Table::Event).bytes(run.as_bytes()).0)
}

/// The events of all runs behind those of `run`.
pub fn events_behind(run: Uuid) -> KeyRange {
    table(Table::Event).after(Key::Event { run, seq: u64::MAX }.encode())
}

/// The artifacts of a tenant, those of the oldest run first.
pub fn artifacts(tenant: &KeyName) -> KeyRange {
    KeyRange::prefix(Builder::new(Table::Artifact).name(tenant).0)
}

/// The artifacts of a run, in the order of its events.
pub fn artifacts_of(tenant: &KeyName, run: Uuid) -> KeyRange {
    KeyRange::prefix(Builder::new(Table::Artifact).name(tenant).bytes(run.as_bytes()).0)
}

/// What calls of a tenant used that was booked at `since_ms` or after, oldest first.
pub fn spending(tenant: &KeyName, since_ms: u64) -> KeyRange {
    let all = KeyRange::prefix(Builder::new(Table::Spend).name(tenant).0);
    let start = Builder::new(Table::Spend).name(tenant).bytes(&since_ms.to_be_bytes()).0;
    KeyRange { start: std::ops::Bound::Included(start), ..all }
}

/// A tenant's runs that are put aside.
pub fn dead_letters(tenant: &KeyName) -> KeyRange {
    KeyRange::prefix(Builder::new(Table::DeadLetter).name(tenant).0)
}

/// A tenant's plannings, oldest first.
pub fn plannings(tenant: &KeyName) -> KeyRange {
    KeyRange::prefix(Builder::new(Table::Planning).name(tenant).0)
}

/// The results of a run's attempts, by step path.
pub fn step_results(run: Uuid) -> KeyRange {
    KeyRange::prefix(Builder::new(Table::StepResult).bytes(run.as_bytes()).0)
}

/// The attempts at one step, in order.
pub fn step_attempts(run: Uuid, step: &str) -> KeyRange {
    KeyRange::prefix(Builder::new(Table::StepResult).bytes(run.as_bytes()).text(step).0)
}

/// The timers due at `now_ms` or before, earliest first.
pub fn timers_due(now_ms: u64) -> KeyRange {
    let start = Builder::new(Table::Timer).0;
    match now_ms.checked_add(1) {
        Some(end) => KeyRange::between(start, Builder::new(Table::Timer).bytes(&end.to_be_bytes()).0),
        None => KeyRange::prefix(start),
    }
}

/// The keys that have expired at `now_ms`, earliest first.
pub fn expired(now_ms: u64) -> KeyRange {
    let start = Builder::new(Table::IdempotencyExpiry).0;
    let end = Builder::new(Table::IdempotencyExpiry).bytes(&now_ms.saturating_add(1).to_be_bytes()).0;
    KeyRange::between(start, end)
}

struct Builder(Vec<u8>);

impl Builder {
    fn new(table: Table) -> Self {
        let mut key = Vec::with_capacity(32);
        key.push(table as u8);
        Self(key)
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn name(mut self, name: &KeyName) -> Self {
        // `KeyName` admits at most 255 bytes.
        self.0.push(name.0.len() as u8);
        self.bytes(name.0.as_bytes())
    }

    /// Text of any length, so that shorter sorts first: a zero byte becomes `00 FF`, the end is `00 00`.
    fn text(mut self, text: &str) -> Self {
        for &byte in text.as_bytes() {
            self.0.push(byte);
            if byte == 0 {
                self.0.push(0xFF);
            }
        }
        self.bytes(&[0, 0])
    }
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn id(&mut self) -> Option<Uuid> {
        self.array().map(Uuid::from_bytes)
    }

    fn name(&mut self) -> Option<KeyName> {
        let len = usize::from(self.byte()?);
        let (name, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        KeyName::new(std::str::from_utf8(name).ok()?).ok()
    }

    fn text(&mut self) -> Option<String> {
        let mut text = Vec::new();
        loop {
            match self.byte()? {
                0 => match self.byte()? {
                    0 => return String::from_utf8(text).ok(),
                    0xFF => text.push(0),
                    _ => return None,
                },
                byte => text.push(byte),
            }
        }
    }

    fn rest(&mut self) -> Option<String> {
        String::from_utf8(std::mem::take(&mut self.0).to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn name(text: &str) -> KeyName {
        KeyName::new(text).unwrap()
    }

    fn samples() -> Vec<Key> {
        let (tenant, scope) = (name("local"), name("api"));
        vec![
            Key::Meta { name: "commit_no".into() },
            Key::Run { tenant: tenant.clone(), run: id(1) },
            Key::RunByStatus { tenant: tenant.clone(), status: 3, run: id(2) },
            Key::OpenRun { run: id(3) },
            Key::Event { run: id(4), seq: 5 },
            Key::StepResult { run: id(4), step: "pages[3].page".into(), attempt: 2 },
            Key::Idempotency { tenant, scope, hash: [7; 32] },
            Key::Timer { due_ms: 9, id: id(8) },
            Key::TimerById { id: id(8) },
            Key::Artifact { tenant: name("local"), run: id(9), seq: 3, number: 1 },
            Key::Spend { tenant: name("local"), at_ms: 5, id: id(9) },
            Key::DeadLetter { tenant: name("local"), run: id(9) },
            Key::Planning { tenant: name("local"), id: id(10) },
        ]
    }

    #[test]
    fn every_key_comes_back() {
        for key in samples() {
            let bytes = key.encode();
            assert_eq!(Key::parse(&bytes), Some(key.clone()), "{key:?}");
            assert_eq!(bytes[0], key.table() as u8);
            assert_eq!(Key::parse(&[&bytes[..], b"\xFE"].concat()), None, "{key:?} and more");
            assert_ne!(Key::parse(&bytes[..bytes.len() - 1]), Some(key));
        }
        assert_eq!(Key::parse(b""), None);
        assert_eq!(Key::parse(b"\x99abc"), None);
    }

    #[test]
    fn the_layout_is_frozen() {
        let key = Key::RunByStatus { tenant: name("ab"), status: 3, run: id(0x0102) };
        assert_eq!(key.encode(), b"\x11\x02ab\x03\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x02");
        let key = Key::StepResult { run: id(1), step: "a\0b".into(), attempt: 258 };
        assert_eq!(key.encode(), b"\x21\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01a\0\xFFb\0\0\0\0\x01\x02");
        let key = Key::Timer { due_ms: 0x0102, id: id(3) };
        assert_eq!(key.encode(), b"\x70\0\0\0\0\0\0\x01\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x03");
    }

    #[test]
    fn names_have_limits() {
        assert_eq!(KeyName::new(""), Err(BadKeyName(0)));
        assert!(KeyName::new(&"x".repeat(255)).is_ok());
        assert_eq!(KeyName::new(&"x".repeat(256)), Err(BadKeyName(256)));
    }

    fn contains(range: &KeyRange, key: &Key) -> bool {
        std::ops::RangeBounds::contains(&(range.start.clone(), range.end.clone()), &key.encode())
    }

    #[test]
    fn timers_due_ends_after_now() {
        for (due_ms, now, due) in [(5, 5, true), (4, 5, true), (6, 5, false), (u64::MAX, u64::MAX, true)] {
            assert_eq!(
                contains(&timers_due(now), &Key::Timer { due_ms, id: id(u128::MAX) }),
                due,
                "{due_ms} {now}"
            );
        }
    }

    #[test]
    fn ranges_do_not_reach_a_name_that_begins_alike() {
        assert!(contains(&runs(&name("a")), &Key::Run { tenant: name("a"), run: id(1) }));
        assert!(!contains(&runs(&name("a")), &Key::Run { tenant: name("ab"), run: id(1) }));
        let attempt = |step: &str| Key::StepResult { run: id(1), step: step.into(), attempt: 1 };
        assert!(contains(&step_attempts(id(1), "a"), &attempt("a")));
        assert!(!contains(&step_attempts(id(1), "a"), &attempt("ab")));
        assert!(!contains(&step_attempts(id(1), "a"), &attempt("a\0")));
        assert!(!contains(&step_attempts(id(2), "a"), &attempt("a")));
    }

    proptest! {
        #[test]
        fn events_sort_by_run_then_seq(a: (u128, u64), b: (u128, u64)) {
            let key = |(run, seq)| Key::Event { run: id(run), seq }.encode();
            prop_assert_eq!(key(a).cmp(&key(b)), a.cmp(&b));
        }

        #[test]
        fn results_sort_by_step_then_attempt(a in ("[ab\\x00\\x01]{0,4}", any::<u32>()), b in ("[ab\\x00\\x01]{0,4}", any::<u32>())) {
            let key = |(step, attempt): &(String, u32)| Key::StepResult { run: id(1), step: step.clone(), attempt: *attempt };
            prop_assert_eq!(key(&a).encode().cmp(&key(&b).encode()), a.cmp(&b));
            prop_assert_eq!(Key::parse(&key(&a).encode()), Some(key(&a)));
        }

        #[test]
        fn parse_is_total_and_exact(bytes in prop::collection::vec(any::<u8>(), 0..60), table in prop::sample::select(vec![0x01u8, 0x10, 0x11, 0x12, 0x20, 0x21, 0x30, 0x40, 0x41, 0x50, 0x70, 0x71, 0x80, 0x95])) {
            let bytes = [&[table][..], &bytes].concat();
            if let Some(key) = Key::parse(&bytes) {
                prop_assert_eq!(key.encode(), bytes);
            }
        }
    }
}
