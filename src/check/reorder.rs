//! Mentions of later steps: the order that mends them, or the circle that cannot be mended.

use super::body::declared;
use super::cx::LaterUse;
use super::mentions::{self, Visitor};
use super::order;
use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::source::{Sources, Span};
use crate::syntax::ast::{self, Name};
use std::collections::HashMap;

struct Collect<'m> {
    index: &'m HashMap<Name, usize>,
    needs: Vec<usize>,
}

impl Visitor for Collect<'_> {
    fn name(&mut self, name: &str, _: Span) {
        self.needs.extend(self.index.get(name));
    }

    fn call(&mut self, _: &ast::Call) {}
}

/// The order in which every statement of a body stands below what it mentions, and the circles that keep it from that.
fn sorted(body: &ast::Body) -> order::Order {
    let mut index: HashMap<Name, usize> = HashMap::new();
    for (i, ident) in body.stmts.iter().enumerate().filter_map(|(i, s)| declared(s).map(|d| (i, d))) {
        index.entry(ident.name.clone()).or_insert(i);
    }
    let needs: Vec<Vec<usize>> = body
        .stmts
        .iter()
        .map(|stmt| {
            let mut collect = Collect { index: &index, needs: Vec::new() };
            mentions::stmt(stmt, &mut collect);
            collect.needs
        })
        .collect();
    order::sort(&needs)
}

/// What puts the statements of a body below what they mention; nothing where they are, or cannot be.
pub(crate) fn sorting(sources: &Sources, body: &ast::Body) -> Vec<Edit> {
    let order = sorted(body);
    if order.circles.is_empty() { reordering(sources, body, &order.nodes) } else { Vec::new() }
}

/// One diagnostic per mention; the first one carries the reordering.
pub(super) fn explain(sources: &Sources, body: &ast::Body, uses: &[LaterUse]) -> Vec<Diagnostic> {
    let order = sorted(body);
    if let Some(circle) = order.circles.first() {
        return circles(body, uses, circle);
    }
    let mut edits = reordering(sources, body, &order.nodes);
    let fixed = body
        .stmts
        .iter()
        .any(|s| matches!(s.kind, ast::StmtKind::Require { .. } | ast::StmtKind::Fail { .. }));
    let mut out = Vec::new();
    for later in uses {
        let mut d = Diagnostic::new(
            Code::UsedBeforeDefined,
            later.use_span,
            format!("`{}` is used before it is defined", later.name),
        )
        .label("used here")
        .also(later.def_span, "defined here");
        if !edits.is_empty() {
            let edits = std::mem::take(&mut edits);
            let title = "put the statements in an order in which each stands below what it mentions";
            d = if fixed { d.unsafe_fix(title, edits) } else { d.fix(title, edits) };
        }
        out.push(d.help(format!("move `{}` up", later.name)));
    }
    out
}

fn circles(body: &ast::Body, uses: &[LaterUse], circle: &[usize]) -> Vec<Diagnostic> {
    let names: Vec<&str> =
        circle.iter().filter_map(|i| body.stmts.get(*i)).filter_map(declared).map(|i| &*i.name).collect();
    let round = format!("{} → {}", names.join(" → "), names.first().unwrap_or(&""));
    let Some(first) = uses.iter().find(|u| names.contains(&&*u.name)).or(uses.first()) else {
        return Vec::new();
    };
    let message = match names.as_slice() {
        [only] => format!("`{only}` mentions itself"),
        _ => format!("steps wait for each other: {round}"),
    };
    vec![
        Diagnostic::new(Code::StepCycle, first.use_span, message)
            .also(first.def_span, "defined here")
            .help("take one of these mentions away"),
    ]
}

/// Each statement's place, comments before it included, filled with the text of the one that belongs there.
fn reordering(sources: &Sources, body: &ast::Body, order: &[usize]) -> Vec<Edit> {
    let mut slots = Vec::with_capacity(body.stmts.len());
    let mut from = body.span.start.saturating_add(1);
    for stmt in &body.stmts {
        let slot = Span { start: from.min(stmt.span.start), ..stmt.span };
        // The blanks stay where they are.
        let text = sources.slice(slot);
        let blanks = u32::try_from(text.len() - text.trim_start().len()).unwrap_or(0);
        let behind = u32::try_from(text.len() - text.trim_end().len()).unwrap_or(0);
        let (start, end) = (slot.start.saturating_add(blanks), slot.end.saturating_sub(behind));
        slots.push(Span { start, end, ..slot });
        from = stmt.span.end;
    }
    let mut edits = Vec::new();
    for (place, stmt) in order.iter().enumerate().filter(|(place, stmt)| place != *stmt) {
        if let (Some(slot), Some(source)) = (slots.get(place), slots.get(*stmt)) {
            edits.push(Edit::replace(*slot, sources.slice(*source)));
        }
    }
    edits
}
