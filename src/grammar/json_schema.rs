//! JSON Schema of the JSON form of plans: for providers that take no grammar.

use super::skills::{base, optional};
use super::{Level, Options, Profile, refused};
use crate::check::hir::Signature;
use crate::diagnostic::Diagnostic;
use crate::syntax::json::ON_ERROR;
use crate::types::Type;
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// What one provider allows of properties that may be left out, and of those with several types.
const ANTHROPIC_OPTIONAL: usize = 24;
const ANTHROPIC_UNIONS: usize = 16;
const OPENAI_PROPERTIES: usize = 5_000;
const OPENAI_ENUM: usize = 1_000;

/// A step's id and names.
const NAME: &str = "^[a-zA-Z_][a-zA-Z0-9_]*$";

/// Prints the schema.
pub(super) fn print(
    options: &Options,
    skills: &[Arc<Signature>],
    header: &str,
) -> Result<String, Box<Diagnostic>> {
    let strict = matches!(options.profile, Some(Profile::OpenAi | Profile::Anthropic));
    if strict && options.level == Level::Generic {
        let who = options.profile.map_or("", Profile::name);
        let message = format!("`{who}` cannot say `params`: every key of an object must be known");
        return Err(refused(message, "use `--level skills`"));
    }
    let schema = Schema { strict, patterns: options.profile != Some(Profile::Anthropic) };
    let step = match options.level {
        Level::Generic => schema.step(json!({ "type": "string" }), json!({ "type": "object" })),
        Level::Skills | Level::Refs | Level::Typed => {
            let calls: Vec<Json> =
                skills.iter().map(|s| schema.step(json!({ "const": s.name }), schema.params(s))).collect();
            json!({ "anyOf": calls })
        }
    };
    let mut steps = json!({ "type": "array", "items": step });
    if let (Some(max), false, Some(object)) = (options.max_steps, strict, steps.as_object_mut()) {
        object.insert("maxItems".into(), max.into());
    }
    let text = || json!({ "type": "string" });
    let mut fields =
        vec![("goal", text(), true), ("planner", text(), false), ("planner_version", text(), false)];
    // An object of any keys: providers that want every key named have none for it.
    if !strict {
        fields.push(("metadata", json!({ "type": "object" }), false));
    }
    fields.push(("steps", steps, true));
    let mut whole = schema.object(fields);
    if let Some(object) = whole.as_object_mut() {
        if !strict {
            object.shift_insert(0, "$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        }
        object.insert("description".into(), header.replace('\n', ": ").into());
    }
    allowed(options, &whole)?;
    Ok(format!("{whole:#}\n"))
}

struct Schema {
    /// Every property is required, and null stands for what is left out.
    strict: bool,
    patterns: bool,
}

impl Schema {
    fn name(&self) -> Json {
        if self.patterns { json!({ "type": "string", "pattern": NAME }) } else { json!({ "type": "string" }) }
    }

    fn object(&self, fields: Vec<(&str, Json, bool)>) -> Json {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for (name, schema, needed) in fields {
            if needed || self.strict {
                required.push(Json::from(name));
            }
            let schema = if needed || !self.strict {
                schema
            } else {
                json!({ "anyOf": [schema, { "type": "null" }] })
            };
            properties.insert(name.to_owned(), schema);
        }
        json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
    }

    fn step(&self, skill: Json, params: Json) -> Json {
        let names = json!({ "type": "array", "items": self.name() });
        let count = if self.strict {
            json!({ "type": "integer" })
        } else {
            json!({ "type": "integer", "minimum": 0 })
        };
        self.object(vec![
            ("step_id", self.name(), true),
            ("skill", skill, true),
            ("params", params, true),
            ("depends_on", names, false),
            (
                "condition",
                json!({ "type": "string", "description": "an expression over earlier steps" }),
                false,
            ),
            ("on_error", json!({ "type": "string", "enum": ON_ERROR }), false),
            ("retry_count", count, false),
            ("fallback_skill", json!({ "type": "string" }), false),
        ])
    }

    fn params(&self, skill: &Signature) -> Json {
        self.object(skill.params.iter().map(|p| (&*p.name, self.value(&p.ty), !optional(p))).collect())
    }

    /// A value of a type, or a string with an expression in it.
    fn value(&self, ty: &Type) -> Json {
        let expression = match self.patterns {
            true => json!({ "type": "string", "pattern": "^\\$\\{[\\s\\S]*\\}$" }),
            false => json!({ "type": "string" }),
        };
        let or = |schema: Json| json!({ "anyOf": [schema, expression.clone()] });
        match base(ty) {
            Type::String => json!({ "type": "string" }),
            Type::Bool => or(json!({ "type": "boolean" })),
            Type::Int => or(json!({ "type": "integer" })),
            Type::Float => or(json!({ "type": "number" })),
            Type::Null => json!({ "type": "null" }),
            Type::Literals(words) => or(json!({ "type": "string", "enum": words.to_vec() })),
            Type::List(item) => or(json!({ "type": "array", "items": self.value(item) })),
            Type::Optional(inner) => json!({ "anyOf": [self.value(inner), { "type": "null" }] }),
            Type::Record(record) => or(self.object(
                record.fields.iter().map(|(name, f)| (&**name, self.value(&f.ty), !f.optional)).collect(),
            )),
            Type::Map(item) if !self.strict => {
                or(json!({ "type": "object", "additionalProperties": self.value(item) }))
            }
            Type::Json | Type::Error | Type::Param(_) | Type::TypeOf if !self.strict => json!({}),
            // Only an expression can say it, or (where every key must be known) nothing else can.
            Type::Map(_) | Type::Json | Type::Error | Type::Param(_) | Type::TypeOf => expression,
            Type::Bytes | Type::Duration | Type::Timestamp | Type::File | Type::Opaque { .. } => expression,
            Type::Named { .. } | Type::Labelled { .. } | Type::Refined { .. } => expression,
        }
    }
}

/// Holds a schema against what its provider allows.
fn allowed(options: &Options, schema: &Json) -> Result<(), Box<Diagnostic>> {
    let mut count = Count::default();
    count.walk(schema);
    let help = "name fewer skills by `--skills`, or let the model write text and check it";
    let over = |what: &str, n: usize, most: usize| {
        let who = options.profile.map_or("", Profile::name);
        Err(refused(format!("`{who}` cannot say {n} {what}: it takes {most}"), help))
    };
    match options.profile {
        Some(Profile::Anthropic) if count.optional > ANTHROPIC_OPTIONAL => {
            over("properties that may be left out", count.optional, ANTHROPIC_OPTIONAL)
        }
        Some(Profile::Anthropic) if count.unions > ANTHROPIC_UNIONS => {
            over("values of several types", count.unions, ANTHROPIC_UNIONS)
        }
        Some(Profile::OpenAi) if count.properties > OPENAI_PROPERTIES => {
            over("properties", count.properties, OPENAI_PROPERTIES)
        }
        Some(Profile::OpenAi) if count.words > OPENAI_ENUM => {
            over("words of choices", count.words, OPENAI_ENUM)
        }
        Some(_) | None => Ok(()),
    }
}

#[derive(Default)]
struct Count {
    properties: usize,
    optional: usize,
    unions: usize,
    words: usize,
}

impl Count {
    fn walk(&mut self, schema: &Json) {
        if let Some(properties) = schema.get("properties").and_then(Json::as_object) {
            let required = schema.get("required").and_then(Json::as_array).map_or(0, Vec::len);
            self.properties += properties.len();
            self.optional += properties.len().saturating_sub(required);
        }
        self.unions += usize::from(schema.get("anyOf").is_some());
        self.words += schema.get("enum").and_then(Json::as_array).map_or(0, Vec::len);
        match schema {
            Json::Object(fields) => fields.values().for_each(|v| self.walk(v)),
            Json::Array(items) => items.iter().for_each(|v| self.walk(v)),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }
}
