//! From text to [`ast`], with comments and diagnostics. Total: any text gives a tree.

pub mod ast;

use crate::diagnostic::Diagnostic;
use crate::source::{SourceId, Span};

/// What parsing a text gives.
#[derive(Clone, Debug, Default)]
pub struct Parse {
    /// The items that could be read.
    pub file: ast::File,
    /// Every comment, by offset.
    pub comments: Vec<Comment>,
    /// What was wrong, by offset.
    pub diagnostics: Vec<Diagnostic>,
}

/// A comment; documentation (`///`) and `// allow(…)` lines are here too.
#[derive(Clone, Debug, PartialEq)]
pub struct Comment {
    /// From the first slash to the end of the line, the line break not included.
    pub span: Span,
    /// Whether nothing but blanks stands before it on its line.
    pub own_line: bool,
}

/// Parses a text.
#[must_use]
pub fn parse(source: SourceId, text: &str) -> Parse {
    let _ = (source, text);
    Parse::default()
}
