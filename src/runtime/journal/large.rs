//! Results that are too large for a row: kept beside the journal, put back when it is read.

use crate::engine::{Event, EventKind};
use crate::runtime::artifacts;
use crate::runtime::blobs::{BlobError, BlobHash, Blobs};
use crate::runtime::store::codec;
use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Where a result lies that is too large for the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spilled {
    /// `sha256:<hex>`
    pub digest: Arc<str>,
    /// Bytes.
    pub size: u64,
    pub mime: Arc<str>,
    form: Form,
}

/// How a value became bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    Text,
    Bytes,
    Json,
}

/// A result is read back up to this many bytes: more than any skill gives.
const LARGEST: u64 = 1 << 30;

/// Keeps a value beside the journal.
pub(super) fn spill(blobs: &Blobs, value: &Value) -> Result<Spilled, BlobError> {
    let encoded = |error: serde_json::Error| BlobError::Io {
        act: "write",
        path: "a large result".into(),
        why: error.to_string(),
    };
    let json;
    let (form, bytes): (Form, &[u8]) = match value {
        Value::String(text) => (Form::Text, text.as_bytes()),
        Value::Bytes(bytes) => (Form::Bytes, bytes),
        other => {
            json = serde_json::to_vec(other).map_err(encoded)?;
            (Form::Json, &json)
        }
    };
    let mime = match form {
        Form::Json => "application/json".to_owned(),
        Form::Text | Form::Bytes => artifacts::mime(None, bytes),
    };
    let hash = blobs.put(bytes)?;
    Ok(Spilled { digest: format!("sha256:{hash}").into(), size: bytes.len() as u64, mime: mime.into(), form })
}

/// An event with its result put back.
pub(super) fn filled(blobs: Option<&Blobs>, mut event: Event, spilled: &Spilled) -> Result<Event, String> {
    let blobs = blobs.ok_or("large results are kept in a folder, and this store has none")?;
    let hash: BlobHash = spilled
        .digest
        .strip_prefix("sha256:")
        .and_then(|hex| hex.parse().ok())
        .ok_or_else(|| format!("`{}` names no blob", spilled.digest))?;
    let bytes = blobs.get(hash, LARGEST).map_err(|error| error.to_string())?;
    let bytes = bytes.ok_or_else(|| format!("{} is gone", blobs.place(hash)))?;
    let full = match spilled.form {
        Form::Text => Value::String(String::from_utf8(bytes).map_err(|error| error.to_string())?.into()),
        Form::Bytes => Value::Bytes(bytes.into()),
        Form::Json => codec::from_json(&bytes).map_err(|error| error.to_string())?,
    };
    if let EventKind::AttemptSucceeded { value, .. } = &mut event.kind {
        *value = full;
    }
    Ok(event)
}
