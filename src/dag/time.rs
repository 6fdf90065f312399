//! The worst time a body can take, as far as literals say; only the order of starts depends on it.

use super::{Action, BodyDag, Dag, NodeKind, StepNode};
use crate::check::hir::Target;
use crate::expr::{Expr, ExprKind};
use crate::value::Value;
use petgraph::graph::NodeIndex;

/// What a call without `time` and `timeout` has, in milliseconds.
pub(super) const DEFAULT_MS: u64 = 60_000;

/// Fills in the times of all bodies. `owner` is the plan of each body; outer bodies come before inner ones.
pub(super) fn fill(dag: &mut Dag, owner: &[u32]) {
    let mut bodies: Vec<Vec<u32>> = vec![Vec::new(); dag.plans.len()];
    for (body, plan) in owner.iter().enumerate() {
        if let Some(list) = bodies.get_mut(*plan as usize) {
            list.push(body as u32);
        }
    }
    let mut totals = vec![0_u64; owner.len()];
    for plan in callees_first(dag, &bodies) {
        for body in bodies.get(plan).into_iter().flatten().rev() {
            let index = *body as usize;
            let Some(graph) = dag.bodies.get(index) else { continue };
            let own: Vec<u64> = graph.nodes.iter().map(|n| node_ms(dag, &n.kind, &totals)).collect();
            let remaining = remaining(graph, &own);
            if let Some(total) = totals.get_mut(index) {
                *total = remaining.iter().copied().max().unwrap_or(0);
            }
            if let Some(graph) = dag.bodies.get_mut(index) {
                graph.remaining = remaining;
            }
        }
        if let Some((_, plan)) = dag.plans.get_index_mut(plan) {
            plan.worst_ms = totals.get(plan.body.0 as usize).copied().unwrap_or(0);
        }
    }
}

/// The plans, called ones before their callers.
fn callees_first(dag: &Dag, bodies: &[Vec<u32>]) -> Vec<usize> {
    let callees = |plan: usize| -> Vec<usize> {
        let nodes = bodies.get(plan).into_iter().flatten().filter_map(|b| dag.bodies.get(*b as usize));
        let kinds = nodes.flat_map(|b| &b.nodes).map(|n| &n.kind);
        kinds.filter_map(|k| called_plan(k).and_then(|name| dag.plans.get_index_of(name))).collect()
    };
    let mut order = Vec::new();
    let mut seen = vec![false; dag.plans.len()];
    for root in 0..dag.plans.len() {
        let mut stack = vec![(root, false)];
        while let Some((plan, done)) = stack.pop() {
            if done {
                order.push(plan);
                continue;
            }
            match seen.get_mut(plan) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            stack.push((plan, true));
            stack.extend(callees(plan).into_iter().map(|p| (p, false)));
        }
    }
    order
}

fn called_plan(kind: &NodeKind) -> Option<&str> {
    match kind {
        NodeKind::Step(step) => match &step.action {
            Action::Call(call) => match &call.target {
                Target::Plan(name) => Some(name),
                Target::Skill(_) => None,
            },
            _ => None,
        },
        NodeKind::Let(_) | NodeKind::Require { .. } | NodeKind::Fail { .. } => None,
    }
}

fn remaining(body: &BodyDag, own: &[u64]) -> Vec<u64> {
    let mut times = vec![0_u64; body.graph.node_count()];
    // Edges go down the text but for joins, so the order is found, not assumed.
    let order = petgraph::algo::toposort(&body.graph, None).unwrap_or_default();
    for node in order.into_iter().rev() {
        let after = body.graph.neighbors(node).filter_map(|n: NodeIndex| times.get(n.index())).max();
        let total = own.get(node.index()).copied().unwrap_or(0).saturating_add(after.copied().unwrap_or(0));
        if let Some(slot) = times.get_mut(node.index()) {
            *slot = total;
        }
    }
    times.truncate(own.len());
    times
}

fn node_ms(dag: &Dag, kind: &NodeKind, totals: &[u64]) -> u64 {
    match kind {
        NodeKind::Let(_) | NodeKind::Require { .. } | NodeKind::Fail { .. } => 0,
        NodeKind::Step(step) => step_ms(dag, step, totals),
    }
}

fn step_ms(dag: &Dag, step: &StepNode, totals: &[u64]) -> u64 {
    let body = |id: super::BodyId| totals.get(id.0 as usize).copied().unwrap_or(0);
    let most = |action: &Action| action.bodies().into_iter().map(body).max().unwrap_or(0);
    let total = match &step.action {
        Action::Call(call) => match &call.target {
            Target::Plan(name) => dag.plans.get(name).map_or(DEFAULT_MS, |p| p.worst_ms),
            Target::Skill(name) if super::is_sleep(name) => {
                call.args.first().and_then(|a| literal_ms(&a.value)).unwrap_or(DEFAULT_MS)
            }
            Target::Skill(name) => {
                let skill = dag.skills.get(name).and_then(|s| s.time.as_ref());
                step.timeout.as_ref().or(skill).and_then(literal_ms).unwrap_or(DEFAULT_MS)
            }
        },
        Action::For(f) => {
            let count = f.first.as_ref().or(f.max.as_ref()).and_then(literal_int).unwrap_or(1);
            let parallel = f.parallel.as_ref().and_then(literal_int).unwrap_or(1).max(1);
            body(f.body).saturating_mul(count.div_ceil(parallel))
        }
        Action::Loop(l) => body(l.body).saturating_mul(literal_int(&l.max).unwrap_or(1)),
        Action::Do(_) | Action::If { .. } | Action::Match { .. } | Action::Race(_) => most(&step.action),
    };
    total.min(step.deadline.as_ref().and_then(literal_ms).unwrap_or(u64::MAX))
}

fn literal_ms(expr: &Expr) -> Option<u64> {
    match expr.kind.as_ref() {
        ExprKind::Literal(Value::Duration(d)) => u64::try_from(d.as_millis()).ok(),
        _ => None,
    }
}

fn literal_int(expr: &Expr) -> Option<u64> {
    match expr.kind.as_ref() {
        ExprKind::Literal(Value::Int(n)) => u64::try_from(*n).ok(),
        _ => None,
    }
}
