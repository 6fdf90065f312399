//! The store on disk, over sled 0.34.
//!
//! sled's `flush` does not sync the file, and its `flush_async` can deadlock. So one thread writes: it drains what waits, checks
//! the preconditions, applies one batch, flushes, syncs the file itself, and only then answers the whole group. After any error
//! or panic nothing is acknowledged any more.
//!
//! sled may lose the end of its log silently when the file is damaged: the number of the last commit lies in the store
//! and, at most a second old, in a file beside it; a store behind that file does not open. It may also panic on
//! damage: every call is caught and becomes [`StoreError::Damaged`].

mod open;
mod writer;

use super::files::DataLock;
use super::{BoxFuture, CommitNo, Entry, KeyRange, Op, Pre, Store, StoreError, StoreStats};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// How many commits may wait for the writer; more wait for a place.
const QUEUE: usize = 4096;
/// How long closing waits for sled's own threads, which may hang after damage.
const CLOSE_WAIT: Duration = Duration::from_secs(10);

/// Where and how to open a store.
#[derive(Clone, Debug)]
pub struct SledOptions {
    /// The data folder: holds `lock`, `hwm` and the folder `store`.
    pub data: PathBuf,
    /// Where this process listens, written into the lock for others to find.
    pub socket: Option<PathBuf>,
    /// How long to wait for another process to let go of the lock.
    pub lock_wait: Duration,
    /// Bytes of pages kept in memory.
    pub cache: u64,
}

impl SledOptions {
    /// A data folder with the usual settings: 2 s for the lock, 64 MiB of cache.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self { data: data.into(), socket: None, lock_wait: Duration::from_secs(2), cache: 64 << 20 }
    }
}

/// A [`Store`] on disk.
pub struct SledStore {
    shared: Arc<Shared>,
    /// `None` once closed.
    db: RwLock<Option<::sled::Db>>,
    queue: mpsc::Sender<Message>,
    places: Arc<Semaphore>,
    running: Mutex<Option<Running>>,
    dir: PathBuf,
}

/// What closing takes down.
struct Running {
    writer: JoinHandle<Result<(), StoreError>>,
    lock: DataLock,
}

/// What the writer tells the others.
#[derive(Default)]
struct Shared {
    poison: OnceLock<String>,
    synced: AtomicU64,
    commits: AtomicU64,
    groups: AtomicU64,
    syncs: AtomicU64,
    bytes: AtomicU64,
}

/// What the writer is asked.
enum Message {
    Commit(Request),
    Stop,
}

struct Request {
    pre: Vec<Pre>,
    ops: Vec<Op>,
    answer: oneshot::Sender<Result<CommitNo, StoreError>>,
    /// Held while it waits.
    _place: OwnedSemaphorePermit,
}

impl SledStore {
    /// Opens or creates the store of a data folder.
    ///
    /// # Errors
    /// [`StoreError::InUse`], [`StoreError::Damaged`], [`StoreError::Newer`] or [`StoreError::Io`].
    pub fn open(options: &SledOptions) -> Result<Self, StoreError> {
        let (opened, file) = open::open(options)?;
        Self::start(options, opened, file)
    }

    fn start(options: &SledOptions, opened: open::Opened, file: std::fs::File) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared::default());
        shared.synced.store(opened.last.0, Ordering::Release);
        let (queue, messages) = mpsc::channel();
        let writer = writer::Writer::new(&opened, file, options.data.clone(), Arc::clone(&shared), messages);
        let writer = std::thread::Builder::new()
            .name("aos-store".into())
            .spawn(move || writer.run())
            .map_err(|error| StoreError::io("cannot start the writer of the store", error))?;
        Ok(Self {
            shared,
            db: RwLock::new(Some(opened.db)),
            queue,
            places: Arc::new(Semaphore::new(QUEUE)),
            running: Mutex::new(Some(Running { writer, lock: opened.lock })),
            dir: opened.dir,
        })
    }

    /// Why no answer came: the writer has ended.
    fn ended(&self) -> StoreError {
        match self.shared.poison.get() {
            Some(why) => StoreError::Poisoned { why: why.clone() },
            None => StoreError::Closed,
        }
    }

    async fn send(&self, pre: Vec<Pre>, ops: Vec<Op>) -> Result<CommitNo, StoreError> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| self.ended())?;
        let (answer, answered) = oneshot::channel();
        let request = Request { pre, ops, answer, _place: place };
        self.queue.send(Message::Commit(request)).map_err(|_| self.ended())?;
        answered.await.unwrap_or_else(|_| Err(self.ended()))
    }

    /// Runs a read against sled, whose panics become errors.
    fn read<T>(&self, read: impl FnOnce(&::sled::Db) -> ::sled::Result<T>) -> Result<T, StoreError> {
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        guarded(&self.dir, || {
            read(db.as_ref().ok_or(StoreError::Closed)?).map_err(|error| explain(&self.dir, error))
        })
    }
}

impl Store for SledStore {
    fn commit(&self, pre: Vec<Pre>, ops: Vec<Op>) -> BoxFuture<'_, Result<CommitNo, StoreError>> {
        Box::pin(self.send(pre, ops))
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|db| Ok(db.get(key)?.map(|value| value.to_vec())))
    }

    fn scan(&self, range: KeyRange, rev: bool, limit: usize) -> Result<Vec<Entry>, StoreError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
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

    fn synced(&self) -> CommitNo {
        CommitNo(self.shared.synced.load(Ordering::Acquire))
    }

    fn stats(&self) -> StoreStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Shared { commits, groups, syncs, bytes, .. } = &*self.shared;
        StoreStats { commits: read(commits), groups: read(groups), syncs: read(syncs), bytes: read(bytes) }
    }

    fn close(&self) -> Result<(), StoreError> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Running { writer, lock }) = running else { return Ok(()) };
        // The writer may have ended after a failure: then joining says so.
        let _ = self.queue.send(Message::Stop);
        let written = writer.join().unwrap_or_else(|_| Err(self.ended()));
        let db = self.db.write().unwrap_or_else(PoisonError::into_inner).take();
        let dropped = db.is_none_or(drop_within);
        // Only after sled: whoever takes the lock next opens the same file.
        drop(lock);
        written?;
        if dropped {
            return Ok(());
        }
        Err(StoreError::io("cannot close the store", "its threads do not end; what was acknowledged is safe"))
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        // What was acknowledged is safe; there is no one to tell about the rest.
        let _ = self.close();
    }
}

/// Drops a database in a thread of its own: sled waits there for its threads, for ever if one has died.
fn drop_within(db: ::sled::Db) -> bool {
    let (done, wait) = mpsc::channel();
    let dropping = std::thread::Builder::new().name("aos-store-close".into()).spawn(move || {
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(db)));
        let _ = done.send(dropped.is_ok());
    });
    dropping.is_ok() && wait.recv_timeout(CLOSE_WAIT).unwrap_or(false)
}

/// Calls sled; a panic becomes [`StoreError::Damaged`].
fn guarded<T>(dir: &Path, call: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|panic| Err(damaged(dir, &panic_text(panic.as_ref()))))
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given").to_owned()
}

/// An error of sled in our words.
fn explain(dir: &Path, error: ::sled::Error) -> StoreError {
    match error {
        ::sled::Error::Io(error) => StoreError::io(format!("cannot read or write {}", dir.display()), error),
        ::sled::Error::Corruption { .. } => damaged(dir, "a checksum is wrong"),
        ::sled::Error::CollectionNotFound(_) => damaged(dir, "a table is missing"),
        ::sled::Error::Unsupported(why) | ::sled::Error::ReportableBug(why) => damaged(dir, &why),
    }
}

/// What is wrong, and the way out: sled makes its settings and its snapshot of the log again where they are missing. If
/// that drops part of a damaged log, the high-water mark shows it.
fn damaged(dir: &Path, why: &str) -> StoreError {
    let dir = dir.display();
    StoreError::Damaged {
        what: format!("{dir} cannot be read ({})", why.trim()),
        way_out: format!(
            "copy {dir} to a safe place, then delete {dir}/snap.* and {dir}/conf and try again (both are made anew \
             from the log); if that does not help, restore a backup"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(n: u8) -> Vec<Op> {
        vec![Op::Put(vec![0x20, n], vec![n])]
    }

    #[tokio::test]
    async fn after_a_failed_sync_nothing_is_acknowledged() {
        let dir = tempfile::tempdir().unwrap();
        let options = SledOptions::new(dir.path());
        let store = SledStore::open(&options).unwrap();
        store.commit(vec![], put(1)).await.unwrap();
        store.close().unwrap();
        let (opened, _) = open::open(&options).unwrap();
        // A file that cannot be synced.
        let store = SledStore::start(&options, opened, std::fs::File::open("/dev/null").unwrap()).unwrap();
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
        let store = SledStore::open(&options).unwrap();
        assert_eq!(store.get(&[0x20, 1]).unwrap(), Some(vec![1]));
        assert!(store.commit(vec![], put(2)).await.is_ok());
    }
}
