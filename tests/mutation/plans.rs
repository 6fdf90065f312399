//! The correct plans that are spoilt, and what is known of each: its tokens, and what the checker understood of it.

use crate::corpus::sections;
use crate::engine::{CASES, SKILLS};
use crate::nestful;
use crate::support::{cases, root};
use aos::check::hir;
use aos::diagnostic::Code;
use aos::expr::Expr;
use aos::format::format;
use aos::project::Project;
use aos::source::{DiskLoader, SourceId};
use aos::syntax::parse;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A plan without a mistake.
pub struct Original {
    pub name: String,
    /// Where it stands, for what it uses; need not be there.
    pub path: PathBuf,
    /// In the canonical layout.
    pub text: String,
    /// Only what stands behind this is spoilt.
    pub from: usize,
    /// What it means, without places.
    pub program: serde_json::Value,
}

/// How many published plans are converted.
const PUBLISHED: usize = 40;

/// All of them; those of the case sets only where the sets are there.
pub fn originals() -> Vec<Original> {
    let mut all = examples();
    for case in CASES {
        let body = case.plan;
        let plan = if body.contains("plan p(") {
            body.to_owned()
        } else {
            format!("plan p() -> json? {{\n{body}\n}}")
        };
        add(&mut all, format!("engine: {}", case.name), Path::new("/mutation/p.plan"), SKILLS, &plan);
    }
    for code in Code::ALL {
        for (i, text) in code.page().split("```plan,good\n").skip(1).enumerate() {
            let text = text.split("```").next().unwrap();
            if !text.contains("use \"") {
                add(&mut all, format!("page {code} {i}"), Path::new("/mutation/p.plan"), "", text);
            }
        }
    }
    for section in sections("format") {
        add(&mut all, section.title.clone(), Path::new("/mutation/p.plan"), "", &section.text);
    }
    let here = root().join("tests/corpus/check/p.plan");
    for section in sections("check").iter().filter(|s| s.expected.is_empty()) {
        assert!(add(&mut all, section.title.clone(), &here, "", &section.text), "{}", section.title);
    }
    if let Some(set) = cases("examples-data/nestful") {
        let lines = std::fs::read_to_string(set.join("nestful.jsonl")).unwrap();
        let mut taken = 0;
        for line in lines.lines().step_by(7) {
            let case: serde_json::Value = serde_json::from_str(line).unwrap();
            let clean = case["static_findings"].as_array().is_none_or(Vec::is_empty);
            if clean && case["executable"] == true && taken < PUBLISHED {
                let (skills, plan) = nestful::parts(&case);
                let name = format!("nestful {}", case["id"].as_str().unwrap_or_default());
                taken += usize::from(add(&mut all, name, Path::new("/mutation/p.plan"), &skills, &plan));
            }
        }
    }
    all
}

fn examples() -> Vec<Original> {
    let mut all = Vec::new();
    let mut folders: Vec<_> =
        std::fs::read_dir(root().join("examples")).unwrap().map(|e| e.unwrap().path()).collect();
    folders.sort();
    for folder in folders.iter().filter(|f| f.is_dir()) {
        for file in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
            if file.extension().is_some_and(|e| e == "plan") {
                let text = std::fs::read_to_string(&file).unwrap();
                assert!(add(&mut all, format!("example {}", file.display()), &file, "", &text));
            }
        }
    }
    all
}

/// Takes a plan in, in its canonical layout; not where it does not check clean (that is another test's business).
fn add(all: &mut Vec<Original>, name: String, path: &Path, head: &str, plan: &str) -> bool {
    let raw = format!("{head}\n{plan}\n");
    let Ok(text) = format(&raw, &parse(SourceId(0), &raw)) else { return false };
    let project = Project::load_text(path, &text, &DiskLoader);
    if !project.analysis.diagnostics.is_empty() {
        return false;
    }
    let from = if head.is_empty() { 0 } else { text.find("\nplan ").map_or(0, |n| n + 1) };
    all.push(Original { name, path: path.to_owned(), text, from, program: super::program(&project) });
    true
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Word,
    Number,
    Text,
    Mark,
}

#[derive(Clone, Debug)]
pub struct Token {
    pub kind: Kind,
    pub at: Range<usize>,
    /// Whether it is the first of its line.
    pub first: bool,
}

/// The tokens of a text, comments left out. Written anew here: the judge must not lean on the judged.
pub fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let (mut i, mut first) = (0, true);
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    while i < bytes.len() {
        let start = i;
        let kind = match bytes[i] {
            b'\n' => {
                first = true;
                i += 1;
                continue;
            }
            b if b.is_ascii_whitespace() => {
                i += 1;
                continue;
            }
            b'/' if bytes.get(i + 1) == Some(&b'/') => {
                i += text[i..].find('\n').unwrap_or(text.len() - i);
                continue;
            }
            b'"' | b'\'' => {
                i = string_end(text, i);
                Kind::Text
            }
            b if b.is_ascii_digit() => {
                while i < bytes.len() && (word(bytes[i]) || bytes[i] == b'.') {
                    i += 1;
                }
                Kind::Number
            }
            b if word(b) => {
                while i < bytes.len() && word(bytes[i]) {
                    i += 1;
                }
                if i - start == 1 && matches!(b, b'r' | b'b') && matches!(bytes.get(i), Some(b'"')) {
                    i = string_end(text, i);
                    Kind::Text
                } else {
                    Kind::Word
                }
            }
            _ => {
                let two = ["->", "=>", "==", "!=", "<=", ">=", "&&", "||", "??", "?.", ".."];
                i += if two.iter().any(|t| text[i..].starts_with(t)) {
                    2
                } else {
                    text[i..].chars().next().unwrap().len_utf8()
                };
                Kind::Mark
            }
        };
        out.push(Token { kind, at: start..i, first });
        first = false;
    }
    out
}

fn string_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let triple = text[start..].starts_with("\"\"\"");
    let quote = bytes[start];
    let mut i = start + if triple { 3 } else { 1 };
    let mut depth = 0_usize;
    while i < bytes.len() {
        match bytes[i] {
            b'\\' => i += 1,
            b'$' if bytes.get(i + 1) == Some(&b'{') => {
                depth += 1;
                i += 1;
            }
            b'}' if depth > 0 => depth -= 1,
            b if b == quote && depth == 0 => {
                if !triple {
                    return i + 1;
                }
                if text[i..].starts_with("\"\"\"") {
                    return i + 3;
                }
            }
            _ => {}
        }
        i += 1;
    }
    bytes.len()
}

/// An original with its tokens and its meaning.
pub struct Seen<'a> {
    pub original: &'a Original,
    pub text: &'a str,
    pub tokens: Vec<Token>,
    pub project: Project,
}

impl<'a> Seen<'a> {
    pub fn new(original: &'a Original) -> Seen<'a> {
        let project = Project::load_text(&original.path, &original.text, &DiskLoader);
        Seen { original, text: &original.text, tokens: tokens(&original.text), project }
    }

    pub fn word(&self, i: usize) -> &str {
        self.tokens.get(i).map_or("", |t| &self.text[t.at.clone()])
    }

    /// The index of the first token at or behind a place.
    pub fn at(&self, place: usize) -> usize {
        self.tokens.partition_point(|t| t.at.start < place)
    }

    /// The index of the token that closes the bracket at `open`.
    pub fn closing(&self, open: usize) -> Option<usize> {
        let mut depth = 0_i32;
        for i in open..self.tokens.len() {
            match self.word(i) {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(i);
            }
        }
        None
    }

    pub fn plans(&self) -> Vec<&hir::Plan> {
        let source = self.project.files[0].source;
        self.project.analysis.plans.values().filter(|p| p.span.source == source).collect()
    }

    pub fn stmts(&self) -> Vec<(&hir::Plan, &hir::Body, usize)> {
        let mut out = Vec::new();
        for plan in self.plans() {
            let mut open = vec![&plan.body];
            while let Some(body) = open.pop() {
                for (i, stmt) in body.stmts.iter().enumerate() {
                    out.push((plan, body, i));
                    if let hir::StmtKind::Step(step) = &stmt.kind {
                        open.extend(bodies(&step.action));
                    }
                }
            }
        }
        out
    }

    pub fn steps(&self) -> Vec<(&hir::Plan, &hir::Stmt, &hir::Step)> {
        self.stmts()
            .into_iter()
            .filter_map(|(plan, body, i)| match &body.stmts[i].kind {
                hir::StmtKind::Step(s) => Some((plan, &body.stmts[i], &**s)),
                hir::StmtKind::Let(_) | hir::StmtKind::Require { .. } | hir::StmtKind::Fail { .. } => None,
            })
            .collect()
    }

    /// The calls that are the actions of steps.
    pub fn calls(&self) -> Vec<(&hir::Step, &hir::Call)> {
        self.steps()
            .into_iter()
            .filter_map(|(_, _, step)| match &step.action {
                hir::Action::Call(call) => Some((step, call)),
                _ => None,
            })
            .collect()
    }

    /// Every expression, inner ones included, with its plan.
    pub fn exprs(&self) -> Vec<(&hir::Plan, &Expr)> {
        let mut out = Vec::new();
        for (plan, body, i) in self.stmts() {
            roots(&body.stmts[i].kind, &mut |e| deep(e, &mut |e| out.push((plan, e))));
            let last = i + 1 == body.stmts.len();
            for e in body.result.iter().chain(&body.until).filter(|_| last) {
                deep(e, &mut |e| out.push((plan, e)));
            }
        }
        let source = self.project.files[0].source;
        out.retain(|(_, e)| e.span.source == source && e.span.end > e.span.start);
        out
    }
}

fn deep<'e>(expr: &'e Expr, f: &mut dyn FnMut(&'e Expr)) {
    f(expr);
    expr.for_each_child(&mut |e| deep(e, f));
}

fn bodies(action: &hir::Action) -> Vec<&hir::Body> {
    match action {
        hir::Action::Call(_) => Vec::new(),
        hir::Action::Do(b) => vec![b],
        hir::Action::For(f) => vec![&f.body],
        hir::Action::If(i) => i.arms.iter().map(|(_, b)| b).chain(&i.otherwise).collect(),
        hir::Action::Match(m) => m.arms.iter().map(|(_, b)| b).collect(),
        hir::Action::Loop(l) => vec![&l.body],
        hir::Action::Race(branches) => branches.iter().collect(),
    }
}

fn roots<'e>(stmt: &'e hir::StmtKind, f: &mut dyn FnMut(&'e Expr)) {
    let step = match stmt {
        hir::StmtKind::Let(e) => return f(e),
        hir::StmtKind::Require { cond, message, .. } => {
            f(cond);
            return f(message);
        }
        hir::StmtKind::Fail { message, .. } => return f(message),
        hir::StmtKind::Step(step) => step,
    };
    match &step.action {
        hir::Action::Call(call) => call.args.iter().for_each(|a| f(&a.value)),
        hir::Action::Do(_) | hir::Action::Race(_) => {}
        hir::Action::For(x) => f(&x.list),
        hir::Action::If(i) => i.arms.iter().for_each(|(c, _)| f(c)),
        hir::Action::Match(m) => f(&m.subject),
        hir::Action::Loop(l) => f(&l.init),
    }
    step.when.iter().chain(&step.key).chain(&step.timeout).chain(&step.deadline).for_each(&mut *f);
    for reaction in step.on_error.iter().flat_map(|a| &a.reactions) {
        match reaction {
            hir::Reaction::Use(e) | hir::Reaction::Fail(e) => f(e),
            hir::Reaction::Fallback(call) => call.args.iter().for_each(|a| f(&a.value)),
            hir::Reaction::Abort | hir::Reaction::Continue | hir::Reaction::Retry { .. } => {}
        }
    }
}
