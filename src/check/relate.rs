//! How types relate: what fits where, what two types have in common, type parameters.

use crate::types::{Field, Labels, Privacy, RecordType, Trust, Type};
use indexmap::IndexMap;
use std::sync::Arc;

/// Whether a value of one type can stand where another is wanted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fit {
    Yes,
    /// After turning `int` into `float`, perhaps deep inside.
    Widen,
    /// Only after `as T`.
    NeedsCast,
    /// If only it were not null.
    MaybeNull,
    No(Why),
}

/// Where two types part.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Why {
    /// The way into the value: `.a[].b`; empty at the top.
    pub path: String,
    /// What is there instead of what is wanted; empty at the top.
    pub text: String,
    /// Required fields that a record lacks.
    pub missing: Vec<Arc<str>>,
}

/// What type parameters stand for.
pub(crate) type Bindings = IndexMap<Arc<str>, Type>;

/// The type without names and labels around it.
pub(crate) fn plain(ty: &Type) -> &Type {
    match ty {
        Type::Named { ty, .. } => plain(ty),
        Type::Labelled { inner, .. } => plain(inner),
        other => other,
    }
}

/// The type without names, labels and refinements around it: what operators see.
pub(crate) fn shape(ty: &Type) -> &Type {
    match ty {
        Type::Named { ty, .. } => shape(ty),
        Type::Labelled { inner, .. } => shape(inner),
        Type::Refined { base, .. } => shape(base),
        other => other,
    }
}

/// `T?`, with nothing added where it says nothing new.
pub(crate) fn optional(ty: Type) -> Type {
    match shape(&ty) {
        Type::Optional(_) | Type::Null | Type::Json | Type::Error => ty,
        Type::Bool
        | Type::Int
        | Type::Float
        | Type::String
        | Type::Bytes
        | Type::Timestamp
        | Type::Duration
        | Type::File
        | Type::Literals(_)
        | Type::List(_)
        | Type::Map(_)
        | Type::Record(_)
        | Type::Opaque { .. }
        | Type::Refined { .. }
        | Type::Named { .. }
        | Type::Param(_)
        | Type::Labelled { .. }
        | Type::TypeOf => Type::Optional(Arc::new(ty)),
    }
}

/// Whether null is one of its values and it says so (`json` does not).
pub(crate) fn nullable(ty: &Type) -> bool {
    matches!(shape(ty), Type::Optional(_) | Type::Null)
}

/// The type without null; `null` itself stays.
pub(crate) fn non_null(ty: &Type) -> Type {
    match ty {
        Type::Optional(inner) => (**inner).clone(),
        Type::Named { ty: inner, .. } if nullable(inner) => non_null(inner),
        Type::Labelled { labels, inner } if nullable(inner) => {
            Type::Labelled { labels: *labels, inner: Arc::new(non_null(inner)) }
        }
        Type::Refined { base, refinement } if nullable(base) => {
            Type::Refined { base: Arc::new(non_null(base)), refinement: refinement.clone() }
        }
        other => other.clone(),
    }
}

/// The type of the field as it reads: optional where it may be absent.
pub(crate) fn read_type(field: &Field) -> Type {
    let ty = if field.labels == Labels::default() {
        field.ty.clone()
    } else {
        Type::Labelled { labels: field.labels, inner: Arc::new(field.ty.clone()) }
    };
    if field.optional { optional(ty) } else { ty }
}

/// Whether a value of type `from` can stand where `to` is wanted.
pub(crate) fn fits(from: &Type, to: &Type) -> Fit {
    fit(from, to, &mut String::new())
}

fn fit(from: &Type, to: &Type, path: &mut String) -> Fit {
    let (from, to) = (plain(from), plain(to));
    if from == to || matches!(from, Type::Error) || is_nothing(from) || matches!(to, Type::Error | Type::Json)
    {
        return Fit::Yes;
    }
    if let Type::Refined { base, refinement } = to {
        return if has_refinement(from, &refinement.text) { Fit::Yes } else { fit(from, base, path) };
    }
    match (shape(from), to) {
        (Type::Json, _) => Fit::NeedsCast,
        (Type::Null, Type::Optional(_)) => Fit::Yes,
        (Type::Optional(f), Type::Optional(t)) => fit(f, t, path),
        (_, Type::Optional(t)) => fit(from, t, path),
        (Type::Optional(f), _) => match fit(f, to, path) {
            Fit::Yes | Fit::Widen => Fit::MaybeNull,
            other => other,
        },
        (Type::Int, Type::Float) => Fit::Widen,
        (Type::Literals(_), Type::String) => Fit::Yes,
        (Type::Literals(f), Type::Literals(t)) => match f.iter().find(|l| !t.contains(l)) {
            None => Fit::Yes,
            Some(l) => no(path, format!("`\"{l}\"` is not one of them")),
        },
        (Type::List(f), Type::List(t)) => inside(path, "[]", |p| fit(f, t, p)),
        (Type::Map(f), Type::Map(t)) => inside(path, "[]", |p| fit(f, t, p)),
        (Type::Record(f), Type::Map(t)) => worst(f.fields.iter(), |(name, field)| {
            inside(path, &format!(".{name}"), |p| fit(&read_type(field), t, p))
        }),
        (Type::Record(f), Type::Record(t)) => fit_record(f, t, path),
        (Type::Opaque { name: f, .. }, Type::Opaque { name: t, .. }) if f == t => Fit::Yes,
        (f, t) if f == t => Fit::Yes,
        _ => no(path, format!("it is `{from}` where `{to}` is wanted")),
    }
}

fn fit_record(from: &RecordType, to: &RecordType, path: &mut String) -> Fit {
    let missing: Vec<Arc<str>> = to
        .fields
        .iter()
        .filter(|(name, f)| !f.optional && !from.fields.contains_key(*name))
        .map(|(n, _)| n.clone())
        .collect();
    if let Some(first) = missing.first() {
        let text = format!("it lacks `{first}`");
        return Fit::No(Why { path: path.clone(), text, missing });
    }
    worst(to.fields.iter(), |(name, want)| match from.fields.get(name) {
        None => Fit::Yes,
        Some(have) => inside(path, &format!(".{name}"), |p| {
            let wanted = if want.optional { optional(want.ty.clone()) } else { want.ty.clone() };
            match fit(&read_type(have), &wanted, p) {
                Fit::MaybeNull => {
                    no(p, format!("it may be {}", if have.optional { "absent" } else { "null" }))
                }
                other => other,
            }
        }),
    })
}

fn no(path: &str, text: String) -> Fit {
    Fit::No(Why {
        path: path.to_owned(),
        text: if path.is_empty() { String::new() } else { text },
        missing: Vec::new(),
    })
}

fn inside(path: &mut String, step: &str, f: impl FnOnce(&mut String) -> Fit) -> Fit {
    let before = path.len();
    path.push_str(step);
    let fit = match f(path) {
        Fit::MaybeNull => no(path, "it may be null".to_owned()),
        other => other,
    };
    path.truncate(before);
    fit
}

fn worst<T>(items: impl Iterator<Item = T>, mut f: impl FnMut(T) -> Fit) -> Fit {
    let mut result = Fit::Yes;
    for item in items {
        match f(item) {
            Fit::Yes => {}
            Fit::Widen if result == Fit::Yes => result = Fit::Widen,
            Fit::Widen => {}
            Fit::NeedsCast => result = Fit::NeedsCast,
            bad @ (Fit::MaybeNull | Fit::No(_)) => return bad,
        }
    }
    result
}

fn has_refinement(ty: &Type, text: &str) -> bool {
    match ty {
        Type::Refined { base, refinement } => &*refinement.text == text || has_refinement(base, text),
        Type::Named { ty, .. } => has_refinement(ty, text),
        Type::Labelled { inner, .. } => has_refinement(inner, text),
        _ => false,
    }
}

/// The narrowest type that both fit.
pub(crate) fn join(a: &Type, b: &Type) -> Type {
    if a == b || matches!(b, Type::Error) || is_nothing(b) {
        return a.clone();
    }
    match (a, b) {
        (Type::Error, _) => return b.clone(),
        (Type::Param(_), _) if is_nothing(a) => return b.clone(),
        (Type::Null, t) | (t, Type::Null) => return optional(t.clone()),
        (Type::Labelled { .. }, _) | (_, Type::Labelled { .. }) => return join_labelled(a, b),
        (Type::Optional(x), y) | (y, Type::Optional(x)) => return optional(join(x, &non_null(y))),
        _ => {}
    }
    let joined = join_plain(plain(a), plain(b));
    // A name is kept where the join says just what it says.
    for named in [a, b] {
        if matches!(named, Type::Named { .. }) && plain(named) == &joined {
            return named.clone();
        }
    }
    joined
}

fn join_plain(a: &Type, b: &Type) -> Type {
    if a == b {
        return a.clone();
    }
    match (a, b) {
        (Type::Json, _) | (_, Type::Json) => Type::Json,
        (Type::Null, t) | (t, Type::Null) => optional(t.clone()),
        (Type::Optional(x), y) | (y, Type::Optional(x)) => optional(join(x, &non_null(y))),
        (Type::Int, Type::Float) | (Type::Float, Type::Int) => Type::Float,
        (Type::Literals(x), Type::Literals(y)) => {
            let mut all: Vec<Arc<str>> = x.to_vec();
            all.extend(y.iter().filter(|l| !x.contains(l)).cloned());
            Type::Literals(all.into())
        }
        (Type::Literals(_), Type::String) | (Type::String, Type::Literals(_)) => Type::String,
        (Type::Refined { base, .. }, other) | (other, Type::Refined { base, .. }) => join(base, other),
        (Type::List(x), Type::List(y)) => Type::List(Arc::new(join(x, y))),
        (Type::Map(x), Type::Map(y)) => Type::Map(Arc::new(join(x, y))),
        (Type::Record(r), Type::Map(t)) | (Type::Map(t), Type::Record(r)) => {
            Type::Map(Arc::new(r.fields.values().fold((**t).clone(), |acc, f| join(&acc, &read_type(f)))))
        }
        (Type::Record(x), Type::Record(y)) => Type::Record(Arc::new(join_records(x, y))),
        _ => Type::Json,
    }
}

fn join_records(a: &RecordType, b: &RecordType) -> RecordType {
    let mut fields: IndexMap<Arc<str>, Field> = IndexMap::new();
    for (name, x) in &a.fields {
        let field = match b.fields.get(name) {
            Some(y) => Field {
                ty: join(&x.ty, &y.ty),
                optional: x.optional || y.optional,
                labels: join_labels(x.labels, y.labels),
                docs: x.docs.clone().or_else(|| y.docs.clone()),
            },
            None => Field { optional: true, ..x.clone() },
        };
        fields.insert(name.clone(), field);
    }
    for (name, y) in &b.fields {
        if !fields.contains_key(name) {
            fields.insert(name.clone(), Field { optional: true, ..y.clone() });
        }
    }
    RecordType { fields }
}

fn join_labelled(a: &Type, b: &Type) -> Type {
    let split = |t: &Type| match t {
        Type::Labelled { labels, inner } => (*labels, (**inner).clone()),
        other => (Labels::default(), other.clone()),
    };
    let ((x, a), (y, b)) = (split(a), split(b));
    let (labels, inner) = (join_labels(x, y), join(&a, &b));
    if labels == Labels::default() { inner } else { Type::Labelled { labels, inner: Arc::new(inner) } }
}

/// The labels of a value that has either.
pub(crate) fn join_labels(a: Labels, b: Labels) -> Labels {
    let trust = match (a.trust, b.trust) {
        (Some(Trust::Untrusted), _) | (_, Some(Trust::Untrusted)) => Some(Trust::Untrusted),
        (Some(Trust::Trusted), Some(Trust::Trusted)) => Some(Trust::Trusted),
        (None, _) | (_, None) => None,
    };
    let privacy = match (a.privacy, b.privacy) {
        (Some(x), Some(y)) => Some(x.max(y)),
        (Some(x), None) | (None, Some(x)) if x > Privacy::Public => Some(x),
        (None | Some(_), None) | (None, Some(_)) => None,
    };
    Labels { trust, privacy }
}

/// Whether some value has both types, so that `as` and `==` make sense.
pub(crate) fn common(a: &Type, b: &Type) -> bool {
    let (a, b) = (shape(a), shape(b));
    if a == b {
        return true;
    }
    match (a, b) {
        (Type::Error | Type::Json | Type::Param(_), _) | (_, Type::Error | Type::Json | Type::Param(_)) => {
            true
        }
        (Type::Opaque { name: x, .. }, Type::Opaque { name: y, .. }) => x == y,
        (Type::Opaque { base, .. }, other) | (other, Type::Opaque { base, .. }) => common(base, other),
        (Type::Optional(_), Type::Null | Type::Optional(_)) | (Type::Null, Type::Optional(_)) => true,
        (Type::Optional(x), y) | (y, Type::Optional(x)) => common(x, y),
        (Type::Int, Type::Float) | (Type::Float, Type::Int) => true,
        (Type::Literals(x), Type::Literals(y)) => x.iter().any(|l| y.contains(l)),
        (Type::Literals(_), Type::String) | (Type::String, Type::Literals(_)) => true,
        (Type::List(x), Type::List(y)) | (Type::Map(x), Type::Map(y)) => common(x, y),
        (Type::Record(r), Type::Map(t)) | (Type::Map(t), Type::Record(r)) => {
            r.fields.values().all(|f| f.optional || common(&f.ty, t))
        }
        (Type::Record(x), Type::Record(y)) => x
            .fields
            .iter()
            .all(|(name, f)| y.fields.get(name).is_none_or(|g| common(&read_type(f), &read_type(g)))),
        _ => false,
    }
}

/// Learns type parameters from an argument. What is bound twice is joined.
pub(crate) fn bind(param: &Type, arg: &Type, bindings: &mut Bindings) {
    if is_nothing(arg) || matches!(arg, Type::Error) {
        return;
    }
    match (plain(param), shape(arg)) {
        (Type::Param(name), _) => {
            let ty = match bindings.get(name) {
                Some(before) => join(before, arg),
                None => arg.clone(),
            };
            bindings.insert(name.clone(), ty);
        }
        (Type::Refined { base, .. }, _) => bind(base, arg, bindings),
        (Type::Optional(p), Type::Optional(a)) => bind(p, a, bindings),
        (Type::Optional(_), Type::Null) => {}
        (Type::Optional(p), _) => bind(p, arg, bindings),
        (_, Type::Optional(a)) => bind(param, a, bindings),
        (Type::List(p), Type::List(a)) | (Type::Map(p), Type::Map(a)) => bind(p, a, bindings),
        (Type::Map(p), Type::Record(r)) => {
            for field in r.fields.values() {
                bind(p, &read_type(field), bindings);
            }
        }
        (Type::Record(p), Type::Record(a)) => {
            for (name, field) in &p.fields {
                if let Some(have) = a.fields.get(name) {
                    bind(&field.ty, &have.ty, bindings);
                }
            }
        }
        _ => {}
    }
}

/// Whether a type parameter occurs.
pub(crate) fn has_params(ty: &Type) -> bool {
    match ty {
        Type::Param(_) => true,
        Type::List(t) | Type::Map(t) | Type::Optional(t) => has_params(t),
        Type::Record(r) => r.fields.values().any(|f| has_params(&f.ty)),
        Type::Named { ty, .. } => has_params(ty),
        Type::Refined { base, .. } => has_params(base),
        Type::Labelled { inner, .. } => has_params(inner),
        Type::Error
        | Type::Null
        | Type::Bool
        | Type::Int
        | Type::Float
        | Type::String
        | Type::Bytes
        | Type::Timestamp
        | Type::Duration
        | Type::Json
        | Type::File
        | Type::Literals(_)
        | Type::Opaque { .. }
        | Type::TypeOf => false,
    }
}

/// Puts what is bound in place of type parameters.
pub(crate) fn substitute(ty: &Type, bindings: &Bindings) -> Type {
    if !has_params(ty) {
        return ty.clone();
    }
    let sub = |t: &Type| Arc::new(substitute(t, bindings));
    match ty {
        Type::Param(name) => bindings.get(name).cloned().unwrap_or_else(|| ty.clone()),
        Type::List(t) => Type::List(sub(t)),
        Type::Map(t) => Type::Map(sub(t)),
        Type::Optional(t) => optional(substitute(t, bindings)),
        Type::Named { ty, .. } => substitute(ty, bindings),
        Type::Refined { base, refinement } => {
            Type::Refined { base: sub(base), refinement: refinement.clone() }
        }
        Type::Labelled { labels, inner } => Type::Labelled { labels: *labels, inner: sub(inner) },
        Type::Record(r) => {
            let fields = r
                .fields
                .iter()
                .map(|(n, f)| (n.clone(), Field { ty: substitute(&f.ty, bindings), ..f.clone() }));
            Type::Record(Arc::new(RecordType { fields: fields.collect() }))
        }
        Type::Error
        | Type::Null
        | Type::Bool
        | Type::Int
        | Type::Float
        | Type::String
        | Type::Bytes
        | Type::Timestamp
        | Type::Duration
        | Type::Json
        | Type::File
        | Type::Literals(_)
        | Type::Opaque { .. }
        | Type::TypeOf => ty.clone(),
    }
}

/// The type of the elements of an empty list before its use says more: fits everything, and what joins it stays.
pub(crate) fn nothing() -> Type {
    Type::Param("_".into())
}

/// Whether nothing is known of the type yet.
pub(crate) fn is_nothing(ty: &Type) -> bool {
    matches!(shape(ty), Type::Param(name) if &**name == "_")
}

/// The type with `json` where nothing said more.
pub(crate) fn settle(ty: &Type) -> Type {
    if !has_params(ty) {
        return ty.clone();
    }
    substitute(ty, &Bindings::from_iter([("_".into(), Type::Json)]))
}
