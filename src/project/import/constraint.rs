//! What a schema asks of a value beside its type, as conditions over `it`.

use super::literal::{json, number, pattern};
use super::shape::Shape;
use crate::expr::functions::check_pattern;
use crate::types::FORMATS;
use serde_json::{Map, Number, Value as Json};

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Constraint {
    /// `it >= 1`
    Compare(&'static str, Number),
    /// `size(it) >= 1`
    Size(&'static str, u64),
    Matches(String),
    OneOf(Vec<Json>),
    MultipleOf(i64),
    Distinct,
}

impl Constraint {
    pub(super) fn text(&self, base: &Shape) -> String {
        match self {
            Constraint::Compare(op, n) => format!("it {op} {}", number(n).unwrap_or_default()),
            Constraint::Size(op, n) => format!("size(it) {op} {n}"),
            Constraint::Matches(p) => format!("matches(it, {})", pattern(p)),
            Constraint::OneOf(values) => match values.as_slice() {
                [only] => format!("it == {}", self.value(only, base)),
                _ => {
                    let all: Vec<String> = values.iter().map(|v| self.value(v, base)).collect();
                    format!("it in [{}]", all.join(", "))
                }
            },
            Constraint::MultipleOf(n) => format!("it % {n} == 0"),
            Constraint::Distinct => "size(it.distinct()) == size(it)".to_owned(),
        }
    }

    /// A number as the base's own kind.
    fn value(&self, value: &Json, base: &Shape) -> String {
        match (base, value.as_f64()) {
            (Shape::Float, Some(x)) => format!("{x:?}"),
            _ => json(value).unwrap_or_default(),
        }
    }

    pub(super) fn holds(&self, value: &Json) -> bool {
        match self {
            Constraint::Compare(op, n) => {
                let (Some(a), Some(b)) = (value.as_f64(), n.as_f64()) else { return false };
                match *op {
                    ">=" => a >= b,
                    ">" => a > b,
                    "<=" => a <= b,
                    _ => a < b,
                }
            }
            Constraint::Size(op, n) => {
                let size = match value {
                    Json::String(s) => s.chars().count(),
                    Json::Array(items) => items.len(),
                    Json::Object(map) => map.len(),
                    Json::Null | Json::Bool(_) | Json::Number(_) => return false,
                } as u64;
                if *op == ">=" { size >= *n } else { size <= *n }
            }
            Constraint::Matches(p) => {
                value.as_str().is_some_and(|s| regex::Regex::new(p).is_ok_and(|r| r.is_match(s)))
            }
            Constraint::OneOf(values) => values.contains(value),
            Constraint::MultipleOf(n) => value.as_i64().is_some_and(|v| v % n == 0),
            // A default that repeats an item is left to the run.
            Constraint::Distinct => value.as_array().is_some_and(|l| l.len() < 2),
        }
    }
}

type Schema = Map<String, Json>;

/// `minLength`, `maxLength`, `pattern`, `format`.
pub(super) fn of_string(schema: &Schema, notes: &mut Vec<String>) -> Vec<Constraint> {
    let mut out = sizes(schema, "minLength", "maxLength");
    if let Some(text) = schema.get("pattern").and_then(Json::as_str) {
        match check_pattern(text) {
            Ok(()) => out.push(Constraint::Matches(text.to_owned())),
            Err(_) => notes.push(format!("the pattern {text:?} is left to the schema")),
        }
    }
    if let Some(format) = schema.get("format").and_then(Json::as_str) {
        match FORMATS.iter().find(|(name, _)| *name == format) {
            Some((_, pattern)) => out.push(Constraint::Matches((*pattern).to_owned())),
            None if ["password", "textarea", "multiline", "text", "string"].contains(&format) => {}
            None => notes.push(format!("the format `{format}` is left to the schema")),
        }
    }
    out
}

/// `minimum`, `maximum` and their kind; `multipleOf` of ints.
pub(super) fn of_number(schema: &Schema, int: bool, notes: &mut Vec<String>) -> Vec<Constraint> {
    let mut out = Vec::new();
    // Draft 4 says `exclusiveMinimum: true` beside `minimum`.
    let exclusive = |word: &str| schema.get(word) == Some(&Json::Bool(true));
    let words = [
        ("minimum", if exclusive("exclusiveMinimum") { ">" } else { ">=" }),
        ("exclusiveMinimum", ">"),
        ("maximum", if exclusive("exclusiveMaximum") { "<" } else { "<=" }),
        ("exclusiveMaximum", "<"),
    ];
    for (word, op) in words {
        if let Some(Json::Number(limit)) = schema.get(word) {
            let limit = if int { whole_limit(limit, op) } else { number(limit).map(|_| limit.clone()) };
            // A limit beyond the 64-bit ints always holds, or is the schema's affair.
            out.extend(limit.map(|l| Constraint::Compare(op, l)));
        }
    }
    match schema.get("multipleOf") {
        Some(Json::Number(n)) if int && n.as_i64().is_some_and(|n| n > 0) => {
            out.extend(n.as_i64().filter(|n| *n > 1).map(Constraint::MultipleOf));
        }
        Some(n) => notes.push(format!("`multipleOf: {n}` is left to the schema")),
        None => {}
    }
    out
}

/// The limit of an int: a fraction is rounded to the int that means the same.
fn whole_limit(limit: &Number, op: &str) -> Option<Number> {
    if let Some(n) = limit.as_i64() {
        return (n != i64::MIN).then(|| n.into());
    }
    let x = limit.as_f64()?;
    let x = match op {
        ">=" | "<" => x.ceil(),
        _ => x.floor(),
    };
    (x.abs() < 9.0e18).then(|| Number::from(x as i64))
}

pub(super) fn sizes(schema: &Schema, min: &str, max: &str) -> Vec<Constraint> {
    let count = |word: &str| {
        let n = schema.get(word)?;
        n.as_u64()
            .or_else(|| n.as_f64().filter(|x| x.fract() == 0.0 && (0.0..1e15).contains(x)).map(|x| x as u64))
    };
    let min = count(min).filter(|n| *n > 0 && *n < 1 << 60).map(|n| Constraint::Size(">=", n));
    let max = count(max).filter(|n| *n < 1 << 60).map(|n| Constraint::Size("<=", n));
    min.into_iter().chain(max).collect()
}
