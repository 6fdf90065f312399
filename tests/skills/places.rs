//! `concurrency` of `[skills.NAMESPACE]`: never more calls at once, however many runs want them.

use crate::support::{aos, finish, finished, folder};
use aos::catalog::Catalog;
use aos::check::check;
use aos::dag::Dag;
use aos::engine::{EventKind, RunStatus};
use aos::runtime::Runtime;
use aos::runtime::host::{Request, Started};
use aos::runtime::journal;
use aos::runtime::skill::config::ProcessConfig;
use aos::runtime::skill::{Provider, Skills, SkillsConfig};
use aos::runtime::store::Store;
use aos::runtime::store::journal::Journal;
use aos::runtime::store::keys::KeyName;
use aos::runtime::store::memory::MemoryStore;
use aos::source::Sources;
use aos::syntax::parse;
use aos::value::Map;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// The most that were between their `+` and their `-` at a time, and how many there were.
fn most(log: &Path) -> (usize, usize) {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let (mut now, mut most, mut all) = (0_usize, 0, 0);
    for line in text.lines() {
        if line == "+" {
            now += 1;
            all += 1;
            most = most.max(now);
        } else {
            now -= 1;
        }
    }
    (most, all)
}

/// Writes down when a call begins and ends.
const LOGS: &str = r#"
import json, sys, threading, time

log = open("log", "a", buffering=1)
lock = threading.Lock()

def handle(call):
    with lock: log.write("+\n")
    time.sleep(call["args"]["s"])
    with lock:
        log.write("-\n")
        print(json.dumps({"id": call["id"], "result": 0}), flush=True)

for line in sys.stdin:
    threading.Thread(target=handle, args=(json.loads(line),), daemon=True).start()
"#;

struct World {
    dir: tempfile::TempDir,
    store: Arc<dyn Store>,
    runtime: Arc<Runtime>,
}

impl World {
    /// A process that makes at most so many calls at once.
    fn new(count: u32) -> World {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let skills = move |root: &Path| {
            let mut config = SkillsConfig::new(root);
            std::fs::write(root.join("lab.py"), LOGS).unwrap();
            let lab = ProcessConfig::new(["python3", "lab.py"]);
            config.namespaces.insert("lab".into(), Provider::Process(lab));
            config.concurrency.insert("lab".into(), count);
            Ok(Skills::new(config))
        };
        let runtime = Arc::new(Runtime::new(Arc::clone(&store), KeyName::local(), skills));
        World { dir: tempfile::tempdir().unwrap(), store, runtime }
    }

    /// A run of so many calls that take so long.
    fn start(&self, calls: usize, seconds: f64) -> Started {
        let text = format!(
            "skill lab.log(s: float) -> int\n  appends \"log\"\nplan p() {{\n  step all = for i in lists.range({calls}) max {calls} parallel {calls} {{\n    step one = lab.log(s: {seconds:?})\n      timeout 2s\n  }}\n}}\n"
        );
        let mut sources = Sources::default();
        let id = sources.add("p.plan", &text);
        let analysis = check(id, &parse(id, &text), &sources, &Catalog::stdlib());
        let checked = analysis.into_checked("p").unwrap_or_else(|found| panic!("{text}{found:?}"));
        let request = Request {
            agent: None,
            dag: Arc::new(Dag::new(checked.program())),
            sources: vec![("p.plan".into(), text.into())],
            plan: "p".into(),
            file: "p.plan".into(),
            project_root: self.dir.path().into(),
            inputs: Map::new(),
            actor: "ann".into(),
            key: None,
            from: None,
        };
        self.runtime.start(request).unwrap()
    }

    /// How many calls of a run are on record as about to be made.
    fn intents(&self, run: uuid::Uuid) -> usize {
        let mut count = 0;
        let journal = Journal::new(Arc::clone(&self.store));
        journal::replay_watched(&journal, &KeyName::local(), run, &mut |event, _| {
            count += usize::from(matches!(event.kind, EventKind::AttemptStarted { .. }));
        })
        .unwrap();
        count
    }

    fn log(&self) -> std::path::PathBuf {
        self.dir.path().join("log")
    }
}

async fn status(started: Started) -> RunStatus {
    started.done.await.unwrap().unwrap().status
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runs_of_a_process_share_the_places() {
    let world = World::new(3);
    // Waiting takes longer than a call may.
    let runs = [world.start(12, 0.3), world.start(12, 0.3)];
    for run in runs {
        assert_eq!(status(run).await, RunStatus::Succeeded);
    }
    assert_eq!(most(&world.log()), (3, 24));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_waits_is_dropped_at_once() {
    let world = World::new(1);
    let first = world.start(1, 1.5);
    while most(&world.log()).1 == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let begun = Instant::now();
    let waiting = world.start(3, 0.1);
    let third = world.start(1, 0.1);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let id = waiting.run;
    assert_eq!(world.intents(id), 0, "what waits is not on record as made");
    world.runtime.cancel(id, "ann".into(), None).await.unwrap();
    assert_eq!(status(waiting).await, RunStatus::Cancelled);
    assert!(begun.elapsed().as_secs_f64() < 1.0, "it waited for the other run: {:?}", begun.elapsed());
    assert_eq!(world.intents(id), 0);
    // Its places in the line are free.
    assert_eq!(status(third).await, RunStatus::Succeeded);
    assert_eq!(status(first).await, RunStatus::Succeeded);
    assert_eq!(most(&world.log()), (1, 2));
}

const LAB: &str = r#"
import json, sys, threading, time

lock = threading.Lock()
now = most = 0

def handle(call):
    global now, most
    with lock:
        now += 1
        most = max(most, now)
        seen = most
    if call["args"]["n"] != 3:
        time.sleep(0.1)
        with lock:
            now -= 1
            print(json.dumps({"id": call["id"], "result": seen}), flush=True)
    else:
        # It never answers; nobody counts it from when it is given up.
        time.sleep(0.3)
        with lock:
            now -= 1

for line in sys.stdin:
    threading.Thread(target=handle, args=(json.loads(line),), daemon=True).start()
"#;

#[test]
fn the_program_keeps_to_what_the_project_says() {
    let config = |n: &str| {
        format!(
            "[project]\nname = \"t\"\nskills = [\"skills\"]\n[skills.lab]\nprovider = \"process\"\ncommand = [\"python3\", \"lab.py\"]\n{n}"
        )
    };
    let plan = "plan p() -> { most: int, gave_up: int } {\n  step all = for i in lists.range(10) parallel 10 max 10 {\n    step one = lab.busy(n: i)\n      timeout 1s\n      on_error use -1\n    return one\n  }\n  return { most: math.greatest(all), gave_up: size(all.filter(n, n < 0)) }\n}\n";
    let dir = folder(&[
        ("skills/lab.plan", "skill lab.busy(n: int) -> int\n  reads \"lab\"\n  idempotent\n"),
        ("lab.py", LAB),
        ("p.plan", plan),
    ]);
    let most = |n: &str| {
        std::fs::write(dir.path().join("aos.toml"), config(n)).unwrap();
        let (code, out, err) = finish(aos(dir.path()).args(["run", "p.plan", "--json"]));
        assert_eq!(code, 0, "{out}{err}");
        finished(&out)["output"].clone()
    };
    assert_eq!(most("concurrency = 2\n"), serde_json::json!({ "most": 2, "gave_up": 1 }));
    // Without it all go at once.
    assert_eq!(most(""), serde_json::json!({ "most": 10, "gave_up": 1 }));
    std::fs::write(dir.path().join("aos.toml"), config("concurrency = 0\n")).unwrap();
    let (code, _, err) = finish(aos(dir.path()).args(["check", "p.plan"]));
    assert_eq!(code, 1);
    assert!(err.contains("expected a whole number from 1 up, found 0"), "{err}");
}
