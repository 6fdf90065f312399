//! Every token with what it means, for colours that no grammar can give.

use super::keywords;
use super::names::{Name, Role};
use super::walk::{self, Node};
use crate::catalog::is_stdlib;
use crate::project::Project;
use crate::source::Span;
use crate::syntax::ast::{EntryKey, ExprKind, TextPart};
use crate::syntax::tokens::{Token, TokenKind, tokens};
use std::collections::HashMap;

/// What a token is; the order is the order of the legend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Namespace,
    Type,
    TypeParameter,
    Function,
    Method,
    Parameter,
    Variable,
    Property,
    EnumMember,
    Keyword,
    String,
    Number,
    Comment,
    Operator,
}

impl Kind {
    /// All, in the order of the legend.
    pub const ALL: &[Kind] = &[
        Kind::Namespace,
        Kind::Type,
        Kind::TypeParameter,
        Kind::Function,
        Kind::Method,
        Kind::Parameter,
        Kind::Variable,
        Kind::Property,
        Kind::EnumMember,
        Kind::Keyword,
        Kind::String,
        Kind::Number,
        Kind::Comment,
        Kind::Operator,
    ];

    /// Its name in the protocol.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Namespace => "namespace",
            Kind::Type => "type",
            Kind::TypeParameter => "typeParameter",
            Kind::Function => "function",
            Kind::Method => "method",
            Kind::Parameter => "parameter",
            Kind::Variable => "variable",
            Kind::Property => "property",
            Kind::EnumMember => "enumMember",
            Kind::Keyword => "keyword",
            Kind::String => "string",
            Kind::Number => "number",
            Kind::Comment => "comment",
            Kind::Operator => "operator",
        }
    }
}

/// A token with its meaning; on one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Semantic {
    pub start: u32,
    pub end: u32,
    pub kind: Kind,
    pub declares: bool,
    /// Of the language itself.
    pub standard: bool,
    /// `///`
    pub documentation: bool,
}

/// The tokens of the first file between two offsets, in text order, apart from each other, none over a line break.
#[must_use]
pub fn semantic(project: &Project, names: &[Name], start: u32, end: u32) -> Vec<Semantic> {
    let Some(file) = project.files.first() else { return Vec::new() };
    let text = super::entry_text(project);
    let mut known: HashMap<u32, (u32, Kind, bool, bool)> = HashMap::new();
    for name in names {
        if let Some(kind) = kind_of(name.role) {
            let standard = name.def.is_some_and(|d| is_stdlib(d.source))
                || matches!(name.role, Role::BasicType | Role::Function);
            known.insert(name.span.start, (name.span.end, kind, name.declares(), standard));
        }
    }
    let mut holes: Vec<Span> = Vec::new();
    walk::file(&file.parse.file.items, &mut |node| {
        if node.span().end < start || node.span().start > end {
            return false;
        }
        match node {
            Node::Entry(e) => {
                if let EntryKey::Text(t) = &e.key {
                    known.entry(t.span.start).or_insert((t.span.end, Kind::Property, false, false));
                }
            }
            Node::Expr(e) => {
                if let ExprKind::Interpolated { parts, .. } = &*e.kind {
                    for part in parts {
                        match part {
                            TextPart::Text(_) => {}
                            TextPart::Expr(e) => holes.push(e.span),
                        }
                    }
                }
            }
            _ => {}
        }
        true
    });
    holes.sort_by_key(|h| (h.start, std::cmp::Reverse(h.end)));
    let from = super::complete::piece_start(project, start);
    let mut out = Vec::new();
    let mut cut = Cut { text, known: &known, holes: &holes, out: &mut out };
    cut.run(from, end.min(text.len() as u32), end);
    out.retain(|t| t.end > start && t.start < end);
    out
}

fn kind_of(role: Role) -> Option<Kind> {
    Some(match role {
        Role::Alias => Kind::Namespace,
        Role::File => return None,
        Role::Type | Role::BasicType => Kind::Type,
        Role::TypeParam => Kind::TypeParameter,
        Role::Skill | Role::Plan => Kind::Function,
        Role::Input => Kind::Parameter,
        Role::Step | Role::Let | Role::Local => Kind::Variable,
        Role::Field => Kind::Property,
        Role::Error => Kind::EnumMember,
        Role::Function => Kind::Method,
    })
}

struct Cut<'a, 'o> {
    text: &'a str,
    /// By start: end, kind, whether it declares, whether it is the language's.
    known: &'a HashMap<u32, (u32, Kind, bool, bool)>,
    holes: &'a [Span],
    out: &'o mut Vec<Semantic>,
}

impl Cut<'_, '_> {
    fn add(&mut self, start: u32, end: u32, kind: Kind) {
        self.push(Semantic { start, end, kind, declares: false, standard: false, documentation: false });
    }

    /// Adds a token, cut at line breaks.
    fn push(&mut self, token: Semantic) {
        let Some(text) = self.text.get(token.start as usize..token.end as usize) else { return };
        let mut at = token.start;
        for line in text.split_inclusive('\n') {
            let length = line.trim_end_matches(['\n', '\r']).len() as u32;
            if length > 0 {
                self.out.push(Semantic { start: at, end: at + length, ..token });
            }
            at += line.len() as u32;
        }
    }

    fn run(&mut self, start: u32, end: u32, stop: u32) {
        let mut passed = start;
        let text = self.text;
        // The scanner sees to the end of a string that begins before it.
        let limit = if end >= stop { text.len() } else { end as usize };
        for token in tokens(text, start as usize, limit) {
            if token.start >= end {
                break;
            }
            if token.start < passed {
                continue;
            }
            passed = self.token(&token);
        }
    }

    /// Adds what a token is; gives the offset behind it, or behind the name that begins with it.
    fn token(&mut self, token: &Token<'_>) -> u32 {
        if let Some((end, kind, declares, standard)) = self.known.get(&token.start) {
            let (start, end) = (token.start, *end);
            let (kind, declares, standard) = (*kind, *declares, *standard);
            self.push(Semantic { start, end, kind, declares, standard, documentation: false });
            return end.max(token.end());
        }
        let kind = match token.kind {
            TokenKind::Word if keywords::docs(token.text).is_some() => Kind::Keyword,
            TokenKind::Word | TokenKind::Junk | TokenKind::Open | TokenKind::Close => return token.end(),
            TokenKind::Number => Kind::Number,
            TokenKind::OpenText => Kind::String,
            TokenKind::Text => {
                self.string(token);
                return token.end();
            }
            TokenKind::Punct if matches!(token.text, "," | ":" | ".") => return token.end(),
            TokenKind::Punct => Kind::Operator,
            TokenKind::Comment => {
                let documentation = token.text.starts_with("///");
                let (start, end) = (token.start, token.end());
                self.push(Semantic {
                    start,
                    end,
                    kind: Kind::Comment,
                    declares: false,
                    standard: false,
                    documentation,
                });
                return end;
            }
        };
        self.add(token.start, token.end(), kind);
        token.end()
    }

    /// Where the `${` stands that opens a hole: it is no part of the text, and keeps the colour that a grammar gives it.
    fn opened(&self, from: u32, hole: u32) -> u32 {
        let piece = self.text.get(from as usize..hole as usize).unwrap_or("");
        piece.trim_end().strip_suffix("${").map_or(hole, |text| from + text.len() as u32)
    }

    /// Behind the `}` that closes a hole.
    fn closed(&self, hole: u32, end: u32) -> u32 {
        let piece = self.text.get(hole as usize..end as usize).unwrap_or("");
        piece.trim_start().strip_prefix('}').map_or(hole, |rest| end - rest.len() as u32)
    }

    /// The plain pieces of a string, and the expressions between them.
    fn string(&mut self, token: &Token<'_>) {
        let mut at = token.start;
        // Behind the quote: where a text is cut otherwise than it was read, the string may itself be what stands in an interpolation.
        let from = self.holes.partition_point(|h| h.start <= token.start);
        for hole in self.holes.get(from..).unwrap_or_default() {
            if hole.start >= token.end() {
                break;
            }
            if hole.start < at {
                continue;
            }
            self.add(at, self.opened(at, hole.start), Kind::String);
            self.run(hole.start, hole.end, u32::MAX);
            at = self.closed(hole.end, token.end());
        }
        self.add(at, token.end(), Kind::String);
    }
}
