//! The tokens of a text, without the grammar: for the editor, which asks about texts that do not parse.

use super::scan::{Kind, Scanner};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    Word,
    Number,
    /// With its quotes and `${…}`.
    Text,
    /// A text without its closing quotes.
    OpenText,
    /// `(`, `[` or `{`
    Open,
    /// `)`, `]` or `}`
    Close,
    /// An operator or other punctuation.
    Punct,
    /// What stands nowhere in the language.
    Junk,
    Comment,
}

/// A token of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'t> {
    pub kind: TokenKind,
    pub text: &'t str,
    /// Of its first byte.
    pub start: u32,
    /// Whether nothing but blanks stands before it on its line.
    pub first: bool,
}

impl Token<'_> {
    /// The offset behind its last byte.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.start + self.text.len() as u32
    }
}

/// The tokens of `start..end` of a text; `start` must not lie inside a string.
pub fn tokens(text: &str, start: usize, end: usize) -> impl Iterator<Item = Token<'_>> {
    let end = end.min(text.len());
    Scanner::new(text, start.min(end), end).map(|t| Token {
        kind: match t.kind {
            Kind::Word => TokenKind::Word,
            Kind::Number => TokenKind::Number,
            Kind::Str => TokenKind::Text,
            Kind::OpenStr => TokenKind::OpenText,
            Kind::Open(_) => TokenKind::Open,
            Kind::Close(_) => TokenKind::Close,
            Kind::Punct => TokenKind::Punct,
            Kind::Junk => TokenKind::Junk,
            Kind::Comment => TokenKind::Comment,
        },
        text: text.get(t.start as usize..t.end as usize).unwrap_or(""),
        start: t.start,
        first: t.first,
    })
}
