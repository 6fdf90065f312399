//! Random edits on real plans: no panic, every request answered, and what is told is what a fresh start tells of the same text.
//!
//! `AOS_EDITS` says how many edits are made in all.

use super::client::{Client, byte, place};
use crate::support::root;
use serde_json::{Value, json};
use std::fs;

const URI: &str = "file:///p/fuzz.plan";

/// A small generator of numbers, the same on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides.max(1) as u64) as usize
    }
}

/// The plans of the repository: examples, corpus, good examples of the diagnostics' pages.
fn plans() -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root().join("examples"), root().join("tests/corpus"), root().join("stdlib")];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let mut inner: Vec<_> = fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()).collect();
            inner.sort();
            open.extend(inner);
        } else if path.extension().is_some_and(|e| e == "plan") {
            found.push(fs::read_to_string(&path).unwrap());
        }
    }
    found.retain(|t| t.len() < 12_000);
    assert!(found.len() > 10);
    found
}

/// Pieces that people type.
const PIECES: &[&str] = &[
    "a",
    "x",
    " ",
    "\n",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    ":",
    ",",
    ".",
    "?",
    "=",
    "=>",
    "|",
    "<",
    ">",
    "/",
    "//",
    "///",
    "${",
    "\"\"\"",
    "1",
    "10s",
    "step ",
    "step z = ",
    "let q = ",
    "plan ",
    "type T = ",
    "test ",
    "use \"",
    "when ",
    "on_error ",
    "retry 3",
    "for i in ",
    "if ",
    "http.get(url: \"https://a\")",
    "😀",
    "ü",
    "\t",
    "\r\n",
    "#",
    "return ",
    "timeout ",
    "and",
    "!",
    "??",
    "?.",
    "json",
    "list<",
    "\\",
    "  step w = http.get(url: \"https://a\")\n",
    "  let k = 1\n",
    "  // note\n",
    "skill a.b() -> int\n",
    "}\n\nplan q2() {\n",
    "else ",
    "_",
    "null",
    "\u{1A}",
    "0x",
    "%",
];

struct Round {
    text: String,
    version: i64,
}

impl Round {
    /// One change, as the protocol says it.
    fn edit(&mut self, dice: &mut Dice) -> Value {
        let bounds: Vec<usize> = (0..=self.text.len()).filter(|n| self.text.is_char_boundary(*n)).collect();
        let start = bounds[dice.roll(bounds.len())];
        let (end, new) = match dice.roll(10) {
            0..=4 => (start, PIECES[dice.roll(PIECES.len())].to_owned()),
            5..=7 => {
                let end = (start + dice.roll(12)).min(self.text.len());
                (*bounds.iter().find(|b| **b >= end).unwrap(), String::new())
            }
            8 => {
                let end = (start + dice.roll(60)).min(self.text.len());
                let end = *bounds.iter().find(|b| **b >= end).unwrap();
                (end, PIECES[dice.roll(PIECES.len())].to_owned())
            }
            // A piece of the text itself, at another place.
            _ => {
                let from = bounds[dice.roll(bounds.len())];
                let to = (from + dice.roll(80)).min(self.text.len());
                let to = *bounds.iter().find(|b| **b >= to).unwrap();
                (start, self.text[from..to].to_owned())
            }
        };
        let range = json!({ "start": place(&self.text, start), "end": place(&self.text, end) });
        self.text.replace_range(start..end, &new);
        self.version += 1;
        json!([{ "range": range, "text": new }])
    }
}

/// All that can be asked of a whole text.
fn told(client: &mut Client, version: i64, text: &str, at: &Value, deep: bool) -> Vec<Value> {
    let mut out = vec![json!(client.diagnostics(URI, version))];
    let whole = json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 9_999, "character": 0 } });
    let doc = json!({ "uri": URI });
    let mut asks = vec![
        ("textDocument/semanticTokens/full", json!({ "textDocument": doc })),
        ("textDocument/completion", json!({ "textDocument": doc, "position": at })),
        ("textDocument/hover", json!({ "textDocument": doc, "position": at })),
    ];
    if deep {
        asks.extend([
            ("textDocument/documentSymbol", json!({ "textDocument": doc })),
            ("textDocument/foldingRange", json!({ "textDocument": doc })),
            ("textDocument/codeLens", json!({ "textDocument": doc })),
            ("textDocument/documentLink", json!({ "textDocument": doc })),
            ("textDocument/inlayHint", json!({ "textDocument": doc, "range": whole })),
            (
                "textDocument/codeAction",
                json!({ "textDocument": doc, "range": whole, "context": { "diagnostics": [] } }),
            ),
            ("textDocument/definition", json!({ "textDocument": doc, "position": at })),
            ("textDocument/typeDefinition", json!({ "textDocument": doc, "position": at })),
            ("textDocument/signatureHelp", json!({ "textDocument": doc, "position": at })),
            ("textDocument/documentHighlight", json!({ "textDocument": doc, "position": at })),
            ("textDocument/selectionRange", json!({ "textDocument": doc, "positions": [at] })),
            ("textDocument/prepareCallHierarchy", json!({ "textDocument": doc, "position": at })),
            ("textDocument/prepareRename", json!({ "textDocument": doc, "position": at })),
            ("textDocument/rename", json!({ "textDocument": doc, "position": at, "newName": "fresh_name" })),
            (
                "textDocument/formatting",
                json!({ "textDocument": doc, "options": { "tabSize": 2, "insertSpaces": true } }),
            ),
        ]);
    }
    for (method, params) in asks {
        let answer = client.request(method, params);
        if let Err(error) = &answer {
            // A refusal is an answer; a panic or misunderstanding is not.
            assert_eq!(error["code"], -32803, "{method} at {at}: {error}\n{text}");
        }
        out.push(answer.unwrap_or_else(|e| e));
    }
    out
}

fn same(edited: &[Value], fresh: &[Value], text: &str) {
    for (a, b) in edited.iter().zip(fresh) {
        assert_eq!(a, b, "after edits and afresh differ on:\n{text:?}");
    }
}

fn run(edits: usize, seed: u64) {
    let plans = plans();
    let mut dice = Dice(seed);
    let per_plan = 40;
    let mut client = Client::new(None);
    let mut made = 0;
    while made < edits {
        let mut round = Round { text: plans[dice.roll(plans.len())].clone(), version: 1 };
        client.told.clear();
        client.open(URI, &round.text);
        for n in 0..per_plan {
            let change = round.edit(&mut dice);
            client.change(URI, round.version, change);
            made += 1;
            let bounds: Vec<usize> =
                (0..=round.text.len()).filter(|b| round.text.is_char_boundary(*b)).collect();
            let at = place(&round.text, bounds[dice.roll(bounds.len())]);
            assert!(byte(&round.text, &at) <= round.text.len());
            let deep = n % 8 == 0;
            let edited = told(&mut client, round.version, &round.text, &at, deep);
            let mut afresh = Client::new(None);
            afresh.notify(
                "textDocument/didOpen",
                json!({ "textDocument": { "uri": URI, "languageId": "aos", "version": round.version, "text": round.text } }),
            );
            let fresh = told(&mut afresh, round.version, &round.text, &at, deep);
            same(&edited, &fresh, &round.text);
            assert!(afresh.shut_down());
        }
        client.notify("textDocument/didClose", json!({ "textDocument": { "uri": URI } }));
    }
    assert!(client.shut_down());
    println!("{made} edits: every request answered, nothing differs from a fresh start");
}

#[test]
fn random_edits_leave_what_a_fresh_start_has() {
    let edits = std::env::var("AOS_EDITS").ok().and_then(|n| n.parse().ok()).unwrap_or(240);
    run(edits, 0x9E37_79B9_7F4A_7C15);
}
