//! Types and parameters.

use super::super::ir::{Node, any, opt, repeat, seq, text};
use super::super::tokens;
use super::{Brackets, Cx, Surface};

const LABELS: &[&str] = &["trusted ", "untrusted ", "public ", "private ", "secret "];

impl<'a> Surface<'a> {
    /// Any type.
    pub(in super::super) fn ty(&mut self, cx: Cx) -> Node {
        self.rule("type", cx, |s, cx| {
            let label = any(LABELS.iter().map(|l| text(*l)).collect());
            let member = s.member(cx);
            let union = |s: &mut Self, cx: Cx| {
                let (head, next) = (s.member(cx), s.member(s.inner(cx)));
                s.chained(cx, head, "| ", next, s.limits.list)
            };
            let mut forms = vec![member, union(s, s.flat(cx))];
            if matches!(cx, Cx::Tall(_)) && s.room(cx).is_some() {
                forms.push(union(s, cx));
            }
            let condition = s.paren(cx);
            seq([repeat(label, 0, Some(3)), any(forms), opt(seq([text(" where "), condition]))])
        })
    }

    fn member(&mut self, cx: Cx) -> Node {
        seq([self.type_atom(cx), opt(text("?"))])
    }

    pub(in super::super) fn type_atom(&mut self, cx: Cx) -> Node {
        self.rule("atom", cx, |s, cx| {
            let name = s.token("typename", tokens::type_name);
            let list = s.wrapped(cx, "list<", ">", &mut |s, cx| s.ty(cx));
            let map = s.wrapped(cx, "map<", ">", &mut |s, cx| s.ty(cx));
            let record = s.list(cx, Brackets::Curly, 0, &mut |s, cx| s.param(cx));
            let paren = s.wrapped(cx, "(", ")", &mut |s, cx| s.ty(cx));
            any(vec![name, text("null"), s.plain_string(), list, map, record, paren])
        })
    }

    /// A parameter of a signature, or a field of a record.
    pub(in super::super) fn param(&mut self, cx: Cx) -> Node {
        self.rule("param", cx, |s, cx| {
            let lead = match cx {
                Cx::Flat(_) => text(""),
                Cx::Tall(_) => s.lead(cx),
            };
            let colon = any(vec![text(": "), text("?: ")]);
            seq([lead, s.key(), colon, s.ty(cx), opt(seq([text(" = "), s.expr(cx)]))])
        })
    }

    pub(in super::super) fn params(&mut self, cx: Cx) -> Node {
        self.list(cx, Brackets::Round, 0, &mut |s, cx| s.param(cx))
    }

    /// `throws a | b(why: string)`
    pub(in super::super) fn throws(&mut self, cx: Cx) -> Node {
        let error = |s: &mut Self, cx: Cx| {
            let fields = s.list(cx, Brackets::Round, 1, &mut |s, cx| s.param(cx));
            seq([s.kind(), opt(fields)])
        };
        self.group(cx, &mut |s, cx| {
            let inner = s.inner(cx);
            let more = repeat(seq([Self::line(inner), text("| "), error(s, inner)]), 0, Some(s.limits.list));
            seq([text("throws "), error(s, inner), more])
        })
    }
}
