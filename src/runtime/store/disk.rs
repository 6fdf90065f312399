//! The store on disk, over a back end: sled (`super::sled`), or redb where that is built in.
//!
//! One thread writes: it drains what waits, checks the preconditions, gives the back end one batch, which is durable when that
//! returns, and only then answers the whole group. After any error or panic nothing is acknowledged any more.
//!
//! A back end may lose the end of its data silently when a file is damaged: the number of the last commit lies in the store
//! and, at most a second old, in a file beside it; a store behind that file does not open. It may also panic on
//! damage: every call is caught and becomes [`StoreError::Damaged`].

mod open;
mod writer;

pub(super) use open::last_key;
pub use open::{FORMAT, Identity};
pub(in crate::runtime) use open::{Salvage, salvage};

use super::files::DataLock;
use super::{BoxFuture, CommitNo, Entry, KeyRange, Op, Pre, Store, StoreError, StoreStats};
use crate::runtime::points;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// How many commits may wait for the writer; more wait for a place.
const QUEUE: usize = 4096;
/// How long the write-ahead log gets, usually, in bytes.
const LOG: u64 = 8 << 20;
/// How long closing waits for sled's own threads, which may hang after damage.
const CLOSE_WAIT: Duration = Duration::from_secs(10);

/// What keeps the keys on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackEnd {
    /// sled: fast commits.
    Sled,
    /// redb: never opens a damaged file. Only in programs that were built with the feature `redb`.
    Redb,
}

impl BackEnd {
    /// Its name in options and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sled => "sled",
            Self::Redb => "redb",
        }
    }

    /// The folder or file of a data folder that it keeps its data in.
    #[must_use]
    pub fn path(self, data: &Path) -> PathBuf {
        data.join(match self {
            Self::Sled => "store",
            Self::Redb => "store.redb",
        })
    }

    /// What a data folder holds; `None` where there is no store yet.
    #[must_use]
    pub fn of(data: &Path) -> Option<Self> {
        [Self::Sled, Self::Redb].into_iter().find(|back_end| back_end.path(data).exists())
    }
}

/// What a commit leaves at each key it touches; `None` is removed.
pub(in crate::runtime) type Changes = HashMap<Vec<u8>, Option<Vec<u8>>>;

/// What a back end does below the writer.
pub(super) trait Engine: Send + Sync {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    /// At most `limit` entries of a range that is not empty.
    fn scan(&self, range: KeyRange, rev: bool, limit: usize) -> Result<Vec<Entry>, StoreError>;
    /// Writes all or none; returns when it would survive a power cut. Called by one thread only.
    fn write(&self, changes: Changes) -> Result<(), StoreError>;
    /// Does what can wait until those who wrote have their answers. Called by the thread that writes, after each write and when the
    /// store closes.
    fn settle(&self, closing: bool) -> Result<(), StoreError>;
}

/// Where and how to open a store.
#[derive(Clone, Debug)]
pub struct DiskOptions {
    /// The data folder: holds `lock`, `hwm` and the data of the back end.
    pub data: PathBuf,
    /// What keeps the keys; `None`: what the folder holds already, else sled.
    pub back_end: Option<BackEnd>,
    /// Where this process listens, written into the lock for others to find.
    pub socket: Option<PathBuf>,
    /// How long to wait for another process to let go of the lock.
    pub lock_wait: Duration,
    /// Bytes of pages kept in memory.
    pub cache: u64,
    /// Bytes of commits after which sled makes durable what only its write-ahead log was sure to hold.
    pub log: u64,
}

impl DiskOptions {
    /// A data folder with the usual settings: 2 s for the lock, 64 MiB of cache.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            back_end: None,
            socket: None,
            lock_wait: Duration::from_secs(2),
            cache: 64 << 20,
            log: points::log_limit().unwrap_or(LOG),
        }
    }
}

/// A [`Store`] on disk.
pub struct DiskStore {
    identity: Identity,
    back_end: BackEnd,
    shared: Arc<Shared>,
    /// `None` once closed.
    engine: RwLock<Option<Arc<dyn Engine>>>,
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

impl DiskStore {
    /// Opens or creates the store of a data folder.
    ///
    /// # Errors
    /// [`StoreError::InUse`], [`StoreError::Damaged`], [`StoreError::Newer`] or [`StoreError::Io`].
    pub fn open(options: &DiskOptions) -> Result<Self, StoreError> {
        Self::start(options, open::open(options)?)
    }

    /// Opens a store over a back end that is open already.
    #[cfg(test)]
    pub(super) fn over(options: &DiskOptions, engine: Box<dyn Engine>) -> Result<Self, StoreError> {
        Self::start(options, open::over(options, engine)?)
    }

    fn start(options: &DiskOptions, opened: open::Opened) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared::default());
        shared.synced.store(opened.last.0, Ordering::Release);
        let (queue, messages) = mpsc::channel();
        let writer = writer::Writer::new(&opened, options.data.clone(), Arc::clone(&shared), messages);
        let writer = std::thread::Builder::new()
            .name("aos-store".into())
            .spawn(move || writer.run())
            .map_err(|error| StoreError::io("cannot start the writer of the store", error))?;
        Ok(Self {
            identity: opened.identity,
            back_end: opened.back_end,
            shared,
            engine: RwLock::new(Some(opened.engine)),
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

    /// What the store is, as it says itself.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Which back end keeps it.
    pub fn back_end(&self) -> BackEnd {
        self.back_end
    }

    /// Runs a read against the back end, whose panics become errors.
    fn read<T>(&self, read: impl FnOnce(&dyn Engine) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let engine = self.engine.read().unwrap_or_else(PoisonError::into_inner);
        guarded(&self.dir, || read(engine.as_deref().ok_or(StoreError::Closed)?))
    }
}

impl Store for DiskStore {
    fn commit(&self, pre: Vec<Pre>, ops: Vec<Op>) -> BoxFuture<'_, Result<CommitNo, StoreError>> {
        Box::pin(self.send(pre, ops))
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|engine| engine.get(key))
    }

    fn scan(&self, range: KeyRange, rev: bool, limit: usize) -> Result<Vec<Entry>, StoreError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        self.read(|engine| engine.scan(range, rev, limit))
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
        let engine = self.engine.write().unwrap_or_else(PoisonError::into_inner).take();
        let dropped = engine.is_none_or(drop_within);
        // Only after the back end: whoever takes the lock next opens the same file.
        drop(lock);
        written?;
        if dropped {
            return Ok(());
        }
        Err(StoreError::io("cannot close the store", "its threads do not end; what was acknowledged is safe"))
    }
}

impl Drop for DiskStore {
    fn drop(&mut self) {
        // What was acknowledged is safe; there is no one to tell about the rest.
        let _ = self.close();
    }
}

/// Drops a back end in a thread of its own: sled waits there for its threads, for ever if one has died.
pub(super) fn drop_within(engine: impl Send + 'static) -> bool {
    let (done, wait) = mpsc::channel();
    let dropping = std::thread::Builder::new().name("aos-store-close".into()).spawn(move || {
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(engine)));
        let _ = done.send(dropped.is_ok());
    });
    dropping.is_ok() && wait.recv_timeout(CLOSE_WAIT).unwrap_or(false)
}

/// Calls a back end; a panic becomes [`StoreError::Damaged`].
pub(super) fn guarded<T>(dir: &Path, call: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|panic| Err(damaged(dir, &panic_text(panic.as_ref()))))
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given").to_owned()
}

/// What is wrong, and the way out.
pub(super) fn damaged(dir: &Path, why: &str) -> StoreError {
    StoreError::Damaged {
        what: format!("{} cannot be read ({})", dir.display(), why.trim()),
        way_out: WAY_OUT.into(),
    }
}

/// How to go on with a damaged store.
pub(super) const WAY_OUT: &str = "run `aos store repair`, which puts the damaged files aside and saves what can be read, or restore a backup with \
     `aos store import`";

#[cfg(test)]
pub(in crate::runtime::store) mod tests {
    use super::*;

    pub(in crate::runtime::store) fn put(n: u8) -> Vec<Op> {
        vec![Op::Put(vec![0x20, n], vec![n])]
    }
}
