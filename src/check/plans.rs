//! Plans: heads first, then bodies, called ones before their callers.

use super::body::{Lower, Want};
use super::collect::{Callable, Scope};
use super::cx::{Cx, Ref, Role};
use super::effects::Content;
use super::hir::{self, ErrorKind, Param, Signature, VarKind};
use super::mentions::{self, Visitor};
use super::narrow::MayMiss;
use super::relate::nullable;
use super::{Unit, order, signature};
use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::expr::VarId;
use crate::source::Span;
use crate::syntax::ast::{self, PlanClause, PlanClauseKind};
use crate::types::{Labels, Type};
use indexmap::IndexMap;
use std::collections::HashSet;
use std::sync::Arc;

/// What a caller sees of a plan.
#[derive(Debug)]
pub(super) struct Head {
    /// Unique in the unit.
    pub(super) name: Arc<str>,
    pub(super) params: Vec<Param>,
    pub(super) output: Type,
    output_labels: Labels,
}

/// The most steps that may be asked to run at once.
const MAX_CONCURRENCY: i64 = 10_000;

/// Lowers the heads of all plans.
pub(super) fn heads(decls: &super::collect::Decls<'_>, found: &mut Vec<Diagnostic>) -> Vec<Head> {
    let mut out = Vec::with_capacity(decls.plans.len());
    for (decl, name) in decls.plans.iter().zip(&decls.plan_names) {
        let (mut params, mut output, mut output_labels) = (Vec::new(), Type::Null, Labels::default());
        if let Some(globals) = decls.globals.get(decl.file) {
            let mut cx = Cx::new(globals);
            params = signature::params(&mut cx, &decl.item.params, &[], false);
            if let Some(ty) = &decl.item.output {
                (output, output_labels) = cx.resolve_type(ty, &[]);
            }
            found.append(&mut cx.diagnostics);
        }
        out.push(Head { name: name.clone(), params, output, output_labels });
    }
    out
}

struct Calls<'s> {
    scope: &'s Scope,
    plans: Vec<(usize, Span)>,
}

impl Visitor for Calls<'_> {
    fn name(&mut self, _: &str, _: Span) {}

    fn call(&mut self, call: &ast::Call) {
        if let Some(Callable::Plan(id)) = self.scope.callables.get(&call.callee.name) {
            self.plans.push((*id, call.callee.span));
        }
    }
}

/// The plans in an order in which called ones come first; reports `plan-cycle`.
pub(super) fn sorted(decls: &super::collect::Decls<'_>, found: &mut Vec<Diagnostic>) -> Vec<usize> {
    let mut calls: Vec<Vec<(usize, Span)>> = Vec::with_capacity(decls.plans.len());
    for decl in &decls.plans {
        let Some(scope) = decls.scopes.get(decl.file) else {
            calls.push(Vec::new());
            continue;
        };
        let mut visitor = Calls { scope, plans: Vec::new() };
        mentions::body(&decl.item.body, &mut visitor);
        calls.push(visitor.plans);
    }
    let needs: Vec<Vec<usize>> = calls.iter().map(|list| list.iter().map(|(id, _)| *id).collect()).collect();
    let order = order::sort(&needs);
    let mut told: HashSet<Vec<usize>> = HashSet::new();
    for circle in &order.circles {
        let mut key = circle.clone();
        key.sort_unstable();
        if !told.insert(key) {
            continue;
        }
        let names: Vec<&str> =
            circle.iter().filter_map(|id| decls.plan_names.get(*id)).map(|n| &**n).collect();
        let (Some(first), Some(last), Some(name)) = (circle.first(), circle.last(), names.first()) else {
            continue;
        };
        let place =
            calls.get(*last).and_then(|list| list.iter().find(|(id, _)| id == first)).map(|(_, span)| *span);
        let Some(place) = place else { continue };
        let message = format!("the plan `{name}` calls itself: {} → {name}", names.join(" → "));
        found.push(
            Diagnostic::new(Code::PlanCycle, place, message)
                .label("this closes the circle")
                .help("repeat with `loop` or `for`; a plan cannot call itself, also through others"),
        );
    }
    order.nodes
}

/// A lowered plan with what was found on the way.
pub(super) struct PlanOut {
    pub(super) plan: hir::Plan,
    pub(super) content: Content,
    pub(super) skills: IndexMap<Arc<str>, Arc<Signature>>,
    pub(super) refs: Vec<Ref>,
    /// What may have no value.
    pub(super) missing: Vec<VarId>,
    /// What strings name as `{{x}}`.
    pub(super) templated: Vec<VarId>,
}

/// Lowers the body of a plan.
pub(super) fn lower(unit: &Unit<'_>, id: usize, found: &mut Vec<Diagnostic>) -> Option<PlanOut> {
    let decl = unit.decls.plans.get(id)?;
    let head = unit.heads.get(id)?;
    let mut lower = Lower {
        cx: Cx { sources: Some(unit.sources), ..Cx::new(unit.decls.globals.get(decl.file)?) },
        unit,
        scope: unit.decls.scopes.get(decl.file)?,
        skills: IndexMap::new(),
        budget: decl.item.clauses.iter().any(|c| matches!(c.kind, PlanClauseKind::Budget(_))),
        bounded: HashSet::new(),
        any_missing: false,
        strict: false,
        error: None,
    };
    for (param, lowered) in decl.item.params.iter().zip(&head.params) {
        // Findings about the names were reported with the head.
        lower.cx.declare_hidden(lowered.name.clone(), param.name.span, VarKind::Input, lowered.ty.clone());
    }
    let mut plan = hir::Plan {
        name: head.name.clone(),
        params: head.params.clone(),
        output: head.output.clone(),
        output_labels: head.output_labels,
        vars: Vec::new(),
        body: hir::Body { stmts: Vec::new(), result: None, until: None, span: decl.item.body.span },
        goal: None,
        budget: Vec::new(),
        concurrency: 64,
        throws: Vec::new(),
        effects: Vec::new(),
        planner: None,
        doubted: false,
        span: decl.item.span,
    };
    let declared = clauses(&mut lower, &decl.item.clauses, &mut plan);
    lower.cx.enter();
    let out = lower.body(&decl.item.body, Want::Plan(&head.output));
    lower.cx.leave();
    plan.body = out.body;
    result(&mut lower, decl.item, &mut plan);
    let mut content = out.content;
    content.close(u32::try_from(head.params.len()).unwrap_or(u32::MAX));
    if let Some((list, span)) = declared {
        compare_throws(&mut lower, &list, span, &mut content);
    }
    plan.throws = content.kinds();
    plan.effects = content.effects.clone();
    let Lower { mut cx, skills, .. } = lower;
    plan.vars = std::mem::take(&mut cx.vars);
    found.append(&mut cx.diagnostics);
    let missing = cx.missing.iter().filter(|(_, m)| !matches!(m, MayMiss::No)).map(|(id, _)| *id);
    let mut missing: Vec<VarId> = missing.collect();
    missing.sort_unstable();
    Some(PlanOut { plan, content, skills, refs: cx.refs, missing, templated: cx.templated })
}

/// Whether there is a `return` exactly where there is a type.
fn result(lower: &mut Lower<'_>, item: &ast::Plan, plan: &mut hir::Plan) {
    match (&item.output, &plan.body.result) {
        (None, Some(result)) if !matches!(result.ty, Type::Error | Type::Null) => {
            let message = format!("the plan `{}` declares no result and returns one", item.name.name);
            let d =
                Diagnostic::new(Code::TypeMismatch, result.span, message).label(format!("`{}`", result.ty));
            lower.cx.report(d.help(format!("declare it: `plan {}(…) -> {}`", item.name.name, result.ty)));
        }
        (Some(ty), None) => {
            let fails = item.body.stmts.last().is_some_and(|s| matches!(s.kind, ast::StmtKind::Fail { .. }));
            if !fails && !nullable(&plan.output) && !matches!(plan.output, Type::Json | Type::Error) {
                let message = format!("the plan `{}` declares a result and has no `return`", item.name.name);
                let close = Span { start: item.body.span.end.saturating_sub(1), ..item.body.span };
                let d = Diagnostic::new(Code::TypeMismatch, ty.span, message)
                    .label("this is never given")
                    .unsafe_fix("return null", vec![Edit::before(close, "\n  return null\n")]);
                lower.cx.report(d.help("end the body with `return …`, or take the type away"));
            }
        }
        (None, None | Some(_)) | (Some(_), Some(_)) => {}
    }
}

/// Compares the written `throws` with what can get out.
fn compare_throws(lower: &mut Lower<'_>, list: &[ErrorKind], span: Span, content: &mut Content) {
    let missing: Vec<String> = content
        .throws
        .keys()
        .filter(|kind| !list.iter().any(|k| k.name == **kind))
        .map(|kind| format!("`{kind}`"))
        .collect();
    if !missing.is_empty() {
        let message = format!("the plan may throw {}, which its `throws` leaves out", missing.join(", "));
        let d = Diagnostic::new(Code::UnhandledError, span, message);
        lower.cx.report(d.help("name it here, or handle it in the body"));
    }
    for kind in list {
        content.throws.insert(kind.name.clone(), kind.details.clone());
    }
}

fn word(kind: &PlanClauseKind) -> &'static str {
    match kind {
        PlanClauseKind::Goal(_) => "goal",
        PlanClauseKind::Budget(_) => "budget",
        PlanClauseKind::Throws(_) => "throws",
        PlanClauseKind::Concurrency(_) => "concurrency",
        PlanClauseKind::Planner(_) => "planner",
        PlanClauseKind::PlannerVersion(_) => "planner_version",
        PlanClauseKind::Meta(_) => "meta",
    }
}

/// Lowers the clauses of a plan; gives the written `throws`.
fn clauses(
    lower: &mut Lower<'_>,
    list: &[PlanClause],
    plan: &mut hir::Plan,
) -> Option<(Vec<ErrorKind>, Span)> {
    let mut seen: Vec<&'static str> = Vec::new();
    let mut throws = None;
    for clause in list {
        let word = word(&clause.kind);
        if seen.contains(&word) {
            lower.cx.report(super::clauses::duplicate_clause(word, clause.span));
            continue;
        }
        seen.push(word);
        match &clause.kind {
            PlanClauseKind::Goal(e) => {
                plan.goal = Some(lower.cx.expect(e, &Type::String, Role::Clause("goal")))
            }
            PlanClauseKind::Budget(items) => budget(lower, items, plan),
            PlanClauseKind::Throws(list) => {
                throws = Some((signature::throws(&mut lower.cx, list, &[]), clause.span));
            }
            PlanClauseKind::Concurrency(e) => {
                let value = lower.cx.expect(e, &Type::Int, Role::Clause("concurrency"));
                match super::clauses::constant_int(&value) {
                    Some(n) if (1..=MAX_CONCURRENCY).contains(&n) => {
                        plan.concurrency = u32::try_from(n).unwrap_or(64)
                    }
                    _ if matches!(value.ty, Type::Error) => {}
                    _ => {
                        let message = format!("`concurrency` is a number from 1 to {MAX_CONCURRENCY}");
                        lower.cx.report(Diagnostic::new(Code::BadLiteral, e.span, message));
                    }
                }
            }
            PlanClauseKind::Planner(text) => plan.planner = Some(text.value.clone()),
            PlanClauseKind::PlannerVersion(_) => {}
            PlanClauseKind::Meta(e) => {
                plan.doubted = says_untrusted(e);
                lower.cx.expect(e, &Type::Map(Arc::new(Type::Json)), Role::Clause("meta"));
            }
        }
    }
    throws
}

/// Whether a `meta` says `context: "untrusted"`.
fn says_untrusted(meta: &ast::Expr) -> bool {
    let ast::ExprKind::Record(entries) = &*meta.kind else { return false };
    entries.iter().any(|entry| {
        let key = match &entry.key {
            ast::EntryKey::Text(text) => Some(&*text.value),
            ast::EntryKey::Expr(_) => None,
        };
        let value = match &*entry.value.kind {
            ast::ExprKind::Text { value, .. } => Some(&**value),
            _ => None,
        };
        key == Some("context") && value == Some("untrusted")
    })
}

fn budget(lower: &mut Lower<'_>, items: &[ast::BudgetItem], plan: &mut hir::Plan) {
    for item in items {
        if plan.budget.iter().any(|b| b.kind == item.kind) {
            let d = Diagnostic::new(Code::DuplicateClause, item.span, "the budget names this twice");
            lower.cx.report(d.help("remove one of them"));
            continue;
        }
        let want = match item.kind {
            ast::BudgetKind::Cost => Type::Float,
            ast::BudgetKind::Tokens | ast::BudgetKind::Calls => Type::Int,
            ast::BudgetKind::Time => Type::Duration,
        };
        let amount = lower.cx.expect(&item.amount, &want, Role::Clause("budget"));
        plan.budget.push(hir::Budget { kind: item.kind, amount });
    }
}
