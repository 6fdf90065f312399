//! Expressions, a rule for each level of precedence.

use super::super::ir::{Node, all, any, opt, repeat, seq, text};
use super::super::tokens;
use super::{Brackets, Cx, Surface};

/// Binary operators by level, loosest first.
const COALESCE: &[&str] = &["??"];
const OR: &[&str] = &["||"];
const AND: &[&str] = &["&&"];
const COMPARE: &[&str] = &["==", "!=", "<", "<=", ">", ">=", "in"];
const ADD: &[&str] = &["+", "-"];
const MUL: &[&str] = &["*", "/", "%"];

impl<'a> Surface<'a> {
    /// Any expression.
    pub(in super::super) fn expr(&mut self, cx: Cx) -> Node {
        self.rule("expr", cx, |s, cx| {
            let one = s.coalesce(cx);
            any(vec![one, s.choice(cx)])
        })
    }

    /// `a ? b : c`
    fn choice(&mut self, cx: Cx) -> Node {
        self.broken_or_flat(cx, |s, cx| {
            let head = s.coalesce(cx);
            let inner = s.inner(cx);
            let value = s.coalesce(inner);
            let more =
                all(vec![Self::line(inner), text("? "), value.clone(), Self::line(inner), text(": "), value]);
            seq([head, repeat(more, 1, Some(4))])
        })
    }

    /// What has at least one break when it breaks: both forms.
    fn broken_or_flat(&mut self, cx: Cx, make: impl Fn(&mut Self, Cx) -> Node) -> Node {
        match cx {
            Cx::Flat(_) => make(self, cx),
            Cx::Tall(indent) if indent < self.limits.indent => {
                let flat = make(self, self.flat(cx));
                any(vec![flat, make(self, cx)])
            }
            Cx::Tall(_) => make(self, self.flat(cx)),
        }
    }

    /// `a ?? b`, or what binds closer; `||` and `&&` do not stand beside it.
    fn coalesce(&mut self, cx: Cx) -> Node {
        self.rule("coalesce", cx, |s, cx| {
            let one = s.or(cx);
            any(vec![one, s.chain_of(cx, COALESCE, Self::compare, s.limits.chain)])
        })
    }

    fn or(&mut self, cx: Cx) -> Node {
        self.rule("or", cx, |s, cx| s.binary(cx, OR, Self::and))
    }

    fn and(&mut self, cx: Cx) -> Node {
        self.rule("and", cx, |s, cx| s.binary(cx, AND, Self::compare))
    }

    /// Comparisons do not chain.
    fn compare(&mut self, cx: Cx) -> Node {
        self.rule("compare", cx, |s, cx| {
            let one = s.add(cx);
            any(vec![one, s.chain_of(cx, COMPARE, Self::add, 1)])
        })
    }

    fn add(&mut self, cx: Cx) -> Node {
        self.rule("add", cx, |s, cx| s.binary(cx, ADD, Self::mul))
    }

    fn mul(&mut self, cx: Cx) -> Node {
        self.rule("mul", cx, |s, cx| s.binary(cx, MUL, Self::cast))
    }

    fn binary(&mut self, cx: Cx, ops: &[&str], next: fn(&mut Self, Cx) -> Node) -> Node {
        let one = next(self, cx);
        any(vec![one, self.chain_of(cx, ops, next, self.limits.chain)])
    }

    /// Two operands or more.
    fn chain_of(&mut self, cx: Cx, ops: &[&str], next: fn(&mut Self, Cx) -> Node, most: u32) -> Node {
        self.broken_or_flat(cx, |s, cx| {
            let inner = s.inner(cx);
            let (head, operand) = (next(s, cx), next(s, inner));
            // The blank before an operator belongs to it: a lexer must see ` =` of ` ==` and of ` =>` as one.
            let op = |op: &&str| seq([Self::line(inner), text(format!("{op} "))]);
            let op = any(ops.iter().map(op).collect());
            all(vec![head, repeat(all(vec![op, operand]), 1, Some(most))])
        })
    }

    /// What a message in parentheses is: no string and no parentheses alone, which would stand without them.
    pub(in super::super) fn composed(&mut self, cx: Cx) -> Node {
        self.rule("composed", cx, |s, cx| {
            let link = any(vec![s.method(s.flat(cx)), s.field(s.flat(cx))]);
            let args = opt(s.args(s.flat(cx)));
            let named = seq([s.name(), args, repeat(link, 0, Some(s.limits.chain))]);
            let sum = s.chain_of(cx, ADD, Self::mul, s.limits.chain);
            let either = s.chain_of(cx, COALESCE, Self::compare, s.limits.chain);
            any(vec![named, sum, either, s.choice(cx)])
        })
    }

    fn cast(&mut self, cx: Cx) -> Node {
        self.rule("cast", cx, |s, cx| {
            let (value, ty) = (s.unary(cx), s.type_atom(cx));
            seq([value, repeat(seq([text(" as "), ty]), 0, Some(2))])
        })
    }

    fn unary(&mut self, cx: Cx) -> Node {
        self.rule("unary", cx, |s, cx| {
            let signs = repeat(any(vec![text("!"), text("-")]), 0, Some(3));
            seq([signs, any(vec![s.postfix(cx), s.number()])])
        })
    }

    /// Any number.
    pub(in super::super) fn number(&mut self) -> Node {
        any(vec![
            self.token("int", tokens::int),
            self.token("float", tokens::float),
            self.token("duration", tokens::duration),
            self.token("size", tokens::size),
            self.token("hex", tokens::hex),
        ])
    }

    /// Members, indices and calls behind something; two or more methods may stand one a line.
    fn postfix(&mut self, cx: Cx) -> Node {
        self.rule("postfix", cx, |s, cx| {
            let flat = s.flat(cx);
            let link = any(vec![s.method(flat), s.field(flat)]);
            let head = seq([s.base(flat), opt(s.args(flat))]);
            let on_line = seq([head, repeat(link, 0, Some(s.limits.chain))]);
            if matches!(cx, Cx::Flat(_)) {
                return on_line;
            }
            let field = s.field(cx);
            let some = Some(s.limits.chain);
            let one_method = seq([s.method(cx), repeat(field.clone(), 0, some)]);
            let head = seq([s.base(cx), opt(s.args(cx))]);
            let few = seq([head, repeat(field, 0, some), opt(one_method)]);
            let Some(inner) = s.room(cx) else { return any(vec![on_line, few]) };
            let field = s.field(inner);
            let method = all(vec![Self::newline(inner), s.method(inner), repeat(field.clone(), 0, some)]);
            let head = seq([s.base(cx), opt(s.args(inner)), repeat(field, 0, some)]);
            any(vec![on_line, few, seq([head, repeat(method, 2, some)])])
        })
    }

    /// `.name(args)`
    pub(in super::super) fn method(&mut self, cx: Cx) -> Node {
        seq([text("."), self.word(), self.args(cx)])
    }

    /// `.name`, `?.name`, `[i]`, `[?i]`
    pub(in super::super) fn field(&mut self, cx: Cx) -> Node {
        self.rule("field", cx, |s, cx| {
            let word = s.word();
            let index = s.wrapped(cx, "[", "]", &mut |s, cx| s.expr(cx));
            let safe = s.wrapped(cx, "[?", "]", &mut |s, cx| s.expr(cx));
            any(vec![seq([text("."), word.clone()]), seq([text("?."), word]), index, safe])
        })
    }

    /// Arguments of a function: no names.
    pub(in super::super) fn args(&mut self, cx: Cx) -> Node {
        self.rule("args", cx, |s, cx| s.list(cx, Brackets::Round, 0, &mut |s, cx| s.expr(cx)))
    }

    /// What members and calls may follow.
    fn base(&mut self, cx: Cx) -> Node {
        self.rule("base", cx, |s, cx| {
            let constants = ["null", "true", "false"].map(text);
            let mut ways = vec![s.name(), s.string(cx), s.token("bytes", tokens::bytes)];
            ways.extend(constants);
            ways.push(s.list(cx, Brackets::Square, 0, &mut |s, cx| s.expr(cx)));
            ways.push(s.record(cx));
            ways.push(s.paren(cx));
            any(ways)
        })
    }

    pub(in super::super) fn paren(&mut self, cx: Cx) -> Node {
        self.wrapped(cx, "(", ")", &mut |s, cx| s.expr(cx))
    }

    /// `{ key: value }`
    pub(in super::super) fn record(&mut self, cx: Cx) -> Node {
        self.rule("record", cx, |s, cx| s.list(cx, Brackets::Curly, 0, &mut |s, cx| s.entry(cx)))
    }

    fn entry(&mut self, cx: Cx) -> Node {
        self.rule("entry", cx, |s, cx| {
            let reserved = any(["true", "false", "null", "_"].map(|w| text(format!("\"{w}\""))).into());
            let computed = s.wrapped(cx, "[", "]", &mut |s, cx| s.expr(cx));
            seq([any(vec![s.key(), reserved, computed]), text(": "), s.expr(cx)])
        })
    }

    /// A string in any form.
    pub(in super::super) fn string(&mut self, cx: Cx) -> Node {
        let one_line = self.one_line_string(self.flat(cx));
        let raw = self.token("raw", tokens::raw);
        any(vec![one_line, raw, self.block_string(cx)])
    }

    /// `"…"`, perhaps with `${…}`.
    fn one_line_string(&mut self, cx: Cx) -> Node {
        self.rule("string", cx, |s, cx| {
            let plain = s.plain_string();
            let Cx::Flat(depth) = cx else { return plain };
            let Some(depth) = depth.checked_sub(1) else { return plain };
            let longest = s.limits.text;
            let head = s.token("stringhead", || tokens::string_head(longest));
            let middle = s.token("stringmiddle", || tokens::string_middle(longest));
            let tail = s.token("stringtail", || tokens::string_tail(longest));
            let inside = s.expr(Cx::Flat(depth));
            let more = repeat(seq([middle, inside.clone()]), 0, Some(s.limits.list));
            any(vec![plain, seq([head, inside, more, tail])])
        })
    }

    /// `"""`, lines, `"""`; one of the lines has no indentation of its own.
    fn block_string(&mut self, cx: Cx) -> Node {
        let Some(inner @ Cx::Tall(_)) = self.room(cx) else { return Node::Never };
        self.rule("block", inner, |s, cx| {
            let solid = s.block_line(cx, false);
            let other = any(vec![text("\n"), s.block_line(cx, true)]);
            let some = repeat(other.clone(), 0, s.limits.lines);
            let more = repeat(other.clone(), 1, s.limits.lines);
            let lines =
                any(vec![seq([solid.clone(), more.clone()]), seq([other, some.clone(), solid, some])]);
            seq([text("\"\"\""), lines, Self::newline(cx), text("\"\"\"")])
        })
    }

    /// A line of a block with what stands in `${…}`. Its indentation belongs to its first token: behind it a lexer could not tell the
    /// quotes that end the block from those of a text.
    fn block_line(&mut self, cx: Cx, indented: bool) -> Node {
        let (kind, most) = if indented { ("indented", 40) } else { ("line", 0) };
        let longest = self.limits.text;
        let start = || seq([Self::newline(cx), repeat(text(" "), 0, Some(most))]);
        let Cx::Tall(level) = cx else { return Node::Never };
        let plain = self.token(&format!("{kind}{level}"), || seq([start(), tokens::block_line(longest)]));
        let head = self.token(&format!("{kind}head{level}"), || seq([start(), tokens::block_head(longest)]));
        let middle = self.token("linemiddle", || tokens::block_middle(longest));
        let tail = self.token("linetail", || tokens::block_tail(longest));
        let inside = self.expr(Cx::Flat(self.limits.depth.saturating_sub(1)));
        let more = repeat(seq([middle, inside.clone()]), 0, Some(self.limits.list));
        any(vec![plain, seq([head, inside, more, tail])])
    }

    /// A count or duration: a number, a name with fields, or in parentheses.
    pub(in super::super) fn amount(&mut self, cx: Cx) -> Node {
        self.rule("amount", cx, |s, cx| any(vec![s.number(), s.named_amount(cx)]))
    }

    pub(in super::super) fn named_amount(&mut self, cx: Cx) -> Node {
        let word = self.word();
        let field = any(vec![seq([text("."), word.clone()]), seq([text("?."), word])]);
        any(vec![seq([self.name(), repeat(field, 0, Some(6))]), self.paren(cx)])
    }
}
