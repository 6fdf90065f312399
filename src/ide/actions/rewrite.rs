//! Small rewritings of a step or body.

use super::{Action, ActionKind, Site, indent_of};
use crate::check::reorder;
use crate::diagnostic::Edit;
use crate::ide::scope::Scope;
use crate::ide::trimmed;
use crate::ide::walk::Node;
use crate::source::Span;
use crate::syntax::ast::{Action as StepAction, ClauseKind, OnError, Step, Stmt, StmtKind};

fn action(title: impl Into<String>, edits: Vec<Edit>) -> Action {
    Action { title: title.into(), kind: ActionKind::Rewrite, edits, safe: true, mends: None }
}

/// The step around the cursor, the innermost one.
fn step<'a>(site: &Site<'a>) -> Option<(&'a Stmt, &'a Step)> {
    site.around.iter().rev().find_map(|n| match n {
        Node::Stmt(stmt) => match &stmt.kind {
            StmtKind::Step(step) => Some((*stmt, step)),
            StmtKind::Let { .. }
            | StmtKind::Require { .. }
            | StmtKind::Fail { .. }
            | StmtKind::Return { .. } => None,
        },
        _ => None,
    })
}

/// `parallel 8` for a `for` that goes one at a time.
pub(super) fn parallel(site: &Site<'_>) -> Option<Action> {
    let (_, step) = step(site)?;
    let StepAction::For(f) = &step.action else { return None };
    if f.parallel.is_some() || site.start >= f.body.span.end {
        return None;
    }
    let behind = f.bound.as_ref().map_or(f.list.span, |b| b.span);
    Some(action("run the items in parallel", vec![Edit::after(trimmed(site.text, behind), " parallel 8")]))
}

/// Arms for the errors of the callee that have none.
pub(super) fn handlers(site: &Site<'_>) -> Option<Action> {
    let (stmt, step) = step(site)?;
    let StepAction::Call(call) = &step.action else { return None };
    let scope = Scope { project: site.project, file: 0 };
    let thrown: Vec<&str> = scope.callee(&call.callee.name)?.throws().iter().map(|e| &*e.name.name).collect();
    let clause = step.clauses.iter().find_map(|c| match &c.kind {
        ClauseKind::OnError(on_error) => Some((c, on_error)),
        _ => None,
    });
    let indent = indent_of(site.text, stmt.span.start);
    match clause {
        None => {
            let mut kinds = thrown;
            kinds.push("_");
            let arms: String = kinds.iter().map(|k| format!("{indent}    {k} => abort\n")).collect();
            let text = format!("\n{indent}  on_error {{\n{arms}{indent}  }}");
            // Clauses stand in one order; what undoes a step comes last.
            let last = step.clauses.iter().rev().find(|c| !matches!(c.kind, ClauseKind::Compensate { .. }));
            let place = last.map_or(call.span, |c| c.span);
            Some(action("add a handler for each error", vec![Edit::after(trimmed(site.text, place), text)]))
        }
        Some((clause, OnError::Arms(arms))) => {
            let handled =
                |k: &str| arms.iter().flat_map(|a| &a.kinds).any(|i| &*i.name == k || &*i.name == "_");
            let missing: Vec<&str> = thrown.into_iter().filter(|k| !handled(k)).collect();
            let lines: String = missing.iter().map(|k| format!("  {k} => abort\n{indent}  ")).collect();
            if lines.is_empty() {
                return None;
            }
            let span = trimmed(site.text, clause.span);
            let close = Span { start: span.end.saturating_sub(1), ..span };
            Some(action("add the handlers that are left out", vec![Edit::before(close, lines)]))
        }
        Some((_, OnError::Chain(_))) => None,
    }
}

/// The statements of the body around the cursor, each below what it mentions.
pub(super) fn sorted(site: &Site<'_>) -> Option<Action> {
    let body = site.around.iter().rev().find_map(|n| match n {
        Node::Body(b) => Some(*b),
        _ => None,
    })?;
    let edits = reorder::sorting(&site.project.sources, body);
    (!edits.is_empty()).then(|| action("put the steps in the order of what they mention", edits))
}
