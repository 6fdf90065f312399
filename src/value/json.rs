//! The outside form of values: what users, skills and models read and write. It loses types (see `journal` for the form that does not).

use super::{FileRef, Map, Value, duration_text};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use std::sync::Arc;

impl Value {
    /// The outside form: floats that JSON lacks as `"NaN"`, bytes in base64, timestamps in RFC 3339, durations like `"1.5s"`,
    /// files as objects, secrets as `"[secret]"`.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match self {
            Value::Null => Json::Null,
            Value::Bool(b) => Json::Bool(*b),
            Value::Int(n) => Json::from(*n),
            Value::Float(x) => float_json(*x),
            Value::String(s) | Value::Type(s) => Json::String(s.as_ref().to_owned()),
            Value::Bytes(b) => Json::String(STANDARD.encode(b)),
            Value::Timestamp(t) => Json::String(t.to_string()),
            Value::Duration(d) => Json::String(duration_text(*d)),
            Value::List(items) => Json::Array(items.iter().map(Value::to_json).collect()),
            Value::Map(map) => {
                Json::Object(map.iter().map(|(k, v)| (k.as_ref().to_owned(), v.to_json())).collect())
            }
            Value::File(file) => file_json(file),
            Value::Secret(_) => Json::String("[secret]".to_owned()),
        }
    }

    /// A value from JSON: numbers without fraction and exponent that fit are `int`, all other numbers `float`.
    #[must_use]
    pub fn from_json(json: &Json) -> Value {
        match json {
            Json::Null => Value::Null,
            Json::Bool(b) => Value::Bool(*b),
            Json::Number(n) => match n.as_i64() {
                Some(int) => Value::Int(int),
                None => Value::Float(n.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(s) => Value::String(s.as_str().into()),
            Json::Array(items) => Value::List(Arc::new(items.iter().map(Value::from_json).collect())),
            Json::Object(object) => {
                let map: Map =
                    object.iter().map(|(k, v)| (Arc::from(k.as_str()), Value::from_json(v))).collect();
                Value::Map(Arc::new(map))
            }
        }
    }
}

fn float_json(x: f64) -> Json {
    match serde_json::Number::from_f64(x) {
        Some(number) => Json::Number(number),
        None if x.is_nan() => Json::String("NaN".to_owned()),
        None if x > 0.0 => Json::String("Infinity".to_owned()),
        None => Json::String("-Infinity".to_owned()),
    }
}

fn file_json(file: &FileRef) -> Json {
    serde_json::json!({
        "name": file.name.as_ref(),
        "size": file.size,
        "mime": file.mime.as_ref(),
        "digest": file.digest.as_ref(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_keep_their_kind() {
        let value = Value::from_json(&serde_json::from_str("[3, 3.0, 1e2, 9223372036854775808]").unwrap());
        let items = value.as_list().unwrap();
        assert!(matches!(items[0], Value::Int(3)));
        assert!(matches!(items[1], Value::Float(_)));
        assert!(matches!(items[2], Value::Float(_)));
        assert!(matches!(items[3], Value::Float(_)));
        assert_eq!(value.to_json(), json!([3, 3.0, 1e2, 9_223_372_036_854_775_808.0]));
    }

    #[test]
    fn what_json_lacks() {
        assert_eq!(Value::Float(f64::NAN).to_json(), json!("NaN"));
        assert_eq!(Value::Float(f64::NEG_INFINITY).to_json(), json!("-Infinity"));
        assert_eq!(Value::Bytes(b"hello".to_vec().into()).to_json(), json!("aGVsbG8="));
        assert_eq!(Value::Duration(jiff::SignedDuration::from_millis(1500)).to_json(), json!("1.5s"));
        let secret = Value::Secret([super::super::SecretPart::Name("KEY".into())].into());
        assert_eq!(Value::list(vec![secret]).to_json(), json!(["[secret]"]));
    }
}
