//! Types as the checker knows them.

use crate::expr::Expr;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A type. Cheap to copy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// What could not be typed; fits everything, silently.
    #[default]
    Error,
    Null,
    Bool,
    Int,
    Float,
    String,
    Bytes,
    Timestamp,
    Duration,
    Json,
    File,
    /// A union of string literals, in the order written, each once.
    Literals(Arc<[Arc<str>]>),
    List(Arc<Type>),
    Map(Arc<Type>),
    Record(Arc<RecordType>),
    /// `T?`; never around `Optional`, `Null` or `Json`.
    Optional(Arc<Type>),
    /// Only itself fits; two are equal when their names are.
    Opaque {
        name: Arc<str>,
        base: Arc<Type>,
    },
    /// `T where (…)`
    Refined {
        base: Arc<Type>,
        refinement: Arc<Refinement>,
    },
    /// `type Name = T`: means `T`, prints as `Name`.
    Named {
        name: Arc<str>,
        ty: Arc<Type>,
    },
    /// A type parameter inside its own signature.
    Param(Arc<str>),
    /// A label inside a type, as in `list<trusted string>`.
    Labelled {
        labels: Labels,
        inner: Arc<Type>,
    },
    /// The value of `type(x)`.
    TypeOf,
}

/// The fields of a record, in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecordType {
    pub fields: IndexMap<Arc<str>, Field>,
}

/// A field of a record type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    pub ty: Type,
    /// `name?: T`: may be absent, and then reads as null.
    #[serde(default)]
    pub optional: bool,
    #[serde(default)]
    pub labels: Labels,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<Arc<str>>,
}

/// The condition of a refined type; two are equal when their texts are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refinement {
    /// The condition as `fmt` prints it.
    pub text: Arc<str>,
    /// The condition over the variable `it` ([`crate::expr::IT`]).
    pub predicate: Expr,
}

impl PartialEq for Refinement {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// Who may have made a value, and who may see it. `None`: not said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Labels {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<Trust>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<Privacy>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    Trusted,
    Untrusted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Privacy {
    Public,
    Private,
    Secret,
}

pub mod conform;
mod display;
mod schema;

pub use conform::{Mismatch, conform};
pub use schema::FORMATS;

impl Type {
    /// The type without its name (`type Name = T`) and without labels around it.
    #[must_use]
    pub fn bare(&self) -> &Type {
        let mut ty = self;
        while let Type::Named { ty: inner, .. } | Type::Labelled { inner, .. } = ty {
            ty = inner;
        }
        ty
    }
}
