//! A driver without a world: answers come at once, timers when nothing else is left, and time jumps to them.

use super::{Problem, PureSkills, mocks};
use crate::check::cases::model::TestCase;
use crate::dag::Dag;
use crate::diagnostic::{Code, Diagnostic};
use crate::engine::command::StepReport;
use crate::engine::{
    Ask, AskKind, Command, Event, EventKind, Failure, Invoke, Machine, Outcome, StepPath, StepStatus,
    TimerId, Usage,
};
use crate::runtime::call::{self, Behalf};
use crate::runtime::model::Meter;
use crate::runtime::skill::SkillOutput;
use crate::source::Span;
use crate::syntax::ast::EffectKind;
use crate::value::Map;
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

/// A plan always ends, but not always while somebody watches.
const MAX_EVENTS: usize = 200_000;

/// Its values come from people, not from a call.
const HUMAN_ASK: &str = "human.ask";

/// The name of every test's run.
pub(super) const RUN: &str = "00000000-0000-7000-8000-000000000000";

/// When every test's run starts: 2030-01-01T00:00:00Z.
pub(super) fn beginning() -> Timestamp {
    Timestamp::from_second(1_893_456_000).unwrap_or_default()
}

/// How the world stopped.
pub(super) enum End {
    Finished(Box<Outcome>),
    /// Nothing happens any more, and the run has not ended.
    Stuck,
    /// The test cannot go on.
    Refused(Box<Problem>),
}

/// A call that was made, with its answer.
#[derive(Clone)]
pub(super) struct Made {
    pub(super) skill: Arc<str>,
    pub(super) step: StepPath,
    pub(super) attempt: u32,
    /// How many events had happened.
    pub(super) after: usize,
    answer: EventKind,
}

/// One run of one test.
pub(super) struct World<'a> {
    test: &'a TestCase,
    skills: &'a PureSkills,
    pub(super) machine: Machine,
    now: Timestamp,
    answers: VecDeque<EventKind>,
    timers: BTreeMap<TimerId, Timestamp>,
    /// The journal.
    pub(super) events: Vec<Event>,
    /// Every call once, in the order they were made.
    pub(super) made: Vec<Made>,
    /// Their places in `made`.
    places: HashMap<(StepPath, u32), usize>,
    /// How often each skill was called.
    counts: HashMap<Arc<str>, usize>,
    /// How many of the test's signals were sent.
    signalled: usize,
    outcome: Option<Outcome>,
}

impl<'a> World<'a> {
    pub(super) fn new(test: &'a TestCase, dag: Arc<Dag>, skills: &'a PureSkills) -> Self {
        World {
            test,
            skills,
            machine: Machine::new(dag),
            now: beginning(),
            answers: VecDeque::new(),
            timers: BTreeMap::new(),
            events: Vec::new(),
            made: Vec::new(),
            places: HashMap::new(),
            counts: HashMap::new(),
            signalled: 0,
            outcome: None,
        }
    }

    /// The world after a crash behind the first `count` events of another: a new machine that has read the journal.
    ///
    /// # Errors
    /// The journal cannot be read back.
    pub(super) fn restarted(other: &World<'a>, dag: Arc<Dag>, count: usize) -> Result<Self, String> {
        let mut world = World::new(other.test, dag, other.skills);
        for event in other.events.iter().take(count) {
            let text = serde_json::to_string(event).map_err(|e| e.to_string())?;
            let event: Event = serde_json::from_str(&text).map_err(|e| e.to_string())?;
            world.machine.apply(&event).map_err(|e| e.to_string())?;
            world.now = event.at;
            world.signalled += usize::from(matches!(event.kind, EventKind::Signalled { .. }));
            world.events.push(event);
        }
        for made in other.made.iter().filter(|m| m.after <= count) {
            world.note(made.clone());
        }
        Ok(world)
    }

    pub(super) async fn start(&mut self, inputs: Map) -> End {
        self.go(EventKind::Started { run: RUN.into(), inputs }).await
    }

    pub(super) async fn resume(&mut self) -> End {
        self.go(EventKind::Resumed).await
    }

    async fn go(&mut self, first: EventKind) -> End {
        let mut next = Some(first);
        while let Some(kind) = next {
            if let Err(problem) = self.happen(kind).await {
                return End::Refused(problem);
            }
            if let Some(outcome) = &self.outcome {
                return End::Finished(Box::new(outcome.clone()));
            }
            next = match self.next() {
                Ok(next) => next,
                Err(problem) => return End::Refused(problem),
            };
        }
        End::Stuck
    }

    /// What happens next: answers first, then signals and people, and time only where nothing else is left.
    fn next(&mut self) -> Result<Option<EventKind>, Box<Problem>> {
        if let Some(answer) = self.answers.pop_front() {
            return Ok(Some(answer));
        }
        if let Some(signal) = self.test.signals.get(self.signalled) {
            self.signalled += 1;
            let value = super::constant(&signal.value)?;
            return Ok(Some(EventKind::Signalled { name: signal.name.clone(), value, login: None }));
        }
        for ask in self.machine.asks() {
            if let Some(said) = self.people(&ask)? {
                return Ok(Some(said));
            }
        }
        Ok(self.wake())
    }

    /// What people say to a question; none where the test says nothing of it.
    fn people(&mut self, ask: &Ask) -> Result<Option<EventKind>, Box<Problem>> {
        let decided = |approved| EventKind::Decided {
            step: ask.step.clone(),
            digest: ask.digest.clone(),
            approved,
            comment: None,
            login: None,
        };
        match ask.kind {
            AskKind::Approval | AskKind::Review => {
                let name = ask.step.0.rsplit('.').next().unwrap_or_default();
                let decision = self.test.decisions.iter().find(|d| *d.step == *name);
                Ok(decision.map(|d| decided(d.approve)))
            }
            AskKind::Input => {
                let said = |e: &&Event| spoken(&e.kind) == Some(&ask.step);
                let attempt = u32::try_from(self.events.iter().filter(said).count()).unwrap_or(u32::MAX);
                let at = (ask.step.clone(), attempt);
                if let Some(made) = self.places.get(&at).and_then(|at| self.made.get(*at)) {
                    return Ok(Some(made.answer.clone()));
                }
                let earlier = self.counts.get(HUMAN_ASK).copied().unwrap_or(0);
                let Some(answer) = mocks::told(self.test, ask, earlier, decided) else { return Ok(None) };
                let answer = answer?;
                let (skill, after) = (HUMAN_ASK.into(), self.events.len());
                self.note(Made { skill, step: at.0, attempt, after, answer: answer.clone() });
                Ok(Some(answer))
            }
            AskKind::Signal | AskKind::Doubt => Ok(None),
        }
    }

    fn wake(&mut self) -> Option<EventKind> {
        let (timer, at) =
            self.timers.iter().min_by_key(|(id, at)| (**at, *id)).map(|(t, a)| (t.clone(), *a))?;
        self.timers.remove(&timer);
        self.now = self.now.max(at);
        Some(EventKind::TimerFired { timer })
    }

    async fn happen(&mut self, kind: EventKind) -> Result<(), Box<Problem>> {
        let mut todo = VecDeque::from([kind]);
        let mut invokes = Vec::new();
        while let Some(kind) = todo.pop_front() {
            if self.events.len() >= MAX_EVENTS {
                return Err(self.problem(format!("the run has more than {MAX_EVENTS} events"), None));
            }
            let event = Event { at: self.now, actor: self.actor(&kind), kind };
            let step = self.machine.apply(&event).map_err(|e| self.problem(e.to_string(), None))?;
            self.events.push(event);
            for command in step.commands {
                match command {
                    Command::Invoke(invoke) => {
                        if invoke.intent {
                            let (step, attempt) = (invoke.step.clone(), invoke.attempt);
                            todo.push_back(EventKind::AttemptStarted { step, attempt });
                        }
                        invokes.push(*invoke);
                    }
                    Command::WakeAt { timer, at } => drop(self.timers.insert(timer, at)),
                    Command::Disarm { timer } => drop(self.timers.remove(&timer)),
                    Command::Abort { step, attempt } => {
                        self.answers.retain(|a| !is_answer(a, &step, attempt));
                    }
                    Command::Finish(outcome) => self.outcome = Some(outcome),
                }
            }
        }
        // After a restart calls are made again in the order they were made in.
        invokes.sort_by_key(|i| self.position(i).unwrap_or(usize::MAX));
        for invoke in invokes {
            let answer = self.call(invoke).await?;
            self.answers.push_back(answer);
        }
        Ok(())
    }

    /// Who does it: each who decides on a step is somebody else.
    fn actor(&self, kind: &EventKind) -> Arc<str> {
        match spoken(kind) {
            Some(step) => {
                let before = self.events.iter().filter(|e| spoken(&e.kind) == Some(step)).count();
                format!("person {}", before + 1).into()
            }
            None => "test".into(),
        }
    }

    fn position(&self, invoke: &Invoke) -> Option<usize> {
        self.places.get(&(invoke.step.clone(), invoke.attempt)).copied()
    }

    fn note(&mut self, made: Made) {
        self.places.insert((made.step.clone(), made.attempt), self.made.len());
        *self.counts.entry(made.skill.clone()).or_default() += 1;
        self.made.push(made);
    }

    async fn call(&mut self, invoke: Invoke) -> Result<EventKind, Box<Problem>> {
        if let Some(made) = self.position(&invoke).and_then(|at| self.made.get(at)) {
            return Ok(made.answer.clone());
        }
        let earlier = self.counts.get(&invoke.skill).copied().unwrap_or(0);
        let (skill, step, attempt) = (invoke.skill.clone(), invoke.step.clone(), invoke.attempt);
        let answer = match mocks::answer(self.test, &invoke, earlier) {
            Some(answer) => answer?,
            None if invoke.effect == EffectKind::Pure => self.really(invoke).await,
            None => return Err(self.not_mocked(&invoke)),
        };
        self.note(Made { skill, step, attempt, after: self.events.len(), answer: answer.clone() });
        Ok(answer)
    }

    /// A pure skill changes nothing: it is called.
    async fn really(&self, invoke: Invoke) -> EventKind {
        let (step, attempt) = (invoke.step.clone(), invoke.attempt);
        let by =
            Behalf { run: RUN.into(), tenant: "local".into(), actor: "test".into(), meter: Meter::default() };
        let result = match self.skills {
            // The schemas of imports belong to runs; a test of a plan is none of its tools.
            Ok(skills) => call::plain(skills, Box::new(invoke), None, by).await,
            Err(why) => Err(Failure::new("unavailable", why.clone())),
        };
        match result {
            Ok(SkillOutput { value, usage }) => {
                EventKind::AttemptSucceeded { step, attempt, value, usage, reused: None }
            }
            Err(error) => EventKind::AttemptFailed { step, attempt, error, usage: Usage::default() },
        }
    }

    fn not_mocked(&self, invoke: &Invoke) -> Box<Problem> {
        let message = format!("`{}` is neither mocked nor pure, and a test has no effects", invoke.skill);
        let d = Diagnostic::new(Code::TestFailed, self.test.name_span, message)
            .label(format!("this test comes to `{}`, which calls it", invoke.step));
        let d = match self.span_of(Some(&invoke.step)) {
            Some(span) => d.also(span, "it is called here"),
            None => d,
        };
        let reply = crate::check::cases::example(&invoke.output);
        Box::new(Problem::new(d.help(format!("say what it gives: `mock {} => {reply}`", invoke.skill))))
    }

    fn problem(&self, message: String, span: Option<Span>) -> Box<Problem> {
        Box::new(Problem::new(Diagnostic::new(
            Code::TestFailed,
            span.unwrap_or(self.test.name_span),
            message,
        )))
    }

    /// What the run waits for that nobody gives.
    pub(super) fn stuck(&self) -> Diagnostic {
        let report = self.machine.report();
        let waiting: Vec<&StepReport> = report.iter().filter(|s| s.status == StepStatus::Waiting).collect();
        let names: Vec<String> = waiting.iter().map(|s| format!("`{}`", s.path)).collect();
        let d = Diagnostic::new(
            Code::TestFailed,
            self.test.name_span,
            "the run waits for something that the test does not give",
        );
        let d = match waiting.first() {
            Some(step) => d.also(word(step.span), "it waits here"),
            None => d,
        };
        d.label(if names.is_empty() { "nothing happens any more".to_owned() } else { names.join(", ") }).help(
            "give it: `approve step`, `deny step`, `signal \"name\" => value`, `mock human.ask => value`",
        )
    }

    pub(super) fn took(&self) -> jiff::SignedDuration {
        self.now.duration_since(beginning())
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// Where a step begins in the plan.
    pub(super) fn span_of(&self, step: Option<&StepPath>) -> Option<Span> {
        let step = step?;
        self.machine.report().into_iter().find(|s| s.path == *step).map(|s| word(s.span))
    }
}

/// `step`, with which the text of a step begins.
fn word(span: Span) -> Span {
    Span { end: span.end.min(span.start + 4), ..span }
}

/// The step that a person spoke of.
fn spoken(kind: &EventKind) -> Option<&StepPath> {
    match kind {
        EventKind::Decided { step, .. } | EventKind::Answered { step, .. } => Some(step),
        EventKind::Started { .. }
        | EventKind::Reusable { .. }
        | EventKind::AttemptStarted { .. }
        | EventKind::AttemptSucceeded { .. }
        | EventKind::AttemptFailed { .. }
        | EventKind::TimerFired { .. }
        | EventKind::CancelRequested { .. }
        | EventKind::Signalled { .. }
        | EventKind::Resolved { .. }
        | EventKind::Resumed => None,
    }
}

fn is_answer(event: &EventKind, path: &StepPath, number: u32) -> bool {
    match event {
        EventKind::AttemptSucceeded { step, attempt, .. }
        | EventKind::AttemptFailed { step, attempt, .. } => step == path && *attempt == number,
        EventKind::Started { .. }
        | EventKind::Reusable { .. }
        | EventKind::AttemptStarted { .. }
        | EventKind::TimerFired { .. }
        | EventKind::CancelRequested { .. }
        | EventKind::Decided { .. }
        | EventKind::Answered { .. }
        | EventKind::Signalled { .. }
        | EventKind::Resolved { .. }
        | EventKind::Resumed => false,
    }
}
