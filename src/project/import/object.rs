//! Objects: what `properties`, `required`, `allOf` and `$ref` say together.

use super::schema::{Root, note};
use indexmap::{IndexMap, IndexSet};
use serde_json::{Map, Value as Json};

/// `allOf` and `$ref` within each other at most so deep.
const MAX_DEPTH: usize = 32;

/// Conditions between values that types do not have.
pub(super) const LEFT: &[&str] = &["not", "if", "dependentRequired", "dependentSchemas", "dependencies"];

/// An object's fields, gathered.
#[derive(Default)]
pub(super) struct Object<'j> {
    pub(super) properties: IndexMap<&'j str, &'j Json>,
    pub(super) required: IndexSet<&'j str>,
    pub(super) additional: Option<&'j Json>,
    left: IndexSet<String>,
    parts: usize,
}

impl Object<'_> {
    /// What the fields do not say.
    pub(super) fn complain(&self, notes: &mut Vec<String>) {
        for text in &self.left {
            note(notes, text);
        }
        if !self.properties.is_empty() && matches!(self.additional, Some(Json::Object(of)) if !of.is_empty())
        {
            note(notes, "the types of further fields are left to the schema");
        }
    }
}

/// Gathers what a schema says of its fields.
pub(super) fn collect<'j>(
    schema: &'j Map<String, Json>,
    root: Root<'j>,
    into: &mut Object<'j>,
    depth: usize,
) {
    into.parts += 1;
    if depth > MAX_DEPTH || into.parts > 1_000 {
        into.left.insert("what is nested deeper is left to the schema".to_owned());
        return;
    }
    if let Some(Json::Object(properties)) = schema.get("properties") {
        for (name, property) in properties {
            let before = into.properties.insert(name, property);
            if before.is_some_and(|b| b != property) {
                into.left.insert(format!("`{name}` is described twice; the last holds here"));
            }
        }
    }
    if let Some(Json::Array(required)) = schema.get("required") {
        into.required.extend(required.iter().filter_map(Json::as_str));
    }
    if let Some(additional) =
        schema.get("additionalProperties").or_else(|| schema.get("unevaluatedProperties"))
    {
        into.additional = Some(additional);
    }
    for word in ["patternProperties", "propertyNames"].iter().chain(LEFT) {
        if schema.contains_key(*word) {
            into.left.insert(format!("`{word}` is left to the schema"));
        }
    }
    if let Some(Json::Object(target)) =
        schema.get("$ref").and_then(Json::as_str).and_then(|r| root.resolve(r))
    {
        collect(target, root, into, depth + 1);
    }
    if let Some(Json::Array(parts)) = schema.get("allOf") {
        for part in parts.iter().filter_map(Json::as_object) {
            collect(part, root, into, depth + 1);
        }
    }
    for word in ["anyOf", "oneOf"] {
        if depth > 0 && schema.contains_key(word) {
            into.left.insert(format!("`{word}` is left to the schema"));
        }
    }
}

/// The arguments of a skill: of an object, also one that is given in several forms.
pub(super) fn arguments<'j>(schema: &'j Json, root: Root<'j>) -> Object<'j> {
    let mut out = Object::default();
    let Some(Json::Object(schema)) = resolved(schema, root, 0) else { return out };
    collect(schema, root, &mut out, 0);
    if ["minProperties", "maxProperties"].iter().any(|word| schema.contains_key(*word)) {
        out.left.insert("the number of arguments is left to the schema".to_owned());
    }
    for word in ["anyOf", "oneOf"] {
        let Some(Json::Array(forms)) = schema.get(word) else { continue };
        out.left.insert(format!("`{word}` is left to the schema"));
        for form in forms {
            let Some(Json::Object(form)) = resolved(form, root, 0) else { continue };
            let mut one = Object::default();
            collect(form, root, &mut one, 1);
            for (name, property) in one.properties {
                out.properties.entry(name).or_insert(property);
            }
        }
    }
    if matches!(out.additional, Some(Json::Object(_) | Json::Bool(true))) && out.properties.is_empty() {
        out.left.insert("any arguments are allowed; none can be named here".to_owned());
    }
    out
}

/// What a schema stands for: the end of its `$ref`s.
pub(super) fn resolved<'j>(schema: &'j Json, root: Root<'j>, depth: usize) -> Option<&'j Json> {
    match schema.get("$ref").and_then(Json::as_str) {
        Some(_) if depth > MAX_DEPTH => None,
        Some(reference) => resolved(root.resolve(reference)?, root, depth + 1),
        None => Some(schema),
    }
}

/// Whether a schema with `allOf` is one of an object.
pub(super) fn is_object(schema: &Map<String, Json>, root: Root<'_>, depth: usize) -> bool {
    if depth > MAX_DEPTH {
        return false;
    }
    if schema.contains_key("properties") || schema.get("type").is_some_and(|t| t == "object") {
        return true;
    }
    let parts = schema.get("allOf").and_then(Json::as_array).into_iter().flatten().take(64);
    parts.filter_map(|part| resolved(part, root, 0)?.as_object()).any(|part| is_object(part, root, depth + 1))
}
