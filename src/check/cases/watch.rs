//! Expectations: what they mention of the finished run becomes variables; the rest is an expression as any other.

use super::model::{Asked, Observable, Observed};
use super::path::{Lost, resolve, value_has, written};
use crate::check::cx::{Cx, Role};
use crate::check::functions::{error_type, failures_type};
use crate::check::hir::{Plan, VarKind};
use crate::check::narrow::MayMiss;
use crate::check::relate::non_null;
use crate::diagnostic::{Code, Diagnostic, Edit, nearest};
use crate::expr::{BinaryOp, Expr, VarId};
use crate::source::Span;
use crate::syntax::ast::{self, EntryKey, ExprKind, TextPart};
use crate::types::Type;
use indexmap::IndexMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The expectations of one test.
pub(super) struct Watch<'a> {
    pub(super) cx: Cx<'a>,
    plans: &'a IndexMap<Arc<str>, Plan>,
    plan: &'a Plan,
    /// The skills that the plan can call.
    called: &'a BTreeSet<Arc<str>>,
    pub(super) seen: Vec<(VarId, Observable)>,
    depth: u32,
}

/// Deeper trees are left as they are: the checker refuses them.
const MAX_DEPTH: u32 = 300;

impl<'a> Watch<'a> {
    pub(super) fn new(
        mut cx: Cx<'a>,
        plans: &'a IndexMap<Arc<str>, Plan>,
        plan: &'a Plan,
        called: &'a BTreeSet<Arc<str>>,
    ) -> Self {
        let mut seen = Vec::new();
        let mut declare = |name: &str, ty: &Type, span, what| {
            let var = cx.declare_hidden(name, span, VarKind::Step, non_null(ty));
            // What is not there fails the expectation, and says why: nothing else need be asked first.
            cx.set_missing(var, MayMiss::Yes);
            seen.push((var, Observable { text: name.into(), what }));
        };
        for stmt in &plan.body.stmts {
            if let (crate::check::hir::StmtKind::Step(step), span) = (&stmt.kind, stmt.name_span) {
                declare(&stmt.name, &step.ty, span, Observed::Value(stmt.name.clone()));
            }
        }
        declare("output", &plan.output, plan.span, Observed::Output);
        declare("error", &error_type(&[], None), plan.span, Observed::Error);
        Watch { cx, plans, plan, called, seen, depth: 0 }
    }

    /// Types one expectation.
    pub(super) fn expect(&mut self, cond: &ast::Expr) -> Expr {
        let cond = self.rewritten(cond);
        self.cx.expect(&cond, &Type::Bool, Role::Condition)
    }

    /// A name for something of the run: one variable for each.
    fn name(&mut self, text: &str, span: Span, ty: Type, may_miss: bool, what: Observed) -> ast::Expr {
        if !self.seen.iter().any(|(_, o)| o.what == what && &*o.text == text) {
            let var = self.cx.declare_hidden(text, span, VarKind::Step, ty);
            if may_miss {
                self.cx.set_missing(var, MayMiss::Yes);
            }
            self.seen.push((var, Observable { text: text.into(), what }));
        }
        ast::Expr { kind: Box::new(ExprKind::Name(text.into())), span }
    }

    fn broken(span: Span) -> ast::Expr {
        ast::Expr { kind: Box::new(ExprKind::Error), span }
    }

    fn lost(&mut self, lost: Lost) {
        let mut d = Diagnostic::new(Code::UnknownName, lost.at, lost.message);
        if let Some(near) = lost.near {
            d = d
                .label(format!("did you mean `{near}`?"))
                .fix(format!("rename it to `{near}`"), vec![Edit::replace(lost.at, near)]);
        } else if let Some(help) = lost.help {
            d = d.help(help);
        }
        self.cx.report(d);
    }

    /// `calls(http.get)`
    fn calls(&mut self, span: Span, arg: &ast::Expr) -> ast::Expr {
        let Some(skill) = dotted(arg) else {
            let d = Diagnostic::new(Code::OperatorType, arg.span, "`calls` takes the name of a skill");
            self.cx.report(d.help("write `calls(http.get)`"));
            return Self::broken(span);
        };
        if !self.called.contains(&*skill) {
            let message = format!("`{}` never calls a skill `{skill}`", self.plan.name);
            let mut d = Diagnostic::new(Code::UnknownSkill, arg.span, message);
            if let Some(near) = nearest(&skill, self.called.iter().map(|s| &**s)) {
                d = d
                    .label(format!("did you mean `{near}`?"))
                    .fix(format!("rename it to `{near}`"), vec![Edit::replace(arg.span, near)]);
            } else if !self.called.is_empty() {
                let list = self.called.iter().map(|s| format!("`{s}`")).collect::<Vec<_>>().join(", ");
                d = d.help(format!("it calls {list}"));
            }
            self.cx.report(d);
            return Self::broken(span);
        }
        self.name(&format!("calls({skill})"), span, Type::Int, false, Observed::Calls(skill.into()))
    }

    /// `succeeded(step)` and its like.
    fn asked(&mut self, span: Span, word: &str, arg: &ast::Expr) -> ast::Expr {
        let Some(path) = written(arg) else {
            let d = Diagnostic::new(Code::OperatorType, arg.span, format!("`{word}` takes a step"));
            self.cx.report(d.help("name it by its path: `post`, `pages[0].page`, `gate.then.x`"));
            return Self::broken(span);
        };
        let path = match resolve(self.plans, self.plan, &path) {
            Ok(found) => found.path,
            Err(lost) => {
                self.lost(lost);
                return Self::broken(span);
            }
        };
        let status = |asked| (Type::Bool, false, Observed::Status(asked, path.clone()));
        let (ty, may_miss, what) = match word {
            "succeeded" => status(Asked::Succeeded),
            "failed" => status(Asked::Failed),
            "skipped" => status(Asked::Skipped),
            "recovered" => status(Asked::Recovered),
            "error" => (error_type(&[], None), true, Observed::ErrorOf(path.clone())),
            _ => (failures_type(error_type(&[], None)), false, Observed::FailuresOf(path.clone())),
        };
        self.name(&format!("{word}({path})"), span, ty, may_miss, what)
    }

    /// A path that leads into a region: a member of its value where it has one, else a step inside.
    fn inner(&mut self, expr: &ast::Expr) -> Option<ast::Expr> {
        let path = written(expr).filter(|p| !p.rest.is_empty())?;
        let (var, _) = self.seen.iter().find(|(_, o)| o.text == path.root)?;
        let ty = self.cx.var(*var)?.ty.clone();
        if matches!(&*path.root, "output" | "error") || value_has(&ty, &path.rest) {
            return None;
        }
        let found = resolve(self.plans, self.plan, &path).ok()?;
        let (text, ty) = (found.path.clone(), non_null(&found.step.ty));
        Some(self.name(&text, expr.span, ty, true, Observed::Value(text.clone())))
    }

    /// The expression with everything of the run turned into names.
    fn rewritten(&mut self, expr: &ast::Expr) -> ast::Expr {
        if self.depth >= MAX_DEPTH {
            return expr.clone();
        }
        self.depth += 1;
        let out = self.rewrite(expr);
        self.depth -= 1;
        out
    }

    fn rewrite(&mut self, expr: &ast::Expr) -> ast::Expr {
        let span = expr.span;
        if let Some(inner) = self.inner(expr) {
            return inner;
        }
        let kind = match &*expr.kind {
            ExprKind::Call { callee, args } => {
                if let (ExprKind::Name(word), [arg]) = (&*callee.kind, args.as_slice())
                    && arg.name.is_none()
                {
                    match &**word {
                        "calls" => return self.calls(span, &arg.value),
                        "succeeded" | "failed" | "skipped" | "recovered" | "error" | "failures" => {
                            return self.asked(span, word, &arg.value);
                        }
                        _ => {}
                    }
                }
                let callee = match &*callee.kind {
                    // The method's name is no step.
                    ExprKind::Member { base, name, safe } => ast::Expr {
                        kind: Box::new(ExprKind::Member {
                            base: self.rewritten(base),
                            name: name.clone(),
                            safe: *safe,
                        }),
                        span: callee.span,
                    },
                    _ => callee.clone(),
                };
                let args =
                    args.iter().map(|a| ast::Arg { value: self.rewritten(&a.value), ..a.clone() }).collect();
                ExprKind::Call { callee, args }
            }
            ExprKind::Binary { op: op @ (BinaryOp::Eq | BinaryOp::Ne), op_span, left, right } => {
                let (mut left, mut right) = (self.rewritten(left), self.rewritten(right));
                let null = |e: &ast::Expr| matches!(&*e.kind, ExprKind::Null);
                if null(&right) {
                    left = or_null(left, right.span);
                } else if null(&left) {
                    right = or_null(right, left.span);
                }
                ExprKind::Binary { op: *op, op_span: *op_span, left, right }
            }
            other => self.parts(other),
        };
        ast::Expr { kind: Box::new(kind), span }
    }

    /// The same kind with its parts rewritten.
    fn parts(&mut self, kind: &ExprKind) -> ExprKind {
        match kind {
            ExprKind::Null
            | ExprKind::Bool(_)
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::DurationMs(_)
            | ExprKind::Text { .. }
            | ExprKind::Bytes(_)
            | ExprKind::Name(_)
            | ExprKind::Call { .. }
            | ExprKind::Error => kind.clone(),
            ExprKind::Interpolated { parts, form } => {
                let part = |p: &TextPart| match p {
                    TextPart::Text(t) => TextPart::Text(t.clone()),
                    TextPart::Expr(e) => TextPart::Expr(self.rewritten(e)),
                };
                ExprKind::Interpolated { parts: parts.iter().map(part).collect(), form: *form }
            }
            ExprKind::Member { base, name, safe } => {
                ExprKind::Member { base: self.rewritten(base), name: name.clone(), safe: *safe }
            }
            ExprKind::Index { base, index, safe } => {
                ExprKind::Index { base: self.rewritten(base), index: self.rewritten(index), safe: *safe }
            }
            ExprKind::List(items) => ExprKind::List(items.iter().map(|i| self.rewritten(i)).collect()),
            ExprKind::Record(entries) => {
                let entry = |e: &ast::Entry| ast::Entry {
                    key: match &e.key {
                        EntryKey::Text(t) => EntryKey::Text(t.clone()),
                        EntryKey::Expr(k) => EntryKey::Expr(self.rewritten(k)),
                    },
                    value: self.rewritten(&e.value),
                    span: e.span,
                };
                ExprKind::Record(entries.iter().map(entry).collect())
            }
            ExprKind::Unary { op, operand } => ExprKind::Unary { op: *op, operand: self.rewritten(operand) },
            ExprKind::Binary { op, op_span, left, right } => ExprKind::Binary {
                op: *op,
                op_span: *op_span,
                left: self.rewritten(left),
                right: self.rewritten(right),
            },
            ExprKind::Cond { cond, then, otherwise } => ExprKind::Cond {
                cond: self.rewritten(cond),
                then: self.rewritten(then),
                otherwise: self.rewritten(otherwise),
            },
            ExprKind::As { value, ty } => ExprKind::As { value: self.rewritten(value), ty: ty.clone() },
            ExprKind::Paren(inner) => ExprKind::Paren(self.rewritten(inner)),
        }
    }
}

/// `x ?? null` for a name: whether it is there is what is asked.
fn or_null(expr: ast::Expr, null: Span) -> ast::Expr {
    if !matches!(&*expr.kind, ExprKind::Name(_)) {
        return expr;
    }
    let span = expr.span;
    let right = ast::Expr { kind: Box::new(ExprKind::Null), span: null };
    let kind = ExprKind::Binary { op: BinaryOp::Coalesce, op_span: span, left: expr, right };
    ast::Expr { kind: Box::new(kind), span }
}

/// `http.get`
fn dotted(expr: &ast::Expr) -> Option<String> {
    match &*expr.kind {
        ExprKind::Name(name) => Some(name.to_string()),
        ExprKind::Paren(inner) => dotted(inner),
        ExprKind::Member { base, name, safe: false } => Some(format!("{}.{}", dotted(base)?, name.name)),
        _ => None,
    }
}
