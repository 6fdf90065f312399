//! Labels of expressions.

use super::label::{Label, Trace};
use super::value::{Flow, is_narrow, raised};
use super::{Vars, Walk};
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{BinaryOp, Expr, ExprKind, Key, MacroKind, StatusTest, VarId};
use crate::source::Span;
use crate::types::{Labels, Privacy, Trust, Type};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Functions that give elements of their first argument, or the list in another order.
const SELECTING: &[&str] =
    &["compact", "first", "last", "reverse", "slice", "distinct", "sort", "lists.distinct", "lists.sort"];

impl<'a> Walk<'a> {
    /// The labels of an expression's value.
    pub(super) fn eval(&mut self, vars: &mut Vars<'a>, expr: &Expr) -> Flow {
        let flow = self.eval_any(vars, expr);
        if is_narrow(&expr.ty) { Flow::leaf(flow.total().narrow()) } else { flow }
    }

    /// All labels in it.
    pub(super) fn label(&mut self, vars: &mut Vars<'a>, expr: &Expr) -> Label {
        self.eval(vars, expr).total()
    }

    /// What is computed from several values.
    fn computed<'e>(&mut self, vars: &mut Vars<'a>, parts: impl IntoIterator<Item = &'e Expr>) -> Flow {
        let mut out = Label::default();
        for part in parts {
            out = out.join(&self.label(vars, part).computed());
        }
        Flow::leaf(out)
    }

    fn eval_any(&mut self, vars: &mut Vars<'a>, expr: &Expr) -> Flow {
        match &*expr.kind {
            ExprKind::Literal(_) if vars.doubted => {
                let text = "written by a model that had read untrusted text";
                let content = Some(Trace::source(expr.span, text, self.depth()));
                Flow::leaf(Label { content, ..Label::default() })
            }
            ExprKind::Literal(_) | ExprKind::Run(_) | ExprKind::Now => Flow::default(),
            ExprKind::Var(id) => vars.flow(*id),
            ExprKind::Tolerant(id) => vars.flow(*id).chosen(&vars.status(*id)),
            ExprKind::Status { test, step } => {
                let status = Flow::leaf(vars.status(*step).as_choice());
                match test {
                    StatusTest::Succeeded | StatusTest::Failed | StatusTest::Skipped => status,
                    StatusTest::Error | StatusTest::Failures => {
                        status.mixed(&vars.errors.get(step.0 as usize).cloned().unwrap_or_default())
                    }
                }
            }
            ExprKind::Secret(name) => {
                let trace = Trace::source(expr.span, format!("`secret(\"{name}\")` is secret"), self.depth());
                Flow::leaf(Label { hidden: Some((Privacy::Secret, trace)), ..Label::default() })
            }
            ExprKind::Interpolate(parts) => self.computed(vars, parts),
            ExprKind::Member { base, name, .. } => self.eval(vars, base).member(name),
            ExprKind::Has { base, name } => Flow::leaf(self.eval(vars, base).member(name).shape()),
            ExprKind::Index { base, index, .. } => {
                let by = self.label(vars, index);
                self.eval(vars, base).elem().chosen(&by)
            }
            ExprKind::List(items) => {
                let mut elem: Option<Flow> = None;
                for item in items {
                    let flow = self.eval(vars, item);
                    elem = Some(elem.map_or(flow.clone(), |e| e.join(&flow)));
                }
                elem.map_or_else(Flow::default, |e| Flow::list(Label::default(), e))
            }
            ExprKind::Record(entries) => self.record(vars, entries),
            ExprKind::Not(e) | ExprKind::Neg(e) => self.computed(vars, [e]),
            ExprKind::Binary { op: BinaryOp::Coalesce, left, right } => {
                let left = self.eval(vars, left);
                let by = left.shape();
                left.join(&self.eval(vars, right)).chosen(&by)
            }
            ExprKind::Binary { left, right, .. } => self.computed(vars, [left, right]),
            ExprKind::Cond { cond, then, otherwise } => {
                let by = self.label(vars, cond);
                let joined = self.eval(vars, then).join(&self.eval(vars, otherwise));
                match by.secret() {
                    // What a secret selects tells of the secret.
                    Some(_) => joined.mixed(&Label { hidden: by.hidden.clone(), ..Label::default() }),
                    None => joined,
                }
                .chosen(&by)
            }
            ExprKind::Call { function, args } => self.function(vars, function, args),
            ExprKind::Macro { kind, target, vars: ids, bodies } => {
                self.macro_call(vars, *kind, target, ids, bodies)
            }
            ExprKind::As { value, ty } => self.cast(vars, expr.span, value, ty),
            ExprKind::Widen(e) => self.eval(vars, e),
        }
    }

    fn record(&mut self, vars: &mut Vars<'a>, entries: &[(Key, Expr)]) -> Flow {
        let mut fields: BTreeMap<Arc<str>, Flow> = BTreeMap::new();
        let mut computed: Option<Label> = None;
        for (key, value) in entries {
            let flow = self.eval(vars, value);
            match key {
                Key::Text(name) => {
                    fields.insert(name.clone(), flow);
                }
                Key::Computed(key) => {
                    let label = self.label(vars, key).computed().join(&flow.total());
                    computed = Some(computed.unwrap_or_default().join(&label));
                }
            }
        }
        let record = Flow::record(fields);
        match computed {
            Some(label) => Flow::leaf(record.total().join(&label)),
            None => record,
        }
    }

    fn function(&mut self, vars: &mut Vars<'a>, function: &str, args: &[Expr]) -> Flow {
        match (function, args) {
            ("size", [only]) => Flow::leaf(self.eval(vars, only).shape().computed()),
            (name, [list, rest @ ..]) if SELECTING.contains(&name) => {
                let mut by = Label::default();
                for arg in rest {
                    by = by.join(&self.label(vars, arg));
                }
                let list = self.eval(vars, list);
                let one = matches!(name, "first" | "last");
                if one { list.elem() } else { list }.chosen(&by)
            }
            _ => self.computed(vars, args),
        }
    }

    fn macro_call(
        &mut self,
        vars: &mut Vars<'a>,
        kind: MacroKind,
        target: &Expr,
        ids: &[VarId],
        bodies: &[Expr],
    ) -> Flow {
        let list = self.eval(vars, target);
        let record = matches!(&*target.kind, ExprKind::Record(_));
        let elem = if record { Flow::leaf(list.total()) } else { list.elem() };
        let index = Flow::leaf(list.shape());
        match ids {
            [item] => vars.set(*item, elem.clone()),
            [key, item] => {
                vars.set(*key, index);
                vars.set(*item, elem.clone());
            }
            _ => {}
        }
        let results: Vec<Flow> = bodies.iter().map(|b| self.eval(vars, b)).collect();
        let all = results.iter().fold(Label::default(), |l, r| l.join(&r.total()));
        match kind {
            MacroKind::All | MacroKind::Exists | MacroKind::ExistsOne => {
                Flow::leaf(list.shape().join(&all).computed())
            }
            MacroKind::Filter | MacroKind::SortBy => list.chosen(&all),
            MacroKind::Map | MacroKind::TransformList | MacroKind::TransformMap => {
                let last = results.last().cloned().unwrap_or_default();
                let by = if results.len() > 1 { all } else { Label::default() };
                Flow::list(list.shape(), last).chosen(&by)
            }
            MacroKind::TransformMapEntry => Flow::leaf(list.shape().join(&all)),
        }
    }

    /// `as T` never makes a value better; `endorse` and `declassify` are casts to a label.
    fn cast(&mut self, vars: &mut Vars<'a>, span: Span, value: &Expr, ty: &Type) -> Flow {
        let flow = self.eval(vars, value);
        let Type::Labelled { labels, .. } = ty else {
            let raised = raised(ty, self.said(span));
            return if is_narrow(ty) { Flow::leaf(flow.total()) } else { flow }.mixed(&raised);
        };
        // `argument` lets it through where the agent may.
        if vars.model {
            self.refuse_lift(span, *labels);
        }
        match labels {
            Labels { trust: Some(Trust::Trusted), .. } => {
                let total = flow.total();
                Flow::leaf(Label { content: None, choice: None, ..total })
            }
            Labels { privacy: Some(Privacy::Public), .. } => {
                let total = flow.total();
                // A secret stays one: it has no reason to be shown.
                let keep = |h: &super::label::Hidden| h.clone().filter(|(p, _)| *p == Privacy::Secret);
                Flow::leaf(Label {
                    hidden: keep(&total.hidden),
                    hidden_choice: keep(&total.hidden_choice),
                    ..total
                })
            }
            _ => flow,
        }
    }

    fn refuse_lift(&mut self, span: Span, labels: Labels) {
        if self.muted > 0 || self.depth() > 0 || !self.told.insert((span, Code::MayNotEndorse, span)) {
            return;
        }
        let word = if labels.trust.is_some() { "endorse" } else { "declassify" };
        let message = format!("a plan written by a model may not `{word}` here");
        let help = "ask a person: `human.review`, or `approve` on the call";
        self.found.push(
            Diagnostic::new(Code::MayNotEndorse, span, message)
                .label("the agent's `may_endorse` does not name this parameter")
                .help(help),
        );
    }
}

/// The steps that an expression reads strictly, and does not ask about.
pub(super) fn strict(expr: &Expr, out: &mut Vec<VarId>) {
    let mut asked: Vec<VarId> = Vec::new();
    let mut read: Vec<VarId> = Vec::new();
    let mut open = vec![expr];
    while let Some(e) = open.pop() {
        match &*e.kind {
            ExprKind::Var(id) => read.push(*id),
            ExprKind::Status { step, .. } | ExprKind::Tolerant(step) => {
                asked.push(*step);
            }
            _ => {}
        }
        e.for_each_child(&mut |child| open.push(child));
    }
    out.extend(read.into_iter().filter(|id| !asked.contains(id)));
}
