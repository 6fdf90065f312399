//! People and signals with the real program: a run waits in the store, another process answers.

use crate::support::{aos, finish, finished, folder};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const CONFIG: &str =
    "[project]\nname = \"t\"\nallow_as = true\n\n[people]\nops = [\"ada\", \"bo\"]\nlead = [\"cy\"]\n";

fn project(plan: &str) -> TempDir {
    folder(&[("aos.toml", CONFIG), ("p.plan", plan)])
}

const APPROVE: &str = r#"plan p(to: string = "out.txt") -> bool {
  step draft = file.write(path: to, content: "hello")
    approve "Write ${to}?" by "ops"

  return file_is_there(to)
}
"#;

fn approve_plan() -> String {
    APPROVE.replace(
        "return file_is_there(to)",
        "step there = file.exists(path: to)\n    depends_on [draft]\n\n  return there",
    )
}

/// Runs a plan until it is suspended; its id.
fn suspended(dir: &Path, args: &[&str]) -> (String, Value) {
    let (code, out, err) = finish(aos(dir).args(["run", "p.plan", "--json"]).args(args));
    assert_eq!(code, 3, "{out}{err}");
    let last = finished(&out);
    assert_eq!(last["status"], "suspended", "{last:#}");
    (last["run"].as_str().unwrap().to_owned(), last)
}

fn refused(dir: &Path, args: &[&str]) -> String {
    let (code, out, err) = finish(aos(dir).args(args));
    assert_eq!(code, 2, "{args:?}: {out}{err}");
    err
}

fn last(dir: &Path, exit: i32, args: &[&str]) -> Value {
    let (code, out, err) = finish(aos(dir).args(args));
    assert_eq!(code, exit, "{args:?}: {out}{err}");
    finished(&out)
}

#[test]
fn a_run_waits_for_approval_and_another_process_gives_it() {
    let dir = project(&approve_plan());
    let (run, told) = suspended(dir.path(), &[]);
    assert!(!dir.path().join("out.txt").exists(), "written before it was approved");
    let ask = &told["waiting"][0];
    assert_eq!(ask["question"], "Write out.txt?");
    assert_eq!(ask["arguments"], json!({ "path": "out.txt", "content": "hello" }));
    assert_eq!(ask["command"], format!("aos approve {run} draft"));
    // What it waits for is seen in the list, in words and as JSON.
    let (_, rows, _) = finish(aos(dir.path()).args(["runs"]));
    assert!(rows.contains("suspended") && rows.contains("approval by ops: Write out.txt?"), "{rows}");
    assert!(rows.contains(&format!("aos approve {run} draft")), "{rows}");
    let (_, shown, _) = finish(aos(dir.path()).args(["show", &run]));
    assert!(shown.contains("content: \"hello\"") && shown.contains("may answer: ops"), "{shown}");
    // Going on without an answer changes nothing.
    assert_eq!(last(dir.path(), 3, &["resume", &run, "--json"])["status"], "suspended");
    let end = last(dir.path(), 0, &["approve", &run, "draft", "--as", "ada", "--comment", "fine", "--json"]);
    assert_eq!((&end["status"], &end["output"]), (&json!("succeeded"), &json!(true)));
    let decision = &end["steps"]["draft"]["decisions"][0];
    assert_eq!((&decision["by"], &decision["comment"]), (&json!("ada"), &json!("fine")));
    let err = refused(dir.path(), &["approve", &run, "draft", "--as", "ada"]);
    assert!(err.contains("has ended already"), "{err}");
    let (_, shown, _) = finish(aos(dir.path()).args(["show", &run]));
    assert!(shown.contains("approved by ada"), "{shown}");
}

#[test]
fn the_wrong_person_is_refused_in_clear_words() {
    let dir = project(&approve_plan());
    let (run, _) = suspended(dir.path(), &[]);
    let err = refused(dir.path(), &["approve", &run, "draft", "--as", "eve"]);
    assert!(err.contains("`eve` may not answer `draft`, which asks `ops`; `ops` is ada, bo"), "{err}");
    let err = refused(dir.path(), &["approve", &run, "darft", "--as", "ada"]);
    assert!(err.contains("no step `darft`") && err.contains("`draft`"), "{err}");
    let err = refused(dir.path(), &["answer", &run, "draft", "yes", "--as", "ada"]);
    assert!(err.contains("asks for yes or no"), "{err}");
    let err = refused(dir.path(), &["approve", &run, "draft", "--as", "ada", "--digest", "00"]);
    assert!(err.contains("something else than what was shown"), "{err}");
    // Without `allow_as` only the login counts.
    std::fs::write(dir.path().join("aos.toml"), CONFIG.replace("allow_as = true", "allow_as = false"))
        .unwrap();
    let err = refused(dir.path(), &["approve", &run, "draft", "--as", "ada"]);
    assert!(err.contains("allow_as = true"), "{err}");
    let err = refused(dir.path(), &["approve", &run, "draft"]);
    assert!(err.contains("may not answer"), "{err}");
    // What was refused is not on record, and who holds a role is read anew.
    let (_, shown, _) = finish(aos(dir.path()).args(["show", &run, "--json"]));
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["steps"]["draft"]["decisions"], Value::Null);
    std::fs::write(dir.path().join("aos.toml"), CONFIG.replace("\"bo\"", "\"eve\"")).unwrap();
    last(dir.path(), 0, &["approve", &run, "draft", "--as", "eve", "--json"]);
}

#[test]
fn a_denial_ends_the_run() {
    let dir = project(&approve_plan());
    let (run, _) = suspended(dir.path(), &[]);
    let end = last(
        dir.path(),
        1,
        &["approve", &run, "draft", "--deny", "--comment", "not today", "--as", "bo", "--json"],
    );
    assert_eq!(end["error"]["kind"], "denied");
    assert_eq!(end["error"]["message"], "bo denied it: not today");
    assert!(!dir.path().join("out.txt").exists());
}

#[test]
fn a_quorum_takes_different_people() {
    let dir = project(&approve_plan().replace("by \"ops\"", "by \"ops\" quorum 2"));
    let (run, _) = suspended(dir.path(), &[]);
    let one = last(dir.path(), 3, &["approve", &run, "draft", "--as", "ada", "--json"]);
    assert_eq!(one["waiting"][0]["approvals"], json!(["ada"]));
    let err = refused(dir.path(), &["approve", &run, "draft", "--as", "ada"]);
    assert!(err.contains("`ada` has approved `draft` already"), "{err}");
    assert!(!dir.path().join("out.txt").exists());
    let end = last(dir.path(), 0, &["approve", &run, "draft", "--as", "bo", "--json"]);
    assert_eq!(end["steps"]["draft"]["decisions"].as_array().unwrap().len(), 2);
}

#[test]
fn a_question_expires() {
    let plan = approve_plan().replace("by \"ops\"", "by \"ops\" within 10m");
    let dir = project(&plan);
    let (run, told) = suspended(dir.path(), &[]);
    assert!(told["waiting"][0]["until"].is_string());
    assert_eq!(last(dir.path(), 3, &["resume", &run, "--json"])["status"], "suspended", "it is not due yet");
    let (code, _, err) = finish(aos(dir.path()).args(["resume", "--due"]));
    assert_eq!(code, 0, "nothing is due: {err}");
    // A question of a moment keeps the process, and expires there.
    let dir = project(&plan.replace("10m", "300ms"));
    let end = last(dir.path(), 1, &["run", "p.plan", "--json"]);
    assert_eq!(end["error"]["kind"], "expired");
}

#[test]
fn questions_and_reviews_take_typed_answers() {
    let plan = r#"plan p() -> { size: int, text: string } {
  step size = human.ask<int>(question: "How large?", by: "ops")

  step text = human.review<string>(value: "draft ${size}", question: "Good?")

  return { size: size, text: text }
}
"#;
    let dir = project(plan);
    let (run, told) = suspended(dir.path(), &[]);
    assert_eq!(told["waiting"][0]["type"], "int");
    let err = refused(dir.path(), &["answer", &run, "size", "large", "--as", "ada"]);
    assert!(err.contains("`size` asks for `int`"), "{err}");
    let err = refused(dir.path(), &["answer", &run, "size", "1.5", "--as", "ada"]);
    assert!(err.contains("expected `int`, found float 1.5"), "{err}");
    let err = refused(dir.path(), &["approve", &run, "size", "--as", "ada"]);
    assert!(err.contains("aos answer RUN size VALUE"), "{err}");
    let next = last(dir.path(), 3, &["answer", &run, "size", "-4", "--as", "ada", "--json"]);
    assert_eq!(next["waiting"][0]["value"], "draft -4");
    let end = last(dir.path(), 0, &["approve", &run, "text", "--json"]);
    assert_eq!(end["output"], json!({ "size": -4, "text": "draft -4" }));
}

#[test]
fn a_signal_may_come_early_and_must_fit() {
    let plan = r#"plan p() -> int {
  step go = human.ask<string>(question: "Go?")

  step paid = signal.wait<{ amount: int }>(name: "paid")
    depends_on [go]

  return paid.amount
}
"#;
    let dir = project(plan);
    let (run, _) = suspended(dir.path(), &[]);
    let err = refused(dir.path(), &["signal", &run, "piad", "1"]);
    assert!(err.contains("did you mean `paid`?"), "{err}");
    let err = refused(dir.path(), &["signal", &run, "paid", "1"]);
    assert!(err.contains("the signal `paid` takes `{ amount: int }`"), "{err}");
    let early = last(dir.path(), 3, &["signal", &run, "paid", r#"{"amount": 12}"#, "--json"]);
    assert_eq!(early["status"], "suspended");
    let end = last(dir.path(), 0, &["answer", &run, "go", "yes", "--json"]);
    assert_eq!(end["output"], 12);
}

#[test]
fn a_killed_process_loses_no_question() {
    // The slow call keeps the process while somebody is asked.
    let plan = r#"plan p() -> string {
  step nap = time.sleep(duration: 20s)

  step name = human.ask<string>(question: "Name?")

  return name
}
"#;
    let dir = project(plan);
    let mut child = aos(dir.path())
        .args(["run", "p.plan", "--json"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let run = loop {
        assert!(start.elapsed() < Duration::from_secs(60), "no run is seen");
        std::thread::sleep(Duration::from_millis(50));
        let (_, out, _) = finish(aos(dir.path()).args(["runs", "--json"]));
        let row = out.lines().next().and_then(|l| serde_json::from_str::<Value>(l).ok());
        let Some(run) = row.and_then(|r| Some(r["run"].as_str()?.to_owned())) else { continue };
        let (_, shown, _) = finish(aos(dir.path()).args(["show", &run, "--json"]));
        if shown.contains("Name?") {
            break run;
        }
    };
    // The live process takes the answer of another through the socket: refused, then taken.
    let (code, _, err) = finish(aos(dir.path()).args(["signal", &run, "x", "1"]));
    assert_eq!(code, 2, "{err}");
    child.kill().unwrap();
    child.wait().unwrap();
    let (_, rows, _) = finish(aos(dir.path()).args(["runs"]));
    assert!(rows.contains("interrupted"), "{rows}");
    // Taken up by the answer, it goes on with the nap.
    let mut child = aos(dir.path())
        .args(["answer", &run, "name", "Al", "--json"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    loop {
        assert!(start.elapsed() < Duration::from_secs(90), "the answer is not seen");
        let (_, shown, _) = finish(aos(dir.path()).args(["show", &run, "--json"]));
        let shown = serde_json::from_str::<Value>(&shown).unwrap_or_default();
        if shown["steps"]["name"]["value"] == "Al" {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    finish(aos(dir.path()).args(["cancel", &run]));
}

#[test]
fn an_answer_reaches_a_live_run_through_the_socket() {
    let plan = r#"plan p() -> string {
  step nap = time.sleep(duration: 3s)

  step name = human.ask<string>(question: "Name?")

  return name
}
"#;
    let dir = project(plan);
    let child = aos(dir.path())
        .args(["run", "p.plan", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < Duration::from_secs(60), "no run is seen");
        std::thread::sleep(Duration::from_millis(30));
        let (_, out, _) = finish(aos(dir.path()).args(["runs", "--json"]));
        let row = out.lines().next().and_then(|l| serde_json::from_str::<Value>(l).ok());
        let Some(run) = row.and_then(|r| Some(r["run"].as_str()?.to_owned())) else { continue };
        let (code, _, _) = finish(aos(dir.path()).args(["answer", &run, "name", "Al"]));
        if code == 0 {
            break;
        }
    }
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{out}");
    assert_eq!(finished(&out)["output"], "Al");
}

#[test]
fn a_key_starts_a_run_once() {
    let dir = project(
        "plan p(n: int) -> int {\n  step q = human.ask<int>(question: \"More?\")\n\n  return n + q\n}\n",
    );
    let (run, _) = suspended(dir.path(), &["--input", "n=1", "--key", "monday"]);
    let (again, _) = suspended(dir.path(), &["--input", "n=1", "--key", "monday"]);
    assert_eq!(run, again);
    let err = refused(dir.path(), &["run", "p.plan", "--input", "n=2", "--key", "monday"]);
    assert!(err.contains("the key `monday` stands for run") && err.contains("other inputs"), "{err}");
    let (other, _) = suspended(dir.path(), &["--input", "n=2", "--key", "tuesday"]);
    assert_ne!(run, other);
    last(dir.path(), 0, &["answer", &run, "q", "4", "--json"]);
    let end = last(dir.path(), 0, &["run", "p.plan", "--input", "n=1", "--key", "monday", "--json"]);
    assert_eq!((end["run"].as_str(), &end["output"]), (Some(run.as_str()), &json!(5)));
    let (_, rows, _) = finish(aos(dir.path()).args(["runs", "--json"]));
    assert_eq!(rows.lines().count(), 2, "{rows}");
}

const COUNTER: &str = r#"import json, sys
calls = 0
for line in sys.stdin:
    request = json.loads(line)
    with open("calls.log", "a") as log:
        log.write(request["skill"] + " " + request["idempotency_key"] + "\n")
    n = request["args"].get("n", 0)
    if n < 0:
        reply = {"error": {"kind": "unavailable", "message": "down"}}
    else:
        reply = {"result": n + 1}
    print(json.dumps({"id": request["id"], **reply}), flush=True)
"#;

fn counting(plan: &str) -> TempDir {
    let config = format!(
        "{}\n[skills.c]\nprovider = \"process\"\ncommand = [\"python3\", \"c.py\"]\n",
        CONFIG.replace("name = \"t\"", "name = \"t\"\nskills = [\"skills\"]")
    );
    let skills = "/// Adds one.\nskill c.read(n: int) -> int\n  reads \"c\"\n\n/// Acts.\nskill c.act(n: int) -> int\n  writes \"c\"\n  idempotent by key\n\n/// Slow by agreement.\nskill c.slow(n: int) -> int\n  reads \"c\"\n  rate 4/s\n";
    folder(&[("aos.toml", &config), ("skills/c.plan", skills), ("c.py", COUNTER), ("p.plan", plan)])
}

fn calls(dir: &Path) -> Vec<(String, String)> {
    let log = std::fs::read_to_string(dir.join("calls.log")).unwrap_or_default();
    log.lines().filter_map(|l| l.split_once(' ')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

#[test]
fn cache_keeps_results_across_runs_until_they_expire() {
    let plan = "plan p(n: int, keep: duration = 1h) -> int {\n  step a = c.read(n: n)\n    cache keep\n\n  return a\n}\n";
    let dir = counting(plan);
    let run = |inputs: &[&str]| {
        let inputs = inputs.iter().flat_map(|i| ["--input", *i]);
        let args: Vec<&str> = ["run", "p.plan", "--json"].into_iter().chain(inputs).collect();
        let end = last(dir.path(), 0, &args);
        (end["output"].clone(), end["steps"]["a"]["reused"].clone())
    };
    assert_eq!(run(&["n=1"]), (json!(2), Value::Null));
    assert_eq!(run(&["n=1"]), (json!(2), json!("cache")));
    assert_eq!(run(&["n=5"]), (json!(6), Value::Null));
    assert_eq!(calls(dir.path()).len(), 2);
    assert_eq!(run(&["n=7", "keep=1s"]), (json!(8), Value::Null));
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(run(&["n=7", "keep=1s"]), (json!(8), Value::Null));
    assert_eq!(calls(dir.path()).len(), 4);
}

#[test]
fn a_key_makes_a_call_once_for_all_runs() {
    let plan = "plan p(id: string, n: int = 1) -> int {\n  step a = c.act(n: n)\n    key \"order ${id}\"\n\n  return a\n}\n";
    let dir = counting(plan);
    let run = |id: &str, n: i32, exit| {
        let (id, n) = (format!("id={id}"), format!("n={n}"));
        last(dir.path(), exit, &["run", "p.plan", "--json", "--input", &id, "--input", &n])
    };
    let first = run("7", 1, 0);
    let second = run("7", 1, 0);
    assert_eq!(second["output"], 2);
    assert_eq!(second["steps"]["a"]["reused"], first["run"]);
    let other = run("7", 2, 1);
    assert_eq!(other["error"]["kind"], "invalid_input");
    assert!(other["error"]["message"].as_str().unwrap().contains("other arguments"), "{other}");
    // What failed may be tried again under its key.
    assert_eq!(run("8", -1, 1)["error"]["kind"], "unavailable");
    assert_eq!(run("8", -1, 1)["error"]["kind"], "unavailable");
    assert_eq!(run("9", 1, 0)["output"], 2);
    let calls = calls(dir.path());
    assert_eq!(calls.len(), 4, "{calls:?}");
    assert_eq!(calls[1].1, calls[2].1, "the skill gets the same key in every run");
    assert_ne!(calls[0].1, calls[3].1);
}

#[test]
fn rate_holds_calls_back() {
    let plan = "plan p() -> list<int> {\n  step all = for n in [1, 2, 3, 4, 5, 6, 7, 8, 9] parallel 9 {\n    step a = c.slow(n: n)\n    return a\n  }\n\n  return all\n}\n";
    let dir = counting(plan);
    let start = Instant::now();
    let end = last(dir.path(), 0, &["run", "p.plan", "--json"]);
    assert_eq!(end["output"], json!([2, 3, 4, 5, 6, 7, 8, 9, 10]));
    assert!(start.elapsed() >= Duration::from_secs(2), "nine calls at four a second: {:?}", start.elapsed());
}

#[test]
fn killed_at_any_moment_an_approval_is_neither_lost_nor_made_twice() {
    let plan = "plan p() -> int {\n  step a = c.act(n: 1)\n    approve \"Act?\" by \"ops\"\n\n  step b = c.act(n: a)\n    approve \"And again?\" by \"ops\"\n\n  return b\n}\n";
    let dir = counting(plan);
    let (run, _) = suspended(dir.path(), &[]);
    let mut kills = 0;
    for round in 0..200_u64 {
        let looking = Instant::now();
        let (_, shown, _) = finish(aos(dir.path()).args(["show", &run, "--json"]));
        // What a command takes on this machine now. Each fourth life is left to go on: a run whose process ends five times
        // without progress is put aside.
        let unit = looking.elapsed();
        let shown: Value = serde_json::from_str(&shown).unwrap();
        if shown["status"] == "succeeded" {
            break;
        }
        let step = if shown["steps"]["a"]["status"] == "succeeded" { "b" } else { "a" };
        // Approved already and killed since: only going on is left.
        let asked = shown["waiting"].as_array().is_some_and(|w| !w.is_empty());
        let args: &[&str] = if asked { &["approve", &run, step, "--as", "ada"] } else { &["resume", &run] };
        let mut child =
            aos(dir.path()).args(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let start = Instant::now();
        let patience = match round % 4 {
            3 => Duration::from_secs(20),
            _ => unit * u32::try_from(50 + (round * 37) % 260 + round * 5).unwrap() / 100,
        };
        while child.try_wait().unwrap().is_none() && start.elapsed() < patience {
            std::thread::sleep(Duration::from_millis(1));
        }
        kills += u32::from(child.kill().is_ok() && child.wait().unwrap().code().is_none());
    }
    let (_, shown, _) = finish(aos(dir.path()).args(["show", &run, "--json"]));
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["status"], &shown["output"]), (&json!("succeeded"), &json!(3)), "{shown:#}");
    for step in ["a", "b"] {
        assert_eq!(shown["steps"][step]["decisions"].as_array().unwrap().len(), 1, "{shown:#}");
    }
    // A call that was cut off is made again, under its key and no other.
    let keys: std::collections::BTreeSet<String> =
        calls(dir.path()).into_iter().map(|(_, key)| key).collect();
    assert_eq!(keys.len(), 2);
    assert!(kills > 0, "nothing was killed");
}

const TYPES: &str = r#"import os, pty, sys
program, answers = sys.argv[1], sys.argv[2].split(",")
pid, terminal = pty.fork()
if pid == 0:
    os.environ.update(TERM="dumb", NO_COLOR="1")
    os.execv(program, [program, "run", "p.plan"])
told, seen = b"", 0
while True:
    try:
        some = os.read(terminal, 4096)
    except OSError:
        break
    if not some:
        break
    told += some
    if told.count(b"Enter for later: ") > seen:
        os.write(terminal, (answers[seen] + "\n").encode())
        seen += 1
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(told)
sys.exit(os.waitstatus_to_exitcode(status))
"#;

#[test]
fn in_a_terminal_questions_are_answered_there() {
    let plan = "plan p() -> int {\n  step n = human.ask<int>(question: \"How many?\")\n\n  step t = json.parse(text: string(n))\n    approve \"Take ${n}?\"\n\n  return int(t)\n}\n";
    let dir = project(plan);
    std::fs::write(dir.path().join("types.py"), TYPES).unwrap();
    let program = aos(dir.path()).get_program().to_owned();
    let typed = |answers: &str| {
        let mut command = std::process::Command::new("python3");
        command.current_dir(dir.path()).env_remove("AOS_STORE").arg("types.py").arg(&program).arg(answers);
        finish(&mut command)
    };
    let (code, out, err) = typed("5,y");
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("Take 5?") && out.trim_end().ends_with('5'), "{out}");
    let (code, out, _) = typed("5,");
    assert_eq!(code, 3, "left for later: {out}");
    let (code, out, _) = typed("five");
    assert_eq!(code, 3, "refused: {out}");
    assert!(out.contains("`n` asks for `int`"), "{out}");
}

#[test]
fn a_call_that_waits_for_its_rate_is_not_in_doubt() {
    let plan = "plan p() -> int {\n  step a = c.once(n: 1)\n\n  step b = c.once(n: a)\n\n  return b\n}\n";
    let dir = counting(plan);
    let skills = "/// Acts each time.\nskill c.once(n: int) -> int\n  writes \"c\"\n  rate 1/min\n";
    std::fs::write(dir.path().join("skills/c.plan"), skills).unwrap();
    let mut child =
        aos(dir.path()).args(["run", "p.plan"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    // The first call is made and told; the second has to wait for a minute.
    let run = loop {
        assert!(start.elapsed() < Duration::from_secs(40), "the first call is not seen");
        std::thread::sleep(Duration::from_millis(50));
        let (_, rows, _) = finish(aos(dir.path()).args(["runs", "--json"]));
        let Some(row) = rows.lines().next().and_then(|l| serde_json::from_str::<Value>(l).ok()) else {
            continue;
        };
        let run = row["run"].as_str().unwrap().to_owned();
        let (_, shown, _) = finish(aos(dir.path()).args(["show", &run, "--json"]));
        let shown = serde_json::from_str::<Value>(&shown).unwrap_or_default();
        if shown["steps"]["a"]["status"] == "succeeded" {
            break run;
        }
    };
    child.kill().unwrap();
    child.wait().unwrap();
    // Another process knows of no calls yet: it makes the second at once, and does not doubt it.
    let end = last(dir.path(), 0, &["resume", &run, "--json"]);
    assert_eq!(end["output"], 3);
    assert_eq!(calls(dir.path()).len(), 2);
    // Whoever waits for a rate is let go at once when the run is cancelled.
    let second = Instant::now();
    let mut child =
        aos(dir.path()).args(["run", "p.plan"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while calls(dir.path()).len() < 3 {
        assert!(second.elapsed() < Duration::from_secs(40), "the call is not seen");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(300));
    let (_, rows, _) = finish(aos(dir.path()).args(["runs", "--limit", "1", "--json"]));
    let row: Value = serde_json::from_str(rows.lines().next().unwrap()).unwrap();
    let (code, _, err) = finish(aos(dir.path()).args(["cancel", row["run"].as_str().unwrap()]));
    assert_eq!(code, 0, "{err}");
    assert_eq!(child.wait().unwrap().code(), Some(4));
    assert!(second.elapsed() < Duration::from_secs(55), "it waited for its rate");
    assert_eq!(calls(dir.path()).len(), 3, "cancelled before it was made");
}

#[test]
fn a_suspended_run_can_be_cancelled() {
    let dir = project(&approve_plan());
    let (run, _) = suspended(dir.path(), &[]);
    let (code, _, err) = finish(aos(dir.path()).args(["cancel", &run, "--reason", "no need"]));
    assert_eq!(code, 0, "{err}");
    let (_, rows, _) = finish(aos(dir.path()).args(["runs"]));
    assert!(rows.contains("cancelled") && !rows.contains("waits for"), "{rows}");
    assert!(refused(dir.path(), &["approve", &run, "draft", "--as", "ada"]).contains("has ended already"));
}

/// A store with a run that was suspended three hours ago and whose question has expired since.
fn overdue() -> (TempDir, uuid::Uuid) {
    use aos::runtime::store::Store;
    use aos::runtime::store::disk::{DiskOptions, DiskStore};
    let dir = project("plan p() -> int {\n  step n = time.sleep(duration: 2s)\n\n  return 1\n}\n");
    let store: std::sync::Arc<dyn Store> =
        std::sync::Arc::new(DiskStore::open(&DiskOptions::new(dir.path().join(".aos"))).unwrap());
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let run = tokio.block_on(crate::runs::suspended_hours_ago(&store, 3));
    store.close().unwrap();
    (dir, run)
}

#[test]
fn what_is_due_is_taken_up_when_somebody_asks() {
    let (dir, run) = overdue();
    let (_, rows, _) = finish(aos(dir.path()).args(["runs"]));
    assert!(rows.contains("suspended"), "looking changes nothing: {rows}");
    let (code, _, err) = finish(aos(dir.path()).args(["resume", "--due"]));
    assert_eq!(code, 1, "{err}");
    assert!(err.contains(&format!("run {run} is failed")), "{err}");
    let (_, rows, _) = finish(aos(dir.path()).args(["runs"]));
    assert!(rows.contains("expired: nobody answered"), "{rows}");
}

#[test]
fn a_live_process_takes_up_what_is_due() {
    let (dir, run) = overdue();
    let (code, _, err) = finish(aos(dir.path()).args(["run", "p.plan"]));
    assert_eq!(code, 0, "{err}");
    let (_, rows, _) = finish(aos(dir.path()).args(["runs", "--json"]));
    let row = rows.lines().find(|l| l.contains(&run.to_string())).unwrap();
    assert!(row.contains("\"status\":\"failed\"") && row.contains("expired"), "{row}");
}
