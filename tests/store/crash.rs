//! A process that commits from 8 threads is killed at random moments; whatever it acknowledged must be there.
//!
//! The child is this test binary itself, running only [`child`], with the folder in its environment.

use super::wait;
use aos::runtime::store::disk::{DiskOptions, DiskStore};
use aos::runtime::store::journal::Journal;
use aos::runtime::store::{KeyRange, Op, Store};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;
use uuid::Uuid;

const FOLDER: &str = "AOS_TEST_STORE_CHILD";
const THREADS: u128 = 8;
/// More for a nightly run: `AOS_TEST_KILLS=200`.
const KILLS: u64 = 15;

/// A small generator of numbers, the same for the same seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % end
    }
}

/// Not a test of its own: the process that gets killed. Each thread appends to a journal of its own,
/// with two projections a step, and says so when it is durable.
#[test]
#[ignore = "the child process of the crash test"]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store: Arc<dyn Store> = Arc::new(DiskStore::open(&DiskOptions::new(folder)).unwrap());
    // Its own line: the test harness may leave a line open.
    print(&format!("\nopen {}", store.synced()));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let journal = Journal::new(Arc::clone(&store));
            scope.spawn(move || work(&journal, thread));
        }
    });
}

fn work(journal: &Journal, thread: u128) {
    let run = Uuid::from_u128(thread);
    let mut seq = journal.read::<String>(run).map(Result::unwrap).count() as u64;
    loop {
        let ops = [b'p', b'q'].map(|table| Op::Put(projection(table, run), seq.to_be_bytes().to_vec()));
        let commit = wait(journal.append(run, seq, &[payload(seq)], vec![], ops.to_vec())).unwrap();
        print(&format!("ack {thread} {seq} {commit}"));
        seq += 1;
    }
}

fn payload(seq: u64) -> String {
    format!("{seq}:{}", "x".repeat(50 + (seq % 700) as usize))
}

fn projection(table: u8, run: Uuid) -> Vec<u8> {
    [&[table][..], run.as_bytes()].concat()
}

fn print(line: &str) {
    let mut out = std::io::stdout().lock();
    // The reader may be gone: then the kill is near.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Starts the child, kills it `delay` after it has opened the store (or at once); gives its lines.
fn live_and_die(folder: &Path, delay: Duration, while_opening: bool) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "store::crash::child"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let out = child.stdout.take().unwrap();
    let (opened, open) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut lines = Vec::new();
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if line.starts_with("open") {
                let _ = opened.send(());
            }
            lines.push(line);
        }
        lines
    });
    if !while_opening {
        let ready = open.recv_timeout(Duration::from_secs(60));
        if ready.is_err() {
            let _ = child.kill();
            let output = child.wait_with_output().unwrap();
            panic!("the child did not open the store: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    std::thread::sleep(delay);
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        !String::from_utf8_lossy(&output.stderr).contains("panicked"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    reader.join().unwrap()
}

#[test]
fn nothing_acknowledged_is_lost_to_a_kill() {
    let kills = std::env::var("AOS_TEST_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    let mut random = Random::new(std::process::id().into());
    let mut acked_in_all = 0;
    for generation in 0..kills.div_ceil(5) {
        let dir = tempfile::tempdir().unwrap();
        let mut acked: HashMap<u128, u64> = HashMap::new();
        let mut last_commit = 0;
        for _ in 0..5.min(kills - generation * 5) {
            let while_opening = random.below(6) == 0;
            let lines = live_and_die(dir.path(), Duration::from_millis(random.below(300)), while_opening);
            for line in &lines {
                // The last line may be cut: it has no fourth word, or a shorter number that was acknowledged too.
                let words: Vec<_> = line.split(' ').collect();
                if let ["ack", thread, seq, commit] = words[..] {
                    acked_in_all += 1;
                    let (thread, seq): (u128, u64) = (thread.parse().unwrap(), seq.parse().unwrap());
                    acked.entry(thread).and_modify(|last| *last = seq.max(*last)).or_insert(seq);
                    last_commit = last_commit.max(commit.parse().unwrap_or(0));
                }
            }
            check(dir.path(), &acked, last_commit);
        }
    }
    assert!(acked_in_all > kills * 5, "only {acked_in_all} commits were made: the test says nothing");
}

fn check(folder: &Path, acked: &HashMap<u128, u64>, last_commit: u64) {
    let store: Arc<dyn Store> = Arc::new(DiskStore::open(&DiskOptions::new(folder)).unwrap());
    assert!(store.synced().0 >= last_commit, "{} < {last_commit}", store.synced());
    let journal = Journal::new(Arc::clone(&store));
    for thread in 0..THREADS {
        let run = Uuid::from_u128(thread);
        let events: Vec<(u64, String)> = journal.read(run).map(Result::unwrap).collect();
        let wanted = acked.get(&thread).map_or(0, |last| last + 1);
        assert!(
            events.len() as u64 >= wanted,
            "run {thread}: {} events, {wanted} acknowledged",
            events.len()
        );
        assert!(events.iter().all(|(seq, text)| *text == payload(*seq)));
        // A commit is whole: both projections name the last event.
        let last = events.last().map(|(seq, _)| seq.to_be_bytes().to_vec());
        for table in [b'p', b'q'] {
            assert_eq!(store.get(&projection(table, run)).unwrap(), last, "run {thread}");
        }
    }
    assert!(store.scan(KeyRange::all(), true, 1).is_ok());
    store.close().unwrap();
}
