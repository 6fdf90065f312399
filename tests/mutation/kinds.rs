//! The kinds of mistakes: what each does to a text, which codes name its cause, whether its mend is mechanical.

use super::meaning::{
    constant_condition, constant_key, dead_condition, hidden_character, late_retry, lookalike_name,
    needless_default, needless_order, parallel_writes, secret_argument, secret_condition, spare_input,
    spare_step, tight_budget,
};
use super::plans::{Kind as Tok, Seen};
use super::shapes::{
    argument_equals, bare_call, clause_colon, clause_twice, cut_file, dropped_closing, dropped_colon,
    dropped_comma, dropped_opening, dropped_quote, fence, name_taken, no_unit, output_member, quoted_name,
    reserved_name, semicolon, step_colon, step_twice, unknown_clause, word_operator, wrong_unit,
};
use crate::engine::Random;
use aos::check::hir::{self, Idempotency, Target, VarKind};
use aos::expr::ExprKind;
use aos::types::Type;
use std::ops::Range;

/// A text with one mistake.
pub struct Mutant {
    pub text: String,
    /// Where a diagnostic may stand to name the cause, in the new text.
    pub place: Range<usize>,
}

/// One kind of mistake.
pub struct Kind {
    pub name: &'static str,
    /// The codes that name the cause.
    pub codes: &'static [&'static str],
    /// Whether the text alone says how to mend it.
    pub mechanical: bool,
    pub make: fn(&Seen<'_>, &mut Random) -> Vec<Mutant>,
}

macro_rules! kinds {
    ($($name:literal $mech:ident $make:ident [$($code:literal)*])*) => {
        &[$(Kind { name: $name, codes: &[$($code),*], mechanical: matches!(stringify!($mech).as_bytes(), b"mend"), make: $make }),*]
    };
}

/// The table: name, whether the mend is mechanical, codes.
pub const KINDS: &[Kind] = kinds! {
    "misspelt skill" mend misspelt_skill ["unknown-skill"]
    "misspelt argument" mend misspelt_argument ["unknown-argument"]
    "misspelt field" mend misspelt_field ["unknown-field"]
    "misspelt reference" mend misspelt_reference ["unknown-name"]
    "misspelt type" mend misspelt_type ["unknown-type"]
    "misspelt clause" mend misspelt_clause ["syntax"]
    "misspelt statement" mend misspelt_head ["syntax" "bare-statement" "foreign-syntax"]
    "misspelt error" mend misspelt_error ["unknown-error-kind"]
    "misspelt function" mend misspelt_function ["unknown-function"]
    "dropped argument" ask dropped_argument ["missing-argument"]
    "added argument" ask added_argument ["unknown-argument"]
    "argument given twice" mend argument_twice ["duplicate-argument"]
    "argument without its name" mend positional ["positional-argument"]
    "two arguments swapped" ask swapped_arguments ["argument-type" "needs-cast" "maybe-null" "type-mismatch" "unknown-key" "missing-field"]
    "number as text" mend number_as_text ["argument-type" "type-mismatch"]
    "text as number" ask text_as_number ["argument-type" "type-mismatch"]
    "broken reference" ask broken_reference ["unknown-name"]
    "cycle" ask cycle ["used-before-defined" "step-cycle"]
    "used before defined" mend used_before ["used-before-defined"]
    "dropped handler" ask dropped_handler ["unhandled-error"]
    "dropped match arm" ask dropped_match_arm ["not-exhaustive"]
    "retry of what acts twice" ask unsafe_retry ["unsafe-retry"]
    "retry beyond the deadline" ask late_retry ["impossible-deadline"]
    "secret in an argument" ask secret_argument ["secret-leak"]
    "secret in a condition" ask secret_condition ["secret-leak"]
    "budget too small" ask tight_budget ["budget-exceeded"]
    "one key for all items" ask constant_key ["constant-key"]
    "asked whether it failed" ask dead_condition ["dead-condition"]
    "written at once" mend parallel_writes ["resource-race"]
    "letter of another script" mend lookalike_name ["confusable-character"]
    "hidden character" ask hidden_character ["hidden-character"]
    "step that nobody reads" ask spare_step ["unused-step" "unread-output" "duplicate-call"]
    "input that nobody reads" ask spare_input ["unused-input"]
    "condition that is always true" ask constant_condition ["constant-condition"]
    "default that is never taken" mend needless_default ["needless-null-check"]
    "order that is there anyway" mend needless_order ["redundant-depends-on"]
    "dropped closing bracket" ask dropped_closing ["unclosed-bracket" "syntax"]
    "dropped opening bracket" ask dropped_opening ["unclosed-bracket" "syntax" "bare-statement"]
    "dropped colon" mend dropped_colon ["syntax"]
    "dropped comma" mend dropped_comma ["syntax"]
    "dropped quote" ask dropped_quote ["unclosed-bracket" "syntax"]
    "cut file" ask cut_file ["unclosed-bracket" "syntax"]
    "step twice" mend step_twice ["duplicate-name"]
    "name taken" ask name_taken ["duplicate-name" "shadowed-name"]
    "clause twice" mend clause_twice ["duplicate-clause"]
    "unknown clause" ask unknown_clause ["syntax"]
    "word for an operator" mend word_operator ["foreign-syntax"]
    "missing default" ask missing_default ["maybe-null" "maybe-missing" "argument-type"]
    "plain read of an optional" mend plain_member ["maybe-null"]
    "wrong unit" mend wrong_unit ["bad-literal" "syntax"]
    "no unit" ask no_unit ["type-mismatch" "argument-type" "bad-literal"]
    "step with a colon" mend step_colon ["foreign-syntax"]
    "clause with a colon" mend clause_colon ["foreign-syntax"]
    "argument with an equals sign" mend argument_equals ["foreign-syntax"]
    "name in quotes" mend quoted_name ["foreign-syntax"]
    "output of a step" mend output_member ["unknown-field"]
    "semicolon" mend semicolon ["foreign-syntax"]
    "Markdown fence" mend fence ["markdown"]
    "call without a step" ask bare_call ["bare-statement"]
    "reserved name" ask reserved_name ["syntax" "reserved-name"]
};

const CLAUSES: &[&str] =
    &["depends_on", "when", "key", "cache", "approve", "timeout", "deadline", "on_error", "compensate"];
const TYPES: &[&str] =
    &["string", "int", "float", "bool", "json", "list", "map", "timestamp", "duration", "bytes", "file"];
const HEADS: &[&str] = &["step", "let", "require", "return", "plan"];
const NO_FUNCTIONS: &[&str] =
    &["succeeded", "failed", "skipped", "error", "failures", "has", "secret", "now"];

pub(super) fn edit(seen: &Seen<'_>, at: Range<usize>, new: &str) -> Mutant {
    let text = format!("{}{new}{}", &seen.text[..at.start], &seen.text[at.end..]);
    Mutant { text, place: at.start..at.start + new.len() }
}

/// Wider places: a diagnostic may stand anywhere in `place`, counted in the new text.
pub(super) fn within(mut mutant: Mutant, place: Range<usize>) -> Mutant {
    mutant.place = place;
    mutant
}

/// A name with a slip of the pen. None for names that are too short to be known again, and where the slip is a word of the text.
fn slip(seen: &Seen<'_>, name: &str, random: &mut Random) -> Option<String> {
    let chars: Vec<char> = name.chars().collect();
    if chars.len() < 3 {
        return None;
    }
    let i = random.below(chars.len() as u64 - 1) as usize;
    let mut new = chars.clone();
    match random.below(4) {
        0 => drop(new.remove(i)),
        1 => new.insert(i, chars[i]),
        2 => new.swap(i, i + 1),
        _ => new[i] = if chars[i] == 'x' { 'y' } else { 'x' },
    }
    let new: String = new.into_iter().collect();
    let known = new == name || (0..seen.tokens.len()).any(|t| seen.word(t) == new);
    let word = new.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    (!known && word).then_some(new)
}

fn slips(
    seen: &Seen<'_>,
    random: &mut Random,
    places: impl IntoIterator<Item = Range<usize>>,
) -> Vec<Mutant> {
    places
        .into_iter()
        .filter_map(|at| Some(edit(seen, at.clone(), &slip(seen, &seen.text[at], random)?)))
        .collect()
}

/// The tokens that may be spoilt.
pub(super) fn own<'s>(seen: &'s Seen<'_>) -> impl Iterator<Item = usize> + 's {
    (0..seen.tokens.len()).filter(|i| seen.tokens[*i].at.start >= seen.original.from)
}

pub(super) fn range(seen: &Seen<'_>, i: usize) -> Range<usize> {
    seen.tokens[i].at.clone()
}

fn misspelt_skill(seen: &Seen<'_>, random: &mut Random) -> Vec<Mutant> {
    let mut out = Vec::new();
    for (_, call) in seen.calls() {
        let (Target::Skill(name) | Target::Plan(name)) = &call.target;
        let start = call.span.range().start;
        let at = start..start + name.len();
        let Some(new) = slip(seen, name, random).filter(|_| seen.text[at.clone()] == **name) else {
            continue;
        };
        if new.starts_with('.')
            || new.ends_with('.')
            || new.contains("..")
            || !name.contains('.')
            || !new.contains('.')
        {
            continue;
        }
        out.push(edit(seen, at, &new));
    }
    out
}

/// The named arguments of all calls: the call, its open bracket, the argument's name token, its value's range.
pub(super) fn arguments<'s>(seen: &'s Seen<'_>) -> Vec<(&'s hir::Call, usize, usize, Range<usize>)> {
    let mut out = Vec::new();
    for (_, call) in seen.calls() {
        let Some(open) = (seen.at(call.span.range().start)..seen.tokens.len()).find(|i| seen.word(*i) == "(")
        else {
            continue;
        };
        let Some(close) = seen.closing(open) else { continue };
        let mut i = open + 1;
        while i < close {
            let mut end = i;
            while end < close && seen.word(end) != "," {
                end = if matches!(seen.word(end), "(" | "[" | "{") {
                    seen.closing(end).unwrap_or(close)
                } else {
                    end
                } + 1;
            }
            if seen.word(i + 1) == ":" && end > i + 2 {
                out.push((call, open, i, seen.tokens[i + 2].at.start..seen.tokens[end - 1].at.end));
            }
            i = end + 1;
        }
    }
    out
}

fn misspelt_argument(seen: &Seen<'_>, random: &mut Random) -> Vec<Mutant> {
    let places: Vec<_> = arguments(seen).into_iter().map(|(_, _, name, _)| range(seen, name)).collect();
    slips(seen, random, places)
}

fn misspelt_field(seen: &Seen<'_>, random: &mut Random) -> Vec<Mutant> {
    let mut places = Vec::new();
    for (_, expr) in seen.exprs() {
        // What `json` holds is known only when it runs.
        if let ExprKind::Member { base, name, .. } = &*expr.kind
            && !dynamic(&base.ty)
            && seen.text[expr.span.range()].ends_with(&**name)
        {
            places.push(expr.span.range().end - name.len()..expr.span.range().end);
        }
    }
    slips(seen, random, places)
}

pub(super) fn dynamic(ty: &Type) -> bool {
    match ty {
        Type::Json | Type::Error | Type::Map(_) => true,
        Type::Optional(inner) => dynamic(inner),
        _ => false,
    }
}

/// The places where a name stands as a value.
pub(super) fn references(seen: &Seen<'_>) -> Vec<(VarKind, Type, Range<usize>)> {
    let mut out = Vec::new();
    for (plan, expr) in seen.exprs() {
        if let ExprKind::Var(id) | ExprKind::Tolerant(id) = &*expr.kind
            && let Some(var) = plan.vars.get(id.0 as usize)
            && seen.text[expr.span.range()] == *var.name
        {
            out.push((var.kind, expr.ty.clone(), expr.span.range()));
        }
    }
    out.sort_by_key(|(_, _, at)| at.start);
    out.dedup_by_key(|(_, _, at)| at.start);
    out
}

fn misspelt_reference(seen: &Seen<'_>, random: &mut Random) -> Vec<Mutant> {
    let places: Vec<_> = references(seen).into_iter().map(|(_, _, at)| at).collect();
    slips(seen, random, places)
}

fn misspelt_type(seen: &Seen<'_>, random: &mut Random) -> Vec<Mutant> {
    let fits = |i: &usize| {
        let before = i.checked_sub(1).map_or("", |b| seen.word(b));
        TYPES.contains(&seen.word(*i))
            && matches!(before, ":" | "->" | "<" | "as" | "=")
            && seen.word(i + 1) != "("
            && (before != "=" || seen.word(i.saturating_sub(3)) == "type")
    };
    let places: Vec<_> = own(seen).filter(fits).map(|i| range(seen, i)).collect();
    slips(seen, random, places)
}

pub(super) fn clause_tokens(seen: &Seen<'_>) -> Vec<usize> {
    let clause = |i: &usize| {
        CLAUSES.contains(&seen.word(*i)) && seen.tokens[*i].first && !matches!(seen.word(i + 1), ":" | "=>")
    };
    own(seen).filter(clause).collect()
}

fn misspelt_clause(seen: &Seen<'_>, random: &mut Random) -> Vec<Mutant> {
    let places: Vec<_> = clause_tokens(seen).into_iter().map(|i| range(seen, i)).collect();
    slips(seen, random, places)
}

fn misspelt_head(seen: &Seen<'_>, random: &mut Random) -> Vec<Mutant> {
    let head = |i: &usize| HEADS.contains(&seen.word(*i)) && seen.tokens[*i].first;
    let places: Vec<_> = own(seen).filter(head).map(|i| range(seen, i)).collect();
    slips(seen, random, places)
}

/// The arms of `on_error { … }`: the errors and the range of each.
fn handler_arms<'s>(seen: &'s Seen<'_>) -> Vec<(&'s hir::Step, &'s hir::ErrorArm)> {
    seen.steps()
        .into_iter()
        .flat_map(|(_, _, step)| step.on_error.iter().map(move |arm| (step, arm)))
        .filter(|(_, arm)| seen.text[arm.span.range()].contains("=>"))
        .collect()
}

fn misspelt_error(seen: &Seen<'_>, random: &mut Random) -> Vec<Mutant> {
    let mut places = Vec::new();
    for (_, arm) in handler_arms(seen) {
        let first = seen.at(arm.span.range().start);
        if seen.word(first) != "_" {
            places.push(range(seen, first));
        }
    }
    slips(seen, random, places)
}

fn misspelt_function(seen: &Seen<'_>, random: &mut Random) -> Vec<Mutant> {
    let mut places = Vec::new();
    for (_, expr) in seen.exprs() {
        if let ExprKind::Call { function, .. } = &*expr.kind {
            let at = expr.span.range();
            let tokens = (seen.at(at.start)..seen.at(at.end)).filter(|i| {
                seen.word(*i) == &**function
                    && seen.word(i + 1) == "("
                    && !NO_FUNCTIONS.contains(&seen.word(*i))
            });
            places.extend(tokens.map(|i| range(seen, i)).take(1));
        }
    }
    places.sort_by_key(|p| p.start);
    places.dedup();
    slips(seen, random, places)
}

fn call_place(seen: &Seen<'_>, call: &hir::Call, grown: isize) -> Range<usize> {
    let at = call.span.range();
    let _ = seen;
    at.start..at.end.saturating_add_signed(grown)
}

fn params<'s>(seen: &'s Seen<'_>, call: &hir::Call) -> Vec<(String, bool, &'s Type)> {
    let list = match &call.target {
        Target::Skill(name) => seen.project.analysis.skills.get(name).map(|s| &s.params),
        Target::Plan(name) => seen.project.analysis.plans.get(name).map(|p| &p.params),
    };
    list.into_iter().flatten().map(|p| (p.name.to_string(), p.default.is_none(), &p.ty)).collect()
}

fn dropped_argument(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let mut out = Vec::new();
    for (call, _, name, value) in arguments(seen) {
        let required = params(seen, call).into_iter().any(|(n, needed, _)| needed && n == seen.word(name));
        let mut at = seen.tokens[name].at.start..value.end;
        let next = seen.at(value.end);
        if seen.word(next) == "," {
            at.end = seen.tokens[next + 1].at.start;
        } else if seen.word(name - 1) == "," {
            at.start = seen.tokens[name - 1].at.start;
        }
        if required {
            let cut = at.len() as isize;
            out.push(within(edit(seen, at, ""), call_place(seen, call, -cut)));
        }
    }
    out
}

fn added_argument(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let last = |(_, _, _, value): &(_, _, _, Range<usize>)| seen.word(seen.at(value.end)) == ")";
    let places = arguments(seen).into_iter().filter(last);
    places.map(|(_, _, _, value)| edit(seen, value.end..value.end, ", importance: 1")).collect()
}

fn argument_twice(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let again = |(_, _, name, value): (_, _, usize, Range<usize>)| {
        let start = seen.tokens[name].at.start;
        let new = format!(", {}", &seen.text[start..value.end]);
        let place = start..value.end + new.len();
        within(edit(seen, value.end..value.end, &new), place)
    };
    arguments(seen).into_iter().map(again).collect()
}

fn positional(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let mut out = Vec::new();
    for (call, _, name, value) in arguments(seen) {
        // One positional argument is allowed where one parameter is required.
        if params(seen, call).iter().filter(|(_, needed, _)| *needed).count() == 1 {
            continue;
        }
        let start = seen.tokens[name].at.start;
        let place = start..start + value.len();
        out.push(within(edit(seen, start..value.start, ""), place));
    }
    out
}

/// Not where any value will do.
fn strict(ty: &Type) -> bool {
    !matches!(ty, Type::Json | Type::Error | Type::Param(_) | Type::Optional(_))
}

fn swapped_arguments(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let mut out = Vec::new();
    for pair in arguments(seen).windows(2) {
        let [(call, _, a, first), (other, _, b, second)] = pair else { continue };
        let value = |name| call.args.iter().find(|x| *x.name == *seen.word(name));
        let (Some(x), Some(y)) = (value(*a), value(*b)) else { continue };
        let plain =
            |t: &Type| matches!(t, Type::Int | Type::String | Type::Bool | Type::Duration | Type::List(_));
        let declared = params(seen, call);
        let wants = |name: &str| {
            declared.iter().find(|(n, ..)| n == name).is_some_and(|(.., t)| strict(t) && plain(t))
        };
        let differ = std::mem::discriminant(&x.value.ty) != std::mem::discriminant(&y.value.ty);
        if std::ptr::eq(*call, *other)
            && differ
            && plain(&x.value.ty)
            && plain(&y.value.ty)
            && wants(seen.word(*a))
            && wants(seen.word(*b))
        {
            let new = format!(
                "{}{}{}",
                &seen.text[second.clone()],
                &seen.text[first.end..second.start],
                &seen.text[first.clone()]
            );
            out.push(edit(seen, first.start..second.end, &new));
        }
    }
    out
}

/// Arguments that are one literal, whose parameter takes nothing else.
pub(super) fn literals<'s>(seen: &'s Seen<'_>, kind: Tok) -> Vec<(&'s Type, Range<usize>)> {
    let mut out = Vec::new();
    for (call, _, name, value) in arguments(seen) {
        let token = seen.at(value.start);
        let declared = params(seen, call).into_iter().find(|(n, ..)| n == seen.word(name));
        if let Some((_, _, ty)) = declared
            && strict(ty)
            && seen.tokens[token].kind == kind
            && range(seen, token) == value
        {
            out.push((ty, value));
        }
    }
    out
}

fn number_as_text(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let list = literals(seen, Tok::Number)
        .into_iter()
        .filter(|(t, _)| matches!(t, Type::Int | Type::Float | Type::Duration));
    list.map(|(_, at)| edit(seen, at.clone(), &format!("\"{}\"", &seen.text[at]))).collect()
}

fn text_as_number(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    literals(seen, Tok::Text).into_iter().map(|(_, at)| edit(seen, at, "17")).collect()
}

fn broken_reference(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    references(seen).into_iter().map(|(_, _, at)| edit(seen, at, "quite_another_thing")).collect()
}

/// Neighbours of which the second reads the first.
fn neighbours<'s>(seen: &'s Seen<'_>) -> Vec<(&'s hir::Stmt, &'s hir::Stmt)> {
    let mut out = Vec::new();
    for (_, body, i) in seen.stmts() {
        let Some(next) = body.stmts.get(i + 1) else { continue };
        let stmt = &body.stmts[i];
        let at = next.span.range();
        let reads = references(seen)
            .into_iter()
            .any(|(_, _, r)| r.start >= at.start && r.end <= at.end && seen.text[r] == *stmt.name);
        if stmt.var.is_some() && reads {
            out.push((stmt, next));
        }
    }
    out
}

fn cycle(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let mut out = Vec::new();
    for (first, second) in neighbours(seen) {
        let (hir::StmtKind::Step(step), hir::StmtKind::Step(_)) = (&first.kind, &second.kind) else {
            continue;
        };
        let hir::Action::Call(call) = &step.action else { continue };
        if step.depends_on.is_empty() {
            let end = call.span.range().end;
            let new = format!("\n    depends_on [{}]", second.name);
            let place = first.span.range().start..second.span.range().end + new.len();
            out.push(within(edit(seen, end..end, &new), place));
        }
    }
    out
}

/// The place of a statement without the blanks behind it.
fn trimmed(seen: &Seen<'_>, stmt: &hir::Stmt) -> Range<usize> {
    let at = stmt.span.range();
    at.start..at.start + seen.text[at].trim_end().len()
}

fn used_before(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let swap = |(first, second): (&hir::Stmt, &hir::Stmt)| {
        let (a, b) = (trimmed(seen, first), trimmed(seen, second));
        let new = format!("{}{}{}", &seen.text[b.clone()], &seen.text[a.end..b.start], &seen.text[a.clone()]);
        edit(seen, a.start..b.end, &new)
    };
    neighbours(seen).into_iter().map(swap).collect()
}

fn dropped_handler(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let mut out = Vec::new();
    for (step, arm) in handler_arms(seen) {
        let hir::Action::Call(call) = &step.action else { continue };
        let Target::Skill(name) = &call.target else { continue };
        let Some(signature) = seen.project.analysis.skills.get(name) else { continue };
        let all = step.on_error.iter().any(|a| a.kinds.is_empty() && a.guard.is_none());
        let own = arm.kinds.iter().any(|k| {
            signature.throws.iter().any(|t| t.name == *k)
                && step.on_error.iter().filter(|a| a.guard.is_none() && a.kinds.contains(k)).count() == 1
        });
        if !all && own && arm.guard.is_none() && step.on_error.len() > 1 {
            let at = arm.span.range();
            let start = step.on_error.first().map_or(at.start, |a| a.span.range().start).min(at.start);
            out.push(within(edit(seen, at.clone(), ""), start.saturating_sub(40)..at.start + 2));
        }
    }
    out
}

fn dropped_match_arm(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let mut out = Vec::new();
    for (_, stmt, step) in seen.steps() {
        let hir::Action::Match(m) = &step.action else { continue };
        let others = m.arms.iter().any(|(patterns, _)| patterns.is_empty());
        // Where `_` is left, it takes the case: a correct plan, but another one.
        for (_, body) in m.arms.iter().filter(|(patterns, _)| !others || patterns.is_empty()) {
            let at = body.span.range();
            let Some(arrow) = seen.at(at.start).checked_sub(1).filter(|i| seen.word(*i) == "=>") else {
                continue;
            };
            let mut first = arrow - 1;
            while seen.word(first - 1) == "|" {
                first -= 2;
            }
            let from = seen.tokens[first].at.start;
            out.push(within(edit(seen, from..at.end, ""), stmt.span.range().start..from + 2));
        }
    }
    out
}

fn unsafe_retry(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    use aos::syntax::ast::EffectKind;
    let mut out = Vec::new();
    for (step, call) in seen.calls() {
        let Target::Skill(name) = &call.target else { continue };
        let Some(signature) = seen.project.analysis.skills.get(name) else { continue };
        let acts = |e: &hir::Effect| matches!(e.kind, EffectKind::Writes | EffectKind::Irreversible);
        if signature.idempotency == Idempotency::No
            && signature.effects.iter().any(acts)
            && step.on_error.is_empty()
        {
            let end = call.span.range().end;
            out.push(edit(seen, end..end, "\n    on_error retry 3"));
        }
    }
    out
}

/// The start of the bracket around a token: the innermost open one may be told as the unclosed one.
fn missing_default(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let mut out = Vec::new();
    for (_, _, name, value) in arguments(seen) {
        for (_, expr) in seen.exprs() {
            let ExprKind::Binary { op: aos::expr::BinaryOp::Coalesce, left, .. } = &*expr.kind else {
                continue;
            };
            let wants = seen.calls().iter().any(|(_, c)| {
                c.args.iter().any(|a| {
                    *a.name == *seen.word(name)
                        && a.value.span == expr.span
                        && params(seen, c).iter().any(|(n, _, t)| *n == *a.name && strict(t))
                })
            });
            let optional =
                matches!(&left.ty, Type::Optional(_)) && !matches!(&*left.kind, ExprKind::Tolerant(_));
            if expr.span.range() == value && wants && optional {
                out.push(within(
                    edit(seen, left.span.range().end..value.end, ""),
                    value.start..left.span.range().end,
                ));
            }
        }
    }
    out
}

fn plain_member(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let mut out = Vec::new();
    for (_, expr) in seen.exprs() {
        if let ExprKind::Member { base, safe: true, .. } = &*expr.kind
            && matches!(&base.ty, Type::Optional(t) if !dynamic(t))
            && !matches!(&*base.kind, ExprKind::Tolerant(_))
        {
            let dot = base.span.range().end;
            if seen.text[dot..].starts_with("?.") {
                out.push(within(
                    edit(seen, dot..dot + 2, "."),
                    base.span.range().start..expr.span.range().end - 1,
                ));
            }
        }
    }
    out
}
