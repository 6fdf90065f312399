//! Plans whose steps are `s1`, `s2`, …, each with the names of those before it only. With `typed`, a value's type decides where it may
//! stand: the state of the rules holds for every step what kind of result it has.

use super::ir::{Field, Grammar, Node, Rule, When, all, any, opt, repeat, seq, text};
use super::skills::{Skills, arguments, base, optional};
use super::surface::{Cx, Limits, Surface};
use super::tokens;
use crate::check::hir::{Idempotency, Param, Signature};
use crate::format;
use crate::syntax::ast::EffectKind;
use crate::types::{Privacy, Trust, Type};
use std::sync::Arc;

/// On one line, without brackets.
const FLAT: Cx = Cx::Flat(1);

/// The bits of a state.
const BITS: u8 = 64;
/// More kinds of results than these are not told apart.
const MOST_KINDS: usize = 31;

/// What a result can be used for: the texts behind `$step` and their types.
struct Kind {
    output: Type,
    uses: Vec<(String, Type)>,
}

/// Skills that differ in nothing but their names and arguments.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Group {
    /// Of the result, from 1; 0: it is not used.
    kind: u64,
    /// It can be undone, or need not be: it may be repeated and may depend on anything.
    harmless: bool,
    repeatable: bool,
    /// How long it takes is said by an argument: a timeout may be too short for it.
    waits: bool,
}

struct Unrolled<'a> {
    surface: Surface<'a>,
    skills: &'a Skills,
    typed: bool,
    kinds: Vec<Kind>,
    /// Bits of the state for each step.
    width: u8,
    steps: u8,
    /// The types that steps are asked for.
    types: Vec<Type>,
    /// The step whose calls are made, where every step has rules of its own; else 0.
    at: u8,
}

/// Why a plan of this level cannot be written.
#[derive(Debug)]
pub(super) enum Cannot {
    /// No skill of the catalogue fits.
    NoSkill,
    /// With so many kinds of results, so many steps fit into the state.
    TooManySteps { most: u8 },
}

/// The grammar of a plan with at most so many steps.
pub(super) fn grammar(skills: &Skills, limits: Limits, steps: u8, typed: bool) -> Result<Grammar, Cannot> {
    let kinds = if typed { kinds(skills) } else { Vec::new() };
    let width = (u64::BITS - (kinds.len() as u64).leading_zeros()).max(1) as u8;
    let most = BITS / width;
    if typed && steps > most {
        return Err(Cannot::TooManySteps { most });
    }
    let surface = Surface::new(limits, None);
    Unrolled { surface, skills, typed, kinds, width, steps, types: Vec::new(), at: 0 }.plan()
}

/// The kinds of results that are used, in the order of the skills.
fn kinds(skills: &Skills) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::new();
    for skill in &skills.list {
        let hidden = skill.output_labels.privacy.is_some_and(|p| p != Privacy::Public);
        if hidden || !skill.type_params.is_empty() || kinds.len() >= MOST_KINDS {
            continue;
        }
        if kinds.iter().any(|k| k.output == skill.output) {
            continue;
        }
        let mut uses = Vec::new();
        members("", &skill.output, 2, &mut uses);
        if !uses.is_empty() {
            kinds.push(Kind { output: skill.output.clone(), uses });
        }
    }
    kinds
}

/// A value and its members, which are there whenever it is.
fn members(path: &str, ty: &Type, depth: u8, uses: &mut Vec<(String, Type)>) {
    let label = |ty: &Type| matches!(ty, Type::Labelled { labels, .. } if labels.privacy.is_some());
    if label(ty) || matches!(base(ty), Type::Null | Type::Error | Type::Param(_) | Type::TypeOf) {
        return;
    }
    uses.push((path.to_owned(), ty.bare().clone()));
    let Type::Record(record) = base(ty) else { return };
    for (name, field) in record.fields.iter().filter(|_| depth > 0) {
        let name_fits = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !field.optional && name_fits && field.labels.privacy.is_none() {
            members(&format!("{path}.{name}"), &field.ty, depth - 1, uses);
        }
    }
}

/// Whether a value of one type may stand for another: only where that is plain.
fn fits(value: &Type, want: &Type) -> bool {
    match (base(value), want.bare()) {
        (_, Type::Refined { .. }) => value.bare() == want.bare(),
        (value, Type::Optional(want)) => fits(value, want) || *value == Type::Null,
        (Type::Int, Type::Float) | (Type::Literals(_), Type::String) => true,
        (value, Type::Json) => !matches!(
            value,
            Type::File | Type::Opaque { .. } | Type::Bytes | Type::Duration | Type::Timestamp
        ),
        (value, want) => value == want,
    }
}

impl<'a> Unrolled<'a> {
    fn add(&mut self, name: &str, alternatives: Vec<(Node, When)>) -> Node {
        let name: Arc<str> = name.into();
        if alternatives.is_empty() {
            return Node::Never;
        }
        let rule = Rule { alternatives, token: false, parametric: false };
        self.surface.grammar.rules.insert(name.clone(), rule);
        Node::Rule { name, set: 0 }
    }

    fn known(&self, name: &str) -> Option<Node> {
        self.surface.grammar.rules.contains_key(name).then(|| Node::Rule { name: name.into(), set: 0 })
    }

    fn plan(mut self) -> Result<Grammar, Cannot> {
        let placeholder = Rule { alternatives: Vec::new(), token: false, parametric: false };
        self.surface.grammar.rules.insert("start".into(), placeholder);
        let shared = if self.typed { self.groups() } else { Vec::new() };
        // From the last step to the first: each one names the next.
        let mut next = text("\n}\n");
        for k in (1..=self.steps).rev() {
            self.at = if self.typed { 0 } else { k };
            let own = if self.typed { Vec::new() } else { self.groups() };
            next = self.step(k, if self.typed { &shared } else { &own }, next);
        }
        let first: Arc<str> = "steps1".into();
        if !self.surface.grammar.rules.contains_key(&first) || !self.can_begin(&shared) {
            return Err(Cannot::NoSkill);
        }
        let name = self.surface.name();
        let string = self.surface.plain_string();
        let goal = any(vec![text(" {"), seq([text("\n  goal "), string, text("\n{")])]);
        let whole = seq([text("plan "), name, text("()"), goal, next]);
        if let Some(rule) = self.surface.grammar.rules.get_mut("start") {
            rule.alternatives = vec![(whole, When::default())];
        }
        Ok(self.surface.grammar.reachable().with_states())
    }

    /// Whether some call needs no step before it.
    fn can_begin(&self, groups: &[(Group, Node)]) -> bool {
        let free = |call: &Node| match call {
            Node::Rule { name, .. } => {
                let rule = self.surface.grammar.rules.get(name);
                rule.is_some_and(|r| r.alternatives.iter().any(|(_, when)| when.0.is_empty()))
            }
            Node::Never | Node::Text(_) | Node::Class { .. } | Node::Seq(_) | Node::Any(_) => false,
            Node::Repeat { .. } => false,
        };
        !self.typed || groups.iter().any(|(_, call)| free(call))
    }

    /// Step `k` and what follows it.
    fn step(&mut self, k: u8, groups: &[(Group, Node)], next: Node) -> Node {
        let mut ways = Vec::new();
        let blank = if k > 1 { opt(text("\n")) } else { text("") };
        let head = seq([blank, text(format!("\n  step s{k} = "))]);
        for (group, call) in groups {
            let clauses = self.clauses(k, *group, groups);
            let next = match &next {
                // What the step's result is, in its bits.
                Node::Rule { name, .. } if self.typed => {
                    let set = group.kind << (u32::from(k - 1) * u32::from(self.width));
                    Node::Rule { name: name.clone(), set }
                }
                other => other.clone(),
            };
            ways.push((seq([head.clone(), call.clone(), clauses, next]), When::default()));
        }
        if k > 1 && !ways.is_empty() {
            ways.push((text("\n}\n"), When::default()));
        }
        self.add(&format!("steps{k}"), ways)
    }

    /// Skills that can be written, in groups, each a rule of its calls.
    fn groups(&mut self) -> Vec<(Group, Node)> {
        let mut by_group: Vec<(Group, Vec<(Node, When)>)> = Vec::new();
        for skill in &self.skills.list {
            let Some((call, when)) = self.call(skill) else { continue };
            let group = self.group(skill);
            match by_group.iter_mut().find(|(g, _)| *g == group) {
                Some((_, calls)) => calls.push((call, when)),
                None => by_group.push((group, vec![(call, when)])),
            }
        }
        let at = self.at;
        let mut out = Vec::new();
        for (index, (group, calls)) in by_group.into_iter().enumerate() {
            out.push((group, self.add(&format!("calls{at}x{index}"), calls)));
        }
        out
    }

    fn group(&self, skill: &Signature) -> Group {
        let kind = self.kinds.iter().position(|k| k.output == skill.output).map_or(0, |n| n as u64 + 1);
        let hidden = skill.output_labels.privacy.is_some_and(|p| p != Privacy::Public);
        let harmless = skill.effects.iter().all(|e| matches!(e.kind, EffectKind::Pure | EffectKind::Reads));
        let repeatable = harmless || skill.idempotency == Idempotency::Yes;
        let waits = skill.params.iter().any(|p| matches!(base(&p.ty), Type::Duration | Type::Timestamp));
        Group { kind: if hidden { 0 } else { kind }, harmless, repeatable, waits }
    }

    /// A call with its arguments, and when the steps before make it possible.
    fn call(&mut self, skill: &Signature) -> Option<(Node, When)> {
        if !skill.type_params.is_empty() {
            return None;
        }
        let harmless = self.group(skill).harmless;
        let mut when = When::default();
        let args = arguments(FLAT, &skill.params, |param| self.argument(param, harmless, &mut when));
        let empty = if skill.params.iter().all(optional) { text("()") } else { Node::Never };
        let full = seq([text("("), args, text(")")]);
        match any(vec![empty, full]) {
            Node::Never => None,
            args => Some((seq([text(skill.name.to_string()), args]), when)),
        }
    }

    /// A value for a parameter; a required one that only a step can give adds what that needs.
    fn argument(&mut self, param: &Param, harmless: bool, when: &mut When) -> Option<Node> {
        let literal = self.literal(&param.ty, 2);
        // What cannot be undone takes literals only: nothing untrusted decides over it.
        let trusted = param.labels.trust == Some(Trust::Trusted) || (self.typed && !harmless);
        let steps = if trusted { Node::Never } else { self.reference(&param.ty) };
        match (literal, steps) {
            (Node::Never, Node::Never) => None,
            (Node::Never, steps) if !self.typed => Some(steps),
            (Node::Never, steps) => {
                if optional(param) {
                    return None;
                }
                let fields = self.fields(&steps);
                when.0.push(fields);
                Some(steps)
            }
            (literal, steps) => Some(any(vec![literal, steps])),
        }
    }

    /// What the alternatives of a rule of references ask of the state.
    fn fields(&self, node: &Node) -> Vec<Field> {
        let Node::Rule { name, .. } = node else { return Vec::new() };
        let rule = self.surface.grammar.rules.get(name);
        rule.iter().flat_map(|r| &r.alternatives).flat_map(|(_, w)| w.0.iter().flatten().copied()).collect()
    }

    /// The literals of a type.
    fn literal(&mut self, ty: &Type, depth: u8) -> Node {
        let sign = || opt(text("-"));
        let inner = depth.checked_sub(1);
        match ty.bare() {
            // Whether a literal keeps the condition is not the grammar's to say.
            Type::Refined { base, .. } if !self.typed => self.literal(base, depth),
            Type::Refined { .. } => Node::Never,
            Type::String => self.surface.plain_string(),
            Type::Bool => any(vec![text("true"), text("false")]),
            Type::Int => seq([sign(), self.surface.token("smallint", small_int)]),
            Type::Float => {
                let (int, float) = (
                    self.surface.token("smallint", small_int),
                    self.surface.token("smallfloat", small_float),
                );
                seq([sign(), any(vec![int, float])])
            }
            Type::Duration => self.surface.token("seconds", || seq([small_int(), text("s")])),
            Type::Null => text("null"),
            Type::Bytes => self.surface.token("bytes", tokens::bytes),
            Type::Literals(words) => any(words.iter().map(|w| text(format::quoted(w))).collect()),
            Type::Optional(inner) => {
                let inner = self.literal(inner, depth);
                any(vec![text("null"), inner])
            }
            Type::List(item) => {
                let Some(inner) = inner else { return text("[]") };
                let item = self.literal(item, inner);
                let more = repeat(seq([text(", "), item.clone()]), 0, Some(3));
                any(vec![text("[]"), seq([text("["), item, more, text("]")])])
            }
            Type::Map(item) => {
                let Some(inner) = inner else { return text("{}") };
                let item = self.literal(item, inner);
                let word = self.surface.word();
                any(vec![text("{}"), seq([text("{ "), word, text(": "), item, text(" }")])])
            }
            Type::Record(record) => {
                let Some(inner) = inner else { return Node::Never };
                let mut parts = vec![text("{ ")];
                let required: Vec<_> = record.fields.iter().filter(|(_, f)| !f.optional).collect();
                if required.is_empty() {
                    return text("{}");
                }
                for (i, (name, field)) in required.into_iter().enumerate() {
                    parts.push(text(format!("{}{}: ", if i > 0 { ", " } else { "" }, format::key(name))));
                    parts.push(self.literal(&field.ty, inner));
                }
                parts.push(text(" }"));
                all(parts)
            }
            Type::Json => {
                let int = self.surface.token("smallint", small_int);
                any(vec![text("null"), text("true"), text("false"), int, self.surface.plain_string()])
            }
            Type::File | Type::Opaque { .. } | Type::Timestamp | Type::Error => Node::Never,
            Type::Param(_) | Type::TypeOf | Type::Named { .. } | Type::Labelled { .. } => Node::Never,
        }
    }

    /// What earlier steps give for a type.
    fn reference(&mut self, ty: &Type) -> Node {
        if !self.typed {
            return self.any_reference();
        }
        let index = self.types.iter().position(|t| t == ty).unwrap_or_else(|| {
            self.types.push(ty.clone());
            self.types.len() - 1
        });
        let name = format!("ref{index}");
        if let Some(known) = self.known(&name) {
            return known;
        }
        let mut ways = Vec::new();
        for step in 1..self.steps {
            let first = (step - 1) * self.width;
            for (index, kind) in self.kinds.iter().enumerate() {
                let field = Field { first, end: first + self.width, value: index as u64 + 1 };
                for (path, _) in kind.uses.iter().filter(|(_, have)| fits(have, ty)) {
                    ways.push((text(format!("s{step}{path}")), When(vec![vec![field]])));
                }
            }
        }
        self.add(&name, ways)
    }

    /// Where types are not kept: any step before this one, with any fields.
    fn any_reference(&mut self) -> Node {
        let name = format!("earlier{}", self.at);
        if let Some(known) = self.known(&name) {
            return known;
        }
        let word = self.surface.word();
        let fields = repeat(seq([text("."), word]), 0, Some(2));
        let steps: Vec<Node> = (1..self.at).map(|step| text(format!("s{step}"))).collect();
        match seq([any(steps), fields]) {
            Node::Never => Node::Never,
            node => self.add(&name, vec![(node, When::default())]),
        }
    }

    /// The clauses of step `k`.
    fn clauses(&mut self, k: u8, group: Group, groups: &[(Group, Node)]) -> Node {
        let after = if k > 1 { self.after(k) } else { Node::Never };
        let after = opt(seq([text("\n    depends_on ["), after, text("]")]));
        let (when, needs) =
            if k > 1 && group.harmless { self.condition() } else { (Node::Never, Vec::new()) };
        let when = seq([text("\n    when "), when]);
        let seconds = self.surface.token("seconds", || seq([small_int(), text("s")]));
        let timeout = match group.waits {
            true => text(""),
            false => opt(seq([text("\n    timeout "), seconds.clone()])),
        };
        let string = self.surface.plain_string();
        let fail = seq([text("fail "), string]);
        let mut ends = vec![text("abort"), text("continue"), fail];
        if let Some(kind) =
            usize::try_from(group.kind).ok().and_then(|n| n.checked_sub(1)).and_then(|n| self.kinds.get(n))
        {
            let output = kind.output.clone();
            let value = self.literal(&output, 1);
            ends.push(seq([text("use "), value]));
        }
        // Another call of the same kind that does no harm.
        for (other, call) in groups.iter().filter(|(g, _)| *g == group && g.harmless) {
            let free = self.can_begin(std::slice::from_ref(&(*other, call.clone())));
            if free && (other.kind > 0 || !self.typed) {
                ends.push(seq([text("fallback "), call.clone()]));
            }
        }
        let end = any(ends);
        let mut chains = vec![end.clone()];
        if group.repeatable {
            let count = self.surface.token("smallint", small_int);
            let backoff = opt(seq([text(" backoff "), seconds.clone(), opt(seq([text(".."), seconds]))]));
            chains.push(seq([text("retry "), count, backoff, opt(seq([text(" then "), end]))]));
        }
        let on_error = opt(seq([text("\n    on_error "), any(chains)]));
        let index = groups.iter().position(|(g, _)| *g == group).unwrap_or(0);
        let mut ways = vec![(seq([after.clone(), timeout.clone(), on_error.clone()]), When::default())];
        if !matches!(when, Node::Never) {
            let needs = if needs.is_empty() { When::default() } else { When(vec![needs]) };
            ways.push((seq([after, when, timeout, on_error]), needs));
        }
        self.add(&format!("clauses{k}x{index}"), ways)
    }

    /// Names of steps before `k`, in order.
    fn after(&mut self, k: u8) -> Node {
        let mut next = Node::Never;
        for step in (1..k).rev() {
            let more = match &next {
                Node::Never => text(""),
                next => opt(seq([text(", "), next.clone()])),
            };
            let here = seq([text(format!("s{step}")), more]);
            let name = format!("after{k}x{step}");
            let ways = match next {
                Node::Never => vec![(here, When::default())],
                next => vec![(here, When::default()), (next, When::default())],
            };
            next = self.add(&name, ways);
        }
        next
    }

    /// A condition over what earlier steps gave, and what one of them must have given.
    fn condition(&mut self) -> (Node, Vec<Field>) {
        let (int, string) = (self.surface.token("smallint", small_int), self.surface.plain_string());
        let order = || any([" == ", " != ", " < ", " <= ", " > ", " >= "].map(text).into());
        let same = || any([" == ", " != "].map(text).into());
        if !self.typed {
            let earlier = self.any_reference();
            let value = any(vec![int, string, text("true"), text("null")]);
            let node = any(vec![seq([opt(text("!")), earlier.clone()]), seq([earlier, order(), value])]);
            return (node, Vec::new());
        }
        let mut ways = Vec::new();
        let mut needs = Vec::new();
        let bools = self.reference(&Type::Bool);
        let ints = self.reference(&Type::Int);
        let strings = self.reference(&Type::String);
        for (refs, node) in [
            (bools.clone(), seq([opt(text("!")), bools])),
            (ints.clone(), seq([ints, order(), int])),
            (strings.clone(), seq([strings, same(), string])),
        ] {
            let fields = self.fields(&refs);
            if !matches!(node, Node::Never) {
                needs.extend(&fields);
                ways.push((node, When(vec![fields])));
            }
        }
        let node = match self.known("condition") {
            Some(known) => known,
            None => self.add("condition", ways),
        };
        (node, needs)
    }
}

fn small_int() -> Node {
    seq([tokens::digit(false), repeat(tokens::digit(true), 0, Some(3))])
}

fn small_float() -> Node {
    seq([small_int(), text("."), repeat(tokens::digit(true), 1, Some(4))])
}
