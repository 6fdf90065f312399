//! `aos convert`

use super::args::{Convert, ConvertTo};
use super::{CliResult, Exit, Stop, load, render, terminal};
use crate::diagnostic::{Code, Diagnostic};
use crate::format;
use crate::source::{DiskLoader, Loader as _, Sources};
use crate::syntax::{self, json};

pub(crate) fn convert(args: &Convert) -> CliResult {
    let text = DiskLoader.read(&args.file).map_err(|error| load::cannot_read(&args.file, &error))?;
    let mut sources = Sources::default();
    let id = sources.add(&args.file.display().to_string(), &text);
    let is_json = json::is_json(&args.file);
    let parse = match is_json {
        true => json::parse(id, &text, &json::plan_name(&args.file)),
        false => syntax::parse(id, &text),
    };
    if parse.diagnostics.iter().any(Diagnostic::is_error) {
        render::report(&parse.diagnostics, &sources);
        return Ok(Exit::Failed);
    }
    let out = match args.to {
        ConvertTo::Plan if is_json => format::file(&parse.file),
        ConvertTo::Plan => format::format(&text, &parse).map_err(|e| Stop::failed(e.to_string()))?,
        ConvertTo::Json => match format::json::plan(&parse) {
            Ok((name, plan)) => {
                named(&name, args)?;
                format!("{plan:#}\n")
            }
            Err(refused) => {
                render::report(&refused, &sources);
                let count = refused.iter().filter(|d| d.code == Code::NotInJson).count();
                let what = if count == 1 { "construct has" } else { "constructs have" };
                terminal::say(&format!("{count} {what} no JSON form; nothing is written"));
                return Ok(Exit::Failed);
            }
        },
    };
    match &args.out {
        Some(path) => {
            std::fs::write(path, out)
                .map_err(|e| Stop::usage(format!("`{}` cannot be written: {e}", path.display())))?;
            terminal::say(&format!("wrote {}", path.display()));
        }
        None => terminal::print(out.trim_end()),
    }
    Ok(Exit::Done)
}

/// The JSON form has no place for the plan's name: the file's name says it.
fn named(name: &str, args: &Convert) -> Result<(), Stop> {
    match &args.out {
        Some(path) if json::plan_name(path) != name => {
            let file = path.with_file_name(format!("{name}.json"));
            let message = format!(
                "the JSON form takes the plan's name from its file, and `{}` would rename `{name}`; write it to `{}`",
                path.display(),
                file.display()
            );
            Err(Stop::usage(message))
        }
        None if json::plan_name(&args.file) != name => {
            terminal::say(&format!("keep it as `{name}.json`: the plan's name is the file's"));
            Ok(())
        }
        Some(_) | None => Ok(()),
    }
}
