//! Types on the way from a schema to text.

use super::constraint::Constraint;
use super::literal::{key, quoted};
use indexmap::IndexMap;
use serde_json::Value as Json;
use std::fmt::{self, Display, Formatter, Write as _};

/// A type of the language.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    Json,
    Null,
    Bool,
    Int,
    Float,
    String,
    Bytes,
    Literals(Vec<String>),
    List(Box<Shape>),
    Map(Box<Shape>),
    Record(Vec<Field>),
    /// A type that is declared in the file.
    Named(String),
    Optional(Box<Shape>),
    Where(Box<Shape>, Vec<Constraint>),
}

/// A field of a record, or a parameter.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) optional: bool,
    pub(super) default: Option<Json>,
    pub(super) docs: String,
    /// What the type could not say.
    pub(super) notes: Vec<String>,
}

/// The declared types by name.
pub(super) type Types = IndexMap<String, Shape>;

impl Shape {
    pub(super) fn optional(self) -> Shape {
        match self {
            Shape::Json | Shape::Null | Shape::Optional(_) => self,
            Shape::Bool
            | Shape::Int
            | Shape::Float
            | Shape::String
            | Shape::Bytes
            | Shape::Literals(_)
            | Shape::List(_)
            | Shape::Map(_)
            | Shape::Record(_)
            | Shape::Named(_)
            | Shape::Where(..) => Shape::Optional(Box::new(self)),
        }
    }

    pub(super) fn constrained(self, by: Vec<Constraint>) -> Shape {
        if by.is_empty() { self } else { Shape::Where(Box::new(self), by) }
    }

    /// Every field of the nearest records in it.
    pub(super) fn nested(&self, f: &mut dyn FnMut(&Field)) {
        match self {
            Shape::Record(fields) => fields.iter().for_each(f),
            Shape::List(inner) | Shape::Map(inner) | Shape::Optional(inner) | Shape::Where(inner, _) => {
                inner.nested(f);
            }
            Shape::Json
            | Shape::Null
            | Shape::Bool
            | Shape::Int
            | Shape::Float
            | Shape::String
            | Shape::Bytes
            | Shape::Literals(_)
            | Shape::Named(_) => {}
        }
    }

    /// Whether JSON fits the type, its conditions included.
    pub(super) fn fits(&self, value: &Json, types: &Types) -> bool {
        match self {
            Shape::Json => true,
            Shape::Null => value.is_null(),
            Shape::Bool => value.is_boolean(),
            Shape::Int => value.as_i64().is_some(),
            Shape::Float => value.is_number(),
            Shape::String => value.is_string(),
            Shape::Bytes => false,
            Shape::Literals(texts) => value.as_str().is_some_and(|s| texts.iter().any(|t| t == s)),
            Shape::List(item) => value.as_array().is_some_and(|l| l.iter().all(|v| item.fits(v, types))),
            Shape::Map(of) => value.as_object().is_some_and(|m| m.values().all(|v| of.fits(v, types))),
            Shape::Record(fields) => value.as_object().is_some_and(|m| {
                let known = m.keys().all(|k| fields.iter().any(|f| f.name == *k));
                known
                    && fields.iter().all(|f| match m.get(&f.name) {
                        Some(v) => f.shape.fits(v, types),
                        None => f.optional,
                    })
            }),
            Shape::Named(name) => types.get(name).is_some_and(|s| s.fits(value, types)),
            Shape::Optional(inner) => value.is_null() || inner.fits(value, types),
            Shape::Where(base, all) => base.fits(value, types) && all.iter().all(|c| c.holds(value)),
        }
    }
}

impl Display for Shape {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Shape::Json => f.write_str("json"),
            Shape::Null => f.write_str("null"),
            Shape::Bool => f.write_str("bool"),
            Shape::Int => f.write_str("int"),
            Shape::Float => f.write_str("float"),
            Shape::String => f.write_str("string"),
            Shape::Bytes => f.write_str("bytes"),
            Shape::Literals(texts) => {
                f.write_str(&texts.iter().map(|t| quoted(t)).collect::<Vec<_>>().join(" | "))
            }
            Shape::List(item) => write!(f, "list<{item}>"),
            Shape::Map(of) => write!(f, "map<{of}>"),
            Shape::Record(fields) if fields.is_empty() => f.write_str("{}"),
            Shape::Record(fields) => {
                f.write_str("{\n")?;
                for field in fields {
                    field.lead(f)?;
                    let mark = if field.optional { "?" } else { "" };
                    writeln!(f, "{}{mark}: {},", key(&field.name), field.shape)?;
                }
                f.write_str("}")
            }
            Shape::Named(name) => f.write_str(name),
            Shape::Optional(inner) => match inner.as_ref() {
                Shape::Where(..) => write!(f, "({inner})?"),
                Shape::Literals(texts) if texts.len() > 1 => write!(f, "({inner})?"),
                _ => write!(f, "{inner}?"),
            },
            Shape::Where(base, all) => {
                let texts: Vec<String> = all.iter().map(|c| c.text(base)).collect();
                match base.as_ref() {
                    Shape::Literals(of) if of.len() > 1 => {
                        write!(f, "({base}) where ({})", texts.join(" && "))
                    }
                    _ => write!(f, "{base} where ({})", texts.join(" && ")),
                }
            }
        }
    }
}

impl Field {
    /// Notes and description, each on its lines.
    pub(super) fn lead(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for note in &self.notes {
            comment(f, "//", &format!("Note: {note}."))?;
        }
        comment(f, "///", &self.docs)
    }
}

/// The most characters of one description.
const MAX_DOCS: usize = 8_000;
/// Where lines of comments end.
const COLUMNS: usize = 110;

/// A text as comment lines, wrapped; nothing where it is blank.
pub(super) fn comment(f: &mut impl fmt::Write, mark: &str, text: &str) -> fmt::Result {
    let text: String = text.chars().take(MAX_DOCS).collect();
    for line in text.trim().lines() {
        let line: String = line.chars().map(|c| if super::literal::hidden(c) { ' ' } else { c }).collect();
        let line = line.trim_end();
        if line.trim().is_empty() {
            writeln!(f, "{mark}")?;
            continue;
        }
        let mut wrapped = String::new();
        let mut width = 0;
        for word in line.split(' ') {
            let more = word.chars().count();
            if width > 0 && width + 1 + more > COLUMNS {
                writeln!(f, "{mark} {}", wrapped.trim_end())?;
                wrapped.clear();
                width = 0;
            }
            if width > 0 || word.is_empty() {
                wrapped.push(' ');
                width += 1;
            }
            let _ = wrapped.write_str(word);
            width += more;
        }
        if !wrapped.trim().is_empty() {
            writeln!(f, "{mark} {}", wrapped.trim_end())?;
        }
    }
    Ok(())
}
