//! Many runs of one process, through the library and through the socket.

use aos::catalog::Catalog;
use aos::check::check;
use aos::dag::Dag;
use aos::engine::{Event, Machine, RunStatus};
use aos::runtime::Runtime;
use aos::runtime::host::Request;
use aos::runtime::journal::{FORMAT, Header, RunJournal, started};
use aos::runtime::people::{Person, Reply};
use aos::runtime::skill::{Skills, SkillsConfig};
use aos::runtime::socket::{self, Answer, Client};
use aos::runtime::store::Store;
use aos::runtime::store::disk::{DiskOptions, DiskStore};
use aos::runtime::store::journal::Journal;
use aos::runtime::store::keys::KeyName;
use aos::runtime::store::memory::MemoryStore;
use aos::source::Sources;
use aos::syntax::parse;
use aos::value::{Map, Value};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn dag(text: &str) -> Arc<Dag> {
    let mut sources = Sources::default();
    let id = sources.add("p.plan", text);
    let analysis = check(id, &parse(id, text), &sources, &Catalog::stdlib());
    let checked = analysis.into_checked("p").unwrap_or_else(|found| panic!("{found:?}"));
    Arc::new(Dag::new(checked.program()))
}

fn request(dag: &Arc<Dag>, text: &str, inputs: Map) -> Request {
    Request {
        agent: None,
        dag: Arc::clone(dag),
        sources: vec![("p.plan".into(), text.into())],
        plan: "p".into(),
        file: "p.plan".into(),
        project_root: "/nowhere".into(),
        inputs,
        actor: "ann".into(),
        key: None,
        from: None,
    }
}

fn over(store: Arc<dyn Store>) -> Arc<Runtime> {
    Arc::new(Runtime::new(store, KeyName::local(), |root: &Path| Ok(Skills::new(SkillsConfig::new(root)))))
}

fn yes(step: &str) -> Reply {
    Reply::Decide { step: step.into(), approve: true, comment: None, digest: None }
}

fn ann() -> Person {
    Person::of("ann".into())
}

const ASKS: &str = "plan p(n: int) -> int {\n  step a = json.parse(text: string(n))\n    approve \"Take ${n}?\"\n\n  return int(a)\n}\n";

/// Writes a run whose question stood for two hours, and was asked so many hours ago.
pub async fn suspended_hours_ago(store: &Arc<dyn Store>, hours: i64) -> uuid::Uuid {
    let text = ASKS.replace("${n}?\"", "${n}?\" within 2h");
    let dag = dag(&text);
    let run = uuid::Uuid::now_v7();
    let header = Header {
        agent: None,
        format: FORMAT,
        tenant: "local".into(),
        actor: "ann".into(),
        plan: "p".into(),
        file: "p.plan".into(),
        project_root: "/nowhere".into(),
        dag: Arc::clone(&dag),
        sources: Vec::new(),
    };
    let mut machine = Machine::new(dag);
    let mut journal = RunJournal::create(Journal::new(Arc::clone(store)), KeyName::local(), run, header);
    let at = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(hours);
    let kind = started(run, [("n".into(), Value::Int(1))].into_iter().collect());
    let event = Event { at, actor: "ann".into(), kind };
    machine.apply(&event).unwrap();
    let rest = machine.rest(at).unwrap();
    journal.append(&[event], None, Some(&rest), &machine).await.unwrap();
    run
}

#[tokio::test]
async fn a_question_whose_time_is_over_expires_when_its_run_is_taken_up() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let run = suspended_hours_ago(&store, 3).await;
    let runtime = over(Arc::clone(&store));
    assert_eq!(runtime.runs(9).unwrap()[0].status, RunStatus::Suspended);
    assert_eq!(runtime.due(9).unwrap(), [run]);
    // The answer comes too late: what is due goes first.
    let late = runtime.reply(run, ann(), yes("a")).await;
    assert!(late.is_err_and(|e| e.to_string().contains("asks for nothing now")));
    while runtime.live_count() > 0 {
        tokio::task::yield_now().await;
    }
    let (report, _, row) = runtime.report(run).unwrap();
    assert_eq!(report.outcome.unwrap().error.unwrap().kind.as_ref(), "expired");
    assert_eq!((row.status, runtime.due(9).unwrap()), (RunStatus::Failed, vec![]));
}

#[tokio::test]
async fn a_process_that_keeps_time_takes_up_what_is_due() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let text = "plan p() -> int {\n  step s = time.sleep(duration: 2h)\n\n  return 7\n}\n";
    let graph = dag(text);
    let runtime = over(store);
    let first = runtime.start(request(&graph, text, Map::new())).unwrap();
    let report = first.done.await.unwrap().unwrap();
    assert_eq!(report.status, RunStatus::Suspended);
    assert_eq!(runtime.live_count(), 0, "a suspended run holds no task");
    assert!(runtime.due(9).unwrap().is_empty());
    let row = runtime.runs(1).unwrap().remove(0);
    assert!(row.due.is_some_and(|due| due > jiff::Timestamp::now()));
}

#[tokio::test]
async fn what_acts_waits_until_what_it_follows_from_is_durable() {
    let text = "plan p() {\n  step a = json.parse(text: \"1\")\n\n  step b = json.parse(text: \"[${int(a)}]\")\n\n  \
                step c = file.write(path: \"c\", content: \"${b}\")\n\n  step d = json.parse(text: string(c.size))\n}\n";
    let graph = dag(text);
    let mut acted = Vec::new();
    for commits in 0..6 {
        let root = tempfile::tempdir().unwrap();
        let store = Arc::new(MemoryStore::new());
        store.fail_after(commits);
        let runtime = over(Arc::clone(&store) as Arc<dyn Store>);
        let request = Request { project_root: root.path().to_owned(), ..request(&graph, text, Map::new()) };
        let ended = runtime.start(request).unwrap().done.await.unwrap();
        // What was begun too early is done by then.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let written = root.path().join("c").exists();
        // What a program that died at this commit leaves.
        let kept = over(Arc::new(store.fork()));
        let durable = kept.runs(1).unwrap().first().map(|row| kept.report(row.run).unwrap().0);
        let succeeded = |step: &str| {
            let steps = durable.iter().flat_map(|report| &report.steps);
            steps.clone().any(|s| &*s.path.0 == step && s.status == aos::engine::StepStatus::Succeeded)
        };
        assert!(!written || (succeeded("a") && succeeded("b")), "{commits} commits");
        assert!(ended.is_err() || (written && succeeded("d")), "{commits} commits");
        acted.push(written);
    }
    assert_eq!((acted[0], acted[5]), (false, true), "{acted:?}");
}

#[tokio::test]
async fn one_key_is_one_run_however_many_ask_at_once() {
    let text = "plan p(n: int) -> int {\n  step s = time.sleep(duration: 50ms)\n\n  return n\n}\n";
    let graph = dag(text);
    let runtime = over(Arc::new(MemoryStore::new()));
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let runtime = Arc::clone(&runtime);
        let inputs = [("n".into(), Value::Int(3))].into_iter().collect();
        let request = Request { key: Some("k".into()), ..request(&graph, text, inputs) };
        asking.spawn(async move {
            match runtime.start_once(request).await.unwrap() {
                aos::runtime::host::ByKey::Going(started) => started.done.await.unwrap().unwrap(),
                aos::runtime::host::ByKey::Still(report) => *report,
            }
        });
    }
    let reports = asking.join_all().await;
    assert!(reports.iter().all(|r| r.status == RunStatus::Succeeded && r.run == reports[0].run));
    assert_eq!(runtime.runs(99).unwrap().len(), 1);
}

/// What the process takes, in MB.
fn memory() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let kb = text.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap();
    kb.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

async fn suspend(runtime: &Arc<Runtime>, graph: &Arc<Dag>, from: i64, to: i64) -> Vec<uuid::Uuid> {
    let mut all = Vec::new();
    let mut going = tokio::task::JoinSet::new();
    for n in from..to {
        let started =
            runtime.start(request(graph, ASKS, [("n".into(), Value::Int(n))].into_iter().collect()));
        let started = started.unwrap();
        all.push(started.run);
        going.spawn(async move { started.done.await.unwrap().unwrap().status });
        if going.len() >= 256 {
            assert_eq!(going.join_next().await.unwrap().unwrap(), RunStatus::Suspended);
        }
    }
    while let Some(status) = going.join_next().await {
        assert_eq!(status.unwrap(), RunStatus::Suspended);
    }
    all
}

async fn approve(runtime: &Arc<Runtime>, runs: Vec<uuid::Uuid>) {
    let mut going = tokio::task::JoinSet::new();
    for run in runs {
        let runtime = Arc::clone(runtime);
        going.spawn(async move {
            let started = runtime.reply(run, ann(), yes("a")).await.unwrap().unwrap();
            started.done.await.unwrap().unwrap().status
        });
        if going.len() >= 256 {
            assert_eq!(going.join_next().await.unwrap().unwrap(), RunStatus::Succeeded);
        }
    }
    while let Some(status) = going.join_next().await {
        assert_eq!(status.unwrap(), RunStatus::Succeeded);
    }
}

async fn many_suspended(step: i64, steps: i64) {
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        let store: Arc<dyn Store> = Arc::new(DiskStore::open(&DiskOptions::new(dir.path())).unwrap());
        (over(Arc::clone(&store)), store)
    };
    let graph = dag(ASKS);
    let (runtime, store) = open();
    let mut all = Vec::new();
    let mut figures = vec![(0, 0.0, memory())];
    for n in 0..steps {
        let start = Instant::now();
        all.extend(suspend(&runtime, &graph, n * step, (n + 1) * step).await);
        figures.push((all.len(), start.elapsed().as_secs_f64(), memory()));
    }
    for (runs, seconds, mb) in &figures {
        println!("{runs} suspended runs: {seconds:.2} s for the last {step}, {mb:.0} MB");
    }
    assert_eq!(runtime.live_count(), 0, "suspended runs hold no task");
    // The last ones take no more time than the first ones, beyond noise.
    let (first, last) = (figures[1].1, figures.last().unwrap().1);
    assert!(last < first * 3.0 + 0.5, "{figures:?}");
    drop(runtime);
    store.close().unwrap();
    drop(store);
    // Another process: all are there, and each goes on.
    let start = Instant::now();
    let (runtime, store) = open();
    let rows = runtime.runs(usize::MAX).unwrap();
    assert_eq!(rows.iter().filter(|r| r.status == RunStatus::Suspended).count(), all.len());
    println!("reopened and listed in {:.2} s, {:.0} MB", start.elapsed().as_secs_f64(), memory());
    let start = Instant::now();
    let count = all.len();
    approve(&runtime, all).await;
    println!("{count} approved and ended in {:.2} s, {:.0} MB", start.elapsed().as_secs_f64(), memory());
    let rows = runtime.runs(usize::MAX).unwrap();
    assert!(rows.iter().all(|r| r.status == RunStatus::Succeeded));
    drop(runtime);
    store.close().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn suspended_runs_are_only_rows() {
    many_suspended(100, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: .ci/long runs it"]
async fn ten_thousand_suspended_runs() {
    many_suspended(2_500, 4).await;
}

const CHAIN: &str = "plan p() -> int {\n  step a = json.parse(text: \"1\")\n\n  step b = json.parse(text: string(a))\n\n  step c = json.parse(text: string(b))\n\n  step d = json.parse(text: string(c))\n\n  step e = json.parse(text: string(d))\n\n  return int(e)\n}\n";

/// Equal runs that start together end together: nobody is through before the others are well on their way.
fn fair(mut ends: Vec<Duration>, whole: Duration, how: &str) {
    ends.sort_unstable();
    let part = |at: usize| ends[at].as_secs_f64() / whole.as_secs_f64();
    let (early, middle) = (part(ends.len() / 10), part(ends.len() / 2));
    println!(
        "{} runs at once {how} in {:.2} s; a tenth had ended after {:.0} % of the time, half after {:.0} %",
        ends.len(),
        whole.as_secs_f64(),
        early * 100.0,
        middle * 100.0
    );
    assert!(early > 0.25, "a tenth ended after {early:.2} of the whole time: they are not treated alike");
}

async fn thousand_by_the_library(count: usize) {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(DiskStore::open(&DiskOptions::new(dir.path())).unwrap());
    let runtime = over(Arc::clone(&store));
    let graph = dag(CHAIN);
    let start = Instant::now();
    let mut going = tokio::task::JoinSet::new();
    for _ in 0..count {
        let started = runtime.start(request(&graph, CHAIN, Map::new())).unwrap();
        going.spawn(async move {
            let report = started.done.await.unwrap().unwrap();
            assert_eq!(report.status, RunStatus::Succeeded);
            start.elapsed()
        });
    }
    let begun = start.elapsed();
    let ends = going.join_all().await;
    println!("begun within {:.2} s", begun.as_secs_f64());
    fair(ends, start.elapsed(), "by the library");
    drop(runtime);
    store.close().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_runs_at_once_by_the_library() {
    thousand_by_the_library(1_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_runs_at_once_through_the_socket() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(DiskStore::open(&DiskOptions::new(dir.path())).unwrap());
    let runtime = over(Arc::clone(&store));
    let serving = tokio::spawn(socket::serve(Arc::clone(&runtime), dir.path()).unwrap());
    let graph = dag(CHAIN);
    let start = Instant::now();
    let mut going = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        let asked = socket::Request::Run { run: Box::new(request(&graph, CHAIN, Map::new())) };
        let path = dir.path().to_owned();
        going.spawn(async move {
            let mut client = Client::ask(&path, &asked).await.unwrap().unwrap();
            loop {
                match client.next().await.unwrap() {
                    Some(Answer::Finished { report }) => {
                        assert_eq!(report.status, RunStatus::Succeeded);
                        return start.elapsed();
                    }
                    Some(Answer::Started { .. } | Answer::Notice { .. }) => {}
                    other => panic!("{other:?}"),
                }
            }
        });
    }
    let ends = going.join_all().await;
    fair(ends, start.elapsed(), "through the socket");
    serving.abort();
    drop(runtime);
    store.close().unwrap();
}
