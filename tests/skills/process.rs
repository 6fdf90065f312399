use super::{call, config, fails, run, secret};
use aos::runtime::skill::config::ProcessConfig;
use aos::runtime::skill::{Provider, Skills};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A provider that does as the skill's name says.
const PROVIDER: &str = r#"
import json, os, sys, threading, time

lock = threading.Lock()

def say(text):
    with lock:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

def answer(id, result):
    say(json.dumps({"id": id, "result": result}))

def handle(call):
    id, name, args = call["id"], call["skill"].split(".")[1], call["args"]
    if name == "add":
        answer(id, args["a"] + args["b"])
    elif name == "pid":
        answer(id, os.getpid())
    elif name == "key":
        answer(id, call["idempotency_key"])
    elif name == "env":
        answer(id, dict(os.environ))
    elif name == "slow":
        time.sleep(args["s"])
        answer(id, args["s"])
    elif name == "never":
        pass
    elif name == "fail":
        say(json.dumps({"id": id, "error": {"kind": "odd", "message": "no", "retry_after_ms": 5}}))
    elif name == "garbage":
        for _ in range(args["n"]):
            say("loading " + "x" * 500)
        answer(id, "ok")
    elif name == "die":
        sys.stderr.write("it broke with " + args.get("s", "") + "\n")
        sys.stderr.flush()
        os._exit(3)
    elif name == "bye":
        answer(id, "bye")
        os._exit(0)
    elif name == "huge":
        with lock:
            sys.stdout.write('{"id": %d, "result": "' % id)
            for _ in range(200):
                sys.stdout.write("x" * 1000000)
            sys.stdout.write('"}\n')
            sys.stdout.flush()
    elif name == "child":
        import subprocess
        child = subprocess.Popen(["sleep", "60"])
        answer(id, child.pid)

for line in sys.stdin:
    threading.Thread(target=handle, args=(json.loads(line),), daemon=True).start()
"#;

fn skills(root: &Path) -> Arc<Skills> {
    std::fs::write(root.join("provider.py"), PROVIDER).unwrap();
    let mut config = config(root);
    let mut process = ProcessConfig::new(["python3", "provider.py"]);
    process.env.insert("OWN".into(), "1".into());
    config.namespaces.insert("p".into(), Provider::Process(process));
    let broken = ProcessConfig::new(["./no-such-program"]);
    config.namespaces.insert("broken".into(), Provider::Process(broken));
    let dying = ProcessConfig::new(["python3", "-c", "import sys; sys.exit('cannot start')"]);
    config.namespaces.insert("dying".into(), Provider::Process(dying));
    Arc::new(Skills::new(config))
}

fn alive(pid: &serde_json::Value) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !status.is_empty() && !status.contains(") Z ")
}

#[tokio::test]
async fn one_process_answers_many() {
    let folder = tempfile::tempdir().unwrap();
    let skills = skills(folder.path());
    assert_eq!(run(&skills, "p.add", json!({ "a": 1, "b": 2 })).await.unwrap(), 3);
    assert_eq!(run(&skills, "p.key", json!({})).await.unwrap(), "key-1");
    let failure = run(&skills, "p.fail", json!({})).await.unwrap_err();
    assert_eq!((failure.kind.as_ref(), failure.retry_after_ms), ("odd", Some(5)));
    let environment = run(&skills, "p.env", json!({})).await.unwrap();
    assert_eq!(environment["OWN"], "1");
    assert!(environment.get("CARGO_PKG_NAME").is_none(), "{environment}");
    let pid = run(&skills, "p.pid", json!({})).await.unwrap();
    assert_eq!(run(&skills, "p.pid", json!({})).await.unwrap(), pid);
    skills.shutdown().await;
    assert!(!alive(&pid));
}

#[tokio::test]
async fn calls_run_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let skills = skills(folder.path());
    run(&skills, "p.pid", json!({})).await.unwrap();
    let start = Instant::now();
    let calls = (0..200).map(|_| run(&skills, "p.slow", json!({ "s": 0.5 })));
    let results = futures_util::future::join_all(calls).await;
    assert!(results.iter().all(|result| result.as_ref().unwrap() == &json!(0.5)));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[tokio::test]
async fn garbage_is_forgiven_twice() {
    let folder = tempfile::tempdir().unwrap();
    let skills = skills(folder.path());
    let pid = run(&skills, "p.pid", json!({})).await.unwrap();
    assert_eq!(run(&skills, "p.garbage", json!({ "n": 2 })).await.unwrap(), "ok");
    let failure = run(&skills, "p.garbage", json!({ "n": 3 })).await.unwrap_err();
    assert_eq!(failure.kind.as_ref(), "invalid_output");
    assert!(failure.message.contains("loading xxx") && failure.message.len() < 500, "{}", failure.message);
    assert_ne!(run(&skills, "p.pid", json!({})).await.unwrap(), pid);
}

#[tokio::test]
async fn late_answers_are_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let skills = skills(folder.path());
    let pid = run(&skills, "p.pid", json!({})).await.unwrap();
    for (skill, seconds) in [("p.slow", 0.3), ("p.never", 0.0)] {
        let call = run(&skills, skill, json!({ "s": seconds }));
        assert!(tokio::time::timeout(Duration::from_millis(100), call).await.is_err());
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(run(&skills, "p.pid", json!({})).await.unwrap(), pid);
}

#[tokio::test]
async fn a_death_fails_what_is_in_flight() {
    let folder = tempfile::tempdir().unwrap();
    let skills = skills(folder.path());
    let pid = run(&skills, "p.pid", json!({})).await.unwrap();
    let waiting = tokio::spawn({
        let skills = Arc::clone(&skills);
        async move { run(&skills, "p.never", json!({})).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut die = call("p.die", json!({}));
    die.args.insert("s".into(), secret(""));
    let failure = skills.call(die).await.unwrap_err();
    assert_eq!(failure.kind.as_ref(), "unavailable");
    assert!(failure.message.contains("exit status: 3"), "{}", failure.message);
    assert!(failure.message.contains("it broke with [secret]"), "{}", failure.message);
    assert_eq!(waiting.await.unwrap().unwrap_err().kind.as_ref(), "unavailable");
    assert_ne!(run(&skills, "p.pid", json!({})).await.unwrap(), pid);
    assert_eq!(run(&skills, "p.bye", json!({})).await.unwrap(), "bye");
}

#[tokio::test]
async fn what_cannot_start() {
    let folder = tempfile::tempdir().unwrap();
    let skills = skills(folder.path());
    let failure = run(&skills, "broken.x", json!({})).await.unwrap_err();
    assert_eq!(failure.kind.as_ref(), "unavailable");
    assert!(failure.message.contains("[skills.broken]"), "{}", failure.message);
    let start = Instant::now();
    for _ in 0..4 {
        let failure = run(&skills, "dying.x", json!({})).await.unwrap_err();
        assert!(failure.message.contains("cannot start"), "{}", failure.message);
    }
    // No wait, none, 100 ms, 200 ms.
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_huge_answer_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let skills = skills(folder.path());
    assert_eq!(fails(&skills, "p.huge", json!({})).await, "invalid_output");
    assert_eq!(run(&skills, "p.add", json!({ "a": 1, "b": 2 })).await.unwrap(), 3);
}

#[tokio::test]
async fn grandchildren_end_too() {
    let folder = tempfile::tempdir().unwrap();
    let skills = skills(folder.path());
    let child = run(&skills, "p.child", json!({})).await.unwrap();
    assert!(alive(&child));
    skills.shutdown().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!alive(&child));
}
