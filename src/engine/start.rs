//! Starting statements: conditions, arguments, attempts, regions.

use super::ask::digest;
use super::command::{CallCache, CallKey, Command, Invoke, NoticeKind, StepStatus};
use super::event::{Failure, StepPath, Usage};
use super::machine::Machine;
use super::people::asks;
use super::scope::{Around, NoValue};
use super::state::{Active, FrameKey, Loc, Phase, Region, TimerKind};
use crate::check::hir::{Call, Reaction, Target, Tolerate};
use crate::dag::{Action, BodyId, Dag, ForNode, LoopNode, Node, NodeKind, SkillFacts, StepNode, is_sleep};
use crate::expr::{Expr, VarId};
use crate::value::{Map, Value, canonical_feed, equals, hex};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Of an attempt of a call that says nothing.
const DEFAULT_TIMEOUT_MS: i64 = 60_000;

pub(super) fn node(dag: &Dag, body: Option<BodyId>, index: u32) -> Option<&Node> {
    dag.body(body?)?.nodes.get(index as usize)
}

pub(super) fn step_of(dag: &Dag, body: Option<BodyId>, index: u32) -> Option<&StepNode> {
    match &node(dag, body, index)?.kind {
        NodeKind::Step(step) => Some(step),
        NodeKind::Let(_) | NodeKind::Require { .. } | NodeKind::Fail { .. } => None,
    }
}

/// The time after a while; the end of time where there is none.
pub(super) fn after(now: Timestamp, wait: SignedDuration) -> Timestamp {
    now.checked_add(wait).unwrap_or(if wait.is_negative() { now } else { Timestamp::MAX })
}

impl Machine {
    pub(super) fn body_id(&self, frame: u32) -> Option<BodyId> {
        self.frames.get(frame as usize).map(|f| f.body)
    }

    /// All that a statement waited for has ended.
    pub(super) fn ready(&mut self, loc: Loc) {
        let pending =
            self.row(loc).is_some_and(|r| r.status == StepStatus::Pending && !r.lazy && r.active.is_none());
        if self.is_stopping(loc.frame) || !pending {
            return;
        }
        let dag = self.dag.clone();
        let Some(node) = node(&dag, self.body_id(loc.frame), loc.node) else { return };
        match &node.kind {
            NodeKind::Let(_) => {
                if let Some(row) = self.row_mut(loc) {
                    row.lazy = true;
                }
                self.wake(loc);
            }
            NodeKind::Require { cond, kind, message } => {
                self.force(loc.frame, &node.lets);
                match self.eval(loc.frame, cond, Around::at(self.now)) {
                    Ok(Value::Bool(true)) => self.end(loc, StepStatus::Succeeded, None, true),
                    Ok(_) => self.fail_statement(loc, kind, message, cond),
                    Err(NoValue::Failed(failure)) => self.statement_failed(loc, failure),
                    Err(NoValue::Missing(step)) => {
                        let mut failure = Failure::new("expression", format!("`{step}` has no value"));
                        failure.span = Some(cond.span);
                        self.statement_failed(loc, Box::new(failure));
                    }
                }
            }
            NodeKind::Fail { kind, message } => {
                self.force(loc.frame, &node.lets);
                self.fail_statement(loc, kind, message, message);
            }
            NodeKind::Step(step) => self.ready_step(loc, node, step),
        }
    }

    fn fail_statement(&mut self, loc: Loc, kind: &str, message: &Expr, at: &Expr) {
        let mut failure = Failure::new(kind, self.message(loc.frame, message, Around::at(self.now)));
        failure.span = Some(at.span);
        self.statement_failed(loc, Box::new(failure));
    }

    /// A message; a missing step prints as null.
    pub(super) fn message(&self, frame: u32, message: &Expr, around: Around<'_>) -> String {
        match self.eval(frame, message, Around { null_missing: true, ..around }) {
            Ok(value) => value.scalar_text().unwrap_or_else(|| value.to_json().to_string()),
            Err(NoValue::Failed(failure)) => failure.message.to_string(),
            Err(NoValue::Missing(step)) => format!("`{step}` has no value"),
        }
    }

    fn ready_step(&mut self, loc: Loc, node: &Node, step: &StepNode) {
        self.force(loc.frame, &node.lets);
        let now = self.now;
        if let Some(row) = self.row_mut(loc) {
            row.active = Some(Box::new(Active::new(now)));
        }
        if let Some(live) = self.live_mut(loc.frame) {
            live.active += 1;
        }
        if let Some(when) = &step.when {
            match self.eval(loc.frame, when, Around::at(now)) {
                Ok(Value::Bool(true)) => {}
                Ok(_) => return self.skip(loc, if self.is_undo(loc) { "unless" } else { "when" }.into()),
                // `unless` says nothing about what has no value.
                Err(NoValue::Missing(_)) if self.is_undo(loc) => {}
                Err(no) => return self.no_value(loc, no),
            }
        }
        match &step.action {
            Action::Call(call) => {
                if !self.takes_over(loc, call) {
                    self.begin_call(loc, step);
                }
            }
            Action::Do(body) => {
                if self.begin_region(loc, step) {
                    self.open_child(loc, *body, FrameKey::Plain, Vec::new());
                }
            }
            Action::For(f) => self.start_for(loc, step, f),
            Action::If { arms, otherwise } => self.start_if(loc, step, arms, *otherwise),
            Action::Match { subject, arms } => self.start_match(loc, step, subject, arms),
            Action::Loop(l) => self.start_loop(loc, step, l),
            Action::Race(bodies) => {
                if self.begin_region(loc, step) {
                    for (index, body) in bodies.iter().enumerate() {
                        self.open_child(loc, *body, FrameKey::Index(index as u32), Vec::new());
                    }
                }
            }
        }
    }

    /// An expression of an active step has no value: it is skipped, or it failed.
    pub(super) fn no_value(&mut self, loc: Loc, no: NoValue) {
        match no {
            // What acted and cannot be undone is never passed over.
            NoValue::Missing(step) if self.is_undo(loc) => {
                self.fail_here(loc, Failure::new("expression", format!("`{step}` has no value")));
            }
            NoValue::Missing(step) => self.skip(loc, step),
            NoValue::Failed(failure) => self.fail_here(loc, *failure),
        }
    }

    /// The head of a region is evaluated: it runs from now on. Says whether it does.
    fn begin_region(&mut self, loc: Loc, step: &StepNode) -> bool {
        if let Err(no) = self.arm_deadline(loc, step) {
            self.no_value(loc, no);
            return false;
        }
        self.started(loc);
        if let Some(active) = self.active_mut(loc) {
            active.phase = Phase::Region;
        }
        true
    }

    pub(super) fn started(&mut self, loc: Loc) {
        let now = self.now;
        if let Some(row) = self.row_mut(loc) {
            row.status = StepStatus::Running;
            row.started_at.get_or_insert(now);
        }
        self.notice(loc, NoticeKind::Started);
    }

    fn arm_deadline(&mut self, loc: Loc, step: &StepNode) -> Result<(), NoValue> {
        let Some(expr) = &step.deadline else { return Ok(()) };
        let Some(active) = self.active(loc) else { return Ok(()) };
        if active.deadline.is_some() || active.held.is_some() || active.deadline_passed {
            return Ok(());
        }
        let wait = duration(self.eval(loc.frame, expr, Around::at(active.now))?, expr)?;
        let at = after(self.now, wait);
        if let Some(active) = self.active_mut(loc) {
            active.deadline = Some(at);
        }
        self.deadlines.insert(loc);
        self.arm(TimerKind::Deadline, loc, at);
        Ok(())
    }

    pub(super) fn open_child(&mut self, loc: Loc, body: BodyId, key: FrameKey, locals: Vec<(VarId, Value)>) {
        let Some(parent) = self.frames.get(loc.frame as usize) else { return };
        let (plan, base) = (parent.plan, parent.attempt_base);
        let frame = self.open(body, plan, Some(loc), key, locals, base);
        if let Some(active) = self.active_mut(loc) {
            active.children.insert(key.order(), frame);
        }
    }

    fn start_if(&mut self, loc: Loc, step: &StepNode, arms: &[(Expr, BodyId)], otherwise: Option<BodyId>) {
        let now = self.now;
        let mut taken = otherwise.map(|body| (arms.len(), body));
        for (index, (cond, body)) in arms.iter().enumerate() {
            match self.eval(loc.frame, cond, Around::at(now)) {
                Ok(Value::Bool(true)) => {
                    taken = Some((index, *body));
                    break;
                }
                Ok(_) => {}
                Err(no) => return self.no_value(loc, no),
            }
        }
        if !self.begin_region(loc, step) {
            return;
        }
        match taken {
            Some((index, body)) => self.open_child(loc, body, FrameKey::Arm(index as u32), Vec::new()),
            None => self.succeed(loc, Value::Null),
        }
    }

    fn start_match(&mut self, loc: Loc, step: &StepNode, subject: &Expr, arms: &[(Vec<Expr>, BodyId)]) {
        let around = Around::at(self.now);
        let value = match self.eval(loc.frame, subject, around) {
            Ok(value) => value,
            Err(no) => return self.no_value(loc, no),
        };
        let mut taken = None;
        for (index, (patterns, body)) in arms.iter().enumerate() {
            let mut fits = patterns.is_empty();
            for pattern in patterns {
                match self.eval(loc.frame, pattern, around) {
                    Ok(pattern) => fits |= equals(&value, &pattern).unwrap_or(false),
                    Err(no) => return self.no_value(loc, no),
                }
            }
            if fits {
                taken = Some((index, *body));
                break;
            }
        }
        let Some((index, body)) = taken else {
            let mut failure = Failure::new("expression", "no arm of the `match` fits");
            failure.span = Some(subject.span);
            return self.fail_here(loc, failure);
        };
        if self.begin_region(loc, step) {
            self.open_child(loc, body, FrameKey::Case(index as u32), Vec::new());
        }
    }

    fn start_for(&mut self, loc: Loc, step: &StepNode, f: &ForNode) {
        match self.for_head(loc, f) {
            Ok(region) => {
                if self.begin_region(loc, step) {
                    if let Some(active) = self.active_mut(loc) {
                        active.region = region;
                    }
                    self.advance(loc);
                }
            }
            Err(no) => self.no_value(loc, no),
        }
    }

    fn for_head(&self, loc: Loc, f: &ForNode) -> Result<Region, NoValue> {
        let around = Around::at(self.now);
        let count = |expr: &Option<Expr>| -> Result<Option<i64>, NoValue> {
            let Some(expr) = expr else { return Ok(None) };
            int(self.eval(loc.frame, expr, around)?, expr).map(Some)
        };
        let mut items = match self.eval(loc.frame, &f.list, around)? {
            Value::List(items) => items,
            other => return Err(wrong("a list", &other, &f.list)),
        };
        if let Some(max) = count(&f.max)?
            && items.len() as i64 > max
        {
            let mut failure =
                Failure::new("limit", format!("{} items, where at most {max} are allowed", items.len()));
            failure.span = Some(f.list.span);
            return Err(NoValue::Failed(Box::new(failure)));
        }
        if let Some(first) = count(&f.first)? {
            let first = usize::try_from(first.max(0)).unwrap_or(usize::MAX);
            if first < items.len() {
                items = Arc::new(items.iter().take(first).cloned().collect());
            }
        }
        let parallel = count(&f.parallel)?.unwrap_or(1).clamp(1, i64::from(u32::MAX)) as u32;
        let tolerate = match &f.tolerate {
            None => None,
            Some(Tolerate::Count(expr)) => {
                Some(int(self.eval(loc.frame, expr, around)?, expr)?.clamp(0, i64::from(u32::MAX)) as u32)
            }
            Some(Tolerate::Percent(percent)) => Some((items.len() as u64 * u64::from(*percent) / 100) as u32),
        };
        Ok(Region::For {
            results: vec![Value::Null; items.len()],
            items,
            next: 0,
            parallel,
            tolerate,
            failures: Vec::new(),
        })
    }

    fn start_loop(&mut self, loc: Loc, step: &StepNode, l: &LoopNode) {
        match self.loop_head(loc, l) {
            Ok(region) => {
                if self.begin_region(loc, step) {
                    if let Some(active) = self.active_mut(loc) {
                        active.region = region;
                    }
                    self.next_round(loc);
                }
            }
            Err(no) => self.no_value(loc, no),
        }
    }

    fn loop_head(&self, loc: Loc, l: &LoopNode) -> Result<Region, NoValue> {
        let around = Around::at(self.now);
        let value = self.eval(loc.frame, &l.init, around)?;
        let max = int(self.eval(loc.frame, &l.max, around)?, &l.max)?.clamp(0, i64::from(u32::MAX)) as u32;
        let every = match &l.every {
            Some(expr) => Some(duration(self.eval(loc.frame, expr, around)?, expr)?),
            None => None,
        };
        Ok(Region::Loop { value, round: 0, max, every })
    }

    // Calls

    /// What the step calls now: its action, or the fallback of an error arm; with the arm's error.
    pub(super) fn current_call<'d>(
        &self,
        loc: Loc,
        step: &'d StepNode,
    ) -> Option<(&'d Call, Option<(VarId, Value)>)> {
        if let Some((arm, reaction)) = self.active(loc)?.fallback {
            let arm = step.on_error.get(arm)?;
            let Reaction::Fallback(call) = arm.reactions.get(reaction)? else { return None };
            return Some((call, self.error_of(loc).map(|error| (arm.error, error))));
        }
        match &step.action {
            Action::Call(call) => Some((call, None)),
            Action::Do(_)
            | Action::For(_)
            | Action::If { .. }
            | Action::Match { .. }
            | Action::Loop(_)
            | Action::Race(_) => None,
        }
    }

    /// The error that the step reacts to, as the plan sees it.
    pub(super) fn error_of(&self, loc: Loc) -> Option<Value> {
        let (failure, _) = self.active(loc)?.failure.as_ref()?;
        let attempt = self.row(loc)?.extra.as_ref().map_or(0, |e| e.error_attempt);
        Some(failure.to_value(attempt))
    }

    /// What is known of the skill that the step calls now.
    pub(super) fn facts(&self, loc: Loc) -> Option<&SkillFacts> {
        let step = step_of(&self.dag, self.body_id(loc.frame), loc.node)?;
        match &self.current_call(loc, step)?.0.target {
            Target::Skill(name) => self.dag.skill(name),
            Target::Plan(_) => None,
        }
    }

    pub(super) fn start_plan(
        &mut self,
        loc: Loc,
        step: &StepNode,
        call: &Call,
        error: Option<(VarId, Value)>,
    ) {
        let Target::Plan(name) = &call.target else { return };
        let dag = self.dag.clone();
        let Some(index) = dag.plan_index(name) else {
            return self.fail_here(loc, Failure::new("internal", format!("there is no plan `{name}`")));
        };
        let now = self.active(loc).map_or(self.now, |a| a.now);
        let around = Around { now, bound: error.as_ref().map(|(v, e)| (*v, e)), null_missing: false };
        let args = match self.args(loc.frame, &call.args, around) {
            Ok(args) => args,
            Err(no) => return self.call_has_no_value(loc, no),
        };
        let inputs = match self.plan_inputs(index, &args) {
            Ok(inputs) => inputs,
            Err(failure) => return self.fail_here(loc, failure),
        };
        if let Err(no) = self.arm_deadline(loc, step) {
            return self.no_value(loc, no);
        }
        let again = self.row(loc).is_some_and(|r| r.attempts > 0);
        if let Some(row) = self.row_mut(loc) {
            row.attempts += 1;
        }
        self.started(loc);
        let inherited = self.frames.get(loc.frame as usize).map_or(0, |f| f.attempt_base);
        let base = if again { u32::try_from(self.calls).unwrap_or(u32::MAX) } else { inherited };
        if let Some(old) = self.active_mut(loc).and_then(|a| a.called.take())
            && let Some(frame) = self.frames.get_mut(old as usize)
        {
            frame.superseded = true;
            self.dropped = true;
        }
        let Some(plan) = dag.plan_at(index) else { return };
        if let Some(active) = self.active_mut(loc) {
            active.phase = Phase::Region;
        }
        let frame = self.open(plan.body, index, Some(loc), FrameKey::Plain, inputs, base);
        if let Some(active) = self.active_mut(loc) {
            active.children.insert(0, frame);
            active.called = Some(frame);
        }
        self.open_ledger(frame, plan);
    }

    /// The arguments of a call have no value. For a fallback, its `then` decides.
    fn call_has_no_value(&mut self, loc: Loc, no: NoValue) {
        match no {
            NoValue::Missing(_) if self.active(loc).is_some_and(|a| a.fallback.is_some()) => {
                self.react_again(loc)
            }
            no => self.no_value(loc, no),
        }
    }

    /// A slot is free for this call.
    pub(super) fn start_attempt(&mut self, loc: Loc) {
        let dag = self.dag.clone();
        let Some(step) = step_of(&dag, self.body_id(loc.frame), loc.node) else { return };
        let Some((call, error)) = self.current_call(loc, step) else { return };
        let error = error.as_ref().map(|(v, e)| (*v, e));
        let now = self.active(loc).map_or(self.now, |a| a.now);
        let args = match self.args(loc.frame, &call.args, Around { now, bound: error, null_missing: false }) {
            Ok(args) => args,
            Err(no) => return self.call_has_no_value(loc, no),
        };
        let Target::Skill(skill) = &call.target else { return };
        let held = match dag.skill(skill).map(|facts| self.touched(loc, facts, &args)) {
            Some(Some(held)) => held,
            // It comes back in line when what it touches is free.
            Some(None) => return,
            None => Vec::new(),
        };
        if let Err(no) = self.arm_deadline(loc, step) {
            return self.no_value(loc, no);
        }
        if is_sleep(skill) {
            return self.sleep(loc, &args);
        }
        if asks(skill) {
            return self.ask_outside(loc, step, call, skill, args);
        }
        let needed = self.worst_of(skill, &args);
        if let Err(failure) = self.reserve(loc, needed) {
            return self.fail_here(loc, failure);
        }
        if let Some(row) = self.row_mut(loc) {
            row.attempts += 1;
        }
        match self.invocation(loc, step, call, skill, args) {
            Ok(invoke) => {
                self.calls += 1;
                self.slots_used += 1;
                self.flights.insert(invoke.step.0.clone(), loc);
                self.resources.hold(invoke.step.0.clone(), held);
                self.started(loc);
                if let Some(active) = self.active_mut(loc) {
                    active.phase = Phase::InFlight { intended: false, draining: false };
                }
                self.out.commands.push(Command::Invoke(Box::new(invoke)));
            }
            Err(no) => {
                self.settle_call(loc, Usage::default(), true);
                self.call_has_no_value(loc, no);
            }
        }
    }

    fn sleep(&mut self, loc: Loc, args: &Map) {
        let until = match args.values().next() {
            Some(Value::Duration(wait)) => after(self.now, *wait),
            Some(Value::Timestamp(at)) => *at,
            _ => {
                return self.fail_here(
                    loc,
                    Failure::new("invalid_input", "neither a duration nor a time to wait for"),
                );
            }
        };
        if let Some(row) = self.row_mut(loc) {
            row.attempts += 1;
        }
        self.started(loc);
        if until <= self.now {
            return self.succeed(loc, Value::Null);
        }
        self.slots_used += 1;
        if let Some(row) = self.row_mut(loc) {
            row.status = StepStatus::Waiting;
        }
        if let Some(active) = self.active_mut(loc) {
            active.phase = Phase::Sleeping;
        }
        self.notice(loc, NoticeKind::Waiting { what: "timer".into(), until: Some(until), ask: None });
        self.arm(TimerKind::Sleep, loc, until);
    }

    fn invocation(
        &self,
        loc: Loc,
        step: &StepNode,
        call: &Call,
        skill: &Arc<str>,
        args: Map,
    ) -> Result<Invoke, NoValue> {
        let Some(facts) = self.dag.skill(skill) else {
            let text = format!("the signature of `{skill}` is not in the plan's graph");
            return Err(NoValue::Failed(Box::new(Failure::new("internal", text))));
        };
        let now = self.active(loc).map_or(self.now, |a| a.now);
        let timeout_ms = match (&step.timeout, &facts.time) {
            (Some(expr), _) => millis(duration(self.eval(loc.frame, expr, Around::at(now))?, expr)?),
            (None, Some(expr)) => match self.eval_over(expr, &facts.params, &args) {
                Some(Value::Duration(time)) => millis(time),
                _ => DEFAULT_TIMEOUT_MS,
            },
            (None, None) => DEFAULT_TIMEOUT_MS,
        };
        let path = self.path(loc);
        let worst = self.worst_of(skill, &args).usage();
        let args = Value::Map(Arc::new(args));
        // A fallback is another call.
        let own = self.active(loc).is_none_or(|a| a.fallback.is_none());
        // What secrets gave is not kept.
        let cache = match step.cache.as_ref().filter(|_| own && !args.holds_secret()) {
            Some(expr) => {
                let keep_ms = millis(duration(self.eval(loc.frame, expr, Around::at(now))?, expr)?);
                Some(CallCache { digest: call_digest(call, skill, &args), keep_ms })
            }
            None => None,
        };
        let call_key = match step.key.as_ref().filter(|_| own) {
            Some(expr) => {
                let key = self.eval(loc.frame, expr, Around::at(now))?;
                Some(CallKey { digest: digest(skill, key), args: call_digest(call, skill, &args) })
            }
            None => None,
        };
        let key = match &call_key {
            // The same in every run.
            Some(key) => key.digest.clone(),
            None => self.idempotency_key(&path, &args),
        };
        let args = match args {
            Value::Map(map) => Arc::unwrap_or_clone(map),
            _ => Map::new(),
        };
        Ok(Invoke {
            step: StepPath(path),
            attempt: self.attempt(loc),
            skill: skill.clone(),
            args,
            output: call.output.clone(),
            type_args: call.type_args.clone(),
            idempotency_key: key,
            intent: facts.needs_intent(),
            effect: facts.effect,
            idempotency: facts.idempotency,
            timeout_ms,
            cache,
            key: call_key,
            rate: facts.rate,
            worst,
        })
    }

    /// The same for every attempt of one step with the same arguments, until it is undone; and for nothing else.
    fn idempotency_key(&self, path: &str, args: &Value) -> Arc<str> {
        let mut hash = Sha256::new();
        for part in [&self.run, path] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        canonical_feed(args, &mut hash);
        // What was undone must be done anew, not answered with the old result.
        let generation = self.generation(path);
        if generation > 0 {
            hash.update(generation.to_le_bytes());
        }
        hex(&hash.finalize()).into()
    }

    /// The same call again, in another process.
    pub(super) fn invoke_again(&mut self, loc: Loc) {
        let dag = self.dag.clone();
        let Some(step) = step_of(&dag, self.body_id(loc.frame), loc.node) else { return };
        let Some((call, error)) = self.current_call(loc, step) else { return };
        let Target::Skill(skill) = &call.target else { return };
        let now = self.active(loc).map_or(self.now, |a| a.now);
        let error = error.as_ref().map(|(v, e)| (*v, e));
        // What it reads has ended, so it gives what it gave the first time.
        let args = self.args(loc.frame, &call.args, Around { now, bound: error, null_missing: false });
        if let Ok(invoke) = args.and_then(|args| self.invocation(loc, step, call, skill, args)) {
            self.out.commands.push(Command::Invoke(Box::new(invoke)));
        }
    }
}

/// Over the skill, its arguments and the type of its result.
fn call_digest(call: &Call, skill: &str, args: &Value) -> Arc<str> {
    let what = format!("{skill} -> {}", call.output);
    digest(&what, args.clone())
}

fn millis(wait: SignedDuration) -> i64 {
    i64::try_from(wait.as_millis()).unwrap_or(i64::MAX).max(1)
}

fn wrong(what: &str, found: &Value, expr: &Expr) -> NoValue {
    let mut failure = Failure::new("expression", format!("{what} is wanted, found {}", kind_of(found)));
    failure.span = Some(expr.span);
    NoValue::Failed(Box::new(failure))
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a bool",
        Value::Int(_) => "an int",
        Value::Float(_) => "a float",
        Value::String(_) => "a string",
        Value::Bytes(_) => "bytes",
        Value::Timestamp(_) => "a timestamp",
        Value::Duration(_) => "a duration",
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
        Value::File(_) => "a file",
        Value::Secret(_) => "a secret",
        Value::Type(_) => "a type",
    }
}

pub(super) fn int(value: Value, expr: &Expr) -> Result<i64, NoValue> {
    match value {
        Value::Int(n) => Ok(n),
        other => Err(wrong("an int", &other, expr)),
    }
}

pub(super) fn duration(value: Value, expr: &Expr) -> Result<SignedDuration, NoValue> {
    match value {
        Value::Duration(d) => Ok(d),
        other => Err(wrong("a duration", &other, expr)),
    }
}
