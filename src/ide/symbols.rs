//! The outline of a file: symbols, what folds, what a growing selection takes in, links.

use super::scope::Scope;
use super::walk::{self, Node};
use super::{stmt_name, trimmed};
use crate::format;
use crate::project::Project;
use crate::source::Span;
use crate::syntax::ast::{Action, Body, Call, Item, Param, Stmt, StmtKind};
use crate::syntax::{Comment, Parse};

/// What a symbol is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolKind {
    Type,
    Skill,
    Plan,
    Test,
    Input,
    Field,
    Step,
    Let,
}

/// A declared name with all it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Symbol {
    pub name: String,
    /// Such as what a step calls.
    pub detail: String,
    pub kind: SymbolKind,
    pub deprecated: bool,
    pub span: Span,
    pub name_span: Span,
    pub children: Vec<Symbol>,
}

/// The symbols of a file.
#[must_use]
pub fn symbols(parse: &Parse, text: &str) -> Vec<Symbol> {
    let mut all: Vec<Symbol> = parse.file.items.iter().filter_map(item).collect();
    all.iter_mut().for_each(|s| trim(s, text));
    all
}

fn trim(symbol: &mut Symbol, text: &str) {
    symbol.span = trimmed(text, symbol.span);
    symbol.children.iter_mut().for_each(|s| trim(s, text));
}

fn item(item: &Item) -> Option<Symbol> {
    Some(match item {
        Item::Use(_) => return None,
        Item::Type(t) => {
            let fields = match &t.ty.kind {
                crate::syntax::ast::TypeKind::Record(fields) => params(fields, SymbolKind::Field),
                _ => Vec::new(),
            };
            symbol(&t.name.name, String::new(), SymbolKind::Type, t.span, t.name.span, fields)
        }
        Item::Skill(s) => {
            let inputs = params(&s.params, SymbolKind::Input);
            let output = s.output.as_ref().map(format::ty).unwrap_or_default();
            let mut out = symbol(&s.name.name, output, SymbolKind::Skill, s.span, s.name.span, inputs);
            out.deprecated = s
                .clauses
                .iter()
                .any(|c| matches!(c.kind, crate::syntax::ast::SkillClauseKind::Deprecated(_)));
            out
        }
        Item::Plan(p) => {
            let mut children = params(&p.params, SymbolKind::Input);
            children.extend(body(&p.body));
            let output = p.output.as_ref().map(format::ty).unwrap_or_default();
            symbol(&p.name.name, output, SymbolKind::Plan, p.span, p.name.span, children)
        }
        Item::Test(t) => {
            let detail = format!("for {}", t.plan.name);
            symbol(&t.name.value, detail, SymbolKind::Test, t.span, t.name.span, Vec::new())
        }
    })
}

fn symbol(
    name: &str,
    detail: String,
    kind: SymbolKind,
    span: Span,
    name_span: Span,
    children: Vec<Symbol>,
) -> Symbol {
    // An editor refuses a symbol without a name.
    let name = if name.is_empty() { "…" } else { name };
    Symbol { name: name.to_owned(), detail, kind, deprecated: false, span, name_span, children }
}

fn params(list: &[Param], kind: SymbolKind) -> Vec<Symbol> {
    let one = |p: &Param| {
        symbol(&p.name.name, format::ty(&p.ty), kind, p.span.to(p.name.span), p.name.span, vec![])
    };
    list.iter().map(one).collect()
}

fn body(body: &Body) -> Vec<Symbol> {
    body.stmts.iter().filter_map(stmt).collect()
}

fn stmt(stmt: &Stmt) -> Option<Symbol> {
    let name = stmt_name(stmt)?;
    let (kind, detail, children) = match &stmt.kind {
        StmtKind::Step(step) => (SymbolKind::Step, action(&step.action), inner(&step.action)),
        StmtKind::Let { .. } => (SymbolKind::Let, String::new(), Vec::new()),
        StmtKind::Require { .. } | StmtKind::Fail { .. } | StmtKind::Return { .. } => return None,
    };
    Some(symbol(&name.name, detail, kind, stmt.span, name.span, children))
}

fn action(action: &Action) -> String {
    match action {
        Action::Call(Call { callee, .. }) => callee.name.to_string(),
        Action::Do(_) => "do".into(),
        Action::For(f) => format!("for {}", f.item.name),
        Action::If(_) => "if".into(),
        Action::Match(_) => "match".into(),
        Action::Loop(l) => format!("loop {}", l.var.name),
        Action::Race(_) => "race".into(),
        Action::Error(_) => String::new(),
    }
}

fn inner(action: &Action) -> Vec<Symbol> {
    let mut out = Vec::new();
    walk::walk(Node::Action(action), &mut |node| match node {
        Node::Body(b) => {
            out.extend(body(b));
            false
        }
        _ => !matches!(node, Node::Expr(_)),
    });
    out
}

/// A range that an editor can fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fold {
    pub span: Span,
    pub comment: bool,
}

/// What folds in a file: whatever stands on several lines between brackets, and runs of comments.
#[must_use]
pub fn folds(parse: &Parse, text: &str) -> Vec<Fold> {
    let mut out = Vec::new();
    let mut add = |span: Span| {
        let span = trimmed(text, span);
        if text.get(span.range()).is_some_and(|t| t.contains('\n')) {
            out.push(Fold { span, comment: false });
        }
    };
    walk::file(&parse.file.items, &mut |node| {
        match node {
            Node::Item(_) | Node::Stmt(_) | Node::Body(_) | Node::Clause(_) => add(node.span()),
            Node::Call(c) => add(c.args_span),
            Node::Expr(e) => {
                use crate::syntax::ast::ExprKind;
                if matches!(
                    &*e.kind,
                    ExprKind::Record(_)
                        | ExprKind::List(_)
                        | ExprKind::Text { .. }
                        | ExprKind::Interpolated { .. }
                ) {
                    add(e.span);
                }
            }
            Node::Type(t) => add(t.span),
            _ => {}
        }
        true
    });
    let mut run: Option<Span> = None;
    for comment in parse.comments.iter().filter(|c| c.own_line) {
        run = match run {
            Some(span) if below(text, span, comment) => Some(span.to(comment.span)),
            other => {
                out.extend(other.filter(|s| many(text, *s)).map(|span| Fold { span, comment: true }));
                Some(comment.span)
            }
        };
    }
    out.extend(run.filter(|s| many(text, *s)).map(|span| Fold { span, comment: true }));
    out.sort_by_key(|f| (f.span.start, std::cmp::Reverse(f.span.end)));
    out.dedup_by_key(|f| f.span);
    out
}

fn many(text: &str, span: Span) -> bool {
    text.get(span.range()).is_some_and(|t| t.contains('\n'))
}

fn below(text: &str, span: Span, next: &Comment) -> bool {
    let between = text.get(span.end as usize..next.span.start as usize).unwrap_or("x");
    between.bytes().filter(|b| *b == b'\n').count() == 1 && between.trim().is_empty()
}

/// The ranges that a growing selection takes in, the smallest first.
#[must_use]
pub fn selections(parse: &Parse, text: &str, offset: u32) -> Vec<Span> {
    let mut out: Vec<Span> = Vec::new();
    let source = parse.file.items.first().map(|i| Node::Item(i).span().source).unwrap_or_default();
    let word = word_at(text, offset);
    if word.0 < word.1 {
        out.push(Span { source, start: word.0, end: word.1 });
    }
    for node in walk::around(&parse.file.items, offset).into_iter().rev() {
        let span = trimmed(text, node.span());
        if let Node::Call(c) = node
            && c.args_span.start < offset
            && offset < c.args_span.end
        {
            out.push(c.args_span);
        }
        out.push(span);
    }
    out.push(Span { source, start: 0, end: text.len() as u32 });
    let mut grown: Vec<Span> = Vec::new();
    for span in out {
        let larger = grown.last().is_none_or(|last| span.contains(*last) && span != *last);
        if larger {
            grown.push(span);
        }
    }
    grown
}

/// The word around an offset, as a range of bytes; empty where there is none.
#[must_use]
pub fn word_at(text: &str, offset: u32) -> (u32, u32) {
    let word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let bytes = text.as_bytes();
    let at = (offset as usize).min(bytes.len());
    let back = bytes.get(..at).unwrap_or_default().iter().rev().take_while(|b| word(b)).count();
    let on = bytes.get(at..).unwrap_or_default().iter().take_while(|b| word(b)).count();
    ((at - back) as u32, (at + on) as u32)
}

/// The links of the first file: the path of each `use`, and the index of the file it means.
#[must_use]
pub fn links(project: &Project) -> Vec<(Span, usize)> {
    let scope = Scope { project, file: 0 };
    let uses = scope.items().iter().filter_map(|item| match item {
        Item::Use(u) => Some(u.path.span),
        Item::Type(_) | Item::Skill(_) | Item::Plan(_) | Item::Test(_) => None,
    });
    uses.filter_map(|span| {
        let target = scope.used(span)?.source;
        Some((span, project.files.iter().position(|f| f.source == target)?))
    })
    .collect()
}
