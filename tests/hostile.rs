//! Hostile input: an answer within 10 s and 300 MB beyond the input's own size, and never a panic.

use crate::support::{aos, folder};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What the optimised program is held to. Without optimisation, and beside other tests on two cores, 20,000 steps were seen to take
/// 11 s to run: there the limit only catches what is not linear.
const LIMIT: Duration = Duration::from_secs(if cfg!(debug_assertions) { 40 } else { 10 });
const MEMORY: u64 = 300 * 1024 * 1024;

struct Answer {
    code: i32,
    first: String,
    took: Duration,
    /// Bytes, the most that were ever resident.
    peak: u64,
    errors: String,
}

/// Runs it, and reads the peak of its memory as it goes on: the peak of a process that ended cannot be asked for.
fn measured(command: &mut Command) -> Answer {
    let start = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let err = std::thread::spawn(move || text(err));
    let out = std::thread::spawn(move || text(out));
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let status = loop {
        if let Ok(status) = std::fs::read_to_string(&status_file)
            && let Some(line) = status.lines().find(|l| l.starts_with("VmHWM:"))
            && let Some(kib) = line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok())
        {
            peak = peak.max(kib * 1024);
        }
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(start.elapsed() < Duration::from_secs(120), "it hangs");
        std::thread::sleep(Duration::from_millis(2));
    };
    let errors = err.join().unwrap();
    let told = out.join().unwrap();
    let lines = || errors.lines().chain(told.lines()).map(str::trim);
    let first = lines().find(|l| !l.is_empty()).unwrap_or_default().to_owned();
    Answer { code: status.code().unwrap_or(-1), first, took: start.elapsed(), peak, errors }
}

fn text(mut from: impl std::io::Read) -> String {
    let mut bytes = Vec::new();
    let _ = from.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn held(name: &str, answer: &Answer, size: usize, code: i32, first: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mib = answer.peak / (1024 * 1024);
    let shown: String = answer.first.chars().take(70).collect();
    println!("{name:<32} exit {:>3} {:>6} ms {mib:>4} MiB  {shown}", answer.code, answer.took.as_millis());
    if answer.code != code {
        wrong.push(format!("{name}: exit {} instead of {code}: {}", answer.code, answer.first));
    }
    if !answer.first.contains(first) {
        wrong.push(format!("{name}: the first line is `{shown}`, not `{first}`"));
    }
    if answer.took > LIMIT {
        wrong.push(format!("{name}: took {:?}", answer.took));
    }
    if answer.peak > MEMORY + size as u64 {
        wrong.push(format!("{name}: {mib} MiB"));
    }
    if answer.errors.contains("panicked") || answer.errors.contains("overflowed its stack") {
        wrong.push(format!("{name}: it panicked: {}", answer.errors));
    }
    wrong
}

/// Name, input, exit code, and what the first line of the answer holds.
fn texts() -> Vec<(&'static str, Vec<u8>, i32, &'static str)> {
    let wrap = |expr: String| format!("plan p() -> json {{\n  return {expr}\n}}\n").into_bytes();
    let steps: String = (0..20_000).map(|n| format!("  step s{n} = time.sleep(duration: 0ms)\n")).collect();
    let long = format!("plan p() -> string {{ return \"{}\" }}", "x".repeat(50 * 1024 * 1024));
    let nested = (0..60).fold("1".to_owned(), |inner, _| format!("string(\"${{{inner}}}\")"));
    let call = |url: &str, more: &str| {
        format!("  step c{url} = http.post(url: \"https://a.example/{url}\"){more}\n")
    };
    let ordered: String =
        (1..20_000).map(|n| call(&n.to_string(), &format!(" depends_on [c0, c{}]", n - 1))).collect();
    let ordered = format!("plan p() {{\n{}{ordered}}}\n", call("0", ""));
    let unknown: String = (0..10_000).map(|n| format!("  step s{n} = time.slep(duration: d{n})\n")).collect();
    let chain: String = (1..5_000).map(|n| format!("  let x{n} = x{} + 1\n", n - 1)).collect();
    vec![
        ("10,000 nested brackets", wrap("[".repeat(10_000) + &"]".repeat(10_000)), 1, "error[too-deep]"),
        (
            "10,000 nested parentheses",
            wrap("(".repeat(10_000) + "1" + &")".repeat(10_000)),
            1,
            "error[too-deep]",
        ),
        ("10,000 unary minuses", wrap("-".repeat(10_000) + "1"), 1, "error["),
        ("22 unclosed braces", format!("plan p() {}", "{".repeat(22)).into_bytes(), 1, "error["),
        ("50 MB in one line", long.into_bytes(), 1, "error[too-large]"),
        ("50 MB of brackets", vec![b'['; 50 * 1024 * 1024], 1, "error[too-large]"),
        ("50 MB of comment lines", b"// x\n".repeat(10 * 1024 * 1024), 1, "error[too-large]"),
        ("50 MB of short lines", b"let a=1\n".repeat(6 * 1024 * 1024), 1, "error[too-large]"),
        ("60 nested string arguments", wrap(nested), 0, "`p` at most: "),
        ("NUL bytes", b"plan p() {\0\0 return 1 }".to_vec(), 1, "error["),
        ("only NUL bytes", vec![0; 100_000], 1, "error["),
        ("invalid UTF-8", b"plan p() { return \"\xff\xfe\" }".to_vec(), 2, "UTF-8"),
        ("20,000 steps", format!("plan p() {{\n{steps}}}\n").into_bytes(), 0, "`p` at most: "),
        ("20,000 calls in a row", ordered.into_bytes(), 0, "info[redundant-depends-on]"),
        (
            "20,000 unknown names",
            format!("plan p() {{\n{unknown}}}\n").into_bytes(),
            1,
            "error[unknown-skill]",
        ),
        (
            "a chain of 5,000 lets",
            format!("plan p() -> int {{\n  let x0 = 0\n{chain}  return x4999\n}}\n").into_bytes(),
            0,
            "`p` at most: ",
        ),
        ("an unclosed string", b"plan p() -> string { return \"${\"${\"${".to_vec(), 1, "error["),
        ("nothing", Vec::new(), 0, "no problems"),
    ]
}

#[test]
fn texts_are_answered() {
    let dir = folder(&[("aos.toml", "[project]\nname = \"h\"\n")]);
    let mut wrong = Vec::new();
    for (name, input, code, first) in texts() {
        std::fs::write(dir.path().join("h.plan"), &input).unwrap();
        let answer = measured(aos(dir.path()).args(["check", "h.plan"]));
        wrong.extend(held(name, &answer, input.len(), code, first));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn twenty_thousand_steps_run() {
    let steps: String = (0..20_000).map(|n| format!("  step s{n} = time.sleep(duration: 0ms)\n")).collect();
    let plan = format!("plan p() {{\n{steps}}}\n");
    let dir = folder(&[("aos.toml", "[project]\nname = \"h\"\n"), ("h.plan", &plan)]);
    let answer = measured(aos(dir.path()).args(["--quiet", "run", "h.plan", "--store", ":memory:"]));
    let wrong = held("20,000 steps run", &answer, plan.len(), 0, "");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const SKILL: &str = "skill odd.call(n: int) -> string\n  pure\n  idempotent\n  time 3s\n";
const PLAN: &str = "plan p() -> string {\n  step x = odd.call(n: 1)\n  return x\n}\n";

fn odd(dir: &Path, program: &str) -> Answer {
    std::fs::write(dir.join("odd.py"), program).unwrap();
    measured(aos(dir).args(["--quiet", "run", "h.plan", "--store", ":memory:"]))
}

#[test]
fn skills_that_misbehave_fail_their_step() {
    let config = "[project]\nname = \"h\"\nskills = [\"skills\"]\n\n[skills.odd]\nprovider = \"process\"\ncommand = [\"python3\", \"odd.py\"]\n";
    let dir = folder(&[("aos.toml", config), ("skills/odd.plan", SKILL), ("h.plan", PLAN)]);
    let rows = [
        ("prints garbage", "import sys\nfor l in sys.stdin: print('}{ not json \\x00', flush=True)\n"),
        ("never answers", "import sys\nfor l in sys.stdin: pass\n"),
        ("dies at once", "raise SystemExit(3)\n"),
        ("dies when asked", "import sys, os\nsys.stdin.readline()\nos.kill(os.getpid(), 9)\n"),
        (
            "returns 200 MB",
            "import sys, json\nfor l in sys.stdin:\n  print(json.dumps({'id': json.loads(l)['id'], 'result': 'x' * 200_000_000}), flush=True)\n",
        ),
        (
            "200 MB without an end of line",
            "import sys\nfor l in sys.stdin:\n  sys.stdout.write('x' * 200_000_000)\n  sys.stdout.flush()\n",
        ),
        (
            "answers with another type",
            "import sys, json\nfor l in sys.stdin: print(json.dumps({'id': json.loads(l)['id'], 'result': [1]}), flush=True)\n",
        ),
        (
            "answers another call",
            "import sys, json\nfor l in sys.stdin: print(json.dumps({'id': 'nobody', 'result': 'x'}), flush=True)\n",
        ),
    ];
    let mut wrong = Vec::new();
    for (name, program) in rows {
        wrong.extend(held(name, &odd(dir.path(), program), 0, 1, "failed in"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
