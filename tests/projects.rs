//! `aos init` and `aos doctor`.

use crate::support::{aos, finish, folder};
use serde_json::Value;
use std::path::Path;

#[track_caller]
fn ok(dir: &Path, args: &[&str]) -> String {
    let (code, out, err) = finish(aos(dir).args(args));
    assert_eq!(code, 0, "{args:?}: {out}{err}");
    out
}

#[test]
fn a_new_project_checks_passes_its_tests_and_runs() {
    let dir = tempfile::tempdir().unwrap();
    ok(dir.path(), &["init", "my \"first\""]);
    let project = dir.path().join("my \"first\"");
    ok(&project, &["check", "--deny", "warnings", "plans/first.plan"]);
    ok(&project, &["fmt", "--check", "plans/first.plan"]);
    ok(&project, &["test", "plans/first.plan", "--inject", "crash"]);
    let out: Value = serde_json::from_str(&ok(&project, &["run", "plans/first.plan"])).unwrap();
    assert_eq!(out["notes"], 1);
    assert!(out["words"].as_i64().unwrap() > 10, "{out}");
    let health = ok(&project, &["doctor"]);
    assert!(health.contains("1 plan file(s) in `plans` check") && !health.contains('✗'), "{health}");
    let config = std::fs::read_to_string(project.join("aos.toml")).unwrap();
    assert!(
        config.contains("name = 'my \"first\"'") || config.contains(r#"name = "my \"first\"""#),
        "{config}"
    );
    assert_eq!(std::fs::read_to_string(project.join(".gitignore")).unwrap(), "# Runs are kept here\n.aos/\n");
    let (code, _, err) = finish(aos(&project).args(["init"]));
    assert!(code == 2 && err.contains("is a project already"), "{code} {err}");
}

#[test]
fn init_keeps_what_is_there() {
    let dir = folder(&[(".gitignore", "target"), ("plans/first.plan", "plan mine() { }\n")]);
    ok(dir.path(), &["init", "--name", "x"]);
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    assert_eq!(read(".gitignore"), "target\n# Runs are kept here\n.aos/\n");
    assert_eq!(read("plans/first.plan"), "plan mine() { }\n");
}

#[test]
fn doctor_names_what_is_missing_and_how_to_mend_it() {
    let config = "[project]
name = \"t\"
plans = \"plans\"
skills = [\"skills\"]
[skills.lab]
provider = \"process\"
command = [\"no-such-program-here\", \"x.py\"]
[skills.two]
provider = \"process\"
command = [\"sh\", \"skills/lost.sh\"]
[secrets]
TOKEN = \"env:AOS_TEST_NO_SUCH_VARIABLE\"
KEY = \"file:key.txt\"
";
    let plan = "plan p() -> string {
  step a = llm.generate(prompt: \"hi\")
  step b = lab.send(text: \"hi\")
    approve \"Send?\" by \"ops\"
  return a
}
";
    let dir = folder(&[
        ("aos.toml", config),
        ("plans/p.plan", plan),
        ("plans/deep/bad.plan", "plan q() { step a = nope() }\n"),
        ("skills/lab.plan", "skill lab.send(text: string) -> null\n  writes \"lab\"\n"),
        ("key.txt", "x"),
    ]);
    let (code, out, err) = finish(aos(dir.path()).args(["doctor", "--json"]).env_remove("ANTHROPIC_API_KEY"));
    assert_eq!(code, 1, "{err}");
    let found: Vec<Value> = serde_json::from_str(&out).unwrap();
    let has = |health: &str, what: &str, mend: &str| {
        found.iter().any(|f| {
            f["health"] == health
                && f["what"].as_str().unwrap().contains(what)
                && f["mend"].as_str().unwrap_or_default().contains(mend)
        })
    };
    assert!(has("bad", "there is no program `no-such-program-here`", "install"), "{out}");
    assert!(has("bad", "there is no file `skills/lost.sh`", "[skills.two]"), "{out}");
    assert!(has("bad", "AOS_TEST_NO_SUCH_VARIABLE is not set", "export"), "{out}");
    assert!(has("odd", "others can read", "chmod 600"), "{out}");
    assert!(has("bad", "plans call `llm.generate`", "ANTHROPIC_API_KEY"), "{out}");
    assert!(has("bad", "the role `ops`, which nobody holds", "[people] ops"), "{out}");
    assert!(has("bad", "`plans/deep/bad.plan` has 1 error(s)", "aos check"), "{out}");
    assert!(has("good", "is made by the first run", ""), "{out}");
    assert!(!dir.path().join(".aos").exists(), "nothing is made");
    let (code, out, _) =
        finish(aos(tempfile::tempdir().unwrap().path()).args(["doctor", "--store", ":memory:"]));
    assert!(code == 0 && out.contains("no aos.toml here or above"), "{code} {out}");
}

#[test]
fn logs_hold_ids_and_no_values() {
    let plan = "plan p(word: string = \"swordfish\") -> string {
  step a = json.parse(text: \"\\\"${word}\\\"\")
  step b = json.parse(text: \"{\")
    on_error use \"swordfish\"
  return string(a)
}
";
    let dir = folder(&[("aos.toml", "[project]\nname = \"t\"\n"), ("p.plan", plan)]);
    let (code, out, err) =
        finish(aos(dir.path()).args(["run", "p.plan", "--quiet"]).env("AOS_LOG", "aos=debug"));
    assert_eq!((code, out.trim()), (0, "\"swordfish\""), "{err}");
    let id = regex::Regex::new("run=\"?[0-9a-f]{8}-").unwrap();
    assert!(id.is_match(&err), "{err}");
    for part in [
        "step=\"a\"",
        "skill=\"json.parse\"",
        "step succeeded",
        "error.kind=\"invalid_json\"",
        "the run stopped",
    ] {
        assert!(err.contains(part), "{part} is missing: {err}");
    }
    assert!(!err.contains("swordfish"), "{err}");
}
