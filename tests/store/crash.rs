//! A process that commits from 8 threads is killed at random moments; whatever it acknowledged must be there.
//!
//! The child is this test binary itself, running only [`child`], with the folder in its environment.

use super::wait;
use crate::support::power::Power;
use aos::runtime::store::disk::{BackEnd, DiskOptions, DiskStore};
use aos::runtime::store::journal::Journal;
use aos::runtime::store::{KeyRange, Op, Store, StoreError};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;
use uuid::Uuid;

const FOLDER: &str = "AOS_TEST_STORE_CHILD";
/// Which back end a new store gets.
const REDB: &str = "AOS_TEST_STORE_REDB";
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
    let redb = std::env::var_os(REDB).is_some();
    let back_end = if redb { BackEnd::Redb } else { BackEnd::Sled };
    let options = DiskOptions { back_end: Some(back_end), ..DiskOptions::new(folder) };
    let store: Arc<dyn Store> = Arc::new(DiskStore::open(&options).unwrap());
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
fn live_and_die(
    folder: &Path,
    back_end: BackEnd,
    power: Option<&Power>,
    delay: Duration,
    while_opening: bool,
) -> Vec<String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "--nocapture", "store::crash::child"]).env(FOLDER, folder);
    // Checkpoints are made in its short life too.
    command.env("AOS_LOG_LIMIT", "20000");
    if back_end == BackEnd::Redb {
        command.env(REDB, "1");
    }
    if let Some(power) = power {
        power.supply(&mut command);
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
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
    for back_end in super::back_ends() {
        let acked = kill(back_end, kills, None);
        assert!(acked.found > kills * 5, "only {} commits were made: the test says nothing", acked.found);
        assert_eq!(acked.lost, 0, "{back_end:?}");
    }
}

/// What many lives of the child acknowledged, and how much of it is gone.
pub struct Acked {
    pub found: u64,
    pub lost: u64,
    /// Bytes that were written and not synced, where the power was cut.
    pub unsynced: u64,
}

/// Lets the child live and die so often, five times in each folder. `power`: makes the power that is cut at each death.
pub fn kill(back_end: BackEnd, kills: u64, power: Option<&dyn Fn(&Path) -> Power>) -> Acked {
    let mut random = Random::new(std::process::id().into());
    let mut all = Acked { found: 0, lost: 0, unsynced: 0 };
    for generation in 0..kills.div_ceil(5) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        std::fs::create_dir(&root).unwrap();
        let power = power.map(|power| power(&root));
        let folder = root.join("s");
        let mut acked: HashMap<u128, u64> = HashMap::new();
        let mut last_commit = 0;
        for _ in 0..5.min(kills - generation * 5) {
            let while_opening = random.below(6) == 0;
            let delay = Duration::from_millis(random.below(300));
            for line in live_and_die(&folder, back_end, power.as_ref(), delay, while_opening) {
                let words: Vec<&str> = line.split_ascii_whitespace().collect();
                // The last line may be cut short by the kill: then it was not acknowledged.
                if let ["ack", thread, seq, commit] = words[..] {
                    all.found += 1;
                    let (thread, seq): (u128, u64) = (thread.parse().unwrap(), seq.parse().unwrap());
                    acked.entry(thread).and_modify(|last| *last = seq.max(*last)).or_insert(seq);
                    last_commit = last_commit.max(commit.parse().unwrap_or(0));
                }
            }
            all.unsynced += power.as_ref().map_or(0, Power::cut);
            let lost = check(&folder, back_end, &acked, last_commit);
            all.lost += lost;
            if lost > 0 {
                break;
            }
            if let Some(power) = &power {
                // What looking at it wrote.
                power.keep(&root);
            }
        }
    }
    all
}

/// How many acknowledged events are gone. What is there must be whole.
fn check(folder: &Path, back_end: BackEnd, acked: &HashMap<u128, u64>, last_commit: u64) -> u64 {
    let options = DiskOptions { back_end: Some(back_end), ..DiskOptions::new(folder) };
    let store: Arc<dyn Store> = match DiskStore::open(&options) {
        Ok(store) => Arc::new(store),
        // It says that it has lost something.
        Err(StoreError::Damaged { .. }) => return 1,
        Err(error) => panic!("{error}"),
    };
    let mut lost = u64::from(store.synced().0 < last_commit);
    let journal = Journal::new(Arc::clone(&store));
    for thread in 0..THREADS {
        let run = Uuid::from_u128(thread);
        let events: Vec<(u64, String)> = journal.read(run).map(Result::unwrap).collect();
        let wanted = acked.get(&thread).map_or(0, |last| last + 1);
        lost += wanted.saturating_sub(events.len() as u64);
        assert!(events.iter().all(|(seq, text)| *text == payload(*seq)));
        // A commit is whole: both projections name the last event.
        let last = events.last().map(|(seq, _)| seq.to_be_bytes().to_vec());
        for table in [b'p', b'q'] {
            assert_eq!(store.get(&projection(table, run)).unwrap(), last, "run {thread}");
        }
    }
    assert!(store.scan(KeyRange::all(), true, 1).is_ok());
    store.close().unwrap();
    lost
}
