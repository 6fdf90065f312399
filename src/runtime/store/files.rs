//! The files beside a store: the lock that keeps other processes out, and the high-water mark that shows lost commits.

use super::{CommitNo, StoreError};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The lock of a data folder, held as long as the value lives: an exclusive flock on `<data>/lock`.
#[derive(Debug)]
pub struct DataLock {
    // Closing the file lets go of the lock.
    _file: File,
}

#[derive(Default, Serialize, Deserialize)]
struct Holder {
    pid: Option<u32>,
    since: Option<String>,
    socket: Option<PathBuf>,
}

impl DataLock {
    /// Takes the lock, trying for at most `wait`; writes into it who holds it and where that process listens.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another holds it, [`StoreError::Io`] if the file cannot be opened.
    pub fn take(data: &Path, socket: Option<&Path>, wait: Duration) -> Result<Self, StoreError> {
        let path = data.join("lock");
        let failed = |error| StoreError::io(format!("cannot lock {}", path.display()), error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Err(TryLockError::WouldBlock) if begun.elapsed() >= wait => return Err(held_by(&mut file)),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        let holder = Holder {
            pid: Some(std::process::id()),
            since: Some(jiff::Timestamp::now().to_string()),
            socket: socket.map(Path::to_owned),
        };
        // Only a hint for people: it need not survive a crash, which frees the lock anyway.
        let text =
            serde_json::to_vec(&holder).map_err(|error| StoreError::io("cannot write the lock", error))?;
        file.set_len(0).and_then(|()| file.write_all(&text)).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

fn held_by(file: &mut File) -> StoreError {
    let mut text = String::new();
    // A holder that has not written yet, or an unreadable file, is just not known.
    let read = file.rewind().and_then(|()| file.take(64 * 1024).read_to_string(&mut text));
    let holder: Holder = read.ok().and_then(|_| serde_json::from_str(&text).ok()).unwrap_or_default();
    StoreError::InUse { pid: holder.pid, since: holder.since, socket: holder.socket }
}

/// The last commit that was acknowledged at some moment, kept outside the store so that a store
/// that silently lost its end can be told from one that never had more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HighWater {
    /// Which store.
    pub store: Uuid,
    /// The commit that was durable.
    pub commit: CommitNo,
}

impl HighWater {
    /// The file of a data folder.
    pub fn path(data: &Path) -> PathBuf {
        data.join("hwm")
    }

    /// Reads the mark; `None` where there is none.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the file is not what [`HighWater::write`] wrote.
    pub fn read(data: &Path) -> Result<Option<Self>, StoreError> {
        let path = Self::path(data);
        match std::fs::read(&path) {
            Ok(bytes) => Self::parse(&bytes).map(Some).ok_or_else(|| StoreError::Damaged {
                what: format!("the high-water mark {} is not readable", path.display()),
                way_out: "delete that file to go on without its check for lost commits".into(),
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io(format!("cannot read {}", path.display()), error)),
        }
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (line, crc) = std::str::from_utf8(bytes).ok()?.trim_end().rsplit_once(' ')?;
        if u32::from_str_radix(crc, 16).ok()? != crc32c::crc32c(line.as_bytes()) {
            return None;
        }
        let (store, commit) = line.strip_prefix("aos-hwm 1 ")?.split_once(' ')?;
        Some(Self { store: store.parse().ok()?, commit: CommitNo(commit.parse().ok()?) })
    }

    fn line(&self) -> String {
        let line = format!("aos-hwm 1 {} {}", self.store, self.commit);
        format!("{line} {:08x}\n", crc32c::crc32c(line.as_bytes()))
    }

    /// Replaces the mark, durably: temporary file, sync, rename, sync of the folder.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn write(&self, data: &Path) -> Result<(), StoreError> {
        let (path, temp) = (Self::path(data), data.join("hwm.tmp"));
        let write = || {
            let mut file = File::create(&temp)?;
            file.write_all(self.line().as_bytes())?;
            file.sync_data()?;
            std::fs::rename(&temp, &path)?;
            sync_dir(data)
        };
        write().map_err(|error| StoreError::io(format!("cannot write {}", path.display()), error))
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync_dir(dir: &Path) -> std::io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time_and_the_other_is_told_who() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("aos.sock");
        let held = DataLock::take(dir.path(), Some(&socket), Duration::ZERO).unwrap();
        match DataLock::take(dir.path(), None, Duration::from_millis(30)) {
            Err(StoreError::InUse { pid, since, socket: listens }) => {
                assert_eq!(pid, Some(std::process::id()));
                assert_eq!(listens, Some(socket));
                assert!(since.unwrap().parse::<jiff::Timestamp>().is_ok());
            }
            other => panic!("{other:?}"),
        }
        drop(held);
        DataLock::take(dir.path(), None, Duration::ZERO).unwrap();
    }

    #[test]
    fn waiting_for_the_lock_outlives_a_short_holder() {
        let dir = tempfile::tempdir().unwrap();
        let held = DataLock::take(dir.path(), None, Duration::ZERO).unwrap();
        let path = dir.path().to_owned();
        let waiter = std::thread::spawn(move || DataLock::take(&path, None, Duration::from_secs(20)).is_ok());
        std::thread::sleep(Duration::from_millis(50));
        drop(held);
        assert!(waiter.join().unwrap());
    }

    #[test]
    fn the_mark_comes_back_and_damage_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(HighWater::read(dir.path()).unwrap(), None);
        let mark = HighWater { store: Uuid::from_u128(5), commit: CommitNo(77) };
        mark.write(dir.path()).unwrap();
        assert_eq!(HighWater::read(dir.path()).unwrap(), Some(mark));
        let good = std::fs::read(HighWater::path(dir.path())).unwrap();
        for at in 0..good.len() - 1 {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert_ne!(HighWater::parse(&bad), Some(mark), "byte {at}");
        }
        std::fs::write(HighWater::path(dir.path()), b"").unwrap();
        assert!(matches!(HighWater::read(dir.path()), Err(StoreError::Damaged { .. })));
    }
}
