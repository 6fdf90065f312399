//! What may stand at the cursor. The tokens before it say what kind of thing is wanted; the checker's last word on the file says
//! which ones there are.

mod context;
mod items;
mod visible;

use super::scope::Scope;
use super::symbols::word_at;
use crate::project::Project;
use crate::source::Span;
use crate::syntax::ast::Item as AstItem;
use crate::syntax::tokens::{Token, TokenKind};
use context::context;

pub(crate) use context::HEADS;
pub(crate) use visible::{Variable, visible};

/// Something that may stand at the cursor.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub label: String,
    pub kind: ItemKind,
    /// Such as its type.
    pub detail: String,
    /// Markdown.
    pub docs: String,
    /// What is inserted: a snippet with `$1`, `${2:text}` and `$0`.
    pub snippet: String,
    /// What it takes the place of.
    pub span: Span,
    /// Small ones come first.
    pub rank: u8,
    pub deprecated: bool,
}

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    Skill,
    Plan,
    Argument,
    Step,
    Let,
    Input,
    Local,
    Field,
    Function,
    Keyword,
    Type,
    Error,
    Value,
    File,
    Secret,
}

/// More are not offered: an editor asks again with every letter.
const MAX: usize = 400;

/// What may stand at an offset of the first file. `files` gives the paths that a `use` could name, relative to the file.
#[must_use]
pub fn complete(project: &Project, offset: u32, files: &dyn Fn() -> Vec<String>) -> Vec<Item> {
    let text = super::entry_text(project);
    let start = piece_start(project, offset);
    let word = word_at(text, offset);
    let word_start = if word.0 < offset && !in_number(text, word.0) { word.0 } else { offset };
    let all: Vec<Token<'_>> =
        crate::syntax::tokens::tokens(text, start as usize, word_start as usize).collect();
    if let Some(last) = all.last()
        && last.kind == TokenKind::Comment
        && !text.get(last.end() as usize..offset as usize).unwrap_or("").contains('\n')
    {
        return Vec::new();
    }
    let before: Vec<Token<'_>> = all.into_iter().filter(|t| t.kind != TokenKind::Comment).collect();
    let whole = before.last().filter(|t| t.kind == TokenKind::OpenText).copied();
    let hole = inside_text(text, &before, word_start);
    let in_hole = hole.is_some();
    let (before, in_text) = match hole {
        Some(hole) => (hole, None),
        None => (before, whole),
    };
    let scope = Scope { project, file: 0 };
    let span = Span { source: super::entry(project), start: word_start, end: offset };
    let mut make = items::Maker { scope, offset, span, files, macros: Vec::new(), out: Vec::new() };
    let place = context::Place::of(project, offset, text, word_start);
    match in_text {
        Some(token) => {
            let before = before.split_last().map_or(&[][..], |(_, b)| b);
            make.in_text(&context(&place, before), before, &token);
        }
        None if in_hole => make.all(&context::in_hole(&place, &before), &before),
        None => make.all(&context(&place, &before), &before),
    }
    let mut out = make.out;
    out.sort_by(|a, b| (a.rank, &a.label).cmp(&(b.rank, &b.label)));
    out.dedup_by(|a, b| a.label == b.label && a.kind == b.kind);
    out.truncate(MAX);
    out
}

fn in_number(text: &str, start: u32) -> bool {
    text.as_bytes().get(start as usize).is_some_and(u8::is_ascii_digit)
}

/// Where the statement or item begins that holds an offset of the first file: no string is open there.
pub(crate) fn piece_start(project: &Project, offset: u32) -> u32 {
    let Some(file) = project.files.first() else { return 0 };
    let mut start = 0;
    for item in &file.parse.file.items {
        let span = super::walk::Node::Item(item).span();
        if span.start > offset {
            break;
        }
        start = span.start;
        match item {
            AstItem::Plan(plan) if plan.body.span.start < offset && offset <= plan.body.span.end => {
                let stmts = &plan.body.stmts;
                let n = stmts.partition_point(|s| s.span.start < offset);
                if let Some(stmt) = n.checked_sub(1).and_then(|n| stmts.get(n)) {
                    start = stmt.span.start;
                }
            }
            AstItem::Plan(_) | AstItem::Use(_) | AstItem::Type(_) | AstItem::Skill(_) | AstItem::Test(_) => {}
        }
    }
    start
}

/// The tokens of the `${` that is open in the string at the end of some tokens.
pub(crate) fn inside_text<'t>(text: &'t str, before: &[Token<'t>], offset: u32) -> Option<Vec<Token<'t>>> {
    let last = before.last().filter(|t| t.kind == TokenKind::OpenText)?;
    if last.text.starts_with(['r', 'R', 'b', 'B']) {
        return None;
    }
    let mut open: Vec<usize> = Vec::new();
    let bytes = last.text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'$' if bytes.get(at + 1) == Some(&b'{') => {
                at += 1;
                open.push(at + 1);
            }
            b'{' if !open.is_empty() => open.push(usize::MAX),
            b'}' => drop(open.pop()),
            _ => {}
        }
        at += 1;
    }
    let hole = *open.iter().rev().find(|at| **at != usize::MAX)?;
    let from = last.start as usize + hole;
    let inner = super::signature::tokens_before(text, from as u32, offset);
    // A string inside of it may be open in turn.
    match inside_text(text, &inner, offset) {
        Some(deeper) => Some(deeper),
        None => Some(inner),
    }
}
