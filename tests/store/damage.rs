//! Damaged files: an error in plain words or unharmed data, never a panic, a hang or a loss that goes unnoticed.

use super::crash::Random;
use super::wait;
use aos::runtime::store::disk::{DiskOptions, DiskStore};
use aos::runtime::store::journal::Journal;
use aos::runtime::store::{Store, StoreError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

const RUNS: u128 = 4;
const EVENTS: u64 = 100;

/// The data folder of a closed store with some journals.
fn image() -> tempfile::TempDir {
    let dir = image_without_snapshot();
    // sled writes a snapshot of its log only when it opens an old one.
    DiskStore::open(&DiskOptions::new(dir.path())).unwrap().close().unwrap();
    dir
}

fn image_without_snapshot() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(DiskStore::open(&DiskOptions::new(dir.path())).unwrap());
    let journal = Journal::new(Arc::clone(&store));
    wait(async {
        for seq in 0..EVENTS {
            let appends = (0..RUNS).map(|run| {
                let journal = journal.clone();
                async move {
                    journal.append(Uuid::from_u128(run), seq, &[event(seq)], vec![], vec![]).await.unwrap()
                }
            });
            futures_util::future::join_all(appends).await;
        }
    });
    store.close().unwrap();
    dir
}

fn event(seq: u64) -> String {
    format!("{seq} {}", "0123456789".repeat((seq % 60) as usize))
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The files that hold data.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(dir.join("store"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && path.metadata().unwrap().len() > 0)
        .collect();
    found.sort();
    found
}

#[derive(Debug, PartialEq)]
enum Outcome {
    /// Everything is there.
    Harmless,
    /// Somebody said what is wrong.
    Told(String),
    /// Data is gone and nobody said so.
    Silent(String),
}

/// Opens and reads all; a panic that gets out fails the test.
fn look(dir: &Path) -> Outcome {
    let store: Arc<dyn Store> = match DiskStore::open(&DiskOptions::new(dir)) {
        Ok(store) => Arc::new(store),
        Err(error) => return Outcome::Told(error.to_string()),
    };
    let journal = Journal::new(Arc::clone(&store));
    for run in 0..RUNS {
        let mut count = 0;
        for read in journal.read::<String>(Uuid::from_u128(run)) {
            match read {
                Err(error) => return Outcome::Told(error.to_string()),
                Ok((seq, text)) if text != event(seq) => {
                    return Outcome::Silent(format!("run {run} event {seq} reads {text}"));
                }
                Ok(_) => count += 1,
            }
        }
        if count != EVENTS {
            return Outcome::Silent(format!("run {run} has {count} events"));
        }
    }
    // It must also be possible to write to it, or to be told that it is not.
    match wait(store.commit(vec![], vec![])) {
        Ok(_) => Outcome::Harmless,
        Err(error) => Outcome::Told(error.to_string()),
    }
}

/// `look` in a thread: a hang is a failure, not a stuck test run.
fn look_in_time(dir: &Path) -> Outcome {
    let (done, wait) = std::sync::mpsc::channel();
    let dir = dir.to_owned();
    std::thread::spawn(move || done.send(look(&dir)));
    wait.recv_timeout(std::time::Duration::from_secs(40)).expect("opening or reading hung or panicked")
}

#[test]
fn flipped_bits_are_told_or_harmless() {
    let images = [image(), image_without_snapshot()];
    let mut random = Random::new(1);
    let mut told = 0;
    for round in 0..40 {
        let image = &images[round % 2];
        let dir = tempfile::tempdir().unwrap();
        copy(image.path(), dir.path());
        let files = files(dir.path());
        let file = &files[round / 2 % files.len()];
        let mut bytes = std::fs::read(file).unwrap();
        // The log is preallocated: only the part with data is worth hitting.
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(bytes.len(), |last| last + 1);
        let at = random.below(used as u64) as usize;
        bytes[at] ^= 1 << random.below(8);
        std::fs::write(file, bytes).unwrap();
        let outcome = look_in_time(dir.path());
        println!("{} byte {at}: {outcome:?}", file.display());
        assert!(!matches!(outcome, Outcome::Silent(_)), "{} byte {at}: {outcome:?}", file.display());
        told += u32::from(matches!(outcome, Outcome::Told(_)));
    }
    assert!(told > 0, "no damage had an effect: the test says nothing");
}

#[test]
fn cut_files_are_told_or_harmless() {
    let images = [image(), image_without_snapshot()];
    let mut random = Random::new(2);
    for round in 0..24 {
        let image = &images[round % 2];
        let dir = tempfile::tempdir().unwrap();
        copy(image.path(), dir.path());
        let files = files(dir.path());
        let file = &files[round / 2 % files.len()];
        let len = file.metadata().unwrap().len();
        let cut = if round / 2 < files.len() { 0 } else { random.below(len) };
        std::fs::OpenOptions::new().write(true).open(file).unwrap().set_len(cut).unwrap();
        let outcome = look_in_time(dir.path());
        println!("{} cut to {cut} of {len}: {outcome:?}", file.display());
        assert!(!matches!(outcome, Outcome::Silent(_)), "{} cut to {cut}: {outcome:?}", file.display());
    }
}

#[test]
fn an_older_copy_is_refused_and_the_loss_named() {
    let image = image();
    let old = tempfile::tempdir().unwrap();
    copy(image.path(), old.path());
    let store = DiskStore::open(&DiskOptions::new(image.path())).unwrap();
    for _ in 0..3 {
        wait(store.commit(vec![], vec![])).unwrap();
    }
    store.close().unwrap();
    // The mark of the newer store beside the data of the older one: what a silently truncated log looks like.
    std::fs::copy(image.path().join("hwm"), old.path().join("hwm")).unwrap();
    match DiskStore::open(&DiskOptions::new(old.path())).map(|_| ()) {
        Err(StoreError::Damaged { what, way_out }) => {
            assert!(
                what.contains("ends at commit 400, but commit 403 had been acknowledged: 3 are lost"),
                "{what}"
            );
            assert!(way_out.contains("aos store repair"), "{way_out}");
        }
        other => panic!("{other:?}"),
    }
    std::fs::remove_file(old.path().join("hwm")).unwrap();
    assert_eq!(look(old.path()), Outcome::Harmless, "the way out works");
}

#[test]
fn a_vanished_or_foreign_store_is_refused() {
    let (image, other) = (image(), image());
    let gone = tempfile::tempdir().unwrap();
    copy(image.path(), gone.path());
    std::fs::remove_dir_all(gone.path().join("store")).unwrap();
    let told = look(gone.path());
    assert!(
        matches!(&told, Outcome::Told(why) if why.contains("400 commits had been acknowledged")),
        "{told:?}"
    );
    std::fs::copy(other.path().join("hwm"), image.path().join("hwm")).unwrap();
    let told = look(image.path());
    assert!(matches!(&told, Outcome::Told(why) if why.contains("is of another store")), "{told:?}");
}

#[test]
fn damaged_settings_or_snapshots_have_a_way_out_that_works() {
    for damaged in ["snap.", "conf"] {
        one_damaged_file_has_a_way_out(damaged);
    }
}

fn one_damaged_file_has_a_way_out(begins: &str) {
    let image = image();
    let named = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(begins);
    let file = files(image.path()).into_iter().find(named).expect("a store opened twice has both files");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(&file, bytes).unwrap();
    match look(image.path()) {
        Outcome::Told(why) => {
            assert!(why.contains("aos store repair"), "{why}");
        }
        other => panic!("{other:?}"),
    }
    std::fs::remove_file(&file).unwrap();
    assert_eq!(look(image.path()), Outcome::Harmless, "without {begins}: what `aos store repair` tries");
}
