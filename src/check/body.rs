//! Bodies: statements in order, what they declare, what comes out.

use super::Unit;
use super::collect::Scope;
use super::cx::{Cx, LaterUse, Role};
use super::effects::Content;
use super::errors::AMBIENT;
use super::hir::{self, Signature, StmtKind, VarKind};
use super::narrow::MayMiss;
use super::relate::{nullable, optional};
use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::expr::{BinaryOp, Expr, ExprKind, VarId};
use crate::source::Span;
use crate::syntax::ast::{self, Name};
use crate::types::{RecordType, Type};
use indexmap::IndexMap;
use std::collections::HashSet;
use std::sync::Arc;

/// Lowers the body of one plan.
pub(super) struct Lower<'a> {
    pub(super) cx: Cx<'a>,
    pub(super) unit: &'a Unit<'a>,
    pub(super) scope: &'a Scope,
    /// The signatures of the skills called.
    pub(super) skills: IndexMap<Arc<str>, Arc<Signature>>,
    /// Whether the plan declares a budget.
    pub(super) budget: bool,
    /// Lists of bounded length.
    pub(super) bounded: HashSet<VarId>,
    /// Whether some variable may be missing at all.
    pub(super) any_missing: bool,
    /// Whether the step at hand reads what may be missing.
    pub(super) strict: bool,
    /// The type of an error of some kinds, of the step that last had one: most steps have the same.
    pub(super) error: Option<(Vec<Arc<str>>, Type)>,
}

/// What a body gives.
pub(super) struct BodyOut {
    pub(super) body: hir::Body,
    pub(super) ty: Type,
    pub(super) content: Content,
}

/// What the `return` of a body must be.
#[derive(Clone, Copy)]
pub(super) enum Want<'t> {
    /// A region: whatever it is.
    Any,
    /// The plan's result.
    Plan(&'t Type),
    /// The value of a `loop`.
    Loop(&'t Type),
}

/// A compensation is looked at when the whole body is known: it may mention later steps.
struct Deferred<'s> {
    stmt: usize,
    call: &'s ast::Call,
    unless: Option<&'s ast::Expr>,
}

impl<'a> Lower<'a> {
    /// The next variable's number.
    pub(super) fn next_var(&self) -> u32 {
        u32::try_from(self.cx.vars.len()).unwrap_or(u32::MAX)
    }

    /// Types an expression where a type is wanted, and notes whether it makes the step one that may be skipped.
    pub(super) fn expect(&mut self, expr: &ast::Expr, want: &Type, role: Role<'_>) -> Expr {
        let out = self.cx.expect(expr, want, role);
        self.note(&out);
        out
    }

    /// Types an expression and notes the same.
    pub(super) fn infer(&mut self, expr: &ast::Expr, want: Option<&Type>) -> Expr {
        let out = self.cx.infer(expr, want);
        self.note(&out);
        out
    }

    fn note(&mut self, expr: &Expr) {
        if self.any_missing && !self.strict && self.reads_missing(expr) {
            self.strict = true;
        }
    }

    /// Whether evaluation can reach a strict read of a value that may be missing.
    pub(super) fn reads_missing(&mut self, expr: &Expr) -> bool {
        if !self.any_missing {
            return false;
        }
        let under = |lower: &mut Self, cond: &Expr, truth: bool, then: &Expr| {
            let mark = lower.cx.assume(cond, truth);
            let found = lower.reads_missing(then);
            lower.cx.forget(mark);
            found
        };
        match &*expr.kind {
            ExprKind::Var(id) => self.cx.may_miss(*id),
            ExprKind::Binary { op: BinaryOp::And, left, right } => {
                self.reads_missing(left) || under(self, left, true, right)
            }
            ExprKind::Binary { op: BinaryOp::Or, left, right } => {
                self.reads_missing(left) || under(self, left, false, right)
            }
            ExprKind::Cond { cond, then, otherwise } => {
                self.reads_missing(cond)
                    || under(self, cond, true, then)
                    || under(self, cond, false, otherwise)
            }
            _ => {
                let mut found = false;
                expr.for_each_child(&mut |child| found = found || self.reads_missing(child));
                found
            }
        }
    }

    /// Lowers what stands between two braces; the caller has opened a scope and declared what the region brings.
    pub(super) fn body(&mut self, body: &ast::Body, want: Want<'_>) -> BodyOut {
        let strict = std::mem::take(&mut self.strict);
        let names: Vec<(Name, Span)> =
            body.stmts.iter().filter_map(declared).map(|i| (i.name.clone(), i.span)).collect();
        self.cx.declare_later(&names);
        let mut out = BodyOut {
            body: hir::Body {
                stmts: Vec::with_capacity(body.stmts.len()),
                result: None,
                until: None,
                span: body.span,
            },
            ty: Type::Null,
            content: Content::default(),
        };
        let mut deferred = Vec::new();
        let last = body.stmts.len().saturating_sub(1);
        for (index, stmt) in body.stmts.iter().enumerate() {
            if let ast::StmtKind::Return { value, until } = &stmt.kind {
                if index < last {
                    self.misplaced_return(body, stmt, index);
                    // A later `return` is the one that counts.
                    if body
                        .stmts
                        .iter()
                        .skip(index + 1)
                        .any(|s| matches!(s.kind, ast::StmtKind::Return { .. }))
                    {
                        continue;
                    }
                }
                self.result(&mut out, value, until.as_ref(), want);
            } else {
                self.stmt(&mut out, stmt, index, &mut deferred);
            }
        }
        for item in deferred {
            self.compensation(&mut out.body, &item);
        }
        if !self.cx.later_uses.is_empty() {
            self.later_uses(body);
        }
        self.strict = strict;
        out
    }

    fn misplaced_return(&mut self, body: &ast::Body, stmt: &ast::Stmt, index: usize) {
        let mut d = Diagnostic::new(
            Code::MisplacedReturn,
            stmt.span,
            "`return` is not the last statement of its body",
        )
        .label("a body has one `return`, at its end");
        let only = body.stmts.iter().filter(|s| matches!(s.kind, ast::StmtKind::Return { .. })).count() == 1;
        if let (true, Some(end)) = (only, body.stmts.last()) {
            let text = self.unit.sources.slice(stmt.span).to_owned();
            let from =
                index.checked_sub(1).and_then(|i| body.stmts.get(i)).map_or(stmt.span.start, |s| s.span.end);
            let gap = Span { start: from, ..stmt.span };
            d = d.fix(
                "move it to the end",
                vec![Edit::delete(gap), Edit::after(end.span, format!("\n  {text}"))],
            );
        } else {
            d = d.help("give the value by one `return` at the end, chosen by `?:` or by a step with `if`");
        }
        self.cx.report(d);
    }

    fn result(&mut self, out: &mut BodyOut, value: &ast::Expr, until: Option<&ast::Expr>, want: Want<'_>) {
        let (result, ty) = match want {
            Want::Any => {
                let e = self.cx.infer(value, None);
                let ty = e.ty.clone();
                (e, ty)
            }
            Want::Plan(ty) | Want::Loop(ty) => (self.cx.expect(value, ty, Role::Result), ty.clone()),
        };
        out.ty = ty;
        if self.any_missing && self.reads_missing(&result) {
            match want {
                Want::Any => out.ty = optional(out.ty.clone()),
                Want::Plan(ty) | Want::Loop(ty) => {
                    if !nullable(ty) && !matches!(ty, Type::Error | Type::Json) {
                        self.maybe_missing(&result, "the result must have a value", ty);
                    }
                }
            }
        }
        if let Some(until) = until {
            match want {
                Want::Loop(_) => out.body.until = Some(self.cx.expect(until, &Type::Bool, Role::Condition)),
                Want::Any | Want::Plan(_) => {
                    let d = Diagnostic::new(
                        Code::MisplacedClause,
                        until.span,
                        "`until` stands outside of a `loop`",
                    );
                    self.cx.report(d.help("remove it"));
                }
            }
        }
        out.body.result = Some(result);
    }

    /// Reports `maybe-missing`, naming the first step that may be missing.
    fn maybe_missing(&mut self, expr: &Expr, why: &str, want: &Type) {
        let Some((var, span)) = self.first_missing(expr) else { return };
        let name = self.cx.var(var).map(|v| v.name.clone()).unwrap_or_default();
        let mut d =
            Diagnostic::new(Code::MaybeMissing, span, format!("`{name}` may have no value, and {why}"))
                .label("it may be skipped, or fail and the plan go on");
        if let Some(edits) = self.defaulted(expr, var, want) {
            d = d.unsafe_fix("say what stands for it", edits);
        }
        self.cx.report(d.help("say what stands for it: `… ?? other`, or ask `succeeded(…)` first"));
    }

    /// `a.f.g` read by `?.`, with a default behind it; inside of anything else the value itself gets one.
    fn defaulted(&self, expr: &Expr, var: VarId, want: &Type) -> Option<Vec<Edit>> {
        if let Some(mut edits) = self.dotted(expr, var) {
            edits.push(Edit::after(expr.span, format!(" ?? {}", super::holes::default(want)?)));
            return Some(edits);
        }
        let mut found = None;
        let mut walk = vec![expr];
        while let Some(e) = walk.pop() {
            if matches!(&*e.kind, ExprKind::Var(id) if *id == var) {
                found = Some(e);
            }
            e.for_each_child(&mut |child| walk.push(child));
        }
        let read = found?;
        let default = super::holes::default(&read.ty)?;
        Some(vec![Edit::before(read.span, "("), Edit::after(read.span, format!(" ?? {default})"))])
    }

    /// The dots of a chain of fields that starts at a variable, written `?.`.
    fn dotted(&self, expr: &Expr, var: VarId) -> Option<Vec<Edit>> {
        match &*expr.kind {
            ExprKind::Var(id) => (*id == var).then(Vec::new),
            ExprKind::Member { base, .. } => {
                let mut edits = self.dotted(base, var)?;
                let dot = Span { start: base.span.end, end: base.span.end.saturating_add(1), ..base.span };
                match self.unit.sources.slice(dot) {
                    "." => edits.push(Edit::replace(dot, "?.")),
                    "?" => {}
                    _ => return None,
                }
                Some(edits)
            }
            _ => None,
        }
    }

    fn first_missing(&mut self, expr: &Expr) -> Option<(VarId, Span)> {
        let mut found = None;
        let mut walk = vec![expr];
        while let Some(e) = walk.pop() {
            if let ExprKind::Var(id) = &*e.kind
                && self.cx.may_miss(*id)
                && found.is_none_or(|(_, s): (VarId, Span)| e.span.start < s.start)
            {
                found = Some((*id, e.span));
            }
            e.for_each_child(&mut |child| walk.push(child));
        }
        found
    }

    fn stmt<'s>(
        &mut self,
        out: &mut BodyOut,
        stmt: &'s ast::Stmt,
        index: usize,
        deferred: &mut Vec<Deferred<'s>>,
    ) {
        self.strict = false;
        let (name, name_span, kind, var) = match &stmt.kind {
            ast::StmtKind::Step(step) => {
                self.computed_step(stmt, step);
                let lowered = self.step(step, &mut out.content);
                let var = self.cx.declare(&step.name, VarKind::Step, lowered.step.ty.clone());
                if !matches!(lowered.may_miss, MayMiss::No) {
                    self.any_missing = true;
                    self.cx.set_missing(var, lowered.may_miss);
                }
                if let Some(ty) = lowered.error {
                    self.cx.set_error_type(var, ty);
                }
                if lowered.bounded {
                    self.bounded.insert(var);
                }
                for clause in &step.clauses {
                    if let ast::ClauseKind::Compensate { call, unless } = &clause.kind {
                        deferred.push(Deferred { stmt: out.body.stmts.len(), call, unless: unless.as_ref() });
                    }
                }
                (step.name.name.clone(), step.name.span, StmtKind::Step(Box::new(lowered.step)), Some(var))
            }
            ast::StmtKind::Let { name, value } => {
                let value = self.infer(value, None);
                let var = self.cx.declare(name, VarKind::Let, value.ty.clone());
                if self.strict {
                    self.any_missing = true;
                    self.cx.set_missing(var, MayMiss::Yes);
                }
                if self.is_bounded(&value) {
                    self.bounded.insert(var);
                }
                (name.name.clone(), name.span, StmtKind::Let(value), Some(var))
            }
            ast::StmtKind::Require { cond, kind, message } => {
                let cond = self.cx.expect(cond, &Type::Bool, Role::Condition);
                if self.reads_missing(&cond) {
                    self.maybe_missing(&cond, "`require` must be decided", &Type::Bool);
                }
                let message = self.cx.expect(message, &Type::String, Role::Other("the message"));
                let kind = self.fail_kind(kind.as_ref(), &mut out.content);
                (
                    format!("require@{index}").into(),
                    stmt.span,
                    StmtKind::Require { cond, kind, message },
                    None,
                )
            }
            ast::StmtKind::Fail { kind, message } => {
                let message = self.cx.expect(message, &Type::String, Role::Other("the message"));
                let kind = self.fail_kind(kind.as_ref(), &mut out.content);
                (format!("fail@{index}").into(), stmt.span, StmtKind::Fail { kind, message }, None)
            }
            // Dealt with by the caller.
            ast::StmtKind::Return { .. } => return,
        };
        out.body.stmts.push(hir::Stmt { var, name, kind, span: stmt.span, name_span });
    }

    fn fail_kind(&mut self, kind: Option<&ast::Ident>, content: &mut Content) -> Arc<str> {
        let Some(kind) = kind else { return "failed".into() };
        if &*kind.name == "cancelled" {
            let d =
                Diagnostic::new(Code::UnknownErrorKind, kind.span, "`cancelled` cannot be thrown by a plan");
            self.cx.report(d.help("choose another name"));
        } else if !AMBIENT.contains(&&*kind.name) {
            content.throw(&kind.name, &Type::Record(Arc::new(RecordType::default())));
        }
        kind.name.clone()
    }

    fn compensation(&mut self, body: &mut hir::Body, item: &Deferred<'_>) {
        // Its own failure or absence is no surprise there: nothing it reads is strict.
        let strict = self.strict;
        let before = self.cx.diagnostics.len();
        let called = self.call(item.call);
        let unless = item.unless.map(|e| self.cx.expect(e, &Type::Bool, Role::Condition));
        self.strict = strict;
        // There every step may be missing.
        let own = self.cx.diagnostics.split_off(before);
        self.cx.diagnostics.extend(own.into_iter().filter(|d| d.code != Code::NeedlessNullCheck));
        if let Some(hir::Stmt { kind: StmtKind::Step(step), .. }) = body.stmts.get_mut(item.stmt)
            && step.compensate.is_none()
        {
            step.compensate = Some(hir::Compensate { call: called.call, unless });
        }
    }

    /// Whether a list has a length that is known before the run, or at most so long.
    pub(super) fn is_bounded(&self, expr: &Expr) -> bool {
        if bounded_type(&expr.ty) {
            return true;
        }
        match &*expr.kind {
            ExprKind::Literal(_) | ExprKind::List(_) => true,
            ExprKind::Var(id) | ExprKind::Tolerant(id) => self.bounded.contains(id),
            ExprKind::Cond { then, otherwise, .. } => self.is_bounded(then) && self.is_bounded(otherwise),
            ExprKind::Binary { op: BinaryOp::Coalesce | BinaryOp::Add, left, right } => {
                self.is_bounded(left) && self.is_bounded(right)
            }
            ExprKind::Macro { target, .. } => self.is_bounded(target),
            ExprKind::As { value, .. } | ExprKind::Widen(value) => self.is_bounded(value),
            ExprKind::Call { function, args } => match &**function {
                "lists.range" | "range" => {
                    args.first().is_some_and(|a| matches!(&*a.kind, ExprKind::Literal(_)))
                }
                "compact" | "sort" | "distinct" | "reverse" | "slice" | "flatten" | "chunk" => {
                    args.first().is_some_and(|a| self.is_bounded(a))
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// Turns mentions of later steps of this body into diagnostics; the first one carries the reordering.
    fn later_uses(&mut self, body: &ast::Body) {
        let all = std::mem::take(&mut self.cx.later_uses);
        let places: HashSet<Span> = body.stmts.iter().filter_map(declared).map(|i| i.span).collect();
        let (here, rest): (Vec<LaterUse>, Vec<LaterUse>) =
            all.into_iter().partition(|u| places.contains(&u.def_span));
        self.cx.later_uses = rest;
        if here.is_empty() {
            return;
        }
        let found = super::reorder::explain(self.unit.sources, body, &here);
        self.cx.diagnostics.extend(found);
    }
}

/// The name a statement declares.
pub(super) fn declared(stmt: &ast::Stmt) -> Option<&ast::Ident> {
    match &stmt.kind {
        ast::StmtKind::Step(step) => Some(&step.name),
        ast::StmtKind::Let { name, .. } => Some(name),
        ast::StmtKind::Require { .. } | ast::StmtKind::Fail { .. } | ast::StmtKind::Return { .. } => None,
    }
}

/// `where (size(it) <= N)`
fn bounded_type(ty: &Type) -> bool {
    match ty {
        Type::Named { ty, .. } | Type::Optional(ty) => bounded_type(ty),
        Type::Labelled { inner, .. } => bounded_type(inner),
        Type::Refined { base, refinement } => limits_size(&refinement.predicate) || bounded_type(base),
        _ => false,
    }
}

fn limits_size(e: &Expr) -> bool {
    match &*e.kind {
        ExprKind::Binary { op: BinaryOp::And, left, right } => limits_size(left) || limits_size(right),
        ExprKind::Binary { op: BinaryOp::Le | BinaryOp::Lt, left, .. } => {
            matches!(&*left.kind, ExprKind::Call { function, .. } if &**function == "size")
        }
        _ => false,
    }
}
