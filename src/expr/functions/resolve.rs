//! Which overload a call means, by the types of its arguments.

use super::{Overload, Row, Ty, type_of};
use crate::types::Type;
use std::sync::Arc;

/// What is to be done to an argument before the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coercion {
    None,
    /// `int` to `float` ([`crate::expr::ExprKind::Widen`]).
    Widen,
}

/// A call that fits.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    pub result: Type,
    /// One an argument.
    pub coercions: Vec<Coercion>,
}

/// Why a call does not fit.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// The argument at this position may be null; without that the call would fit.
    MaybeNull { argument: usize },
    /// The number of arguments fits no overload; the signatures.
    ArgumentCount { expected: String },
    /// No overload takes these types; the signatures.
    NoOverload { expected: String },
}

/// Resolves a call: the receiver is the first argument. `json` fits everything and is checked when it runs; the result is then
/// the declared one where all overloads that may be meant agree, else `json`.
///
/// # Errors
/// Where no overload fits.
pub fn resolve(row: &Row, args: &[Type]) -> Result<Resolved, Refusal> {
    let by_count: Vec<&Overload> = row.overloads.iter().filter(|o| takes(o, args.len())).collect();
    if by_count.is_empty() {
        return Err(Refusal::ArgumentCount { expected: row.to_string() });
    }
    let matches: Vec<Match> = by_count.iter().filter_map(|o| match_overload(o, args)).collect();
    if matches.is_empty() {
        return Err(refusal(row, &by_count, args));
    }
    if let Some(exact) = matches.iter().filter(|m| !m.dynamic).min_by_key(|m| m.widened) {
        return Ok(exact.resolved());
    }
    match matches.split_first() {
        Some((first, [])) => Ok(first.resolved()),
        Some((first, rest)) if rest.iter().all(|m| m.result == first.result) => {
            // Which arguments are widened is only known when it runs.
            Ok(Resolved { result: first.result.clone(), coercions: vec![Coercion::None; args.len()] })
        }
        _ => Ok(Resolved { result: Type::Json, coercions: vec![Coercion::None; args.len()] }),
    }
}

fn refusal(row: &Row, by_count: &[&Overload], args: &[Type]) -> Refusal {
    let fits = |args: &[Type]| by_count.iter().any(|o| match_overload(o, args).is_some());
    let without_null: Vec<Type> = args.iter().map(strip_null).collect();
    if fits(&without_null) {
        let culprit = (0..args.len()).find(|i| {
            let mut others = without_null.clone();
            if let (Some(slot), Some(arg)) = (others.get_mut(*i), args.get(*i)) {
                *slot = arg.clone();
            }
            !fits(&others)
        });
        if let Some(argument) = culprit {
            return Refusal::MaybeNull { argument };
        }
    }
    Refusal::NoOverload { expected: row.to_string() }
}

fn strip_null(ty: &Type) -> Type {
    match ty.bare() {
        Type::Optional(inner) => inner.as_ref().clone(),
        other => other.clone(),
    }
}

fn takes(overload: &Overload, count: usize) -> bool {
    let fixed = overload.params.len();
    if overload.variadic { count >= fixed } else { count == fixed }
}

struct Match {
    result: Type,
    coercions: Vec<Coercion>,
    widened: usize,
    dynamic: bool,
}

impl Match {
    fn resolved(&self) -> Resolved {
        Resolved { result: self.result.clone(), coercions: self.coercions.clone() }
    }
}

fn match_overload(overload: &Overload, args: &[Type]) -> Option<Match> {
    let mut a = None;
    let (mut coercions, mut dynamic) = (Vec::with_capacity(args.len()), false);
    for (i, arg) in args.iter().enumerate() {
        let param = overload.params.get(i).or(overload.params.last())?;
        let (coercion, by_value) = match fit(*param, arg, &mut a) {
            Fit::Exact => (Coercion::None, false),
            Fit::Widen => (Coercion::Widen, false),
            Fit::Dynamic => (Coercion::None, true),
            Fit::No => return None,
        };
        coercions.push(coercion);
        dynamic |= by_value;
    }
    let widened = coercions.iter().filter(|c| **c == Coercion::Widen).count();
    Some(Match { result: type_of(overload.result, a.as_ref()), coercions, widened, dynamic })
}

#[derive(Clone, Copy, PartialEq)]
enum Fit {
    Exact,
    Widen,
    /// Checked when it runs.
    Dynamic,
    No,
}

fn fit(param: Ty, arg: &Type, a: &mut Option<Type>) -> Fit {
    let exact = |yes: bool| if yes { Fit::Exact } else { Fit::No };
    match (param, shape(arg)) {
        (Ty::Any, _) | (_, Type::Error) => Fit::Exact,
        (Ty::A, _) => {
            bind(a, arg);
            Fit::Exact
        }
        (Ty::Optional(inner), Type::Optional(arg)) => fit(*inner, arg, a),
        (Ty::Optional(_), Type::Null) => Fit::Exact,
        (Ty::Optional(inner), _) => fit(*inner, arg, a),
        (Ty::Json, Type::Json) => Fit::Exact,
        (Ty::Json, Type::Optional(_) | Type::Null) => Fit::No,
        (Ty::Json, _) => Fit::Exact,
        (_, Type::Json) => Fit::Dynamic,
        (Ty::Null, arg) => exact(matches!(arg, Type::Null)),
        (Ty::Bool, arg) => exact(matches!(arg, Type::Bool)),
        (Ty::Int, arg) => exact(matches!(arg, Type::Int)),
        (Ty::Float, Type::Int) => Fit::Widen,
        (Ty::Float, arg) => exact(matches!(arg, Type::Float)),
        (Ty::String, arg) => exact(matches!(arg, Type::String | Type::Literals(_))),
        (Ty::Bytes, arg) => exact(matches!(arg, Type::Bytes)),
        (Ty::Timestamp, arg) => exact(matches!(arg, Type::Timestamp)),
        (Ty::Duration, arg) => exact(matches!(arg, Type::Duration)),
        (Ty::TypeOf, arg) => exact(matches!(arg, Type::TypeOf)),
        (Ty::List(item), Type::List(arg)) => inside(fit(*item, arg, a)),
        (Ty::Map(value), Type::Map(arg)) => inside(fit(*value, arg, a)),
        (Ty::Map(value), Type::Record(record)) => {
            let mut all = Fit::Exact;
            for field in record.fields.values() {
                match inside(fit(*value, &field.ty, a)) {
                    Fit::No => return Fit::No,
                    Fit::Dynamic => all = Fit::Dynamic,
                    Fit::Exact | Fit::Widen => {}
                }
            }
            all
        }
        (Ty::List(_) | Ty::Map(_), _) => Fit::No,
    }
}

/// Elements are not widened one by one: `list<int>` has overloads of its own.
fn inside(fit: Fit) -> Fit {
    match fit {
        Fit::Widen => Fit::No,
        other => other,
    }
}

/// Without names, labels and refinements; an opaque type stays itself.
fn shape(ty: &Type) -> &Type {
    let mut ty = ty.bare();
    while let Type::Refined { base, .. } = ty {
        ty = base.bare();
    }
    ty
}

/// `A` is what both arguments fit.
fn bind(a: &mut Option<Type>, arg: &Type) {
    *a = Some(match a.take() {
        None | Some(Type::Error) => arg.clone(),
        Some(old) if old == *arg || matches!(arg, Type::Error) => old,
        Some(old) => match (shape(&old), shape(arg)) {
            (Type::Int, Type::Float) | (Type::Float, Type::Int) => Type::Float,
            (Type::String | Type::Literals(_), Type::String | Type::Literals(_)) => Type::String,
            (Type::Null, _) => optional(arg.clone()),
            (_, Type::Null) => optional(old),
            _ => Type::Json,
        },
    });
}

fn optional(ty: Type) -> Type {
    match ty {
        already @ (Type::Optional(_) | Type::Null | Type::Json | Type::Error) => already,
        ty => Type::Optional(Arc::new(ty)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::by_name;
    use super::*;

    fn call(name: &str, args: &[Type]) -> Result<Type, Refusal> {
        resolve(by_name(name).unwrap(), args).map(|r| r.result)
    }

    fn list(item: Type) -> Type {
        Type::List(Arc::new(item))
    }

    fn maybe(ty: Type) -> Type {
        Type::Optional(Arc::new(ty))
    }

    #[test]
    fn overloads_by_type() {
        assert_eq!(call("size", &[Type::String]), Ok(Type::Int));
        assert_eq!(call("size", &[list(Type::Bool)]), Ok(Type::Int));
        assert!(matches!(call("size", &[Type::Int]), Err(Refusal::NoOverload { .. })));
        assert!(matches!(call("size", &[]), Err(Refusal::ArgumentCount { .. })));
        assert_eq!(call("split", &[Type::String, Type::String]), Ok(list(Type::String)));
        assert_eq!(call("reverse", &[list(Type::Int)]), Ok(list(Type::Int)));
        assert_eq!(call("reverse", &[Type::Literals(["a".into()].into())]), Ok(Type::String));
        assert_eq!(call("compact", &[list(maybe(Type::Int))]), Ok(list(Type::Int)));
        assert_eq!(call("math.abs", &[Type::Int]), Ok(Type::Int));
        assert_eq!(call("math.abs", &[Type::Float]), Ok(Type::Float));
    }

    #[test]
    fn widening() {
        let resolved = resolve(by_name("math.sqrt").unwrap(), &[Type::Int]).unwrap();
        assert_eq!(resolved, Resolved { result: Type::Float, coercions: vec![Coercion::Widen] });
    }

    #[test]
    fn json_is_checked_when_it_runs() {
        assert_eq!(call("size", &[Type::Json]), Ok(Type::Int));
        assert_eq!(call("math.abs", &[Type::Json]), Ok(Type::Json));
        assert_eq!(call("startsWith", &[Type::Json, Type::String]), Ok(Type::Bool));
        assert!(call("startsWith", &[Type::Json, Type::Int]).is_err());
    }

    #[test]
    fn null_is_named() {
        assert_eq!(call("size", &[maybe(Type::String)]), Err(Refusal::MaybeNull { argument: 0 }));
        assert_eq!(
            call("startsWith", &[Type::String, maybe(Type::String)]),
            Err(Refusal::MaybeNull { argument: 1 })
        );
        assert_eq!(call("type", &[maybe(Type::String)]), Ok(Type::TypeOf));
    }
}
