//! `resource-race`: iterations of a parallel `for`, or branches of a `race`, that touch one resource in no order.
//!
//! In one body, steps that may touch the same resource run in text order. Iterations and branches have no order. Where the name
//! of the resource hangs on the item, it may still turn out to be the same for two items: that only the engine can see, which
//! then lets one wait for the other ([`in_turn`] counts these).

use super::closed::fingerprint;
use super::hir::{Action, Body, Effect, For, Plan, Step, Target};
use super::resources::Name;
use super::roots::{Around, Roots, Table, asks_the_time};
use super::visit;
use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::expr::{Expr, ExprKind};
use crate::source::{Sources, Span};
use crate::syntax::ast::EffectKind;
use crate::value::Value;
use indexmap::IndexMap;
use std::sync::Arc;

/// More uses of resources of one `for` or branch are not compared.
const MAX_USES: usize = 500;

/// One use of a resource.
struct Use<'h> {
    effect: &'h Effect,
    name: Name,
    span: Span,
    callee: &'h str,
    roots: Roots,
    /// Its name is made inside the plan that is called, of what the arguments say.
    hidden: bool,
    moves: bool,
}

impl Use<'_> {
    fn writes(&self) -> bool {
        self.effect.kind >= EffectKind::Writes
    }

    fn text(&self) -> String {
        match (&self.name, &self.effect.resource) {
            (Name::Exact(text), _) => format!("`{text}`"),
            (Name::Pattern { start, end }, _) if !start.is_empty() => format!("`{start}…{end}`"),
            (Name::Pattern { .. }, Some(_)) => "a resource with a computed name".to_owned(),
            (Name::Pattern { .. }, None) => "a resource without a name".to_owned(),
        }
    }
}

pub(super) fn check(plans: &IndexMap<Arc<str>, Plan>, sources: &Sources, found: &mut Vec<Diagnostic>) {
    for plan in plans.values() {
        let mut table = None;
        visit::bodies(&plan.body, &mut |body| {
            for step in body.stmts.iter().filter_map(visit::step_of) {
                match &step.action {
                    Action::For(f) if parallel(f) => {
                        let table = table.get_or_insert_with(|| Table::of(plan));
                        iterations(f, table, sources, found);
                    }
                    Action::Race(branches) => {
                        let table = table.get_or_insert_with(|| Table::of(plan));
                        race(branches, table, found);
                    }
                    Action::For(_)
                    | Action::Call(_)
                    | Action::Do(_)
                    | Action::If(_)
                    | Action::Match(_)
                    | Action::Loop(_) => {}
                }
            }
        });
    }
}

/// How many calls of a plan write what only the running value names, in no order: the engine lets one wait for the other.
pub(super) fn in_turn(plan: &Plan) -> usize {
    let mut places: Vec<Span> = Vec::new();
    let mut table = None;
    visit::bodies(&plan.body, &mut |body| {
        for step in body.stmts.iter().filter_map(visit::step_of) {
            let bodies = match &step.action {
                Action::For(f) if parallel(f) => vec![&f.body],
                Action::Race(branches) => branches.iter().collect(),
                Action::For(_)
                | Action::Call(_)
                | Action::Do(_)
                | Action::If(_)
                | Action::Match(_)
                | Action::Loop(_) => continue,
            };
            let table = table.get_or_insert_with(|| Table::of(plan));
            for u in bodies.into_iter().flat_map(|b| uses(b, table)) {
                if u.writes() && (u.hidden || matches!(u.name, Name::Pattern { .. })) {
                    places.push(u.span);
                }
            }
        }
    });
    places.sort_unstable();
    places.dedup();
    places.len()
}

fn parallel(f: &For) -> bool {
    f.parallel.as_ref().is_some_and(|n| !matches!(&*n.kind, ExprKind::Literal(Value::Int(1))))
}

/// The uses in a body and all inside it.
fn uses<'h>(body: &'h Body, table: &Table) -> Vec<Use<'h>> {
    let mut out = Vec::new();
    visit::bodies(body, &mut |b| {
        for step in b.stmts.iter().filter_map(visit::step_of) {
            of_call(step, table, &mut out);
        }
    });
    out.truncate(MAX_USES);
    out
}

fn of_call<'h>(step: &'h Step, table: &Table, out: &mut Vec<Use<'h>>) {
    let Action::Call(call) = &step.action else { return };
    let (Target::Skill(callee) | Target::Plan(callee)) = &call.target;
    for effect in step.effects.iter().filter(|e| e.kind != EffectKind::Pure) {
        let open = effect.resource.as_ref().is_none_or(super::effects::has_unseen);
        let hidden = open && matches!(call.target, Target::Plan(_));
        let mut roots = Roots::default();
        let mut moves = false;
        let mut look = |e: &Expr| {
            let more = table.expr(e);
            roots.items.extend(more.items);
            roots.world = roots.world.max(more.world);
            moves |= asks_the_time(e);
        };
        if let Some(resource) = &effect.resource {
            look(resource);
        }
        if hidden {
            call.args.iter().for_each(|a| look(&a.value));
        }
        let name = Name::of(effect.resource.as_ref());
        out.push(Use { effect, name, span: call.span, callee, roots, hidden, moves });
    }
}

fn iterations(f: &For, table: &Table, sources: &Sources, found: &mut Vec<Diagnostic>) {
    let around = Around::of_for(f);
    let all = uses(&f.body, table);
    let fixed = |u: &Use<'_>| !u.moves && !around.varies(&u.roots);
    for write in all.iter().filter(|u| u.writes() && fixed(u)) {
        let Some(other) = all.iter().find(|o| fixed(o) && write.name.overlaps(&o.name)) else { continue };
        let message = format!("iterations run at once, and each of them writes {}", write.text());
        let mut d = Diagnostic::new(Code::ResourceRace, write.span, message)
            .label(format!("`{}` writes it, whatever the item is", write.callee));
        if other.span != write.span {
            d = d.also(other.span, format!("`{}` uses it too", other.callee));
        }
        if let Some(n) = &f.parallel {
            d = d.also(n.span, "so many run at once");
            if let Some(clause) = clause(n.span, sources) {
                d = d.fix("run one at a time", vec![Edit::delete(clause)]);
            }
        }
        found.push(d.help("let the name of the resource depend on the item, or take `parallel` away"));
        // The others have the same cause.
        return;
    }
}

/// ` parallel N`, with the blank before it.
fn clause(number: Span, sources: &Sources) -> Option<Span> {
    let text = &sources.get(number.source)?.text;
    let before = text.get(..number.start as usize)?;
    let start =
        before.trim_end_matches(['(', ' ', '\t', '\n', '\r']).strip_suffix("parallel")?.trim_end().len();
    // An expression stands in parentheses.
    let open = before.trim_end().ends_with('(');
    let rest = text.get(number.end as usize..)?;
    let close = if open { rest.find(')').map_or(0, |n| n + 1) } else { 0 };
    let end = number.end as usize + close;
    Some(Span::new(number.source, start, end))
}

fn race(branches: &[Body], table: &Table, found: &mut Vec<Diagnostic>) {
    let all: Vec<Vec<Use<'_>>> = branches.iter().map(|b| uses(b, table)).collect();
    for (index, branch) in all.iter().enumerate() {
        let others = || all.iter().skip(index + 1).flatten();
        for one in branch {
            let clash = |o: &&Use<'_>| (one.writes() || o.writes()) && same(one, o);
            let Some(other) = others().find(clash) else { continue };
            let message = format!("branches of a `race` run at once, and two of them use {}", one.text());
            found.push(
                Diagnostic::new(Code::ResourceRace, other.span, message)
                    .label(format!("`{}` uses it", other.callee))
                    .also(one.span, format!("`{}` uses it too", one.callee))
                    .help("let each branch use a resource of its own, or use it before or behind the `race`"),
            );
            return;
        }
    }
}

/// Whether two uses name the same resource for sure.
fn same(a: &Use<'_>, b: &Use<'_>) -> bool {
    match (&a.name, &b.name) {
        (Name::Exact(x), Name::Exact(y)) => x == y,
        (Name::Exact(_) | Name::Pattern { .. }, _) => match (&a.effect.resource, &b.effect.resource) {
            (Some(x), Some(y)) => fingerprint(x) == fingerprint(y),
            (None, _) => !a.hidden,
            (_, None) => !b.hidden,
        },
    }
}
