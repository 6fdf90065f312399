//! Memories by topic. What belongs to a topic is settled by its block in `topics.txt`, before any text is made of it.

use aos::engine::{RunStatus, Usage};
use aos::runtime::journal::{RunRow, Summary, row_puts};
use aos::runtime::memory::{Content, Label, Note, write_note};
use aos::runtime::store::keys::{Key, KeyName};
use aos::runtime::store::memory::MemoryStore;
use aos::runtime::store::{Op, Store};
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// What is asked, and what ought to be found.
pub struct Query {
    pub topic: String,
    pub goal: String,
    /// By the id of the memory: which of the topic's things it tells (several may tell the same), and how much that is worth.
    pub relevant: HashMap<Uuid, (String, u32)>,
}

pub struct Fixture {
    pub store: Arc<dyn Store>,
    pub queries: Vec<Query>,
    /// The text of each memory.
    pub texts: HashMap<Uuid, String>,
    pub now: Timestamp,
}

struct Topic {
    name: String,
    ask: Vec<String>,
    is: Vec<String>,
    does: Vec<String>,
    at: Vec<String>,
    old: String,
    now: String,
    tip: String,
}

fn topics() -> Vec<Topic> {
    let text = include_str!("topics.txt");
    let blocks = text.split("\ntopic ").skip(1);
    blocks
        .map(|block| {
            let (name, rest) = block.split_once('\n').unwrap();
            let all = |key: &str| -> Vec<String> {
                let lines = rest.lines().filter_map(|l| l.strip_prefix(key)?.strip_prefix(": "));
                lines.flat_map(|l| l.split(" | ")).map(str::to_owned).collect()
            };
            let one = |key: &str| all(key).pop().unwrap();
            Topic {
                name: name.to_owned(),
                ask: all("ask"),
                is: all("is"),
                does: all("do"),
                at: all("at"),
                old: one("old"),
                now: one("now"),
                tip: one("tip"),
            }
        })
        .collect()
}

pub struct Builder {
    ops: Vec<Op>,
    texts: HashMap<Uuid, String>,
    next: u128,
    now: Timestamp,
    seed: u64,
}

impl Builder {
    fn id(&mut self) -> Uuid {
        // No order in the ids that the ranking could profit from.
        self.next = self.next.wrapping_mul(0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645).wrapping_add(1);
        Uuid::from_u128(self.next)
    }

    /// From 0 to `limit`, the same each time.
    fn below(&mut self, limit: i64) -> i64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) as i64 % limit
    }

    fn note(&mut self, text: &str, days: i64) -> Uuid {
        let id = self.id();
        let note = Note {
            id,
            at: self.now - SignedDuration::from_hours(24 * days),
            by: "ann".into(),
            label: Label::Trusted,
            content: Content::Text(text.into()),
            tags: Vec::new(),
            origin: None,
        };
        let key = Key::Memory { tenant: KeyName::local(), id }.encode();
        self.ops.push(Op::Put(key, write_note(&note).unwrap()));
        self.texts.insert(id, text.to_owned());
        id
    }

    fn run(&mut self, plan: &str, goal: &str, error: Option<(&str, &str)>, days: i64) -> Uuid {
        let run = self.id();
        let at = self.now - SignedDuration::from_hours(24 * days);
        let row = RunRow {
            run,
            plan: plan.into(),
            file: format!("{plan}.plan").into(),
            actor: "ann".into(),
            status: if error.is_some() { RunStatus::Failed } else { RunStatus::Succeeded },
            started_at: at,
            updated_at: at,
            error: error.map(|(_, kind)| format!("{kind}: it did not work")),
            in_doubt: 0,
            crashes: 0,
            waiting: Vec::new(),
            waits: 0,
            due: None,
            about: Summary {
                goal: Some(goal.into()),
                digest: format!("{plan}{}", error.is_some()).into(),
                skills: vec!["http.get".into(), "llm.generate".into()],
                doubted: false,
                failed_step: error.map(|(step, _)| step.into()),
                error: error.map(|(_, kind)| kind.into()),
                usage: Usage::default(),
                calls: 4,
            },
        };
        let puts = row_puts(&KeyName::local(), &row).unwrap();
        self.ops.extend(puts.into_iter().map(|(key, value)| Op::Put(key, value)));
        let (step, kind) = error.unwrap_or_default();
        self.texts.insert(run, format!("{goal} {plan} {step} {kind}"));
        run
    }
}

/// The memories of all topics in a store, and two questions for each.
pub fn build() -> Fixture {
    let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
    let mut b = Builder { ops: Vec::new(), texts: HashMap::new(), next: 1, now, seed: 7 };
    let mut queries = Vec::new();
    for (number, topic) in topics().into_iter().enumerate() {
        let mut relevant = HashMap::new();
        for i in 0..3 {
            let (is, does) = (&topic.is[i], &topic.does[(i + 1) % 3]);
            let at = &topic.at[i % topic.at.len()];
            let goal = match i {
                0 => format!("{does} {is} using the {at}"),
                1 => format!("{is}: {does} them, see {at}"),
                _ => format!("In the {at} {does} all {is} of the month"),
            };
            let days = 2 + b.below(150);
            let id = b.run(&format!("{}_{i}", topic.name), &goal, None, days);
            relevant.insert(id, (format!("run {i}"), 1));
        }
        let (step, kind) =
            [("fetch", "timeout"), ("post", "rate_limited"), ("parse", "invalid_output")][number % 3];
        let goal = format!("{} {} through the {}", topic.does[0], topic.is[1], topic.at[0]);
        let days = 1 + b.below(20);
        let id = b.run(&format!("{}_again", topic.name), &goal, Some((step, kind)), days);
        relevant.insert(id, ("failure".to_owned(), 2));
        let about = &topic.is[number % 3];
        let (far, near, some) = (120 + b.below(150), 2 + b.below(20), 10 + b.below(100));
        let id = b.note(&format!("{}. This is about {}.", topic.old, about), far);
        relevant.insert(id, ("old".to_owned(), 1));
        let id = b.note(&format!("{} ({}).", topic.now, about), near);
        relevant.insert(id, ("now".to_owned(), 2));
        let id = b.note(&topic.tip, some);
        relevant.insert(id, ("tip".to_owned(), 1));
        if number % 2 == 0 {
            // What runs every week tells one thing.
            let goal = format!("{} {} every week", topic.does[0], topic.is[0]);
            for week in 0..12 {
                let id = b.run(&format!("{}_weekly", topic.name), &goal, None, 3 + 7 * week);
                relevant.insert(id, ("weekly".to_owned(), 1));
            }
        }
        for goal in &topic.ask {
            queries.push(Query { topic: topic.name.clone(), goal: goal.clone(), relevant: relevant.clone() });
        }
    }
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.commit(Vec::new(), b.ops)).unwrap();
    Fixture { store, queries, texts: b.texts, now }
}
