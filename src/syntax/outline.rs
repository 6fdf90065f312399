//! The outline of a file: its comments, where its items begin, and faults of brackets and strings. One pass, little memory.

use super::Comment;
use super::scan::{Kind, Scanner, Token, closer};
use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::source::{SourceId, Span};

/// How deep brackets may nest.
pub(super) const MAX_DEPTH: usize = 128;
/// Files of more tokens and comments are refused: each takes memory, and the shortest are two bytes long.
const MAX_TOKENS: usize = 1 << 20;

/// A run of text that is parsed alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) start: u32,
    pub(super) end: u32,
    /// Where its first token begins; none in a piece of blanks and comments.
    pub(super) first: Option<u32>,
    /// A bracket or string in it is unclosed.
    pub(super) faulty: bool,
    /// It may not be parsed.
    pub(super) skipped: bool,
}

/// What the pass finds.
#[derive(Debug, Default)]
pub(super) struct Outline {
    pub(super) comments: Vec<Comment>,
    pub(super) pieces: Vec<Piece>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Why the file is not read at all.
    pub(super) refused: Option<Diagnostic>,
}

struct Open {
    bracket: u8,
    at: u32,
}

struct Pass<'a> {
    source: SourceId,
    text: &'a str,
    out: Outline,
    piece: Piece,
    stack: Vec<Open>,
    /// Depth beyond the stack, where nothing is kept.
    beyond: usize,
    /// `?` and `<` since the last comma, bracket or statement: they nest without brackets.
    nesting: usize,
}

/// Makes the outline of a text.
pub(super) fn outline(source: SourceId, text: &str) -> Outline {
    let piece = Piece { start: 0, end: 0, first: None, faulty: false, skipped: false };
    let mut pass =
        Pass { source, text, out: Outline::default(), piece, stack: Vec::new(), beyond: 0, nesting: 0 };
    let mut tokens = Scanner::new(text, 0, text.len()).peekable();
    let mut count = 0;
    while let Some(token) = tokens.next() {
        count += 1;
        if count > MAX_TOKENS {
            let span = Span { source, start: token.start, end: token.end };
            let message = format!("the file has more than {MAX_TOKENS} words, signs and comments");
            let refused = Diagnostic::new(Code::TooLarge, span, message)
                .help("split it into files that `use` each other");
            return Outline { refused: Some(refused), ..Outline::default() };
        }
        if token.kind == Kind::Comment {
            let span = Span { source, start: token.start, end: token.end };
            pass.out.comments.push(Comment { span, own_line: token.first });
            continue;
        }
        if token.first && token.kind == Kind::Word && pass.heads(&token, tokens.peek()) {
            pass.cut(token.start);
        }
        pass.piece.first.get_or_insert(token.start);
        pass.token(&token);
    }
    pass.cut(text.len() as u32);
    pass.out
}

impl Pass<'_> {
    fn slice(&self, token: &Token) -> &str {
        self.text.get(token.start as usize..token.end as usize).unwrap_or("")
    }

    /// Whether an item begins here.
    fn heads(&self, token: &Token, next: Option<&Token>) -> bool {
        let Some(next) = next else { return false };
        let fits = match self.slice(token) {
            "use" | "test" => next.kind == Kind::Str,
            "type" | "skill" | "plan" => next.kind == Kind::Word,
            _ => false,
        };
        let column = token.start == 0 || self.text.as_bytes().get(token.start as usize - 1) == Some(&b'\n');
        let open = !self.stack.is_empty() || self.beyond > 0;
        fits && (!open || column && self.slice(token) != "use")
    }

    /// Ends the piece before `at`.
    fn cut(&mut self, at: u32) {
        if let Some(open) = self.stack.first() {
            let closing = char::from(closer(open.bracket));
            let span = Span { source: self.source, start: open.at, end: open.at + 1 };
            let end = self.text.get(..at as usize).map_or(0, |t| t.trim_end().len());
            let place = Span::new(self.source, end, end);
            let d = Diagnostic::new(
                Code::UnclosedBracket,
                span,
                format!("`{}` is never closed", char::from(open.bracket)),
            )
            .label("opened here")
            .unsafe_fix(format!("add `{closing}`"), vec![Edit::replace(place, format!("\n{closing}"))]);
            self.fault(d);
        }
        self.stack.clear();
        self.beyond = 0;
        self.piece.end = at;
        if self.piece.start < at {
            self.out.pieces.push(self.piece);
        }
        self.piece = Piece { start: at, end: at, first: None, faulty: false, skipped: false };
    }

    /// Reports the first fault of brackets in a piece; later ones follow from it.
    fn fault(&mut self, diagnostic: Diagnostic) {
        if !self.piece.faulty && !self.piece.skipped {
            self.out.diagnostics.push(diagnostic);
        }
        self.piece.faulty = true;
    }

    fn too_deep(&mut self, token: &Token) {
        if !self.piece.skipped {
            let span = Span { source: self.source, start: token.start, end: token.start + 1 };
            let message = format!("brackets or operators nest deeper than {MAX_DEPTH} here");
            let d = Diagnostic::new(Code::TooDeep, span, message)
                .help("split it with `let` or a plan of its own");
            self.out.diagnostics.push(d);
        }
        self.piece.skipped = true;
        self.piece.faulty = true;
    }

    fn token(&mut self, token: &Token) {
        match token.kind {
            Kind::Open(bracket) => {
                self.nesting = 0;
                if self.stack.len() >= MAX_DEPTH {
                    self.beyond += 1;
                    self.too_deep(token);
                } else {
                    self.stack.push(Open { bracket, at: token.start });
                }
            }
            Kind::Close(_) if self.beyond > 0 => self.beyond -= 1,
            Kind::Close(bracket) => {
                self.nesting = 0;
                match self.stack.last() {
                    Some(open) if closer(open.bracket) == bracket => drop(self.stack.pop()),
                    Some(open) if self.stack.iter().any(|o| closer(o.bracket) == bracket) => {
                        let (at, what) = (open.at, char::from(open.bracket));
                        let span = Span { source: self.source, start: at, end: at + 1 };
                        let here = Span { source: self.source, start: token.start, end: token.end };
                        let closing = char::from(closer(open.bracket));
                        let d =
                            Diagnostic::new(Code::UnclosedBracket, span, format!("`{what}` is never closed"))
                                .label("opened here")
                                .also(here, format!("`{}` comes first", char::from(bracket)))
                                .unsafe_fix(format!("add `{closing}`"), vec![Edit::before(here, closing)]);
                        self.fault(d);
                        while self.stack.pop().is_some_and(|o| closer(o.bracket) != bracket) {}
                    }
                    Some(_) | None => {
                        let span = Span { source: self.source, start: token.start, end: token.end };
                        let what = char::from(bracket);
                        let d =
                            Diagnostic::new(Code::UnclosedBracket, span, format!("`{what}` closes nothing"))
                                .unsafe_fix("remove it", vec![Edit::delete(span)]);
                        self.fault(d);
                    }
                }
            }
            Kind::OpenStr => {
                let span = Span { source: self.source, start: token.start, end: token.start + 1 };
                self.fault(
                    Diagnostic::new(Code::UnclosedBracket, span, "the string is never closed")
                        .label("opened here"),
                );
            }
            Kind::Str if usize::from(token.nesting) + self.stack.len() > MAX_DEPTH => self.too_deep(token),
            Kind::Str if token.nesting > 0 => self.inside(token),
            Kind::Punct => match self.slice(token) {
                "," => self.nesting = 0,
                "?" | "<" => {
                    self.nesting += 1;
                    if self.nesting > MAX_DEPTH {
                        self.too_deep(token);
                    }
                }
                _ => {}
            },
            Kind::Word if matches!(self.slice(token), "step" | "let" | "return" | "require") => {
                self.nesting = 0
            }
            Kind::Word | Kind::Number | Kind::Str | Kind::Junk | Kind::Comment => {}
        }
        if self.text.as_bytes().get(token.start as usize) == Some(&0x1A) && token.kind == Kind::Junk {
            self.control(token.start);
        }
    }

    /// The character that the parser's own mends put where something is missing: in a text it would be taken for one of these.
    fn control(&mut self, at: u32) {
        let span = Span { source: self.source, start: at, end: at + 1 };
        let d = Diagnostic::new(Code::Syntax, span, "a control character stands in the text")
            .fix("remove it", vec![Edit::delete(span)]);
        self.fault(d);
    }

    /// Brackets inside the `${…}` of a string nest like any others: counted roughly, an upper bound.
    fn inside(&mut self, token: &Token) {
        let (mut depth, mut deepest, mut control) = (0_usize, 0, None);
        for (at, byte) in (token.start..).zip(self.slice(token).bytes()) {
            match byte {
                b'(' | b'[' | b'{' => {
                    depth += 1;
                    deepest = deepest.max(depth);
                }
                b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                b'?' | b'<' => deepest = deepest.max(depth),
                0x1A => control = control.or(Some(at)),
                _ => {}
            }
        }
        if deepest + self.stack.len() > MAX_DEPTH * 2 {
            self.too_deep(token);
        } else if let Some(at) = control {
            self.control(at);
            self.piece.skipped = true;
        }
    }
}
