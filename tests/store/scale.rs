//! Figures of a big store: `cargo test --release --test main store::scale -- --ignored --nocapture`.
//! `AOS_TEST_EVENTS` events (a million), 10 a run, one run in a hundred still open.

use aos::catalog::Catalog;
use aos::engine::{Machine, Outcome};
use aos::runtime::blobs::Blobs;
use aos::runtime::care::{self, Done, Job, Opened};
use aos::runtime::journal::{self, FORMAT, Header, RunJournal};
use aos::runtime::store::disk::DiskOptions;
use aos::runtime::store::journal::Journal;
use aos::runtime::store::keys::KeyName;
use aos::{check, dag::Dag, engine, source::Sources, syntax, value};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const PLAN: &str = "plan p() -> int {\n  step a = time.sleep(duration: 1ms)\n\n  step b = time.sleep(duration: 1ms)\n    depends_on [a]\n\n  step c = file.read(path: \"c\")\n    depends_on [b]\n\n  step d = file.read(path: \"d\")\n    depends_on [c]\n\n  step e = file.read(path: \"e\")\n    depends_on [d]\n\n  step f = file.read(path: \"f\")\n    depends_on [e]\n\n  step g = file.read(path: \"g\")\n    depends_on [f]\n\n  step h = file.read(path: \"h\")\n    depends_on [g]\n\n  return 1\n}\n";

fn dag() -> Arc<Dag> {
    let mut sources = Sources::default();
    let id = sources.add("p.plan", PLAN);
    let parse = syntax::parse(id, PLAN);
    let analysis = check::check(id, &parse, &sources, &Catalog::stdlib());
    Arc::new(Dag::new(analysis.into_checked("p").unwrap().program()))
}

/// Drives a run without skills: each call succeeds with the same text; stops early where it is to stay open.
async fn run(journal: Journal, dag: Arc<Dag>, open: bool) -> u64 {
    let id = uuid::Uuid::now_v7();
    let header = Header {
        agent: None,
        format: FORMAT,
        tenant: "local".into(),
        actor: "test".into(),
        plan: "p".into(),
        file: "p.plan".into(),
        project_root: "/".into(),
        dag: Arc::clone(&dag),
        sources: vec![("p.plan".into(), PLAN.into())],
    };
    let mut machine = Machine::new(dag);
    let mut out = RunJournal::create(journal, KeyName::local(), id, header);
    let mut next = vec![journal::started(id, value::Map::new())];
    let mut at = jiff::Timestamp::now();
    let mut written = 0;
    let most = if open { 6 } else { u64::MAX };
    while !next.is_empty() && written < most {
        let (mut events, mut commands) = (Vec::new(), Vec::new());
        at += jiff::SignedDuration::from_millis(1);
        for kind in std::mem::take(&mut next) {
            let event = engine::Event { at, actor: "engine".into(), kind };
            commands.extend(machine.apply(&event).unwrap().commands);
            events.push(event);
        }
        let outcome: Option<&Outcome> =
            commands.iter().find_map(|c| if let engine::Command::Finish(o) = c { Some(o) } else { None });
        out.append(&events, outcome, None, &machine).await.unwrap();
        written += events.len() as u64 + u64::from(written == 0);
        for command in commands {
            match command {
                engine::Command::Invoke(call) => next.push(engine::EventKind::AttemptSucceeded {
                    step: call.step,
                    attempt: call.attempt,
                    value: value::Value::String("0123456789".repeat(12).into()),
                    usage: engine::Usage::default(),
                    reused: None,
                }),
                engine::Command::WakeAt { timer, .. } => next.push(engine::EventKind::TimerFired { timer }),
                engine::Command::Disarm { .. }
                | engine::Command::Abort { .. }
                | engine::Command::Finish(_) => {}
            }
        }
    }
    written
}

fn fill(data: &Path, wanted: u64) -> (u64, u64) {
    let store = care::open(&DiskOptions::new(data)).unwrap().store;
    let journal = Journal::new(Arc::clone(&store)).with_blobs(Blobs::new(data));
    let dag = dag();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (mut events, mut runs) = (0, 0);
    while events < wanted {
        let group: Vec<_> = (0..256)
            .map(|n| runtime.spawn(run(journal.clone(), Arc::clone(&dag), (runs + n) % 100 == 0)))
            .collect();
        runs += group.len() as u64;
        for run in group {
            events += runtime.block_on(run).unwrap();
        }
    }
    store.close().unwrap();
    (events, runs)
}

#[test]
#[ignore = "prints figures"]
fn figures() {
    let wanted = std::env::var("AOS_TEST_EVENTS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let dir = tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap();
    let data = dir.path().join("s");
    let begun = Instant::now();
    let (events, runs) = fill(&data, wanted);
    println!("{events} events of {runs} runs written in {:.1?}", begun.elapsed());
    for time in ["first", "second"] {
        let begun = Instant::now();
        let Opened { store, verified, .. } = care::open(&DiskOptions::new(&data)).unwrap();
        println!(
            "opened ({time}), {} open runs with {} events verified, {} left for later: {:.2?}",
            verified.runs,
            verified.events,
            verified.later,
            begun.elapsed()
        );
        assert!(verified.damaged.is_empty());
        store.close().unwrap();
    }
    let store = care::open(&DiskOptions::new(&data)).unwrap().store;
    let file = dir.path().join("x.jsonl");
    for job in [
        Job::Stats,
        Job::Check,
        Job::Gc { grace_s: 0, dry_run: true },
        Job::Export { file: file.clone(), blobs: true },
    ] {
        let begun = Instant::now();
        let done = job.run(&store, &data).unwrap();
        println!("{job:?}: {:.1?}", begun.elapsed());
        if let Done::Checked(checked) = done {
            assert_eq!(
                (checked.events, checked.problems.len()),
                (events, 0),
                "{:?}",
                checked.problems.first()
            );
        }
    }
    store.close().unwrap();
    let begun = Instant::now();
    care::import::import(&file, &DiskOptions::new(dir.path().join("new"))).unwrap();
    println!("import of {} MB: {:.1?}", std::fs::metadata(&file).unwrap().len() / 1_000_000, begun.elapsed());
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
}
