//! Sets of real cases: read from `AOS_CASES` (default `../shared` beside the checkout), reported as skipped where they are missing.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The file or folder of a set, if it is there; else says that it is skipped.
pub fn set(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("AOS_CASES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("shared"),
        PathBuf::from,
    );
    let full = root.join(path);
    if full.exists() {
        return Some(full);
    }
    println!("skipped: the set `{path}` is not there; AOS_CASES names the folder that holds it");
    None
}

/// Runs the program in a folder.
pub fn aos(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_aos")).args(args).current_dir(dir).output().unwrap()
}

/// The last line of `run --json`.
pub fn finished(output: &Output) -> serde_json::Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    serde_json::from_str(line).unwrap()
}
