//! `aos skills import`

use super::args::{Import, SkillEffect};
use super::{Stop, load, terminal};
use crate::project::import::{self, Effect, Imported, Options};
use crate::project::schemas::{KeptSchemas, schema_file};
use crate::runtime::skill::schema::Schema;
use crate::source::{DiskLoader, Loader as _};
use serde_json::Value as Json;
use std::path::Path;

/// The most notes that are shown.
const SHOWN: usize = 20;

pub(crate) fn import(args: &Import) -> Result<(), Stop> {
    let text = if args.file.as_os_str() == "-" {
        load::stdin_text()?
    } else {
        DiskLoader.read(&args.file).map_err(|error| load::cannot_read(&args.file, &error))?
    };
    let name = args.file.display();
    let document = document(&text).map_err(|why| Stop::usage(format!("`{name}` is no JSON: {why}")))?;
    let options = Options {
        namespace: args.namespace.clone(),
        effect: args.effect.map(|e| match e {
            SkillEffect::Pure => Effect::Pure,
            SkillEffect::Reads => Effect::Reads,
            SkillEffect::Writes => Effect::Writes,
            SkillEffect::Irreversible => Effect::Irreversible,
        }),
        trust: args.trust,
    };
    let mut made = import::import(&document, &options).map_err(|e| Stop::usage(format!("`{name}`: {e}")))?;
    drop_unusable(&mut made);
    match &args.out {
        None => terminal::print(made.text.trim_end()),
        Some(out) => write(out, &made)?,
    }
    for note in made.notes.iter().take(SHOWN) {
        terminal::say(&format!("note: {note}"));
    }
    if made.notes.len() > SHOWN {
        terminal::say(&format!("… and {} more notes; they stand in the file", made.notes.len() - SHOWN));
    }
    Ok(())
}

/// Takes out what is no schema: its calls would all be refused.
fn drop_unusable(made: &mut Imported) {
    let all = KeptSchemas::of(std::mem::take(&mut made.schemas));
    let mut unusable = Vec::new();
    for name in all.names() {
        let Some(Json::Object(kept)) = all.get(name) else { continue };
        for (part, schema) in kept {
            if let Err(why) = Schema::new(&schema) {
                made.notes
                    .push(format!("{name}: the schema of its {part} cannot be used and is left out: {why}"));
                unusable.push((name.to_owned(), part));
            }
        }
    }
    made.schemas = all.into_file();
    for (name, part) in unusable {
        if let Some(Json::Object(kept)) = made.schemas.get_mut(&name) {
            kept.shift_remove(&part);
        }
    }
}

/// One document, or several behind each other.
fn document(text: &str) -> Result<Json, String> {
    let mut all: Vec<Json> = serde_json::Deserializer::from_str(text)
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(|e| {
        format!("{e}{}", if text.trim_start().starts_with(['{', '[']) { "" } else { "; convert YAML first" })
    })?;
    Ok(if all.len() == 1 { all.remove(0) } else { Json::Array(all) })
}

fn write(out: &Path, made: &Imported) -> Result<(), Stop> {
    let put = |path: &Path, text: &str| {
        std::fs::write(path, text)
            .map_err(|e| Stop::usage(format!("`{}` cannot be written: {e}", path.display())))
    };
    if let Some(dir) = out.parent().filter(|d| !d.as_os_str().is_empty()) {
        std::fs::create_dir_all(dir)
            .map_err(|e| Stop::usage(format!("`{}` cannot be made: {e}", dir.display())))?;
    }
    let schemas = schema_file(out);
    put(&schemas, &format!("{:#}\n", Json::Object(made.schemas.clone())))?;
    put(out, &made.text)?;
    terminal::say(&format!(
        "{} skills in {}, their schemas in {}",
        made.skills,
        out.display(),
        schemas.display()
    ));
    Ok(())
}
