//! Pages with examples: their fenced blocks, and what must be true of each. One way for the README, the reference and the
//! guide; `tests/tidy/pages.rs` has what the pages of the diagnostics say.
//!
//! Behind the opening of a fence stand the language and words that say more:
//!
//! | block | what is held |
//! |---|---|
//! | `plan` | it checks without a finding, is in the canonical layout, and its tests pass |
//! | `plan error:CODE`, `warning:`, `info:` | it has this finding and no other; `agent:`, `by:model`, `context:untrusted` say for whom |
//! | any with `file:NAME` | it is written into the folder of the page |
//! | `sh`, `sh exit:N` | the commands end with 0, or N; a `text` block behind it is what they print, `…` stands for anything |
//! | `cel` | lines `expression  // value`, `// error[CODE]`, `// fails: words of the message` |
//! | `toml` | it is an `aos.toml` without a finding, or with `error:CODE` |
//! | `json`, `json error:CODE` | it is a plan in its JSON form, without a finding or with this one |
//! | `text`, `syntax`, `python` | shown only |

#[cfg(feature = "cli")]
pub mod checked;
#[cfg(feature = "cli")]
pub mod shell;

/// A fenced block.
pub struct Block {
    /// The first word behind the fence: the language.
    pub kind: String,
    pub words: Vec<String>,
    pub text: String,
    /// From 1: of the opening fence.
    pub line: usize,
}

impl Block {
    pub fn says(&self, word: &str) -> bool {
        self.words.iter().any(|w| w == word)
    }

    /// What `key:` says.
    pub fn word(&self, key: &str) -> Option<&str> {
        self.words.iter().find_map(|w| w.strip_prefix(key)?.strip_prefix(':'))
    }
}

/// The fenced blocks of a page. A fence ends with as many backticks as it begins with.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<(usize, Block)> = None;
    for (number, line) in page.lines().enumerate() {
        let ticks = line.len() - line.trim_start_matches('`').len();
        match &mut open {
            None if ticks >= 3 => {
                let mut words = line[ticks..].split_whitespace().map(str::to_owned);
                let kind = words.next().unwrap_or_default();
                let block = Block { kind, words: words.collect(), text: String::new(), line: number + 1 };
                open = Some((ticks, block));
            }
            Some((n, _)) if ticks == *n => found.extend(open.take().map(|(_, block)| block)),
            Some((_, block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            None => {}
        }
    }
    assert!(open.is_none(), "a fence is not closed:\n{page}");
    found
}
