//! The care of a store with the real program: backups, damage, repairs, contents, runs that are put aside.

use crate::store::crash::Random;
use crate::store::wait;
use crate::support::{aos, copy, finish, finished, folder};
use aos::runtime::store::disk::{DiskOptions, DiskStore};
use aos::runtime::store::keys::{self, Key, KeyName, Table};
use aos::runtime::store::{KeyRange, Op, Store as _, codec};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use uuid::Uuid;

const SMALL: &str = "plan small(n: int = 1) -> int {\n  step there = file.exists(path: \"aos.toml\")\n\n  step nap = time.sleep(duration: 1ms)\n    depends_on [there]\n\n  return n * 2\n}\n";
const LARGE: &str = "plan large() -> int {\n  step text = file.read(path: \"big.txt\")\n\n  step picture = file.open(path: \"dot.png\")\n\n  step data = json.parse(text: text)\n    on_error continue\n\n  return size(text)\n}\n";
const FAILS: &str = "plan fails() -> string {\n  step text = file.read(path: \"none.txt\")\n    on_error retry 2 backoff 5ms\n\n  return text\n}\n";
const SLOW: &str = "plan slow() -> int {\n  step zero = time.sleep(duration: 1ms)\n\n  step first = time.sleep(duration: 1ms)\n    depends_on [zero]\n\n  step nap = time.sleep(duration: 20s)\n    depends_on [first]\n\n  return 7\n}\n";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89";

fn project() -> TempDir {
    let dir = folder(&[
        ("aos.toml", "[project]\nname = \"t\"\n"),
        ("small.plan", SMALL),
        ("large.plan", LARGE),
        ("fails.plan", FAILS),
        ("slow.plan", SLOW),
        ("big.txt", &"a needle in the hay\n".repeat(4000)),
    ]);
    std::fs::write(dir.path().join("dot.png"), PNG).unwrap();
    dir
}

fn told(dir: &Path, args: &[&str]) -> (i32, String, String) {
    let (code, out, err) = finish(aos(dir).args(args));
    assert!(!err.contains("panicked"), "{args:?}: {err}");
    (code, out, err)
}

fn ok(dir: &Path, args: &[&str]) -> String {
    let (code, out, err) = told(dir, args);
    assert_eq!(code, 0, "{args:?}: {out}{err}");
    out
}

/// Starts a run that takes long, and waits until its first step is durable.
fn start_slow(dir: &Path, store: &str) -> (Child, String) {
    let mut child = aos(dir)
        .args(["run", "slow.plan", "--json", "--store", store])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let run = loop {
        let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        if line["event"] == "step_started" && line["step"] == "nap" {
            // Nobody reads on: the pipe is large enough for what is left.
            break line["run"].as_str().unwrap().to_owned();
        }
    };
    (child, run)
}

/// A store with runs that succeeded, one that failed and one whose process was killed.
fn filled() -> (TempDir, String) {
    let dir = project();
    for n in 0..6 {
        ok(dir.path(), &["run", "small.plan", "--input", &format!("n={n}"), "--store", "s"]);
    }
    ok(dir.path(), &["run", "large.plan", "--store", "s"]);
    assert_eq!(told(dir.path(), &["run", "fails.plan", "--store", "s"]).0, 1);
    let (mut child, open) = start_slow(dir.path(), "s");
    child.kill().unwrap();
    child.wait().unwrap();
    // Opened once more, so that sled has a snapshot of its log.
    ok(dir.path(), &["runs", "--store", "s"]);
    (dir, open)
}

fn runs(dir: &Path, store: &str) -> BTreeMap<String, Value> {
    let out = ok(dir, &["runs", "--json", "--limit", "100", "--store", store]);
    let rows = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.map(|row| (row["run"].as_str().unwrap().to_owned(), row)).collect()
}

fn shown(dir: &Path, store: &str, run: &str) -> Value {
    serde_json::from_str(&ok(dir, &["show", run, "--json", "--store", store])).unwrap()
}

fn dead(dir: &Path, store: &str) -> BTreeMap<String, Value> {
    let out = ok(dir, &["dead", "list", "--json", "--store", store]);
    let rows = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.map(|row| (row["run"].as_str().unwrap().to_owned(), row)).collect()
}

/// Opens the store of a folder in this process and changes it behind the program's back.
fn tamper(data: &Path, change: impl FnOnce(&DiskStore) -> Vec<Op>) {
    let store = DiskStore::open(&DiskOptions::new(data)).unwrap();
    let ops = change(&store);
    wait(store.commit(vec![], ops)).unwrap();
    store.close().unwrap();
}

fn event(run: &str, seq: u64) -> Vec<u8> {
    Key::Event { run: run.parse().unwrap(), seq }.encode()
}

#[test]
fn an_export_gives_the_same_store_elsewhere() {
    let (dir, open) = filled();
    let dir = dir.path();
    ok(dir, &["store", "check", "--store", "s"]);
    ok(dir, &["store", "export", "x.jsonl", "--store", "s"]);
    ok(dir, &["store", "import", "x.jsonl", "--store", "new"]);
    let (old, new) = (runs(dir, "s"), runs(dir, "new"));
    assert_eq!(old.len(), 9);
    assert_eq!(old.keys().collect::<Vec<_>>(), new.keys().collect::<Vec<_>>());
    for (run, row) in &old {
        assert_eq!((&row["status"], &row["error"]), (&new[run]["status"], &new[run]["error"]));
        assert_eq!(shown(dir, "s", run), shown(dir, "new", run));
    }
    ok(dir, &["store", "check", "--store", "new"]);
    let artifacts = |store| ok(dir, &["artifacts", "--json", "--store", store]);
    assert_eq!(artifacts("s"), artifacts("new"));
    assert_eq!(dead(dir, "s"), dead(dir, "new"));
    // What had not ended goes on there.
    assert_eq!(new[&open]["status"], "interrupted");
    ok(dir, &["cancel", &open, "--store", "new"]);
    // Only into a new folder.
    let (code, _, err) = told(dir, &["store", "import", "x.jsonl", "--store", "new"]);
    assert_eq!(code, 2);
    assert!(err.contains("is there already"), "{err}");
}

#[test]
fn a_damaged_export_makes_no_store() {
    let (dir, _) = filled();
    let dir = dir.path();
    ok(dir, &["store", "export", "x.jsonl", "--store", "s"]);
    let text = std::fs::read_to_string(dir.join("x.jsonl")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let with = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        change(&mut lines);
        lines.iter().map(|line| format!("{line}\n")).collect::<String>()
    };
    let event = lines.iter().position(|line| line.contains("attempt_succeeded")).unwrap();
    for (damaged, why) in [
        (with(&|l| drop(l.pop())), "the file ends early"),
        (with(&|l| drop(l.remove(event))), "is missing"),
        (with(&|l| l[event] = l[event].replace("succeeded", "succeedeD")), "is not what was exported"),
        (
            with(&|l| l[0] = l[0].replace("\"commit\":", "\"commit\":9")),
            "its checksum or its counts do not fit",
        ),
        (with(&|l| l[0] = l[0].replace("\"aos_export\":1", "\"aos_export\":2")), "a newer aos"),
        (with(&|l| l[0] = l[0].replace("\"format\":3", "\"format\":99")), "a newer aos"),
        (text[..text.len() / 2].to_owned(), "the line is"),
        ("plan p() -> int { return 1 }\n".to_owned(), "this is no export"),
    ] {
        std::fs::write(dir.join("bad.jsonl"), damaged).unwrap();
        let (code, _, err) = told(dir, &["store", "import", "bad.jsonl", "--store", "no"]);
        assert_eq!(code, 1, "{why}");
        assert!(err.contains(why) && err.contains("bad.jsonl line"), "{why}: {err}");
        assert!(!dir.join("no").exists(), "{why}");
    }
    let mut left = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    assert!(left.all(|name| !name.contains(".import-") && !name.contains(".tmp-")));
}

#[test]
fn a_changed_event_is_named_and_the_rest_is_saved() {
    let (dir, _) = filled();
    let dir = dir.path();
    let all = runs(dir, "s");
    let run = all.iter().find(|(_, row)| row["plan"] == "small").unwrap().0.clone();
    tamper(&dir.join("s"), |store| {
        let mut row = store.get(&event(&run, 2)).unwrap().unwrap();
        let middle = row.len() / 2;
        row[middle] ^= 1;
        vec![Op::Put(event(&run, 2), row)]
    });
    let (code, _, err) = told(dir, &["store", "check", "--store", "s"]);
    assert_eq!(code, 1);
    assert!(err.contains(&format!("event 2 of run {run}: the stored bytes are damaged")), "{err}");
    let (code, _, err) = told(dir, &["store", "export", "x.jsonl", "--store", "s"]);
    assert_eq!(code, 1);
    assert!(err.contains(&format!("lost: run {run} is lost from event 2 on")), "{err}");
    let (code, _, err) = told(dir, &["store", "import", "x.jsonl", "--store", "imported"]);
    assert!(code == 1 && err.contains("1 run(s) that had not ended are put aside"), "{code} {err}");
    ok(dir, &["store", "repair", "--store", "s"]);
    for store in ["imported", "s"] {
        ok(dir, &["store", "check", "--store", store]);
        let left = runs(dir, store);
        assert_eq!(left.len(), all.len());
        let (code, _, err) = told(dir, &["resume", &run, "--store", store]);
        assert!(code == 1 && err.contains("is put aside"), "{store}: {code} {err}");
        assert_eq!(dead(dir, store)[&run]["cause"], "damage");
        for (other, row) in all.iter().filter(|(other, _)| **other != run) {
            assert_eq!(row["status"], left[other]["status"], "{store}");
        }
        // A person has looked and lets it go on.
        let out = ok(dir, &["dead", "retry", &run, "--json", "--store", store]);
        assert_eq!(finished(&out)["status"], "succeeded");
        assert!(!dead(dir, store).contains_key(&run));
    }
}

#[test]
fn opening_names_a_damaged_run_that_has_not_ended() {
    let (dir, open) = filled();
    let dir = dir.path();
    // Events that were appended together share a row: the second row goes.
    let mut gone = 0;
    tamper(&dir.join("s"), |store| {
        let rows: Vec<u64> = (1..100).filter(|n| store.get(&event(&open, *n)).unwrap().is_some()).collect();
        assert!(rows.len() > 1, "a row in the middle: {rows:?}");
        gone = rows[0];
        vec![Op::Del(event(&open, gone))]
    });
    let (code, _, err) = told(dir, &["runs", "--store", "s"]);
    assert_eq!(code, 0, "the others are not held up: {err}");
    assert!(err.contains(&format!("run {open} is lost from event {gone} on: it is missing")), "{err}");
    let (code, _, err) = told(dir, &["resume", &open, "--store", "s"]);
    assert!(code == 1 && err.contains(&format!("event {gone} of run")), "{err}");
}

#[test]
fn lists_are_made_anew_from_the_journals() {
    let (dir, open) = filled();
    let dir = dir.path();
    let before = runs(dir, "s");
    let run: Uuid = before.iter().find(|(_, row)| row["plan"] == "large").unwrap().0.parse().unwrap();
    tamper(&dir.join("s"), |store| {
        let tenant = KeyName::local();
        let artifacts = store.scan(keys::artifacts_of(&tenant, run), false, 9).unwrap();
        vec![
            Op::Del(Key::Run { tenant: tenant.clone(), run: open.parse().unwrap() }.encode()),
            Op::Del(artifacts[0].0.clone()),
            Op::Put(Key::RunByStatus { tenant, status: 2, run }.encode(), vec![]),
        ]
    });
    let (code, _, err) = told(dir, &["store", "check", "--store", "s"]);
    assert_eq!(code, 1);
    assert!(err.contains(&format!("the lists and the journal of run {open} differ")), "{err}");
    let (code, _, err) = told(dir, &["store", "repair", "--store", "s"]);
    assert!(code == 0 && err.contains("saved 9 run(s)"), "{err}");
    assert!(!err.contains("put aside"), "no event is lost: {err}");
    ok(dir, &["store", "check", "--store", "s"]);
    assert_eq!(runs(dir, "s").keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    let (_, _, err) = told(dir, &["store", "repair", "--store", "s"]);
    assert!(err.contains("nothing had to be repaired"), "{err}");
}

/// The files of the back end that hold data.
fn files(data: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(data.join("store")).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> =
        entries.filter(|path| path.is_file() && path.metadata().unwrap().len() > 0).collect();
    found.sort();
    found
}

/// Rounds of damage: `AOS_TEST_DAMAGE=200` for more.
fn rounds() -> usize {
    std::env::var("AOS_TEST_DAMAGE").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(12)
}

#[test]
fn a_flipped_byte_or_a_cut_file_is_noticed_and_what_is_left_saved() {
    let (dir, open) = filled();
    let dir = dir.path();
    let before = runs(dir, "s");
    let outcomes: BTreeMap<String, Value> =
        before.keys().map(|run| (run.clone(), shown(dir, "s", run))).collect();
    let mut random = Random::new(3);
    let (mut noticed, mut hopeless, mut saved) = (0, 0, 0);
    for round in 0..rounds() {
        let store = format!("d{round}");
        copy(&dir.join("s"), &dir.join(&store));
        let files = files(&dir.join(&store));
        let file = &files[round % files.len()];
        let mut bytes = std::fs::read(file).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(bytes.len(), |last| last + 1);
        let at = random.below(used as u64) as usize;
        if round % 3 == 2 {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 1 << random.below(8);
        }
        std::fs::write(file, bytes).unwrap();
        let what = format!("round {round}: {} at {at}", file.file_name().unwrap().to_string_lossy());
        let (code, _, check) = told(dir, &["store", "check", "--store", &store]);
        if code == 0 {
            // Nobody said anything, so nothing may be missing.
            assert_eq!(runs(dir, &store), before, "{what}");
            continue;
        }
        noticed += 1;
        assert!(check.contains("error:"), "{what}: {check}");
        let (code, _, repair) = told(dir, &["store", "repair", "--store", &store]);
        println!("{what}: {check}{repair}");
        if code != 0 {
            assert!(repair.contains("nothing could be saved"), "{what}: {repair}");
            hopeless += 1;
            continue;
        }
        ok(dir, &["store", "check", "--store", &store]);
        ok(dir, &["store", "export", "d.jsonl", "--store", &store]);
        let new = format!("n{round}");
        ok(dir, &["store", "import", "d.jsonl", "--store", &new]);
        let (left, dead) = (runs(dir, &new), dead(dir, &new));
        for (run, row) in &left {
            if row["status"] == "interrupted" {
                assert!(dead.contains_key(run), "{what}: run {run} goes on as if nothing were lost");
            } else {
                assert_eq!(shown(dir, &new, run), outcomes[run], "{what}");
            }
        }
        saved += left.len();
        assert!(left.len() < before.len() || left.contains_key(&open), "{what}");
    }
    println!("{noticed} noticed, of these {hopeless} hopeless; {saved} runs saved in the others");
    assert!(noticed > 0 && saved > 0, "the test says nothing");
}

#[test]
fn a_store_is_cared_for_while_runs_go_on() {
    let (dir, _) = filled();
    let dir = dir.path();
    let (mut child, live) = start_slow(dir, "s");
    let (_, _, err) = told(dir, &["store", "check", "--store", "s"]);
    assert!(err.contains("everything is as it was written"), "{err}");
    ok(dir, &["store", "export", "live.jsonl", "--store", "s"]);
    let stats: Value = serde_json::from_str(&ok(dir, &["store", "stats", "--json", "--store", "s"])).unwrap();
    assert_eq!((&stats["runs"], &stats["dead"]), (&10.into(), &1.into()));
    ok(dir, &["store", "gc", "--store", "s"]);
    assert_eq!(dead(dir, "s").len(), 1);
    assert_eq!(ok(dir, &["artifacts", "--json", "--store", "s"]).lines().count(), 2);
    // What needs the store for itself says who has it.
    let (code, _, err) = told(dir, &["store", "repair", "--store", "s"]);
    assert!(code == 75 && err.contains(&format!("pid {}", child.id())), "{code} {err}");
    ok(dir, &["store", "import", "live.jsonl", "--store", "new"]);
    assert_eq!(runs(dir, "new")[&live]["status"], "interrupted");
    ok(dir, &["store", "check", "--store", "new"]);
    ok(dir, &["cancel", &live, "--store", "s"]);
    child.wait().unwrap();
}

#[test]
fn contents_are_found_by_what_they_are() {
    let dir = project();
    let dir = dir.path();
    ok(dir, &["run", "large.plan"]);
    let run = runs(dir, ".aos").keys().next().unwrap().clone();
    let found = |args: &[&str]| -> Vec<Value> {
        let out = ok(dir, &[&["artifacts", "--json"], args].concat());
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    assert_eq!(found(&[]).len(), 2);
    let png = &found(&["--type", "image"])[0];
    assert_eq!(
        (&png["mime"], &png["name"], &png["step"], &png["size"]),
        (&"image/png".into(), &"dot.png".into(), &"picture".into(), &PNG.len().into())
    );
    let text = &found(&["--search", "NEEDLE", "--run", &run[..20]])[0];
    assert_eq!(
        (&text["mime"], &text["step"], &text["size"]),
        (&"text/plain".into(), &"text".into(), &80_000.into())
    );
    assert_eq!(found(&["--mime", "image/"]).len(), 1);
    assert_eq!(found(&["--search", "dot.png"]).len(), 1);
    assert!(found(&["--search", "nowhere"]).is_empty() && found(&["--type", "json"]).is_empty());
    let digest = text["digest"].as_str().unwrap();
    let content = ok(dir, &["artifacts", "--cat", &digest[..20]]);
    assert_eq!(content, std::fs::read_to_string(dir.join("big.txt")).unwrap());
    let told = ok(dir, &["show", &run]);
    assert!(told.contains("of picture: dot.png image/png, 33 B"), "{told}");
    assert!(told.contains("of text: text/plain, 80.0 kB\n  a needle in the hay a needle"), "{told}");
    // The journal holds only where it is, and the run reads it back.
    let stats: Value = serde_json::from_str(&ok(dir, &["store", "stats", "--json"])).unwrap();
    let events = stats["tables"].as_array().unwrap().iter().find(|t| t["table"] == "events").unwrap();
    assert!(events["bytes"].as_u64().unwrap() < 20_000, "{events}");
    let step = &shown(dir, ".aos", &run)["steps"]["text"];
    assert_eq!(step["value"].as_str().map(str::len), Some(80_000));
}

#[test]
fn a_content_goes_when_no_run_names_it_and_not_before() {
    let dir = project();
    let dir = dir.path();
    ok(dir, &["run", "large.plan"]);
    let blobs = dir.join(".aos/blobs/sha256");
    let content = blobs.join("ab/cd");
    std::fs::create_dir_all(&content).unwrap();
    let orphan = content.join(format!("abcd{}", "0".repeat(60)));
    std::fs::write(&orphan, "nobody's").unwrap();
    let gc = |args: &[&str]| told(dir, &[&["store", "gc"], args].concat()).2;
    assert!(gc(&[]).starts_with("0 content(s) deleted"), "too young");
    assert!(orphan.exists());
    assert!(gc(&["--grace", "0", "--dry-run"]).starts_with("1 content(s) would be deleted: 8 B; 2 named"));
    assert!(orphan.exists());
    let day_and_more = std::time::SystemTime::now() - Duration::from_secs(25 * 3600);
    std::fs::File::options().write(true).open(&orphan).unwrap().set_modified(day_and_more).unwrap();
    assert!(gc(&[]).starts_with("1 content(s) deleted: 8 B; 2 named by runs"), "a day later");
    assert!(!orphan.exists());
    ok(dir, &["store", "check"]);
    // A named one that is damaged or gone is named by the check, and by the run that needs it.
    let digest = ok(dir, &["artifacts", "--type", "text", "--json"]);
    let digest = serde_json::from_str::<Value>(&digest).unwrap()["digest"].as_str().unwrap()[7..].to_owned();
    let path = blobs.join(&digest[..2]).join(&digest[2..4]).join(&digest);
    std::fs::write(&path, "other").unwrap();
    let (code, _, err) = told(dir, &["store", "check"]);
    assert!(code == 1 && err.contains("has lost its result") && err.contains(&digest), "{err}");
    std::fs::remove_file(&path).unwrap();
    let run = runs(dir, ".aos").keys().next().unwrap().clone();
    let (code, _, err) = told(dir, &["show", &run]);
    assert!(code == 1 && err.contains("is gone"), "{err}");
    let (code, _, err) = told(dir, &["store", "repair"]);
    assert!(code == 0 && err.contains("is lost from event"), "{err}");
}

#[test]
fn a_run_that_ends_its_process_again_and_again_is_put_aside() {
    let (dir, run) = filled();
    let dir = dir.path();
    // One was killed already. A life is over when it has told that it goes on.
    for _ in 0..4 {
        let mut child = aos(dir)
            .args(["resume", &run, "--store", "s"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let socket = dir.join("s/aos.sock");
        let begun = Instant::now();
        while !socket.exists() {
            assert!(begun.elapsed() < Duration::from_secs(30));
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(300));
        child.kill().unwrap();
        child.wait().unwrap();
        std::fs::remove_file(&socket).unwrap();
    }
    let (code, _, err) = told(dir, &["resume", &run, "--store", "s"]);
    assert!(code == 1 && err.contains("the process ended 5 times"), "{code} {err}");
    assert!(err.contains("it was at nap") && err.contains("aos dead retry"), "{err}");
    let letter = &dead(dir, "s")[&run];
    assert_eq!((&letter["cause"], &letter["steps"][0]), (&"crashes".into(), &"nap".into()));
    assert!(ok(dir, &["dead", "show", &run, "--store", "s"]).contains("its process ended 5 times"));
    // The others are not held up, and it can be ended.
    ok(dir, &["run", "small.plan", "--store", "s"]);
    ok(dir, &["cancel", &run, "--store", "s"]);
    ok(dir, &["dead", "drop", &run, "--store", "s"]);
    assert!(!dead(dir, "s").contains_key(&run));
    let (code, _, err) = told(dir, &["dead", "drop", &run, "--store", "s"]);
    assert!(code == 2 && err.contains("no run that is put aside"), "{err}");
}

#[test]
fn a_computation_that_ends_its_process_is_counted_too() {
    let text = "plan p() {\n  step a = json.parse(text: \"1\")\n\n  step b = json.parse(text: \"[${int(a)}]\")\n\n  \
                step c = file.write(path: \"c\", content: \"${b}\")\n}\n";
    let dir = folder(&[("aos.toml", "[project]\nname = \"t\"\n"), ("p.plan", text)]);
    let dir = dir.path();
    let dies = |args: &[&str]| {
        let done = aos(dir).args(args).env("AOS_DIE_AT", "call-after:2").output().unwrap();
        assert_eq!(done.status.code(), None, "{args:?}");
    };
    dies(&["run", "p.plan"]);
    let run = runs(dir, ".aos").keys().next().unwrap().clone();
    for _ in 0..4 {
        dies(&["resume", &run]);
    }
    let (code, _, err) = told(dir, &["resume", &run]);
    assert!(code == 1 && err.contains("the process ended 5 times"), "{code} {err}");
    assert_eq!(dead(dir, ".aos")[&run]["cause"], "crashes");
    assert!(!dir.join("c").exists());
}

#[test]
fn a_run_whose_retries_are_used_up_is_put_aside() {
    let dir = project();
    let dir = dir.path();
    let (code, out, _) = told(dir, &["run", "fails.plan", "--json"]);
    assert_eq!(code, 1);
    let run = finished(&out)["run"].as_str().unwrap().to_owned();
    let letter = &dead(dir, ".aos")[&run];
    assert_eq!((&letter["cause"], &letter["attempts"]), (&"retries".into(), &3.into()));
    assert!(letter["error"].as_str().unwrap().starts_with("not_found"), "{letter}");
    let (code, _, err) = told(dir, &["dead", "retry", &run]);
    assert!(code == 2 && err.contains(&format!("aos run fails.plan --from {run}")), "{err}");
    ok(dir, &["dead", "drop", &run]);
    assert!(dead(dir, ".aos").is_empty());
}

#[test]
fn an_older_store_is_brought_up_to_date_and_a_newer_one_refused() {
    let dir = project();
    let dir = dir.path();
    ok(dir, &["run", "large.plan"]);
    let data = dir.join(".aos");
    let name = Key::Meta { name: "store".into() }.encode();
    let format = |format: u64| {
        tamper(&data, |store| {
            let mut about: Value = codec::decode(1, &store.get(&name).unwrap().unwrap()).unwrap();
            about["format"] = format.into();
            let artifacts = store.scan(keys::table(Table::Artifact), false, 9).unwrap();
            let mut ops: Vec<Op> = artifacts.into_iter().map(|(key, _)| Op::Del(key)).collect();
            ops.push(Op::Put(name.clone(), codec::encode(1, &about).unwrap()));
            ops
        });
    };
    format(1);
    let (_, out, err) = told(dir, &["artifacts", "--json"]);
    assert_eq!(out.lines().count(), 2, "the list is made: {err}");
    assert!(err.contains("before-format-3.jsonl") && data.join("before-format-3.jsonl").exists(), "{err}");
    assert!(!told(dir, &["artifacts"]).2.contains("before-format"), "once");
    ok(dir, &["store", "check"]);
    format(99);
    let (code, _, err) = told(dir, &["runs"]);
    assert!(code == 1 && err.contains("has format 99, this program knows up to 3; use a newer aos"), "{err}");
}

#[test]
fn what_is_there_is_not_overwritten_by_a_failed_export() {
    let (dir, _) = filled();
    let dir = dir.path();
    std::fs::create_dir(dir.join("folder")).unwrap();
    let (code, _, err) = told(dir, &["store", "export", "folder", "--store", "s"]);
    assert!(code == 1 && err.contains("cannot write"), "{err}");
    let (code, _, err) = told(dir, &["store", "export", "nowhere/x.jsonl", "--store", "s"]);
    assert!(code == 1 && err.contains("nowhere"), "{err}");
    let (code, _, err) = told(dir, &["store", "stats", "--store", "empty"]);
    assert!(code == 2 && err.contains("there is no store"), "{err}");
    assert!(!dir.join("empty").exists());
}

#[test]
fn an_export_beside_a_writer_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let store = std::sync::Arc::new(DiskStore::open(&DiskOptions::new(dir.path().join("s"))).unwrap());
    let journal = aos::runtime::store::journal::Journal::new(std::sync::Arc::clone(&store) as _);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let file = dir.path().join("x.jsonl");
    std::thread::scope(|scope| {
        for run in 1..=4u128 {
            let (journal, stop) = (journal.clone(), &stop);
            scope.spawn(move || {
                let mut seq = 0;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let events = [format!("{seq}"), format!("{}", seq + 1), format!("{}", seq + 2)];
                    wait(journal.append(Uuid::from_u128(run), seq, &events, vec![], vec![])).unwrap();
                    seq += 3;
                }
            });
        }
        std::thread::sleep(Duration::from_millis(200));
        let export = || aos::runtime::care::export::export(&*store, None, &file);
        let exports: Vec<_> = (0..5).map(|_| export()).collect();
        // Before anything is asserted: the writers end, whatever comes out.
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        for done in exports {
            let done = done.unwrap();
            assert!(done.lost.is_empty(), "{:?}", done.lost);
            // Events that are appended together are one row: a row at least for each commit.
            assert!(done.counts.rows >= done.commit && done.counts.runs == 4, "{done:?}");
        }
    });
    assert!(store.scan(KeyRange::all(), false, 1).is_ok());
}
