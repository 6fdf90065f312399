//! The reference and the guide are true: every plan in them checks as they say, every expression gives what they say, every
//! command runs; and what the program has, they have.

use crate::pages::checked::{evaluated, expressions, says};
use crate::pages::{Block, blocks, shell::Shell};
use crate::support::{aos, finish, root};
use aos::diagnostic::Code;
use aos::docs::{PAGES, Page};
use std::fs;

const KINDS: &[&str] = &["plan", "sh", "cel", "text", "toml", "json", "syntax", "python"];

fn book(name: &str) -> impl Iterator<Item = (&'static Page, Vec<Block>)> {
    PAGES.iter().filter(move |p| p.name.split('/').next() == Some(name)).map(|p| (p, blocks(p.text)))
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
    let fenced = regex::Regex::new("(?s)```.*?\n```").unwrap();
    let span = regex::Regex::new("`([^`\n]*)`").unwrap();
    let mut code: String = blocks(text).into_iter().filter(|b| b.kind == "syntax").map(|b| b.text).collect();
    for found in span.captures_iter(&fenced.replace_all(text, "")) {
        code += " ";
        code += &found[1];
    }
    let words_of_it: std::collections::BTreeSet<&str> =
        code.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).collect();
    words.into_iter().filter(|w| !words_of_it.contains(w)).collect()
}

#[test]
fn blocks_are_of_a_known_kind() {
    for page in PAGES {
        for block in blocks(page.text) {
            let known = KINDS.contains(&&*block.kind);
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
        let (ran, checked) = shell.done();
        (commands, plans) = (commands + ran, plans + checked);
    }
    println!("{} pages: {plans} plans, {commands} blocks of commands", pages.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_guide_is_true() {
    let mut shell = Shell::new();
    let mut wrong = Vec::new();
    for (page, blocks) in book("guide") {
        wrong.extend(shell.follow(&blocks).into_iter().map(|w| format!("{} {w}", page.name)));
    }
    println!("{:?} blocks of commands and plans", shell.done());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
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
        wanted += &format!("[{}]: mod@crate::docs::{}\n", page.name, page.name.replace('/', "::"));
    }
    let path = root().join("src/docs/links.md");
    if std::env::var_os("AOS_BLESS").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    let links = fs::read_to_string(path).unwrap();
    let missing: Vec<&str> = wanted.lines().filter(|l| !links.lines().any(|line| line == *l)).collect();
    assert!(missing.is_empty(), "{missing:?}; AOS_BLESS=1 writes it anew");
    let code = regex::Regex::new("(?s)```.*?\n```|`[^`]*`").unwrap();
    let bracket = regex::Regex::new(r"\[([a-z_/-]+)\](?:[^(]|$)").unwrap();
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
    let told = |c: &&str| text.contains(&format!("[{c}]"));
    let missing: Vec<&str> = Code::ALL.iter().map(|c| c.name()).filter(|c| !told(c)).collect();
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

#[test]
fn the_functions_are_those_of_the_table() {
    let mut wanted = String::from("<!-- functions: written by tests/docs.rs -->\n");
    for row in aos::expr::functions::rows() {
        let signatures: Vec<String> = row.to_string().lines().map(|l| format!("`{l}`")).collect();
        wanted += &format!("- {}: {}\n", signatures.join(", "), row.doc);
    }
    wanted += "<!-- end of functions -->";
    let path = root().join("src/docs/reference/expressions.md");
    let page = fs::read_to_string(&path).unwrap();
    let (from, end) = (page.find("<!-- functions").unwrap(), "<!-- end of functions -->");
    let to = page.find(end).unwrap() + end.len();
    if std::env::var_os("AOS_BLESS").is_some() {
        fs::write(&path, format!("{}{wanted}{}", &page[..from], &page[to..])).unwrap();
    } else {
        assert_eq!(&page[from..to], wanted, "AOS_BLESS=1 writes it anew");
    }
}

#[test]
fn macros_and_special_functions_are_in_the_reference() {
    let mut names = words_in("src/check/macros.rs", "const MACROS", "];");
    names.extend(words_in("src/check/functions.rs", "const SPECIAL", "];"));
    assert!(names.len() > 15, "{names:?}");
    let page = text_of("reference/expressions").to_owned() + text_of("reference/types");
    let missing: Vec<_> = names.iter().filter(|n| !page.contains(&format!("{n}("))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_ambient_errors_are_in_the_reference() {
    let kinds = words_in("src/check/errors.rs", "const AMBIENT", "];");
    let never = words_in("src/check/errors.rs", "const NEVER_RETRIED", "];");
    assert!(kinds.len() > 10 && never.len() > 4, "{kinds:?} {never:?}");
    for kind in &kinds {
        let start = format!("| `{kind}` |");
        let row = text_of("reference/errors").lines().find(|l| l.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("no row for `{kind}`"));
        let wanted = if never.contains(kind) { "| no |" } else { "| yes |" };
        assert!(row.ends_with(wanted), "{row}");
    }
}

#[test]
fn every_key_of_the_configuration_is_in_the_reference() {
    let text = fs::read_to_string(root().join("src/project/config/read.rs")).unwrap();
    let word = regex::Regex::new("\"([a-z_]+)\"").unwrap();
    let lists = regex::Regex::new(
        r"(?s)self\.keys\(\s*table,[^&]*&\[(.*?)\]|(?:const KNOWN[^=]*|let known )=\s*&?\[(.*?)\]",
    )
    .unwrap();
    let mut keys = std::collections::BTreeSet::new();
    for list in lists.captures_iter(&text) {
        let list = list.get(1).or(list.get(2)).unwrap().as_str();
        keys.extend(word.captures_iter(list).map(|c| c[1].to_owned()));
    }
    assert!(keys.len() > 30, "{keys:?}");
    let tables = ["project", "skills", "secrets", "people", "agents", "store"];
    let page = text_of("reference/config");
    let missing = unnamed(page, keys.iter().map(String::as_str).filter(|k| !tables.contains(k)));
    assert!(missing.is_empty(), "{missing:?}");
    assert!(tables.iter().all(|t| page.contains(&format!("# `[{t}"))));
}

#[test]
fn the_exit_codes_are_in_the_reference() {
    let text = fs::read_to_string(root().join("src/cli.rs")).unwrap();
    let code = regex::Regex::new(r"Exit::\w+ => (\d+),").unwrap();
    let codes: Vec<&str> = code.captures_iter(&text).map(|c| c.extract::<1>().1[0]).collect();
    assert!(codes.len() > 5, "{codes:?}");
    let page = text_of("reference/commands");
    assert!(codes.iter().all(|c| page.contains(&format!("\n| {c} |"))), "{codes:?}");
}

#[test]
fn every_command_and_standard_skill_is_in_the_reference() {
    let dir = tempfile::tempdir().unwrap();
    let (_, help, _) = finish(aos(dir.path()).arg("--help"));
    let commands = help.lines().skip_while(|l| !l.starts_with("Commands:")).skip(1);
    let commands: Vec<String> = commands
        .take_while(|l| !l.is_empty())
        .filter(|l| !l.starts_with("   "))
        .filter_map(|l| Some(format!("aos {}", l.split_whitespace().next()?)))
        .filter(|c| c != "aos help")
        .collect();
    assert!(commands.len() > 15, "{help}");
    let page = text_of("reference/commands");
    let missing: Vec<_> = commands.iter().filter(|c| !page.contains(&format!("`{c}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let (_, listed, _) = finish(aos(dir.path()).args(["skills", "list", "--json"]));
    let name = regex::Regex::new("\"name\":\"([a-z_]+\\.[a-z_]+)\"").unwrap();
    let names: Vec<&str> = name.captures_iter(&listed).map(|c| c.extract::<1>().1[0]).collect();
    assert!(names.len() > 20, "{listed}");
    let missing = unnamed(text_of("reference/items"), names);
    assert!(missing.is_empty(), "{missing:?}");
}
