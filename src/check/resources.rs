//! The names of resources: when two of them may be, or are, the same.

use crate::expr::{Expr, ExprKind};
use crate::value::Value;

/// The names a resource may have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    Exact(String),
    /// All that start and end so, with anything between: the two never share a character.
    Pattern {
        start: String,
        end: String,
    },
}

impl Name {
    /// Of the expression of an effect; without one it is every resource.
    #[must_use]
    pub fn of(resource: Option<&Expr>) -> Name {
        match resource.map(|r| &*r.kind) {
            Some(ExprKind::Literal(Value::String(text))) => Name::Exact(text.to_string()),
            Some(ExprKind::Interpolate(parts)) => {
                let mut start = String::new();
                // Behind the first piece that is not known: what was read since the last such piece.
                let mut end: Option<String> = None;
                for part in parts {
                    match part.kind.as_ref() {
                        ExprKind::Literal(Value::String(piece)) => {
                            end.as_mut().unwrap_or(&mut start).push_str(piece);
                        }
                        _ => end = Some(String::new()),
                    }
                }
                match end {
                    Some(end) => Name::Pattern { start, end },
                    None => Name::Exact(start),
                }
            }
            Some(_) | None => Name::Pattern { start: String::new(), end: String::new() },
        }
    }

    /// Whether both may name the same resource.
    #[must_use]
    pub fn overlaps(&self, other: &Name) -> bool {
        match (self, other) {
            (Name::Exact(a), Name::Exact(b)) => a == b,
            (Name::Exact(text), Name::Pattern { start, end })
            | (Name::Pattern { start, end }, Name::Exact(text)) => fits(text, start, end),
            (Name::Pattern { start: a, end: x }, Name::Pattern { start: b, end: y }) => {
                (a.starts_with(b.as_str()) || b.starts_with(a.as_str()))
                    && (x.ends_with(y.as_str()) || y.ends_with(x.as_str()))
            }
        }
    }
}

/// Whether a text starts and ends so, the two side by side at the least.
#[must_use]
pub fn fits(text: &str, start: &str, end: &str) -> bool {
    text.strip_prefix(start).is_some_and(|rest| rest.ends_with(end))
}
