//! What kind of thing is wanted at the cursor, read off the tokens before it.

use crate::ide::keywords::Place as Words;
use crate::ide::signature::{OpenCall, open_call};
use crate::project::Project;
use crate::syntax::ast::Item;
use crate::syntax::tokens::{Token, TokenKind};

/// What begins a statement.
pub(crate) const HEADS: &[&str] = &["step", "let", "require", "return", "fail"];
/// Behind these a value is wanted.
const VALUE_AFTER: &[&str] = &[
    "return",
    "require",
    "when",
    "key",
    "if",
    "match",
    "in",
    "unless",
    "until",
    "use",
    "expect",
    "quorum",
    "max",
    "first",
    "parallel",
    "tolerate",
    "retry",
    "cost",
    "tokens",
    "calls",
    "concurrency",
    "times",
];
/// Behind these a duration is wanted.
const DURATION_AFTER: &[&str] = &["timeout", "deadline", "cache", "within", "backoff", "every", "time"];

/// In what the cursor stands, before any token is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// Between items.
    Top,
    /// The body of a plan.
    PlanBody,
    TestBody,
    /// The head of an item.
    Head,
}

pub(crate) struct Place {
    pub(crate) home: Home,
    /// Whether the word at the cursor is the first thing on its line.
    pub(crate) first: bool,
}

impl Place {
    pub(crate) fn of(project: &Project, offset: u32, text: &str, word: u32) -> Place {
        let mut home = Home::Top;
        for item in project.files.first().into_iter().flat_map(|f| &f.parse.file.items) {
            let span = crate::ide::walk::Node::Item(item).span();
            if span.start >= offset {
                break;
            }
            let inside = |body: crate::source::Span| body.start < offset && offset < body.end.max(1);
            home = match item {
                Item::Plan(p) if inside(p.body.span) => Home::PlanBody,
                Item::Test(t) if inside(t.body_span) => Home::TestBody,
                Item::Plan(p) if offset >= p.body.span.end => Home::Top,
                Item::Test(t) if offset >= t.body_span.end => Home::Top,
                Item::Plan(_) | Item::Test(_) | Item::Use(_) | Item::Type(_) | Item::Skill(_) => Home::Head,
            };
        }
        let line = text.get(..word as usize).and_then(|t| t.rsplit('\n').next()).unwrap_or("");
        Place { home, first: line.trim().is_empty() }
    }
}

/// What is wanted.
#[derive(Debug)]
pub(crate) enum Context<'t> {
    /// Words of these places.
    Words(Vec<Words>),
    /// A skill or plan, perhaps one of the actions.
    Action { regions: bool },
    /// What comes after the dot; the text of the value, from the token at this index on.
    Member { from: usize, action: bool },
    /// The name of an argument, or a value where one may stand without its name.
    Argument { call: OpenCall<'t> },
    /// A value, perhaps of an argument.
    Value { of: Option<OpenCall<'t>>, duration: bool },
    /// The key of a record literal, for an argument.
    Key { of: Option<OpenCall<'t>>, given: Vec<&'t str> },
    /// A type.
    Type,
    /// An error in a handler of the step of this callee.
    Error { callee: Option<String>, given: Vec<&'t str> },
    /// What is done about an error.
    Reaction,
    /// The name of a step.
    Steps,
    /// A pattern of a `match` over this value.
    Pattern { subject: (u32, u32) },
    /// A new name, or nothing that is known.
    Nothing,
}

/// A bracket that is open at the cursor.
#[derive(Clone, Copy)]
struct Open {
    at: usize,
}

pub(crate) fn context<'t>(place: &Place, before: &[Token<'t>]) -> Context<'t> {
    if let Some(last) = before.last()
        && matches!(last.text, "." | "?.")
    {
        let from = receiver(before);
        let action = from < before.len() - 1 && wants_action(before.get(..from).unwrap_or_default());
        return Context::Member { from, action };
    }
    let stack = open_brackets(before);
    let Some(open) = stack.last() else { return flat(place, place.home, before) };
    let bracket = before.get(open.at).map_or("", |t| t.text);
    let inner = before.get(open.at + 1..).unwrap_or_default();
    let head = before.get(..open.at).unwrap_or_default();
    match bracket {
        "(" => in_parentheses(before, head, inner),
        "[" => match head.last().map(|t| t.text) {
            Some("depends_on") => Context::Steps,
            _ => value(before),
        },
        _ => in_braces(place, before, head, inner),
    }
}

/// In the `${` of a string: what stands in no bracket there is a value.
pub(crate) fn in_hole<'t>(place: &Place, before: &[Token<'t>]) -> Context<'t> {
    let member = before.last().is_some_and(|t| matches!(t.text, "." | "?."));
    if member || !open_brackets(before).is_empty() { context(place, before) } else { value(before) }
}

fn word<'t>(tokens: &[Token<'t>]) -> &'t str {
    tokens.last().map_or("", |t| t.text)
}

fn open_brackets(before: &[Token<'_>]) -> Vec<Open> {
    let mut stack = Vec::new();
    for (at, token) in before.iter().enumerate() {
        match token.kind {
            TokenKind::Open => stack.push(Open { at }),
            TokenKind::Close => drop(stack.pop()),
            // A statement that begins a line ends every parenthesis that was left open.
            TokenKind::Word if token.first && matches!(token.text, "step" | "let" | "return" | "require") => {
                while stack
                    .last()
                    .is_some_and(|o: &Open| before.get(o.at).is_some_and(|t| matches!(t.text, "(" | "[")))
                {
                    stack.pop();
                }
            }
            _ => {}
        }
    }
    stack
}

/// A macro whose parenthesis is open at the cursor: `xs.map(x, …`.
pub(super) struct MacroCall<'t> {
    pub(super) variable: &'t str,
    /// Where the value begins that it runs over, and where it ends.
    from: u32,
    to: u32,
}

impl MacroCall<'_> {
    /// The text of what it runs over.
    pub(super) fn over<'s>(&self, text: &'s str) -> &'s str {
        text.get(self.from as usize..self.to as usize).unwrap_or("")
    }
}

/// The macros around the cursor, outer ones first.
pub(super) fn macro_calls<'t>(before: &[Token<'t>]) -> Vec<MacroCall<'t>> {
    let mut out = Vec::new();
    for open in open_brackets(before) {
        let at = |n: usize| before.get(n);
        let (Some(variable), Some(comma)) = (at(open.at + 1), at(open.at + 2)) else { continue };
        let Some(dot) = open.at.checked_sub(2) else { continue };
        if variable.kind != TokenKind::Word || comma.text != "," || at(dot).is_none_or(|t| t.text != ".") {
            continue;
        }
        let from = receiver(before.get(..=dot).unwrap_or_default());
        if let (Some(first), Some(last)) = (at(from), at(dot)) {
            out.push(MacroCall { variable: variable.text, from: first.start, to: last.start });
        }
    }
    out
}

/// Where the value begins that ends before the dot at the end.
fn receiver(before: &[Token<'_>]) -> usize {
    let mut at = before.len().saturating_sub(1);
    let mut depth = 0_usize;
    let mut operand = false;
    while let Some(token) = at.checked_sub(1).and_then(|n| before.get(n)) {
        match token.kind {
            TokenKind::Close => {
                depth += 1;
                operand = false;
            }
            TokenKind::Open if depth == 0 => break,
            TokenKind::Open => {
                depth -= 1;
                if depth == 0 {
                    operand = token.text != "[" && token.text != "(";
                }
            }
            _ if depth > 0 => {}
            TokenKind::Word | TokenKind::Number | TokenKind::Text => {
                if operand {
                    break;
                }
                operand = true;
            }
            TokenKind::Punct if matches!(token.text, "." | "?.") => operand = false,
            _ => break,
        }
        at -= 1;
    }
    at
}

/// Whether a skill or plan is called right behind these tokens.
fn wants_action(before: &[Token<'_>]) -> bool {
    let n = before.len();
    let at = |back: usize| n.checked_sub(back).and_then(|i| before.get(i)).map_or("", |t| t.text);
    at(1) == "=" && at(3) == "step" || matches!(at(1), "fallback" | "compensate" | "mock")
}

fn value<'t>(before: &[Token<'t>]) -> Context<'t> {
    match before.last() {
        // What stands behind a whole value is an operator.
        Some(last) if ends_value(last) => Context::Words(vec![Words::Inner]),
        _ => Context::Value { of: None, duration: false },
    }
}

/// Whether a value may end here; a keyword never ends one.
fn ends_value(token: &Token<'_>) -> bool {
    match token.kind {
        TokenKind::Close | TokenKind::Number | TokenKind::Text => true,
        TokenKind::Word => {
            !VALUE_AFTER.contains(&token.text)
                && !DURATION_AFTER.contains(&token.text)
                && !matches!(token.text, "as" | "else" | "then")
        }
        TokenKind::Open | TokenKind::OpenText | TokenKind::Punct | TokenKind::Junk | TokenKind::Comment => {
            false
        }
    }
}

fn in_parentheses<'t>(before: &[Token<'t>], head: &[Token<'t>], inner: &[Token<'t>]) -> Context<'t> {
    if declares(head) {
        return declaration(before, inner);
    }
    let last = inner.last();
    let starts = last.is_none_or(|t| t.text == ",");
    let Some(call) = open_call(before).filter(|c| !c.callee.is_empty() && !VALUE_AFTER.contains(&&*c.callee))
    else {
        return value(before);
    };
    match last {
        _ if starts => Context::Argument { call },
        Some(last) if last.text == "as" => Context::Type,
        Some(last) if ends_value(last) => Context::Words(vec![Words::Inner]),
        _ => Context::Value { of: Some(call), duration: false },
    }
}

/// Whether the parenthesis behind these tokens holds parameters: `skill a.b`, `plan a`, `throws e`.
fn declares(head: &[Token<'_>]) -> bool {
    let mut at = head.len();
    while at > 0
        && head
            .get(at - 1)
            .is_some_and(|t| t.kind == TokenKind::Word || matches!(t.text, "." | "<" | ">" | ","))
    {
        at -= 1;
        if head.get(at).is_some_and(|t| matches!(t.text, "skill" | "plan" | "throws")) {
            return true;
        }
    }
    false
}

fn declaration<'t>(before: &[Token<'t>], inner: &[Token<'t>]) -> Context<'t> {
    match word(inner) {
        "" | "," => Context::Nothing,
        "=" => value(before),
        ":" | "|" | "<" | "trusted" | "untrusted" | "public" | "private" | "secret" => Context::Type,
        _ => Context::Words(vec![Words::Inner]),
    }
}

fn in_braces<'t>(
    place: &Place,
    before: &[Token<'t>],
    head: &[Token<'t>],
    inner: &[Token<'t>],
) -> Context<'t> {
    let last = word(head);
    if last == "on_error" {
        return in_arms(place, before, head, inner);
    }
    match opener(head) {
        Some("match") => in_match(place, before, head, inner),
        Some("race") => Context::Words(vec![Words::Action]),
        Some("test") => flat(place, Home::TestBody, inner),
        Some(_) => flat(place, Home::PlanBody, inner),
        None if matches!(last, "->" | "|") || last == ":" && declares_somewhere(head) => {
            declaration(before, inner)
        }
        None if last == "=" && head.iter().rev().nth(2).is_some_and(|t| t.text == "type") => {
            declaration(before, inner)
        }
        None => in_record(before, inner),
    }
}

fn declares_somewhere(head: &[Token<'_>]) -> bool {
    open_brackets(head).last().is_some_and(|o| declares(head.get(..o.at).unwrap_or_default()))
}

/// The word of the region whose body a brace opens; none where it opens a record.
fn opener<'t>(head: &[Token<'t>]) -> Option<&'t str> {
    let last = head.last()?;
    if matches!(last.text, "do" | "else" | "race") {
        return Some(last.text);
    }
    if last.text == "=>" {
        // The arm of a `match`, unless a reply of a mock.
        return (!head.iter().any(|t| t.text == "mock")).then_some("arm");
    }
    if !matches!(last.kind, TokenKind::Word | TokenKind::Number | TokenKind::Text | TokenKind::Close) {
        return None;
    }
    if matches!(last.text, "input" | "meta" | "return" | "in" | "use") {
        return None;
    }
    let mut depth = 0_usize;
    for token in head.iter().rev() {
        match token.kind {
            TokenKind::Close => depth += 1,
            TokenKind::Open if depth == 0 => return None,
            TokenKind::Open => depth -= 1,
            TokenKind::Word if depth == 0 => match token.text {
                // `test "…" for plan {`
                "for" if head.iter().any(|t| t.first && t.text == "test") => return Some("test"),
                "for" | "if" | "match" | "loop" | "plan" | "test" => return Some(token.text),
                _ if token.first && HEADS.contains(&token.text) => return None,
                _ => {}
            },
            _ => {}
        }
    }
    None
}

fn in_record<'t>(before: &[Token<'t>], inner: &[Token<'t>]) -> Context<'t> {
    let of = open_call(before);
    match inner.last() {
        None => Context::Key { of, given: Vec::new() },
        Some(t) if t.text == "," => {
            let given = inner.windows(2).filter_map(|w| match w {
                [key, colon] if colon.text == ":" => Some(key.text),
                _ => None,
            });
            Context::Key { of, given: given.collect() }
        }
        Some(t) if ends_value(t) => Context::Words(vec![Words::Inner]),
        Some(_) => Context::Value { of: None, duration: false },
    }
}

fn in_arms<'t>(place: &Place, before: &[Token<'t>], head: &[Token<'t>], inner: &[Token<'t>]) -> Context<'t> {
    let callee = callee_of_step(head);
    let given: Vec<&str> =
        inner.iter().filter(|t| t.first && t.kind == TokenKind::Word).map(|t| t.text).collect();
    match word(inner) {
        "" | "|" | "," => Context::Error { callee, given },
        "=>" | "then" => Context::Reaction,
        "fallback" => Context::Action { regions: false },
        "when" | "use" => Context::Value { of: None, duration: false },
        "as" => Context::Nothing,
        "backoff" => Context::Value { of: None, duration: true },
        _ if place.first => Context::Error { callee, given },
        _ => match value(before) {
            Context::Value { .. } => Context::Value { of: None, duration: false },
            _ => Context::Words(vec![Words::Inner]),
        },
    }
}

/// The skill or plan that the step of these tokens calls.
fn callee_of_step(head: &[Token<'_>]) -> Option<String> {
    let at = head.iter().rposition(|t| t.text == "step" && t.kind == TokenKind::Word)?;
    let rest = head.get(at + 3..)?;
    let name = rest.iter().take_while(|t| t.kind == TokenKind::Word || t.text == ".");
    let name: String = name.map(|t| t.text).collect();
    (!name.is_empty()).then_some(name)
}

fn in_match<'t>(place: &Place, before: &[Token<'t>], head: &[Token<'t>], inner: &[Token<'t>]) -> Context<'t> {
    let at = head.iter().rposition(|t| t.text == "match").unwrap_or(0);
    let from = head.get(at).map_or(0, Token::end);
    let to = head.last().map_or(0, Token::end);
    match word(inner) {
        "" | "|" | "," => Context::Pattern { subject: (from, to) },
        _ if place.first => Context::Pattern { subject: (from, to) },
        _ => value(before),
    }
}

/// Outside of any bracket, or right inside of a body.
fn flat<'t>(place: &Place, home: Home, tokens: &[Token<'t>]) -> Context<'t> {
    // Only what belongs to the last statement counts.
    let mut depth = 0_usize;
    let mut start = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Open => depth += 1,
            TokenKind::Close => depth = depth.saturating_sub(1),
            TokenKind::Word if depth == 0 && HEADS.contains(&token.text) => {
                let after_then = at
                    .checked_sub(1)
                    .and_then(|n| tokens.get(n))
                    .is_some_and(|t| matches!(t.text, "then" | "on_error" | "=>" | "else" | "."));
                if !after_then {
                    start = at;
                }
            }
            _ => {}
        }
    }
    let own = tokens.get(start..).unwrap_or_default();
    match home {
        Home::Top => top(place, own),
        Home::Head => item_head(place, own),
        Home::TestBody => test_line(place, own),
        Home::PlanBody => statement(place, own),
    }
}

fn top<'t>(place: &Place, own: &[Token<'t>]) -> Context<'t> {
    match word(own) {
        _ if place.first => Context::Words(vec![Words::Item]),
        "" => Context::Words(vec![Words::Item]),
        _ => item_head(place, own),
    }
}

fn item_head<'t>(place: &Place, own: &[Token<'t>]) -> Context<'t> {
    let item =
        own.iter().rev().find(|t| t.first && matches!(t.text, "plan" | "skill" | "type" | "test" | "use"));
    let item = item.map_or("", |t| t.text);
    match word(own) {
        "plan" | "skill" | "type" | "test" => Context::Nothing,
        "->" | "|" | "<" | ":" | "trusted" | "untrusted" | "public" | "private" | "secret" | "opaque" => {
            Context::Type
        }
        "=" if item == "type" => Context::Type,
        "for" if item == "test" => Context::Action { regions: false },
        "as" | "throws" => Context::Nothing,
        "budget" => Context::Words(vec![Words::Inner]),
        w if VALUE_AFTER.contains(&w) => Context::Value { of: None, duration: false },
        w if DURATION_AFTER.contains(&w) => Context::Value { of: None, duration: true },
        _ => {
            let mut words = match item {
                "skill" => vec![Words::SkillClause],
                "plan" => vec![Words::PlanClause],
                _ => vec![Words::Inner],
            };
            if place.first {
                words.push(Words::Item);
            }
            Context::Words(words)
        }
    }
}

fn test_line<'t>(place: &Place, own: &[Token<'t>]) -> Context<'t> {
    match word(own) {
        "mock" => Context::Action { regions: false },
        "approve" | "deny" => Context::Steps,
        "throw" => Context::Error { callee: mocked(own), given: Vec::new() },
        "=>" | "then" | "expect" => Context::Value { of: None, duration: false },
        _ if place.first => Context::Words(vec![Words::TestLine]),
        "" | "{" => Context::Words(vec![Words::TestLine]),
        _ => value(own),
    }
}

fn mocked(own: &[Token<'_>]) -> Option<String> {
    let at = own.iter().rposition(|t| t.text == "mock")?;
    let name = own.get(at + 1..)?.iter().take_while(|t| t.kind == TokenKind::Word || t.text == ".");
    Some(name.map(|t| t.text).collect())
}

fn statement<'t>(place: &Place, own: &[Token<'t>]) -> Context<'t> {
    let head = own.first().map_or("", |t| t.text);
    let last = word(own);
    let step = head == "step";
    match last {
        "" | "{" => Context::Words(vec![Words::Statement]),
        "step" | "let" => Context::Nothing,
        "=" if step && own.len() == 3 => Context::Action { regions: true },
        "fallback" | "compensate" => Context::Action { regions: false },
        "on_error" | "then" => Context::Reaction,
        "as" | ":" => Context::Type,
        "by" | "approve" => Context::Nothing,
        "for" | "loop" => Context::Nothing,
        "else" if own.iter().any(|t| t.text == "loop") => Context::Words(vec![Words::Inner, Words::Reaction]),
        "else" => Context::Words(vec![Words::Action, Words::Inner, Words::Reaction]),
        "fail" => Context::Error { callee: None, given: Vec::new() },
        w if DURATION_AFTER.contains(&w) => Context::Value { of: None, duration: true },
        w if VALUE_AFTER.contains(&w) => Context::Value { of: None, duration: false },
        _ => behind(place, own, step),
    }
}

/// Behind a whole value, action or clause, or in the middle of an expression.
fn behind<'t>(place: &Place, own: &[Token<'t>], step: bool) -> Context<'t> {
    if !own.last().is_some_and(ends_value) {
        return Context::Value { of: None, duration: false };
    }
    let mut words = Vec::new();
    let region = own.get(3).map_or("", |t| t.text);
    let body = own.iter().any(|t| t.text == "{");
    if step && !body && region == "for" {
        words.push(Words::ForOption);
    }
    if step && !body && region == "loop" {
        words.push(Words::LoopOption);
    }
    if step && (body || !matches!(region, "for" | "loop" | "if" | "match")) {
        words.push(Words::Clause);
    }
    if place.first {
        words.push(Words::Statement);
    } else {
        words.push(Words::Inner);
    }
    Context::Words(words)
}
