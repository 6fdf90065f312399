//! Those who watch a run.

use super::driver::Update;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// Where the notices of one run go; who goes away is forgotten.
#[derive(Clone, Default)]
pub struct Watchers(Arc<Mutex<Vec<mpsc::UnboundedSender<Update>>>>);

impl Watchers {
    /// One more who watches, from now on.
    #[must_use]
    pub fn watch(&self) -> mpsc::UnboundedReceiver<Update> {
        let (send, receive) = mpsc::unbounded_channel();
        self.all().push(send);
        receive
    }

    /// Tells everybody.
    pub fn send(&self, update: &Update) {
        self.all().retain(|watcher| watcher.send(update.clone()).is_ok());
    }

    fn all(&self) -> MutexGuard<'_, Vec<mpsc::UnboundedSender<Update>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
