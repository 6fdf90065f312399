//! Random texts that a grammar lets through, byte by byte.

use crate::json_form::random::Random;
use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::ApproximateTokEnv;
use llguidance::{Matcher, ParserFactory};

/// Longer samples are given up, in bytes.
const CAP: usize = 12_000;

/// Draws from one grammar.
pub struct Sampler {
    matcher: Matcher,
    end: u32,
}

/// What kind of byte it is: one of a kind is drawn after the kind, so that letters do not crowd out everything else.
fn class(byte: u32, end: u32) -> u32 {
    match u8::try_from(byte) {
        _ if byte == end => 1_000,
        Ok(b'a'..=b'z') => 1_001,
        Ok(b'A'..=b'Z') => 1_002,
        Ok(b'0'..=b'9') => 1_003,
        Ok(0x80..=0xFF) => 1_004,
        Ok(_) => byte,
        Err(_) => 1_005,
    }
}

/// What ends things is drawn more often, so that texts do.
fn weight(class: u32, line: &[u8]) -> usize {
    let quotes = line.trim_ascii_start();
    match u8::try_from(class) {
        // Else the three quotes that end a block text hardly ever come together at the start of a line.
        Ok(b'"') if quotes.is_empty() => 60,
        Ok(b'"') if quotes == b"\"" || quotes == b"\"\"" => 300,
        Ok(b'\n') => 6,
        Ok(b'"' | b')' | b']' | b'}') => 16,
        Ok(_) => 1,
        Err(_) if class == 1_000 => 24,
        Err(_) => 1,
    }
}

impl Sampler {
    pub fn new(lark: &str) -> Self {
        let env = ApproximateTokEnv::single_byte_env();
        let end = env.tok_trie().eos_token();
        let mut factory = ParserFactory::new_simple(&env).unwrap();
        factory.quiet();
        let mut matcher = Matcher::new(factory.create_parser(TopLevelGrammar::from_lark(lark.to_owned())));
        if let Some(error) = matcher.get_error() {
            let shown: String = lark.chars().take(600).collect();
            panic!("the grammar is not read: {error}\n{shown}");
        }
        assert_eq!(matcher.grammar_warnings(), Vec::<String>::new());
        Sampler { matcher, end }
    }

    /// The text of a seed; `None` where it got too long.
    pub fn draw(&mut self, seed: u64) -> Result<String, String> {
        let random = &mut Random::new(seed);
        let mut matcher = self.matcher.deep_clone();
        let mut bytes: Vec<u8> = Vec::new();
        while bytes.len() < CAP {
            let mask = matcher
                .compute_mask_or_eos()
                .map_err(|e| format!("{e}: {}", String::from_utf8_lossy(&bytes)))?;
            let mut kinds: Vec<(u32, Vec<u32>)> = Vec::new();
            for token in mask.iter().filter(|t| *t < 256 || *t == self.end) {
                let kind = class(token, self.end);
                match kinds.iter_mut().find(|(k, _)| *k == kind) {
                    Some((_, tokens)) => tokens.push(token),
                    None => kinds.push((kind, vec![token])),
                }
            }
            let line = bytes.rsplit(|b| *b == b'\n').next().unwrap_or_default();
            let total: usize = kinds.iter().map(|(k, _)| weight(*k, line)).sum();
            assert!(total > 0, "nothing may follow: {}", String::from_utf8_lossy(&bytes));
            let mut at = random.below(total);
            let mut chosen = &kinds[0].1;
            for (kind, tokens) in &kinds {
                if at < weight(*kind, line) {
                    chosen = tokens;
                    break;
                }
                at -= weight(*kind, line);
            }
            let token = chosen[random.below(chosen.len())];
            if token == self.end {
                return String::from_utf8(bytes).map_err(|e| format!("no UTF-8: {e}"));
            }
            matcher.consume_token(token).map_err(|e| e.to_string())?;
            bytes.push(token as u8);
        }
        Err(String::new())
    }

    /// How many bytes of a text are let through, and whether it may end there.
    pub fn accepts(&self, text: &str) -> (usize, bool) {
        let mut matcher = self.matcher.deep_clone();
        let tokens: Vec<u32> = text.bytes().map(u32::from).collect();
        let read = matcher.validate_tokens(&tokens).unwrap_or(0);
        let whole = read == tokens.len() && matcher.consume_tokens(&tokens).is_ok();
        (read, whole && matcher.is_accepting().unwrap_or(false))
    }
}

/// How many samples: `AOS_SAMPLES`, else some.
pub fn count() -> u64 {
    std::env::var("AOS_SAMPLES").ok().and_then(|n| n.parse().ok()).unwrap_or(40)
}
