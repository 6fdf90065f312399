//! The replies of mocked skills, in the order in which calls get them.

use super::{Problem, constant};
use crate::check::cases::model::{Mock, Reply, ReplyKind, TestCase};
use crate::diagnostic::{Code, Diagnostic};
use crate::engine::{Ask, EventKind, Failure, Invoke, Usage};
use crate::types::conform::conform;
use crate::value::Value;

/// What a mock says to one call; none where the skill is not mocked.
pub(super) fn answer(
    test: &TestCase,
    invoke: &Invoke,
    earlier_calls: usize,
) -> Option<Result<EventKind, Box<Problem>>> {
    let mock = test.mocks.iter().find(|m| m.skill == invoke.skill)?;
    let Some(reply) = reply(mock, earlier_calls) else {
        let message = format!("the replies for `{}` are used up", invoke.skill);
        let d = Diagnostic::new(Code::TestFailed, mock.span, message)
            .label(format!("call {} is made by `{}`", earlier_calls + 1, invoke.step))
            .help("add a reply: `… then value`; the last one without `times` is for all calls that are left");
        return Some(Err(Box::new(Problem::new(d))));
    };
    Some(given(reply, invoke))
}

/// What people answer to a question for a value: the replies for `human.ask`; none where they stay silent.
pub(super) fn told(
    test: &TestCase,
    ask: &Ask,
    earlier: usize,
    decided: impl Fn(bool) -> EventKind,
) -> Option<Result<EventKind, Box<Problem>>> {
    let mock = test.mocks.iter().find(|m| &*m.skill == "human.ask")?;
    let reply = reply(mock, earlier)?;
    match &reply.kind {
        ReplyKind::Value(expr) => {
            let answered = |value| EventKind::Answered { step: ask.step.clone(), value, login: None };
            Some(constant(expr).map(answered))
        }
        ReplyKind::Throw { kind, .. } if &**kind == "denied" => Some(Ok(decided(false))),
        // Nobody answers: the question expires, where it can.
        ReplyKind::Throw { kind, .. } if &**kind == "expired" => None,
        ReplyKind::Throw { kind, .. } => {
            let message = format!("people answer, deny or let a question expire; none throws `{kind}`");
            let d = Diagnostic::new(Code::TestFailed, reply.span, message);
            Some(Err(Box::new(Problem::new(d.help("write `throw denied` or `throw expired`")))))
        }
    }
}

/// The reply to the call after so many earlier ones.
fn reply(mock: &Mock, mut earlier: usize) -> Option<&Reply> {
    let last = mock.replies.len().saturating_sub(1);
    mock.replies.iter().enumerate().find_map(|(index, reply)| {
        let times = match reply.times {
            Some(times) => times as usize,
            None if index == last => return Some(reply),
            None => 1,
        };
        if earlier < times {
            return Some(reply);
        }
        earlier -= times;
        None
    })
}

fn given(reply: &Reply, invoke: &Invoke) -> Result<EventKind, Box<Problem>> {
    let (step, attempt, usage) = (invoke.step.clone(), invoke.attempt, Usage::default());
    match &reply.kind {
        ReplyKind::Value(expr) => {
            let value = conform(constant(expr)?, &invoke.output).map_err(|mismatch| {
                let message = format!("the reply is no result of `{}`: {mismatch}", invoke.skill);
                let d = Diagnostic::new(Code::TestFailed, expr.span, message)
                    .label(format!("given to `{}`, which takes `{}`", invoke.step, invoke.output));
                Box::new(Problem::new(d))
            })?;
            Ok(EventKind::AttemptSucceeded { step, attempt, value, usage, reused: None })
        }
        ReplyKind::Throw { kind, details } => {
            let mut error =
                Failure::new(kind, format!("`{}` threw `{kind}`, as the test says", invoke.skill));
            error.skill = Some(invoke.skill.clone());
            if let Some(details) = details
                && let Value::Map(map) = constant(details)?
            {
                error.details = (*map).clone();
            }
            Ok(EventKind::AttemptFailed { step, attempt, error, usage })
        }
    }
}
