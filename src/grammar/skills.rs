//! Calls of known skills: their names, parameters and, as far as a grammar can, types.

use super::ir::{Node, all, any, opt, repeat, seq, text};
use super::surface::{Brackets, Cx, Surface};
use super::tokens;
use crate::check::hir::{Param, Signature};
use crate::format;
use crate::types::Type;
use std::sync::Arc;

/// The skills of a grammar, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Skills {
    pub(super) list: Vec<Arc<Signature>>,
}

/// Whether an argument may be left out.
pub(super) fn optional(param: &Param) -> bool {
    param.default.is_some()
}

/// A type without names, labels and conditions.
pub(super) fn base(ty: &Type) -> &Type {
    let mut ty = ty.bare();
    while let Type::Refined { base: inner, .. } = ty {
        ty = inner.bare();
    }
    ty
}

/// Arguments by name, the required ones first: `arg` gives one's value. `None` of it: the argument is left out.
pub(super) fn arguments(cx: Cx, params: &[Param], mut arg: impl FnMut(&Param) -> Option<Node>) -> Node {
    let (required, rest): (Vec<&Param>, Vec<&Param>) = params.iter().partition(|p| !optional(p));
    let comma = || seq([text(","), Surface::line(cx)]);
    let mut named = |p: &Param| arg(p).map(|value| seq([text(format!("{}: ", format::key(&p.name))), value]));
    let mut head = Vec::new();
    for param in required {
        let Some(node) = named(param) else { return Node::Never };
        if !head.is_empty() {
            head.push(comma());
        }
        head.push(node);
    }
    let options: Vec<Node> = rest.into_iter().filter_map(named).collect();
    if !head.is_empty() {
        head.extend(options.into_iter().map(|o| opt(seq([comma(), o]))));
        return all(head);
    }
    // None is required: whichever comes first has no comma before it.
    let mut firsts = Vec::new();
    let mut more = text("");
    for option in options.into_iter().rev() {
        firsts.push(seq([option.clone(), more.clone()]));
        more = seq([opt(seq([comma(), option])), more]);
    }
    any(firsts)
}

impl<'a> Surface<'a> {
    /// A call of one skill.
    pub(super) fn skill_call(&mut self, cx: Cx, skill: &Signature) -> Node {
        let types = match skill.type_params.len() {
            0 => text(""),
            n => {
                let ty = self.ty(self.flat(cx));
                let more = seq([text(", "), ty.clone()]);
                let n = u32::try_from(n).unwrap_or(1);
                seq([text("<"), ty, repeat(more, n - 1, Some(n - 1)), text(">")])
            }
        };
        let empty = match skill.params.iter().all(optional) {
            true => text("()"),
            false => Node::Never,
        };
        let flat = match self.flat(cx) {
            Cx::Flat(depth) if depth > 0 => {
                let inner = Cx::Flat(depth - 1);
                let args = arguments(inner, &skill.params, |p| Some(self.of_type(inner, &p.ty)));
                seq([text("("), args, text(")")])
            }
            Cx::Flat(_) | Cx::Tall(_) => Node::Never,
        };
        let tall = match self.room(cx) {
            Some(inner @ Cx::Tall(_)) => {
                let args = arguments(inner, &skill.params, |p| Some(self.of_type(inner, &p.ty)));
                seq([text("("), Self::newline(inner), args, text(","), Self::newline(cx), text(")")])
            }
            Some(Cx::Flat(_)) | None => Node::Never,
        };
        seq([text(skill.name.to_string()), types, any(vec![empty, flat, tall])])
    }

    /// A value of a type: its literals, or what is computed from names.
    fn of_type(&mut self, cx: Cx, ty: &Type) -> Node {
        let computed = self.computed(self.flat(cx));
        let sign = || opt(text("-"));
        let literal = match base(ty) {
            Type::String => self.string(cx),
            Type::Bool => {
                any(vec![text("true"), text("false"), seq([text("!"), computed.clone()]), self.paren(cx)])
            }
            Type::Int => {
                any(vec![seq([sign(), self.token("int", tokens::int)]), self.token("size", tokens::size)])
            }
            Type::Float => {
                let (int, float) = (self.token("int", tokens::int), self.token("float", tokens::float));
                seq([sign(), any(vec![float, int])])
            }
            Type::Duration => self.token("duration", tokens::duration),
            Type::Literals(words) => any(words.iter().map(|w| text(format::quoted(w))).collect()),
            Type::Null => text("null"),
            Type::Bytes => self.token("bytes", tokens::bytes),
            Type::List(item) => self.list(cx, Brackets::Square, 0, &mut |s, cx| s.of_type(cx, item)),
            Type::Map(_) | Type::Record(_) => self.record(cx),
            Type::Optional(inner) => return any(vec![text("null"), self.of_type(cx, inner)]),
            Type::File | Type::Opaque { .. } | Type::Timestamp => return computed,
            Type::Json | Type::Error | Type::Param(_) | Type::TypeOf => return self.expr(cx),
            // Seen through by `base`.
            Type::Named { .. } | Type::Labelled { .. } | Type::Refined { .. } => return self.expr(cx),
        };
        any(vec![literal, computed])
    }

    /// What begins with a name: members, calls, a cast, a fall-back for null.
    fn computed(&mut self, cx: Cx) -> Node {
        self.rule("computed", cx, |s, cx| {
            let link = any(vec![s.method(cx), s.field(cx)]);
            let ty = s.type_atom(cx);
            let value = any(vec![s.name(), s.string(cx), s.number()]);
            let head = seq([s.name(), opt(s.args(cx)), repeat(link, 0, Some(s.limits.chain))]);
            seq([head, opt(seq([text(" as "), ty])), opt(seq([text(" ?? "), value]))])
        })
    }
}
