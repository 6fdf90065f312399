//! Parsing again after a small change: only the statements around it are read, all else is moved.

use super::ast::{Body, Item, Stmt};
use super::offsets::Offsets;
use super::recover::{self, Recovery};
use super::rule::{PlanParser, Rule};
use super::scan::{Kind, Scanner};
use super::shift::{Moved, Shift};
use super::{Comment, MAX_DIAGNOSTICS, MAX_LINE, Parse};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::{SourceId, Span};
use pest::Parser;

/// What begins a statement.
const HEADS: &[&str] = &["step", "let", "require", "return", "fail"];
/// What begins an item.
const ITEMS: &[&str] = &["use", "type", "skill", "plan", "test"];
/// Deeper or longer chains in a window are left to the whole parse, which has the limits.
const NESTING: usize = 48;

/// The bytes `start..old_end` of the old text became `start..new_end` of the new one.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Edit {
    start: u32,
    old_end: u32,
    new_end: u32,
}

impl Edit {
    fn between(old: &str, new: &str) -> Edit {
        let (a, b) = (old.as_bytes(), new.as_bytes());
        let mut start = a.iter().zip(b).take_while(|(x, y)| x == y).count();
        while !old.is_char_boundary(start) || !new.is_char_boundary(start) {
            start -= 1;
        }
        let most = a.len().min(b.len()) - start;
        let mut same = a.iter().rev().zip(b.iter().rev()).take(most).take_while(|(x, y)| x == y).count();
        while !old.is_char_boundary(a.len() - same) || !new.is_char_boundary(b.len() - same) {
            same -= 1;
        }
        Edit { start: start as u32, old_end: (a.len() - same) as u32, new_end: (b.len() - same) as u32 }
    }

    fn shift(self) -> Shift {
        Shift { from: self.old_end, by: i64::from(self.new_end) - i64::from(self.old_end) }
    }
}

/// The statements `first..last` of a body, and the text that is read for them, in the old file.
#[derive(Clone, Copy, Debug)]
struct Window {
    item: usize,
    first: usize,
    last: usize,
    start: u32,
    end: u32,
}

/// Brings the parse of `old` up to the text `new`, the same as [`super::parse`] gives for it. False where that is not sure: `parse` is
/// then as it was, and the file must be parsed as a whole.
pub fn again(parse: &mut Parse, source: SourceId, old: &str, new: &str) -> bool {
    if old == new {
        return true;
    }
    if old.len() > MAX_LINE || new.len() > MAX_LINE || parse.diagnostics.len() >= MAX_DIAGNOSTICS / 2 {
        return false;
    }
    let whole = |d: &Diagnostic| {
        matches!(d.code, Code::UnclosedBracket | Code::TooDeep | Code::TooLarge | Code::Markdown)
    };
    if parse.diagnostics.iter().any(whole) {
        return false;
    }
    let edit = Edit::between(old, new);
    let Some(window) = window(parse, edit, old, new) else { return false };
    let end = window.end - edit.old_end + edit.new_end;
    let Some(comments) = plain(source, new, window.start, end) else { return false };
    let all = with_comments(parse, &window, comments, edit);
    let (stmts, told) = read(source, new, window.start, end, &all);
    if told.iter().any(whole) || parse.diagnostics.len() + told.len() >= MAX_DIAGNOSTICS / 2 {
        return false;
    }
    parse.comments = all;
    replace(parse, &window, stmts, edit);
    parse.diagnostics.retain(|d| d.span.start < window.start || d.span.start > window.end);
    parse.diagnostics.moved(edit.shift());
    parse.diagnostics.extend(told);
    crate::diagnostic::sort(&mut parse.diagnostics);
    true
}

/// The statements that may come out otherwise, with a neighbour on each side; the window begins and ends where statements do.
fn window(parse: &Parse, edit: Edit, old: &str, new: &str) -> Option<Window> {
    let (item, body) = parse.file.items.iter().enumerate().find_map(|(i, item)| match item {
        Item::Plan(plan) => {
            let span = plan.body.span;
            (span.start < edit.start && edit.old_end < span.end).then_some((i, &plan.body))
        }
        Item::Use(_) | Item::Type(_) | Item::Skill(_) | Item::Test(_) => None,
    })?;
    let bytes = old.as_bytes();
    let close = body.span.end.checked_sub(1)?;
    if bytes.get(body.span.start as usize) != Some(&b'{') || bytes.get(close as usize) != Some(&b'}') {
        return None;
    }
    let told_at = |at: u32| parse.diagnostics.iter().any(|d| d.span.start == at);
    let stmts = &body.stmts;
    let touched = stmts.partition_point(|s| s.span.end < edit.start);
    let mut first = touched.checked_sub(1);
    while let Some(n) = first {
        let at = stmts.get(n)?.span.start;
        if heads(old, at) && !told_at(at) {
            break;
        }
        first = n.checked_sub(1);
    }
    let start = match first {
        Some(n) => stmts.get(n)?.span.start,
        None => body.span.start + 1,
    };
    let first = first.unwrap_or(0);
    let mut last = stmts.partition_point(|s| s.span.start <= edit.old_end) + 1;
    loop {
        let end = match stmts.get(last) {
            Some(next) => next.span.start,
            None => close,
        };
        let new_end = end.checked_sub(edit.old_end)? + edit.new_end;
        let lines = new.get(start as usize..new_end as usize)?;
        let ends = lines.rsplit_once('\n').is_some_and(|(_, tail)| tail.trim().is_empty());
        if last >= stmts.len() {
            return ends.then_some(Window { item, first, last: stmts.len(), start, end });
        }
        if ends && heads(old, end) && !told_at(end) {
            return Some(Window { item, first, last, start, end });
        }
        last += 1;
    }
}

/// Whether a statement begins with its word at this place.
fn heads(text: &str, at: u32) -> bool {
    let Some(rest) = text.get(at as usize..) else { return false };
    HEADS.iter().any(|h| {
        rest.strip_prefix(h)
            .is_some_and(|r| r.bytes().next().is_some_and(|b| !b.is_ascii_alphanumeric() && b != b'_'))
    })
}

/// The comments of a window, if its brackets and strings are closed in themselves and no item can begin in it.
fn plain(source: SourceId, text: &str, start: u32, end: u32) -> Option<Vec<Comment>> {
    let mut comments = Vec::new();
    let mut stack = Vec::new();
    let mut nesting = 0;
    for token in Scanner::new(text, start as usize, end as usize) {
        let word = text.get(token.start as usize..token.end as usize)?;
        match token.kind {
            Kind::Comment => {
                let span = Span { source, start: token.start, end: token.end };
                comments.push(Comment { span, own_line: token.first });
            }
            Kind::Open(b) => stack.push(b),
            Kind::Close(b) => {
                let open = stack.pop()?;
                if super::scan::closer(open) != b {
                    return None;
                }
            }
            Kind::OpenStr => return None,
            // As the parser's own mends write what is missing: the whole parse tells them apart.
            Kind::Junk | Kind::Str if word.contains('\u{1A}') => return None,
            Kind::Word if token.first && ITEMS.contains(&word) => return None,
            Kind::Punct if matches!(word, "?" | "<") => nesting += 1,
            Kind::Str if usize::from(token.nesting) > 8 => return None,
            Kind::Word | Kind::Number | Kind::Str | Kind::Punct | Kind::Junk => {}
        }
        if stack.len() > NESTING || nesting > NESTING {
            return None;
        }
    }
    stack.is_empty().then_some(comments)
}

fn with_comments(parse: &Parse, window: &Window, new: Vec<Comment>, edit: Edit) -> Vec<Comment> {
    let from = parse.comments.partition_point(|c| c.span.start < window.start);
    let to = parse.comments.partition_point(|c| c.span.start < window.end);
    let mut all = parse.comments.get(..from).unwrap_or_default().to_vec();
    all.extend(new);
    let mut rest = parse.comments.get(to..).unwrap_or_default().to_vec();
    rest.moved(edit.shift());
    all.append(&mut rest);
    all
}

/// The statements between two places, and what is wrong there.
fn read(
    source: SourceId,
    text: &str,
    start: u32,
    end: u32,
    comments: &[Comment],
) -> (Vec<Stmt>, Vec<Diagnostic>) {
    let mut recovery = Recovery {
        source,
        text,
        comments,
        diagnostics: Vec::new(),
        limit: MAX_DIAGNOSTICS,
        length: text.len() as u32,
        words: recover::CLAUSES,
    };
    let slice = text.get(start as usize..end as usize).unwrap_or("");
    let stmts = match PlanParser::parse(Rule::only_stmts, slice) {
        Ok(pairs) => {
            let mut builder = recovery.builder(Offsets::shifted(start));
            let stmts = builder.stmts(pairs);
            recovery.diagnostics.append(&mut builder.diagnostics);
            stmts
        }
        Err(_) => recovery.stmts(start, end),
    };
    for d in &mut recovery.diagnostics {
        super::within(d, text.len() as u32);
    }
    (stmts, recovery.diagnostics)
}

fn replace(parse: &mut Parse, window: &Window, stmts: Vec<Stmt>, edit: Edit) {
    let shift = edit.shift();
    for (index, item) in parse.file.items.iter_mut().enumerate().skip(window.item) {
        match item {
            Item::Plan(plan) if index == window.item => {
                plan.span.moved(shift);
                let Body { stmts: old, span } = &mut plan.body;
                span.moved(shift);
                old.iter_mut().skip(window.last).for_each(|s| s.moved(shift));
                old.splice(window.first..window.last, stmts);
                return moved_rest(parse, window.item + 1, shift);
            }
            Item::Plan(_) | Item::Use(_) | Item::Type(_) | Item::Skill(_) | Item::Test(_) => {}
        }
    }
}

fn moved_rest(parse: &mut Parse, from: usize, shift: Shift) {
    parse.file.items.iter_mut().skip(from).for_each(|item| item.moved(shift));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the change was read in a window; what then differs from the whole parse is added to `wrong`.
    fn check(old: &str, new: &str, wrong: &mut Vec<String>) -> bool {
        let mut parse = super::super::parse(SourceId(0), old);
        let done = again(&mut parse, SourceId(0), old, new);
        if done {
            let fresh = super::super::parse(SourceId(0), new);
            for (what, a, b) in [
                ("tree", format!("{:#?}", parse.file), format!("{:#?}", fresh.file)),
                ("comments", format!("{:#?}", parse.comments), format!("{:#?}", fresh.comments)),
                ("diagnostics", format!("{:#?}", parse.diagnostics), format!("{:#?}", fresh.diagnostics)),
            ] {
                if a != b {
                    let line = a.lines().zip(b.lines()).find(|(a, b)| a != b);
                    wrong.push(format!("the {what}: {line:?} of\n{new}"));
                }
            }
        }
        done
    }

    const PLAN: &str = "\
type A = int

/// Docs.
plan p(a: int) -> int {
  // first
  let x = a + 1 // behind

  /// Of the step.
  step s = http.get(url: \"https://a/${x}\")
    timeout 3s
  step t = for i in [1, 2] {
    let y = i
    return y
  }
  // last
  return x
}

plan q() { let z = 1 }
";

    /// Every word of the body is taken away, doubled and replaced; most of it is read in a window.
    #[test]
    fn a_change_gives_what_the_whole_text_gives() {
        let words = [
            "",
            "x",
            "step",
            "step u = ",
            "let k = 1\n",
            "timeout",
            "// c\n",
            "{",
            ")",
            "\"",
            "}",
            "\n",
            "\u{1A}",
        ];
        let (mut quick, mut all, mut wrong) = (0, 0, Vec::new());
        for at in (0..PLAN.len()).filter(|n| PLAN.is_char_boundary(*n)) {
            for len in [0, 1, 5] {
                let Some(tail) = PLAN.get(at + len..) else { continue };
                for word in words {
                    let new = format!("{}{word}{tail}", &PLAN[..at]);
                    // The control character is always left to the whole parse.
                    all += usize::from(word != "\u{1A}");
                    quick += usize::from(check(PLAN, &new, &mut wrong));
                }
            }
        }
        let first: Vec<&String> = wrong.iter().step_by(wrong.len() / 12 + 1).collect();
        assert!(wrong.is_empty(), "{} wrong, such as {first:#?}", wrong.len());
        assert!(quick * 2 > all, "{quick} of {all} in a window");
    }

    #[test]
    fn a_control_character_is_told_where_it_stands() {
        for text in [
            "plan p(a: int) -> string {\n  return \"${a +\u{1A} 1}\"\n}\n",
            "plan p() -> int {\n  return \u{1A} 1\n}\n",
        ] {
            let found = super::super::parse(SourceId(0), text).diagnostics;
            let at = text.find('\u{1A}').unwrap() as u32;
            let told: Vec<_> = found.iter().map(|d| (&*d.message, d.span.start)).collect();
            assert_eq!(told, [("a control character stands in the text", at)], "{text}");
        }
    }

    #[test]
    fn a_broken_statement_is_mended_in_its_window() {
        let broken = PLAN.replace("timeout 3s", "timeot 3s");
        let twice = broken.replace("return y", "return");
        let mut wrong = Vec::new();
        for (old, new) in [(PLAN, &*broken), (&*broken, PLAN), (&*broken, &*twice), (&*twice, &*broken)] {
            assert!(check(old, new, &mut wrong), "{new}");
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
