//! `aos skills`: signatures, as this language and as JSON Schema.

use super::args::{Global, SkillFormat, Skills, SkillsCommand};
use super::{CliResult, Exit, Stop, terminal};
use crate::catalog::Catalog;
use crate::check::hir::Signature;
use crate::diagnostic::nearest;
use crate::project::Project;
use crate::project::schemas::KeptSchemas;
use crate::source::DiskLoader;
use crate::syntax::ast;
use crate::types::Type;
use crate::value::Value;
use comfy_table::{Table, presets};
use serde_json::{Map, Value as Json, json};
use std::path::Path;

pub(crate) fn skills(args: &Skills, _global: &Global) -> CliResult {
    // A file that is not there stands for the working folder: its aos.toml says which signatures the project adds.
    let project = Project::load_text(Path::new("skills.plan"), "", &DiskLoader);
    match &args.command {
        SkillsCommand::List { json } => list(&project, *json)?,
        SkillsCommand::Show { name, format } => show(&project, name, *format)?,
        SkillsCommand::Import(args) => super::import::import(args)?,
    }
    Ok(Exit::Done)
}

fn list(project: &Project, as_json: bool) -> Result<(), Stop> {
    let all = project.signatures();
    if as_json {
        let kept = kept(project)?;
        for signature in &all {
            terminal::print(&schema(signature, kept.get(&signature.name)).to_string());
        }
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for s in &all {
        let docs = s.docs.as_deref().unwrap_or_default();
        let first = docs.lines().next().unwrap_or_default();
        table.add_row([s.name.to_string(), effects(s), first.to_owned()]);
    }
    terminal::print(&table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n"));
    Ok(())
}

/// The schemas that came with imported signatures: they say what types cannot.
fn kept(project: &Project) -> Result<KeptSchemas, Stop> {
    project.kept_schemas(&DiskLoader).map_err(Stop::usage)
}

fn item(project: &Project, name: &str) -> Option<ast::Skill> {
    let own = project.files.iter().flat_map(|f| &f.parse.file.items).find_map(|item| match item {
        ast::Item::Skill(skill) if skill.name.name.as_ref() == name => Some(skill.clone()),
        ast::Item::Skill(_)
        | ast::Item::Use(_)
        | ast::Item::Type(_)
        | ast::Item::Plan(_)
        | ast::Item::Test(_) => None,
    });
    own.or_else(|| Catalog::stdlib().lookup(name).cloned())
}

fn effects(signature: &Signature) -> String {
    let strongest = signature.effects.iter().map(|e| e.kind).max().unwrap_or(ast::EffectKind::Pure);
    format!("{strongest:?}").to_lowercase()
}

fn show(project: &Project, name: &str, format: SkillFormat) -> Result<(), Stop> {
    let all = project.signatures();
    let Some(signature) = all.iter().find(|s| s.name.as_ref() == name) else {
        let near = nearest(name, all.iter().map(|s| s.name.as_ref()));
        let hint = near
            .map_or_else(|| "`aos skills list` lists them".to_owned(), |n| format!("did you mean `{n}`?"));
        return Err(Stop::usage(format!("no skill is called `{name}`; {hint}")));
    };
    match format {
        SkillFormat::Plan => {
            let item =
                item(project, name).ok_or_else(|| Stop::failed(format!("the text of `{name}` is gone")))?;
            let file = ast::File { items: vec![ast::Item::Skill(item)] };
            terminal::print(crate::format::file(&file).trim_end());
        }
        SkillFormat::JsonSchema => {
            let kept = kept(project)?;
            terminal::print(&format!("{:#}", schema(signature, kept.get(name))));
        }
    }
    Ok(())
}

/// The shape that tool lists have: name, description, input and output schema. The schemas of an import are shown as they were kept.
fn schema(signature: &Signature, kept: Option<Json>) -> Json {
    let own = |part: &str| kept.as_ref().and_then(|k| k.get(part)).cloned();
    json!({
        "name": signature.name,
        "description": signature.docs,
        "input_schema": own("input").unwrap_or_else(|| input(signature)),
        "output_schema": own("output").unwrap_or_else(|| signature.output.json_schema()),
    })
}

fn input(signature: &Signature) -> Json {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for param in &signature.params {
        // `p?: T` is left out rather than null.
        let default = param.default.as_ref().map(|d| crate::expr::eval(d, &crate::expr::NoEnv));
        let mut property = match param.ty.bare() {
            Type::Optional(inner) if matches!(default, Some(Ok(Value::Null))) => inner.json_schema(),
            _ => param.ty.json_schema(),
        };
        if let (Some(docs), Some(object)) = (&param.docs, property.as_object_mut()) {
            object.insert("description".into(), docs.as_ref().into());
        }
        if let (Some(Ok(default)), Some(object)) = (default, property.as_object_mut())
            && !default.is_null()
        {
            object.insert("default".into(), default.to_json());
        }
        properties.insert(param.name.to_string(), property);
        if param.default.is_none() {
            required.push(Json::from(param.name.as_ref()));
        }
    }
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}
