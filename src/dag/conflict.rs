//! Which steps of a body may not run at once, as few edges as say it.
//!
//! Like readers and writers of many locks: per resource the last writers and what shared it since. Where that would take many
//! edges, a *join* (a node without a statement) stands for them, so that edges stay linear in the steps.

use crate::check::hir::{Body, Effect, StmtKind};
use crate::check::resources::Name;
use crate::expr::{BinaryOp, Expr, ExprKind};
use crate::syntax::ast::EffectKind;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// More edges than this from one step over one name become a join.
const FAN: usize = 64;

/// A step that wrote or shared a resource, with its condition.
#[derive(Clone, Debug)]
struct User {
    node: u32,
    when: Option<std::rc::Rc<Condition>>,
}

/// A `when`, in a form that can be compared.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Condition {
    text: String,
    negated: bool,
}

#[derive(Debug, Default)]
struct Users {
    writers: Vec<User>,
    sharers: Vec<User>,
}

/// Finds the conflicts of one body; steps come in the order of the text.
#[derive(Debug)]
pub(super) struct Conflicts {
    exact: BTreeMap<String, Users>,
    prefix: BTreeMap<String, Users>,
    next_join: u32,
    edges: BTreeSet<(u32, u32)>,
}

impl Conflicts {
    /// `nodes`: how many statements the body has; joins are numbered from there.
    pub(super) fn new(nodes: u32) -> Self {
        Conflicts {
            exact: BTreeMap::new(),
            prefix: BTreeMap::new(),
            next_join: nodes,
            edges: BTreeSet::new(),
        }
    }

    /// How many nodes there are with the joins, and the edges.
    pub(super) fn finish(self) -> (u32, BTreeSet<(u32, u32)>) {
        (self.next_join, self.edges)
    }

    /// Adds a step with all its effects.
    pub(super) fn add(&mut self, node: u32, when: Option<&Expr>, effects: &[Effect]) {
        let mut uses: BTreeMap<Name, bool> = BTreeMap::new();
        for effect in effects {
            let write = match effect.kind {
                EffectKind::Pure => continue,
                EffectKind::Reads | EffectKind::Appends => false,
                EffectKind::Writes | EffectKind::Irreversible => true,
            };
            *uses.entry(Name::of(effect.resource.as_ref())).or_default() |= write;
        }
        if uses.is_empty() {
            return;
        }
        let user = User { node, when: when.map(|w| std::rc::Rc::new(condition(w))) };
        // Edges first: a step does not conflict with itself.
        for (name, write) in &uses {
            self.order(name, *write, &user);
        }
        for (name, write) in uses {
            self.enter(name, write, &user);
        }
    }

    /// Edges from what uses the name already.
    fn order(&mut self, name: &Name, write: bool, user: &User) {
        self.thin(name);
        let mut edges = Vec::new();
        for users in self.overlapping(name) {
            let shared = if write { users.sharers.as_slice() } else { &[] };
            let before = users.writers.iter().chain(shared);
            edges.extend(before.filter(|b| !excludes(b, user)).map(|b| (b.node, user.node)));
        }
        self.edges.extend(edges);
    }

    fn enter(&mut self, name: Name, write: bool, user: &User) {
        // A writer without a condition stands for all that came before it.
        if write && user.when.is_none() {
            match &name {
                Name::Exact(text) => {
                    self.exact.remove(text);
                }
                Name::Prefix(text) => self.forget(text),
            }
        }
        let users = match name {
            Name::Exact(text) => self.exact.entry(text).or_default(),
            Name::Prefix(text) => self.prefix.entry(text).or_default(),
        };
        let list = if write { &mut users.writers } else { &mut users.sharers };
        list.push(user.clone());
    }

    fn overlapping<'a>(&'a self, name: &'a Name) -> Vec<&'a Users> {
        let text = match name {
            Name::Exact(text) | Name::Prefix(text) => text,
        };
        let mut found: Vec<&Users> = Vec::new();
        let ends = text.char_indices().map(|(i, _)| i).chain([text.len()]);
        if !self.prefix.is_empty() {
            found.extend(ends.filter_map(|end| self.prefix.get(text.get(..end)?)));
        }
        match name {
            Name::Exact(text) => found.extend(self.exact.get(text)),
            Name::Prefix(text) => {
                let longer = under(&self.prefix, text).filter(|(k, _)| *k != text).map(|(_, users)| users);
                found.extend(longer);
                found.extend(under(&self.exact, text).map(|(_, users)| users));
            }
        }
        found
    }

    fn forget(&mut self, prefix: &str) {
        for map in [&mut self.exact, &mut self.prefix] {
            let keys: Vec<String> = under(map, prefix).map(|(k, _)| k.clone()).collect();
            for key in keys {
                map.remove(&key);
            }
        }
    }

    /// Puts a join in the place of many users of this name: of those whose names all lie under it, and, for an exact name, of its own.
    fn thin(&mut self, name: &Name) {
        match name {
            Name::Exact(text) => {
                if self.exact.get(text).is_some_and(crowded)
                    && let Some(users) = self.exact.remove(text)
                {
                    let join = self.join([users]);
                    self.exact.insert(text.clone(), join);
                }
                let ends: Vec<usize> = text.char_indices().map(|(i, _)| i).chain([text.len()]).collect();
                for end in ends {
                    let Some(prefix) = text.get(..end) else { continue };
                    if self.prefix.get(prefix).is_some_and(crowded)
                        && let Some(users) = self.prefix.remove(prefix)
                    {
                        let join = self.join([users]);
                        self.prefix.insert(prefix.to_owned(), join);
                    }
                }
            }
            Name::Prefix(text) => {
                let inside = |map: &BTreeMap<String, Users>| -> usize {
                    under(map, text).map(|(_, u)| weight(u)).sum()
                };
                if inside(&self.exact) + inside(&self.prefix) > FAN {
                    let mut all = Vec::new();
                    for map in [&mut self.exact, &mut self.prefix] {
                        let keys: Vec<String> = under(map, text).map(|(k, _)| k.clone()).collect();
                        all.extend(keys.iter().filter_map(|k| map.remove(k)));
                    }
                    let join = self.join(all);
                    self.prefix.insert(text.clone(), join);
                }
                for end in text.char_indices().map(|(i, _)| i).collect::<Vec<_>>() {
                    let Some(prefix) = text.get(..end) else { continue };
                    if self.prefix.get(prefix).is_some_and(crowded)
                        && let Some(users) = self.prefix.remove(prefix)
                    {
                        let join = self.join([users]);
                        self.prefix.insert(prefix.to_owned(), join);
                    }
                }
            }
        }
    }

    fn join(&mut self, all: impl IntoIterator<Item = Users>) -> Users {
        let join = self.next_join;
        self.next_join += 1;
        for users in all {
            self.edges.extend(users.writers.iter().chain(&users.sharers).map(|u| (u.node, join)));
        }
        Users { writers: vec![User { node: join, when: None }], sharers: Vec::new() }
    }
}

/// For each statement of a body the earlier steps that it waits for because both touch a resource.
pub(crate) fn order(body: &Body) -> Vec<Vec<u32>> {
    let count = body.stmts.len() as u32;
    let mut conflicts = Conflicts::new(count);
    for (index, stmt) in body.stmts.iter().enumerate() {
        if let StmtKind::Step(step) = &stmt.kind {
            conflicts.add(index as u32, step.when.as_ref(), &step.effects);
        }
    }
    let (nodes, edges) = conflicts.finish();
    let mut before: Vec<Vec<u32>> = vec![Vec::new(); nodes as usize];
    for (from, to) in edges {
        // A join stands for those that it waits for; their number only matters where it is small.
        let from =
            if from < count { vec![from] } else { before.get(from as usize).cloned().unwrap_or_default() };
        if let Some(list) = before.get_mut(to as usize) {
            list.extend(from.into_iter().take(FAN));
        }
    }
    before.truncate(count as usize);
    before
}

fn weight(users: &Users) -> usize {
    users.writers.len() + users.sharers.len()
}

/// Many writers, which every later step would wait for; sharers alone are waited for once, by the next writer.
fn crowded(users: &Users) -> bool {
    users.writers.len() > FAN
        || (!users.writers.is_empty()
            && users.writers.iter().all(|w| w.when.is_some())
            && weight(users) > FAN)
}

fn under<'a>(
    map: &'a BTreeMap<String, Users>,
    prefix: &'a str,
) -> impl Iterator<Item = (&'a String, &'a Users)> {
    map.range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
        .take_while(move |(k, _)| k.starts_with(prefix))
}

fn excludes(a: &User, b: &User) -> bool {
    match (&a.when, &b.when) {
        (Some(a), Some(b)) => a.text == b.text && a.negated != b.negated,
        _ => false,
    }
}

fn condition(when: &Expr) -> Condition {
    let mut expr = when;
    let mut negated = false;
    while let ExprKind::Not(inner) = expr.kind.as_ref() {
        negated = !negated;
        expr = inner;
    }
    // `!=` is the negation of `==`.
    if let ExprKind::Binary { op: op @ (BinaryOp::Eq | BinaryOp::Ne), left, right } = expr.kind.as_ref() {
        return Condition {
            text: format!("{} == {}", text_of(left), text_of(right)),
            negated: negated ^ (*op == BinaryOp::Ne),
        };
    }
    Condition { text: text_of(expr), negated }
}

/// An expression without its places.
fn text_of(expr: &Expr) -> String {
    let mut tree = serde_json::to_value(expr).unwrap_or_default();
    let mut todo = vec![&mut tree];
    while let Some(node) = todo.pop() {
        match node {
            serde_json::Value::Object(map) => {
                map.remove("span");
                todo.extend(map.values_mut());
            }
            serde_json::Value::Array(items) => todo.extend(items),
            _ => {}
        }
    }
    tree.to_string()
}
