//! Fills a new store: rows in big commits, then the lists that the journals give.

use super::walk::{Lost, Runs};
use super::{CareError, wait};
use crate::runtime::artifacts;
use crate::runtime::blobs::Blobs;
use crate::runtime::dead::{self, Cause, DeadLetter};
use crate::runtime::journal;
use crate::runtime::store::disk::{DiskOptions, DiskStore};
use crate::runtime::store::journal::Journal;
use crate::runtime::store::keys::Key;
use crate::runtime::store::{Op, Store};
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// A commit ends at so many rows …
const ROWS: usize = 1000;
/// … or bytes.
const BYTES: usize = 2 << 20;

/// A store that is being filled.
pub(super) struct Builder {
    pub(super) store: Arc<DiskStore>,
    ops: Vec<Op>,
    bytes: usize,
}

/// What was put into it.
#[derive(Clone, Debug, Default)]
pub(super) struct Built {
    pub(super) runs: u64,
    /// Runs that were put aside, because the last of their events may be lost.
    pub(super) put_aside: u64,
    /// What turned out to be lost only now: large results that are gone.
    pub(super) lost: Vec<Lost>,
}

impl Builder {
    pub(super) fn open(options: &DiskOptions) -> Result<Self, CareError> {
        Ok(Self { store: Arc::new(DiskStore::open(options)?), ops: Vec::new(), bytes: 0 })
    }

    pub(super) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), CareError> {
        let op = Op::Put(key, value);
        self.bytes += op.size();
        self.ops.push(op);
        if self.ops.len() >= ROWS || self.bytes >= BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), CareError> {
        self.bytes = 0;
        let ops = std::mem::take(&mut self.ops);
        if !ops.is_empty() {
            wait(self.store.commit(Vec::new(), ops))?;
        }
        Ok(())
    }

    /// Makes the lists from the journals. A run whose journal was cut is put aside, and so is, where the end of the store may be lost,
    /// every run that has not ended: what they did last is not known.
    pub(super) fn finish(
        mut self,
        blobs: &Blobs,
        lost: &[Lost],
        end_may_be_lost: Option<&str>,
    ) -> Result<Built, CareError> {
        self.flush()?;
        let cut: HashMap<Uuid, &Lost> = lost.iter().filter_map(|lost| Some((lost.run?, lost))).collect();
        let store: Arc<dyn Store> = Arc::clone(&self.store) as Arc<dyn Store>;
        let journal = Journal::new(Arc::clone(&store)).with_blobs(blobs.clone());
        let scan = |range, limit| store.scan(range, false, limit);
        let mut runs = Runs::new(&scan);
        let mut built = Built::default();
        while let Some(next) = runs.next()? {
            // What was written a moment ago is sound.
            let Ok(run) = next else { continue };
            let why = cut.get(&run).map(|lost| lost.to_string());
            self.lists(&journal, run, why.as_deref(), end_may_be_lost, &mut built)?;
        }
        self.flush()?;
        self.store.close()?;
        Ok(built)
    }

    fn lists(
        &mut self,
        journal: &Journal,
        run: Uuid,
        cut: Option<&str>,
        end_may_be_lost: Option<&str>,
        built: &mut Built,
    ) -> Result<(), CareError> {
        let mut seen = Vec::new();
        let read = journal::read_sound(journal, run, &mut |seq, event, spilled, _| {
            seen.extend(artifacts::of(seq, event, spilled));
        });
        let (read, error) = match read {
            Ok(read) => read,
            Err(error) => {
                built.lost.push(Lost { run: Some(run), from: 0, why: error.to_string() });
                return Ok(());
            }
        };
        if let Some(error) = &error {
            built.lost.push(Lost { run: Some(run), from: read.next, why: error.to_string() });
        }
        built.runs += 1;
        let (tenant, mut row) = journal::row_of(run, &read);
        let why = cut.map(str::to_owned).or_else(|| error.map(|error| error.to_string()));
        let why = why.or_else(|| end_may_be_lost.map(str::to_owned));
        if let (Some(why), false) = (why, row.status.is_ended()) {
            let letter = DeadLetter::of(&row, Cause::Damage, why, read.next);
            self.put(Key::DeadLetter { tenant: tenant.clone(), run }.encode(), dead::encode(&letter)?)?;
            built.put_aside += 1;
            // Nothing takes it up by itself.
            row.due = None;
        }
        let rows = journal::row_puts(&tenant, &row)?.into_iter();
        for (key, value) in rows.chain(artifacts::puts(&tenant, &row, &seen)?) {
            self.put(key, value)?;
        }
        Ok(())
    }
}
