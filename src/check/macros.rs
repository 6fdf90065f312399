//! Macros: `xs.map(x, …)` and its like.

use super::closed::{constant, error, node};
use super::cx::{Cx, Def, Ref, Role};
use super::hir::VarKind;
use super::narrow::{Fact, without_null};
use super::relate::{join, non_null, nothing, nullable, optional, read_type, settle, shape};
use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::expr::{BinaryOp, Expr, ExprKind, MacroKind, VarId};
use crate::source::Span;
use crate::syntax::ast::{self, Ident};
use crate::types::Type;
use crate::value::Value;
use std::sync::Arc;

pub(super) const MACROS: &[&str] = &[
    "all",
    "exists",
    "exists_one",
    "existsOne",
    "filter",
    "map",
    "sortBy",
    "transformList",
    "transformMap",
    "transformMapEntry",
];

impl Cx<'_> {
    pub(super) fn macro_call(
        &mut self,
        span: Span,
        base: &ast::Expr,
        name: &Ident,
        safe: bool,
        args: &[ast::Arg],
    ) -> Expr {
        let target = if safe { self.tolerant(base, None) } else { self.go(base, None) };
        self.refs.push(Ref { span: name.span, def: Def::Function(name.name.clone()) });
        let Some((kind, vars)) = macro_shape(&name.name, args) else {
            let d = Diagnostic::new(
                Code::OperatorType,
                span,
                format!("`{}` does not take these arguments", name.name),
            );
            self.report(d.help(macro_usage(&name.name)));
            return error(span);
        };
        let mut checked_target = target;
        let mut lifted = None;
        if nullable(&checked_target.ty) {
            if safe {
                let inner = non_null(&checked_target.ty);
                let var = self.fresh(&name.name, base.span, inner.clone());
                let read = node(ExprKind::Var(var), base.span, inner);
                lifted = Some((std::mem::replace(&mut checked_target, read.clone()), read, var));
            } else {
                let d = self.maybe_null(&checked_target, &format!("`{}` runs over it", name.name));
                let default =
                    vec![Edit::before(checked_target.span, "("), Edit::after(checked_target.span, " ?? [])")];
                self.report(d.unsafe_fix("take no elements where it is null", default));
                checked_target.ty = non_null(&checked_target.ty);
            }
        }
        let over = self.elements(&checked_target, &name.name, vars.len() == 2);
        let call = self.macro_body(span, kind, checked_target, over, vars, args);
        match lifted {
            Some((receiver, read, var)) => lift(receiver, read, var, call, span),
            None if safe => Expr { ty: optional(call.ty.clone()), ..call },
            None => call,
        }
    }

    /// What the variables of a macro range over: index or key, and element.
    fn elements(&mut self, target: &Expr, name: &str, two: bool) -> (Type, Type) {
        match shape(&target.ty) {
            Type::List(t) => (Type::Int, settle(t)),
            Type::Map(t) => (Type::String, if two { settle(t) } else { Type::String }),
            Type::Record(r) => {
                let all = r.fields.values().fold(nothing(), |acc, f| join(&acc, &read_type(f)));
                (Type::String, if two { settle(&all) } else { Type::String })
            }
            Type::Error => (Type::Error, Type::Error),
            Type::Json | Type::Param(_) => (Type::Json, Type::Json),
            _ => {
                let d = Diagnostic::new(
                    Code::OperatorType,
                    target.span,
                    format!("`{name}` runs over lists and maps, not `{}`", target.ty),
                );
                self.report(d.label(format!("this is `{}`", target.ty)));
                (Type::Error, Type::Error)
            }
        }
    }

    fn macro_body(
        &mut self,
        span: Span,
        kind: MacroKind,
        target: Expr,
        over: (Type, Type),
        vars: Vec<Ident>,
        args: &[ast::Arg],
    ) -> Expr {
        let (index, item) = over;
        let bodies = args.get(vars.len()..).unwrap_or_default();
        let mark_types = if vars.len() == 2 { vec![index, item.clone()] } else { vec![item.clone()] };
        self.enter();
        let ids: Vec<VarId> =
            vars.iter().zip(mark_types).map(|(v, ty)| self.declare(v, VarKind::Macro, ty)).collect();
        let mut checked: Vec<Expr> = Vec::with_capacity(bodies.len());
        let mut mark = None;
        let filtered = bodies.len() > 1 && kind != MacroKind::SortBy;
        for (i, body) in bodies.iter().enumerate() {
            let condition =
                matches!(kind, MacroKind::All | MacroKind::Exists | MacroKind::ExistsOne | MacroKind::Filter)
                    || (filtered && i == 0);
            let body = if condition {
                self.expect(&body.value, &Type::Bool, Role::Condition)
            } else {
                self.go(&body.value, None)
            };
            if condition {
                mark = Some(self.assume(&body, true));
            }
            checked.push(body);
        }
        let item = match ids.last() {
            // What the filter asks of its elements is known of those that are left.
            Some(id) if kind == MacroKind::Filter => self.facts.iter().fold(item, |item, fact| match fact {
                Fact::NotNull(var, path) if var == id => without_null(&item, path),
                Fact::NotNull(..) | Fact::HasValue(_) | Fact::Holds(_) => item,
            }),
            _ => item,
        };
        if let Some(mark) = mark {
            self.forget(mark);
        }
        self.leave();
        let body = checked.last().map_or(Type::Error, |b| b.ty.clone());
        let map = matches!(shape(&target.ty), Type::Map(_) | Type::Record(_));
        let ty = match kind {
            MacroKind::All | MacroKind::Exists | MacroKind::ExistsOne => Type::Bool,
            MacroKind::Filter if map && ids.len() == 2 => Type::Map(Arc::new(item)),
            MacroKind::Filter | MacroKind::SortBy => Type::List(Arc::new(item)),
            MacroKind::Map | MacroKind::TransformList => Type::List(Arc::new(body)),
            MacroKind::TransformMap => Type::Map(Arc::new(body)),
            MacroKind::TransformMapEntry => self.entry_type(checked.last(), &body),
        };
        node(ExprKind::Macro { kind, target, vars: ids, bodies: checked }, span, ty)
    }

    fn entry_type(&mut self, body: Option<&Expr>, ty: &Type) -> Type {
        match shape(ty) {
            Type::Map(t) => Type::Map(t.clone()),
            Type::Record(r) => {
                Type::Map(Arc::new(r.fields.values().fold(nothing(), |acc, f| join(&acc, &read_type(f)))))
            }
            Type::Json | Type::Error => Type::Map(Arc::new(Type::Json)),
            _ => {
                if let Some(body) = body {
                    let d = Diagnostic::new(
                        Code::OperatorType,
                        body.span,
                        "`transformMapEntry` makes a record of each round",
                    );
                    self.report(d.label(format!("this is `{ty}`")));
                }
                Type::Error
            }
        }
    }
}

/// `[receiver].map(var, var == null ? null : call)[0]`
pub(super) fn lift(receiver: Expr, read: Expr, var: VarId, call: Expr, span: Span) -> Expr {
    let ty = optional(call.ty.clone());
    let null = |ty| constant(Value::Null, span, ty);
    let test = ExprKind::Binary { op: BinaryOp::Eq, left: read, right: null(Type::Null) };
    let cond = node(test, span, Type::Bool);
    let body = node(ExprKind::Cond { cond, then: null(ty.clone()), otherwise: call }, span, ty.clone());
    let list = Type::List(Arc::new(receiver.ty.clone()));
    let target = node(ExprKind::List(vec![receiver]), span, list);
    let results = Type::List(Arc::new(ty.clone()));
    let base = node(
        ExprKind::Macro { kind: MacroKind::Map, target, vars: vec![var], bodies: vec![body] },
        span,
        results,
    );
    let index = constant(Value::Int(0), span, Type::Int);
    node(ExprKind::Index { base, index, safe: false }, span, ty)
}

/// Which macro it is, and its variables; `None` where the arguments are not those of one.
fn macro_shape(name: &str, args: &[ast::Arg]) -> Option<(MacroKind, Vec<Ident>)> {
    let ident = |i: usize| match args.get(i) {
        Some(ast::Arg { name: None, value, .. }) => match &*value.kind {
            ast::ExprKind::Name(name) => Some(Ident { name: name.clone(), span: value.span }),
            _ => None,
        },
        _ => None,
    };
    if args.iter().any(|a| a.name.is_some()) {
        return None;
    }
    let one_or_two = |kind| match args.len() {
        2 => Some((kind, vec![ident(0)?])),
        3 => Some((kind, vec![ident(0)?, ident(1)?])),
        _ => None,
    };
    let transform = |kind| match args.len() {
        3 | 4 => Some((kind, vec![ident(0)?, ident(1)?])),
        _ => None,
    };
    match name {
        "all" => one_or_two(MacroKind::All),
        "exists" => one_or_two(MacroKind::Exists),
        "exists_one" | "existsOne" => one_or_two(MacroKind::ExistsOne),
        "filter" => one_or_two(MacroKind::Filter),
        "map" if matches!(args.len(), 2 | 3) => Some((MacroKind::Map, vec![ident(0)?])),
        "sortBy" if args.len() >= 2 => Some((MacroKind::SortBy, vec![ident(0)?])),
        "transformList" => transform(MacroKind::TransformList),
        "transformMap" => transform(MacroKind::TransformMap),
        "transformMapEntry" => transform(MacroKind::TransformMapEntry),
        _ => None,
    }
}

fn macro_usage(name: &str) -> String {
    match name {
        "map" => "write `xs.map(x, value)` or `xs.map(x, condition, value)`".to_owned(),
        "sortBy" => "write `xs.sortBy(x, key)`".to_owned(),
        "transformList" | "transformMap" | "transformMapEntry" => format!("write `xs.{name}(k, v, value)`"),
        _ => format!("write `xs.{name}(x, condition)`"),
    }
}
