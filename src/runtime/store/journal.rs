//! The journal of a run: its events in order. What is appended together lies in one row (or a few), each chained to the one before.
//!
//! Events and the projections they change are one commit. Reading checks every row's checksum, number and chain, and
//! says which event of which run is wrong, or the first of its row.

use super::codec::{self, CodecError, Link};
use super::keys::{self, Key};
use super::{CommitNo, Entry, KeyRange, Op, Pre, Store, StoreError};
use crate::runtime::blobs::Blobs;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cmp::Ordering;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// The version of the event type that is written; older ones are lifted by `#[serde(default)]`.
pub const EVENT_SCHEMA: u16 = 1;
/// How many rows are read at a time.
const PAGE: usize = 64;

/// Why a journal could not be written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row is not what was written, or not readable by this program.
    #[error("event {seq} of run {run}: {why}")]
    Event {
        /// Whose journal.
        run: Uuid,
        /// Which event, from 0.
        seq: u64,
        /// What is wrong.
        why: CodecError,
    },
    /// The events do not continue the journal: another process wrote it, or the caller miscounted.
    #[error("run {run} has no event {} to continue from, so event {from} cannot be appended", from.saturating_sub(1))]
    Gap {
        /// Whose journal.
        run: Uuid,
        /// The number that was to be the first new one.
        from: u64,
    },
}

/// The journals of all runs in a store.
#[derive(Clone)]
pub struct Journal {
    store: Arc<dyn Store>,
    /// Where the journals stand that were appended to: saves a read each time.
    links: Arc<Mutex<HashMap<Uuid, Link>>>,
    blobs: Option<Blobs>,
}

impl Journal {
    /// The journals of a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, links: Arc::default(), blobs: None }
    }

    /// With a place beside it for large results.
    #[must_use]
    pub fn with_blobs(mut self, blobs: Blobs) -> Self {
        self.blobs = Some(blobs);
        self
    }

    /// The place for large results, where there is one.
    pub fn blobs(&self) -> Option<&Blobs> {
        self.blobs.as_ref()
    }

    /// The store below.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Appends events, the first of them with the number `from`, in one commit together with `ops`; resolves when durable.
    /// Await it before the next append to the same run; appends of other runs share its sync.
    ///
    /// # Errors
    /// [`JournalError::Gap`] if the journal ends before `from`; [`StoreError::Conflict`] if it already has an event `from`
    /// (precondition 0) or one of `pre` (counted from 1) fails. Then nothing is written.
    pub async fn append<E: Serialize>(
        &self,
        run: Uuid,
        from: u64,
        events: &[E],
        pre: Vec<Pre>,
        mut ops: Vec<Op>,
    ) -> Result<CommitNo, JournalError> {
        let link = self.link(run, from)?;
        let mut checks = Vec::with_capacity(pre.len() + 1);
        checks.push(Pre::Absent(Key::Event { run, seq: from }.encode()));
        checks.extend(pre);
        let (rows, link) = codec::encode_events(link, EVENT_SCHEMA, events)
            .map_err(|why| JournalError::Event { run, seq: from, why })?;
        ops.extend(rows.into_iter().map(|(seq, row)| Op::Put(Key::Event { run, seq }.encode(), row)));
        let commit = self.store.commit(checks, ops).await;
        match &commit {
            Ok(_) => self.links().insert(run, link),
            Err(_) => self.links().remove(&run),
        };
        Ok(commit?)
    }

    /// Frees what is remembered of a run; called when it ends.
    pub fn forget(&self, run: Uuid) {
        self.links().remove(&run);
    }

    /// The events of a run, in order, read page by page. Blocks on the disk now and then. Ends after the first error.
    pub fn read<E: DeserializeOwned>(&self, run: Uuid) -> Events<E> {
        Events {
            journal: self.clone(),
            run,
            rest: Some(keys::events(run)),
            page: VecDeque::new(),
            opened: VecDeque::new(),
            link: Link::start(run),
        }
    }

    fn links(&self) -> MutexGuard<'_, HashMap<Uuid, Link>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the journal stands before event `from`.
    fn link(&self, run: Uuid, from: u64) -> Result<Link, JournalError> {
        if from == 0 {
            return Ok(Link::start(run));
        }
        if let Some(link) = self.links().get(&run).filter(|link| link.next == from) {
            return Ok(*link);
        }
        let key = |seq| Key::Event { run, seq }.encode();
        let last = self.store.scan(KeyRange::between(key(0), key(from)), true, 1)?;
        let Some((_, row)) = last.first() else { return Err(JournalError::Gap { run, from }) };
        let link = codec::link_after(row).map_err(|why| JournalError::Event {
            run,
            seq: from.saturating_sub(1),
            why,
        })?;
        match link.next.cmp(&from) {
            Ordering::Equal => Ok(link),
            Ordering::Less => Err(JournalError::Gap { run, from }),
            // The last row before it holds it.
            Ordering::Greater => Err(StoreError::Conflict { pre: 0 }.into()),
        }
    }
}

/// The events of a run: an iterator of numbers and events.
pub struct Events<E> {
    journal: Journal,
    run: Uuid,
    /// What is still to be read from the store.
    rest: Option<KeyRange>,
    page: VecDeque<Entry>,
    /// The events of the row that was opened last.
    opened: VecDeque<(u64, E)>,
    link: Link,
}

impl<E: DeserializeOwned> Events<E> {
    fn turn(&mut self) -> Result<(), StoreError> {
        while self.page.is_empty() {
            let Some(range) = self.rest.take() else { return Ok(()) };
            let page = self.journal.store.scan(range.clone(), false, PAGE)?;
            if let (PAGE, Some((key, _))) = (page.len(), page.last()) {
                self.rest = Some(range.after(key.as_slice()));
            }
            self.page = page.into();
        }
        Ok(())
    }

    fn open(&mut self, (key, row): &Entry) -> Result<(), JournalError> {
        let (run, seq) = (self.run, self.link.next);
        let wrong = |why| JournalError::Event { run, seq, why };
        if *key != (Key::Event { run, seq }).encode() {
            return Err(wrong(CodecError::Damaged("it is missing, though later ones are there")));
        }
        let (frame, link) = codec::open_event(self.link, row).map_err(wrong)?;
        let events: Vec<E> = frame.read(EVENT_SCHEMA).map_err(wrong)?;
        if events.len() as u64 != link.next - seq {
            return Err(wrong(CodecError::Damaged("its row has another number of events")));
        }
        self.link = link;
        self.opened = (seq..).zip(events).collect();
        Ok(())
    }
}

impl<E: DeserializeOwned> Iterator for Events<E> {
    type Item = Result<(u64, E), JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(event) = self.opened.pop_front() {
            return Some(Ok(event));
        }
        let opened = match self.turn() {
            Ok(()) => {
                let entry = self.page.pop_front()?;
                self.open(&entry)
            }
            Err(error) => Err(error.into()),
        };
        match opened {
            Ok(()) => self.opened.pop_front().map(Ok),
            Err(error) => {
                self.page.clear();
                self.rest = None;
                Some(Err(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::MemoryStore;
    use super::*;

    fn journal() -> (Arc<MemoryStore>, Journal) {
        let store = Arc::new(MemoryStore::new());
        let journal = Journal::new(Arc::clone(&store) as Arc<dyn Store>);
        (store, journal)
    }

    fn wait<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    fn run() -> Uuid {
        Uuid::from_u128(1)
    }

    fn texts(journal: &Journal, run: Uuid) -> Vec<Result<(u64, String), JournalError>> {
        journal.read(run).collect()
    }

    #[test]
    fn events_come_back_in_order_over_many_pages() {
        let (_, journal) = journal();
        let events: Vec<String> = (0..PAGE * 2).map(|n| n.to_string()).collect();
        for (seq, event) in (0..).zip(&events) {
            wait(journal.append(run(), seq, &[event], vec![], vec![])).unwrap();
        }
        wait(journal.append(Uuid::from_u128(2), 0, &["other"], vec![], vec![])).unwrap();
        // A second handle knows nothing yet: it reads where the journal stands.
        let second = Journal::new(Arc::clone(journal.store()));
        wait(second.append(run(), events.len() as u64, &["last"], vec![], vec![])).unwrap();
        let read: Vec<_> = texts(&journal, run()).into_iter().map(Result::unwrap).collect();
        assert_eq!(read.len(), PAGE * 2 + 1);
        assert!(read.iter().enumerate().all(|(n, (seq, _))| *seq == n as u64));
        assert_eq!(read[PAGE + 3].1, (PAGE + 3).to_string());
        assert_eq!(read[PAGE * 2].1, "last");
        assert!(texts(&journal, Uuid::from_u128(3)).is_empty());
    }

    #[test]
    fn a_second_writer_and_a_gap_are_refused() {
        let (store, journal) = journal();
        wait(journal.append(run(), 0, &["a", "b"], vec![], vec![])).unwrap();
        let other = Journal::new(Arc::clone(journal.store()));
        let put = || vec![Op::Put(b"x".to_vec(), vec![])];
        let again = wait(other.append(run(), 1, &["B"], vec![], put()));
        assert_eq!(again, Err(JournalError::Store(StoreError::Conflict { pre: 0 })));
        let gap = wait(other.append(run(), 3, &["d"], vec![], put()));
        assert_eq!(gap, Err(JournalError::Gap { run: run(), from: 3 }));
        assert_eq!(store.get(b"x").unwrap(), None, "the projection is part of the commit");
        wait(journal.append(run(), 2, &["c"], vec![], put())).unwrap();
        assert_eq!(store.get(b"x").unwrap(), Some(vec![]));
    }

    #[test]
    fn lost_and_changed_rows_are_named() {
        for damage in ["lost", "changed", "swapped"] {
            let (store, journal) = journal();
            for (seq, event) in (0..).zip(["a", "b", "c", "d"]) {
                wait(journal.append(run(), seq, &[event], vec![], vec![])).unwrap();
            }
            let key = |seq| Key::Event { run: run(), seq }.encode();
            let op = match damage {
                "lost" => Op::Del(key(2)),
                "changed" => {
                    let mut row = store.get(&key(2)).unwrap().unwrap();
                    row[17] ^= 1;
                    Op::Put(key(2), row)
                }
                _ => Op::Put(key(2), store.get(&key(1)).unwrap().unwrap()),
            };
            wait(store.commit(vec![], vec![op])).unwrap();
            let read = texts(&journal, run());
            assert_eq!(read.len(), 3, "{damage}: ends after the error");
            assert!(
                matches!(&read[2], Err(JournalError::Event { seq: 2, run: r, .. }) if *r == run()),
                "{damage}: {read:?}"
            );
            assert!(read[2].as_ref().unwrap_err().to_string().starts_with("event 2 of run 00000000-"));
        }
    }
}
