//! The whole canonical surface as rules, built the way the formatter builds its documents: what is a group there has here two
//! forms, one on one line and one with every break.

mod action;
mod clause;
mod expr;
mod item;
mod ty;

use super::ir::{Grammar, Node, Rule, When, all, any, opt, repeat, seq, text};
use super::skills::Skills;
use super::tokens;
use std::sync::Arc;

/// Where a rule stands: on one line with so many brackets that may still open, or on lines of this indentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cx {
    Flat(u8),
    Tall(u8),
}

/// How much there may be of everything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Brackets in brackets on one line.
    pub(super) depth: u8,
    /// Indentation.
    pub(super) indent: u8,
    /// Regions in regions.
    pub(super) regions: u8,
    /// Elements of a list.
    pub(super) list: u32,
    /// Operators of a chain.
    pub(super) chain: u32,
    /// Statements of a body.
    pub(super) stmts: Option<u32>,
    /// Pieces of a string, about its characters.
    pub(super) text: Option<u32>,
    /// Lines of a block text.
    pub(super) lines: Option<u32>,
}

/// Builds rules, each once.
pub(super) struct Surface<'a> {
    pub(super) grammar: Grammar,
    pub(super) limits: Limits,
    /// The only skills that may be called; `None`: any name.
    pub(super) skills: Option<&'a Skills>,
}

/// A list in brackets.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Brackets {
    Round,
    Square,
    Curly,
    Angle,
}

type Make<'f, 'a> = &'f mut dyn FnMut(&mut Surface<'a>, Cx) -> Node;

impl<'a> Surface<'a> {
    pub(super) fn new(limits: Limits, skills: Option<&'a Skills>) -> Self {
        Surface { grammar: Grammar::default(), limits, skills }
    }

    /// The rule of this name at this place, made when first asked for.
    pub(super) fn rule(&mut self, name: &str, cx: Cx, make: impl FnOnce(&mut Self, Cx) -> Node) -> Node {
        let key: Arc<str> = match cx {
            Cx::Flat(depth) => format!("{name}f{depth}").into(),
            Cx::Tall(indent) => format!("{name}t{indent}").into(),
        };
        self.named(key, false, |s| make(s, cx))
    }

    fn named(&mut self, key: Arc<str>, token: bool, make: impl FnOnce(&mut Self) -> Node) -> Node {
        if !self.grammar.rules.contains_key(&key) {
            let rule = Rule { alternatives: Vec::new(), token, parametric: false };
            self.grammar.rules.insert(key.clone(), rule);
            let node = make(self);
            if let Some(rule) = self.grammar.rules.get_mut(&key) {
                rule.alternatives = match node {
                    Node::Never => Vec::new(),
                    Node::Any(nodes) => nodes.into_iter().map(|n| (n, When::default())).collect(),
                    node => vec![(node, When::default())],
                };
            }
        }
        // A rule that is being made has no alternatives yet either, but none mentions itself.
        match self.grammar.rules.get(&key) {
            Some(rule) if rule.alternatives.is_empty() => Node::Never,
            Some(_) | None => Node::Rule { name: key, set: 0 },
        }
    }

    /// A token, shared by all places.
    pub(super) fn token(&mut self, name: &str, make: impl FnOnce() -> Node) -> Node {
        self.named(format!("tok{name}").into(), true, |_| make())
    }

    /// Where a group breaks, a new line, else a blank.
    pub(super) fn line(cx: Cx) -> Node {
        match cx {
            Cx::Flat(_) => text(" "),
            Cx::Tall(_) => Self::newline(cx),
        }
    }

    /// Where a group breaks, a new line, else nothing.
    fn soft(cx: Cx) -> Node {
        match cx {
            Cx::Flat(_) => text(""),
            Cx::Tall(_) => Self::newline(cx),
        }
    }

    /// A new line; nothing where all is on one.
    pub(super) fn newline(cx: Cx) -> Node {
        match cx {
            Cx::Flat(_) => Node::Never,
            Cx::Tall(indent) => text(format!("\n{}", "  ".repeat(indent.into()))),
        }
    }

    /// A new line, perhaps behind an empty one.
    pub(super) fn newline_or_two(cx: Cx) -> Node {
        match cx {
            Cx::Flat(_) => Node::Never,
            Cx::Tall(indent) => seq([opt(text("\n")), text(format!("\n{}", "  ".repeat(indent.into())))]),
        }
    }

    /// One level in.
    pub(super) fn inner(&self, cx: Cx) -> Cx {
        match cx {
            Cx::Flat(depth) => Cx::Flat(depth),
            Cx::Tall(indent) => Cx::Tall(indent + 1),
        }
    }

    /// Whether a bracket may open here.
    pub(super) fn room(&self, cx: Cx) -> Option<Cx> {
        match cx {
            Cx::Flat(depth) => depth.checked_sub(1).map(Cx::Flat),
            Cx::Tall(indent) if indent < self.limits.indent => Some(Cx::Tall(indent + 1)),
            Cx::Tall(_) => None,
        }
    }

    /// On one line, wherever it stands.
    pub(super) fn flat(&self, cx: Cx) -> Cx {
        match cx {
            Cx::Flat(depth) => Cx::Flat(depth),
            Cx::Tall(_) => Cx::Flat(self.limits.depth),
        }
    }

    /// On one line, or with breaks.
    pub(super) fn group(&mut self, cx: Cx, make: Make<'_, 'a>) -> Node {
        let flat = make(self, self.flat(cx));
        match cx {
            Cx::Flat(_) => flat,
            Cx::Tall(indent) if indent < self.limits.indent => any(vec![flat, make(self, cx)]),
            Cx::Tall(_) => flat,
        }
    }

    /// A list in brackets: on one line, or one a line with a comma behind each.
    pub(super) fn list(&mut self, cx: Cx, brackets: Brackets, min: u32, item: Make<'_, 'a>) -> Node {
        let (open, close) = match brackets {
            Brackets::Round => ("(", ")"),
            Brackets::Square => ("[", "]"),
            Brackets::Curly => ("{", "}"),
            Brackets::Angle => ("<", ">"),
        };
        let edge = text(if brackets == Brackets::Curly { " " } else { "" });
        let max = self.limits.list;
        let empty = if min == 0 { text(format!("{open}{close}")) } else { Node::Never };
        let flat = match self.flat(cx) {
            Cx::Flat(depth) if depth > 0 => {
                let first = item(self, Cx::Flat(depth - 1));
                let more = repeat(seq([text(", "), first.clone()]), 0, Some(max - 1));
                seq([text(open), edge.clone(), first, more, edge, text(close)])
            }
            Cx::Flat(_) | Cx::Tall(_) => Node::Never,
        };
        let tall = match self.room(cx) {
            Some(inner @ Cx::Tall(_)) => {
                let first = item(self, inner);
                let more = repeat(seq([text(","), Self::newline(inner), first.clone()]), 0, Some(max - 1));
                seq([
                    text(open),
                    Self::newline(inner),
                    first,
                    more,
                    text(","),
                    Self::newline(cx),
                    text(close),
                ])
            }
            Some(Cx::Flat(_)) | None => Node::Never,
        };
        any(vec![empty, flat, tall])
    }

    /// One thing in brackets.
    pub(super) fn wrapped(&mut self, cx: Cx, open: &str, close: &str, item: Make<'_, 'a>) -> Node {
        let flat = match self.flat(cx) {
            Cx::Flat(depth) if depth > 0 => seq([text(open), item(self, Cx::Flat(depth - 1)), text(close)]),
            Cx::Flat(_) | Cx::Tall(_) => Node::Never,
        };
        let tall = match self.room(cx) {
            Some(inner @ Cx::Tall(_)) => {
                seq([text(open), Self::newline(inner), item(self, inner), Self::soft(cx), text(close)])
            }
            Some(Cx::Flat(_)) | None => Node::Never,
        };
        any(vec![flat, tall])
    }

    /// `{`, one unit a line, `}`.
    pub(super) fn block(&mut self, cx: Cx, max: Option<u32>, unit: Make<'_, 'a>) -> Node {
        self.block_of(cx, max, Self::newline_or_two, unit)
    }

    /// The same, with what stands between the units.
    pub(super) fn block_of(
        &mut self,
        cx: Cx,
        max: Option<u32>,
        between: fn(Cx) -> Node,
        unit: Make<'_, 'a>,
    ) -> Node {
        let Some(inner @ Cx::Tall(_)) = self.room(cx) else { return Node::Never };
        let first = unit(self, inner);
        let more = repeat(seq([between(inner), first.clone()]), 0, max.map(|n| n.saturating_sub(1)));
        let full = seq([text("{"), Self::newline(inner), first, more, Self::newline(cx), text("}")]);
        any(vec![text("{}"), full])
    }

    pub(super) fn name(&mut self) -> Node {
        self.token("name", tokens::name)
    }

    pub(super) fn kind(&mut self) -> Node {
        self.token("kind", tokens::kind)
    }

    pub(super) fn word(&mut self) -> Node {
        self.token("word", tokens::word)
    }

    /// A one-line string without `${…}`.
    pub(super) fn plain_string(&mut self) -> Node {
        let longest = self.limits.text;
        self.token("string", || tokens::string(longest))
    }

    /// The name of an argument, parameter or field.
    pub(super) fn key(&mut self) -> Node {
        any(vec![self.word(), self.token("key", tokens::quoted_key)])
    }

    /// Comments on lines of their own, before something.
    pub(super) fn lead(&mut self, cx: Cx) -> Node {
        let comment = self.token("comment", tokens::comment);
        repeat(seq([comment, Self::newline(cx)]), 0, Some(16))
    }

    /// `first`, and behind it up to `max` of ` word more`, or each on a line of its own.
    pub(super) fn chained(&self, cx: Cx, first: Node, mark: &str, next: Node, max: u32) -> Node {
        let more = repeat(seq([Self::line(self.inner(cx)), text(mark), next]), 1, Some(max));
        all(vec![first, more])
    }
}
