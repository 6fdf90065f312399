//! `test` blocks: the names they use, the values they give, what they expect.

pub mod model;
mod path;
mod watch;

use super::allow::bodies;
use super::collect::Callable;
use super::cx::{Cx, Role};
use super::errors::AMBIENT;
use super::hir::{self, Plan, Signature, Target};
use super::relate::has_params;
use super::{Unit, clauses, signature};
use crate::diagnostic::{Code, Diagnostic, Edit, nearest};
use crate::source::Span;
use crate::syntax::ast::{self, EntryKey, ExprKind, MockReplyKind, StmtKind, TestStmtKind};
use crate::types::Type;
use indexmap::IndexMap;
use model::{Decision, Mock, Reply, ReplyKind, Signal, TestCase};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use watch::Watch;

/// More calls than these are not counted out by `times`.
const MAX_TIMES: i64 = 1_000_000;

/// Checks all test blocks.
pub(super) fn check(
    unit: &Unit<'_>,
    plans: &IndexMap<Arc<str>, Plan>,
    found: &mut Vec<Diagnostic>,
) -> Vec<TestCase> {
    let mut out = Vec::new();
    for decl in &unit.decls.tests {
        let (Some(scope), Some(globals)) =
            (unit.decls.scopes.get(decl.file), unit.decls.globals.get(decl.file))
        else {
            continue;
        };
        let test = decl.item;
        let Some(Callable::Plan(id)) = scope.callables.get(&test.plan.name).copied() else {
            found.push(no_such_plan(test, scope));
            continue;
        };
        let mut steps = HashSet::new();
        if let Some(plan) = unit.decls.plans.get(id) {
            step_names(&plan.item.body, &mut steps);
        }
        let name = unit.decls.plan_names.get(id).cloned().unwrap_or_default();
        // A plan in a circle was not lowered; that has been reported.
        let Some(plan) = plans.get(&name) else { continue };
        let outputs = outputs(plans, plan);
        let called: BTreeSet<Arc<str>> = outputs.keys().cloned().collect();
        let mut case = Case {
            cx: Cx::new(globals),
            unit,
            scope,
            id,
            steps,
            outputs: &outputs,
            watch: Watch::new(Cx::new(globals), plans, plan, &called),
            test: TestCase {
                name: test.name.value.clone(),
                plan: name,
                span: test.span,
                name_span: test.name.span,
                inputs: Vec::new(),
                mocks: Vec::new(),
                decisions: Vec::new(),
                signals: Vec::new(),
                expects: Vec::new(),
                seen: Vec::new(),
            },
        };
        for stmt in &test.stmts {
            case.stmt(&stmt.kind, stmt.span);
        }
        if !test.stmts.iter().any(|s| matches!(s.kind, TestStmtKind::Input(_))) {
            case.missing_inputs(&HashSet::new(), test.plan.span);
        }
        found.append(&mut case.cx.diagnostics);
        found.append(&mut case.watch.cx.diagnostics);
        case.test.seen = case.watch.seen;
        out.push(case.test);
    }
    out
}

/// A value of a type as it could be written in a test.
#[must_use]
pub fn example(ty: &Type) -> String {
    fn write(ty: &Type, depth: u32) -> String {
        match super::relate::shape(ty) {
            Type::Record(record) if depth < 3 && !record.fields.is_empty() => {
                let needed = record.fields.iter().filter(|(_, f)| !f.optional);
                let fields: Vec<String> =
                    needed.map(|(n, f)| format!("{n}: {}", write(&f.ty, depth + 1))).collect();
                format!("{{ {} }}", fields.join(", "))
            }
            other => super::holes::hole(other),
        }
    }
    write(ty, 0)
}

fn no_such_plan(test: &ast::Test, scope: &super::collect::Scope) -> Diagnostic {
    let plans = scope.callables.iter().filter(|(_, c)| matches!(c, Callable::Plan(_))).map(|(n, _)| &**n);
    let message = format!("there is no plan `{}`", test.plan.name);
    let d = Diagnostic::new(Code::NoSuchPlan, test.plan.span, message);
    match nearest(&test.plan.name, plans) {
        Some(near) => d
            .label(format!("did you mean `{near}`?"))
            .fix(format!("rename it to `{near}`"), vec![Edit::replace(test.plan.span, near)]),
        None => d,
    }
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

/// The skills that a plan can call, also through others, with the types that their results are wanted as.
fn outputs(plans: &IndexMap<Arc<str>, Plan>, plan: &Plan) -> BTreeMap<Arc<str>, Vec<Type>> {
    let mut out: BTreeMap<Arc<str>, Vec<Type>> = BTreeMap::new();
    let mut seen: HashSet<Arc<str>> = HashSet::from([plan.name.clone()]);
    let mut open = vec![plan];
    while let Some(plan) = open.pop() {
        super::calls_in(&plan.body, &mut |call: &hir::Call| match &call.target {
            Target::Plan(name) => {
                if seen.insert(name.clone()) {
                    open.extend(plans.get(name));
                }
            }
            Target::Skill(name) => {
                let types = out.entry(name.clone()).or_default();
                if !types.contains(&call.output) {
                    types.push(call.output.clone());
                }
            }
        });
    }
    out
}

struct Case<'a> {
    /// What is given: without variables.
    cx: Cx<'a>,
    unit: &'a Unit<'a>,
    scope: &'a super::collect::Scope,
    id: usize,
    steps: HashSet<Arc<str>>,
    outputs: &'a BTreeMap<Arc<str>, Vec<Type>>,
    watch: Watch<'a>,
    test: TestCase,
}

impl Case<'_> {
    fn stmt(&mut self, stmt: &TestStmtKind, span: Span) {
        match stmt {
            TestStmtKind::Input(value) => self.input(value, span),
            TestStmtKind::Mock { skill, replies } => self.mock(skill, replies),
            TestStmtKind::Approve(step) => self.decision(step, true, span),
            TestStmtKind::Deny(step) => self.decision(step, false, span),
            TestStmtKind::Signal { name, value } => {
                let value = self.cx.infer(value, None);
                self.test.signals.push(Signal { name: name.value.clone(), value, span });
            }
            TestStmtKind::Expect(cond) => {
                let cond = self.watch.expect(cond);
                self.test.expects.push(cond);
            }
        }
    }

    fn decision(&mut self, step: &ast::Ident, approve: bool, span: Span) {
        if !self.steps.contains(&step.name) {
            let message = format!("the plan has no step `{}`", step.name);
            let mut d = Diagnostic::new(Code::UnknownName, step.span, message);
            if let Some(near) = nearest(&step.name, self.steps.iter().map(|s| &**s)) {
                d = d
                    .label(format!("did you mean `{near}`?"))
                    .fix(format!("rename it to `{near}`"), vec![Edit::replace(step.span, near)]);
            }
            self.cx.report(d);
            return;
        }
        if let Some(before) = self.test.decisions.iter().find(|d| d.step == step.name) {
            let message = format!("`{}` is decided twice", step.name);
            let d = Diagnostic::new(Code::DuplicateClause, span, message).also(before.span, "first here");
            self.cx.report(d.help("remove one of them"));
            return;
        }
        self.test.decisions.push(Decision { step: step.name.clone(), approve, span });
    }

    fn input(&mut self, value: &ast::Expr, span: Span) {
        let ExprKind::Record(entries) = &*value.kind else {
            if !matches!(*value.kind, ExprKind::Error) {
                let message = "`input` takes a record of the plan's inputs";
                self.cx.report(Diagnostic::new(Code::TypeMismatch, value.span, message));
            }
            return;
        };
        let Some(head) = self.unit.heads.get(self.id) else { return };
        let mut given: HashSet<&str> = HashSet::new();
        let mut strange = false;
        for entry in entries {
            let EntryKey::Text(key) = &entry.key else { continue };
            match head.params.iter().find(|p| p.name == key.value) {
                Some(param) if given.insert(&key.value) && !self.has_input(&param.name) => {
                    let role = Role::Argument { name: &param.name, callee: &head.name, instead: None };
                    let value = self.cx.expect(&entry.value, &param.ty, role);
                    self.test.inputs.push((param.name.clone(), value));
                }
                Some(param) => {
                    let message = format!("the input `{}` is given twice", param.name);
                    let d = Diagnostic::new(Code::DuplicateArgument, key.span, message);
                    self.cx.report(d.help("remove one of them"));
                }
                None => {
                    strange = true;
                    let message = format!("the plan `{}` has no input `{}`", head.name, key.value);
                    let mut d = Diagnostic::new(Code::UnknownArgument, key.span, message);
                    if let Some(near) = nearest(&key.value, head.params.iter().map(|p| &*p.name)) {
                        d = d.fix(format!("rename it to `{near}`"), vec![Edit::replace(key.span, near)]);
                    }
                    self.cx.report(d);
                }
            }
        }
        if !strange {
            self.missing_inputs(&given, span);
        }
    }

    fn has_input(&self, name: &str) -> bool {
        self.test.inputs.iter().any(|(n, _)| **n == *name)
    }

    fn missing_inputs(&mut self, given: &HashSet<&str>, span: Span) {
        let Some(head) = self.unit.heads.get(self.id) else { return };
        let missing: Vec<String> = head
            .params
            .iter()
            .filter(|p| p.default.is_none() && !given.contains(&*p.name))
            .map(|p| format!("`{}`", p.name))
            .collect();
        if !missing.is_empty() {
            let message = format!("the plan `{}` needs {}", head.name, missing.join(", "));
            let d = Diagnostic::new(Code::MissingArgument, span, message);
            self.cx.report(d.help("give it in `input { … }`"));
        }
    }

    fn mock(&mut self, skill: &ast::Path, replies: &[ast::MockReply]) {
        let own = match self.scope.callables.get(&skill.name) {
            Some(Callable::Skill(id)) => self.unit.signatures.get(*id).cloned(),
            Some(Callable::Plan(_)) => {
                let message = format!("`{}` is a plan, and only skills are mocked", skill.name);
                let d = Diagnostic::new(Code::UnknownSkill, skill.span, message);
                self.cx.report(d.help("mock the skills that it calls: the plan itself runs in the test"));
                return;
            }
            None => signature::standard(self.unit.catalog, &skill.name),
        };
        let Some(signature) = own else { return self.unknown_skill(skill) };
        let instead = match &*signature.name {
            "human.review" => "`approve step` or `deny step`",
            "signal.wait" => "`signal \"name\" => value`",
            _ => "",
        };
        if !instead.is_empty() {
            let message = format!("`{}` is not called, so it cannot be mocked", skill.name);
            let d = Diagnostic::new(Code::MisplacedClause, skill.span, message);
            self.cx.report(d.help(format!("write {instead}")));
            return;
        }
        if let Some(before) = self.test.mocks.iter().find(|m| m.skill == signature.name) {
            let message = format!("`{}` is mocked twice", skill.name);
            let d = Diagnostic::new(Code::DuplicateClause, skill.span, message);
            let d = d.also(before.span, "first here");
            self.cx.report(d.help("write the replies one after another: `mock s => a then b`"));
            return;
        }
        let outputs = self.outputs.get(&signature.name);
        if outputs.is_none() {
            let message = format!("`{}` never calls `{}`", self.test.plan, skill.name);
            let d = Diagnostic::new(Code::UnusedMock, skill.span, message);
            self.cx.report(d.label("this reply is never given").help("remove the mock, or correct its name"));
        }
        // Where all calls want the same, that is what the reply must be.
        let want = match outputs.map(Vec::as_slice) {
            Some([one]) if !has_params(one) => Some(one.clone()),
            _ if signature.type_params.is_empty() => Some(signature.output.clone()),
            _ => None,
        };
        let replies = replies.iter().map(|r| self.reply(r, &signature, want.as_ref())).collect();
        self.test.mocks.push(Mock { skill: signature.name.clone(), replies, span: skill.span });
    }

    fn unknown_skill(&mut self, skill: &ast::Path) {
        let near = self.unit.catalog.suggest(&skill.name, self.scope.callables.keys().map(|n| &**n));
        let message = format!("there is no skill `{}`", skill.name);
        let mut d = Diagnostic::new(Code::UnknownSkill, skill.span, message);
        if let Some(near) = near {
            d = d
                .label(format!("did you mean `{near}`?"))
                .fix(format!("rename it to `{near}`"), vec![Edit::replace(skill.span, near)]);
        }
        self.cx.report(d);
    }

    fn reply(&mut self, reply: &ast::MockReply, signature: &Signature, want: Option<&Type>) -> Reply {
        let times = reply.times.as_ref().and_then(|times| {
            let n = self.cx.expect(times, &Type::Int, Role::Clause("times"));
            match clauses::constant_int(&n) {
                Some(n) if (1..=MAX_TIMES).contains(&n) => u32::try_from(n).ok(),
                _ if matches!(n.ty, Type::Error) => None,
                _ => {
                    let message = format!("`times` is a number from 1 to {MAX_TIMES}");
                    self.cx.report(Diagnostic::new(Code::BadLiteral, times.span, message));
                    None
                }
            }
        });
        let kind = match &reply.kind {
            MockReplyKind::Value(value) => ReplyKind::Value(match want {
                Some(want) => self.cx.expect(value, want, Role::Other("the reply")),
                None => self.cx.infer(value, None),
            }),
            MockReplyKind::Throw { kind, details } => self.throw(kind, details.as_ref(), signature),
        };
        Reply { kind, times, span: reply.span }
    }

    fn throw(&mut self, kind: &ast::Ident, details: Option<&ast::Expr>, signature: &Signature) -> ReplyKind {
        let thrown = signature.throws.iter().find(|k| k.name == kind.name);
        if thrown.is_none() && !AMBIENT.contains(&&*kind.name) {
            let names = signature.throws.iter().map(|k| &*k.name).chain(AMBIENT.iter().copied());
            let message = format!("`{}` never throws `{}`", signature.name, kind.name);
            let mut d = Diagnostic::new(Code::UnknownErrorKind, kind.span, message);
            if let Some(near) = nearest(&kind.name, names) {
                d = d.fix(format!("rename it to `{near}`"), vec![Edit::replace(kind.span, near)]);
            }
            self.cx.report(d);
        }
        let details = match (details, thrown) {
            (Some(details), Some(thrown)) => {
                Some(self.cx.expect(details, &thrown.details, Role::Other("the details")))
            }
            (Some(details), None) => Some(self.cx.infer(details, None)),
            (None, Some(thrown)) => {
                self.missing_details(kind, &thrown.details);
                None
            }
            (None, None) => None,
        };
        ReplyKind::Throw { kind: kind.name.clone(), details }
    }

    /// The handlers of a plan read the details that the signature promises.
    fn missing_details(&mut self, kind: &ast::Ident, details: &Type) {
        let Type::Record(record) = details else { return };
        let needed: Vec<&Arc<str>> =
            record.fields.iter().filter(|(_, f)| !f.optional).map(|(name, _)| name).collect();
        if !needed.is_empty() {
            let list = needed.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
            let message = format!("the error `{}` has the details {list}", kind.name);
            let example = needed.iter().map(|n| format!("{n}: …")).collect::<Vec<_>>().join(", ");
            let d = Diagnostic::new(Code::MissingField, kind.span, message);
            self.cx.report(d.help(format!("write `throw {} {{ {example} }}`", kind.name)));
        }
    }
}
