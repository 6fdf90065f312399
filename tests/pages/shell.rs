//! The commands on a page.

use super::{Block, checked};
use crate::support::{aos, finish};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder in which pages are followed as a reader would: one block after the other, and `cd` stays.
pub struct Shell {
    dir: tempfile::TempDir,
    folder: PathBuf,
    path: OsString,
    ran: usize,
    plans: usize,
}

impl Shell {
    pub fn new() -> Shell {
        let dir = tempfile::tempdir().unwrap();
        let program = aos(dir.path());
        let bin = Path::new(program.get_program()).parent().unwrap().to_owned();
        let old = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&old))).unwrap();
        let folder = dir.path().join("here");
        std::fs::create_dir(&folder).unwrap();
        Shell { dir, folder, path, ran: 0, plans: 0 }
    }

    /// Where the reader is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How many blocks of commands have run, and how many plans were checked.
    pub fn done(&self) -> (usize, usize) {
        (self.ran, self.plans)
    }

    /// Follows a page; what is not as it says.
    pub fn follow(&mut self, blocks: &[Block]) -> Vec<String> {
        let mut wrong = Vec::new();
        for (at, block) in blocks.iter().enumerate() {
            if let Some(name) = block.word("file") {
                let path = self.folder.join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, &block.text).unwrap();
            }
            match &*block.kind {
                "plan" | "json" => {
                    self.plans += 1;
                    wrong.extend(checked::plan(block, &self.folder).or_else(|| self.tested(block)));
                }
                "sh" => {
                    let behind = block.line + block.text.lines().count() + 3;
                    let shown = blocks.get(at + 1).filter(|b| b.kind == "text" && b.line <= behind);
                    wrong.extend(self.run(block, shown));
                }
                "toml" => wrong.extend(checked::config(block)),
                _ => {}
            }
        }
        wrong
    }

    /// The tests of a plan that checks pass.
    fn tested(&self, block: &Block) -> Option<String> {
        let fails = ["error", "warning", "info"].iter().any(|w| block.word(w).is_some());
        if fails || !block.text.lines().any(|l| l.starts_with("test \"")) {
            return None;
        }
        let path = self.folder.join("page.plan");
        std::fs::write(&path, &block.text).unwrap();
        let (code, out, err) = finish(aos(&self.folder).args(["test", "page.plan"]));
        std::fs::remove_file(path).unwrap();
        (code != 0).then(|| format!("line {}: {err}{out}", block.line))
    }

    fn run(&mut self, block: &Block, shown: Option<&Block>) -> Option<String> {
        // cargo is what the reader builds with; here the program is built already.
        let builds = ["cargo test", "cargo install", "cargo doc", ".ci/"];
        let script: String = block
            .text
            .lines()
            .filter(|l| !builds.iter().any(|c| l.starts_with(c)))
            .map(|l| l.replace("cargo run -- ", "aos ").replace(" RUN", " $(latest)") + "\n")
            .collect();
        let latest = "latest() { aos runs --limit 1 --json | sed 's/.*\"run\":\"\\([^\"]*\\).*/\\1/'; }";
        let place = self.dir.path().join("pwd");
        let script = format!("trap 'pwd > {}' EXIT\nset -e\n{latest}\n{script}", place.display());
        let mut command = Command::new("bash");
        command.env("XDG_DATA_HOME", self.dir.path().join("data")).env("HOME", self.dir.path());
        command
            .current_dir(&self.folder)
            .env("PATH", &self.path)
            .env("NO_COLOR", "1")
            .env_remove("AOS_STORE");
        let (code, out, err) = finish(command.args(["-uo", "pipefail", "-c", &script]));
        self.ran += 1;
        self.folder = std::fs::read_to_string(place).unwrap().trim_end().into();
        let told = settled(&format!("{err}\n{out}"));
        let wanted: i32 = block.word("exit").map_or(0, |n| n.parse().unwrap());
        if code != wanted {
            return Some(format!("line {}: `{}` ends with {code}:\n{told}", block.line, block.text));
        }
        let shown = shown.filter(|b| !prints(&told, &settled(&b.text)))?;
        Some(format!("line {}: `{}` does not print\n{}but\n{told}", shown.line, block.text, shown.text))
    }
}

/// Without what differs from run to run: ids, trailing blanks.
fn settled(text: &str) -> String {
    let id = regex::Regex::new(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap();
    let text = id.replace_all(text, "<id>");
    text.lines().map(str::trim_end).filter(|l| !l.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Whether `told` has what `shown` shows, the parts between `…` in their order.
fn prints(told: &str, shown: &str) -> bool {
    let mut rest = told;
    shown.split('…').map(|part| part.trim_matches('\n')).all(|part| {
        let found = rest.find(part);
        rest = found.map_or("", |at| &rest[at + part.len()..]);
        found.is_some()
    })
}
