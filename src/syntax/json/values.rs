//! Values and expressions of the JSON form.

use super::Reading;
use super::text::{Kind, Node, Text};
use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::source::Span;
use crate::syntax::ast::{self, Entry, EntryKey, Expr, ExprKind, TextForm, TextPart, UnaryOp};
use crate::syntax::build::Builder;
use crate::syntax::rule::{PlanParser, Rule};
use crate::syntax::scan::{self, Scanner};
use crate::syntax::{Comment, comments, error_at, syntax_error, unfit};
use pest::Parser;
use std::collections::HashMap;
use std::ops::Range;

fn expr_of(kind: ExprKind, span: Span) -> Expr {
    Expr { kind: Box::new(kind), span }
}

impl Reading<'_> {
    /// A value of `params`: in a string `${…}` is an expression.
    pub(super) fn value(&mut self, node: Node) -> Expr {
        self.any_value(node, true)
    }

    /// A value of `metadata`: a string is itself.
    pub(super) fn plain_value(&mut self, node: Node) -> Expr {
        self.any_value(node, false)
    }

    fn any_value(&mut self, node: Node, expressions: bool) -> Expr {
        let span = node.span;
        let kind = match node.kind {
            Kind::Null => ExprKind::Null,
            Kind::Bool(value) => ExprKind::Bool(value),
            Kind::Number(text) => self.number(&text, span),
            Kind::Text(text) if expressions => return self.template(&text),
            Kind::Text(text) => plain(text.value),
            Kind::Array(items) => {
                ExprKind::List(items.into_iter().map(|n| self.any_value(n, expressions)).collect())
            }
            Kind::Object(entries) => {
                self.unique(&entries);
                let entry = |(key, node): (Text, Node)| {
                    let place = key.span.to(node.span);
                    let text = ast::Text { value: key.value.into(), span: key.span };
                    let value = self.any_value(node, expressions);
                    Entry { key: EntryKey::Text(text), value, span: place }
                };
                ExprKind::Record(entries.into_iter().map(entry).collect())
            }
        };
        expr_of(kind, span)
    }

    fn number(&mut self, text: &str, span: Span) -> ExprKind {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
        let float = text.contains(['.', 'e', 'E']);
        let kind = match text.parse::<i64>() {
            Ok(i64::MIN) => return ExprKind::Int(i64::MIN),
            Ok(n) => Some(ExprKind::Int(n.wrapping_abs())),
            Err(_) if float => digits.parse::<f64>().ok().filter(|n| n.is_finite()).map(ExprKind::Float),
            Err(_) => None,
        };
        let Some(kind) = kind else {
            let what = if float {
                "the number is too large for a `float`"
            } else {
                "the number is too large: an `int` has 64 bits"
            };
            self.report(Diagnostic::new(Code::BadLiteral, span, what));
            return ExprKind::Error;
        };
        if !negative {
            return kind;
        }
        ExprKind::Unary { op: UnaryOp::Neg, operand: expr_of(kind, Span { start: span.start + 1, ..span }) }
    }

    /// A string that is exactly `${expr}` is that expression; with other text around it is interpolation; `\${` is a plain `${`.
    fn template(&mut self, text: &Text) -> Expr {
        self.places.push(text.inside());
        let value = text.value.as_str();
        let mut parts: Vec<TextPart> = Vec::new();
        let mut plain_text = String::new();
        let mut at = 0;
        while let Some(found) = value.get(at..).and_then(|rest| rest.find("${")) {
            let open = at + found;
            let before = value.get(at..open).unwrap_or("");
            let slashes = before.len() - before.trim_end_matches('\\').len();
            plain_text.push_str(before.get(..before.len() - slashes).unwrap_or(""));
            plain_text.extend(std::iter::repeat_n('\\', slashes / 2));
            if slashes % 2 == 1 {
                plain_text.push_str("${");
                at = open + 2;
                continue;
            }
            let Some(close) = closing(value, open + 2) else {
                let place = self.place(text, open..open + 2);
                let d = Diagnostic::new(Code::UnclosedBracket, place, "`${` is never closed");
                self.report(d.help("close it with `}`; a plain `${` is `\\\\${` in JSON"));
                return expr_of(ExprKind::Error, text.span);
            };
            let expr = self.expression(text, open + 2..close);
            if open == 0 && close + 1 == value.len() {
                return expr;
            }
            if !plain_text.is_empty() {
                parts.push(TextPart::Text(std::mem::take(&mut plain_text).into()));
            }
            parts.push(TextPart::Expr(expr));
            at = close + 1;
        }
        plain_text.push_str(value.get(at..).unwrap_or(""));
        if parts.is_empty() {
            return expr_of(plain(plain_text), text.span);
        }
        if !plain_text.is_empty() {
            parts.push(TextPart::Text(plain_text.into()));
        }
        let lines = parts.iter().any(|p| matches!(p, TextPart::Text(t) if t.contains('\n')));
        let form = if lines { TextForm::Block } else { TextForm::Plain };
        expr_of(ExprKind::Interpolated { parts, form }, text.span)
    }

    /// The whole string is an expression.
    pub(super) fn condition(&mut self, text: &Text) -> Expr {
        self.places.push(text.inside());
        let value = text.value.trim();
        let from = text.value.len() - text.value.trim_start().len();
        if value.starts_with("${") && closing(value, 2) == Some(value.len() - 1) {
            let (open, close) = (from + 2, from + value.len() - 1);
            let braces = [self.place(text, from..open), self.place(text, close..close + 1)];
            let d = Diagnostic::new(
                Code::ForeignSyntax,
                text.inside(),
                "a `condition` is an expression without `${…}`",
            );
            self.report(d.fix("write the expression alone", braces.map(Edit::delete).to_vec()));
            return self.expression(text, open..close);
        }
        self.expression(text, from..from + value.len())
    }

    /// The place in the file of a part of a string.
    fn place(&self, text: &Text, part: Range<usize>) -> Span {
        let global = |at| text.offsets.global(at);
        Span { source: self.source, start: global(part.start), end: global(part.end) }
    }

    /// Parses a part of a string as an expression.
    fn expression(&mut self, text: &Text, part: Range<usize>) -> Expr {
        let span = self.place(text, part.clone());
        let local = text.value.get(part.clone()).unwrap_or("");
        let offsets = text.offsets.part(part);
        let told = |mut d: Diagnostic| {
            let place = |span: &mut Span| {
                *span = Span {
                    start: offsets.global(span.start as usize),
                    end: offsets.global(span.end as usize),
                    ..*span
                };
            };
            place(&mut d.span);
            d.labels.iter_mut().for_each(|l| place(&mut l.span));
            d.fixes.iter_mut().flat_map(|f| &mut f.edits).for_each(|e| place(&mut e.span));
            d
        };
        if let Some(d) = unfit(self.source, local) {
            self.report(told(d));
            return expr_of(ExprKind::Error, span);
        }
        let mut inner = comments(self.source, local);
        let global = |c: &mut Comment| {
            c.span.start = offsets.global(c.span.start as usize);
            c.span.end = offsets.global(c.span.end as usize);
        };
        inner.iter_mut().for_each(global);
        let mut builder = Builder {
            source: self.source,
            text: self.text,
            comments: &inner,
            offsets: offsets.clone(),
            bodies: HashMap::new(),
            diagnostics: Vec::new(),
            deep: None,
        };
        let expr = match PlanParser::parse(Rule::only_expr, local) {
            Ok(mut pairs) => pairs.next().map(|p| builder.expr(p).0),
            Err(error) => {
                let d = syntax_error(self.source, local, error_at(&error), &error);
                builder.diagnostics.push(told(d));
                None
            }
        };
        let found = std::mem::take(&mut builder.diagnostics);
        found.into_iter().for_each(|d| self.report(d));
        expr.unwrap_or_else(|| expr_of(ExprKind::Error, span))
    }
}

/// A text; over several lines a plan shows it as a block.
fn plain(value: String) -> ExprKind {
    let form = if value.contains('\n') { TextForm::Block } else { TextForm::Plain };
    ExprKind::Text { value: value.into(), form }
}

/// Where the `}` stands that closes what was opened before `from`.
fn closing(text: &str, from: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for token in Scanner::new(text, from, text.len()) {
        match token.kind {
            scan::Kind::Open(_) => depth += 1,
            scan::Kind::Close(b'}') if depth == 0 => return Some(token.start as usize),
            scan::Kind::Close(_) => depth = depth.saturating_sub(1),
            scan::Kind::OpenStr => return None,
            scan::Kind::Word | scan::Kind::Number | scan::Kind::Str => {}
            scan::Kind::Punct | scan::Kind::Junk | scan::Kind::Comment => {}
        }
    }
    None
}
