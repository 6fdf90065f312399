//! The lossless form of values in the journal: JSON, with `{"$bytes": …}` and its like for what JSON lacks.

use super::{FileRef, Map, SecretPart, Value};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(b) => serializer.serialize_bool(*b),
            Value::Int(n) => serializer.serialize_i64(*n),
            Value::Float(x) if x.is_finite() => serializer.serialize_f64(*x),
            Value::Float(x) => tagged(serializer, "$float", &x.to_string()),
            Value::String(s) => serializer.serialize_str(s),
            Value::Bytes(b) => tagged(serializer, "$bytes", &STANDARD.encode(b)),
            Value::Timestamp(t) => tagged(serializer, "$timestamp", &t.to_string()),
            Value::Duration(d) => tagged(serializer, "$duration", &(d.as_secs(), d.subsec_nanos())),
            Value::List(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                for item in items.iter() {
                    seq.serialize_element(item)?;
                }
                seq.end()
            }
            Value::Map(map) if map.keys().any(|k| k.starts_with('$')) => {
                tagged(serializer, "$map", &Plain(map))
            }
            Value::Map(map) => Plain(map).serialize(serializer),
            Value::File(f) => tagged(serializer, "$file", f.as_ref()),
            Value::Secret(parts) => tagged(serializer, "$secret", parts.as_ref()),
            Value::Type(name) => tagged(serializer, "$type", name.as_ref()),
        }
    }
}

struct Plain<'a>(&'a Map);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0 {
            map.serialize_entry(key.as_ref(), value)?;
        }
        map.end()
    }
}

fn tagged<S: Serializer, T: Serialize + ?Sized>(
    serializer: S,
    tag: &str,
    value: &T,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(tag, value)?;
    map.end()
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_tree(serde_json::Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

fn from_tree(tree: serde_json::Value) -> Result<Value, String> {
    use serde_json::Value as Json;
    Ok(match tree {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(b),
        Json::Number(n) => match n.as_i64() {
            Some(int) => Value::Int(int),
            None => Value::Float(n.as_f64().ok_or("a number out of range")?),
        },
        Json::String(s) => Value::String(s.into()),
        Json::Array(items) => {
            Value::List(Arc::new(items.into_iter().map(from_tree).collect::<Result<_, _>>()?))
        }
        Json::Object(object) => {
            let mut entries = object.into_iter();
            match (entries.next(), entries.next()) {
                (Some((tag, inner)), None) if tag.starts_with('$') => from_tag(&tag, inner)?,
                (first, second) => {
                    let rest = first.into_iter().chain(second).chain(entries);
                    plain_map(rest)?
                }
            }
        }
    })
}

fn plain_map(entries: impl Iterator<Item = (String, serde_json::Value)>) -> Result<Value, String> {
    let map: Result<Map, String> = entries.map(|(k, v)| Ok((Arc::from(k), from_tree(v)?))).collect();
    Ok(Value::Map(Arc::new(map?)))
}

fn from_tag(tag: &str, inner: serde_json::Value) -> Result<Value, String> {
    let bad = |e: serde_json::Error| format!("`{tag}`: {e}");
    let text = |inner: serde_json::Value| serde_json::from_value::<String>(inner).map_err(bad);
    Ok(match tag {
        "$float" => Value::Float(text(inner)?.parse().map_err(|e| format!("`$float`: {e}"))?),
        "$bytes" => Value::Bytes(STANDARD.decode(text(inner)?).map_err(|e| format!("`$bytes`: {e}"))?.into()),
        "$timestamp" => Value::Timestamp(text(inner)?.parse().map_err(|e| format!("`$timestamp`: {e}"))?),
        "$duration" => {
            let (secs, nanos) = serde_json::from_value::<(i64, i32)>(inner).map_err(bad)?;
            Value::Duration(jiff::SignedDuration::new(secs, nanos))
        }
        "$file" => Value::File(Arc::new(serde_json::from_value::<FileRef>(inner).map_err(bad)?)),
        "$secret" => Value::Secret(serde_json::from_value::<Vec<SecretPart>>(inner).map_err(bad)?.into()),
        "$type" => Value::Type(text(inner)?.into()),
        "$map" => match inner {
            serde_json::Value::Object(object) => plain_map(object.into_iter())?,
            _ => return Err("`$map` holds no object".into()),
        },
        _ => return Err(format!("unknown tag `{tag}`")),
    })
}
