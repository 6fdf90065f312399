//! Cases from other projects' own suites, held against the checker, the evaluation and the validation. `AOS_CASES` names the folder that
//! has them; a set that is not there is skipped.

use serde_json::Value as Json;
use std::path::Path;

mod cel;
mod jsonschema;
mod k8s;
mod own;

/// The cases of a file of JSON lines.
fn lines(path: &Path) -> Vec<Json> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().filter(|line| !line.trim().is_empty()).map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// The files of a folder whose names end so, in order.
pub fn files(folder: &Path, end: &str) -> Vec<std::path::PathBuf> {
    let mut all: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.retain(|path| path.to_string_lossy().ends_with(end));
    all.sort();
    all
}
