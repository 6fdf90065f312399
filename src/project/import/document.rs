//! The shapes of documents: lists of tools as MCP and the providers of models write them, and OpenAPI 3.

use super::{ImportError, MAX_TOOLS};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// What a skill does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Pure,
    Reads,
    Writes,
    Irreversible,
}

/// One tool, as its document describes it.
#[derive(Clone, Debug)]
pub struct Tool {
    /// Its own name, from which the skill's is made.
    pub name: String,
    /// What its implementation is called where that is another name.
    pub wire: Option<String>,
    pub docs: String,
    /// The schema of the arguments: an object.
    pub input: Json,
    pub output: Option<Json>,
    /// Where the document says so.
    pub effect: Option<Effect>,
    pub idempotent: bool,
    pub deprecated: bool,
    /// `$ref`s lead into the whole document, not only into the schema.
    pub shared: bool,
}

/// The tools of a document.
///
/// # Errors
/// It is of no known shape, or has none or too many.
pub fn tools(document: &Json) -> Result<Vec<Tool>, ImportError> {
    if let Some(version) = document.get("swagger") {
        return Err(ImportError::Swagger(
            version.as_str().map_or_else(|| version.to_string(), str::to_owned),
        ));
    }
    let found = if document.get("openapi").is_some() {
        operations(document)
    } else {
        let list = list(document, 0).ok_or(ImportError::Unknown)?;
        list.into_iter().filter_map(tool).collect()
    };
    match found.len() {
        0 => Err(ImportError::Empty),
        n if n > MAX_TOOLS => Err(ImportError::TooMany),
        _ => Ok(found),
    }
}

/// The list, wherever it lies.
fn list(document: &Json, depth: usize) -> Option<Vec<&Json>> {
    if depth > 4 {
        return None;
    }
    match document {
        Json::Array(items) => {
            // `[{functionDeclarations: […]}]`, and the lists of several servers.
            let nested = |item: &&Json| item.get("name").is_none() && described(item).is_none();
            Some(
                items
                    .iter()
                    .flat_map(|item| match nested(&item).then(|| list(item, depth + 1)).flatten() {
                        Some(inner) => inner,
                        None => vec![item],
                    })
                    .collect(),
            )
        }
        Json::Object(map) => {
            let words = [
                "tools",
                "result",
                "functions",
                "functionDeclarations",
                "function_declarations",
                "toolConfig",
            ];
            if let Some(inner) = words.iter().find_map(|word| map.get(*word)) {
                return list(inner, depth + 1);
            }
            described(document).map(|_| vec![document])
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => None,
    }
}

/// The object that has the name: `{function: {…}}` and `{toolSpec: {…}}` wrap it.
fn described(item: &Json) -> Option<&Json> {
    let inner = ["function", "toolSpec"].iter().find_map(|word| item.get(word).filter(|f| f.is_object()));
    let inner = inner.unwrap_or(item);
    inner.get("name").and_then(Json::as_str).map(|_| inner)
}

fn tool(item: &Json) -> Option<Tool> {
    let item = described(item)?;
    let first = |words: &[&str]| {
        let found = words.iter().find_map(|word| item.get(*word))?;
        // `{json: {…}}` wraps a schema.
        Some(found.get("json").filter(|inner| inner.is_object()).unwrap_or(found))
    };
    let input = first(&["inputSchema", "input_schema", "parameters", "input"]);
    let output = first(&["outputSchema", "output_schema", "output", "returns", "response"]);
    let hints = item.get("annotations").unwrap_or(&Json::Null);
    let hint = |word: &str| hints.get(word).and_then(Json::as_bool);
    let effect = match (hint("readOnlyHint"), hint("destructiveHint"), hint("openWorldHint")) {
        (Some(true), _, _) => Some(Effect::Reads),
        // Adds to a closed world: can be undone by whoever owns it.
        (_, Some(false), Some(false)) => Some(Effect::Writes),
        (Some(false), _, _) | (_, Some(_), _) => Some(Effect::Irreversible),
        (None, None, _) => None,
    };
    let text = |word: &str| item.get(word).and_then(Json::as_str).map(str::to_owned);
    Some(Tool {
        name: text("name")?,
        wire: None,
        docs: text("description").or_else(|| text("title")).unwrap_or_default(),
        input: input.filter(|s| s.is_object()).cloned().unwrap_or_else(|| json!({ "type": "object" })),
        output: output.filter(|s| s.is_object()).cloned(),
        effect,
        idempotent: hint("idempotentHint") == Some(true) || effect == Some(Effect::Reads),
        deprecated: item.get("deprecated") == Some(&Json::Bool(true)),
        shared: false,
    })
}

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

fn operations(document: &Json) -> Vec<Tool> {
    let paths = document.get("paths").and_then(Json::as_object).into_iter().flatten();
    let (mut out, mut total) = (Vec::new(), 0);
    for (path, item) in paths {
        let item = follow(item, document);
        for method in METHODS {
            let Some(operation) = item.get(method).filter(|o| o.is_object()) else { continue };
            // What is too much is refused by the caller; it need not be built.
            if out.len() <= MAX_TOOLS && total <= super::MAX_SIZE {
                let tool = operation_tool(path, method, item, operation, document);
                total += super::size(&tool.input);
                out.push(tool);
            }
        }
    }
    out
}

/// The end of a chain of `$ref`s into the document.
fn follow<'j>(mut value: &'j Json, document: &'j Json) -> &'j Json {
    for _ in 0..32 {
        let target =
            value.get("$ref").and_then(Json::as_str).and_then(|r| document.pointer(r.strip_prefix('#')?));
        match target {
            Some(target) => value = target,
            None => break,
        }
    }
    value
}

fn operation_tool(path: &str, method: &str, item: &Json, operation: &Json, document: &Json) -> Tool {
    let text = |word: &str| operation.get(word).and_then(Json::as_str).filter(|t| !t.trim().is_empty());
    let wire = format!("{} {path}", method.to_uppercase());
    let name = text("operationId").map_or_else(|| format!("{method}{path}"), str::to_owned);
    let mut docs = text("summary").unwrap_or_default().to_owned();
    if let Some(more) = text("description").filter(|d| *d != docs) {
        docs = if docs.is_empty() { more.to_owned() } else { format!("{docs}\n\n{more}") };
    }
    let reads = ["get", "head", "options", "trace"].contains(&method);
    Tool {
        name: name.trim_matches(['/', '{', '}']).to_owned(),
        wire: Some(wire),
        docs,
        input: operation_input(item, operation, document),
        output: operation_output(operation, document),
        effect: if reads { Some(Effect::Reads) } else { None },
        idempotent: reads || ["put", "delete"].contains(&method),
        deprecated: operation.get("deprecated") == Some(&Json::Bool(true)),
        shared: true,
    }
}

/// Parameters and body as one object.
fn operation_input(item: &Json, operation: &Json, document: &Json) -> Json {
    // An operation's parameter replaces its path's of the same name and place.
    let mut parameters: BTreeMap<(usize, String), &Json> = BTreeMap::new();
    let mut order: Vec<(String, String)> = Vec::new();
    for list in [item, operation].iter().filter_map(|o| o.get("parameters")?.as_array()) {
        for parameter in list.iter().map(|p| follow(p, document)) {
            let text = |word: &str| parameter.get(word).and_then(Json::as_str).map(str::to_owned);
            let (Some(name), place) = (text("name"), text("in").unwrap_or_default()) else { continue };
            let key = (place, name);
            let at = order.iter().position(|k| *k == key).unwrap_or_else(|| {
                order.push(key.clone());
                order.len() - 1
            });
            parameters.insert((at, key.1), parameter);
        }
    }
    let mut properties = Map::new();
    let mut required = Vec::new();
    for ((_, name), parameter) in parameters {
        let mut key = name.clone();
        let mut count = 1;
        while properties.contains_key(&key) {
            count += 1;
            key = format!("{name}_{count}");
        }
        let schema = parameter.get("schema").or_else(|| content_schema(parameter.get("content")?));
        properties.insert(key.clone(), with_docs(schema, parameter));
        if parameter.get("required") == Some(&Json::Bool(true)) {
            required.push(json!(key));
        }
    }
    if let Some(body) = operation.get("requestBody").map(|b| follow(b, document)) {
        let schema = body.get("content").and_then(content_schema);
        let key = if properties.contains_key("body") { "request_body" } else { "body" };
        properties.insert(key.to_owned(), with_docs(schema, body));
        if body.get("required") == Some(&Json::Bool(true)) {
            required.push(json!(key));
        }
    }
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn with_docs(schema: Option<&Json>, from: &Json) -> Json {
    let mut schema = match schema {
        Some(Json::Object(schema)) => schema.clone(),
        _ => Map::new(),
    };
    if let Some(text) = from.get("description").filter(|d| d.is_string()) {
        schema.entry("description").or_insert_with(|| text.clone());
    }
    Json::Object(schema)
}

/// The schema of JSON where there is one, else of the first kind of content.
fn content_schema(content: &Json) -> Option<&Json> {
    let content = content.as_object()?;
    let json = |kind: &str| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind == "application/json" || kind.ends_with("+json")
    };
    let found = content.iter().find(|(kind, _)| json(kind)).or_else(|| content.iter().next());
    found?.1.get("schema")
}

/// The schema of the first answer that says it worked.
fn operation_output(operation: &Json, document: &Json) -> Option<Json> {
    let responses = operation.get("responses")?.as_object()?;
    let worked = responses.iter().find(|(code, _)| code.starts_with('2'));
    let (_, response) = worked.or_else(|| responses.iter().find(|(code, _)| code.as_str() == "default"))?;
    match follow(response, document).get("content").filter(|c| c.as_object().is_some_and(|c| !c.is_empty())) {
        Some(content) => content_schema(content).cloned(),
        None if worked.is_some() => Some(json!({ "type": "null" })),
        None => None,
    }
}
