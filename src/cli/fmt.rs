//! `aos fmt`

use super::args::Fmt;
use super::{CliResult, Exit, Stop, load, render, terminal};
use crate::format;
use crate::source::{DiskLoader, Loader as _, Sources};
use crate::syntax;
use similar::{ChangeTag, TextDiff};
use std::path::Path;

pub(crate) fn fmt(args: &Fmt) -> CliResult {
    if args.stdin {
        let text = load::stdin_text()?;
        return match layout("<stdin>", &text) {
            Some(new) if args.check => Ok(compare("<stdin>", "formatted", &text, &new)),
            Some(new) => {
                use std::io::Write as _;
                let _ = std::io::stdout().write_all(new.as_bytes());
                Ok(Exit::Done)
            }
            None => Ok(Exit::Failed),
        };
    }
    if args.files.is_empty() {
        return Err(Stop::usage("no files; name plan files, or use `--stdin`"));
    }
    let mut exit = Exit::Done;
    for path in &args.files {
        if file(path, args.check)? != Exit::Done {
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}

fn file(path: &Path, check: bool) -> CliResult {
    if syntax::json::is_json(path) {
        let message = format!(
            "`{0}` is the JSON form of a plan; `aos convert {0} --to plan` prints it as one",
            path.display()
        );
        return Err(Stop::usage(message));
    }
    let text = DiskLoader.read(path).map_err(|error| load::cannot_read(path, &error))?;
    let name = path.display().to_string();
    let Some(new) = layout(&name, &text) else { return Ok(Exit::Failed) };
    if check {
        return Ok(compare(&name, "formatted", &text, &new));
    }
    if new != text {
        replace(path, &new).map_err(|e| Stop::usage(format!("`{name}` cannot be written: {e}")))?;
        terminal::say(&format!("formatted {name}"));
    }
    Ok(Exit::Done)
}

/// The canonical text; none where the text has errors, which are shown.
fn layout(name: &str, text: &str) -> Option<String> {
    let mut sources = Sources::default();
    let id = sources.add(name, text);
    let parse = syntax::parse(id, text);
    match format::format(text, &parse) {
        Ok(new) => Some(new),
        Err(_) => {
            render::report(&parse.diagnostics, &sources);
            terminal::say(&format!("{name} is left as it is"));
            None
        }
    }
}

/// Prints what differs as a diff; fails where something does.
pub(super) fn compare(name: &str, what: &str, old: &str, new: &str) -> Exit {
    if old == new {
        return Exit::Done;
    }
    terminal::print_coloured(&format!("--- {name}\n+++ {name} ({what})"));
    let diff = TextDiff::from_lines(old, new);
    for hunk in diff.unified_diff().context_radius(2).iter_hunks() {
        terminal::print_coloured(&hunk.header().to_string());
        for change in hunk.iter_changes() {
            let (sign, colour) = match change.tag() {
                ChangeTag::Delete => ('-', "\x1b[31m"),
                ChangeTag::Insert => ('+', "\x1b[32m"),
                ChangeTag::Equal => (' ', ""),
            };
            let line = change.value().trim_end_matches(['\n', '\r']);
            terminal::print_coloured(&format!("{colour}{sign}{line}\x1b[0m"));
        }
    }
    Exit::Failed
}

/// Writes beside the file and renames, so that a crash leaves the old text or the new one.
pub(super) fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let real = std::fs::canonicalize(path)?;
    let name = real.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let temp = real.with_file_name(format!(".{name}.{}", std::process::id()));
    let write = || {
        let mut file = std::fs::File::create(&temp)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        std::fs::set_permissions(&temp, std::fs::metadata(&real)?.permissions())?;
        std::fs::rename(&temp, &real)
    };
    write().inspect_err(|_| {
        let _ = std::fs::remove_file(&temp);
    })
}
