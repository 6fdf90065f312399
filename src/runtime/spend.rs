//! What calls used, in the order in which it was booked: for `aos cost`, and for what agents may spend in a period.
//!
//! A row is written with the event that tells how the call ended, and also for calls that were given up. What the providers of models said
//! is kept as they said it, so that it can be priced again.

use super::model::ModelCall;
use super::store::codec::{self, CodecError};
use super::store::keys::{self, Key, KeyName};
use super::store::{Op, Store, StoreError};
use crate::catalog::prices::{Prices, Tokens};
use crate::engine::Usage;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use uuid::Uuid;

/// The version of [`Spend`].
const SCHEMA: u16 = 1;
const PAGE: usize = 1024;
const NANOS: f64 = 1e9;

/// What one attempt at a step used, or one round of planning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spend {
    pub at: jiff::Timestamp,
    /// `None` for what was used before there was a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Uuid>,
    /// Of `aos.toml`, on whose behalf it was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Arc<str>>,
    /// The folder of its `aos.toml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<PathBuf>,
    pub plan: Arc<str>,
    pub step: Arc<str>,
    pub attempt: u32,
    /// What was called; `planner` for planning.
    pub skill: Arc<str>,
    pub usage: Usage,
    /// Each request to a model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelCall>,
}

/// Why what was used cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SpendError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a row of the spending cannot be read: {0}")]
    Row(#[from] CodecError),
    #[error("{0}")]
    Prices(String),
}

impl Spend {
    /// The change of the store that keeps it.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn put(&self, tenant: &KeyName) -> Result<Op, CodecError> {
        let at_ms = u64::try_from(self.at.as_millisecond()).unwrap_or(0);
        let key = Key::Spend { tenant: tenant.clone(), at_ms, id: Uuid::now_v7() };
        Ok(Op::Put(key.encode(), codec::encode(SCHEMA, self)?))
    }

    /// Known nano-dollars.
    #[must_use]
    pub fn nanos(&self) -> u64 {
        (self.usage.cost_usd * NANOS).round() as u64
    }
}

/// Gives what was used since a time, oldest first.
///
/// # Errors
/// The store cannot be read, or a row is damaged.
pub fn each(
    store: &dyn Store,
    tenant: &KeyName,
    since: jiff::Timestamp,
    found: &mut dyn FnMut(Spend),
) -> Result<(), SpendError> {
    let since_ms = u64::try_from(since.as_millisecond()).unwrap_or(0);
    let mut rest = Some(keys::spending(tenant, since_ms));
    while let Some(range) = rest.take() {
        let page = store.scan(range.clone(), false, PAGE)?;
        for (_, value) in &page {
            found(codec::decode(SCHEMA, value)?);
        }
        if let (PAGE, Some((key, _))) = (page.len(), page.last()) {
            rest = Some(range.after(key.as_slice()));
        }
    }
    Ok(())
}

/// What is added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    #[default]
    Run,
    Step,
    Agent,
    Model,
    Day,
}

/// What is asked of the books.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Query {
    pub by: By,
    pub since: Option<jiff::Timestamp>,
    /// Price each request to a model anew, by the prices of the project in this folder.
    pub reprice: Option<PathBuf>,
    /// Only what was used for the project in this folder.
    #[serde(default)]
    pub project: Option<PathBuf>,
}

/// One line of a table of costs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The run, `plan.step`, the agent, the model or the day.
    pub key: String,
    /// Attempts that used something.
    pub calls: u64,
    /// Requests to models.
    pub requests: u64,
    pub input_tokens: i64,
    /// Of them, from a cache.
    pub cached_tokens: i64,
    pub output_tokens: i64,
    /// All of them, also of what says no more than a sum.
    pub tokens: i64,
    /// Known nano-dollars.
    pub nanos: u64,
    /// Requests whose cost is not known.
    pub unknown_cost_calls: u64,
}

impl Line {
    fn request(&mut self, call: &ModelCall, cost: Option<u64>) {
        self.requests += 1;
        let cached = call.cache_read;
        let input = [call.input, cached, call.cache_write, call.cache_write_long];
        self.input_tokens = input.iter().fold(self.input_tokens, |sum, n| sum.saturating_add(*n));
        self.cached_tokens = self.cached_tokens.saturating_add(cached);
        self.output_tokens = self.output_tokens.saturating_add(call.output);
        match cost {
            Some(nanos) => self.nanos = self.nanos.saturating_add(nanos),
            None => self.unknown_cost_calls += 1,
        }
    }

    /// Dollars; `None` where a part of them is not known.
    #[must_use]
    pub fn cost_usd(&self) -> Option<f64> {
        (self.unknown_cost_calls == 0).then_some(self.nanos as f64 / NANOS)
    }
}

/// Adds rows up.
pub struct Table {
    by: By,
    prices: Option<Prices>,
    lines: IndexMap<String, Line>,
}

impl Table {
    /// With `prices`, each request to a model is priced anew.
    #[must_use]
    pub fn new(by: By, prices: Option<Prices>) -> Self {
        Table { by, prices, lines: IndexMap::new() }
    }

    /// Takes a row in.
    pub fn add(&mut self, row: &Spend) {
        let day = row.at.to_string().chars().take(10).collect::<String>();
        let costs: Vec<Option<u64>> = row.models.iter().map(|call| self.cost(call, &day)).collect();
        if self.by == By::Model && !row.models.is_empty() {
            for (call, cost) in row.models.iter().zip(costs) {
                let line = self.line(format!("{}/{}", call.provider, call.model));
                line.calls += 1;
                line.tokens = line.tokens.saturating_add(call.tokens());
                line.request(call, cost);
            }
            return;
        }
        let key = match self.by {
            By::Run => row.run.map_or_else(|| "(planning)".to_owned(), |run| run.to_string()),
            By::Step => format!("{}.{}", row.plan, row.step),
            By::Agent => row.agent.as_deref().unwrap_or("(none)").to_owned(),
            By::Model => format!("({})", row.skill),
            By::Day => day,
        };
        let line = self.line(key);
        line.calls += 1;
        line.tokens = line.tokens.saturating_add(row.usage.tokens);
        if row.models.is_empty() {
            line.nanos = line.nanos.saturating_add(row.nanos());
        }
        for (call, cost) in row.models.iter().zip(costs) {
            line.request(call, cost);
        }
    }

    fn line(&mut self, key: String) -> &mut Line {
        self.lines.entry(key).or_insert_with_key(|key| Line { key: key.clone(), ..Line::default() })
    }

    fn cost(&self, call: &ModelCall, day: &str) -> Option<u64> {
        let Some(prices) = &self.prices else { return call.cost };
        // Of one that was cut the end was not seen: no price makes it known.
        let price = prices.find(&call.provider, &call.model, day).filter(|_| !call.cut)?;
        let tokens = Tokens {
            input: call.input,
            cache_read: call.cache_read,
            cache_write: call.cache_write,
            cache_write_long: call.cache_write_long,
            output: call.output,
        };
        Some(price.cost(tokens).nanos)
    }

    /// The lines: days in their order, else the dearest first.
    #[must_use]
    pub fn lines(self) -> Vec<Line> {
        let mut lines: Vec<Line> = self.lines.into_values().collect();
        if self.by != By::Day {
            lines.sort_by_key(|line| std::cmp::Reverse((line.nanos, line.tokens)));
        }
        lines
    }
}
