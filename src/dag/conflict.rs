//! Which steps of a body may not run at once, as few edges as say it.
//!
//! Like readers and writers of many locks: per resource the last writers and what shared it since. Where that would take many
//! edges, a *join* (a node without a statement) stands for them, so that edges stay linear in the steps.
//!
//! A computed name is known by how it starts and ends. Joins look at the start only: where there are many, it is taken that
//! names with different ends may be the same.

use crate::check::hir::{Body, Effect, StmtKind};
use crate::check::resources::{Name, fits};
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

/// The users of computed names with one start, by their end.
type Ends = BTreeMap<String, Users>;

/// Finds the conflicts of one body; steps come in the order of the text.
#[derive(Debug)]
pub(super) struct Conflicts {
    exact: BTreeMap<String, Users>,
    /// By how the name starts.
    computed: BTreeMap<String, Ends>,
    next_join: u32,
    edges: BTreeSet<(u32, u32)>,
}

impl Conflicts {
    /// `nodes`: how many statements the body has; joins are numbered from there.
    pub(super) fn new(nodes: u32) -> Self {
        Conflicts {
            exact: BTreeMap::new(),
            computed: BTreeMap::new(),
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
        // A writer without a condition stands for all that came before it under its names.
        if write && user.when.is_none() {
            match &name {
                Name::Exact(text) => {
                    self.exact.remove(text);
                }
                Name::Pattern { start, end } => self.forget(start, end),
            }
        }
        let users = match name {
            Name::Exact(text) => self.exact.entry(text).or_default(),
            Name::Pattern { start, end } => {
                let ends = self.computed.entry(start).or_default();
                // Too many are not told apart.
                let end = if ends.len() < FAN || ends.contains_key(&end) { end } else { String::new() };
                ends.entry(end).or_default()
            }
        };
        let list = if write { &mut users.writers } else { &mut users.sharers };
        list.push(user.clone());
    }

    fn overlapping<'a>(&'a self, name: &'a Name) -> Vec<&'a Users> {
        let mut found: Vec<&Users> = Vec::new();
        let start = match name {
            Name::Exact(text) => {
                found.extend(self.exact.get(text));
                text
            }
            Name::Pattern { start, end } => {
                let exact = under(&self.exact, start).filter(|(text, _)| fits(text, start, end));
                found.extend(exact.map(|(_, users)| users));
                let longer = under(&self.computed, start).filter(|(k, _)| *k != start);
                found.extend(longer.flat_map(|(k, ends)| of_ends(k, ends, name)));
                start
            }
        };
        if !self.computed.is_empty() {
            for shorter in starts(start) {
                found.extend(self.computed.get(shorter).into_iter().flat_map(|e| of_ends(shorter, e, name)));
            }
        }
        found
    }

    /// Forgets the users of names that all start and end so.
    fn forget(&mut self, start: &str, end: &str) {
        let exact: Vec<String> = under(&self.exact, start).map(|(k, _)| k.clone()).collect();
        for key in exact.iter().filter(|k| fits(k, start, end)) {
            self.exact.remove(key);
        }
        let longer: Vec<String> = under(&self.computed, start).map(|(k, _)| k.clone()).collect();
        for key in longer {
            if let Some(ends) = self.computed.get_mut(&key) {
                ends.retain(|e, _| !e.ends_with(end));
                if ends.is_empty() {
                    self.computed.remove(&key);
                }
            }
        }
    }

    /// Puts a join in the place of many users of this name: of those whose names all start like it, and, for an exact name, of its own.
    fn thin(&mut self, name: &Name) {
        let start = match name {
            Name::Exact(text) => {
                if self.exact.get(text).is_some_and(|users| crowded([users]))
                    && let Some(users) = self.exact.remove(text)
                {
                    let join = self.join([users]);
                    self.exact.insert(text.clone(), join);
                }
                text
            }
            Name::Pattern { start, .. } => {
                let exact = under(&self.exact, start).map(|(_, users)| users);
                let computed = under(&self.computed, start).flat_map(|(_, ends)| ends.values());
                if exact.chain(computed).map(weight).sum::<usize>() > FAN {
                    let mut all = taken(&mut self.exact, start);
                    all.extend(taken(&mut self.computed, start).into_iter().flat_map(Ends::into_values));
                    let join = self.join(all);
                    self.computed.insert(start.clone(), Ends::from([(String::new(), join)]));
                }
                start
            }
        };
        for shorter in starts(start) {
            if self.computed.get(shorter).is_some_and(|ends| crowded(ends.values()))
                && let Some(ends) = self.computed.remove(shorter)
            {
                let join = self.join(ends.into_values());
                self.computed.insert(shorter.to_owned(), Ends::from([(String::new(), join)]));
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

/// Many writers, which every later step would wait for; sharers alone are waited for once, by the next writer that stands for them.
fn crowded<'a>(all: impl IntoIterator<Item = &'a Users>) -> bool {
    let (mut ends, mut writers, mut users, mut replaces) = (0, 0, 0, false);
    for one in all {
        ends += 1;
        writers += one.writers.len();
        users += weight(one);
        replaces |= one.writers.iter().any(|w| w.when.is_none());
    }
    writers > FAN || (writers > 0 && (ends > 1 || !replaces) && users > FAN)
}

/// The users of computed names with this start that may be the name.
fn of_ends<'a>(start: &'a str, ends: &'a Ends, name: &'a Name) -> impl Iterator<Item = &'a Users> {
    let may_be = move |end: &str| match name {
        Name::Exact(text) => fits(text, start, end),
        Name::Pattern { end: own, .. } => own.ends_with(end) || end.ends_with(own.as_str()),
    };
    ends.iter().filter(move |(end, _)| may_be(end)).map(|(_, users)| users)
}

/// All beginnings of a text, the whole of it last.
fn starts(text: &str) -> impl Iterator<Item = &str> {
    text.char_indices().map(|(i, _)| i).chain([text.len()]).filter_map(|end| text.get(..end))
}

fn under<'a, T>(map: &'a BTreeMap<String, T>, start: &'a str) -> impl Iterator<Item = (&'a String, &'a T)> {
    map.range::<str, _>((Bound::Included(start), Bound::Unbounded))
        .take_while(move |(k, _)| k.starts_with(start))
}

/// Takes out all whose key starts so.
fn taken<T>(map: &mut BTreeMap<String, T>, start: &str) -> Vec<T> {
    let keys: Vec<String> = under(map, start).map(|(k, _)| k.clone()).collect();
    keys.iter().filter_map(|k| map.remove(k)).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::VarId;
    use crate::source::Span;
    use crate::types::Type;
    use crate::value::Value;

    fn node(kind: ExprKind) -> Expr {
        Expr { kind: Box::new(kind), span: Span::default(), ty: Type::String }
    }

    /// `*` stands for what is not known.
    fn effect(kind: EffectKind, name: &str) -> Effect {
        let text = |t: &str| node(ExprKind::Literal(Value::String(t.into())));
        let mut parts = Vec::new();
        for (i, piece) in name.split('*').enumerate() {
            if i > 0 {
                parts.push(node(ExprKind::Var(VarId(0))));
            }
            parts.push(text(piece));
        }
        let resource = if parts.len() == 1 { text(name) } else { node(ExprKind::Interpolate(parts)) };
        Effect { kind, resource: Some(resource) }
    }

    fn edges_of(steps: &[(EffectKind, String)]) -> Vec<Vec<bool>> {
        let mut conflicts = Conflicts::new(steps.len() as u32);
        for (i, (kind, name)) in steps.iter().enumerate() {
            conflicts.add(i as u32, None, &[effect(*kind, name)]);
        }
        let (nodes, edges) = conflicts.finish();
        let mut waits = vec![vec![false; nodes as usize]; nodes as usize];
        for (from, to) in edges {
            waits[to as usize][from as usize] = true;
        }
        waits
    }

    /// Whether a step waits for another, perhaps through others.
    fn reaches(waits: &[Vec<bool>], from: usize, to: usize) -> bool {
        let mut seen = vec![false; waits.len()];
        let mut open = vec![to];
        while let Some(at) = open.pop() {
            if at == from {
                return true;
            }
            if !std::mem::replace(&mut seen[at], true) {
                open.extend((0..waits.len()).filter(|n| waits[at][*n]));
            }
        }
        false
    }

    fn step(kind: EffectKind, name: &str) -> (EffectKind, String) {
        (kind, name.to_owned())
    }

    #[test]
    fn names_that_end_differently_do_not_wait() {
        use EffectKind::{Reads, Writes};
        let direct = |first: &str, second: &str| edges_of(&[step(Writes, first), step(Reads, second)])[1][0];
        assert!(!direct("file:*-index.json", "file:*.html"));
        assert!(!direct("file:*.json", "file:a.html"));
        assert!(!direct("file:*/a/*.json", "file:*/a/*.html"));
        assert!(direct("file:*.json", "file:*"));
        assert!(direct("file:*.json", "file:*-index.json"));
        assert!(direct("file:out/*", "file:*/index.json"));
        // The two ends never share a character.
        assert!(!direct("aba*aba", "aba"));
        assert!(!direct("aba*aba", "ababa"));
        assert!(direct("aba*aba", "abaaba"));
    }

    /// All names of at most six letters that a pattern over `a` and `b` may turn out to be.
    fn may_be(pattern: &str) -> BTreeSet<String> {
        let mut all = BTreeSet::from([String::new()]);
        for c in pattern.chars() {
            let more: Vec<&str> = match c {
                '*' => vec!["", "a", "b", "aa", "ab", "ba", "bb"],
                'a' => vec!["a"],
                _ => vec!["b"],
            };
            all = all.iter().flat_map(|t| more.iter().map(move |m| format!("{t}{m}"))).collect();
        }
        all.into_iter().filter(|t| t.len() <= 6).collect()
    }

    #[test]
    fn names_that_may_be_equal_wait_for_each_other() {
        let mut random = 0x9E37_79B9_7F4A_7C15_u64;
        let mut next = |n: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % n
        };
        let (mut waiting, mut free) = (0, 0);
        for round in 0..60 {
            // Long bodies have joins.
            let count = if round % 6 == 0 { 200 } else { 20 };
            let mut steps = Vec::new();
            for _ in 0..count {
                let length = next(5);
                let mut name: String = (0..length).map(|_| if next(2) == 0 { 'a' } else { 'b' }).collect();
                for _ in 0..next(3) {
                    name.insert(next(name.len() as u64 + 1) as usize, '*');
                }
                let kind = if next(2) == 0 { EffectKind::Reads } else { EffectKind::Writes };
                steps.push((kind, name));
            }
            let waits = edges_of(&steps);
            let names: Vec<BTreeSet<String>> = steps.iter().map(|(_, name)| may_be(name)).collect();
            for (j, (kind, later)) in steps.iter().enumerate() {
                for (i, (before, earlier)) in steps.iter().take(j).enumerate() {
                    let write = EffectKind::Writes == *kind || EffectKind::Writes == *before;
                    if write && !names[i].is_disjoint(&names[j]) {
                        waiting += 1;
                        assert!(reaches(&waits, i, j), "`{later}` does not wait for `{earlier}`: {steps:?}");
                    } else {
                        free += usize::from(!waits[j][i]);
                    }
                }
            }
        }
        assert!(waiting > 1_000 && free > 1_000, "{waiting} {free}");
    }
}
