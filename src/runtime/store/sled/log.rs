//! The write-ahead log of the sled back end: a commit is durable here first, and sled takes it up afterwards.
//!
//! The file consists of records, one a group of commits: magic, generation, number within the generation, length, CRC-32C over all
//! of it, and the changes. It is filled from its beginning; when sled has made durable all that is in it, the next generation
//! overwrites it. So its blocks are on the disk already, most of the time, and a sync need not write the file system's own journal.
//!
//! A group is synced before the next is written. So a record that is not whole is the last one, cut short by the end of the
//! process or of the power, and nobody was told of it; a whole record behind one that is not is damage.

use crate::runtime::store::StoreError;
use crate::runtime::store::disk::damaged;
use crate::runtime::store::files::sync_dir;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// The name of the file in sled's folder.
const NAME: &str = "log";
/// What each record begins with.
const MAGIC: &[u8; 4] = b"AOSL";
/// Magic, generation, number, length, checksum.
const HEAD: usize = 4 + 8 + 8 + 4 + 4;
/// The file grows by so many bytes at once.
const GROWTH: u64 = 256 << 10;
/// What one large commit needed is not kept for ever: a file that is longer is cut when its generation is over.
const KEPT: u64 = 16 << 20;
/// In the place of a value's length: the key is removed.
const REMOVED: u32 = u32::MAX;

/// A key and what becomes of it; `None`: it is removed.
pub(super) type Change = (Vec<u8>, Option<Vec<u8>>);

/// What to do where the log is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::runtime::store) enum Damage {
    /// Say so.
    Refuse,
    /// Take what lies before it.
    Pass,
}

/// The log, open for writing.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    path: PathBuf,
    generation: u64,
    /// Of the next record.
    number: u64,
    /// Where it goes.
    end: u64,
    /// How long the file is.
    allocated: u64,
    record: Vec<u8>,
}

impl Log {
    /// Opens or creates the log of a folder and gives what it holds beyond the generations that sled has, in order.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, or is ahead of a sled that has lost its end.
    pub(super) fn open(
        dir: &Path,
        generation: u64,
        damage: Damage,
        take: &mut dyn FnMut(Vec<Change>) -> Result<(), StoreError>,
    ) -> Result<Self, StoreError> {
        let path = dir.join(NAME);
        let io = |error| StoreError::io(format!("cannot open {}", path.display()), error);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                File::create_new(&path).and_then(|_| sync_dir(dir)).map_err(io)?;
                Vec::new()
            }
            Err(error) => return Err(io(error)),
        };
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(io)?;
        let allocated = bytes.len() as u64;
        let mut log = Log { file, path, generation, number: 0, end: 0, allocated, record: Vec::new() };
        log.replay(&bytes, damage, take)?;
        Ok(log)
    }

    fn replay(
        &mut self,
        bytes: &[u8],
        damage: Damage,
        take: &mut dyn FnMut(Vec<Change>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let ahead = first_generation(bytes).filter(|found| *found > self.generation);
        if let Some(ahead) = ahead {
            if damage == Damage::Refuse {
                return Err(self.damaged("sled has lost its end: its log has gone on from a later one"));
            }
            self.generation = ahead;
        }
        let mut rest = bytes;
        while let Some(record) = Record::read(rest, self.generation, self.number) {
            take(record.changes)?;
            rest = rest.get(record.length..).unwrap_or_default();
            self.end += record.length as u64;
            self.number += 1;
        }
        if damage == Damage::Refuse && later_record(rest, self.generation, self.number) {
            return Err(self.damaged(&format!("its log is damaged at byte {}", self.end)));
        }
        Ok(())
    }

    fn damaged(&self, why: &str) -> StoreError {
        damaged(self.path.parent().unwrap_or(&self.path), why)
    }

    /// How many bytes sled does not have durably.
    pub(super) fn length(&self) -> u64 {
        self.end
    }

    /// Writes a group of changes; they are durable after [`Log::sync`].
    ///
    /// # Errors
    /// The system refuses.
    pub(super) fn write(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let Some(length) = encode(&mut self.record, self.generation, self.number, changes) else {
            return Err(StoreError::io("cannot write a commit", "it is larger than 4 GiB"));
        };
        let end = self.end + length;
        self.grow(end)
            .and_then(|()| self.file.write_all_at(&self.record, self.end))
            .map_err(|error| StoreError::io(format!("cannot write {}", self.path.display()), error))?;
        self.end = end;
        self.number += 1;
        if length > GROWTH {
            self.record = Vec::new();
        }
        Ok(())
    }

    /// Zeros up to the end of what is to be written, and somewhat further.
    fn grow(&mut self, end: u64) -> std::io::Result<()> {
        if end <= self.allocated {
            return Ok(());
        }
        let target = end.div_ceil(GROWTH) * GROWTH;
        let zeros = vec![0; usize::try_from(target - self.allocated).unwrap_or(usize::MAX)];
        self.file.write_all_at(&zeros, self.allocated)?;
        self.allocated = target;
        Ok(())
    }

    /// Makes durable what was written.
    ///
    /// # Errors
    /// The disk does not take it.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        let synced = self.file.sync_data();
        synced.map_err(|error| StoreError::io(format!("cannot sync {}", self.path.display()), error))
    }

    /// A log whose syncs fail.
    #[cfg(test)]
    pub(super) fn unsyncable(&mut self) {
        self.file = OpenOptions::new().write(true).open("/dev/null").unwrap();
    }

    /// The generation that begins when sled has all of this one.
    pub(super) fn next_generation(&self) -> u64 {
        self.generation + 1
    }

    /// Begins it: what is in the file now is not needed any more.
    ///
    /// # Errors
    /// A file that has become very long cannot be cut.
    pub(super) fn begin_next(&mut self) -> Result<(), StoreError> {
        if self.allocated > KEPT {
            let cut = self.file.set_len(0);
            cut.map_err(|error| StoreError::io(format!("cannot cut {}", self.path.display()), error))?;
            self.allocated = 0;
        }
        self.generation += 1;
        self.number = 0;
        self.end = 0;
        Ok(())
    }
}

/// A whole record.
struct Record {
    changes: Vec<Change>,
    length: usize,
}

impl Record {
    /// The record at the beginning of `bytes`, where it is the one that is expected there, and whole.
    fn read(bytes: &[u8], generation: u64, number: u64) -> Option<Record> {
        let (head, rest) = bytes.split_at_checked(HEAD)?;
        let (covered, checksum) = head.split_at_checked(HEAD - 4)?;
        if !covered.starts_with(&expected(generation, number)) {
            return None;
        }
        let length = usize::try_from(number_at(covered, 20)?).ok()?;
        let payload = rest.get(..length)?;
        let found = crc32c::crc32c_append(crc32c::crc32c(covered), payload);
        if checksum != found.to_le_bytes() {
            return None;
        }
        Some(Record { changes: decode(payload)?, length: HEAD + length })
    }
}

fn expected(generation: u64, number: u64) -> [u8; 20] {
    let mut bytes = [0; 20];
    let parts = MAGIC.iter().copied().chain(generation.to_le_bytes()).chain(number.to_le_bytes());
    bytes.iter_mut().zip(parts).for_each(|(byte, part)| *byte = part);
    bytes
}

fn number_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

/// The generation that a file begins with, where its first record is whole.
fn first_generation(bytes: &[u8]) -> Option<u64> {
    let generation = u64::from_le_bytes(bytes.get(4..12)?.try_into().ok()?);
    Record::read(bytes, generation, 0).map(|_| generation)
}

/// Whether a whole record that was written later lies somewhere in `bytes`.
fn later_record(bytes: &[u8], generation: u64, number: u64) -> bool {
    bytes.windows(HEAD).enumerate().filter(|(_, head)| head.starts_with(MAGIC)).any(|(at, head)| {
        let eight = |at| head.get(at..at + 8).and_then(|n| n.try_into().ok()).map(u64::from_le_bytes);
        let (Some(of), Some(found)) = (eight(4), eight(12)) else { return false };
        let whole = || bytes.get(at..).is_some_and(|bytes| Record::read(bytes, of, found).is_some());
        (of, found) > (generation, number) && whole()
    })
}

/// Makes a record; gives its length, where it is one that can be written.
fn encode(record: &mut Vec<u8>, generation: u64, number: u64, changes: &[Change]) -> Option<u64> {
    record.clear();
    record.extend(expected(generation, number));
    record.extend([0; 8]);
    for (key, value) in changes {
        record.extend(u32::try_from(key.len()).ok()?.to_le_bytes());
        record.extend(key);
        match value {
            None => record.extend(REMOVED.to_le_bytes()),
            Some(value) => {
                record.extend(u32::try_from(value.len()).ok().filter(|n| *n != REMOVED)?.to_le_bytes());
                record.extend(value);
            }
        }
    }
    let length = u32::try_from(record.len() - HEAD).ok()?;
    let (head, payload) = record.split_at_mut_checked(HEAD)?;
    let (covered, checksum) = head.split_at_mut_checked(HEAD - 4)?;
    covered.get_mut(20..24)?.copy_from_slice(&length.to_le_bytes());
    checksum.copy_from_slice(&crc32c::crc32c_append(crc32c::crc32c(covered), payload).to_le_bytes());
    Some(record.len() as u64)
}

fn decode(mut payload: &[u8]) -> Option<Vec<Change>> {
    let mut changes = Vec::new();
    while !payload.is_empty() {
        let key = taken(&mut payload, None)?;
        let length = number_at(payload, 0)?;
        let value = match length {
            REMOVED => {
                payload = payload.get(4..)?;
                None
            }
            _ => Some(taken(&mut payload, Some(length))?),
        };
        changes.push((key, value));
    }
    Some(changes)
}

/// A length and so many bytes.
fn taken(payload: &mut &[u8], length: Option<u32>) -> Option<Vec<u8>> {
    let length = match length {
        Some(length) => length,
        None => number_at(payload, 0)?,
    };
    let (bytes, rest) = payload.get(4..)?.split_at_checked(usize::try_from(length).ok()?)?;
    *payload = rest;
    Some(bytes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(n: u8) -> Vec<Change> {
        vec![(vec![n], Some(vec![n; usize::from(n) * 7])), (vec![n, n], None), (vec![], Some(vec![255]))]
    }

    fn open(dir: &Path, generation: u64, damage: Damage) -> Result<(Log, Vec<Vec<Change>>), StoreError> {
        let mut found = Vec::new();
        let log = Log::open(dir, generation, damage, &mut |changes| {
            found.push(changes);
            Ok(())
        })?;
        Ok((log, found))
    }

    fn written(log: &mut Log, groups: std::ops::Range<u8>) -> Vec<Vec<Change>> {
        let groups: Vec<_> = groups.map(group).collect();
        for group in &groups {
            log.write(group).unwrap();
            log.sync().unwrap();
        }
        groups
    }

    fn path(dir: &tempfile::TempDir) -> PathBuf {
        dir.path().join(NAME)
    }

    #[test]
    fn what_was_written_comes_back_and_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, found) = open(dir.path(), 0, Damage::Refuse).unwrap();
        assert_eq!((found.len(), log.length()), (0, 0));
        let mut all = written(&mut log, 0..5);
        let length = log.length();
        drop(log);
        let (mut log, found) = open(dir.path(), 0, Damage::Refuse).unwrap();
        assert_eq!((&found, log.length()), (&all, length));
        all.extend(written(&mut log, 5..9));
        assert_eq!(open(dir.path(), 0, Damage::Refuse).unwrap().1, all);
        assert_eq!(path(&dir).metadata().unwrap().len(), GROWTH);
    }

    #[test]
    fn another_generation_begins_at_the_beginning() {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, _) = open(dir.path(), 0, Damage::Refuse).unwrap();
        written(&mut log, 0..9);
        assert_eq!(log.next_generation(), 1);
        // sled has it all, and nothing new was written.
        assert_eq!(open(dir.path(), 1, Damage::Refuse).unwrap().1.len(), 0);
        log.begin_next().unwrap();
        let new = written(&mut log, 20..22);
        assert_eq!(open(dir.path(), 1, Damage::Refuse).unwrap().1, new);
        // A sled that knows nothing of it has lost what was before.
        let error = open(dir.path(), 0, Damage::Refuse).unwrap_err();
        assert!(error.to_string().contains("lost its end"), "{error}");
        assert_eq!(open(dir.path(), 0, Damage::Pass).unwrap().1, new);
        // Also where its first record is damaged.
        let mut bytes = std::fs::read(path(&dir)).unwrap();
        bytes[HEAD] ^= 1;
        std::fs::write(path(&dir), bytes).unwrap();
        for generation in [0, 1] {
            let error = open(dir.path(), generation, Damage::Refuse).unwrap_err();
            assert!(error.to_string().contains("damaged at byte 0"), "{error}");
        }
        assert_eq!(open(dir.path(), 2, Damage::Refuse).unwrap().1.len(), 0);
    }

    #[test]
    fn a_cut_end_was_never_told_of_and_a_hole_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, _) = open(dir.path(), 3, Damage::Refuse).unwrap();
        let mut ends = vec![0];
        let mut groups = Vec::new();
        for n in 0..4 {
            groups.extend(written(&mut log, n..n + 1));
            ends.push(usize::try_from(log.length()).unwrap());
        }
        let whole = std::fs::read(path(&dir)).unwrap();
        for cut in 0..*ends.last().unwrap() {
            let before = ends.iter().filter(|end| **end <= cut).count() - 1;
            // Cut, and as zeros: what a growing file may look like.
            for zeros in [false, true] {
                let mut bytes = whole[..cut].to_vec();
                if zeros {
                    bytes.resize(whole.len(), 0);
                }
                std::fs::write(path(&dir), bytes).unwrap();
                let (_, found) = open(dir.path(), 3, Damage::Refuse).unwrap();
                assert_eq!(found, groups[..before], "cut at {cut}");
            }
        }
        for at in 0..*ends.last().unwrap() {
            let before = ends.iter().filter(|end| **end <= at).count() - 1;
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            std::fs::write(path(&dir), bytes).unwrap();
            let (_, found) = open(dir.path(), 3, Damage::Pass).unwrap();
            assert_eq!(found, groups[..before], "flipped at {at}");
            match open(dir.path(), 3, Damage::Refuse) {
                Ok((_, found)) => assert_eq!((before, found.len()), (3, 3), "flipped at {at}"),
                Err(error) => {
                    assert!(before < 3 && error.to_string().contains("damaged"), "flipped at {at}: {error}");
                }
            }
        }
    }

    #[test]
    fn what_a_large_commit_took_is_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, _) = open(dir.path(), 0, Damage::Refuse).unwrap();
        let large = vec![(vec![1], Some(vec![7; usize::try_from(KEPT).unwrap()]))];
        log.write(&large).unwrap();
        log.sync().unwrap();
        assert_eq!(open(dir.path(), 0, Damage::Refuse).unwrap().1, [large]);
        assert!(log.record.capacity() < 1 << 20 && log.length() > KEPT);
        log.begin_next().unwrap();
        let small = written(&mut log, 0..1);
        assert_eq!(open(dir.path(), 1, Damage::Refuse).unwrap().1, small);
        assert_eq!(path(&dir).metadata().unwrap().len(), GROWTH);
    }

    #[test]
    fn any_bytes_are_read_without_harm() {
        let dir = tempfile::tempdir().unwrap();
        let (mut log, _) = open(dir.path(), 0, Damage::Refuse).unwrap();
        written(&mut log, 0..2);
        let mut bytes = std::fs::read(path(&dir)).unwrap();
        // A length beyond the file, and one beyond its record.
        for length in [u32::MAX, 1 << 20, 3] {
            bytes[20..24].copy_from_slice(&length.to_le_bytes());
            std::fs::write(path(&dir), &bytes).unwrap();
            assert_eq!(open(dir.path(), 0, Damage::Pass).unwrap().1.len(), 0);
        }
        assert_eq!(decode(&[9, 0, 0, 0, 1]), None);
        assert_eq!(decode(&[0, 0, 0, 0, 9, 0, 0, 0, 1]), None);
    }
}
