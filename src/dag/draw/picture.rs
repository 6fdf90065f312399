//! What is drawn: rows with what they wait for, regions with the rows inside.

use super::super::{Action, BodyDag, BodyId, Dag, Node, NodeKind, PlanDag, Reason};
use crate::check::hir::{Target, Tolerate};
use crate::expr::{Expr, ExprKind};
use crate::value::Value;
use std::collections::BTreeSet;

/// One plan.
pub(super) struct Picture {
    pub(super) title: String,
    pub(super) rows: Vec<Row>,
}

/// A statement.
pub(super) struct Row {
    pub(super) name: String,
    /// What it does, in a few words.
    pub(super) text: String,
    /// Earlier rows it waits for, those implied by others left out.
    pub(super) after: Vec<usize>,
    pub(super) sections: Vec<Section>,
    /// No `let`, `require` or `fail`.
    pub(super) is_step: bool,
}

/// A body inside a region.
pub(super) struct Section {
    /// `then`, `else`, a pattern; empty where there is only one.
    pub(super) label: String,
    /// What stands between the step's path and those inside: `.then`, `[]`, `["a"]`.
    pub(super) key: String,
    pub(super) rows: Vec<Row>,
}

/// The entry plan first, then those it calls.
pub(super) fn all(dag: &Dag) -> Vec<Picture> {
    let (mut entry, mut others): (Vec<&PlanDag>, Vec<&PlanDag>) =
        dag.plans().partition(|p| p.name.as_ref() == dag.entry().as_ref());
    entry.append(&mut others);
    entry.iter().map(|p| Picture { title: p.name.to_string(), rows: body(dag, p.body) }).collect()
}

fn body(dag: &Dag, id: BodyId) -> Vec<Row> {
    let Some(body) = dag.body(id) else { return Vec::new() };
    let after = reduced(&direct(body));
    body.nodes
        .iter()
        .zip(after)
        .enumerate()
        .map(|(me, (node, after))| row(dag, node, me, body, after))
        .collect()
}

/// For each statement those it waits for; joins, which stand for many edges, are seen through.
fn direct(body: &BodyDag) -> Vec<BTreeSet<usize>> {
    let count = body.nodes.len();
    let edges: Vec<(usize, usize)> = body.edges().map(|e| (e.from as usize, e.to as usize)).collect();
    let nodes = edges.iter().map(|(from, to)| from.max(to) + 1).max().unwrap_or(0).max(count);
    let mut sources: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); nodes];
    // Joins may feed each other: a few rounds settle them.
    let mut changed = true;
    while changed {
        changed = false;
        for (from, to) in &edges {
            let add: Vec<usize> = if *from < count {
                vec![*from]
            } else {
                sources.get(*from).map(|s| s.iter().copied().collect()).unwrap_or_default()
            };
            if let Some(set) = sources.get_mut(*to) {
                for source in add {
                    changed |= source != *to && set.insert(source);
                }
            }
        }
    }
    sources.truncate(count);
    sources
}

/// Leaves out what follows from the rest; beyond a thousand statements everything is kept.
fn reduced(after: &[BTreeSet<usize>]) -> Vec<Vec<usize>> {
    if after.len() > 1_000 {
        return after.iter().map(|s| s.iter().copied().collect()).collect();
    }
    let mut reach: Vec<BTreeSet<usize>> = Vec::with_capacity(after.len());
    let mut kept = Vec::with_capacity(after.len());
    for sources in after {
        let implied: BTreeSet<usize> =
            sources.iter().filter_map(|s| reach.get(*s)).flatten().copied().collect();
        kept.push(sources.iter().copied().filter(|s| !implied.contains(s)).collect());
        reach.push(implied.into_iter().chain(sources.iter().copied()).collect());
    }
    kept
}

fn row(dag: &Dag, node: &Node, me: usize, within: &BodyDag, after: Vec<usize>) -> Row {
    let (text, sections) = match &node.kind {
        NodeKind::Let(_) => ("let".to_owned(), Vec::new()),
        NodeKind::Require { kind, .. } => (format!("require, else {kind}"), Vec::new()),
        NodeKind::Fail { kind, .. } => (format!("fail with {kind}"), Vec::new()),
        NodeKind::Step(step) => {
            let (mut text, sections) = action(dag, &step.action);
            if step.when.is_some() {
                text.push_str("  when …");
            }
            if !step.on_error.is_empty() {
                text.push_str("  handles errors");
            }
            (text, sections)
        }
    };
    let name = match &node.kind {
        NodeKind::Require { .. } | NodeKind::Fail { .. } => String::new(),
        NodeKind::Let(_) | NodeKind::Step(_) => node.name.to_string(),
    };
    let is_step = matches!(node.kind, NodeKind::Step(_));
    Row { name, text: text + &hints(me, within), after, sections, is_step }
}

/// Where waiting costs parallelism and the text does not show why.
fn hints(me: usize, within: &BodyDag) -> String {
    let names = |reason: Reason| -> Vec<&str> {
        let from = within.edges().filter(|e| e.to as usize == me && e.reason == reason);
        from.filter_map(|e| within.nodes.get(e.from as usize)).map(|n| n.name.as_ref()).collect()
    };
    let conflict = names(Reason::Conflict);
    let inner = names(Reason::Inner);
    let mut text = String::new();
    if !conflict.is_empty() {
        text.push_str(&format!("  after {}: same resource", conflict.join(", ")));
    }
    if !inner.is_empty() {
        text.push_str(&format!("  inside: needs {}", inner.join(", ")));
    }
    text
}

fn action(dag: &Dag, action: &Action) -> (String, Vec<Section>) {
    let only = |id: BodyId, key: &str| {
        vec![Section { label: String::new(), key: key.to_owned(), rows: body(dag, id) }]
    };
    match action {
        Action::Call(call) => match &call.target {
            Target::Skill(name) => (name.to_string(), Vec::new()),
            Target::Plan(name) => (format!("plan {name}"), Vec::new()),
        },
        Action::Do(id) => ("do".to_owned(), only(*id, "")),
        Action::For(f) => {
            let part = |word: &str, e: &Option<Expr>| {
                e.as_ref().map_or_else(String::new, |e| format!(" {word} {}", literal(e)))
            };
            let tolerate = match &f.tolerate {
                None => String::new(),
                Some(Tolerate::Count(e)) => format!(" tolerate {}", literal(e)),
                Some(Tolerate::Percent(p)) => format!(" tolerate {p}%"),
            };
            let bounds =
                [part("max", &f.max), part("first", &f.first), part("parallel", &f.parallel), tolerate]
                    .concat();
            (format!("for each{bounds}"), only(f.body, "[]"))
        }
        Action::If { arms, otherwise } => {
            let label = |i: usize| if i == 0 { "then".to_owned() } else { format!("else if {i}") };
            let key = |i: usize| ".else".repeat(i);
            let last = otherwise.iter().map(|id| Section {
                label: "else".into(),
                key: key(arms.len()),
                rows: body(dag, *id),
            });
            let arms = arms.iter().enumerate().map(|(i, (_, id))| Section {
                label: label(i),
                key: key(i) + ".then",
                rows: body(dag, *id),
            });
            ("if".to_owned(), arms.chain(last).collect())
        }
        Action::Match { arms, .. } => {
            let label = |patterns: &[Expr]| match patterns {
                [] => "_".to_owned(),
                some => some.iter().map(literal).collect::<Vec<_>>().join(" | "),
            };
            let key =
                |patterns: &[Expr]| format!("[{}]", patterns.first().map_or("\"_\"".to_owned(), literal));
            let arms =
                arms.iter().map(|(p, id)| Section { label: label(p), key: key(p), rows: body(dag, *id) });
            ("match".to_owned(), arms.collect())
        }
        Action::Loop(l) => (format!("loop max {}", literal(&l.max)), only(l.body, "[]")),
        Action::Race(branches) => {
            let branch = |(i, id): (usize, &BodyId)| Section {
                label: i.to_string(),
                key: "[]".to_owned(),
                rows: body(dag, *id),
            };
            ("race".to_owned(), branches.iter().enumerate().map(branch).collect())
        }
    }
}

/// A literal as it is, anything else as `…`.
fn literal(expr: &Expr) -> String {
    match &*expr.kind {
        ExprKind::Literal(Value::Int(n)) => n.to_string(),
        ExprKind::Literal(Value::String(s)) => format!("{s:?}"),
        ExprKind::Literal(Value::Bool(b)) => b.to_string(),
        _ => "…".to_owned(),
    }
}
