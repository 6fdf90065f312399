//! Names, numbers and the pieces of strings, as the formatter prints them.
//!
//! A lexer that only looks one byte ahead must be able to cut the text: so a string with `${…}` is cut at the braces, as
//! `"text ${`, `} text ${`, `} text"`, never inside of them.

use super::ir::{Node, all, any, class, none_of, opt, repeat, seq, text};
use std::collections::BTreeMap;

/// Words that are no names; `_` too.
const RESERVED: &[&str] = &[
    "step", "let", "return", "require", "fail", "do", "if", "else", "for", "match", "loop", "race", "in",
    "as", "throw", "true", "false", "null", "_",
];
/// Words that are no kinds of errors, besides those.
const NOT_KINDS: &[&str] = &["then", "backoff", "when"];
/// Words that are no names of types, besides those.
const LABELS: &[&str] = &["trusted", "untrusted", "public", "private", "secret"];

/// Characters that the formatter writes as escapes.
const UNSEEN: &[(char, char)] = &[
    ('\0', '\u{1f}'),
    ('\u{7f}', '\u{9f}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{2069}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{e0000}', '\u{e007f}'),
];
const HEAD: &[(char, char)] = &[('a', 'z'), ('A', 'Z'), ('_', '_')];
const BODY: &[(char, char)] = &[('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')];
const DIGIT: &[(char, char)] = &[('0', '9')];

/// A digit.
pub(super) fn digit(zero: bool) -> Node {
    class(if zero { DIGIT } else { &[('1', '9')] })
}

/// The longest name.
const LONGEST: u32 = 48;

/// A word that is none of these, with `more` behind it; `stop` where it may end.
fn word_but(words: &[&str]) -> Node {
    // A tree of the words: at each place a character that leads out of it makes the rest free.
    fn at(words: &[&str]) -> Node {
        let mut next: BTreeMap<char, Vec<&str>> = BTreeMap::new();
        let mut ends = false;
        for word in words {
            let mut rest = word.chars();
            match rest.next() {
                Some(c) => next.entry(c).or_default().push(rest.as_str()),
                None => ends = true,
            }
        }
        let mut ways = Vec::new();
        if !next.is_empty() {
            let taken: Vec<char> = next.keys().copied().collect();
            ways.push(seq([class(&without(BODY, &taken)), rest()]));
        }
        for (c, words) in &next {
            ways.push(seq([text(*c), at(words)]));
        }
        match (next.is_empty(), ends) {
            // Nothing but the word itself: it goes on with anything.
            (true, _) => repeat(class(BODY), 1, Some(LONGEST)),
            (false, true) => any(ways),
            (false, false) => opt(any(ways)),
        }
    }
    let mut next: BTreeMap<char, Vec<&str>> = BTreeMap::new();
    for word in words {
        let mut rest = word.chars();
        if let Some(c) = rest.next() {
            next.entry(c).or_default().push(rest.as_str());
        }
    }
    let taken: Vec<char> = next.keys().copied().collect();
    let mut ways = vec![seq([class(&without(HEAD, &taken)), rest()])];
    ways.extend(next.iter().map(|(c, words)| seq([text(*c), at(words)])));
    any(ways)
}

fn rest() -> Node {
    repeat(class(BODY), 0, Some(LONGEST))
}

/// Ranges without some characters.
fn without(ranges: &[(char, char)], taken: &[char]) -> Vec<(char, char)> {
    let mut out = Vec::new();
    for (first, last) in ranges {
        let mut from = *first;
        let mut open = true;
        for c in taken.iter().filter(|c| (first..=last).contains(c)) {
            if from < *c {
                out.push((from, char::from_u32(u32::from(*c) - 1).unwrap_or(from)));
            }
            open = *c < *last;
            from = char::from_u32(u32::from(*c) + 1).unwrap_or(*last);
        }
        if open && from <= *last {
            out.push((from, *last));
        }
    }
    out
}

fn words(more: &[&'static str]) -> Vec<&'static str> {
    RESERVED.iter().chain(more).copied().collect()
}

/// A name: of a step, a variable, a plan.
pub(super) fn name() -> Node {
    word_but(&words(&[]))
}

/// A kind of error in `fail`, `throws` and handlers.
pub(super) fn kind() -> Node {
    word_but(&words(NOT_KINDS))
}

/// Any word: behind a dot, a key.
pub(super) fn word() -> Node {
    seq([class(HEAD), rest()])
}

/// `http.get`: a first name, then any words.
pub(super) fn path() -> Node {
    seq([name(), repeat(seq([text("."), word()]), 0, Some(3))])
}

/// The name of a type, perhaps of another file.
pub(super) fn type_name() -> Node {
    seq([word_but(&words(LABELS)), repeat(seq([text("."), word()]), 0, Some(3))])
}

/// An `int` of at most 18 digits and marks, or the largest.
pub(super) fn int() -> Node {
    let usual = seq([class(DIGIT), repeat(class(&[('0', '9'), ('_', '_')]), 0, Some(17))]);
    any(vec![
        usual,
        text("9223372036854775807"),
        text("9_223_372_036_854_775_807"),
        text("9223372036854775808"),
    ])
}

pub(super) fn hex() -> Node {
    let digit = class(&[('0', '9'), ('a', 'f'), ('A', 'F')]);
    seq([
        text("0"),
        class(&[('x', 'x'), ('X', 'X')]),
        digit.clone(),
        repeat(any(vec![digit, text("_")]), 0, Some(14)),
    ])
}

/// `1.5`, `.5`, `1e3`; never too large.
pub(super) fn float() -> Node {
    let digits = |min, max| match min {
        0 => opt(seq([class(DIGIT), repeat(class(&[('0', '9'), ('_', '_')]), 0, Some(max))])),
        _ => seq([class(DIGIT), repeat(class(&[('0', '9'), ('_', '_')]), 0, Some(max))]),
    };
    let exponent = || {
        seq([
            class(&[('e', 'e'), ('E', 'E')]),
            opt(class(&[('+', '+'), ('-', '-')])),
            repeat(class(DIGIT), 1, Some(2)),
        ])
    };
    let large = any(vec![
        text("1.7976931348623157e308"),
        text("1e300"),
        text("5e-324"),
        text("2.2250738585072014e-308"),
    ]);
    any(vec![
        seq([digits(0, 17), text("."), digits(1, 24), opt(exponent())]),
        seq([digits(1, 17), exponent()]),
        large,
    ])
}

/// `1h30m`: units from the largest to the smallest, each once.
pub(super) fn duration() -> Node {
    let digits = || seq([class(DIGIT), repeat(class(&[('0', '9'), ('_', '_')]), 0, Some(6))]);
    let units = ["d", "h", "m", "s", "ms"];
    let mut ways = Vec::new();
    for (first, unit) in units.iter().enumerate() {
        let mut parts = vec![seq([digits(), text(*unit)])];
        parts.extend(units.iter().skip(first + 1).map(|unit| opt(seq([digits(), text(*unit)]))));
        ways.push(all(parts));
    }
    any(ways)
}

pub(super) fn size() -> Node {
    let units = ["KiB", "MiB", "GiB", "TiB"].map(text);
    seq([class(DIGIT), repeat(class(&[('0', '9'), ('_', '_')]), 0, Some(5)), any(units.into())])
}

pub(super) fn percent() -> Node {
    seq([class(DIGIT), repeat(class(DIGIT), 0, Some(1)), text("%")])
}

/// The escapes of characters that cannot be seen.
fn unseen() -> Node {
    let hex = || class(&[('0', '9'), ('a', 'f')]);
    let some = |spec: &[(char, char)]| class(spec);
    let short = any(vec![
        seq([text("000"), some(&[('0', '8'), ('b', 'c'), ('e', 'f')])]),
        seq([text("001"), hex()]),
        text("007f"),
        seq([text("008"), hex()]),
        seq([text("009"), hex()]),
        text("00ad"),
        text("061c"),
        seq([text("200"), some(&[('b', 'f')])]),
        seq([text("202"), some(&[('8', '9'), ('a', 'e')])]),
        seq([text("206"), some(&[('0', '9')])]),
        text("feff"),
    ]);
    let long = seq([text("000e00"), some(&[('0', '7')]), hex()]);
    any(vec![seq([text("\\u"), short]), seq([text("\\U"), long])])
}

/// An escape of a one-line string, but for `\${`.
fn escaped() -> Node {
    let known = ['"', '\\', 'n', 'r', 't'].map(|c| (c, c));
    any(vec![seq([text("\\"), class(&known)]), unseen()])
}

fn plain_but(more: &[char]) -> Node {
    let mut ranges = UNSEEN.to_vec();
    ranges.extend(more.iter().map(|c| (*c, *c)));
    none_of(&ranges)
}

/// Pieces of a text in which `$` needs care: one before `{` is escaped. `plain`: any character but `$` and what is escaped;
/// `more`: the escapes; `brace`: whether a plain `{` may follow a `$` here (never).
fn units(plain_no_brace: Node, escape: Node) -> Node {
    let brace = text("{");
    let dollar = || repeat(text("$"), 1, None);
    any(vec![
        plain_no_brace.clone(),
        brace,
        escape.clone(),
        text("\\${"),
        seq([dollar(), any(vec![plain_no_brace, escape, text("\\${")])]),
    ])
}

/// What stands between the quotes of a one-line string, of at most so many pieces.
fn content(longest: Option<u32>) -> Node {
    let unit = units(plain_but(&['"', '\\', '$', '{']), escaped());
    seq([repeat(unit, 0, longest), repeat(text("$"), 0, Some(3))])
}

/// A one-line string without `${…}`.
pub(super) fn string(longest: Option<u32>) -> Node {
    seq([text("\""), content(longest), text("\"")])
}

/// `"text ${`
pub(super) fn string_head(longest: Option<u32>) -> Node {
    seq([text("\""), content(longest), text("${")])
}

/// `} text ${`
pub(super) fn string_middle(longest: Option<u32>) -> Node {
    seq([text("}"), content(longest), text("${")])
}

/// `} text"`
pub(super) fn string_tail(longest: Option<u32>) -> Node {
    seq([text("}"), content(longest), text("\"")])
}

/// A key in quotes: one that is no name.
pub(super) fn quoted_key() -> Node {
    let not = |body: &[(char, char)], more: &[char]| {
        let mut ranges = UNSEEN.to_vec();
        ranges.extend(body);
        ranges.extend(more.iter().map(|c| (*c, *c)));
        none_of(&ranges)
    };
    let first = |body: &[(char, char)]| units(not(body, &['"', '\\', '$', '{']), escaped());
    let rest = || content(Some(64));
    let dollars = || repeat(text("$"), 1, Some(3));
    seq([
        text("\""),
        opt(any(vec![
            seq([first(HEAD), rest()]),
            dollars(),
            seq([
                class(HEAD),
                repeat(class(BODY), 0, Some(LONGEST)),
                any(vec![seq([first(BODY), rest()]), dollars()]),
            ]),
        ])),
        text("\""),
    ])
}

/// `r"…"`, where that saves a backslash, or says that `{{` is meant so.
pub(super) fn raw() -> Node {
    let chars = |but: &[char]| repeat(plain_but(but), 0, None);
    let reason = || any(vec![text("\\"), text("{{")]);
    let double = seq([text("r\""), chars(&['"']), reason(), chars(&['"']), text("\"")]);
    let reason_first = seq([chars(&['\'']), reason(), chars(&['\'']), text("\""), chars(&['\''])]);
    let quote_first = seq([chars(&['\'']), text("\""), chars(&['\'']), reason(), chars(&['\''])]);
    any(vec![double, seq([text("r'"), any(vec![reason_first, quote_first]), text("'")])])
}

/// `b"…"` as written.
pub(super) fn bytes() -> Node {
    let hex = || class(&[('0', '9'), ('a', 'f'), ('A', 'F')]);
    let known = ['a', 'b', 'f', 'n', 'r', 't', 'v', '\\', '?', '"', '\'', '`', '$'].map(|c| (c, c));
    let escape = any(vec![
        class(&known),
        seq([class(&[('x', 'x'), ('X', 'X')]), hex(), hex()]),
        seq([class(&[('0', '3')]), class(&[('0', '7')]), class(&[('0', '7')])]),
        seq([text("u00"), hex(), hex()]),
    ]);
    let plain = none_of(&[
        ('\0', '\u{1f}'),
        ('"', '"'),
        ('\\', '\\'),
        ('\u{7f}', '\u{9f}'),
        ('\u{feff}', '\u{feff}'),
    ]);
    seq([text("b\""), repeat(any(vec![plain, seq([text("\\"), escape])]), 0, None), text("\"")])
}

/// Quotes in a block: the third in a row is escaped.
fn quotes() -> Node {
    seq([repeat(text("\"\"\\\""), 0, Some(3)), opt(any(vec![text("\""), text("\"\"")]))])
}

/// One character of a line of a block that is no blank and no quote, with the quotes before it.
fn block_unit(blank: bool) -> Node {
    let mut but = vec!['"', '\\', '$', '{'];
    if !blank {
        but.push(' ');
    }
    let escape = any(vec![text("\\\\"), text("\\r"), unseen()]);
    seq([quotes(), units(plain_but(&but), escape)])
}

/// Any pieces of a line, then what may end it with its quotes: no blank.
fn to_the_end(longest: Option<u32>) -> Node {
    let some_quotes = seq([repeat(text("\"\"\\\""), 0, Some(3)), any(vec![text("\""), text("\"\"")])]);
    let last = any(vec![seq([block_unit(false), quotes()]), seq([text(" "), some_quotes])]);
    seq([repeat(block_unit(true), 0, longest), last])
}

/// `text` to the end of a line, without its indentation.
pub(super) fn block_line(longest: Option<u32>) -> Node {
    let end = opt(any(vec![text("\\x20"), text("\\t")]));
    seq([block_unit(false), any(vec![to_the_end(longest), quotes()]), dollars(), end])
}

fn quotes_end() -> Node {
    seq([quotes(), dollars()])
}

fn dollars() -> Node {
    repeat(text("$"), 0, Some(2))
}

/// `text ${` from the start of a line.
pub(super) fn block_head(longest: Option<u32>) -> Node {
    let before = seq([block_unit(false), repeat(block_unit(true), 0, longest), quotes_end()]);
    seq([opt(before), text("${")])
}

/// `} text ${`
pub(super) fn block_middle(longest: Option<u32>) -> Node {
    seq([text("}"), repeat(block_unit(true), 0, longest), quotes_end(), text("${")])
}

/// `} text` to the end of a line.
pub(super) fn block_tail(longest: Option<u32>) -> Node {
    seq([text("}"), any(vec![to_the_end(longest), quotes()]), dollars()])
}

/// A comment with the text to the end of its line; not `allow(…)`, which the checker reads.
pub(super) fn comment() -> Node {
    let mut but = UNSEEN.to_vec();
    but.push((' ', ' '));
    let seen = || none_of(&but);
    let word = seq([seen(), repeat(seen(), 0, Some(40))]);
    seq([
        any(vec![text("///"), text("//")]),
        text(" "),
        word.clone(),
        repeat(seq([text(" "), word]), 0, Some(40)),
    ])
}
