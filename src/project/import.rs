//! Tool lists and OpenAPI documents as signature files of this language. Pure: JSON in, texts out.
//!
//! What a schema says and the language cannot is left to the schema itself: it is kept beside the signatures
//! ([`super::schemas`]), and calls are held against it when they run. The signature says `json` there, with a note.

mod constraint;
mod document;
mod literal;
mod normal;
mod object;
mod schema;
mod shape;
mod write;

#[cfg(test)]
mod tests;

pub use document::{Effect, Tool, tools};
#[cfg(feature = "runtime")]
pub(crate) use schema::percent_decoded;

use super::schemas::{SHARED, reached};
use crate::diagnostic::{Diagnostic, sort};
use crate::source::Sources;
use crate::{format, syntax};
use serde_json::{Map, Value as Json, json};

/// The most tools of one document.
const MAX_TOOLS: usize = 10_000;
/// The most values in all schemas of one document.
const MAX_SIZE: usize = 3_000_000;

/// What a source does not say.
#[derive(Clone, Debug)]
pub struct Options {
    /// What stands before the dot of each skill.
    pub namespace: String,
    /// Of the tools that say nothing of it; else `irreversible`.
    pub effect: Option<Effect>,
    /// Results are as trusted as the arguments, and arguments may come from anywhere where nothing is changed.
    pub trust: bool,
}

/// A signature file and what goes beside it.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The file, as `fmt` prints it.
    pub text: String,
    /// The schemas as they are kept: `{"ns.tool": {"input": …, "output": …}, "$shared": …}`.
    pub schemas: Map<String, Json>,
    pub skills: usize,
    /// What the signatures could not say.
    pub notes: Vec<String>,
}

/// Why a document cannot be imported.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ImportError {
    #[error("`{0}` cannot be a namespace: names are letters, digits and `_`, and no reserved word")]
    Namespace(String),
    #[error("the document is no list of tools and no OpenAPI document")]
    Unknown,
    #[error("the document is of Swagger {0}; OpenAPI 3 is understood")]
    Swagger(String),
    #[error("the document has no tools")]
    Empty,
    #[error("the document has more than {MAX_TOOLS} tools")]
    TooMany,
    #[error("the schemas of its tools are too large taken together")]
    TooLarge,
    #[error("the signatures that came out are wrong: {0}")]
    Internal(String),
}

/// The signatures of a tool list (MCP, Anthropic, OpenAI and the like) or of an OpenAPI 3 document.
///
/// # Errors
/// The document is neither, or empty, or the namespace is no name.
pub fn import(document: &Json, options: &Options) -> Result<Imported, ImportError> {
    if !options.namespace.split('.').all(literal::is_name)
        || options.namespace.split('.').next().is_none_or(literal::is_reserved)
    {
        return Err(ImportError::Namespace(options.namespace.clone()));
    }
    let tools = tools(document)?;
    // Tools may share what is large: each has its own copy here.
    let size: usize = tools.iter().map(|t| size(&t.input) + t.output.as_ref().map_or(0, size)).sum();
    if size > MAX_SIZE {
        return Err(ImportError::TooLarge);
    }
    let mut writer = write::Writer::new(options);
    let mut schemas = Map::new();
    for tool in &tools {
        let name = writer.skill(tool, document);
        let mut kept = Map::new();
        kept.insert("input".into(), normal::schema(tool.input.clone()));
        if let Some(output) = &tool.output {
            kept.insert("output".into(), normal::schema(output.clone()));
        }
        schemas.insert(name, Json::Object(kept));
    }
    let sharing = tools.iter().filter(|tool| tool.shared);
    let components =
        reached(sharing.flat_map(|tool| [&tool.input].into_iter().chain(&tool.output)), document);
    if !components.is_empty() {
        schemas.insert(SHARED.into(), normal::schema(json!({ "components": components })));
    }
    let (draft, notes) = writer.finish();
    let text = canonical(&draft)?;
    Ok(Imported { text, schemas, skills: tools.len(), notes })
}

/// How many values there are in some JSON.
fn size(json: &Json) -> usize {
    let mut open = vec![json];
    let mut count = 0;
    while let Some(next) = open.pop() {
        count += 1;
        match next {
            Json::Object(map) => open.extend(map.values()),
            Json::Array(items) => open.extend(items),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }
    count
}

/// As `fmt` prints it; sound by the checker's word.
fn canonical(draft: &str) -> Result<String, ImportError> {
    let mut sources = Sources::default();
    let source = sources.add("import.plan", draft);
    let parse = syntax::parse(source, draft);
    let mut found =
        crate::check::check(source, &parse, &sources, &crate::catalog::Catalog::stdlib()).diagnostics;
    found.extend(parse.diagnostics.iter().cloned());
    sort(&mut found);
    if let Some(first) = found.iter().find(|d| d.is_error()) {
        return Err(ImportError::Internal(explained(first, &sources)));
    }
    format::format(draft, &parse).map_err(|e| ImportError::Internal(e.to_string()))
}

fn explained(d: &Diagnostic, sources: &Sources) -> String {
    let at = sources.slice(d.span).lines().next().unwrap_or_default();
    format!("{} at `{at}`", d.message)
}
