//! How a value is asked for, found out by asking: the best way first, and what a model turns down is not tried with it again.

use crate::engine::Failure;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The ways that a provider's models were found not to take, by how many; shared by all requests.
#[derive(Default)]
pub(super) struct Ladder(Mutex<HashMap<Arc<str>, usize>>);

impl Ladder {
    /// The first way that a model has not turned down.
    pub(super) fn rung(&self, model: &str) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(model).copied().unwrap_or(0)
    }

    /// A model turned a way down.
    pub(super) fn down(&self, model: &Arc<str>, from: usize) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rung = all.entry(Arc::clone(model)).or_insert(0);
        *rung = (*rung).max(from + 1);
    }
}

/// Whether a request was turned down for how it asks, by one of the words that the way is known by.
pub(super) fn turned_down(failure: &Failure, words: &[&str]) -> bool {
    let message = failure.message.to_lowercase();
    &*failure.kind == "invalid_input" && words.iter().any(|word| message.contains(word))
}
