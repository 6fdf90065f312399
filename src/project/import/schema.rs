//! From JSON Schema to types.

use super::constraint::{self, Constraint};
use super::literal::type_name_of;
use super::object;
use super::shape::{Field, Shape, Types};
use serde_json::{Map, Value as Json};
use std::collections::HashMap;

/// Schemas nested deeper than this are `json`.
const MAX_DEPTH: usize = 20;
/// The most schemas looked at for one document; what comes after is `json`.
const MAX_NODES: usize = 200_000;
/// The most literals of one union.
const MAX_LITERALS: usize = 1_000;

/// Turns schemas to types, and declares those that `$ref` names.
pub(super) struct Converter {
    /// Before the names of declared types: files of one project share them.
    prefix: String,
    pub(super) types: Types,
    /// What each declared type could not say.
    pub(super) leads: HashMap<String, Field>,
    /// The declared types of the document at hand by pointer; none while one is being made.
    by_pointer: HashMap<String, Option<String>>,
    nodes: usize,
}

/// Where a schema's `$ref`s lead.
#[derive(Clone, Copy)]
pub(super) struct Root<'j> {
    pub(super) schema: &'j Json,
    /// The whole document, where `$ref`s may lead there too.
    pub(super) document: Option<&'j Json>,
}

impl<'j> Root<'j> {
    /// What a `$ref` means, if it lies within.
    pub(super) fn resolve(self, reference: &str) -> Option<&'j Json> {
        let pointer = reference.strip_prefix('#')?;
        let pointer = percent_decoded(pointer);
        let found = |root: &'j Json| {
            if pointer.is_empty() || pointer.starts_with('/') {
                root.pointer(&pointer)
            } else {
                ["$defs", "definitions"].iter().find_map(|defs| {
                    let all = root.get(defs)?.as_object()?;
                    all.values().find(|s| s.get("$anchor").and_then(Json::as_str) == Some(&pointer))
                })
            }
        };
        match self.document {
            Some(document) => found(document),
            None => found(self.schema),
        }
    }
}

pub(crate) fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|h| std::str::from_utf8(h).ok());
        match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(byte) if *first == b'%' => {
                out.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

impl Converter {
    pub(super) fn new(namespace: &str) -> Self {
        Converter {
            prefix: type_name_of(namespace),
            types: Types::new(),
            leads: HashMap::new(),
            by_pointer: HashMap::new(),
            nodes: 0,
        }
    }

    /// Before the schemas of another document: its pointers mean something else.
    pub(super) fn other_document(&mut self) {
        self.by_pointer.clear();
    }

    /// The type of a schema; what it cannot say goes to `notes`.
    pub(super) fn shape(
        &mut self,
        schema: &Json,
        root: Root<'_>,
        depth: usize,
        notes: &mut Vec<String>,
    ) -> Shape {
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            note(notes, "what is nested deeper is left to the schema");
            return Shape::Json;
        }
        let schema = match schema {
            Json::Object(schema) => schema,
            Json::Bool(false) => {
                note(notes, "no value fits");
                return Shape::Json;
            }
            // `true` asks for nothing, and whatever else stands there says nothing.
            Json::Null | Json::Bool(true) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
                return Shape::Json;
            }
        };
        for word in object::LEFT {
            if schema.contains_key(*word) {
                note(notes, &format!("`{word}` is left to the schema"));
            }
        }
        let shape = self.stated(schema, root, depth, notes);
        if schema.get("nullable") == Some(&Json::Bool(true)) { shape.optional() } else { shape }
    }

    fn stated(
        &mut self,
        schema: &Map<String, Json>,
        root: Root<'_>,
        depth: usize,
        notes: &mut Vec<String>,
    ) -> Shape {
        if let Some(Json::String(reference)) = schema.get("$ref") {
            return self.reference(reference, root, depth, notes);
        }
        if schema.contains_key("$dynamicRef") || schema.contains_key("$recursiveRef") {
            note(notes, "a dynamic reference is left to the schema");
            return Shape::Json;
        }
        if let Some(value) = schema.get("const") {
            return enumeration(std::slice::from_ref(value), notes);
        }
        if let Some(Json::Array(values)) = schema.get("enum") {
            return enumeration(values, notes);
        }
        if let Some(Json::Array(parts)) = schema.get("allOf") {
            return self.all_of(schema, parts, root, depth, notes);
        }
        for word in ["anyOf", "oneOf"] {
            if let Some(Json::Array(options)) = schema.get(word) {
                return self.any_of(schema, word, options, root, depth, notes);
            }
        }
        match schema.get("type") {
            Some(Json::Array(kinds)) => self.kinds(schema, kinds, root, depth, notes),
            Some(Json::String(kind)) => self.kind(schema, kind, root, depth, notes),
            _ if schema.contains_key("properties") || schema.contains_key("additionalProperties") => {
                self.kind(schema, "object", root, depth, notes)
            }
            _ if schema.contains_key("items") => self.kind(schema, "array", root, depth, notes),
            _ => {
                let asks = ["pattern", "format", "minLength", "maxLength", "minimum", "maximum", "required"];
                if asks.iter().any(|word| schema.contains_key(*word)) {
                    note(notes, "the schema names no type; its conditions are left to it");
                }
                Shape::Json
            }
        }
    }

    /// Several types: `null` makes it optional, numbers are `float`, all else is `json`.
    fn kinds(
        &mut self,
        schema: &Map<String, Json>,
        kinds: &[Json],
        root: Root<'_>,
        depth: usize,
        notes: &mut Vec<String>,
    ) -> Shape {
        let mut names: Vec<&str> = kinds.iter().filter_map(Json::as_str).collect();
        let nullable = names.contains(&"null");
        names.retain(|name| *name != "null");
        let number = names.contains(&"number");
        names.retain(|name| !(number && *name == "integer"));
        let shape = match names.as_slice() {
            [] => Shape::Null,
            [one] => self.kind(schema, one, root, depth, notes),
            several => {
                note(notes, &format!("one of {}", several.join(", ")));
                Shape::Json
            }
        };
        if nullable { shape.optional() } else { shape }
    }

    /// Also the names that lax tool lists use.
    fn kind(
        &mut self,
        schema: &Map<String, Json>,
        kind: &str,
        root: Root<'_>,
        depth: usize,
        notes: &mut Vec<String>,
    ) -> Shape {
        match super::normal::standard_type(kind) {
            Some("string") => {
                if schema.get("contentEncoding").and_then(Json::as_str) == Some("base64") {
                    return Shape::Bytes;
                }
                Shape::String.constrained(constraint::of_string(schema, notes))
            }
            Some("integer") => Shape::Int.constrained(constraint::of_number(schema, true, notes)),
            Some("number") => Shape::Float.constrained(constraint::of_number(schema, false, notes)),
            Some("boolean") => Shape::Bool,
            Some("null") => Shape::Null,
            Some("array") => self.array(schema, root, depth, notes),
            Some(_) => self.object(schema, root, depth, notes),
            None if kind.eq_ignore_ascii_case("any") || kind.eq_ignore_ascii_case("json") => Shape::Json,
            None => {
                note(notes, &format!("the type `{kind}` is unknown"));
                Shape::Json
            }
        }
    }

    fn array(
        &mut self,
        schema: &Map<String, Json>,
        root: Root<'_>,
        depth: usize,
        notes: &mut Vec<String>,
    ) -> Shape {
        let item = match schema.get("items") {
            _ if schema.contains_key("prefixItems") => {
                note(notes, "the types of the single items are left to the schema");
                Shape::Json
            }
            Some(Json::Array(_)) => {
                note(notes, "the types of the single items are left to the schema");
                Shape::Json
            }
            Some(item) => self.shape(item, root, depth + 1, notes),
            None => Shape::Json,
        };
        for word in ["contains", "unevaluatedItems"] {
            if schema.contains_key(word) {
                note(notes, &format!("`{word}` is left to the schema"));
            }
        }
        let mut by = constraint::sizes(schema, "minItems", "maxItems");
        if schema.get("uniqueItems") == Some(&Json::Bool(true)) {
            by.push(Constraint::Distinct);
        }
        Shape::List(Box::new(item)).constrained(by)
    }

    fn object(
        &mut self,
        schema: &Map<String, Json>,
        root: Root<'_>,
        depth: usize,
        notes: &mut Vec<String>,
    ) -> Shape {
        let mut seen = object::Object::default();
        object::collect(schema, root, &mut seen, 0);
        seen.complain(notes);
        let sizes = constraint::sizes(schema, "minProperties", "maxProperties");
        if !seen.properties.is_empty() || !seen.required.is_empty() {
            if !sizes.is_empty() {
                note(notes, "the number of fields is left to the schema");
            }
            return Shape::Record(self.fields(&seen, root, depth));
        }
        match seen.additional {
            Some(Json::Bool(false)) => Shape::Record(Vec::new()),
            Some(of) => Shape::Map(Box::new(self.shape(of, root, depth + 1, notes))).constrained(sizes),
            None => Shape::Map(Box::new(Shape::Json)).constrained(sizes),
        }
    }

    /// Fields of a record, or parameters of a skill.
    pub(super) fn fields(&mut self, object: &object::Object<'_>, root: Root<'_>, depth: usize) -> Vec<Field> {
        let mut out = Vec::new();
        for (name, schema) in &object.properties {
            let mut notes = Vec::new();
            let shape = self.shape(schema, root, depth + 1, &mut notes);
            let default = schema.get("default").cloned();
            out.push(Field {
                name: (*name).to_owned(),
                shape,
                optional: !object.required.contains(name),
                default,
                docs: docs_of(schema, root),
                notes,
            });
        }
        // `required` may name what `properties` does not.
        for name in object.required.iter().filter(|name| !object.properties.contains_key(*name)) {
            out.push(Field {
                name: (*name).to_owned(),
                shape: Shape::Json,
                optional: false,
                default: None,
                docs: String::new(),
                notes: Vec::new(),
            });
        }
        out
    }

    fn all_of(
        &mut self,
        schema: &Map<String, Json>,
        parts: &[Json],
        root: Root<'_>,
        depth: usize,
        notes: &mut Vec<String>,
    ) -> Shape {
        let bare = !["type", "properties", "required", "anyOf", "oneOf", "items"]
            .iter()
            .any(|w| schema.contains_key(*w));
        if let ([only], true) = (parts, bare) {
            return self.shape(only, root, depth + 1, notes);
        }
        if object::is_object(schema, root, 0) {
            return self.object(schema, root, depth, notes);
        }
        // Conditions on one scalar, laid on top of each other where none is named twice.
        let mut merged = schema.clone();
        merged.remove("allOf");
        for part in parts {
            let part = object::resolved(part, root, 0);
            let Some(Json::Object(part)) = part else { continue };
            for (word, value) in part {
                if merged.get(word).is_some_and(|before| before != value) && !is_annotation(word) {
                    note(notes, "`allOf` is left to the schema");
                    return Shape::Json;
                }
                merged.insert(word.clone(), value.clone());
            }
        }
        if merged.contains_key("allOf") {
            note(notes, "`allOf` is left to the schema");
            return Shape::Json;
        }
        self.shape(&Json::Object(merged), root, depth + 1, notes)
    }

    fn any_of(
        &mut self,
        schema: &Map<String, Json>,
        word: &str,
        options: &[Json],
        root: Root<'_>,
        depth: usize,
        notes: &mut Vec<String>,
    ) -> Shape {
        // `{properties, anyOf: [{required: […]}, …]}`: an object with further conditions.
        if schema.contains_key("properties") || schema.get("type").is_some_and(|t| t == "object") {
            note(notes, &format!("`{word}` is left to the schema"));
            let mut rest = schema.clone();
            rest.remove(word);
            return self.stated(&rest, root, depth, notes);
        }
        // `{type: "string", anyOf: [{format: …}, …]}`
        if let Some(Json::String(kind)) = schema.get("type") {
            note(notes, &format!("`{word}` is left to the schema"));
            let mut rest = schema.clone();
            rest.remove(word);
            return self.kind(&rest, kind, root, depth, notes);
        }
        let mut shapes: Vec<Shape> = Vec::new();
        let mut nullable = false;
        for option in options {
            let mut own = Vec::new();
            let shape = self.shape(option, root, depth + 1, &mut own);
            let shape = match shape {
                Shape::Null => {
                    nullable = true;
                    continue;
                }
                Shape::Optional(inner) => {
                    nullable = true;
                    *inner
                }
                other => other,
            };
            own.iter().for_each(|n| note(notes, n));
            if !shapes.contains(&shape) {
                shapes.push(shape);
            }
        }
        let shape = joined(shapes).unwrap_or_else(|shapes| {
            let names: Vec<String> = shapes.iter().map(brief).collect();
            note(notes, &format!("one of {}; read it with `as`", names.join(", ")));
            Shape::Json
        });
        if nullable { shape.optional() } else { shape }
    }

    fn reference(&mut self, reference: &str, root: Root<'_>, depth: usize, notes: &mut Vec<String>) -> Shape {
        let Some(target) = root.resolve(reference) else {
            note(notes, &format!("`{reference}` lies outside the document"));
            return Shape::Json;
        };
        match self.by_pointer.get(reference) {
            Some(Some(name)) => return Shape::Named(name.clone()),
            Some(None) => {
                note(notes, &format!("`{reference}` contains itself here; read it with `as`"));
                return Shape::Json;
            }
            None => {}
        }
        let last = reference.rsplit(['/', '#', '.']).next().unwrap_or_default();
        self.by_pointer.insert(reference.to_owned(), None);
        let mut own = Vec::new();
        let shape = self.shape(target, root, depth + 1, &mut own);
        if last.is_empty() {
            // The whole schema within itself.
            own.iter().for_each(|n| note(notes, n));
            self.by_pointer.remove(reference);
            return shape;
        }
        let name = self.declare(last, shape, docs_of(target, root), own);
        self.by_pointer.insert(reference.to_owned(), Some(name.clone()));
        Shape::Named(name)
    }

    /// Declares a type; another one of the same name and content is the same.
    fn declare(&mut self, last: &str, shape: Shape, docs: String, notes: Vec<String>) -> String {
        let wanted = format!("{}{}", self.prefix, type_name_of(last));
        let wanted = if wanted.is_empty() || wanted.starts_with(|c: char| c.is_ascii_digit()) {
            format!("T{wanted}")
        } else {
            wanted
        };
        let mut name = wanted.clone();
        let mut count = 1;
        while let Some(other) = self.types.get(&name) {
            if *other == shape {
                return name;
            }
            count += 1;
            name = format!("{wanted}_{count}");
        }
        self.types.insert(name.clone(), shape);
        let lead =
            Field { name: name.clone(), shape: Shape::Json, optional: false, default: None, docs, notes };
        self.leads.insert(name.clone(), lead);
        name
    }
}

/// Adds a note once.
pub(super) fn note(notes: &mut Vec<String>, text: &str) {
    const MAX_NOTE: usize = 400;
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_NOTE).collect();
    if !notes.contains(&text) {
        notes.push(text);
    }
}

fn is_annotation(word: &str) -> bool {
    [
        "title",
        "description",
        "default",
        "examples",
        "example",
        "deprecated",
        "$comment",
        "readOnly",
        "writeOnly",
    ]
    .contains(&word)
        || word.starts_with("x-")
}

/// What is said of a schema; of what it refers to where it says nothing itself.
pub(super) fn docs_of(schema: &Json, root: Root<'_>) -> String {
    let own = |schema: &Json| {
        let text = |word: &str| schema.get(word).and_then(Json::as_str).filter(|t| !t.trim().is_empty());
        text("description").or_else(|| text("title")).map(str::to_owned)
    };
    let target = || own(root.resolve(schema.get("$ref")?.as_str()?)?);
    own(schema).or_else(target).unwrap_or_default()
}

/// The type of some fixed values.
fn enumeration(values: &[Json], notes: &mut Vec<String>) -> Shape {
    let nullable = values.iter().any(Json::is_null);
    let mut rest: Vec<&Json> = Vec::new();
    for value in values.iter().filter(|v| !v.is_null()).take(MAX_LITERALS + 1) {
        if !rest.contains(&value) {
            rest.push(value);
        }
    }
    let owned = || rest.iter().map(|v| (*v).clone()).collect::<Vec<Json>>();
    let shape = if rest.is_empty() {
        Shape::Null
    } else if rest.len() > MAX_LITERALS {
        note(notes, "too many values to name; they are left to the schema");
        Shape::Json
    } else if rest.iter().all(|v| v.is_string()) {
        Shape::Literals(rest.iter().filter_map(|v| v.as_str()).map(str::to_owned).collect())
    } else if rest.iter().all(|v| v.is_boolean()) {
        let by = if rest.len() == 1 { vec![Constraint::OneOf(owned())] } else { Vec::new() };
        Shape::Bool.constrained(by)
    } else if rest.iter().all(|v| v.as_i64().is_some_and(|n| n != i64::MIN)) {
        Shape::Int.constrained(vec![Constraint::OneOf(owned())])
    } else if rest.iter().all(|v| v.is_number()) {
        Shape::Float.constrained(vec![Constraint::OneOf(owned())])
    } else {
        let texts: Vec<String> = rest.iter().map(ToString::to_string).collect();
        note(notes, &format!("one of {}", texts.join(", ")));
        Shape::Json
    };
    if nullable { shape.optional() } else { shape }
}

/// One type that holds exactly the values of all; else they come back.
fn joined(shapes: Vec<Shape>) -> Result<Shape, Vec<Shape>> {
    if shapes.is_empty() {
        return Ok(Shape::Null);
    }
    if let [only] = shapes.as_slice() {
        return Ok(only.clone());
    }
    if shapes.contains(&Shape::Json) {
        return Ok(Shape::Json);
    }
    if shapes.iter().all(|s| matches!(s, Shape::Literals(_))) {
        let mut all: Vec<String> = Vec::new();
        for shape in &shapes {
            if let Shape::Literals(texts) = shape {
                all.extend(texts.iter().filter(|t| !all.contains(t)).cloned().collect::<Vec<_>>());
            }
        }
        return Ok(Shape::Literals(all));
    }
    let texts = |s: &Shape| match s {
        Shape::String | Shape::Literals(_) => true,
        Shape::Where(base, _) => **base == Shape::String,
        _ => false,
    };
    if shapes.contains(&Shape::String) && shapes.iter().all(texts) {
        return Ok(Shape::String);
    }
    if shapes.contains(&Shape::Float) && shapes.iter().all(|s| matches!(s, Shape::Float | Shape::Int)) {
        return Ok(Shape::Float);
    }
    Err(shapes)
}

/// A type in few words, for notes.
fn brief(shape: &Shape) -> String {
    match shape {
        Shape::Record(fields) => {
            let names: Vec<&str> = fields.iter().map(|f| f.name.as_str()).take(6).collect();
            format!("{{ {} }}", names.join(", "))
        }
        Shape::List(item) => format!("list<{}>", brief(item)),
        Shape::Map(of) => format!("map<{}>", brief(of)),
        Shape::Where(base, _) => brief(base),
        Shape::Optional(inner) => format!("{}?", brief(inner)),
        Shape::Json
        | Shape::Null
        | Shape::Bool
        | Shape::Int
        | Shape::Float
        | Shape::String
        | Shape::Bytes
        | Shape::Literals(_)
        | Shape::Named(_) => shape.to_string(),
    }
}
