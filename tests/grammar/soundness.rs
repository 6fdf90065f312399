//! What a grammar lets through.

use super::lark;
use super::registry::{Registry, imported, standard};
use super::sample::{Sampler, count};
use aos::diagnostic::Diagnostic;
use aos::format;
use aos::grammar::{Level, export};
use aos::source::SourceId;
use aos::syntax;

/// Of the samples that must end.
const FINISHED: f64 = 0.95;

/// The arrows of handlers stand in one column, which no grammar can count.
pub fn without_columns(text: &str) -> String {
    let mut out = text.to_owned();
    while out.contains("  => ") {
        out = out.replace("  => ", " => ");
    }
    out
}

/// Why a text is no plan in the formatter's layout, but for where lines break.
pub fn fault(text: &str) -> Option<String> {
    let text = without_columns(text);
    let parse = syntax::parse(SourceId(0), &text);
    if let Some(d) = parse.diagnostics.iter().find(|d| d.is_error()) {
        return Some(format!("{}: {} at `{}`", d.code, d.message, text.get(d.span.range()).unwrap_or("")));
    }
    let printed = match format::laid_out_like(&text, &parse) {
        Ok(printed) => printed,
        Err(e) => return Some(e.to_string()),
    };
    if printed != text {
        let at = printed.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count();
        let show = |t: &str| {
            String::from_utf8_lossy(&t.as_bytes()[at.saturating_sub(30)..(at + 30).min(t.len())]).into_owned()
        };
        return Some(format!("is printed otherwise: {:?} for {:?}", show(&printed), show(&text)));
    }
    // And what the formatter makes of it stays.
    let once = format::format(&text, &parse).unwrap();
    let again = format::format(&once, &syntax::parse(SourceId(0), &once)).unwrap();
    (once != again).then(|| "is formatted again otherwise".to_owned())
}

struct Tally {
    finished: u64,
    capped: u64,
    same: u64,
    bytes: usize,
    checked: u64,
    errors: Vec<String>,
}

fn draw(level: Level, registry: &Registry, samples: u64) -> Tally {
    let grammar = export(&lark(level), &registry.skills()).unwrap_or_else(|d| panic!("{d:?}"));
    let mut sampler = Sampler::new(&grammar);
    let mut tally = Tally { finished: 0, capped: 0, same: 0, bytes: 0, checked: 0, errors: Vec::new() };
    for seed in 0..samples {
        let text = match sampler.draw(seed) {
            Ok(text) => text,
            Err(e) if e.is_empty() => {
                tally.capped += 1;
                continue;
            }
            Err(e) => {
                tally.errors.push(format!("seed {seed}: {e}"));
                continue;
            }
        };
        tally.finished += 1;
        tally.bytes += text.len();
        if let Some(fault) = fault(&text) {
            tally.errors.push(format!("seed {seed}: {fault}\n{text}"));
            continue;
        }
        let parse = syntax::parse(SourceId(0), &text);
        tally.same += u64::from(format::format(&text, &parse).is_ok_and(|f| f == text));
        if level >= Level::Skills {
            let project = registry.project(&text);
            let errors: Vec<&Diagnostic> =
                project.analysis.diagnostics.iter().filter(|d| d.is_error()).collect();
            tally.checked += u64::from(errors.is_empty());
            if level == Level::Typed
                && let Some(d) = errors.first()
            {
                tally.errors.push(format!(
                    "seed {seed}: {}: {} at {:?}\n{text}",
                    d.code,
                    d.message,
                    text.get(d.span.range())
                ));
            }
        }
    }
    println!(
        "{:7} {:32} {:6} bytes of grammar: {} of {samples} samples finished, {} capped, {} bytes on average; {} are byte for byte as \
         the formatter prints them, {} pass the checker",
        level.name(),
        registry.name,
        grammar.len(),
        tally.finished,
        tally.capped,
        tally.bytes / (tally.finished.max(1) as usize),
        tally.same,
        if level == Level::Generic { "-".to_owned() } else { tally.checked.to_string() },
    );
    tally
}

fn sound(level: Level, registry: &Registry) {
    let samples = count();
    let tally = draw(level, registry, samples);
    let faults = tally.errors.len();
    let shown: Vec<&String> = tally.errors.iter().take(5).collect();
    assert!(faults == 0, "{faults} of {samples}:\n{shown:#?}\n{}", shown.first().map_or("", |s| s.as_str()));
    assert!(tally.finished as f64 >= FINISHED * samples as f64, "{} of {samples} finished", tally.finished);
}

#[test]
fn grammar_soundness_generic() {
    sound(Level::Generic, &standard());
}

#[test]
fn grammar_soundness_skills() {
    for registry in [standard(), imported(50), imported(200)] {
        sound(Level::Skills, &registry);
    }
}

#[test]
fn grammar_soundness_refs() {
    for registry in [standard(), imported(50), imported(200)] {
        sound(Level::Refs, &registry);
    }
}

#[test]
fn grammar_soundness_typed() {
    for registry in [standard(), imported(50), imported(200)] {
        sound(Level::Typed, &registry);
    }
}
