//! The queries of the editors that use tree-sitter: each editor has its own names for colours, and knows only some predicates.

use crate::support::root;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// Neovim's names for colours, which Zed shares, and what Helix calls the same.
const HELIX: &[(&str, &str)] = &[
    ("boolean", "constant.builtin.boolean"),
    ("character.special", "comment.unused"),
    ("comment", "comment.line"),
    ("comment.documentation", "comment.line.documentation"),
    ("function.call", "function"),
    ("keyword.exception", "keyword.control.exception"),
    ("keyword.import", "keyword.control.import"),
    ("keyword.modifier", "keyword.storage.modifier"),
    ("local.definition.parameter", "local.definition.variable.parameter"),
    ("local.definition.var", "local.definition.variable"),
    ("number", "constant.numeric"),
    ("number.float", "constant.numeric.float"),
    ("property", "variable.other.member"),
    ("string.escape", "constant.character.escape"),
    ("type.definition", "type"),
    ("variable.member", "variable"),
];

/// What Helix documents of the scopes that themes colour (<https://docs.helix-editor.com/themes.html#scopes>), as far as used.
const SCOPES: &[&str] = &[
    "comment.line",
    "comment.line.documentation",
    "comment.unused",
    "constant",
    "constant.builtin",
    "constant.builtin.boolean",
    "constant.character.escape",
    "constant.numeric",
    "constant.numeric.float",
    "function",
    "function.builtin",
    "function.macro",
    "function.method",
    "keyword",
    "keyword.control",
    "keyword.control.exception",
    "keyword.control.import",
    "keyword.directive",
    "keyword.storage.modifier",
    "operator",
    "punctuation.bracket",
    "punctuation.delimiter",
    "punctuation.special",
    "string",
    "string.regexp",
    "string.special",
    "type",
    "type.builtin",
    "variable",
    "variable.builtin",
    "variable.other.member",
    "variable.parameter",
];

/// The predicates and directives that Neovim, Helix and Zed all know; Helix refuses a query with any other.
const PREDICATES: &[&str] = &["any-of?", "eq?", "set!"];

/// All queries, of the grammar and of the editors that have others.
pub fn queries() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["tree-sitter-plan/queries", "helix/queries", "zed/languages/plan"] {
        for entry in fs::read_dir(root().join("editors").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "scm") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 12, "{found:?}");
    found.sort();
    found
}

/// The words of a query behind a sign, each with its place.
fn words(text: &str, sign: char) -> Vec<(usize, &str)> {
    let word = |c: char| c.is_ascii_alphanumeric() || "._-?!".contains(c);
    let lines = text.split_inclusive('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        Some((start, line.split_once(';').map_or(line, |(code, _)| code)))
    });
    let mut found = Vec::new();
    for (start, line) in lines {
        for (at, _) in line.match_indices(sign) {
            let rest = &line[at + 1..];
            found.push((start + at + 1, &rest[..rest.find(|c| !word(c)).unwrap_or(rest.len())]));
        }
    }
    found
}

/// A query of the grammar with Helix's names.
fn for_helix(text: &str) -> String {
    let mut out = String::new();
    let mut done = 0;
    for (at, name) in words(text, '@') {
        let other = HELIX.iter().find(|(ours, _)| *ours == name).map_or(name, |(_, theirs)| theirs);
        out.push_str(&text[done..at]);
        out.push_str(other);
        done = at + name.len();
    }
    out + &text[done..]
}

#[test]
fn helix_has_the_same_colours_by_its_own_names() {
    for file in ["highlights.scm", "locals.scm"] {
        let ours = fs::read_to_string(root().join("editors/tree-sitter-plan/queries").join(file)).unwrap();
        let wanted = for_helix(&ours);
        let path = root().join("editors/helix/queries").join(file);
        if std::env::var_os("AOS_WRITE_QUERIES").is_some() {
            fs::write(&path, &wanted).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(found, wanted, "editors/helix/queries/{file}: AOS_WRITE_QUERIES=1 writes it anew");
        let scopes: BTreeSet<&str> = words(&found, '@')
            .into_iter()
            .map(|(_, name)| name.strip_prefix("local.definition.").unwrap_or(name))
            .filter(|name| !matches!(*name, "local.scope" | "local.reference"))
            .collect();
        let unknown: Vec<_> = scopes.iter().filter(|name| !SCOPES.contains(name)).collect();
        assert!(unknown.is_empty(), "Helix has no scope {unknown:?}");
    }
}

#[test]
fn every_editor_knows_the_predicates() {
    for path in queries() {
        let text = fs::read_to_string(&path).unwrap();
        let unknown: Vec<_> =
            words(&text, '#').into_iter().map(|(_, name)| name).filter(|n| !PREDICATES.contains(n)).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", path.display());
    }
}

#[test]
fn zed_finds_the_language_the_grammar_and_the_server_by_their_names() {
    let read = |file: &str| -> toml::Table {
        fs::read_to_string(root().join("editors/zed").join(file)).unwrap().parse().unwrap()
    };
    let (extension, language) = (read("extension.toml"), read("languages/plan/config.toml"));
    for key in ["id", "name", "version", "schema_version", "authors", "description", "repository"] {
        assert!(extension.contains_key(key), "extension.toml lacks {key}");
    }
    let grammar = language["grammar"].as_str().unwrap();
    let source = &extension["grammars"][grammar];
    assert!(source["repository"].is_str() && source["rev"].is_str(), "{source}");
    let server = &extension["language_servers"]["aos"];
    assert_eq!(server["languages"].as_array().unwrap().as_slice(), [language["name"].clone()]);
    assert_eq!(language["path_suffixes"][0].as_str(), Some("plan"));
    // The program that starts the server is built where there is one.
    assert_eq!(read("Cargo.toml")["lib"]["crate-type"][0].as_str(), Some("cdylib"));
}
