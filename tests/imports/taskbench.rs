//! TaskBench: plans that models wrote, over tools from one kind of resource to another. Kinds are opaque types.

use super::{errors, foreign, said};
use crate::support::cases;
use aos::diagnostic::{Code, Diagnostic};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Unknown tools that are near misses, with what was meant.
const MEANT: &[(&str, Option<&str>)] = &[
    ("Machine Translation", Some("Translation")),
    ("Conversational response modelling", Some("Conversational")),
    ("Conversational Response Modeling", Some("Conversational")),
    ("Audio Synchronization", Some("Video Synchronization")),
    // Several tools are as near; none is the one.
    ("Text-to-Text", None),
    ("Text Extractor", None),
];

fn kinds(tool: &Json, which: &str) -> Vec<String> {
    let all = tool[which].as_array().into_iter().flatten();
    all.filter_map(Json::as_str).map(str::to_lowercase).collect()
}

pub fn signatures(domain: &Json) -> String {
    let mut text = String::new();
    let types: BTreeSet<String> =
        domain["types"].as_array().unwrap().iter().filter_map(Json::as_str).map(str::to_lowercase).collect();
    for kind in &types {
        writeln!(text, "type {kind} = opaque string").unwrap();
    }
    for tool in domain["tools"].as_array().unwrap() {
        let params: Vec<String> = kinds(tool, "input_types")
            .iter()
            .enumerate()
            .map(|(i, kind)| format!("in_{i}: {kind}"))
            .collect();
        let output = kinds(tool, "output_types").first().cloned().unwrap_or_else(|| "null".to_owned());
        writeln!(
            text,
            "skill {}({}) -> {output}",
            foreign(tool["name"].as_str().unwrap()),
            params.join(", ")
        )
        .unwrap();
    }
    text
}

/// The plan: links carry results into the first free input of their kind, else into the first; other inputs come from outside.
pub fn plan(case: &Json, domain: &Json) -> String {
    let nodes = case["nodes"].as_array().unwrap();
    let tool = |name: &Json| domain["tools"].as_array().unwrap().iter().find(|t| t["name"] == *name);
    let links: Vec<(usize, usize)> = case["links"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| (l[0].as_u64().unwrap() as usize, l[1].as_u64().unwrap() as usize))
        .collect();
    let known: BTreeSet<&str> = nodes.iter().filter_map(|n| n["task"].as_str()).collect();
    let mut inputs = BTreeSet::new();
    let mut body = String::new();
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    // A step may mention only steps above it.
    for _ in 0..nodes.len() {
        for (from, to) in &links {
            let at = |n: usize, order: &[usize]| order.iter().position(|x| *x == n).unwrap();
            let (a, b) = (at(*from, &order), at(*to, &order));
            if a > b {
                let moved = order.remove(a);
                order.insert(b, moved);
            }
        }
    }
    for index in order {
        let node = &nodes[index];
        let from: Vec<usize> = links.iter().filter(|(_, to)| *to == index).map(|(from, _)| *from).collect();
        let mut args: Vec<String> = Vec::new();
        match tool(&node["task"]) {
            Some(callee) => {
                let wanted = kinds(callee, "input_types");
                let mut given: Vec<Option<usize>> = vec![None; wanted.len()];
                for source in &from {
                    let made = tool(&nodes[*source]["task"]).map(|t| kinds(t, "output_types"));
                    let free = |fits: &dyn Fn(&String) -> bool| {
                        (0..wanted.len()).find(|i| given[*i].is_none() && fits(&wanted[*i]))
                    };
                    let slot = free(&|kind| made.as_ref().is_none_or(|m| m.contains(kind))).or_else(|| {
                        let fits = made.as_ref().is_none_or(|m| wanted.iter().any(|w| m.contains(w)));
                        if fits { None } else { free(&|_| true) }
                    });
                    if let Some(slot) = slot {
                        given[slot] = Some(*source);
                    }
                }
                for (i, kind) in wanted.iter().enumerate() {
                    args.push(match given[i] {
                        Some(source) => format!("in_{i}: n{source}"),
                        None => {
                            inputs.insert(kind.clone());
                            format!("in_{i}: some_{kind}")
                        }
                    });
                }
            }
            None => args.extend(from.iter().enumerate().map(|(i, source)| format!("in_{i}: n{source}"))),
        }
        let skill = foreign(node["task"].as_str().unwrap());
        let lost: BTreeSet<String> = case["raw_links"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|l| l["target"] == node["task"])
            .filter_map(|l| l["source"].as_str())
            .filter(|s| !known.contains(s))
            .map(|s| foreign(s).replace("t.", "step_"))
            .collect();
        let after = if lost.is_empty() {
            String::new()
        } else {
            format!(" depends_on [{}]", lost.into_iter().collect::<Vec<_>>().join(", "))
        };
        writeln!(body, "  step n{index} = {skill}({}){after}", args.join(", ")).unwrap();
    }
    let params: Vec<String> = inputs.iter().map(|kind| format!("some_{kind}: {kind}")).collect();
    format!("use \"t.plan\"\nplan answer({}) {{\n{body}}}\n", params.join(", "))
}

/// Whether a diagnostic names a finding.
fn names(d: &Diagnostic, finding: &str) -> bool {
    let (kind, what) = finding.split_once(": ").unwrap();
    match kind {
        "unknown tool" => d.code == Code::UnknownSkill && d.message.contains(&format!("`{}`", foreign(what))),
        "type mismatch" => {
            let target = what.split_once("-> ").unwrap().1.split(" [").next().unwrap();
            d.code == Code::ArgumentType && said(d).contains(&format!("`{}`", foreign(target)))
        }
        // A link from or to a name that no step has.
        "link to a task that is not in the plan" => matches!(d.code, Code::UnknownName | Code::UnknownSkill),
        other => panic!("a finding of a new kind: {other}"),
    }
}

#[test]
fn models_plans() {
    let Some(set) = cases("examples-data/taskbench") else { return };
    let read = |name: &str| std::fs::read_to_string(set.join(name)).unwrap();
    let (mut accepted, mut refused, mut near, mut wrong) = (0, 0, 0, Vec::new());
    for line in read("llm_plans.jsonl").lines() {
        let case: Json = serde_json::from_str(line).unwrap();
        let domain: Json =
            serde_json::from_str(&read(&format!("tools-{}.json", case["domain"].as_str().unwrap()))).unwrap();
        let text = plan(&case, &domain);
        let found = errors(&signatures(&domain), &text);
        let shown = || found.iter().map(said).collect::<Vec<_>>().join("\n  ");
        if (case["verdict"] == "accept") != found.is_empty() {
            wrong.push(format!("{}: {}\n  {}\n{text}", case["id"], case["verdict"], shown()));
        }
        if found.is_empty() {
            accepted += 1
        } else {
            refused += 1
        }
        for finding in case["findings"].as_array().unwrap().iter().filter_map(Json::as_str) {
            if !found.iter().any(|d| names(d, finding)) {
                wrong.push(format!("{}: nothing names `{finding}`\n  {}\n{text}", case["id"], shown()));
            }
            let Some(tool) = finding.strip_prefix("unknown tool: ") else { continue };
            let (_, meant) = MEANT.iter().find(|(name, _)| *name == tool).expect("a row for the tool");
            near += usize::from(meant.is_some());
            let d = found.iter().find(|d| names(d, finding)).map(said).unwrap_or_default();
            let suggests = match meant {
                Some(meant) => d.contains(&format!("did you mean `{}`?", foreign(meant))),
                None => !d.contains("did you mean"),
            };
            if !suggests {
                wrong.push(format!("{}: {tool}: {d}", case["id"]));
            }
        }
    }
    println!(
        "taskbench: {accepted} plans accepted, {refused} refused, {near} near misses get the right suggestion"
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
