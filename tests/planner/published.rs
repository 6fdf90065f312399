//! Published plans that models wrote (TaskBench), as first answers: what passes, what fixes alone mend, what a model mends that takes
//! every offered fix, and what is left.
//!
//! `cargo test --test main planner::published -- --nocapture` prints the table.

use super::{ENTRY, project, talk};
use crate::imports::taskbench;
use crate::support::cases;
use aos::diagnostic::Edit;
use aos::project::{Asking, Project, Writer};
use aos::source::MemoryLoader;
use serde_json::Value as Json;
use std::path::Path;

/// The text with the first fix of every diagnostic, safe or not, where they do not overlap.
fn obedient(text: &str, loader: &MemoryLoader) -> String {
    let asking =
        Asking { agent: Some("a".into()), written_by: Some(Writer::Model), untrusted_context: false };
    let project = Project::load_text_for(Path::new(ENTRY), text, loader, &asking);
    let source = project.files[0].source;
    let mut edits: Vec<&Edit> = Vec::new();
    for fix in project.analysis.diagnostics.iter().filter_map(|d| d.fixes.first()) {
        let free = |e: &Edit| edits.iter().all(|o| e.span.end < o.span.start || o.span.end < e.span.start);
        if fix.edits.iter().all(|e| e.span.source == source && free(e)) {
            edits.extend(&fix.edits);
        }
    }
    edits.sort_by_key(|e| std::cmp::Reverse(e.span.start));
    let mut out = text.to_owned();
    edits.iter().for_each(|e| out.replace_range(e.span.range(), &e.text));
    out
}

#[test]
fn plans_that_models_wrote() {
    let Some(set) = cases("examples-data/taskbench") else { return };
    let read = |name: &str| std::fs::read_to_string(set.join(name)).unwrap();
    let (mut at_once, mut alone, mut told, mut left) = (0, 0, 0, 0);
    let (mut input, mut output, mut rounds, mut all) = (0, 0, 0, 0);
    let mut wrong = Vec::new();
    for line in read("llm_plans.jsonl").lines() {
        let case: Json = serde_json::from_str(line).unwrap();
        let domain: Json =
            serde_json::from_str(&read(&format!("tools-{}.json", case["domain"].as_str().unwrap()))).unwrap();
        let loader = project(&taskbench::signatures(&domain), &["t.*"]);
        let text = taskbench::plan(&case, &domain).replace("use \"t.plan\"\n", "");
        let mut last = text.clone();
        let said = talk(&loader, case["request"].as_str().unwrap(), &mut |round, _| {
            if round > 0 {
                last = obedient(&last, &loader);
            }
            last.clone()
        });
        all += 1;
        input += said.input;
        output += said.output;
        rounds += said.rounds;
        let slot = match (&said.end, said.rounds, said.fixes) {
            (Ok(_), 1, 0) => &mut at_once,
            (Ok(_), 1, _) => &mut alone,
            (Ok(_), _, _) => &mut told,
            (Err(_), _, _) => &mut left,
        };
        *slot += 1;
        if case["verdict"] == "accept" && said.end.is_err() {
            wrong.push(format!("{}: {}", case["id"], said.end.err().unwrap()));
        }
    }
    let mean = |n: usize| n as f64 / all as f64;
    println!(
        "taskbench: {all} plans; {at_once} pass at once, {alone} by fixes alone, {told} after being told, {left} not at all; \
         {:.2} answers, {:.0} tokens in, {:.0} out in the mean",
        mean(rounds),
        mean(input),
        mean(output)
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
