//! What a model is told of a plan that does not pass: the text with its lines numbered, and the first few errors with their fixes.

use super::answer::NoPlan;
use super::draft::Draft;
use super::offer::{Offer, Shown};
use super::prompt::{NOTHING, REPAIR, fill};
use crate::diagnostic::{Diagnostic, Fix};
use crate::source::SourceFile;
use std::fmt::Write as _;

/// So many errors are told at a time.
pub(super) const MOST: usize = 5;
/// Of a longer plan only the lines around the errors are shown.
const WHOLE: usize = 600;
const AROUND: usize = 40;
/// No message, and no piece of text in one, is longer than this many characters.
const LONG: usize = 400;

/// The part behind the task for a draft with errors.
#[must_use]
pub(super) fn repair(draft: &Draft, offer: &Offer, shown: &Shown) -> String {
    let Some(file) = draft.project.files.first().and_then(|f| draft.project.sources.get(f.source)) else {
        return nothing(&NoPlan::Empty);
    };
    let told: Vec<&Diagnostic> = draft.errors.iter().take(MOST).collect();
    let problems: String = told.iter().enumerate().map(|(i, d)| problem(i + 1, d, file)).collect();
    let count = match (draft.errors.len(), told.len()) {
        (1, _) => "There is one error:".to_owned(),
        (n, t) if n == t => format!("There are {n} errors:"),
        (n, t) => format!("There are {n} errors; the first {t}:"),
    };
    let fixed = match draft.fixes.as_slice() {
        [] => String::new(),
        fixes => format!(", with these mended already: {}", fixes.join("; ")),
    };
    let more = offer.named_in(&draft.text, shown);
    let skills = if more.is_empty() {
        more
    } else {
        format!("The signatures of skills that it names:\n\n```\n{more}```\n\n")
    };
    let with = [
        ("fixed", &*fixed),
        ("numbered", &numbered(&draft.text, &told, file)),
        ("count", &count),
        ("problems", &problems),
        ("skills", &skills),
    ];
    fill(REPAIR, &with)
}

/// The part behind the task for an answer without a plan. What it said is not said back: it was no plan, and may be long.
#[must_use]
pub(super) fn nothing(why: &NoPlan) -> String {
    let why = match why {
        NoPlan::Empty => "it was empty".to_owned(),
        NoPlan::TooLong(bytes) => format!("it had {bytes} bytes"),
        NoPlan::Endless(_) => "its end repeated itself without end".to_owned(),
        NoPlan::Prose(_) => "it was prose".to_owned(),
    };
    fill(NOTHING, &[("why", &why)])
}

/// One error as lines of text.
fn problem(number: usize, d: &Diagnostic, file: &SourceFile) -> String {
    let at = file.position(d.span.start);
    let mut out = format!("{number}. error[{}] at {}:{}: {}\n", d.code, at.line, at.column, cut(&d.message));
    let here = file.slice(d.span);
    if !here.trim().is_empty() {
        let label = if d.label.is_empty() { String::new() } else { format!(": {}", cut(&d.label)) };
        let _ = writeln!(out, "   here `{}`{label}", cut(here));
    }
    for label in d.labels.iter().take(4).filter(|l| l.span.source == d.span.source) {
        let _ = writeln!(out, "   line {}: {}", file.position(label.span.start).line, cut(&label.message));
    }
    if let Some(help) = &d.help {
        let _ = writeln!(out, "   help: {}", cut(help));
    }
    for fix in d.fixes.iter().take(2) {
        let _ = writeln!(out, "   fix: {}", fix_text(fix, file));
    }
    out.push('\n');
    out
}

fn fix_text(fix: &Fix, file: &SourceFile) -> String {
    let edits: Vec<String> = fix
        .edits
        .iter()
        .take(3)
        .map(|e| {
            let line = file.position(e.span.start).line;
            match (file.slice(e.span), e.text.trim()) {
                (old, "") => format!("line {line}: take `{}` away", cut(old.trim())),
                ("", new) => format!("line {line}: insert `{}`", cut(new)),
                (old, new) => format!("line {line}: `{}` in place of `{}`", cut(new), cut(old)),
            }
        })
        .collect();
    if edits.is_empty() { fix.title.clone() } else { format!("{} ({})", fix.title, edits.join("; ")) }
}

fn cut(text: &str) -> String {
    super::answer::one_line(text, LONG)
}

/// The text with the numbers of its lines; of a long one those around the errors.
fn numbered(text: &str, told: &[&Diagnostic], file: &SourceFile) -> String {
    let total = text.lines().count();
    let places: Vec<usize> = told.iter().map(|d| file.position(d.span.start).line as usize).collect();
    let near = |line: usize| total <= WHOLE || places.iter().any(|at| line.abs_diff(*at) <= AROUND);
    let width = total.to_string().len();
    let mut out = String::with_capacity(text.len() + total * (width + 3));
    let mut gap = false;
    for (number, line) in text.lines().enumerate().map(|(i, l)| (i + 1, l)) {
        if near(number) {
            let _ = writeln!(out, "{number:>width$} | {line}");
            gap = false;
        } else if !std::mem::replace(&mut gap, true) {
            out.push_str("…\n");
        }
    }
    out.truncate(out.trim_end().len());
    out
}
