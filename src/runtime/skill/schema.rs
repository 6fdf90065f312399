//! JSON Schemas of imported skills: arguments and results are held against them when calls run.
//!
//! A schema comes from outside, as a tool's answers do: nothing is ever fetched for it, patterns stop after so many steps, and a schema that
//! cannot be read refuses its calls.

use self::measure::Document;
use super::wire;
use crate::engine::Failure;
use crate::value::{Map, Value};
use jsonschema::{PatternOptions, Validator};
use serde_json::Value as Json;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

mod measure;

/// How often a pattern may go back in a text before it counts as not matching.
const MAX_BACKTRACKS: usize = 100_000;
/// The largest compiled pattern, bytes.
const MAX_PATTERN: usize = 1024 * 1024;
/// The most characters of a message.
const MAX_MESSAGE: usize = 300;
/// The most schemas that are held against the values in one value.
const MAX_VISITS: u64 = 20_000_000;
/// Saying where a value does not fit takes far longer than that it does not.
const MAX_TOLD: u64 = 200_000;
/// For schemas and values as deep as they may be; what is not used is not taken.
const STACK: usize = 256 * 1024 * 1024;

/// One schema, ready to hold values against.
pub struct Schema {
    schema: Json,
    validator: Validator,
}

impl Schema {
    /// Reads a schema: of the draft that it names, else 2020-12; `format` is asked for as the other keywords are.
    ///
    /// # Errors
    /// It is no schema, refers to what lies outside it, or is too large or too deep.
    pub fn new(schema: &Json) -> Result<Schema, String> {
        let patterns = PatternOptions::fancy_regex()
            .backtrack_limit(MAX_BACKTRACKS)
            .size_limit(MAX_PATTERN)
            .dfa_size_limit(MAX_PATTERN);
        let validator = apart(|| {
            Document::new(schema)?;
            let mut options = jsonschema::options().offline().should_validate_formats(true);
            options = options.with_pattern_options(patterns);
            options.build(schema).map_err(|e| short(&e.to_string()))
        })??;
        Ok(Schema { schema: schema.clone(), validator })
    }

    /// Holds a value against the schema.
    ///
    /// # Errors
    /// The first place that does not fit, and why; or that it is more work than is ever done.
    pub fn check(&self, value: &Json) -> Result<(), String> {
        apart(|| {
            let visits = Document::again(&self.schema).visits(value).filter(|visits| *visits <= MAX_VISITS);
            let visits = visits.ok_or("the schema asks for more checks of this value than are made")?;
            if self.validator.is_valid(value) {
                return Ok(());
            }
            if visits > MAX_TOLD {
                return Err("somewhere in it; the schema is too wide to say where".to_owned());
            }
            self.validator.validate(value).map_err(|e| {
                let path = e.instance_path().as_str();
                let at = if path.is_empty() { String::new() } else { format!("at `{path}`: ") };
                short(&format!("{at}{e}"))
            })
        })?
    }
}

/// Work that may need a deep stack, and whose fault must not be ours.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("schema".to_owned()).stack_size(STACK);
        let thread = thread.spawn_scoped(scope, work).map_err(|e| format!("no thread for it: {e}"))?;
        thread.join().map_err(|_| "reading it failed unexpectedly".to_owned())
    })
}

fn short(text: &str) -> String {
    wire::excerpt(text, MAX_MESSAGE)
}

/// What an import kept of one skill.
pub struct SkillSchema {
    input: Part,
    output: Part,
}

impl fmt::Debug for SkillSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SkillSchema")
    }
}

/// Read when it is first needed.
struct Part {
    schema: Option<Json>,
    read: OnceLock<Result<Schema, String>>,
}

impl Part {
    fn new(schema: Option<&Json>) -> Part {
        Part { schema: schema.cloned(), read: OnceLock::new() }
    }

    fn check(&self, value: &Json) -> Result<(), Refused> {
        let Some(schema) = &self.schema else { return Ok(()) };
        match self.read.get_or_init(|| Schema::new(schema)) {
            Ok(schema) => schema.check(value).map_err(Refused::Value),
            Err(why) => Err(Refused::Schema(why.clone())),
        }
    }
}

enum Refused {
    /// The value does not fit.
    Value(String),
    /// The schema cannot be used.
    Schema(String),
}

impl Refused {
    fn failure(self, kind: &str, what: &str) -> Failure {
        match self {
            Refused::Value(why) => {
                Failure::new(kind, format!("{what} not fit the schema of the import: {why}"))
            }
            Refused::Schema(why) => {
                Failure::new("internal", format!("the schema of the import cannot be used: {why}"))
            }
        }
    }
}

impl SkillSchema {
    /// From `{"input": …, "output": …}`.
    #[must_use]
    pub fn new(kept: &Json) -> SkillSchema {
        SkillSchema { input: Part::new(kept.get("input")), output: Part::new(kept.get("output")) }
    }

    /// Holds arguments against the schema and gives them as they are to be sent: where null does not fit, it is left out, as absent and null
    /// are the same to a plan.
    ///
    /// # Errors
    /// `invalid_input` with the first place that does not fit.
    pub fn arguments(&self, args: Map) -> Result<Map, Failure> {
        if self.input.schema.is_none() {
            return Ok(args);
        }
        let refused = match self.input.check(&wire::object(&args)?) {
            Ok(()) => return Ok(args),
            Err(refused) => refused,
        };
        let lean = without_nulls(&args);
        if lean != args && self.input.check(&wire::object(&lean)?).is_ok() {
            return Ok(lean);
        }
        Err(refused.failure("invalid_input", "the arguments do"))
    }

    /// Holds a result against the schema.
    ///
    /// # Errors
    /// `invalid_output` with the first place that does not fit.
    pub fn result(&self, value: &Value) -> Result<(), Failure> {
        if self.output.schema.is_none() {
            return Ok(());
        }
        self.output.check(&wire::to_json(value)?).map_err(|r| r.failure("invalid_output", "the result does"))
    }
}

fn without_nulls(map: &Map) -> Map {
    let kept = map.iter().filter(|(_, value)| !value.is_null());
    kept.map(|(key, value)| (Arc::clone(key), lean(value))).collect()
}

fn lean(value: &Value) -> Value {
    match value {
        Value::Map(map) => Value::map(without_nulls(map)),
        Value::List(items) => Value::list(items.iter().map(lean).collect()),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::String(_)
        | Value::Bytes(_)
        | Value::Timestamp(_)
        | Value::Duration(_)
        | Value::File(_)
        | Value::Type(_)
        | Value::Secret(_) => value.clone(),
    }
}

/// The schemas of one run, by the dotted names of skills.
#[derive(Default)]
pub struct Schemas(HashMap<String, Arc<SkillSchema>>);

impl Schemas {
    /// From the sources of a run: those that keep schemas.
    #[must_use]
    pub fn of<'s>(sources: impl Iterator<Item = (&'s str, &'s str)>) -> Schemas {
        let mut all = HashMap::new();
        for (_, text) in sources.filter(|(path, _)| path.ends_with(crate::project::schemas::SUFFIX)) {
            // The project has read it before.
            let Ok(Json::Object(kept)) = serde_json::from_str::<Json>(text) else { continue };
            all.extend(kept.iter().map(|(name, kept)| (name.clone(), Arc::new(SkillSchema::new(kept)))));
        }
        Schemas(all)
    }

    /// What was kept of a skill.
    #[must_use]
    pub fn get(&self, skill: &str) -> Option<Arc<SkillSchema>> {
        self.0.get(skill).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::{Duration, Instant};

    fn args(value: Json) -> Map {
        match Value::from_json(&value) {
            Value::Map(map) => map.as_ref().clone(),
            _ => Map::new(),
        }
    }

    #[test]
    fn arguments_and_results() {
        let kept = json!({
            "input": { "type": "object", "properties": { "n": { "type": "integer", "maximum": 3 }, "s": { "type": "string" } }, "required": ["n"] },
            "output": { "type": "object", "properties": { "id": { "type": "string", "format": "uuid" } }, "required": ["id"] },
        });
        let schema = SkillSchema::new(&kept);
        let sent = schema.arguments(args(json!({ "n": 3, "s": null }))).unwrap();
        assert_eq!(sent, args(json!({ "n": 3 })), "null is left out where it does not fit");
        let failure = schema.arguments(args(json!({ "n": 4 }))).unwrap_err();
        assert_eq!(failure.kind.as_ref(), "invalid_input");
        assert!(
            failure.message.contains("at `/n`: 4 is greater than the maximum of 3"),
            "{}",
            failure.message
        );
        let failure = schema.result(&Value::from_json(&json!({ "id": "x" }))).unwrap_err();
        assert_eq!(failure.kind.as_ref(), "invalid_output");
        assert!(
            schema
                .result(&Value::from_json(&json!({ "id": "0b0b6d6e-5bd0-4e3a-8f2a-0a7c2c5b8a11" })))
                .is_ok()
        );
        assert!(SkillSchema::new(&json!({})).result(&Value::Null).is_ok());
    }

    /// Schemas that want to run away, recurse for ever or fetch.
    #[test]
    fn hostile_schemas() {
        let start = Instant::now();
        let long = "a".repeat(5_000) + "!";
        let backtracks = json!({ "pattern": "^(a|a)*\\1(?=b)$" });
        assert!(Schema::new(&backtracks).unwrap().check(&json!(long)).is_err());
        for pattern in ["((a{1000}){1000}){1000}", "(?=(((a{999}){999}){999}))b", "(", "(?<=a*)b"] {
            let made = Schema::new(&json!({ "type": "string", "pattern": pattern }));
            assert!(made.is_err() || made.is_ok_and(|s| s.check(&json!(long)).is_err()), "{pattern}");
        }
        for circle in [
            json!({ "$ref": "#" }),
            json!({ "allOf": [{ "$ref": "#" }] }),
            json!({ "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "anyOf": [{ "$ref": "#/$defs/a" }, { "type": "string" }] } }, "$ref": "#/$defs/a" }),
            json!({ "not": { "$ref": "#" } }),
        ] {
            if let Ok(schema) = Schema::new(&circle) {
                let _ = schema.check(&json!(1));
            }
        }
        let mut defs = serde_json::Map::new();
        for i in 0..40 {
            let next = json!({ "$ref": format!("#/$defs/a{}", i + 1) });
            defs.insert(format!("a{i}"), json!({ "anyOf": [next, next] }));
        }
        defs.insert("a40".into(), json!(false));
        if let Ok(schema) = Schema::new(&json!({ "$ref": "#/$defs/a0", "$defs": defs })) {
            assert!(schema.check(&json!(1)).is_err());
        }
        let twice = json!({ "properties": { "x": { "anyOf": [{ "$ref": "#" }, { "$ref": "#" }] } }, "required": ["y"] });
        let mut deep = json!({ "y": 1 });
        for _ in 0..100 {
            deep = json!({ "x": deep });
        }
        assert!(Schema::new(&twice).unwrap().check(&deep).is_err());
        for outside in
            ["http://127.0.0.1:1/s.json", "file:///etc/passwd", "other.json", "https://example.com/s"]
        {
            assert!(Schema::new(&json!({ "$ref": outside })).is_err(), "{outside}");
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }
}
