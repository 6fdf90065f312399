//! `redundant-depends-on`: a step that is waited for anyway.

use crate::check::UnitFile;
use crate::check::hir::{Body, Plan, Stmt, StmtKind};
use crate::check::visit::{bodies, step_of, waits_for};
use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::expr::VarId;
use crate::source::Span;
use crate::syntax::ast::{self, ClauseKind, Item};
use std::collections::HashMap;

/// A `depends_on` as it was written: the clause, and the names in it.
pub(super) struct Written<'a> {
    clause: Span,
    names: &'a [ast::Ident],
}

/// By the place of the step's name.
pub(super) fn written<'a>(files: &[UnitFile<'a>]) -> HashMap<Span, Written<'a>> {
    let mut out = HashMap::new();
    let mut open: Vec<&'a ast::Body> = Vec::new();
    for file in files {
        open.extend(file.parse.file.items.iter().filter_map(|item| match item {
            Item::Plan(plan) => Some(&plan.body),
            Item::Use(_) | Item::Type(_) | Item::Skill(_) | Item::Test(_) => None,
        }));
    }
    while let Some(body) = open.pop() {
        for stmt in &body.stmts {
            let ast::StmtKind::Step(step) = &stmt.kind else { continue };
            for clause in &step.clauses {
                if let ClauseKind::DependsOn(names) = &clause.kind {
                    out.entry(step.name.span).or_insert(Written { clause: clause.span, names });
                }
            }
            open.extend(crate::check::allow::bodies(&step.action));
        }
    }
    out
}

pub(super) fn check(plan: &Plan, written: &HashMap<Span, Written<'_>>, found: &mut Vec<Diagnostic>) {
    bodies(&plan.body, &mut |body| one_body(body, written, found));
}

/// How many waits are followed in one body. Each list is looked through on its own, so a large body with long lists back to its
/// beginning would take the square of its size: there the rest is not told.
const MOST_LOOKS: usize = 1 << 22;

/// The statements of a body by what each waits for.
struct Order {
    home: HashMap<VarId, usize>,
    /// By statement: the statements of this body that it waits for.
    waits: Vec<Vec<usize>>,
    /// By statement: in which search it was met.
    met: Vec<usize>,
    searches: usize,
    looks: usize,
}

impl Order {
    fn of(body: &Body) -> Self {
        let home: HashMap<VarId, usize> =
            body.stmts.iter().enumerate().filter_map(|(i, s)| Some((s.var?, i))).collect();
        let own = |stmt| waits_for(stmt).iter().filter_map(|var| home.get(var).copied()).collect();
        let waits: Vec<Vec<usize>> = body.stmts.iter().map(own).collect();
        Order { met: vec![0; waits.len()], home, waits, searches: 0, looks: 0 }
    }

    /// Finds what has ended before the waits of a statement start, down to the statement `lowest`. Only earlier ones are
    /// waited for, so what lies before `lowest` never leads back to it.
    fn search(&mut self, stmt: usize, lowest: usize) {
        self.searches += 1;
        let mut open: Vec<usize> = self.waits.get(stmt).cloned().unwrap_or_default();
        while let Some(at) = open.pop() {
            for next in self.waits.get(at).into_iter().flatten().copied().filter(|next| *next >= lowest) {
                self.looks += 1;
                if let Some(met) = self.met.get_mut(next).filter(|met| **met != self.searches) {
                    *met = self.searches;
                    open.push(next);
                }
            }
        }
    }

    /// Whether the last search met a variable.
    fn met(&self, var: VarId) -> bool {
        self.home.get(&var).and_then(|at| self.met.get(*at)) == Some(&self.searches)
    }
}

fn one_body(body: &Body, written: &HashMap<Span, Written<'_>>, found: &mut Vec<Diagnostic>) {
    if body.stmts.iter().filter_map(step_of).all(|s| s.depends_on.is_empty()) {
        return;
    }
    let mut order = Order::of(body);
    for (index, stmt) in body.stmts.iter().enumerate() {
        if order.looks > MOST_LOOKS {
            return;
        }
        if let Some(written) = written.get(&stmt.name_span) {
            redundant((index, stmt), written, &mut order, found);
        }
    }
}

fn redundant(
    (index, stmt): (usize, &Stmt),
    written: &Written<'_>,
    order: &mut Order,
    found: &mut Vec<Diagnostic>,
) {
    let StmtKind::Step(step) = &stmt.kind else { return };
    if step.depends_on.len() != written.names.len() {
        return;
    }
    let mentions: Vec<VarId> = waits_for(stmt).into_iter().skip(step.depends_on.len()).collect();
    let homes = step.depends_on.iter().filter_map(|var| order.home.get(var).copied());
    if let Some(lowest) = homes.min() {
        order.search(index, lowest);
    }
    for (place, (var, name)) in step.depends_on.iter().zip(written.names).enumerate() {
        let again = step.depends_on.iter().take(place).any(|o| o == var);
        let why = if again {
            "it stands in this list already".to_owned()
        } else if mentions.contains(var) {
            format!("`{}` mentions it", stmt.name)
        } else if order.met(*var) {
            "what it waits for besides waits for it".to_owned()
        } else {
            continue;
        };
        let message = format!("`{}` waits for `{}` anyway", stmt.name, name.name);
        found.push(
            Diagnostic::new(Code::RedundantDependsOn, name.span, message)
                .label(why)
                .fix(format!("take `{}` out", name.name), vec![Edit::delete(cut(written, place))]),
        );
    }
}

/// What to delete: the name with a comma, or the clause where it is the only one.
fn cut(written: &Written<'_>, index: usize) -> Span {
    let at = |i: usize| written.names.get(i).map(|n| n.span);
    let Some(own) = at(index) else { return written.clause.head() };
    match (index.checked_sub(1).and_then(at), at(index + 1)) {
        (None, None) => written.clause,
        (_, Some(next)) => Span { end: next.start, ..own },
        (Some(before), None) => Span { start: before.end, ..own },
    }
}
