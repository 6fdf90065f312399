//! BM25 over a few hundred short texts.

use std::collections::HashMap;

const K1: f64 = 1.2;
const B: f64 = 0.75;

/// The texts, counted.
pub(super) struct Rank {
    /// By word: the texts that have it, and how often.
    words: HashMap<String, Vec<(usize, f64)>>,
    lengths: Vec<f64>,
}

impl Rank {
    pub(super) fn new<'t>(texts: impl Iterator<Item = &'t str>) -> Rank {
        let mut rank = Rank { words: HashMap::new(), lengths: Vec::new() };
        for (index, text) in texts.enumerate() {
            let mut counts: HashMap<String, f64> = HashMap::new();
            let mut length = 0.0;
            for word in words(text) {
                *counts.entry(word).or_default() += 1.0;
                length += 1.0;
            }
            for (word, count) in counts {
                rank.words.entry(word).or_default().push((index, count));
            }
            rank.lengths.push(length);
        }
        rank
    }

    /// How near each text is to a query; 0 where they share no word.
    pub(super) fn scores(&self, query: &str) -> Vec<f64> {
        let mut scores = vec![0.0; self.lengths.len()];
        let all = self.lengths.len() as f64;
        let mean = (self.lengths.iter().sum::<f64>() / all.max(1.0)).max(1.0);
        let mut asked: Vec<String> = words(query).collect();
        asked.sort_unstable();
        asked.dedup();
        for found in asked.iter().filter_map(|word| self.words.get(word)) {
            let having = found.len() as f64;
            let weight = (1.0 + (all - having + 0.5) / (having + 0.5)).ln();
            for (index, count) in found {
                let length = self.lengths.get(*index).copied().unwrap_or(mean);
                let share = count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * length / mean));
                if let Some(score) = scores.get_mut(*index) {
                    *score += weight * share;
                }
            }
        }
        scores
    }
}

/// The words of a text in lower case, without the ends that English gives them; names are taken apart.
fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric()).filter(|w| w.len() > 1).map(|word| {
        let word = word.to_lowercase();
        let cut =
            ["ing", "es", "ed", "s"].iter().find_map(|end| word.strip_suffix(end).filter(|w| w.len() > 2));
        cut.map_or_else(|| word.clone(), |w| w.trim_end_matches('e').to_owned())
    })
}
