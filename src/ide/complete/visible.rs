//! The variables that can be seen at a place, with their types.

use crate::check::hir::{self, VarKind};
use crate::ide::walk::{self, Node};
use crate::ide::{stmt_name, trimmed};
use crate::project::Project;
use crate::source::Span;
use crate::syntax::ast::{Action, ExprKind, Ident, Name, Plan};
use crate::types::Type;
use std::collections::HashMap;

/// A variable.
#[derive(Clone, Debug)]
pub(crate) struct Variable {
    pub(crate) name: Name,
    pub(crate) kind: VarKind,
    pub(crate) ty: Type,
    /// Whether it may have no value.
    pub(crate) missing: bool,
}

/// The variables that can be seen at an offset of the first file.
pub(crate) fn visible(project: &Project, offset: u32) -> Vec<Variable> {
    let Some(plan) = crate::ide::plan_at(project, offset) else { return Vec::new() };
    let Some(hir) = crate::ide::hir_of(project, plan) else { return Vec::new() };
    let missing = project.analysis.missing.get(&hir.name);
    let places: HashMap<Span, usize> = hir.vars.iter().enumerate().map(|(i, v)| (v.span, i)).collect();
    let mut out = Vec::new();
    let mut add = |span: Span| {
        let Some(index) = places.get(&span).copied() else { return };
        let Some(var) = hir.vars.get(index) else { return };
        out.push(Variable {
            name: var.name.clone(),
            kind: var.kind,
            ty: var.ty.clone(),
            missing: missing.is_some_and(|m| m.iter().any(|id| id.0 as usize == index)),
        });
    };
    plan.params.iter().for_each(|p| add(p.name.span));
    let text = crate::ide::entry_text(project);
    collect(plan, hir, text, offset, &mut add);
    // The innermost of one name counts.
    out.reverse();
    let mut seen = std::collections::HashSet::new();
    out.retain(|v| seen.insert(v.name.clone()));
    out.reverse();
    out
}

fn inside(span: Span, offset: u32) -> bool {
    span.start < offset && offset <= span.end
}

fn collect(plan: &Plan, hir: &hir::Plan, text: &str, offset: u32, add: &mut dyn FnMut(Span)) {
    walk::walk(Node::Body(&plan.body), &mut |node| {
        if !inside(node.span(), offset) {
            return false;
        }
        match node {
            Node::Body(b) => {
                // What ends on the line of the cursor is being written.
                let above =
                    |end: u32| text.get(end as usize..offset as usize).is_some_and(|t| t.contains('\n'));
                for stmt in b.stmts.iter().filter(|s| above(trimmed(text, s.span).end)) {
                    stmt_name(stmt).into_iter().for_each(|n| add(n.span));
                }
            }
            Node::Action(Action::For(f)) if inside(f.body.span, offset) => {
                f.index.iter().chain([&f.item]).for_each(|i: &Ident| add(i.span));
            }
            Node::Action(Action::Loop(l)) if inside(l.body.span, offset) => {
                add(l.var.span);
            }
            Node::ErrorArm(a) => match &a.binding {
                Some(name) => add(name.span),
                None => add(a.span),
            },
            Node::Chain(c) => add(c.span),
            Node::Expr(e) => {
                if let ExprKind::Call { args, .. } = &*e.kind {
                    for arg in args.iter().take(2) {
                        if matches!(&*arg.value.kind, ExprKind::Name(_)) && arg.value.span.end < offset {
                            let span = arg.value.span;
                            if hir.vars.iter().any(|v| v.kind == VarKind::Macro && v.span == span) {
                                add(span);
                            }
                        }
                    }
                }
            }
            _ => {}
        }
        true
    });
}
