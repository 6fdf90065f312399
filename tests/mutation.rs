//! Correct plans with one mistake each: how many are caught, whether the first diagnostic names the cause, how many `aos fix` mends.
//!
//! `cargo test --test main mutation -- --nocapture` prints the table. `tests/mutation/kinds.rs` says what the kinds are.

pub mod kinds;
mod meaning;
pub mod plans;
mod shapes;

use crate::engine::Random;
use aos::diagnostic::Diagnostic;
use aos::format::format;
use aos::project::{Project, fix};
use aos::source::{DiskLoader, SourceId};
use aos::syntax::parse;
use kinds::{KINDS, Kind, Mutant};
use plans::{Original, Seen, originals};
use std::collections::BTreeMap;
use std::ops::Range;

/// The same seed, the same mutants.
const SEED: u64 = 20_261_124;
/// At most so many mutants of one kind, from all plans alike.
const PER_KIND: usize = 90;

#[derive(Default)]
struct Row {
    mutants: usize,
    caught: usize,
    named: usize,
    mended: usize,
    /// By rule: how many were left out.
    excluded: BTreeMap<&'static str, usize>,
}

#[test]
fn mistakes_are_caught_named_and_mended() {
    let originals = originals();
    let seen: Vec<Seen<'_>> = originals.iter().map(Seen::new).collect();
    let mut random = Random(SEED);
    let mut rows = Vec::new();
    let mut wrong: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for kind in KINDS {
        let mut row = Row::default();
        let all = chosen(kind, &seen, &mut random);
        for judged in in_parallel(kind, &all) {
            let (one, told) = judged;
            row.add(&one);
            for (what, told) in told {
                wrong.entry((kind.name, what)).or_default().push(told);
            }
        }
        rows.push(row);
    }
    print_wrong(&wrong);
    let total = print(&rows, originals.len());
    assert!(originals.len() >= 60, "{} plans", originals.len());
    assert!(total.mutants >= 3000, "{} mutants", total.mutants);
    let share = |part: usize, of: usize| part as f64 / of.max(1) as f64;
    let mechanical: usize =
        rows.iter().zip(KINDS).filter(|(_, k)| k.mechanical).map(|(r, _)| r.mutants).sum();
    assert!(share(total.caught, total.mutants) >= 0.99, "caught");
    assert!(share(total.named, total.mutants) >= 0.97, "named");
    assert!(share(total.mended, mechanical) >= 0.90, "mended");
}

impl Row {
    fn add(&mut self, other: &Row) {
        self.mutants += other.mutants;
        self.caught += other.caught;
        self.named += other.named;
        self.mended += other.mended;
        for (rule, n) in &other.excluded {
            *self.excluded.entry(rule).or_default() += n;
        }
    }
}

type Told = Vec<(&'static str, String)>;

/// Judges mutants on all cores; the answers are in the order of the mutants.
fn in_parallel(kind: &Kind, all: &[(&Original, Mutant)]) -> Vec<(Row, Told)> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let one = |(original, mutant): &(&Original, Mutant)| {
        let mut row = Row::default();
        if let Some(rule) = excluded(original, mutant) {
            row.excluded.insert(rule, 1);
            return (row, Told::new());
        }
        let told = judge(kind, original, mutant, &mut row);
        (row, told)
    };
    std::thread::scope(|scope| {
        let chunks = all.chunks(all.len().div_ceil(cores).max(1));
        let threads: Vec<_> =
            chunks.map(|chunk| scope.spawn(move || chunk.iter().map(one).collect::<Vec<_>>())).collect();
        threads.into_iter().flat_map(|t| t.join().unwrap()).collect()
    })
}

/// Some of all mutants of a kind: a few of each plan, so that no plan weighs more than others.
fn chosen<'o>(kind: &Kind, seen: &[Seen<'o>], random: &mut Random) -> Vec<(&'o Original, Mutant)> {
    let mut pools: Vec<(&Original, Vec<Mutant>)> =
        seen.iter().map(|s| (s.original, (kind.make)(s, random))).collect();
    let mut out = Vec::new();
    while out.len() < PER_KIND && pools.iter().any(|(_, pool)| !pool.is_empty()) {
        let start = random.below(pools.len() as u64) as usize;
        for i in 0..pools.len() {
            let at = (start + i) % pools.len();
            let (original, pool) = &mut pools[at];
            if !pool.is_empty() && out.len() < PER_KIND {
                let pick = random.below(pool.len() as u64) as usize;
                out.push((*original, pool.swap_remove(pick)));
            }
        }
    }
    out
}

/// The rules by which a mutant does not count.
fn excluded(original: &Original, mutant: &Mutant) -> Option<&'static str> {
    let parsed = parse(SourceId(0), &mutant.text);
    match format(&mutant.text, &parsed) {
        Ok(text) if text == original.text => Some("the same plan in another layout"),
        _ => None,
    }
}

/// The compiled plans of the entry file, without places: what the text means.
pub fn program(project: &Project) -> serde_json::Value {
    let plans = &project.analysis;
    let mut all = serde_json::Map::new();
    for name in &plans.entry_plans {
        let mut json =
            plans.plans.get(name).map_or(serde_json::Value::Null, |p| serde_json::to_value(p).unwrap());
        placeless(&mut json);
        all.insert(name.to_string(), json);
    }
    serde_json::Value::Object(all)
}

fn placeless(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            map.retain(|key, _| key != "span" && key != "name_span");
            map.values_mut().for_each(placeless);
        }
        serde_json::Value::Array(list) => list.iter_mut().for_each(placeless),
        _ => {}
    }
}

fn check(original: &Original, text: &str) -> Vec<Diagnostic> {
    Project::load_text(&original.path, text, &DiskLoader).analysis.diagnostics
}

/// Counts a mutant; gives what was not as it should be.
fn judge(kind: &Kind, original: &Original, mutant: &Mutant, row: &mut Row) -> Told {
    row.mutants += 1;
    let found = check(original, &mutant.text);
    let mut wrong = Vec::new();
    let lines = around(&mutant.text, &mutant.place);
    // What is no error is caught where it is told by its own name.
    let lint = |d: &Diagnostic| kind.codes.contains(&d.code.name());
    if found.iter().any(|d| d.is_error() || lint(d)) {
        row.caught += 1;
    } else {
        wrong.push(("missed", format!("{}: {lines}", original.name)));
        return wrong;
    }
    if found.first().is_some_and(|d| kind.codes.contains(&d.code.name()) && touches(d, &mutant.place)) {
        row.named += 1;
    } else {
        let told = found.first().map_or(String::new(), |d| {
            format!("{}@{:?}: {} / {:?}", d.code, mutant.text.get(d.span.range()), d.message, d.span.range())
        });
        wrong.push(("misnamed", format!("{} {:?}: {lines}\n      {told}", original.name, mutant.place)));
    }
    if kind.mechanical {
        let fixed = fix::fix(&original.path, &mutant.text, &DiskLoader);
        let text = format(&fixed.text, &parse(SourceId(0), &fixed.text)).unwrap_or_default();
        if fixed.left().is_empty() && (text == original.text || program(&fixed.project) == original.program) {
            row.mended += 1;
        } else {
            let left = fixed
                .left()
                .first()
                .map_or("clean but another plan".to_owned(), |d| format!("{}: {}", d.code, d.message));
            let first = found.first().map_or("", |d| d.code.name());
            wrong.push((
                "unmended",
                format!("{}: {lines}\n      {first} then {left} {:?}", original.name, fixed.applied),
            ));
        }
    }
    wrong
}

fn touches(d: &Diagnostic, place: &Range<usize>) -> bool {
    let at = d.span.range();
    at.start <= place.end && place.start <= at.end
}

fn around(text: &str, place: &Range<usize>) -> String {
    let start = text[..place.start.min(text.len())].rfind('\n').map_or(0, |n| n + 1);
    let mut end = start;
    for line in text[start..].split_inclusive('\n').take(3) {
        end += line.len();
    }
    text[start..end].trim_end().replace('\n', "⏎").chars().take(200).collect()
}

fn print_wrong(wrong: &BTreeMap<(&str, &str), Vec<String>>) {
    for ((kind, what), list) in wrong {
        println!("{kind}: {what} {}", list.len());
        for told in list.iter().take(4) {
            println!("    {told}");
        }
    }
}

fn print(rows: &[Row], plans: usize) -> Row {
    let mut total = Row::default();
    println!("| kind | mutants | caught | named | mended |\n|---|---|---|---|---|");
    let mut mechanical = 0;
    for (row, kind) in rows.iter().zip(KINDS) {
        let mended = if kind.mechanical { row.mended.to_string() } else { "–".to_owned() };
        println!("| {} | {} | {} | {} | {mended} |", kind.name, row.mutants, row.caught, row.named);
        total.add(row);
        mechanical += if kind.mechanical { row.mutants } else { 0 };
    }
    let share = |part: usize, of: usize| format!("{part} ({:.1} %)", 100.0 * part as f64 / of.max(1) as f64);
    println!(
        "| all, of {plans} plans | {} | {} | {} | {} of {mechanical} |",
        total.mutants,
        share(total.caught, total.mutants),
        share(total.named, total.mutants),
        share(total.mended, mechanical)
    );
    for (rule, n) in &total.excluded {
        println!("left out: {n}, {rule}");
    }
    total
}
