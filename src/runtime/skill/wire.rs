//! Values as the JSON that providers and servers speak, and back.

use crate::engine::Failure;
use crate::value::{Map, Value};
use serde_json::Value as Json;
use std::sync::Arc;

/// The deepest nesting that is sent; what is read has serde_json's own limit, which is the same.
const MAX_DEPTH: usize = 128;

/// A map as a JSON object.
///
/// # Errors
/// `invalid_input` if it is nested too deeply, `internal` if it holds a secret that nobody opened.
pub(super) fn object(map: &Map) -> Result<Json, Failure> {
    to_json(&Value::Map(Arc::new(map.clone())))
}

/// A value as JSON, in its outside form.
///
/// # Errors
/// As [`object`].
pub(super) fn to_json(value: &Value) -> Result<Json, Failure> {
    if value.depth() > MAX_DEPTH {
        return Err(Failure::new("invalid_input", format!("nested deeper than {MAX_DEPTH} levels")));
    }
    if value.holds_secret() {
        return Err(Failure::new("internal", "a secret that was not resolved reached a skill"));
    }
    Ok(value.to_json())
}

/// JSON as a value: no type is known here, so texts stay texts.
pub(super) fn from_json(json: Json) -> Value {
    Value::from_json(&json)
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
    fn too_deep_is_a_failure() {
        let mut value = Value::Null;
        for _ in 0..1_000 {
            value = Value::List(Arc::new(vec![value]));
        }
        assert_eq!(to_json(&value).unwrap_err().kind.as_ref(), "invalid_input");
    }

    #[test]
    fn excerpts_end_between_characters() {
        assert_eq!(excerpt("äöü", 2), "äö…");
        assert_eq!(excerpt("äöü", 3), "äöü");
    }
}
