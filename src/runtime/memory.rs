//! What is remembered between runs, and what of it a planner is shown.
//!
//! Three kinds of [`Item`]: every **run** that has ended (read from the lists of runs, nothing is stored twice), **results** of steps
//! that somebody marked worth keeping, and **notes** (`memory.save`, `aos memory save`). [`Memory::search`] finds them by their words.
//! [`context()`] picks what is near to a goal and writes it down within a number of tokens, with a [`Manifest`] of what was
//! shown and why.
//!
//! Every item has a [`Label`]. What a plan saved, and what a skill gave, is untrusted until a person vouches for it. Such text
//! enters no context; a line says that the item is there, with its id, its date and the step it is from. Which items are chosen,
//! in what order and how much of each is shown hangs on trusted words alone, so a context does not change with what an
//! attacker wrote, not even in its order: there are two indexes, one over the words that may be shown and one over all. Who wants
//! the text all the same ([`Untrusted::Shown`]) gets a manifest that is untrusted, and must check the plan as such.

mod ask;
mod context;
mod index;
mod item;
mod note;
mod words;

pub use ask::{Ask, Told};
pub use context::{ContextItem, Manifest, Shown, Untrusted, context, tokens};
pub use index::Parts;
pub use item::{Item, Kind};
pub use note::{
    Content, MOST_BYTES, MOST_NOTES, MOST_TAG_BYTES, MOST_TAGS, Note, Origin, read_note, write_note,
};

#[cfg(feature = "planner")]
pub(crate) use words::words;

use super::care::wait;
use super::journal::{self, JournalError, RunRow};
use super::store::codec::CodecError;
use super::store::journal::Journal;
use super::store::keys::{self, Key, KeyName};
use super::store::{KeyRange, Op, Pre, Store, StoreError};
use index::Index;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use uuid::Uuid;

/// How many rows are read at a time.
const PAGE: usize = 512;
/// The latest so many runs are found by their words.
const MOST_RUNS: usize = 200_000;

/// Who wrote a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// A person, or a plan that no untrusted text had a hand in.
    Trusted,
    Untrusted,
}

/// Why something cannot be remembered or found.
#[derive(Clone, Debug, thiserror::Error)]
pub enum MemoryError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the memory {id} cannot be read: {why}")]
    Codec { id: Uuid, why: CodecError },
    #[error("a note needs a text")]
    Empty,
    #[error("it has {size} bytes; a memory has {most} at most: keep the part that matters")]
    TooLarge { size: usize, most: usize },
    #[error("the tags cannot be kept: {0}")]
    Tags(String),
    #[error("there are {MOST_NOTES} notes and results already; `aos memory forget` makes room")]
    Full,
    #[error("no memory has an id that begins with `{0}`; `aos memory list` lists them")]
    Unknown(String),
    #[error("several memories begin with `{0}`; give more of the id")]
    Ambiguous(String),
    #[error("{0} is a run: what is remembered of runs is the list of runs itself, and goes with the store")]
    IsRun(Uuid),
    /// What was asked for cannot be done, in words.
    #[error("{0}")]
    Refused(String),
}

/// A memory that was found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Found {
    pub item: Item,
    pub score: f64,
    /// The words of the query that it has, as far as they are compared: lower case, without endings.
    pub words: Vec<String>,
    /// So many that say the same are left out.
    pub like: u32,
}

/// The memories of one tenant in one store. All functions block on the store, and the first search reads all of it.
#[derive(Clone)]
pub struct Memory(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    tenant: KeyName,
    parts: Parts,
    indexes: Mutex<Option<Indexes>>,
    /// How many notes there are; counted once.
    notes: OnceLock<Mutex<usize>>,
}

struct Indexes {
    /// Over words that may be shown to a planner.
    open: Index,
    /// Over all words.
    all: Index,
}

impl Indexes {
    fn put(&mut self, item: &Item) {
        self.open.put(item.about(), &item.open_words());
        self.all.put(item.about(), &item.all_words());
    }

    fn remove(&mut self, id: Uuid) {
        self.open.remove(id);
        self.all.remove(id);
    }
}

impl Memory {
    /// The memories of a tenant. Nothing is read yet.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, tenant: KeyName) -> Self {
        Self::ranked_by(store, tenant, Parts::ALL)
    }

    /// The same with parts of the ranking switched off, to measure what each is worth.
    #[must_use]
    pub fn ranked_by(store: Arc<dyn Store>, tenant: KeyName, parts: Parts) -> Self {
        let (indexes, notes) = (Mutex::new(None), OnceLock::new());
        Memory(Arc::new(Inner { store, tenant, parts, indexes, notes }))
    }

    fn store(&self) -> &dyn Store {
        &*self.0.store
    }

    fn key(&self, id: Uuid) -> Vec<u8> {
        Key::Memory { tenant: self.0.tenant.clone(), id }.encode()
    }

    // Writing

    /// Keeps a note or a result. One that is there already under its id stays; a person's word for it is added.
    ///
    /// # Errors
    /// It is too large, there are too many, or the store cannot be written.
    pub fn keep(&self, note: &Note) -> Result<Note, MemoryError> {
        note.check()?;
        let known = self.note(note.id)?;
        let new = match &known {
            Some(known) if note.label == Label::Trusted && known.content == note.content => {
                Note { label: Label::Trusted, ..known.clone() }
            }
            Some(known) => return Ok(known.clone()),
            None => note.clone(),
        };
        if known.is_none() {
            self.count(|notes| if notes >= MOST_NOTES { Err(MemoryError::Full) } else { Ok(notes + 1) })?;
        }
        let written = self.write(&new, known.as_ref());
        if known.is_none() && written.is_err() {
            self.count(|notes| Ok(notes.saturating_sub(1)))?;
        }
        match written {
            Ok(()) => Ok(new),
            // Another has just kept it.
            Err(MemoryError::Store(StoreError::Conflict { .. })) => self.a_note(note.id),
            Err(error) => Err(error),
        }
    }

    /// A step's note. It has an id of its own, by the run, the step and `key`: saving it twice keeps one. The id does not hang on the
    /// text.
    ///
    /// # Errors
    /// As [`Memory::keep`].
    pub fn keep_of_step(&self, mut note: Note, key: &Arc<str>) -> Result<Note, MemoryError> {
        let Some(origin) = &mut note.origin else { return self.keep(&note) };
        origin.key = Some(Arc::clone(key));
        let (run, step) = (origin.run, Arc::clone(&origin.step));
        for number in 0_u32.. {
            note.id = derived("note", run, &step, number);
            match self.note(note.id)? {
                Some(known) if known.origin.as_ref().and_then(|o| o.key.as_ref()) != Some(key) => {}
                Some(known) => return Ok(known),
                None => return self.keep(&note),
            }
        }
        Err(MemoryError::Full)
    }

    /// What a note says of the run that it is of, as far as that may be told.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn origin(&self, run: Uuid, step: Arc<str>) -> Result<Origin, MemoryError> {
        let row = self.run(run)?.filter(|row| !row.about.doubted);
        let (plan, goal) = row.map_or((None, None), |row| (Some(row.plan), row.about.goal));
        Ok(Origin { run, step, plan, goal, key: None })
    }

    /// A person vouches for a memory: from now on it is trusted.
    ///
    /// # Errors
    /// There is none, or it is a run.
    pub fn trust(&self, id: Uuid) -> Result<Note, MemoryError> {
        let known = self.a_note(id)?;
        let new = Note { label: Label::Trusted, ..known.clone() };
        self.write(&new, Some(&known))?;
        Ok(new)
    }

    /// Removes a note or a kept result.
    ///
    /// # Errors
    /// There is none, or it is a run.
    pub fn forget(&self, id: Uuid) -> Result<Note, MemoryError> {
        let known = self.a_note(id)?;
        self.count(|notes| Ok(notes.saturating_sub(1)))?;
        wait(self.store().commit(Vec::new(), vec![Op::Del(self.key(id))]))?;
        if let Some(indexes) = &mut *self.indexes() {
            indexes.remove(id);
        }
        Ok(known)
    }

    fn write(&self, new: &Note, old: Option<&Note>) -> Result<(), MemoryError> {
        let bytes = |note: &Note| write_note(note).map_err(|why| MemoryError::Codec { id: note.id, why });
        let key = self.key(new.id);
        let pre = match old {
            None => Pre::Absent(key.clone()),
            Some(old) => Pre::Equals(key.clone(), bytes(old)?),
        };
        wait(self.store().commit(vec![pre], vec![Op::Put(key, bytes(new)?)]))?;
        if let Some(indexes) = &mut *self.indexes() {
            indexes.put(&Item::Note(Box::new(new.clone())));
        }
        Ok(())
    }

    /// A run has ended: it can be found from now on, also where the indexes were made before.
    pub fn saw(&self, row: RunRow) {
        if let Some(indexes) = &mut *self.indexes() {
            indexes.put(&Item::Run(Box::new(row)));
        }
    }

    /// Whether [`Memory::saw`] has anything to do.
    #[must_use]
    pub fn looks(&self) -> bool {
        // Where it is locked it is being made just now.
        self.0.indexes.try_lock().map_or(true, |indexes| indexes.is_some())
    }

    // Reading

    /// One memory.
    ///
    /// # Errors
    /// There is none, or the store cannot be read.
    pub fn get(&self, id: Uuid) -> Result<Item, MemoryError> {
        self.item(id)?.ok_or_else(|| MemoryError::Unknown(id.to_string()))
    }

    fn item(&self, id: Uuid) -> Result<Option<Item>, MemoryError> {
        if let Some(note) = self.note(id)? {
            return Ok(Some(Item::Note(Box::new(note))));
        }
        Ok(self.run(id)?.filter(|row| row.status.is_ended()).map(|row| Item::Run(Box::new(row))))
    }

    /// The memory whose id begins so.
    ///
    /// # Errors
    /// There is none, or several.
    pub fn find(&self, prefix: &str) -> Result<Item, MemoryError> {
        if let Ok(id) = prefix.parse::<Uuid>() {
            return self.get(id);
        }
        let wanted = prefix.trim().to_lowercase();
        let fits = |item: &Item| {
            let id = item.id().to_string();
            !wanted.is_empty() && (id.starts_with(&wanted) || id.ends_with(&wanted))
        };
        let (mut found, mut several) = (None, false);
        self.each(&mut |item| {
            if fits(&item) {
                several |= found.replace(item).is_some();
            }
        })?;
        match found {
            Some(_) if several => Err(MemoryError::Ambiguous(prefix.to_owned())),
            Some(item) => Ok(item),
            None => Err(MemoryError::Unknown(prefix.to_owned())),
        }
    }

    /// The latest memories first, of some kinds (none: all).
    ///
    /// # Errors
    /// The store cannot be read, or a note is damaged.
    pub fn list(&self, kinds: &[Kind], limit: usize) -> Result<Vec<Item>, MemoryError> {
        let mut latest: Vec<Item> = Vec::new();
        let cut = |items: &mut Vec<Item>| {
            items.sort_by_key(|item| std::cmp::Reverse((item.at(), item.id())));
            items.truncate(limit);
        };
        self.each(&mut |item| {
            if !kinds.is_empty() && !kinds.contains(&item.kind()) {
                return;
            }
            latest.push(item);
            // Never all of them at once.
            if latest.len() > limit.saturating_mul(2).saturating_add(PAGE) {
                cut(&mut latest);
            }
        })?;
        cut(&mut latest);
        Ok(latest)
    }

    /// The memories nearest to a text, best first. A query that is the id of one gives that one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn search(&self, query: &str, now: jiff::Timestamp, limit: usize) -> Result<Vec<Found>, MemoryError> {
        if let Ok(id) = query.trim().parse::<Uuid>() {
            let item = self.item(id)?;
            return Ok(item
                .map(|item| Found { item, score: 1.0, words: Vec::new(), like: 0 })
                .into_iter()
                .collect());
        }
        self.ranked(query, now, limit, |indexes| &indexes.all)
    }

    fn ranked(
        &self,
        query: &str,
        now: jiff::Timestamp,
        limit: usize,
        of: impl FnOnce(&Indexes) -> &Index,
    ) -> Result<Vec<Found>, MemoryError> {
        let hits = {
            let mut indexes = self.indexes();
            let indexes = match &mut *indexes {
                Some(indexes) => indexes,
                none => none.insert(self.made()?),
            };
            of(indexes).search(query, now, limit)
        };
        let mut found = Vec::with_capacity(hits.len());
        for hit in hits {
            // What went meanwhile is not found.
            let Some(item) = self.item(hit.id)? else { continue };
            found.push(Found { item, score: hit.score, words: hit.words, like: hit.like });
        }
        Ok(found)
    }

    fn indexes(&self) -> MutexGuard<'_, Option<Indexes>> {
        self.0.indexes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Both indexes, from all that the store has.
    fn made(&self) -> Result<Indexes, MemoryError> {
        let mut indexes = Indexes { open: Index::new(self.0.parts), all: Index::new(self.0.parts) };
        self.each(&mut |item| indexes.put(&item))?;
        Ok(indexes)
    }

    /// Every note, and the latest runs that have ended. What is damaged is passed over; `aos store check` tells of it.
    fn each(&self, found: &mut dyn FnMut(Item)) -> Result<(), MemoryError> {
        self.pages(keys::memories(&self.0.tenant), MOST_NOTES, &mut |bytes| match read_note(bytes) {
            Ok(note) => found(Item::Note(Box::new(note))),
            Err(error) => tracing::warn!(%error, "a memory cannot be read"),
        })?;
        self.pages(keys::runs(&self.0.tenant), MOST_RUNS, &mut |bytes| match journal::decode_row(bytes) {
            Ok(row) if row.status.is_ended() => found(Item::Run(Box::new(row))),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the row of a run cannot be read"),
        })
    }

    /// The values of a range, the last first.
    fn pages(
        &self,
        mut range: KeyRange,
        most: usize,
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<(), MemoryError> {
        let mut read = 0;
        while read < most {
            let page = self.store().scan(range.clone(), true, PAGE)?;
            read += page.len();
            page.iter().for_each(|(_, value)| each(value));
            match page.last() {
                Some((key, _)) if page.len() == PAGE => range = range.before(key.as_slice()),
                Some(_) | None => break,
            }
        }
        Ok(())
    }

    fn note(&self, id: Uuid) -> Result<Option<Note>, MemoryError> {
        let bytes = self.store().get(&self.key(id))?;
        bytes.map(|bytes| read_note(&bytes).map_err(|why| MemoryError::Codec { id, why })).transpose()
    }

    fn a_note(&self, id: Uuid) -> Result<Note, MemoryError> {
        match self.note(id)? {
            Some(note) => Ok(note),
            None if self.run(id)?.is_some() => Err(MemoryError::IsRun(id)),
            None => Err(MemoryError::Unknown(id.to_string())),
        }
    }

    fn run(&self, run: Uuid) -> Result<Option<RunRow>, MemoryError> {
        Ok(journal::row(&Journal::new(Arc::clone(&self.0.store)), &self.0.tenant, run)?)
    }

    /// Changes the number of notes; it is counted in the store first, once.
    fn count(&self, change: impl FnOnce(usize) -> Result<usize, MemoryError>) -> Result<(), MemoryError> {
        if self.0.notes.get().is_none() {
            let mut count = 0;
            self.pages(keys::memories(&self.0.tenant), MOST_NOTES, &mut |_| count += 1)?;
            let _ = self.0.notes.set(Mutex::new(count));
        }
        let Some(notes) = self.0.notes.get() else { return Ok(()) };
        let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
        *notes = change(*notes)?;
        Ok(())
    }
}

/// The id of what a step gave: always the same for the same step.
pub(super) fn derived(what: &str, run: Uuid, step: &str, number: u32) -> Uuid {
    let mut hash = Sha256::new();
    for part in [what.as_bytes(), run.as_bytes(), step.as_bytes(), &number.to_be_bytes()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash: [u8; 32] = hash.finalize().into();
    let mut id = [0; 16];
    id.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    // Version 8, the one for ids that are made in a way of one's own.
    uuid::Builder::from_custom_bytes(id).into_uuid()
}
