//! Expressions: the grammar keeps them flat, precedence is sorted out here.

use super::{Builder, Cursor, P, Rule};
use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::source::Span;
use crate::syntax::ast::{Arg, BinaryOp, Entry, EntryKey, Expr, ExprKind, Ident, Type, TypeKind, UnaryOp};

/// How deep operators may nest, brackets not counted.
pub(in crate::syntax) const MAX_OPERATORS: usize = 128;

/// An expression and how deep operators nest in it.
pub(super) type Built = (Expr, usize);

fn expr_of(kind: ExprKind, span: Span) -> Expr {
    Expr { kind: Box::new(kind), span }
}

/// How tightly `as` binds.
const AS: u8 = 7;

fn operator(text: &str) -> (BinaryOp, u8) {
    match text {
        "??" => (BinaryOp::Coalesce, 1),
        "||" => (BinaryOp::Or, 2),
        "&&" => (BinaryOp::And, 3),
        "==" => (BinaryOp::Eq, 4),
        "!=" => (BinaryOp::Ne, 4),
        "<" => (BinaryOp::Lt, 4),
        "<=" => (BinaryOp::Le, 4),
        ">" => (BinaryOp::Gt, 4),
        ">=" => (BinaryOp::Ge, 4),
        "in" => (BinaryOp::In, 4),
        "+" => (BinaryOp::Add, 5),
        "-" => (BinaryOp::Sub, 5),
        "*" => (BinaryOp::Mul, 6),
        "/" => (BinaryOp::Div, 6),
        _ => (BinaryOp::Rem, 6),
    }
}

fn precedence(expr: &Expr) -> u8 {
    match &*expr.kind {
        ExprKind::Binary { op: BinaryOp::Coalesce, .. } => 1,
        ExprKind::Binary { op: BinaryOp::Or, .. } => 2,
        ExprKind::Binary { op: BinaryOp::And, .. } => 3,
        ExprKind::Binary { op: BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt, .. } => 4,
        ExprKind::Binary { op: BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge | BinaryOp::In, .. } => 4,
        _ => 9,
    }
}

impl Builder<'_> {
    /// An `expr` or `count` pair.
    pub(in crate::syntax) fn expr(&mut self, pair: P<'_>) -> Built {
        let span = self.span(&pair);
        let mut c = Cursor::new(pair);
        self.cond(&mut c, span)
    }

    /// The first `expr` or `count` that comes.
    pub(super) fn expr_in(&mut self, c: &mut Cursor<'_>, rule: Rule) -> Option<Expr> {
        c.find(rule).map(|p| self.expr(p).0)
    }

    /// One chain, one diagnostic: what holds or is held by one that was reported is silent.
    fn deep(&mut self, span: Span) -> Built {
        let holds = |a: Span, b: Span| a.start <= b.start && b.end <= a.end;
        match &mut self.deep {
            Some(told) if holds(*told, span) => return (self.error_expr(span), 0),
            Some(told) if holds(span, *told) => {
                *told = span;
                return (self.error_expr(span), 0);
            }
            told => *told = Some(span),
        }
        let d =
            Diagnostic::new(Code::TooDeep, span, format!("operators nest deeper than {MAX_OPERATORS} here"))
                .help("split the expression with `let`");
        self.report(d);
        (self.error_expr(span), 0)
    }

    fn cond(&mut self, c: &mut Cursor<'_>, span: Span) -> Built {
        let mut arms = Vec::new();
        let mut last = self.binary(c, 0, span);
        while c.eat(Rule::p_question).is_some() {
            let then = match c.eat(Rule::expr) {
                Some(p) => self.expr(p),
                None => (self.error_expr(span), 0),
            };
            c.eat(Rule::p_colon);
            arms.push((last, then));
            last = self.binary(c, 0, span);
        }
        if arms.len() > MAX_OPERATORS {
            return self.deep(span);
        }
        let (mut tail, mut depth) = last;
        for ((cond, d1), (then, d2)) in arms.into_iter().rev() {
            depth = 1 + depth.max(d1).max(d2);
            let span = cond.span.to(tail.span);
            tail = expr_of(ExprKind::Cond { cond, then, otherwise: tail }, span);
            if depth > MAX_OPERATORS {
                (tail, depth) = self.deep(span);
            }
        }
        (tail, depth)
    }

    fn binary(&mut self, c: &mut Cursor<'_>, min: u8, whole: Span) -> Built {
        let (mut left, mut depth) = self.operand(c, whole);
        loop {
            if c.peek() == Some(Rule::kw_as) && min <= AS {
                c.next();
                let ty = c.eat(Rule::as_type).and_then(|p| p.into_inner().next()).map(|p| self.type_atom(p));
                let ty = ty.unwrap_or(Type { kind: TypeKind::Error, span: whole });
                let span = left.span.to(ty.span);
                left = expr_of(ExprKind::As { value: left, ty }, span);
                depth += 1;
            } else {
                let text = c.pairs.peek().filter(|p| p.as_rule() == Rule::binop).map(|p| self.word(p));
                let Some((op, binding)) = text.map(operator) else { break };
                if binding < min {
                    break;
                }
                let op_span = c.next().map_or(whole, |p| self.span(&p));
                let (right, right_depth) = self.binary(c, binding + 1, whole);
                self.mixing(op, binding, op_span, &left, &right);
                let span = left.span.to(right.span);
                left = expr_of(ExprKind::Binary { op, op_span, left, right }, span);
                depth = 1 + depth.max(right_depth);
            }
            if depth > MAX_OPERATORS {
                (left, depth) = self.deep(left.span);
            }
        }
        (left, depth)
    }

    /// Comparisons do not chain, and `??` does not stand bare beside `||` and `&&`.
    fn mixing(&mut self, op: BinaryOp, binding: u8, op_span: Span, left: &Expr, right: &Expr) {
        let parens = |e: &Expr| vec![Edit::before(e.span, "("), Edit::after(e.span, ")")];
        // Of a longer chain the first says it; of one that is too deep, that.
        let told = matches!(&*left.kind, ExprKind::Binary { left, .. } if precedence(left) == 4)
            || self.deep.is_some_and(|deep| deep.start <= left.span.start && left.span.start <= deep.end);
        if binding == 4 && precedence(left) == 4 && !told {
            let d = Diagnostic::new(Code::Syntax, op_span, "comparisons do not chain")
                .label("a second comparison")
                .help("join two comparisons with `&&`, or put one into parentheses")
                .unsafe_fix("put the first into parentheses", parens(left));
            self.report(d);
        }
        if op == BinaryOp::Coalesce {
            for side in [left, right].into_iter().filter(|e| matches!(precedence(e), 2 | 3)) {
                let d = Diagnostic::new(Code::Syntax, op_span, "`??` beside `||` or `&&` needs parentheses")
                    .help("say with parentheses what belongs together")
                    .unsafe_fix("put the other side into parentheses", parens(side));
                self.report(d);
            }
        }
    }

    fn operand(&mut self, c: &mut Cursor<'_>, whole: Span) -> Built {
        let mut prefixes = Vec::new();
        while let Some(p) = c.pairs.next_if(|p| matches!(p.as_rule(), Rule::op_not | Rule::op_neg)) {
            prefixes
                .push((if p.as_rule() == Rule::op_not { UnaryOp::Not } else { UnaryOp::Neg }, self.span(&p)));
        }
        let Some(primary) = c.next() else { return (self.error_expr(whole), 0) };
        if prefixes.len() > MAX_OPERATORS {
            return self.deep(whole);
        }
        let least = prefixes.last().map(|(op, _)| *op) == Some(UnaryOp::Neg)
            && primary.as_rule() == Rule::int
            && super::literal::digits(self.word(&primary)) == "9223372036854775808";
        let (mut expr, mut depth) = if least {
            let span = prefixes.pop().map_or(whole, |(_, s)| s).to(self.span(&primary));
            (expr_of(ExprKind::Int(i64::MIN), span), 0)
        } else {
            self.primary(primary)
        };
        let mut count = 0;
        while let Some(rule) = c.peek() {
            if !matches!(
                rule,
                Rule::member | Rule::safe_member | Rule::index | Rule::safe_index | Rule::call_args
            ) {
                break;
            }
            let Some(pair) = c.next() else { break };
            count += 1;
            if count > MAX_OPERATORS {
                continue;
            }
            (expr, depth) = self.postfix(pair, rule, expr, depth);
        }
        if count > MAX_OPERATORS {
            return self.deep(expr.span);
        }
        for (op, op_span) in prefixes.into_iter().rev() {
            let span = op_span.to(expr.span);
            expr = expr_of(ExprKind::Unary { op, operand: expr }, span);
            depth += 1;
        }
        if depth > MAX_OPERATORS { self.deep(expr.span) } else { (expr, depth) }
    }

    fn postfix(&mut self, pair: P<'_>, rule: Rule, base: Expr, depth: usize) -> Built {
        let span = base.span.to(self.span(&pair));
        let mut deepest = depth;
        let kind = match rule {
            Rule::member | Rule::safe_member => {
                let name = Cursor::new(pair).find(Rule::word).map(|p| self.ident(&p));
                let name = name.unwrap_or(Ident { name: "".into(), span });
                ExprKind::Member { base, name, safe: rule == Rule::safe_member }
            }
            Rule::call_args => {
                let (args, depth) = self.args(pair);
                deepest = deepest.max(depth);
                ExprKind::Call { callee: base, args }
            }
            _ => {
                let (index, depth) = match Cursor::new(pair).find(Rule::expr) {
                    Some(p) => self.expr(p),
                    None => (self.error_expr(span), 0),
                };
                deepest = deepest.max(depth);
                ExprKind::Index { base, index, safe: rule == Rule::safe_index }
            }
        };
        (expr_of(kind, span), deepest + 1)
    }

    /// The arguments of a `call_args` pair.
    pub(super) fn args(&mut self, pair: P<'_>) -> (Vec<Arg>, usize) {
        let mut deepest = 0;
        let mut args = Vec::new();
        for pair in pair.into_inner().filter(|p| p.as_rule() == Rule::arg) {
            let span = self.span(&pair);
            let mut c = Cursor::new(pair);
            let name = match c.peek() {
                Some(Rule::expr) | None => None,
                Some(_) => c.next().map(|p| self.name_or_text(p)),
            };
            let Some(value) = c.find(Rule::expr) else { continue };
            let (value, depth) = self.expr(value);
            deepest = deepest.max(depth);
            args.push(Arg { name, value, span });
        }
        (args, deepest)
    }

    fn primary(&mut self, pair: P<'_>) -> Built {
        let span = self.span(&pair);
        let kind = match pair.as_rule() {
            Rule::expr_name => ExprKind::Name(self.word(&pair).into()),
            Rule::lit_true => ExprKind::Bool(true),
            Rule::lit_false => ExprKind::Bool(false),
            Rule::lit_null => ExprKind::Null,
            Rule::hole => ExprKind::Error,
            Rule::bytes => return (self.bytes(&pair), 0),
            Rule::paren => {
                let (inner, depth) = match Cursor::new(pair).find(Rule::expr) {
                    Some(p) => self.expr(p),
                    None => (self.error_expr(span), 0),
                };
                return (expr_of(ExprKind::Paren(inner), span), depth);
            }
            Rule::list => {
                let mut deepest = 0;
                let mut items = Vec::new();
                for p in pair.into_inner().filter(|p| p.as_rule() == Rule::expr) {
                    let (item, depth) = self.expr(p);
                    deepest = deepest.max(depth);
                    items.push(item);
                }
                return (expr_of(ExprKind::List(items), span), deepest);
            }
            Rule::record => return self.record(pair),
            Rule::hex
            | Rule::duration
            | Rule::size
            | Rule::float
            | Rule::uint
            | Rule::int
            | Rule::bad_number => {
                return (self.number(&pair), 0);
            }
            _ => return self.string_deep(pair),
        };
        (expr_of(kind, span), 0)
    }

    /// A `record` pair.
    pub(super) fn record(&mut self, pair: P<'_>) -> Built {
        let span = self.span(&pair);
        let mut deepest = 0;
        let mut entries = Vec::new();
        for pair in pair.into_inner().filter(|p| p.as_rule() == Rule::entry) {
            let span = self.span(&pair);
            let mut c = Cursor::new(pair);
            let Some(key) = c.next() else { continue };
            let key = match key.as_rule() {
                Rule::word => {
                    let ident = self.ident(&key);
                    EntryKey::Text(crate::syntax::ast::Text { value: ident.name, span: ident.span })
                }
                Rule::computed_key => {
                    let span = self.span(&key);
                    let inner = Cursor::new(key).find(Rule::expr).map(|p| self.expr(p));
                    let (inner, depth) = inner.unwrap_or_else(|| (self.error_expr(span), 0));
                    deepest = deepest.max(depth);
                    EntryKey::Expr(inner)
                }
                Rule::hex
                | Rule::duration
                | Rule::size
                | Rule::float
                | Rule::uint
                | Rule::int
                | Rule::bad_number => EntryKey::Expr(self.number(&key)),
                _ => EntryKey::Text(self.plain_text(key)),
            };
            let Some(value) = c.find(Rule::expr) else { continue };
            let (value, depth) = self.expr(value);
            deepest = deepest.max(depth);
            entries.push(Entry { key, value, span });
        }
        (expr_of(ExprKind::Record(entries), span), deepest)
    }
}
