//! Saves what a damaged store still gives: it is read as far as possible into a new store, which takes its place. The damaged files
//! stay beside it, as they were.

use super::CareError;
use super::build::Builder;
use super::check::{self, Problem};
use super::walk::{self, Found, Lost};
use crate::runtime::blobs::Blobs;
use crate::runtime::store::disk::{self, BackEnd, DiskOptions, DiskStore, Salvage};
use crate::runtime::store::files::{DataLock, HighWater, sync_dir};
use crate::runtime::store::{Store, StoreError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a repair found and did.
#[derive(Clone, Debug)]
pub enum Repair {
    /// Nothing was wrong, nothing was changed.
    Sound(check::Checked),
    Repaired(Box<Repaired>),
}

/// What was saved.
#[derive(Clone, Debug)]
pub struct Repaired {
    /// What was wrong.
    pub why: Vec<String>,
    /// Where the damaged files are.
    pub kept: PathBuf,
    /// What had to be left out of the damaged files to read them.
    pub without: Option<&'static str>,
    pub runs: u64,
    pub events: u64,
    pub put_aside: u64,
    pub lost: Vec<Lost>,
}

/// Checks a store and, where something is wrong, makes a new one of what can be read.
///
/// # Errors
/// Another process holds the store, or nothing at all can be read.
pub fn repair(options: &DiskOptions) -> Result<Repair, CareError> {
    let data = &options.data;
    let Some(back_end) = BackEnd::of(data) else {
        return Err(CareError::Hopeless { path: data.clone(), why: "there is no store here".into() });
    };
    let (why, loss) = match DiskStore::open(options) {
        Ok(store) => {
            let store: Arc<dyn Store> = Arc::new(store);
            let checked = check::check(&store, &Blobs::new(data));
            store.close()?;
            match checked {
                Ok(checked) if checked.problems.is_empty() => return Ok(Repair::Sound(checked)),
                Ok(checked) => told(&checked.problems),
                Err(error) => (vec![error.to_string()], true),
            }
        }
        Err(StoreError::Damaged { what, .. }) => (vec![what], true),
        Err(error) => return Err(error.into()),
    };
    let _lock = DataLock::take(data, None, options.lock_wait)?;
    let work = Work { back_end, data, salvage: data.join("salvage.tmp"), new: data.join("repair.tmp") };
    work.clear();
    let repaired = work.run(options, why, loss);
    work.clear();
    repaired.map(|repaired| Repair::Repaired(Box::new(repaired)))
}

fn told(problems: &[Problem]) -> (Vec<String>, bool) {
    let why = problems.iter().map(|problem| problem.what.clone()).collect();
    (why, problems.iter().any(|problem| problem.loss))
}

struct Work<'a> {
    back_end: BackEnd,
    data: &'a Path,
    /// A copy to be read, which reading may change.
    salvage: PathBuf,
    /// The new store.
    new: PathBuf,
}

/// What sled can make anew: its snapshot of the log, then its settings too.
const WITHOUT: [(Option<&str>, &[&str]); 3] =
    [(None, &[]), (Some("snap.*"), &["snap."]), (Some("snap.* and conf"), &["snap.", "conf"])];

impl Work<'_> {
    fn clear(&self) {
        for folder in [&self.salvage, &self.new] {
            // Not there, most of the time.
            let _ = std::fs::remove_dir_all(folder);
        }
    }

    fn run(&self, options: &DiskOptions, why: Vec<String>, loss: bool) -> Result<Repaired, CareError> {
        let (from, without) = self.open(options)?;
        let mut builder = Builder::open(&DiskOptions {
            data: self.new.clone(),
            back_end: Some(self.back_end),
            socket: None,
            ..options.clone()
        })?;
        let (mut lost, mut events) = (Vec::new(), 0);
        let scan = |range, limit| from.scan(range, limit);
        walk::walk(&scan, &mut |found| match found {
            Found::Row((key, value)) => builder.put(key.clone(), value.clone()),
            Found::Event { row: (key, value), .. } => {
                events += 1;
                builder.put(key.clone(), value.clone())
            }
            Found::Lost(more) => {
                lost.push(more);
                Ok(())
            }
        })?;
        drop(from);
        if events == 0 && !lost.is_empty() {
            return Err(self.hopeless("no event of any run can be read"));
        }
        let end = loss.then_some("the store was damaged: what this run did last may be lost");
        let built = builder.finish(&Blobs::new(self.data), &lost, end)?;
        let kept = self.swap()?;
        let put_aside = built.put_aside;
        lost.extend(built.lost);
        Ok(Repaired { why, kept, without, runs: built.runs, events, put_aside, lost })
    }

    /// Opens a copy of the damaged files, leaving out as little as possible.
    fn open(&self, options: &DiskOptions) -> Result<(Salvage, Option<&'static str>), CareError> {
        let path = self.back_end.path(self.data);
        let mut last = None;
        let ways = match self.back_end {
            BackEnd::Sled => WITHOUT.as_slice(),
            BackEnd::Redb => WITHOUT.get(..1).unwrap_or_default(),
        };
        for (without, left_out) in ways {
            let copied = match std::fs::remove_dir_all(&self.salvage) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                Ok(()) | Err(_) => copy(&path, &self.back_end.path(&self.salvage), left_out),
            };
            copied.map_err(|error| CareError::io("copy", &path, &error))?;
            match disk::salvage(options, self.back_end, &self.salvage) {
                Ok(from) => return Ok((from, *without)),
                Err(error) => last = Some(error),
            }
        }
        let why = last.map_or_else(|| "it cannot be opened".to_owned(), |error| error.to_string());
        Err(self.hopeless(&why))
    }

    fn hopeless(&self, why: &str) -> CareError {
        let why = format!(
            "nothing could be saved ({why}); restore a backup: `aos store import FILE --store NEW_FOLDER`"
        );
        CareError::Hopeless { path: self.back_end.path(self.data), why }
    }

    /// Puts the new store in the place of the damaged one.
    fn swap(&self) -> Result<PathBuf, CareError> {
        let path = self.back_end.path(self.data);
        let stamp = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        let mut kept = path.with_extension(format!("damaged-{stamp}"));
        for more in 2..1000 {
            if !kept.exists() {
                break;
            }
            kept = path.with_extension(format!("damaged-{stamp}-{more}"));
        }
        let moved = || {
            // Stopped between the two, the old mark keeps an empty store from being taken for this one.
            std::fs::rename(&path, &kept)?;
            std::fs::rename(self.back_end.path(&self.new), &path)?;
            std::fs::rename(HighWater::path(&self.new), HighWater::path(self.data))?;
            sync_dir(self.data)
        };
        moved().map_err(|error| CareError::io("replace", &path, &error))?;
        Ok(kept)
    }
}

/// Copies a file, or a folder without files whose names begin so.
fn copy(from: &Path, to: &Path, without: &[&str]) -> std::io::Result<()> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    if from.is_file() {
        return std::fs::copy(from, to).map(drop);
    }
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if !without.iter().any(|begin| name.to_string_lossy().starts_with(begin)) {
            copy(&entry.path(), &to.join(&name), without)?;
        }
    }
    Ok(())
}
