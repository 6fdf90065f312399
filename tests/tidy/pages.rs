//! Every diagnostic has a page, whose bad example gives that diagnostic and nothing else, and whose good one gives nothing.
//!
//! Behind the kind of an example stand words: ```` ```plan,bad agent:triager ````.
//!
//! | word | the example |
//! |---|---|
//! | `agent:A` | is checked for this agent |
//! | `long` | has a mebibyte of text in the place of `…` |
//! | `run` | is run by `aos run` |
//! | `test` | is run by `aos test` |
//!
//! `grammar,bad` are arguments of `aos grammar`, `json,bad` is the JSON form of a plan, `convert,bad` a plan that is converted to it, `toml,bad` is an `aos.toml`;
//! ```` ```file NAME ```` stands beside the examples.

use crate::pages::{Block, blocks};
use crate::support::{aos, finish, folder};
use aos::diagnostic::Code;
use aos::format;
use aos::project::{Asking, Project};
use aos::source::{MemoryLoader, SourceId};
use aos::syntax;
use std::collections::BTreeMap;
use std::path::Path;

impl Block {
    /// The names of the codes that are found.
    fn codes(&self, beside: &[&Block]) -> Vec<String> {
        let lib = "type Repo = { owner: string, name: string }\n";
        let text = if self.says("long") {
            self.text.replace('…', &"x".repeat(1 << 20))
        } else {
            self.text.clone()
        };
        let entry = "plan p() {\n}\n".to_owned();
        let (text, config) = if self.kind.starts_with("toml") { (entry, Some(text)) } else { (text, None) };
        let mut files = vec![("page.plan", &*text), ("lib/github.plan", lib)];
        files.extend(config.as_deref().map(|c| ("aos.toml", c)));
        files.extend(beside.iter().map(|b| (b.words[0].as_str(), &*b.text)));
        match ["run", "test"].into_iter().find(|w| self.says(w)) {
            Some(command) => ran(command, &files),
            None => self.checked(&text, &files),
        }
    }

    fn checked(&self, text: &str, files: &[(&str, &str)]) -> Vec<String> {
        if self.kind.starts_with("grammar") {
            return exported(text);
        }
        if self.kind.starts_with("convert") {
            let refused = format::json::plan(&syntax::parse(SourceId::default(), text)).err();
            return refused.unwrap_or_default().iter().map(|d| d.code.name().to_owned()).collect();
        }
        let entry = if self.kind.starts_with("json") { "/p/page.json" } else { "/p/page.plan" };
        let files: Vec<(String, &str)> = files.iter().map(|(n, t)| (format!("/p/{n}"), *t)).collect();
        let loader = MemoryLoader::new(files.iter().map(|(n, t)| (n.as_str(), *t)));
        let asking = Asking { agent: self.word("agent").map(Into::into), ..Asking::default() };
        let project = Project::load_text_for(Path::new(entry), text, &loader, &asking);
        project.analysis.diagnostics.iter().map(|d| d.code.name().to_owned()).collect()
    }
}

/// What `aos grammar` says with these arguments.
fn exported(args: &str) -> Vec<String> {
    let dir = folder(&[]);
    let (_, _, err) = finish(aos(dir.path()).arg("grammar").args(args.split_whitespace()));
    let code = |line: &str| Some(line.strip_prefix("error[")?.split_once(']')?.0.to_owned());
    err.lines().filter_map(code).collect()
}

/// What the command says that is wrong, where it says by its exit code that something is.
fn ran(command: &str, files: &[(&str, &str)]) -> Vec<String> {
    let dir = folder(files);
    let (exit, out, err) = finish(aos(dir.path()).args(["--store", "store", command, "page.plan"]));
    let said = |line: &str| {
        let rest = line.strip_prefix("error[").or_else(|| line.strip_prefix("warning["))?;
        Some(rest.split_once(']')?.0.to_owned())
    };
    let codes: Vec<String> = out.lines().chain(err.lines()).filter_map(said).collect();
    assert_eq!(exit == 0, codes.is_empty(), "exit code {exit}\n{out}\n{err}");
    codes
}

#[test]
fn every_diagnostic_has_a_page_that_is_true() {
    let mut wrong = Vec::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for code in Code::ALL {
        let page = code.page();
        if page.lines().next() != Some(&format!("# {}", code.name())) {
            wrong.push(format!("{}: the page does not start with its name", code.name()));
        }
        let blocks = blocks(page);
        let beside: Vec<&Block> = blocks.iter().filter(|b| b.kind == "file").collect();
        let (mut bad, mut good) = (0, 0);
        for block in &blocks {
            let kind = block.kind.strip_suffix(",bad").or_else(|| block.kind.strip_suffix(",good"));
            let found = match kind {
                Some("plan" | "toml" | "json" | "convert" | "grammar") => block.codes(&beside),
                Some(_) | None => continue,
            };
            *counts.entry(block.kind.clone()).or_default() += 1;
            if block.kind.ends_with("bad") {
                bad += 1;
                if found.is_empty() || found.iter().any(|c| c != code.name()) {
                    wrong.push(format!("{}: the bad example gives {found:?}", code.name()));
                }
            } else {
                good += 1;
                if !found.is_empty() {
                    wrong.push(format!("{}: the good example gives {found:?}", code.name()));
                }
            }
        }
        if bad == 0 || good == 0 {
            wrong.push(format!("{}: {bad} bad examples, {good} good ones", code.name()));
        }
    }
    println!("pages: {}, examples: {counts:?}", Code::ALL.len());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
