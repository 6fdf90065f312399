//! A store in memory, for tests and for runs that need not survive: the same contract, nothing on disk.

use super::{BoxFuture, CommitNo, Entry, KeyRange, Op, Pre, Store, StoreError, StoreStats};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A [`Store`] in memory. "Durable" means here: as long as the value lives.
#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Clone, Default)]
struct State {
    map: BTreeMap<Vec<u8>, Vec<u8>>,
    last: u64,
    stats: StoreStats,
    closed: bool,
    /// Commits left before the store poisons itself.
    fuse: Option<u64>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// An independent, open store with the present content: what a crash at this moment would leave behind.
    pub fn fork(&self) -> Self {
        let mut state = self.lock().clone();
        state.closed = false;
        state.fuse = None;
        state.stats = StoreStats::default();
        Self { state: Mutex::new(state) }
    }

    /// Lets `commits` more commits succeed, then answers every commit with [`StoreError::Poisoned`].
    pub fn fail_after(&self, commits: u64) {
        self.lock().fuse = Some(commits);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code under the lock can leave the state half changed, so a panic elsewhere does not matter.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn commit(&mut self, pre: &[Pre], ops: Vec<Op>) -> Result<CommitNo, StoreError> {
        if self.closed {
            return Err(StoreError::Closed);
        }
        match &mut self.fuse {
            Some(0) => return Err(StoreError::Poisoned { why: "the test asked for it".into() }),
            Some(left) => *left -= 1,
            None => {}
        }
        if let Some(pre) = pre.iter().position(|pre| !pre.holds(self.map.get(pre.key()).map(Vec::as_slice))) {
            return Err(StoreError::Conflict { pre });
        }
        for op in ops {
            self.stats.bytes += op.size() as u64;
            match op {
                Op::Put(key, value) => self.map.insert(key, value),
                Op::Del(key) => self.map.remove(&key),
            };
        }
        self.last += 1;
        self.stats.commits += 1;
        self.stats.groups += 1;
        self.stats.syncs += 1;
        Ok(CommitNo(self.last))
    }
}

impl Store for MemoryStore {
    fn commit(&self, pre: Vec<Pre>, ops: Vec<Op>) -> BoxFuture<'_, Result<CommitNo, StoreError>> {
        Box::pin(async move { self.lock().commit(&pre, ops) })
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.lock().map.get(key).cloned())
    }

    fn scan(&self, range: KeyRange, rev: bool, limit: usize) -> Result<Vec<Entry>, StoreError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let state = self.lock();
        let found = state.map.range((range.start, range.end));
        let owned = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
        Ok(if rev {
            found.rev().take(limit).map(owned).collect()
        } else {
            found.take(limit).map(owned).collect()
        })
    }

    fn synced(&self) -> CommitNo {
        CommitNo(self.lock().last)
    }

    fn stats(&self) -> StoreStats {
        self.lock().stats
    }

    fn close(&self) -> Result<(), StoreError> {
        self.lock().closed = true;
        Ok(())
    }
}
