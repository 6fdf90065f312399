//! Mistakes of writing: brackets, quotes, punctuation, words of other languages, things said twice.

use super::kinds::{Mutant, arguments, clause_tokens, dynamic, edit, own, range, references, within};
use super::plans::{Kind as Tok, Seen};
use crate::engine::Random;
use aos::check::hir::{self, VarKind};
use aos::types::Type;
use std::ops::Range;

fn matching(seen: &Seen<'_>) -> Vec<(usize, usize)> {
    own(seen)
        .filter(|i| matches!(seen.word(*i), "(" | "[" | "{"))
        .filter_map(|i| Some((i, seen.closing(i)?)))
        .collect()
}

pub(super) fn dropped_closing(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let list = matching(seen).into_iter();
    // The bracket may be missed wherever its content might have ended, and no later than where the one around it does.
    list.map(|(open, close)| {
        let at = range(seen, close);
        let around = seen.tokens.get(close + 1).map_or(at.end, |t| t.at.end);
        within(edit(seen, at, ""), outer(seen, open)..around)
    })
    .collect()
}

fn outer(seen: &Seen<'_>, i: usize) -> usize {
    let around = (0..i)
        .rev()
        .find(|o| matches!(seen.word(*o), "(" | "[" | "{") && seen.closing(*o).is_some_and(|c| c > i));
    seen.tokens[around.unwrap_or(i)].at.start
}

pub(super) fn dropped_opening(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let list = matching(seen).into_iter();
    list.map(|(open, close)| {
        let at = range(seen, open);
        within(edit(seen, at.clone(), ""), at.start.saturating_sub(1)..seen.tokens[close].at.end)
    })
    .collect()
}

pub(super) fn dropped_colon(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let list = arguments(seen).into_iter();
    list.map(|(_, _, name, value)| {
        let place = seen.tokens[name].at.start..value.end - 1;
        within(edit(seen, range(seen, name + 1), ""), place)
    })
    .collect()
}

pub(super) fn dropped_comma(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let mut out = Vec::new();
    for (_, _, name, _) in arguments(seen) {
        if seen.word(name - 1) == "," {
            let place = seen.tokens[name - 2].at.start..seen.tokens[name].at.end - 1;
            out.push(within(edit(seen, range(seen, name - 1), ""), place));
        }
    }
    out
}

pub(super) fn dropped_quote(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let mut out = Vec::new();
    for i in own(seen).filter(|i| seen.tokens[*i].kind == Tok::Text) {
        let at = range(seen, i);
        // A text over several lines has other quotes in it.
        if !seen.text[at.clone()].starts_with("\"\"\"") && seen.text[at.clone()].starts_with('"') {
            let line = seen.text[at.end..].find('\n').map_or(seen.text.len(), |n| at.end + n);
            out.push(within(edit(seen, at.end - 1..at.end, ""), at.start..line));
            out.push(within(edit(seen, at.start..at.start + 1, ""), at.start..line));
        }
    }
    out
}

pub(super) fn cut_file(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    // Inside a plan's braces: a file that ends between two items is whole.
    let mut depth = 0_usize;
    let mut out = Vec::new();
    for i in 0..seen.tokens.len() {
        match seen.word(i) {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth = depth.saturating_sub(1),
            _ => {}
        }
        let end = seen.tokens[i].at.end;
        if depth > 0 && seen.tokens[i].at.start >= seen.original.from {
            let mutant = edit(seen, end..seen.text.len(), "");
            out.push(within(mutant, seen.original.from..end));
        }
    }
    out
}

pub(super) fn step_twice(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let list = seen.steps().into_iter();
    list.map(|(_, stmt, _)| {
        let at = stmt.span.range();
        let new = format!("\n\n  {}", &seen.text[at.clone()]);
        let place = at.start..at.end + new.len();
        within(edit(seen, at.end..at.end, &new), place)
    })
    .collect()
}

pub(super) fn name_taken(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let mut out = Vec::new();
    for (_, body, i) in seen.stmts() {
        if let Some(next) = body.stmts.get(i + 1).filter(|s| s.var.is_some() && body.stmts[i].var.is_some()) {
            out.push(edit(seen, next.name_span.range(), &body.stmts[i].name));
        }
    }
    out
}

pub(super) fn clause_twice(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let mut out = Vec::new();
    for i in clause_tokens(seen) {
        let start = seen.tokens[i].at.start;
        let line = seen.text[start..].lines().next().unwrap_or("");
        if !line.ends_with(['{', '(', '[']) && !line.contains("\"\"\"") {
            let new = format!("\n    {line}");
            let end = start + line.len();
            out.push(within(edit(seen, end..end, &new), start..end + new.len()));
        }
    }
    out
}

pub(super) fn unknown_clause(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let list = seen.calls().into_iter();
    list.map(|(_, call)| {
        let end = call.span.range().end;
        edit(seen, end..end, "\n    priority 5")
    })
    .collect()
}

pub(super) fn word_operator(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let mut out = Vec::new();
    for i in own(seen) {
        let new = match seen.word(i) {
            "&&" => "and",
            "||" => "or",
            "==" => "=",
            "!" => "not ",
            _ => continue,
        };
        out.push(edit(seen, range(seen, i), new));
    }
    out
}

fn durations(seen: &Seen<'_>) -> Vec<(usize, Range<usize>)> {
    let unit = |text: &str| text.find(|c: char| c.is_ascii_alphabetic());
    own(seen)
        .filter(|i| seen.tokens[*i].kind == Tok::Number)
        .filter_map(|i| Some((i, unit(seen.word(i))?)))
        .filter(|(i, n)| matches!(&seen.word(*i)[*n..], "ms" | "s" | "m" | "h" | "d"))
        .map(|(i, n)| (n, range(seen, i)))
        .collect()
}

pub(super) fn wrong_unit(seen: &Seen<'_>, random: &mut Random) -> Vec<Mutant> {
    let mut out = Vec::new();
    for (n, at) in durations(seen) {
        let (count, unit) = seen.text[at.clone()].split_at(n);
        let long = match unit {
            "ms" => ["msec", "millis"],
            "s" => ["sec", "seconds"],
            "m" => ["min", "minutes"],
            "h" => ["hours", "hr"],
            _ => ["days", "day"],
        };
        let new = match random.below(if unit == "ms" { 3 } else { 4 }) {
            0 => format!("{count} {unit}"),
            3 => format!("{count}.5{unit}"),
            1 => format!("{count}{}", long[0]),
            _ => format!("{count} {}", long[1]),
        };
        out.push(edit(seen, at, &new));
    }
    out
}

pub(super) fn no_unit(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let list = durations(seen).into_iter();
    list.map(|(n, at)| edit(seen, at.clone(), &seen.text[at.start..at.start + n])).collect()
}

pub(super) fn step_colon(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let equals = |i: &usize| seen.word(*i) == "=" && seen.word(i - 2) == "step";
    own(seen)
        .filter(|i| *i > 2)
        .filter(equals)
        .map(|i| edit(seen, range(seen, i).start - 1..range(seen, i).end, ":"))
        .collect()
}

pub(super) fn clause_colon(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let list = clause_tokens(seen).into_iter();
    list.map(|i| {
        let end = range(seen, i).end;
        let mutant = edit(seen, end..end, ":");
        within(mutant, range(seen, i).start..end + 1)
    })
    .collect()
}

pub(super) fn argument_equals(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let list = arguments(seen).into_iter();
    list.map(|(_, _, name, _)| edit(seen, range(seen, name + 1), " =")).collect()
}

pub(super) fn quoted_name(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let mut out = Vec::new();
    for i in own(seen).filter(|i| *i > 1 && seen.word(i - 1) == "[" && seen.word(i - 2) == "depends_on") {
        out.push(edit(seen, range(seen, i), &format!("\"{}\"", seen.word(i))));
    }
    out
}

pub(super) fn output_member(seen: &Seen<'_>, random: &mut Random) -> Vec<Mutant> {
    let mut out = Vec::new();
    for (kind, ty, at) in references(seen) {
        let fields = match &ty {
            Type::Record(r) => r.fields.keys().any(|k| matches!(&**k, "result" | "output")),
            other => dynamic(other) || matches!(other, Type::Optional(_)),
        };
        if kind == VarKind::Step && !fields {
            let new = if random.below(2) == 0 { ".output" } else { ".result" };
            out.push(within(edit(seen, at.end..at.end, new), at.end..at.end + new.len()));
        }
    }
    out
}

pub(super) fn semicolon(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let list = seen.steps().into_iter();
    list.map(|(_, stmt, _)| {
        let end = stmt.span.range().end;
        edit(seen, end..end, ";")
    })
    .collect()
}

pub(super) fn fence(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let text = format!("Here is the plan:\n\n```plan\n{}```\n", seen.text);
    let place = 0..text.len();
    vec![Mutant { text, place }]
}

pub(super) fn bare_call(seen: &Seen<'_>, _: &mut Random) -> Vec<Mutant> {
    let read: Vec<String> = references(seen).into_iter().map(|(_, _, at)| seen.text[at].to_owned()).collect();
    let mut out = Vec::new();
    for (_, stmt, step) in seen.steps() {
        let words = (0..seen.tokens.len()).filter(|i| seen.word(*i) == &*stmt.name).count();
        if let hir::Action::Call(call) = &step.action
            && words == 1
            && !read.contains(&stmt.name.to_string())
        {
            let at = stmt.span.range().start..call.span.range().start;
            let place = at.start..at.start + 3;
            out.push(within(edit(seen, at, ""), place));
        }
    }
    out
}

pub(super) fn reserved_name(seen: &Seen<'_>, random: &mut Random) -> Vec<Mutant> {
    let words = ["for", "match", "loop", "return", "if"];
    let list = seen.steps().into_iter();
    list.map(|(_, stmt, _)| edit(seen, stmt.name_span.range(), words[random.below(5) as usize])).collect()
}
