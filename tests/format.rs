//! `format`: expected layouts, and what holds for every plan: idempotent, tree kept, comments kept.

use aos::format::format;
use aos::source::SourceId;
use aos::syntax::ast::{Action, Body, ClauseKind, File, Item, PlanClauseKind, SkillClauseKind, StmtKind};
use aos::syntax::{Parse, parse};
use proptest::prelude::*;
use regex::Regex;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// In a section file: `//// name` begins a section, `//// =>` its expected output (without it, the input is its own output).
const MARK: &str = "//// ";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn plan_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut entries: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            plan_files(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "plan") {
            found.push(path);
        }
    }
}

struct Section {
    name: String,
    input: String,
    expected: String,
}

fn sections() -> Vec<Section> {
    let mut files = Vec::new();
    plan_files(&root().join("tests/corpus/format"), &mut files);
    let mut sections = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        for part in format!("\n{text}").split(&format!("\n{MARK}")).skip(1) {
            let (name, body) = part.split_once('\n').unwrap_or((part, ""));
            if name == "=>" {
                let last: &mut Section = sections.last_mut().unwrap();
                last.expected = format!("{}\n", body.trim_end());
            } else {
                let text = format!("{}\n", body.trim_end());
                sections.push(Section {
                    name: format!("{file}: {name}"),
                    expected: text.clone(),
                    input: text,
                });
            }
        }
    }
    sections
}

/// A plan that parses, or why not.
fn read(text: &str) -> Result<Parse, String> {
    let parse = parse(SourceId(0), text);
    match parse.diagnostics.iter().find(|d| d.is_error()) {
        Some(d) => Err(format!("{} at {:?}", d.message, text.get(d.span.range()))),
        None => Ok(parse),
    }
}

/// The tree without places, string forms and order of clauses.
fn tree(file: &File) -> String {
    static PLACES: LazyLock<Regex> = LazyLock::new(|| {
        let span = r"Span \{\s*source: SourceId\(\s*\d+,?\s*\),\s*start: \d+,\s*end: \d+,?\s*\}";
        Regex::new(&format!("{span}|form: (Plain|Block|Raw)")).unwrap()
    });
    let mut file = file.clone();
    for item in &mut file.items {
        match item {
            Item::Plan(plan) => {
                plan.clauses.sort_by_key(|c| match c.kind {
                    PlanClauseKind::Goal(_) => 0,
                    PlanClauseKind::Budget(_) => 1,
                    PlanClauseKind::Throws(_) => 2,
                    PlanClauseKind::Concurrency(_) => 3,
                    PlanClauseKind::Planner(_) => 4,
                    PlanClauseKind::PlannerVersion(_) => 5,
                    PlanClauseKind::Meta(_) => 6,
                });
                sort_body(&mut plan.body);
            }
            Item::Skill(skill) => skill.clauses.sort_by_key(|c| match c.kind {
                SkillClauseKind::Effect { .. } => 0,
                SkillClauseKind::Idempotent { .. } => 1,
                SkillClauseKind::Throws(_) => 2,
                SkillClauseKind::Cost(_) => 3,
                SkillClauseKind::Tokens(_) => 4,
                SkillClauseKind::Time(_) => 5,
                SkillClauseKind::Rate(_) => 6,
                SkillClauseKind::Wire(_) => 7,
                SkillClauseKind::Deprecated(_) => 8,
            }),
            Item::Use(_) | Item::Type(_) | Item::Test(_) => {}
        }
    }
    PLACES.replace_all(&format!("{file:#?}"), "").into_owned()
}

fn sort_body(body: &mut Body) {
    for stmt in &mut body.stmts {
        let StmtKind::Step(step) = &mut stmt.kind else { continue };
        step.clauses.sort_by_key(|c| match c.kind {
            ClauseKind::DependsOn(_) => 0,
            ClauseKind::When(_) => 1,
            ClauseKind::Key(_) => 2,
            ClauseKind::Cache(_) => 3,
            ClauseKind::Approve(_) => 4,
            ClauseKind::Timeout(_) => 5,
            ClauseKind::Deadline(_) => 6,
            ClauseKind::OnError(_) => 7,
            ClauseKind::Compensate { .. } => 8,
        });
        match &mut step.action {
            Action::Call(_) | Action::Error(_) => {}
            Action::Do(body) => sort_body(body),
            Action::For(node) => sort_body(&mut node.body),
            Action::If(node) => {
                let arms = node.arms.iter_mut().map(|(_, body)| body);
                arms.chain(node.otherwise.as_mut()).for_each(sort_body);
            }
            Action::Match(node) => node.arms.iter_mut().for_each(|arm| sort_body(&mut arm.body)),
            Action::Loop(node) => sort_body(&mut node.body),
            Action::Race(node) => node.branches.iter_mut().for_each(sort_body),
        }
    }
}

fn comments(text: &str, parse: &Parse) -> Vec<String> {
    let mut all: Vec<String> =
        parse.comments.iter().map(|c| text[c.span.range()].trim_end().to_owned()).collect();
    all.sort();
    all
}

/// Formats and checks what always holds; gives the output.
fn checked(name: &str, text: &str) -> String {
    let before = read(text).unwrap_or_else(|e| panic!("{name}: the input does not parse: {e}\n{text}"));
    let once = format(text, &before).unwrap();
    let after =
        read(&once).unwrap_or_else(|e| panic!("{name}: the output does not parse: {e}\n{text}\n=>\n{once}"));
    if tree(&before.file) != tree(&after.file) {
        let (a, b) = (tree(&before.file), tree(&after.file));
        let at = a.lines().zip(b.lines()).position(|(a, b)| a != b).unwrap_or(0);
        let near = |s: &str| s.lines().skip(at.saturating_sub(8)).take(14).collect::<Vec<_>>().join("\n");
        panic!("{name}: the tree changed:\n{}\n---\n{}\n{text}\n=>\n{once}", near(&a), near(&b));
    }
    assert_eq!(comments(text, &before), comments(&once, &after), "{name}: comments\n{text}\n=>\n{once}");
    let twice = format(&once, &after).unwrap();
    assert!(once == twice, "{name}: not idempotent:\n{text}\n=>\n{once}\n=>\n{twice}");
    assert!(!once.lines().any(|line| line.ends_with(' ')), "{name}: blanks at a line's end:\n{once}");
    once
}

#[test]
fn sections_have_their_layout() {
    let sections = sections();
    assert!(sections.len() >= 10, "the corpus is there");
    let mut wrong = Vec::new();
    for Section { name, input, expected } in &sections {
        let output = checked(name, input);
        if output != *expected {
            wrong.push(format!("## {name}: got\n{output}\n## expected\n{expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_plan_keeps_its_meaning() {
    let mut files = Vec::new();
    for folder in ["tests/corpus", "examples", "stdlib"] {
        plan_files(&root().join(folder), &mut files);
    }
    let mut formatted = 0;
    for path in files {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        // A file of many plans: every piece between markers counts.
        let mut piece = String::new();
        for line in text.lines().chain(["////"]) {
            if line.starts_with("////") || line.starts_with("===") || line.starts_with("---") {
                if !piece.trim().is_empty() && read(&piece).is_ok() {
                    checked(&path.display().to_string(), &piece);
                    formatted += 1;
                }
                piece.clear();
            } else {
                piece.push_str(line);
                piece.push('\n');
            }
        }
    }
    assert!(formatted >= 10, "only {formatted} plans parse");
}

#[test]
fn a_text_with_errors_is_refused() {
    let text = "plan x() {\n  step a = \n}\n";
    let error = format(text, &parse(SourceId(0), text)).unwrap_err();
    assert!(error.to_string().starts_with("the text has syntax errors: "), "{error}");
}

/// Where a token begins: there a comment may be put before it.
fn borders(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c.is_whitespace() {
            at += c.len_utf8();
        } else if text[at..].starts_with("//") {
            at += text[at..].find('\n').unwrap_or(text.len() - at);
        } else {
            found.push(at);
            at = token_end(text, at);
        }
    }
    found
}

fn token_end(text: &str, at: usize) -> usize {
    const LONG: [&str; 10] = ["->", "=>", "==", "!=", "<=", ">=", "&&", "||", "??", "?."];
    let rest = &text[at..];
    let word = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '%')))
        .unwrap_or(rest.len());
    if rest[word..].starts_with(['"', '\'']) && matches!(&rest[..word], "" | "r" | "b") {
        return string_end(text, at + word, word == 1 && rest.starts_with('r'));
    }
    if word > 0 {
        let exponent = rest.starts_with(|c: char| c.is_ascii_digit()) && rest[..word].ends_with(['e', 'E']);
        if exponent && rest[word..].starts_with(['+', '-']) {
            return token_end(text, at + word + 1);
        }
        return at + word;
    }
    let long = LONG.iter().find(|op| rest.starts_with(**op));
    at + long.map_or_else(|| rest.chars().next().map_or(1, char::len_utf8), |op| op.len())
}

fn string_end(text: &str, open: usize, raw: bool) -> usize {
    let quote = &text[open..=open];
    let triple = quote.repeat(3);
    let end = if text[open..].starts_with(&triple) { triple.as_str() } else { quote };
    let mut at = open + end.len();
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with(end) {
            return at + end.len();
        }
        if !raw && rest.starts_with("${") {
            at += 2;
            while !text[at..].starts_with('}') {
                let c = text[at..].chars().next().unwrap();
                at = if c.is_whitespace() { at + 1 } else { token_end(text, at) };
            }
        }
        let escape = if !raw && rest.starts_with('\\') { 1 } else { 0 };
        at += escape;
        at += text[at..].chars().next().map_or(1, char::len_utf8);
    }
    at
}

/// Plans that use every construct: the sections and the standard skills.
static PLANS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut plans: Vec<String> = sections().into_iter().map(|s| s.input).collect();
    let mut files = Vec::new();
    plan_files(&root().join("stdlib"), &mut files);
    plans.extend(files.iter().map(|path| std::fs::read_to_string(path).unwrap()));
    plans.retain(|plan| read(plan).is_ok());
    plans
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn comments_anywhere_are_kept(
        which in any::<prop::sample::Index>(),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 1..5),
    ) {
        let plan = which.get(&PLANS);
        let borders = borders(plan);
        prop_assume!(!borders.is_empty());
        let mut places: Vec<(usize, bool)> = places.iter().map(|(i, own)| (*i.get(&borders), *own)).collect();
        places.sort_unstable();
        let mut text = plan.clone();
        for (i, (at, own_line)) in places.iter().enumerate().rev() {
            text.insert_str(*at, &format!("{}// c{i}\n", if *own_line { "\n" } else { " " }));
        }
        let before = read(&text).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
        prop_assert_eq!(tree(&before.file), tree(&read(plan).unwrap().file));
        checked("with comments", &text);
    }
}
