//! The words of memories, in memory: which are near to a text, by BM25 and age.
//!
//! It holds no texts, only which word stands how often in which memory, and is made anew from the store by each process that
//! looks something up.

use super::words::{self, words};
use std::collections::{BTreeMap, HashMap, HashSet};
use uuid::Uuid;

/// What a rank is made of. All of it is on, but in measurements of what each is worth.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    /// Else the number of words in common.
    pub bm25: bool,
    pub recency: bool,
    /// What says the same as a better one is left out.
    pub dedupe: bool,
    pub stemming: bool,
}

impl Parts {
    /// All of them.
    pub const ALL: Self = Self { bm25: true, recency: true, dedupe: true, stemming: true };
}

/// The half-life of a memory.
const HALF_LIFE: f64 = 14.0 * 86_400.0;
/// Saturation of a word that stands often, and how much the length of a text counts.
const K1: f64 = 1.2;
const B: f64 = 0.75;
/// The best so many by words are ranked.
const RANKED: usize = 200;
/// Two memories say the same when they share so much of their words.
const SAME: f64 = 0.8;

/// What is known of a memory beside its words.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    pub(super) id: Uuid,
    pub(super) at: jiff::Timestamp,
    /// Memories with the same one say the same.
    pub(super) same: Option<u64>,
}

struct Posting {
    doc: u32,
    count: u16,
}

struct Doc {
    about: About,
    /// The numbers of its words, each once, in order.
    terms: Box<[u32]>,
    length: u32,
}

/// A memory that was found.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hit {
    pub(super) id: Uuid,
    pub(super) score: f64,
    /// The words of the query that it has, as they are indexed.
    pub(super) words: Vec<String>,
    /// How many that say the same are left out.
    pub(super) like: u32,
}

pub(super) struct Index {
    parts: Parts,
    terms: HashMap<Box<str>, u32>,
    postings: Vec<Vec<Posting>>,
    docs: Vec<Option<Doc>>,
    by_id: HashMap<Uuid, u32>,
    /// Of all texts, in words.
    length: u64,
}

impl Index {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            parts,
            terms: HashMap::new(),
            postings: Vec::new(),
            docs: Vec::new(),
            by_id: HashMap::new(),
            length: 0,
        }
    }

    /// Adds a memory; an older state of it goes.
    pub(super) fn put(&mut self, about: About, text: &str) {
        self.remove(about.id);
        let Ok(doc) = u32::try_from(self.docs.len()) else { return };
        let mut counts = BTreeMap::<u32, u16>::new();
        let mut length = 0;
        for word in words(text, self.parts.stemming).take(words::MOST) {
            let next = self.postings.len() as u32;
            let term = *self.terms.entry(word.into()).or_insert(next);
            if term == next {
                self.postings.push(Vec::new());
            }
            let count = counts.entry(term).or_default();
            *count = count.saturating_add(1);
            length += 1;
        }
        for (term, count) in &counts {
            if let Some(postings) = self.postings.get_mut(*term as usize) {
                postings.push(Posting { doc, count: *count });
            }
        }
        self.length += u64::from(length);
        self.by_id.insert(about.id, doc);
        self.docs.push(Some(Doc { about, terms: counts.into_keys().collect(), length }));
    }

    pub(super) fn remove(&mut self, id: Uuid) {
        let Some(number) = self.by_id.remove(&id) else { return };
        let Some(doc) = self.docs.get_mut(number as usize).and_then(Option::take) else { return };
        for term in &doc.terms {
            if let Some(postings) = self.postings.get_mut(*term as usize) {
                postings.retain(|p| p.doc != number);
            }
        }
        self.length -= u64::from(doc.length);
    }

    /// The memories nearest to a text, best first.
    pub(super) fn search(&self, query: &str, now: jiff::Timestamp, limit: usize) -> Vec<Hit> {
        let terms = self.query(query);
        let mut scores = vec![0.0_f32; self.docs.len()];
        let mut touched = Vec::new();
        let all = self.by_id.len() as f64;
        let average = (self.length as f64 / all.max(1.0)).max(1.0);
        for (_, term) in &terms {
            let postings = self.postings.get(*term as usize).map(Vec::as_slice).unwrap_or_default();
            let n = postings.len() as f64;
            let idf = ((all - n + 0.5) / (n + 0.5) + 1.0).ln();
            for posting in postings {
                let Some(score) = scores.get_mut(posting.doc as usize) else { continue };
                if *score == 0.0 {
                    touched.push(posting.doc);
                }
                let count = f64::from(posting.count);
                let length = self.doc(posting.doc).map_or(0.0, |doc| f64::from(doc.length));
                let part = idf * count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * length / average));
                *score += if self.parts.bm25 { part as f32 } else { 1.0 };
            }
        }
        let score = |doc: &u32| scores.get(*doc as usize).copied().unwrap_or_default();
        // The best by words, then all things considered; the id decides between equals, so that the order never wavers.
        let best =
            |a: &u32, b: &u32| score(b).total_cmp(&score(a)).then_with(|| self.id(*a).cmp(&self.id(*b)));
        let ranked = RANKED.max(limit);
        if touched.len() > ranked {
            touched.select_nth_unstable_by(ranked, best);
            touched.truncate(ranked);
        }
        let weighed = touched.iter().filter_map(|number| {
            let doc = self.doc(*number)?;
            Some((f64::from(score(number)) * self.weight(&doc.about, now), doc))
        });
        let mut weighed: Vec<(f64, &Doc)> = weighed.collect();
        weighed.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.about.id.cmp(&y.about.id)));
        self.chosen(weighed, &terms, limit)
    }

    /// The words of a query that any memory has, each once.
    fn query(&self, query: &str) -> Vec<(String, u32)> {
        let mut seen = HashSet::new();
        words(query, self.parts.stemming)
            .take(words::MOST)
            .filter_map(|word| {
                let term = *self.terms.get(word.as_str())?;
                seen.insert(term).then_some((word, term))
            })
            .collect()
    }

    fn weight(&self, about: &About, now: jiff::Timestamp) -> f64 {
        let age = now.duration_since(about.at).as_secs_f64().max(0.0);
        if self.parts.recency { 0.5 + 0.5 * (-age / HALF_LIFE).exp2() } else { 1.0 }
    }

    /// The first so many, without those that say the same as one before.
    fn chosen(&self, weighed: Vec<(f64, &Doc)>, terms: &[(String, u32)], limit: usize) -> Vec<Hit> {
        let mut chosen: Vec<(&Doc, Hit)> = Vec::new();
        for (score, doc) in weighed {
            let like = chosen.iter_mut().find(|(other, _)| self.parts.dedupe && says_the_same(doc, other));
            if let Some((_, hit)) = like {
                hit.like += 1;
                continue;
            }
            if chosen.len() >= limit {
                // Those behind may still be like one that was chosen; how many is not worth the look.
                break;
            }
            let has = |term: &u32| doc.terms.binary_search(term).is_ok();
            let words = terms.iter().filter(|(_, term)| has(term)).map(|(word, _)| word.clone()).collect();
            chosen.push((doc, Hit { id: doc.about.id, score, words, like: 0 }));
        }
        chosen.into_iter().map(|(_, hit)| hit).collect()
    }

    fn doc(&self, number: u32) -> Option<&Doc> {
        self.docs.get(number as usize)?.as_ref()
    }

    fn id(&self, number: u32) -> Option<Uuid> {
        self.doc(number).map(|doc| doc.about.id)
    }
}

fn says_the_same(a: &Doc, b: &Doc) -> bool {
    if a.about.same.is_some() && a.about.same == b.about.same {
        return true;
    }
    let (short, long) = (a.terms.len().min(b.terms.len()), a.terms.len().max(b.terms.len()));
    if (short as f64) < SAME * long as f64 || short == 0 {
        return false;
    }
    let shared = a.terms.iter().filter(|term| b.terms.binary_search(term).is_ok()).count();
    shared as f64 >= SAME * (a.terms.len() + b.terms.len() - shared) as f64
}
