//! Labels through bodies, regions and error handling.

use super::expr::strict;
use super::label::{Label, Trace};
use super::value::Flow;
use super::{Vars, Walk};
use crate::check::hir::{Action, Body, ErrorArm, For, Loop, LoopElse, Reaction, Step, Stmt, StmtKind};
use crate::expr::Expr;

/// Rounds in which the labels of a loop's variable settle.
const ROUNDS: u32 = 8;
/// Loops inside loops deeper than this are judged at once.
const DEEP: u32 = 4;

impl<'a> Walk<'a> {
    /// Walks a body; `pc` is what decides whether and how often it runs. Gives its value.
    pub(super) fn body(&mut self, vars: &mut Vars<'a>, body: &'a Body, pc: &Label) -> Flow {
        for stmt in &body.stmts {
            self.stmt(vars, stmt, pc);
        }
        for stmt in &body.stmts {
            if let StmtKind::Step(step) = &stmt.kind
                && let Some(compensate) = &step.compensate
            {
                // Unwinding follows from an abort, which is no decision.
                let ends = self.ends.clone();
                self.call(vars, &compensate.call, pc, false);
                self.ends = ends;
            }
        }
        let Some(result) = &body.result else { return Flow::default() };
        let mut read = Vec::new();
        strict(result, &mut read);
        let missing = read.iter().fold(Label::default(), |l, id| l.join(&vars.status(*id)));
        self.eval(vars, result).chosen(&missing)
    }

    fn stmt(&mut self, vars: &mut Vars<'a>, stmt: &'a Stmt, pc: &Label) {
        match &stmt.kind {
            StmtKind::Let(value) => {
                let flow = self.eval(vars, value);
                if let Some(var) = stmt.var {
                    let name = &stmt.name;
                    vars.set(var, flow.map(&|l| l.then(stmt.name_span, || format!("goes into `{name}`"))));
                    let status = skips(vars, [value]);
                    set(&mut vars.status, var.0, status);
                }
            }
            StmtKind::Require { cond, message, .. } => {
                let by = self.decides(vars, cond, "decides a `require`");
                self.ends = self.ends.join(&by).join(&pc.as_choice());
                self.shown(vars, message, "is shown in a message");
            }
            StmtKind::Fail { message, .. } => {
                self.ends = self.ends.join(&pc.as_choice());
                self.shown(vars, message, "is shown in a message");
            }
            StmtKind::Step(step) => self.step(vars, stmt, step, pc),
        }
    }

    /// The label of a condition, which no secret may decide.
    pub(super) fn decides(&mut self, vars: &mut Vars<'a>, cond: &Expr, what: &str) -> Label {
        let label = self.label(vars, cond);
        self.no_secret(&label, cond.span, what);
        label.as_choice()
    }

    fn shown(&mut self, vars: &mut Vars<'a>, text: &Expr, what: &str) {
        let label = self.label(vars, text);
        self.no_secret(&label, text.span, what);
    }

    fn step(&mut self, vars: &mut Vars<'a>, stmt: &'a Stmt, step: &'a Step, pc: &Label) {
        let mut decided = Label::default();
        if let Some(when) = &step.when {
            decided = self.decides(vars, when, "decides a `when`");
        }
        let clauses = [&step.key, &step.cache, &step.timeout, &step.deadline];
        let clauses = clauses.into_iter().flatten().chain(step.approve.as_ref().map(|a| &a.question));
        decided = decided.join(&skips(vars, step.when.iter().chain(clauses)));
        if let Action::Call(call) = &step.action {
            decided = decided.join(&skips(vars, call.args.iter().map(|a| &a.value)));
        } else if let Some(head) = head(&step.action) {
            decided = decided.join(&skips(vars, [head]));
        }
        if let Some(key) = &step.key {
            self.shown(vars, key, "is kept as a key");
        }
        if let Some(approve) = &step.approve {
            self.shown(vars, &approve.question, "is shown in a question");
        }
        let inner = pc.join(&decided);
        let around = std::mem::take(&mut self.ends);
        let mut flow = self.action(vars, &step.action, &inner, step.approve.is_some());
        let inside = std::mem::take(&mut self.ends);
        // Arguments are looked at a second time, for what an error tells of them: nothing is told twice.
        self.muted += 1;
        let heard = self.heard(vars, &step.action, &flow);
        self.muted -= 1;
        let runs = decided.clone();
        let mut status = decided;
        let mut soft = false;
        for arm in &step.on_error {
            flow = self.arm(vars, arm, &heard, flow, &inner, &mut soft);
            if arm.reactions.iter().any(|r| matches!(r, Reaction::Use(_) | Reaction::Fallback(_))) {
                // Which value it is is decided by what lets the bodies inside fail.
                flow = flow.chosen(&inside);
            }
        }
        let settled = step.on_error.iter().any(settles);
        if soft || !settled {
            self.muted += 1;
            let fails = self.fails(vars, &step.action).join(&inside);
            self.muted -= 1;
            if soft {
                status = status.join(&fails);
            }
            if !settled {
                self.ends = self.ends.join(&fails).join(&runs);
            }
        }
        self.ends = around.join(&self.ends);
        if let Some(var) = stmt.var {
            let name = &stmt.name;
            let flow = flow.map(&|l| l.then(stmt.name_span, || format!("is in `{name}`")));
            vars.set(var, flow);
            set(&mut vars.status, var.0, status);
            set(&mut vars.errors, var.0, heard);
        }
    }

    /// What the error of an action tells: as much as its result, and its arguments.
    fn heard(&mut self, vars: &mut Vars<'a>, action: &'a Action, result: &Flow) -> Label {
        let mut out = result.total().computed();
        if let Action::Call(call) = action {
            for arg in &call.args {
                let label = self.label(vars, &arg.value).computed();
                out = out.join(&Label { hidden: None, ..label });
            }
        }
        Label { hidden: out.hidden.filter(|(p, _)| *p != crate::types::Privacy::Secret), ..out }
    }

    /// What decides whether an action fails: its arguments.
    fn fails(&mut self, vars: &mut Vars<'a>, action: &'a Action) -> Label {
        let mut out = Label::default();
        if let Action::Call(call) = action {
            for arg in &call.args {
                out = out.join(&self.label(vars, &arg.value).as_choice());
            }
        } else if let Some(head) = head(action) {
            out = self.label(vars, head).as_choice();
        }
        out.hidden_choice = out.hidden_choice.filter(|(p, _)| *p != crate::types::Privacy::Secret);
        out
    }

    fn arm(
        &mut self,
        vars: &mut Vars<'a>,
        arm: &'a ErrorArm,
        heard: &Label,
        mut flow: Flow,
        pc: &Label,
        soft: &mut bool,
    ) -> Flow {
        vars.set(arm.error, Flow::leaf(heard.clone()));
        let guard = arm.guard.as_ref().map(|g| self.decides(vars, g, "decides how an error is handled"));
        let guard = guard.unwrap_or_default();
        let pc = pc.join(&guard);
        for reaction in &arm.reactions {
            match reaction {
                Reaction::Abort => {}
                Reaction::Retry { .. } => {}
                Reaction::Continue => *soft = true,
                Reaction::Use(value) => flow = flow.join(&self.eval(vars, value)).chosen(&guard),
                Reaction::Fallback(call) => {
                    flow = flow.join(&self.call(vars, call, &pc, false)).chosen(&guard);
                }
                Reaction::Fail(message) => self.shown(vars, message, "is shown in a message"),
            }
        }
        flow
    }

    fn action(&mut self, vars: &mut Vars<'a>, action: &'a Action, pc: &Label, approved: bool) -> Flow {
        match action {
            Action::Call(call) => self.call(vars, call, pc, approved),
            Action::Do(body) => self.body(vars, body, pc),
            Action::For(f) => self.each_item(vars, f, pc),
            Action::If(i) => {
                let mut pc = pc.clone();
                let mut by = Label::default();
                let mut out: Option<Flow> = None;
                for (cond, body) in &i.arms {
                    by = by.join(&self.decides(vars, cond, "decides an `if`"));
                    pc = pc.join(&by);
                    let flow = self.body(vars, body, &pc);
                    out = Some(out.map_or(flow.clone(), |o| o.join(&flow)));
                }
                if let Some(body) = &i.otherwise {
                    let flow = self.body(vars, body, &pc);
                    out = Some(out.map_or(flow.clone(), |o| o.join(&flow)));
                }
                out.unwrap_or_default().chosen(&by)
            }
            Action::Match(m) => {
                let by = self.decides(vars, &m.subject, "decides a `match`");
                let pc = pc.join(&by);
                let mut out: Option<Flow> = None;
                for (_, body) in &m.arms {
                    let flow = self.body(vars, body, &pc);
                    out = Some(out.map_or(flow.clone(), |o| o.join(&flow)));
                }
                out.unwrap_or_default().chosen(&by)
            }
            Action::Loop(l) => self.rounds(vars, l, pc),
            Action::Race(branches) => {
                self.muted += 1;
                let first: Vec<Flow> = branches.iter().map(|b| self.body(vars, b, pc)).collect();
                self.muted -= 1;
                let by = first.iter().fold(Label::default(), |l, f| l.join(&f.total().as_choice()));
                let pc = pc.join(&by);
                let flows: Vec<Flow> = branches.iter().map(|b| self.body(vars, b, &pc)).collect();
                let mut flows = flows.into_iter();
                let first = flows.next().unwrap_or_default();
                flows.fold(first, |a, b| a.join(&b)).chosen(&by)
            }
        }
    }

    fn each_item(&mut self, vars: &mut Vars<'a>, f: &'a For, pc: &Label) -> Flow {
        let list = self.eval(vars, &f.list);
        let shape = list.shape();
        self.no_secret(&shape, f.list.span, "decides how often a `for` runs");
        let mut by = shape.as_choice();
        for bound in [&f.max, &f.first].into_iter().flatten() {
            by = by.join(&self.decides(vars, bound, "decides how often a `for` runs"));
        }
        let (name, place) = (vars.name(f.item).to_owned(), vars.place(f.item));
        let item = list.elem().map(&|l| l.then(place, || format!("`{name}` is one of them")));
        vars.set(f.item, item);
        if let Some(index) = f.index {
            vars.set(index, Flow::leaf(by.clone()));
        }
        let pc = pc.join(&by);
        let around = std::mem::take(&mut self.ends);
        let mut value = self.body(vars, &f.body, &pc);
        if f.tolerate.is_some() {
            // Null stands where an item failed.
            value = value.chosen(&self.ends);
        }
        self.ends = around.join(&self.ends);
        Flow::list(by, value)
    }

    fn rounds(&mut self, vars: &mut Vars<'a>, l: &'a Loop, pc: &Label) -> Flow {
        let mut flow = self.eval(vars, &l.init);
        let mut by = self.decides(vars, &l.max, "decides how often a `loop` runs");
        self.loops += 1;
        if self.loops > DEEP {
            let all = vars.flows.iter().fold(flow.total(), |a, f| a.join(&f.total()));
            let content = Trace::source(l.body.span, "a loop this deep is not followed", self.depth());
            flow = Flow::leaf(all.join(&Label { content: Some(content), ..Label::default() }));
            by = by.join(&flow.total().as_choice());
        } else {
            self.muted += 1;
            for round in 0..ROUNDS {
                let before = (flow.level(), by.level());
                vars.set(l.var, flow.clone());
                let next = self.body(vars, &l.body, &pc.join(&by));
                flow = flow.join(&next);
                if round > 2 {
                    flow = Flow::leaf(flow.total());
                }
                if let Some(until) = &l.body.until {
                    vars.set(l.it, flow.clone());
                    by = by.join(&self.label(vars, until).as_choice());
                }
                if before == (flow.level(), by.level()) {
                    break;
                }
            }
            self.muted -= 1;
        }
        vars.set(l.var, flow.clone());
        let value = self.body(vars, &l.body, &pc.join(&by));
        self.loops -= 1;
        if let Some(until) = &l.body.until {
            vars.set(l.it, value.clone());
            let by = self.decides(vars, until, "decides how often a `loop` runs");
            self.ends = self.ends.join(&by);
        }
        if let LoopElse::Fail(message) = &l.otherwise {
            self.shown(vars, message, "is shown in a message");
        }
        flow.join(&value).chosen(&by)
    }
}

/// Whether an arm takes every error, and the body goes on.
fn settles(arm: &ErrorArm) -> bool {
    let goes_on = |r: &Reaction| matches!(r, Reaction::Continue | Reaction::Use(_));
    arm.kinds.is_empty() && arm.guard.is_none() && arm.reactions.last().is_some_and(goes_on)
}

/// The expression that a region starts with.
fn head(action: &Action) -> Option<&Expr> {
    match action {
        Action::For(f) => Some(&f.list),
        Action::If(i) => i.arms.first().map(|(cond, _)| cond),
        Action::Match(m) => Some(&m.subject),
        Action::Loop(l) => Some(&l.init),
        Action::Call(_) | Action::Do(_) | Action::Race(_) => None,
    }
}

/// What decides that a reader is skipped: whatever decides over the steps it needs.
fn skips<'e>(vars: &Vars<'_>, exprs: impl IntoIterator<Item = &'e Expr>) -> Label {
    let mut read = Vec::new();
    for expr in exprs {
        strict(expr, &mut read);
    }
    read.iter().fold(Label::default(), |l, id| l.join(&vars.status(*id)))
}

fn set(list: &mut [Label], var: u32, label: Label) {
    if let Some(slot) = list.get_mut(var as usize) {
        *slot = label;
    }
}
