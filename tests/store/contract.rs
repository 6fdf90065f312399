//! What every back end does alike.

use super::wait;
use aos::runtime::store::disk::{BackEnd, DiskOptions, DiskStore};
use aos::runtime::store::journal::Journal;
use aos::runtime::store::memory::MemoryStore;
use aos::runtime::store::{CommitNo, KeyRange, Op, Pre, Store, StoreError};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// Runs a test against a fresh store of each kind.
fn on_each(test: impl Fn(Arc<dyn Store>)) {
    test(Arc::new(MemoryStore::new()));
    for back_end in super::back_ends() {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(DiskStore::open(&options(dir.path(), back_end)).unwrap());
        test(Arc::clone(&store));
        store.close().unwrap();
    }
}

fn options(data: &std::path::Path, back_end: BackEnd) -> DiskOptions {
    DiskOptions { back_end: Some(back_end), ..DiskOptions::new(data) }
}

fn put(key: &str, value: &str) -> Op {
    Op::Put(key.into(), value.into())
}

fn del(key: &str) -> Op {
    Op::Del(key.into())
}

fn read(store: &dyn Store, key: &str) -> Option<String> {
    store.get(key.as_bytes()).unwrap().map(|value| String::from_utf8(value).unwrap())
}

/// Only the keys of the test: a back end may keep rows of its own in table 01.
fn keys(store: &dyn Store, range: KeyRange, rev: bool, limit: usize) -> Vec<String> {
    let found = store.scan(range, rev, limit).unwrap();
    found.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect()
}

#[test]
fn a_commit_is_seen_whole() {
    on_each(|store| {
        let first = wait(store.commit(vec![], vec![put("a", "1"), put("b", "2"), put("a", "3")])).unwrap();
        assert_eq!(read(&*store, "a").as_deref(), Some("3"), "the later op wins");
        assert_eq!(read(&*store, "b").as_deref(), Some("2"));
        let second = wait(store.commit(vec![], vec![del("a"), del("none")])).unwrap();
        assert_eq!(read(&*store, "a"), None);
        assert_eq!((first, second, store.synced()), (CommitNo(1), CommitNo(2), CommitNo(2)));
        let empty = wait(store.commit(vec![], vec![put("", ""), put("e", "")])).unwrap();
        assert_eq!(empty, CommitNo(3));
        assert_eq!(read(&*store, "e").as_deref(), Some(""));
    });
}

#[test]
fn a_failed_precondition_writes_nothing() {
    on_each(|store| {
        wait(store.commit(vec![], vec![put("a", "1")])).unwrap();
        let absent = |key: &str| Pre::Absent(key.into());
        let equals = |key: &str, value: &str| Pre::Equals(key.into(), value.into());
        for (pre, fails) in [
            (vec![absent("a")], Some(0)),
            (vec![absent("b"), equals("a", "2")], Some(1)),
            (vec![equals("b", "")], Some(0)),
            (vec![absent("b"), equals("a", "1")], None),
        ] {
            let done = wait(store.commit(pre.clone(), vec![put("c", "x")]));
            match fails {
                Some(pre) => assert_eq!(done, Err(StoreError::Conflict { pre })),
                None => assert_eq!(done, Ok(CommitNo(2)), "failed commits have no number"),
            }
            assert_eq!(read(&*store, "c").is_some(), fails.is_none(), "{pre:?}");
        }
    });
}

#[test]
fn scans_follow_the_order_of_bytes() {
    on_each(|store| {
        let all = ["k", "k\0", "k1", "k10", "k2", "l"];
        wait(store.commit(vec![], all.iter().rev().map(|key| put(key, "")).collect())).unwrap();
        let k = || KeyRange::prefix("k");
        assert_eq!(keys(&*store, k(), false, 10), &all[..5]);
        assert_eq!(keys(&*store, k(), true, 2), ["k2", "k10"]);
        assert_eq!(keys(&*store, k().after("k\0"), false, 2), ["k1", "k10"]);
        assert_eq!(keys(&*store, k().before("k1"), true, 10), ["k\0", "k"]);
        assert_eq!(keys(&*store, KeyRange::between("k1", "l"), false, 10), ["k1", "k10", "k2"]);
        assert!(keys(&*store, k(), false, 0).is_empty());
        for backwards in [
            KeyRange::between("l", "k"),
            KeyRange::between("k", "k"),
            KeyRange { start: Bound::Excluded("k".into()), end: Bound::Excluded("k".into()) },
        ] {
            assert!(keys(&*store, backwards, false, 10).is_empty());
        }
    });
}

#[test]
fn of_many_who_claim_a_key_one_wins() {
    on_each(|store| {
        let threads: Vec<_> = (0..16)
            .map(|n| {
                let store = Arc::clone(&store);
                std::thread::spawn(move || {
                    wait(store.commit(vec![Pre::Absent("claim".into())], vec![put("claim", &n.to_string())]))
                        .is_ok()
                })
            })
            .collect();
        let won: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(won.iter().filter(|won| **won).count(), 1);
        let winner = won.iter().position(|won| *won).unwrap();
        assert_eq!(read(&*store, "claim"), Some(winner.to_string()));
    });
}

#[test]
fn counters_under_contention_lose_nothing() {
    on_each(|store| {
        wait(store.commit(vec![], vec![put("n", "0")])).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        loop {
                            let seen = read(&*store, "n").unwrap();
                            let next = (seen.parse::<u32>().unwrap() + 1).to_string();
                            let done =
                                wait(store.commit(
                                    vec![Pre::Equals("n".into(), seen.into())],
                                    vec![put("n", &next)],
                                ));
                            match done {
                                Ok(_) => break,
                                Err(StoreError::Conflict { .. }) => {}
                                Err(error) => panic!("{error}"),
                            }
                        }
                    }
                });
            }
        });
        assert_eq!(read(&*store, "n").as_deref(), Some("100"));
    });
}

#[test]
fn after_close_there_are_no_commits() {
    on_each(|store| {
        wait(store.commit(vec![], vec![put("a", "1")])).unwrap();
        store.close().unwrap();
        store.close().unwrap();
        assert_eq!(wait(store.commit(vec![], vec![put("b", "1")])), Err(StoreError::Closed));
    });
}

#[test]
fn random_commits_agree_with_a_map() {
    on_each(|store| {
        let mut random = super::crash::Random::new(7);
        let mut model = BTreeMap::new();
        for _ in 0..60 {
            let ops: Vec<Op> = (0..random.below(12))
                .map(|_| {
                    let key = format!("x{}", random.below(40));
                    if random.below(3) == 0 {
                        del(&key)
                    } else {
                        put(&key, &"v".repeat(random.below(2000) as usize))
                    }
                })
                .collect();
            for op in &ops {
                match op {
                    Op::Put(key, value) => model.insert(key.clone(), value.clone()),
                    Op::Del(key) => model.remove(key),
                };
            }
            wait(store.commit(vec![], ops)).unwrap();
        }
        let found: BTreeMap<_, _> =
            store.scan(KeyRange::prefix("x"), false, 1000).unwrap().into_iter().collect();
        assert_eq!(found, model);
    });
}

#[test]
fn a_journal_works_on_each() {
    on_each(|store| {
        let (journal, run) = (Journal::new(store), uuid::Uuid::from_u128(9));
        for n in 0..5u64 {
            wait(journal.append(run, n, &[format!("event {n}")], vec![], vec![])).unwrap();
        }
        let read: Vec<(u64, String)> = journal.read(run).map(Result::unwrap).collect();
        assert_eq!(read.len(), 5);
        assert_eq!(read[4], (4, "event 4".into()));
    });
}

#[test]
fn a_group_shares_its_sync() {
    super::back_ends().into_iter().for_each(group);
}

fn group(back_end: BackEnd) {
    let dir = tempfile::tempdir().unwrap();
    let store = DiskStore::open(&options(dir.path(), back_end)).unwrap();
    wait(async {
        let commits = (0..200).map(|n| store.commit(vec![], vec![put(&format!("k{n}"), "v")]));
        for done in futures_util::future::join_all(commits).await {
            done.unwrap();
        }
    });
    let stats = store.stats();
    assert_eq!((stats.commits, stats.groups), (200, stats.syncs));
    assert!(stats.syncs <= 100, "{stats:?}");
    assert!(stats.bytes >= 200 * 3);
}

#[test]
fn content_and_numbers_survive_reopening() {
    super::back_ends().into_iter().for_each(reopen);
}

fn reopen(back_end: BackEnd) {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("deep/er");
    for round in 1..=4u64 {
        // What the folder holds is found without being told.
        let asked = if round == 1 { options(&data, back_end) } else { DiskOptions::new(&data) };
        let store = DiskStore::open(&asked).unwrap();
        assert_eq!(store.back_end(), back_end);
        assert_eq!(store.synced(), CommitNo(round - 1));
        let done = wait(store.commit(vec![], vec![put(&format!("r{round}"), "x")]));
        assert_eq!(done, Ok(CommitNo(round)));
        assert_eq!(keys(&store, KeyRange::prefix("r"), false, 10).len() as u64, round);
        if round % 2 == 0 {
            store.close().unwrap();
        }
    }
}

#[test]
fn a_second_opener_is_told_who_holds_it() {
    super::back_ends().into_iter().for_each(second);
}

fn second(back_end: BackEnd) {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), back_end);
    options.lock_wait = std::time::Duration::from_millis(50);
    let held = DiskStore::open(&options).unwrap();
    match DiskStore::open(&options).map(|_| ()) {
        Err(StoreError::InUse { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
        other => panic!("{other:?}"),
    }
    drop(held);
    DiskStore::open(&options).unwrap();
}

#[test]
fn what_is_no_folder_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    assert!(matches!(DiskStore::open(&DiskOptions::new(&file)).map(|_| ()), Err(StoreError::Io { .. })));
}

#[test]
fn another_back_end_is_not_taken_by_mistake() {
    let dir = tempfile::tempdir().unwrap();
    DiskStore::open(&DiskOptions::new(dir.path())).unwrap().close().unwrap();
    match DiskStore::open(&options(dir.path(), BackEnd::Redb)).map(|_| ()) {
        Err(StoreError::Io { why, .. }) => assert!(why.contains("it is one of sled"), "{why}"),
        other => panic!("{other:?}"),
    }
    let new = options(&dir.path().join("new"), BackEnd::Redb);
    match DiskStore::open(&new).map(|_| ()) {
        Ok(()) => assert!(super::back_ends().contains(&BackEnd::Redb)),
        Err(error) => assert!(error.to_string().contains("built without it"), "{error}"),
    }
}
