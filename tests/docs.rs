//! The reference and the guide are true: every plan in them checks as they say, every expression gives what they say, every
//! command runs; and what the program has, they have.

use crate::pages::checked::{evaluated, expressions, says};
use crate::pages::{Block, blocks, shell::Shell};
use crate::support::{aos, finish, root};
use aos::diagnostic::Code;
use aos::docs::{PAGES, Page};
use std::fs;

const LANGUAGES: &[&str] = &["plan", "sh", "cel", "text", "toml", "json", "syntax"];

fn book(name: &str) -> impl Iterator<Item = (&'static Page, Vec<Block>)> {
    PAGES
        .iter()
        .filter(move |p| p.name.split('/').next() == Some(name))
        .map(|p| (p, blocks(p.text)))
}

fn all(book: &str) -> String {
    PAGES.iter().filter(|p| p.name.starts_with(book)).map(|p| p.text).collect()
}

/// The text of one page.
fn text_of(name: &str) -> &'static str {
    aos::docs::page(name).expect("the page is there").text
}

/// The string literals in a part of a source file, from a text to the next `end`.
fn words_in(file: &str, from: &str, end: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let at = text.find(from).unwrap_or_else(|| panic!("{file} has no `{from}`"));
    let part = &text[at..];
    let part = &part[..part.find(end).unwrap()];
    let word = regex::Regex::new("\"([a-zA-Z_.]+)\"").unwrap();
    word.captures_iter(part).map(|c| c[1].to_owned()).collect()
}

/// Which of these no code span or syntax form of a text names.
fn unnamed<'w>(text: &str, words: impl IntoIterator<Item = &'w str>) -> Vec<&'w str> {
    let forms: String =
        blocks(text).into_iter().filter(|b| b.kind == "syntax").map(|b| b.text).collect();
    let named = |w: &str| {
        let whole = |t: &str| t.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).any(|p| p == w);
        text.split('`').skip(1).step_by(2).any(whole) || whole(&forms)
    };
    words.into_iter().filter(|w| !named(w)).collect()
}

#[test]
fn blocks_have_a_known_language() {
    for page in PAGES {
        for block in blocks(page.text) {
            let known = LANGUAGES.contains(&&*block.kind);
            assert!(known, "{} line {}: `{}`", page.name, block.line, block.kind);
        }
        assert!(page.text.starts_with("# "), "{}", page.name);
    }
}

#[test]
fn the_reference_is_true() {
    let pages: Vec<_> = book("reference").collect();
    let first = &pages.first().unwrap().1;
    let mut wrong = Vec::new();
    let (mut commands, mut plans) = (0, 0);
    for (page, blocks) in &pages {
        let mut shell = Shell::new();
        if page.name != "reference" {
            assert!(shell.follow(first).is_empty());
        }
        wrong.extend(shell.follow(blocks).into_iter().map(|w| format!("{} {w}", page.name)));
        wrong.extend(tests_in(blocks, &shell).into_iter().map(|w| format!("{} {w}", page.name)));
        let (ran, checked) = shell.done();
        (commands, plans) = (commands + ran, plans + checked);
    }
    println!("{} pages: {plans} plans, {commands} blocks of commands", pages.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The `test` blocks that stand in plans of a page pass.
fn tests_in(blocks: &[Block], shell: &Shell) -> Vec<String> {
    let mut wrong = Vec::new();
    for block in blocks {
        let fails = ["error", "warning", "info"].iter().any(|w| block.word(w).is_some());
        if block.kind != "plan" || fails || !block.text.lines().any(|l| l.starts_with("test \"")) {
            continue;
        }
        let path = shell.folder().join("page.plan");
        fs::write(&path, &block.text).unwrap();
        let (code, out, err) = finish(aos(shell.folder()).args(["test", "page.plan"]));
        if code != 0 {
            wrong.push(format!("line {}: {err}{out}", block.line));
        }
        fs::remove_file(path).unwrap();
    }
    wrong
}

#[test]
fn the_expressions_are_true() {
    let mut found: Vec<_> = PAGES.iter().flat_map(|p| expressions(p.name, &blocks(p.text))).collect();
    let here = found.len();
    for row in aos::expr::functions::rows() {
        let example = row.doc.split('`').nth(1).expect("the table has examples");
        if example.contains(" == ") {
            found.push(says(row.name, example, "true"));
        }
    }
    println!("{here} expressions on the pages, {} of functions", found.len() - here);
    let wrong = evaluated(&found);
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_name_in_brackets_is_linked() {
    let mut wanted = String::new();
    for code in Code::ALL {
        wanted += &format!("[{code}]: crate::diagnostic::Code::{code:?}\n");
    }
    for page in PAGES {
        wanted += &format!("[{}]: crate::docs::{}\n", page.name, page.name.replace('/', "::"));
    }
    let path = root().join("src/docs/links.md");
    if std::env::var_os("AOS_BLESS").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap(), wanted, "AOS_BLESS=1 writes it anew");
    let code = regex::Regex::new("(?s)```.*?\n```|`[^`]*`").unwrap();
    let bracket = regex::Regex::new(r"\[([a-z_/-]+)\]").unwrap();
    for page in PAGES {
        for name in bracket.captures_iter(&code.replace_all(page.text, "")).map(|c| c.extract::<1>().1[0]) {
            let linked = wanted.contains(&format!("[{name}]: ")) || page.text.contains(&format!("[{name}]["));
            assert!(linked, "{}: nothing is called [{name}]", page.name);
        }
    }
}

#[test]
fn every_diagnostic_is_in_the_reference() {
    let text = all("reference");
    let missing: Vec<&str> =
        Code::ALL.iter().map(|c| c.name()).filter(|c| !text.contains(&format!("[{c}]"))).collect();
    assert!(missing.is_empty(), "no page of the reference says when it is told: {missing:?}");
}

#[test]
fn every_keyword_is_in_the_reference() {
    let grammar = fs::read_to_string(root().join("grammar/plan.pest")).unwrap();
    let rule = regex::Regex::new(r#"(?m)^kw_\w+ = @\{ "(\w+)""#).unwrap();
    let words: Vec<&str> = rule.captures_iter(&grammar).map(|c| c.extract::<1>().1[0]).collect();
    assert!(words.len() > 70, "{words:?}");
    let missing = unnamed(&all("reference"), words);
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_reserved_words_are_those_of_the_grammar() {
    let reserved = words_in("grammar/plan.pest", "reserved   = _{", "!idc");
    assert!(reserved.len() > 15, "{reserved:?}");
    let missing = unnamed(text_of("reference/lexical"), reserved.iter().map(String::as_str));
    assert!(missing.is_empty(), "{missing:?}");
}
