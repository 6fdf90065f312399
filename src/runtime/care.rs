//! The care of a store: export, import, check, repair, figures, sweeping of blobs, migrations.
//!
//! All of it reads a store in one way (`walk`): the rows that nothing else can give, then the journals, each as far as it is
//! sound. An export writes what it reads to a file; an import and a repair put it into a new store ([`build`]), whose
//! lists are made anew from the journals. All functions block on the disk.

pub mod build;
pub mod check;
pub mod export;
pub mod gc;
pub mod import;
pub mod migrate;
mod open_runs;
pub mod repair;
pub mod stats;
mod walk;

pub use open_runs::Verified;
pub use walk::Lost;

use super::blobs::{BlobError, Blobs};
use super::journal::JournalError;
use super::store::codec::CodecError;
use super::store::disk::{DiskOptions, DiskStore, Identity};
use super::store::keys::Key;
use super::store::{Store, StoreError, codec};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Why a store could not be cared for.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CareError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error("a row cannot be written: {0}")]
    Codec(#[from] CodecError),
    /// The operating system refused.
    #[error("cannot {act} {}: {why}", path.display())]
    Io { act: &'static str, path: PathBuf, why: String },
    /// The file is not what an export wrote.
    #[error("{} line {line}: {why}; the import changed nothing", file.display())]
    File { file: PathBuf, line: u64, why: String },
    /// An import goes into a new folder only.
    #[error("{} is there already; an import goes into a new or empty folder: say `--store NEW_FOLDER`", .0.display())]
    NotEmpty(PathBuf),
    #[error("the store has no name of its own; only a store in a folder can be exported")]
    NoIdentity,
    /// Nothing could be saved.
    #[error("{}: {why}", path.display())]
    Hopeless { path: PathBuf, why: String },
}

impl CareError {
    fn io(act: &'static str, path: &Path, why: &std::io::Error) -> Self {
        Self::Io { act, path: path.to_owned(), why: why.to_string() }
    }
}

/// What can be done to a store beside runs that go on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "snake_case")]
pub enum Job {
    Export { file: PathBuf, blobs: bool },
    Check,
    Stats,
    Gc { grace_s: u64, dry_run: bool },
}

/// What it gave.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "done", rename_all = "snake_case")]
pub enum Done {
    Exported(export::Exported),
    Checked(check::Checked),
    Counted(stats::Stats),
    Swept(gc::Swept),
}

impl Job {
    /// Does it.
    ///
    /// # Errors
    /// The store cannot be read, or a file cannot be written.
    pub fn run(&self, store: &Arc<dyn Store>, data: &Path) -> Result<Done, CareError> {
        let blobs = Blobs::new(data);
        Ok(match self {
            Job::Export { file, blobs: with } => {
                Done::Exported(export::export(&**store, with.then_some(&blobs), file)?)
            }
            Job::Check => Done::Checked(check::check(store, &blobs)?),
            Job::Stats => Done::Counted(stats::count(&**store, data)?),
            Job::Gc { grace_s, dry_run } => {
                Done::Swept(gc::sweep(&**store, &blobs, std::time::Duration::from_secs(*grace_s), *dry_run)?)
            }
        })
    }
}

/// A store that was opened.
pub struct Opened {
    pub store: Arc<dyn Store>,
    /// The export that was made before the store was brought up to this program's layout, where it was of an older one.
    pub backup: Option<PathBuf>,
    pub verified: Verified,
}

/// Opens the store of a folder, brought up to this program's layout, and verifies the runs that have not ended.
///
/// # Errors
/// As [`DiskStore::open`], or the store cannot be brought up to date. A damaged run is no error: it is in the result.
pub fn open(options: &DiskOptions) -> Result<Opened, CareError> {
    let store: Arc<dyn Store> = Arc::new(DiskStore::open(options)?);
    let backup = migrate::migrate(&store, &options.data, migrate::MIGRATIONS)?;
    let verified = open_runs::verify(&*store)?;
    Ok(Opened { store, backup, verified })
}

/// What a store says it is; `None` for one in memory.
fn identity(store: &dyn Store) -> Result<Option<Identity>, CareError> {
    let row = store.get(&Key::Meta { name: "store".into() }.encode())?;
    Ok(row.map(|row| codec::decode(1, &row)).transpose()?)
}

/// Runs a future of a store to its end in this thread.
pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
