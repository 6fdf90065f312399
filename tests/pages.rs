//! Pages with examples: their fenced blocks, and what must be true of each. One way for the README, the reference, the guide
//! and the pages of the diagnostics.
//!
//! Behind the opening of a fence stand the language and words that say more:
//!
//! | block | what is held |
//! |---|---|
//! | `plan` | it checks without a finding and is in the canonical layout |
//! | `plan error=CODE`, `warning=`, `info=` | it has this finding and no other; `agent=`, `by=model`, `context=untrusted` say for whom |
//! | any with `file=NAME` | it is written into the folder of the page |
//! | `sh`, `sh exit=N` | the commands end with 0, or N; a `text` block behind it is what they print, `…` stands for anything |
//! | `cel` | lines `expression  // value`, `// error[CODE]`, `// fails: words of the message` |
//! | `json`, `toml`, `text`, `syntax` | shown only |

#[cfg(feature = "cli")]
pub mod checked;
#[cfg(feature = "cli")]
pub mod shell;

/// A fenced block.
pub struct Block {
    pub language: String,
    words: Vec<String>,
    pub text: String,
    /// From 1: of the opening fence.
    pub line: usize,
}

impl Block {
    /// What `key=` says.
    pub fn word(&self, key: &str) -> Option<&str> {
        self.words.iter().find_map(|w| w.strip_prefix(key)?.strip_prefix('='))
    }

    pub fn has(&self, word: &str) -> bool {
        self.words.iter().any(|w| w == word)
    }
}

/// The fenced blocks of a page.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in page.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(head)) => {
                let mut words = head.split([' ', ',']).map(str::to_owned);
                let language = words.next().unwrap_or_default();
                open = Some(Block { language, words: words.collect(), text: String::new(), line: number + 1 });
            }
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}
