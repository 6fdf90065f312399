//! What calls of models used, booked as it becomes known: also where a call fails, is given up, or is asked again.

use super::ModelUsage;
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

    /// What was booked since it was last taken.
    #[must_use]
    pub fn take(&self) -> Vec<ModelCall> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
