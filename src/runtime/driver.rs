//! The embedded driver of one run: events into the machine, its commands out into the world.
//!
//! Apply, append, act: an event is applied first, so an illegal one never reaches the disk; then all that came in meanwhile is
//! appended with one sync; only then are the commands obeyed.

use super::journal::{JournalError, RunJournal};
use super::skill::schema::{Schemas, SkillSchema};
use super::skill::{SkillCall, SkillOutput, Skills};
use crate::engine::{
    Command, Event, EventKind, Failure, Invoke, Machine, Notice, Outcome, RunStatus, StepPath, TimerId, Usage,
};
use crate::syntax::ast::EffectKind;
use crate::value::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

/// Events taken in before they are appended together.
const BATCH: usize = 1024;

/// What a run is told from outside.
#[derive(Clone, Debug)]
pub enum Control {
    /// Ctrl-C: start nothing more, wait for effects in flight, end as interrupted.
    Pause,
    /// Unwind and end as cancelled.
    Cancel { actor: Arc<str>, reason: Option<Arc<str>> },
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
    pub skills: Arc<Skills>,
    /// Of skills whose signatures were imported.
    pub schemas: Schemas,
    /// Who started it.
    pub actor: Arc<str>,
    pub tenant: Arc<str>,
    pub run: Arc<str>,
    pub control: mpsc::Receiver<Control>,
    /// Where notices go; a closed channel is no error.
    pub updates: mpsc::UnboundedSender<Update>,
}

struct InFlight {
    task: AbortHandle,
    /// Awaited when the run is paused; others are dropped.
    effect: bool,
}

/// Drives one run until it ends or is paused.
pub struct Driver {
    machine: Machine,
    journal: RunJournal,
    around: Surroundings,
    answers: mpsc::Receiver<EventKind>,
    answer: mpsc::Sender<EventKind>,
    tasks: JoinSet<()>,
    in_flight: HashMap<(StepPath, u32), InFlight>,
    timers: BTreeMap<(jiff::Timestamp, TimerId), ()>,
    armed: HashMap<TimerId, jiff::Timestamp>,
    paused: bool,
    outcome: Option<Outcome>,
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
            tasks: JoinSet::new(),
            in_flight: HashMap::new(),
            timers: BTreeMap::new(),
            armed: HashMap::new(),
            paused: false,
            outcome: None,
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
                self.tasks.shutdown().await;
                let _ = self.around.updates.send(Update::Finished);
                return Ok((self.machine, status));
            }
            if self.paused && self.in_flight.is_empty() {
                self.journal.set_status(RunStatus::Interrupted, &self.machine).await?;
                let _ = self.around.updates.send(Update::Finished);
                return Ok((self.machine, RunStatus::Interrupted));
            }
            let events = self.next_events().await;
            self.take_in(events).await?;
        }
    }

    /// Waits for something to happen, then takes all that has happened.
    async fn next_events(&mut self) -> Vec<EventKind> {
        let due = self.timers.keys().next().map(|(at, _)| *at);
        let paused = self.paused;
        let mut events = Vec::new();
        tokio::select! {
            biased;
            Some(control) = self.around.control.recv() => self.control(control, &mut events),
            Some(event) = self.answers.recv() => events.push(event),
            () = sleep_until(due), if due.is_some() && !paused => {}
        }
        while events.len() < BATCH {
            match self.answers.try_recv() {
                Ok(event) => events.push(event),
                Err(_) => break,
            }
        }
        if !self.paused {
            self.fire_timers(&mut events);
        }
        while self.tasks.try_join_next().is_some() {}
        events
    }

    fn control(&mut self, control: Control, events: &mut Vec<EventKind>) {
        match control {
            Control::Pause => {
                self.paused = true;
                self.in_flight.retain(|_, call| {
                    if !call.effect {
                        call.task.abort();
                    }
                    call.effect
                });
            }
            Control::Cancel { reason, .. } => events.push(EventKind::CancelRequested { reason }),
        }
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

    /// Applies, appends, acts.
    async fn take_in(&mut self, kinds: Vec<EventKind>) -> Result<(), JournalError> {
        let now = jiff::Timestamp::now();
        let mut batch = Vec::with_capacity(kinds.len());
        let mut commands = Vec::new();
        let mut notices = Vec::new();
        for kind in kinds {
            self.settle(&kind);
            self.apply(kind, now, &mut batch, &mut commands, &mut notices);
        }
        if !self.paused {
            self.record_intents(now, &mut batch, &mut commands, &mut notices);
        }
        let outcome = commands.iter().find_map(|c| if let Command::Finish(o) = c { Some(o) } else { None });
        if !batch.is_empty() {
            self.journal.append(&batch, outcome, &self.machine).await?;
        }
        for notice in notices {
            let _ = self.around.updates.send(Update::Notice(notice));
        }
        for command in commands {
            self.obey(command);
        }
        Ok(())
    }

    fn settle(&mut self, kind: &EventKind) {
        if let EventKind::AttemptSucceeded { step, attempt, .. }
        | EventKind::AttemptFailed { step, attempt, .. } = kind
        {
            self.in_flight.remove(&(step.clone(), *attempt));
        }
    }

    fn apply(
        &mut self,
        kind: EventKind,
        at: jiff::Timestamp,
        batch: &mut Vec<Event>,
        commands: &mut Vec<Command>,
        notices: &mut Vec<Notice>,
    ) {
        let actor = match &kind {
            EventKind::Started { .. } | EventKind::CancelRequested { .. } | EventKind::Resumed => {
                Arc::clone(&self.around.actor)
            }
            EventKind::AttemptStarted { .. }
            | EventKind::AttemptSucceeded { .. }
            | EventKind::AttemptFailed { .. }
            | EventKind::TimerFired { .. } => Arc::from("engine"),
        };
        let event = Event { at, actor, kind };
        match self.machine.apply(&event) {
            Ok(step) => {
                commands.extend(step.commands);
                notices.extend(step.notices);
                batch.push(event);
            }
            // A late answer to a call that was aborted, a timer that fired as it was disarmed: not part of the run.
            Err(illegal) => tracing::debug!(run = %self.around.run, %illegal, "event dropped"),
        }
    }

    /// Writes `attempt_started` for calls that must not be repeated unasked, in the batch that asks for them.
    fn record_intents(
        &mut self,
        now: jiff::Timestamp,
        batch: &mut Vec<Event>,
        commands: &mut Vec<Command>,
        notices: &mut Vec<Notice>,
    ) {
        let intents: Vec<EventKind> = commands
            .iter()
            .filter_map(|command| match command {
                Command::Invoke(invoke) if invoke.intent => {
                    Some(EventKind::AttemptStarted { step: invoke.step.clone(), attempt: invoke.attempt })
                }
                _ => None,
            })
            .collect();
        for kind in intents {
            self.apply(kind, now, batch, commands, notices);
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            // A paused run makes no call; resuming asks for it again.
            Command::Invoke(_) if self.paused => {}
            Command::Invoke(invoke) => self.invoke(*invoke),
            Command::WakeAt { timer, at } => {
                self.disarm(&timer);
                self.armed.insert(Arc::clone(&timer), at);
                self.timers.insert((at, timer), ());
            }
            Command::Disarm { timer } => self.disarm(&timer),
            Command::Abort { step, attempt } => {
                if let Some(call) = self.in_flight.remove(&(step, attempt)) {
                    call.task.abort();
                }
            }
            Command::Finish(outcome) => self.outcome = Some(outcome),
        }
    }

    fn disarm(&mut self, timer: &TimerId) {
        if let Some(at) = self.armed.remove(timer) {
            self.timers.remove(&(at, Arc::clone(timer)));
        }
    }

    fn invoke(&mut self, invoke: Invoke) {
        let key = (invoke.step.clone(), invoke.attempt);
        let effect = !matches!(invoke.effect, EffectKind::Pure | EffectKind::Reads);
        let answer = self.answer.clone();
        let skills = Arc::clone(&self.around.skills);
        let schema = self.around.schemas.get(&invoke.skill);
        let around =
            (Arc::clone(&self.around.run), Arc::clone(&self.around.tenant), Arc::clone(&self.around.actor));
        let task = self.tasks.spawn(async move {
            let (step, attempt) = (invoke.step.clone(), invoke.attempt);
            // A skill that panics must not leave its step waiting for ever.
            let call = tokio::spawn(call_skill(skills, invoke, schema, around));
            let _cancel = AbortOnDrop(call.abort_handle());
            let result = call.await.unwrap_or_else(|e| {
                Err(Failure::new("internal", format!("the skill's implementation stopped unexpectedly: {e}")))
            });
            let event = match result {
                Ok(out) => EventKind::AttemptSucceeded { step, attempt, value: out.value, usage: out.usage },
                Err(error) => EventKind::AttemptFailed { step, attempt, error, usage: Usage::default() },
            };
            let _ = answer.send(event).await;
        });
        self.in_flight.insert(key, InFlight { task, effect });
    }
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn call_skill(
    skills: Arc<Skills>,
    invoke: Invoke,
    schema: Option<Arc<SkillSchema>>,
    (run, tenant, actor): (Arc<str>, Arc<str>, Arc<str>),
) -> Result<SkillOutput, Failure> {
    let timeout = Duration::from_millis(u64::try_from(invoke.timeout_ms).unwrap_or(0));
    let name = Arc::clone(&invoke.skill);
    let output = invoke.output.clone();
    let call = SkillCall {
        name: invoke.skill,
        args: invoke.args,
        output: invoke.output,
        type_args: invoke.type_args,
        idempotency_key: invoke.idempotency_key,
        run,
        step: invoke.step.0,
        attempt: invoke.attempt,
        timeout,
        tenant,
        actor,
        schema,
    };
    let blame = |mut failure: Failure| {
        failure.skill.get_or_insert_with(|| Arc::clone(&name));
        failure
    };
    let answer = tokio::time::timeout(timeout, skills.call(call)).await;
    let mut out = match answer {
        Ok(answer) => answer.map_err(blame)?,
        Err(_) => {
            let waited = jiff::SignedDuration::try_from(timeout).unwrap_or_default();
            return Err(blame(Failure::new("timeout", format!("`{name}` gave no answer within {waited:#}"))));
        }
    };
    out.value = accept(std::mem::replace(&mut out.value, Value::Null), &output).map_err(blame)?;
    Ok(out)
}

fn accept(value: Value, ty: &crate::types::Type) -> Result<Value, Failure> {
    crate::types::conform::conform(value, ty).map_err(|mismatch| {
        Failure::new("invalid_output", format!("the result does not fit its type: {mismatch}"))
    })
}

async fn sleep_until(due: Option<jiff::Timestamp>) {
    let Some(due) = due else { return std::future::pending().await };
    let wait = due.duration_since(jiff::Timestamp::now());
    if wait.is_positive() {
        // Long sleeps are cut, so that a clock that is set does not matter for more than a minute.
        tokio::time::sleep(wait.unsigned_abs().min(Duration::from_secs(60))).await;
    }
}
