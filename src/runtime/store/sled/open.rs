//! Opening a store: lock, sled, a first look, the comparison with the high-water mark.

use super::{SledOptions, damaged, drop_within, explain, guarded};
use crate::runtime::store::codec::{self, CodecError};
use crate::runtime::store::files::{DataLock, HighWater, sync_dir};
use crate::runtime::store::keys::Key;
use crate::runtime::store::{CommitNo, StoreError};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The layout of keys and values this program writes.
const FORMAT: u64 = 1;
/// How many entries at each end are read before the store counts as open.
const FIRST_LOOK: usize = 512;

/// A store that was opened and looked at.
pub(super) struct Opened {
    pub(super) lock: DataLock,
    pub(super) db: ::sled::Db,
    pub(super) dir: PathBuf,
    pub(super) id: Uuid,
    pub(super) last: CommitNo,
    /// The last high-water mark on disk.
    pub(super) marked: Option<CommitNo>,
}

/// Which store it is.
#[derive(Serialize, Deserialize)]
struct Identity {
    id: Uuid,
    format: u64,
}

pub(super) fn identity_key() -> Vec<u8> {
    Key::Meta { name: "store".into() }.encode()
}

pub(super) fn last_key() -> Vec<u8> {
    Key::Meta { name: "commit_no".into() }.encode()
}

/// Opens a store; gives it together with its log file, for our own syncs.
pub(super) fn open(options: &SledOptions) -> Result<(Opened, File), StoreError> {
    let data = &options.data;
    create_private(data)
        .map_err(|error| StoreError::io(format!("cannot create {}", data.display()), error))?;
    let lock = DataLock::take(data, options.socket.as_deref(), options.lock_wait)?;
    let mark = HighWater::read(data)?;
    let dir = data.join("store");
    let db = open_sled(options, &dir)?;
    match look(options, &dir, &db, mark) {
        Ok((file, id, last, marked)) => Ok((Opened { lock, db, dir, id, last, marked }, file)),
        Err(error) => {
            // Not a plain drop: after damage sled's threads may be gone, and waiting for them has no end.
            drop_within(db);
            Err(error)
        }
    }
}

type Looked = (File, Uuid, CommitNo, Option<CommitNo>);

fn look(
    options: &SledOptions,
    dir: &Path,
    db: &::sled::Db,
    mark: Option<HighWater>,
) -> Result<Looked, StoreError> {
    let file = File::options().read(true).write(true).open(dir.join("db"));
    let file = file.map_err(|error| StoreError::io(format!("cannot open {}/db", dir.display()), error))?;
    match guarded(dir, || first_look(dir, db))? {
        Some((identity, last)) => {
            check(&options.data, dir, &identity, last, mark)?;
            Ok((file, identity.id, last, mark.map(|mark| mark.commit)))
        }
        None if mark.is_some() => {
            Err(lost(&options.data, CommitNo(0), mark.map(|mark| mark.commit).unwrap_or_default()))
        }
        None => {
            let id = guarded(dir, || create(&options.data, dir, db, &file))?;
            Ok((file, id, CommitNo(0), Some(CommitNo(0))))
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

fn open_sled(options: &SledOptions, dir: &Path) -> Result<::sled::Db, StoreError> {
    let config = ::sled::Config::new()
        .path(dir)
        .mode(::sled::Mode::LowSpace)
        .cache_capacity(options.cache)
        .flush_every_ms(Some(500));
    let begun = Instant::now();
    loop {
        let opened = guarded(dir, || match config.open() {
            Ok(db) => Ok(Some(db)),
            // Ours is the lock, so this is an earlier handle of this process, or a foreign tool, still letting go.
            Err(::sled::Error::Io(error)) if error.to_string().contains("could not acquire lock") => {
                if begun.elapsed() < options.lock_wait {
                    return Ok(None);
                }
                Err(StoreError::InUse { pid: None, since: None, socket: None })
            }
            Err(error) => Err(explain(dir, error)),
        })?;
        match opened {
            Some(db) => return Ok(db),
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// Reads the identity and a little of both ends, so that most damage shows before anything is written.
/// `None` for a store without anything in it.
fn first_look(dir: &Path, db: &::sled::Db) -> Result<Option<(Identity, CommitNo)>, StoreError> {
    let read = |key: Vec<u8>| db.get(key).map_err(|error| explain(dir, error));
    let Some(identity) = read(identity_key())? else {
        return match db.iter().next() {
            None => Ok(None),
            Some(Ok(_)) => Err(damaged(dir, "the row that names the store is missing")),
            Some(Err(error)) => Err(explain(dir, error)),
        };
    };
    let identity: Identity = codec::decode(1, &identity).map_err(|error| unreadable(dir, error))?;
    let last = match read(last_key())? {
        Some(bytes) => codec::decode(1, &bytes).map_err(|error| unreadable(dir, error))?,
        None => 0,
    };
    for entry in db.iter().take(FIRST_LOOK).chain(db.iter().rev().take(FIRST_LOOK)) {
        entry.map_err(|error| explain(dir, error))?;
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
    let hwm = HighWater::path(data);
    let what = if last == CommitNo(0) {
        format!("it is empty, but {mark} commits had been acknowledged")
    } else {
        format!(
            "it ends at commit {last}, but commit {mark} had been acknowledged: {} are lost",
            mark.0 - last.0
        )
    };
    StoreError::Damaged {
        what,
        way_out: format!(
            "restore a backup of {}, or delete {} to go on without what is lost",
            data.display(),
            hwm.display()
        ),
    }
}

/// Gives a new store its identity, and makes it and the names of its files durable.
fn create(data: &Path, dir: &Path, db: &::sled::Db, file: &File) -> Result<Uuid, StoreError> {
    let identity = Identity { id: Uuid::now_v7(), format: FORMAT };
    let row = codec::encode(1, &identity).map_err(|error| damaged(dir, &error.to_string()))?;
    db.insert(identity_key(), row).map_err(|error| explain(dir, error))?;
    db.flush().map_err(|error| explain(dir, error))?;
    let durable = || {
        file.sync_data()?;
        sync_dir(dir)?;
        // The folder itself is synced with the mark below.
        match data.parent() {
            Some(parent) if parent.as_os_str().is_empty() => sync_dir(Path::new(".")),
            Some(parent) => sync_dir(parent),
            None => Ok(()),
        }
    };
    durable().map_err(|error| StoreError::io(format!("cannot sync {}", dir.display()), error))?;
    HighWater { store: identity.id, commit: CommitNo(0) }.write(data)?;
    Ok(identity.id)
}
