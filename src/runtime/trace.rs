//! What logs and traces are told: ids, names, kinds and figures. Never a value, an argument or a message: those may hold what is
//! not for everybody who reads logs.

use super::report::status_name;
use crate::engine::command::NoticeKind;
use crate::engine::{Failure, Invoke, Notice, RunStatus, Usage};
use tracing::field::Empty;
use tracing::{Span, debug, info, info_span, warn};

/// The span of a run, for as long as it goes on here.
pub(super) fn run(run: &str, plan: &str) -> Span {
    info_span!("run", otel.name = plan, run, plan, status = Empty, otel.status_code = Empty)
}

/// The run has ended or stopped.
pub(super) fn ended(span: &Span, status: RunStatus) {
    span.record("status", status_name(status));
    if status == RunStatus::Failed {
        span.record("otel.status_code", "ERROR");
    }
    info!(parent: span, status = status_name(status), "the run stopped");
}

/// The span of one attempt of a call.
pub(super) fn call(run: &str, invoke: &Invoke) -> Span {
    info_span!(
        "call",
        otel.name = &*invoke.skill,
        otel.kind = "client",
        run,
        step = &*invoke.step.0,
        skill = &*invoke.skill,
        attempt = invoke.attempt,
        error.kind = Empty,
        otel.status_code = Empty,
        cost_usd = Empty,
        tokens = Empty,
    )
}

/// The attempt has its answer.
pub(super) fn called(span: &Span, result: Result<Usage, &Failure>) {
    match result {
        Ok(usage) => {
            if usage != Usage::default() {
                span.record("cost_usd", usage.cost_usd);
                span.record("tokens", usage.tokens);
            }
        }
        Err(failure) => {
            span.record("error.kind", &*failure.kind);
            span.record("otel.status_code", "ERROR");
        }
    }
    debug!(parent: span, "the call has its answer");
}

/// A step changed: what ends a body or may have acted is worth a warning, the rest is for those who look closely.
pub(super) fn notice(run: &str, notice: &Notice) {
    let (step, attempt) = (&*notice.step.0, notice.attempt);
    match &notice.kind {
        NoticeKind::Started => debug!(run, step, attempt, "step started"),
        NoticeKind::Succeeded { .. } => debug!(run, step, attempt, "step succeeded"),
        NoticeKind::Recovered { error, .. } => {
            info!(run, step, attempt, error.kind = &*error.kind, "step recovered");
        }
        NoticeKind::Failed { error, handled: true } => {
            info!(run, step, attempt, error.kind = &*error.kind, "step failed, handled");
        }
        NoticeKind::Failed { error, handled: false } => {
            warn!(run, step, attempt, error.kind = &*error.kind, "step failed");
        }
        NoticeKind::Retrying { error, at } => {
            info!(run, step, attempt, error.kind = &*error.kind, until = %at, "step tries again");
        }
        NoticeKind::Waiting { what, .. } => debug!(run, step, attempt, what = &**what, "step waits"),
        NoticeKind::Skipped { because } => debug!(run, step, because = &**because, "step skipped"),
        NoticeKind::Cancelled => debug!(run, step, attempt, "step cancelled"),
        NoticeKind::InDoubt => warn!(run, step, attempt, "step in doubt"),
        NoticeKind::Reuse { reuse } => debug!(run, step, ?reuse, "step of an earlier run"),
    }
}
