//! What the integration tests share: the program, folders, cases.

pub mod http;
pub mod power;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The root of the crate.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The built program, with nothing of the caller's surroundings that changes what it does.
pub fn aos(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aos"));
    command.current_dir(dir).env_remove("AOS_STORE").env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// The file or folder of a set, if it is there; else says that it is skipped.
pub fn cases(path: &str) -> Option<PathBuf> {
    let root =
        std::env::var_os("AOS_CASES").map_or_else(|| root().parent().unwrap().join("shared"), PathBuf::from);
    let full = root.join(path);
    if full.exists() {
        return Some(full);
    }
    println!("skipped: the set `{path}` is not there; AOS_CASES names the folder that holds it");
    None
}

/// Runs a command to its end; the text of stdout, stderr and the exit code.
pub fn finish(command: &mut Command) -> (i32, String, String) {
    told(command.output().expect("the program starts"))
}

/// The same, with a text on stdin.
pub fn finish_with(command: &mut Command, stdin: &str) -> (i32, String, String) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    told(child.wait_with_output().unwrap())
}

fn told(output: Output) -> (i32, String, String) {
    use std::os::unix::process::ExitStatusExt as _;
    let code = output.status.code().unwrap_or_else(|| -output.status.signal().unwrap_or(0));
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (code, text(output.stdout), text(output.stderr))
}

/// Writes files into a new folder.
pub fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

/// Copies a folder with all in it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// The last line of `run --json`.
pub fn finished(stdout: &str) -> serde_json::Value {
    let line = stdout.lines().last().unwrap_or_default();
    let value: serde_json::Value =
        serde_json::from_str(line).unwrap_or_else(|e| panic!("no JSON ({e}): {line}"));
    assert_eq!(value["event"], "run_finished", "{stdout}");
    value
}
