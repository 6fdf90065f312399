//! `aos compile`: the stages of the compiler.

use super::args::{Compile, Emit, Global};
use super::{CliResult, Exit, Stop, load, terminal};
use serde::Serialize;

pub(crate) fn compile(args: &Compile, _global: &Global) -> CliResult {
    if args.emit == Emit::Ast {
        let project = load::project(&load::Target::parse(&args.target).path)?;
        if let Some(entry) = project.files.first() {
            terminal::print(&format!("{:#?}", entry.parse.file));
        }
        return Ok(if project.analysis.diagnostics.iter().any(|d| d.is_error()) {
            Exit::Failed
        } else {
            Exit::Done
        });
    }
    let loaded = load::checked(&args.target)?;
    match args.emit {
        Emit::Hir | Emit::Ast => print(loaded.checked.program())?,
        Emit::Dag => print(&loaded.dag())?,
    }
    Ok(Exit::Done)
}

fn print(value: &impl Serialize) -> Result<(), Stop> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Stop::failed(format!("no JSON: {e}")))?;
    terminal::print(&text);
    Ok(())
}
