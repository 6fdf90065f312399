//! The canonical printer: syntax tree and comments to text, one way for each thing.
//!
//! The tree becomes a `doc::Doc` (what may break where), the document becomes lines of at most [`WIDTH`] columns. Comments are
//! merged back by their offsets: whatever stands before a node in the text is printed before it, so none is lost, and a line
//! comment always ends its line, so none swallows code.

mod clause;
mod clause_order;
mod comments;
mod doc;
mod expr;
mod item;
pub mod json;
mod literal;
mod stmt;
mod ty;

#[cfg(test)]
mod tests;

use crate::diagnostic::Diagnostic;
use crate::source::SourceId;
use crate::syntax::{self, Parse, ast};
use comments::Printer;

/// The greatest width of a line, in characters.
pub const WIDTH: usize = 100;

/// How often a layout with comments is formatted again until it stays.
const ROUNDS: usize = 3;

/// Why a text cannot be formatted: it has syntax errors.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the text has syntax errors: {}", .first.message)]
pub struct Unformattable {
    /// The first of the errors.
    pub first: Box<Diagnostic>,
}

/// The canonical form of a text that parsed into `parse`.
///
/// # Errors
/// Where the text has syntax errors, since what could not be read would be lost.
pub fn format(text: &str, parse: &Parse) -> Result<String, Unformattable> {
    if let Some(first) = parse.diagnostics.iter().find(|d| d.is_error()) {
        return Err(Unformattable { first: Box::new(first.clone()) });
    }
    let mut out = printed(text, parse);
    if parse.comments.is_empty() {
        return Ok(out);
    }
    // A comment between two tokens of one construct moves to the next place for comments, and may settle only there.
    for _ in 0..ROUNDS {
        let parse = syntax::parse(SourceId::default(), &out);
        let next = printed(&out, &parse);
        if next == out || parse.diagnostics.iter().any(Diagnostic::is_error) {
            break;
        }
        out = next;
    }
    Ok(out)
}

/// The canonical form but for where lines break: they break where they do in the text. It is the text exactly when nothing else in
/// it differs from the canonical form.
///
/// # Errors
/// Where the text has syntax errors.
pub fn laid_out_like(text: &str, parse: &Parse) -> Result<String, Unformattable> {
    if let Some(first) = parse.diagnostics.iter().find(|d| d.is_error()) {
        return Err(Unformattable { first: Box::new(first.clone()) });
    }
    let mut printer = Printer::of_source(text, &parse.comments);
    printer.columns = false;
    Ok(printer.file(&parse.file).render_like(text))
}

/// A field, argument or parameter name: quoted where it is no name.
#[must_use]
pub fn key(name: &str) -> String {
    literal::key(name)
}

/// A string on one line, without interpolation.
#[must_use]
pub fn quoted(value: &str) -> String {
    literal::quoted(value)
}

fn printed(text: &str, parse: &Parse) -> String {
    Printer::of_source(text, &parse.comments).file(&parse.file).render(WIDTH)
}

/// A tree that was not read from a text (or whose text does not matter), with its documentation, without other comments.
#[must_use]
pub fn file(file: &ast::File) -> String {
    Printer::of_tree().file(file).render(WIDTH)
}

/// An expression on one line, for messages and labels.
#[must_use]
pub fn expr(expr: &ast::Expr) -> String {
    Printer::one_line().expr(expr).render_flat()
}

/// A type on one line, for messages and labels.
#[must_use]
pub fn ty(ty: &ast::Type) -> String {
    Printer::one_line().ty(ty).render_flat()
}
