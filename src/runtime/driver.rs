//! The embedded driver of one run: events into the machine, its commands out into the world.
//!
//! Apply, append, act: an event is applied first, so an illegal one never reaches the disk; then all that came in meanwhile is
//! appended with one sync; only then are the commands obeyed. But for calls that only compute and are done at once: they are made
//! before, and their answers are appended with what asked for them. A crash in between has a computation made again, nothing else.

use super::call::{Caller, Done, Ready};
use super::journal::{JournalError, RunJournal};
use super::model::{self, Meter};
use super::people::{People, Person, Reply, admit};
use super::points;
use super::skill::Place;
use super::spend::Spend;
use super::trace;
use super::watch::Watchers;
use crate::engine::{
    Command, Event, EventKind, Failure, Invoke, Machine, Notice, Outcome, Rest, RunStatus, StepPath, TimerId,
    Usage,
};
use crate::syntax::ast::EffectKind;
use crate::value::Value;
use futures_util::FutureExt as _;
use std::any::Any;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};
use tracing::Instrument as _;

/// Events taken in before they are appended together.
const BATCH: usize = 1024;
/// Bytes of arguments up to which a pure call is tried on the driver's own thread.
const BRIEF: usize = 4096;
/// How long such calls go on before what they gave is appended: those who watch, and other runs, wait no longer for it.
const AHEAD: Duration = Duration::from_millis(1);

/// What a run is told from outside.
#[derive(Debug)]
pub enum Control {
    /// Ctrl-C: start nothing more, wait for effects in flight, end as interrupted.
    Pause,
    /// Unwind and end as cancelled.
    Cancel {
        actor: Arc<str>,
        reason: Option<Arc<str>>,
        /// Told once it is on record; dropped where the run had just stopped.
        told: oneshot::Sender<()>,
    },
    /// Somebody says something.
    Reply(Box<Said>),
}

/// What somebody says to a run.
#[derive(Debug)]
pub struct Said {
    pub who: Person,
    pub reply: Reply,
    /// Whether it was taken in; dropped where the run had just stopped.
    pub told: oneshot::Sender<Result<(), String>>,
}

/// What those who watch a run are told, in order.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "the large one is the one that there are many of")]
pub enum Update {
    /// A step changed.
    Notice(Notice),
    /// The run has ended or stopped.
    Finished,
}

/// Everything a run needs from its surroundings.
pub struct Surroundings {
    /// What makes the calls.
    pub caller: Arc<Caller>,
    /// Who may answer, read anew each time.
    pub people: Arc<dyn Fn() -> Result<People, String> + Send + Sync>,
    /// Who started it.
    pub actor: Arc<str>,
    pub run: Arc<str>,
    pub control: mpsc::Receiver<Control>,
    /// Where notices go.
    pub updates: Watchers,
}

struct InFlight {
    task: AbortHandle,
    /// Awaited when the run is paused; others are dropped.
    effect: bool,
    /// The call itself is not made yet: it waits for its rate, for a place, or for a run that has its key.
    preparing: bool,
    counted: Counted,
}

/// What a call uses, also one that is given up.
#[derive(Clone)]
struct Counted {
    skill: Arc<str>,
    meter: Meter,
    /// Whether it is made, and is more than a computation.
    outward: bool,
}

/// What is taken in together.
#[derive(Default)]
struct Taken {
    batch: Vec<Event>,
    commands: Vec<Command>,
    notices: Vec<Notice>,
}

/// What the tasks of calls say.
enum Word {
    Event(EventKind),
    /// Nothing stands in the way of the call any more.
    Ready(Box<Invoke>, Option<Place>),
}

/// Drives one run until it ends or is paused.
pub struct Driver {
    machine: Machine,
    journal: RunJournal,
    around: Surroundings,
    answers: mpsc::Receiver<Word>,
    answer: mpsc::Sender<Word>,
    /// Calls that are made with the next batch.
    ready: Vec<(Box<Invoke>, Option<Place>)>,
    tasks: JoinSet<()>,
    /// The answers of calls that were done at once.
    done: VecDeque<EventKind>,
    in_flight: HashMap<(StepPath, u32), InFlight>,
    /// Calls that were given up: what they used is known when their tasks are gone.
    given_up: Vec<(StepPath, u32, Counted)>,
    timers: BTreeMap<(jiff::Timestamp, TimerId), ()>,
    armed: HashMap<TimerId, jiff::Timestamp>,
    paused: bool,
    outcome: Option<Outcome>,
    /// Nothing but people, signals and far times is waited for.
    rest: Option<Rest>,
    /// Who does what nobody else does.
    engine: Arc<str>,
}

impl Driver {
    /// A driver over a machine that has seen everything in the journal.
    #[must_use]
    pub fn new(machine: Machine, journal: RunJournal, around: Surroundings) -> Self {
        let (answer, answers) = mpsc::channel(4096);
        Driver {
            machine,
            journal,
            around,
            answers,
            answer,
            ready: Vec::new(),
            tasks: JoinSet::new(),
            done: VecDeque::new(),
            in_flight: HashMap::new(),
            given_up: Vec::new(),
            timers: BTreeMap::new(),
            armed: HashMap::new(),
            paused: false,
            outcome: None,
            rest: None,
            engine: Arc::from("engine"),
        }
    }

    /// Feeds the first events (`started` or `resumed`) and goes on until the run ends or is paused.
    ///
    /// # Errors
    /// The journal could not be written: nothing after the last durable event was acted on.
    pub async fn run(mut self, first: Vec<EventKind>) -> Result<(Machine, RunStatus), JournalError> {
        self.take_in(first).await?;
        loop {
            if let Some(outcome) = &self.outcome {
                let status = outcome.status;
                points::pass("driver-ended");
                self.close().await?;
                self.around.updates.send(&Update::Finished);
                return Ok((self.machine, status));
            }
            let idle = self.in_flight.is_empty() && self.done.is_empty();
            if let Some(rest) = self.rest.take_if(|_| idle) {
                // What was said just now goes first.
                let Ok(control) = self.around.control.try_recv() else {
                    self.close().await?;
                    self.journal.suspend(&rest, &self.machine).await?;
                    self.around.updates.send(&Update::Finished);
                    return Ok((self.machine, RunStatus::Suspended));
                };
                self.control(control).await?;
                continue;
            }
            if self.paused && idle {
                self.close().await?;
                self.journal.set_status(RunStatus::Interrupted, &self.machine).await?;
                self.around.updates.send(&Update::Finished);
                return Ok((self.machine, RunStatus::Interrupted));
            }
            match self.next().await {
                Next::Control(control) => self.control(control).await?,
                Next::Events(events) => self.take_in(events).await?,
            }
        }
    }

    /// Waits for something to happen, then takes all that has happened.
    async fn next(&mut self) -> Next {
        let due = self.timers.keys().next().map(|(at, _)| *at);
        let paused = self.paused;
        let mut events = Vec::new();
        if self.done.is_empty() {
            tokio::select! {
                biased;
                Some(control) = self.around.control.recv() => return Next::Control(control),
                Some(word) = self.answers.recv() => self.hear_task(word, &mut events),
                () = sleep_until(due), if due.is_some() && !paused => {}
            }
        } else {
            // Others on this thread have their turn now and then.
            tokio::task::consume_budget().await;
            if let Ok(control) = self.around.control.try_recv() {
                return Next::Control(control);
            }
            let count = self.done.len().min(BATCH);
            events.extend(self.done.drain(..count));
        }
        while events.len() < BATCH {
            match self.answers.try_recv() {
                Ok(word) => self.hear_task(word, &mut events),
                Err(_) => break,
            }
        }
        if !self.paused {
            self.fire_timers(&mut events);
        }
        while self.tasks.try_join_next().is_some() {}
        Next::Events(events)
    }

    fn hear_task(&mut self, word: Word, events: &mut Vec<EventKind>) {
        match word {
            Word::Event(event) => events.push(event),
            Word::Ready(invoke, place) => self.ready.push((invoke, place)),
        }
    }

    async fn control(&mut self, control: Control) -> Result<(), JournalError> {
        match control {
            Control::Pause => {
                self.paused = true;
                let dropped: Vec<_> = self
                    .in_flight
                    .iter()
                    .filter(|(_, call)| !call.effect)
                    .map(|(place, _)| place.clone())
                    .collect();
                for (step, attempt) in dropped {
                    self.give_up(step, attempt);
                }
            }
            Control::Cancel { actor, reason, told } => {
                self.take_in_from(vec![EventKind::CancelRequested { reason }], &actor).await?;
                let _ = told.send(());
            }
            Control::Reply(said) => {
                let Said { who, reply, told } = *said;
                // What is due comes first: an answer does not count behind its time.
                let mut due = Vec::new();
                self.fire_timers(&mut due);
                self.take_in(due).await?;
                let admitted =
                    (self.around.people)().and_then(|people| admit(&self.machine, &who, &reply, &people));
                let taken = match admitted {
                    Ok(kind) => self.hear(kind, &who).await?,
                    Err(why) => Err(why),
                };
                let _ = told.send(taken);
            }
        }
        Ok(())
    }

    /// Takes in what somebody said; the machine has the last word.
    async fn hear(&mut self, kind: EventKind, who: &Person) -> Result<Result<(), String>, JournalError> {
        let event = Event { at: jiff::Timestamp::now(), actor: Arc::clone(who.name()), kind };
        if let Err(illegal) = self.machine.permits(&event) {
            return Ok(Err(illegal.0));
        }
        self.take_in_from(vec![event.kind], who.name()).await?;
        Ok(Ok(()))
    }

    fn fire_timers(&mut self, events: &mut Vec<EventKind>) {
        let now = jiff::Timestamp::now();
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().0 > now || events.len() >= BATCH {
                break;
            }
            let ((_, timer), ()) = entry.remove_entry();
            self.armed.remove(&timer);
            events.push(EventKind::TimerFired { timer });
        }
    }

    async fn take_in(&mut self, kinds: Vec<EventKind>) -> Result<(), JournalError> {
        let actor = Arc::clone(&self.around.actor);
        self.take_in_from(kinds, &actor).await
    }

    /// Applies, appends, acts. What people do is said to be done by `actor`.
    async fn take_in_from(&mut self, kinds: Vec<EventKind>, actor: &Arc<str>) -> Result<(), JournalError> {
        self.book_given_up();
        let mut taken = Taken::default();
        let now = jiff::Timestamp::now();
        let begins = kinds.iter().any(|kind| matches!(kind, EventKind::Started { .. } | EventKind::Resumed));
        for kind in kinds {
            self.settle(&kind);
            self.apply(kind, (now, actor), &mut taken);
        }
        self.drop_unmade((now, actor), &mut taken);
        // That it goes on here is on record before anything is done: what ends the process again and again must be noticed.
        if !begins {
            self.compute(actor, &mut taken);
        }
        let mut ready = std::mem::take(&mut self.ready);
        ready.retain(|(i, _)| self.in_flight.contains_key(&(i.step.clone(), i.attempt)));
        let now = jiff::Timestamp::now();
        if !self.paused {
            let asked = taken
                .commands
                .iter()
                .filter_map(|c| if let Command::Invoke(i) = c { Some(&**i) } else { None });
            let intents = intents(
                asked.filter(|i| !self.around.caller.prepares(i)).chain(ready.iter().map(|(i, _)| &**i)),
            );
            for kind in intents {
                self.apply(kind, (now, actor), &mut taken);
            }
        }
        points::pass("driver-applied");
        let Taken { batch, commands, notices } = taken;
        let outcome = commands.iter().find_map(|c| if let Command::Finish(o) = c { Some(o) } else { None });
        let rest = self.machine.rest(now).filter(|_| outcome.is_none());
        if !batch.is_empty() {
            self.journal.append(&batch, outcome, rest.as_ref(), &self.machine).await?;
        }
        self.rest = rest;
        for notice in notices {
            trace::notice(&self.around.run, &notice);
            self.around.updates.send(&Update::Notice(notice));
        }
        points::pass("driver-told");
        for command in commands {
            self.obey(command);
        }
        for (invoke, place) in ready {
            // Else it was stopped meanwhile.
            if self.in_flight.contains_key(&(invoke.step.clone(), invoke.attempt)) {
                self.make(invoke, place);
            }
        }
        points::pass("driver-obeyed");
        Ok(())
    }

    /// Makes the calls that only compute, and takes in what those gave that were done at once, as long as there are such.
    fn compute(&mut self, actor: &Arc<str>, taken: &mut Taken) {
        let begun = Instant::now();
        let mut others = Vec::new();
        while !self.paused && taken.batch.len() < BATCH && begun.elapsed() < AHEAD {
            for command in taken.commands.drain(..) {
                match command {
                    Command::Invoke(invoke) if is_brief(&invoke) && !self.around.caller.prepares(&invoke) => {
                        self.make(invoke, None)
                    }
                    other => others.push(other),
                }
            }
            let room = BATCH.saturating_sub(taken.batch.len()).min(self.done.len());
            if room == 0 {
                break;
            }
            let now = jiff::Timestamp::now();
            let done: Vec<EventKind> = self.done.drain(..room).collect();
            for kind in done {
                self.apply(kind, (now, actor), taken);
            }
        }
        others.append(&mut taken.commands);
        taken.commands = others;
    }

    fn settle(&mut self, kind: &EventKind) {
        if let EventKind::AttemptSucceeded { step, attempt, usage, .. }
        | EventKind::AttemptFailed { step, attempt, usage, .. } = kind
            && let Some(mut call) = self.in_flight.remove(&(step.clone(), *attempt))
        {
            // What the agent's budget refuses was not made.
            call.counted.outward &=
                !matches!(kind, EventKind::AttemptFailed { error, .. } if &*error.kind == "budget");
            self.book(step, *attempt, &call.counted, *usage);
        }
    }

    /// Books what a call used, to be written with the next events.
    fn book(&mut self, step: &StepPath, attempt: u32, counted: &Counted, usage: Usage) {
        let models = counted.meter.take();
        let caller = &self.around.caller;
        // Of an agent every call that reaches out counts.
        let counts = counted.outward && caller.agent.is_some();
        if usage == Usage::default() && models.is_empty() && !counts {
            return;
        }
        let spend = Spend {
            at: jiff::Timestamp::now(),
            run: Some(caller.run),
            agent: caller.agent.as_ref().map(|agent| agent.name()),
            project: Some(caller.project.clone()),
            plan: Arc::clone(&self.journal.row().plan),
            step: Arc::clone(&step.0),
            attempt,
            skill: Arc::clone(&counted.skill),
            usage,
            models,
        };
        self.journal.note(&spend);
    }

    /// Lets go of a call.
    fn give_up(&mut self, step: StepPath, attempt: u32) {
        if let Some(call) = self.in_flight.remove(&(step.clone(), attempt)) {
            call.task.abort();
            self.given_up.push((step, attempt, call.counted));
        }
    }

    /// Books what given-up calls used whose tasks are gone.
    fn book_given_up(&mut self) {
        if self.given_up.is_empty() {
            return;
        }
        let (gone, left) = std::mem::take(&mut self.given_up)
            .into_iter()
            .partition(|(_, _, counted)| counted.meter.is_alone());
        self.given_up = left;
        let gone: Vec<(StepPath, u32, Counted)> = gone;
        for (step, attempt, counted) in gone {
            let usage = model::usage(&counted.meter.calls());
            self.book(&step, attempt, &counted, usage);
        }
    }

    /// The driver lets go of the run: nothing goes on any more, and all that was used is booked.
    async fn close(&mut self) -> Result<(), JournalError> {
        self.tasks.shutdown().await;
        let places: Vec<_> = self.in_flight.keys().cloned().collect();
        for (step, attempt) in places {
            self.give_up(step, attempt);
        }
        self.book_given_up();
        self.journal.flush().await
    }

    fn apply(&mut self, kind: EventKind, (at, actor): (jiff::Timestamp, &Arc<str>), taken: &mut Taken) {
        let actor = match &kind {
            EventKind::Started { .. }
            | EventKind::Reusable { .. }
            | EventKind::CancelRequested { .. }
            | EventKind::Resolved { .. }
            | EventKind::Decided { .. }
            | EventKind::Answered { .. }
            | EventKind::Signalled { .. }
            | EventKind::Resumed => Arc::clone(actor),
            EventKind::AttemptStarted { .. }
            | EventKind::AttemptSucceeded { .. }
            | EventKind::AttemptFailed { .. }
            | EventKind::TimerFired { .. } => Arc::clone(&self.engine),
        };
        let event = Event { at, actor, kind };
        match self.machine.apply(&event) {
            Ok(step) => {
                taken.commands.extend(step.commands);
                taken.notices.extend(step.notices);
                taken.batch.push(event);
            }
            // A late answer to a call that was aborted, a timer that fired as it was disarmed: not part of the run.
            Err(illegal) => tracing::debug!(run = %self.around.run, %illegal, "event dropped"),
        }
    }

    /// A call that is only waiting to be made is not waited for where its part of the run stops.
    fn drop_unmade(&mut self, at: (jiff::Timestamp, &Arc<str>), taken: &mut Taken) {
        let waiting = self.in_flight.iter().filter(|(_, call)| call.preparing).map(|(place, _)| place);
        let stopped: Vec<_> = waiting.filter(|(step, _)| self.machine.is_draining(step)).cloned().collect();
        for (step, attempt) in stopped {
            self.give_up(step.clone(), attempt);
            let error = Failure::new("cancelled", "it was not called any more");
            let kind = EventKind::AttemptFailed { step, attempt, error, usage: Usage::default() };
            self.apply(kind, at, taken);
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            // A paused run makes no call; resuming asks for it again.
            Command::Invoke(_) if self.paused => {}
            Command::Invoke(invoke) => self.invoke(invoke),
            Command::WakeAt { timer, at } => {
                self.disarm(&timer);
                self.armed.insert(Arc::clone(&timer), at);
                self.timers.insert((at, timer), ());
            }
            Command::Disarm { timer } => self.disarm(&timer),
            Command::Abort { step, attempt } => self.give_up(step, attempt),
            Command::Finish(outcome) => self.outcome = Some(outcome),
        }
    }

    fn disarm(&mut self, timer: &TimerId) {
        if let Some(at) = self.armed.remove(timer) {
            self.timers.remove(&(at, Arc::clone(timer)));
        }
    }

    fn invoke(&mut self, invoke: Box<Invoke>) {
        if !self.around.caller.prepares(&invoke) {
            return self.make(invoke, None);
        }
        let (step, attempt) = (invoke.step.clone(), invoke.attempt);
        let caller = Arc::clone(&self.around.caller);
        let counted = Counted { skill: Arc::clone(&invoke.skill), meter: Meter::default(), outward: false };
        self.spawn(step.clone(), attempt, (false, true), counted, async move {
            match caught(caller.prepare(&invoke)).await {
                Ok(Ready::Call(place)) => Word::Ready(invoke, place),
                Ok(Ready::Done(done)) => Word::Event(succeeded(step, attempt, done)),
                Err(error) => Word::Event(failed(step, attempt, error)),
            }
        });
    }

    fn make(&mut self, invoke: Box<Invoke>, place: Option<Place>) {
        let (step, attempt) = (invoke.step.clone(), invoke.attempt);
        let effect = !matches!(invoke.effect, EffectKind::Pure | EffectKind::Reads);
        let caller = Arc::clone(&self.around.caller);
        let brief = is_brief(&invoke);
        let span = trace::call(&self.around.run, &invoke);
        let outward = invoke.effect != EffectKind::Pure;
        let counted = Counted { skill: Arc::clone(&invoke.skill), meter: Meter::default(), outward };
        let mut call = Box::pin(made(caller, invoke, counted.meter.clone(), span));
        // What is done at once needs no task: handing it to another thread and back costs more than it does.
        if brief && let Some(event) = call.as_mut().now_or_never() {
            self.in_flight.remove(&(step, attempt));
            self.done.push_back(event);
            return;
        }
        self.spawn(step, attempt, (effect, false), counted, async move {
            let event = call.await;
            // Others need not wait until this one is on record.
            drop(place);
            Word::Event(event)
        });
    }

    fn spawn(
        &mut self,
        step: StepPath,
        attempt: u32,
        (effect, preparing): (bool, bool),
        counted: Counted,
        work: impl Future<Output = Word> + Send + 'static,
    ) {
        let answer = self.answer.clone();
        let task = self.tasks.spawn(async move {
            let word = work.await;
            let _ = answer.send(word).await;
        });
        self.in_flight.insert((step, attempt), InFlight { task, effect, preparing, counted });
    }
}

/// Whether a call only computes, over little.
fn is_brief(invoke: &Invoke) -> bool {
    invoke.effect == EffectKind::Pure
        && invoke.args.values().map(Value::size_estimate).sum::<usize>() <= BRIEF
}

/// `attempt_started` for calls that must not be repeated unasked.
fn intents<'i>(invokes: impl Iterator<Item = &'i Invoke>) -> Vec<EventKind> {
    let intended = invokes.filter(|invoke| invoke.intent);
    intended
        .map(|invoke| EventKind::AttemptStarted { step: invoke.step.clone(), attempt: invoke.attempt })
        .collect()
}

fn succeeded(step: StepPath, attempt: u32, done: Done) -> EventKind {
    let Done { value, usage, reused } = done;
    EventKind::AttemptSucceeded { step, attempt, value, usage, reused }
}

fn failed(step: StepPath, attempt: u32, error: Failure) -> EventKind {
    EventKind::AttemptFailed { step, attempt, error, usage: Usage::default() }
}

/// Makes a call and says how it ended.
async fn made(caller: Arc<Caller>, invoke: Box<Invoke>, meter: Meter, span: tracing::Span) -> EventKind {
    let (step, attempt) = (invoke.step.clone(), invoke.attempt);
    // A skill that panics must not leave its step waiting for ever.
    let call = caller.call(invoke, meter.clone()).instrument(span.clone());
    let result = caught(call).await;
    trace::called(&span, result.as_ref().map(|out| out.usage));
    match result {
        Ok(done) => succeeded(step, attempt, done),
        // What failed was paid for all the same.
        Err(error) => EventKind::AttemptFailed { step, attempt, error, usage: model::usage(&meter.calls()) },
    }
}

/// A panic is a failure.
fn caught<T>(work: impl Future<Output = Result<T, Failure>>) -> impl Future<Output = Result<T, Failure>> {
    AssertUnwindSafe(work).catch_unwind().map(|ended| {
        ended.unwrap_or_else(|panic| {
            let why = panic_text(panic.as_ref());
            Err(Failure::new("internal", format!("the skill's implementation stopped unexpectedly: {why}")))
        })
    })
}

/// What happens next.
enum Next {
    Control(Control),
    Events(Vec<EventKind>),
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given")
}

async fn sleep_until(due: Option<jiff::Timestamp>) {
    let Some(due) = due else { return std::future::pending().await };
    let wait = due.duration_since(jiff::Timestamp::now());
    if wait.is_positive() {
        // Long sleeps are cut, so that a clock that is set does not matter for more than a minute.
        tokio::time::sleep(wait.unsigned_abs().min(Duration::from_secs(60))).await;
    }
}
