//! `test` blocks: the names they use and the values they give.

use super::allow::bodies;
use super::collect::Callable;
use super::cx::{Cx, Role};
use super::errors::AMBIENT;
use super::{TestCase, Unit, signature};
use crate::diagnostic::{Code, Diagnostic, Edit, nearest};
use crate::source::Span;
use crate::syntax::ast::{self, EntryKey, ExprKind, MockReplyKind, StmtKind, TestStmtKind};
use crate::types::Type;
use std::collections::HashSet;
use std::sync::Arc;

/// Checks all test blocks.
pub(super) fn check(unit: &Unit<'_>, found: &mut Vec<Diagnostic>) -> Vec<TestCase> {
    let mut out = Vec::new();
    for decl in &unit.decls.tests {
        let (Some(scope), Some(globals)) =
            (unit.decls.scopes.get(decl.file), unit.decls.globals.get(decl.file))
        else {
            continue;
        };
        let test = decl.item;
        let plan = match scope.callables.get(&test.plan.name) {
            Some(Callable::Plan(id)) => Some(*id),
            Some(Callable::Skill(_)) | None => None,
        };
        let Some(id) = plan else {
            let plans =
                scope.callables.iter().filter(|(_, c)| matches!(c, Callable::Plan(_))).map(|(n, _)| &**n);
            let mut d = Diagnostic::new(
                Code::NoSuchPlan,
                test.plan.span,
                format!("there is no plan `{}`", test.plan.name),
            );
            if let Some(near) = nearest(&test.plan.name, plans) {
                d = d
                    .label(format!("did you mean `{near}`?"))
                    .fix(format!("rename it to `{near}`"), vec![Edit::replace(test.plan.span, near)]);
            }
            found.push(d);
            continue;
        };
        let mut steps = HashSet::new();
        if let Some(plan) = unit.decls.plans.get(id) {
            step_names(&plan.item.body, &mut steps);
        }
        let mut case = Case { cx: Cx::new(globals), unit, scope, id, steps };
        for stmt in &test.stmts {
            case.stmt(&stmt.kind, stmt.span);
        }
        found.append(&mut case.cx.diagnostics);
        let name = unit.decls.plan_names.get(id).cloned().unwrap_or_default();
        out.push(TestCase { name: test.name.value.clone(), plan: name, span: test.span });
    }
    out
}

fn step_names(body: &ast::Body, out: &mut HashSet<Arc<str>>) {
    for stmt in &body.stmts {
        if let StmtKind::Step(step) = &stmt.kind {
            out.insert(step.name.name.clone());
            for body in bodies(&step.action) {
                step_names(body, out);
            }
        }
    }
}

struct Case<'a> {
    cx: Cx<'a>,
    unit: &'a Unit<'a>,
    scope: &'a super::collect::Scope,
    id: usize,
    steps: HashSet<Arc<str>>,
}

impl Case<'_> {
    fn stmt(&mut self, stmt: &TestStmtKind, span: Span) {
        match stmt {
            TestStmtKind::Input(value) => self.input(value, span),
            TestStmtKind::Mock { skill, replies } => self.mock(skill, replies),
            TestStmtKind::Approve(step) | TestStmtKind::Deny(step) => self.step(step),
            TestStmtKind::Signal { value, .. } => {
                self.cx.infer(value, None);
            }
            // `output` and `calls(…)` are typed when tests run.
            TestStmtKind::Expect(_) => {}
        }
    }

    fn step(&mut self, step: &ast::Ident) {
        if self.steps.contains(&step.name) {
            return;
        }
        let mut d =
            Diagnostic::new(Code::UnknownName, step.span, format!("the plan has no step `{}`", step.name));
        if let Some(near) = nearest(&step.name, self.steps.iter().map(|s| &**s)) {
            d = d
                .label(format!("did you mean `{near}`?"))
                .fix(format!("rename it to `{near}`"), vec![Edit::replace(step.span, near)]);
        }
        self.cx.report(d);
    }

    fn input(&mut self, value: &ast::Expr, span: Span) {
        let ExprKind::Record(entries) = &*value.kind else {
            if !matches!(*value.kind, ExprKind::Error) {
                let d = Diagnostic::new(
                    Code::TypeMismatch,
                    value.span,
                    "`input` takes a record of the plan's inputs",
                );
                self.cx.report(d);
            }
            return;
        };
        let Some(head) = self.unit.heads.get(self.id) else { return };
        let mut given: HashSet<&str> = HashSet::new();
        for entry in entries {
            let EntryKey::Text(key) = &entry.key else { continue };
            match head.params.iter().find(|p| p.name == key.value) {
                Some(param) => {
                    given.insert(&key.value);
                    let role = Role::Argument { name: &param.name, callee: &head.name };
                    self.cx.expect(&entry.value, &param.ty, role);
                }
                None => {
                    let message = format!("the plan `{}` has no input `{}`", head.name, key.value);
                    let mut d = Diagnostic::new(Code::UnknownArgument, key.span, message);
                    if let Some(near) = nearest(&key.value, head.params.iter().map(|p| &*p.name)) {
                        d = d.fix(format!("rename it to `{near}`"), vec![Edit::replace(key.span, near)]);
                    }
                    self.cx.report(d);
                }
            }
        }
        let missing: Vec<String> = head
            .params
            .iter()
            .filter(|p| p.default.is_none() && !given.contains(&*p.name))
            .map(|p| format!("`{}`", p.name))
            .collect();
        if !missing.is_empty() && given.len() == entries.len() {
            let message = format!("the plan `{}` needs {}", head.name, missing.join(", "));
            self.cx.report(Diagnostic::new(Code::MissingArgument, span, message).help("give it in `input`"));
        }
    }

    fn mock(&mut self, skill: &ast::Path, replies: &[ast::MockReply]) {
        let own = match self.scope.callables.get(&skill.name) {
            Some(Callable::Skill(id)) => self.unit.signatures.get(*id).cloned(),
            Some(Callable::Plan(_)) => None,
            None => signature::standard(self.unit.catalog, &skill.name),
        };
        let Some(signature) = own else {
            let near = self.unit.catalog.suggest(&skill.name, self.scope.callables.keys().map(|n| &**n));
            let mut d = Diagnostic::new(
                Code::UnknownSkill,
                skill.span,
                format!("there is no skill `{}`", skill.name),
            );
            if let Some(near) = near {
                d = d
                    .label(format!("did you mean `{near}`?"))
                    .fix(format!("rename it to `{near}`"), vec![Edit::replace(skill.span, near)]);
            }
            self.cx.report(d);
            return;
        };
        for reply in replies {
            if let Some(times) = &reply.times {
                self.cx.expect(times, &Type::Int, Role::Clause("times"));
            }
            match &reply.kind {
                MockReplyKind::Value(value) if signature.type_params.is_empty() => {
                    self.cx.expect(value, &signature.output, Role::Other("the reply"));
                }
                MockReplyKind::Value(value) => {
                    self.cx.infer(value, None);
                }
                MockReplyKind::Throw { kind, details } => {
                    let thrown = signature.throws.iter().find(|k| k.name == kind.name);
                    if thrown.is_none() && !AMBIENT.contains(&&*kind.name) {
                        let names = signature.throws.iter().map(|k| &*k.name).chain(AMBIENT.iter().copied());
                        let message = format!("`{}` never throws `{}`", skill.name, kind.name);
                        let mut d = Diagnostic::new(Code::UnknownErrorKind, kind.span, message);
                        if let Some(near) = nearest(&kind.name, names) {
                            d = d.fix(format!("rename it to `{near}`"), vec![Edit::replace(kind.span, near)]);
                        }
                        self.cx.report(d);
                    }
                    match (details, thrown) {
                        (Some(details), Some(thrown)) => {
                            self.cx.expect(details, &thrown.details, Role::Other("the details"));
                        }
                        (Some(details), None) => {
                            self.cx.infer(details, None);
                        }
                        (None, _) => {}
                    }
                }
            }
        }
    }
}
