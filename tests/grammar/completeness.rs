//! What the formatter prints, the generic grammar lets through.

use super::lark;
use super::sample::Sampler;
use crate::corpus::sections;
use crate::engine::{Kind, random_plan};
use crate::mutation;
use crate::support::root;
use aos::diagnostic::Diagnostic;
use aos::format;
use aos::grammar::{Level, export};
use aos::source::SourceId;
use aos::syntax;
use std::path::Path;

/// What the formatter prints and the grammar does not let through, by a text that stands in it, with the reason.
const NOT_SAID: &[(&str, &str)] = &[
    ("? has(i.title) ? true : false : false", "a choice without parentheses in the middle of a choice"),
    ("f(a: 1, b: 2)", "an argument with a name in an expression: always an error"),
];

fn files(folder: &Path, found: &mut Vec<(String, String)>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "plan") {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The canonical text. Comments may stand between any two tokens; the grammar has them on lines of their own: elsewhere they are left
/// out, by printing the tree.
fn canonical(text: &str) -> Option<String> {
    let parse = syntax::parse(SourceId(0), text);
    if parse.diagnostics.iter().any(Diagnostic::is_error) {
        return None;
    }
    if parse.comments.is_empty() {
        format::format(text, &parse).ok()
    } else {
        Some(format::file(&parse.file))
    }
}

/// Named texts as the formatter prints them.
pub fn texts(plans: u64) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for folder in ["examples", "stdlib"] {
        files(&root().join(folder), &mut all);
    }
    for folder in ["format", "check", "syntax", "lint"] {
        if root().join("tests/corpus").join(folder).is_dir() {
            all.extend(sections(folder).into_iter().map(|s| (s.title, s.text)));
        }
    }
    all.extend(mutation::plans::originals().into_iter().map(|o| (o.name, o.text)));
    for seed in 0..plans {
        let kind = Kind { timed: seed % 2 == 0, handlers: seed % 3 == 0 };
        all.push((format!("random plan {seed}"), random_plan(seed, kind)));
    }
    all.into_iter().filter_map(|(name, text)| Some((name, canonical(&text)?))).collect()
}

#[test]
fn grammar_completeness() {
    let sampler = Sampler::new(&export(&lark(Level::Generic), &[]).unwrap());
    let plans = super::sample::count() * 2;
    let texts = texts(plans);
    let mut wrong = Vec::new();
    let mut left = 0;
    for (name, text) in &texts {
        let (read, ends) = sampler.accepts(text);
        if !ends && NOT_SAID.iter().any(|(part, _)| text.contains(part)) {
            left += 1;
            continue;
        }
        if !ends {
            let at = read.min(text.len());
            let bytes = text.as_bytes();
            let before = String::from_utf8_lossy(&bytes[at.saturating_sub(80)..at]);
            let behind = String::from_utf8_lossy(&bytes[at..(at + 30).min(bytes.len())]);
            wrong.push(format!("{name}: {before:?} then not {behind:?}"));
        }
    }
    println!(
        "{} texts of the formatter, {plans} of them random plans: {} let through, {left} known not to be",
        texts.len(),
        texts.len() - wrong.len() - left
    );
    assert!(texts.len() > 200);
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
}
