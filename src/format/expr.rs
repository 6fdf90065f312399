//! Expressions.

use super::comments::{Brackets, Printer};
use super::doc::{Doc, cat, group, indent, text};
use super::literal;
use crate::source::Span;
use crate::syntax::ast::{Arg, BinaryOp, Entry, EntryKey, Expr, ExprKind, Ident, Path, Text, UnaryOp};

/// How tightly a form binds, loosest first.
const COND: u8 = 0;
const COALESCE: u8 = 1;
const COMPARE: u8 = 4;
const AS: u8 = 7;
const UNARY: u8 = 8;
const POSTFIX: u8 = 9;

fn binding(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Coalesce => COALESCE,
        BinaryOp::Or => 2,
        BinaryOp::And => 3,
        BinaryOp::Eq
        | BinaryOp::Ne
        | BinaryOp::Lt
        | BinaryOp::Le
        | BinaryOp::Gt
        | BinaryOp::Ge
        | BinaryOp::In => COMPARE,
        BinaryOp::Add | BinaryOp::Sub => 5,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => 6,
    }
}

fn symbol(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Coalesce => "??",
        BinaryOp::Or => "||",
        BinaryOp::And => "&&",
        BinaryOp::Eq => "==",
        BinaryOp::Ne => "!=",
        BinaryOp::Lt => "<",
        BinaryOp::Le => "<=",
        BinaryOp::Gt => ">",
        BinaryOp::Ge => ">=",
        BinaryOp::In => "in",
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::Div => "/",
        BinaryOp::Rem => "%",
    }
}

fn tightness(expr: &Expr) -> u8 {
    match &*expr.kind {
        ExprKind::Cond { .. } => COND,
        ExprKind::Binary { op, .. } => binding(*op),
        ExprKind::As { .. } => AS,
        ExprKind::Unary { .. } => UNARY,
        ExprKind::Int(n) | ExprKind::DurationMs(n) if *n < 0 => UNARY,
        ExprKind::Float(n) if *n < 0.0 => UNARY,
        ExprKind::Int(_) | ExprKind::DurationMs(_) | ExprKind::Float(_) => POSTFIX,
        ExprKind::Null | ExprKind::Bool(_) | ExprKind::Text { .. } | ExprKind::Bytes(_) => POSTFIX,
        ExprKind::Interpolated { .. } | ExprKind::Name(_) | ExprKind::Member { .. } => POSTFIX,
        ExprKind::Index { .. } | ExprKind::Call { .. } | ExprKind::List(_) | ExprKind::Record(_) => POSTFIX,
        ExprKind::Paren(_) | ExprKind::Error => POSTFIX,
    }
}

impl Printer<'_> {
    pub(super) fn ident(&mut self, ident: &Ident) -> Doc {
        self.at(ident.span, text(ident.name.to_string()))
    }

    pub(super) fn path(&mut self, path: &Path) -> Doc {
        self.at(path.span, text(path.name.to_string()))
    }

    /// A string without interpolation.
    pub(super) fn text_literal(&mut self, literal: &Text) -> Doc {
        self.at(literal.span, text(literal::quoted(&literal.value)))
    }

    /// An expression behind a keyword: indented where comments move it to a line of its own.
    pub(super) fn value(&mut self, expr: &Expr) -> Doc {
        match self.before(self.start(expr.span)) {
            Doc::Nil => self.expr(expr),
            comments => {
                let doc = self.expr(expr);
                indent(cat([comments, doc]))
            }
        }
    }

    /// A count or duration of a clause: a literal, a name with fields, or in parentheses.
    pub(super) fn amount(&mut self, expr: &Expr) -> Doc {
        let mut inner = expr;
        while let ExprKind::Member { base, safe: false, .. } = &*inner.kind {
            inner = base;
        }
        let simple = match &*inner.kind {
            ExprKind::Name(_) | ExprKind::Paren(_) => true,
            ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::DurationMs(_) => tightness(inner) == POSTFIX,
            _ => false,
        };
        if simple || !self.made_up() { self.value(expr) } else { self.in_parens(expr) }
    }

    pub(super) fn in_parens(&mut self, expr: &Expr) -> Doc {
        let doc = self.expr(expr);
        self.wrapped("(", doc, 0, ")")
    }

    /// The message of a `fail` or `require`: a string or in parentheses.
    pub(super) fn message(&mut self, expr: &Expr) -> Doc {
        let simple =
            matches!(&*expr.kind, ExprKind::Text { .. } | ExprKind::Interpolated { .. } | ExprKind::Paren(_));
        if simple { self.value(expr) } else { self.in_parens(expr) }
    }

    /// An operand; a tree that was not read from text may need parentheses.
    fn operand(&mut self, expr: &Expr, least: u8) -> Doc {
        if self.made_up() && tightness(expr) < least { self.in_parens(expr) } else { self.expr(expr) }
    }

    pub(super) fn expr(&mut self, expr: &Expr) -> Doc {
        let span = expr.span;
        match &*expr.kind {
            ExprKind::Null => self.at(span, text("null")),
            ExprKind::Bool(value) => self.at(span, text(if *value { "true" } else { "false" })),
            ExprKind::Int(n) => {
                let doc = self.number(expr, || n.to_string());
                self.at(span, doc)
            }
            ExprKind::Float(n) => {
                let doc = self.number(expr, || format!("{n:?}"));
                self.at(span, doc)
            }
            ExprKind::DurationMs(ms) => {
                let doc = self.number(expr, || literal::duration(*ms));
                self.at(span, doc)
            }
            ExprKind::Text { value, form } => {
                let doc = self.string(value, *form);
                self.at(span, doc)
            }
            ExprKind::Bytes(value) => {
                let doc = self.bytes(expr, value);
                self.at(span, doc)
            }
            ExprKind::Interpolated { parts, form } => {
                // Comments inside the braces move in front: the string keeps its lines.
                let comments = self.before(self.close(span));
                let doc = self.interpolated(parts, *form);
                cat([comments, doc])
            }
            ExprKind::Name(name) => self.at(span, text(name.to_string())),
            ExprKind::Member { .. } | ExprKind::Index { .. } | ExprKind::Call { .. } => self.postfix(expr),
            ExprKind::List(items) => {
                let open = self.before(self.start(span));
                let list = self.list(Brackets::Square, span, items, |e| e.span, Self::expr);
                cat([open, list])
            }
            ExprKind::Record(entries) => {
                let open = self.before(self.start(span));
                let record = self.list(Brackets::Curly, span, entries, |e| e.span, Self::entry);
                cat([open, record])
            }
            ExprKind::Unary { op, operand } => {
                let sign = self.at(span, text(if *op == UnaryOp::Not { "!" } else { "-" }));
                cat([sign, self.operand(operand, UNARY)])
            }
            ExprKind::Binary { .. } => self.binary(expr),
            ExprKind::Cond { .. } => self.cond(expr),
            ExprKind::As { value, ty } => {
                let value = self.operand(value, AS);
                cat([value, Doc::Space, text("as"), Doc::Space, self.cast_type(ty)])
            }
            ExprKind::Paren(inner) => self.parens(span, inner),
            ExprKind::Error => text("…"),
        }
    }

    fn parens(&mut self, span: Span, inner: &Expr) -> Doc {
        let open = self.before(self.start(span));
        let doc = self.expr(inner);
        cat([open, self.wrapped("(", doc, self.close(span), ")")])
    }

    /// A chain of operators that bind alike: all on one line or one a line.
    fn binary(&mut self, expr: &Expr) -> Doc {
        let level = tightness(expr);
        let mut chain = Vec::new();
        let mut first = expr;
        while let ExprKind::Binary { op, op_span, left, right } = &*first.kind {
            if binding(*op) != level || (level == COMPARE && !chain.is_empty()) {
                break;
            }
            chain.push((*op, *op_span, right));
            first = left;
        }
        // `??` does not mix with `||` and `&&`.
        let least = if level == COALESCE { COMPARE } else { level + 1 };
        let head = self.operand(first, least);
        let mut tail = Vec::new();
        for (op, op_span, right) in chain.into_iter().rev() {
            let comments = self.before(op_span.range().start);
            let same = level == COALESCE && tightness(right) == COALESCE;
            let right = self.operand(right, if same { level } else { least });
            tail.extend([Doc::Line, comments, text(symbol(op)), Doc::Space, right]);
        }
        group(cat([head, indent(Doc::Concat(tail))]))
    }

    /// `a ? b : c ? d : e`
    fn cond(&mut self, expr: &Expr) -> Doc {
        let mut last = expr;
        let mut head = Doc::Nil;
        let mut tail = Vec::new();
        while let ExprKind::Cond { cond, then, otherwise } = &*last.kind {
            let doc = self.operand(cond, COALESCE);
            if tail.is_empty() {
                head = doc;
            } else {
                tail.push(doc);
            }
            let then = self.operand(then, COALESCE);
            tail.extend([Doc::Line, text("?"), Doc::Space, then, Doc::Line, text(":"), Doc::Space]);
            last = otherwise;
        }
        tail.push(self.expr(last));
        group(cat([head, indent(Doc::Concat(tail))]))
    }

    /// Members, indices and calls; two or more methods may stand one a line.
    fn postfix(&mut self, expr: &Expr) -> Doc {
        let mut links = Vec::new();
        let mut base = expr;
        loop {
            let inner = match &*base.kind {
                ExprKind::Member { base, .. } | ExprKind::Index { base, .. } => base,
                ExprKind::Call { callee, .. } => callee,
                _ => break,
            };
            links.push(base);
            base = inner;
        }
        links.reverse();
        let called =
            |i: usize| links.get(i + 1).is_some_and(|next| matches!(&*next.kind, ExprKind::Call { .. }));
        let is_member = |link: &Expr| matches!(&*link.kind, ExprKind::Member { .. });
        let methods = links.iter().enumerate().filter(|(i, link)| is_member(link) && called(*i)).count();
        let head = self.operand(base, POSTFIX);
        let mut tail = Vec::new();
        for (i, link) in links.iter().enumerate() {
            if methods > 1 && is_member(link) && called(i) {
                tail.push(Doc::SoftLine);
            }
            tail.push(self.link(link));
        }
        if methods > 1 {
            group(cat([head, indent(Doc::Concat(tail))]))
        } else {
            cat([head, Doc::Concat(tail)])
        }
    }

    /// The last part of a postfix expression.
    fn link(&mut self, expr: &Expr) -> Doc {
        match &*expr.kind {
            ExprKind::Member { name, safe, .. } => {
                let dot = text(if *safe { "?." } else { "." });
                // Before the dot: a comment may not stand between it and the name.
                let comments = self.before(name.span.range().start);
                cat([comments, dot, text(name.name.to_string())])
            }
            ExprKind::Index { index, safe, .. } => {
                let doc = self.expr(index);
                self.wrapped(if *safe { "[?" } else { "[" }, doc, self.close(expr.span), "]")
            }
            ExprKind::Call { args, .. } => self.args(expr.span, args),
            _ => Doc::Nil,
        }
    }

    /// `(a: x, b: y)`; `span` ends with the closing parenthesis.
    pub(super) fn args(&mut self, span: Span, args: &[Arg]) -> Doc {
        self.list(Brackets::Round, span, args, |arg| arg.span, Self::arg)
    }

    fn arg(&mut self, arg: &Arg) -> Doc {
        let Some(name) = &arg.name else { return self.expr(&arg.value) };
        let name = self.at(name.span, text(literal::key(&name.name)));
        cat([name, text(":"), Doc::Space, self.value(&arg.value)])
    }

    fn entry(&mut self, entry: &Entry) -> Doc {
        let key = match &entry.key {
            EntryKey::Text(key) => {
                let written = self.slice(key.span).unwrap_or("\"");
                let bare = literal::is_name(&key.value)
                    && (!is_reserved(&key.value)
                        || !written.starts_with(['"', '\'', 'r', '`'])
                        || written == &*key.value);
                let doc = text(if bare { key.value.to_string() } else { literal::quoted(&key.value) });
                self.at(key.span, doc)
            }
            EntryKey::Expr(key) => {
                let inner = self.expr(key);
                self.wrapped("[", inner, 0, "]")
            }
        };
        cat([key, text(":"), Doc::Space, self.value(&entry.value)])
    }
}

/// Words that keep their quotes as a key: they are clearer so.
fn is_reserved(word: &str) -> bool {
    matches!(word, "true" | "false" | "null" | "_")
}
