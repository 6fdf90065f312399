//! What is kept besides runs: notes, and results that somebody marked.

use super::{Label, MemoryError};
use crate::runtime::store::codec::{self, CodecError};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// The version of [`Note`].
const SCHEMA: u16 = 1;
/// So long is a text, or a result as JSON, at most: bytes.
pub const MOST_BYTES: usize = 16 << 10;
/// So many tags has a note at most …
pub const MOST_TAGS: usize = 16;
/// … each of so many bytes.
pub const MOST_TAG_BYTES: usize = 64;
/// So many notes and results a tenant keeps at most.
pub const MOST_NOTES: usize = 50_000;

/// A note, or a result of a step that was marked worth keeping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    pub id: Uuid,
    pub at: jiff::Timestamp,
    /// Who kept it.
    pub by: Arc<str>,
    pub label: Label,
    #[serde(flatten)]
    pub content: Content,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Arc<str>>,
    /// The run that it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// What is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    Text(Arc<str>),
    /// The result of a step.
    Value(serde_json::Value),
}

/// Where a note or a result is from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub run: Uuid,
    pub step: Arc<str>,
    /// The plan and its goal, where they are not themselves written from what is untrusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<Arc<str>>,
    /// What made it one note of possibly several of the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Arc<str>>,
}

impl Note {
    /// Whether it is small enough, and says anything.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), MemoryError> {
        let size = match &self.content {
            Content::Text(text) if text.trim().is_empty() => return Err(MemoryError::Empty),
            Content::Text(text) => text.len(),
            Content::Value(value) => value.to_string().len(),
        };
        if size > MOST_BYTES {
            return Err(MemoryError::TooLarge { size, most: MOST_BYTES });
        }
        if self.tags.len() > MOST_TAGS {
            return Err(MemoryError::Tags(format!("{} of them; {MOST_TAGS} is the most", self.tags.len())));
        }
        if let Some(tag) = self.tags.iter().find(|tag| tag.trim().is_empty() || tag.len() > MOST_TAG_BYTES) {
            let why = format!("one has {} bytes; 1 to {MOST_TAG_BYTES} is right", tag.len());
            return Err(MemoryError::Tags(why));
        }
        Ok(())
    }

    /// Its text; of a result its JSON.
    #[must_use]
    pub fn text(&self) -> Arc<str> {
        match &self.content {
            Content::Text(text) => Arc::clone(text),
            Content::Value(value) => value.to_string().into(),
        }
    }
}

/// The bytes of a note.
///
/// # Errors
/// If it cannot be written.
pub fn write_note(note: &Note) -> Result<Vec<u8>, CodecError> {
    codec::encode(SCHEMA, note)
}

/// A note out of its bytes.
///
/// # Errors
/// They are damaged.
pub fn read_note(bytes: &[u8]) -> Result<Note, CodecError> {
    codec::decode(SCHEMA, bytes)
}
