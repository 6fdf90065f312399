//! What the server holds: open documents, the checked project of each, what has been told of them.

use super::convert;
use super::lines::Lines;
use super::loader::{Overlay, Remembering};
use super::standard;
use crate::check::Analysis;
use crate::ide::{self, Name};
use crate::project::{Asking, Project};
use crate::source::{DiskLoader, Loader as _, SourceId};
use lsp_types::{Diagnostic, PublishDiagnosticsParams, TextDocumentContentChangeEvent, Url};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An open document.
#[derive(Debug)]
pub(super) struct Doc {
    /// As the client spells it.
    pub(super) uri: Url,
    pub(super) text: String,
    pub(super) lines: Lines,
    pub(super) version: i32,
}

impl Doc {
    fn new(uri: Url, text: String, version: i32) -> Doc {
        Doc { uri, lines: Lines::of(&text), text, version }
    }
}

/// A text with its lines, for places in it.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) text: Arc<str>,
    pub(super) lines: Lines,
}

impl Text {
    pub(super) fn new(text: Arc<str>) -> Text {
        Text { lines: Lines::of(&text), text }
    }
}

/// The checked project of an open document.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) project: Project,
    /// What it read, looked for and listed.
    touched: HashSet<PathBuf>,
    names: OnceCell<Vec<Name>>,
    /// By file.
    told: BTreeMap<PathBuf, Vec<Diagnostic>>,
}

impl Checked {
    /// The names of the document itself.
    pub(super) fn names(&self) -> &[Name] {
        self.names.get_or_init(|| ide::names(&self.project, 0))
    }

    /// The path of a source of the project.
    pub(super) fn path(&self, source: SourceId) -> Option<PathBuf> {
        path_of(&self.project, source)
    }
}

/// The path of a source of a project; of a standard file, where it was written.
pub(super) fn path_of(project: &Project, source: SourceId) -> Option<PathBuf> {
    if crate::catalog::is_stdlib(source) {
        let text = ide::text_of(project, source);
        return standard::file(crate::catalog::STDLIB.iter().find(|f| f.text == text)?);
    }
    if let Some(file) = project.files.iter().find(|f| f.source == source) {
        return Some(file.path.clone());
    }
    project.config_path.clone()
}

/// What the client can do.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Client {
    pub(super) snippets: bool,
    pub(super) markdown: bool,
    pub(super) nested_symbols: bool,
    pub(super) watches: bool,
    pub(super) related: bool,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// By canonical path.
    pub(super) docs: BTreeMap<PathBuf, Doc>,
    checked: BTreeMap<PathBuf, Checked>,
    parses: Remembering,
    /// Documents whose project must be made again, the last edited one first.
    dirty: Vec<PathBuf>,
    /// What was told last, by file.
    told: BTreeMap<PathBuf, Vec<Diagnostic>>,
    /// Notifications to be sent.
    pub(super) outbox: Vec<PublishDiagnosticsParams>,
    pub(super) roots: Vec<PathBuf>,
    pub(super) client: Client,
    /// What is not needed any more; taking it apart can wait until nobody does.
    old: Vec<Analysis>,
}

/// The path that stands for a document; one that is no file has a path that no file has.
pub(super) fn path(uri: &Url) -> PathBuf {
    match uri.to_file_path() {
        Ok(path) => DiskLoader.canonical(&path),
        Err(()) => PathBuf::from(uri.as_str()),
    }
}

/// Whether a document is a plan, by its name.
fn is_plan(path: &Path) -> bool {
    path.extension().is_none_or(|e| e != "toml")
}

impl State {
    pub(super) fn open(&mut self, uri: Url, text: String, version: i32) {
        let path = path(&uri);
        self.docs.insert(path.clone(), Doc::new(uri, text, version));
        self.changed(&path);
        if is_plan(&path) {
            self.soil(path);
        }
    }

    pub(super) fn change(&mut self, uri: &Url, version: i32, changes: Vec<TextDocumentContentChangeEvent>) {
        let path = path(uri);
        let Some(doc) = self.docs.get_mut(&path) else { return };
        doc.version = version;
        for change in changes {
            match change.range {
                Some(range) => {
                    let a = doc.lines.offset(&doc.text, range.start) as usize;
                    let b = doc.lines.offset(&doc.text, range.end) as usize;
                    let (start, end) = (a.min(b), a.max(b));
                    doc.text.replace_range(start..end, &change.text);
                }
                None => doc.text = change.text,
            }
            doc.lines = Lines::of(&doc.text);
        }
        self.changed(&path);
    }

    pub(super) fn close(&mut self, uri: &Url) {
        let path = path(uri);
        let Some(doc) = self.docs.remove(&path) else { return };
        self.checked.remove(&path);
        // What was told of it is taken back under the name that the client knows.
        self.told.remove(&path);
        self.outbox.push(PublishDiagnosticsParams { uri: doc.uri, diagnostics: Vec::new(), version: None });
        self.dirty.retain(|p| *p != path);
        self.changed(&path);
        let used: BTreeSet<PathBuf> = self
            .checked
            .values()
            .flat_map(|c| c.touched.iter().cloned())
            .chain(self.docs.keys().cloned())
            .collect();
        self.parses.keep(&|p| used.contains(p));
        self.tell_others();
    }

    /// The file at `path` is not what it was: every project that read it must be made again.
    pub(super) fn changed(&mut self, path: &Path) {
        let folder = path.parent();
        let reads = |c: &Checked| c.touched.contains(path) || folder.is_some_and(|f| c.touched.contains(f));
        let all: Vec<PathBuf> =
            self.checked.iter().filter(|(p, c)| reads(c) && *p != path).map(|(p, _)| p.clone()).collect();
        all.into_iter().for_each(|p| self.soil(p));
        if self.docs.contains_key(path) && is_plan(path) {
            self.soil(path.to_path_buf());
        }
    }

    /// Everything may have changed.
    pub(super) fn all_changed(&mut self) {
        let all: Vec<PathBuf> = self.docs.keys().filter(|p| is_plan(p)).cloned().collect();
        all.into_iter().for_each(|p| self.soil(p));
    }

    fn soil(&mut self, path: PathBuf) {
        self.dirty.retain(|p| *p != path);
        self.dirty.push(path);
    }

    /// Makes one project again; false where none is dirty.
    pub(super) fn work(&mut self) -> bool {
        match self.dirty.last().cloned() {
            Some(path) => self.check(&path),
            None if self.old.is_empty() => return false,
            None => self.old.clear(),
        }
        true
    }

    /// Forgets everything that was computed; after a panic nobody knows how far it came.
    pub(super) fn forget(&mut self) {
        self.parses.clear();
        self.checked.clear();
        self.all_changed();
    }

    /// The project of an open document, made again where it must.
    pub(super) fn project(&mut self, uri: &Url) -> Option<&Checked> {
        let path = path(uri);
        if !is_plan(&path) {
            return None;
        }
        if self.dirty.contains(&path) || !self.checked.contains_key(&path) {
            self.check(&path);
        }
        self.checked.get(&path)
    }

    /// The document and its project as they are, if it is open.
    pub(super) fn both_now(&self, uri: &Url) -> Option<(&Doc, &Checked)> {
        let path = path(uri);
        Some((self.docs.get(&path)?, self.checked.get(&path)?))
    }

    /// A project of any file, kept by nobody.
    pub(super) fn alone(&self, path: &Path, text: &str) -> Project {
        Project::load_text(path, text, &Overlay::new(&self.docs))
    }

    /// The project of an open document once more, for what takes it apart.
    pub(super) fn afresh(&self, uri: &Url) -> Option<Project> {
        let path = path(uri);
        Some(self.alone(&path, &self.docs.get(&path)?.text))
    }

    fn check(&mut self, path: &Path) {
        self.dirty.retain(|p| p != path);
        // The old one first, so that its tree is nobody else's when it is brought up to date. Many keys at once leave only one.
        if let Some(old) = self.checked.remove(path) {
            self.old.clear();
            self.old.push(old.project.analysis);
        }
        let Some(doc) = self.docs.get(path) else { return };
        let (text, version, uri) = (doc.text.as_str(), doc.version, doc.uri.clone());
        let loader = Overlay::new(&self.docs);
        let project = Project::load_text_with(path, text, &loader, &Asking::default(), &mut self.parses);
        let touched = loader.touched.into_inner();
        let mut checked = Checked { project, touched, names: OnceCell::new(), told: BTreeMap::new() };
        if !standard::holds(path) {
            checked.told = convert::diagnostics(self, &checked);
        }
        let own = checked.told.get(path).cloned().unwrap_or_default();
        self.checked.insert(path.to_path_buf(), checked);
        self.told.insert(path.to_path_buf(), own.clone());
        self.outbox.push(PublishDiagnosticsParams { uri, diagnostics: own, version: Some(version) });
        self.tell_others();
    }

    /// Tells what is known of files that are not open, and takes back what is not so any more.
    fn tell_others(&mut self) {
        let mut now: BTreeMap<PathBuf, Vec<Diagnostic>> = BTreeMap::new();
        for (entry, checked) in &self.checked {
            for (path, list) in &checked.told {
                let open = self.docs.contains_key(path) && is_plan(path);
                if path == entry || open {
                    continue;
                }
                let all = now.entry(path.clone()).or_default();
                all.extend(list.iter().filter(|d| !all.contains(d)).cloned().collect::<Vec<_>>());
            }
        }
        let before: Vec<PathBuf> = self.told.keys().cloned().collect();
        for path in before {
            let open = self.docs.contains_key(&path) && is_plan(&path);
            if !open && !now.contains_key(&path) {
                self.told.remove(&path);
                self.publish(&path, Vec::new());
            }
        }
        for (path, list) in now {
            if self.told.get(&path) != Some(&list) {
                self.told.insert(path.clone(), list.clone());
                self.publish(&path, list);
            }
        }
    }

    fn publish(&mut self, path: &Path, diagnostics: Vec<Diagnostic>) {
        if let Some(uri) = self.uri(path) {
            self.outbox.push(PublishDiagnosticsParams { uri, diagnostics, version: None });
        }
    }

    /// The URI of a file, as the client spells it where it is open.
    pub(super) fn uri(&self, path: &Path) -> Option<Url> {
        match self.docs.get(path) {
            Some(doc) => Some(doc.uri.clone()),
            None => Url::from_file_path(path).ok(),
        }
    }
}
