//! Waiting for people and signals: approvals, questions, and what they say.

use super::ask::{Ask, AskKind, Asking, Decision, Stage, digest};
use super::command::{Asked, NoticeKind, StepStatus};
use super::event::{Event, EventKind, Failure, StepPath};
use super::machine::{IllegalEvent, Machine};
use super::scope::{Around, NoValue};
use super::start::{after, duration, int, step_of};
use super::state::{Loc, Phase, TimerKind};
use crate::check::hir::{Approve, ApproveElse, Call, Target};
use crate::dag::{Action, NodeKind, StepNode};
use crate::expr::ExprKind;
use crate::types::Type;
use crate::types::conform::conform;
use crate::value::{Map, Value};
use jiff::Timestamp;
use std::sync::Arc;

/// Signals of one run that nobody has waited for yet.
const MOST_SIGNALS: usize = 10_000;

impl Machine {
    /// What people and the world outside are asked for now, by step path.
    #[must_use]
    pub fn asks(&self) -> Vec<Ask> {
        self.first_asks(usize::MAX)
    }

    pub(super) fn first_asks(&self, most: usize) -> Vec<Ask> {
        let asks = self.asks.iter();
        let asks = asks.filter_map(|(path, loc)| Some(self.asking(*loc)?.public(StepPath(path.clone()))));
        let doubts = self.doubts.iter().filter_map(|(path, loc)| self.doubt(path, *loc));
        doubts.chain(asks).take(most).collect()
    }

    /// What a step asks for.
    #[must_use]
    pub fn ask_of(&self, step: &StepPath) -> Option<Ask> {
        if let Some(loc) = self.doubts.get(&step.0) {
            return self.doubt(&step.0, *loc);
        }
        self.asking(*self.asks.get(&step.0)?).map(|a| a.public(step.clone()))
    }

    /// The type of the value that a step asks for.
    #[must_use]
    pub fn asked_type(&self, step: &StepPath) -> Option<&Type> {
        self.asking(*self.asks.get(&step.0)?)?.ty.as_ref()
    }

    /// The types that the steps take which wait for a signal by a name in the text; `None`: none of them can be told apart, for a
    /// name is computed.
    #[must_use]
    pub fn signal_types(&self) -> Option<Vec<(Arc<str>, Type)>> {
        let mut types = Vec::new();
        for plan in self.dag.plans() {
            let mut todo = vec![plan.body];
            while let Some(body) = todo.pop().and_then(|b| self.dag.body(b)) {
                for node in &body.nodes {
                    let NodeKind::Step(step) = &node.kind else { continue };
                    todo.extend(step.action.bodies());
                    let Action::Call(call) = &step.action else { continue };
                    if !matches!(&call.target, Target::Skill(name) if &**name == "signal.wait") {
                        continue;
                    }
                    let name = call.args.iter().find(|a| &*a.name == "name").map(|a| &*a.value.kind);
                    let Some(ExprKind::Literal(Value::String(name))) = name else { return None };
                    types.push((name.clone(), call.output.clone()));
                }
            }
        }
        Some(types)
    }

    pub(super) fn asking(&self, loc: Loc) -> Option<&Asking> {
        self.active(loc)?.asking.as_deref()
    }

    /// Whether what people say can be taken in.
    pub(super) fn check_people(&self, event: &Event) -> Result<(), IllegalEvent> {
        let none = |step: &StepPath| IllegalEvent(format!("the step `{step}` asks for nothing"));
        match &event.kind {
            EventKind::Decided { step, digest, approved, .. } => {
                let ask =
                    self.asks.get(&step.0).and_then(|loc| self.asking(*loc)).ok_or_else(|| none(step))?;
                if ask.digest != *digest {
                    return Err(IllegalEvent(format!(
                        "what `{step}` asks for has changed since it was shown"
                    )));
                }
                if ask.kind == AskKind::Signal || (*approved && ask.kind == AskKind::Input) {
                    return Err(IllegalEvent(format!("the step `{step}` does not ask for yes or no")));
                }
                if *approved && ask.approvals.contains(&event.actor) {
                    return Err(IllegalEvent(format!("`{}` has approved `{step}` already", event.actor)));
                }
            }
            EventKind::Answered { step, value, .. } => {
                let ask =
                    self.asks.get(&step.0).and_then(|loc| self.asking(*loc)).ok_or_else(|| none(step))?;
                let Some(ty) = ask.ty.as_ref().filter(|_| ask.kind == AskKind::Input) else {
                    return Err(IllegalEvent(format!("the step `{step}` does not ask for a value")));
                };
                conform(value.clone(), ty)
                    .map_err(|m| IllegalEvent(format!("the answer does not fit `{ty}`: {m}")))?;
            }
            EventKind::Signalled { name, value, .. } => {
                if self.outcome.is_some() {
                    return Err(IllegalEvent("the run has ended".into()));
                }
                if let Some(ty) = self.signal_waiter(name).and_then(|loc| self.asking(loc)?.ty.as_ref()) {
                    conform(value.clone(), ty)
                        .map_err(|m| IllegalEvent(format!("the value does not fit `{ty}`: {m}")))?;
                } else if self.signals.len() >= MOST_SIGNALS {
                    return Err(IllegalEvent(format!("{MOST_SIGNALS} signals are waiting already")));
                }
            }
            EventKind::Started { .. }
            | EventKind::Reusable { .. }
            | EventKind::AttemptStarted { .. }
            | EventKind::AttemptSucceeded { .. }
            | EventKind::AttemptFailed { .. }
            | EventKind::TimerFired { .. }
            | EventKind::CancelRequested { .. }
            | EventKind::Resolved { .. }
            | EventKind::Resumed => {}
        }
        Ok(())
    }

    // Asking

    /// Starts what the step calls now: asks people first, or puts it in line for a slot.
    pub(super) fn begin_call(&mut self, loc: Loc, step: &StepNode) {
        let Some((call, error)) = self.current_call(loc, step) else { return };
        // A fallback stands for itself: the checker takes no approval for it.
        if let Some(approve) = &step.approve
            && error.is_none()
            && !self.is_approved(loc, call, approve)
        {
            return;
        }
        match &call.target {
            // A plan takes no slot; its steps do.
            Target::Plan(_) => self.start_plan(loc, step, call, error),
            // Who waits for people keeps nobody from working.
            Target::Skill(name) if asks(name) => self.start_attempt(loc),
            Target::Skill(_) => self.enqueue(loc),
        }
    }

    /// Whether these very arguments are approved; asks where they are not.
    fn is_approved(&mut self, loc: Loc, call: &Call, approve: &Approve) -> bool {
        let now = self.active(loc).map_or(self.now, |a| a.now);
        let asking = self.args(loc.frame, &call.args, Around::at(now)).and_then(|args| {
            let (Target::Skill(name) | Target::Plan(name)) = &call.target;
            let args = Value::map(args);
            let digest = digest(name, args.clone());
            if self.active(loc).is_some_and(|a| a.approved.as_ref() == Some(&digest)) {
                return Ok(None);
            }
            let question: Arc<str> = self.message(loc.frame, &approve.question, Around::at(now)).into();
            let asking = Asking::new(AskKind::Approval, question, digest, self.now);
            let (stages, quorum) = self.stages(loc, approve, now)?;
            Ok(Some(Asking { shown: Some(args), callee: Some(name.clone()), stages, quorum, ..asking }))
        });
        match asking {
            Ok(None) => return true,
            Ok(Some(asking)) => self.ask(loc, asking),
            Err(no) => self.no_value(loc, no),
        }
        false
    }

    fn stages(&self, loc: Loc, approve: &Approve, now: Timestamp) -> Result<(Vec<Stage>, u32), NoValue> {
        let around = Around::at(now);
        let mut stages = Vec::with_capacity(approve.stages.len().max(1));
        for stage in &approve.stages {
            let within = match &stage.within {
                Some(expr) => Some(duration(self.eval(loc.frame, expr, around)?, expr)?),
                None => None,
            };
            stages.push(Stage { role: stage.role.clone(), within, timeout: false });
        }
        if stages.is_empty() {
            stages.push(Stage::default());
        }
        let quorum = match &approve.quorum {
            Some(expr) => {
                int(self.eval(loc.frame, expr, around)?, expr)?.clamp(1, i64::from(u32::MAX)) as u32
            }
            None => 1,
        };
        Ok((stages, quorum))
    }

    fn ask(&mut self, loc: Loc, asking: Asking) {
        let path = self.path(loc);
        if let Some(active) = self.active_mut(loc) {
            active.phase = Phase::Asking;
            active.asking = Some(Box::new(asking));
        }
        if let Some(row) = self.row_mut(loc) {
            row.status = StepStatus::Waiting;
        }
        self.asks.insert(path, loc);
        self.ask_stage(loc, 0);
    }

    /// Asks the people of a stage.
    fn ask_stage(&mut self, loc: Loc, stage: usize) {
        let now = self.now;
        let Some(asking) = self.active_mut(loc).and_then(|a| a.asking.as_deref_mut()) else { return };
        asking.stage = stage;
        asking.until = asking.stages.get(stage).and_then(|s| s.within).map(|wait| after(now, wait));
        if let Some(until) = asking.until {
            self.arm(TimerKind::Ask, loc, until);
        }
        self.tell_ask(loc);
    }

    fn tell_ask(&mut self, loc: Loc) {
        let step = StepPath(self.path(loc));
        if let Some(ask) = self.asking(loc).map(|a| a.public(step)) {
            let kind =
                NoticeKind::Waiting { what: ask.what().into(), until: ask.until, ask: Some(Box::new(ask)) };
            self.notice(loc, kind);
        }
    }

    /// Says again what is asked for: those who watch are new.
    pub(super) fn ask_again(&mut self) {
        for loc in self.asks.values().copied().collect::<Vec<_>>() {
            self.tell_ask(loc);
        }
    }

    /// Takes a question back.
    pub(super) fn unask(&mut self, loc: Loc) {
        self.disarm(TimerKind::Ask, loc);
        let path = self.path(loc);
        self.asks.remove(&path);
        if let Some(active) = self.active_mut(loc) {
            active.asking = None;
        }
    }

    /// The time of a stage is over.
    pub(super) fn ask_expired(&mut self, loc: Loc) {
        let Some(asking) = self.asking(loc) else { return };
        let next = asking.stage + 1;
        if next < asking.stages.len() {
            return self.ask_stage(loc, next);
        }
        let timeout = asking.stages.last().is_some_and(|s| s.timeout);
        let waited = self.now.duration_since(asking.asked_at);
        let (kind, what) = match (timeout, asking.kind) {
            (true, _) => ("timeout", "nobody answered"),
            (false, AskKind::Signal) => ("expired", "no signal came"),
            (false, AskKind::Approval | AskKind::Review | AskKind::Input | AskKind::Doubt) => {
                ("expired", "nobody answered")
            }
        };
        self.refused(loc, Failure::new(kind, format!("{what} within {waited:#}")));
    }

    // Answers

    /// A person, or the world outside, has spoken. It was checked before.
    pub(super) fn heard(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Decided { step, approved, comment, .. } => {
                if let Some(loc) = self.asks.get(&step.0).copied() {
                    let (by, comment) = (event.actor.clone(), comment.clone());
                    self.decided(loc, Decision { by, at: self.now, approved: *approved, comment });
                }
            }
            EventKind::Answered { step, value, .. } => {
                if let Some(loc) = self.asks.get(&step.0).copied() {
                    let by = event.actor.clone();
                    self.note(loc, Decision { by, at: self.now, approved: true, comment: None });
                    self.given(loc, value.clone());
                }
            }
            EventKind::Signalled { name, value, .. } => match self.signal_waiter(name) {
                Some(loc) => self.given(loc, value.clone()),
                None => self.signals.push((name.clone(), value.clone())),
            },
            EventKind::Started { .. }
            | EventKind::Reusable { .. }
            | EventKind::AttemptStarted { .. }
            | EventKind::AttemptSucceeded { .. }
            | EventKind::AttemptFailed { .. }
            | EventKind::TimerFired { .. }
            | EventKind::CancelRequested { .. }
            | EventKind::Resolved { .. }
            | EventKind::Resumed => {}
        }
    }

    fn note(&mut self, loc: Loc, decision: Decision) {
        if let Some(row) = self.row_mut(loc) {
            row.extra().decisions.push(decision);
        }
    }

    fn decided(&mut self, loc: Loc, decision: Decision) {
        self.note(loc, decision.clone());
        let Some(asking) = self.active_mut(loc).and_then(|a| a.asking.as_deref_mut()) else { return };
        if !decision.approved {
            let why = decision.comment.map_or_else(String::new, |c| format!(": {c}"));
            return self.refused(loc, Failure::new("denied", format!("{} denied it{why}", decision.by)));
        }
        asking.approvals.push(decision.by);
        if (asking.approvals.len() as u64) < u64::from(asking.quorum) {
            return self.tell_ask(loc);
        }
        let (kind, digest, shown) = (asking.kind, asking.digest.clone(), asking.shown.clone());
        match kind {
            AskKind::Approval => {
                self.unask(loc);
                if let Some(active) = self.active_mut(loc) {
                    active.approved = Some(digest);
                    active.phase = Phase::Queued;
                }
                let dag = self.dag.clone();
                if let Some(step) = step_of(&dag, self.body_id(loc.frame), loc.node) {
                    self.begin_call(loc, step);
                }
            }
            AskKind::Review => self.given(loc, shown.unwrap_or(Value::Null)),
            AskKind::Input | AskKind::Signal | AskKind::Doubt => {}
        }
    }

    /// The value that was asked for is there.
    fn given(&mut self, loc: Loc, value: Value) {
        let Some(asking) = self.asking(loc) else { return };
        let fitted = match &asking.ty {
            Some(ty) => conform(value, ty).map_err(|m| m.to_string()),
            None => Ok(value),
        };
        self.unask(loc);
        match fitted {
            Ok(value) => self.succeed(loc, value),
            Err(why) => {
                let text = format!("the value does not fit its type: {why}");
                self.fail_here(loc, Failure::new("invalid_output", text));
            }
        }
    }

    /// Nobody said yes.
    fn refused(&mut self, loc: Loc, failure: Failure) {
        let asked = self.asking(loc).map(|a| a.kind);
        self.unask(loc);
        let dag = self.dag.clone();
        let Some(step) = step_of(&dag, self.body_id(loc.frame), loc.node) else { return };
        let approve = step.approve.as_ref().filter(|_| asked == Some(AskKind::Approval));
        match approve.map(|a| &a.otherwise) {
            None | Some(ApproveElse::Throw) => self.fail_here(loc, failure),
            Some(ApproveElse::Continue) => {
                let failure = self.placed(loc, failure);
                self.set_error(loc, &failure);
                self.end(loc, StepStatus::Failed, None, true);
            }
            Some(ApproveElse::Fail(message)) => {
                let now = self.active(loc).map_or(self.now, |a| a.now);
                let text = self.message(loc.frame, message, Around::at(now));
                let failure = self.placed(loc, Failure::new("failed", text));
                self.set_error(loc, &failure);
                self.abort_step(loc, Box::new(failure), loc);
            }
        }
    }

    // The skills of the engine that wait

    /// `human.ask`, `human.review`, `signal.wait`.
    pub(super) fn ask_outside(&mut self, loc: Loc, step: &StepNode, call: &Call, skill: &str, args: Map) {
        if let Some(row) = self.row_mut(loc) {
            row.attempts += 1;
        }
        self.started(loc);
        let asked = Asked {
            step: StepPath(self.path(loc)),
            skill: skill.into(),
            args: args.clone(),
            type_args: call.type_args.clone(),
            notices: self.out.notices.len(),
        };
        self.out.asked.push(asked);
        let text = |name: &str| args.get(name).and_then(Value::as_str).map(Arc::<str>::from);
        let within = match args.get("within") {
            Some(Value::Duration(wait)) => Some(*wait),
            _ => None,
        };
        let now = self.active(loc).map_or(self.now, |a| a.now);
        let timeout = step
            .timeout
            .as_ref()
            .map(|e| self.eval(loc.frame, e, Around::at(now)).and_then(|value| duration(value, e)));
        let timeout = match timeout.transpose() {
            Ok(timeout) => timeout,
            Err(no) => return self.no_value(loc, no),
        };
        let first = timeout.is_some_and(|t| within.is_none_or(|w| t < w));
        let stage = Stage { role: text("by"), within: if first { timeout } else { within }, timeout: first };
        let ty = Some(call.output.clone());
        let asked = self.now;
        let asking = match skill {
            "signal.wait" => {
                let name = text("name").unwrap_or_default();
                if let Some(early) = self.signals.iter().position(|(n, _)| *n == name) {
                    let (_, value) = self.signals.remove(early);
                    return match conform(value, &call.output) {
                        Ok(value) => self.succeed(loc, value),
                        Err(m) => {
                            let text = format!("the signal `{name}` does not fit its type: {m}");
                            self.fail_here(loc, Failure::new("invalid_output", text));
                        }
                    };
                }
                Asking { ty, ..Asking::new(AskKind::Signal, name, "".into(), asked) }
            }
            "human.review" => {
                let value = args.get("value").cloned().unwrap_or(Value::Null);
                let question = text("question").unwrap_or_default();
                let digest = digest(skill, value.clone());
                Asking { ty, shown: Some(value), ..Asking::new(AskKind::Review, question, digest, asked) }
            }
            _ => {
                let question = text("question").unwrap_or_default();
                let digest = digest(skill, Value::String(question.clone()));
                Asking { ty, ..Asking::new(AskKind::Input, question, digest, asked) }
            }
        };
        self.ask(loc, Asking { stages: vec![stage], ..asking });
    }

    /// The step that gets a signal of this name: the first in the text.
    fn signal_waiter(&self, name: &str) -> Option<Loc> {
        let fits = |loc: &&Loc| {
            self.asking(**loc).is_some_and(|a| a.kind == AskKind::Signal && &*a.question == name)
        };
        self.asks.values().filter(fits).min().copied()
    }
}

/// Whether a skill waits for people or a signal: the engine itself does what it does.
pub(super) fn asks(skill: &str) -> bool {
    matches!(skill, "human.ask" | "human.review" | "signal.wait")
}
