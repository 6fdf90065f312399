//! A model that answers with a correct plan after some faults of the mutation set, one fewer each round.
//!
//! `cargo test --test main planner::faults -- --nocapture` prints the table.

use super::{ENTRY, Talk, project, talk};
use crate::engine::Random;
use crate::mutation::kinds::KINDS;
use crate::mutation::plans::{Original, Seen, originals, tokens};
use crate::mutation::program;
use aos::format;
use aos::project::{Asking, Project, Writer};
use aos::source::{MemoryLoader, SourceId};
use aos::syntax::{ast, parse};
use std::ops::Range;
use std::path::Path;

const SEED: u64 = 20_261_125;
/// Conversations for each number of faults.
const TALKS: usize = 60;
const MOST_FAULTS: usize = 4;

/// A correct plan of a model in a project with its skills.
struct Correct {
    loader: MemoryLoader,
    original: Original,
}

/// The plans that a model may write as they are: its skills are the project's.
fn correct() -> Vec<Correct> {
    let mut all = Vec::new();
    for original in originals() {
        let items = parse(SourceId(0), &original.text).file.items;
        let skilled = items.iter().any(|i| matches!(i, ast::Item::Skill(_)));
        let given = |item: &ast::Item| match item {
            ast::Item::Skill(_) => true,
            ast::Item::Type(_) => skilled,
            ast::Item::Use(_) | ast::Item::Plan(_) | ast::Item::Test(_) => false,
        };
        let (skills, own): (Vec<_>, Vec<_>) = items.into_iter().partition(given);
        let loader = project(&format::file(&ast::File { items: skills }), &["*"]);
        let text = format::file(&ast::File { items: own });
        let asking =
            Asking { agent: Some("a".into()), written_by: Some(Writer::Model), untrusted_context: false };
        let project = Project::load_text_for(Path::new(ENTRY), &text, &loader, &asking);
        if project.analysis.diagnostics.is_empty() && text.contains("step ") && !text.contains("use \"") {
            let meaning = program(&project);
            let original = Original { path: ENTRY.into(), text, from: 0, program: meaning, ..original };
            all.push(Correct { loader, original });
        }
    }
    all
}

/// The edit that made a mutant.
fn edit(original: &str, mutant: &str) -> (Range<usize>, String) {
    let ahead = original.bytes().zip(mutant.bytes()).take_while(|(a, b)| a == b).count();
    let mut start = ahead;
    while !original.is_char_boundary(start) || !mutant.is_char_boundary(start) {
        start -= 1;
    }
    let rest = original.len().min(mutant.len()) - start;
    let behind =
        original.bytes().rev().zip(mutant.bytes().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let mut behind = behind;
    while !original.is_char_boundary(original.len() - behind)
        || !mutant.is_char_boundary(mutant.len() - behind)
    {
        behind -= 1;
    }
    (start..original.len() - behind, mutant[start..mutant.len() - behind].to_owned())
}

fn apply(text: &str, edits: &[(Range<usize>, String)]) -> String {
    let mut sorted: Vec<_> = edits.iter().collect();
    sorted.sort_by_key(|(at, _)| std::cmp::Reverse(at.start));
    let mut out = text.to_owned();
    for (at, with) in sorted {
        out.replace_range(at.clone(), with);
    }
    out
}

/// Some faults of different kinds that touch different places, each of them an error alone.
fn faults(plan: &Correct, count: usize, random: &mut Random) -> Option<Vec<(Range<usize>, String)>> {
    let text = &plan.original.text;
    let seen = Seen {
        original: &plan.original,
        text,
        tokens: tokens(text),
        project: Project::load_text(Path::new(ENTRY), text, &plan.loader),
    };
    let mut chosen: Vec<(Range<usize>, String)> = Vec::new();
    for _ in 0..60 {
        if chosen.len() == count {
            return Some(chosen);
        }
        let kind = &KINDS[random.below(KINDS.len() as u64) as usize];
        let mutants = (kind.make)(&seen, random);
        if mutants.is_empty() {
            continue;
        }
        let mutant = &mutants[random.below(mutants.len() as u64) as usize];
        let new = edit(text, &mutant.text);
        let apart = |(at, _): &(Range<usize>, String)| at.end + 2 < new.0.start || new.0.end + 2 < at.start;
        if chosen.iter().all(apart)
            && Project::load_text(Path::new(ENTRY), &mutant.text, &plan.loader).analysis.has_errors()
        {
            chosen.push(new);
        }
    }
    None
}

#[derive(Default)]
struct Row {
    talks: usize,
    planned: usize,
    /// Without asking a second time.
    alone: usize,
    /// What came out is the plan that was meant.
    meant: usize,
    rounds: usize,
    input: usize,
    output: usize,
    fixes: usize,
    most: usize,
}

impl Row {
    fn add(&mut self, talk: &Talk, plan: &Correct) {
        self.talks += 1;
        self.rounds += talk.rounds;
        self.input += talk.input;
        self.output += talk.output;
        self.fixes += talk.fixes;
        self.most = self.most.max(talk.rounds);
        let Ok(done) = &talk.end else { return };
        self.planned += 1;
        self.alone += usize::from(talk.rounds == 1);
        // Goal and planner are the planner's.
        let own = |mut meaning: serde_json::Value| {
            for plan in meaning.as_object_mut().unwrap().values_mut() {
                let plan = plan.as_object_mut().unwrap();
                plan.remove("goal");
                plan.remove("planner");
            }
            meaning
        };
        self.meant += usize::from(own(program(&done.project)) == own(plan.original.program.clone()));
    }
}

#[test]
fn a_model_that_makes_one_mistake_fewer_each_round() {
    let plans = correct();
    assert!(plans.len() >= 60, "{} plans", plans.len());
    let mut random = Random(SEED);
    let mut rows: Vec<Row> = Vec::new();
    let mut wrong = Vec::new();
    for count in 0..=MOST_FAULTS {
        let mut row = Row::default();
        let mut tries = 0;
        while row.talks < TALKS {
            tries += 1;
            assert!(tries < TALKS * 40, "too few plans have {count} faults");
            let plan = &plans[random.below(plans.len() as u64) as usize];
            let Some(faults) = faults(plan, count, &mut random) else { continue };
            let text = &plan.original.text;
            let said = talk(&plan.loader, "Do what is meant", &mut |round, _| {
                apply(text, &faults[..count.saturating_sub(round)])
            });
            if let Err(stop) = &said.end {
                wrong.push(format!("{count} faults, {}: {stop}", plan.original.name));
            }
            assert!(said.rounds <= count + 1, "{}", plan.original.name);
            row.add(&said, plan);
        }
        rows.push(row);
    }
    print(&rows, plans.len());
    wrong.iter().take(12).for_each(|line| println!("no plan: {line}"));
    let (talks, planned) = rows.iter().fold((0, 0), |(t, p), r| (t + r.talks, p + r.planned));
    assert_eq!((rows[0].alone, rows[1].planned), (TALKS, TALKS), "no fault, and one");
    assert!(planned as f64 >= 0.9 * talks as f64, "{planned} of {talks}");
    let alone: usize = rows[1..].iter().map(|r| r.alone).sum();
    assert!(alone as f64 >= 0.2 * (talks - TALKS) as f64, "{alone} by fixes alone");
}

fn print(rows: &[Row], plans: usize) {
    println!("{plans} plans; tokens as the planner estimates them, the mean of a conversation");
    println!(
        "| faults | conversations | planned | by fixes alone | the plan that was meant | answers, mean | most | fixes taken | tokens in | tokens out |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for (count, r) in rows.iter().enumerate() {
        let mean = |n: usize| n as f64 / r.talks as f64;
        println!(
            "| {count} | {} | {} | {} | {} | {:.2} | {} | {} | {:.0} | {:.0} |",
            r.talks,
            r.planned,
            r.alone,
            r.meant,
            mean(r.rounds),
            r.most,
            r.fixes,
            mean(r.input),
            mean(r.output)
        );
    }
}
