//! What holds of every plan.

use super::cases::{Case, all};
use super::world::{Random, World, dag, shown, time};
use aos::dag::Dag;
use aos::engine::{Event, EventKind, Machine};
use std::collections::BTreeSet;
use std::sync::Arc;

fn run(dag: &Arc<Dag>, shuffle: Option<u64>) -> World {
    let mut world = World::new(Arc::clone(dag));
    world.shuffle = shuffle.map(Random);
    world.start();
    world.finish();
    world
}

fn end(world: &World) -> String {
    shown(world.outcome.as_ref().unwrap())
}

#[test]
fn the_same_events_give_the_same_commands() {
    for case in all() {
        let dag = dag(case.plan);
        let first = run(&dag, Some(7));
        let mut machine = Machine::new(Arc::clone(&dag));
        for (event, step) in first.events.iter().zip(&first.steps) {
            assert_eq!(&format!("{:?}", machine.apply(event).unwrap()), step, "{}", case.name);
        }
    }
}

#[test]
fn the_order_of_completions_does_not_change_the_end() {
    for case in all().filter(|c| !c.timed) {
        let dag = dag(case.plan);
        for seed in 0..20 {
            let end = end(&run(&dag, Some(seed)));
            // Where several steps fail, which one is first is by chance.
            let several = case.end.contains(" at f[");
            assert!(end == case.end || several, "{} (seed {seed}): {end}", case.name);
        }
    }
}

/// A crash after any event, and another one a few events later.
#[test]
fn every_prefix_of_a_journal_reaches_the_end() {
    for case in all() {
        let dag = dag(case.plan);
        let whole = run(&dag, None);
        for cut in 1..=whole.events.len() {
            let once = crash(case, &dag, &whole, cut);
            let next = cut + 1 + cut % 3;
            if next <= once.events.len() {
                crash(case, &dag, &once, next);
            }
        }
    }
}

fn crash(case: &Case, dag: &Arc<Dag>, whole: &World, cut: usize) -> World {
    let mut world = World::resumed(Arc::clone(dag), &whole.events[..cut]);
    world.outcome = None;
    world.apply(EventKind::Resumed);
    world.finish();
    let doubt = world.rows().contains("in_doubt");
    // What was called before the crash is not called again.
    let before = intents(&whole.events[..cut]);
    let twice: Vec<_> = world.acts.iter().filter(|act| before.contains(&format!("{act:?}"))).collect();
    assert!(twice.is_empty(), "{} cut at {cut}: {twice:?} made twice", case.name);
    if !doubt {
        assert_eq!(end(&world), end(whole), "{} cut at {cut} of {}", case.name, whole.events.len());
    }
    world
}

fn intents(events: &[Event]) -> BTreeSet<String> {
    events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::AttemptStarted { step, attempt } => Some(format!("{:?}", (step, attempt))),
            _ => None,
        })
        .collect()
}

#[test]
fn a_cancelled_run_ends_at_any_time() {
    for case in all() {
        let dag = dag(case.plan);
        for ms in (0..60).step_by(7) {
            let mut world = World::new(Arc::clone(&dag));
            world.cancel_at = Some(time(ms));
            world.start();
            let end = shown(&world.finish());
            assert!(end == "cancelled" || end == case.end, "{} at {ms}: {end}", case.name);
            let rows = world.rows();
            assert!(
                !rows.contains("=running") && !rows.contains("=waiting"),
                "{} at {ms}: {rows}",
                case.name
            );
        }
    }
}

#[test]
fn effects_are_awaited_when_a_run_is_cancelled() {
    let mut world = World::new(dag(
        "step w = t.write(to: \"x\", ms: 100)\nstep r = t.echo(v: 1, ms: 100)\nstep n = t.echo(v: w)\nreturn n",
    ));
    world.cancel_at = Some(time(20));
    world.start();
    assert_eq!(shown(&world.finish()), "cancelled");
    assert_eq!((world.took_ms(), world.rows().as_str()), (100, "w r=cancelled n=pending"));
}

#[test]
fn never_more_in_flight_than_allowed() {
    let text = "plan p() -> json? concurrency 3 {\nstep f = for x in range(40) max 40 parallel 10 {\n step a = t.echo(v: x)\n step b = t.flaky(v: a, times: x % 2) on_error retry 2 backoff 5ms\n return b\n}\nstep s = time.sleep(duration: 50ms)\nreturn f\n}";
    let text = text.replace("range(40)", &format!("{:?}", (0..40).collect::<Vec<_>>()));
    let dag = dag(&text);
    for seed in 0..10 {
        let world = run(&dag, Some(seed));
        assert_eq!(world.most_in_flight, 3);
        assert_eq!(end(&world), format!("{:?}", (0..40).collect::<Vec<_>>()).replace(' ', ""));
    }
}

#[test]
fn a_call_in_doubt_is_told_and_not_made_again() {
    let dag = dag("step w = t.write(to: \"x\", v: 1) on_error { in_doubt => use 5 }\nreturn w");
    let whole = run(&dag, None);
    let started =
        whole.events.iter().position(|e| matches!(e.kind, EventKind::AttemptStarted { .. })).unwrap();
    let mut world = World::resumed(Arc::clone(&dag), &whole.events[..=started]);
    world.apply(EventKind::Resumed);
    assert_eq!(shown(&world.finish()), "5");
    assert!(world.calls.is_empty(), "it was called again");
}

#[test]
fn a_call_by_key_is_made_again_with_its_key() {
    let dag = dag("step w = t.put(to: \"x\", v: 1)\nreturn w");
    let whole = run(&dag, None);
    let mut world = World::resumed(Arc::clone(&dag), &whole.events[..1]);
    world.apply(EventKind::Resumed);
    assert_eq!(shown(&world.finish()), "1");
    assert_eq!(world.calls[0].idempotency_key, whole.calls[0].idempotency_key);
}

#[test]
fn events_that_cannot_have_happened_are_refused() {
    let dag = dag("step a = t.echo(v: 1)\nstep b = t.echo(v: a)\nreturn b");
    let whole = run(&dag, None);
    let mut world = World::new(Arc::clone(&dag));
    assert!(!world.apply(EventKind::Resumed), "before the start");
    world.start();
    assert!(!world.apply(whole.events[0].kind.clone()), "a second start");
    assert!(!world.apply(whole.events[2].kind.clone()), "an answer to a call that was not made");
    assert!(!world.apply(EventKind::AttemptStarted { step: aos::engine::StepPath("zz".into()), attempt: 1 }));
    assert_eq!(shown(&world.finish()), "1");
    // A late answer changes nothing.
    world.outcome = None;
    assert!(world.apply(whole.events[1].kind.clone()));
    assert!(world.outcome.is_none());
}
