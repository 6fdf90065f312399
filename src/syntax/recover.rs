//! What is done where pest says no: the fault is named, mended or cut out, and the rest of the piece is read all the same.

mod foreign;
mod parts;

use super::ast::{Body, Stmt};
use super::build::Builder;
use super::offsets::{self, Change, Offsets};
use super::rule::{PlanParser, Rule};
use super::scan::{Kind, Scanner, Token};
use super::{Comment, error_at, syntax_error};
use crate::diagnostic::{Code, Diagnostic, Edit, nearest};
use crate::source::{SourceId, Span};
use pest::Parser;
use std::collections::{BTreeSet, HashMap};

/// How many faults of one statement are told apart.
const ROUNDS: usize = 12;
/// A statement longer than this is not searched for several faults.
const SEARCHED: usize = 1 << 20;

/// Clauses of a step, and what begins a statement.
pub(super) const CLAUSES: &[&str] =
    &["depends_on", "when", "key", "cache", "approve", "timeout", "deadline", "on_error", "compensate"];
const ACTIONS: &[&str] = &["if", "for", "match", "loop", "do", "race"];
const HEADS: &[&str] = &["step", "let", "require", "return"];

/// What `return` means, for those who know it from elsewhere.
const EARLY_RETURN: &str = "a `return` ends no plan: it gives the value of its own body; make it `step result = if … { return … } else { … }` \
     with the rest of the plan in the `else`, and end the plan by `return result`";

/// What is wrong, the message, the title of the fix, and the changes that mend it.
type Mend = (Code, String, String, Vec<Change>);

/// Reads broken pieces of one file.
pub(super) struct Recovery<'a> {
    pub(super) source: SourceId,
    pub(super) text: &'a str,
    pub(super) comments: &'a [Comment],
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Diagnostics left out because there were too many.
    pub(super) limit: usize,
    /// The length of the file; `text` may have blanks behind it.
    pub(super) length: u32,
    /// The words that may begin a line where it is reading now.
    pub(super) words: &'static [&'static str],
}

impl<'a> Recovery<'a> {
    pub(super) fn builder(&self, offsets: Offsets) -> Builder<'a> {
        let (source, text, comments) = (self.source, self.text, self.comments);
        let offsets = offsets.within(self.length);
        Builder {
            source,
            text,
            comments,
            offsets,
            bodies: HashMap::new(),
            diagnostics: Vec::new(),
            deep: None,
        }
    }

    fn slice(&self, start: u32, end: u32) -> &'a str {
        self.text.get(start as usize..end as usize).unwrap_or("")
    }

    fn word(&self, token: &Token) -> &'a str {
        self.slice(token.start, token.end)
    }

    fn tokens(&self, start: u32, end: u32) -> Vec<Token> {
        Scanner::new(self.text, start as usize, end as usize).filter(|t| t.kind != Kind::Comment).collect()
    }

    fn span(&self, start: u32, end: u32) -> Span {
        Span { source: self.source, start: start.min(self.length), end: end.min(self.length) }
    }

    /// The statements between two places.
    pub(super) fn stmts(&mut self, start: u32, end: u32) -> Vec<Stmt> {
        let mut starts = Vec::new();
        let mut depth = 0_u32;
        let mut before: Option<Token> = None;
        let mut held: Option<u32> = None;
        for token in Scanner::new(self.text, start as usize, end as usize).filter(|t| t.kind != Kind::Comment)
        {
            if let Some(at) = held.take()
                && self.word(&token) != ":"
            {
                starts.push(at);
            }
            match token.kind {
                Kind::Open(_) => depth += 1,
                Kind::Close(_) => depth = depth.saturating_sub(1),
                Kind::Word if depth == 0 => {
                    let word = self.word(&token);
                    let member = before.is_some_and(|b| matches!(self.word(&b), "." | "?."));
                    if !member && (HEADS.contains(&word) || (word == "fail" && token.first)) {
                        held = Some(token.start);
                    }
                }
                _ => {}
            }
            before = Some(token);
        }
        starts.extend(held);
        let mut out = Vec::new();
        let mut from = start;
        for at in starts.into_iter().chain([end]) {
            if at > from {
                out.extend(self.stmt(from, at));
            }
            from = at;
        }
        out
    }

    /// A piece that holds a statement or a few.
    fn stmt(&mut self, start: u32, end: u32) -> Vec<Stmt> {
        let mut changes: Vec<Change> = Vec::new();
        let mut bodies: HashMap<u32, Body> = HashMap::new();
        for round in 0..ROUNDS {
            let (work, map) = offsets::render(self.text, start, end, &changes);
            let error = match PlanParser::parse(Rule::only_stmts, &work) {
                Ok(pairs) => {
                    let mut builder = self.builder(map);
                    builder.bodies = bodies;
                    let out = builder.stmts(pairs);
                    self.diagnostics.append(&mut builder.diagnostics);
                    return out;
                }
                Err(error) => error,
            };
            let at = map.global(error_at(&error)).min(end);
            if self.diagnostics.len() > self.limit || work.len() > SEARCHED {
                self.diagnostics.push(syntax_error(self.source, self.text, at as usize, &error));
                return Vec::new();
            }
            if round == 0 && self.value_step(&mut changes, start, end, at) {
                continue;
            }
            if let Some((open, close)) = self.inner_body(start, end, at, &changes) {
                let stmts = self.stmts(open + 1, close);
                bodies.insert(open, Body { stmts, span: self.span(open, close + 1) });
                offsets::add(&mut changes, Change { start: open + 1, end: close, text: String::new() });
                continue;
            }
            if self.mend(&mut changes, start, end, at) {
                continue;
            }
            self.diagnostics.push(syntax_error(self.source, self.text, at as usize, &error));
            if round + 1 == ROUNDS || !self.cut(&mut changes, start, end, at) {
                return Vec::new();
            }
        }
        Vec::new()
    }

    /// `step n = 1 + 2`: a value is held by a `let`.
    fn value_step(&mut self, changes: &mut Vec<Change>, start: u32, end: u32, at: u32) -> bool {
        let tokens = self.tokens(start, end);
        let [step, name, equals, value, ..] = tokens.as_slice() else { return false };
        let head = self.word(step) == "step" && name.kind == Kind::Word && self.word(equals) == "=";
        // A `let` has no documentation. Arguments with names are those of a skill, which no value calls.
        let documented = self.slice(start, step.start).contains("///");
        let mut open = Vec::new();
        let call = tokens.windows(2).any(|t| {
            let [name, colon] = t else { return false };
            match name.kind {
                Kind::Open(bracket) => open.push(bracket),
                Kind::Close(_) => drop(open.pop()),
                Kind::Word => return open.last() == Some(&b'(') && self.word(colon) == ":",
                Kind::OpenStr | Kind::Number | Kind::Str | Kind::Punct | Kind::Junk | Kind::Comment => {}
            }
            false
        });
        let clause = tokens.iter().skip(4).find(|t| t.first && CLAUSES.contains(&self.word(t)));
        // What stands before may be a call, and the clause be wrong.
        if clause.is_some_and(|clause| at >= clause.start) {
            return false;
        }
        let text = self.slice(value.start, clause.map_or(end, |c| c.start)).trim_end();
        if !head || documented || call || PlanParser::parse(Rule::only_expr, text).is_err() {
            return false;
        }
        let change = Change { start: step.start, end: step.end, text: "let".into() };
        let message = "a step calls a skill or a plan, or opens a block; this is a value";
        let d = Diagnostic::new(Code::Syntax, self.span(value.start, value.end), message)
            .label("a `let` holds it");
        self.diagnostics.push(match clause {
            None => d.fix("write `let`", vec![Edit::replace(self.span(change.start, change.end), "let")]),
            Some(_) => d.help("write `let`, without clauses"),
        });
        offsets::add(changes, change);
        if let Some(clause) = clause {
            offsets::add(changes, Change { start: clause.start, end, text: String::new() });
        }
        true
    }

    /// The outermost body of a statement around `at` that was not taken out yet.
    fn inner_body(&self, start: u32, end: u32, at: u32, changes: &[Change]) -> Option<(u32, u32)> {
        let tokens = self.tokens(start, end);
        let mut stack: Vec<(u32, bool)> = Vec::new();
        let mut found = None;
        for (i, token) in tokens.iter().enumerate() {
            match token.kind {
                Kind::Open(b) => {
                    let next = tokens.get(i + 1).map_or("", |t| self.word(t));
                    let after = tokens.get(i + 2).map_or("", |t| self.word(t));
                    let before = i.checked_sub(1).and_then(|i| tokens.get(i)).map_or("", |t| self.word(t));
                    let head = HEADS.contains(&next) || next == "fail" || ACTIONS.contains(&next);
                    let block = head || before == "do" || (after == "." || after == "(") && !next.is_empty();
                    stack.push((token.start, b == b'{' && block && after != ":" && before != "race"));
                }
                Kind::Close(_) => {
                    if let Some((open, true)) = stack.pop() {
                        let taken =
                            changes.iter().any(|c| c.start <= open && open < c.end || c.start == open + 1);
                        if !taken && open < at && at <= token.start {
                            found = Some((open, token.start));
                        }
                    }
                }
                _ => {}
            }
        }
        found.filter(|(open, close)| close > &(open + 1))
    }

    /// Takes out the clause or the value that holds `at`.
    fn cut(&self, changes: &mut Vec<Change>, start: u32, end: u32, at: u32) -> bool {
        let tokens = self.tokens(start, end);
        let mut depth = 0_u32;
        let mut clauses = Vec::new();
        let mut equals = None;
        for (i, token) in tokens.iter().enumerate() {
            match token.kind {
                Kind::Open(_) => depth += 1,
                Kind::Close(_) => depth = depth.saturating_sub(1),
                Kind::Word if depth == 0 && token.first && i > 0 => clauses.push(token.start),
                Kind::Punct if depth == 0 && equals.is_none() && self.word(token) == "=" => {
                    equals = Some(token.end)
                }
                _ => {}
            }
        }
        clauses.push(end);
        let first = clauses.first().copied().unwrap_or(end);
        if at >= first && first < end {
            let n = clauses.partition_point(|c| *c <= at).min(clauses.len() - 1);
            let from = n.checked_sub(1).and_then(|n| clauses.get(n)).copied().unwrap_or(first);
            let to = clauses.get(n).copied().unwrap_or(end);
            offsets::add(changes, Change { start: from, end: to, text: String::new() });
            return true;
        }
        let Some(from) =
            equals.or_else(|| tokens.first().filter(|t| self.word(t) == "return").map(|t| t.end))
        else {
            return false;
        };
        if changes.iter().any(|c| c.start <= from && c.text.contains('\u{1A}')) {
            return false;
        }
        offsets::add(changes, Change { start: from, end: first, text: " \u{1A} ".into() });
        true
    }

    /// Knows the mistake at `at` and mends it: one diagnostic with a fix.
    fn mend(&mut self, changes: &mut Vec<Change>, start: u32, end: u32, at: u32) -> bool {
        let tokens = self.tokens(start, end);
        let n = tokens.partition_point(|t| t.end <= at);
        let Some(here) = tokens.get(n).copied() else { return false };
        let before = n.checked_sub(1).and_then(|n| tokens.get(n)).copied();
        let next = tokens.get(n + 1).copied();
        let bracket = innermost(&tokens, n);
        let word = self.word(&here);
        let last = before.map_or("", |t| self.word(&t));
        let after = next.map_or("", |t| self.word(&t));
        let change = |start: u32, end: u32, text: &str| vec![Change { start, end, text: text.into() }];
        let foreign = Code::ForeignSyntax;
        if word == "#" {
            return self.hash_comment(changes, &here, end);
        }
        let slip = self.slip(&tokens, n, bracket).or_else(|| self.slip(&tokens, n.checked_sub(1)?, bracket));
        let found = slip.or_else(|| self.foreign(&tokens, n, bracket)).or_else(|| match (word, before) {
            (":", Some(b))
                if matches!(last, "retry" | "backoff" | "fallback")
                    || bracket.is_none() && CLAUSES.contains(&last) =>
            {
                let list = change(here.start, here.end, "");
                Some((foreign, format!("`{}` takes no `:`", self.word(&b)), "remove the `:`".into(), list))
            }
            (":", Some(_)) if bracket.is_none() && self.starts_step(&tokens, n) => {
                let list = change(here.start, here.end, " =");
                Some((foreign, "a step's action follows `=`".into(), "write `=`".into(), list))
            }
            ("=", Some(b)) if bracket.is_some() && self.names_argument(&tokens, n, &b) => {
                let list = change(here.start, here.end, ":");
                Some((foreign, "an argument's value follows `:`".into(), "write `:`".into(), list))
            }
            ("=", Some(_)) => {
                let list = change(here.start, here.end, "==");
                Some((foreign, "values are compared by `==`".into(), "write `==`".into(), list))
            }
            (":" | "=>" | "->", Some(b)) if bracket.is_none() => self.arrow(&tokens, n, &here, &b),
            ("{", Some(b)) if last == "{" && b.end == here.start => self.braces(&tokens, n),
            (_, Some(b)) if last == "not" => {
                let list = change(b.start, here.start, "!");
                Some((foreign, "`not` is written `!`".into(), "write `!`".into(), list))
            }
            (_, Some(_)) if here.kind == Kind::Str && bracket == Some(b'[') && matches!(last, "[" | ",") => {
                let name = word.trim_matches(['"', '\'']);
                let list = change(here.start, here.end, name);
                Some((
                    foreign,
                    "`depends_on` takes names, not strings".into(),
                    format!("write `{name}`"),
                    list,
                ))
            }
            (_, Some(b))
                if bracket.is_some()
                    && (here.first
                        || after == ":"
                        || bracket == Some(b'(') && self.follows_argument(&tokens, n))
                    && operand_ends(&b)
                    && operand_starts(&here) =>
            {
                Some((
                    Code::Syntax,
                    "a comma is missing".into(),
                    "add a comma".into(),
                    change(b.end, b.end, ","),
                ))
            }
            _ if here.kind == Kind::Word && bracket.is_none() => {
                self.option(&tokens, n).or_else(|| self.misplaced_word(&here, word, after))
            }
            _ => None,
        });
        let Some((code, message, title, list)) = found else { return false };
        if list.iter().any(|c| changes.contains(c)) {
            return false;
        }
        let edits = list.iter().map(|c| Edit::replace(self.span(c.start, c.end), c.text.clone())).collect();
        let place = list.first().map_or(here.start, |c| c.start.min(here.start));
        let d = Diagnostic::new(code, self.span(place, here.end), message);
        let d = if code == Code::BareStatement && self.returns_early(tokens.get(n..).unwrap_or_default()) {
            d.help(EARLY_RETURN).unsafe_fix(title, edits)
        } else {
            d.fix(title, edits)
        };
        self.diagnostics.push(d);
        for change in list {
            offsets::add(changes, change);
        }
        true
    }

    fn hash_comment(&mut self, changes: &mut Vec<Change>, here: &Token, end: u32) -> bool {
        let foreign = Code::ForeignSyntax;
        let stop = self.slice(here.start, end).find('\n').map_or(end, |n| here.start + n as u32);
        let span = self.span(here.start, here.end);
        let d = Diagnostic::new(foreign, span, "comments begin with `//`")
            .fix("write `//`", vec![Edit::replace(span, "//")]);
        self.diagnostics.push(d);
        offsets::add(changes, Change { start: here.start, end: stop, text: String::new() });
        true
    }

    /// Slips of the pen that leave no doubt about what was meant, at the token `n`.
    fn slip(&self, tokens: &[Token], n: usize, bracket: Option<u8>) -> Option<Mend> {
        let here = tokens.get(n)?;
        let before = n.checked_sub(1).and_then(|n| tokens.get(n));
        let (word, last) = (self.word(here), before.map_or("", |t| self.word(t)));
        let (after, third) =
            (tokens.get(n + 1).map_or("", |t| self.word(t)), tokens.get(n + 2).map_or("", |t| self.word(t)));
        let one = |start: u32, end: u32, text: &str| vec![Change { start, end, text: text.into() }];
        let inside = matches!(bracket, None | Some(b'{'));
        if here.kind == Kind::Word && here.first && inside && !matches!(after, ":" | "=>" | "(" | "." | ",") {
            let near = match third {
                "=" | ":" => nearest(word, ["step", "let", "type"]),
                _ => nearest(word, ["return", "require", "plan", "skill", "use", "test"]),
            }?;
            let message = format!("`{word}` is no statement");
            return Some((Code::Syntax, message, format!("write `{near}`"), one(here.start, here.end, near)));
        }
        let b = before?;
        if here.kind == Kind::Word
            && after != ":"
            && b.kind == Kind::Number
            && last.bytes().all(|c| c.is_ascii_digit() || c == b'_')
        {
            let unit = unit(word)?;
            let message = format!("a space stands between `{last}` and its unit");
            return Some((
                Code::BadLiteral,
                message,
                format!("write `{last}{unit}`"),
                one(b.end, here.end, unit),
            ));
        }
        if word == "<" && b.kind == Kind::Word {
            let near = nearest(last, ["list", "map"])?;
            let message = format!("there is no type `{last}`");
            let list = one(b.start, b.end, near);
            return Some((Code::UnknownType, message, format!("rename it to `{near}`"), list));
        }
        let opened = n.checked_sub(2).and_then(|n| tokens.get(n)).map_or("", |t| self.word(t));
        let value = operand_starts(here) && !matches!(here.kind, Kind::Open(b'(' | b'[')) && after != ":";
        if bracket == Some(b'(')
            && b.kind == Kind::Word
            && value
            && !here.first
            && matches!(opened, "(" | ",")
        {
            let message = format!("no `:` stands behind the name `{last}`");
            return Some((Code::Syntax, message, "add a `:`".into(), one(b.end, b.end, ":")));
        }
        None
    }

    /// Whether the word before the token `n` stands where an argument's name does.
    fn names_argument(&self, tokens: &[Token], n: usize, name: &Token) -> bool {
        let opened = n.checked_sub(2).and_then(|n| tokens.get(n)).map_or("", |t| self.word(t));
        let callee =
            enclosing(tokens, n).and_then(|i| tokens.get(i.checked_sub(1)?)).map_or("", |t| self.word(t));
        let of_macro = matches!(callee, "filter" | "map" | "all" | "exists" | "exists_one" | "has");
        !of_macro && matches!(name.kind, Kind::Word | Kind::Str) && matches!(opened, "(" | "," | "{")
    }

    /// Whether the token `n` stands right behind an argument's value of one token.
    fn follows_argument(&self, tokens: &[Token], n: usize) -> bool {
        n.checked_sub(2).and_then(|n| tokens.get(n)).is_some_and(|t| self.word(t) == ":")
    }

    fn starts_step(&self, tokens: &[Token], n: usize) -> bool {
        n == 2 && tokens.first().is_some_and(|t| self.word(t) == "step")
    }

    /// `type T: string`, `skill a.b() => string`, `mock a.b: 1`
    fn arrow(&self, tokens: &[Token], n: usize, here: &Token, before: &Token) -> Option<Mend> {
        let first = tokens.first().map_or("", |t| self.word(t));
        let word = self.word(here);
        let (message, to) = match first {
            "type" if word == ":" && n == 2 => ("a type's name is followed by `=`", "="),
            "mock" | "signal" if self.words == parts::TEST_LINES && n <= 8 => ("a reply follows `=>`", "=>"),
            "plan" | "skill" if word == "=>" && before.kind == Kind::Close(b')') => {
                ("a result follows `->`", "->")
            }
            _ => return None,
        };
        let text = if before.end == here.start { format!(" {to}") } else { to.to_owned() };
        let list = vec![Change { start: here.start, end: here.end, text }];
        Some((Code::ForeignSyntax, message.into(), format!("write `{to}`"), list))
    }

    fn in_body(&self) -> bool {
        self.words == CLAUSES
    }

    /// `{{x}}`
    fn braces(&self, tokens: &[Token], n: usize) -> Option<Mend> {
        let open = tokens.get(n.checked_sub(1)?)?;
        let close = tokens.get(n..)?.windows(2).find(|w| w.iter().all(|t| t.kind == Kind::Close(b'}')))?;
        let (first, last) = (close.first()?, close.last()?);
        let list = vec![
            Change { start: open.start, end: tokens.get(n)?.end, text: String::new() },
            Change { start: first.start, end: last.end, text: String::new() },
        ];
        Some((
            Code::ForeignSyntax,
            "a value is named without `{{…}}`".into(),
            "remove the braces".into(),
            list,
        ))
    }

    /// Whether these tokens begin with an `if` that holds a `return`.
    fn returns_early(&self, tokens: &[Token]) -> bool {
        let mut depth = 0_usize;
        for (i, token) in tokens.iter().enumerate() {
            match token.kind {
                Kind::Open(_) => depth += 1,
                Kind::Close(_) => depth = depth.saturating_sub(1),
                Kind::Word if i == 0 && self.word(token) != "if" => return false,
                Kind::Word if depth > 0 && self.word(token) == "return" => return true,
                Kind::Word if depth == 0 && i > 0 && token.first && self.word(token) != "else" => {
                    return false;
                }
                _ => {}
            }
        }
        false
    }

    /// A name for a step that has none, which stands nowhere else in the file.
    fn fresh_name(&self, word: &str, here: &Token) -> String {
        let line = self.slice(here.start, self.length).lines().next().unwrap_or("");
        let call = line.split('(').next().unwrap_or("").rsplit('.').next().unwrap_or("").trim();
        let stem = match word {
            "if" => "branch",
            "for" => "each",
            "match" => "choice",
            "loop" => "rounds",
            "do" => "group",
            "race" => "fastest",
            _ if !call.is_empty() && call.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => call,
            _ => "done",
        };
        let start = format!("{stem}_");
        let edits = self.diagnostics.iter().flat_map(|d| &d.fixes).flat_map(|f| &f.edits);
        let texts = std::iter::once(self.text).chain(edits.map(|e| &*e.text));
        let taken: BTreeSet<u32> = texts.flat_map(|text| numbers_behind(text, &start)).collect();
        let free = (1..).find(|n| !taken.contains(n)).unwrap_or(here.start);
        format!("{start}{free}")
    }

    /// An option of `for` or `loop` that is misspelt: `for x in xs mx 3 {`.
    fn option(&self, tokens: &[Token], n: usize) -> Option<Mend> {
        let here = tokens.get(n)?;
        let (head, options) = self.region_head(tokens, n)?;
        let near = nearest(self.word(here), options.iter().copied())?;
        let list = vec![Change { start: here.start, end: here.end, text: near.to_owned() }];
        let message = format!("`{}` is no option of `{head}`", self.word(here));
        Some((Code::Syntax, message, format!("write `{near}`"), list))
    }

    /// The `for` or `loop` whose head holds the token `n`, with the options it takes.
    fn region_head(&self, tokens: &[Token], n: usize) -> Option<(&'static str, &'static [&'static str])> {
        let mut depth = 0_usize;
        let mut opened = false;
        for token in tokens.get(..n)?.iter().rev() {
            // Behind a value a brace opens the body: what follows it are clauses.
            if std::mem::take(&mut opened) && operand_ends(token) && self.word(token) != "in" {
                return None;
            }
            match token.kind {
                Kind::Close(_) => depth += 1,
                Kind::Open(bracket) => {
                    depth = depth.checked_sub(1)?;
                    opened = depth == 0 && bracket == b'{';
                }
                Kind::Word if depth == 0 => match self.word(token) {
                    "for" => return Some(("for", &["max", "first", "parallel", "tolerate"])),
                    "loop" => return Some(("loop", &["max", "every", "else"])),
                    _ => {}
                },
                _ => {}
            }
        }
        None
    }

    /// A bare action, a reaction that stands alone, or a clause that is misspelt.
    fn misplaced_word(&self, here: &Token, word: &str, after: &str) -> Option<Mend> {
        if here.first && self.in_body() && matches!(word, "retry" | "fallback") {
            let list = vec![Change { start: here.start, end: here.start, text: "on_error ".into() }];
            let message = format!("`{word}` is said behind `on_error`");
            return Some((Code::ForeignSyntax, message, format!("write `on_error {word}`"), list));
        }
        if here.first && self.in_body() && (ACTIONS.contains(&word) || matches!(after, "(" | ".")) {
            let name = self.fresh_name(word, here);
            let list = vec![Change { start: here.start, end: here.start, text: format!("step {name} = ") }];
            let message = format!("`{word}` stands without `step name =`");
            return Some((Code::BareStatement, message, format!("name it `{name}`"), list));
        }
        let near = match word {
            "else" | "then" | "as" | "in" | "and" | "or" => return None,
            _ if self.words.contains(&word) => return None,
            // What begins a statement stands first on its line.
            _ if self.in_body() && here.first => nearest(word, self.words.iter().chain(HEADS).copied())?,
            _ => nearest(word, self.words.iter().copied())?,
        };
        let list = vec![Change { start: here.start, end: here.end, text: near.to_owned() }];
        let what =
            if HEADS.contains(&near) || self.words == parts::TEST_LINES { "statement" } else { "clause" };
        Some((Code::Syntax, format!("`{word}` is no {what}"), format!("write `{near}`"), list))
    }
}

/// The numbers of the words `start1`, `start2`, … of a text.
fn numbers_behind<'a>(text: &'a str, start: &'a str) -> impl Iterator<Item = u32> + 'a {
    text.match_indices(start).filter_map(move |(at, _)| {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let inside = text.get(..at).is_some_and(|before| before.ends_with(word));
        let rest = text.get(at + start.len()..)?;
        let number = rest.split(|c: char| !word(c)).next()?;
        (!inside).then(|| number.parse().ok()).flatten()
    })
}

/// The unit of durations and sizes that a word stands for.
fn unit(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "ms" | "msec" | "millis" | "milliseconds" => "ms",
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        "kib" | "kb" => "KiB",
        "mib" | "mb" => "MiB",
        "gib" | "gb" => "GiB",
        _ => return None,
    })
}

/// The number of the innermost bracket that is open before the token `n`.
fn enclosing(tokens: &[Token], n: usize) -> Option<usize> {
    let mut depth = 0_usize;
    (0..n).rev().find(|i| {
        match tokens.get(*i).map(|t| t.kind) {
            Some(Kind::Close(_)) => depth += 1,
            Some(Kind::Open(_)) if depth == 0 => return true,
            Some(Kind::Open(_)) => depth -= 1,
            _ => {}
        }
        false
    })
}

/// That bracket.
fn innermost(tokens: &[Token], n: usize) -> Option<u8> {
    match tokens.get(enclosing(tokens, n)?)?.kind {
        Kind::Open(bracket) => Some(bracket),
        _ => None,
    }
}

fn operand_ends(token: &Token) -> bool {
    matches!(token.kind, Kind::Word | Kind::Number | Kind::Str | Kind::Close(_))
}

fn operand_starts(token: &Token) -> bool {
    matches!(token.kind, Kind::Word | Kind::Number | Kind::Str | Kind::Open(_))
}
