//! The durable store: ordered keys, atomic commits, one trait over several back ends.
//!
//! A [`Store`] keeps one ordered map of byte strings. Every change is a commit: all of its writes or none, and its future
//! resolves only when they would survive a power cut. Preconditions ([`Pre`]) stand in for transactions, so that
//! all back ends behave alike. What the keys mean is said in [`keys`], what the values look like in [`codec`].

pub mod codec;
pub mod disk;
pub mod files;
pub mod journal;
pub mod keys;
pub mod memory;
#[cfg(feature = "redb")]
mod redb;
mod sled;

use std::fmt;
use std::future::Future;
use std::ops::Bound;
use std::path::PathBuf;
use std::pin::Pin;

/// A boxed future that can be sent between threads: what lets [`Store`] be a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// One write of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Sets a key to a value, whatever it was before.
    Put(Vec<u8>, Vec<u8>),
    /// Removes a key; nothing happens where there is none.
    Del(Vec<u8>),
}

impl Op {
    /// How many bytes of keys and values this write carries.
    pub fn size(&self) -> usize {
        match self {
            Self::Put(key, value) => key.len() + value.len(),
            Self::Del(key) => key.len(),
        }
    }
}

/// What must hold just before a commit for it to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pre {
    /// The key has no value.
    Absent(Vec<u8>),
    /// The key has exactly this value.
    Equals(Vec<u8>, Vec<u8>),
}

impl Pre {
    /// The key this is about.
    pub fn key(&self) -> &[u8] {
        match self {
            Self::Absent(key) | Self::Equals(key, _) => key,
        }
    }

    /// Whether it holds, given the present value of its key.
    pub fn holds(&self, present: Option<&[u8]>) -> bool {
        match self {
            Self::Absent(_) => present.is_none(),
            Self::Equals(_, value) => present == Some(value.as_slice()),
        }
    }
}

/// The number of a commit: 1, 2, 3 … over the whole life of a store. 0 is "none yet".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitNo(pub u64);

impl fmt::Display for CommitNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A range of keys, in the order of their bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// Where it begins.
    pub start: Bound<Vec<u8>>,
    /// Where it ends.
    pub end: Bound<Vec<u8>>,
}

impl KeyRange {
    /// Every key.
    pub fn all() -> Self {
        Self { start: Bound::Unbounded, end: Bound::Unbounded }
    }

    /// The keys that begin with `prefix`.
    pub fn prefix(prefix: impl Into<Vec<u8>>) -> Self {
        let prefix = prefix.into();
        // The first key after all those with the prefix: its last byte that is not 255, plus one.
        let mut after = prefix.clone();
        let end = loop {
            match after.pop() {
                None => break Bound::Unbounded,
                Some(u8::MAX) => {}
                Some(byte) => {
                    after.push(byte + 1);
                    break Bound::Excluded(after);
                }
            }
        };
        Self { start: Bound::Included(prefix), end }
    }

    /// The keys from `start` up to, not including, `end`.
    pub fn between(start: impl Into<Vec<u8>>, end: impl Into<Vec<u8>>) -> Self {
        Self { start: Bound::Included(start.into()), end: Bound::Excluded(end.into()) }
    }

    /// The same range without `key` and all before it: how a forward scan goes on after its last key.
    #[must_use]
    pub fn after(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.start = Bound::Excluded(key.into());
        self
    }

    /// The same range without `key` and all behind it: how a reverse scan goes on after its last key.
    #[must_use]
    pub fn before(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.end = Bound::Excluded(key.into());
        self
    }

    /// Whether no key at all can lie in it; such ranges make some maps panic.
    pub fn is_empty(&self) -> bool {
        match (&self.start, &self.end) {
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
            (Bound::Included(start), Bound::Included(end)) => start > end,
            (Bound::Included(start), Bound::Excluded(end))
            | (Bound::Excluded(start), Bound::Included(end) | Bound::Excluded(end)) => start >= end,
        }
    }
}

/// What a store has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Commits acknowledged.
    pub commits: u64,
    /// Groups of commits written together.
    pub groups: u64,
    /// Syncs of the disk that commits waited for: one a group.
    pub syncs: u64,
    /// Bytes of keys and values written.
    pub bytes: u64,
}

/// Why a store could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A precondition did not hold: nothing was written.
    #[error(
        "the store was changed by another in the meantime (precondition {pre} of the commit does not hold)"
    )]
    Conflict {
        /// Which of the preconditions, counted from 0.
        pre: usize,
    },
    /// An earlier write failed, so what the disk holds is not known: final for this handle.
    #[error("the store stopped after a failed write ({why}); restart to go on from what is safely stored")]
    Poisoned {
        /// The first failure.
        why: String,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// Another process has it open.
    #[error("{}", in_use(*pid, since.as_deref(), socket.as_ref()))]
    InUse {
        /// The process that holds it, where known.
        pid: Option<u32>,
        /// Since when, RFC 3339, where known.
        since: Option<String>,
        /// Where that process listens, where it does.
        socket: Option<PathBuf>,
    },
    /// What the disk holds is not what was stored.
    #[error("the store is damaged: {what}; {way_out}")]
    Damaged {
        /// What is wrong, and what is lost.
        what: String,
        /// How to go on.
        way_out: String,
    },
    /// Written by a newer version of this program.
    #[error("the store has format {found}, this program knows up to {known}; use a newer aos")]
    Newer {
        /// The format of the store.
        found: u64,
        /// The newest that this program can read.
        known: u64,
    },
    /// The operating system refused.
    #[error("{what}: {why}")]
    Io {
        /// What was tried, with the path.
        what: String,
        /// What the system answered.
        why: String,
    },
}

impl StoreError {
    /// An [`StoreError::Io`]: `what` names the act and the path.
    pub fn io(what: impl Into<String>, why: impl fmt::Display) -> Self {
        Self::Io { what: what.into(), why: why.to_string() }
    }
}

fn in_use(pid: Option<u32>, since: Option<&str>, socket: Option<&PathBuf>) -> String {
    let mut text = String::from("the store is in use by another aos process");
    if let Some(pid) = pid {
        text.push_str(&format!(" (pid {pid}"));
        if let Some(since) = since {
            text.push_str(&format!(", since {since}"));
        }
        text.push(')');
    }
    if let Some(socket) = socket {
        text.push_str(&format!(", which listens on {}", socket.display()));
    }
    text.push_str("; stop it or wait for it to end");
    text
}

/// An ordered map of byte strings with atomic, durable commits. Used as `Arc<dyn Store>`.
///
/// Reads may block for a moment on the disk: from async code call them through `spawn_blocking` where many are
/// wanted. A read may show a commit that is not durable yet: what is shown to the outside as done comes
/// from an answered [`Store::commit`], never from a read.
pub trait Store: Send + Sync {
    /// Writes `ops` at once, all or none, if every `pre` holds; resolves only when they are durable.
    ///
    /// Commits happen in the order in which their futures are first polled. A commit whose future is dropped may
    /// or may not happen. Later ops of the same commit win over earlier ones on the same key.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if a precondition fails (nothing is written), [`StoreError::Poisoned`] or
    /// [`StoreError::Closed`], which are final.
    fn commit(&self, pre: Vec<Pre>, ops: Vec<Op>) -> BoxFuture<'_, Result<CommitNo, StoreError>>;

    /// The value of a key.
    ///
    /// # Errors
    /// If the disk cannot be read, or holds something else than was written.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// At most `limit` entries of a range, in order, or from its end if `rev`. Go on with [`KeyRange::after`] (or
    /// `before`) the last key. Not a snapshot: commits that happen meanwhile may or may not be seen.
    ///
    /// # Errors
    /// As [`Store::get`].
    fn scan(&self, range: KeyRange, rev: bool, limit: usize) -> Result<Vec<Entry>, StoreError>;

    /// The last commit known to be durable.
    fn synced(&self) -> CommitNo;

    /// What was done since opening.
    fn stats(&self) -> StoreStats;

    /// Writes out what is pending, stops the writer and lets go of the lock; later commits answer
    /// [`StoreError::Closed`]. Blocks; calling it again does nothing. Dropping the store does the same, silently.
    ///
    /// # Errors
    /// If the last writes failed.
    fn close(&self) -> Result<(), StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_range(range: &KeyRange, key: &[u8]) -> bool {
        std::ops::RangeBounds::<Vec<u8>>::contains(&(range.start.clone(), range.end.clone()), &key.to_vec())
    }

    #[test]
    fn prefix_ranges_hold_exactly_their_prefix() {
        for prefix in [&b"a"[..], b"a\xff", b"\xff\xff", b"", b"ab\x00"] {
            let range = KeyRange::prefix(prefix);
            for key in [
                &b""[..],
                b"a",
                b"a\xff",
                b"a\xff\xff\xff",
                b"b",
                b"\xff",
                b"\xff\xff",
                b"\xff\xff\x01",
                b"ab\0",
                b"ab",
            ] {
                assert_eq!(in_range(&range, key), key.starts_with(prefix), "{prefix:?} {key:?}");
            }
        }
    }

    #[test]
    fn messages_are_plain() {
        let error = StoreError::InUse {
            pid: Some(7),
            since: Some("2026-01-01T00:00:00Z".into()),
            socket: Some("/d/aos.sock".into()),
        };
        assert_eq!(
            error.to_string(),
            "the store is in use by another aos process (pid 7, since 2026-01-01T00:00:00Z), which listens on \
             /d/aos.sock; stop it or wait for it to end"
        );
    }
}
