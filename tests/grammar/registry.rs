//! Registries to draw over: the standard skills, and imported tools in any number.

use crate::json_form::random::Random;
use crate::support::cases;
use aos::check::hir::Signature;
use aos::project::Project;
use aos::project::import::{Effect, Options, import};
use aos::source::MemoryLoader;
use serde_json::{Value as Json, json};
use std::path::Path;
use std::sync::Arc;

/// A project with signatures of its own.
pub struct Registry {
    pub name: String,
    signatures: String,
}

impl Registry {
    pub fn loader(&self, plan: &str) -> MemoryLoader {
        MemoryLoader::new([
            ("/p/aos.toml", "[project]\nskills = [\"skills\"]\n"),
            ("/p/skills/t.plan", &self.signatures),
            ("/p/main.plan", plan),
        ])
    }

    pub fn project(&self, plan: &str) -> Project {
        Project::load_text(Path::new("/p/main.plan"), plan, &self.loader(plan))
    }

    /// The skills to draw over: the imported ones, or where there are none the standard ones.
    pub fn skills(&self) -> Vec<Arc<Signature>> {
        let all = self.project("").signatures();
        let own = !self.signatures.is_empty();
        all.into_iter().filter(|s| !own || s.name.starts_with("t.")).collect()
    }
}

pub fn standard() -> Registry {
    Registry { name: "standard skills".into(), signatures: String::new() }
}

/// So many imported tools: of the published sets where they are there, made up beyond that.
pub fn imported(count: usize) -> Registry {
    let mut tools: Vec<Json> = published().into_iter().take(count).collect();
    let real = tools.len();
    let random = &mut Random::new(count as u64);
    while tools.len() < count {
        tools.push(made_up(tools.len(), random));
    }
    // Two of three are pure and trusted, so that results may be used; the others are read as strictly as an unknown tool is.
    let (calm, wild) = tools.split_at(count * 2 / 3);
    let mut signatures = String::new();
    for (part, options) in [
        (calm, Options { namespace: "t".into(), effect: Some(Effect::Pure), trust: true }),
        (wild, Options { namespace: "t.wild".into(), effect: None, trust: false }),
    ] {
        signatures.push_str(&import(&Json::from(part.to_vec()), &options).unwrap().text);
        signatures.push('\n');
    }
    Registry { name: format!("{count} imported skills ({real} published)"), signatures }
}

fn published() -> Vec<Json> {
    let mut tools = Vec::new();
    if let Some(folder) = cases("examples-data/mcp") {
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "json")) {
            let recorded: Json = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
            let list = recorded["tools_list"]["tools"].as_array().or(recorded["tools"].as_array());
            tools.extend(list.into_iter().flatten().cloned());
        }
    }
    tools
}

fn made_up(n: usize, random: &mut Random) -> Json {
    let mut properties = serde_json::Map::new();
    let mut required = Vec::new();
    for at in 0..random.below(6) {
        let name = format!(
            "{}{at}",
            random.pick(&["text", "count", "flag", "items", "mode", "in", "content-type", "rate"])
        );
        let schema = match random.below(7) {
            0 => json!({ "type": "integer" }),
            1 => json!({ "type": "boolean" }),
            2 => json!({ "type": "number" }),
            3 => json!({ "type": "array", "items": { "type": "string" } }),
            4 => json!({ "type": "string", "enum": ["a", "b c", "\"q\""] }),
            5 => json!({ "type": "object", "properties": { "x": { "type": "integer" } }, "required": ["x"] }),
            _ => json!({ "type": "string" }),
        };
        properties.insert(name.clone(), schema);
        if random.below(2) == 0 {
            required.push(name);
        }
    }
    let output = match random.below(4) {
        0 => {
            json!({ "type": "object", "properties": { "total": { "type": "integer" }, "name": { "type": "string" } }, "required": ["total", "name"] })
        }
        1 => {
            json!({ "type": "object", "properties": { "done": { "type": "boolean" } }, "required": ["done"] })
        }
        2 => {
            json!({ "type": "object", "properties": { "tags": { "type": "array", "items": { "type": "string" } } }, "required": ["tags"] })
        }
        _ => Json::Null,
    };
    let mut tool = json!({ "name": format!("tool_{n}"), "inputSchema": { "type": "object", "properties": properties, "required": required } });
    if !output.is_null() {
        tool["outputSchema"] = output;
    }
    tool
}
