//! What is kept across runs: results for `cache`, calls that are made once (`key`), runs that are started once (`aos run --key`),
//! goals that are planned once (`aos plan --key`).
//!
//! All lie in table 40 of the store, under a name each and the SHA-256 of the key; table 41 says when they expire. A few of
//! those that have expired are removed at each write.

use super::host::LiveRuns;
use super::journal;
use super::store::codec;
use super::store::journal::Journal;
use super::store::keys::{self, Key, KeyName};
use super::store::{Op, Pre, StoreError};
use crate::engine::{CallCache, CallKey, Failure, RunStatus, StepStatus};
use crate::value::Value;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How long a finished call, or a run, is known by its key.
pub const KEEP: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);
/// The version of [`Kept`].
const KEPT: u16 = 1;
/// Larger results are not kept for `cache`.
const MOST_BYTES: usize = 1 << 20;
const MOST_LEVELS: usize = 128;
/// How many expired entries one write removes.
const SWEEP: usize = 16;
/// Between two looks at a call that another run makes.
const LOOK: Duration = Duration::from_millis(100);

/// What lies under a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    run: Uuid,
    #[serde(default)]
    step: Arc<str>,
    /// What was asked for: under one key it is always the same.
    request: Arc<str>,
    /// None: it goes on, as far as is known here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<jiff::Timestamp>,
}

/// Who calls.
pub struct Place<'a> {
    pub run: Uuid,
    pub step: &'a Arc<str>,
    pub project: &'a Path,
}

/// What is known before a call with a key.
pub enum Before {
    /// It is to be made, by us.
    Go,
    /// That run has made it.
    Done { value: Value, run: Arc<str> },
}

/// The run that a key stands for.
pub(super) enum Known {
    New,
    Run(Uuid),
}

/// What is kept in one store for one tenant.
#[derive(Clone)]
pub struct Keeper {
    journal: Journal,
    tenant: KeyName,
    live: LiveRuns,
}

impl Keeper {
    pub(super) fn new(journal: Journal, tenant: KeyName, live: LiveRuns) -> Self {
        Keeper { journal, tenant, live }
    }

    fn key(&self, scope: &str, project: &Path, name: &str) -> Vec<u8> {
        let mut hash = Sha256::new();
        for part in [project.as_os_str().as_encoded_bytes(), name.as_bytes()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let scope = KeyName::new(scope).unwrap_or_else(|_| KeyName::local());
        Key::Idempotency { tenant: self.tenant.clone(), scope, hash: hash.finalize().into() }.encode()
    }

    fn read(&self, key: &[u8]) -> Result<Option<(Vec<u8>, Kept)>, String> {
        let Some(bytes) = self.journal.store().get(key).map_err(|e| e.to_string())? else { return Ok(None) };
        let kept = codec::decode(KEPT, &bytes).map_err(|e| e.to_string())?;
        Ok(Some((bytes, kept)))
    }

    /// Writes what lies under a key, if that was `old` before; says whether it was.
    async fn write(
        &self,
        key: &[u8],
        old: Option<(&[u8], &Kept)>,
        new: Option<&Kept>,
    ) -> Result<bool, String> {
        let first = match old {
            None => Pre::Absent(key.to_vec()),
            Some((bytes, _)) => Pre::Equals(key.to_vec(), bytes.to_vec()),
        };
        let mut ops: Vec<Op> =
            old.and_then(|(_, kept)| kept.expires).map(|at| Op::Del(expiry(at, key))).into_iter().collect();
        match new {
            None => ops.push(Op::Del(key.to_vec())),
            Some(kept) => {
                ops.push(Op::Put(key.to_vec(), codec::encode(KEPT, kept).map_err(|e| e.to_string())?));
                if let Some(at) = kept.expires {
                    ops.push(Op::Put(expiry(at, key), Vec::new()));
                }
            }
        }
        let (mut pre, mut swept) = self.expired(key);
        pre.insert(0, first.clone());
        swept.extend(ops.iter().cloned());
        let store = self.journal.store();
        let done = match store.commit(pre, swept).await {
            // What was to be swept has changed; then it is not swept.
            Err(StoreError::Conflict { pre: 1.. }) => store.commit(vec![first], ops).await,
            done => done,
        };
        match done {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Removes some of what has expired, but for `except`; the key of a run that has not ended stays.
    fn expired(&self, except: &[u8]) -> (Vec<Pre>, Vec<Op>) {
        let now = jiff::Timestamp::now();
        let now_ms = u64::try_from(now.as_millisecond()).unwrap_or(0);
        let due = self.journal.store().scan(keys::expired(now_ms), false, SWEEP).unwrap_or_default();
        let (mut pre, mut ops) = (Vec::new(), Vec::new());
        for (row, _) in due {
            let Some(Key::IdempotencyExpiry { key, .. }) = Key::parse(&row) else { continue };
            match self.read(&key) {
                _ if key == except => continue,
                Ok(Some((_, kept))) if self.is_open_run(&kept) => {
                    // Looked at again later, so that it does not stand before the others each time.
                    ops.extend(now.checked_add(KEEP).ok().map(|at| Op::Put(expiry(at, &key), Vec::new())));
                }
                Ok(Some((bytes, kept))) if kept.expires.is_some_and(|at| at <= now) => {
                    pre.push(Pre::Equals(key.clone(), bytes));
                    ops.push(Op::Del(key));
                }
                // It was written anew since, and expires at another time.
                Ok(_) | Err(_) => {}
            }
            ops.push(Op::Del(row));
        }
        (pre, ops)
    }

    fn is_open_run(&self, kept: &Kept) -> bool {
        kept.step.is_empty()
            && journal::row(&self.journal, &self.tenant, kept.run)
                .ok()
                .flatten()
                .is_some_and(|r| !r.status.is_ended())
    }

    // cache

    /// The result of an earlier call, if it is fresh.
    #[must_use]
    pub fn cached(&self, place: &Place<'_>, cache: &CallCache) -> Option<Value> {
        let key = self.key("cache", place.project, &cache.digest);
        let (_, kept) = self.read(&key).ok().flatten()?;
        kept.expires.filter(|at| *at > jiff::Timestamp::now())?;
        kept.result
    }

    /// Keeps a result. That it cannot be kept is no failure of the call.
    pub async fn put(&self, place: &Place<'_>, cache: &CallCache, value: &Value) {
        // A file's content is kept for the runs that name it, not for this.
        if value.exceeds(MOST_LEVELS, MOST_BYTES).is_some() || value.holds_secret() || value.holds_file() {
            return;
        }
        let key = self.key("cache", place.project, &cache.digest);
        let keep = jiff::SignedDuration::from_millis(cache.keep_ms);
        let expires = jiff::Timestamp::now().checked_add(keep).ok();
        let new = Kept {
            run: place.run,
            step: Arc::clone(place.step),
            request: Arc::clone(&cache.digest),
            result: Some(value.clone()),
            expires,
        };
        let Ok(old) = self.read(&key) else { return };
        let old = old.as_ref().map(|(bytes, kept)| (bytes.as_slice(), kept));
        if let Err(error) = self.write(&key, old, Some(&new)).await {
            tracing::warn!(%error, step = %place.step, "a result could not be kept for `cache`");
        }
    }

    // key

    /// Makes a call ours, or gives what it gave; waits while another run makes it.
    ///
    /// # Errors
    /// The key stands for other arguments, or a run that began the call does not go on.
    pub async fn claim(&self, place: &Place<'_>, call: &CallKey) -> Result<Before, Failure> {
        let key = self.key("call", place.project, &call.digest);
        let ours = Kept {
            run: place.run,
            step: Arc::clone(place.step),
            request: Arc::clone(&call.args),
            result: None,
            expires: None,
        };
        loop {
            let old = self.read(&key).map_err(broken)?;
            if let Some((_, kept)) = &old {
                match self.holder(place, call, kept)? {
                    Holder::Us => return Ok(Before::Go),
                    Holder::Done(value) => {
                        return Ok(Before::Done { value, run: kept.run.to_string().into() });
                    }
                    Holder::Busy => {
                        tokio::time::sleep(LOOK).await;
                        continue;
                    }
                    Holder::Gone => {}
                }
            }
            let old = old.as_ref().map(|(bytes, kept)| (bytes.as_slice(), kept));
            if self.write(&key, old, Some(&ours)).await.map_err(broken)? {
                return Ok(Before::Go);
            }
        }
    }

    fn holder(&self, place: &Place<'_>, call: &CallKey, kept: &Kept) -> Result<Holder, Failure> {
        if kept.expires.is_some_and(|at| at <= jiff::Timestamp::now()) {
            return Ok(Holder::Gone);
        }
        let run = kept.run;
        let same = kept.request == call.args;
        let other = || {
            Failure::new(
                "invalid_input",
                format!(
                    "this key was used for a call with other arguments, by the step `{}` of run {run}",
                    kept.step
                ),
            )
        };
        if let Some(value) = &kept.result {
            return if same { Ok(Holder::Done(value.clone())) } else { Err(other()) };
        }
        if run == place.run {
            return match (kept.step == *place.step, same) {
                (true, _) => Ok(Holder::Us),
                (false, true) => Ok(Holder::Busy),
                (false, false) => Err(other()),
            };
        }
        let row = journal::row(&self.journal, &self.tenant, run).map_err(|e| broken(e.to_string()))?;
        let Some(row) = row else { return Ok(Holder::Gone) };
        if !row.status.is_ended() {
            return match (same, self.live.is_live(run)) {
                (false, _) => Err(other()),
                (true, true) => Ok(Holder::Busy),
                (true, false) => Err(self.interrupted(kept, row.status)),
            };
        }
        // It ended before it could say so here: its journal knows.
        let replayed =
            journal::replay(&self.journal, &self.tenant, run).map_err(|e| broken(e.to_string()))?;
        let steps = replayed.machine.report();
        match steps.into_iter().find(|s| s.path.0 == kept.step) {
            Some(step) if step.status == StepStatus::Succeeded => match (step.value, same) {
                (Some(value), true) => Ok(Holder::Done(value)),
                (Some(_), false) => Err(other()),
                (None, _) => Ok(Holder::Gone),
            },
            Some(step) if step.status == StepStatus::InDoubt => Err(Failure::new(
                "in_doubt",
                format!(
                    "run {run} made this call under the same key, and whether it took effect is not known"
                ),
            )),
            Some(_) | None => Ok(Holder::Gone),
        }
    }

    fn interrupted(&self, kept: &Kept, status: RunStatus) -> Failure {
        let (run, step) = (kept.run, &kept.step);
        let what = if status == RunStatus::Suspended { "is suspended" } else { "was interrupted" };
        Failure::new(
            "unavailable",
            format!(
                "run {run} began this call under the same key in its step `{step}` and {what}; `aos resume {run}` ends it"
            ),
        )
    }

    /// The failure of having waited too long for another run's call.
    #[must_use]
    pub fn still_held(&self, place: &Place<'_>, call: &CallKey) -> Failure {
        let key = self.key("call", place.project, &call.digest);
        let who = match self.read(&key) {
            Ok(Some((_, kept))) => format!("run {} in its step `{}`", kept.run, kept.step),
            Ok(None) | Err(_) => "another run".to_owned(),
        };
        Failure::new("timeout", format!("{who} still makes this call under the same key"))
    }

    /// The call was made: its result stands for the key.
    pub async fn settle(&self, place: &Place<'_>, call: &CallKey, value: &Value) {
        let expires = jiff::Timestamp::now().checked_add(KEEP).ok();
        self.close(place, call, Some((value.clone(), expires))).await;
    }

    /// The call failed: another may make it.
    pub async fn release(&self, place: &Place<'_>, call: &CallKey) {
        self.close(place, call, None).await;
    }

    async fn close(&self, place: &Place<'_>, call: &CallKey, end: Option<(Value, Option<jiff::Timestamp>)>) {
        let key = self.key("call", place.project, &call.digest);
        let written = match self.read(&key) {
            Ok(Some((bytes, kept))) if kept.run == place.run && kept.result.is_none() => {
                let new = end.map(|(value, expires)| Kept { result: Some(value), expires, ..kept.clone() });
                self.write(&key, Some((&bytes, &kept)), new.as_ref()).await
            }
            Ok(_) => Ok(true),
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            // The run's own journal has the result, and whoever looks finds it there.
            tracing::warn!(%error, step = %place.step, "what a key stands for could not be kept");
        }
    }

    // Runs by key

    /// The run that stands for a key; where there is none, `run` does from now on.
    ///
    /// # Errors
    /// The key stands for another plan or other inputs, or the store failed.
    pub(super) async fn run(&self, name: &str, request: &Arc<str>, run: Uuid) -> Result<Known, String> {
        let key = self.key("run", Path::new(""), name);
        let expires = jiff::Timestamp::now().checked_add(KEEP).ok();
        let ours = Kept { run, step: "".into(), request: Arc::clone(request), result: None, expires };
        loop {
            let old = self.read(&key)?;
            if let Some((_, kept)) = &old {
                let row = journal::row(&self.journal, &self.tenant, kept.run).map_err(|e| e.to_string())?;
                let begun = row.is_some() || self.live.is_live(kept.run);
                let fresh =
                    kept.expires.is_none_or(|at| at > jiff::Timestamp::now()) || self.is_open_run(kept);
                if begun && fresh {
                    return if kept.request == *request {
                        Ok(Known::Run(kept.run))
                    } else {
                        Err(format!(
                            "the key `{name}` stands for run {}, which has another plan or other inputs; use another key, or the same plan and inputs",
                            kept.run
                        ))
                    };
                }
            }
            let old = old.as_ref().map(|(bytes, kept)| (bytes.as_slice(), kept));
            if self.write(&key, old, Some(&ours)).await? {
                return Ok(Known::New);
            }
        }
    }

    // Plannings by key

    /// The planning that stands for a key, and what it was asked for.
    pub(super) fn planned(&self, project: &Path, name: &str) -> Result<Option<(Uuid, Arc<str>)>, String> {
        let found = self.read(&self.key("plan", project, name))?;
        let fresh = |kept: &Kept| kept.expires.is_none_or(|at| at > jiff::Timestamp::now());
        Ok(found.map(|(_, kept)| kept).filter(fresh).map(|kept| (kept.run, kept.request)))
    }

    /// Lets a planning stand for a key, whatever stood for it.
    pub(super) async fn keep_planned(
        &self,
        project: &Path,
        name: &str,
        request: Arc<str>,
        id: Uuid,
    ) -> Result<(), String> {
        let key = self.key("plan", project, name);
        let expires = jiff::Timestamp::now().checked_add(KEEP).ok();
        let new = Kept { run: id, step: "".into(), request, result: None, expires };
        loop {
            let old = self.read(&key)?;
            let old = old.as_ref().map(|(bytes, kept)| (bytes.as_slice(), kept));
            if self.write(&key, old, Some(&new)).await? {
                return Ok(());
            }
        }
    }
}

/// Who holds a key.
enum Holder {
    /// This very step, before it was interrupted.
    Us,
    Done(Value),
    /// A run that goes on.
    Busy,
    /// Nobody any more.
    Gone,
}

fn expiry(at: jiff::Timestamp, key: &[u8]) -> Vec<u8> {
    let expires_ms = u64::try_from(at.as_millisecond()).unwrap_or(0);
    Key::IdempotencyExpiry { expires_ms, key: key.to_vec() }.encode()
}

fn broken(why: String) -> Failure {
    Failure::new("unavailable", format!("what the key stands for cannot be looked up: {why}"))
}

#[cfg(test)]
mod tests {
    use super::super::store::memory::MemoryStore;
    use super::*;
    use std::sync::Arc;

    fn keeper() -> Keeper {
        let journal = Journal::new(Arc::new(MemoryStore::new()));
        Keeper::new(journal, KeyName::local(), LiveRuns::default())
    }

    fn cache(n: usize, keep_ms: i64) -> CallCache {
        CallCache { digest: format!("d{n}").into(), keep_ms }
    }

    fn rows(keeper: &Keeper) -> (usize, usize) {
        let store = keeper.journal.store();
        let count = |table| store.scan(keys::table(table), false, usize::MAX).unwrap().len();
        (count(keys::Table::Idempotency), count(keys::Table::IdempotencyExpiry))
    }

    #[tokio::test]
    async fn what_has_expired_is_swept() {
        let keeper = keeper();
        let step: Arc<str> = "s".into();
        let place = Place { run: Uuid::now_v7(), step: &step, project: Path::new("/p") };
        for n in 0..40 {
            keeper.put(&place, &cache(n, 30), &Value::Int(n as i64)).await;
        }
        assert_eq!(keeper.cached(&place, &cache(7, 30)).and_then(|v| v.as_int()), Some(7));
        let elsewhere = Place { project: Path::new("/q"), ..place };
        assert!(keeper.cached(&elsewhere, &cache(7, 30)).is_none(), "another project's skill");
        tokio::time::sleep(Duration::from_millis(40)).await;
        assert!(keeper.cached(&elsewhere, &cache(7, 30)).is_none());
        for n in 100..104 {
            keeper.put(&elsewhere, &cache(n, 60_000), &Value::Null).await;
        }
        assert_eq!(rows(&keeper), (4, 4), "sixteen a write");
        // Kept anew, it expires anew.
        keeper.put(&elsewhere, &cache(100, 90_000), &Value::Null).await;
        assert_eq!(rows(&keeper), (4, 4));
    }

    #[tokio::test]
    async fn a_call_is_claimed_once() {
        let keeper = keeper();
        let step: Arc<str> = "s".into();
        let (mine, other) = (Uuid::now_v7(), Uuid::now_v7());
        let place = |run| Place { run, step: &step, project: Path::new("/p") };
        let call = |args: &str| CallKey { digest: "k".into(), args: args.into() };
        assert!(matches!(keeper.claim(&place(mine), &call("a")).await, Ok(Before::Go)));
        assert!(matches!(keeper.claim(&place(mine), &call("a")).await, Ok(Before::Go)), "it is ours");
        keeper.settle(&place(mine), &call("a"), &Value::Int(5)).await;
        match keeper.claim(&place(other), &call("a")).await {
            Ok(Before::Done { value, run }) => {
                assert_eq!((value.as_int(), run.to_string()), (Some(5), mine.to_string()));
            }
            Ok(Before::Go) | Err(_) => panic!("it was made already"),
        }
        let refused = keeper.claim(&place(other), &call("b")).await.err().unwrap();
        assert_eq!(&*refused.kind, "invalid_input");
        // A run that is not in the store any more holds nothing.
        let gone = CallKey { digest: "g".into(), args: "a".into() };
        assert!(matches!(keeper.claim(&place(mine), &gone).await, Ok(Before::Go)));
        assert!(matches!(keeper.claim(&place(other), &gone).await, Ok(Before::Go)));
        // What failed is nobody's.
        keeper.release(&place(other), &gone).await;
        assert!(matches!(keeper.claim(&place(mine), &gone).await, Ok(Before::Go)));
    }
}
