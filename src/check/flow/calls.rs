//! Calls: arguments against the labels of parameters, results as the signature says.

use super::label::{Label, Trace};
use super::report::Finding;
use super::value::{Flow, has_labels};
use super::{Vars, Walk, named};
use crate::check::hir::{Arg, Call, Effect, Param, Signature, Target};
use crate::diagnostic::{Code, Severity};
use crate::source::Span;
use crate::syntax::ast::EffectKind;
use crate::types::{Labels, Privacy, Trust, Type};
use std::sync::Arc;

/// What a call may do at worst, as far as decisions matter.
#[derive(Clone, Copy, PartialEq)]
enum Power {
    Reads,
    Writes,
    Irreversible,
}

fn power(effects: &[Effect]) -> Power {
    match effects.iter().map(|e| e.kind).max() {
        Some(EffectKind::Irreversible) => Power::Irreversible,
        Some(EffectKind::Writes) => Power::Writes,
        Some(EffectKind::Pure | EffectKind::Reads | EffectKind::Appends) | None => Power::Reads,
    }
}

/// One argument at its parameter.
struct Sink<'s> {
    callee: &'s str,
    param: &'s Param,
    span: Span,
    power: Power,
    approved: bool,
}

impl<'a> Walk<'a> {
    /// Checks a call and gives the labels of its result.
    pub(super) fn call(&mut self, vars: &mut Vars<'a>, call: &'a Call, pc: &Label, approved: bool) -> Flow {
        match &call.target {
            Target::Skill(name) => match self.skills.get(name) {
                Some(signature) => {
                    let signature: &'a Arc<Signature> = signature;
                    self.skill(vars, call, signature, pc, approved)
                }
                None => {
                    let all = call
                        .args
                        .iter()
                        .fold(Label::default(), |l, a| l.join(&self.label(vars, &a.value).computed()));
                    Flow::leaf(all)
                }
            },
            Target::Plan(name) => {
                let Some(plan) = self.plans.get(name) else { return Flow::default() };
                let power = power(&plan.effects);
                let mut flows = Vec::with_capacity(plan.params.len());
                for param in &plan.params {
                    let Some(arg) = call.args.iter().find(|a| a.name == param.name) else {
                        flows.push(Flow::default());
                        continue;
                    };
                    let flow = self.argument(vars, name, arg);
                    let sink = Sink { callee: name, param, span: arg.value.span, power, approved };
                    self.sink(&sink, &flow, &param.ty, param.labels, true);
                    let flow = if approved { flow.map(&lifted) } else { flow };
                    flows.push(flow);
                }
                let pc = if approved { lifted(pc) } else { pc.clone() };
                let span = self.calls.first().map_or(call.span, |f| f.span);
                let out = self.instance(plan, &flows, &pc, span).outside(self.depth());
                out.map(&|l| l.then(call.span, || format!("comes out of `{name}`")))
            }
        }
    }

    /// An argument's labels; `endorse` in it may be allowed by the name of the parameter.
    fn argument(&mut self, vars: &mut Vars<'a>, callee: &str, arg: &Arg) -> Flow {
        let model = vars.model;
        let full = format!("{callee}.{}", arg.name);
        if model && self.asker.agent.as_ref().is_some_and(|a| named(&a.may_endorse, &full)) {
            vars.model = false;
        }
        let flow = self.eval(vars, &arg.value);
        vars.model = model;
        flow
    }

    fn skill(
        &mut self,
        vars: &mut Vars<'a>,
        call: &'a Call,
        signature: &'a Signature,
        pc: &Label,
        approved: bool,
    ) -> Flow {
        let power = power(&signature.effects);
        let mut base = Label::default();
        let mut public = false;
        let mut decided = pc.clone();
        for param in &signature.params {
            let Some(arg) = call.args.iter().find(|a| a.name == param.name) else { continue };
            let flow = self.argument(vars, &signature.name, arg);
            let mut labels = param.labels;
            if labels.trust.is_none() && power == Power::Irreversible {
                labels.trust = Some(Trust::Trusted);
            }
            public |= labels.privacy == Some(Privacy::Public);
            let sink = Sink { callee: &signature.name, param, span: arg.value.span, power, approved };
            let told = self.sink(&sink, &flow, &param.ty, labels, true);
            if told {
                // One cause, one diagnostic.
                decided.choice = None;
            }
            let mut total = flow.total().computed();
            if labels.privacy == Some(Privacy::Secret) || total.secret().is_some() {
                total.hidden = None;
            }
            base = base.join(&total);
        }
        self.decided(&decided, call, signature, power, approved, public);
        self.result(call, signature, base)
    }

    /// The result: as the signature says, else as the arguments.
    fn result(&mut self, call: &Call, signature: &Signature, base: Label) -> Flow {
        let depth = self.depth();
        let name = &signature.name;
        let labels = signature.output_labels;
        let mut said = self.said(call.span);
        let mut own = base.then(call.span, || format!("goes through `{name}`"));
        match labels.trust {
            Some(Trust::Untrusted) => {
                own.content =
                    Some(Trace::source(call.span, format!("the result of `{name}` is untrusted"), depth));
            }
            Some(Trust::Trusted) => own.content = None,
            None => {}
        }
        match labels.privacy {
            Some(Privacy::Public) => own.hidden = None,
            Some(level) => {
                let word = if level == Privacy::Secret { "secret" } else { "private" };
                own.hidden = Some((
                    level,
                    Trace::source(call.span, format!("the result of `{name}` is {word}"), depth),
                ));
            }
            None => {}
        }
        if !signature.type_params.is_empty() {
            // The plan brings the type: it can make nothing better.
            said.lowers = false;
            said.distrusts = labels.trust != Some(Trust::Trusted);
            return Flow::typed(own, &call.output, Labels::default(), said);
        }
        Flow::typed(own, &signature.output, Labels::default(), said)
    }

    /// Whether and how often the call runs.
    fn decided(
        &mut self,
        pc: &Label,
        call: &Call,
        signature: &Signature,
        power: Power,
        approved: bool,
        public: bool,
    ) {
        if approved {
            return;
        }
        let name = &signature.name;
        if let (Some(trace), Power::Irreversible | Power::Writes) = (pc.untrusted(), power) {
            let (severity, what) = match power {
                Power::Irreversible => (Severity::Error, "cannot be undone"),
                Power::Writes | Power::Reads => (Severity::Info, "writes"),
            };
            self.tell(Finding {
                code: Code::UntrustedControl,
                severity,
                span: call.span,
                message: format!("an untrusted value decides whether `{name}` is called, which {what}"),
                label: "decided by an untrusted value",
                help: "let a person decide: `approve \"…\"` on the call, or decide by something trusted",
                trace,
                param: None,
            });
        }
        if let (true, Some((_, trace))) = (public, &pc.hidden_choice) {
            self.tell(Finding {
                code: Code::PrivateLeak,
                severity: Severity::Warning,
                span: call.span,
                message: format!("a private value decides whether `{name}` is called, which others can see"),
                label: "decided by a private value",
                help: "decide by something that is not private, or `declassify(…, \"reason\")`",
                trace,
                param: None,
            });
        }
    }

    /// An argument against the labels of its parameter, field by field where those have their own.
    /// Gives whether untrusted content was found.
    fn sink(&mut self, sink: &Sink<'_>, flow: &Flow, ty: &Type, labels: Labels, top: bool) -> bool {
        let mut labels = labels;
        let mut ty = ty;
        loop {
            ty = match ty {
                Type::Labelled { labels: inner, inner: under } => {
                    labels.trust = inner.trust.or(labels.trust);
                    labels.privacy = inner.privacy.or(labels.privacy);
                    under
                }
                Type::Named { ty: inner, .. }
                | Type::Optional(inner)
                | Type::Refined { base: inner, .. }
                | Type::Opaque { base: inner, .. } => inner,
                _ => break,
            };
        }
        if !has_labels(ty) {
            return self.hold(sink, &flow.total(), labels);
        }
        let mut told = top && self.hold(sink, &flow.shape(), labels);
        match ty {
            Type::Record(record) => {
                for (name, field) in &record.fields {
                    if self.instances >= super::MAX_INSTANCES || told {
                        break;
                    }
                    let inner = Labels {
                        trust: field.labels.trust.or(labels.trust),
                        privacy: field.labels.privacy.or(labels.privacy),
                    };
                    told |= self.sink(sink, &flow.member(name), &field.ty, inner, false);
                }
            }
            Type::List(inner) | Type::Map(inner) => {
                told |= self.sink(sink, &flow.elem(), inner, labels, false);
            }
            _ => told |= self.hold(sink, &flow.total(), labels),
        }
        told
    }

    /// One label against one demand.
    fn hold(&mut self, sink: &Sink<'_>, label: &Label, labels: Labels) -> bool {
        let (name, callee) = (&sink.param.name, sink.callee);
        let finding = |code, severity, message: String, text, help, trace| Finding {
            code,
            severity,
            span: sink.span,
            message,
            label: text,
            help,
            trace,
            param: Some(sink.param),
        };
        if labels.privacy != Some(Privacy::Secret)
            && let Some(trace) = label.secret()
        {
            self.tell(finding(
                Code::SecretLeak,
                Severity::Error,
                format!("a secret reaches the parameter `{name}` of `{callee}`, which is not `secret`"),
                "the secret comes out here",
                "give a secret to parameters labelled `secret` only",
                trace,
            ));
        }
        if labels.privacy == Some(Privacy::Public) && !sink.approved {
            let content = label.hidden.as_ref().filter(|(p, _)| *p == Privacy::Private);
            if let Some((_, trace)) = content {
                self.tell(finding(
                    Code::PrivateLeak,
                    Severity::Error,
                    format!("private content reaches the public parameter `{name}` of `{callee}`"),
                    "private content goes out here",
                    "leave it out, let a person see it with `approve`, or say why: `declassify(…, \"reason\")`",
                    trace,
                ));
            } else if let Some((_, trace)) = &label.hidden_choice {
                self.tell(finding(
                    Code::PrivateLeak,
                    Severity::Warning,
                    format!("a private value selects the public parameter `{name}` of `{callee}`"),
                    "selected by a private value",
                    "select by something that is not private, or `declassify(…, \"reason\")`",
                    trace,
                ));
            }
        }
        if labels.trust != Some(Trust::Trusted) || sink.approved {
            return false;
        }
        if let Some(trace) = &label.content {
            self.tell(finding(
                Code::UntrustedFlow,
                Severity::Error,
                format!("untrusted content reaches the trusted parameter `{name}` of `{callee}`"),
                "untrusted content goes in here",
                "use a literal or an input, let a person see it with `approve`, or check it with `human.review`",
                trace,
            ));
            return true;
        }
        if let (Some(trace), Power::Irreversible | Power::Writes) = (&label.choice, sink.power) {
            let irreversible = sink.power == Power::Irreversible;
            let severity = if irreversible { Severity::Error } else { Severity::Info };
            self.tell(finding(
                Code::UntrustedControl,
                severity,
                format!("an untrusted value selects the trusted parameter `{name}` of `{callee}`"),
                "selected by an untrusted value",
                "select by something trusted, or let a person see it with `approve`",
                trace,
            ));
        }
        false
    }
}

/// What a person has seen.
fn lifted(label: &Label) -> Label {
    Label {
        content: None,
        choice: None,
        hidden: label.hidden.clone().filter(|(p, _)| *p == Privacy::Secret),
        hidden_choice: None,
    }
}
