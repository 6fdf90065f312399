//! Where the time goes: `cargo bench --bench speed`. Every figure stands beside a bound measured in the same run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark fails by panicking"
)]

use aos::catalog::Catalog;
use aos::check;
use aos::dag::Dag;
use aos::engine::RunStatus;
use aos::runtime::host::Request;
use aos::runtime::memory::{Content, Label, Memory, Note, Untrusted, context, read_note, write_note};
use aos::runtime::store::disk::{DiskOptions, DiskStore};
use aos::runtime::store::keys::{self, Key, KeyName};
use aos::runtime::store::memory::MemoryStore;
use aos::runtime::store::{Op, Store};
use aos::runtime::{Runtime, setup};
use aos::source::Sources;
use aos::syntax;
use aos::value::Map;
use futures_util::StreamExt as _;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

fn main() {
    // `cargo test --benches` passes this; a benchmark is no test.
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    // `cargo bench --bench speed -- engine`: only the sections named; `-- engine "64 at once"`: of the engine only this graph.
    let named: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let wanted = |section: &str| named.is_empty() || named.iter().any(|n| n == section);
    if wanted("compiler") {
        compiler();
    }
    if wanted("engine") {
        tokio::runtime::Runtime::new().unwrap().block_on(engine(named.get(1).map(String::as_str)));
    }
    if wanted("memory") {
        memory();
    }
    if wanted("program") {
        program();
    }
}

/// CPU time of this process.
fn cpu() -> Duration {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(t.tv_sec).unwrap(), u32::try_from(t.tv_nsec).unwrap())
}

/// The least of several takes, in wall and CPU time.
fn best(takes: usize, mut work: impl FnMut()) -> (Duration, Duration) {
    let one = |work: &mut dyn FnMut()| {
        let (wall, before) = (Instant::now(), cpu());
        work();
        (wall.elapsed(), cpu() - before)
    };
    (0..takes).map(|_| one(&mut work)).min().unwrap()
}

/// A plan of about 5 KB with the constructs that people use.
fn sample(index: usize) -> String {
    let mut text = format!(
        "/// Reads and joins the notes of project {index}.\nplan sample_{index}(folder: string, limit: int = 10) -> list<string>\n  goal \"Join the notes\"\n{{\n"
    );
    for step in 0..14 {
        write!(
            text,
            "  // Part {step}.\n  step text_{step} = file.read(path: \"${{folder}}/part-{step}.txt\")\n    timeout 10s\n    on_error {{\n      \
             not_found => use \"\"\n      unavailable => retry 3 backoff 500ms..10s then abort\n    }}\n  let words_{step} = \
             text_{step}.split(\" \").filter(w, size(w) > 3 && w != \"draft\").map(w, w.lowerAscii())\n  step kept_{step} = for word in \
             words_{step} first 20 parallel 4 {{\n    step found = json.parse(text: \"[${{size(word)}}, true]\")\n      when size(word) > \
             limit\n    return \"${{word}}: ${{found ?? \"none\"}}\"\n  }}\n"
        )
        .unwrap();
    }
    text + "  return kept_0 + kept_1 + kept_13\n}\n"
}

fn check_all(texts: &[String]) {
    for text in texts {
        let mut sources = Sources::default();
        let id = sources.add("sample.plan", text);
        let parse = syntax::parse(id, text);
        let analysis = check::check(id, &parse, &sources, &Catalog::stdlib());
        assert!(!analysis.has_errors(), "{:?}", analysis.diagnostics.first());
    }
}

fn compiler() {
    println!("== parse + check");
    println!("{:<34} {:>8} {:>10} {:>10} {:>12}", "input", "MB", "wall", "CPU", "MB/s");
    for plans in [200, 4_000] {
        let texts: Vec<String> = (0..plans).map(sample).collect();
        let mb = texts.iter().map(String::len).sum::<usize>() as f64 / 1e6;
        let takes = if plans > 1_000 { 1 } else { 5 };
        let row = |name: &str, (wall, cpu): (Duration, Duration), by: Duration| {
            let rate = mb / by.as_secs_f64();
            println!("{name:<34} {mb:>8.2} {wall:>10.1?} {cpu:>10.1?} {rate:>12.1}");
        };
        let parse = best(takes, || {
            for text in &texts {
                let parse = syntax::parse(aos::source::SourceId(0), text);
                assert!(parse.diagnostics.is_empty(), "{:?}", parse.diagnostics);
            }
        });
        row(&format!("{plans} plans, parse, 1 thread"), parse, parse.1);
        let one = best(takes, || check_all(&texts));
        row(&format!("{plans} plans, parse + check, 1 thread"), one, one.1);
        let two = best(takes, || {
            let (a, b) = texts.split_at(texts.len() / 2);
            std::thread::scope(|scope| {
                scope.spawn(|| check_all(a));
                check_all(b);
            });
        });
        row(&format!("{plans} plans, parse + check, 2 threads"), two, two.0);
    }
}

/// As many steps at once as there are.
const ALL: usize = 1_000;

/// What only computes.
const COMPUTES: &str = "json.parse(text: \"7\")";
/// What reaches out: it waits until what asked for it is durable.
const READS: &str = "file.read(path: \"seven\")";

fn chain(n: usize, call: &str) -> String {
    graph(call, (0..n).map(|i| if i == 0 { vec![] } else { vec![i - 1] }))
}

fn fan(n: usize, call: &str) -> String {
    graph(call, (0..n).map(|_| vec![]))
}

fn layers(depth: usize, width: usize, call: &str) -> String {
    graph(
        call,
        (0..depth * width).map(|i| match i / width {
            0 => vec![],
            layer => ((layer - 1) * width..layer * width).collect(),
        }),
    )
}

fn graph(call: &str, after: impl Iterator<Item = Vec<usize>>) -> String {
    let mut text = format!("plan graph()\n  concurrency {ALL}\n{{\n");
    for (i, after) in after.enumerate() {
        writeln!(text, "  step s{i} = {call}").unwrap();
        if !after.is_empty() {
            let names: Vec<String> = after.iter().map(|n| format!("s{n}")).collect();
            writeln!(text, "    depends_on [{}]", names.join(", ")).unwrap();
        }
    }
    text + "}\n"
}

fn compile(text: &str) -> Arc<Dag> {
    let mut sources = Sources::default();
    let id = sources.add("graph.plan", text);
    let parse = syntax::parse(id, text);
    let analysis = check::check(id, &parse, &sources, &Catalog::stdlib());
    Arc::new(Dag::new(analysis.into_checked("graph").unwrap().program()))
}

async fn run(store: Arc<dyn Store>, dag: Arc<Dag>, root: &Path) {
    let runtime = Runtime::new(store, KeyName::local(), |root: &Path| setup::skills(root, None));
    let request = Request {
        agent: None,
        dag,
        sources: vec![],
        plan: "graph".into(),
        file: "graph.plan".into(),
        project_root: root.to_owned(),
        inputs: Map::new(),
        actor: "bench".into(),
        key: None,
        from: None,
    };
    let report = runtime.start(request).unwrap().done.await.unwrap().unwrap();
    assert_eq!(report.status, RunStatus::Succeeded);
}

/// As many bytes appended and synced in as many groups as the run gave to the store, one after the other: what a durable run
/// cannot be faster than.
fn append(dir: &Path, groups: u64, bytes: u64) -> Duration {
    let mut file = std::fs::File::create(dir.join("append")).unwrap();
    let group = vec![b'x'; usize::try_from(bytes / groups.max(1)).unwrap()];
    let start = Instant::now();
    for _ in 0..groups {
        file.write_all(&group).unwrap();
        file.sync_data().unwrap();
    }
    start.elapsed()
}

/// What a program takes that does nothing but group commit: so many records, each of a task of its own, so many at once; one thread
/// appends what waits, syncs and answers.
async fn group_commit(dir: &Path, at_once: usize, record: usize) -> Duration {
    let mut file = std::fs::File::create(dir.join("append")).unwrap();
    let (queue, waiting) = std::sync::mpsc::channel::<oneshot::Sender<()>>();
    let writer = std::thread::spawn(move || {
        while let Ok(first) = waiting.recv() {
            let group: Vec<_> = [first].into_iter().chain(waiting.try_iter()).collect();
            file.write_all(&vec![b'x'; record * group.len()]).unwrap();
            file.sync_data().unwrap();
            group.into_iter().for_each(|answer| answer.send(()).unwrap());
        }
    });
    let start = Instant::now();
    let work = futures_util::stream::iter(0..ALL).map(|_| {
        let queue = queue.clone();
        tokio::spawn(async move {
            let (answer, answered) = oneshot::channel();
            queue.send(answer).unwrap();
            answered.await.unwrap();
        })
    });
    work.buffer_unordered(at_once).for_each(|done| async { done.unwrap() }).await;
    let took = start.elapsed();
    drop(queue);
    writer.join().unwrap();
    took
}

async fn tasks(groups: usize, records: usize) -> Duration {
    let start = Instant::now();
    for _ in 0..groups {
        let all: Vec<_> = (0..records).map(|n| tokio::spawn(async move { n })).collect();
        for task in all {
            task.await.unwrap();
        }
    }
    start.elapsed()
}

/// Each figure is the least of so many takes.
const TAKES: usize = 5;

async fn engine(only: Option<&str>) {
    println!("\n== engine, 1,000 steps (the store's syncs include those of its opening and closing)");
    println!(
        "{:<19} {:>10} {:>11} {:>11} {:>9} {:>11} {:>6} {:>7} {:>12} {:>6} {:>9} {:>13} {:>9}",
        "graph",
        "in memory",
        "CPU a step",
        "bare tasks",
        "durable",
        "CPU a step",
        "syncs",
        "KB",
        "append+sync",
        "ratio",
        "overhead",
        "group commit",
        "overhead"
    );
    let few = |text: String| text.replace(&format!("concurrency {ALL}"), "concurrency 64");
    let shapes = [("", COMPUTES), (", reads", READS)].map(|(kind, call)| {
        let named = |name: &str, text, groups, records| (format!("{name}{kind}"), text, groups, records);
        [
            named("chain", chain(1_000, call), 1_000, 1),
            named("fan-out", fan(1_000, call), 1, 1_000),
            named("64 at once", few(fan(1_000, call)), 16, 64),
            named("layers 50×20", layers(50, 20, call), 50, 20),
        ]
    });
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("seven"), "7").unwrap();
    for (name, text, groups, records) in shapes.into_iter().flatten() {
        if only.is_some_and(|only| only != name) {
            continue;
        }
        let dag = compile(&text);
        let run = |store, dag| run(store, dag, root.path());
        run(Arc::new(MemoryStore::new()), Arc::clone(&dag)).await;
        let (mut memory, mut per_step, mut bare) = (Duration::MAX, Duration::MAX, Duration::MAX);
        for _ in 0..TAKES {
            let (start, before) = (Instant::now(), cpu());
            run(Arc::new(MemoryStore::new()), Arc::clone(&dag)).await;
            memory = memory.min(start.elapsed());
            per_step = per_step.min((cpu() - before) / 1_000);
            bare = bare.min(tasks(groups, records).await);
        }
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(DiskStore::open(&DiskOptions::new(dir.path().join("store"))).unwrap());
        run(Arc::clone(&store) as Arc<dyn Store>, Arc::clone(&dag)).await;
        let (mut durable, mut stored_cpu) = (Duration::MAX, Duration::MAX);
        let (mut bound, mut grouped) = (Duration::MAX, Duration::MAX);
        let (mut syncs, mut bytes) = (0, 0);
        // In turn, so that both meet the same disk.
        for _ in 0..TAKES {
            let old = store.stats();
            let (start, before) = (Instant::now(), cpu());
            run(Arc::clone(&store) as Arc<dyn Store>, Arc::clone(&dag)).await;
            durable = durable.min(start.elapsed());
            stored_cpu = stored_cpu.min((cpu() - before) / 1_000);
            let new = store.stats();
            (syncs, bytes) = (new.syncs - old.syncs, new.bytes - old.bytes);
            bound = bound.min(append(dir.path(), syncs, bytes));
            let record = usize::try_from(bytes).unwrap() / ALL;
            grouped = grouped.min(group_commit(dir.path(), records, record).await);
        }
        let ratio = durable.as_secs_f64() / bound.as_secs_f64();
        // What being durable costs beyond the run itself.
        let beyond = durable.saturating_sub(memory).as_secs_f64();
        let (overhead, of_groups) = (beyond / bound.as_secs_f64(), beyond / grouped.as_secs_f64());
        let kb = bytes as f64 / 1e3;
        println!(
            "{name:<19} {memory:>10.1?} {per_step:>11.1?} {bare:>11.1?} {durable:>9.1?} {stored_cpu:>11.1?} {syncs:>6} {kb:>7.0} \
             {bound:>12.1?} {ratio:>6.1} {overhead:>9.1} {grouped:>13.1?} {of_groups:>9.1}"
        );
        store.close().unwrap();
    }
}

/// How many memories, of so many words.
const MEMORIES: u64 = 50_000;
const WORDS: u64 = 60;

/// Words as they come in texts: few often, most seldom.
struct Talk(u64);

impl Talk {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn text(&mut self, words: u64) -> String {
        let mut text = String::new();
        for _ in 0..words {
            let most = [20, 400, 4_000, 40_000][self.below(4) as usize];
            write!(text, "word{} ", self.below(most)).unwrap();
        }
        text
    }
}

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort();
    times[(times.len() * percent / 100).min(times.len() - 1)]
}

/// Every text is read and its words are compared: what an index is to beat.
fn linear(store: &dyn Store, query: &str) -> usize {
    let wanted: std::collections::HashSet<&str> = query.split(' ').collect();
    let rows = store.scan(keys::memories(&KeyName::local()), false, usize::MAX).unwrap();
    let mut scores: Vec<usize> = Vec::with_capacity(rows.len());
    for (_, bytes) in &rows {
        let note = read_note(bytes).unwrap();
        scores.push(note.text().split(' ').filter(|word| wanted.contains(word)).count());
    }
    scores.sort_unstable();
    scores.iter().rev().take(10).sum()
}

fn memory() {
    println!("\n== {MEMORIES} memories of {WORDS} words");
    let mut talk = Talk(11);
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let ops = (0..MEMORIES).map(|n| {
        let id = uuid::Uuid::from_u128(u128::from(n));
        let note = Note {
            id,
            at: jiff::Timestamp::now(),
            by: "bench".into(),
            label: Label::Trusted,
            content: Content::Text(talk.text(WORDS).into()),
            tags: Vec::new(),
            origin: None,
        };
        Op::Put(Key::Memory { tenant: KeyName::local(), id }.encode(), write_note(&note).unwrap())
    });
    let ops: Vec<Op> = ops.collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(store.commit(Vec::new(), ops)).unwrap();
    let memory = Memory::new(Arc::clone(&store), KeyName::local());
    let now = jiff::Timestamp::now();
    let start = Instant::now();
    memory.search("word1", now, 10).unwrap();
    println!("the first search, which reads all of them: {:.1?}", start.elapsed());
    let queries: Vec<String> = (0..200).map(|_| talk.text(8)).collect();
    let timed = |work: &mut dyn FnMut(&str)| -> Vec<Duration> {
        let one = |query: &String| {
            let start = Instant::now();
            work(query);
            start.elapsed()
        };
        queries.iter().map(one).collect()
    };
    let mut search = timed(&mut |query| assert!(!memory.search(query, now, 10).unwrap().is_empty()));
    let mut told = timed(&mut |query| {
        assert!(!context(&memory, query, 2_000, now, Untrusted::Named).unwrap().0.is_empty());
    });
    let scan = (0..3).map(|_| {
        let start = Instant::now();
        assert!(linear(&*store, &queries[0]) > 0);
        start.elapsed()
    });
    let scan = scan.min().unwrap();
    for (name, times) in
        [("search of 8 words, 10 found", &mut search), ("context of 2,000 tokens", &mut told)]
    {
        let (half, most) = (percentile(times, 50), percentile(times, 95));
        let ratio = scan.as_secs_f64() / most.as_secs_f64();
        println!(
            "{name}: p50 {half:.1?}, p95 {most:.1?}; a linear scan takes {scan:.1?}, {ratio:.0} times as long"
        );
    }
}

fn program() {
    println!("\n== the program, a plan of three steps");
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("three.plan"), chain(3, COMPUTES)).unwrap();
    let store = dir.path().join("store");
    for (name, store) in [("in memory", ":memory:"), ("durable", store.to_str().unwrap())] {
        let args = ["run", "three.plan#graph", "--quiet", "--store", store];
        let mut walls: Vec<Duration> = (0..11)
            .map(|_| {
                let start = Instant::now();
                let out = Command::new(env!("CARGO_BIN_EXE_aos"))
                    .args(args)
                    .current_dir(dir.path())
                    .output()
                    .unwrap();
                assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
                start.elapsed()
            })
            .collect();
        walls.sort();
        let mut timed = Command::new("/usr/bin/time");
        timed.args(["-f", "%M"]).arg(env!("CARGO_BIN_EXE_aos")).args(args).current_dir(dir.path());
        let peak = peak(&mut timed);
        println!("{name:<10} median {:.1?} (least {:.1?}), peak memory {peak}", walls[5], walls[0]);
    }
}

fn peak(command: &mut Command) -> String {
    let Ok(out) = command.output() else { return "not measured (no /usr/bin/time here)".into() };
    let text = String::from_utf8_lossy(&out.stderr);
    let kib: f64 = text.lines().last().and_then(|l| l.trim().parse().ok()).unwrap_or(f64::NAN);
    format!("{:.1} MB", kib / 1024.0)
}
