//! Plans and expressions on a page.

use super::Block;
use crate::support::{aos, finish_with};
use aos::diagnostic::{Code, Severity};
use aos::project::{Asking, Config, Project, Writer};
use aos::source::{DiskLoader, SourceId};
use std::path::Path;

/// What is wrong with a plan that stands in a file of `folder`.
pub fn plan(block: &Block, folder: &Path) -> Option<String> {
    let name = if block.kind == "json" { "page.json" } else { "page.plan" };
    let entry = folder.join(block.word("file").unwrap_or(name));
    let asking = Asking {
        agent: block.word("agent").map(Into::into),
        written_by: block.word("by").map(|who| if who == "model" { Writer::Model } else { Writer::Person }),
        untrusted_context: block.word("context") == Some("untrusted"),
    };
    let project = Project::load_text_for(&entry, &block.text, &DiskLoader, &asking);
    let found: Vec<(Severity, Code)> =
        project.analysis.diagnostics.iter().map(|d| (d.severity, d.code)).collect();
    let wanted = [("error", Severity::Error), ("warning", Severity::Warning), ("info", Severity::Info)]
        .into_iter()
        .find_map(|(word, severity)| Some((severity, Code::from_name(block.word(word)?).expect("a code"))));
    let told = || {
        let all = project.analysis.diagnostics.iter();
        all.map(|d| format!("{}: {} ({:?})", d.code, d.message, d.span)).collect::<Vec<_>>().join("\n")
    };
    match wanted {
        Some(wanted) if found.is_empty() || found.iter().any(|f| *f != wanted) => {
            Some(format!("line {}: not {wanted:?} alone but:\n{}", block.line, told()))
        }
        Some(_) => None,
        None if !found.is_empty() => Some(format!("line {}:\n{}", block.line, told())),
        None if block.kind == "json" => None,
        None => {
            let parse = aos::syntax::parse(SourceId(0), &block.text);
            let canonical = aos::format::format(&block.text, &parse).expect("it has no errors");
            (canonical != block.text).then(|| format!("line {}: written so:\n{canonical}", block.line))
        }
    }
}

/// What is wrong with an `aos.toml`.
pub fn config(block: &Block) -> Option<String> {
    let (_, found) = Config::parse(SourceId(0), &block.text);
    let found: Vec<&str> = found.iter().map(|d| d.code.name()).collect();
    let wanted: Vec<&str> = block.word("error").into_iter().collect();
    (found != wanted).then(|| format!("line {}: not {wanted:?} but {found:?}", block.line))
}

/// One line of a `cel` block.
pub struct Expression {
    place: String,
    text: String,
    result: String,
}

/// The lines of the `cel` blocks of a page.
pub fn expressions(page: &str, blocks: &[Block]) -> Vec<Expression> {
    let mut found = Vec::new();
    for block in blocks.iter().filter(|b| b.kind == "cel") {
        for (number, line) in block.text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with("//") {
                continue;
            }
            let place = format!("{page}:{}", block.line + 1 + number);
            let (text, result) =
                line.rsplit_once("  // ").unwrap_or_else(|| panic!("{place}: no `  // result`"));
            found.push(Expression { place, text: text.trim().to_owned(), result: result.trim().to_owned() });
        }
    }
    found
}

/// What an expression is said to give.
pub fn says(place: &str, text: &str, result: &str) -> Expression {
    Expression { place: place.to_owned(), text: text.to_owned(), result: result.to_owned() }
}

/// Evaluates all of them with one program; what is not as it is said.
pub fn evaluated(all: &[Expression]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let mut input = String::new();
    for e in all {
        // What always fails is told by the checker, without saying why in one line.
        let check = !e.result.starts_with("fails: ");
        input += &format!("{}\n", serde_json::json!({ "id": "expression", "expr": e.text, "check": check }));
        input += &format!("{}\n", serde_json::json!({ "id": "result", "expr": e.result, "check": false }));
    }
    let (code, out, err) = finish_with(aos(dir.path()).args(["eval", "--jsonl"]), &input);
    assert_eq!(code, 0, "{err}");
    let answers: Vec<serde_json::Value> = out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(answers.len(), 2 * all.len());
    let wrong = all.iter().zip(answers.chunks(2)).filter(|(e, pair)| {
        let (error, value) = (&pair[0]["error"], &pair[0]["value"]);
        let code = e.result.strip_prefix("error[").and_then(|r| r.strip_suffix(']'));
        match (code, e.result.strip_prefix("fails: ")) {
            (Some(code), _) => error["code"] != code,
            (_, Some(words)) => {
                error["phase"] != "run" || !error["message"].as_str().unwrap().contains(words)
            }
            _ => error.is_object() || pair[1]["error"].is_object() || *value != pair[1]["value"],
        }
    });
    wrong.map(|(e, pair)| format!("{}: `{}` is not {} but {}", e.place, e.text, e.result, pair[0])).collect()
}
