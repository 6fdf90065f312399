//! What a store holds, in figures.

use super::{CareError, identity};
use crate::runtime::blobs::Blobs;
use crate::runtime::report::status_name;
use crate::runtime::store::disk::BackEnd;
use crate::runtime::store::keys::{self, Key, Table};
use crate::runtime::store::{Store, codec};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use uuid::Uuid;

/// A table in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    pub table: String,
    pub rows: u64,
    /// Of keys and values.
    pub bytes: u64,
}

/// A store in figures.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Stats {
    pub store: Uuid,
    pub back_end: String,
    pub format: u64,
    pub commits: u64,
    pub runs: u64,
    pub runs_by_status: BTreeMap<String, u64>,
    pub dead: u64,
    pub events: u64,
    pub tables: Vec<Rows>,
    pub blobs: u64,
    pub blob_bytes: u64,
    /// Of the files of the back end.
    pub disk_bytes: u64,
}

/// Counts what a store holds.
///
/// # Errors
/// It cannot be read.
pub fn count(store: &dyn Store, data: &Path) -> Result<Stats, CareError> {
    let identity = identity(store)?.ok_or(CareError::NoIdentity)?;
    let back_end = BackEnd::of(data);
    let mut stats = Stats {
        store: identity.id,
        back_end: back_end.map_or("none", BackEnd::name).to_owned(),
        format: identity.format,
        commits: store.synced().0,
        disk_bytes: back_end.map_or(0, |back_end| size(&back_end.path(data))),
        ..Stats::default()
    };
    for table in Table::ALL {
        let rows = stats.table(store, table)?;
        match table {
            Table::Run => stats.runs = rows.rows,
            Table::DeadLetter => stats.dead = rows.rows,
            Table::Meta
            | Table::Event
            | Table::RunByStatus
            | Table::OpenRun
            | Table::StepResult
            | Table::Artifact
            | Table::Spend
            | Table::Idempotency
            | Table::IdempotencyExpiry
            | Table::Timer
            | Table::TimerById
            | Table::Planning => {}
        }
        if rows.rows > 0 {
            stats.tables.push(rows);
        }
    }
    for file in Blobs::new(data).files()?.iter().filter(|file| file.hash.is_some()) {
        stats.blobs += 1;
        stats.blob_bytes += file.size;
    }
    Ok(stats)
}

impl Stats {
    fn table(&mut self, store: &dyn Store, table: Table) -> Result<Rows, CareError> {
        const PAGE: usize = 1024;
        let mut rows = Rows { table: table.name().to_owned(), ..Rows::default() };
        let mut rest = Some(keys::table(table));
        while let Some(range) = rest.take() {
            let page = store.scan(range.clone(), false, PAGE)?;
            for (key, value) in &page {
                rows.rows += 1;
                rows.bytes += (key.len() + value.len()) as u64;
                if table == Table::Event {
                    self.events += codec::events_in(value);
                }
                if let (Table::RunByStatus, Some(Key::RunByStatus { status, .. })) = (table, Key::parse(key))
                {
                    let name = crate::runtime::journal::status_of(status).map_or("unknown", status_name);
                    *self.runs_by_status.entry(name.to_owned()).or_default() += 1;
                }
            }
            if let (PAGE, Some((key, _))) = (page.len(), page.last()) {
                rest = Some(range.after(key.as_slice()));
            }
        }
        Ok(rows)
    }
}

/// The bytes of a file, or of all files below a folder.
fn size(path: &Path) -> u64 {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| size(&entry.path())).sum(),
        Err(_) => std::fs::metadata(path).map_or(0, |about| about.len()),
    }
}
