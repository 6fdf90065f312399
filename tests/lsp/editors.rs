//! Real editors: Neovim, Vim, the client library that VS Code speaks with, and VS Code itself. `AOS_REQUIRE_EDITORS` makes a missing one a failure.

use crate::support::{copy, root};
use std::path::Path;
use std::process::Command;

/// Whether a program is there; says so where it is not, or fails where it must be.
fn present(program: &str, extra: Option<&Path>) -> bool {
    let runs = Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success());
    let there = runs && extra.is_none_or(Path::exists);
    if !there {
        let what = extra.map_or(program.to_owned(), |p| format!("{program} with {}", p.display()));
        assert!(std::env::var_os("AOS_REQUIRE_EDITORS").is_none(), "{what} is not there");
        println!("skipped: {what} is not there");
    }
    there
}

fn run(command: &mut Command) {
    let dir = tempfile::tempdir().unwrap();
    copy(&root().join("tests/editors/project"), dir.path());
    let output = command
        .env("AOS", env!("CARGO_BIN_EXE_aos"))
        .env("PROJECT", dir.path().canonicalize().unwrap())
        .env("XDG_STATE_HOME", dir.path().join(".state"))
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(
        output.status.success() && (out.contains("all is well") || err.contains("all is well")),
        "{out}\n{err}"
    );
    println!("{out}{err}");
}

#[test]
fn neovim() {
    if present("nvim", None) {
        let script = root().join("tests/editors/neovim.lua");
        run(Command::new("nvim").args(["--headless", "-u", "NONE", "-i", "NONE", "-S"]).arg(script));
    }
}

#[test]
fn the_library_of_vs_code() {
    let folder = root().join("tests/editors");
    if present("node", Some(&folder.join("node_modules/vscode-languageserver-protocol"))) {
        run(Command::new("node").arg("client.js").current_dir(folder));
    }
}

/// The syntax, the detection of the file type and the settings of the Vim package, in Vim.
#[test]
fn vim() {
    if present("vim", None) {
        let script = root().join("tests/editors/vim.vim");
        let package = root().join("editors/vim");
        run(Command::new("vim")
            .args(["-N", "-u", "NONE", "-i", "NONE", "-n", "-e", "-s", "-S"])
            .arg(script)
            .env("PACKAGE", package)
            .env("TERM", "dumb"));
    }
}

/// The packaged extension in VS Code's own page. The first time it is put together from npm.
#[test]
#[ignore = "puts VS Code together from npm and starts Chromium: .ci/long runs it"]
fn vs_code() {
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("vscode");
    std::fs::create_dir_all(&pictures).unwrap();
    run(Command::new("node").arg(root().join("tests/editors/vscode/drive.js")).env("PICTURES", pictures));
}
