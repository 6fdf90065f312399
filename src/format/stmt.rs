//! Bodies, statements, steps and actions.

use super::comments::{Brackets, Printer};
use super::doc::{Doc, cat, group, indent, text};
use super::ty::angle_span;
use crate::source::Span;
use crate::syntax::ast::{
    Action, Body, Call, Expr, For, Ident, If, Loop, LoopElse, Match, MatchArm, Pattern, Race, Step, Stmt,
    StmtKind, Tolerate,
};

impl Printer<'_> {
    /// `{ statements }`
    pub(super) fn body(&mut self, body: &Body) -> Doc {
        self.block(body.span, &body.stmts, |stmt| stmt.span, Self::stmt)
    }

    fn stmt(&mut self, stmt: &Stmt) -> Doc {
        let lead = self.lead(&stmt.lead);
        let doc = match &stmt.kind {
            StmtKind::Step(step) => self.step(step),
            StmtKind::Let { name, value } => {
                let name = self.ident(name);
                cat([text("let"), Doc::Space, name, text(" ="), Doc::Space, self.value(value)])
            }
            StmtKind::Require { cond, kind, message } => {
                let cond = self.value(cond);
                let kind = self.kind(kind.as_ref());
                let message = self.message(message);
                let rest = cat([Doc::Line, text("else"), Doc::Space, kind, message]);
                group(cat([text("require"), Doc::Space, cond, indent(rest)]))
            }
            StmtKind::Fail { kind, message } => {
                let kind = self.kind(kind.as_ref());
                cat([text("fail"), Doc::Space, kind, self.message(message)])
            }
            StmtKind::Return { value, until } => {
                let value = self.value(value);
                let until = match until {
                    Some(cond) => indent(cat([Doc::Line, text("until"), Doc::Space, self.value(cond)])),
                    None => Doc::Nil,
                };
                group(cat([text("return"), Doc::Space, value, until]))
            }
        };
        cat([lead, doc])
    }

    /// An error kind and a blank, where there is one.
    fn kind(&mut self, kind: Option<&Ident>) -> Doc {
        kind.map_or(Doc::Nil, |kind| cat([self.ident(kind), Doc::Space]))
    }

    fn step(&mut self, step: &Step) -> Doc {
        let head = cat([text("step"), Doc::Space, self.ident(&step.name), text(" ="), Doc::Space]);
        let action = self.action(&step.action);
        let mut docs = vec![head, action];
        if let Some(first) = step.clauses.first() {
            docs.push(self.trailing(self.start(first.span)));
        }
        docs.push(indent(self.step_clauses(&step.clauses)));
        Doc::Concat(docs)
    }

    fn action(&mut self, action: &Action) -> Doc {
        match action {
            Action::Call(call) => indent(self.call(call)),
            Action::Do(body) => {
                let comments = self.before(body.span.range().start);
                cat([comments, text("do"), Doc::Space, self.body(body)])
            }
            Action::For(node) => self.for_(node),
            Action::If(node) => self.if_(node),
            Action::Match(node) => self.match_(node),
            Action::Loop(node) => self.loop_(node),
            Action::Race(node) => self.race(node),
            Action::Error(_) => text("…"),
        }
    }

    /// `name<T>(arg: expr)`
    pub(super) fn call(&mut self, call: &Call) -> Doc {
        let callee = self.path(&call.callee);
        let types = self.type_args(&call.type_args);
        let open = self.before(self.start(call.args_span));
        cat([callee, types, open, self.args(call.args_span, &call.args)])
    }

    fn for_(&mut self, node: &For) -> Doc {
        let open = self.before(self.start(node.span));
        let index = match &node.index {
            Some(index) => cat([self.ident(index), text(","), Doc::Space]),
            None => Doc::Nil,
        };
        let item = self.ident(&node.item);
        let list = self.value(&node.list);
        let mut docs = vec![open, text("for"), Doc::Space, index, item, text(" in"), Doc::Space, list];
        if let Some(bound) = &node.bound {
            let comments = self.before(self.start(bound.span));
            let word = text(if bound.first { "first" } else { "max" });
            docs.extend([Doc::Space, comments, word, Doc::Space, self.amount(&bound.count)]);
        }
        if let Some(count) = &node.parallel {
            docs.extend([Doc::Space, text("parallel"), Doc::Space, self.amount(count)]);
        }
        if let Some(tolerate) = &node.tolerate {
            let amount = match tolerate {
                Tolerate::Count(count) => self.amount(count),
                Tolerate::Percent(percent, span) => {
                    self.at(*span, text(format!("{}%", self.count(*span, i64::from(*percent)))))
                }
            };
            docs.extend([Doc::Space, text("tolerate"), Doc::Space, amount]);
        }
        docs.extend([Doc::Space, self.body(&node.body)]);
        Doc::Concat(docs)
    }

    fn if_(&mut self, node: &If) -> Doc {
        let mut docs = vec![self.before(self.start(node.span))];
        for (i, (cond, body)) in node.arms.iter().enumerate() {
            if i > 0 {
                docs.extend([Doc::Space, text("else"), Doc::Space]);
            }
            docs.extend([text("if"), Doc::Space, self.value(cond), Doc::Space, self.body(body)]);
        }
        if let Some(body) = &node.otherwise {
            docs.extend([Doc::Space, text("else"), Doc::Space, self.body(body)]);
        }
        Doc::Concat(docs)
    }

    fn match_(&mut self, node: &Match) -> Doc {
        let open = self.before(self.start(node.span));
        let subject = self.value(&node.subject);
        let braces = self.braces_behind(node.subject.span, node.span);
        let arms = self.block(braces, &node.arms, |arm| arm.span, Self::match_arm);
        cat([open, text("match"), Doc::Space, subject, Doc::Space, arms])
    }

    fn match_arm(&mut self, arm: &MatchArm) -> Doc {
        let mut docs = Vec::new();
        for (i, pattern) in arm.pattern.iter().enumerate() {
            if i > 0 {
                docs.extend([Doc::Line, text("|"), Doc::Space]);
            }
            docs.push(match pattern {
                Pattern::Text(literal) => self.text_literal(literal),
                Pattern::Bool(value, span) => self.at(*span, text(if *value { "true" } else { "false" })),
                Pattern::Any(span) => self.at(*span, text("_")),
            });
        }
        let patterns = group(Doc::Concat(docs));
        cat([patterns, text(" =>"), Doc::Space, self.body(&arm.body)])
    }

    fn loop_(&mut self, node: &Loop) -> Doc {
        let open = self.before(self.start(node.span));
        let mut docs = vec![open, text("loop"), Doc::Space, self.ident(&node.var)];
        if let Some(ty) = &node.ty {
            docs.extend([text(":"), Doc::Space, self.ty(ty)]);
        }
        docs.extend([text(" ="), Doc::Space, self.value(&node.init)]);
        if let Some(max) = &node.max {
            docs.extend([Doc::Space, text("max"), Doc::Space, self.amount(max)]);
        }
        if let Some(every) = &node.every {
            docs.extend([Doc::Space, text("every"), Doc::Space, self.amount(every)]);
        }
        if let Some(otherwise) = &node.otherwise {
            docs.extend([Doc::Space, text("else"), Doc::Space]);
            docs.push(match otherwise {
                LoopElse::Last(span) => self.at(*span, text("last")),
                LoopElse::Fail(message) => self.fail(message),
            });
        }
        docs.extend([Doc::Space, self.body(&node.body)]);
        Doc::Concat(docs)
    }

    /// `fail "message"`
    pub(super) fn fail(&mut self, message: &Expr) -> Doc {
        cat([text("fail"), Doc::Space, self.message(message)])
    }

    fn race(&mut self, node: &Race) -> Doc {
        let open = self.before(self.start(node.span));
        let braces = self.braces_behind(node.span.head(), node.span);
        let branches = self.block(
            braces,
            &node.branches,
            |body| body.span,
            |p, body| cat([text("do"), Doc::Space, p.body(body)]),
        );
        cat([open, text("race"), Doc::Space, branches])
    }

    /// The braces that end `whole`: from the first `{` behind `head`.
    pub(super) fn braces_behind(&self, head: Span, whole: Span) -> Span {
        let from = if head.range().is_empty() { self.start(head) } else { self.close(head) + 1 };
        Span::new(whole.source, self.find_brace(from), whole.range().end)
    }

    /// `[a, b]` of names.
    pub(super) fn names(&mut self, span: Span, names: &[Ident]) -> Doc {
        let place = angle_span(names.iter().map(|name| name.span))
            .map_or(span, |names| Span { end: span.end, ..names });
        self.list(Brackets::Square, place, names, |name| name.span, Self::ident)
    }
}
