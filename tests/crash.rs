//! The real program is killed at random moments and told to go on. The judge is a file outside the store, into which the
//! skill writes every call: the result is the same, no acknowledged step runs again, and no call that may act only once acts
//! twice for one attempt.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    unreachable_pub,
    reason = "a test fails by panicking, and its modules are no library"
)]
#![cfg(feature = "cli")]

#[path = "support/power.rs"]
mod power;

use power::Power;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SKILLS: &str = r#"
/// Can be asked again under the same key.
skill judge.safe(path: string, n: int = 0, ms: int = 5) -> int
  writes "${path}"
  idempotent by key
  time 10s

/// Acts each time it is asked.
skill judge.once(path: string, n: int = 0, ms: int = 5) -> int
  writes "${path}"
  time 10s

/// Fails the first time a process is asked.
skill judge.flaky(path: string, n: int = 0, ms: int = 5) -> int
  writes "${path}"
  idempotent by key
  time 10s
"#;

const CONFIG: &str = r#"
[project]
name = "crash"
skills = ["skills"]

[skills.judge]
provider = "process"
command = ["python3", "judge.py", "judge.log"]
"#;

/// Each with the result it must give, however often it is killed. Where a call that acts once was in flight it is in doubt;
/// the plans handle that, so that they can still end.
fn plans() -> Vec<(&'static str, String, Value)> {
    let chain: String = (1..=12)
        .map(|n| format!("  step s{n} = judge.safe(path: \"s{n}\", n: s{})\n", n - 1))
        .collect::<String>();
    let chain =
        format!("plan p() -> int {{\n  step s0 = judge.safe(path: \"s0\")\n{chain}  return s12\n}}\n");
    let fan: String = (0..24)
        .map(|n| format!("  step s{n} = judge.safe(path: \"s{n}\", n: {n}, ms: {})\n", 5 + n))
        .collect();
    let fan_sum: Vec<String> = (0..24).map(|n| format!("s{n}")).collect();
    let fan = format!("plan p() -> int {{\n{fan}  return {}\n}}\n", fan_sum.join(" + "));
    let each = r#"
plan p() -> int {
  step all = for i in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] max 10 parallel 3 {
    step a = judge.safe(path: "a${i}", n: i, ms: 10)
    step b = judge.safe(path: "b${i}", n: a)
    return b
  }
  return all.sum()
}
"#;
    let sub = r#"
plan inner(name: string, n: int) -> int {
  step x = judge.safe(path: "${name}-x", n: n, ms: 15)
  step y = judge.flaky(path: "${name}-y", n: x)
    on_error retry 20 backoff 10ms
  return y
}
plan p() -> int {
  step a = inner(name: "a", n: 0)
  step b = inner(name: "b", n: a)
  step c = inner(name: "c", n: 10)
  return b + c
}
"#;
    let once: String = (1..=8)
        .map(|n| {
            format!(
                "  step s{n} = judge.once(path: \"s{n}\", n: {n}, ms: 60)\n    depends_on [s{}]\n    on_error {{\n      in_doubt => use {}\n      _ => abort\n    }}\n",
                n - 1,
                n + 1
            )
        })
        .collect();
    let once_sum: Vec<String> = (1..=8).map(|n| format!("s{n}")).collect();
    let once = format!(
        "plan p() -> int {{\n  step s0 = judge.safe(path: \"s0\")\n{once}  return {}\n}}\n",
        once_sum.join(" + ")
    );
    let people = r#"
plan p() -> int {
  step s1 = judge.once(path: "s1", n: 1, ms: 40)
    approve "Go?"
    on_error { in_doubt => use 2  _ => abort }
  step q = human.ask<int>(question: "How many?")
    depends_on [s1]
  step s2 = judge.safe(path: "s2", n: q, ms: 20)
    approve "And on?"
  return s1 + q + s2
}
"#;
    vec![
        ("chain", chain, json!(13)),
        ("fan-out", fan, json!((0..24).map(|n| n + 1).sum::<i32>())),
        ("for parallel", each.to_owned(), json!((0..10).map(|n| n + 2).sum::<i32>())),
        ("sub-plan, retry", sub.to_owned(), json!(4 + 12)),
        ("once, on_error", once, json!((1..=8).map(|n| n + 1).sum::<i32>())),
        ("people", people.to_owned(), json!(2 + 5 + 6)),
    ]
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aos"));
    command.args(args).current_dir(dir).env_remove("AOS_STORE");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What one life of the program said before it ended.
struct Life {
    killed: bool,
    run: Option<String>,
    /// Steps that were reported as succeeded: they were durable by then.
    acknowledged: BTreeSet<String>,
    last: Option<Value>,
    errors: String,
}

/// Runs a command and kills it after a while, if it still lives then.
fn live(dir: &Path, power: Option<&Power>, args: &[&str], after: Option<Duration>) -> Life {
    let mut command = command(dir, args);
    if let Some(power) = power {
        power.supply(&mut command);
    }
    let mut child = command.spawn().unwrap();
    let stdout = child.stdout.take().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let errors = std::thread::spawn(move || std::io::read_to_string(&mut stderr).unwrap_or_default());
    let reader = std::thread::spawn(move || {
        BufReader::new(stdout)
            .lines()
            .map_while(Result::ok)
            .filter_map(|l| serde_json::from_str(&l).ok())
            .collect()
    });
    let start = Instant::now();
    let mut killed = false;
    loop {
        if child.try_wait().unwrap().is_some() {
            break;
        }
        if !killed && after.is_some_and(|after| start.elapsed() >= after) {
            // SIGKILL: nothing of the program's own can run any more.
            child.kill().unwrap();
            killed = true;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "it hangs: {args:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
    let lines: Vec<Value> = reader.join().unwrap();
    let of = |event: &'static str| lines.iter().filter(move |l| l["event"] == event);
    Life {
        killed,
        run: lines.iter().find_map(|l| l["run"].as_str()).map(str::to_owned),
        acknowledged: of("step_succeeded").filter_map(|l| l["step"].as_str()).map(str::to_owned).collect(),
        last: of("run_finished").next_back().cloned(),
        errors: errors.join().unwrap(),
    }
}

fn judge(dir: &Path) -> Vec<(String, String, String, String)> {
    let Ok(file) = File::open(dir.join("judge.log")) else { return Vec::new() };
    BufReader::new(file).lines().map_while(Result::ok).filter_map(|l| serde_json::from_str(&l).ok()).collect()
}

/// The `path` argument of a step is its own name, but for those of regions: there it is what stands in the text.
fn path_argument(step: &str) -> Option<String> {
    if !step.contains('.') && !step.contains('[') {
        return Some(step.to_owned());
    }
    if let Some((index, inner)) = step.strip_prefix("all[").and_then(|s| s.split_once("].")) {
        return Some(format!("{inner}{index}"));
    }
    step.split_once('.').map(|(outer, inner)| format!("{outer}-{inner}"))
}

struct Tally {
    kills: usize,
    rounds: usize,
    in_doubt: usize,
    calls: usize,
    /// Bytes that had been written and not synced when the power was cut.
    unsynced: u64,
}

fn round(
    name: &str,
    plan: &str,
    expected: &Value,
    dice: &mut Dice,
    left: usize,
    tally: &mut Tally,
    cuts: bool,
) {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    std::fs::create_dir(dir.path().join("skills")).unwrap();
    write("aos.toml", CONFIG);
    write("skills/judge.plan", SKILLS);
    write("judge.py", include_str!("crash/judge.py"));
    write("p.plan", plan);
    let store = dir.path().join(".aos");
    std::fs::create_dir(&store).unwrap();
    let power = cuts.then(|| Power::over(&store).unwrap());
    if let Some(power) = &power {
        power.keep(&store);
    }
    let mut acknowledged: BTreeMap<String, usize> = BTreeMap::new();
    let mut run: Option<String> = None;
    let mut lives = 0;
    let mut kills = 0;
    // What the last life waited for when it ended.
    let mut asked: Option<Vec<String>> = None;
    loop {
        // At most four kills a round, or a slow machine never gets to the end.
        let after = (kills < 4.min(left)).then(|| Duration::from_millis(60 + dice.below(320)));
        let before = judge(dir.path()).len();
        let args: Vec<&str> = match (&run, &asked) {
            (None, _) => vec!["run", "p.plan", "--json"],
            (Some(_), Some(answer)) => answer.iter().map(String::as_str).collect(),
            (Some(run), None) => vec!["resume", run, "--json"],
        };
        let life = live(dir.path(), power.as_ref(), &args, after);
        asked = None;
        lives += 1;
        kills += usize::from(life.killed);
        tally.kills += usize::from(life.killed);
        if let Some(power) = power.as_ref().filter(|_| life.killed) {
            tally.unsynced += power.cut();
        }
        // Killed after the first durable write and before it was told: the store knows the run.
        let known = life.run.clone().or_else(|| {
            let out = command(dir.path(), &["runs", "--json"]).output().unwrap();
            String::from_utf8_lossy(&out.stdout)
                .lines()
                .next()
                .and_then(|l| serde_json::from_str::<Value>(l).ok()?["run"].as_str().map(str::to_owned))
        });
        if run.is_none() {
            run = known;
        }
        if let Some(power) = &power {
            // What looking at it wrote.
            power.keep(&store);
        }
        let log = judge(dir.path());
        for (kind, _, path, _) in &log[before.min(log.len())..] {
            // A line of an earlier life's skill can come late: it counts only for what was acknowledged before this life.
            let again = kind == "begin" && acknowledged.contains_key(path);
            assert!(!again, "{name}: `{path}` was acknowledged and ran again\n{log:#?}");
        }
        for step in &life.acknowledged {
            acknowledged.extend(path_argument(step).map(|p| (p, lives)));
        }
        if let Some(last) = &life.last {
            if last["status"] == "interrupted" {
                continue;
            }
            if last["status"] == "suspended" {
                // Another process answers.
                let command = last["waiting"][0]["command"].as_str().unwrap().replace("VALUE", "5");
                asked = Some(command.split(' ').skip(1).chain(["--json"]).map(str::to_owned).collect());
                continue;
            }
            assert_eq!(last["status"], "succeeded", "{name}: {last:#}\n{}", life.errors);
            assert_eq!(&last["output"], expected, "{name}: {last:#}");
            let steps = last["steps"].as_object().unwrap();
            tally.in_doubt += steps.values().filter(|s| s["status"] == "recovered").count();
            break;
        }
        // It was killed after its last event was durable: the run has ended, and `show` says how.
        if !life.killed
            && let Some(run) = &run
        {
            assert!(life.errors.contains("has ended already"), "{name}: {}", life.errors);
            let out = command(dir.path(), &["show", run, "--json"]).output().unwrap();
            let shown: Value = serde_json::from_slice(&out.stdout).unwrap();
            assert_eq!(&shown["output"], expected, "{name}: {shown:#}");
            break;
        }
        assert!(life.killed, "{name}: {}", life.errors);
    }
    tally.rounds += 1;
    let log = judge(dir.path());
    tally.calls += log.iter().filter(|l| l.0 == "begin").count();
    let mut once: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (_, _, path, key) in log.iter().filter(|l| l.0 == "begin" && l.1 == "judge.once") {
        *once.entry((path, key)).or_default() += 1;
    }
    let twice: Vec<_> = once.iter().filter(|(_, n)| **n > 1).collect();
    assert!(twice.is_empty(), "{name}: these act once and ran twice: {twice:?}");
}

#[test]
fn killed_at_random_moments_it_goes_on() {
    let wanted = std::env::var("AOS_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(50);
    let tally = rounds(wanted, false);
    assert!(
        wanted < 50 || tally.in_doubt > 0,
        "no call that acts once was ever in flight: the test proves nothing"
    );
    tally.tell("kills");
}

/// The same with the power cut at each kill: of the store only what was synced is left.
#[test]
fn the_power_cut_at_random_moments_it_goes_on() {
    let probe = tempfile::tempdir().unwrap();
    if Power::over(probe.path()).is_none() {
        return;
    }
    let wanted = std::env::var("AOS_CUTS").ok().and_then(|n| n.parse().ok()).unwrap_or(15);
    rounds(wanted, true).tell("power cuts");
}

impl Tally {
    fn tell(&self, what: &str) {
        let Tally { kills, rounds, in_doubt, calls, unsynced } = self;
        println!(
            "{kills} {what} in {rounds} runs: {calls} calls, {in_doubt} in doubt, none repeated; {unsynced} bytes unsynced"
        );
    }
}

fn rounds(wanted: usize, cuts: bool) -> Tally {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut tally = Tally { kills: 0, rounds: 0, in_doubt: 0, calls: 0, unsynced: 0 };
    let plans = plans();
    while tally.kills < wanted {
        for (name, plan, expected) in &plans {
            if tally.kills < wanted {
                let left = wanted - tally.kills;
                round(name, plan, expected, &mut dice, left, &mut tally, cuts);
            }
        }
        assert!(
            tally.rounds < wanted * 10 + 50,
            "hardly anything is killed: {} of {}",
            tally.kills,
            tally.rounds
        );
    }
    tally
}
