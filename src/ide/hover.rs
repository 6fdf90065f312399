//! What is said of the thing under the pointer, as Markdown.

use super::names::{self, Decl, Name, Role};
use super::scope::Callee;
use super::{forms, keywords, signature};
use crate::check::{bounds, flow, hir, inner};
use crate::expr::{Expr, ReadKind, VarId, functions, reads};
use crate::format;
use crate::project::Project;
use crate::source::Span;
use crate::syntax::ast::StmtKind;
use crate::syntax::tokens::{TokenKind, tokens};
use crate::types::{Privacy, Type};

/// What is said, and of which text.
#[derive(Clone, Debug, PartialEq)]
pub struct Hover {
    pub span: Span,
    /// Markdown.
    pub text: String,
}

/// Longer texts are cut: an editor shows a few lines.
const MAX: usize = 6_000;

/// What is said of the text at an offset of the first file.
#[must_use]
pub fn hover(project: &Project, names: &[Name], offset: u32) -> Option<Hover> {
    let name = names::at(names, offset);
    let named = name.and_then(|n| Some(Hover { span: n.span, text: of_name(project, &n)? }));
    let mut hover = named.or_else(|| of_word(project, offset)).or_else(|| of_value(project, offset))?;
    if hover.text.len() > MAX {
        let mut end = MAX;
        while !hover.text.is_char_boundary(end) {
            end -= 1;
        }
        hover.text.truncate(end);
        hover.text.push('…');
    }
    Some(hover)
}

fn code(text: &str) -> String {
    format!("```plan\n{text}\n```")
}

fn with_docs(code: String, docs: Option<&str>) -> String {
    match docs {
        Some(docs) if !docs.is_empty() => format!("{code}\n\n{docs}"),
        _ => code,
    }
}

fn of_name(project: &Project, name: &Name) -> Option<String> {
    let text = project.sources.slice(name.span);
    match name.role {
        Role::Function => of_function(text, receiver(project, name.span)),
        Role::BasicType => basic(text).map(|doc| format!("{}\n\n{doc}", code(text))),
        Role::Error if name.def.is_none() => {
            let doc = keywords::ambient(text)?;
            Some(format!("{}\n\nEvery call may have it: {doc}.", code(text)))
        }
        Role::File => {
            let target = project.files.iter().find(|f| Some(f.source) == name.def.map(|d| d.source))?;
            Some(format!("`{}`", target.path.display()))
        }
        Role::Field if name.def.is_none() => of_field(project, name.span),
        _ => of_declaration(project, name, names::declaration(project, name.def?)?),
    }
}

/// Whether what stands at a place is called on a value, or read from one.
fn receiver(project: &Project, span: Span) -> bool {
    let text = super::entry_text(project);
    text.get(..span.start as usize).is_some_and(|t| t.trim_end().ends_with('.'))
}

fn of_function(name: &str, receiver: bool) -> Option<String> {
    if let Some(form) = forms::by_name(name, receiver) {
        return Some(format!("{}\n\n{}", code(form.signature), form.doc));
    }
    let dotted = || functions::rows().find(|r| r.name.rsplit('.').next() == Some(name));
    let row = functions::by_name(name).or_else(dotted)?;
    Some(format!("{}\n\n{}", code(&row.to_string()), row.doc))
}

/// A field that is read, with the type of what is read.
fn of_field(project: &Project, span: Span) -> Option<String> {
    let plan = super::hir_of(project, super::plan_at(project, span.start)?)?;
    let read = expr_at(plan, span.end)?;
    let whole = read.span.end == span.end && !matches!(read.ty, Type::Error);
    whole.then(|| code(&format!("{}: {}", project.sources.slice(span), read.ty)))
}

fn of_declaration(project: &Project, name: &Name, decl: Decl<'_>) -> Option<String> {
    Some(match decl {
        Decl::Callee(callee) => of_callee(project, callee),
        Decl::Type(t) => with_docs(code(&signature::type_text(t)), t.lead.docs.as_deref()),
        Decl::Param(p) => {
            let text = with_docs(code(&signature::param_text(p)), p.lead.docs.as_deref());
            match variable(project, name.def?) {
                Some(v) => with_notes(text, &labels(project, v.0, v.1)),
                None => text,
            }
        }
        Decl::Use(u) => format!("The file `{}`", u.path.value),
        Decl::Error(e) => {
            let fields: Vec<String> = e.fields.iter().map(signature::param_text).collect();
            let details = if fields.is_empty() { String::new() } else { format!("({})", fields.join(", ")) };
            code(&format!("{}{details}", e.name.name))
        }
        Decl::Stmt(stmt) => {
            let (plan, var) = variable(project, name.def?)?;
            let declared = plan.vars.get(var.0 as usize)?;
            let word = if matches!(stmt.kind, StmtKind::Let { .. }) { "let" } else { "step" };
            let text = code(&format!("{word} {}: {}", declared.name, declared.ty));
            let text = with_docs(text, stmt.lead.docs.as_deref());
            let mut notes = missing(project, plan, var);
            notes.extend(labels(project, plan, var));
            notes.extend(worst(project, plan, name.def?));
            with_notes(text, &notes)
        }
        Decl::Other => {
            let (plan, var) = variable(project, name.def?)?;
            let declared = plan.vars.get(var.0 as usize)?;
            let text = code(&format!("{}: {}", declared.name, declared.ty));
            with_notes(text, &labels(project, plan, var))
        }
    })
}

fn with_notes(text: String, notes: &[String]) -> String {
    if notes.is_empty() {
        return text;
    }
    let lines: Vec<String> = notes.iter().map(|n| format!("- {n}")).collect();
    format!("{text}\n\n{}", lines.join("\n"))
}

fn of_callee(project: &Project, callee: Callee<'_>) -> String {
    let mut text = with_docs(code(&signature::declared(callee)), callee.docs());
    let documented: Vec<String> = callee
        .params()
        .iter()
        .filter_map(|p| Some(format!("`{}`: {}", p.name.name, p.lead.docs.as_deref()?)))
        .collect();
    text = with_notes(text, &documented);
    if let Callee::Plan(plan) = callee
        && !project.analysis.has_errors()
        && let Some(hir) = super::hir_of(project, plan)
    {
        let all = bounds::bounds(&project.analysis.plans, &project.analysis.skills);
        if let Some(b) = all.get(&hir.name) {
            text.push_str(&format!("\n\nAt the worst: {b}"));
        }
    }
    text
}

/// The plan and the variable that are declared at a place.
fn variable(project: &Project, place: Span) -> Option<(&hir::Plan, VarId)> {
    let plan = project.analysis.plans.values().find(|p| p.span.contains(place))?;
    let index = plan.vars.iter().position(|v| v.span == place)?;
    Some((plan, VarId(u32::try_from(index).ok()?)))
}

/// Why a step or `let` may have no value.
fn missing(project: &Project, plan: &hir::Plan, var: VarId) -> Vec<String> {
    let Some(list) = project.analysis.missing.get(&plan.name).filter(|l| l.contains(&var)) else {
        return Vec::new();
    };
    let Some(stmt) = statement(&plan.body, var) else { return Vec::new() };
    let text = |e: &Expr| project.sources.slice(e.span).to_owned();
    let mut why = Vec::new();
    let mut read: Vec<&Expr> = Vec::new();
    match &stmt.kind {
        hir::StmtKind::Let(e) => read.push(e),
        hir::StmtKind::Step(step) => {
            if let Some(when) = &step.when {
                why.push(format!("is skipped unless `{}`", text(when)));
                read.push(when);
            }
            for arm in &step.on_error {
                if arm.reactions.iter().any(|r| matches!(r, hir::Reaction::Continue)) {
                    why.push(match arm.kinds.is_empty() {
                        true => "may fail, and the plan goes on".to_owned(),
                        false => format!("may fail with `{}`, and the plan goes on", arm.kinds.join("`, `")),
                    });
                }
            }
            if let Some(hir::Approve { otherwise: hir::ApproveElse::Continue, .. }) = &step.approve {
                why.push("may be denied, and the plan goes on".to_owned());
            }
            if let hir::Action::Call(call) = &step.action {
                read.extend(call.args.iter().map(|a| &a.value));
            }
        }
        hir::StmtKind::Require { .. } | hir::StmtKind::Fail { .. } => {}
    }
    let mut because: Vec<&str> = Vec::new();
    for r in read.into_iter().flat_map(reads) {
        if r.kind == ReadKind::Strict && list.contains(&r.var) && r.var != var {
            because.extend(plan.vars.get(r.var.0 as usize).map(|v| &*v.name));
        }
    }
    because.dedup();
    if !because.is_empty() {
        why.push(format!("is skipped where `{}` has no value", because.join("` or `")));
    }
    if why.is_empty() {
        why.push("has no value where what it reads has none".to_owned());
    }
    vec![format!("may be missing: it {}", why.join("; it "))]
}

fn statement(body: &hir::Body, var: VarId) -> Option<&hir::Stmt> {
    body.stmts.iter().find_map(|stmt| {
        if stmt.var == Some(var) {
            return Some(stmt);
        }
        match &stmt.kind {
            hir::StmtKind::Step(step) => inner(&step.action).into_iter().find_map(|b| statement(b, var)),
            hir::StmtKind::Let(_) | hir::StmtKind::Require { .. } | hir::StmtKind::Fail { .. } => None,
        }
    })
}

/// What is known of trust and privacy.
fn labels(project: &Project, plan: &hir::Plan, var: VarId) -> Vec<String> {
    let seen = flow::seen(&project.analysis.plans, &project.analysis.skills, plan);
    let Some(seen) = seen.get(var.0 as usize) else { return Vec::new() };
    let mut notes = Vec::new();
    if let Some((_, first)) = seen.untrusted.first() {
        let how = if seen.chosen { "selected by what is untrusted" } else { "untrusted" };
        notes.push(format!("{how}: {first}"));
    }
    match seen.privacy {
        Some(Privacy::Private) => notes.push("private".to_owned()),
        Some(Privacy::Secret) => notes.push("secret: never kept, logged or shown".to_owned()),
        Some(Privacy::Public) | None => {}
    }
    notes
}

fn worst(project: &Project, plan: &hir::Plan, place: Span) -> Option<String> {
    if project.analysis.has_errors() {
        return None;
    }
    let steps = bounds::steps(&project.analysis.plans, &project.analysis.skills, plan);
    let brief = steps.get(&place)?.brief();
    (!brief.is_empty()).then(|| format!("at the worst {brief}"))
}

/// A word of the language.
fn of_word(project: &Project, offset: u32) -> Option<Hover> {
    let text = super::entry_text(project);
    let start = super::complete::piece_start(project, offset);
    let all = tokens(text, start as usize, text.len());
    let token = all.take_while(|t| t.start <= offset).find(|t| offset < t.end() || t.end() == offset)?;
    if token.kind != TokenKind::Word {
        return None;
    }
    let span = Span { source: super::entry(project), start: token.start, end: token.end() };
    Some(Hover { span, text: format!("`{}`: {}", token.text, keywords::docs(token.text)?) })
}

/// The smallest value around an offset, with its type.
fn of_value(project: &Project, offset: u32) -> Option<Hover> {
    let plan = super::hir_of(project, super::plan_at(project, offset)?)?;
    let e = expr_at(plan, offset)?;
    if matches!(e.ty, Type::Error) {
        return None;
    }
    Some(Hover { span: e.span, text: code(&format!("{}", e.ty)) })
}

/// The smallest expression of a plan around an offset.
pub(crate) fn expr_at(plan: &hir::Plan, offset: u32) -> Option<&Expr> {
    let mut best: Option<&Expr> = None;
    super::steps::exprs(&plan.body, &mut |e| {
        let mut stack = vec![e];
        while let Some(e) = stack.pop() {
            if e.span.start <= offset && offset <= e.span.end {
                let length = |e: &Expr| e.span.end - e.span.start;
                if best.is_none_or(|b| length(e) <= length(b)) {
                    best = Some(e);
                }
            }
            e.for_each_child(&mut |child| stack.push(child));
        }
    });
    best
}

/// What a type of the language holds.
pub(crate) fn basic(name: &str) -> Option<&'static str> {
    Some(match name {
        "bool" => "`true` or `false`",
        "int" => "A whole number of 64 bits; what does not fit is an error.",
        "float" => "A number with a fraction: IEEE double.",
        "string" => "Text.",
        "bytes" => "Raw bytes: `b\"…\"`.",
        "timestamp" => "A moment.",
        "duration" => "A length of time: `1h30m`.",
        "json" => "Any JSON value, checked when it is used; `as T` checks it at once.",
        "file" => "A file: `name`, `size`, `mime`, `digest`; its contents come through skills.",
        _ => return None,
    })
}

/// A type's text for a label; one line, cut where it is long.
pub(crate) fn short(ty: &Type) -> String {
    let text = ty.to_string();
    if text.chars().count() <= 40 { text } else { text.chars().take(39).chain(['…']).collect() }
}

/// A parameter's documentation.
pub(crate) fn param_docs(param: &crate::syntax::ast::Param) -> String {
    let ty = format::ty(&param.ty);
    match param.lead.docs.as_deref() {
        Some(docs) => format!("`{ty}`\n\n{docs}"),
        None => format!("`{ty}`"),
    }
}
