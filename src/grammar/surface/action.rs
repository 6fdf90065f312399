//! Statements and actions.

use super::super::ir::{Node, any, opt, repeat, seq, text};
use super::super::tokens;
use super::{Brackets, Cx, Surface};

impl<'a> Surface<'a> {
    /// `{ statements }`, with the regions that may still nest in it.
    pub(in super::super) fn body(&mut self, cx: Cx, regions: u8) -> Node {
        self.rule(&format!("body{regions}x"), cx, |s, cx| {
            let max = s.limits.stmts;
            s.block(cx, max, &mut |s, cx| s.stmt(cx, regions))
        })
    }

    fn stmt(&mut self, cx: Cx, regions: u8) -> Node {
        self.rule(&format!("stmt{regions}x"), cx, |s, cx| {
            let lead = s.lead(cx);
            let step = s.step(cx, regions);
            let let_ = seq([text("let "), s.name(), text(" = "), s.expr(cx)]);
            let kind = seq([s.kind(), text(" ")]);
            let fail = seq([text("fail "), opt(kind.clone()), s.message(cx)]);
            let require = s.group(cx, &mut |s, cx| {
                let inner = s.inner(cx);
                let message = s.message(inner);
                let condition = s.expr(cx);
                seq([
                    text("require "),
                    condition,
                    Self::line(inner),
                    text("else "),
                    opt(kind.clone()),
                    message,
                ])
            });
            let return_ = s.group(cx, &mut |s, cx| {
                let inner = s.inner(cx);
                let until = opt(seq([Self::line(inner), text("until "), s.expr(inner)]));
                seq([text("return "), s.expr(cx), until])
            });
            seq([lead, any(vec![step, let_, require, fail, return_])])
        })
    }

    fn step(&mut self, cx: Cx, regions: u8) -> Node {
        let head = seq([text("step "), self.name(), text(" = ")]);
        let call = self.call(self.inner(cx));
        let mut actions = vec![call];
        if let Some(regions) = regions.checked_sub(1) {
            actions.push(self.region(cx, regions));
        }
        seq([head, any(actions), self.clauses(cx)])
    }

    /// A region: what holds bodies.
    fn region(&mut self, cx: Cx, regions: u8) -> Node {
        self.rule(&format!("region{regions}x"), cx, |s, cx| {
            let body = s.body(cx, regions);
            let do_ = seq([text("do "), body.clone()]);
            let for_ = seq([s.for_head(cx), text(" "), body.clone()]);
            let more = seq([text(" else if "), s.expr(cx), text(" "), body.clone()]);
            let otherwise = opt(seq([text(" else "), body.clone()]));
            let if_ =
                seq([text("if "), s.expr(cx), text(" "), body.clone(), repeat(more, 0, Some(8)), otherwise]);
            let loop_ = seq([s.loop_head(cx), text(" "), body]);
            let max = s.limits.stmts;
            let arms = s.block(cx, max, &mut |s, cx| {
                let lead = s.lead(cx);
                let pattern = any(vec![s.plain_string(), text("true"), text("false"), text("_")]);
                let mut forms = Vec::new();
                for cx in [s.flat(cx), cx] {
                    let more = seq([Self::line(cx), text("| "), pattern.clone()]);
                    forms.push(seq([pattern.clone(), repeat(more, 1, Some(s.limits.list))]));
                }
                forms.push(pattern);
                seq([lead, any(forms), text(" => "), s.body(cx, regions)])
            });
            let match_ = seq([text("match "), s.expr(cx), text(" "), arms]);
            // The formatter keeps no empty line before a branch.
            let branches = s.block_of(cx, max, Self::newline, &mut |s, cx| {
                let lead = s.lead(cx);
                seq([lead, text("do "), s.body(cx, regions)])
            });
            any(vec![do_, for_, if_, loop_, match_, seq([text("race "), branches])])
        })
    }

    fn for_head(&mut self, cx: Cx) -> Node {
        let name = self.name();
        let amount = self.amount(cx);
        let bound = seq([any(vec![text(" max "), text(" first ")]), amount.clone()]);
        let parallel = seq([text(" parallel "), amount.clone()]);
        let percent = self.token("percent", tokens::percent);
        let tolerate = seq([text(" tolerate "), any(vec![percent, amount])]);
        let index = opt(seq([name.clone(), text(", ")]));
        let list = self.expr(cx);
        seq([text("for "), index, name, text(" in "), list, opt(bound), opt(parallel), opt(tolerate)])
    }

    fn loop_head(&mut self, cx: Cx) -> Node {
        let ty = opt(seq([text(": "), self.ty(cx)]));
        let amount = self.amount(cx);
        let max = opt(seq([text(" max "), amount.clone()]));
        let every = opt(seq([text(" every "), amount]));
        let otherwise = opt(seq([text(" else "), any(vec![text("last"), self.fail(cx)])]));
        seq([text("loop "), self.name(), ty, text(" = "), self.expr(cx), max, every, otherwise])
    }

    /// `name<T>(arg: value)`
    pub(in super::super) fn call(&mut self, cx: Cx) -> Node {
        if let Some(skills) = self.skills {
            return self
                .rule("call", cx, |s, cx| any(skills.list.iter().map(|k| s.skill_call(cx, k)).collect()));
        }
        self.rule("call", cx, |s, cx| {
            let path = s.token("path", tokens::path);
            let types = s.list(cx, Brackets::Angle, 1, &mut |s, cx| s.ty(cx));
            let args = s.list(cx, Brackets::Round, 0, &mut |s, cx| s.arg(cx));
            seq([path, opt(types), args])
        })
    }

    fn arg(&mut self, cx: Cx) -> Node {
        self.rule("arg", cx, |s, cx| seq([opt(seq([s.key(), text(": ")])), s.expr(cx)]))
    }
}
