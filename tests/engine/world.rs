//! A world for the machine: a clock that jumps, skills whose answer lies in their arguments, a seeded order of completions.

use aos::catalog::Catalog;
use aos::check::check;
use aos::dag::Dag;
use aos::engine::{
    Ask, AskKind, Command, Event, EventKind, Failure, Invoke, Machine, NoticeKind, Outcome, RunStatus, Step,
    StepPath, StepStatus, TimerId, Usage,
};
use aos::source::Sources;
use aos::syntax::parse;
use aos::value::{Map, Value};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// `ms` is how long a call takes.
pub const SKILLS: &str = r#"
skill t.echo<T>(v: T, ms: int = 10) -> T
skill t.flaky<T>(v: T, times: int, ms: int = 10, after: int = 0) -> T
  throws busy
skill t.boom(kind: string, code: int = 0, ms: int = 10) -> int
  throws boom(code: int) | busy
skill t.hang(v: int = 0) -> int
  time 5s
skill t.read(from: string, v: int = 0, ms: int = 10) -> int
  reads "${from}"
skill t.append(to: string, v: int = 0, ms: int = 10) -> int
  appends "${to}"
  idempotent
skill t.write(to: string, v: int = 0, ms: int = 10) -> int
  writes "${to}"
skill t.bad_write(to: string, kind: string, ms: int = 10) -> int
  writes "${to}"
  throws boom(code: int) | busy
skill t.put(to: string, v: int = 0, ms: int = 10) -> int
  writes "${to}"
  idempotent by key
skill t.stuck_write(to: string) -> int
  writes "${to}"
  time 2s
skill t.pay<T>(v: T, price: float = 0.0, real: float = 0.0, count: int = 0, ms: int = 10) -> T
  cost price usd
  tokens count
skill t.undo(of: string, v: int = 0, times: int = 0, ms: int = 10) -> int
  writes "${of}"
  idempotent
  throws busy
skill t.undo_once(of: string, v: int = 0, times: int = 0, ms: int = 10) -> int
  writes "${of}"
  throws busy
"#;

/// The graph of a plan called `p`; other text may stand before it.
#[track_caller]
pub fn dag(text: &str) -> Arc<Dag> {
    match try_dag(text) {
        Ok(dag) => dag,
        Err(errors) => panic!("{text}\n{errors:#?}"),
    }
}

/// The same, or what is wrong with the plan.
pub fn try_dag(text: &str) -> Result<Arc<Dag>, Vec<String>> {
    let body =
        if text.contains("plan p(") { text.to_owned() } else { format!("plan p() -> json? {{\n{text}\n}}") };
    let text = format!("{SKILLS}\n{body}\n");
    let mut sources = Sources::default();
    let id = sources.add("t.plan", &text);
    let analysis = check(id, &parse(id, &text), &sources, &Catalog::stdlib());
    match analysis.into_checked("p") {
        Ok(checked) => Ok(Arc::new(Dag::new(checked.program()))),
        Err(found) => {
            let errors = found.iter().filter(|d| d.is_error());
            Err(errors.map(|d| format!("{}: {} at `{}`", d.code, d.message, &text[d.span.range()])).collect())
        }
    }
}

/// A small generator; the same seed gives the same numbers.
#[derive(Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

pub fn time(ms: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_millis(1_000_000_000_000 + ms)
}

pub struct World {
    pub machine: Machine,
    pub now: Timestamp,
    /// Calls in flight: when they answer, and what.
    flights: BTreeMap<(StepPath, u32), (Timestamp, u64, EventKind)>,
    timers: BTreeMap<TimerId, Timestamp>,
    /// What people will say: by step and who.
    replies: BTreeMap<(StepPath, String), (Timestamp, EventKind)>,
    started: u64,
    /// The journal.
    pub events: Vec<Event>,
    /// What each event gave.
    pub steps: Vec<String>,
    /// Calls that were made and may not be made twice.
    pub acts: Vec<(StepPath, u32)>,
    /// Every call, in the order they were made.
    pub calls: Vec<Invoke>,
    pub most_in_flight: usize,
    /// Durations by chance instead of `ms`.
    pub shuffle: Option<Random>,
    pub cancel_at: Option<Timestamp>,
    pub outcome: Option<Outcome>,
    /// Off for measurements.
    pub record: bool,
}

impl World {
    pub fn new(dag: Arc<Dag>) -> World {
        World::over(Machine::new(dag), time(0))
    }

    fn over(machine: Machine, now: Timestamp) -> World {
        World {
            machine,
            now,
            flights: BTreeMap::new(),
            timers: BTreeMap::new(),
            replies: BTreeMap::new(),
            started: 0,
            events: Vec::new(),
            steps: Vec::new(),
            acts: Vec::new(),
            calls: Vec::new(),
            most_in_flight: 0,
            shuffle: None,
            cancel_at: None,
            outcome: None,
            record: true,
        }
    }

    /// Another process: a machine that has seen these events, and then that the run goes on.
    pub fn resumed(dag: Arc<Dag>, events: &[Event]) -> World {
        let mut machine = Machine::new(dag);
        for event in events {
            // As the journal gives it back.
            let text = serde_json::to_string(event).unwrap();
            machine.apply(&serde_json::from_str(&text).unwrap()).unwrap();
        }
        let now = events.last().map_or(time(0), |e| e.at);
        World { events: events.to_vec(), ..World::over(machine, now + SignedDuration::from_millis(1)) }
    }

    pub fn start(&mut self) {
        self.start_with(Map::new());
    }

    pub fn start_with(&mut self, inputs: Map) {
        self.apply(EventKind::Started { run: "run-1".into(), inputs });
    }

    #[track_caller]
    pub fn apply(&mut self, kind: EventKind) -> bool {
        self.apply_by("engine", kind)
    }

    /// The same, done by somebody.
    #[track_caller]
    pub fn apply_by(&mut self, who: &str, kind: EventKind) -> bool {
        let event = Event { at: self.now, actor: who.into(), kind };
        let Ok(step) = self.machine.apply(&event) else { return false };
        if self.record {
            self.events.push(event);
            self.steps.push(format!("{step:?}"));
        }
        self.obey(step);
        true
    }

    /// Questions say themselves what people will do: `yes 20 50` (two people, after so many ms), `no 20`, `value 30 7`; else nobody
    /// answers.
    fn asked(&mut self, ask: &Ask) {
        let words: Vec<&str> = ask.question.split(' ').collect();
        let (Some(what), times) = (words.first(), words.get(1..).unwrap_or_default()) else { return };
        let step = ask.step.clone();
        for (person, ms) in ["ann", "bob", "cyd"].iter().zip(times) {
            let kind = match *what {
                "yes" | "no" => EventKind::Decided {
                    step: step.clone(),
                    digest: ask.digest.clone(),
                    approved: *what == "yes",
                    comment: None,
                    login: None,
                },
                "value" => {
                    let value: serde_json::Value = serde_json::from_str(&words[2..].join(" ")).unwrap();
                    let value = Value::from_json(&value);
                    match ask.kind {
                        AskKind::Signal => {
                            EventKind::Signalled { name: ask.question.clone(), value, login: None }
                        }
                        _ => EventKind::Answered { step: step.clone(), value, login: None },
                    }
                }
                _ => return,
            };
            let due = ask.asked_at + SignedDuration::from_millis(ms.parse().unwrap());
            let place = (step.clone(), (*person).to_owned());
            if !ask.approvals.iter().any(|a| **a == **person) {
                self.replies.entry(place).or_insert((due, kind));
            }
            if *what == "value" {
                break;
            }
        }
    }

    fn obey(&mut self, step: Step) {
        for notice in &step.notices {
            if let NoticeKind::Waiting { ask: Some(ask), .. } = &notice.kind {
                self.asked(ask);
            }
        }
        for command in step.commands {
            assert!(self.outcome.is_none(), "a command after the end: {command:?}");
            match command {
                Command::Invoke(invoke) => self.invoke(*invoke),
                Command::WakeAt { timer, at } => {
                    self.timers.insert(timer, at);
                }
                Command::Disarm { timer } => {
                    assert!(self.timers.remove(&timer).is_some(), "{timer} was not armed");
                }
                Command::Abort { step, attempt } => {
                    assert!(
                        self.flights.remove(&(step.clone(), attempt)).is_some(),
                        "{step} was not in flight"
                    );
                }
                Command::Finish(outcome) => self.outcome = Some(outcome),
            }
        }
    }

    fn invoke(&mut self, invoke: Invoke) {
        let place = (invoke.step.clone(), invoke.attempt);
        if invoke.intent {
            assert!(
                self.apply(EventKind::AttemptStarted { step: invoke.step.clone(), attempt: invoke.attempt })
            );
            assert!(!self.acts.contains(&place), "{place:?} is made twice");
            self.acts.push(place.clone());
        }
        let (ms, kind) = answer(&invoke);
        let ms = match &mut self.shuffle {
            Some(random) if ms < 1000 => 1 + random.below(40) as i64,
            _ => ms.min(invoke.timeout_ms),
        };
        self.started += 1;
        let due = self.now + SignedDuration::from_millis(ms);
        let old = self.flights.insert(place, (due, self.started, kind));
        assert!(old.is_none(), "called while in flight");
        self.most_in_flight = self.most_in_flight.max(self.flights.len());
        if self.record {
            self.calls.push(invoke);
        }
    }

    /// What happens next: an answer, a timer, the cancelling.
    fn next(&mut self) -> Option<(Timestamp, EventKind)> {
        let call = self.flights.iter().min_by_key(|(_, (due, order, _))| (*due, *order));
        let call = call.map(|(place, (due, _, _))| (*due, place.clone()));
        let timer = self.timers.iter().min_by_key(|(_, at)| **at).map(|(id, at)| (*at, id.clone()));
        let soonest = call.iter().map(|c| c.0).chain(timer.iter().map(|t| t.0)).min();
        let reply = self.replies.values().map(|(at, _)| *at).min();
        let soonest = soonest.into_iter().chain(reply).min();
        if let Some(at) = self.cancel_at.take_if(|at| soonest.is_none_or(|s| *at <= s)) {
            return Some((at, EventKind::CancelRequested { reason: None }));
        }
        match (call, timer) {
            (Some((due, place)), timer) if timer.as_ref().is_none_or(|(at, _)| due <= *at) => {
                self.flights.remove(&place).map(|(_, _, kind)| (due, kind))
            }
            (_, Some((at, timer))) => {
                self.timers.remove(&timer);
                Some((at, EventKind::TimerFired { timer }))
            }
            _ => None,
        }
    }

    /// Lets a person speak, if that is what happens next. What is not asked for any more is refused.
    fn reply_due(&mut self) -> bool {
        let Some((place, at)) =
            self.replies.iter().min_by_key(|(_, (at, _))| *at).map(|(place, (at, _))| (place.clone(), *at))
        else {
            return false;
        };
        let calls = self.flights.values().map(|(due, _, _)| *due);
        let others = calls.chain(self.timers.values().copied()).chain(self.cancel_at);
        if others.min().is_some_and(|other| other <= at) {
            return false;
        }
        let Some((_, kind)) = self.replies.remove(&place) else { return false };
        self.now = self.now.max(at);
        self.apply_by(&place.1, kind);
        true
    }

    /// Lets happen what happens until the run has ended, or waits for a person to say what a call in doubt did.
    #[track_caller]
    pub fn go_on(&mut self) {
        while self.outcome.is_none() {
            if self.reply_due() {
                continue;
            }
            let Some((at, kind)) = self.next() else {
                assert!(!self.machine.doubts().is_empty(), "nothing happens any more: {}", self.rows());
                return;
            };
            self.now = self.now.max(at);
            assert!(self.apply(kind), "the machine refused what it asked for");
        }
    }

    /// Lets happen what happens until the run has ended.
    #[track_caller]
    pub fn finish(&mut self) -> Outcome {
        self.go_on();
        assert!(self.outcome.is_some(), "it waits for a person: {}", self.rows());
        assert!(self.flights.is_empty(), "calls in flight at the end: {:?}", self.flights.keys());
        assert!(self.timers.is_empty(), "timers armed at the end: {:?}", self.timers);
        self.outcome.clone().unwrap()
    }

    /// Whether a person said what became of a step that was in doubt.
    pub fn resolved(&self, path: &StepPath) -> bool {
        self.events.iter().any(|e| matches!(&e.kind, EventKind::Resolved { step, .. } if step == path))
    }

    pub fn took_ms(&self) -> i128 {
        self.now.duration_since(time(0)).as_millis()
    }

    /// Whether the compensation of a step succeeded; none where it has none.
    fn undone(&self, path: &str) -> Option<bool> {
        let row = StepPath(format!("{path}@compensate").into());
        self.machine.status(&row).map(|status| status == StepStatus::Succeeded)
    }

    /// The rows of the report: `a`, `b=skipped<a>`, `c*3` for three attempts, `d=failed!boom`.
    pub fn rows(&self) -> String {
        let mut text = String::new();
        for row in self.machine.report() {
            if !text.is_empty() {
                text.push(' ');
            }
            let _ = write!(text, "{}", row.path);
            if row.status != StepStatus::Succeeded {
                let _ = write!(text, "={}", serde_json::to_value(row.status).unwrap().as_str().unwrap());
            }
            if row.attempts > 1 {
                let _ = write!(text, "*{}", row.attempts);
            }
            let undone = row.compensation.map(|s| s == StepStatus::Succeeded);
            let last = self.undone(&row.path.0);
            assert_eq!(undone, last, "{}", row.path);
            if let Some(because) = &row.skipped_because {
                let _ = write!(text, "<{because}>");
            }
            if let Some(error) = &row.error {
                let _ = write!(text, "!{}", error.kind);
            }
        }
        text
    }
}

/// The end of a run in one line.
pub fn shown(outcome: &Outcome) -> String {
    match (&outcome.error, outcome.status) {
        (None, RunStatus::Succeeded) => outcome.output.to_json().to_string(),
        (Some(e), RunStatus::Failed) => {
            let at = outcome.failed_step.as_ref().map_or(String::new(), |p| format!(" at {p}"));
            format!("{}: {}{at}", e.kind, e.message)
        }
        (_, RunStatus::Cancelled) => "cancelled".into(),
        other => panic!("an odd outcome: {other:?}"),
    }
}

/// How long a call takes, and what it answers.
fn answer(invoke: &Invoke) -> (i64, EventKind) {
    let (step, attempt) = (invoke.step.clone(), invoke.attempt);
    let int = |name: &str, or| invoke.args.get(name).and_then(Value::as_int).unwrap_or(or);
    let text = |name: &str| invoke.args.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
    let usage = match &*invoke.skill {
        "t.pay" => {
            let real = invoke.args.get("real").and_then(Value::as_number).unwrap_or(0.0);
            Usage { cost_usd: real, tokens: int("count", 0), unpriced: 0 }
        }
        _ => Usage { cost_usd: 0.0, tokens: 1, unpriced: 0 },
    };
    let fail = |kind: &str| {
        let mut error = Failure::new(kind, format!("it was {kind}"));
        if kind == "boom" {
            error.details.insert("code".into(), Value::Int(int("code", 0)));
        }
        error.retry_after_ms = (int("after", 0) > 0).then(|| int("after", 0));
        EventKind::AttemptFailed { step: step.clone(), attempt, error, usage }
    };
    let value = invoke.args.get("v").cloned().unwrap_or(Value::Int(0));
    let good = EventKind::AttemptSucceeded { step: step.clone(), attempt, value, usage, reused: None };
    match &*invoke.skill {
        "t.boom" | "t.bad_write" => (int("ms", 10), fail(&text("kind"))),
        "t.flaky" | "t.undo" | "t.undo_once" if i64::from(attempt) <= int("times", 0) => {
            (int("ms", 10), fail("busy"))
        }
        "t.hang" | "t.stuck_write" => (i64::MAX, fail("timeout")),
        _ => (int("ms", 10), good),
    }
}
