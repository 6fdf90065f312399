//! What is told: the way from the source to the sink.

use super::Walk;
use super::label::{Label, Trace};
use super::value::Flow;
use crate::check::hir::{Param, Plan};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::source::Span;
use crate::types::{Labels, Privacy, Trust};

/// A finding before it is written.
pub(super) struct Finding<'t> {
    pub(super) code: Code,
    pub(super) severity: Severity,
    pub(super) span: Span,
    pub(super) message: String,
    pub(super) label: &'t str,
    pub(super) help: &'t str,
    pub(super) trace: &'t Trace,
    /// The parameter, where it is one of this project.
    pub(super) param: Option<&'t Param>,
}

impl Walk<'_> {
    /// Tells a finding once; one that comes in by a call of a plan is told at that call.
    pub(super) fn tell(&mut self, f: Finding<'_>) {
        // What lies wholly inside a called plan is told where that plan is walked on its own.
        if self.muted > 0 || f.trace.depth() > 0 {
            return;
        }
        let outer = self.calls.first().map(|frame| (frame.span, frame.plan.clone()));
        let span = outer.as_ref().map_or(f.span, |(span, _)| *span);
        if !self.told.insert((f.span, f.code, f.trace.root())) {
            return;
        }
        let mut d = Diagnostic::new(f.code, span, f.message).help(f.help);
        d.severity = f.severity;
        d = match &outer {
            Some((_, plan)) => d.label(format!("inside `{plan}`")).also(f.span, f.label),
            None => d.label(f.label),
        };
        for (place, text) in f.trace.places() {
            if !crate::catalog::is_stdlib(place.source) {
                d = d.also(place, &*text);
            }
        }
        if let Some(param) = f.param.filter(|p| !crate::catalog::is_stdlib(p.span.source)) {
            d = d.also(param.span, format!("`{}` is declared here", param.name));
        }
        self.found.push(d);
    }

    /// A secret where it would be shown, kept or would decide.
    pub(super) fn no_secret(&mut self, label: &Label, span: Span, what: &str) {
        let Some(trace) = label.secret().cloned() else { return };
        self.tell(Finding {
            code: Code::SecretLeak,
            severity: Severity::Error,
            span,
            message: format!("a secret {what}"),
            label: "the secret comes out here",
            help: "give a secret to parameters labelled `secret` only",
            trace: &trace,
            param: None,
        });
    }

    /// The result of a plan against its labels.
    pub(super) fn declared(&mut self, plan: &Plan, result: &Flow) {
        let Some(expr) = &plan.body.result else { return };
        let total = result.total();
        if plan.output_labels.privacy != Some(Privacy::Secret) {
            self.no_secret(&total, expr.span, "is the result of the plan");
        }
        let Labels { trust, privacy } = plan.output_labels;
        if trust == Some(Trust::Trusted)
            && let Some(trace) = total.content.clone()
        {
            self.tell(Finding {
                code: Code::UntrustedFlow,
                severity: Severity::Error,
                span: expr.span,
                message: format!("the result of `{}` is declared `trusted`, and is not", plan.name),
                label: "untrusted content is returned here",
                help: "declare the result `untrusted`, or have a person check it with `human.review`",
                trace: &trace,
                param: None,
            });
        }
        if privacy == Some(Privacy::Public)
            && let Some((Privacy::Private, trace)) = total.hidden.clone()
        {
            self.tell(Finding {
                code: Code::PrivateLeak,
                severity: Severity::Error,
                span: expr.span,
                message: format!("the result of `{}` is declared `public`, and is private", plan.name),
                label: "private content is returned here",
                help: "declare the result `private`, or say why not: `declassify(…, \"reason\")`",
                trace: &trace,
                param: None,
            });
        }
    }
}
