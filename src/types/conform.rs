//! Values from outside against types: arguments, results of skills, inputs, `x as T`.

use super::{RecordType, Refinement, Type};
use crate::expr::{Env, IT, NoEnv, RunField, StatusTest, Stop, VarId, eval};
use crate::value::{FileRef, Map, Value, parse_duration, parse_timestamp};
use base64::Engine as _;
use std::fmt;
use std::sync::Arc;

/// Lists and maps lie at most so deep in each other.
const MAX_DEPTH: usize = 128;

/// Where and how a value does not fit its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// From the value down: `.items[3].name`; empty for the value itself.
    pub path: String,
    /// The type, or what is asked of the value.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "at `{}`: ", self.path)?;
        }
        write!(f, "expected {}, found {}", self.expected, self.found)
    }
}

impl std::error::Error for Mismatch {}

/// The value as one of the type. What JSON cannot say is read from its outside form: an int or `"NaN"` for a `float`, `3.0` for an
/// `int`, RFC 3339 for a `timestamp`, `"1.5s"` for a `duration`, base64 for `bytes`, an object for a `file`. Fields beyond the
/// type's are kept.
///
/// # Errors
/// The first place that does not fit.
pub fn conform(value: Value, ty: &Type) -> Result<Value, Mismatch> {
    Ok(walk(&value, ty, 0)?.unwrap_or(value))
}

/// What somebody typed, as a value: a string where the type takes one, else JSON. It is not checked against the type.
///
/// # Errors
/// It is no JSON, and no string is wanted.
pub fn from_text(text: &str, ty: Option<&Type>) -> Result<Value, String> {
    if ty.is_some_and(is_text) {
        return Ok(Value::String(text.into()));
    }
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(json) => Ok(Value::from_json(&json)),
        // `repo=a/b` needs no quotes where nothing says that it is no string.
        Err(_) if ty.is_none_or(|t| matches!(t.bare(), Type::Json)) => Ok(Value::String(text.into())),
        Err(error) => Err(format!("it is no JSON: {error}")),
    }
}

fn is_text(ty: &Type) -> bool {
    match ty.bare() {
        Type::String | Type::Literals(_) | Type::Timestamp | Type::Duration | Type::Bytes => true,
        Type::Refined { base, .. } | Type::Opaque { base, .. } | Type::Optional(base) => is_text(base),
        _ => false,
    }
}

/// `None`: it fits as it is.
type Fitted = Result<Option<Value>, Mismatch>;

fn walk(value: &Value, ty: &Type, depth: usize) -> Fitted {
    if depth > MAX_DEPTH {
        return Err(too_deep(value));
    }
    match ty {
        Type::Error | Type::Param(_) | Type::Json => shallow_enough(value, depth),
        Type::Named { ty, .. } => walk(value, ty, depth),
        Type::Labelled { inner, .. } => walk(value, inner, depth),
        Type::Opaque { base, .. } => walk(value, base, depth),
        Type::Optional(_) if value.is_null() => Ok(None),
        Type::Optional(inner) => walk(value, inner, depth),
        Type::Refined { base, refinement } => refined(value, base, refinement, depth),
        Type::List(item) => match value {
            Value::List(items) => list(items, item, depth),
            _ => Err(mismatch(ty, value)),
        },
        Type::Map(entry) => match value {
            Value::Map(map) => entries(map, |_| Some(entry), depth),
            _ => Err(mismatch(ty, value)),
        },
        Type::Record(fields) => match value {
            Value::Map(map) => record(map, fields, depth),
            _ => Err(not_as_asked("a record".to_owned(), value)),
        },
        Type::Literals(texts) => match value {
            Value::String(s) if texts.contains(s) => Ok(None),
            Value::String(s) => Err(Mismatch {
                path: String::new(),
                expected: format!("one of `{ty}`"),
                found: format!("\"{}\"", shorten(s)),
            }),
            _ => Err(mismatch(ty, value)),
        },
        Type::Null
        | Type::Bool
        | Type::Int
        | Type::Float
        | Type::String
        | Type::Bytes
        | Type::Timestamp
        | Type::Duration
        | Type::File
        | Type::TypeOf => scalar(value, ty),
    }
}

fn scalar(value: &Value, ty: &Type) -> Fitted {
    let changed = match (ty, value) {
        (Type::Null, Value::Null)
        | (Type::Bool, Value::Bool(_))
        | (Type::Int, Value::Int(_))
        | (Type::Float, Value::Float(_))
        | (Type::String, Value::String(_) | Value::Secret(_))
        | (Type::Bytes, Value::Bytes(_))
        | (Type::Timestamp, Value::Timestamp(_))
        | (Type::Duration, Value::Duration(_))
        | (Type::File, Value::File(_))
        | (Type::TypeOf, Value::Type(_)) => return Ok(None),
        (Type::Int, Value::Float(x)) => whole(*x).map(Value::Int),
        (Type::Float, Value::Int(n)) => Some(Value::Float(*n as f64)),
        (Type::Float, Value::String(s)) => match s.as_ref() {
            "NaN" => Some(Value::Float(f64::NAN)),
            "Infinity" => Some(Value::Float(f64::INFINITY)),
            "-Infinity" => Some(Value::Float(f64::NEG_INFINITY)),
            _ => None,
        },
        (Type::Timestamp, Value::String(s)) => parse_timestamp(s).map(Value::Timestamp),
        (Type::Duration, Value::String(s)) => parse_duration(s).map(Value::Duration),
        (Type::Bytes, Value::String(s)) => {
            let decoded = base64::engine::general_purpose::STANDARD.decode(s.as_bytes());
            decoded.ok().map(|bytes| Value::Bytes(bytes.into()))
        }
        (Type::File, Value::Map(map)) => file(map).map(|file| Value::File(Arc::new(file))),
        _ => None,
    };
    match changed {
        Some(value) => Ok(Some(value)),
        None => Err(mismatch(ty, value)),
    }
}

/// The int that a float is, where it is one.
fn whole(x: f64) -> Option<i64> {
    let fits = x.fract() == 0.0 && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&x);
    fits.then_some(x as i64)
}

fn file(map: &Map) -> Option<FileRef> {
    let text = |name: &str| match map.get(name) {
        Some(Value::String(s)) => Some(Arc::clone(s)),
        _ => None,
    };
    let size = map.get("size")?.as_int().filter(|n| *n >= 0)?;
    let digest = text("digest")?;
    let hex = digest.strip_prefix("sha256:")?;
    let sound = hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !sound {
        return None;
    }
    Some(FileRef { name: text("name")?, size, mime: text("mime")?, digest })
}

fn list(items: &[Value], item: &Type, depth: usize) -> Fitted {
    let mut changed: Option<Vec<Value>> = None;
    for (i, value) in items.iter().enumerate() {
        let fitted = walk(value, item, depth + 1).map_err(|m| m.below(&format!("[{i}]")))?;
        if let Some(new) = fitted {
            let all = changed.get_or_insert_with(|| items.to_vec());
            if let Some(slot) = all.get_mut(i) {
                *slot = new;
            }
        }
    }
    Ok(changed.map(Value::list))
}

/// Every entry against the type that `of` gives for its key; `None`: whatever it is.
fn entries<'t>(map: &Map, of: impl Fn(&str) -> Option<&'t Type>, depth: usize) -> Fitted {
    let mut changed: Option<Map> = None;
    for (key, value) in map {
        let fitted = match of(key) {
            Some(ty) => walk(value, ty, depth + 1),
            None => shallow_enough(value, depth + 1),
        };
        if let Some(new) = fitted.map_err(|m| m.below(&segment(key)))? {
            changed.get_or_insert_with(|| map.clone()).insert(Arc::clone(key), new);
        }
    }
    Ok(changed.map(Value::map))
}

fn record(map: &Map, record: &RecordType, depth: usize) -> Fitted {
    let missing = record.fields.iter().find(|(name, field)| !field.optional && !map.contains_key(*name));
    if let Some((name, field)) = missing {
        return Err(Mismatch {
            path: segment(name),
            expected: format!("`{}`", field.ty),
            found: "nothing".to_owned(),
        });
    }
    let type_of = |key: &str| {
        let field = record.fields.get(key)?;
        // Null is as good as absent.
        let absent = field.optional && map.get(key).is_some_and(Value::is_null);
        (!absent).then_some(&field.ty)
    };
    entries(map, type_of, depth)
}

fn shallow_enough(value: &Value, depth: usize) -> Fitted {
    let deeper = |value: &Value, step: &str| match shallow_enough(value, depth + 1) {
        Ok(_) => Ok(()),
        Err(m) => Err(m.below(step)),
    };
    if depth > MAX_DEPTH {
        return Err(too_deep(value));
    }
    match value {
        Value::List(items) => items.iter().try_for_each(|item| deeper(item, "[…]"))?,
        Value::Map(map) => map.iter().try_for_each(|(key, value)| deeper(value, &segment(key)))?,
        _ => {}
    }
    Ok(None)
}

fn refined(value: &Value, base: &Type, refinement: &Refinement, depth: usize) -> Fitted {
    let changed = walk(value, base, depth)?;
    let it = changed.as_ref().unwrap_or(value);
    let expected = || format!("a value where `{}`", refinement.text);
    match eval(&refinement.predicate, &ItEnv(it)) {
        Ok(Value::Bool(true)) => Ok(changed),
        Ok(_) => Err(not_as_asked(expected(), it)),
        Err(Stop::Error(error)) => Err(Mismatch {
            path: String::new(),
            expected: expected(),
            found: format!("{} ({})", preview(it), error.message),
        }),
        Err(Stop::Missing { .. }) => Err(not_as_asked(expected(), it)),
    }
}

/// Only `it` is known inside a refinement.
struct ItEnv<'v>(&'v Value);

impl Env for ItEnv<'_> {
    fn var(&self, var: VarId) -> Result<Value, Stop> {
        if var == IT { Ok(self.0.clone()) } else { NoEnv.var(var) }
    }

    fn tolerant(&self, var: VarId) -> Option<Value> {
        (var == IT).then(|| self.0.clone())
    }

    fn status(&self, test: StatusTest, step: VarId) -> Value {
        NoEnv.status(test, step)
    }

    fn run(&self, field: RunField) -> Value {
        NoEnv.run(field)
    }

    fn now(&self) -> jiff::Timestamp {
        NoEnv.now()
    }
}

fn too_deep(value: &Value) -> Mismatch {
    not_as_asked(format!("at most {MAX_DEPTH} levels of lists and maps"), value)
}

impl Mismatch {
    fn below(mut self, segment: &str) -> Self {
        self.path.insert_str(0, segment);
        self
    }
}

fn segment(key: &str) -> String {
    let plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain { format!(".{key}") } else { format!("[\"{}\"]", shorten(key)) }
}

fn mismatch(ty: &Type, value: &Value) -> Mismatch {
    not_as_asked(format!("`{ty}`"), value)
}

/// `expected` in words.
fn not_as_asked(expected: String, value: &Value) -> Mismatch {
    Mismatch { path: String::new(), expected, found: preview(value) }
}

/// The kind of a value, with a short scalar itself.
fn preview(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(s) => format!("the string \"{}\"", shorten(s)),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
            format!("{} {}", value.type_name(), value.scalar_text().unwrap_or_default())
        }
        Value::Secret(_) => "a secret".to_owned(),
        _ => format!("a {}", value.type_name()),
    }
}

fn shorten(text: &str) -> String {
    let mut chars = text.chars();
    let short: String = chars.by_ref().take(40).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if chars.next().is_some() { format!("{short}…") } else { short }
}

#[cfg(test)]
mod tests {
    use super::super::{Field, Labels};
    use super::*;
    use crate::expr::{BinaryOp, Expr, ExprKind};
    use crate::source::Span;
    use serde_json::json;

    fn field(ty: Type, optional: bool) -> Field {
        Field { ty, optional, labels: Labels::default(), docs: None }
    }

    fn record_of(fields: &[(&str, Type, bool)]) -> Type {
        let fields = fields
            .iter()
            .map(|(name, ty, optional)| (Arc::from(*name), field(ty.clone(), *optional)))
            .collect();
        Type::Record(Arc::new(RecordType { fields }))
    }

    fn list_of(item: Type) -> Type {
        Type::List(Arc::new(item))
    }

    /// `base where (it <= 3)`
    fn at_most_three(base: Type) -> Type {
        let node = |kind| Expr { kind: Box::new(kind), span: Span::default(), ty: Type::Error };
        let (it, three) = (node(ExprKind::Var(IT)), node(ExprKind::Literal(Value::Int(3))));
        let predicate = node(ExprKind::Binary { op: BinaryOp::Le, left: it, right: three });
        let refinement = Refinement { text: "it <= 3".into(), predicate };
        Type::Refined { base: Arc::new(base), refinement: Arc::new(refinement) }
    }

    fn try_json(json: serde_json::Value, ty: &Type) -> Result<Value, String> {
        conform(Value::from_json(&json), ty).map_err(|m| m.to_string())
    }

    #[test]
    fn what_json_cannot_say_is_read() {
        assert_eq!(try_json(json!(1), &Type::Float), Ok(Value::Float(1.0)));
        assert_eq!(try_json(json!(3.0), &Type::Int), Ok(Value::Int(3)));
        assert_eq!(try_json(json!("-Infinity"), &Type::Float), Ok(Value::Float(f64::NEG_INFINITY)));
        assert_eq!(try_json(json!("aGk="), &Type::Bytes), Ok(Value::Bytes(b"hi".to_vec().into())));
        assert!(matches!(try_json(json!("2026-01-31T12:00:00Z"), &Type::Timestamp), Ok(Value::Timestamp(_))));
        assert!(matches!(try_json(json!("1.5s"), &Type::Duration), Ok(Value::Duration(_))));
        let digest = format!("sha256:{}", "0".repeat(64));
        let file = json!({"name": "a", "size": 1, "mime": "text/plain", "digest": digest});
        assert!(matches!(try_json(file.clone(), &Type::File), Ok(Value::File(_))));
        assert_eq!(try_json(file.clone(), &Type::File).unwrap().to_json(), file);
        assert!(
            try_json(json!({"name": "a", "size": 1, "mime": "m", "digest": "../x"}), &Type::File).is_err()
        );
        assert!(try_json(json!(1e300), &Type::Int).is_err());
    }

    #[test]
    fn the_place_is_named() {
        let item = record_of(&[("name", Type::String, false), ("note", Type::Int, true)]);
        let ty = record_of(&[("items", list_of(item), false)]);
        let text = |json| try_json(json, &ty).unwrap_err();
        assert_eq!(
            text(json!({"items": [{"name": "a"}, {}]})),
            "at `.items[1].name`: expected `string`, found nothing"
        );
        assert_eq!(
            text(json!({"items": [{"name": 1}]})),
            "at `.items[0].name`: expected `string`, found int 1"
        );
        assert_eq!(text(json!([])), "expected a record, found a list");
        let good = json!({"items": [{"name": "a", "note": null, "more": [1]}], "x": 1});
        assert_eq!(try_json(good.clone(), &ty).unwrap().to_json(), good);
    }

    #[test]
    fn refinements_and_unions() {
        assert_eq!(try_json(json!(3), &at_most_three(Type::Int)), Ok(Value::Int(3)));
        let text = try_json(json!([4]), &list_of(at_most_three(Type::Int))).unwrap_err();
        assert_eq!(text, "at `[0]`: expected a value where `it <= 3`, found int 4");
        let union = Type::Literals(["low".into(), "high".into()].into());
        assert!(try_json(json!("low"), &union).is_ok());
        let text = try_json(json!("mid"), &union).unwrap_err();
        assert_eq!(text, "expected one of `\"low\" | \"high\"`, found \"mid\"");
        assert_eq!(try_json(json!(null), &Type::Optional(Arc::new(union))), Ok(Value::Null));
    }

    #[test]
    fn depth_is_bounded() {
        let mut value = Value::Null;
        for _ in 0..300 {
            value = Value::list(vec![value]);
        }
        assert!(conform(value, &Type::Json).is_err());
    }
}
