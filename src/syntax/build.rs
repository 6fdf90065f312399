//! From pest's pairs to the tree. The grammar guarantees the shape, so `None` here means only that a node is not built.

mod action;
mod expr;
mod item;
mod literal;
mod types;

use super::Comment;
use super::ast::{Allow, Body, Expr, ExprKind, Ident, Item, Lead, Name, Path, Stmt, Text};
use super::offsets::Offsets;
use super::rule::Rule;
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{SourceId, Span};
use pest::iterators::{Pair, Pairs};
use std::collections::HashMap;

type P<'i> = Pair<'i, Rule>;

/// A text without the blanks at its end: what may stand between tokens besides comments.
fn trimmed(text: &str) -> &str {
    let blank = |b: &u8| matches!(b, b' ' | b'\n' | b'\t' | b'\r');
    let length = text.as_bytes().iter().rposition(|b| !blank(b)).map_or(0, |last| last + 1);
    let text = text.get(..length).unwrap_or(text);
    // The one blank that is no ASCII character.
    if text.ends_with('\u{FEFF}') {
        return text.trim_end_matches([' ', '\n', '\t', '\r', '\u{FEFF}']);
    }
    text
}

/// Walks over the children of a pair.
struct Cursor<'i> {
    pairs: std::iter::Peekable<Pairs<'i, Rule>>,
}

impl<'i> Cursor<'i> {
    fn new(pair: P<'i>) -> Self {
        Cursor { pairs: pair.into_inner().peekable() }
    }

    fn peek(&mut self) -> Option<Rule> {
        self.pairs.peek().map(Pair::as_rule)
    }

    fn next(&mut self) -> Option<P<'i>> {
        self.pairs.next()
    }

    /// The next child if it is of this rule.
    fn eat(&mut self, rule: Rule) -> Option<P<'i>> {
        self.pairs.next_if(|p| p.as_rule() == rule)
    }

    /// Passes over punctuation and keywords up to the next child of this rule.
    fn find(&mut self, rule: Rule) -> Option<P<'i>> {
        self.pairs.by_ref().find(|p| p.as_rule() == rule)
    }
}

/// What is known while one piece is built.
pub(super) struct Builder<'a> {
    pub(super) source: SourceId,
    /// The whole file.
    pub(super) text: &'a str,
    pub(super) comments: &'a [Comment],
    pub(super) offsets: Offsets,
    /// Bodies that were taken out of the piece and parsed alone, by the place of their `{` in the file.
    pub(super) bodies: HashMap<u32, Body>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// The last chain of operators that was reported as too deep.
    pub(super) deep: Option<Span>,
}

impl Builder<'_> {
    pub(super) fn items(&mut self, pairs: Pairs<'_, Rule>) -> Vec<Item> {
        pairs.filter(|p| p.as_rule() != Rule::EOI).filter_map(|p| self.item(p)).collect()
    }

    pub(super) fn stmts(&mut self, pairs: Pairs<'_, Rule>) -> Vec<Stmt> {
        pairs.filter(|p| p.as_rule() != Rule::EOI).filter_map(|p| self.stmt(p)).collect()
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn span(&self, pair: &P<'_>) -> Span {
        let start = pair.as_span().start();
        self.range(start, start + self.word(pair).len())
    }

    /// The text of a pair, without the blanks and comments that its last token took in.
    fn word<'i>(&self, pair: &P<'i>) -> &'i str {
        let text = pair.as_str();
        let mut word = trimmed(text);
        let start = pair.as_span().start();
        // A comment ends with its line, or with the piece.
        let blanks = text.as_bytes().get(word.len()..).unwrap_or_default();
        if !blanks.contains(&b'\n') && start + text.len() < pair.get_input().len() {
            return word;
        }
        let begin = self.offsets.global(start);
        loop {
            let end = self.offsets.global(start + word.len());
            let index = self.comments.partition_point(|c| c.span.end < end);
            match self.comments.get(index).filter(|c| begin < c.span.start && c.span.start < end) {
                Some(comment) => {
                    let length = word.len().saturating_sub((end - comment.span.start) as usize);
                    word = trimmed(word.get(..length).unwrap_or(word));
                }
                None => return word,
            }
        }
    }

    /// A range of the piece as a place of the file.
    fn range(&self, start: usize, end: usize) -> Span {
        let (start, end) = (self.offsets.global(start), self.offsets.global(end));
        Span { source: self.source, start, end: end.max(start) }
    }

    fn ident(&self, pair: &P<'_>) -> Ident {
        let (start, word) = (pair.as_span().start(), self.word(pair));
        Ident { name: Name::from(word), span: self.range(start, start + word.len()) }
    }

    /// A name that may have been written as a string.
    fn name_or_text(&mut self, pair: P<'_>) -> Ident {
        if pair.as_rule() == Rule::word {
            return self.ident(&pair);
        }
        let text = self.plain_text(pair);
        Ident { name: text.value, span: text.span }
    }

    fn path(&self, pair: &P<'_>) -> Path {
        let mut at = pair.as_span().start();
        let word = self.word(pair);
        let mut segments = Vec::with_capacity(2);
        for part in word.split('.') {
            segments.push(Ident { name: Name::from(part), span: self.range(at, at + part.len()) });
            at += part.len() + 1;
        }
        let start = pair.as_span().start();
        Path { name: Name::from(word), segments, span: self.range(start, start + word.len()) }
    }

    /// A string that may not hold `${…}`.
    fn plain_text(&mut self, pair: P<'_>) -> Text {
        let expr = self.string(pair);
        let span = expr.span;
        match *expr.kind {
            ExprKind::Text { value, .. } => Text { value, span },
            _ => {
                let d = Diagnostic::new(Code::BadLiteral, span, "`${…}` cannot stand in this string")
                    .label("holds `${`")
                    .help("write the text itself; for a plain `${` write `\\${`");
                self.report(d);
                Text { value: Name::from(""), span }
            }
        }
    }

    /// The documentation and suppressions above the place `start` of the file.
    fn lead(&self, start: u32) -> Lead {
        let end = self.comments.partition_point(|c| c.span.end <= start);
        let mut first = end;
        let mut below = start;
        while let Some(comment) = first.checked_sub(1).and_then(|i| self.comments.get(i)) {
            let between = self.text.get(comment.span.end as usize..below as usize).unwrap_or("x");
            if !comment.own_line || !between.bytes().all(|b| b.is_ascii_whitespace()) {
                break;
            }
            below = comment.span.start;
            first -= 1;
        }
        let mut lead = Lead::default();
        let mut docs: Vec<&str> = Vec::new();
        for comment in self.comments.get(first..end).unwrap_or_default() {
            let text = self.text.get(comment.span.range()).unwrap_or("").trim_end();
            if let Some(doc) = text.strip_prefix("///") {
                docs.push(doc.strip_prefix(' ').unwrap_or(doc));
            } else if let Some(allow) = allow(text, comment.span) {
                lead.allows.push(allow);
            }
        }
        if !docs.is_empty() {
            lead.docs = Some(docs.join("\n").into());
        }
        lead
    }

    fn error_expr(&self, span: Span) -> Expr {
        Expr { kind: Box::new(ExprKind::Error), span }
    }
}

/// Reads `// allow(code): reason`.
fn allow(text: &str, span: Span) -> Option<Allow> {
    let rest = text.strip_prefix("//")?;
    let inner = rest.trim_start().strip_prefix("allow(")?;
    let at = span.start + (text.len() - inner.len()) as u32;
    let (code, after) = inner.split_once(')')?;
    let reason = after.trim_start().strip_prefix(':').unwrap_or("").trim();
    let code_span = Span { start: at, end: at + code.len() as u32, ..span };
    Some(Allow { code: Ident { name: code.trim().into(), span: code_span }, reason: reason.into(), span })
}
