//! Schemas as their dialects write them, turned into JSON Schema 2020-12: what is kept beside the signatures can be held against values.

use serde_json::{Map, Value as Json, json};
use std::collections::HashSet;

/// The types of JSON Schema, and the other names that tool lists have for them.
pub(super) fn standard_type(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "string" | "str" | "text" => "string",
        "integer" | "int" | "long" => "integer",
        "number" | "float" | "double" => "number",
        "boolean" | "bool" => "boolean",
        "null" | "none" => "null",
        "array" | "list" | "tuple" => "array",
        "object" | "dict" => "object",
        _ => return None,
    })
}

/// Keywords whose value is a schema.
const ONE: [&str; 12] = [
    "items",
    "additionalProperties",
    "unevaluatedProperties",
    "unevaluatedItems",
    "contains",
    "propertyNames",
    "not",
    "if",
    "then",
    "else",
    "contentSchema",
    "schema",
];
/// Keywords whose value is a list of schemas.
const MANY: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords whose value is a map of schemas.
const NAMED: [&str; 7] =
    ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "schemas", "parameters"];
/// Schemas deeper than this stay as they are: what reads them refuses them.
const MAX_DEPTH: usize = 256;

/// The schema in 2020-12, or in the draft that it names itself.
pub(super) fn schema(mut schema: Json) -> Json {
    let known = |uri: &str| uri.contains("json-schema.org/");
    if let Json::Object(map) = &mut schema {
        match map.get("$schema").and_then(Json::as_str) {
            Some(uri) if known(uri) => return own_draft(schema),
            Some(_) => {
                map.remove("$schema");
            }
            None => {}
        }
    }
    let mut ids = HashSet::new();
    collect_ids(&schema, &mut ids, 0);
    walk(&mut schema, &ids, 0);
    schema
}

/// Of a draft that has a name nothing is changed, but what leads outside.
fn own_draft(mut schema: Json) -> Json {
    let mut ids = HashSet::new();
    collect_ids(&schema, &mut ids, 0);
    close(&mut schema, &ids, 0);
    schema
}

fn collect_ids(schema: &Json, ids: &mut HashSet<String>, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    match schema {
        Json::Object(map) => {
            for id in ["$id", "id"].iter().filter_map(|w| map.get(*w)?.as_str()) {
                let id = id.trim_end_matches('#');
                // Relative references name the last part.
                ids.extend([id, id.rsplit('/').next().unwrap_or(id)].map(str::to_owned));
            }
            map.values().for_each(|v| collect_ids(v, ids, depth + 1));
        }
        Json::Array(items) => items.iter().for_each(|v| collect_ids(v, ids, depth + 1)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// Takes away references that lead outside the document: nothing is fetched, and the note says so.
fn close(schema: &mut Json, ids: &HashSet<String>, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    match schema {
        Json::Object(map) => {
            let outside = map.get("$ref").and_then(Json::as_str).is_some_and(|r| {
                let file = r.split('#').next().unwrap_or_default();
                let inside = r.starts_with('#')
                    || file.starts_with("https://json-schema.org/draft/")
                    || file.starts_with("http://json-schema.org/draft-")
                    || ids.contains(file);
                !inside
            });
            if outside {
                map.remove("$ref");
            }
            map.values_mut().for_each(|v| close(v, ids, depth + 1));
        }
        Json::Array(items) => items.iter_mut().for_each(|v| close(v, ids, depth + 1)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn walk(schema: &mut Json, ids: &HashSet<String>, depth: usize) {
    let Json::Object(map) = schema else { return };
    if depth > MAX_DEPTH {
        return;
    }
    words(map);
    arrays(map);
    dependencies(map);
    for word in ONE {
        if let Some(inner) = map.get_mut(word) {
            walk(inner, ids, depth + 1);
        }
    }
    for word in MANY {
        for inner in map.get_mut(word).and_then(Json::as_array_mut).into_iter().flatten() {
            walk(inner, ids, depth + 1);
        }
    }
    for word in NAMED {
        for (_, inner) in map.get_mut(word).and_then(Json::as_object_mut).into_iter().flatten() {
            walk(inner, ids, depth + 1);
        }
    }
    // OpenAPI's shared parts.
    if let Some(components) = map.get_mut("components") {
        walk(components, ids, depth + 1);
    }
    let nullable = map.remove("nullable") == Some(Json::Bool(true));
    if depth == 0 {
        close(schema, ids, 0);
    }
    if nullable {
        nulled(schema);
    }
}

/// Types by other names, and keywords of other drafts.
fn words(map: &mut Map<String, Json>) {
    match map.get("type") {
        Some(Json::String(name)) => match standard_type(name) {
            Some(standard) => {
                map.insert("type".to_owned(), json!(standard));
            }
            None => {
                map.remove("type");
            }
        },
        Some(Json::Array(names)) => {
            let known: Option<Vec<&str>> = names.iter().map(|n| n.as_str().and_then(standard_type)).collect();
            let mut known = known.unwrap_or_default();
            let mut seen = Vec::new();
            known.retain(|n| {
                !seen.contains(n) && {
                    seen.push(n);
                    true
                }
            });
            if known.is_empty() {
                map.remove("type");
            } else {
                map.insert("type".to_owned(), json!(known));
            }
        }
        Some(_) => {
            map.remove("type");
        }
        None => {}
    }
    // Draft 3 and 4: `required: true` in a property, `exclusiveMinimum: true` beside `minimum`.
    if matches!(map.get("required"), Some(r) if !r.is_array()) {
        map.remove("required");
    }
    for (flag, limit) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        match map.get(flag) {
            Some(Json::Bool(true)) => match map.remove(limit) {
                Some(value) => {
                    map.insert(flag.to_owned(), value);
                }
                None => {
                    map.remove(flag);
                }
            },
            Some(Json::Bool(false)) => {
                map.remove(flag);
            }
            _ => {}
        }
    }
}

/// `items: […]` with `additionalItems`.
fn arrays(map: &mut Map<String, Json>) {
    if matches!(map.get("items"), Some(Json::Array(_)))
        && let Some(first) = map.remove("items")
    {
        map.entry("prefixItems").or_insert(first);
        if let Some(rest) = map.remove("additionalItems") {
            map.insert("items".to_owned(), rest);
        }
    }
}

fn dependencies(map: &mut Map<String, Json>) {
    let Some(Json::Object(all)) = map.get("dependencies").cloned() else { return };
    map.remove("dependencies");
    for (name, wants) in all {
        let word = if wants.is_array() { "dependentRequired" } else { "dependentSchemas" };
        if let Json::Object(of) = map.entry(word).or_insert_with(|| json!({})) {
            of.entry(name).or_insert(wants);
        }
    }
}

/// The schema, or null.
fn nulled(schema: &mut Json) {
    let Json::Object(map) = schema else { return };
    let plain =
        !["$ref", "allOf", "anyOf", "oneOf", "const", "not", "if"].iter().any(|w| map.contains_key(*w));
    if plain && let Some(Json::String(kind)) = map.get("type") {
        let kinds = json!([kind, "null"]);
        map.insert("type".to_owned(), kinds);
        if let Some(Json::Array(values)) = map.get_mut("enum")
            && !values.contains(&Json::Null)
        {
            values.push(Json::Null);
        }
        return;
    }
    // What others refer to stays where it is.
    let mut outer = Map::new();
    for word in ["$defs", "definitions", "components", "description", "title", "default"] {
        if let Some(value) = map.remove(word) {
            outer.insert(word.to_owned(), value);
        }
    }
    let inner = std::mem::take(map);
    outer.insert("anyOf".to_owned(), json!([inner, { "type": "null" }]));
    *map = outer;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialects() {
        for (from, to) in [
            (json!({ "type": "STRING", "nullable": true }), json!({ "type": ["string", "null"] })),
            (json!({ "type": "any" }), json!({})),
            (
                json!({ "type": "number", "minimum": 1, "exclusiveMinimum": true }),
                json!({ "type": "number", "exclusiveMinimum": 1 }),
            ),
            (
                json!({ "type": "array", "items": [{ "type": "int" }], "additionalItems": false }),
                json!({ "type": "array", "prefixItems": [{ "type": "integer" }], "items": false }),
            ),
            (
                json!({ "$ref": "#/$defs/a", "nullable": true }),
                json!({ "anyOf": [{ "$ref": "#/$defs/a" }, { "type": "null" }] }),
            ),
            (
                json!({ "enum": ["a"], "type": "string", "nullable": true }),
                json!({ "enum": ["a", null], "type": ["string", "null"] }),
            ),
            (
                json!({ "dependencies": { "a": ["b"], "c": { "type": "dict" } } }),
                json!({ "dependentRequired": { "a": ["b"] }, "dependentSchemas": { "c": { "type": "object" } } }),
            ),
            (
                json!({ "properties": { "a": { "type": "string", "required": true }, "type": { "type": "bool" } } }),
                json!({ "properties": { "a": { "type": "string" }, "type": { "type": "boolean" } } }),
            ),
            (
                json!({ "properties": { "a": { "$ref": "https://example.com/a.json" } } }),
                json!({ "properties": { "a": {} } }),
            ),
            (json!({ "const": { "type": "STRING" } }), json!({ "const": { "type": "STRING" } })),
        ] {
            let shown = from.to_string();
            assert_eq!(schema(from), to, "{shown}");
        }
    }
}
