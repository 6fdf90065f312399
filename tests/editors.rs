//! The editors' own grammars are held to the compiler's: keywords, scopes, and every file that the compiler accepts.

use crate::support::root;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "editors/queries.rs"]
mod names;
use names::queries;

/// The keywords of the compiler's grammar.
fn keywords() -> BTreeSet<String> {
    let grammar = fs::read_to_string(root().join("grammar/plan.pest")).unwrap();
    let words: BTreeSet<String> = grammar
        .lines()
        .filter_map(|l| l.strip_prefix("kw_"))
        .filter_map(|l| Some(l.split_once([' ', '='])?.0.to_owned()))
        .collect();
    assert!(words.len() > 60, "the test reads no keywords: {words:?}");
    words
}

/// The files that the compiler accepts: examples, signatures, and the corpus of the formatter.
fn accepted() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["stdlib", "tests/corpus/format", "tests/corpus/rendered", "examples"] {
        plans(&root().join(folder), &mut found);
    }
    found.push(root().join("tests/corpus/syntax/accepted.plan"));
    found.retain(|f| !f.ends_with("five_mistakes.plan"));
    found.sort();
    assert!(found.len() > 15, "{found:?}");
    found
}

fn plans(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            plans(&path, found);
        } else if path.extension().is_some_and(|e| e == "plan") {
            found.push(path);
        }
    }
}

/// Whether a word stands in a text as a word.
fn holds(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == word)
}

#[test]
fn every_keyword_stands_in_every_editor() {
    for file in [
        "tree-sitter-plan/grammar.js",
        "tree-sitter-plan/queries/highlights.scm",
        "vim/syntax/plan.vim",
        "web/plan.hljs.js",
    ] {
        let text = fs::read_to_string(root().join("editors").join(file)).unwrap();
        let missing: Vec<String> = keywords().into_iter().filter(|w| !holds(&text, w)).collect();
        assert!(missing.is_empty(), "editors/{file} lacks {missing:?}");
    }
}

/// The tool, or none where it is not there: then the test is skipped by name, unless `AOS_REQUIRE_EDITORS` is set.
fn tool(name: &str, needs: &Path) -> Option<Command> {
    if needs.exists() && Command::new(name).arg("--version").output().is_ok_and(|o| o.status.success()) {
        return Some(Command::new(name));
    }
    assert!(std::env::var_os("AOS_REQUIRE_EDITORS").is_none(), "{name} or {} is not there", needs.display());
    println!("skipped: {name} or {} is not there; .ci/run installs them", needs.display());
    None
}

#[track_caller]
fn passes(command: &mut Command) {
    let output = command.output().unwrap();
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

fn highlight() -> Option<Command> {
    let folder = root().join("tests/editors");
    let mut node = tool("node", &folder.join("node_modules/vscode-textmate"))?;
    node.arg(folder.join("highlight.js"));
    Some(node)
}

#[test]
fn textmate_gives_the_scopes_of_the_table() {
    let Some(mut node) = highlight() else { return };
    passes(node.arg("scopes").arg(root().join("tests/editors/scopes.plan")));
    let Some(mut node) = highlight() else { return };
    passes(
        node.arg("keywords")
            .arg(root().join("grammar/plan.pest"))
            .arg(root().join("tests/editors/scopes.plan")),
    );
}

#[test]
fn textmate_runs_on_nowhere() {
    let Some(mut node) = highlight() else { return };
    passes(node.arg("balance").args(accepted()));
}

#[test]
fn the_schema_of_aos_toml_has_the_keys_that_are_read() {
    let schema: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(root().join("editors/aos.schema.json")).unwrap()).unwrap();
    let mut known = BTreeSet::new();
    names(&schema, &mut known);
    let reader = fs::read_to_string(root().join("src/project/config/read.rs")).unwrap();
    let read: BTreeSet<&str> =
        reader.split("keys.get(\"").skip(1).filter_map(|t| t.split_once('"')).map(|(key, _)| key).collect();
    assert!(read.len() > 20, "{read:?}");
    let missing: Vec<_> = read.iter().filter(|k| !known.contains(**k)).collect();
    assert!(missing.is_empty(), "editors/aos.schema.json lacks {missing:?}");
}

/// The names of all properties of a schema.
fn names(schema: &serde_json::Value, found: &mut BTreeSet<String>) {
    match schema {
        serde_json::Value::Object(map) => {
            if let Some(serde_json::Value::Object(properties)) = map.get("properties") {
                found.extend(properties.keys().cloned());
            }
            map.values().for_each(|v| names(v, found));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|v| names(v, found)),
        _ => {}
    }
}

/// A copy of the tree-sitter grammar with its parser generated; none where the tool is not there.
fn tree_sitter() -> Option<(tempfile::TempDir, PathBuf)> {
    let own = root().join("target/tools/bin/tree-sitter");
    let program = if own.exists() { own } else { "tree-sitter".into() };
    tool(program.to_str()?, &root().join("editors/tree-sitter-plan"))?;
    let folder = tempfile::tempdir().unwrap();
    crate::support::copy(&root().join("editors/tree-sitter-plan"), folder.path());
    passes(Command::new(&program).arg("generate").current_dir(folder.path()));
    Some((folder, program))
}

#[test]
fn tree_sitter_reads_what_the_compiler_accepts() {
    let Some((folder, program)) = tree_sitter() else { return };
    let run = |args: &[&str]| {
        let mut command = Command::new(&program);
        command.args(args).current_dir(folder.path());
        command
    };
    passes(&mut run(&["test"]));
    passes(run(&["parse", "--quiet"]).args(accepted()));
    let broken =
        run(&["parse", "--quiet"]).arg(root().join("tests/corpus/syntax/broken.plan")).output().unwrap();
    assert!(!broken.status.success(), "the tool notices no error");
    let plan = root().join("tests/corpus/rendered/thirty.plan");
    for query in queries() {
        passes(run(&["query"]).args([&query, &plan]));
    }
}

/// The same queries in Neovim's own tree-sitter, which reads parsers of an older kind.
#[test]
fn neovim_reads_the_grammar_and_its_queries() {
    let Some((folder, program)) = tree_sitter() else { return };
    let script = root().join("tests/editors/queries.lua");
    let Some(mut nvim) = tool("nvim", &script) else { return };
    for args in [&["generate", "--abi", "14"][..], &["build", "--output", "plan.so"]] {
        passes(Command::new(&program).args(args).current_dir(folder.path()));
    }
    let output = nvim
        .args(["--headless", "-u", "NONE", "-i", "NONE", "-S"])
        .arg(&script)
        .env("GRAMMAR", folder.path())
        .env("PLAN", root().join("tests/editors/queries.plan"))
        .env("XDG_STATE_HOME", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.contains("all is well"), "{said}");
}
