//! Every example gives what it should, from a copy, so that nothing is written into the repository.

use crate::support::{aos, copy, finish, root};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use tempfile::TempDir;

fn copied(name: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy(&root().join("examples").join(name), dir.path());
    dir
}

fn run(name: &str, args: &[&str]) -> (Value, TempDir) {
    let dir = copied(name);
    let plan = format!("{}.plan", name.replace('-', "_"));
    let (code, out, err) = finish(aos(dir.path()).args(["run", &plan]).args(args));
    assert_eq!(code, 0, "{err}");
    (serde_json::from_str(&out).unwrap(), dir)
}

#[test]
fn release_notes() {
    let (result, dir) = run("release-notes", &[]);
    let history = std::fs::read_to_string(dir.path().join("data/history.json")).unwrap();
    let history: Vec<Value> = serde_json::from_str(&history).unwrap();
    let kept = history.iter().filter(|c| {
        let subject = c["subject"].as_str().unwrap();
        !subject.starts_with("Merge") && !subject.starts_with("wip")
    });
    assert_eq!(result["commits"], kept.count());
    let notes = std::fs::read_to_string(dir.path().join("out/notes-0.1.0.md")).unwrap();
    assert!(notes.starts_with("# 0.1.0\n\n## Everything\n\n- "), "{notes}");
    assert!(notes.contains("\n## Tests\n\n- "), "{notes}");
}

#[test]
fn licences() {
    let (result, _dir) = run("licences", &[]);
    assert_eq!(result["packages"], 291);
    let kinds = &result["kinds"];
    let sum: i64 = ["free", "notice", "share"].iter().map(|k| kinds[k].as_i64().unwrap()).sum();
    assert_eq!(sum, 291, "{result}");
    assert_eq!(kinds["share"], 0, "{result}");
    assert_eq!(result["unclear"], json!([]));
}

#[test]
fn a_refused_licence_ends_the_review() {
    let dir = copied("licences");
    let (code, _, err) =
        finish(aos(dir.path()).args(["run", "licences.plan", "--input", r#"refused=["Zlib"]"#]));
    assert_eq!(code, 1);
    assert!(err.contains("refused licences:"), "{err}");
}

#[test]
fn invoices() {
    let dir = copied("invoices");
    let ledger = || -> Vec<Value> {
        let text = std::fs::read_to_string(dir.path().join("out/ledger.jsonl")).unwrap_or_default();
        text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
    };
    let told = |exit: i32, args: &[&str]| -> Value {
        let (code, out, err) = finish(aos(dir.path()).args(args).arg("--json"));
        assert_eq!(code, exit, "{args:?}: {out}{err}");
        crate::support::finished(&out)
    };
    let first = told(3, &["run", "invoices.plan"]);
    let run = first["run"].as_str().unwrap().to_owned();
    let steps = |last: &Value| -> Vec<String> {
        last["waiting"].as_array().unwrap().iter().map(|w| w["step"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(steps(&first), ["batch"]);
    assert_eq!(ledger().len(), 0);
    let next = told(3, &["approve", &run, "batch", "--as", "bo"]);
    assert_eq!(steps(&next), ["large_ones[0].payment", "large_ones[1].payment"]);
    assert_eq!(ledger().len(), 3, "the small ones are paid at once");
    told(3, &["approve", &run, "large_ones[0].payment", "--as", "ada"]);
    let (code, _, err) =
        finish(aos(dir.path()).args(["approve", &run, "large_ones[0].payment", "--as", "cy"]));
    assert_eq!(code, 2, "the board is not asked yet");
    assert!(err.contains("`cy` may not answer"), "{err}");
    let next = told(3, &["approve", &run, "large_ones[0].payment", "--as", "bo"]);
    assert_eq!(steps(&next), ["large_ones[1].payment"]);
    let end = told(0, &["approve", &run, "large_ones[1].payment", "--deny", "--as", "ada"]);
    assert_eq!(end["output"]["paid"], json!(["2026-101", "2026-102", "2026-104", "2026-103"]));
    assert_eq!(end["output"]["refused"], json!(["2026-105"]));
    let paid = ledger();
    assert_eq!(paid.len(), 4);
    assert!(paid.iter().all(|p| p["reference"] != "2026-105"));
    // The same invoices again: their keys are known, nothing is paid twice.
    let again = told(3, &["run", "invoices.plan"]);
    told(3, &["approve", again["run"].as_str().unwrap(), "batch", "--as", "ada"]);
    assert_eq!(ledger().len(), 4);
}

#[test]
fn time_zones() {
    let (result, _dir) = run("time-zones", &[]);
    assert_eq!(result["here"], "Atlantic/Azores");
    assert_eq!(result["zones"][0], "New Zealand: Pacific/Auckland, Pacific/Chatham");
    let (result, _dir) = run("time-zones", &["--input", r#"countries=["AU"]"#]);
    assert_eq!(result["zones"].as_array().unwrap().len(), 1);
}

#[test]
fn links() {
    let (result, dir) = run("links", &["--input", "style=short"]);
    assert_eq!(result["summary"], "2 pages, 6 links, 2 dead");
    assert_eq!(result["unread"].as_array().unwrap().len(), 1);
    let dead = std::fs::read_to_string(dir.path().join("out/dead.txt")).unwrap();
    assert_eq!(dead, "guide/skills.md\nguide/reference.md");
}

/// Answers as the API would; the first request is told to come again.
fn api(answers: Vec<(u16, String)>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let serving = std::thread::spawn(move || {
        let mut seen = Vec::new();
        for (status, body) in answers {
            let (stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).take(16 * 1024).lines();
            seen.push(lines.next().unwrap().unwrap());
            while lines.next().is_some_and(|l| !l.unwrap().is_empty()) {}
            let head = format!(
                "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\nretry-after: 0\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            (&stream).write_all(head.as_bytes()).unwrap();
            (&stream).write_all(body.as_bytes()).unwrap();
        }
        seen
    });
    (base, serving)
}

#[test]
fn issues_over_http() {
    let issues = json!([
        { "number": 7, "title": "It is slow", "comments": 3, "labels": [{ "name": "perf" }] },
        { "number": 8, "title": "A question", "comments": 0, "labels": [] },
        { "number": 9, "title": "A change", "comments": 9, "labels": [], "pull_request": {} },
    ]);
    let comments = json!([{ "body": "Here too" }]);
    let (base, serving) =
        api(vec![(500, "{}".into()), (200, issues.to_string()), (200, comments.to_string())]);
    let input = format!("base={base}");
    let (result, _dir) = run("issues", &["--input", "repo=a/b", "--input", &input]);
    assert_eq!(result["open"], 2);
    assert_eq!(result["hot"], json!(["#7 It is slow (3)"]));
    assert_eq!(result["unlabelled"], json!(["#8 A question"]));
    assert_eq!(result["first_comment"], "Here too");
    let seen = serving.join().unwrap();
    assert!(seen[1].starts_with("GET /repos/a/b/issues?state=open&per_page=30 "), "{seen:?}");
    assert!(seen[2].starts_with("GET /repos/a/b/issues/7/comments"), "{seen:?}");
}

#[test]
fn all_are_canonical_and_clean() {
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        let dir = entry.unwrap().path();
        if !dir.is_dir() {
            continue;
        }
        let plan = format!("{}.plan", dir.file_name().unwrap().to_str().unwrap().replace('-', "_"));
        let (code, _, err) = finish(aos(&dir).args(["fmt", "--check", &plan]));
        assert_eq!(code, 0, "{plan}: {err}");
        let (code, _, err) = finish(aos(&dir).args(["check", "--deny", "warnings", &plan]));
        assert_eq!(code, 0, "{plan}: {err}");
    }
}
