//! Real workflow graphs as plans of sleeping steps: the engine keeps to the schedule that a list scheduler would make.

use crate::support::{aos, cases, finish};
use serde_json::Value as Json;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;

/// A plan that sleeps `runtime × scale` for each task, `workers` at once.
fn plan(graph: &Json, scale: f64, workers: u32) -> String {
    let mut text = format!("plan workflow()\n  concurrency {workers}\n{{\n");
    let tasks = graph["tasks"].as_array().unwrap();
    let by_id: HashMap<&str, &Json> = tasks.iter().map(|t| (t["id"].as_str().unwrap(), t)).collect();
    let mut written = Vec::new();
    // Parents first: a plan reads from top to bottom.
    let mut open: Vec<(&Json, bool)> = tasks.iter().rev().map(|t| (t, false)).collect();
    while let Some((task, ready)) = open.pop() {
        let id = task["id"].as_str().unwrap();
        if written.contains(&id) {
            continue;
        }
        let parents: Vec<&str> =
            task["parents"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
        if !ready {
            open.push((task, true));
            open.extend(parents.iter().map(|p| (by_id[p], false)));
            continue;
        }
        written.push(id);
        let ms = (task["runtime_s"].as_f64().unwrap() * scale * 1000.0).round() as i64;
        writeln!(text, "  step {id} = time.sleep({ms}ms)").unwrap();
        if !parents.is_empty() {
            writeln!(text, "    depends_on [{}]", parents.join(", ")).unwrap();
        }
    }
    text + "}\n"
}

fn graphs() -> Vec<(String, Json)> {
    let Some(dir) = cases("examples-data/wf") else { return Vec::new() };
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    files.retain(|f| f.extension().is_some_and(|e| e == "json"));
    files
        .iter()
        .map(|f| {
            let json = serde_json::from_str(&std::fs::read_to_string(f).unwrap()).unwrap();
            (f.file_stem().unwrap().to_string_lossy().into_owned(), json)
        })
        .collect()
}

#[test]
fn workflow_graphs_run_as_fast_as_a_list_scheduler_would() {
    /// Seconds that the longest schedule of a graph takes here: long enough that waking up late by a millisecond does not count.
    const LENGTH: f64 = 6.0;
    let dir = tempfile::tempdir().unwrap();
    println!("{:<40} {:>7} {:>10} {:>10} {:>6}", "graph", "workers", "bound", "took", "ratio");
    for (name, graph) in graphs() {
        for workers in [8_u32, 64] {
            let bound = graph["bounds"]["list_schedule_s"][workers.to_string()].as_f64().unwrap();
            let scale = LENGTH / bound;
            std::fs::write(dir.path().join("wf.plan"), plan(&graph, scale, workers)).unwrap();
            let (_, out, _) =
                finish(aos(dir.path()).args(["run", "wf.plan", "--json", "--store", ":memory:"]));
            let lines: Vec<Json> = out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
            assert_eq!(lines.last().unwrap()["status"], "succeeded", "{name}");
            let at = |line: &Json| line["at"].as_str().and_then(|t| t.parse::<jiff::Timestamp>().ok());
            let times: Vec<jiff::Timestamp> = lines.iter().filter_map(at).collect();
            let took = times.iter().max().unwrap().duration_since(*times.iter().min().unwrap()).as_secs_f64();
            let ratio = took / LENGTH;
            println!("{name:<40} {workers:>7} {:>9.2}s {took:>9.2}s {ratio:>6.3}", LENGTH);
            assert!(ratio <= 1.05, "{name} at {workers} workers took {ratio:.3} of the list schedule");
        }
    }
}
