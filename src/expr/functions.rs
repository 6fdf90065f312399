//! The table of functions: one row a name, read by the checker, the editor and the evaluation.

use super::eval::Cx;
use crate::types::Type;
use crate::value::Value;
use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

mod conversions;
mod encoders;
mod format;
mod lists;
mod math;
mod regex;
mod resolve;
mod strings;
mod time;

pub use regex::check_pattern;
pub use resolve::{Coercion, Refusal, Resolved, resolve};

/// The type of a parameter or result in the table. `A` stands for any type, the same throughout one overload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ty {
    A,
    /// Anything, also null.
    Any,
    Null,
    Bool,
    Int,
    Float,
    String,
    Bytes,
    Timestamp,
    Duration,
    Json,
    TypeOf,
    List(&'static Ty),
    Map(&'static Ty),
    Optional(&'static Ty),
}

/// One way to call a function; a receiver is the first parameter.
#[derive(Clone, Copy, Debug)]
pub struct Overload {
    pub params: &'static [Ty],
    /// Any number of further arguments of the last parameter's type.
    pub variadic: bool,
    pub result: Ty,
}

/// How a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `f(x)`
    Global,
    /// `x.f()`
    Receiver,
    /// Both.
    Either,
}

/// The reason a function failed, in plain words.
pub type Outcome = Result<Value, String>;

/// A function.
#[derive(Debug)]
pub struct Row {
    /// Dotted where it has a namespace: `math.greatest`.
    pub name: &'static str,
    pub form: Form,
    pub overloads: &'static [Overload],
    /// What it does, in one sentence, with an example.
    pub doc: &'static str,
    pub(super) run: fn(&[Value], &Cx) -> Outcome,
}

impl Row {
    /// Whether it can be called in this way.
    #[must_use]
    pub fn called_as(&self, receiver: bool) -> bool {
        match self.form {
            Form::Global => !receiver,
            Form::Receiver => receiver,
            Form::Either => true,
        }
    }
}

static GROUPS: &[&[Row]] =
    &[conversions::ROWS, strings::ROWS, math::ROWS, lists::ROWS, time::ROWS, encoders::ROWS, regex::ROWS];

static BY_NAME: LazyLock<HashMap<&'static str, &'static Row>> =
    LazyLock::new(|| rows().map(|row| (row.name, row)).collect());

/// All functions, by group.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    GROUPS.iter().flat_map(|group| group.iter())
}

/// The function of this name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Row> {
    BY_NAME.get(name).copied()
}

/// The function of this name where it can be called as `x.name(…)` (`receiver`) or `name(…)`.
#[must_use]
pub fn lookup(name: &str, receiver: bool) -> Option<&'static Row> {
    by_name(name).filter(|row| row.called_as(receiver))
}

/// The names that can be called so, for suggestions.
pub fn names(receiver: bool) -> impl Iterator<Item = &'static str> {
    rows().filter(move |row| row.called_as(receiver)).map(|row| row.name)
}

/// Whether `name` is the first part of a dotted function name, such as `math`.
#[must_use]
pub fn is_namespace(name: &str) -> bool {
    rows().any(|row| row.name.split_once('.').is_some_and(|(first, _)| first == name))
}

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ty::A => f.write_str("T"),
            Ty::Any => f.write_str("any"),
            Ty::Null => f.write_str("null"),
            Ty::Bool => f.write_str("bool"),
            Ty::Int => f.write_str("int"),
            Ty::Float => f.write_str("float"),
            Ty::String => f.write_str("string"),
            Ty::Bytes => f.write_str("bytes"),
            Ty::Timestamp => f.write_str("timestamp"),
            Ty::Duration => f.write_str("duration"),
            Ty::Json => f.write_str("json"),
            Ty::TypeOf => f.write_str("type"),
            Ty::List(item) => write!(f, "list<{item}>"),
            Ty::Map(value) => write!(f, "map<{value}>"),
            Ty::Optional(inner) => write!(f, "{inner}?"),
        }
    }
}

/// One line an overload, for hover and messages: `string.split(string, int) -> list<string>`.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, overload) in self.overloads.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            signature(f, self, overload)?;
        }
        Ok(())
    }
}

fn signature(f: &mut fmt::Formatter<'_>, row: &Row, overload: &Overload) -> fmt::Result {
    let mut params = overload.params.iter();
    if row.form == Form::Receiver
        && let Some(receiver) = params.next()
    {
        write!(f, "{receiver}.")?;
    }
    write!(f, "{}(", row.name)?;
    for (i, param) in params.enumerate() {
        write!(f, "{}{param}", if i > 0 { ", " } else { "" })?;
    }
    write!(f, "{}) -> {}", if overload.variadic { ", …" } else { "" }, overload.result)
}

/// An overload with a fixed number of parameters.
const fn on(params: &'static [Ty], result: Ty) -> Overload {
    Overload { params, variadic: false, result }
}

/// The error where values do not fit any overload.
fn no_overload(name: &str, args: &[Value]) -> Outcome {
    let types: Vec<&str> = args.iter().map(Value::type_name).collect();
    Err(format!("`{name}` does not take ({})", types.join(", ")))
}

/// The type that a row's type means, with `A` filled in.
fn type_of(ty: Ty, a: Option<&Type>) -> Type {
    use std::sync::Arc;
    match ty {
        Ty::A => a.cloned().unwrap_or(Type::Json),
        Ty::Any | Ty::Json => Type::Json,
        Ty::Null => Type::Null,
        Ty::Bool => Type::Bool,
        Ty::Int => Type::Int,
        Ty::Float => Type::Float,
        Ty::String => Type::String,
        Ty::Bytes => Type::Bytes,
        Ty::Timestamp => Type::Timestamp,
        Ty::Duration => Type::Duration,
        Ty::TypeOf => Type::TypeOf,
        Ty::List(item) => Type::List(Arc::new(type_of(*item, a))),
        Ty::Map(value) => Type::Map(Arc::new(type_of(*value, a))),
        Ty::Optional(inner) => match type_of(*inner, a) {
            already @ (Type::Optional(_) | Type::Null | Type::Json | Type::Error) => already,
            inner => Type::Optional(Arc::new(inner)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_is_sound() {
        let mut seen = BTreeSet::new();
        for row in rows() {
            assert!(seen.insert(row.name), "`{}` has two rows", row.name);
            assert!(!row.overloads.is_empty(), "{}", row.name);
            assert!(row.doc.ends_with('.') && row.doc.contains('`'), "{}: {}", row.name, row.doc);
            for overload in row.overloads {
                assert!(!overload.params.is_empty(), "{}", row.name);
            }
            assert!(row.name.contains('.') <= (row.form == Form::Global), "{}", row.name);
        }
    }

    #[test]
    fn names_by_form() {
        assert!(lookup("size", true).is_some() && lookup("size", false).is_some());
        assert!(lookup("startsWith", false).is_none());
        assert!(lookup("math.abs", true).is_none());
        assert!(is_namespace("math") && !is_namespace("size"));
        assert_eq!(by_name("charAt").unwrap().to_string(), "string.charAt(int) -> string");
    }
}
