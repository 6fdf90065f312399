//! The clauses of a step, in the formatter's order.

use super::super::ir::{Node, all, any, opt, repeat, seq, text};
use super::super::tokens;
use super::{Brackets, Cx, Surface};

impl<'a> Surface<'a> {
    /// Each at most once, each on its line, behind an action at `cx`.
    pub(in super::super) fn clauses(&mut self, cx: Cx) -> Node {
        let inner = self.inner(cx);
        self.rule("clauses", inner, |s, cx| {
            let clauses = [
                s.depends_on(cx),
                seq([text("when "), s.expr(cx)]),
                seq([text("key "), s.expr(cx)]),
                seq([text("cache "), s.amount(cx)]),
                s.approve(cx),
                seq([text("timeout "), s.amount(cx)]),
                seq([text("deadline "), s.amount(cx)]),
                s.on_error(cx),
                s.compensate(cx),
            ];
            let mut all_of = Vec::new();
            for clause in clauses {
                let comments = s.lead(cx);
                all_of.push(opt(seq([Self::newline(cx), comments, clause])));
            }
            all(all_of)
        })
    }

    fn depends_on(&mut self, cx: Cx) -> Node {
        let names = self.list(cx, Brackets::Square, 0, &mut |s, _| s.name());
        seq([text("depends_on "), names])
    }

    /// `fail "message"`
    pub(in super::super) fn fail(&mut self, cx: Cx) -> Node {
        seq([text("fail "), self.message(cx)])
    }

    /// A message: a string, or in parentheses.
    pub(in super::super) fn message(&mut self, cx: Cx) -> Node {
        self.rule("message", cx, |s, cx| {
            let composed = s.wrapped(cx, "(", ")", &mut |s, cx| s.composed(cx));
            any(vec![s.string(cx), composed])
        })
    }

    fn approve(&mut self, cx: Cx) -> Node {
        self.rule("approve", cx, |s, cx| {
            let parts = |s: &mut Self, cx: Cx| {
                let inner = s.inner(cx);
                let line = || Self::line(inner);
                let role = s.plain_string();
                let amount = s.amount(inner);
                let stage = seq([text("by "), role, opt(seq([text(" within "), amount.clone()]))]);
                let then = repeat(seq([line(), text("then "), stage.clone()]), 0, Some(s.limits.list));
                let within = seq([line(), text("within "), amount.clone()]);
                let stages = opt(any(vec![within, seq([line(), stage, then])]));
                let quorum = opt(seq([line(), text("quorum "), amount]));
                let fail = s.fail(inner);
                let otherwise = opt(seq([line(), text("else "), any(vec![text("continue"), fail])]));
                seq([stages, quorum, otherwise])
            };
            s.group(cx, &mut |s, cx| seq([text("approve "), s.expr(cx), parts(s, cx)]))
        })
    }

    fn compensate(&mut self, cx: Cx) -> Node {
        self.rule("compensate", cx, |s, cx| {
            s.group(cx, &mut |s, cx| {
                let inner = s.inner(cx);
                let unless = opt(seq([Self::line(inner), text("unless "), s.expr(inner)]));
                seq([text("compensate "), s.call(cx), unless])
            })
        })
    }

    fn on_error(&mut self, cx: Cx) -> Node {
        self.rule("onerror", cx, |s, cx| {
            let chain = s.chain(cx);
            let max = s.limits.stmts;
            let arms = s.block(cx, max, &mut |s, cx| {
                let lead = s.lead(cx);
                seq([lead, s.arm(cx)])
            });
            seq([text("on_error "), any(vec![chain, arms])])
        })
    }

    /// `retry 3 then use x`
    fn chain(&mut self, cx: Cx) -> Node {
        self.rule("chain", cx, |s, cx| {
            let one = s.reaction(cx);
            let more = |s: &mut Self, cx: Cx| {
                let (head, next) = (s.reaction(cx), s.reaction(s.inner(cx)));
                s.chained(cx, head, "then ", next, 4)
            };
            let mut forms = vec![one, more(s, s.flat(cx))];
            if matches!(cx, Cx::Tall(_)) && s.room(cx).is_some() {
                forms.push(more(s, cx));
            }
            any(forms)
        })
    }

    fn reaction(&mut self, cx: Cx) -> Node {
        self.rule("reaction", cx, |s, cx| {
            // Not after an `int`: `1..2` could be the start of `1.5`.
            let time = any(vec![s.token("duration", tokens::duration), s.named_amount(cx)]);
            let backoff = seq([text(" backoff "), time.clone(), opt(seq([text(".."), time]))]);
            any(vec![
                text("abort"),
                text("continue"),
                seq([text("use "), s.expr(cx)]),
                seq([text("fallback "), s.call(cx)]),
                s.fail(cx),
                seq([text("retry "), s.amount(cx), opt(backoff)]),
            ])
        })
    }

    /// `a | b as e when guard => chain`; the formatter puts the arrows into one column.
    fn arm(&mut self, cx: Cx) -> Node {
        self.rule("arm", cx, |s, cx| {
            let flat = s.flat(cx);
            let kind = any(vec![s.kind(), text("_")]);
            let kinds = seq([kind.clone(), repeat(seq([text(" | "), kind]), 0, Some(s.limits.list))]);
            let binding = opt(seq([text(" as "), s.name()]));
            let guard = opt(seq([text(" when "), s.expr(flat)]));
            let arrow = seq([repeat(text(" "), 0, Some(80)), text(" => ")]);
            seq([kinds, binding, guard, arrow, s.chain(cx)])
        })
    }
}
