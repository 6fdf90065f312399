//! `test` blocks: what the checker says of them, and what becomes of them when they run.

use crate::support::{aos, finish, folder};
use serde_json::Value;

const SKILLS: &str = r#"
skill box.put(to: trusted string, v: int) -> { ok: bool }
  writes "box:${to}"
  throws full(left: int) | busy
skill box.post(v: int) -> { ok: bool }
  writes "post:${v}"
  idempotent by key
  throws busy
skill box.look<T>(v: T) -> T
  reads "box"
"#;

const PLAN: &str = r#"
plan p(n: int, name: string = "x") -> int? {
  step a = box.look(v: n)
    on_error retry 2 backoff 1s

  step items = for i in [1, 2, 3] parallel 2 tolerate 3 {
    step one = box.post(v: i)
    return i
  }

  step gate = if n > 5 {
    step big = box.look(v: 1)
    return big
  } else {
    step small = box.look(v: 2)
    return small
  }

  step put = box.put(to: "b", v: a)
    when a > 1
    on_error { full => continue  _ => abort }

  step after = box.look(v: put.ok)

  return succeeded(put) ? a : null
}
"#;

/// The plan with these tests: the JSON lines of `aos test`, and what it said to people.
fn run(tests: &str, args: &[&str]) -> (i32, Vec<Value>, String) {
    let dir = folder(&[("p.plan", &format!("{SKILLS}{PLAN}{tests}"))]);
    let (code, out, err) = finish(aos(dir.path()).args(["test", "p.plan", "--json"]).args(args));
    (code, out.lines().map(|l| serde_json::from_str(l).unwrap()).collect(), err)
}

/// The messages and labels of one test's problems; empty where it passed.
#[track_caller]
fn problems(stmts: &str) -> String {
    let (_, lines, err) = run(&format!("test \"t\" for p {{\n{stmts}\n}}\n"), &[]);
    assert!(lines.len() == 2, "{err}");
    let shown = |p: &Value| {
        let label = p["label"].as_str().unwrap_or_default();
        format!("{} | {label} | {}", p["message"].as_str().unwrap(), p["help"].as_str().unwrap_or_default())
    };
    lines[0]["problems"].as_array().unwrap().iter().map(shown).collect::<Vec<_>>().join("\n")
}

const MOCKS: &str = "input { n: 3 }
mock box.look => 3 then 2 then true
mock box.post => { ok: true } then throw busy then { ok: true }
mock box.put => { ok: true }
";

#[track_caller]
fn holds(expect: &str) {
    assert_eq!(problems(&format!("{MOCKS}expect {expect}")), "", "{expect}");
}

/// The place of the diagnostic and the whole of its text.
#[track_caller]
fn fails(expect: &str, with: &str) {
    let said = problems(&format!("{MOCKS}expect {expect}"));
    assert!(said.contains(with), "`{expect}` gives\n{said}\nwithout\n{with}");
}

#[test]
fn expectations_see_the_run() {
    for expect in [
        "output == 3",
        "error == null",
        "a == 3 && gate == 2 && put.ok",
        "items == [1, null, 3]",
        "size(failures(items)) == 1 && failures(items)[0].index == 1",
        "calls(box.post) == 3 && calls(box.look) == 3 && calls(box.put) == 1",
        "succeeded(put) && !failed(put) && !skipped(put) && !recovered(put)",
        "failed(items[1].one) && succeeded(items[0].one)",
        "error(items[1].one).kind == \"busy\"",
        "succeeded(gate.else.small) && gate.else.small == 2",
        "!succeeded(gate.then.big) && !skipped(gate.then.big)",
        "after ?? false",
        "items.exists(i, i == 3)",
        "error(a) == null",
    ] {
        holds(expect);
    }
}

#[test]
fn a_failed_expectation_says_what_was_there() {
    fails("output == 4", "the expectation does not hold | expected 4, got 3");
    fails("4 == output", "expected 4, got 3");
    fails("items == [1, 2, 3]", "at `[1]`: expected 2, got null");
    fails("a == 3 && calls(box.put) == 2", "expected 2, got 1");
    fails("skipped(put)", "`skipped(put)`: it succeeded with {\"ok\":true}");
    fails("a > 3", "left: 3, right: 3");
    fails("error.kind == \"x\"", "`error` has no value | the run did not fail");
    fails("gate.then.big == 1", "`gate.then.big` has no value | it was never reached");
    fails("items[1].one.ok", "it failed with busy: `box.post` threw `busy`, as the test says");
    fails("output != 3", "both sides are 3");
    fails("failed(put) || skipped(put)", "`failed(put)`: it succeeded");
}

#[test]
fn expected_and_got_are_data_too() {
    let (code, lines, _) = run(&format!("test \"t\" for p {{\n{MOCKS}expect output == 4\n}}\n"), &[]);
    assert_eq!(code, 1);
    let problem = &lines[0]["problems"][0];
    assert_eq!((&problem["expected"], &problem["got"]), (&4.into(), &3.into()));
    assert_eq!(problem["code"], "test-failed");
    assert_eq!(
        lines[1],
        serde_json::json!({"event": "tests_finished", "passed": 0, "failed": 1, "left_out": 0})
    );
}

#[test]
fn time_is_virtual() {
    let stmts = "input { n: 1 }
mock box.look => throw unavailable then 2 then throw unavailable then 1
mock box.post => { ok: true }
expect calls(box.look) == 5 && skipped(put) && skipped(after)";
    let (code, lines, err) = run(&format!("test \"t\" for p {{\n{stmts}\n}}\n"), &[]);
    assert_eq!(code, 1, "{err}");
    // `after` reads a step that is missing: it is never called.
    assert_eq!(lines[0]["problems"][0]["got"], 4, "{lines:#?}");
    assert_eq!(lines[0]["virtual_ms"], 2_000);
}

#[test]
fn what_a_test_does_not_give_fails_it() {
    let unmocked = problems("input { n: 3 }\nmock box.look => 3\nmock box.post => { ok: true }");
    assert!(unmocked.contains("`box.put` is neither mocked nor pure"), "{unmocked}");
    assert!(unmocked.contains("`mock box.put => { ok: false }`"), "{unmocked}");
    let used = problems(
        "input { n: 3 }\nmock box.look => 3 times 1\nmock box.post => { ok: true }\nmock box.put => { ok: true }",
    );
    assert!(used.contains("the replies for `box.look` are used up"), "{used}");
    let wrong = problems("input { n: 3 }\nmock box.look => \"three\"\nmock box.post => { ok: true }");
    assert!(wrong.contains("the reply is no result of `box.look`"), "{wrong}");
    let failed = problems(
        "input { n: 3 }\nmock box.look => throw denied\nmock box.post => { ok: true }\nexpect calls(box.put) == 0",
    );
    assert!(failed.contains("the run failed at `") && failed.contains("denied"), "{failed}");
}

#[test]
fn crashes_come_to_the_same_end() {
    let (code, lines, err) =
        run(&format!("test \"t\" for p {{\n{MOCKS}expect output == 3\n}}\n"), &["--inject", "crash"]);
    assert_eq!(code, 0, "{err}");
    let (events, crashes) = (lines[0]["events"].as_u64().unwrap(), &lines[0]["crashes"]);
    // `box.put` may not be repeated: a crash between its start and its answer leaves it in doubt.
    let count = |what: &str| crashes[what].as_u64().unwrap();
    assert!(count("in_doubt") > 0 && count("same") > 3, "{crashes}");
    assert_eq!(count("same") + count("in_doubt"), events);
}

/// What the checker says, as `code@text`.
#[track_caller]
fn checked(stmts: &str) -> Vec<String> {
    let text = format!("{SKILLS}{PLAN}test \"t\" for p {{\n{stmts}\n}}\n");
    let dir = folder(&[("p.plan", &text)]);
    let (_, out, _) = finish(aos(dir.path()).args(["check", "p.plan", "--format", "json"]));
    let told: Value = serde_json::from_str(&out).unwrap();
    let place = |d: &Value, end: &str| usize::try_from(d[end]["offset"].as_u64().unwrap()).unwrap();
    let shown = |d: &Value| {
        format!("{}@{}", d["code"].as_str().unwrap(), text[place(d, "start")..place(d, "end")].trim_end())
    };
    let of_tests = |d: &&Value| !matches!(d["code"].as_str(), Some("unused-input" | "unused-step"));
    told["diagnostics"].as_array().unwrap().iter().filter(of_tests).map(shown).collect()
}

#[test]
fn the_checker_knows_tests() {
    for (stmts, wanted) in [
        ("input { n: 3 }\nexpect output == \"x\"", "operator-type@=="),
        ("input { n: 3 }\nexpect a", "type-mismatch@a"),
        ("input { n: 3 }\nexpect put.okay", "unknown-field@okay"),
        ("input { n: 3 }\nexpect skipped(putt)", "unknown-name@putt"),
        ("input { n: 3 }\nexpect succeeded(gate.small)", "unknown-name@small"),
        ("input { n: 3 }\nexpect succeeded(items.one)", "unknown-name@one"),
        ("input { n: 3 }\nexpect succeeded(items[0].two)", "unknown-name@two"),
        ("input { n: 3 }\nexpect succeeded(a.x)", "unknown-name@a"),
        ("input { n: 3 }\nexpect calls(box.putt) == 0", "unknown-skill@box.putt"),
        ("input { n: 3 }\nexpect calls(http.get) == 0", "unknown-skill@http.get"),
        ("input { n: 3 }\nexpect outptu == 3", "unknown-name@outptu"),
        ("input { n: 3 }\nmock box.put => { okk: true }", "unknown-key@okk"),
        ("input { n: 3 }\nmock box.put => throw ful { left: 1 }", "unknown-error-kind@ful"),
        ("input { n: 3 }\nmock box.put => throw full", "missing-field@full"),
        ("input { n: 3 }\nmock box.put => throw full { left: \"x\" }", "type-mismatch@\"x\""),
        ("input { n: 3 }\nmock box.put => throw busy times 0", "bad-literal@0"),
        (
            "input { n: 3 }\nmock http.get => { status: 200, headers: {}, body: \"\", json: null }",
            "unused-mock@http.get",
        ),
        ("input { n: 3 }\nmock p => 3", "unknown-skill@p"),
        (
            "input { n: 3 }\nmock box.put => { ok: true }\nmock box.put => { ok: true }",
            "duplicate-clause@box.put",
        ),
        ("expect output == 3", "missing-argument@p"),
        ("input { n: 3, n: 4 }", "duplicate-argument@n"),
        ("input { n: \"x\" }", "argument-type@\"x\""),
        ("input { n: 3 }\napprove putt", "unknown-name@putt"),
    ] {
        assert_eq!(checked(stmts), [wanted], "{stmts}");
    }
    assert_eq!(checked(&format!("{MOCKS}expect output == null || error.kind == \"x\"")), [""; 0]);
}

#[test]
fn filters_junit_and_empty_files() {
    let plan = "plan p(n: int) -> int { return n + 1 }\n
test \"one & <one>\" for p { input { n: 1 } expect output == 2 }\n
test \"two\" for p { input { n: 2 } expect output == 2 }\n";
    let dir = folder(&[("p.plan", plan), ("none.plan", "plan q() { }\n")]);
    let (code, _, err) = finish(aos(dir.path()).args(["test", "p.plan", "none.plan", "--junit", "out.xml"]));
    assert_eq!(code, 1, "{err}");
    assert!(
        err.contains("✓ one & <one>") && err.contains("✗ two") && err.contains("1 of 2 tests failed"),
        "{err}"
    );
    let xml = std::fs::read_to_string(dir.path().join("out.xml")).unwrap();
    assert!(xml.contains("<testsuites name=\"aos\" tests=\"2\" failures=\"1\""), "{xml}");
    assert!(xml.contains("name=\"one &amp; &lt;one&gt;\" file=\"p.plan\" line=\"3\""), "{xml}");
    assert!(
        xml.contains("<failure type=\"test-failed\" message=\"the expectation does not hold\">"),
        "{xml}"
    );
    let (code, _, err) = finish(aos(dir.path()).args(["test", "p.plan", "--filter", "one"]));
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("1 test passed, 1 left out"), "{err}");
    let (code, _, err) = finish(aos(dir.path()).args(["test", "p.plan", "--filter", "three"]));
    assert!(code == 2 && err.contains("none of 2 tests has `three`"), "{code} {err}");
    let (code, _, err) = finish(aos(dir.path()).args(["test", "none.plan"]));
    assert!(code == 0 && err.contains("no tests"), "{code} {err}");
    let (code, _, _) = finish(aos(dir.path()).args(["test", "nowhere.plan"]));
    assert_eq!(code, 2);
}

#[test]
fn the_tests_of_the_examples_pass_also_with_crashes() {
    for (folder, plan, at_least) in
        [("issues", "issues", 5), ("licences", "licences", 3), ("time-zones", "time_zones", 2)]
    {
        let dir = tempfile::tempdir().unwrap();
        crate::support::copy(&crate::support::root().join("examples").join(folder), dir.path());
        let plan = format!("{plan}.plan");
        let (code, out, err) = finish(aos(dir.path()).args(["test", &plan, "--inject", "crash", "--json"]));
        assert_eq!(code, 0, "{out}{err}");
        assert!(out.lines().count() > at_least, "{out}");
    }
}

const PEOPLE: &str = r#"
skill mail.send(to: trusted string) -> { ok: bool }
  irreversible "mail"
plan ask(n: int) -> string {
  step sent = mail.send(to: "a")
    approve "Send?" by "ops" within 24h then by "lead" within 24h quorum 2
    on_error { denied => use { ok: false }  expired => fail "nobody looked"  _ => abort }

  step amount = human.ask<int>(question: "How much?", within: 2h)
    on_error use 0

  step seen = human.review<int>(value: amount, question: "Right?")

  step came = signal.wait<string>(name: "paid")

  return "${sent.ok} ${seen} ${came}"
}
"#;

fn people(stmts: &str, args: &[&str]) -> (i32, Value, String) {
    let dir =
        folder(&[("p.plan", &format!("{PEOPLE}test \"t\" for ask {{\ninput {{ n: 1 }}\n{stmts}\n}}\n"))]);
    let (code, out, err) = finish(aos(dir.path()).args(["test", "p.plan", "--json"]).args(args));
    let first = out.lines().next().map_or(Value::Null, |l| serde_json::from_str(l).unwrap());
    (code, first, err)
}

#[test]
fn people_and_signals_are_played() {
    let all = "mock mail.send => { ok: true }\nmock human.ask => 7\napprove sent\napprove seen\nsignal \"paid\" => \"yes\"";
    let (code, told, err) =
        people(&format!("{all}\nexpect output == \"true 7 yes\""), &["--inject", "crash"]);
    assert_eq!(code, 0, "{told} {err}");
    assert!(told["crashes"]["same"].as_u64().unwrap() > 5, "{told}");
    let denied =
        all.replace("approve sent", "deny sent").replace("human.ask => 7", "human.ask => throw denied");
    let (code, told, _) =
        people(&format!("{denied}\nexpect output == \"false 0 yes\" && calls(mail.send) == 0"), &[]);
    assert_eq!(code, 0, "{told}");
    // Who stays silent lets a question expire, in virtual time.
    let silent = all.replace("approve sent\n", "").replace("human.ask => 7", "human.ask => throw expired");
    let (code, told, _) = people(&format!("{silent}\nexpect error.message == \"nobody looked\""), &[]);
    assert_eq!(code, 0, "{told}");
    assert!(told["virtual_ms"].as_u64().unwrap() >= 24 * 3_600_000, "{told}");
    let (code, told, _) = people(&all.replace("signal \"paid\" => \"yes\"", ""), &[]);
    assert_eq!(code, 1);
    assert!(told["problems"][0]["message"].as_str().unwrap().contains("waits for something"), "{told}");
    let (code, _, err) = people("mock signal.wait => \"x\"", &[]);
    assert!(
        code == 1 && err.contains("misplaced-clause") && err.contains("signal \"name\" => value"),
        "{err}"
    );
}
