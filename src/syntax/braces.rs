//! Brackets and strings that do not balance: where the indentation says the fault lies, and a text of the same length in which it is gone.
//!
//! The mended text only serves to read what stands around the fault. It keeps its length, so that every place in it is a place of the
//! file: a closing bracket is written over a blank, a string that never ends becomes a hole.

use super::outline::Piece;
use super::scan::{Kind, Scanner, Token, closer};
use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::source::{SourceId, Span};

/// Stands for a value that could not be read.
const HOLE: u8 = 0x1A;
/// More faults of one item are not told one by one.
const TOLD: usize = 5;
/// How many text blocks without an end are found in one file.
const BLOCKS: usize = 8;

/// Words that begin a line of code, hardly one of prose inside a text block.
const LINE_HEADS: &[&str] = &[
    "step",
    "let",
    "return",
    "require",
    "plan",
    "skill",
    "test",
    "type",
    "when",
    "on_error",
    "timeout",
    "deadline",
    "depends_on",
    "approve",
    "compensate",
    "max_tokens",
];

/// What was found in a piece.
pub(super) struct Repair {
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Whether the text is mended, so that the piece can be read.
    pub(super) mended: bool,
}

/// A closing bracket that is missing, or one too many.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Missing { open: Open, after: Token },
    Extra(Token),
}

#[derive(Clone, Copy, Debug)]
struct Open {
    bracket: u8,
    at: u32,
    /// Of the line it stands on.
    indent: u32,
    line: u32,
}

/// The tokens of one piece with the column of those that begin a line.
struct Walk<'a> {
    text: &'a str,
    by_indent: bool,
    stack: Vec<Open>,
    faults: Vec<Fault>,
    before: Option<Token>,
    indent: u32,
    line: u32,
}

fn column(text: &str, at: u32) -> u32 {
    let before = text.as_bytes().get(..at as usize).unwrap_or_default();
    before.iter().rev().take_while(|b| **b != b'\n').count() as u32
}

fn walk(text: &str, piece: &Piece, by_indent: bool) -> Vec<Fault> {
    let mut walk =
        Walk { text, by_indent, stack: Vec::new(), faults: Vec::new(), before: None, indent: 0, line: 0 };
    for token in Scanner::new(text, piece.start as usize, piece.end as usize) {
        if token.kind != Kind::Comment {
            walk.token(&token);
            walk.before = Some(token);
        }
    }
    while let Some(open) = walk.stack.pop() {
        walk.missing(open);
    }
    walk.faults
}

impl Walk<'_> {
    fn missing(&mut self, open: Open) {
        if let Some(after) = self.before {
            self.faults.push(Fault::Missing { open, after });
        }
    }

    fn token(&mut self, token: &Token) {
        if token.first {
            self.line += 1;
            self.indent = column(self.text, token.start);
            if self.by_indent {
                self.dedent(token);
            }
        }
        match token.kind {
            Kind::Open(bracket) => {
                self.stack.push(Open { bracket, at: token.start, indent: self.indent, line: self.line });
            }
            Kind::Close(bracket) => self.close(token, bracket),
            _ => {}
        }
    }

    /// A line that begins left of what a bracket holds says that the bracket should be closed by now.
    fn dedent(&mut self, token: &Token) {
        while let Some(open) = self.stack.last().copied() {
            let closes = match token.kind {
                Kind::Close(b) => Some(b),
                _ => None,
            };
            let proper = closes == Some(closer(open.bracket)) && self.indent == open.indent;
            let owner = |o: &Open| closes == Some(closer(o.bracket)) && o.indent == self.indent;
            let left = self.indent < open.indent
                || self.indent == open.indent && (closes.is_none() || self.stack.iter().any(owner));
            if proper || !left || open.line == self.line {
                return;
            }
            // `plan p() {` in a file that does not indent at all.
            if open.indent == 0 && self.stack.len() == 1 && closes.is_none() {
                return;
            }
            self.stack.pop();
            self.missing(open);
        }
    }

    fn close(&mut self, token: &Token, bracket: u8) {
        let Some(top) = self.stack.last().copied() else { return self.faults.push(Fault::Extra(*token)) };
        if closer(top.bracket) == bracket {
            let deeper = token.first && top.line < self.line && self.indent > top.indent;
            if self.by_indent && bracket == b'}' && deeper {
                self.faults.push(Fault::Extra(*token));
            } else {
                self.stack.pop();
            }
            return;
        }
        if !self.stack.iter().any(|o| closer(o.bracket) == bracket) {
            return self.faults.push(Fault::Extra(*token));
        }
        while let Some(open) = self.stack.pop() {
            if closer(open.bracket) == bracket {
                break;
            }
            self.missing(open);
        }
    }
}

/// Finds what is wrong with the brackets and strings of a piece, and mends it in `work`, a copy of the file (perhaps longer by blanks).
pub(super) fn repair(source: SourceId, text: &str, work: &mut String, piece: &Piece) -> Repair {
    let mut out = Repair { diagnostics: Vec::new(), mended: true };
    let mut bytes = std::mem::take(work).into_bytes();
    for at in piece.start as usize..piece.end as usize {
        if let Some(byte) = bytes.get_mut(at).filter(|b| **b == HOLE)
            && text.as_bytes().get(at) == Some(&HOLE)
        {
            *byte = b' ';
        }
    }
    *work = String::from_utf8(bytes).unwrap_or_default();
    strings(source, work, piece, &mut out.diagnostics);
    let tail = if piece.end as usize == text.len() { work.len() as u32 } else { piece.end };
    let whole = Piece { end: tail, ..*piece };
    let simple = walk(work, &whole, false);
    if simple.is_empty() {
        return out;
    }
    let indented = walk(work, &whole, true);
    let by_indent = indented.len() <= simple.len();
    let faults = if by_indent { indented } else { simple };
    let head = missing_head(work, &whole, &faults);
    let told = if by_indent && faults.len() <= TOLD { TOLD } else { 1 };
    let mut bytes = std::mem::take(work).into_bytes();
    if let Some((before, at)) = head {
        let span = Span { source, start: before.start, end: before.end };
        let place = Span { source, start: before.end, end: before.end };
        let d = Diagnostic::new(Code::UnclosedBracket, span, "a `{` is missing")
            .label("expected `{` after this")
            .unsafe_fix("add `{`", vec![Edit::replace(place, " {")]);
        out.diagnostics.push(d);
        if let Some(byte) = bytes.get_mut(at) {
            *byte = b'{';
        }
        *work = String::from_utf8(bytes).unwrap_or_default();
        return out;
    }
    let mut told_at: Option<u32> = None;
    for (i, fault) in faults.iter().enumerate() {
        let same = match fault {
            Fault::Missing { after, .. } => {
                bytes.get(after.start as usize) == Some(&HOLE) || told_at == Some(after.start)
            }
            Fault::Extra(_) => false,
        };
        if !same && out.diagnostics.len() < told {
            let group = faults.get(i..).unwrap_or_default();
            out.diagnostics.push(tell(source, text, fault, group));
        }
        if let Fault::Missing { after, .. } = fault {
            told_at = Some(after.start);
        }
        out.mended &= mend(&mut bytes, fault);
    }
    *work = String::from_utf8(bytes).unwrap_or_default();
    out
}

/// The `}` at the end closes nothing because the body's `{` is missing: the token before the body, and a blank behind it.
fn missing_head(text: &str, piece: &Piece, faults: &[Fault]) -> Option<(Token, usize)> {
    let [Fault::Extra(extra)] = faults else { return None };
    let mut depth = 0_u32;
    let mut before: Option<Token> = None;
    for token in
        Scanner::new(text, piece.start as usize, extra.start as usize).filter(|t| t.kind != Kind::Comment)
    {
        let word = text.get(token.start as usize..token.end as usize).unwrap_or("");
        match (token.kind, before) {
            (Kind::Word, None) if !matches!(word, "plan" | "test") => return None,
            (Kind::Open(_), _) => depth += 1,
            (Kind::Close(_), _) => depth = depth.saturating_sub(1),
            (Kind::Word, Some(last))
                if depth == 0
                    && token.first
                    && matches!(
                        word,
                        "step" | "let" | "return" | "require" | "input" | "mock" | "expect"
                    ) =>
            {
                // A body was closed before: then it is the `}` that is too many.
                let closed = text.as_bytes().get(last.start as usize) == Some(&b'}');
                return (!closed).then_some((last, last.end as usize));
            }
            _ => {}
        }
        before = Some(token);
    }
    None
}

/// `group` begins with the fault; others at the same place are told with it.
fn tell(source: SourceId, text: &str, fault: &Fault, group: &[Fault]) -> Diagnostic {
    let code = Code::UnclosedBracket;
    match fault {
        Fault::Extra(token) => {
            let span = Span { source, start: token.start, end: token.end };
            let what = text.get(token.start as usize..token.end as usize).unwrap_or("}");
            Diagnostic::new(code, span, format!("`{what}` closes nothing"))
                .unsafe_fix("remove it", vec![Edit::delete(span)])
        }
        Fault::Missing { open, after } => {
            let (what, closing) = (char::from(open.bracket), char::from(closer(open.bracket)));
            let opened = Span { source, start: open.at, end: open.at + 1 };
            let here = group.iter().map_while(|f| match f {
                Fault::Missing { open, after: at } if at.start == after.start => Some(open),
                Fault::Missing { .. } | Fault::Extra(_) => None,
            });
            let opens: Vec<&Open> = here.collect();
            // After the whole line, the comment at its end too, where the block ends with its line.
            let from = (after.end as usize).min(text.len());
            let line = text.get(from..).and_then(|t| t.lines().next()).unwrap_or("");
            let alone = line.trim().is_empty() || line.trim_start().starts_with("//");
            let block = alone && text.get(open.at as usize..from).is_some_and(|t| t.contains('\n'));
            let at = if block { from + line.len() } else { from };
            let mut added = String::new();
            for open in &opens {
                if block {
                    added.push('\n');
                    added.extend(std::iter::repeat_n(' ', open.indent as usize));
                }
                added.push(char::from(closer(open.bracket)));
            }
            let span = Span { source, start: after.start, end: after.end };
            let message = match opens.len() {
                0 | 1 => format!("a `{closing}` is missing"),
                n => format!("{n} closing brackets are missing"),
            };
            let d = Diagnostic::new(code, span, message).label(format!("expected `{closing}` after this"));
            let d =
                if open.at == after.start { d } else { d.also(opened, format!("the `{what}` stands here")) };
            d.unsafe_fix(
                format!("add `{}`", added.trim()),
                vec![Edit::replace(Span::new(source, at, at), added)],
            )
        }
    }
}

/// Writes the mended bracket over a blank.
fn mend(bytes: &mut [u8], fault: &Fault) -> bool {
    match fault {
        Fault::Extra(token) => {
            // Where a value should stand, one is missing now.
            let before = bytes.get(..token.start as usize).unwrap_or_default().trim_ascii_end();
            let value =
                before.last().is_some_and(|b| b"=:,([+-*/%<>&|?!".contains(b)) || before.ends_with(b"return");
            if let Some(byte) = bytes.get_mut(token.start as usize) {
                *byte = if value { HOLE } else { b' ' };
            }
            true
        }
        Fault::Missing { open, after } => {
            let mut at = after.end as usize;
            loop {
                match bytes.get_mut(at) {
                    Some(byte) if byte.is_ascii_whitespace() => {
                        *byte = closer(open.bracket);
                        return true;
                    }
                    // Closed here already, for a bracket inside this one.
                    Some(b'}' | b')' | b']') => at += 1,
                    _ => return false,
                }
            }
        }
    }
}

/// Strings that end with their line instead of with a quote become holes.
fn strings(source: SourceId, work: &mut String, piece: &Piece, told: &mut Vec<Diagnostic>) {
    let mut holes = Vec::new();
    let mut stack: Vec<(u8, u32)> = Vec::new();
    let mut from = piece.start as usize;
    let mut line = 0;
    while from < piece.end as usize {
        let mut next = piece.end as usize;
        for token in Scanner::new(work, from, piece.end as usize) {
            line += u32::from(token.first);
            match token.kind {
                Kind::Open(b) => stack.push((b, line)),
                Kind::Close(_) => drop(stack.pop()),
                Kind::OpenStr => {
                    let slice = work.get(token.start as usize..token.end as usize).unwrap_or("");
                    let open: Vec<u8> =
                        stack.iter().rev().take_while(|(_, l)| *l == line).map(|(b, _)| *b).collect();
                    let end = token.start as usize + inside(slice, &open);
                    holes.push((token.start as usize, end));
                    next = end;
                    break;
                }
                _ => {}
            }
        }
        if next <= from {
            break;
        }
        from = next;
    }
    for (start, end) in holes {
        if told.len() < TOLD {
            let span = Span::new(source, start, start + 1);
            let place = Span::new(source, end, end);
            let quote = work.as_bytes().get(start).copied().map_or('"', char::from);
            let d = Diagnostic::new(Code::UnclosedBracket, span, "the string is never closed")
                .label("opened here");
            let quote = if matches!(quote, '"' | '\'') { quote } else { '"' };
            told.push(d.unsafe_fix(format!("add `{quote}`"), vec![Edit::replace(place, quote)]));
        }
        hole(work, start, end);
    }
}

/// How much of a line belongs to a string without an end: not the brackets at its end that close what this line opened.
fn inside(slice: &str, open: &[u8]) -> usize {
    let tail = |c: char| matches!(c, ')' | ']' | '}' | ',' | ' ' | '\t' | '\r');
    let start = slice.trim_end_matches(tail).len();
    if open.is_empty() {
        return slice.trim_end().len();
    }
    for (at, _) in slice.get(start..).unwrap_or("").char_indices() {
        let mut closers = open.iter();
        let rest = slice.get(start + at..).unwrap_or("");
        let mut brackets = rest.bytes().filter(|b| matches!(b, b')' | b']' | b'}')).peekable();
        if brackets.peek().is_some() && brackets.all(|b| closers.next().is_some_and(|o| closer(*o) == b)) {
            return start + at;
        }
    }
    slice.trim_end().len()
}

/// Puts a hole in place of some text.
fn hole(work: &mut String, start: usize, end: usize) {
    let mut bytes = std::mem::take(work).into_bytes();
    if let Some(slice) = bytes.get_mut(start..end) {
        for byte in slice.iter_mut().filter(|b| **b != b'\n') {
            *byte = b' ';
        }
        if let Some(byte) = slice.first_mut() {
            *byte = HOLE;
        }
    }
    *work = String::from_utf8(bytes).unwrap_or_default();
}

/// Text blocks (`"""`) without an end: each becomes a hole up to the line that its indentation shows to be code again.
pub(super) fn text_blocks(source: SourceId, text: &str) -> Option<(String, Vec<Diagnostic>)> {
    let mut work = text.to_owned();
    let mut told = Vec::new();
    for _ in 0..BLOCKS {
        let mut indent = 0;
        let mut found = None;
        let mut open = false;
        for token in Scanner::new(&work, 0, work.len()) {
            if token.first {
                indent = column(&work, token.start);
            }
            let slice = work.get(token.start as usize..token.end as usize).unwrap_or("");
            let quoted = slice.trim_start_matches(['r', 'R', 'b', 'B']);
            if !matches!(token.kind, Kind::Str | Kind::OpenStr)
                || !(quoted.starts_with("\"\"\"") || quoted.starts_with("'''"))
            {
                continue;
            }
            open |= token.kind == Kind::OpenStr;
            if found.is_none() {
                found = code_line(slice, indent).map(|at| (token.start as usize, token.start as usize + at));
            }
        }
        let Some((start, end)) = found.filter(|_| open) else { break };
        let before = work.get(start..end).map_or(start, |t| start + t.trim_end().len());
        let last = work.get(start..before).map_or(start, |t| start + t.rfind('\n').map_or(0, |n| n + 1));
        let blanks = work.get(last..before).map_or(0, |t| t.len() - t.trim_start().len());
        let span = Span::new(source, (last + blanks).min(before), before);
        let quote = if work
            .get(start..before)
            .is_some_and(|t| t.trim_start_matches(['r', 'R', 'b', 'B']).starts_with('"'))
        {
            "\"\"\""
        } else {
            "'''"
        };
        let place = Span::new(source, before, before);
        let mut d = Diagnostic::new(Code::UnclosedBracket, span, format!("a `{quote}` is missing"))
            .label(format!("expected `{quote}` after this"))
            .unsafe_fix(
                format!("add `{quote}`"),
                vec![Edit::replace(place, format!("\n{}{quote}", " ".repeat(blanks)))],
            );
        if last > start {
            d = d.also(Span::new(source, start, start + 3), "the text begins here");
        }
        told.push(d);
        hole(&mut work, start, end);
    }
    (!told.is_empty()).then_some((work, told))
}

/// The first line inside a text block that must be code: it stands no further right than the line the block begins on.
fn code_line(slice: &str, indent: u32) -> Option<usize> {
    let mut at = slice.find('\n')? + 1;
    for line in slice.get(at..)?.split_inclusive('\n') {
        let inner = line.trim_start();
        let column = (line.len() - inner.len()) as u32;
        let word = inner.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or("");
        // The line that ends the block is none of its text.
        if column <= indent
            && !inner.starts_with("\"\"\"")
            && (inner.starts_with(['}', ')']) || LINE_HEADS.contains(&word) && inner.len() > word.len() + 1)
        {
            return Some(at);
        }
        at += line.len();
    }
    None
}
