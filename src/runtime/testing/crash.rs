//! `--inject crash`: the machine is made anew from its journal after every event, and must come to the same end.

use super::Crashes;
use super::world::{End, World};
use crate::check::cases::model::TestCase;
use crate::dag::Dag;
use crate::diagnostic::{Code, Diagnostic};
use crate::engine::{EventKind, Outcome, StepPath};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Longer runs are restarted at so many places, evenly spread.
const MOST: usize = 2_000;

/// Crashes behind every event of a run that ended.
pub(super) async fn everywhere(
    test: &TestCase,
    dag: &Arc<Dag>,
    undisturbed: &World<'_>,
    outcome: &Outcome,
) -> (Crashes, Option<Diagnostic>) {
    let mut crashes = Crashes::default();
    let count = undisturbed.events.len();
    let wanted = end_of(undisturbed, outcome);
    let stride = count.div_ceil(MOST).max(1);
    for at in (1..=count).step_by(stride) {
        let wrong = |what: String| {
            let event = undisturbed.events.get(at - 1).map_or("", |e| name(&e.kind));
            let message = format!("after a crash behind event {at} (`{event}`) {what}");
            Diagnostic::new(Code::TestFailed, test.name_span, message)
                .label("the run must come to the same end")
                .help("this is a fault of the engine, not of the plan: please report it with the plan")
        };
        let mut world = match World::restarted(undisturbed, dag.clone(), at) {
            Ok(world) => world,
            Err(why) => return (crashes, Some(wrong(format!("the journal cannot be read: {why}")))),
        };
        let doubtful = unanswered(&world);
        let known = world.made.len();
        let end = world.resume().await;
        if !doubtful.is_empty() {
            let again =
                world.made.iter().skip(known).find(|m| doubtful.contains(&(m.step.clone(), m.attempt)));
            if let Some(made) = again {
                return (crashes, Some(wrong(format!("`{}` was called a second time", made.step))));
            }
            crashes.in_doubt += 1;
            continue;
        }
        match end {
            End::Finished(outcome) => {
                let got = end_of(&world, &outcome);
                if got != wanted {
                    return (crashes, Some(wrong(difference(&wanted, &got))));
                }
                crashes.same += 1;
            }
            End::Stuck => return (crashes, Some(wrong("nothing happens any more".to_owned()))),
            End::Refused(problem) => return (crashes, Some(wrong(problem.diagnostic.message.clone()))),
        }
    }
    (crashes, None)
}

/// How a run ended, with every step, as text that can be compared.
fn end_of(world: &World<'_>, outcome: &Outcome) -> BTreeMap<String, String> {
    let error = outcome.error.as_ref().map_or_else(String::new, |e| format!("{}: {}", e.kind, e.message));
    let mut all = BTreeMap::from([
        ("the status".to_owned(), format!("{:?}", outcome.status)),
        ("the output".to_owned(), outcome.output.to_json().to_string()),
        ("the error".to_owned(), error),
    ]);
    for step in world.machine.report() {
        let value = step.value.map_or_else(String::new, |v| v.to_json().to_string());
        let error = step.error.map_or_else(String::new, |e| e.kind.to_string());
        all.insert(format!("`{}`", step.path), format!("{:?} {value} {error}", step.status));
    }
    all
}

fn difference(wanted: &BTreeMap<String, String>, got: &BTreeMap<String, String>) -> String {
    let cut =
        |text: Option<&String>| text.map_or_else(|| "absent".to_owned(), |t| t.chars().take(120).collect());
    let differs = wanted.keys().chain(got.keys()).find(|k| wanted.get(*k) != got.get(*k));
    let key = differs.map_or("", String::as_str);
    format!("{key} is {} instead of {}", cut(got.get(key)), cut(wanted.get(key)))
}

/// Calls that must not be repeated, begun and not answered.
fn unanswered(world: &World<'_>) -> Vec<(StepPath, u32)> {
    let mut open = Vec::new();
    for event in &world.events {
        match &event.kind {
            EventKind::AttemptStarted { step, attempt } => open.push((step.clone(), *attempt)),
            EventKind::AttemptSucceeded { step, attempt, .. }
            | EventKind::AttemptFailed { step, attempt, .. } => {
                open.retain(|(s, a)| s != step || a != attempt);
            }
            EventKind::Started { .. }
            | EventKind::Reusable { .. }
            | EventKind::TimerFired { .. }
            | EventKind::CancelRequested { .. }
            | EventKind::Decided { .. }
            | EventKind::Answered { .. }
            | EventKind::Signalled { .. }
            | EventKind::Resumed => {}
        }
    }
    open
}

fn name(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::Started { .. } => "started",
        EventKind::Reusable { .. } => "reusable",
        EventKind::AttemptStarted { .. } => "attempt_started",
        EventKind::AttemptSucceeded { .. } => "attempt_succeeded",
        EventKind::AttemptFailed { .. } => "attempt_failed",
        EventKind::TimerFired { .. } => "timer_fired",
        EventKind::CancelRequested { .. } => "cancel_requested",
        EventKind::Decided { .. } => "decided",
        EventKind::Answered { .. } => "answered",
        EventKind::Signalled { .. } => "signalled",
        EventKind::Resumed => "resumed",
    }
}
