//! The contract of every command: exit codes, what goes to stdout, the JSON forms.

use crate::support::{aos, finish, finish_with, finished, folder};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const HELLO: &str = "plan hello(name: string = \"you\") -> string {\n  return \"Hello, ${name}\"\n}\n";
const SLOW: &str = "plan slow() -> int {\n  step first = time.sleep(duration: 10ms)\n\n  step nap = time.sleep(duration: 15s)\n    depends_on [first]\n\n  return 7\n}\n";

fn project(files: &[(&str, &str)]) -> TempDir {
    let mut all = vec![("aos.toml", "[project]\nname = \"t\"\n")];
    all.extend(files);
    folder(&all)
}

fn ok(dir: &Path, args: &[&str]) -> String {
    let (code, out, err) = finish(aos(dir).args(args));
    assert_eq!(code, 0, "{args:?}: {err}");
    out
}

fn code(dir: &Path, args: &[&str]) -> (i32, String) {
    let (code, _, err) = finish(aos(dir).args(args));
    (code, err)
}

#[test]
fn check_tells_errors_as_json() {
    let dir = project(&[(
        "bad.plan",
        "plan p() -> int {\n  step x = http.gte(url: \"https://example.com\")\n  return 1\n}\n",
    )]);
    let (exit, out, _) = finish(aos(dir.path()).args(["check", "bad.plan", "--format", "json"]));
    assert_eq!(exit, 1);
    let told: Value = serde_json::from_str(&out).unwrap();
    let first = &told["diagnostics"][0];
    assert_eq!(first["code"], "unknown-skill");
    assert_eq!(first["severity"], "error");
    assert_eq!(first["start"], json!({ "line": 2, "column": 12, "offset": 29 }));
    assert_eq!(first["fixes"][0]["edits"][0]["text"], "http.get");
    for key in ["message", "file", "end", "labels"] {
        assert!(!first[key].is_null(), "{key} is missing: {first}");
    }
    assert!(told["plans"].is_array());
}

#[test]
fn check_passes_and_reads_stdin() {
    let dir = project(&[("a.plan", HELLO)]);
    let told: Value =
        serde_json::from_str(&ok(dir.path(), &["check", "a.plan", "--format", "json"])).unwrap();
    assert_eq!(told["diagnostics"], json!([]));
    assert_eq!(told["plans"][0]["name"], "hello");
    let (exit, ..) = finish_with(aos(dir.path()).args(["check", "-"]), HELLO);
    assert_eq!(exit, 0);
    assert_eq!(code(dir.path(), &["check", "nowhere.plan"]).0, 2);
    assert_eq!(code(dir.path(), &["check"]).0, 2);
}

#[test]
fn warnings_fail_only_where_denied() {
    let text = "plan p(xs: list<int>) -> list<int> {\n  step ys = for x in xs {\n    return x\n  }\n\n  return ys\n}\n";
    let dir = project(&[("w.plan", text)]);
    assert_eq!(code(dir.path(), &["check", "w.plan"]).0, 0);
    assert_eq!(code(dir.path(), &["check", "w.plan", "--deny", "warnings"]).0, 1);
}

#[test]
fn fmt_is_canonical_and_idempotent() {
    let ugly = "plan  hello( name:string=\"you\" )->string{ return \"Hello, ${name}\" }";
    let dir = project(&[("a.plan", ugly)]);
    let (exit, out, _) = finish(aos(dir.path()).args(["fmt", "--check", "a.plan"]));
    assert_eq!(exit, 1);
    assert!(out.contains("+  return"), "a diff: {out}");
    assert_eq!(code(dir.path(), &["fmt", "a.plan"]).0, 0);
    assert_eq!(std::fs::read_to_string(dir.path().join("a.plan")).unwrap(), HELLO);
    assert_eq!(code(dir.path(), &["fmt", "--check", "a.plan"]).0, 0);
    let (exit, out, _) = finish_with(aos(dir.path()).args(["fmt", "--stdin"]), ugly);
    assert_eq!((exit, out.as_str()), (0, HELLO));
}

#[test]
fn run_takes_inputs_and_prints_the_result() {
    let dir = project(&[("a.plan", HELLO), ("in.json", "{\"name\":\"Bo\"}")]);
    assert_eq!(ok(dir.path(), &["run", "a.plan"]), "\"Hello, you\"\n");
    assert_eq!(ok(dir.path(), &["run", "a.plan#hello", "--input", "name=Al"]), "\"Hello, Al\"\n");
    assert_eq!(ok(dir.path(), &["run", "a.plan", "--inputs", "in.json"]), "\"Hello, Bo\"\n");
    let (exit, out, _) =
        finish_with(aos(dir.path()).args(["run", "a.plan", "--inputs", "-"]), "{\"name\":\"Cy\"}");
    assert_eq!((exit, out.as_str()), (0, "\"Hello, Cy\"\n"));
    assert_eq!(code(dir.path(), &["run", "a.plan", "--input", "nam=x"]).0, 2);
    assert_eq!(code(dir.path(), &["run", "a.plan", "--input", "x"]).0, 2);
    assert_eq!(code(dir.path(), &["run", "a.plan#helo"]).0, 2);
    assert_eq!(code(dir.path(), &["run", "nowhere.plan"]).0, 2);
}

#[test]
fn run_json_ends_with_the_whole_run() {
    let text = "plan p() -> string? {\n  step a = file.read(path: \"none.txt\")\n    on_error continue\n\n  step b = file.exists(path: endorse(a, \"a test\"))\n\n  step c = file.exists(path: \"aos.toml\")\n\n  return c ? \"there\" : null\n}\n";
    let dir = project(&[("p.plan", text)]);
    let out = ok(dir.path(), &["run", "p.plan", "--json", "--store", ":memory:"]);
    let last = finished(&out);
    assert_eq!(last["status"], "succeeded");
    assert_eq!(last["output"], "there");
    assert_eq!(last["error"], Value::Null);
    assert_eq!(last["steps"]["a"]["status"], "failed");
    assert_eq!(last["steps"]["b"]["status"], "skipped");
    assert!(last["steps"]["b"]["skipped_because"].as_str().unwrap().contains('a'));
    assert_eq!(last["steps"]["c"]["value"], true);
    assert_eq!(last["usage"]["calls"], 2);
    let started = out.lines().find(|l| l.contains("step_started")).unwrap();
    let started: Value = serde_json::from_str(started).unwrap();
    for key in ["run", "step", "attempt", "at"] {
        assert!(!started[key].is_null(), "{key}: {started}");
    }
    assert!(started["at"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    assert!(!dir.path().join(".aos").exists(), "nothing is kept with :memory:");
}

#[test]
fn a_failed_plan_is_exit_1_with_its_place() {
    let text = "plan p() -> int {\n  require 1 > 2 else \"one is not more than two\"\n  return 1\n}\n";
    let dir = project(&[("p.plan", text)]);
    let (exit, err) = code(dir.path(), &["run", "p.plan"]);
    assert_eq!(exit, 1, "{err}");
    assert!(err.contains("one is not more than two"), "{err}");
}

#[test]
fn dry_run_runs_nothing() {
    let text = "plan p() {\n  step w = file.write(path: \"x.txt\", content: \"x\")\n}\n";
    let dir = project(&[("p.plan", text)]);
    let (exit, out, err) = finish(aos(dir.path()).args(["run", "p.plan", "--dry-run"]));
    assert_eq!(exit, 0, "{err}");
    assert!(out.contains("nothing was run"), "{out}");
    assert!(!dir.path().join("x.txt").exists());
}

#[test]
fn runs_and_show_tell_of_a_run_that_ended() {
    let dir = project(&[("a.plan", HELLO)]);
    ok(dir.path(), &["run", "a.plan"]);
    let rows = ok(dir.path(), &["runs", "--json"]);
    let row: Value = serde_json::from_str(rows.lines().next().unwrap()).unwrap();
    assert_eq!(row["status"], "succeeded");
    assert_eq!(row["plan"], "hello");
    let run = row["run"].as_str().unwrap();
    let shown: Value = serde_json::from_str(&ok(dir.path(), &["show", run, "--json"])).unwrap();
    assert_eq!(shown["output"], "Hello, you");
    assert!(ok(dir.path(), &["show", run]).contains("result: \"Hello, you\""));
    assert_eq!(code(dir.path(), &["resume", run]).0, 2);
    assert_eq!(code(dir.path(), &["cancel", run]).0, 2);
    assert_eq!(code(dir.path(), &["show", "ffffffff"]).0, 2);
}

#[expect(
    clippy::zombie_processes,
    reason = "given to the caller, who waits for it; otherwise the test has failed"
)]
fn background(dir: &Path) -> (Child, String) {
    let child =
        aos(dir).args(["run", "slow.plan", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.unwrap();
    let start = Instant::now();
    // Looking for it sooner would only fight for the store.
    while !dir.join(".aos/aos.sock").exists() && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    loop {
        let (exit, out, err) = finish(aos(dir).args(["runs", "--json"]));
        assert!(start.elapsed() < Duration::from_secs(60), "no run is seen: {err}");
        // Once `first` is done the nap goes on.
        if exit == 0
            && let Some(line) = out.lines().next()
        {
            let row: Value = serde_json::from_str(line).unwrap();
            let run = row["run"].as_str().unwrap().to_owned();
            let (_, shown, _) = finish(aos(dir).args(["show", &run, "--json"]));
            let done = serde_json::from_str::<Value>(&shown)
                .is_ok_and(|s| s["steps"]["first"]["status"] == "succeeded");
            if done {
                assert_eq!(row["status"], "running", "the nap is over before anybody looked");
                return (child, run);
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn end(child: Child) -> (i32, Value) {
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code().unwrap_or(-1), finished(&out))
}

#[test]
fn cancel_reaches_a_live_run() {
    let dir = project(&[("slow.plan", SLOW), ("a.plan", HELLO)]);
    let (child, run) = background(dir.path());
    // A second run goes through the process that holds the store.
    assert_eq!(ok(dir.path(), &["run", "a.plan"]), "\"Hello, you\"\n");
    ok(dir.path(), &["cancel", &run]);
    let (exit, last) = end(child);
    assert_eq!((exit, last["status"].as_str()), (4, Some("cancelled")));
    let rows = ok(dir.path(), &["runs", "--json"]);
    assert!(rows.lines().any(|l| l.contains(&run) && l.contains("cancelled")), "{rows}");
}

#[test]
fn ctrl_c_pauses_and_resume_goes_on() {
    let dir = project(&[("slow.plan", SLOW)]);
    let (child, run) = background(dir.path());
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let (exit, last) = end(child);
    assert_eq!((exit, last["status"].as_str()), (130, Some("interrupted")));
    let out = ok(dir.path(), &["resume", &run, "--json"]);
    let last = finished(&out);
    assert_eq!((last["status"].as_str(), &last["output"]), (Some("succeeded"), &json!(7)));
    assert!(!out.contains("\"step\":\"first\""), "what was done is not done again: {out}");
}

#[test]
fn eval_evaluates_one_and_many() {
    let dir = project(&[]);
    assert_eq!(ok(dir.path(), &["eval", "size(xs) > 1", "--var", "xs=[1,2]"]).trim(), "true");
    assert_eq!(code(dir.path(), &["eval", "1 +"]).0, 1);
    let cases = concat!(
        r#"{"id":1,"expr":"x + 1","types":{"x":"int"},"vars":{"x":2}}"#,
        "\n",
        r#"{"id":2,"expr":"1 / 0"}"#,
        "\n",
        r#"{"id":3,"expr":"1 +"}"#,
        "\n"
    );
    let (exit, out, err) = finish_with(aos(dir.path()).args(["eval", "--jsonl"]), cases);
    assert_eq!(exit, 0, "{err}");
    let told: Vec<Value> = out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(told[0], json!({ "id": 1, "type": "int", "value": 3 }));
    assert!(told[1]["error"]["phase"] == "run" || told[1]["error"]["phase"] == "check", "{}", told[1]);
    assert_eq!(told[2]["error"]["phase"], "parse");
}

#[test]
fn explain_skills_graph_and_compile() {
    let dir = project(&[("slow.plan", SLOW)]);
    assert!(ok(dir.path(), &["explain", "unknown-skill"]).contains("unknown-skill"));
    assert_eq!(code(dir.path(), &["explain", "unknown-skil"]).0, 2);
    assert!(ok(dir.path(), &["explain", "--list"]).lines().count() > 50);
    assert!(ok(dir.path(), &["skills", "list"]).contains("http.get"));
    assert!(ok(dir.path(), &["skills", "show", "http.get"]).contains("skill http.get("));
    let schema: Value =
        serde_json::from_str(&ok(dir.path(), &["skills", "show", "http.get", "--format", "json-schema"]))
            .unwrap();
    assert!(schema.is_object());
    assert!(ok(dir.path(), &["graph", "slow.plan"]).contains("nap"));
    assert!(ok(dir.path(), &["graph", "slow.plan", "--format", "dot"]).starts_with("digraph"));
    assert!(ok(dir.path(), &["graph", "slow.plan", "--format", "mermaid"]).starts_with("flowchart"));
    assert!(ok(dir.path(), &["graph", "slow.plan", "--format", "svg"]).starts_with("<svg"));
    for stage in ["hir", "dag"] {
        let text = ok(dir.path(), &["compile", "slow.plan", "--emit", stage]);
        assert!(serde_json::from_str::<Value>(&text).unwrap().is_object(), "{stage}");
    }
    assert!(ok(dir.path(), &["completions", "bash"]).contains("aos"));
}

#[test]
fn a_store_in_use_by_a_stranger_is_exit_75() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = project(&[("slow.plan", SLOW)]);
    let (mut child, _) = background(dir.path());
    // Its socket is gone: nobody answers.
    std::fs::remove_file(dir.path().join(".aos/aos.sock")).unwrap();
    let (exit, err) = code(dir.path(), &["runs"]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(exit, 75, "{err}");
    let (child, _) = {
        std::fs::remove_dir_all(dir.path().join(".aos")).unwrap();
        background(dir.path())
    };
    let mode = std::fs::metadata(dir.path().join(".aos/aos.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(end(child));
}

#[test]
fn fix_mends_what_is_safe_and_says_what_is_left() {
    let bad = "plan p(repo: strng) -> json {\n  step a = http.gett(url: repo)\n\n  return a.jsn\n}\n";
    let good = bad.replace("strng", "string").replace("gett", "get").replace("jsn", "json");
    let dir = project(&[("a.plan", bad), ("b.plan", "plan p() { step a = http.get() }\n")]);
    let read = || std::fs::read_to_string(dir.path().join("a.plan")).unwrap();
    let (exit, out, _) = finish(aos(dir.path()).args(["fix", "--diff", "a.plan"]));
    assert_eq!((exit, read().as_str()), (0, bad), "nothing is written");
    assert!(out.contains("+  step a = http.get(url: repo)"), "{out}");
    let (exit, out, _) = finish_with(aos(dir.path()).args(["fix", "-"]), bad);
    assert_eq!((exit, out), (0, good.clone()));
    assert_eq!(code(dir.path(), &["fix", "a.plan"]).0, 0);
    assert_eq!(read(), good);
    let (exit, told) = code(dir.path(), &["fix", "a.plan", "b.plan"]);
    assert_eq!(exit, 1, "an error is left");
    assert!(told.contains("missing-argument") && told.contains("1 error left"), "{told}");
}
