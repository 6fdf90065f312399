//! From text to [`ast`], with comments and diagnostics. Total: any text gives a tree.
//!
//! A scanner cuts the file into pieces, each is parsed alone by pest, and the pairs become the tree.

pub mod ast;

mod build;
mod offsets;
mod rule;
mod scan;

use crate::diagnostic::{Code, Diagnostic};
use crate::source::{SourceId, Span};
use build::Builder;
use offsets::Offsets;
use pest::Parser;
use rule::{PlanParser, Rule};
use scan::{Kind, Scanner};
use std::collections::HashMap;

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
    let comments: Vec<Comment> = Scanner::new(text, 0, text.len())
        .filter(|t| t.kind == Kind::Comment)
        .map(|t| Comment { span: Span { source, start: t.start, end: t.end }, own_line: t.first })
        .collect();
    let mut builder = Builder {
        source,
        text,
        comments: &comments,
        offsets: Offsets::shifted(0),
        bodies: HashMap::new(),
        diagnostics: Vec::new(),
    };
    let items = match PlanParser::parse(Rule::only_items, text) {
        Ok(pairs) => builder.items(pairs),
        Err(error) => {
            builder.diagnostics.push(syntax_error(source, text, &error));
            Vec::new()
        }
    };
    let diagnostics = builder.diagnostics;
    Parse { file: ast::File { items }, comments, diagnostics }
}

/// Parses an expression that stands alone.
#[must_use]
pub fn parse_expr(source: SourceId, text: &str) -> (ast::Expr, Vec<Diagnostic>) {
    let mut builder = alone(source, text);
    let span = Span::new(source, 0, text.len());
    let expr = match PlanParser::parse(Rule::only_expr, text) {
        Ok(mut pairs) => pairs.next().map(|p| builder.expr(p).0),
        Err(error) => {
            builder.diagnostics.push(syntax_error(source, text, &error));
            None
        }
    };
    (expr.unwrap_or(ast::Expr { kind: Box::new(ast::ExprKind::Error), span }), builder.diagnostics)
}

/// Parses a type that stands alone.
#[must_use]
pub fn parse_type(source: SourceId, text: &str) -> (ast::Type, Vec<Diagnostic>) {
    let mut builder = alone(source, text);
    let span = Span::new(source, 0, text.len());
    let ty = match PlanParser::parse(Rule::only_type, text) {
        Ok(pairs) => builder.only_type(pairs, span),
        Err(error) => {
            builder.diagnostics.push(syntax_error(source, text, &error));
            ast::Type { kind: ast::TypeKind::Error, span }
        }
    };
    (ty, builder.diagnostics)
}

fn alone(source: SourceId, text: &str) -> Builder<'_> {
    let offsets = Offsets::shifted(0);
    Builder { source, text, comments: &[], offsets, bodies: HashMap::new(), diagnostics: Vec::new() }
}

fn syntax_error(source: SourceId, text: &str, error: &pest::error::Error<Rule>) -> Diagnostic {
    let at = match error.location {
        pest::error::InputLocation::Pos(at) => at,
        pest::error::InputLocation::Span((at, _)) => at,
    };
    let mut expected: Vec<&str> = Vec::new();
    if let pest::error::ErrorVariant::ParsingError { positives, .. } = &error.variant {
        expected.extend(positives.iter().map(|r| r.describe()));
    }
    expected.sort_unstable();
    expected.dedup();
    let end = Scanner::new(text, at, text.len()).next().map_or(at, |t| t.end as usize);
    Diagnostic::new(Code::Syntax, Span::new(source, at, end), format!("expected {}", expected.join(", ")))
}
