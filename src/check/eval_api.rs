//! One expression by itself, for `aos eval`.

use super::cx::{Cx, Globals};
use super::hir::VarKind;
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::Expr;
use crate::source::{SourceId, Span};
use crate::syntax::ast::{self, Name};
use crate::types::Type;

/// Checks one expression. The variables are numbered in the order of `types` ([`crate::expr::VarId`]); their names may be
/// dotted, and the longest one that fits is meant.
///
/// # Errors
/// What is wrong with the text, the types or the expression.
pub fn check_expr(text: &str, types: &[(Name, &str)]) -> Result<(Expr, Type), Vec<Diagnostic>> {
    let (expr, diagnostics) = closed(text, types, false)?;
    if diagnostics.iter().any(Diagnostic::is_error) {
        return Err(diagnostics);
    }
    let ty = expr.ty.clone();
    Ok((expr, ty))
}

/// The closed form of an expression whose types are not asked about: what does not fit, and a name that means nothing
/// ([`crate::expr::UNDECLARED`]), fails when it runs.
///
/// # Errors
/// What cannot be read.
pub fn close_expr(text: &str, names: &[Name]) -> Result<Expr, Vec<Diagnostic>> {
    let types: Vec<(Name, &str)> = names.iter().map(|n| (n.clone(), "json")).collect();
    let (expr, mut diagnostics) = closed(text, &types, true)?;
    diagnostics.retain(|d| {
        d.is_error()
            && !matches!(
                d.code,
                Code::OperatorType
                    | Code::TypeMismatch
                    | Code::NeedsCast
                    | Code::MaybeNull
                    | Code::ImpossibleCast
                    | Code::ConstantError
                    | Code::WhereFails
                    | Code::UnknownField
                    | Code::BadRegex
                    | Code::DuplicateName
            )
    });
    if diagnostics.is_empty() { Ok(expr) } else { Err(diagnostics) }
}

/// The type of a text that stands where these variables and declared types can be seen; nothing is reported.
pub(crate) fn infer_text(
    text: &str,
    vars: &[(Name, VarKind, Type)],
    types: impl IntoIterator<Item = (Name, Type)>,
) -> Type {
    let globals = Globals { types: types.into_iter().collect(), ..Globals::default() };
    let mut cx = Cx::new(&globals);
    for (name, kind, ty) in vars {
        cx.declare_hidden(name.clone(), Span::default(), *kind, ty.clone());
    }
    let (expr, _) = parse_expr(SourceId(0), text);
    cx.infer(&expr, None).ty
}

/// A type as written, for values from outside.
///
/// # Errors
/// What cannot be read, and names that mean nothing.
pub fn read_type(text: &str) -> Result<Type, Vec<Diagnostic>> {
    let (ty, diagnostics) = parse_type(SourceId(0), text);
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    let globals = Globals::default();
    let mut cx = Cx::new(&globals);
    let (ty, _) = cx.resolve_type(&ty, &[]);
    if cx.diagnostics.is_empty() { Ok(ty) } else { Err(cx.diagnostics) }
}

fn closed(
    text: &str,
    types: &[(Name, &str)],
    lenient: bool,
) -> Result<(Expr, Vec<Diagnostic>), Vec<Diagnostic>> {
    let globals = Globals::default();
    let mut cx = Cx::new(&globals);
    cx.lenient = lenient;
    for (i, (name, ty)) in types.iter().enumerate() {
        let source = SourceId(u32::try_from(i + 1).unwrap_or(u32::MAX));
        let (ty, diagnostics) = parse_type(source, ty);
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        let (ty, _) = cx.resolve_type(&ty, &[]);
        let span = Span { source, ..Span::default() };
        // Whatever the name is: a reserved one is declared and cannot be mentioned, as in CEL.
        cx.dotted |= name.contains('.');
        cx.declare_hidden(name.clone(), span, VarKind::Input, ty);
    }
    if !cx.diagnostics.is_empty() {
        return Err(cx.diagnostics);
    }
    let (expr, diagnostics) = parse_expr(SourceId(0), text);
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    let expr = cx.infer(&expr, None);
    Ok((expr, cx.diagnostics))
}

fn parse_expr(source: SourceId, text: &str) -> (ast::Expr, Vec<Diagnostic>) {
    crate::syntax::parse_expr(source, text)
}

fn parse_type(source: SourceId, text: &str) -> (ast::Type, Vec<Diagnostic>) {
    crate::syntax::parse_type(source, text)
}
