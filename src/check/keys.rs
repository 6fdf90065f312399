//! `constant-key`: an idempotency key that is the same for every item of a loop, so that only the first call acts. Also where the
//! key stands in a plan that is called in a loop.

use super::hir::{Action, Body, Call, Plan, Target};
use super::roots::{Around, Roots, Table};
use super::visit;
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::VarId;
use crate::source::Span;
use indexmap::IndexMap;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// More keys of a plan are not followed to its callers.
const MAX_KEYS: usize = 64;

/// A key inside of a plan, and the inputs it hangs on.
#[derive(Clone)]
struct Inner {
    inputs: BTreeSet<VarId>,
    span: Span,
}

type Keys = HashMap<Arc<str>, Vec<Inner>>;

/// Checks all plans; called ones come first.
pub(super) fn check(plans: &IndexMap<Arc<str>, Plan>, found: &mut Vec<Diagnostic>) {
    let mut keys = Keys::new();
    for plan in plans.values() {
        let mut walk = Walk { plans, keys: &keys, own: Vec::new(), found, table: None, plan };
        walk.body(&plan.body, &mut Vec::new());
        let own = walk.own;
        if !own.is_empty() {
            keys.insert(plan.name.clone(), own);
        }
    }
}

struct Walk<'a> {
    plans: &'a IndexMap<Arc<str>, Plan>,
    keys: &'a Keys,
    own: Vec<Inner>,
    found: &'a mut Vec<Diagnostic>,
    /// Made when it is needed first.
    table: Option<Table>,
    plan: &'a Plan,
}

impl Walk<'_> {
    fn body(&mut self, body: &Body, around: &mut Vec<Around>) {
        for step in body.stmts.iter().filter_map(visit::step_of) {
            if let Some(key) = &step.key {
                let roots = self.roots(key);
                if around.iter().all(|a| a.varies(&roots)) {
                    self.keep(&roots, key.span);
                } else {
                    self.found.push(
                        Diagnostic::new(Code::ConstantKey, key.span, "the key is the same for every item")
                            .label("nothing here depends on the item")
                            .help("mention the item in the key"),
                    );
                }
            }
            for call in visit::calls(step) {
                self.call(call, around);
            }
            let own = match &step.action {
                Action::For(f) => Some(Around::of_for(f)),
                Action::Loop(l) => Some(Around::of_loop(l)),
                Action::Call(_) | Action::Do(_) | Action::If(_) | Action::Match(_) | Action::Race(_) => None,
            };
            around.extend(own);
            for inner in super::inner(&step.action) {
                self.body(inner, around);
            }
            if own.is_some() {
                around.pop();
            }
        }
    }

    fn roots(&mut self, expr: &crate::expr::Expr) -> Roots {
        let plan = self.plan;
        self.table.get_or_insert_with(|| Table::of(plan)).expr(expr)
    }

    fn keep(&mut self, roots: &Roots, span: Span) {
        // What the world gave is another thing at the next call.
        if roots.world.is_none() && self.own.len() < MAX_KEYS {
            self.own.push(Inner { inputs: roots.inputs.clone(), span });
        }
    }

    /// A call of a plan that has keys.
    fn call(&mut self, call: &Call, around: &[Around]) {
        let Target::Plan(name) = &call.target else { return };
        let keys = self.keys;
        let (Some(plan), Some(keys)) = (self.plans.get(name), keys.get(name)) else { return };
        for key in keys {
            let mut roots = Roots::default();
            for param in plan.params.iter().filter(|p| key.inputs.contains(&p.var)) {
                if let Some(arg) = call.args.iter().find(|a| a.name == param.name) {
                    let more = self.roots(&arg.value);
                    roots.items.extend(more.items);
                    roots.inputs.extend(more.inputs);
                    roots.world = roots.world.max(more.world);
                }
            }
            if around.iter().all(|a| a.varies(&roots)) {
                self.keep(&roots, key.span);
                continue;
            }
            let message = format!("a key in `{name}` is the same for every item");
            self.found.push(
                Diagnostic::new(Code::ConstantKey, call.span, message)
                    .label("none of the arguments that the key mentions depends on the item")
                    .also(key.span, "the key")
                    .help("mention in the key what differs from item to item, and pass it on"),
            );
            return;
        }
    }
}
