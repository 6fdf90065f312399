//! Tools of published sets, imported as signatures, and plans over them: what is wrong with a plan is found, what is right passes.

use aos::diagnostic::Diagnostic;
use aos::project::Project;
use aos::project::import::{Effect, Imported, Options, import};
use aos::source::MemoryLoader;
use serde_json::Value as Json;
use std::path::Path;

mod bfcl;
mod nestful;
mod roundtrip;
mod running;
mod shapes;
pub mod taskbench;

/// Signatures of tools that say nothing of their effects, read as `--effect pure --trust` reads them.
pub fn trusted(tools: &Json) -> Imported {
    let options = Options { namespace: "t".to_owned(), effect: Some(Effect::Pure), trust: true };
    import(tools, &options).unwrap()
}

/// The name of the skill that a tool became.
pub fn skill_of(tools: &Json, made: &Imported, tool: &str) -> Option<String> {
    let at = tools.as_array().unwrap().iter().position(|t| t["name"] == tool)?;
    made.schemas.keys().nth(at).cloned()
}

/// A name for an unknown tool, made as the import makes one.
pub fn foreign(tool: &str) -> String {
    let name: String = tool.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("t.{name}")
}

/// A project of a signature file and a plan that uses it.
pub fn loader(signatures: &str, plan: &str) -> MemoryLoader {
    MemoryLoader::new([("/p/t.plan", signatures), ("/p/main.plan", plan)])
}

/// The errors of a plan over signatures.
pub fn errors(signatures: &str, plan: &str) -> Vec<Diagnostic> {
    let project = Project::load(Path::new("/p/main.plan"), &loader(signatures, plan)).unwrap();
    project.analysis.diagnostics.into_iter().filter(Diagnostic::is_error).collect()
}

/// A diagnostic with everything it says, in one text.
pub fn said(d: &Diagnostic) -> String {
    let mut text = format!("{}: {} | {}", d.code, d.message, d.label);
    for more in
        d.labels.iter().map(|l| &*l.message).chain(d.help.as_deref()).chain(d.fixes.iter().map(|f| &*f.title))
    {
        text.push_str(" | ");
        text.push_str(more);
    }
    text
}
