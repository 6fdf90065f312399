//! Looks at everything: every event of every run with its chain, every list against the journals, every blob against its name.

use super::walk::Runs;
use super::{CareError, walk};
use crate::runtime::artifacts;
use crate::runtime::blobs::{BlobHash, Blobs};
use crate::runtime::journal::{self, JournalError, RunRow};
use crate::runtime::memory;
use crate::runtime::store::journal::Journal;
use crate::runtime::store::keys::{self, Key, Table};
use crate::runtime::store::{Store, codec};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Uuid>,
    pub what: String,
    /// Whether events or contents are damaged; else only lists, which can be made anew.
    pub loss: bool,
}

/// What a check saw.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Checked {
    pub runs: u64,
    pub events: u64,
    /// Rows of lists that were compared with the journals.
    pub listed: u64,
    pub blobs: u64,
    pub blob_bytes: u64,
    /// Files that runs name and whose content is not kept here.
    pub absent: u64,
    pub problems: Vec<Problem>,
}

/// Checks a store. Beside runs that go on, lists are compared where they stand still.
///
/// # Errors
/// The store cannot be read at all. Damage is no error: it is in the result.
pub fn check(store: &Arc<dyn Store>, blobs: &Blobs) -> Result<Checked, CareError> {
    let begun = store.synced();
    let mut checked = Checked::default();
    let journal = Journal::new(Arc::clone(store)).with_blobs(blobs.clone());
    let scan = |range, limit| store.scan(range, false, limit);
    let mut runs = Runs::new(&scan);
    let mut absent = BTreeSet::new();
    while let Some(next) = runs.next()? {
        match next {
            Ok(run) => checked.run(&journal, blobs, run, &mut absent)?,
            Err(lost) => checked.problem(lost.run, true, lost.to_string()),
        }
    }
    checked.absent = absent.len() as u64;
    checked.kept_rows(&scan)?;
    let listed = count(&scan, &mut checked)?;
    if store.synced() == begun && listed != checked.listed && checked.problems.is_empty() {
        let what =
            format!("the lists have {listed} rows, the journals give {}: some are of no run", checked.listed);
        checked.problem(None, false, what);
    }
    checked.blobs(blobs)?;
    Ok(checked)
}

/// How many rows the lists have. A row that cannot be read is told.
fn count(scan: &walk::Scan<'_>, checked: &mut Checked) -> Result<u64, CareError> {
    let mut rows = 0;
    for table in Table::ALL.into_iter().filter(|table| table.is_projection()) {
        let mut rest = Some(keys::table(table));
        while let Some(range) = rest.take() {
            let page = match scan(range.clone(), walk::PAGE) {
                Ok(page) => page,
                Err(error) => {
                    let what = walk::damage(error)?;
                    checked.problem(None, false, format!("the list of {}: {what}", table.name()));
                    break;
                }
            };
            rows += page.len() as u64;
            if let (walk::PAGE, Some((key, _))) = (page.len(), page.last()) {
                rest = Some(range.after(key.as_slice()));
            }
        }
    }
    Ok(rows)
}

impl Checked {
    fn problem(&mut self, run: Option<Uuid>, loss: bool, what: impl Into<String>) {
        self.problems.push(Problem { run, what: what.into(), loss });
    }

    fn run(
        &mut self,
        journal: &Journal,
        blobs: &Blobs,
        run: Uuid,
        absent: &mut BTreeSet<BlobHash>,
    ) -> Result<(), CareError> {
        self.runs += 1;
        // A run that goes on may change between the look at its journal and the look at its rows.
        for last in [false, false, true] {
            let mut seen = Vec::new();
            let read = journal::read(journal, run, &mut |seq, event, spilled, _| {
                seen.extend(artifacts::of(seq, event, spilled));
            });
            let read = match read {
                Ok(read) => read,
                Err(JournalError::Store(error)) => {
                    let what = format!("the events of run {run}: {}", walk::damage(error)?);
                    self.problem(Some(run), true, what);
                    return Ok(());
                }
                Err(_) if !last => continue,
                Err(error) => {
                    self.problem(Some(run), true, error.to_string());
                    return Ok(());
                }
            };
            let wanted = wanted(journal.store(), run, &read, &seen)?;
            match differs(&**journal.store(), &wanted)? {
                Some(_) if !last => {}
                Some(what) => {
                    self.events += read.next;
                    self.problem(
                        Some(run),
                        false,
                        format!("the lists and the journal of run {run} differ: {what}"),
                    );
                    return Ok(());
                }
                None => {
                    self.events += read.next;
                    self.listed += wanted.len() as u64;
                    let hashes = seen.iter().filter_map(|seen| seen.hash());
                    for hash in hashes {
                        if !blobs.exists(hash)? {
                            absent.insert(hash);
                        }
                    }
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The rows that no journal gives.
    fn kept_rows(&mut self, scan: &walk::Scan<'_>) -> Result<(), CareError> {
        let mut unknown = BTreeMap::<u8, u64>::new();
        for table in (0..=u8::MAX).filter(|table| walk::is_kept(*table)) {
            walk::rows(scan, table, &mut |found| {
                match found {
                    walk::Found::Lost(lost) => self.problem(None, true, lost.to_string()),
                    walk::Found::Event { .. } => {}
                    walk::Found::Row((key, value)) => match Key::parse(key) {
                        None => *unknown.entry(table).or_default() += 1,
                        Some(Key::DeadLetter { run, .. }) => {
                            if let Err(error) = codec::open(value) {
                                self.problem(
                                    Some(run),
                                    true,
                                    format!("the dead letter of run {run}: {error}"),
                                );
                            }
                        }
                        Some(Key::Memory { id, .. }) => {
                            if let Err(error) = memory::read_note(value) {
                                self.problem(None, true, format!("the memory {id}: {error}"));
                            }
                        }
                        Some(_) => {}
                    },
                }
                Ok(())
            })?;
        }
        for (table, rows) in unknown {
            self.problem(
                None,
                false,
                format!("{rows} row(s) of table {table:02x}, which this aos does not know"),
            );
        }
        Ok(())
    }

    fn blobs(&mut self, blobs: &Blobs) -> Result<(), CareError> {
        for file in blobs.files()? {
            let Some(hash) = file.hash else { continue };
            self.blobs += 1;
            self.blob_bytes += file.size;
            if let Err(error) = blobs.get(hash, u64::MAX >> 1) {
                self.problem(None, true, error.to_string());
            }
        }
        Ok(())
    }
}

/// A key, the row of the run where it is that, and the value.
type Wanted = (Vec<u8>, Option<RunRow>, Vec<u8>);

/// The rows that a journal gives; the status of a run that has not ended is taken from its row.
fn wanted(
    store: &Arc<dyn Store>,
    run: Uuid,
    read: &journal::Read,
    seen: &[artifacts::Seen],
) -> Result<Vec<Wanted>, CareError> {
    let (tenant, mut row) = journal::row_of(run, read);
    let journal = Journal::new(Arc::clone(store));
    let found = journal::row(&journal, &tenant, run).ok().flatten();
    if let Some(found) = found.filter(|found| !found.status.is_ended() && !row.status.is_ended()) {
        (row.status, row.due) = (found.status, found.due);
    }
    let rows = journal::row_puts(&tenant, &row)?.into_iter().map(|(key, value)| {
        let is_row = matches!(Key::parse(&key), Some(Key::Run { .. }));
        (key, is_row.then(|| row.clone()), value)
    });
    let artifacts = artifacts::puts(&tenant, &row, seen)?.into_iter().map(|(key, value)| (key, None, value));
    Ok(rows.chain(artifacts).collect())
}

/// What differs first.
fn differs(store: &dyn Store, wanted: &[Wanted]) -> Result<Option<String>, CareError> {
    for (key, row, value) in wanted {
        let table = key.first().and_then(|table| Table::ALL.into_iter().find(|known| *known as u8 == *table));
        let name = table.map_or("unknown", Table::name);
        let found = match store.get(key) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Some(format!("a row of the {name} is missing"))),
            Err(error) => return Ok(Some(walk::damage(error)?)),
        };
        let same = match row {
            None => found == *value,
            // Times and crashes are no event's.
            Some(row) => journal::decode_row(&found).is_ok_and(|found| {
                (found.status, &found.error, found.in_doubt, &found.plan)
                    == (row.status, &row.error, row.in_doubt, &row.plan)
            }),
        };
        if !same {
            return Ok(Some(format!("a row of the {name} is not what the events give")));
        }
    }
    Ok(None)
}
