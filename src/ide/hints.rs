//! What an editor shows in the margin: inferred types, what steps wait for, what they cost at the worst; and what can be started.

use super::steps::{Waits, waits};
use super::walk::{self, Node};
use super::{hover, stmt_name};
use crate::check::{bounds, hir, inner};
use crate::project::Project;
use crate::source::Span;
use crate::syntax::ast::{Action, Item, StmtKind};
use crate::types::Type;

/// A text shown in a line that does not hold it.
#[derive(Clone, Debug, PartialEq)]
pub struct Hint {
    /// Where it is shown.
    pub offset: u32,
    pub text: String,
    pub kind: HintKind,
    /// More about it.
    pub tip: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HintKind {
    /// Right behind a name.
    Type,
    /// At the end of a line.
    Note,
}

/// More names than this are counted only.
const NAMES: usize = 3;

/// The hints of the first file between two offsets.
#[must_use]
pub fn hints(project: &Project, start: u32, end: u32) -> Vec<Hint> {
    let mut out = Vec::new();
    let Some(file) = project.files.first() else { return out };
    for item in &file.parse.file.items {
        let Item::Plan(plan) = item else { continue };
        if plan.span.end < start || plan.span.start > end {
            continue;
        }
        let Some(hir) = super::hir_of(project, plan) else { continue };
        let seen = |span: Span| span.start >= start && span.start <= end;
        walk::walk(Node::Item(item), &mut |node| {
            match node {
                Node::Stmt(s) if s.span.start > end || s.span.end < start => return false,
                Node::Stmt(s) => {
                    let plain = matches!(&s.kind, StmtKind::Let { value, .. } if is_plain(value));
                    if let Some(name) = stmt_name(s).filter(|n| !plain && seen(n.span)) {
                        out.extend(type_hint(hir, name.span));
                    }
                }
                Node::Action(Action::For(f)) if seen(f.item.span) => {
                    out.extend(type_hint(hir, f.item.span));
                }
                Node::Action(Action::Loop(l)) if l.ty.is_none() && seen(l.var.span) => {
                    out.extend(type_hint(hir, l.var.span));
                }
                _ => {}
            }
            true
        });
        let worst = match project.analysis.has_errors() {
            true => Default::default(),
            false => bounds::steps(&project.analysis.plans, &project.analysis.skills, hir),
        };
        let text = super::entry_text(project);
        notes(&hir.body, &mut |stmt, body, waits| {
            if !seen(stmt.name_span) {
                return;
            }
            let brief = worst.get(&stmt.name_span).map(bounds::Bounds::brief).unwrap_or_default();
            out.extend(note(text, stmt, body, waits, brief));
        });
    }
    out.sort_by_key(|h| h.offset);
    out
}

/// Whether a value says its type itself.
fn is_plain(value: &crate::syntax::ast::Expr) -> bool {
    use crate::syntax::ast::ExprKind;
    matches!(
        &*value.kind,
        ExprKind::Null
            | ExprKind::Bool(_)
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::DurationMs(_)
            | ExprKind::Text { .. }
            | ExprKind::Interpolated { .. }
    )
}

fn type_hint(plan: &hir::Plan, name: Span) -> Option<Hint> {
    let var = plan.vars.iter().find(|v| v.span == name)?;
    if matches!(var.ty, Type::Error) {
        return None;
    }
    Some(Hint {
        offset: name.end,
        text: format!(": {}", hover::short(&var.ty)),
        kind: HintKind::Type,
        tip: var.ty.to_string(),
    })
}

fn notes(body: &hir::Body, f: &mut dyn FnMut(&hir::Stmt, &hir::Body, &Waits)) {
    let all = waits(body);
    for (stmt, waits) in body.stmts.iter().zip(&all) {
        let hir::StmtKind::Step(step) = &stmt.kind else { continue };
        f(stmt, body, waits);
        for body in inner(&step.action) {
            notes(body, f);
        }
    }
}

fn note(text: &str, stmt: &hir::Stmt, body: &hir::Body, waits: &Waits, brief: String) -> Option<Hint> {
    let list = |indices: &[usize]| -> Vec<String> {
        indices.iter().filter_map(|i| body.stmts.get(*i)).map(|s| s.name.to_string()).collect()
    };
    let few = |names: &[String]| match names.len() {
        n if n > NAMES => {
            format!("{} and {} more", names.get(..NAMES).unwrap_or_default().join(", "), n - NAMES)
        }
        _ => names.join(", "),
    };
    let (reads, conflicts) = (list(&waits.reads), list(&waits.conflicts));
    let mut parts = Vec::new();
    if !reads.is_empty() {
        parts.push(format!("after {}", few(&reads)));
    }
    if !conflicts.is_empty() {
        parts.push(format!("after {} (same resource)", few(&conflicts)));
    }
    if !brief.is_empty() {
        parts.push(format!("≤ {brief}"));
    }
    if parts.is_empty() {
        return None;
    }
    let from = stmt.name_span.end as usize;
    let line = text.get(from..)?.find('\n').map_or(text.len(), |n| from + n);
    let end = text.get(..line)?.trim_end().len();
    let mut tip = String::new();
    if !reads.is_empty() {
        tip.push_str(&format!("It mentions {}.\n\n", reads.join(", ")));
    }
    if !conflicts.is_empty() {
        tip.push_str(&format!("It touches a resource of {}.\n\n", conflicts.join(", ")));
    }
    if !brief.is_empty() {
        tip.push_str("Cost and time at the worst, with all retries and fallbacks.");
    }
    Some(Hint {
        offset: end as u32,
        text: parts.join(" · "),
        kind: HintKind::Note,
        tip: tip.trim_end().into(),
    })
}

/// Something that can be started from a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Lens {
    pub span: Span,
    pub title: String,
    /// `run`, `check`, `graph` or `test`.
    pub command: &'static str,
    /// The name of the plan or test.
    pub target: String,
}

/// What can be started in the first file.
#[must_use]
pub fn lenses(project: &Project) -> Vec<Lens> {
    let mut out = Vec::new();
    let Some(file) = project.files.first() else { return out };
    for item in &file.parse.file.items {
        match item {
            Item::Plan(plan) => {
                for (title, command) in [("▶ run", "run"), ("check", "check"), ("graph", "graph")] {
                    let target = plan.name.name.to_string();
                    out.push(Lens { span: plan.name.span, title: title.into(), command, target });
                }
            }
            Item::Test(test) => out.push(Lens {
                span: test.name.span,
                title: "▶ test".into(),
                command: "test",
                target: test.name.value.to_string(),
            }),
            Item::Use(_) | Item::Type(_) | Item::Skill(_) => {}
        }
    }
    out
}
