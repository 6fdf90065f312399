//! Labels of values, each with the way it came.

use crate::source::Span;
use crate::types::Privacy;
use std::sync::Arc;

/// Longer ways are shown without their middle.
const MAX_HOPS: u32 = 8;

/// Where a label came from: the last place first, the source at the end.
#[derive(Clone, Debug)]
pub(super) struct Trace(Arc<Hop>);

#[derive(Debug)]
struct Hop {
    span: Span,
    text: String,
    before: Option<Trace>,
    length: u32,
    /// In which call the source lies: 0 is the plan at hand.
    depth: u32,
}

impl Trace {
    /// A source.
    pub(super) fn source(span: Span, text: impl Into<String>, depth: u32) -> Trace {
        Trace(Arc::new(Hop { span, text: text.into(), before: None, length: 1, depth }))
    }

    /// The same, one place further.
    pub(super) fn then(&self, span: Span, text: impl FnOnce() -> String) -> Trace {
        if self.0.span == span || self.0.length >= MAX_HOPS {
            return self.clone();
        }
        Trace(Arc::new(Hop {
            span,
            text: text(),
            before: Some(self.clone()),
            length: self.0.length + 1,
            depth: self.0.depth,
        }))
    }

    /// The same, seen from outside of the calls deeper than this: there it counts as a source like any other.
    pub(super) fn outside(&self, depth: u32) -> Trace {
        if self.0.depth <= depth {
            return self.clone();
        }
        let Hop { span, ref text, ref before, length, depth: _ } = *self.0;
        Trace(Arc::new(Hop { span, text: text.clone(), before: before.clone(), length, depth }))
    }

    /// In which call the source lies.
    pub(super) fn depth(&self) -> u32 {
        self.0.depth
    }

    /// Places from the source on.
    pub(super) fn places(&self) -> Vec<(Span, Arc<str>)> {
        let mut out = Vec::new();
        let mut next = Some(self);
        while let Some(hop) = next {
            out.push((hop.0.span, Arc::from(&*hop.0.text)));
            next = hop.0.before.as_ref();
        }
        out.reverse();
        out
    }

    /// The place of the source.
    pub(super) fn root(&self) -> Span {
        let mut hop = self;
        while let Some(before) = &hop.0.before {
            hop = before;
        }
        hop.0.span
    }
}

/// Private or secret, and why.
pub(super) type Hidden = Option<(Privacy, Trace)>;

/// What is known of a value: `None` is trusted, and public.
#[derive(Clone, Debug, Default)]
pub(super) struct Label {
    /// It was made from what is untrusted.
    pub(super) content: Option<Trace>,
    /// What is untrusted selected it.
    pub(super) choice: Option<Trace>,
    /// It was made from what is private or secret.
    pub(super) hidden: Hidden,
    /// What is private selected it.
    pub(super) hidden_choice: Hidden,
}

fn higher(a: &Hidden, b: &Hidden) -> Hidden {
    match (a, b) {
        (Some((p, _)), Some((q, _))) if q > p => b.clone(),
        (Some(_), _) => a.clone(),
        (None, _) => b.clone(),
    }
}

fn level(hidden: &Hidden) -> u8 {
    match hidden {
        None => 0,
        Some((Privacy::Secret, _)) => 2,
        Some(_) => 1,
    }
}

impl Label {
    /// Whether nothing is known against it.
    pub(super) fn is_clean(&self) -> bool {
        self.level() == [0; 4]
    }

    /// How bad it is, without the why.
    pub(super) fn level(&self) -> [u8; 4] {
        [
            u8::from(self.content.is_some()),
            u8::from(self.choice.is_some()),
            level(&self.hidden),
            level(&self.hidden_choice),
        ]
    }

    /// A value made from both.
    pub(super) fn join(&self, other: &Label) -> Label {
        if other.is_clean() {
            return self.clone();
        }
        Label {
            content: self.content.clone().or_else(|| other.content.clone()),
            choice: self.choice.clone().or_else(|| other.choice.clone()),
            hidden: higher(&self.hidden, &other.hidden),
            hidden_choice: higher(&self.hidden_choice, &other.hidden_choice),
        }
    }

    /// What is selected by such a value.
    pub(super) fn as_choice(&self) -> Label {
        Label {
            content: None,
            choice: self.content.clone().or_else(|| self.choice.clone()),
            // A secret that decides is an error of its own, where it decides.
            hidden: None,
            hidden_choice: higher(&self.hidden, &self.hidden_choice),
        }
    }

    /// What is computed with such a value: a choice becomes content.
    pub(super) fn computed(&self) -> Label {
        Label {
            content: self.content.clone().or_else(|| self.choice.clone()),
            choice: None,
            hidden: higher(&self.hidden, &self.hidden_choice),
            hidden_choice: None,
        }
    }

    /// A bool or one of some literals: content would be a choice only.
    pub(super) fn narrow(mut self) -> Label {
        if let Some(content) = self.content.take() {
            self.choice.get_or_insert(content);
        }
        self
    }

    /// One place further on every way.
    pub(super) fn then(&self, span: Span, text: impl Fn() -> String) -> Label {
        self.each(|t| t.then(span, &text))
    }

    /// Seen from outside of the calls deeper than this.
    pub(super) fn outside(&self, depth: u32) -> Label {
        self.each(|t| t.outside(depth))
    }

    fn each(&self, f: impl Fn(&Trace) -> Trace) -> Label {
        Label {
            content: self.content.as_ref().map(&f),
            choice: self.choice.as_ref().map(&f),
            hidden: self.hidden.as_ref().map(|(p, t)| (*p, f(t))),
            hidden_choice: self.hidden_choice.as_ref().map(|(p, t)| (*p, f(t))),
        }
    }

    /// Content or choice that is untrusted.
    pub(super) fn untrusted(&self) -> Option<&Trace> {
        self.content.as_ref().or(self.choice.as_ref())
    }

    /// Why it is secret, if it is.
    pub(super) fn secret(&self) -> Option<&Trace> {
        match (&self.hidden, &self.hidden_choice) {
            (Some((Privacy::Secret, t)), _) | (_, Some((Privacy::Secret, t))) => Some(t),
            _ => None,
        }
    }
}
