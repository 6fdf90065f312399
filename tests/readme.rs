//! The README's commands run as they stand there.

use crate::support::{aos, copy, finish, root};
use std::process::Command;

/// A fenced block: its language, its text, and the text of the `text` block right behind it.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(kind)) => open = Some((kind.to_owned(), String::new())),
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

/// What differs from run to run: ids, times, durations, and trailing blanks.
fn settled(text: &str) -> String {
    let id = regex::Regex::new(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap();
    let text = id.replace_all(text, "<id>");
    text.lines().map(str::trim_end).filter(|l| !l.is_empty()).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_commands_of_the_readme_work() {
    let page = std::fs::read_to_string(root().join("README.md")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    copy(&root().join("examples"), &dir.path().join("examples"));
    let program = aos(dir.path());
    let bin = std::path::Path::new(program.get_program()).parent().unwrap().to_owned();
    let path = std::env::join_paths(
        std::iter::once(bin).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    )
    .unwrap();
    let blocks = blocks(&page);
    let mut ran = 0;
    for (at, (kind, text)) in blocks.iter().enumerate() {
        if let Some(name) = kind.strip_prefix("plan,") {
            std::fs::write(dir.path().join(name), text).unwrap();
            continue;
        }
        if kind != "sh" {
            continue;
        }
        // cargo is what the reader builds with; here the program is built already.
        let script: String = text
            .lines()
            .filter(|l| {
                !l.starts_with("cargo test") && !l.starts_with("cargo install") && !l.starts_with(".ci/")
            })
            .map(|l| l.replace("cargo run -- ", "aos ").replace(" RUN", " $(latest)") + "\n")
            .collect();
        let script = format!(
            "set -e\nlatest() {{ aos runs --limit 1 --json | sed 's/.*\"run\":\"\\([^\"]*\\).*/\\1/'; }}\n{script}"
        );
        let mut command = Command::new("bash");
        command.env("XDG_DATA_HOME", dir.path().join("data"));
        command.current_dir(dir.path()).env("PATH", &path).env("NO_COLOR", "1").env_remove("AOS_STORE");
        let (code, out, err) = finish(command.args(["-uo", "pipefail", "-c", &script]));
        ran += 1;
        let shown = blocks.get(at + 1).filter(|(k, _)| k == "text").map(|(_, t)| t);
        match shown {
            Some(shown) => {
                let told = settled(&format!("{err}\n{out}"));
                let wanted = settled(shown);
                assert!(told.contains(&wanted), "`{script}` does not print\n{wanted}\nbut\n{told}");
            }
            None => assert_eq!(code, 0, "`{script}`: {err}"),
        }
    }
    assert!(ran >= 4, "only {ran} blocks ran");
}
