//! `redundant-depends-on`: a step that is waited for anyway.

use crate::check::UnitFile;
use crate::check::hir::{Body, Plan, Stmt, StmtKind};
use crate::check::visit::{bodies, step_of, waits_for};
use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::expr::VarId;
use crate::source::Span;
use crate::syntax::ast::{self, ClauseKind, Item};
use std::collections::{HashMap, HashSet};

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

fn one_body(body: &Body, written: &HashMap<Span, Written<'_>>, found: &mut Vec<Diagnostic>) {
    if body.stmts.iter().filter_map(step_of).all(|s| s.depends_on.is_empty()) {
        return;
    }
    let home: HashMap<VarId, usize> =
        body.stmts.iter().enumerate().filter_map(|(i, s)| Some((s.var?, i))).collect();
    // By statement: all that has ended before it starts, whatever happens.
    let mut before: Vec<HashSet<VarId>> = Vec::with_capacity(body.stmts.len());
    for stmt in &body.stmts {
        let mut all = HashSet::new();
        for var in waits_for(stmt) {
            behind(var, &home, &before, &mut all);
        }
        if let Some(written) = written.get(&stmt.name_span) {
            redundant(stmt, written, &home, &before, found);
        }
        before.push(all);
    }
}

/// A variable, and what it had waited for.
fn behind(var: VarId, home: &HashMap<VarId, usize>, before: &[HashSet<VarId>], all: &mut HashSet<VarId>) {
    all.insert(var);
    if let Some(earlier) = home.get(&var).and_then(|i| before.get(*i)) {
        all.extend(earlier);
    }
}

fn redundant(
    stmt: &Stmt,
    written: &Written<'_>,
    home: &HashMap<VarId, usize>,
    before: &[HashSet<VarId>],
    found: &mut Vec<Diagnostic>,
) {
    let StmtKind::Step(step) = &stmt.kind else { return };
    if step.depends_on.len() != written.names.len() {
        return;
    }
    let mentions: Vec<VarId> = waits_for(stmt).into_iter().skip(step.depends_on.len()).collect();
    let mut told: Vec<VarId> = Vec::new();
    for (index, (var, name)) in step.depends_on.iter().zip(written.names).enumerate() {
        let others = step.depends_on.iter().filter(|o| *o != var && !told.contains(o));
        let again = step.depends_on.iter().take(index).any(|o| o == var);
        let through = mentions.iter().chain(others).find(|other| {
            let mut all = HashSet::new();
            behind(**other, home, before, &mut all);
            all.contains(var)
        });
        let why = match through {
            _ if again => "it stands in this list already".to_owned(),
            Some(by) if by == var => format!("`{}` mentions it", stmt.name),
            Some(by) => match home.get(by) {
                Some(_) => "what it waits for besides waits for it".to_owned(),
                None => continue,
            },
            None => continue,
        };
        told.push(*var);
        let message = format!("`{}` waits for `{}` anyway", stmt.name, name.name);
        found.push(
            Diagnostic::new(Code::RedundantDependsOn, name.span, message)
                .label(why)
                .fix(format!("take `{}` out", name.name), vec![Edit::delete(cut(written, index))]),
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
