//! One form of each value, for digests of arguments, plans and blobs: the journal's form with sorted keys.

use super::Value;
use sha2::{Digest as _, Sha256};

/// SHA-256 of the canonical form, in hexadecimal. Maps that differ only in the order of their keys have the same digest; `1` and `1.0` do not.
#[must_use]
pub fn canonical_digest(value: &Value) -> String {
    let mut hasher = Sha256::new();
    canonical_feed(value, &mut hasher);
    hex(&hasher.finalize())
}

/// Bytes in hexadecimal. (Formatting each would take longer than the digest.)
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |n: u8| DIGITS.get(usize::from(n)).map_or('0', |d| char::from(*d));
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

/// Feeds the canonical form to a digest. Tag, length, content: no two values give the same bytes.
pub fn canonical_feed(value: &Value, hasher: &mut Sha256) {
    match value {
        Value::List(items) => {
            head(hasher, b'l', items.len());
            items.iter().for_each(|item| canonical_feed(item, hasher));
        }
        Value::Map(map) => {
            head(hasher, b'm', map.len());
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            for (key, value) in entries {
                block(hasher, b'k', key.as_bytes());
                canonical_feed(value, hasher);
            }
        }
        Value::String(s) => block(hasher, b's', s.as_bytes()),
        Value::Bytes(bytes) => block(hasher, b'b', bytes),
        Value::Float(x) => {
            // One NaN.
            let x = if x.is_nan() { f64::NAN } else { *x };
            block(hasher, b'f', &x.to_be_bytes());
        }
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Timestamp(_)
        | Value::Duration(_)
        | Value::File(_)
        | Value::Secret(_)
        | Value::Type(_) => {
            // Small, and their journal form has one spelling.
            let text = serde_json::to_vec(value).unwrap_or_default();
            block(hasher, b'v', &text);
        }
    }
}

fn head(hasher: &mut Sha256, tag: u8, len: usize) {
    hasher.update([tag]);
    hasher.update((len as u64).to_be_bytes());
}

fn block(hasher: &mut Sha256, tag: u8, bytes: &[u8]) {
    head(hasher, tag, bytes.len());
    hasher.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn digest(json: serde_json::Value) -> String {
        canonical_digest(&Value::from_json(&json))
    }

    #[test]
    fn order_of_keys_does_not_count() {
        assert_eq!(digest(json!({"a": 1, "b": [2]})), digest(json!({"b": [2], "a": 1})));
        assert_eq!(digest(json!({})).len(), 64);
    }

    #[test]
    fn different_values_differ() {
        let all = [
            json!(null),
            json!(1),
            json!(1.0),
            json!("1"),
            json!([1]),
            json!([[1]]),
            json!({"a": 1}),
            json!({"a": "1"}),
            json!(["a", 1]),
            json!([]),
            json!({}),
            json!(""),
        ];
        let digests: std::collections::BTreeSet<_> = all.iter().cloned().map(digest).collect();
        assert_eq!(digests.len(), all.len());
    }
}
