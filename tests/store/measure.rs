//! Figures, not verdicts: `cargo test --release --test main store::measure -- --ignored --nocapture`.

use super::wait;
use aos::runtime::store::disk::{DiskOptions, DiskStore};
use aos::runtime::store::{Op, Store};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn rss_kib() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS"))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
#[ignore = "prints figures"]
fn figures() {
    let dir = tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap();
    println!("before: {}", rss_kib());
    for round in 0..5 {
        let data = dir.path().join(if round < 3 { format!("s{round}") } else { "s0".into() });
        let begun = Instant::now();
        let store = DiskStore::open(&DiskOptions::new(&data)).unwrap();
        let opened = begun.elapsed();
        for n in 0..3u8 {
            wait(store.commit(vec![], vec![Op::Put(vec![0x20, n], vec![7; 300])])).unwrap();
        }
        let committed = begun.elapsed();
        store.close().unwrap();
        println!(
            "{}: open {opened:?}, 3 commits {:?}, close {:?}; {}",
            if round < 3 { "new" } else { "again" },
            committed - opened,
            begun.elapsed() - committed,
            rss_kib()
        );
    }
    for tasks in [1u64, 8, 64] {
        let store: Arc<dyn Store> =
            Arc::new(DiskStore::open(&DiskOptions::new(dir.path().join(format!("t{tasks}")))).unwrap());
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let begun = Instant::now();
        let handles: Vec<_> = (0..tasks)
            .map(|task| {
                let store = Arc::clone(&store);
                runtime.spawn(async move {
                    let mut n = 0u64;
                    while begun.elapsed() < Duration::from_secs(3) {
                        let key = [&task.to_be_bytes()[..], &n.to_be_bytes()].concat();
                        store.commit(vec![], vec![Op::Put(key, vec![7; 300])]).await.unwrap();
                        n += 1;
                    }
                })
            })
            .collect();
        for handle in handles {
            runtime.block_on(handle).unwrap();
        }
        let seconds = begun.elapsed().as_secs_f64();
        let stats = store.stats();
        println!(
            "{tasks} tasks: {:.0} commits/s, {:.0} syncs/s; {}",
            stats.commits as f64 / seconds,
            stats.syncs as f64 / seconds,
            rss_kib()
        );
        store.close().unwrap();
    }
}
