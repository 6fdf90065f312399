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
use std::os::unix::process::ExitStatusExt as _;
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

/// Undoes what was written.
skill judge.undo(path: string, n: int = 0, ms: int = 5) -> int
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

/// A plan, and what must come of it, however often it is killed.
struct Plan {
    name: &'static str,
    text: String,
    output: Value,
    /// What is undone, in this order.
    undone: &'static [&'static str],
}

fn plans() -> Vec<Plan> {
    let everything = Plan {
        name: "everything",
        text: EVERYTHING.to_owned(),
        output: json!(3 + 1 + 100 + 14),
        undone: &["part.w.x", "part.v", "part.u"],
    };
    let doubt: String = (1..=6)
        .map(|n| format!("  step s{n} = judge.once(path: \"s{n}\", n: s{}, ms: 60)\n", n - 1))
        .collect();
    let doubt = Plan {
        name: "doubt",
        text: format!("plan p() -> int {{\n  step s0 = judge.safe(path: \"s0\")\n{doubt}  return s6\n}}\n"),
        output: json!(7),
        undone: &[],
    };
    let handled = handled().into_iter();
    let handled = handled.map(|(name, text, output)| Plan { name, text, output, undone: &[] });
    handled.chain([everything, doubt]).collect()
}

/// All constructs. What is written is named by the path of the step that writes it.
const EVERYTHING: &str = r#"
plan inner(name: string, n: int) -> int {
  step x = judge.safe(path: "${name}.x", n: n, ms: 15)
    compensate judge.undo(path: "${name}.x")
  step y = judge.safe(path: "${name}.y", n: x)
  return y
}

plan p() -> int {
  step rounds = loop t: int = 0 max 3 {
    step a = judge.safe(path: "rounds[${t}].a", n: t, ms: 10)
    return a until it >= 3
  }
  step first = race {
    do {
      step a = judge.safe(path: "first[0].a", ms: 10)
        compensate judge.undo(path: "first[0].a")
      return a
    }
    do {
      step b = time.sleep(duration: 60s)
      return 0
    }
  }
  step part = do {
    step u = judge.safe(path: "part.u", ms: 10)
      compensate judge.undo(path: "part.u")
    step v = judge.safe(path: "part.v", n: u)
      compensate judge.undo(path: "part.v", ms: 20)
    step w = inner(name: "part.w", n: v)
    require w < 0 else "never"
    return w
  }
    on_error use 100
  step all = for i in [0, 1, 2, 3] max 4 parallel 2 {
    step s = inner(name: "all[${i}].s", n: i)
    return s
  }
  return rounds + first + part + all.sum()
}
"#;

/// Each with the result it must give. Where a call that acts once was in flight it is in doubt; the plans handle that, so that
/// they can still end.
fn handled() -> Vec<(&'static str, String, Value)> {
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
    process: String,
    killed: bool,
    run: Option<String>,
    /// Steps that were reported as succeeded: they were durable by then.
    acknowledged: BTreeSet<String>,
    last: Option<Value>,
    errors: String,
}

/// A line of the judge: `begin` or `end`, the skill, its `path`, its key, and the process that asked.
type Line = (String, String, String, String, String);

/// How a life of the program is cut short.
#[derive(Clone)]
enum Death {
    Never,
    /// SIGKILL after a while.
    After(Duration),
    /// It ends itself at a named point.
    At(String),
}

/// Runs a command and kills it, if it still lives then.
fn live(dir: &Path, power: Option<&Power>, args: &[&str], death: &Death) -> Life {
    let mut command = command(dir, args);
    // Checkpoints are made in its short life too.
    command.env("AOS_LOG_LIMIT", "3000");
    if let Some(power) = power {
        power.supply(&mut command);
    }
    if let Death::At(point) = death {
        command.env("AOS_DIE_AT", point);
    }
    let after = if let Death::After(after) = death { Some(*after) } else { None };
    let mut child = command.spawn().unwrap();
    let process = child.id().to_string();
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
        if let Some(status) = child.try_wait().unwrap() {
            killed |= status.signal().is_some();
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
        process,
        killed,
        run: lines.iter().find_map(|l| l["run"].as_str()).map(str::to_owned),
        acknowledged: of("step_succeeded").filter_map(|l| l["step"].as_str()).map(str::to_owned).collect(),
        last: of("run_finished").next_back().cloned(),
        errors: errors.join().unwrap(),
    }
}

fn judge(dir: &Path) -> Vec<Line> {
    let Ok(file) = File::open(dir.join("judge.log")) else { return Vec::new() };
    BufReader::new(file).lines().map_while(Result::ok).filter_map(|l| serde_json::from_str(&l).ok()).collect()
}

/// The `path` argument of a step is its own name, but for those of regions: there it is what stands in the text.
fn path_argument(plan: &str, step: &str) -> Option<String> {
    if plan == "everything" {
        return Some(step.to_owned());
    }
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

fn project(plan: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    std::fs::create_dir(dir.path().join("skills")).unwrap();
    write("aos.toml", CONFIG);
    write("skills/judge.plan", SKILLS);
    write("judge.py", include_str!("crash/judge.py"));
    write("p.plan", plan);
    dir
}

/// What a person says who looks into the judge's file: what began has acted, what did not may be called.
fn decisions(last: &Value, log: &[Line]) -> Option<Vec<String>> {
    let mut said = vec!["resume".to_owned(), last["run"].as_str().unwrap().to_owned(), "--json".to_owned()];
    for (step, row) in last["steps"].as_object().unwrap() {
        if row["status"] == "in_doubt" {
            let number: i64 = step.trim_start_matches('s').parse().unwrap();
            if log.iter().any(|(kind, _, path, ..)| kind == "begin" && path == step) {
                said.extend(["--use".to_owned(), (number + 1).to_string(), step.clone()]);
            } else {
                said.extend(["--retry".to_owned(), step.clone()]);
            }
        }
    }
    (said.len() > 3).then_some(said)
}

/// What was undone, each in its place, however often it was asked for.
fn undone(log: &[Line]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let undos = log.iter().filter(|l| l.0 == "begin" && l.1 == "judge.undo");
    undos.filter(|l| seen.insert(&l.2)).map(|l| l.2.clone()).collect()
}

/// Waits until no skill's process works in the folder: one whose parent was killed may still act on what it was asked.
fn skills_are_gone(dir: &Path) {
    let dir = dir.canonicalize().unwrap();
    let works_here = |process: &Path| {
        let command = std::fs::read(process.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains("judge.py")
            && std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == dir)
    };
    let start = Instant::now();
    while std::fs::read_dir("/proc").unwrap().flatten().any(|p| works_here(&p.path())) {
        assert!(start.elapsed() < Duration::from_secs(20), "a skill's process does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The run that a store knows.
fn only_run(dir: &Path) -> Option<String> {
    let out = command(dir, &["runs", "--json"]).output().unwrap();
    let line = String::from_utf8_lossy(&out.stdout).lines().next()?.to_owned();
    serde_json::from_str::<Value>(&line).ok()?["run"].as_str().map(str::to_owned)
}

/// One run, whose lives end as told; at last it lives on.
fn round(plan: &Plan, deaths: impl IntoIterator<Item = Death>, tally: &mut Tally, cuts: bool) {
    let Plan { name, text, output: expected, undone: undo } = plan;
    let dir = project(text);
    let mut deaths = deaths.into_iter();
    let mut death = deaths.next().unwrap_or(Death::Never);
    // The command that answers what the last life waited for when it ended.
    let mut said: Vec<String> = Vec::new();
    let store = dir.path().join(".aos");
    std::fs::create_dir(&store).unwrap();
    let power = cuts.then(|| Power::over(&store).unwrap());
    if let Some(power) = &power {
        power.keep(&store);
    }
    let mut acknowledged: BTreeMap<String, usize> = BTreeMap::new();
    let mut run: Option<String> = None;
    let mut lives = 0;
    loop {
        let args: Vec<&str> = match (&run, said.is_empty()) {
            (None, _) => vec!["run", "p.plan", "--json"],
            (Some(run), true) => vec!["resume", run, "--json"],
            (Some(_), false) => said.iter().map(String::as_str).collect(),
        };
        let life = live(dir.path(), power.as_ref(), &args, &death);
        if life.killed {
            death = deaths.next().unwrap_or(Death::Never);
        }
        lives += 1;
        tally.kills += usize::from(life.killed);
        if let Some(power) = power.as_ref().filter(|_| life.killed) {
            tally.unsynced += power.cut();
        }
        // Killed after the first durable write and before it was told: the store knows the run.
        run = run.or_else(|| life.run.clone()).or_else(|| only_run(dir.path()));
        if let Some(power) = &power {
            // What looking at it wrote.
            power.keep(&store);
        }
        let log = judge(dir.path());
        for (kind, skill, path, _, process) in &log {
            let path = &if skill == "judge.undo" { format!("{path}@compensate") } else { path.clone() };
            // What an earlier life asked for may begin late, and only now.
            let again = kind == "begin" && *process == life.process && acknowledged.contains_key(path);
            assert!(!again, "{name}: `{path}` was acknowledged and ran again\n{log:#?}");
        }
        for step in &life.acknowledged {
            acknowledged.extend(path_argument(name, step).map(|p| (p, lives)));
        }
        said.clear();
        if let Some(last) = &life.last {
            if last["status"] == "interrupted" {
                continue;
            }
            if last["status"] == "suspended" {
                // Another process answers, once nothing of an earlier life can act any more.
                skills_are_gone(dir.path());
                said = match decisions(last, &judge(dir.path())) {
                    Some(decided) => decided,
                    None => {
                        let command = last["waiting"][0]["command"].as_str().unwrap().replace("VALUE", "5");
                        command.split(' ').skip(1).chain(["--json"]).map(str::to_owned).collect()
                    }
                };
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
    assert_eq!(undone(&log), *undo, "{name}");
    tally.calls += log.iter().filter(|l| l.0 == "begin").count();
    let mut once: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (_, _, path, key, _) in log.iter().filter(|l| l.0 == "begin" && l.1 == "judge.once") {
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
        for plan in &plans {
            if tally.kills < wanted {
                // At most four kills a round, or a slow machine never gets to the end.
                let left = 4.min(wanted - tally.kills);
                let deaths: Vec<Death> =
                    (0..left).map(|_| Death::After(Duration::from_millis(60 + dice.below(320)))).collect();
                round(plan, deaths, &mut tally, cuts);
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

/// At every named point, early and late in a run, and then again in the life that goes on.
#[test]
fn it_dies_at_every_named_point_and_goes_on() {
    if !cfg!(debug_assertions) {
        return println!("a release build has no points");
    }
    let long = std::env::var("AOS_KILLS").ok().and_then(|n| n.parse::<usize>().ok()).is_some_and(|n| n > 50);
    let plans = plans();
    let plan = |name: &str| plans.iter().find(|p| p.name == name).unwrap();
    let mut tally = Tally { kills: 0, rounds: 0, in_doubt: 0, calls: 0, unsynced: 0 };
    for point in aos::runtime::points::POINTS {
        let before = tally.kills;
        let turns: &[u32] = if long { &[1, 2, 3, 5, 8, 13, 20] } else { &[1, 6] };
        for turn in turns {
            let at = |n: u32| Death::At(format!("{point}:{n}"));
            round(plan("everything"), [at(*turn), at(1 + turn / 2)], &mut tally, false);
            if long || *turn == 1 {
                round(plan("doubt"), [at(1 + *turn), at(1)], &mut tally, false);
            }
        }
        assert!(tally.kills > before, "nothing ever passes `{point}`");
    }
    println!(
        "{} deaths at {} points in {} runs",
        tally.kills,
        aos::runtime::points::POINTS.len(),
        tally.rounds
    );
}

/// Two runs in one process: its death interrupts both, and both go on.
#[test]
fn runs_beside_each_other_survive_their_process() {
    let long = std::env::var("AOS_KILLS").ok().and_then(|n| n.parse::<usize>().ok()).is_some_and(|n| n > 50);
    let text = EVERYTHING
        .replace("plan p() -> int", "plan p(who: string) -> int")
        .replace("path: \"", "path: \"${who}.")
        .replace("path: \"${who}.${name}", "path: \"${name}")
        .replace("name: \"", "name: \"${who}.");
    let mut dice = Dice(0x1234_5678_9ABC_DEF1);
    let mut kills = 0;
    for _ in 0..if long { 20 } else { 3 } {
        let dir = project(&text);
        let start = |who: &str| {
            command(dir.path(), &["run", "p.plan", "--json", "--input", &format!("who={who}")])
                .spawn()
                .unwrap()
        };
        let mut first = start("a");
        let deadline = Instant::now() + Duration::from_secs(20);
        while !dir.path().join(".aos/aos.sock").exists() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        let second = start("b");
        std::thread::sleep(Duration::from_millis(100 + dice.below(300)));
        kills += usize::from(first.try_wait().unwrap().is_none());
        let _ = first.kill();
        let outputs = [first.wait_with_output().unwrap(), second.wait_with_output().unwrap()];
        let listed = command(dir.path(), &["runs", "--json"]).output().unwrap();
        let rows: Vec<Value> = String::from_utf8_lossy(&listed.stdout)
            .lines()
            .filter_map(|l| serde_json::from_str(l).ok())
            .collect();
        assert!(rows.len() <= 2, "{rows:#?}");
        for row in &rows {
            let run = row["run"].as_str().unwrap();
            if row["status"] != "succeeded" {
                let life = live(dir.path(), None, &["resume", run, "--json"], &Death::Never);
                assert!(life.last.is_some(), "{}\n{outputs:#?}", life.errors);
            }
            let shown = command(dir.path(), &["show", run, "--json"]).output().unwrap();
            let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
            assert_eq!(shown["output"], json!(118), "{shown:#}");
        }
        let log = judge(dir.path());
        for who in ["a", "b"] {
            let own: Vec<_> = log.iter().filter(|l| l.2.starts_with(&format!("{who}."))).cloned().collect();
            let undone = undone(&own);
            let want = ["part.w.x", "part.v", "part.u"].map(|p| format!("{who}.{p}"));
            assert!(undone == want || own.is_empty(), "{undone:?}");
        }
    }
    println!("{kills} processes killed with two runs each");
}
