//! Where texts come from: open documents first, then the disk; and the parser that remembers what it read.

use crate::project::Parser;
use crate::source::{DiskLoader, LoadError, Loader, SourceId};
use crate::syntax::{self, Parse};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reads open documents first, and notes what was asked for.
pub(super) struct Overlay<'d> {
    pub(super) docs: &'d BTreeMap<PathBuf, super::state::Doc>,
    /// Files that were read or looked for, folders that were listed.
    pub(super) touched: RefCell<HashSet<PathBuf>>,
}

impl<'d> Overlay<'d> {
    pub(super) fn new(docs: &'d BTreeMap<PathBuf, super::state::Doc>) -> Self {
        Overlay { docs, touched: RefCell::default() }
    }

    fn touch(&self, path: &Path) {
        self.touched.borrow_mut().insert(path.to_path_buf());
    }
}

impl Loader for Overlay<'_> {
    fn read(&self, path: &Path) -> Result<String, LoadError> {
        self.touch(path);
        match self.docs.get(path) {
            Some(doc) => Ok(doc.text.clone()),
            None => DiskLoader.read(path),
        }
    }

    fn exists(&self, path: &Path) -> bool {
        self.touch(path);
        self.docs.contains_key(path) || DiskLoader.exists(path)
    }

    fn list(&self, dir: &Path) -> Result<Vec<PathBuf>, LoadError> {
        self.touch(dir);
        let on_disk = DiskLoader.list(dir);
        let open = self.docs.keys().filter(|p| p.parent() == Some(dir)).cloned();
        let mut files: Vec<PathBuf> = open.collect();
        match on_disk {
            Ok(list) => files.extend(list),
            Err(error) if files.is_empty() => return Err(error),
            Err(_) => {}
        }
        files.sort();
        files.dedup();
        Ok(files)
    }

    fn canonical(&self, path: &Path) -> PathBuf {
        if self.docs.contains_key(path) { path.to_path_buf() } else { DiskLoader.canonical(path) }
    }
}

/// More files are not remembered; the oldest are forgotten first.
const MAX: usize = 512;

/// Keeps the parse of each file, and reads only what changed.
#[derive(Debug, Default)]
pub(super) struct Remembering {
    known: HashMap<(PathBuf, SourceId), Known>,
    /// Counts up, to tell old from new.
    clock: u64,
}

#[derive(Debug)]
struct Known {
    text: Arc<str>,
    parse: Arc<Parse>,
    used: u64,
}

impl Remembering {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.known.clear();
    }

    /// Forgets the files that are neither open nor used by an open one.
    pub(super) fn keep(&mut self, used: &dyn Fn(&Path) -> bool) {
        self.known.retain(|(path, _), _| used(path));
    }
}

impl Parser for Remembering {
    fn parse(&mut self, path: &Path, source: SourceId, text: &str) -> Arc<Parse> {
        self.clock += 1;
        let key = (path.to_path_buf(), source);
        if let Some(known) = self.known.get_mut(&key) {
            known.used = self.clock;
            if *known.text == *text {
                return known.parse.clone();
            }
            if syntax::again(Arc::make_mut(&mut known.parse), source, &known.text, text) {
                known.text = text.into();
                return known.parse.clone();
            }
        }
        let parse = Arc::new(syntax::parse(source, text));
        if self.known.len() >= MAX
            && let Some(oldest) = self.known.iter().min_by_key(|(_, k)| k.used).map(|(k, _)| k.clone())
        {
            self.known.remove(&oldest);
        }
        self.known.insert(key, Known { text: text.into(), parse: parse.clone(), used: self.clock });
        parse
    }
}
