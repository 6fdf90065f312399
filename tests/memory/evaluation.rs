//! How well memories are found: `cargo test --test main -- memory::evaluation --nocapture` prints the table of `benches/README.md`.

use super::fixture::{self, Fixture, Query};
use aos::runtime::memory::{Memory, Parts};
use aos::runtime::store::keys::KeyName;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Words that tell nothing of what a text is about.
const EMPTY: &[&str] = &[
    "a", "about", "all", "and", "are", "at", "by", "for", "from", "has", "have", "how", "i", "in", "is",
    "it", "its", "no", "not", "of", "on", "only", "or", "our", "so", "that", "the", "their", "them", "they",
    "this", "to", "us", "was", "we", "what", "when", "where", "which", "who", "why", "with",
];

/// As they stand, but for capitals: what a person would call the words of the text.
fn words(text: &str) -> HashSet<String> {
    let all = text.to_lowercase();
    let words = all.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty() && !EMPTY.contains(w));
    words.map(str::to_owned).collect()
}

#[derive(Default)]
struct Score {
    /// Of things that share a content word with the question: found among the first ten, and all.
    near: (u32, u32),
    /// Of things that share none.
    far: (u32, u32),
    ndcg: f64,
    queries: u32,
}

impl Score {
    fn recall(part: (u32, u32)) -> f64 {
        f64::from(part.0) / f64::from(part.1.max(1))
    }
}

fn gain(grade: u32) -> f64 {
    f64::from((1 << grade) - 1)
}

fn judge(fixture: &Fixture, query: &Query, memory: &Memory, score: &mut Score) {
    let found = memory.search(&query.goal, fixture.now, 10).unwrap();
    let asked = words(&query.goal);
    // One of several that tell the same is as good as another.
    let mut things: HashMap<&str, (u32, bool)> = HashMap::new();
    for (id, (thing, grade)) in &query.relevant {
        let shares = !words(&fixture.texts[id]).is_disjoint(&asked);
        let known = things.entry(thing).or_insert((*grade, false));
        known.1 |= shares;
    }
    let mut seen = HashSet::new();
    let mut dcg = 0.0;
    for (place, hit) in found.iter().enumerate() {
        let Some((thing, grade)) = query.relevant.get(&hit.item.id()) else { continue };
        if seen.insert(thing.as_str()) {
            dcg += gain(*grade) / (place as f64 + 2.0).log2();
        }
    }
    let mut grades: Vec<u32> = things.values().map(|(grade, _)| *grade).collect();
    grades.sort_unstable_by(|a, b| b.cmp(a));
    let ideal: f64 =
        grades.iter().take(10).enumerate().map(|(p, g)| gain(*g) / (p as f64 + 2.0).log2()).sum();
    score.ndcg += dcg / ideal;
    score.queries += 1;
    for (thing, (_, shares)) in things {
        let part = if shares { &mut score.near } else { &mut score.far };
        part.1 += 1;
        part.0 += u32::from(seen.contains(thing));
    }
}

fn measure(fixture: &Fixture, parts: Parts) -> Score {
    let memory = Memory::ranked_by(Arc::clone(&fixture.store), KeyName::local(), parts);
    let mut score = Score::default();
    fixture.queries.iter().for_each(|query| judge(fixture, query, &memory, &mut score));
    score.ndcg /= f64::from(score.queries);
    score
}

#[test]
fn what_belongs_to_a_goal_is_found_and_every_part_earns_its_place() {
    let fixture = fixture::build();
    assert!(fixture.texts.len() >= 200, "{}", fixture.texts.len());
    let all = Parts::ALL;
    let rows = [
        ("all", all),
        ("without BM25 (words in common)", Parts { bm25: false, ..all }),
        ("without recency", Parts { recency: false, ..all }),
        ("without removing what says the same", Parts { dedupe: false, ..all }),
        ("without stemming", Parts { stemming: false, ..all }),
    ];
    println!("{} memories, {} questions", fixture.texts.len(), fixture.queries.len());
    println!("| | recall@10, a word in common | recall@10, none in common | nDCG@10 |\n|---|---|---|---|");
    let mut whole = None;
    for (name, parts) in rows {
        let score = measure(&fixture, parts);
        let (near, far) = (Score::recall(score.near), Score::recall(score.far));
        println!(
            "| {name} | {near:.3} ({} of {}) | {far:.3} ({} of {}) | {:.3} |",
            score.near.0, score.near.1, score.far.0, score.far.1, score.ndcg
        );
        match &whole {
            None => {
                assert!(near >= 0.8, "recall@10 is {near:.3}");
                whole = Some((near, score.ndcg));
            }
            Some((recall, ndcg)) => {
                assert!(
                    near + 1e-9 < *recall || score.ndcg + 0.005 < *ndcg,
                    "{name} is as good: the part earns nothing"
                );
            }
        }
    }
    let topics: HashSet<&str> = fixture.queries.iter().map(|q| q.topic.as_str()).collect();
    assert_eq!(topics.len() * 2, fixture.queries.len());
}
