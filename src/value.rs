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

mod canonical;
mod compare;
mod journal;
mod json;
mod text;

pub(crate) use compare::compare_exactly;

pub use canonical::{canonical_digest, canonical_feed, hex};
pub use compare::{Incomparable, compare, equals, equals_counted};
pub use text::{
    MAX_DURATION_NANOS, duration_text, float_text, parse_duration, parse_float, parse_timestamp,
    timestamp_in_range,
};

impl Value {
    /// A text.
    #[must_use]
    pub fn text(text: impl Into<Arc<str>>) -> Value {
        Value::String(text.into())
    }

    /// A list.
    #[must_use]
    pub fn list(items: Vec<Value>) -> Value {
        Value::List(Arc::new(items))
    }

    /// A map or record.
    #[must_use]
    pub fn map(map: Map) -> Value {
        Value::Map(Arc::new(map))
    }

    /// What `type(x)` says: `int`, `list`, `map`, …
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float",
            Value::String(_) | Value::Secret(_) => "string",
            Value::Bytes(_) => "bytes",
            Value::Timestamp(_) => "timestamp",
            Value::Duration(_) => "duration",
            Value::List(_) => "list",
            Value::Map(_) => "map",
            Value::File(_) => "file",
            Value::Type(_) => "type",
        }
    }

    /// Whether it is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(s) => Some(s),
            _ => None,
        }
    }

    /// The bool of a bool.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// The int of an int.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(n) => Some(*n),
            _ => None,
        }
    }

    /// The number of an int or float.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Value::Int(n) => Some(*n as f64),
            Value::Float(x) => Some(*x),
            _ => None,
        }
    }

    /// The items of a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a map or record.
    #[must_use]
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// About how many bytes of memory it takes; shared parts are counted each time.
    #[must_use]
    pub fn size_estimate(&self) -> usize {
        let own = size_of::<Value>();
        own + match self {
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Timestamp(_)
            | Value::Duration(_) => 0,
            Value::String(s) | Value::Type(s) => s.len(),
            Value::Bytes(b) => b.len(),
            Value::List(items) => items.iter().map(Value::size_estimate).sum(),
            Value::Map(map) => map.iter().map(|(k, v)| 24 + k.len() + v.size_estimate()).sum(),
            Value::File(f) => f.name.len() + f.mime.len() + f.digest.len(),
            Value::Secret(parts) => parts
                .iter()
                .map(|part| match part {
                    SecretPart::Text(s) | SecretPart::Name(s) => 24 + s.len(),
                })
                .sum(),
        }
    }

    /// How deep lists and maps lie in each other: 0 for a scalar, 1 for a list of scalars.
    #[must_use]
    pub fn depth(&self) -> usize {
        match self {
            Value::List(items) => 1 + items.iter().map(Value::depth).max().unwrap_or(0),
            Value::Map(map) => 1 + map.values().map(Value::depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// Whether a file is somewhere in it.
    #[must_use]
    pub fn holds_file(&self) -> bool {
        match self {
            Value::File(_) => true,
            Value::List(items) => items.iter().any(Value::holds_file),
            Value::Map(map) => map.values().any(Value::holds_file),
            _ => false,
        }
    }

    /// Whether it is deeper than `levels` or takes about more than `bytes`, shared parts counted each time. Looks no further than
    /// that: a value that holds another twice, sixty times over, is small in memory and endless to walk.
    #[must_use]
    pub fn exceeds(&self, levels: usize, bytes: usize) -> Option<Excess> {
        let mut left = bytes;
        self.walk_within(levels, &mut left)
    }

    fn walk_within(&self, levels: usize, left: &mut usize) -> Option<Excess> {
        let own = size_of::<Value>()
            + match self {
                Value::String(s) => s.len(),
                Value::Bytes(b) => b.len(),
                _ => 0,
            };
        match left.checked_sub(own) {
            Some(rest) => *left = rest,
            None => return Some(Excess::Size),
        }
        let below = |value: &Value, left: &mut usize| match levels.checked_sub(1) {
            Some(levels) => value.walk_within(levels, left),
            None => Some(Excess::Depth),
        };
        match self {
            Value::List(items) => items.iter().find_map(|item| below(item, left)),
            Value::Map(map) => map.iter().find_map(|(key, value)| {
                *left = left.saturating_sub(key.len());
                below(value, left)
            }),
            _ => None,
        }
    }

    /// Whether a secret is somewhere in it.
    #[must_use]
    pub fn holds_secret(&self) -> bool {
        match self {
            Value::Secret(_) => true,
            Value::List(items) => items.iter().any(Value::holds_secret),
            Value::Map(map) => map.values().any(Value::holds_secret),
            _ => false,
        }
    }
}

/// In what a value is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// Lists and maps inside each other.
    Depth,
    Size,
}

impl From<bool> for Value {
    fn from(b: bool) -> Value {
        Value::Bool(b)
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Value {
        Value::Int(n)
    }
}

impl From<f64> for Value {
    fn from(x: f64) -> Value {
        Value::Float(x)
    }
}

impl From<&str> for Value {
    fn from(s: &str) -> Value {
        Value::String(s.into())
    }
}

impl From<String> for Value {
    fn from(s: String) -> Value {
        Value::String(s.into())
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Value {
        Value::list(items)
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Value {
        Value::map(map)
    }
}
