//! Labels of structured values: a record's fields and a list's elements have their own.

use super::label::{Label, Trace};
use crate::source::Span;
use crate::types::{Labels, Privacy, Trust, Type};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Structures deeper than this have one label.
const MAX_DEPTH: u32 = 6;

/// The labels of a value and of its parts.
#[derive(Clone, Debug, Default)]
pub(super) struct Flow {
    /// Of the value but for the parts that are told apart.
    pub(super) own: Label,
    /// Holds for every part too.
    over: Label,
    parts: Parts,
}

#[derive(Clone, Debug, Default)]
enum Parts {
    /// Parts are like the whole.
    #[default]
    None,
    Fields(Arc<BTreeMap<Arc<str>, Flow>>),
    Elem(Arc<Flow>),
    /// As the type says; what it does not say is like the whole.
    Typed(Type, Said),
}

/// How the labels of a type are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Said {
    /// Where the type is written, as the source of what it raises.
    pub(super) span: Span,
    /// A signature may say `trusted` and `public`; a type that the plan brings may only say worse.
    pub(super) lowers: bool,
    /// Whether `untrusted` inside counts; not behind a signature's `trusted`.
    pub(super) distrusts: bool,
    /// Calls deep.
    pub(super) depth: u32,
}

impl Flow {
    /// A value without parts of their own.
    pub(super) fn leaf(own: Label) -> Flow {
        Flow { own, ..Flow::default() }
    }

    /// A list or map, its elements alike.
    pub(super) fn list(own: Label, elem: Flow) -> Flow {
        Flow { own, over: Label::default(), parts: Parts::Elem(Arc::new(elem)) }
    }

    /// A record.
    pub(super) fn record(fields: BTreeMap<Arc<str>, Flow>) -> Flow {
        Flow { parts: Parts::Fields(Arc::new(fields)), ..Flow::default() }
    }

    /// A value of a type whose inner labels count.
    pub(super) fn typed(own: Label, ty: &Type, labels: Labels, said: Said) -> Flow {
        let (own, ty, said) = derive(own, ty, labels, said);
        if has_labels(&ty) {
            Flow { own, over: Label::default(), parts: Parts::Typed(ty, said) }
        } else {
            Flow::leaf(own)
        }
    }

    /// All there is in it.
    pub(super) fn total(&self) -> Label {
        let own = self.own.join(&self.over);
        match &self.parts {
            Parts::None => own,
            Parts::Fields(fields) => fields.values().fold(own, |l, f| l.join(&f.total())),
            Parts::Elem(elem) => own.join(&elem.total()),
            Parts::Typed(ty, said) => own.join(&raised(ty, *said)),
        }
    }

    /// The value itself: its length, its presence.
    pub(super) fn shape(&self) -> Label {
        self.own.join(&self.over)
    }

    fn under(mut self, over: &Label) -> Flow {
        if !over.is_clean() {
            self.own = self.own.join(over);
            self.over = self.over.join(over);
        }
        self
    }

    /// The same, selected by something.
    pub(super) fn chosen(self, by: &Label) -> Flow {
        self.under(&by.as_choice())
    }

    /// The same, mixed with something.
    pub(super) fn mixed(self, with: &Label) -> Flow {
        self.under(with)
    }

    /// The same, with everything in it put through `f`.
    pub(super) fn map(&self, f: &dyn Fn(&Label) -> Label) -> Flow {
        self.mapped(f, u32::MAX)
    }

    /// Seen from outside of the calls deeper than this.
    pub(super) fn outside(&self, depth: u32) -> Flow {
        self.mapped(&|label| label.outside(depth), depth)
    }

    fn mapped(&self, f: &dyn Fn(&Label) -> Label, depth: u32) -> Flow {
        let parts = match &self.parts {
            Parts::None => Parts::None,
            Parts::Fields(fields) => {
                let fields = fields.iter().map(|(n, v)| (n.clone(), v.mapped(f, depth)));
                Parts::Fields(Arc::new(fields.collect()))
            }
            Parts::Elem(elem) => Parts::Elem(Arc::new(elem.mapped(f, depth))),
            Parts::Typed(ty, said) => {
                Parts::Typed(ty.clone(), Said { depth: said.depth.min(depth), ..*said })
            }
        };
        Flow { own: f(&self.own), over: f(&self.over), parts }
    }

    /// A field, or the value behind a known key.
    pub(super) fn member(&self, name: &str) -> Flow {
        let out = match &self.parts {
            Parts::None => Flow::leaf(self.own.clone()),
            Parts::Fields(fields) => {
                fields.get(name).cloned().unwrap_or_else(|| Flow::leaf(self.own.clone()))
            }
            Parts::Elem(elem) => (**elem).clone().chosen(&self.own),
            Parts::Typed(ty, said) => match ty {
                Type::Record(record) => match record.fields.get(name) {
                    Some(field) => Flow::typed(self.own.clone(), &field.ty, field.labels, *said)
                        .chosen(&Label { content: None, hidden: None, ..self.own.clone() }),
                    None => Flow::leaf(self.own.clone()),
                },
                _ => self.elem(),
            },
        };
        out.under(&self.over)
    }

    /// An element of a list or map, whichever.
    pub(super) fn elem(&self) -> Flow {
        let out = match &self.parts {
            Parts::None => Flow::leaf(self.own.clone()),
            Parts::Fields(_) => return Flow::leaf(self.total()),
            Parts::Elem(elem) => (**elem).clone().chosen(&self.own),
            Parts::Typed(ty, said) => match ty {
                Type::List(inner) | Type::Map(inner) => {
                    let own = Label { choice: None, ..self.own.clone() };
                    Flow::typed(own, inner, Labels::default(), *said).chosen(&self.own)
                }
                _ => return Flow::leaf(self.total()),
            },
        };
        out.under(&self.over)
    }

    /// One of both.
    pub(super) fn join(&self, other: &Flow) -> Flow {
        self.join_at(other, 0)
    }

    fn join_at(&self, other: &Flow, depth: u32) -> Flow {
        let own = self.own.join(&other.own);
        let over = self.over.join(&other.over);
        let collapse = || Flow::leaf(self.total().join(&other.total()));
        let parts = match (&self.parts, &other.parts) {
            (Parts::None, Parts::None) => Parts::None,
            (Parts::None, _) => return other.clone().under(&self.shape()),
            (_, Parts::None) => return self.clone().under(&other.shape()),
            _ if depth >= MAX_DEPTH => return collapse(),
            (Parts::Typed(a, s), Parts::Typed(b, t)) if s == t && same(a, b) => Parts::Typed(a.clone(), *s),
            (Parts::Fields(_), Parts::Fields(_)) => {
                let mut out = BTreeMap::new();
                for name in self.names().chain(other.names()) {
                    let both = || self.member(name).join_at(&other.member(name), depth + 1);
                    out.entry(name.clone()).or_insert_with(both);
                }
                Parts::Fields(Arc::new(out))
            }
            (Parts::Elem(_), _) | (_, Parts::Elem(_)) => {
                Parts::Elem(Arc::new(self.elem().join_at(&other.elem(), depth + 1)))
            }
            (Parts::Typed(..), _) | (_, Parts::Typed(..)) => return collapse(),
        };
        Flow { own, over, parts }
    }

    fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        let fields = match &self.parts {
            Parts::Fields(fields) => Some(fields),
            Parts::None | Parts::Elem(_) | Parts::Typed(..) => None,
        };
        fields.into_iter().flat_map(|f| f.keys())
    }

    /// Whether both say the same, whatever the way.
    pub(super) fn level(&self) -> ([u8; 4], [u8; 4]) {
        (self.shape().level(), self.total().level())
    }
}

fn same(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Record(a), Type::Record(b)) => Arc::ptr_eq(a, b),
        (Type::List(a), Type::List(b)) | (Type::Map(a), Type::Map(b)) => Arc::ptr_eq(a, b),
        _ => false,
    }
}

/// The label and the bare type below the labels and names of a type.
fn derive(mut own: Label, ty: &Type, labels: Labels, mut said: Said) -> (Label, Type, Said) {
    apply(&mut own, labels, &mut said);
    let mut ty = ty;
    loop {
        ty = match ty {
            Type::Labelled { labels, inner } => {
                apply(&mut own, *labels, &mut said);
                inner
            }
            Type::Named { ty: inner, .. }
            | Type::Optional(inner)
            | Type::Refined { base: inner, .. }
            | Type::Opaque { base: inner, .. } => inner,
            other => return (own, other.clone(), said),
        };
    }
}

fn apply(own: &mut Label, labels: Labels, said: &mut Said) {
    match labels.trust {
        Some(Trust::Trusted) if said.lowers => {
            own.content = None;
            own.choice = None;
        }
        Some(Trust::Untrusted) if said.distrusts && own.content.is_none() => {
            own.content = Some(Trace::source(said.span, "untrusted, as its type says", said.depth));
        }
        Some(_) | None => {}
    }
    match labels.privacy {
        Some(Privacy::Public) if said.lowers => own.hidden = None,
        Some(level @ (Privacy::Private | Privacy::Secret)) => {
            let known = own.hidden.as_ref().map(|(p, _)| *p);
            if said.lowers || known.is_none_or(|k| k < level) {
                let text = if level == Privacy::Secret { "secret" } else { "private" };
                own.hidden =
                    Some((level, Trace::source(said.span, format!("{text}, as its type says"), said.depth)));
            }
        }
        Some(Privacy::Public) | None => {}
    }
}

/// Every part of a type once, however often it is used.
fn walk<'t>(ty: &'t Type, seen: &mut HashSet<*const Type>, f: &mut dyn FnMut(Labels)) {
    let mut go = |inner: &'t Arc<Type>, f: &mut dyn FnMut(Labels)| {
        if seen.insert(Arc::as_ptr(inner)) {
            walk(inner, seen, f);
        }
    };
    match ty {
        Type::Labelled { labels, inner } => {
            f(*labels);
            go(inner, f);
        }
        Type::List(inner)
        | Type::Map(inner)
        | Type::Optional(inner)
        | Type::Named { ty: inner, .. }
        | Type::Refined { base: inner, .. }
        | Type::Opaque { base: inner, .. } => go(inner, f),
        Type::Record(record) => {
            for field in record.fields.values() {
                f(field.labels);
                if seen.insert(std::ptr::from_ref(&field.ty)) {
                    walk(&field.ty, seen, f);
                }
            }
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
        | Type::Param(_)
        | Type::TypeOf => {}
    }
}

/// Whether a type, or anything in it, has labels.
pub(crate) fn has_labels(ty: &Type) -> bool {
    let mut found = false;
    walk(ty, &mut HashSet::new(), &mut |labels| found |= labels != Labels::default());
    found
}

/// What the labels inside a type make worse.
pub(super) fn raised(ty: &Type, mut said: Said) -> Label {
    let mut out = Label::default();
    said.lowers = false;
    walk(ty, &mut HashSet::new(), &mut |labels| apply(&mut out, labels, &mut said));
    out
}

/// Whether values of the type carry choice only: a bool, or one of some literals.
pub(super) fn is_narrow(ty: &Type) -> bool {
    match ty {
        Type::Bool | Type::Null | Type::Literals(_) => true,
        Type::Optional(inner)
        | Type::Named { ty: inner, .. }
        | Type::Labelled { inner, .. }
        | Type::Refined { base: inner, .. } => is_narrow(inner),
        Type::Error
        | Type::Int
        | Type::Float
        | Type::String
        | Type::Bytes
        | Type::Timestamp
        | Type::Duration
        | Type::Json
        | Type::File
        | Type::List(_)
        | Type::Map(_)
        | Type::Record(_)
        | Type::Opaque { .. }
        | Type::Param(_)
        | Type::TypeOf => false,
    }
}
