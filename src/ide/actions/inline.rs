//! A `let` put in the place of its name.

use super::{Action, ActionKind, Site};
use crate::diagnostic::Edit;
use crate::ide::names::{self, Role};
use crate::ide::trimmed;
use crate::ide::walk::{self, Node};
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind, Stmt, StmtKind};

/// Puts the value of the `let` under the cursor in the place of every mention.
pub(super) fn inline(site: &Site<'_>) -> Option<Action> {
    let name = names::at(site.names, site.start).filter(|n| n.role == Role::Let)?;
    let place = name.def?;
    let mut found: Option<(&Stmt, &Expr)> = None;
    walk::walk(Node::Body(&site.plan.body), &mut |node| {
        if let Node::Stmt(stmt) = node
            && let StmtKind::Let { name, value } = &stmt.kind
            && name.span == place
        {
            found = Some((stmt, value));
        }
        found.is_none()
    });
    let (stmt, value) = found?;
    // Evaluated once: what is not the same every time stays a `let`.
    if holds_error(value) || calls(value, "now") {
        return None;
    }
    let text = site.text.get(value.span.range())?.trim_end();
    let uses: Vec<Span> =
        site.names.iter().filter(|n| n.def == Some(place) && !n.declares()).map(|n| n.span).collect();
    if text.contains('\n') && uses.iter().any(|u| in_text(site, *u)) {
        return None;
    }
    // A name in `depends_on` cannot be a value.
    if uses.iter().any(|u| !is_value(site, *u)) {
        return None;
    }
    let inlined = if is_atom(value) { text.to_owned() } else { format!("({text})") };
    let mut edits: Vec<Edit> = uses.iter().map(|u| Edit::replace(*u, inlined.clone())).collect();
    edits.push(Edit::delete(whole_lines(site.text, trimmed(site.text, stmt.span))));
    Some(Action {
        title: format!("put the value in the place of `{}`", site.project.sources.slice(place)),
        kind: ActionKind::Inline,
        edits,
        safe: true,
        mends: None,
    })
}

fn holds_error(value: &Expr) -> bool {
    let mut found = false;
    walk::walk(Node::Expr(value), &mut |n| {
        found |= matches!(n, Node::Expr(e) if matches!(&*e.kind, ExprKind::Error));
        !found
    });
    found
}

fn calls(value: &Expr, function: &str) -> bool {
    let mut found = false;
    walk::walk(Node::Expr(value), &mut |n| {
        if let Node::Expr(e) = n
            && let ExprKind::Call { callee, .. } = &*e.kind
            && matches!(&*callee.kind, ExprKind::Name(n) if &**n == function)
        {
            found = true;
        }
        !found
    });
    found
}

/// Whether a value needs no parentheses, wherever it stands.
fn is_atom(value: &Expr) -> bool {
    match &*value.kind {
        ExprKind::Binary { .. } | ExprKind::Cond { .. } | ExprKind::Unary { .. } | ExprKind::As { .. } => {
            false
        }
        ExprKind::Null
        | ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::DurationMs(_)
        | ExprKind::Text { .. }
        | ExprKind::Bytes(_)
        | ExprKind::Interpolated { .. }
        | ExprKind::Name(_)
        | ExprKind::Member { .. }
        | ExprKind::Index { .. }
        | ExprKind::Call { .. }
        | ExprKind::List(_)
        | ExprKind::Record(_)
        | ExprKind::Paren(_)
        | ExprKind::Error => true,
    }
}

fn in_text(site: &Site<'_>, place: Span) -> bool {
    let items = site.project.files.first().map_or(&[][..], |f| &f.parse.file.items);
    walk::around(items, place.start)
        .iter()
        .any(|n| matches!(n, Node::Expr(e) if matches!(&*e.kind, ExprKind::Interpolated { .. })))
}

fn is_value(site: &Site<'_>, place: Span) -> bool {
    let items = site.project.files.first().map_or(&[][..], |f| &f.parse.file.items);
    walk::around(items, place.start)
        .iter()
        .any(|n| matches!(n, Node::Expr(e) if e.span == place && matches!(&*e.kind, ExprKind::Name(_))))
}

/// The lines of a statement, where nothing else stands on them.
fn whole_lines(text: &str, span: Span) -> Span {
    let before = text.get(..span.start as usize).unwrap_or("");
    let after = text.get(span.end as usize..).unwrap_or("");
    let line = before.rfind('\n').map_or(0, |n| n + 1);
    let rest = after.find('\n').map_or(after.len(), |n| n + 1);
    let alone = before.get(line..).is_some_and(|t| t.trim().is_empty())
        && after.get(..rest).is_some_and(|t| t.trim().is_empty());
    if alone { Span { start: line as u32, end: span.end + rest as u32, ..span } } else { span }
}
