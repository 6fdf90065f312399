//! redb below the writer of [`super::disk`]: never opens a damaged file, commits slower than sled.

use super::disk::{Changes, DiskOptions, Engine, damaged};
use super::{Entry, KeyRange, StoreError};
use ::redb::{Database, DatabaseError, ReadableDatabase as _, StorageError, TableDefinition, TableError};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The one table.
const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("store");

/// Bytes that were found.
type Guard<'a> = ::redb::AccessGuard<'a, &'static [u8]>;

/// An open database.
struct Redb {
    db: Database,
    path: PathBuf,
}

/// Opens or creates the database of a file, waiting while an earlier handle still lets go of it.
pub(super) fn open(options: &DiskOptions, path: &Path) -> Result<Box<dyn Engine>, StoreError> {
    let begun = Instant::now();
    loop {
        let mut builder = Database::builder();
        builder.set_cache_size(usize::try_from(options.cache).unwrap_or(usize::MAX));
        match builder.create(path) {
            Ok(db) => return Ok(Box::new(Redb { db, path: path.to_owned() })),
            Err(DatabaseError::DatabaseAlreadyOpen) if begun.elapsed() < options.lock_wait => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch) => {
                return Err(StoreError::InUse { pid: None, since: None, socket: None });
            }
            Err(DatabaseError::Storage(error)) => return Err(explain(path, &error)),
            Err(error) => return Err(damaged(path, &error.to_string())),
        }
    }
}

impl Redb {
    /// An error of any call, in our words.
    fn wrong(&self, error: impl Into<::redb::Error>) -> StoreError {
        let error = error.into();
        match error {
            ::redb::Error::Io(error) => self.io(&error),
            ::redb::Error::Corrupted(why) => damaged(&self.path, &why),
            other => damaged(&self.path, &other.to_string()),
        }
    }

    fn io(&self, error: &std::io::Error) -> StoreError {
        StoreError::io(format!("cannot read or write {}", self.path.display()), error)
    }

    /// Reads the table; `none` where nothing was ever written.
    fn read<T>(
        &self,
        none: T,
        read: impl FnOnce(&::redb::ReadOnlyTable<&[u8], &[u8]>) -> Result<T, StorageError>,
    ) -> Result<T, StoreError> {
        let reading = self.db.begin_read().map_err(|error| self.wrong(error))?;
        match reading.open_table(TABLE) {
            Ok(table) => read(&table).map_err(|error| self.wrong(error)),
            Err(TableError::TableDoesNotExist(_)) => Ok(none),
            Err(error) => Err(self.wrong(error)),
        }
    }
}

impl Engine for Redb {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(None, |table| Ok(table.get(key)?.map(|value| value.value().to_vec())))
    }

    fn scan(&self, range: KeyRange, rev: bool, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.read(Vec::new(), |table| {
            let bounds = (bound(&range.start), bound(&range.end));
            let found = table.range::<&[u8]>(bounds)?;
            let owned = |entry: Result<(Guard<'_>, Guard<'_>), StorageError>| {
                entry.map(|(key, value)| (key.value().to_vec(), value.value().to_vec()))
            };
            if rev {
                found.rev().take(limit).map(owned).collect()
            } else {
                found.take(limit).map(owned).collect()
            }
        })
    }

    fn write(&self, changes: Changes) -> Result<(), StoreError> {
        // Durable at once: that is redb's default.
        let writing = self.db.begin_write().map_err(|error| self.wrong(error))?;
        {
            let mut table = writing.open_table(TABLE).map_err(|error| self.wrong(error))?;
            for (key, value) in changes {
                let done = match value {
                    Some(value) => table.insert(key.as_slice(), value.as_slice()).map(drop),
                    None => table.remove(key.as_slice()).map(drop),
                };
                done.map_err(|error| self.wrong(error))?;
            }
        }
        writing.commit().map_err(|error| self.wrong(error))
    }

    fn settle(&self, _: bool) -> Result<(), StoreError> {
        Ok(())
    }
}

fn bound(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(key) => Bound::Included(key.as_slice()),
        Bound::Excluded(key) => Bound::Excluded(key.as_slice()),
        Bound::Unbounded => Bound::Unbounded,
    }
}

fn explain(path: &Path, error: &StorageError) -> StoreError {
    match error {
        // redb says so of what is no database of its own.
        StorageError::Io(error) if error.kind() != std::io::ErrorKind::InvalidData => {
            StoreError::io(format!("cannot open {}", path.display()), error)
        }
        error => damaged(path, &error.to_string()),
    }
}
