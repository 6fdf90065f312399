//! What no compiler checks: layers, sizes, the pages of the diagnostics.

#[path = "tidy/pages.rs"]
mod pages;

use std::fs;
use std::path::{Path, PathBuf};

/// The table of `src/lib.rs`: a module may use those of lower layers, and those of its own group.
const LAYERS: &[(u8, &[&str])] = &[
    (0, &["source", "diagnostic", "value", "types", "docs"]),
    (1, &["syntax", "expr"]),
    (2, &["catalog"]),
    (3, &["check", "format"]),
    (4, &["dag", "grammar"]),
    (5, &["engine", "project"]),
    (6, &["runtime", "ide"]),
    (7, &["lsp", "planner"]),
    (8, &["cli"]),
];

/// Uses that go sideways on purpose, with the reason.
const ALLOWED: &[(&str, &str, &str)] = &[
    ("types", "expr", "a refined type holds its condition"),
    ("diagnostic", "source", "a label points into a text"),
    ("value", "types", "a value is held against its type"),
    ("types", "value", "a refined type holds constants"),
    ("types", "source", "a signature has its place"),
    ("value", "source", "an expression in a value's error has its place"),
    ("source", "diagnostic", "a file that is too large is a diagnostic"),
    ("expr", "syntax", "operators and effects are named once"),
    ("syntax", "expr", "operators are named once"),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let mut entries: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for dir in ["src", "tests", "benches"] {
        rust_files(&root().join(dir), &mut files);
    }
    let named =
        |p: PathBuf| (p.strip_prefix(root()).unwrap().display().to_string(), fs::read_to_string(p).unwrap());
    files.into_iter().map(named).collect()
}

fn layer(module: &str) -> Option<u8> {
    LAYERS.iter().find(|(_, modules)| modules.contains(&module)).map(|(n, _)| *n)
}

/// The top-level modules a file names by `crate::`.
fn used(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.trim_start();
        if code.starts_with("//") {
            continue;
        }
        for (at, _) in code.match_indices("crate::") {
            let rest = &code[at + "crate::".len()..];
            let names: Vec<String> = match rest.strip_prefix('{') {
                Some(list) => {
                    list.split(['}', ';']).next().unwrap_or("").split(',').map(first_word).collect()
                }
                None => vec![first_word(rest)],
            };
            found.extend(names.into_iter().filter(|n| !n.is_empty()).map(|n| (number + 1, n)));
        }
    }
    found
}

fn first_word(text: &str) -> String {
    text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn dependencies_point_down() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (path, text) in sources().iter().filter(|(p, _)| p.starts_with("src/")) {
        let module = path.trim_start_matches("src/").split(['/', '.']).next().unwrap();
        let Some(own) = layer(module) else { continue };
        // Test modules may look anywhere.
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
        if path.ends_with("/tests.rs") || path.contains("/tests/") {
            continue;
        }
        for (line, used) in used(code) {
            let Some(other) = layer(&used) else { continue };
            seen += 1;
            let sideways = other == own && used != module;
            let allowed = ALLOWED.iter().any(|(from, to, _)| *from == module && *to == used);
            if (other > own || sideways) && !allowed {
                wrong.push(format!("{path}:{line}: `{module}` (layer {own}) uses `{used}` (layer {other})"));
            }
        }
    }
    assert!(seen > 100, "the test reads no uses: {seen}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_has_a_layer() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let missing: Vec<&str> = lib
        .lines()
        .filter_map(|l| l.strip_prefix("pub mod ").and_then(|l| l.strip_suffix(';')))
        .filter(|m| layer(m).is_none())
        .collect();
    assert!(missing.is_empty(), "no layer: {missing:?}");
}

#[test]
fn files_and_functions_are_short() {
    let mut wrong = Vec::new();
    let (mut long_files, mut files, mut functions) = (0, 0, 0);
    for (path, text) in sources() {
        let lines = text.lines().count();
        files += 1;
        long_files += usize::from(lines > 400);
        if lines > 800 {
            wrong.push(format!("{path}: {lines} lines"));
        }
        for (name, line, length, table) in fn_lengths(&text) {
            functions += 1;
            if length > 100 && !table {
                wrong.push(format!("{path}:{line}: `{name}` has {length} lines"));
            }
        }
    }
    println!("{files} files, {long_files} of them over 400 lines; {functions} functions");
    assert!(functions > 500, "the test reads no functions: {functions}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Functions of formatted text: from `fn` to the closing brace in the same column. A function that is one flat `match` is a
/// table.
fn fn_lengths(text: &str) -> Vec<(String, usize, usize, bool)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let Some(at) = code.find("fn ").filter(|at| {
            code[..*at].split_whitespace().all(|w| {
                matches!(w, "pub" | "pub(crate)" | "pub(super)" | "const" | "async")
                    || w.starts_with("pub(in")
            })
        }) else {
            continue;
        };
        let name = first_word(&code[at + 3..]);
        let indent = line.len() - code.len();
        let close = format!("{}}}", " ".repeat(indent));
        let Some(length) = lines[number..].iter().position(|l| *l == close) else { continue };
        if lines[number..number + length].iter().any(|l| l.trim_end() == format!("{};", " ".repeat(indent))) {
            continue;
        }
        let body = &lines[number..=number + length];
        let arms = body.iter().filter(|l| l.contains("=>")).count();
        found.push((name, number + 1, length + 1, arms * 3 > length));
    }
    found
}

#[test]
fn nothing_is_left_undone_or_private() {
    let words = ["todo!(", "unimplemented!(", "dbg!("];
    let paths = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            let undone = path.starts_with("src/") && words.iter().any(|w| line.contains(w));
            if undone || (path != "tests/tidy.rs" && paths.iter().any(|w| line.contains(w))) {
                wrong.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
