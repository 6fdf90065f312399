//! What is asked of the memories of a store, as data: the same for this process and for another that holds the store.

use super::{
    Content, Found, Item, Kind, Label, Manifest, Memory, MemoryError, Note, Untrusted, context, derived,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// A question.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// The latest first.
    List {
        kinds: Vec<Kind>,
        limit: usize,
    },
    Search {
        query: String,
        limit: usize,
    },
    /// By its id, or how that begins.
    Show {
        id: String,
    },
    Save {
        text: Arc<str>,
        tags: Vec<Arc<str>>,
        label: Label,
        by: Arc<str>,
    },
    /// The result of a step, as the run has it.
    Keep {
        run: Uuid,
        step: Arc<str>,
        value: serde_json::Value,
        tags: Vec<Arc<str>>,
        label: Label,
        by: Arc<str>,
    },
    Trust {
        id: String,
    },
    Forget {
        id: String,
    },
    /// What a planner would be shown.
    Context {
        goal: String,
        budget: usize,
        untrusted: Untrusted,
    },
}

/// An answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    List(Vec<Item>),
    Found(Vec<Found>),
    Item(Item),
    Context { text: String, manifest: Manifest },
}

impl Memory {
    /// Answers. Blocks on the store.
    ///
    /// # Errors
    /// As the function behind the question.
    pub fn answer(&self, ask: Ask) -> Result<Told, MemoryError> {
        let now = jiff::Timestamp::now();
        let note = |note: Note| Told::Item(Item::Note(Box::new(note)));
        Ok(match ask {
            Ask::List { kinds, limit } => Told::List(self.list(&kinds, limit)?),
            Ask::Search { query, limit } => Told::Found(self.search(&query, now, limit)?),
            Ask::Show { id } => Told::Item(self.find(&id)?),
            Ask::Save { text, tags, label, by } => {
                let content = Content::Text(text);
                let new = Note { id: Uuid::now_v7(), at: now, by, label, content, tags, origin: None };
                note(self.keep(&new)?)
            }
            Ask::Keep { run, step, value, tags, label, by } => {
                let id = derived("result", run, &step, 0);
                let origin = Some(self.origin(run, step)?);
                let content = Content::Value(value);
                note(self.keep(&Note { id, at: now, by, label, content, tags, origin })?)
            }
            Ask::Trust { id } => note(self.trust(self.find(&id)?.id())?),
            Ask::Forget { id } => note(self.forget(self.find(&id)?.id())?),
            Ask::Context { goal, budget, untrusted } => {
                let (text, manifest) = context(self, &goal, budget, now, untrusted)?;
                Told::Context { text, manifest }
            }
        })
    }
}
