//! sled 0.34 below the writer of [`super::disk`]: the back end that is used unless another is asked for.
//!
//! sled's `flush` does not sync the file, and its `flush_async` can deadlock: a write is one batch, a blocking flush, then our own
//! sync of the file. sled may panic on damage: its callers catch that.

use super::disk::{Changes, DiskOptions, Engine};
use super::{Entry, KeyRange, StoreError};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// An open database.
pub(super) struct Sled {
    db: ::sled::Db,
    /// For our own syncs.
    file: File,
    dir: PathBuf,
}

impl Sled {
    /// Opens or creates the database in a folder; `None` while an earlier handle still lets go of it.
    pub(super) fn open(options: &DiskOptions, dir: &Path) -> Result<Option<Self>, StoreError> {
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
        let file = File::options().read(true).write(true).open(dir.join("db"));
        let file =
            file.map_err(|error| StoreError::io(format!("cannot open {}/db", dir.display()), error))?;
        Ok(Some(Self { db, file, dir: dir.to_owned() }))
    }

    fn read<T>(&self, read: impl FnOnce(&::sled::Db) -> ::sled::Result<T>) -> Result<T, StoreError> {
        read(&self.db).map_err(|error| explain(&self.dir, error))
    }
}

/// Waits for an earlier handle of this process, or a foreign tool, to let go: the lock of the data folder is ours.
pub(super) fn open(options: &DiskOptions, dir: &Path) -> Result<Box<dyn Engine>, StoreError> {
    let begun = Instant::now();
    loop {
        match Sled::open(options, dir)? {
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
        self.read(|db| Ok(db.get(key)?.map(|value| value.to_vec())))
    }

    fn scan(&self, range: KeyRange, rev: bool, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.read(|db| {
            let found = db.range((range.start, range.end));
            let owned = |entry: ::sled::Result<(::sled::IVec, ::sled::IVec)>| {
                entry.map(|(key, value)| (key.to_vec(), value.to_vec()))
            };
            if rev {
                found.rev().take(limit).map(owned).collect()
            } else {
                found.take(limit).map(owned).collect()
            }
        })
    }

    fn write(&self, changes: Changes) -> Result<(), StoreError> {
        let mut batch = ::sled::Batch::default();
        for (key, value) in changes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        self.read(|db| db.apply_batch(batch))?;
        self.read(|db| db.flush())?;
        // sled's flush leaves the data in the page cache: this is the sync that counts.
        let synced = self.file.sync_data();
        synced.map_err(|error| StoreError::io(format!("cannot sync {}", self.dir.display()), error))
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

    #[tokio::test]
    async fn after_a_failed_sync_nothing_is_acknowledged() {
        let dir = tempfile::tempdir().unwrap();
        let options = DiskOptions::new(dir.path());
        let store = DiskStore::open(&options).unwrap();
        store.commit(vec![], put(1)).await.unwrap();
        store.close().unwrap();
        let folder = dir.path().join("store");
        let mut sled = Sled::open(&options, &folder).unwrap().unwrap();
        // A file that cannot be synced.
        sled.file = File::open("/dev/null").unwrap();
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
