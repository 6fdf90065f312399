//! Values as the engine knows them. Cheap to copy; maps keep their order.

use indexmap::IndexMap;
use std::sync::Arc;

/// The entries of a map or record, in order.
pub type Map = IndexMap<Arc<str>, Value>;

/// A value of the language.
#[derive(Clone, Debug)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(Arc<str>),
    Bytes(Arc<[u8]>),
    Timestamp(jiff::Timestamp),
    Duration(jiff::SignedDuration),
    List(Arc<Vec<Value>>),
    Map(Arc<Map>),
    File(Arc<FileRef>),
    /// A text that holds secrets, by name: it can be joined and handed to a skill, never looked into.
    Secret(Arc<[SecretPart]>),
    /// The value of `type(x)`.
    Type(Arc<str>),
}

/// A piece of a text that holds secrets. Only the runtime turns it into the text, when a skill is called.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretPart {
    Text(Arc<str>),
    /// A name from `[secrets]` of `aos.toml`.
    Name(Arc<str>),
}

/// A file as a value: its contents lie in the blob store or under the project root.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FileRef {
    pub name: Arc<str>,
    /// Bytes.
    pub size: i64,
    pub mime: Arc<str>,
    /// `sha256:<hex>`
    pub digest: Arc<str>,
}

mod journal;
