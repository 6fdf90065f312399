//! The printer's state: where it is among the comments, and lists that keep theirs.

use super::doc::{Doc, cat, group, indent, text};
use crate::source::Span;
use crate::syntax::{Comment, ast};

/// Prints trees; every method gives the document of one kind of node.
pub(super) struct Printer<'a> {
    /// The text the tree was read from; `None`: spans mean nothing, literals and parentheses are made up.
    source: Option<&'a str>,
    comments: &'a [Comment],
    /// The first comment that is not yet printed.
    next: usize,
    /// Inside `${…}`, or for a message: no line breaks at all.
    pub(super) inline: bool,
    /// Whether the arrows of a handler's arms stand in one column.
    pub(super) columns: bool,
}

impl<'a> Printer<'a> {
    pub(super) fn of_source(source: &'a str, comments: &'a [Comment]) -> Self {
        Printer { source: Some(source), comments, next: 0, inline: false, columns: true }
    }

    pub(super) fn of_tree() -> Self {
        Printer { source: None, comments: &[], next: 0, inline: false, columns: true }
    }

    pub(super) fn one_line() -> Self {
        Printer { inline: true, ..Printer::of_tree() }
    }

    /// For a first look at what a node will take on one line.
    pub(super) fn preview(&self) -> Printer<'a> {
        Printer { source: self.source, comments: &[], next: 0, inline: true, columns: true }
    }

    /// Whether the tree has no text, so that parentheses may be missing in it.
    pub(super) fn made_up(&self) -> bool {
        self.source.is_none()
    }

    /// The source text of a span.
    pub(super) fn slice(&self, span: Span) -> Option<&'a str> {
        self.source?.get(span.range())
    }

    /// The comments that stand before `offset` and are not yet printed.
    pub(super) fn before(&mut self, offset: usize) -> Doc {
        let mut docs = Vec::new();
        while let Some(comment) = self.take(|c| c.span.range().start < offset) {
            docs.push(self.comment(comment, comment.own_line));
        }
        if docs.is_empty() { Doc::Nil } else { Doc::Concat(docs) }
    }

    /// `doc`, which starts at `span`, behind the comments that stand before it.
    pub(super) fn at(&mut self, span: Span, doc: Doc) -> Doc {
        match self.before(span.range().start) {
            Doc::Nil => doc,
            comments => cat([comments, doc]),
        }
    }

    /// The comments at the end of the current line, as far as they stand before `limit`.
    pub(super) fn trailing(&mut self, limit: usize) -> Doc {
        let mut docs = Vec::new();
        while let Some(comment) = self.take(|c| !c.own_line && c.span.range().start < limit) {
            docs.push(self.comment(comment, false));
        }
        Doc::Concat(docs)
    }

    /// The comments at the end of the line on which `span` ends.
    pub(super) fn trailing_after(&mut self, span: Span) -> Doc {
        self.trailing(self.next_token(span.range().end))
    }

    fn take(&mut self, when: impl Fn(&Comment) -> bool) -> Option<&'a Comment> {
        let comment = self.comments.get(self.next).filter(|c| when(c))?;
        self.next += 1;
        Some(comment)
    }

    fn comment(&self, comment: &Comment, own_line: bool) -> Doc {
        let text = self.slice(comment.span).unwrap_or("//").trim_end().to_owned();
        Doc::Comment { text, own_line }
    }

    /// Where the first token of a node stands: its documentation may be part of the span.
    pub(super) fn start(&self, span: Span) -> usize {
        self.next_token(span.range().start)
    }

    /// The offset of the first token at or behind `at`.
    fn next_token(&self, mut at: usize) -> usize {
        let Some(source) = self.source else { return at };
        loop {
            let rest = source.get(at..).unwrap_or("");
            at += rest.len() - rest.trim_start().len();
            match self.comments.binary_search_by_key(&at, |c| c.span.range().start) {
                Ok(i) => at = self.comments.get(i).map_or(at, |c| c.span.range().end.max(at + 1)),
                Err(_) => return at,
            }
        }
    }

    /// Where the last byte of a node stands, its closing bracket: blanks and comments behind it may be part of the span.
    pub(super) fn close(&self, span: Span) -> usize {
        let mut at = span.range().end;
        let Some(source) = self.source else { return at };
        loop {
            at = source.get(..at).map_or(at, |head| head.trim_end().len());
            let i = self.comments.partition_point(|c| c.span.range().start < at);
            match i.checked_sub(1).and_then(|i| self.comments.get(i)) {
                Some(c) if at <= c.span.range().end => at = c.span.range().start,
                _ => return at.saturating_sub(1),
            }
        }
    }

    /// The offset of the first `{` at or behind `from`, comments apart.
    pub(super) fn find_brace(&self, from: usize) -> usize {
        self.find('{', from)
    }

    /// The parentheses of a signature: those at or behind `from`, up to behind the last parameter. Empty where there are none.
    pub(super) fn parens_at(&self, from: Span, params: &[ast::Param]) -> Span {
        let mut open = self.next_token(from.range().end);
        let char_at = |at: usize| self.source.and_then(|s| s.get(at..)).and_then(|rest| rest.chars().next());
        while matches!(char_at(open), Some(',' | '>')) {
            open = self.next_token(open + 1);
        }
        if char_at(open) != Some('(') {
            return from.tail();
        }
        let last = params.last().map_or(open + 1, |param| self.close(param.span) + 1);
        Span::new(from.source, open, self.find(')', last) + 1)
    }

    /// The first `c` at or behind `from` that is not in a comment; `from` where there is none.
    fn find(&self, c: char, from: usize) -> usize {
        let Some(source) = self.source else { return from };
        let mut at = self.next_token(from);
        while let Some(next) = source.get(at..).and_then(|rest| rest.chars().next()) {
            if next == c {
                return at;
            }
            at = self.next_token(at + next.len_utf8());
        }
        from
    }

    /// Whether an empty line stands before `offset`.
    pub(super) fn blank_before(&self, offset: usize) -> bool {
        let Some(head) = self.source.and_then(|s| s.get(..offset)) else { return false };
        let blanks = head.get(head.trim_end().len()..).unwrap_or("");
        blanks.bytes().filter(|b| *b == b'\n').count() > 1
    }

    /// `///` and allow lines of a tree without text; in a text they are among the comments.
    pub(super) fn lead(&self, lead: &ast::Lead) -> Doc {
        if self.source.is_some() || self.inline {
            return Doc::Nil;
        }
        let line = |text: String| Doc::Comment { text: text.trim_end().to_owned(), own_line: true };
        let docs = lead.docs.iter().flat_map(|docs| docs.split('\n')).map(|l| line(format!("/// {l}")));
        let flat = |s: &str| s.replace(['\n', '\r'], " ");
        let allows = lead.allows.iter();
        let allows = allows.map(|a| line(format!("// allow({}): {}", a.code.name, flat(&a.reason))));
        Doc::Concat(docs.chain(allows).collect())
    }

    /// `{ … }` with one unit a line and empty lines between them kept.
    pub(super) fn block<T>(
        &mut self,
        braces: Span,
        units: &[T],
        place: impl Fn(&T) -> Span,
        mut print: impl FnMut(&mut Self, &T) -> Doc,
    ) -> Doc {
        let open = self.before(braces.range().start);
        let close = self.close(braces);
        let first = units.first().map_or(close, |unit| self.start(place(unit)));
        let mut head = vec![open, text("{")];
        let opening = self.trailing(first);
        let mut lines = Lines::default();
        for (i, unit) in units.iter().enumerate() {
            let start = self.start(place(unit));
            self.comment_lines(&mut lines, start);
            let doc = print(self, unit);
            let limit = units.get(i + 1).map_or(close, |next| self.start(place(next)));
            let doc = cat([doc, self.trailing(limit)]);
            let blank = if self.made_up() { lines.airy(&doc) } else { self.blank_before(start) };
            lines.push(doc, blank);
        }
        self.comment_lines(&mut lines, close);
        let inner = lines.docs;
        if !inner.is_empty() || opening.breaks() {
            head.extend([indent(cat([opening, Doc::Concat(inner)])), Doc::HardLine]);
        }
        head.push(text("}"));
        Doc::Concat(head)
    }

    /// The comments before `offset`, each on its own line.
    pub(super) fn comment_lines(&mut self, lines: &mut Lines, offset: usize) {
        while let Some(comment) = self.take(|c| c.span.range().start < offset) {
            let blank = self.blank_before(comment.span.range().start);
            lines.push(self.comment(comment, true), blank);
        }
    }

    /// One node in brackets, without a comma; `close` is where the closing one stands.
    pub(super) fn wrapped(&mut self, open: &'static str, inner: Doc, close: usize, end: &'static str) -> Doc {
        let last = self.before(close);
        group(cat([text(open), indent(cat([Doc::SoftLine, inner, last])), Doc::SoftLine, text(end)]))
    }

    /// A list in brackets: on one line if it fits, else one a line with a comma behind each.
    pub(super) fn list<T>(
        &mut self,
        brackets: Brackets,
        span: Span,
        items: &[T],
        place: impl Fn(&T) -> Span,
        mut print: impl FnMut(&mut Self, &T) -> Doc,
    ) -> Doc {
        let (open, close, edge) = match brackets {
            Brackets::Round => ("(", ")", Doc::SoftLine),
            Brackets::Square => ("[", "]", Doc::SoftLine),
            Brackets::Angle => ("<", ">", Doc::SoftLine),
            Brackets::Curly if items.is_empty() => ("{", "}", Doc::SoftLine),
            Brackets::Curly => ("{", "}", Doc::Line),
        };
        let end = self.close(span);
        let first = items.first().map_or(end, |item| self.start(place(item)));
        let opening = self.trailing(first);
        if items.is_empty() {
            let comments = self.before(end);
            return match (opening.breaks(), comments) {
                (false, Doc::Nil) => cat([text(open), text(close)]),
                (_, Doc::Nil) => group(cat([text(open), indent(opening), edge, text(close)])),
                (_, comments) => group(cat([
                    text(open),
                    indent(cat([opening, edge.clone(), comments])),
                    edge,
                    text(close),
                ])),
            };
        }
        let mut inner = vec![opening, edge.clone()];
        for (i, item) in items.iter().enumerate() {
            let start = self.start(place(item));
            inner.push(self.before(start));
            inner.push(print(self, item));
            let next = items.get(i + 1);
            inner.push(if next.is_some() { text(",") } else { Doc::IfBreak(",") });
            inner.push(self.trailing(next.map_or(end, |next| self.start(place(next)))));
            if next.is_some() {
                inner.push(Doc::Line);
            }
        }
        inner.push(self.before(end));
        group(cat([text(open), indent(Doc::Concat(inner)), edge, text(close)]))
    }
}

/// The brackets of a list.
#[derive(Clone, Copy)]
pub(super) enum Brackets {
    Round,
    Square,
    Curly,
    Angle,
}

/// Lines of a block or file, each with the break before it.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) docs: Vec<Doc>,
    tall: bool,
}

impl Lines {
    /// Adds a line, behind an empty one where `blank` says so and it is not the first.
    pub(super) fn push(&mut self, doc: Doc, blank: bool) {
        self.docs.push(if blank && !self.docs.is_empty() { Doc::BlankLine } else { Doc::HardLine });
        self.docs.push(doc);
    }

    /// Whether an empty line helps between the last line and this one: one of them is tall.
    fn airy(&mut self, doc: &Doc) -> bool {
        let tall = doc.breaks();
        std::mem::replace(&mut self.tall, tall) || tall
    }
}
