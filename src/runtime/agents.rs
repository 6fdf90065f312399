//! Agents while they act: which skills they may call, how often, and what they may spend in a period over all their runs.
//!
//! What a call may use at the most is set aside before it is made, what it did use is booked after it. What was booked by earlier
//! processes is read from the store once; after that this process is the only one that writes there.

use super::model::{self, Meter};
use super::skill::Bound;
use super::spend::{self, Spend, SpendError};
use super::store::Store;
use super::store::keys::KeyName;
use crate::check::hir::Rate;
use crate::engine::{Failure, Invoke, Usage, usd};
use crate::project::config::{AgentBudget, AgentConfig};
use crate::syntax::ast::EffectKind;
use jiff::{SignedDuration, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// What agents used, by project and name.
#[derive(Default)]
pub struct Books(Mutex<HashMap<(PathBuf, Arc<str>), Book>>);

/// What one agent used.
#[derive(Default)]
struct Book {
    /// Oldest first.
    window: VecDeque<(Timestamp, Used)>,
    /// Of all in the window.
    sum: Used,
    runs: HashMap<Uuid, Used>,
    reserved: Used,
    reserved_by_run: HashMap<Uuid, Used>,
    /// Since when all is here.
    loaded: Option<Timestamp>,
}

/// Nano-dollars, tokens and calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Used {
    nanos: u64,
    tokens: u64,
    calls: u64,
}

impl Used {
    fn of(usage: Usage) -> Used {
        Used {
            nanos: (usage.cost_usd * 1e9).round() as u64,
            tokens: u64::try_from(usage.tokens).unwrap_or(0),
            calls: 1,
        }
    }

    fn each(self, other: Used, f: fn(u64, u64) -> u64) -> Used {
        Used {
            nanos: f(self.nanos, other.nanos),
            tokens: f(self.tokens, other.tokens),
            calls: f(self.calls, other.calls),
        }
    }

    fn plus(self, other: Used) -> Used {
        self.each(other, u64::saturating_add)
    }

    fn minus(self, other: Used) -> Used {
        self.each(other, u64::saturating_sub)
    }
}

impl Books {
    fn all(&self) -> MutexGuard<'_, HashMap<(PathBuf, Arc<str>), Book>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up what was used outside of a run.
    pub fn add(&self, root: &Path, agent: &Arc<str>, spend: &Spend) {
        if let Some(book) = self.all().get_mut(&(root.to_path_buf(), Arc::clone(agent))) {
            book.add(spend.at, spend.run, Used::of(spend.usage));
        }
    }
}

impl Book {
    fn add(&mut self, at: Timestamp, run: Option<Uuid>, used: Used) {
        self.window.push_back((at, used));
        self.sum = self.sum.plus(used);
        if let Some(run) = run {
            let of_run = self.runs.entry(run).or_default();
            *of_run = of_run.plus(used);
        }
    }

    fn forget_before(&mut self, since: Timestamp) {
        while let Some((_, used)) = self.window.front().filter(|(at, _)| *at < since) {
            self.sum = self.sum.minus(*used);
            self.window.pop_front();
        }
    }
}

/// An agent on whose behalf a run is made.
pub struct Agent {
    name: Arc<str>,
    root: PathBuf,
    config: AgentConfig,
    rate_key: Arc<str>,
    books: Arc<Books>,
}

impl Agent {
    /// An agent of the project at `root`.
    #[must_use]
    pub fn new(name: Arc<str>, root: &Path, config: AgentConfig, books: Arc<Books>) -> Self {
        // No skill has a name with a space.
        let rate_key = format!("agent {name}").into();
        Agent { name, root: root.to_path_buf(), config, rate_key, books }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// How often it may call.
    #[must_use]
    pub fn rate(&self) -> Option<Rate> {
        self.config.rate.map(|rate| Rate { count: rate.count, per_ms: rate.per_ms })
    }

    /// What its calls are counted under.
    #[must_use]
    pub fn rate_key(&self) -> &Arc<str> {
        &self.rate_key
    }

    /// Whether it may call this skill: the checker has said so when the plan was checked, and its grants may be others by now.
    ///
    /// # Errors
    /// `denied`
    pub fn admits(&self, invoke: &Invoke) -> Result<(), Failure> {
        if self.config.may_call(&invoke.skill) {
            return Ok(());
        }
        Err(Failure::new("denied", format!("`{}` is not granted to the agent `{}`", invoke.skill, self.name)))
    }

    /// Reads what it used before from the store, as far back as its budget looks.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn load(&self, store: &dyn Store, tenant: &KeyName, run: Uuid) -> Result<(), SpendError> {
        let Some(budget) = &self.config.budget else { return Ok(()) };
        let since = match budget.per.length() {
            Some(length) => back(Timestamp::now(), length),
            None => begin(run),
        };
        let mut all = self.books.all();
        let book = all.entry(self.key()).or_default();
        if book.loaded.is_some_and(|loaded| loaded <= since) {
            return Ok(());
        }
        let known = book.loaded.unwrap_or(Timestamp::MAX);
        let mut found = Vec::new();
        spend::each(store, tenant, since, &mut |row| {
            let own = row.agent.as_ref() == Some(&self.name) && row.project.as_deref() == Some(&*self.root);
            if own && row.at < known {
                found.push((row.at, row.run, Used::of(row.usage)));
            }
        })?;
        let newer = std::mem::take(&mut book.window);
        for (at, run, used) in found {
            book.add(at, run, used);
        }
        book.window.extend(newer);
        book.loaded = Some(since);
        Ok(())
    }

    fn key(&self) -> (PathBuf, Arc<str>) {
        (self.root.clone(), Arc::clone(&self.name))
    }

    /// Sets aside what a call may use at the most.
    ///
    /// # Errors
    /// `budget`: it may come to more than the agent has left, or nobody knows.
    pub fn set_aside(
        self: &Arc<Self>,
        run: Uuid,
        invoke: &Invoke,
        bound: Bound,
        meter: &Meter,
    ) -> Result<Option<SetAside>, Failure> {
        let Some(budget) = self.config.budget.as_ref().filter(|_| invoke.effect != EffectKind::Pure) else {
            return Ok(None);
        };
        let mut worst = Used::of(invoke.worst);
        match bound {
            Bound::Signature => {}
            Bound::Nanos(nanos) => worst.nanos = nanos,
            Bound::Unknown if budget.cost_usd.is_some() => {
                let text = format!(
                    "what `{}` may cost is not known, so the budget of the agent `{}` cannot be kept; give the model a price",
                    invoke.skill, self.name
                );
                return Err(Failure::new("budget", text));
            }
            Bound::Unknown => {}
        }
        let mut all = self.books.all();
        let book = all.entry(self.key()).or_default();
        let before = match budget.per.length() {
            Some(length) => {
                book.forget_before(back(Timestamp::now(), length));
                book.sum.plus(book.reserved)
            }
            None => {
                let of = |map: &HashMap<Uuid, Used>| map.get(&run).copied().unwrap_or_default();
                of(&book.runs).plus(of(&book.reserved_by_run))
            }
        };
        if let Some((amount, limit)) = exceeded(budget, before.plus(worst)) {
            let text = format!(
                "with this call the agent `{}` may come to {amount} in a {}, its budget is {limit}",
                self.name,
                budget.per.name()
            );
            return Err(Failure::new("budget", text));
        }
        book.reserved = book.reserved.plus(worst);
        let of_run = book.reserved_by_run.entry(run).or_default();
        *of_run = of_run.plus(worst);
        Ok(Some(SetAside { agent: Arc::clone(self), run, worst, meter: meter.clone(), used: None }))
    }
}

/// In what it is more than allowed: how much it is, how much is allowed.
fn exceeded(budget: &AgentBudget, used: Used) -> Option<(String, String)> {
    let nanos = budget.cost_usd.map(|usd| (usd.max(0.0) * 1e9).round() as u64);
    if let Some(limit) = nanos.filter(|limit| used.nanos > *limit) {
        return Some((usd(used.nanos), usd(limit)));
    }
    let over = |limit: Option<i64>, n: u64| limit.filter(|limit| n > u64::try_from(*limit).unwrap_or(0));
    if let Some(limit) = over(budget.tokens, used.tokens) {
        return Some((format!("{} tokens", used.tokens), limit.to_string()));
    }
    over(budget.calls, used.calls).map(|limit| (format!("{} calls", used.calls), limit.to_string()))
}

fn back(now: Timestamp, length: std::time::Duration) -> Timestamp {
    let length = SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX);
    now.checked_sub(length).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// When a run began: its id says so.
fn begin(run: Uuid) -> Timestamp {
    let at = run.get_timestamp().map(|at| at.to_unix().0).and_then(|s| i64::try_from(s).ok());
    at.and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// What is set aside for one call, until it is over, however it ends.
pub struct SetAside {
    agent: Arc<Agent>,
    run: Uuid,
    worst: Used,
    meter: Meter,
    used: Option<Usage>,
}

impl SetAside {
    /// The call is over, and used this.
    pub fn settle(mut self, usage: Usage) {
        self.used = Some(usage);
    }
}

impl Drop for SetAside {
    fn drop(&mut self) {
        let used = self.used.unwrap_or_else(|| model::usage(&self.meter.calls()));
        let mut booked = Used::of(used);
        if used.unpriced > 0 {
            // Its end was not seen: it may have used all that was set aside.
            booked = booked.each(self.worst, u64::max);
        }
        let mut all = self.agent.books.all();
        let Some(book) = all.get_mut(&self.agent.key()) else { return };
        book.reserved = book.reserved.minus(self.worst);
        if let Some(of_run) = book.reserved_by_run.get_mut(&self.run) {
            *of_run = of_run.minus(self.worst);
            if *of_run == Used::default() {
                book.reserved_by_run.remove(&self.run);
            }
        }
        book.add(Timestamp::now(), Some(self.run), booked);
    }
}
