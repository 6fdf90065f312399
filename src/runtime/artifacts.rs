//! Files and large results of runs, to be found again: rows that the journal can make anew.
//!
//! The content of each lies in the blobs, by its SHA-256.

use super::blobs::{BlobHash, Blobs, INLINE_LIMIT};
use super::journal::{JournalError, RunRow, Spilled};
use super::store::codec;
use super::store::keys::{self, Key, KeyName};
use super::store::{Entry, Store};
use crate::engine::{Event, EventKind};
use crate::value::{FileRef, Value};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// The version of [`Artifact`].
const SCHEMA: u16 = 1;
/// So many files of one event are listed; more can still be seen in the run.
const MOST: usize = 1000;

/// The MIME type of a content: by its first bytes, else by the file's name, else whether it is text.
#[must_use]
pub fn mime(name: Option<&str>, bytes: &[u8]) -> String {
    let by_content = infer::get(bytes).map(|kind| kind.mime_type());
    if let Some(mime) = by_content.filter(|mime| !mime.starts_with("text/")) {
        return mime.to_owned();
    }
    if let Some(mime) = name.and_then(|name| mime_guess::from_path(name).first_raw()) {
        return mime.to_owned();
    }
    let text = std::str::from_utf8(bytes);
    let mime = match (by_content, text) {
        (Some(mime), _) => mime,
        (None, Ok(text)) if is_json(text) => "application/json",
        (None, Ok(_)) => "text/plain",
        (None, Err(_)) => "application/octet-stream",
    };
    mime.to_owned()
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// What an artifact is, roughly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Json,
    Text,
    Image,
    File,
}

impl Kind {
    /// By the MIME type.
    #[must_use]
    pub fn of_mime(mime: &str) -> Self {
        let mime = mime.split(';').next().unwrap_or(mime).trim();
        if mime.starts_with("image/") {
            Self::Image
        } else if mime == "application/json" || mime.ends_with("+json") {
            Self::Json
        } else if mime.starts_with("text/") || mime.ends_with("+xml") || mime == "application/xml" {
            Self::Text
        } else {
            Self::File
        }
    }

    /// Its name in options and lists.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Text => "text",
            Self::Image => "image",
            Self::File => "file",
        }
    }
}

/// A file or a large result that an event of a run holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    pub run: Uuid,
    pub plan: Arc<str>,
    /// Empty for what came in with the inputs.
    pub step: Arc<str>,
    pub at: jiff::Timestamp,
    #[serde(flatten)]
    pub found: Found,
}

/// What an event shows of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The number of the event, and of the artifact in it.
    pub seq: u64,
    pub number: u32,
    pub kind: Kind,
    pub mime: Arc<str>,
    /// Bytes.
    pub size: u64,
    /// `sha256:<hex>`
    pub digest: Arc<str>,
    /// The file's name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
}

/// One that was found, with the step and the time that its event tells.
pub struct Seen {
    step: Arc<str>,
    at: jiff::Timestamp,
    found: Found,
}

impl Seen {
    /// The blob that holds its content.
    #[must_use]
    pub fn hash(&self) -> Option<BlobHash> {
        hash(&self.found.digest)
    }
}

fn hash(digest: &str) -> Option<BlobHash> {
    digest.strip_prefix("sha256:")?.parse().ok()
}

/// The artifacts of an event; `spilled` says where its large result lies.
#[must_use]
pub fn of(seq: u64, event: &Event, spilled: Option<&Spilled>) -> Vec<Seen> {
    let mut files = Vec::new();
    let step = if let EventKind::Started { inputs, .. } = &event.kind {
        inputs.values().for_each(|value| collect(value, &mut files));
        Arc::from("")
    } else if let EventKind::AttemptSucceeded { step, value, .. } = &event.kind {
        collect(value, &mut files);
        Arc::clone(&step.0)
    } else {
        return Vec::new();
    };
    let large = spilled.map(|spilled| (spilled.mime.clone(), spilled.size, spilled.digest.clone(), None));
    let files = files.into_iter().map(|file| {
        let size = u64::try_from(file.size).unwrap_or(0);
        (Arc::clone(&file.mime), size, Arc::clone(&file.digest), Some(Arc::clone(&file.name)))
    });
    let all = large.into_iter().chain(files).take(MOST);
    let seen = all.zip(0..).map(|((mime, size, digest, name), number)| {
        let kind = Kind::of_mime(&mime);
        let found = Found { seq, number, kind, mime, size, digest, name };
        Seen { step: Arc::clone(&step), at: event.at, found }
    });
    seen.collect()
}

/// The files in a value, each once.
fn collect(value: &Value, files: &mut Vec<Arc<FileRef>>) {
    match value {
        Value::File(file) => {
            if files.len() < MOST && !files.iter().any(|f| f.digest == file.digest && f.name == file.name) {
                files.push(Arc::clone(file));
            }
        }
        Value::List(items) => items.iter().for_each(|item| collect(item, files)),
        Value::Map(map) => map.values().for_each(|item| collect(item, files)),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Bytes(_)
        | Value::Timestamp(_)
        | Value::Duration(_)
        | Value::Secret(_)
        | Value::Type(_) => {}
    }
}

/// The rows of what was found in the events of a run.
///
/// # Errors
/// One cannot be written.
pub fn puts(tenant: &KeyName, row: &RunRow, seen: &[Seen]) -> Result<Vec<Entry>, JournalError> {
    let run = row.run;
    let put = |seen: &Seen| {
        let artifact = Artifact {
            run,
            plan: Arc::clone(&row.plan),
            step: Arc::clone(&seen.step),
            at: seen.at,
            found: seen.found.clone(),
        };
        let Found { seq, number, .. } = artifact.found;
        let bytes = codec::encode(SCHEMA, &artifact).map_err(|why| JournalError::RunRow { run, why })?;
        Ok((Key::Artifact { tenant: tenant.clone(), run, seq, number }.encode(), bytes))
    };
    seen.iter().map(put).collect()
}

/// Whether a value is so large that it is kept beside the journal; does not look further than it must.
#[must_use]
pub fn is_large(value: &Value) -> bool {
    fn weigh(value: &Value, left: &mut usize) -> bool {
        let own = match value {
            Value::String(s) => s.len(),
            Value::Bytes(b) => b.len(),
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Timestamp(_)
            | Value::Duration(_)
            | Value::List(_)
            | Value::Map(_)
            | Value::File(_)
            | Value::Secret(_)
            | Value::Type(_) => 8,
        };
        if own > *left {
            return true;
        }
        *left -= own;
        match value {
            Value::List(items) => items.iter().any(|item| weigh(item, left)),
            Value::Map(map) => map.iter().any(|(key, item)| {
                let long = key.len() > *left;
                *left = left.saturating_sub(key.len());
                long || weigh(item, left)
            }),
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::String(_)
            | Value::Bytes(_)
            | Value::Timestamp(_)
            | Value::Duration(_)
            | Value::File(_)
            | Value::Secret(_)
            | Value::Type(_) => false,
        }
    }
    weigh(value, &mut INLINE_LIMIT.clone())
}

/// What is looked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Query {
    /// A run's id, or its first characters.
    pub run: Option<String>,
    pub kind: Option<Kind>,
    /// A MIME type, or its beginning: `image/`.
    pub mime: Option<String>,
    /// In the name, step, plan or, for text, the content; small and capital letters are the same.
    pub text: Option<String>,
    pub limit: usize,
}

/// The content of this many bytes at most is searched.
const SEARCHED: u64 = 4 << 20;

/// Finds artifacts, of one run or the latest runs first.
///
/// # Errors
/// A row is damaged, or the store cannot be read.
pub fn find(
    store: &dyn Store,
    blobs: Option<&Blobs>,
    tenant: &KeyName,
    run: Option<Uuid>,
    query: &Query,
) -> Result<Vec<Artifact>, JournalError> {
    const PAGE: usize = 512;
    let mut range = match run {
        Some(run) => keys::artifacts_of(tenant, run),
        None => keys::artifacts(tenant),
    };
    let mut found = Vec::new();
    let text = query.text.as_ref().map(|text| text.to_lowercase());
    loop {
        let page = store.scan(range.clone(), true, PAGE)?;
        for (key, bytes) in &page {
            let run = match Key::parse(key) {
                Some(Key::Artifact { run, .. }) => run,
                _ => Uuid::nil(),
            };
            let artifact: Artifact =
                codec::decode(SCHEMA, bytes).map_err(|why| JournalError::RunRow { run, why })?;
            if fits(&artifact, query) && text.as_ref().is_none_or(|text| holds(&artifact, blobs, text)) {
                found.push(artifact);
                if found.len() >= query.limit {
                    return Ok(found);
                }
            }
        }
        match page.last() {
            Some((key, _)) if page.len() == PAGE => range = range.before(key.as_slice()),
            Some(_) | None => return Ok(found),
        }
    }
}

fn fits(artifact: &Artifact, query: &Query) -> bool {
    query.kind.is_none_or(|kind| artifact.found.kind == kind)
        && query.mime.as_ref().is_none_or(|mime| artifact.found.mime.starts_with(mime.as_str()))
}

fn holds(artifact: &Artifact, blobs: Option<&Blobs>, text: &str) -> bool {
    let words = [Some(&artifact.plan), Some(&artifact.step), artifact.found.name.as_ref()];
    if words.into_iter().flatten().any(|word| word.to_lowercase().contains(text)) {
        return true;
    }
    match artifact.found.kind {
        Kind::Json | Kind::Text => blobs
            .and_then(|blobs| content(blobs, artifact, SEARCHED))
            .is_some_and(|bytes| String::from_utf8_lossy(&bytes).to_lowercase().contains(text)),
        Kind::Image | Kind::File => false,
    }
}

/// The content of an artifact, where it is there and not longer than `limit` bytes.
#[must_use]
pub fn content(blobs: &Blobs, artifact: &Artifact, limit: u64) -> Option<Vec<u8>> {
    blobs.get(hash(&artifact.found.digest)?, limit).ok().flatten()
}
