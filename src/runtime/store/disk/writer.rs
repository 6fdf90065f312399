//! The one thread that writes.

use super::open::{Opened, last_key};
use super::{Changes, Engine, Message, Request, Shared, guarded};
use crate::runtime::points;
use crate::runtime::store::codec;
use crate::runtime::store::files::HighWater;
use crate::runtime::store::{CommitNo, Op, Pre, StoreError};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// A group ends when it has this many ops …
const GROUP_OPS: usize = 1024;
/// … or this many bytes.
const GROUP_BYTES: usize = 4 << 20;
/// The high-water mark is at most this old.
const MARK_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    engine: Arc<dyn Engine>,
    dir: PathBuf,
    data: PathBuf,
    id: Uuid,
    shared: Arc<Shared>,
    messages: Receiver<Message>,
    /// The last commit that is durable.
    last: CommitNo,
    marked: Option<CommitNo>,
    marked_at: Instant,
}

type Answer = Result<CommitNo, StoreError>;

/// Commits that are written together.
#[derive(Default)]
struct Group {
    changed: Changes,
    results: Vec<Answer>,
    commits: u64,
    bytes: u64,
}

impl Writer {
    pub(super) fn new(
        opened: &Opened,
        data: PathBuf,
        shared: Arc<Shared>,
        messages: Receiver<Message>,
    ) -> Self {
        Self {
            engine: Arc::clone(&opened.engine),
            dir: opened.dir.clone(),
            data,
            id: opened.identity.id,
            shared,
            messages,
            last: opened.last,
            marked: opened.marked,
            marked_at: Instant::now(),
        }
    }

    /// Writes until told to stop, or until a failure, which poisons the store.
    pub(super) fn run(mut self) -> Result<(), StoreError> {
        let ended = self.serve();
        if let Err(error) = &ended {
            // Before `self` goes: then those who still wait get no answer, and look for the reason.
            self.poison(error);
        }
        ended
    }

    fn serve(&mut self) -> Result<(), StoreError> {
        loop {
            let Some(message) = self.next()? else { continue };
            let Message::Commit(first) = message else { break };
            let (requests, stop) = self.drain(first);
            self.write(requests)?;
            if stop {
                break;
            }
            self.settle(false)?;
            if self.marked_at.elapsed() >= MARK_EVERY {
                self.mark()?;
            }
        }
        self.settle(true)?;
        self.mark()
    }

    fn settle(&self, closing: bool) -> Result<(), StoreError> {
        guarded(&self.dir, || self.engine.settle(closing))
    }

    /// The next message; `None` if the high-water mark was due first.
    fn next(&mut self) -> Result<Option<Message>, StoreError> {
        if self.marked == Some(self.last) {
            return Ok(Some(self.messages.recv().unwrap_or(Message::Stop)));
        }
        match self.messages.recv_timeout(MARK_EVERY.saturating_sub(self.marked_at.elapsed())) {
            Ok(message) => Ok(Some(message)),
            Err(RecvTimeoutError::Disconnected) => Ok(Some(Message::Stop)),
            Err(RecvTimeoutError::Timeout) => self.mark().map(|()| None),
        }
    }

    /// What waits, up to the limits of a group, and whether to stop after it.
    fn drain(&self, first: Request) -> (Vec<Request>, bool) {
        let bytes = |request: &Request| request.ops.iter().map(Op::size).sum::<usize>();
        let (mut ops, mut size) = (first.ops.len(), bytes(&first));
        let mut requests = vec![first];
        while ops < GROUP_OPS && size < GROUP_BYTES {
            match self.messages.try_recv() {
                Ok(Message::Commit(request)) => {
                    ops += request.ops.len();
                    size += bytes(&request);
                    requests.push(request);
                }
                Ok(Message::Stop) => return (requests, true),
                Err(_) => break,
            }
        }
        (requests, false)
    }

    /// Writes a group; answers only when it is durable. On failure no one is answered, and the store is poisoned.
    fn write(&mut self, requests: Vec<Request>) -> Result<(), StoreError> {
        let dir = self.dir.clone();
        // The answers stay out here: they must not be dropped before the reason is known.
        let (work, answers): (Vec<_>, Vec<_>) =
            requests.into_iter().map(|Request { pre, ops, answer, _place }| ((pre, ops), answer)).unzip();
        let results = guarded(&dir, || {
            let mut group = Group::default();
            for (pre, ops) in work {
                let result = self.add(&mut group, &pre, ops)?;
                group.results.push(result);
            }
            self.apply(group)
        });
        let results = results.inspect_err(|error| self.poison(error))?;
        for (answer, result) in answers.into_iter().zip(results) {
            // The asker may have gone away.
            let _ = answer.send(result);
        }
        Ok(())
    }

    fn poison(&self, error: &StoreError) {
        // The first reason stays.
        let _ = self.shared.poison.set(error.to_string());
    }

    /// Takes a commit into the group if its preconditions hold.
    fn add(&self, group: &mut Group, pre: &[Pre], ops: Vec<Op>) -> Result<Answer, StoreError> {
        for (index, pre) in pre.iter().enumerate() {
            if !self.holds(group, pre)? {
                return Ok(Err(StoreError::Conflict { pre: index }));
            }
        }
        for op in ops {
            group.bytes += op.size() as u64;
            match op {
                Op::Put(key, value) => group.changed.insert(key, Some(value)),
                Op::Del(key) => group.changed.insert(key, None),
            };
        }
        group.commits += 1;
        Ok(Ok(CommitNo(self.last.0 + group.commits)))
    }

    fn holds(&self, group: &Group, pre: &Pre) -> Result<bool, StoreError> {
        if let Some(changed) = group.changed.get(pre.key()) {
            return Ok(pre.holds(changed.as_deref()));
        }
        let present = self.engine.get(pre.key())?;
        Ok(pre.holds(present.as_deref()))
    }

    fn apply(&mut self, group: Group) -> Result<Vec<Answer>, StoreError> {
        if group.commits == 0 {
            return Ok(group.results);
        }
        let last = CommitNo(self.last.0 + group.commits);
        let row =
            codec::encode(1, &last.0).map_err(|error| StoreError::io("cannot number a commit", error))?;
        let mut changed = group.changed;
        changed.insert(last_key().to_vec(), Some(row));
        self.engine.write(changed)?;
        points::pass("writer-synced");
        let Shared { synced, commits, groups, syncs, bytes, .. } = &*self.shared;
        for (counter, more) in [(syncs, 1), (groups, 1), (commits, group.commits), (bytes, group.bytes)] {
            counter.fetch_add(more, Ordering::Relaxed);
        }
        self.last = last;
        synced.store(last.0, Ordering::Release);
        Ok(group.results)
    }

    /// Brings the high-water mark up to date.
    fn mark(&mut self) -> Result<(), StoreError> {
        if self.marked != Some(self.last) {
            points::pass("mark-before");
            HighWater { store: self.id, commit: self.last }.write(&self.data)?;
            points::pass("mark-after");
            self.marked = Some(self.last);
        }
        self.marked_at = Instant::now();
        Ok(())
    }
}
