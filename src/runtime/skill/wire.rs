//! Values as the JSON that providers and servers speak, and back.

use crate::engine::Failure;
use crate::value::{Map, Value};
use base64::Engine as _;
use serde_json::Value as Json;
use std::sync::Arc;

/// The deepest nesting that is sent; what is read has serde_json's own limit, which is the same.
const MAX_DEPTH: usize = 128;

/// A map as a JSON object.
///
/// # Errors
/// `invalid_input` if it is nested too deeply or holds what JSON cannot.
pub(super) fn object(map: &Map) -> Result<serde_json::Map<String, Json>, Failure> {
    map.iter().map(|(key, value)| Ok((key.to_string(), to_json_at(value, 1)?))).collect()
}

/// A value as JSON, in the form of `run --json`.
///
/// # Errors
/// As [`object`].
pub(super) fn to_json(value: &Value) -> Result<Json, Failure> {
    to_json_at(value, 0)
}

fn to_json_at(value: &Value, depth: usize) -> Result<Json, Failure> {
    if depth > MAX_DEPTH {
        return Err(Failure::new("invalid_input", format!("nested deeper than {MAX_DEPTH} levels")));
    }
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(b) => Json::Bool(*b),
        Value::Int(n) => Json::from(*n),
        Value::Float(x) => match serde_json::Number::from_f64(*x) {
            Some(number) => Json::Number(number),
            None if x.is_nan() => "NaN".into(),
            None if *x > 0.0 => "Infinity".into(),
            None => "-Infinity".into(),
        },
        Value::String(text) => text.as_ref().into(),
        Value::Bytes(bytes) => base64::engine::general_purpose::STANDARD.encode(bytes).into(),
        Value::Timestamp(at) => at.to_string().into(),
        Value::Duration(span) => seconds(*span).into(),
        Value::List(items) => {
            Json::Array(items.iter().map(|item| to_json_at(item, depth + 1)).collect::<Result<_, _>>()?)
        }
        Value::Map(map) => Json::Object(
            map.iter()
                .map(|(key, value)| Ok((key.to_string(), to_json_at(value, depth + 1)?)))
                .collect::<Result<_, Failure>>()?,
        ),
        Value::File(file) => serde_json::to_value(file.as_ref())
            .map_err(|error| Failure::new("internal", format!("a file as JSON: {error}")))?,
        Value::Secret(_) => {
            return Err(Failure::new("internal", "a secret that was not resolved reached a skill"));
        }
        Value::Type(name) => name.as_ref().into(),
    })
}

/// `1.5s`
fn seconds(span: jiff::SignedDuration) -> String {
    let nanos = span.subsec_nanos().unsigned_abs();
    let sign = if span.is_negative() { "-" } else { "" };
    let secs = span.as_secs().unsigned_abs();
    if nanos == 0 {
        return format!("{sign}{secs}s");
    }
    let fraction = format!("{nanos:09}");
    format!("{sign}{secs}.{}s", fraction.trim_end_matches('0'))
}

/// JSON as a value: no type is known here, so texts stay texts.
pub(super) fn from_json(json: Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(b),
        Json::Number(n) => match n.as_i64() {
            Some(int) => Value::Int(int),
            None => Value::Float(n.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::String(text.into()),
        Json::Array(items) => Value::List(Arc::new(items.into_iter().map(from_json).collect())),
        Json::Object(object) => Value::Map(Arc::new(
            object.into_iter().map(|(key, value)| (key.into(), from_json(value))).collect(),
        )),
    }
}

/// A record from its fields.
pub(super) fn record<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Map(Arc::new(fields.into_iter().map(|(name, value)| (name.into(), value)).collect()))
}

/// A text cut to at most `max` characters, marked where it was.
pub(super) fn excerpt(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_seconds() {
        assert_eq!(seconds(jiff::SignedDuration::from_millis(1_500)), "1.5s");
        assert_eq!(seconds(jiff::SignedDuration::from_millis(-500)), "-0.5s");
        assert_eq!(seconds(jiff::SignedDuration::from_secs(90)), "90s");
    }

    #[test]
    fn too_deep_is_a_failure() {
        let mut value = Value::Null;
        for _ in 0..1_000 {
            value = Value::List(Arc::new(vec![value]));
        }
        assert_eq!(to_json(&value).unwrap_err().kind.as_ref(), "invalid_input");
    }

    #[test]
    fn numbers_keep_their_kind() {
        let value = from_json(serde_json::json!([1, 1.0, 18_446_744_073_709_551_615_u64]));
        assert_eq!(format!("{value:?}"), "List([Int(1), Float(1.0), Float(1.8446744073709552e19)])");
    }
}
