//! What calls of models used, booked as it becomes known: also where a call fails, is given up, or is asked again.

use super::ModelUsage;
use crate::engine::Usage;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};

/// One request to a model, for the books.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelCall {
    /// The name of the provider in `aos.toml`.
    pub provider: Arc<str>,
    /// The model that was asked for.
    pub model: Arc<str>,
    /// Tokens of the input that no cache had part in.
    pub input: i64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_read: i64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write: i64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write_long: i64,
    pub output: i64,
    /// Nano-dollars; `None`: not known, which is not nothing.
    pub cost: Option<u64>,
    /// Its end was not seen: it used at least what is said here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// What the provider said, as it said it.
    pub raw: serde_json::Value,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(n: &i64) -> bool {
    *n == 0
}

impl ModelCall {
    /// From what a provider said.
    #[must_use]
    pub fn of(provider: &str, model: &Arc<str>, usage: &ModelUsage, cut: bool) -> Self {
        ModelCall {
            provider: provider.into(),
            model: Arc::clone(model),
            input: usage.input,
            cache_read: usage.cache_read,
            cache_write: usage.cache_write,
            cache_write_long: usage.cache_write_long,
            output: usage.output,
            cost: usage.cost,
            cut,
            raw: usage.raw.clone(),
        }
    }

    /// All tokens.
    #[must_use]
    pub fn tokens(&self) -> i64 {
        [self.input, self.cache_read, self.cache_write, self.cache_write_long, self.output]
            .iter()
            .fold(0, |sum, n| sum.saturating_add(*n))
    }
}

/// What calls come to.
#[must_use]
pub fn usage(calls: &[ModelCall]) -> Usage {
    let nanos = calls.iter().fold(0_u64, |sum, call| sum.saturating_add(call.cost.unwrap_or(0)));
    Usage {
        cost_usd: nanos as f64 / 1e9,
        tokens: calls.iter().fold(0, |sum, call| sum.saturating_add(call.tokens())),
        unpriced: u32::try_from(calls.iter().filter(|c| c.cost.is_none()).count()).unwrap_or(u32::MAX),
    }
}

/// Takes up what calls used; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Mutex<Vec<ModelCall>>>);

impl Meter {
    /// Books a call.
    pub fn add(&self, call: ModelCall) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }

    /// What was booked so far.
    #[must_use]
    pub fn calls(&self) -> Vec<ModelCall> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether nobody else books in it any more.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// What was booked since it was last taken.
    #[must_use]
    pub fn take(&self) -> Vec<ModelCall> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
