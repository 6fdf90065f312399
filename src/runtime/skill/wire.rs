//! Values as the JSON that providers and servers speak, and back.

use crate::engine::Failure;
use crate::value::{Map, Value};
use serde_json::Value as Json;
use std::sync::Arc;

/// The deepest nesting that is sent; what is read has serde_json's own limit, which is the same.
const MAX_DEPTH: usize = 128;
/// The most values and keys in one text of JSON that is read.
pub(super) const MAX_VALUES: usize = 1_000_000;

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
pub(in crate::runtime) fn from_json(json: Json) -> Value {
    Value::from_json(&json)
}

/// Reads JSON of at most [`MAX_VALUES`] values: small ones take many times their bytes once they are read.
///
/// # Errors
/// What is wrong with it.
pub(in crate::runtime) fn parse(bytes: &[u8]) -> Result<Json, String> {
    if values(bytes) > MAX_VALUES {
        return Err(format!("the JSON has more than {MAX_VALUES} values"));
    }
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

/// How many values and keys some JSON holds, or a few more.
pub(super) fn values(bytes: &[u8]) -> usize {
    let (mut count, mut quoted, mut escaped) = (1, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' | b':' | b'[' | b'{' if !quoted => count += 1,
            _ => {}
        }
    }
    count
}

/// A record from its fields.
pub(super) fn record<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Map(Arc::new(fields.into_iter().map(|(name, value)| (name.into(), value)).collect()))
}

/// Stands where a text was cut. Secrets are scrubbed later: what stands before it may be the beginning of one.
pub(super) const CUT: char = '…';

/// A text cut to at most `max` characters, marked where it was.
pub(in crate::runtime) fn excerpt(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}{CUT}", text.get(..at).unwrap_or_default()),
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
    fn values_are_counted() {
        assert_eq!(values(br#"{"a,[": [1, "\\",{}], "b\":": 2}"#), 9);
        let mut text = "[".to_owned() + &"1,".repeat(MAX_VALUES) + "1]";
        assert!(parse(text.as_bytes()).unwrap_err().contains("more than"));
        text = format!("\"{}\"", ",".repeat(MAX_VALUES + 2));
        assert!(parse(text.as_bytes()).is_ok());
    }

    #[test]
    fn excerpts_end_between_characters() {
        assert_eq!(excerpt("äöü", 2), "äö…");
        assert_eq!(excerpt("äöü", 3), "äöü");
    }
}
