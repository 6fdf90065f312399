//! The names of resources: when two of them may be, or are, the same.

use crate::expr::{Expr, ExprKind};
use crate::value::Value;

/// The names a resource may have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    Exact(String),
    /// All that start so.
    Prefix(String),
}

impl Name {
    /// Of the expression of an effect; without one it is every resource.
    #[must_use]
    pub fn of(resource: Option<&Expr>) -> Name {
        let Some(expr) = resource else { return Name::Prefix(String::new()) };
        match expr.kind.as_ref() {
            ExprKind::Literal(Value::String(text)) => Name::Exact(text.to_string()),
            ExprKind::Interpolate(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part.kind.as_ref() {
                        ExprKind::Literal(Value::String(piece)) => text.push_str(piece),
                        _ => return Name::Prefix(text),
                    }
                }
                Name::Exact(text)
            }
            _ => Name::Prefix(String::new()),
        }
    }

    /// Whether both may name the same resource.
    #[must_use]
    pub fn overlaps(&self, other: &Name) -> bool {
        match (self, other) {
            (Name::Exact(a), Name::Exact(b)) => a == b,
            (Name::Exact(text), Name::Prefix(start)) | (Name::Prefix(start), Name::Exact(text)) => {
                text.starts_with(start.as_str())
            }
            (Name::Prefix(a), Name::Prefix(b)) => a.starts_with(b.as_str()) || b.starts_with(a.as_str()),
        }
    }
}
