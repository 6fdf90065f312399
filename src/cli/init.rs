//! `aos init`: a new project with a plan that checks, passes its test and runs.

use super::args::Init;
use super::{CliResult, Exit, Stop, terminal};
use std::io::Write as _;
use std::path::Path;

const CONFIG: &str = include_str!("init/aos.toml");
const PLAN: &str = include_str!("init/first.plan");
const NOTE: &str = include_str!("init/welcome.md");
const IGNORE: &str = "# Runs are kept here\n.aos/\n";

pub(crate) fn init(args: &Init) -> CliResult {
    let dir = args.dir.as_path();
    let full = std::path::absolute(dir).map_err(|e| cannot(dir, &e))?;
    let name = match &args.name {
        Some(name) => name.clone(),
        None => full.file_name().map_or_else(|| "plans".to_owned(), |n| n.to_string_lossy().into_owned()),
    };
    if dir.join("aos.toml").exists() {
        return Err(Stop::usage(format!("`{}` is a project already: it has an aos.toml", dir.display())));
    }
    if let Some(above) = full.ancestors().skip(1).find(|d| d.join("aos.toml").is_file()) {
        terminal::say(&format!("note: this lies inside the project `{}`", above.display()));
    }
    let config = CONFIG.replace("\"NAME\"", &toml::Value::String(name).to_string());
    for (file, text) in
        [("aos.toml", config.as_str()), ("plans/first.plan", PLAN), ("notes/welcome.md", NOTE)]
    {
        create(&dir.join(file), text)?;
    }
    ignore(&dir.join(".gitignore"))?;
    let cd = if dir == Path::new(".") { String::new() } else { format!("  cd {}\n", dir.display()) };
    terminal::say(&format!(
        "\nNext:\n{cd}  aos test plans/first.plan\n  aos run plans/first.plan\n  aos doctor   (says what is missing here)"
    ));
    Ok(Exit::Done)
}

fn cannot(path: &Path, error: &std::io::Error) -> Stop {
    Stop::usage(format!("`{}` cannot be written: {error}", path.display()))
}

/// Writes a file that is not there yet; one that is stays as it is.
fn create(path: &Path, text: &str) -> Result<(), Stop> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|e| cannot(parent, &e))?;
    }
    match std::fs::OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => {
            file.write_all(text.as_bytes()).map_err(|e| cannot(path, &e))?;
            terminal::say(&format!("wrote {}", path.display()));
            Ok(())
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            terminal::say(&format!("kept {}, which was there", path.display()));
            Ok(())
        }
        Err(error) => Err(cannot(path, &error)),
    }
}

/// Adds the store to what git leaves alone.
fn ignore(path: &Path) -> Result<(), Stop> {
    let Ok(old) = std::fs::read_to_string(path) else { return create(path, IGNORE) };
    if old.lines().any(|l| matches!(l.trim(), ".aos" | ".aos/" | "/.aos" | "/.aos/")) {
        return Ok(());
    }
    let gap = if old.is_empty() || old.ends_with('\n') { "" } else { "\n" };
    std::fs::write(path, format!("{old}{gap}{IGNORE}")).map_err(|e| cannot(path, &e))?;
    terminal::say(&format!("added .aos/ to {}", path.display()));
    Ok(())
}
