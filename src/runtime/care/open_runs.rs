//! What opening a store verifies beyond its end: the journals of the runs that have not ended. The others are verified when they are
//! read, and all of them by a check.

use super::CareError;
use super::walk::{self, Found, Lost};
use crate::runtime::store::keys::{self, Key, Table};
use crate::runtime::store::{Store, codec};

/// Opening looks at so many events at most: of a store with more in its open runs, the rest is verified when they go on.
const MOST: u64 = 100_000;

/// What was looked at.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    pub runs: u64,
    pub events: u64,
    /// Runs that were left for later.
    pub later: u64,
    /// Runs whose events are not what was written.
    pub damaged: Vec<Lost>,
}

/// Verifies the chain of events of every run that has not ended.
///
/// # Errors
/// The list of them cannot be read.
pub(super) fn verify(store: &dyn Store) -> Result<Verified, CareError> {
    let scan = |range, limit| store.scan(range, false, limit);
    let mut verified = Verified::default();
    let mut rest = Some(keys::table(Table::OpenRun));
    while let Some(range) = rest.take() {
        let page = store.scan(range.clone(), false, walk::PAGE)?;
        if let (walk::PAGE, Some((key, _))) = (page.len(), page.last()) {
            rest = Some(range.after(key.as_slice()));
        }
        for (key, _) in page {
            let Some(Key::OpenRun { run }) = Key::parse(&key) else { continue };
            if verified.events >= MOST {
                verified.later += 1;
                continue;
            }
            verified.runs += 1;
            let before = verified.events;
            walk::events(&scan, run, &mut |found| {
                match found {
                    Found::Event { row: (_, row), .. } => verified.events += codec::events_in(row),
                    Found::Lost(lost) => verified.damaged.push(lost),
                    Found::Row(_) => {}
                }
                Ok(())
            })?;
            if verified.events == before && verified.damaged.last().is_none_or(|lost| lost.run != Some(run)) {
                verified.damaged.push(Lost { run: Some(run), from: 0, why: "its events are gone".into() });
            }
        }
    }
    Ok(verified)
}
