//! Reads all that a store cannot make anew, as far as it is sound, and names what is not.

use super::CareError;
use crate::runtime::store::codec::{self, Link};
use crate::runtime::store::keys::{self, Key, Table};
use crate::runtime::store::{Entry, KeyRange, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};
use uuid::Uuid;

/// How many rows are read at a time.
pub(super) const PAGE: usize = 512;

/// A forward scan: at most so many entries of a range.
pub(super) type Scan<'a> = dyn Fn(KeyRange, usize) -> Result<Vec<Entry>, StoreError> + 'a;

/// What could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Whose events; none where it is not known, or no run's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Uuid>,
    /// From which event on, where it is a run's.
    #[serde(default)]
    pub from: u64,
    pub why: String,
}

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.run {
            Some(run) if self.from == 0 => write!(f, "run {run} is lost: {}", self.why),
            Some(run) => write!(f, "run {run} is lost from event {} on: {}", self.from, self.why),
            None => f.write_str(&self.why),
        }
    }
}

/// One thing that is read.
pub(super) enum Found<'a> {
    /// A row that no journal gives.
    Row(&'a Entry),
    /// The next event of a run, checked.
    Event {
        run: Uuid,
        row: &'a Entry,
    },
    Lost(Lost),
}

pub(super) type Each<'a> = dyn FnMut(Found<'_>) -> Result<(), CareError> + 'a;

/// Reads the kept tables, then every journal. Rows of journals come in order, without gaps.
pub(super) fn walk(scan: &Scan<'_>, each: &mut Each<'_>) -> Result<(), CareError> {
    for table in 0..=u8::MAX {
        if is_kept(table) {
            rows(scan, table, each)?;
        }
    }
    let mut seen = HashSet::new();
    let mut runs = Runs::new(scan);
    while let Some(next) = runs.next()? {
        match next {
            Ok(run) => {
                seen.insert(run);
                events(scan, run, each)?;
            }
            Err(lost) => {
                seen.extend(lost.run);
                each(Found::Lost(lost))?;
            }
        }
    }
    for run in listed(scan).into_iter().filter(|run| !seen.contains(run)) {
        let why = "it is in the lists, but has no events".to_owned();
        each(Found::Lost(Lost { run: Some(run), from: 0, why }))?;
    }
    Ok(())
}

/// Tables of a newer program are kept as they are.
pub(super) fn is_kept(table: u8) -> bool {
    match Table::ALL.into_iter().find(|known| *known as u8 == table) {
        Some(Table::Event) => false,
        Some(known) => !known.is_projection(),
        None => true,
    }
}

/// The rows that say what the store is: each store has its own.
fn is_own(key: &[u8]) -> bool {
    matches!(Key::parse(key), Some(Key::Meta { name }) if name == "store" || name == "commit_no")
}

/// Damage is told and passed over; anything else ends the reading.
pub(super) fn damage(error: StoreError) -> Result<String, CareError> {
    match error {
        StoreError::Damaged { what, .. } => Ok(what),
        StoreError::Io { .. } => Ok(error.to_string()),
        StoreError::Conflict { .. }
        | StoreError::Poisoned { .. }
        | StoreError::Closed
        | StoreError::InUse { .. }
        | StoreError::Newer { .. } => Err(error.into()),
    }
}

pub(super) fn rows(scan: &Scan<'_>, table: u8, each: &mut Each<'_>) -> Result<(), CareError> {
    let mut rest = Some(KeyRange::prefix([table]));
    while let Some(range) = rest.take() {
        let page = match scan(range.clone(), PAGE) {
            Ok(page) => page,
            Err(error) => {
                let why = format!("rows of table {table:02x} are lost: {}", damage(error)?);
                return each(Found::Lost(Lost { run: None, from: 0, why }));
            }
        };
        if let (PAGE, Some((key, _))) = (page.len(), page.last()) {
            rest = Some(range.after(key.as_slice()));
        }
        for row in page.iter().filter(|(key, _)| !is_own(key)) {
            each(Found::Row(row))?;
        }
    }
    Ok(())
}

/// The runs that the lists name, as far as they can be read.
fn listed(scan: &Scan<'_>) -> BTreeSet<Uuid> {
    let mut found = BTreeSet::new();
    for table in [Table::Run, Table::OpenRun] {
        let mut rest = Some(keys::table(table));
        while let Some(range) = rest.take() {
            let Ok(page) = scan(range.clone(), PAGE) else { break };
            if let (PAGE, Some((key, _))) = (page.len(), page.last()) {
                rest = Some(range.after(key.as_slice()));
            }
            found.extend(page.iter().filter_map(|(key, _)| match Key::parse(key) {
                Some(Key::Run { run, .. } | Key::OpenRun { run }) => Some(run),
                _ => None,
            }));
        }
    }
    found
}

/// The runs that have events, in order of their ids.
pub(super) struct Runs<'a> {
    scan: &'a Scan<'a>,
    rest: Option<KeyRange>,
    last: Option<Uuid>,
    /// Where to look behind a place that cannot be read: the runs of the lists.
    probes: Option<BTreeSet<Uuid>>,
}

impl<'a> Runs<'a> {
    pub(super) fn new(scan: &'a Scan<'a>) -> Self {
        Self { scan, rest: Some(keys::table(Table::Event)), last: None, probes: None }
    }

    /// The next run, or what is lost on the way to it.
    pub(super) fn next(&mut self) -> Result<Option<Result<Uuid, Lost>>, CareError> {
        let Some(range) = self.rest.take() else { return Ok(None) };
        let error = match (self.scan)(range.clone(), 1) {
            Ok(page) => return Ok(page.first().map(|(key, _)| self.found(range, key))),
            Err(error) => damage(error)?,
        };
        let last = self.last;
        let probes = self.probes.get_or_insert_with(|| listed(self.scan));
        let Some(probe) = probes.iter().copied().find(|run| last.is_none_or(|last| *run > last)) else {
            let behind = last.map_or_else(String::new, |run| format!(" behind run {run}"));
            let why = format!("runs{behind} may be lost: {error}");
            return Ok(Some(Err(Lost { run: None, from: 0, why })));
        };
        self.last = Some(probe);
        self.rest = Some(keys::events_behind(probe));
        Ok(Some(match (self.scan)(keys::events(probe), 1) {
            Ok(page) if !page.is_empty() => Ok(probe),
            Ok(_) => Err(Lost { run: Some(probe), from: 0, why: "its events are gone".into() }),
            Err(error) => Err(Lost { run: Some(probe), from: 0, why: damage(error)? }),
        }))
    }

    fn found(&mut self, range: KeyRange, key: &[u8]) -> Result<Uuid, Lost> {
        match Key::parse(key) {
            Some(Key::Event { run, .. }) => {
                self.last = Some(run);
                self.rest = Some(keys::events_behind(run));
                Ok(run)
            }
            _ => {
                self.rest = Some(range.after(key));
                Err(Lost { run: None, from: 0, why: "a row of the journals has no run".into() })
            }
        }
    }
}

/// The events of a run up to the first that is not sound.
pub(super) fn events(scan: &Scan<'_>, run: Uuid, each: &mut Each<'_>) -> Result<(), CareError> {
    let mut link = Link::start(run);
    let mut again = false;
    loop {
        let from = Key::Event { run, seq: link.next }.encode();
        let end = Key::Event { run, seq: u64::MAX }.encode();
        let page = match scan(KeyRange::between(from, end), PAGE) {
            Ok(page) => page,
            Err(error) => {
                let why = damage(error)?;
                return each(Found::Lost(Lost { run: Some(run), from: link.next, why }));
            }
        };
        let mut wrong = None;
        for row in &page {
            match next(run, link, row) {
                Ok(after) => {
                    each(Found::Event { run, row })?;
                    link = after;
                    again = false;
                }
                Err(why) => {
                    wrong = Some(why);
                    break;
                }
            }
        }
        match wrong {
            None if page.len() < PAGE => return Ok(()),
            None => {}
            // Beside a writer a scan may see a later event of a commit and not yet an earlier one: a second look tells.
            Some(_) if !again => again = true,
            Some(why) => return each(Found::Lost(Lost { run: Some(run), from: link.next, why })),
        }
    }
}

fn next(run: Uuid, link: Link, (key, row): &Entry) -> Result<Link, String> {
    if *key != (Key::Event { run, seq: link.next }).encode() {
        return Err("it is missing, though later ones are there".into());
    }
    codec::open_event(link, row).map(|(_, after)| after).map_err(|error| error.to_string())
}
