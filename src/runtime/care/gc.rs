//! Deletes blobs that no run names. A blob counts as named where its digest stands anywhere in the store: in an event, a header, an
//! input, a row of any table, of this program or a newer one.

use super::CareError;
use super::walk::{self, Found};
use crate::runtime::blobs::{BlobHash, Blobs};
use crate::runtime::store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::time::Duration;

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swept {
    /// Named by a run.
    pub kept: u64,
    pub kept_bytes: u64,
    /// Named by none, but too young: the event that names it may be on its way.
    pub young: u64,
    pub deleted: u64,
    pub deleted_bytes: u64,
    /// Nothing was deleted, only counted.
    pub dry_run: bool,
}

/// Deletes what no run names and is older than `grace`.
///
/// # Errors
/// The store cannot be read, or is damaged: what cannot be read may name a blob, so nothing is deleted then.
pub fn sweep(store: &dyn Store, blobs: &Blobs, grace: Duration, dry_run: bool) -> Result<Swept, CareError> {
    // Looked for first: what is put meanwhile is not in the list.
    let files = blobs.files()?;
    let mut named = HashSet::new();
    let scan = |range, limit| store.scan(range, false, limit);
    walk::walk(&scan, &mut |found| match found {
        Found::Row((_, value)) | Found::Event { row: (_, value), .. } => {
            mark(value, &mut named);
            Ok(())
        }
        Found::Lost(lost) => Err(StoreError::Damaged {
            what: format!("{lost}; nothing was deleted, since what is lost may have named it"),
            way_out: "run `aos store repair` first".into(),
        }
        .into()),
    })?;
    let mut swept = Swept { dry_run, ..Swept::default() };
    for file in files {
        if file.hash.is_some_and(|hash| named.contains(&hash)) {
            swept.kept += 1;
            swept.kept_bytes += file.size;
        } else if file.age < grace {
            swept.young += 1;
        } else if dry_run || blobs.sweep(&file, grace)? {
            swept.deleted += 1;
            swept.deleted_bytes += file.size;
        } else {
            swept.young += 1;
        }
    }
    Ok(swept)
}

/// Every digest that stands in some bytes.
fn mark(bytes: &[u8], named: &mut HashSet<BlobHash>) {
    const BEFORE: &[u8] = b"sha256:";
    let mut rest = bytes;
    while let Some(at) = rest.windows(BEFORE.len()).position(|window| window == BEFORE) {
        rest = rest.get(at + BEFORE.len()..).unwrap_or_default();
        let hex = rest.get(..64).and_then(|hex| std::str::from_utf8(hex).ok());
        named.extend(hex.and_then(|hex| hex.parse::<BlobHash>().ok()));
    }
}
