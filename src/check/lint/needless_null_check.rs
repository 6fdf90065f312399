//! `needless-null-check`: `?.` or `??` on what is never null and never missing.

use crate::check::cx::Cx;
use crate::check::operators::dynamic;
use crate::check::relate::{nullable, shape};
use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::expr::{Expr, ExprKind};
use crate::source::Span;
use crate::types::Type;

/// Whether null, absence and `json` are out of the question.
fn always_there(ty: &Type) -> bool {
    let inner = match shape(ty) {
        Type::Opaque { base, .. } => shape(base),
        other => other,
    };
    !nullable(ty) && !dynamic(ty) && !matches!(inner, Type::Error | Type::Json | Type::Param(_) | Type::Null)
}

impl Cx<'_> {
    /// `base?.name`. A map's key may be absent: there `?.` has its use.
    pub(in crate::check) fn needless_member(&mut self, base: &Expr, name: Span) {
        if !always_there(&base.ty) || !matches!(shape(&base.ty), Type::Record(_) | Type::File) {
            return;
        }
        let dot = Span { start: name.start.saturating_sub(2), end: name.start, ..name };
        let what = self.path_text(base).map_or("this".to_owned(), |p| format!("`{p}`"));
        let d = Diagnostic::new(Code::NeedlessNullCheck, dot, format!("{what} is never null here"))
            .label("`.` is enough")
            .fix("write `.`", vec![Edit::replace(dot, ".")]);
        self.report(d);
    }

    /// `left ?? right`.
    pub(in crate::check) fn needless_default(&mut self, left: &Expr, span: Span) {
        if !always_there(&left.ty) {
            return;
        }
        let what = self.path_text(left).map_or("this".to_owned(), |p| format!("`{p}`"));
        let default = Span { start: left.span.end, end: span.end, ..span };
        let mut d = Diagnostic::new(Code::NeedlessNullCheck, left.span, format!("{what} is never null here"))
            .label(format!("this is `{}`", left.ty));
        d = match &*left.kind {
            // What is not there is an error, not null.
            ExprKind::Member { base, name, .. } if matches!(shape(&base.ty), Type::Map(_)) => {
                d.help(format!("where the key may be absent read it by `[?\"{name}\"]`"))
            }
            ExprKind::Index { .. } => d.help("where the element may be absent read it by `[?…]`"),
            _ => d.fix("take the default away", vec![Edit::delete(default)]),
        };
        self.report(d);
    }
}
