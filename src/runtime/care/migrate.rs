//! From the layout of an older program to this one's: step by step, each step whole before the next begins.

use super::{CareError, export, identity, wait};
use crate::runtime::artifacts;
use crate::runtime::blobs::Blobs;
use crate::runtime::journal;
use crate::runtime::store::disk::{FORMAT, Identity};
use crate::runtime::store::journal::Journal;
use crate::runtime::store::keys::Key;
use crate::runtime::store::{Op, Pre, Store, codec};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One step. It may be run again over what an interrupted one left.
pub struct Migration {
    /// The format it begins with; it ends with the next one.
    pub from: u64,
    /// What it does, for people.
    pub what: &'static str,
    pub run: fn(&Arc<dyn Store>, &Blobs) -> Result<(), CareError>,
}

/// All steps, in order: one for every older format.
pub const MIGRATIONS: &[Migration] = &[
    Migration { from: 1, what: "lists the artifacts of all runs", run: list_artifacts },
    // No row changes; but a program of before does not know that the newest commits are in the log.
    Migration { from: 2, what: "commits are durable in a log before sled has them", run: |_, _| Ok(()) },
];

/// Brings a store up to date; gives the export that was made before, where anything was to be done.
///
/// # Errors
/// The export or a step failed. The store is as that step left it and goes on from there the next time.
pub fn migrate(
    store: &Arc<dyn Store>,
    data: &Path,
    steps: &[Migration],
) -> Result<Option<PathBuf>, CareError> {
    let Some(mut identity) = identity(&**store)? else { return Ok(None) };
    if identity.format >= FORMAT {
        return Ok(None);
    }
    let blobs = Blobs::new(data);
    let backup = data.join(format!("before-format-{FORMAT}.jsonl"));
    export::export(&**store, None, &backup)?;
    while identity.format < FORMAT {
        let step = steps.iter().find(|step| step.from == identity.format);
        let step = step.ok_or_else(|| CareError::Hopeless {
            path: data.to_owned(),
            why: format!("there is no way from format {} to {FORMAT}", identity.format),
        })?;
        (step.run)(store, &blobs)?;
        let key = Key::Meta { name: "store".into() }.encode();
        let next = Identity { format: step.from + 1, ..identity };
        let (old, new) = (codec::encode(1, &identity)?, codec::encode(1, &next)?);
        wait(store.commit(vec![Pre::Equals(key.clone(), old)], vec![Op::Put(key, new)]))?;
        identity = next;
    }
    Ok(Some(backup))
}

/// 1 to 2: the list of artifacts is new.
fn list_artifacts(store: &Arc<dyn Store>, blobs: &Blobs) -> Result<(), CareError> {
    let journal = Journal::new(Arc::clone(store)).with_blobs(blobs.clone());
    let scan = |range, limit| store.scan(range, false, limit);
    let mut runs = super::walk::Runs::new(&scan);
    while let Some(next) = runs.next()? {
        // A damaged run is told when it is looked at; it does not keep the others from being listed.
        let Ok(run) = next else { continue };
        let mut seen = Vec::new();
        let read = journal::read(&journal, run, &mut |seq, event, spilled, _| {
            seen.extend(artifacts::of(seq, event, spilled));
        });
        if let (Ok(read), false) = (read, seen.is_empty()) {
            let (tenant, row) = journal::row_of(run, &read);
            let rows = artifacts::puts(&tenant, &row, &seen)?;
            let ops = rows.into_iter().map(|(key, value)| Op::Put(key, value)).collect();
            wait(store.commit(Vec::new(), ops))?;
        }
    }
    Ok(())
}
