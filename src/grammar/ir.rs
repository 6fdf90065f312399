//! The one representation: rules over texts, character classes, sequences, choices and repetition. Printers know nothing else.

use indexmap::IndexMap;
use std::sync::Arc;

/// What may stand somewhere.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Nothing can: drops out of choices, and takes its sequence with it.
    Never,
    /// Exactly this; may be empty.
    Text(String),
    /// One character of, or outside of, these ranges.
    Class {
        ranges: Vec<(char, char)>,
        negated: bool,
    },
    Seq(Vec<Node>),
    Any(Vec<Node>),
    Repeat {
        node: Box<Node>,
        min: u32,
        max: Option<u32>,
    },
    /// A rule; one with a state gets the caller's, with these bits set in it.
    Rule {
        name: Arc<str>,
        set: u64,
    },
}

/// What the state of a parametric rule must be for an alternative: of every list, one of its fields has its value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct When(pub Vec<Vec<Field>>);

/// The bits `first..end` of a state are this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub first: u8,
    pub end: u8,
    pub value: u64,
}

/// A rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub alternatives: Vec<(Node, When)>,
    /// One token: no rule but other tokens in it; what a lexer sees as one.
    pub token: bool,
    /// It has a state of 64 bits.
    pub parametric: bool,
}

/// Rules by name, the first one that of the whole text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grammar {
    pub rules: IndexMap<Arc<str>, Rule>,
}

impl Grammar {
    /// Whether some rule has a state.
    #[must_use]
    pub fn is_parametric(&self) -> bool {
        self.rules.values().any(|r| r.parametric)
    }

    /// Every node of every rule.
    pub fn visit(&self, mut f: impl FnMut(&Node)) {
        let mut work: Vec<&Node> =
            self.rules.values().flat_map(|r| r.alternatives.iter().map(|(node, _)| node)).collect();
        while let Some(node) = work.pop() {
            f(node);
            match node {
                Node::Seq(nodes) | Node::Any(nodes) => work.extend(nodes),
                Node::Repeat { node, .. } => work.push(node),
                Node::Never | Node::Text(_) | Node::Class { .. } | Node::Rule { .. } => {}
            }
        }
    }

    /// With a state where a rule or one that it leads to asks for it, and nowhere else.
    pub(super) fn with_states(mut self) -> Grammar {
        loop {
            let mut more = Vec::new();
            for (name, rule) in self.rules.iter().filter(|(_, r)| !r.parametric) {
                let mut asks = rule.alternatives.iter().any(|(_, when)| !when.0.is_empty());
                for (node, _) in &rule.alternatives {
                    named(node, &mut |n| asks |= self.rules.get(n).is_some_and(|r| r.parametric));
                }
                if asks {
                    more.push(name.clone());
                }
            }
            for name in &more {
                if let Some(rule) = self.rules.get_mut(name) {
                    rule.parametric = true;
                }
            }
            if more.is_empty() {
                return self;
            }
        }
    }

    /// Without the rules that nothing leads to.
    pub(super) fn reachable(mut self) -> Grammar {
        let mut work: Vec<Arc<str>> = self.rules.keys().take(1).cloned().collect();
        let mut seen: std::collections::HashSet<Arc<str>> = work.iter().cloned().collect();
        while let Some(name) = work.pop() {
            let Some(rule) = self.rules.get(&name) else { continue };
            for (node, _) in &rule.alternatives {
                named(node, &mut |name| {
                    if seen.insert(name.clone()) {
                        work.push(name.clone());
                    }
                });
            }
        }
        self.rules.retain(|name, _| seen.contains(name));
        self
    }
}

fn named(node: &Node, f: &mut impl FnMut(&Arc<str>)) {
    match node {
        Node::Rule { name, .. } => f(name),
        Node::Seq(nodes) | Node::Any(nodes) => nodes.iter().for_each(|n| named(n, f)),
        Node::Repeat { node, .. } => named(node, f),
        Node::Never | Node::Text(_) | Node::Class { .. } => {}
    }
}

/// Exactly this.
pub(super) fn text(text: impl Into<String>) -> Node {
    Node::Text(text.into())
}

/// One after the other.
pub(super) fn seq<const N: usize>(nodes: [Node; N]) -> Node {
    all(nodes.into())
}

/// The same for a list.
pub(super) fn all(nodes: Vec<Node>) -> Node {
    let mut out: Vec<Node> = Vec::with_capacity(nodes.len());
    for node in nodes {
        match node {
            Node::Never => return Node::Never,
            Node::Seq(inner) => inner.into_iter().for_each(|n| push(&mut out, n)),
            node => push(&mut out, node),
        }
    }
    match out.len() {
        0 => text(""),
        1 => out.remove(0),
        _ => Node::Seq(out),
    }
}

/// Neighbouring texts become one, so that a lexer sees few tokens.
fn push(out: &mut Vec<Node>, node: Node) {
    match (out.last_mut(), node) {
        (_, Node::Text(t)) if t.is_empty() => {}
        (Some(Node::Text(last)), Node::Text(t)) => last.push_str(&t),
        (_, node) => out.push(node),
    }
}

/// One of these.
pub(super) fn any(nodes: Vec<Node>) -> Node {
    let mut out = Vec::with_capacity(nodes.len());
    for node in nodes {
        match node {
            Node::Never => {}
            Node::Any(inner) => out.extend(inner),
            node => out.push(node),
        }
    }
    match out.len() {
        0 => Node::Never,
        1 => out.remove(0),
        _ => Node::Any(out),
    }
}

/// From `min` times to `max`.
pub(super) fn repeat(node: Node, min: u32, max: Option<u32>) -> Node {
    match node {
        Node::Never if min == 0 => text(""),
        Node::Never => Node::Never,
        _ if max == Some(0) => text(""),
        node if min == 1 && max == Some(1) => node,
        node => Node::Repeat { node: Box::new(node), min, max },
    }
}

/// It or nothing.
pub(super) fn opt(node: Node) -> Node {
    repeat(node, 0, Some(1))
}

/// Any one of these characters: `a-z` ranges and single ones.
pub(super) fn class(spec: &[(char, char)]) -> Node {
    Node::Class { ranges: spec.to_vec(), negated: false }
}

/// Any other character than these.
pub(super) fn none_of(spec: &[(char, char)]) -> Node {
    Node::Class { ranges: spec.to_vec(), negated: true }
}
