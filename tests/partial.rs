//! What a run leaves behind: which steps gave values and why not, the next run that takes them over, and its pictures.

use crate::support::{aos, finish, finished, folder};
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

const CONFIG: &str = "[project]\nname = \"t\"\nskills = [\"skills\"]\n[skills.lab]\nprovider = \"process\"\ncommand = [\"python3\", \"skills/lab.py\"]\n";
const SKILLS: &str = "skill lab.do(what: string, n: int = 0) -> { what: string, n: int }
  reads \"lab:${what}\"
  idempotent
  throws busy
skill lab.mark<T>(what: string) -> T
  reads \"mark:${what}\"
  idempotent
";
/// Writes down every call; fails where there is a file of that name.
const LAB: &str = r#"
import json, os, sys
for line in sys.stdin:
    q = json.loads(line)
    a = q["args"]
    open("calls.txt", "a").write(a["what"] + "\n")
    if os.path.exists("broken-" + a["what"]):
        out = {"id": q["id"], "error": {"kind": "busy", "message": "<script>alert(1)</script> & \u202e\u001b[31m"}}
    else:
        out = {"id": q["id"], "result": {"what": a["what"], "n": a.get("n", 0)}}
    print(json.dumps(out), flush=True)
"#;
const PLAN: &str = "plan p(n: int = 1, title: string = \"</pre><img src=x onerror=alert(1)>\") -> int {
  step a = lab.do(what: \"a\", n: n)

  step b = lab.do(what: \"b\", n: a.n)

  step items = for i in [1, 2] {
    step one = lab.do(what: \"item\", n: i)
    return one.n
  }

  step soft = lab.do(what: \"soft\")
    on_error use { what: \"soft\", n: 9 }

  step maybe = lab.do(what: \"maybe\")
    when n > 5

  step reader = lab.do(what: maybe.what)

  step c = lab.do(what: \"c\", n: b.n)
    depends_on [items]

  return c.n + items.sum()
}
";

fn project() -> TempDir {
    folder(&[("aos.toml", CONFIG), ("skills/lab.plan", SKILLS), ("skills/lab.py", LAB), ("p.plan", PLAN)])
}

fn calls(dir: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(dir.join("calls.txt")).unwrap_or_default();
    let _ = std::fs::remove_file(dir.join("calls.txt"));
    let mut calls: Vec<String> = text.lines().map(str::to_owned).collect();
    calls.sort();
    calls
}

#[track_caller]
fn run(dir: &Path, args: &[&str]) -> (i32, Value, String) {
    let (code, out, err) = finish(aos(dir).args(["run", "p.plan", "--json"]).args(args));
    assert!(!out.is_empty(), "{err}");
    (code, finished(&out), out)
}

/// A run in which `c` failed, and `soft` was recovered.
fn failed(dir: &Path) -> String {
    for name in ["broken-c", "broken-soft"] {
        std::fs::write(dir.join(name), "").unwrap();
    }
    let (code, last, _) = run(dir, &[]);
    assert_eq!((code, last["status"].as_str()), (1, Some("failed")));
    assert_eq!(last["steps"]["soft"]["status"], "recovered");
    assert_eq!(last["steps"]["reader"]["skipped_because"], "maybe");
    assert_eq!(calls(dir), ["a", "b", "c", "item", "item", "soft"]);
    for name in ["broken-c", "broken-soft"] {
        std::fs::remove_file(dir.join(name)).unwrap();
    }
    last["run"].as_str().unwrap().to_owned()
}

#[test]
fn finished_steps_are_taken_over() {
    let dir = project();
    let first = failed(dir.path());
    let (code, last, out) = run(dir.path(), &["--from", &first]);
    assert_eq!((code, &last["output"]), (0, &4.into()), "{out}");
    assert_eq!(calls(dir.path()), ["c", "soft"], "only what had not succeeded is called");
    for step in ["a", "b", "items[0].one", "items[1].one"] {
        assert_eq!(last["steps"][step]["reused_from"], first.as_str(), "{step}");
        assert_eq!(last["steps"][step]["attempts"], 0, "{step}");
    }
    assert_eq!(last["steps"]["c"]["not_reused"], "it failed with busy then");
    assert!(out.lines().any(|l| l.contains("\"step_reused\"") && l.contains("\"step\":\"b\"")), "{out}");
    // The journal tells the same, and the second run leaves all to a third.
    let second = last["run"].as_str().unwrap();
    let (_, shown, _) = finish(aos(dir.path()).args(["show", second, "--json"]));
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["steps"], last["steps"]);
    let (_, third, _) = run(dir.path(), &["--from", second]);
    assert_eq!(calls(dir.path()), [""; 0]);
    assert_eq!(third["output"], 4);
}

#[test]
fn what_changed_is_made_again() {
    let dir = project();
    let first = failed(dir.path());
    let (_, last, _) = run(dir.path(), &["--from", &first, "--input", "n=2"]);
    assert_eq!(calls(dir.path()), ["a", "b", "c", "soft"]);
    assert_eq!(last["steps"]["a"]["not_reused"], "its argument `n` differs");
    assert_eq!(last["output"], 5);
    let (_, last, _) = run(dir.path(), &["--from", &first, "--rerun", "items", "--rerun", "b"]);
    assert_eq!(calls(dir.path()), ["b", "c", "item", "item", "soft"]);
    assert_eq!(last["steps"]["items[1].one"]["not_reused"], "it is to be made again");
    // Another skill in its place, and a step that is new.
    let plan =
        PLAN.replace("step b = lab.do(what: \"b\", n: a.n)", "step b = lab.mark<{ n: int }>(what: \"b\")");
    std::fs::write(dir.path().join("p.plan"), plan.replace("step soft", "step hard")).unwrap();
    let (_, last, _) = run(dir.path(), &["--from", &first]);
    assert_eq!(last["steps"]["b"]["not_reused"], "it called `lab.do` then");
    assert_eq!(last["steps"]["hard"]["not_reused"], "it was not called then");
}

#[test]
fn wrong_names_are_refused() {
    let dir = project();
    let first = failed(dir.path());
    let told = |args: &[&str]| {
        let (code, _, err) = finish(aos(dir.path()).args(["run", "p.plan"]).args(args));
        assert_eq!(code, 2, "{err}");
        err
    };
    assert!(told(&["--from", "ffffffff"]).contains("no run starts with"), "an unknown run");
    assert!(
        told(&["--from", &first, "--rerun", "item"]).contains("did you mean `items`?"),
        "a misspelt step"
    );
    assert!(told(&["--rerun", "a"]).contains("--from"), "nothing to take over");
}

#[test]
fn the_end_of_a_run_names_what_did_not_simply_succeed() {
    let dir = project();
    std::fs::write(dir.path().join("broken-soft"), "").unwrap();
    let (code, _, err) = finish(aos(dir.path()).args(["run", "p.plan"]));
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("`soft` recovered from busy: <script>"), "{err}");
    assert!(err.contains("`maybe` skipped: its `when` did not hold"), "{err}");
    assert!(err.contains("`reader` skipped: `maybe` has no value"), "{err}");
}

#[test]
fn the_timeline_fits_and_shows_phases() {
    let dir = project();
    let plan = PLAN.replace("on_error use", "on_error retry 1 backoff 200ms then use");
    std::fs::write(dir.path().join("p.plan"), plan).unwrap();
    std::fs::write(dir.path().join("broken-soft"), "").unwrap();
    let (_, last, _) = run(dir.path(), &[]);
    let run = last["run"].as_str().unwrap().to_owned();
    let (code, out, _) = finish(aos(dir.path()).args(["show", &run]));
    assert_eq!(code, 0);
    assert!(out.lines().all(|l| l.chars().count() <= 100), "{out}");
    let soft = out.lines().find(|l| l.contains(" soft ")).unwrap();
    assert!(soft.contains('░') && soft.contains('█') && soft.contains("×2"), "{out}");
    assert!(out.contains("- ") && out.contains("skipped because its `when` did not hold"), "{out}");
    assert!(!out.contains('\u{1b}') && !out.contains('\u{202e}'), "a value moves the cursor: {out:?}");
    assert!(out.contains("» on the critical path"), "{out}");
}

#[test]
fn the_page_is_whole_and_holds_hostile_text_as_text() {
    let dir = project();
    let run = failed(dir.path());
    let (code, _, err) = finish(aos(dir.path()).args(["show", &run, "--html", "run.html"]));
    assert_eq!(code, 0, "{err}");
    let page = std::fs::read_to_string(dir.path().join("run.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    for part in ["Timeline", "Graph", "Inputs", "Result", "Why it failed", "<svg", "p.plan"] {
        assert!(page.contains(part), "{part} is missing");
    }
    for bad in ["<script", "<img", "\u{202e}", "\u{1b}", "javascript:", "http://", "https://", "url("] {
        assert!(!page.contains(bad), "the page holds {bad:?}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp;"), "the message is shown");
    assert!(page.contains("default-src 'none'"));
    // Every element that is opened is closed.
    for tag in ["details", "section", "div", "pre", "span", "table", "dl", "main", "mark"] {
        let opened = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

const ASKS: &str = "plan p(limit: int = 5) -> json {
  step size = human.ask<int>(question: \"How large? At most ${limit}\")

  step seen = human.review(value: { size: size }, question: \"Good?\")

  step go = signal.wait<string>(name: \"go\")

  step b = lab.do(what: \"b\", n: seen.size)
    depends_on [go]
    approve \"Do it?\"

  return { b: b.n, go: go }
}
";

#[test]
fn what_people_said_is_not_asked_again() {
    let dir = project();
    let dir = dir.path();
    std::fs::write(dir.join("p.plan"), ASKS).unwrap();
    std::fs::write(dir.join("broken-b"), "").unwrap();
    let go = |exit: i32, args: &[&str]| {
        let (code, out, err) = finish(aos(dir).args(args).arg("--json"));
        assert_eq!(code, exit, "{args:?}: {out}{err}");
        finished(&out)
    };
    let waiting = |last: &Value| -> Vec<String> {
        let asks = last["waiting"].as_array().unwrap().iter();
        asks.map(|a| a["step"].as_str().unwrap().to_owned()).collect()
    };
    let first = go(3, &["run", "p.plan"]);
    let run = first["run"].as_str().unwrap().to_owned();
    go(3, &["answer", &run, "size", "4"]);
    go(3, &["signal", &run, "go", "now"]);
    go(3, &["approve", &run, "seen", "--comment", "fine"]);
    let end = go(1, &["approve", &run, "b"]);
    assert_eq!(end["error"]["kind"], "busy");
    std::fs::remove_file(dir.join("broken-b")).unwrap();
    // All that was said counts, but what is to be done now needs its own yes.
    let second = go(3, &["run", "p.plan", "--from", &run]);
    assert_eq!(waiting(&second), ["b"]);
    for step in ["size", "seen", "go"] {
        assert_eq!(second["steps"][step]["reused_from"], run.as_str(), "{step}: {second:#}");
    }
    assert_eq!(second["steps"]["seen"]["decisions"][0]["comment"], "fine");
    let next = second["run"].as_str().unwrap().to_owned();
    let (_, shown, _) = finish(aos(dir).args(["show", &next]));
    assert!(shown.contains(&format!("taken over from run {run}; approved by ")), "{shown}");
    let end = go(0, &["approve", &next, "b"]);
    assert_eq!(end["output"], serde_json::json!({ "b": 4, "go": "now" }));
    // Another question is asked, and then what hangs on its answer.
    let third = go(3, &["run", "p.plan", "--from", &next, "--input", "limit=9"]);
    assert_eq!(waiting(&third), ["size"]);
    assert_eq!(third["steps"]["size"]["not_reused"], "its argument `question` differs");
    let run = third["run"].as_str().unwrap().to_owned();
    let end = go(0, &["answer", &run, "size", "4"]);
    assert_eq!(end["steps"]["seen"]["reused_from"], next.as_str(), "the same value was seen already");
    assert_eq!(end["steps"]["b"]["reused_from"], next.as_str(), "and needs no yes");
    // Asked again all the same.
    let again = go(3, &["run", "p.plan", "--from", &run, "--rerun", "seen", "--rerun", "go"]);
    assert_eq!(waiting(&again), ["go", "seen"]);
    assert_eq!(again["steps"]["seen"]["not_reused"], "it is to be made again");
    let run = again["run"].as_str().unwrap().to_owned();
    // A no is no answer to keep.
    go(1, &["approve", &run, "seen", "--deny"]);
    let last = go(3, &["run", "p.plan", "--from", &run]);
    assert_eq!(waiting(&last), ["go", "seen"]);
    assert_eq!(last["steps"]["seen"]["not_reused"], "it failed with denied then");
    assert_eq!(last["steps"]["go"]["not_reused"], "it had not ended then");
}
