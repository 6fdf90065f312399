//! Steps made a plan of their own.

use super::{Action, ActionKind, Site};
use crate::check::hir;
use crate::check::relate::optional;
use crate::diagnostic::Edit;
use crate::ide::names::Role;
use crate::ide::scope::Scope;
use crate::ide::walk::Node;
use crate::ide::{hir_of, stmt_name, trimmed};
use crate::source::Span;
use crate::syntax::ast::{Body, ClauseKind, Stmt, StmtKind};
use crate::types::Type;
use std::fmt::Write as _;

/// Makes a plan of the selected statements, or of the step whose name is under the cursor.
pub(super) fn extract(site: &Site<'_>) -> Option<Action> {
    let hir = hir_of(site.project, site.plan)?;
    let chosen = chosen(site)?;
    let (first, last) = (chosen.first()?, chosen.last()?);
    let span = trimmed(site.text, first.span.to(last.span));
    let inside = |s: Span| span.contains(s);
    // What is read behind it comes out of it: one value at most.
    let mut outputs: Vec<Span> = Vec::new();
    let mut inputs: Vec<(Span, Role)> = Vec::new();
    for name in site.names.iter().filter(|n| site.plan.span.contains(n.span)) {
        let Some(def) =
            name.def.filter(|_| matches!(name.role, Role::Input | Role::Step | Role::Let | Role::Local))
        else {
            continue;
        };
        let own = chosen.iter().filter_map(|s| stmt_name(s)).any(|n| n.span == def);
        if inside(name.span) && !inside(def) && site.plan.span.contains(def) {
            if !inputs.iter().any(|(d, _)| *d == def) {
                inputs.push((def, name.role));
            }
        } else if own && !inside(name.span) && !outputs.contains(&def) {
            outputs.push(def);
        }
    }
    if chosen.len() == 1 && outputs.is_empty() {
        outputs.extend(stmt_name(first).map(|n| n.span));
    }
    let output = match outputs.as_slice() {
        [] => None,
        [one] => Some(*one),
        _ => return None,
    };
    let named = output.or_else(|| chosen.iter().rev().find_map(|s| stmt_name(s)).map(|n| n.span))?;
    let name_text = site.project.sources.slice(named);
    let plan_name = free_name(site, name_text);
    let result = match output {
        Some(place) => Some(type_of(site, hir, place)?),
        None => None,
    };
    let params: Option<Vec<String>> = inputs
        .iter()
        .map(|(def, _)| Some(format!("{}: {}", site.project.sources.slice(*def), known(hir, *def)?)))
        .collect();
    let args: Vec<String> =
        inputs.iter().map(|(def, _)| site.project.sources.slice(*def)).map(|n| format!("{n}: {n}")).collect();
    let moved = site.text.get(span.range())?;
    let text = plan_text(&plan_name, &params?, result.as_ref(), name_text, site.text, span, moved);
    let call = format!("step {name_text} = {plan_name}({})", args.join(", "));
    let end = trimmed(site.text, site.plan.span).tail();
    Some(Action {
        title: match chosen.len() {
            1 => format!("make a plan of `{name_text}`"),
            n => format!("make a plan of these {n} statements"),
        },
        kind: ActionKind::Extract,
        edits: vec![Edit::replace(span, call), Edit::replace(end, text)],
        safe: true,
        mends: None,
    })
}

fn plan_text(
    name: &str,
    params: &[String],
    result: Option<&Type>,
    value: &str,
    text: &str,
    span: Span,
    moved: &str,
) -> String {
    let indent = super::indent_of(text, span.start);
    let output = result.map(|t| format!(" -> {t}")).unwrap_or_default();
    let mut out = format!("\n\nplan {name}({}){output} {{\n", params.join(", "));
    for line in moved.lines() {
        // Deeper bodies keep their shape.
        let line = line.strip_prefix(&*indent).unwrap_or(line);
        let blank = if line.trim().is_empty() { "" } else { "  " };
        let _ = writeln!(out, "{blank}{line}");
    }
    if result.is_some() {
        let _ = writeln!(out, "\n  return {value}");
    }
    out.push('}');
    out
}

/// The statements that are selected whole, all of one body, only steps and `let`s.
fn chosen<'a>(site: &Site<'a>) -> Option<Vec<&'a Stmt>> {
    let body: &'a Body = site.around.iter().rev().find_map(|n| match n {
        Node::Body(b) => Some(*b),
        _ => None,
    })?;
    let list: Vec<&Stmt> = if site.start == site.end {
        let at_name =
            |s: &&Stmt| stmt_name(s).is_some_and(|n| n.span.start <= site.start && site.start <= n.span.end);
        body.stmts.iter().filter(|s| matches!(s.kind, StmtKind::Step(_))).filter(at_name).collect()
    } else {
        let whole = |s: &&Stmt| {
            site.start <= s.span.start
                && trimmed(site.text, s.span).end <= site.end
                && s.span.start < site.end
        };
        body.stmts.iter().filter(whole).collect()
    };
    let steps = list.iter().any(|s| matches!(s.kind, StmtKind::Step(_)));
    let fits = list.iter().all(|s| match &s.kind {
        StmtKind::Let { .. } => true,
        // What orders a step against others stays where those are.
        StmtKind::Step(step) => !step
            .clauses
            .iter()
            .any(|c| matches!(c.kind, ClauseKind::DependsOn(_) | ClauseKind::Compensate { .. })),
        StmtKind::Require { .. } | StmtKind::Fail { .. } | StmtKind::Return { .. } => false,
    });
    (steps && fits).then_some(list)
}

fn known(hir: &hir::Plan, place: Span) -> Option<Type> {
    let var = hir.vars.iter().find(|v| v.span == place)?;
    (!holds_unknown(&var.ty)).then(|| var.ty.clone())
}

fn type_of(site: &Site<'_>, hir: &hir::Plan, place: Span) -> Option<Type> {
    let ty = known(hir, place)?;
    let index = hir.vars.iter().position(|v| v.span == place)?;
    let missing = site.project.analysis.missing.get(&hir.name)?;
    Some(if missing.iter().any(|id| id.0 as usize == index) { optional(ty) } else { ty })
}

/// Whether a type cannot be written down.
fn holds_unknown(ty: &Type) -> bool {
    match ty {
        Type::Error | Type::TypeOf | Type::Param(_) => true,
        Type::List(t) | Type::Map(t) | Type::Optional(t) => holds_unknown(t),
        Type::Record(r) => r.fields.values().any(|f| holds_unknown(&f.ty)),
        Type::Labelled { inner, .. } => holds_unknown(inner),
        Type::Null
        | Type::Bool
        | Type::Int
        | Type::Float
        | Type::String
        | Type::Bytes
        | Type::Timestamp
        | Type::Duration
        | Type::Json
        | Type::File
        | Type::Literals(_)
        | Type::Opaque { .. }
        | Type::Refined { .. }
        | Type::Named { .. } => false,
    }
}

fn free_name(site: &Site<'_>, base: &str) -> String {
    let scope = Scope { project: site.project, file: 0 };
    let mut name = format!("{base}_plan");
    let mut n = 2;
    while scope.callee(&name).is_some() {
        name = format!("{base}_plan{n}");
        n += 1;
    }
    name
}
