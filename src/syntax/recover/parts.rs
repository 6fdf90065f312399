//! Items that did not parse as they stand: their head, each of their clauses and each of their lines is read alone.

use super::{CLAUSES, ROUNDS, Recovery};
use crate::diagnostic::{Code, Diagnostic, Edit, nearest};
use crate::syntax::ast::{Body, Item, TestStmt};
use crate::syntax::offsets::{self, Change};
use crate::syntax::rule::{PlanParser, Rule};
use crate::syntax::scan::{Kind, Token};
use crate::syntax::{error_at, syntax_error};
use pest::Parser;

/// What begins a line of a test.
pub(super) const TEST_LINES: &[&str] = &["input", "mock", "approve", "deny", "signal", "expect"];
const SKILL_CLAUSES: &[&str] = &[
    "pure",
    "reads",
    "appends",
    "writes",
    "irreversible",
    "idempotent",
    "throws",
    "cost",
    "tokens",
    "time",
    "rate",
    "wire",
    "deprecated",
];
const PLAN_CLAUSES: &[&str] =
    &["goal", "budget", "throws", "concurrency", "planner", "planner_version", "meta"];
const LABELS: &[&str] = &["trusted", "untrusted", "public", "private", "secret"];
/// An item with more clauses than this is not read clause by clause.
const CHUNKS: usize = 64;

/// The braces of a body: `{`, `}` and what lies behind.
#[derive(Clone, Copy)]
struct Braces {
    open: u32,
    close: u32,
    after: u32,
}

/// One item that is being read.
struct Reading {
    start: u32,
    /// Of the whole item.
    end: u32,
    /// Of its head, where the body begins.
    head: u32,
    /// What stands for the head while a clause is read alone.
    stub: &'static str,
    changes: Vec<Change>,
}

impl Recovery<'_> {
    /// Some items that did not parse as they stand.
    pub(in crate::syntax) fn items(&mut self, start: u32, end: u32) -> Vec<Item> {
        let tokens = self.tokens(start, end);
        let first = tokens.first().map_or("", |t| self.word(t));
        let (words, stub): (&'static [&'static str], &'static str) = match first {
            "plan" => (PLAN_CLAUSES, "plan x "),
            "test" => (&[], "test \"x\" for x "),
            "skill" => (SKILL_CLAUSES, "skill x() "),
            "type" => (&[], "type x = int "),
            _ => return self.flat(start, end),
        };
        let bodied = matches!(first, "plan" | "test");
        let braces = if bodied { self.body_braces(&tokens) } else { None };
        let mut reading =
            Reading { start, end, head: braces.map_or(end, |b| b.open), stub, changes: Vec::new() };
        let mut body = None;
        let mut lines = Vec::new();
        if let Some(b) = braces {
            offsets::add(
                &mut reading.changes,
                Change { start: b.open + 1, end: b.close, text: String::new() },
            );
            self.behind(b.after, end, &mut reading.changes);
            if first == "plan" {
                let stmts = self.stmts(b.open + 1, b.close);
                body = Some((b.open, Body { stmts, span: self.span(b.open, b.after) }));
            } else {
                lines = self.test_lines(b.open + 1, b.close);
            }
        }
        self.words = words;
        let before = self.diagnostics.len();
        self.head(&mut reading);
        self.words = CLAUSES;
        let told = self.diagnostics.len() > before;
        let mut items = self.finish(&reading, &tokens, body, told);
        for item in &mut items {
            match item {
                Item::Test(test) => test.stmts = std::mem::take(&mut lines),
                // What was taken out behind it is none of it.
                Item::Plan(plan) if braces.is_some() => plan.span.end = plan.body.span.end,
                Item::Plan(_) | Item::Use(_) | Item::Type(_) | Item::Skill(_) => {}
            }
        }
        items
    }

    /// Builds the item of what its head and clauses have become; else with its name only, so that nothing else complains of it.
    fn finish(
        &mut self,
        reading: &Reading,
        tokens: &[Token],
        body: Option<(u32, Body)>,
        told: bool,
    ) -> Vec<Item> {
        let (work, map) = offsets::render(self.text, reading.start, reading.end, &reading.changes);
        let error = match PlanParser::parse(Rule::only_items, &work) {
            Ok(pairs) => {
                let mut builder = self.builder(map);
                builder.bodies.extend(body);
                let items = builder.items(pairs);
                self.diagnostics.append(&mut builder.diagnostics);
                return items;
            }
            Err(error) => error,
        };
        if !told {
            let at = map.global(error_at(&error));
            self.diagnostics.push(syntax_error(self.source, self.text, at as usize, &error));
        }
        let Some((keyword, name)) = tokens.first().zip(tokens.get(1)) else { return Vec::new() };
        let mut last = name.end;
        for token in tokens.get(2..).unwrap_or_default() {
            if token.start != last || !(self.word(token) == "." || token.kind == Kind::Word) {
                break;
            }
            last = token.end;
        }
        let rest = match self.word(keyword) {
            "plan" => " {}",
            "skill" => "()",
            "type" => " = \u{1A}",
            _ => return Vec::new(),
        };
        let changes = [Change { start: last, end: reading.end, text: rest.into() }];
        let (work, map) = offsets::render(self.text, reading.start, reading.end, &changes);
        let Ok(pairs) = PlanParser::parse(Rule::only_items, &work) else { return Vec::new() };
        let mut items = self.builder(map).items(pairs);
        for item in &mut items {
            if let (Item::Plan(plan), Some((_, body))) = (item, &body) {
                plan.body = body.clone();
                plan.span = self.span(reading.start, reading.end);
            }
        }
        items
    }

    /// A text that begins with no item: mended where possible.
    fn flat(&mut self, start: u32, end: u32) -> Vec<Item> {
        let mut changes = Vec::new();
        for _ in 0..ROUNDS {
            let (work, map) = offsets::render(self.text, start, end, &changes);
            match PlanParser::parse(Rule::only_items, &work) {
                Ok(pairs) => {
                    let mut builder = self.builder(map);
                    let items = builder.items(pairs);
                    self.diagnostics.append(&mut builder.diagnostics);
                    return items;
                }
                Err(error) => {
                    let at = map.global(error_at(&error));
                    if self.diagnostics.len() > self.limit || !self.mend(&mut changes, start, end, at) {
                        self.diagnostics.push(syntax_error(self.source, self.text, at as usize, &error));
                        break;
                    }
                }
            }
        }
        Vec::new()
    }

    /// The braces of a body: the first group at the outermost level that is neither a record type nor a record.
    fn body_braces(&self, tokens: &[Token]) -> Option<Braces> {
        let mut depth = 0_u32;
        let mut open = None;
        let end = tokens.last().map_or(0, |t| t.end);
        for (i, token) in tokens.iter().enumerate() {
            match token.kind {
                Kind::Open(b) => {
                    if depth == 0 && b == b'{' && open.is_none() {
                        let word = |n: usize| tokens.get(n).map_or("", |t| self.word(t));
                        let before = i.checked_sub(1).map_or("", word);
                        let typed =
                            matches!(before, "->" | "|" | "meta" | "=" | ":") || LABELS.contains(&before);
                        let record = word(i + 2) == ":" && word(i + 1) != "step";
                        if !typed && !record {
                            open = Some(token.start);
                        }
                    }
                    depth += 1;
                }
                Kind::Close(b) => {
                    depth = depth.saturating_sub(1);
                    if depth == 0
                        && b == b'}'
                        && let Some(open) = open
                    {
                        return Some(Braces { open, close: token.start, after: token.end });
                    }
                }
                _ => {}
            }
        }
        open.map(|open| Braces { open, close: end.max(open + 1), after: end.max(open + 1) })
    }

    /// What stands behind a body belongs to no item.
    fn behind(&mut self, after: u32, end: u32, changes: &mut Vec<Change>) {
        if after >= end {
            return;
        }
        let tokens = self.tokens(after, end);
        if let Some((first, last)) = tokens.first().zip(tokens.last()) {
            let line = self.slice(first.start, last.end).lines().next().unwrap_or("").trim_end().len() as u32;
            let span = self.span(first.start, first.start + line.max(1));
            let d = Diagnostic::new(Code::Syntax, span, "this belongs to no item")
                .label("expected `plan`, `skill`, `type`, `test` or `use`");
            let near = nearest(self.word(first), ["plan", "skill", "type", "test", "use"]);
            self.diagnostics.push(match near.filter(|_| first.first) {
                Some(near) => {
                    let span = self.span(first.start, first.end);
                    d.fix(format!("write `{near}`"), vec![Edit::replace(span, near)])
                }
                None => d.unsafe_fix("remove it", vec![Edit::delete(self.span(first.start, last.end))]),
            });
        }
        offsets::add(changes, Change { start: after, end, text: String::new() });
    }

    /// Where the clauses behind a head begin.
    fn chunks(&self, tokens: &[Token]) -> Vec<u32> {
        let mut depth = 0_u32;
        let mut starts = Vec::new();
        let mut before: Option<&Token> = None;
        for token in tokens {
            match token.kind {
                Kind::Open(_) => depth += 1,
                Kind::Close(_) => depth = depth.saturating_sub(1),
                Kind::Word if depth == 0 && token.first => {
                    let goes_on = before.is_some_and(|b| b.kind == Kind::Punct && self.word(b) != "?");
                    if before.is_some() && (!goes_on || self.words.contains(&self.word(token))) {
                        starts.push(token.start);
                    }
                }
                _ => {}
            }
            before = Some(token);
        }
        starts.truncate(CHUNKS);
        starts
    }

    /// Reads the head and every clause alone; what cannot be mended is cut out.
    fn head(&mut self, reading: &mut Reading) {
        let tokens = self.tokens(reading.start, reading.head);
        let mut bounds = vec![reading.start];
        bounds.extend(self.chunks(&tokens));
        bounds.push(reading.head);
        let base = reading.changes.clone();
        let pairs = bounds.iter().copied().zip(bounds.iter().copied().skip(1));
        for (from, to) in pairs.collect::<Vec<_>>() {
            let mut changes = base.clone();
            if from > reading.start {
                offsets::add(
                    &mut changes,
                    Change { start: reading.start, end: from, text: reading.stub.into() },
                );
            }
            if to < reading.head {
                offsets::add(&mut changes, Change { start: to, end: reading.head, text: String::new() });
            }
            self.chunk(reading, &mut changes, from, to);
            for change in changes {
                if change.start >= from && change.end <= to && !base.contains(&change) {
                    offsets::add(&mut reading.changes, change);
                }
            }
        }
    }

    fn chunk(&mut self, reading: &Reading, changes: &mut Vec<Change>, from: u32, to: u32) {
        for round in 0..ROUNDS {
            let (work, map) = offsets::render(self.text, reading.start, reading.end, changes);
            let Err(error) = PlanParser::parse(Rule::only_items, &work) else { return };
            let at = map.global(error_at(&error)).clamp(from, to);
            let full = self.diagnostics.len() > self.limit || round + 1 == ROUNDS;
            if !full && self.mend(changes, from, to, at) {
                continue;
            }
            self.refuse(from, to, at, &error);
            if from > reading.start {
                offsets::add(changes, Change { start: from, end: to, text: String::new() });
                return;
            }
            if full || !self.cut_field(changes, from, to, at) {
                return;
            }
        }
    }

    /// Says what is wrong at `at` of a part; at its end, that it ends too early.
    fn refuse(&mut self, from: u32, to: u32, at: u32, error: &pest::error::Error<Rule>) {
        let told = syntax_error(self.source, self.text, at as usize, error);
        let tokens = self.tokens(from, to);
        self.diagnostics.push(match tokens.last() {
            Some(last) if last.end <= at => {
                let span = self.span(last.start, last.end);
                let label = if told.label.is_empty() { "something" } else { &told.label };
                Diagnostic::new(Code::Syntax, span, "this ends too early")
                    .label(format!("{label} after this"))
            }
            _ => told,
        });
    }

    /// Takes out the parameter or field that holds `at`, or only its type; else the type of a `type`, or the rest of the head: then
    /// there is nothing left to read.
    fn cut_field(&self, changes: &mut Vec<Change>, from: u32, to: u32, at: u32) -> bool {
        let tokens = self.tokens(from, to);
        let n = tokens.partition_point(|t| t.end <= at);
        let mut stack = Vec::new();
        for (i, token) in tokens.get(..n).unwrap_or_default().iter().enumerate() {
            match token.kind {
                Kind::Open(_) => stack.push(i),
                Kind::Close(_) => drop(stack.pop()),
                _ => {}
            }
        }
        let mut tried: Vec<Change> = Vec::new();
        for open in stack.into_iter().rev() {
            let Some((first, colon, last, behind)) = self.field(&tokens, open, n) else { continue };
            if let Some(colon) = colon.filter(|c| *c <= at) {
                tried.push(Change { start: colon, end: last, text: " \u{1A} ".into() });
            }
            tried.push(Change { start: first, end: behind, text: String::new() });
        }
        if let Some(equals) = tokens.iter().find(|t| self.word(t) == "=") {
            tried.push(Change { start: equals.end, end: to, text: " \u{1A} ".into() });
        }
        if let Some(here) = tokens.get(n) {
            tried.push(Change { start: here.start, end: to, text: String::new() });
        }
        let fresh = |c: &Change| {
            c.start < c.end
                && !changes.iter().any(|o| o.start <= c.start && c.end <= o.end && o.start < o.end)
        };
        let Some(change) = tried.into_iter().find(fresh) else { return false };
        let rest = change.end == to && change.text.is_empty();
        offsets::add(changes, change);
        !rest
    }

    /// The field around the token `n` inside the bracket `open`: where it begins (with the comma before it), behind its `:`,
    /// its end, and that with the comma that goes with it.
    fn field(&self, tokens: &[Token], open: usize, n: usize) -> Option<(u32, Option<u32>, u32, u32)> {
        let mut depth = 0_u32;
        let mut first = tokens.get(open)?.end;
        let mut colon = None;
        let mut last = first;
        for (i, token) in tokens.iter().enumerate().skip(open + 1) {
            let word = self.word(token);
            match token.kind {
                Kind::Open(_) => depth += 1,
                Kind::Close(_) if depth == 0 => break,
                Kind::Close(_) => depth -= 1,
                Kind::Punct if depth == 0 && word == "," => {
                    if i >= n {
                        // The first field takes the comma behind it along.
                        let behind = if first == tokens.get(open)?.end { token.end } else { last };
                        return Some((first, colon, last, behind));
                    }
                    (first, colon) = (token.start, None);
                }
                Kind::Punct if depth == 0 && word == ":" && colon.is_none() => colon = Some(token.end),
                _ => {}
            }
            last = token.end;
        }
        Some((first, colon, last, last))
    }

    /// The lines of a test, each read alone.
    fn test_lines(&mut self, start: u32, end: u32) -> Vec<TestStmt> {
        let tokens = self.tokens(start, end);
        let mut depth = 0_u32;
        let mut starts = Vec::new();
        let mut before: Option<&Token> = None;
        for token in &tokens {
            match token.kind {
                Kind::Open(_) => depth += 1,
                Kind::Close(_) => depth = depth.saturating_sub(1),
                Kind::Word if depth == 0 => {
                    let word = self.word(token);
                    let goes_on = before.is_some_and(|b| b.kind == Kind::Punct);
                    let own = token.first && !goes_on && !matches!(word, "then" | "times" | "in" | "as");
                    let ended =
                        before.is_some_and(|b| matches!(b.kind, Kind::Close(_) | Kind::Str | Kind::Number));
                    if own || TEST_LINES.contains(&word) && (ended || token.first) {
                        starts.push(token.start);
                    }
                }
                _ => {}
            }
            before = Some(token);
        }
        let Some(first) = tokens.first().map(|t| t.start) else { return Vec::new() };
        if starts.first() != Some(&first) {
            starts.insert(0, first);
        }
        starts.push(end);
        self.words = TEST_LINES;
        let mut out = Vec::new();
        for (from, to) in starts.iter().copied().zip(starts.iter().copied().skip(1)) {
            out.extend(self.test_line(from, to));
        }
        self.words = CLAUSES;
        out
    }

    fn test_line(&mut self, from: u32, to: u32) -> Vec<TestStmt> {
        let mut changes = Vec::new();
        for round in 0..ROUNDS {
            let (work, map) = offsets::render(self.text, from, to, &changes);
            match PlanParser::parse(Rule::only_tests, &work) {
                Ok(pairs) => {
                    let mut builder = self.builder(map);
                    let pairs = pairs.filter(|p| p.as_rule() != Rule::EOI);
                    let lines = pairs.filter_map(|p| builder.test_stmt(p)).collect();
                    self.diagnostics.append(&mut builder.diagnostics);
                    return lines;
                }
                Err(error) => {
                    let at = map.global(error_at(&error)).clamp(from, to);
                    let full = self.diagnostics.len() > self.limit || round + 1 == ROUNDS;
                    if full || !self.mend(&mut changes, from, to, at) {
                        self.refuse(from, to, at, &error);
                        break;
                    }
                }
            }
        }
        Vec::new()
    }
}
