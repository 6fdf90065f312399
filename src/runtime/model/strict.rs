//! JSON Schemas as providers take them that hold an answer to one: closed objects, few keywords.
//!
//! What a schema says besides goes into its descriptions. Answers are held against the type afterwards in any case.

use serde_json::{Map, Value as Json, json};

/// What a request may have.
pub(super) struct Limits {
    /// Properties that need not be there.
    pub(super) optional: usize,
    /// Unions.
    pub(super) unions: usize,
}

/// Formats that all of them know.
const FORMATS: [&str; 8] = ["date-time", "time", "date", "duration", "email", "ipv4", "ipv6", "uuid"];

struct Close {
    /// Every property is required; one that need not be there may be null instead.
    nullable: bool,
    optional: usize,
    unions: usize,
}

/// The schema with closed objects, where it can be said so within the limits.
pub(super) fn closed(schema: &Json, limits: &Limits) -> Option<Json> {
    let mut close = Close { nullable: false, optional: 0, unions: 0 };
    let closed = close.schema(schema)?;
    (close.optional <= limits.optional && close.unions <= limits.unions).then_some(closed)
}

/// The same where every property must be required: what need not be there may be null.
pub(super) fn complete(schema: &Json) -> Option<Json> {
    Close { nullable: true, optional: 0, unions: 0 }.schema(schema)
}

impl Close {
    fn schema(&mut self, schema: &Json) -> Option<Json> {
        let from = schema.as_object().filter(|fields| !fields.is_empty())?;
        let mut into = Map::new();
        let mut left = Map::new();
        for (key, value) in from {
            match (key.as_str(), value) {
                ("type" | "enum", _) => drop(into.insert(key.clone(), value.clone())),
                ("properties", Json::Object(properties)) => {
                    let required = from.get("required").and_then(Json::as_array);
                    self.object(properties, required, &mut into)?;
                }
                ("required" | "description", _) => {}
                ("additionalProperties", Json::Bool(false)) => {}
                // A map of any keys.
                ("additionalProperties", _) => return None,
                ("items", items) => drop(into.insert(key.clone(), self.schema(items)?)),
                ("anyOf", Json::Array(variants)) => {
                    self.unions += 1;
                    let variants: Option<Vec<Json>> = variants.iter().map(|v| self.schema(v)).collect();
                    into.insert(key.clone(), Json::Array(variants?));
                }
                ("format", Json::String(format)) if FORMATS.contains(&format.as_str()) => {
                    into.insert(key.clone(), value.clone());
                }
                _ => drop(left.insert(key.clone(), value.clone())),
            }
        }
        let says = from.get("description").and_then(Json::as_str);
        let more = (!left.is_empty()).then(|| Json::Object(left).to_string());
        let description: Vec<&str> = says.into_iter().chain(more.as_deref()).collect();
        if !description.is_empty() {
            into.insert("description".to_owned(), json!(description.join(" ")));
        }
        if let (None, Some(Json::Array(_))) = (into.get("type"), into.get("enum")) {
            into.insert("type".to_owned(), json!("string"));
        }
        // Any value at all cannot be said.
        (into.contains_key("type") || into.contains_key("anyOf")).then_some(Json::Object(into))
    }

    fn object(
        &mut self,
        properties: &Map<String, Json>,
        required: Option<&Vec<Json>>,
        into: &mut Map<String, Json>,
    ) -> Option<()> {
        let mut closed = Map::new();
        let mut names = Vec::new();
        for (name, schema) in properties {
            let needed = required.is_some_and(|r| r.iter().any(|n| n.as_str() == Some(name)));
            let own = self.schema(schema)?;
            let own = if needed || !self.nullable { own } else { or_null(own) };
            closed.insert(name.clone(), own);
            if needed || self.nullable {
                names.push(json!(name));
            } else {
                self.optional += 1;
            }
        }
        into.insert("properties".to_owned(), Json::Object(closed));
        into.insert("required".to_owned(), Json::Array(names));
        into.insert("additionalProperties".to_owned(), json!(false));
        Some(())
    }
}

fn or_null(schema: Json) -> Json {
    if accepts_null(&schema) { schema } else { json!({ "anyOf": [schema, { "type": "null" }] }) }
}

fn accepts_null(schema: &Json) -> bool {
    let variants = schema.get("anyOf").and_then(Json::as_array);
    schema.get("type").and_then(Json::as_str) == Some("null")
        || variants.is_some_and(|all| all.iter().any(accepts_null))
}

/// Takes the nulls out that [`complete`] let in.
pub(super) fn without_nulls(value: &mut Json, schema: &Json) {
    match value {
        Json::Object(fields) => {
            let Some(properties) = schema.get("properties").and_then(Json::as_object) else { return };
            let required = schema.get("required").and_then(Json::as_array);
            fields.retain(|name, value| {
                let needed = required.is_some_and(|r| r.iter().any(|n| n.as_str() == Some(name)));
                needed || !value.is_null()
            });
            for (name, value) in fields {
                if let Some(schema) = properties.get(name) {
                    without_nulls(value, schema);
                }
            }
        }
        Json::Array(items) => {
            let Some(schema) = schema.get("items") else { return };
            items.iter_mut().for_each(|item| without_nulls(item, schema));
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: Limits = Limits { optional: 1, unions: 1 };

    fn record() -> Json {
        json!({
            "type": "object",
            "properties": {
                "level": { "enum": ["low", "high"] },
                "count": { "type": "integer", "minimum": 1, "description": "how many" },
                "when": { "type": "string", "format": "date" },
            },
            "required": ["level", "count"],
        })
    }

    #[test]
    fn objects_are_closed_and_the_rest_is_said() {
        let wanted = json!({
            "type": "object",
            "properties": {
                "level": { "enum": ["low", "high"], "type": "string" },
                "count": { "type": "integer", "description": "how many {\"minimum\":1}" },
                "when": { "type": "string", "format": "date" },
            },
            "required": ["level", "count"],
            "additionalProperties": false,
        });
        assert_eq!(closed(&record(), &FEW), Some(wanted));
        assert_eq!(closed(&record(), &Limits { optional: 0, unions: 1 }), None, "too many optional ones");
    }

    #[test]
    fn what_need_not_be_there_may_be_null() {
        let schema = complete(&record()).unwrap();
        assert_eq!(schema["required"], json!(["level", "count", "when"]));
        let when = json!({ "anyOf": [{ "type": "string", "format": "date" }, { "type": "null" }] });
        assert_eq!(schema["properties"]["when"], when);
        let mut value = json!({ "level": "low", "count": 1, "when": null });
        without_nulls(&mut value, &record());
        assert_eq!(value, json!({ "level": "low", "count": 1 }));
        let list = json!({ "type": "array", "items": record() });
        let mut value = json!([{ "level": null, "when": null }]);
        without_nulls(&mut value, &list);
        assert_eq!(value, json!([{ "level": null }]), "a missing one is for the check of the type");
    }

    #[test]
    fn what_cannot_be_said_is_refused() {
        for schema in [
            json!({}),
            json!({ "type": "object", "additionalProperties": { "type": "string" } }),
            json!({ "type": "array", "items": {} }),
            json!({ "type": "object", "properties": { "a": {} }, "required": ["a"] }),
        ] {
            assert_eq!(complete(&schema), None, "{schema}");
        }
    }
}
