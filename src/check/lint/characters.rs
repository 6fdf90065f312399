//! `hidden-character` and `confusable-character`: what a reader does not see, or takes for something else.
//!
//! Characters that turn the direction of text around, that have no width, or that carry hidden text (Unicode's tags) stand
//! nowhere in a plan: a person who approves it, and a model that reads it, would not see the same. In a word, a letter of
//! another script that looks like one of ours is a slip, or a trick (`pаypal`).

use crate::diagnostic::{Code, Diagnostic, Edit, Severity};
use crate::source::{SourceFile, SourceId, Span};
use crate::syntax::Parse;

/// At most so many findings of a kind in one file.
const MAX: usize = 20;

/// Letters that look like the ASCII letter before them.
const LOOKALIKES: &[(char, &str)] = &[
    ('a', "аα"),
    ('b', "Ьƅ"),
    ('c', "сϲ"),
    ('d', "ԁ"),
    ('e', "еҽ"),
    ('g', "ɡց"),
    ('h', "һհ"),
    ('i', "іι"),
    ('j', "јϳ"),
    ('k', "κ"),
    ('l', "ӏ"),
    ('n', "ո"),
    ('o', "оοօ"),
    ('p', "рρ"),
    ('q', "ԛզ"),
    ('s', "ѕ"),
    ('u', "υս"),
    ('v', "ѵν"),
    ('w', "ԝ"),
    ('x', "хχ"),
    ('y', "уγ"),
    ('A', "АΑ"),
    ('B', "ВΒ"),
    ('C', "СϹ"),
    ('E', "ЕΕ"),
    ('H', "НΗ"),
    ('I', "ІΙ"),
    ('J', "Ј"),
    ('K', "КΚ"),
    ('M', "МΜ"),
    ('N', "Ν"),
    ('O', "ОΟ"),
    ('P', "РΡ"),
    ('S', "Ѕ"),
    ('T', "ТΤ"),
    ('W', "Ԝ"),
    ('X', "ХΧ"),
    ('Y', "ҮΥ"),
    ('Z', "Ζ"),
];

/// The ASCII letter that a character looks like.
fn lookalike(c: char) -> Option<char> {
    if c.is_ascii() {
        return None;
    }
    // Full-width forms.
    if let n @ (0xFF21..=0xFF3A | 0xFF41..=0xFF5A) = c as u32 {
        return char::from_u32(n - 0xFEE0);
    }
    LOOKALIKES.iter().find(|(_, all)| all.contains(c)).map(|(letter, _)| *letter)
}

/// What a character that is not shown does.
fn hidden(c: char) -> Option<&'static str> {
    match c {
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => Some("turns the direction of the text around"),
        '\u{200B}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}' => Some("has no width"),
        '\u{E0000}'..='\u{E007F}' => Some("carries text that nobody sees"),
        _ => None,
    }
}

/// Looks at the text of a file, comments included.
pub(in crate::check) fn look(
    file: &SourceFile,
    source: SourceId,
    parse: &Parse,
    found: &mut Vec<Diagnostic>,
) {
    if file.text.is_ascii() {
        return;
    }
    hidden_characters(&file.text, source, found);
    confusable_words(&file.text, source, parse, found);
}

fn span(source: SourceId, start: usize, end: usize) -> Span {
    Span::new(source, start, end)
}

fn hidden_characters(text: &str, source: SourceId, found: &mut Vec<Diagnostic>) {
    let mut told = 0;
    let mut last: Option<(usize, char)> = None;
    let mut flag = false;
    for (at, c) in text.char_indices() {
        // Flags of regions are written with tags; the mark at the start of a file is no part of its text.
        let tag = matches!(c, '\u{E0000}'..='\u{E007F}');
        flag = c == '\u{1F3F4}' || (flag && tag);
        let welcome = flag || (at == 0 && c == '\u{FEFF}');
        let Some(what) = hidden(c).filter(|_| !welcome) else { continue };
        // A run of them is one finding.
        let run = last.is_some_and(|(end, before)| end == at && hidden(before) == Some(what));
        last = Some((at + c.len_utf8(), c));
        if run || told >= MAX {
            continue;
        }
        told += 1;
        let end = at
            + text
                .get(at..)
                .map_or(0, |t| t.chars().take_while(|n| hidden(*n) == Some(what)).map(char::len_utf8).sum());
        let message = format!("a character that is not shown stands here: U+{:04X}", c as u32);
        let place = span(source, at, end);
        found.push(
            Diagnostic::new(Code::HiddenCharacter, place, message)
                .label(what)
                .help("take it away; where it is meant, write it as an escape: `\\u….`")
                .unsafe_fix("take it away", vec![Edit::delete(place)]),
        );
    }
}

/// Words of ASCII letters with a lookalike among them.
fn confusable_words(text: &str, source: SourceId, parse: &Parse, found: &mut Vec<Diagnostic>) {
    let mut told = 0;
    let mut start = 0;
    for word in text.split(|c: char| !c.is_alphanumeric() && c != '_') {
        let at = start;
        start += word.len();
        start += text.get(start..).and_then(|t| t.chars().next()).map_or(0, char::len_utf8);
        if word.is_ascii() || told >= MAX || !mixed(word) {
            continue;
        }
        let place = span(source, at, at + word.len());
        // What stands in a plain comment reaches nobody.
        let comment = parse.comments.iter().any(|c| c.span.contains(place));
        let documents = text
            .get(..at)
            .is_some_and(|t| t.rsplit('\n').next().unwrap_or("").trim_start().starts_with("///"));
        if comment && !documents {
            continue;
        }
        told += 1;
        confusable(word, place, found);
    }
}

fn mixed(word: &str) -> bool {
    word.chars().any(|c| c.is_ascii_alphabetic()) && word.chars().any(|c| lookalike(c).is_some())
}

fn confusable(word: &str, place: Span, found: &mut Vec<Diagnostic>) {
    let plain: String = word.chars().map(|c| lookalike(c).unwrap_or(c)).collect();
    let Some(c) = word.chars().find(|c| lookalike(*c).is_some()) else { return };
    let like = lookalike(c).unwrap_or(c);
    let message =
        format!("`{word}` is not `{plain}`: its `{c}` (U+{:04X}) only looks like `{like}`", c as u32);
    let mut d = Diagnostic::new(Code::ConfusableCharacter, place, message)
        .label("letters of two scripts in one word");
    let edits = vec![Edit::replace(place, plain.clone())];
    // A name may hold ASCII letters only: there the parser has said so, without saying why.
    let follows = |o: &Diagnostic| {
        o.span.source == place.source
            && o.code == Code::Syntax
            && o.span.start <= place.end
            && place.start <= o.span.end
    };
    if plain.is_ascii() && found.iter().any(follows) {
        found.retain(|o| !follows(o));
        d.severity = Severity::Error;
        found.push(d.fix(format!("write `{plain}`"), edits));
    } else {
        found.push(
            d.help(format!("write `{plain}`, if that is meant"))
                .unsafe_fix(format!("write `{plain}`"), edits),
        );
    }
}
