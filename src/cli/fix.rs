//! `aos fix`

use super::args::Fix;
use super::{CliResult, Exit, Stop, fmt, load, render, terminal};
use crate::project::fix::{self, Fixed};
use crate::source::{DiskLoader, Loader as _};
use std::path::Path;

pub(crate) fn fix(args: &Fix) -> CliResult {
    let mut exit = Exit::Done;
    for path in &args.files {
        if file(path, args.diff)? != Exit::Done {
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}

fn file(path: &Path, diff: bool) -> CliResult {
    let stdin = path == Path::new("-");
    let text = if stdin {
        load::stdin_text()?
    } else {
        DiskLoader.read(path).map_err(|error| load::cannot_read(path, &error))?
    };
    let shown = if stdin { Path::new("<stdin>") } else { path };
    let name = shown.display().to_string();
    let fixed = fix::fix(shown, &text, &DiskLoader);
    if diff {
        // That something would change is no failure; that something would be left is.
        let _ = fmt::compare(&name, "fixed", &text, &fixed.text);
    } else if stdin {
        use std::io::Write as _;
        let _ = std::io::stdout().write_all(fixed.text.as_bytes());
    } else if fixed.text != text {
        fmt::replace(path, &fixed.text)
            .map_err(|e| Stop::usage(format!("`{name}` cannot be written: {e}")))?;
    }
    Ok(tell(&name, &fixed))
}

/// Says what was mended, and shows what is left.
fn tell(name: &str, fixed: &Fixed) -> Exit {
    for title in &fixed.applied {
        terminal::say(&format!("{name}: {title}"));
    }
    let left = fixed.left();
    let shown: Vec<_> = left.iter().filter(|d| d.is_error() || !terminal::is_quiet()).cloned().collect();
    render::report(&shown, &fixed.project.sources);
    let mended = match fixed.applied.len() {
        0 => "nothing to mend by itself".to_owned(),
        1 => "1 fix".to_owned(),
        n => format!("{n} fixes"),
    };
    match render::count(left) {
        Some(count) => terminal::say(&format!("{name}: {mended}; {count} left")),
        None => terminal::say(&format!("{name}: {mended}; no problems left")),
    }
    if left.iter().any(crate::diagnostic::Diagnostic::is_error) { Exit::Failed } else { Exit::Done }
}
