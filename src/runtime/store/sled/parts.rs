//! Large values in parts. A page of sled that is larger than an eighth of a megabyte lies in a file of its own, which sled never syncs:
//! after a power cut it may be empty. So no value is so large that a page of them becomes that.

use ::sled::{IVec, Result, Tree};

/// How large a part is. A page has at most 17 rows: 17 of these stay below the limit.
const PART: usize = 6 << 10;
/// What stands in the place of a value that lies in parts, before its length. Other values that begin so lie in parts too.
const MARK: &[u8; 16] = b"\xFFin parts of 6KB";

/// Sets a key to a value.
pub(super) fn put(main: &Tree, parts: &Tree, key: Vec<u8>, value: Vec<u8>) -> Result<()> {
    if value.len() <= PART && !value.starts_with(MARK) {
        let before = main.insert(&key, value)?;
        return forget(parts, &key, before, 0);
    }
    let mut count = 0;
    for part in value.chunks(PART) {
        parts.insert(part_key(&key, count), part)?;
        count += 1;
    }
    let mark = [&MARK[..], &(value.len() as u64).to_be_bytes()].concat();
    let before = main.insert(&key, mark)?;
    forget(parts, &key, before, count)
}

/// Removes a key.
pub(super) fn remove(main: &Tree, parts: &Tree, key: &[u8]) -> Result<()> {
    let before = main.remove(key)?;
    forget(parts, key, before, 0)
}

/// Whether what was found stands for a value in parts.
pub(super) fn are_of(found: &IVec) -> bool {
    length(found).is_some()
}

/// The value of what was found at a key.
pub(super) fn whole(parts: &Tree, key: &[u8], found: &IVec) -> Result<Vec<u8>> {
    let Some(length) = length(found) else { return Ok(found.to_vec()) };
    let mut value = Vec::new();
    for n in 0..count(length) {
        match parts.get(part_key(key, n))? {
            Some(part) => value.extend_from_slice(&part),
            // What follows is another length than was written: the row's own checksum tells.
            None => break,
        }
    }
    Ok(value)
}

/// Removes the parts of an earlier value that the one of now does not have.
fn forget(parts: &Tree, key: &[u8], before: Option<IVec>, from: u32) -> Result<()> {
    let Some(length) = before.as_ref().and_then(length) else { return Ok(()) };
    for n in from..count(length) {
        parts.remove(part_key(key, n))?;
    }
    Ok(())
}

fn length(found: &IVec) -> Option<u64> {
    Some(u64::from_be_bytes(found.strip_prefix(&MARK[..])?.try_into().ok()?))
}

fn count(length: u64) -> u32 {
    u32::try_from(length.div_ceil(PART as u64)).unwrap_or(u32::MAX)
}

/// Keys of equal length are different keys, so parts of different keys never meet.
fn part_key(key: &[u8], n: u32) -> Vec<u8> {
    [key, &n.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_values_come_back_and_no_page_gets_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let db = ::sled::Config::new().path(dir.path()).open().unwrap();
        let parts = db.open_tree("parts").unwrap();
        let read = |key: &[u8]| db.get(key).unwrap().map(|found| whole(&parts, key, &found).unwrap());
        let marked = [&MARK[..], &[0; 8]].concat();
        let values =
            [vec![], vec![1; PART], vec![2; PART + 1], vec![3; 700_000], marked, vec![4; 20_000], vec![5]];
        for round in 0..60_u32 {
            for n in 0..7_u32 {
                let value = &values[((round + n) % 7) as usize];
                put(&db, &parts, vec![n as u8], value.clone()).unwrap();
                assert_eq!(read(&[n as u8]).as_ref(), Some(value));
            }
        }
        for n in 0..7 {
            remove(&db, &parts, &[n]).unwrap();
            assert_eq!(read(&[n]), None);
        }
        assert!(parts.is_empty());
        db.flush().unwrap();
        assert_eq!(std::fs::read_dir(dir.path().join("blobs")).unwrap().count(), 0);
    }
}
