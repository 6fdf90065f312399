//! Whatever is done to a plan's text, parsing answers: no panic, no place outside the text, no flood of diagnostics.

use crate::corpus::sections;
use aos::source::SourceId;
use aos::syntax::parse;
use std::path::Path;
use std::time::{Duration, Instant};

/// A small generator (xorshift), so that a failure can be repeated by its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

fn plans() -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = sections("syntax").into_iter().map(|s| (s.title, s.text)).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("examples"), root.join("stdlib"), root.join("tests/corpus/format")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "plan") {
                all.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    all.sort();
    all
}

fn answered(what: &str, text: &str) -> usize {
    let start = Instant::now();
    let parse = parse(SourceId(0), text);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(10), "{what}: {took:?}\n{text}");
    assert!(parse.diagnostics.len() <= 101, "{what}: {} diagnostics", parse.diagnostics.len());
    let held = |span: aos::source::Span| text.get(span.range()).is_some();
    for d in &parse.diagnostics {
        assert!(held(d.span), "{what}: {d:?}\n{text}");
        assert!(d.labels.iter().all(|l| held(l.span)), "{what}: {d:?}\n{text}");
        assert!(d.fixes.iter().flat_map(|f| &f.edits).all(|e| held(e.span)), "{what}: {d:?}\n{text}");
    }
    let tree = format!("{:?}", parse.file);
    // Spans are printed as `start: 3, end: 7`.
    for part in tree.split("end: ").skip(1) {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        let end: usize = digits.parse().unwrap_or(0);
        assert!(text.is_char_boundary(end), "{what}: a node ends at {end} of {}\n{text}", text.len());
    }
    parse.diagnostics.len()
}

fn tokens(text: &str) -> Vec<&str> {
    let class = |c: char| {
        if c.is_alphanumeric() || c == '_' {
            0
        } else if c.is_whitespace() {
            1
        } else {
            2
        }
    };
    let mut out = Vec::new();
    let mut start = 0;
    let mut before = None;
    for (at, c) in text.char_indices() {
        if before.is_some_and(|b| b != class(c) || b == 2) {
            out.push(&text[start..at]);
            start = at;
        }
        before = Some(class(c));
    }
    out.push(&text[start..]);
    out
}

#[test]
fn mutated_plans_are_answered() {
    const PIECES: &[&str] = &[
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "\"",
        "\"\"\"",
        "'",
        "${",
        "step ",
        "plan ",
        "test \"t\" for p {",
        "skill ",
        "type ",
        "=",
        ":",
        ",",
        "\n",
        "\n\n",
        "//",
        "///",
        "ü",
        "\0",
        "\u{1A}",
        "?",
        "#",
        "```",
        "0x",
        "r\"",
        "on_error {",
        "when",
        "->",
        "=>",
        "\u{FEFF}",
        "😀",
    ];
    let plans = plans();
    let rounds: u64 = std::env::var("AOS_MUTATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    for (i, (name, text)) in plans.iter().enumerate() {
        for round in 0..rounds {
            let seed = (i as u64 + 1) * 1_000_003 + round * 7919 + 1;
            let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let mut parts = tokens(text);
            for _ in 0..=random.below(4) {
                let (a, b) = (random.below(parts.len()), random.below(parts.len()));
                match random.below(5) {
                    0 => drop(parts.remove(a)),
                    1 => parts.insert(a, PIECES[random.below(PIECES.len())]),
                    2 => parts.insert(a, parts[b]),
                    3 => parts.swap(a, b),
                    _ => parts.truncate(a.max(1)),
                }
                if parts.is_empty() {
                    parts.push("plan");
                }
            }
            answered(&format!("{name}, seed {seed}"), &parts.concat());
        }
    }
}

#[test]
fn truncated_plans_are_answered_and_told() {
    let accepted = include_str!("corpus/syntax/accepted.plan");
    let accepted: String =
        accepted.lines().filter(|l| !l.starts_with("//#")).map(|l| format!("{l}\n")).collect();
    let small = "plan p(a: string, n: int = 3) -> string? {\n  step b = x.y(url: \"u${a}\", list: [1, 2], block: \"\"\"\n    text\n    \"\"\")\n    on_error { timeout => retry 3 backoff 1s..2s then abort  _ => abort }\n  step ü = do { let q = { a: 1 } }\n  return b?.c ?? 'x'\n}\n";
    for end in (0..small.len()).filter(|n| small.is_char_boundary(*n)) {
        let found = answered(&format!("cut at {end}"), &small[..end]);
        // Everything before the last brace is inside of the plan.
        assert!(found > 0 || end == 0 || end == small.len() - 1, "silent when cut at {end}");
    }
    for end in (0..accepted.len()).step_by(7).filter(|n| accepted.is_char_boundary(*n)) {
        answered(&format!("the accepted plans cut at {end}"), &accepted[..end]);
    }
}

#[test]
fn hostile_shapes_are_answered() {
    let many = |part: &str, n: usize| part.repeat(n);
    let shapes = [
        many("plan p() {", 2000),
        many("plan p() {\n", 2000),
        many("}\n", 5000),
        many("step a = x.y(\n", 3000),
        many("test \"t\" for p {\n mok\n", 1000),
        format!("test \"t\" for p {{\n{}}}\n", many("  mok a.b\n", 3000)),
        format!("skill a.b()\n{}", many("  cots 1\n", 3000)),
        format!("type T = {{\n{}}}\n", many("  a: ,\n", 3000)),
        format!("plan p({}) {{ }}\n", many("a, ", 3000)),
        format!("plan p() {{\n{}}}\n", many("  let x = \"a\n", 3000)),
        format!("plan p() {{\n{}}}\n", many("  let x = \"\"\"\n", 3001)),
        format!("plan p() -> int {{ return 1{} }}\n", many(" + 1", 20_000)),
        many("\"\"\"\n}", 2000),
    ];
    for (i, shape) in shapes.iter().enumerate() {
        let found = answered(&format!("shape {i}"), shape);
        assert!(found > 0, "shape {i} is silent");
    }
}

/// A chain of operators that is too long is one fault, whatever else is wrong with each of its parts.
#[test]
fn a_long_chain_is_one_fault() {
    for (term, chained) in [("1 + ", 0), ("a == ", 1), ("x.f(1u) + ", 0)] {
        let text = format!("plan p() -> json {{\n  return {}a\n}}\n", term.repeat(1_000));
        let found = parse(SourceId(0), &text).diagnostics;
        let count = |what: &str| found.iter().filter(|d| d.message.contains(what)).count();
        assert_eq!((count("nest deeper"), count("do not chain")), (1, chained), "{term}: {found:#?}");
    }
}
