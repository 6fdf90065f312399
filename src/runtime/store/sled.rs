//! sled 0.34 below the writer of [`super::disk`]: the back end that is used unless another is asked for.
//!
//! A commit is durable when it is in the write-ahead [`log`]; then sled takes it up in memory, and writes it in its own time. Making it
//! durable in sled itself costs four times as much: each batch and each flush goes through a pool of threads, all of which wake. Now
//! and then a *checkpoint* makes durable in sled what the log holds, so that the log can begin anew.
//!
//! sled's `flush` does not sync the file, and its `flush_async` can deadlock: a checkpoint is a blocking flush, then our own sync of the
//! file. sled may panic on damage: its callers catch that.

mod log;
mod parts;

pub(super) use log::Damage;

use super::disk::{Changes, DiskOptions, Engine, drop_within, guarded, last_key};
use super::{Entry, KeyRange, StoreError};
use crate::runtime::points;
use log::{Change, Log};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Instant;

/// A tree beside the one of the keys. sled writes a page of some 16 rows anew after ten changes: what changes with every commit must
/// not lie beside the large first row of a journal.
const APART: &str = "apart";
/// The tree of the parts of large values.
const PARTS: &str = "parts";
/// In the one apart: the generation of the log that sled has not taken up for good. The number of the last commit is there too.
const GENERATION: &str = "log generation";
/// A log that is longer is not left to the next who opens the store: reading it takes a while.
const SHORT: u64 = 256 << 10;
/// sled writes over a segment (512 KiB) of its file when all in it was written anew elsewhere. So that what was written elsewhere
/// is durable by then, the file is synced after so many bytes of changes, or …
const SYNC_BYTES: u64 = 64 << 10;
/// … so many changes, each of which makes sled write up to a tenth of a page anew.
const SYNC_CHANGES: usize = 256;

/// An open database.
pub(super) struct Sled {
    db: ::sled::Db,
    apart: ::sled::Tree,
    parts: ::sled::Tree,
    /// For our own syncs.
    file: File,
    dir: PathBuf,
    /// Bytes of the log after which a checkpoint is made.
    limit: u64,
    log: Mutex<Ahead>,
    /// Held alone while changes are taken up: who reads a value in parts must not find those of two.
    taking_up: RwLock<()>,
}

/// The log, and what sled has taken up since its file was synced.
struct Ahead {
    log: Log,
    bytes: u64,
    changes: usize,
}

impl Sled {
    /// Opens or creates the database in a folder and takes up what its log holds; `None` while an earlier handle still lets go of it.
    pub(super) fn open(
        options: &DiskOptions,
        dir: &Path,
        damage: Damage,
    ) -> Result<Option<Self>, StoreError> {
        let config = ::sled::Config::new()
            .path(dir)
            .mode(::sled::Mode::LowSpace)
            .cache_capacity(options.cache)
            .flush_every_ms(Some(500));
        let db = match config.open() {
            Ok(db) => db,
            Err(::sled::Error::Io(error)) if error.to_string().contains("could not acquire lock") => {
                return Ok(None);
            }
            Err(error) => return Err(explain(dir, error)),
        };
        match guarded(dir, || Self::with_log(options, dir, damage, &db)) {
            Ok(sled) => Ok(Some(sled)),
            Err(error) => {
                drop_within(db);
                Err(error)
            }
        }
    }

    /// Takes up what the log holds.
    fn with_log(
        options: &DiskOptions,
        dir: &Path,
        damage: Damage,
        db: &::sled::Db,
    ) -> Result<Self, StoreError> {
        let file = File::options().read(true).write(true).open(dir.join("db"));
        let file =
            file.map_err(|error| StoreError::io(format!("cannot open {}/db", dir.display()), error))?;
        let wrong = |error| explain(dir, error);
        let apart = db.open_tree(APART).map_err(wrong)?;
        let parts = db.open_tree(PARTS).map_err(wrong)?;
        let known = apart.get(GENERATION).map_err(wrong)?;
        let known = known.and_then(|bytes| Some(u64::from_le_bytes((*bytes).try_into().ok()?)));
        let mut take = |changes| take_up((db, &apart, &parts), changes).map_err(wrong);
        let log = Log::open(dir, known.unwrap_or(0), damage, &mut take)?;
        let log = Mutex::new(Ahead { log, bytes: 0, changes: 0 });
        let taking_up = RwLock::new(());
        let (db, dir) = (db.clone(), dir.to_owned());
        let sled = Self { db, apart, parts, file, dir, limit: options.log, log, taking_up };
        sled.settle(true)?;
        Ok(sled)
    }

    /// sled makes durable what it has, and then that the log need not be read any more.
    fn checkpoint(&self, ahead: &mut Ahead) -> Result<(), StoreError> {
        points::pass("checkpoint-before");
        self.durable()?;
        points::pass("checkpoint-durable");
        let next = ahead.log.next_generation();
        self.read(|_| self.apart.insert(GENERATION, &next.to_le_bytes()))?;
        self.durable()?;
        ahead.log.begin_next()?;
        points::pass("checkpoint-after");
        Ok(())
    }

    fn durable(&self) -> Result<(), StoreError> {
        self.read(|db| db.flush())?;
        self.sync()
    }

    /// sled's flush leaves the data in the caches of the system and the disk: this is the sync that counts.
    fn sync(&self) -> Result<(), StoreError> {
        let synced = self.file.sync_data();
        synced.map_err(|error| StoreError::io(format!("cannot sync {}", self.dir.display()), error))
    }

    fn read<T>(&self, read: impl FnOnce(&::sled::Db) -> ::sled::Result<T>) -> Result<T, StoreError> {
        read(&self.db).map_err(|error| explain(&self.dir, error))
    }
}

/// What is deeper in the order of keys comes first: the journal before the lists that are made from it.
fn take_up(
    (db, apart, large): (&::sled::Tree, &::sled::Tree, &::sled::Tree),
    mut changes: Vec<Change>,
) -> ::sled::Result<()> {
    changes.sort_unstable_by(|a, b| b.0.cmp(&a.0));
    for (key, value) in changes {
        let tree = if key == last_key() { apart } else { db };
        match value {
            Some(value) => parts::put(tree, large, key, value)?,
            None => parts::remove(tree, large, &key)?,
        };
    }
    Ok(())
}

/// Waits for an earlier handle of this process, or a foreign tool, to let go: the lock of the data folder is ours.
pub(super) fn open(options: &DiskOptions, dir: &Path, damage: Damage) -> Result<Box<dyn Engine>, StoreError> {
    let begun = Instant::now();
    loop {
        match Sled::open(options, dir, damage)? {
            Some(sled) => return Ok(Box::new(sled)),
            None if begun.elapsed() < options.lock_wait => {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            None => return Err(StoreError::InUse { pid: None, since: None, socket: None }),
        }
    }
}

impl Engine for Sled {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let _still = self.taking_up.read().unwrap_or_else(PoisonError::into_inner);
        self.read(|db| {
            let apart = if key == last_key() { self.apart.get(key)? } else { None };
            // A store of before had all keys in one tree.
            let found = if apart.is_some() { apart } else { db.get(key)? };
            found.map(|value| parts::whole(&self.parts, key, &value)).transpose()
        })
    }

    fn scan(&self, range: KeyRange, rev: bool, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let found = self.db.range((range.start, range.end));
        let whole = |entry: ::sled::Result<(::sled::IVec, ::sled::IVec)>| match entry {
            Ok((key, value)) if parts::are_of(&value) => {
                // Anew, and by itself: a long scan does not keep the writer waiting.
                self.get(&key).map(|value| Some((key.to_vec(), value?))).transpose()
            }
            Ok((key, value)) => Some(Ok((key.to_vec(), value.to_vec()))),
            Err(error) => Some(Err(explain(&self.dir, error))),
        };
        match rev {
            true => found.rev().filter_map(whole).take(limit).collect(),
            false => found.filter_map(whole).take(limit).collect(),
        }
    }

    fn write(&self, changes: Changes) -> Result<(), StoreError> {
        let changes: Vec<Change> = changes.into_iter().collect();
        let mut ahead = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let before = ahead.log.length();
        ahead.log.write(&changes)?;
        points::pass("log-written");
        ahead.log.sync()?;
        points::pass("log-synced");
        ahead.bytes += ahead.log.length() - before;
        ahead.changes += changes.len();
        let _alone = self.taking_up.write().unwrap_or_else(PoisonError::into_inner);
        // Only now: sled may write it at any time, and half of it.
        self.read(|db| take_up((db, &self.apart, &self.parts), changes))
    }

    fn settle(&self, closing: bool) -> Result<(), StoreError> {
        let mut ahead = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = if closing { self.limit.min(SHORT) } else { self.limit };
        if ahead.log.length() > limit {
            self.checkpoint(&mut ahead)?;
        } else if ahead.bytes < SYNC_BYTES && ahead.changes < SYNC_CHANGES {
            return Ok(());
        } else {
            self.sync()?;
        }
        (ahead.bytes, ahead.changes) = (0, 0);
        Ok(())
    }
}

/// An error of sled in our words.
fn explain(dir: &Path, error: ::sled::Error) -> StoreError {
    match error {
        ::sled::Error::Io(error) => StoreError::io(format!("cannot read or write {}", dir.display()), error),
        ::sled::Error::Corruption { .. } => super::disk::damaged(dir, "a checksum is wrong"),
        ::sled::Error::CollectionNotFound(_) => super::disk::damaged(dir, "a table is missing"),
        ::sled::Error::Unsupported(why) | ::sled::Error::ReportableBug(why) => {
            super::disk::damaged(dir, &why)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::{DiskStore, tests::put};
    use super::super::{CommitNo, Store};
    use super::*;

    #[test]
    fn a_large_value_is_read_whole_while_it_is_written_anew() {
        let dir = tempfile::tempdir().unwrap();
        let sled = Sled::open(&DiskOptions::new(dir.path()), dir.path(), Damage::Refuse).unwrap().unwrap();
        let value = |n: u8| vec![n; 20_000 + usize::from(n) * 300];
        let write = |n: u8| sled.write([(vec![7], Some(value(n)))].into()).unwrap();
        write(0);
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                (1..=200).for_each(write);
                done.store(true, std::sync::atomic::Ordering::Release);
            });
            while !done.load(std::sync::atomic::Ordering::Acquire) {
                let got = sled.get(&[7]).unwrap().unwrap();
                assert!(got == value(got[0]), "{} bytes, first {}", got.len(), got[0]);
                let scanned = sled.scan(KeyRange::all(), false, 9).unwrap();
                assert!(scanned[0].1 == value(scanned[0].1[0]));
            }
        });
        sled.write([(vec![7], None)].into()).unwrap();
        assert_eq!((sled.get(&[7]).unwrap(), sled.parts.len()), (None, 0));
    }

    #[tokio::test]
    async fn after_a_failed_sync_nothing_is_acknowledged() {
        let dir = tempfile::tempdir().unwrap();
        let options = DiskOptions::new(dir.path());
        let store = DiskStore::open(&options).unwrap();
        store.commit(vec![], put(1)).await.unwrap();
        store.close().unwrap();
        let folder = dir.path().join("store");
        let sled = Sled::open(&options, &folder, Damage::Refuse).unwrap().unwrap();
        sled.log.lock().unwrap().log.unsyncable();
        let store = DiskStore::over(&options, Box::new(sled)).unwrap();
        let commits = (2..50).map(|n| store.commit(vec![], put(n)));
        for answer in futures_util::future::join_all(commits).await {
            assert!(
                matches!(&answer, Err(StoreError::Poisoned { why }) if why.contains("cannot sync")),
                "{answer:?}"
            );
        }
        assert!(matches!(store.commit(vec![], put(51)).await, Err(StoreError::Poisoned { .. })));
        assert_eq!((store.synced(), store.stats().commits), (CommitNo(1), 0));
        assert!(store.close().is_err());
        // The lock is free again, and what was acknowledged is there.
        let store = DiskStore::open(&options).unwrap();
        assert_eq!(store.get(&[0x20, 1]).unwrap(), Some(vec![1]));
        assert!(store.commit(vec![], put(2)).await.is_ok());
    }
}
