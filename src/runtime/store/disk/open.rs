//! Opening a store: lock, back end, a first look, the comparison with the high-water mark.

use super::{BackEnd, DiskOptions, Engine, WAY_OUT, damaged, drop_within, guarded};
use crate::runtime::store::codec::{self, CodecError};
use crate::runtime::store::files::{DataLock, HighWater, sync_dir};
use crate::runtime::store::keys::Key;
use crate::runtime::store::sled::{self, Damage};
use crate::runtime::store::{CommitNo, Entry, KeyRange, StoreError};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use uuid::Uuid;

/// The layout of keys and values this program writes.
pub const FORMAT: u64 = 3;
/// How many entries at each end are read before the store counts as open.
const FIRST_LOOK: usize = 512;

/// A store that was opened and looked at.
pub(super) struct Opened {
    pub(super) lock: DataLock,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) back_end: BackEnd,
    pub(super) dir: PathBuf,
    pub(super) identity: Identity,
    pub(super) last: CommitNo,
    /// The last high-water mark on disk.
    pub(super) marked: Option<CommitNo>,
}

/// Which store it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Made when the store was.
    pub id: Uuid,
    /// The layout of its keys and values.
    pub format: u64,
}

pub(in crate::runtime) fn identity_key() -> Vec<u8> {
    Key::Meta { name: "store".into() }.encode()
}

/// Where the number of the last commit lies; asked for with each read.
pub(in crate::runtime::store) fn last_key() -> &'static [u8] {
    static KEY: LazyLock<Vec<u8>> = LazyLock::new(|| Key::Meta { name: "commit_no".into() }.encode());
    &KEY
}

/// Opens a store.
pub(super) fn open(options: &DiskOptions) -> Result<Opened, StoreError> {
    prepare(options, |back_end, dir| engine(options, back_end, dir, Damage::Refuse))
}

fn engine(
    options: &DiskOptions,
    back_end: BackEnd,
    dir: &Path,
    damage: Damage,
) -> Result<Box<dyn Engine>, StoreError> {
    guarded(dir, || match back_end {
        BackEnd::Sled => sled::open(options, dir, damage),
        #[cfg(feature = "redb")]
        BackEnd::Redb => crate::runtime::store::redb::open(options, dir),
        #[cfg(not(feature = "redb"))]
        BackEnd::Redb => Err(not_built()),
    })
}

/// A back end that is only read, and believed no further than it can be read.
pub(in crate::runtime) struct Salvage {
    /// `None` once it is dropped.
    engine: Option<Arc<dyn Engine>>,
    dir: PathBuf,
}

/// Opens the data of a back end in a folder, whatever it says of itself.
///
/// # Errors
/// It cannot be opened, or not even its ends can be read.
pub(in crate::runtime) fn salvage(
    options: &DiskOptions,
    back_end: BackEnd,
    data: &Path,
) -> Result<Salvage, StoreError> {
    let dir = back_end.path(data);
    let engine = engine(options, back_end, &dir, Damage::Pass)?.into();
    let salvage = Salvage { engine: Some(engine), dir };
    salvage.scan(KeyRange::all(), 1)?;
    Ok(salvage)
}

impl Salvage {
    /// At most `limit` entries of a range.
    ///
    /// # Errors
    /// They cannot be read.
    pub(in crate::runtime) fn scan(&self, range: KeyRange, limit: usize) -> Result<Vec<Entry>, StoreError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        guarded(&self.dir, || match &self.engine {
            Some(engine) => engine.scan(range, false, limit),
            None => Err(StoreError::Closed),
        })
    }
}

impl Drop for Salvage {
    fn drop(&mut self) {
        // A thread that does not end leaves the copy open: it is deleted all the same.
        let _ended = self.engine.take().is_none_or(drop_within);
    }
}

/// Opens a store over a back end that is open already.
#[cfg(test)]
pub(super) fn over(options: &DiskOptions, engine: Box<dyn Engine>) -> Result<Opened, StoreError> {
    prepare(options, |_, _| Ok(engine))
}

fn prepare(
    options: &DiskOptions,
    open: impl FnOnce(BackEnd, &Path) -> Result<Box<dyn Engine>, StoreError>,
) -> Result<Opened, StoreError> {
    let data = &options.data;
    create_private(data)
        .map_err(|error| StoreError::io(format!("cannot create {}", data.display()), error))?;
    let lock = DataLock::take(data, options.socket.as_deref(), options.lock_wait)?;
    let mark = HighWater::read(data)?;
    let back_end = back_end(options)?;
    let dir = back_end.path(data);
    let engine: Arc<dyn Engine> = open(back_end, &dir)?.into();
    match look(data, &dir, &*engine, mark) {
        Ok((identity, last, marked)) => Ok(Opened { lock, engine, back_end, dir, identity, last, marked }),
        Err(error) => {
            // Not a plain drop: after damage sled's threads may be gone, and waiting for them has no end.
            drop_within(engine);
            Err(error)
        }
    }
}

/// The back end of a data folder; another than the one it holds is not asked for by mistake.
fn back_end(options: &DiskOptions) -> Result<BackEnd, StoreError> {
    match (BackEnd::of(&options.data), options.back_end) {
        (Some(found), Some(asked)) if found != asked => Err(StoreError::io(
            format!("cannot open {} as a store of {}", options.data.display(), asked.name()),
            format!(
                "it is one of {}; `aos store export` and `aos store import` into a new folder move it",
                found.name()
            ),
        )),
        (found, asked) => Ok(found.or(asked).unwrap_or(BackEnd::Sled)),
    }
}

#[cfg(not(feature = "redb"))]
fn not_built() -> StoreError {
    StoreError::io("cannot open a store of redb", "this aos was built without it (cargo feature `redb`)")
}

type Looked = (Identity, CommitNo, Option<CommitNo>);

fn look(data: &Path, dir: &Path, engine: &dyn Engine, mark: Option<HighWater>) -> Result<Looked, StoreError> {
    match guarded(dir, || first_look(dir, engine))? {
        Some((identity, last)) => {
            check(data, dir, &identity, last, mark)?;
            Ok((identity, last, mark.map(|mark| mark.commit)))
        }
        None if mark.is_some() => {
            Err(lost(data, CommitNo(0), mark.map(|mark| mark.commit).unwrap_or_default()))
        }
        None => {
            let identity = guarded(dir, || create(data, dir, engine))?;
            Ok((identity, CommitNo(0), Some(CommitNo(0))))
        }
    }
}

/// Creates a folder that only its owner may enter; others' plans and results are nobody's business.
fn create_private(data: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(data)
}

/// Reads the identity and a little of both ends, so that most damage shows before anything is written.
/// `None` for a store without anything in it.
fn first_look(dir: &Path, engine: &dyn Engine) -> Result<Option<(Identity, CommitNo)>, StoreError> {
    let Some(identity) = engine.get(&identity_key())? else {
        return match engine.scan(KeyRange::all(), false, 1)?.is_empty() {
            true => Ok(None),
            false => Err(damaged(dir, "the row that names the store is missing")),
        };
    };
    let identity: Identity = codec::decode(1, &identity).map_err(|error| unreadable(dir, error))?;
    let last = match engine.get(last_key())? {
        Some(bytes) => codec::decode(1, &bytes).map_err(|error| unreadable(dir, error))?,
        None => 0,
    };
    for rev in [false, true] {
        engine.scan(KeyRange::all(), rev, FIRST_LOOK)?;
    }
    Ok(Some((identity, CommitNo(last))))
}

fn unreadable(dir: &Path, error: CodecError) -> StoreError {
    match error {
        CodecError::Newer { found, known } => StoreError::Newer { found: found.into(), known: known.into() },
        CodecError::Damaged(_) | CodecError::Payload(_) | CodecError::Encode(_) => {
            damaged(dir, &error.to_string())
        }
    }
}

fn check(
    data: &Path,
    dir: &Path,
    identity: &Identity,
    last: CommitNo,
    mark: Option<HighWater>,
) -> Result<(), StoreError> {
    if identity.format > FORMAT {
        return Err(StoreError::Newer { found: identity.format, known: FORMAT });
    }
    let Some(mark) = mark else { return Ok(()) };
    if mark.store != identity.id {
        let hwm = HighWater::path(data);
        return Err(StoreError::Damaged {
            what: format!("{} is of another store than {}", hwm.display(), dir.display()),
            way_out: format!(
                "put back the store that belongs to it, or delete {} to go on with this one",
                hwm.display()
            ),
        });
    }
    if last < mark.commit { Err(lost(data, last, mark.commit)) } else { Ok(()) }
}

fn lost(data: &Path, last: CommitNo, mark: CommitNo) -> StoreError {
    let data = data.display();
    let what = if last == CommitNo(0) {
        format!("{data} is empty, but {mark} commits had been acknowledged")
    } else {
        format!(
            "{data} ends at commit {last}, but commit {mark} had been acknowledged: {} are lost",
            mark.0 - last.0
        )
    };
    StoreError::Damaged { what, way_out: WAY_OUT.into() }
}

/// Gives a new store its identity, and makes it and the names of its files durable.
fn create(data: &Path, dir: &Path, engine: &dyn Engine) -> Result<Identity, StoreError> {
    let identity = Identity { id: Uuid::now_v7(), format: FORMAT };
    let row = codec::encode(1, &identity).map_err(|error| damaged(dir, &error.to_string()))?;
    engine.write([(identity_key(), Some(row))].into())?;
    let durable = || {
        if dir.is_dir() {
            sync_dir(dir)?;
        }
        // The folder itself is synced with the mark below.
        match data.parent() {
            Some(parent) if parent.as_os_str().is_empty() => sync_dir(Path::new(".")),
            Some(parent) => sync_dir(parent),
            None => Ok(()),
        }
    };
    durable().map_err(|error| StoreError::io(format!("cannot sync {}", dir.display()), error))?;
    HighWater { store: identity.id, commit: CommitNo(0) }.write(data)?;
    Ok(identity)
}
