//! What holds of random plans: `AOS_PLANS=10000` tries as many, with every cut of every journal.

use super::generate::{Kind, plan};
use super::world::{Random, World, shown, time, try_dag};
use aos::dag::Dag;
use aos::engine::{Event, EventKind, Resolution, RunStatus, StepPath};
use aos::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

fn wanted() -> Option<u64> {
    std::env::var("AOS_PLANS").ok().and_then(|n| n.parse().ok())
}

/// Calls `f` with so many plans that check, each with its number and text.
fn each(kind: Kind, share: u64, mut f: impl FnMut(u64, &Arc<Dag>, &str)) {
    let wanted = wanted().unwrap_or(1_000) / share;
    let (mut done, mut refused) = (0, 0);
    for seed in 0.. {
        if done == wanted {
            break;
        }
        let text = plan(seed, kind);
        match try_dag(&text) {
            Ok(dag) => {
                let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| f(seed, &dag, &text)));
                assert!(told.is_ok(), "with the plan of seed {seed}:\n{text}");
                done += 1;
            }
            Err(found) => {
                refused += 1;
                assert!(refused < 20 + done / 2, "hardly any plan checks: {found:#?}\n{text}");
            }
        }
    }
    println!("{done} plans, {refused} did not check");
}

const CALM: Kind = Kind { timed: false, handlers: true };
const TIMED: Kind = Kind { timed: true, handlers: true };
const BARE: Kind = Kind { timed: false, handlers: false };

fn run(dag: &Arc<Dag>, shuffle: Option<u64>) -> World {
    let mut world = World::new(Arc::clone(dag));
    world.shuffle = shuffle.map(Random);
    world.start();
    world.finish();
    let limit = dag.concurrency() as usize;
    assert!(world.most_in_flight <= limit, "{} in flight, {limit} allowed", world.most_in_flight);
    world
}

/// The output of a run; of one that failed only that: which of two steps fails first is by chance.
fn end(world: &World) -> String {
    let outcome = world.outcome.as_ref().unwrap();
    if outcome.status == RunStatus::Succeeded { shown(outcome) } else { "failed".into() }
}

#[test]
fn the_order_of_completions_does_not_change_the_end_of_random_plans() {
    each(CALM, 4, |_, dag, _| {
        let first = end(&run(dag, None));
        for shuffle in 0..4 {
            assert_eq!(end(&run(dag, Some(shuffle))), first, "shuffled {shuffle}");
        }
    });
}

/// What was called for the last time before the crash, and what it would have answered.
fn answers(whole: &World) -> BTreeMap<(StepPath, u32), Value> {
    let calls = whole.calls.iter().filter(|c| &*c.skill != "t.bad_write");
    calls.map(|c| ((c.step.clone(), c.attempt), c.args.get("v").cloned().unwrap_or(Value::Int(0)))).collect()
}

fn intents(events: &[Event]) -> BTreeMap<StepPath, u32> {
    let mut found = BTreeMap::new();
    for event in events {
        if let EventKind::AttemptStarted { step, attempt } = &event.kind {
            found.insert(step.clone(), *attempt);
        }
    }
    found
}

/// Cut off at an event and resumed, with a person who tells the truth about what is in doubt, or has it called again. Says whether
/// the plan itself dealt with a call in doubt.
fn crash(dag: &Arc<Dag>, whole: &World, cut: usize) -> (World, bool) {
    let before = &whole.events[..cut];
    let mut world = World::resumed(Arc::clone(dag), before);
    let known = intents(before);
    world.apply(EventKind::Resumed);
    let answers = answers(whole);
    for again in 0.. {
        if world.outcome.is_none() {
            world.go_on();
        }
        let Some(step) = world.machine.doubts().into_iter().next() else { break };
        assert!(again < 100, "doubts without end");
        let answer = known.get(&step).and_then(|attempt| answers.get(&(step.clone(), *attempt)));
        let resolution = match answer {
            Some(value) if (cut + again).is_multiple_of(2) => Resolution::Use(value.clone()),
            Some(_) | None => Resolution::Retry,
        };
        assert!(world.apply(EventKind::Resolved { step, resolution }));
    }
    world.finish();
    let twice: Vec<_> = world.acts.iter().filter(|(step, n)| known.get(step) == Some(n)).collect();
    assert!(twice.is_empty(), "cut at {cut}: {twice:?} made twice");
    let doubted =
        world.machine.report().iter().any(|row| {
            row.error.as_ref().is_some_and(|e| &*e.kind == "in_doubt") && !world.resolved(&row.path)
        });
    (world, doubted)
}

fn cuts(events: usize, seed: u64) -> Vec<usize> {
    if wanted().is_some() {
        return (1..=events).collect();
    }
    let mut random = Random(seed);
    let some: BTreeSet<usize> = (0..6).map(|_| 1 + random.below(events as u64) as usize).collect();
    some.into_iter().collect()
}

#[test]
fn every_prefix_of_the_journal_of_a_random_plan_reaches_the_end() {
    let (mut crashes, mut doubts) = (0, 0);
    each(CALM, 2, |seed, dag, _| {
        let whole = run(dag, None);
        for cut in cuts(whole.events.len(), seed) {
            let (world, doubted) = crash(dag, &whole, cut);
            crashes += 1;
            doubts += usize::from(doubted);
            if !doubted {
                assert_eq!(end(&world), end(&whole), "cut at {cut} of {}", whole.events.len());
            }
            // And again, a few events later.
            let next = cut + 1 + cut % 3;
            if next < world.events.len() && !doubted {
                let (again, doubted) = crash(dag, &world, next);
                assert!(doubted || end(&again) == end(&whole), "cut at {cut}, then at {next}");
            }
        }
    });
    println!("{crashes} crashes, {doubts} with a call in doubt that the plan dealt with");
}

#[test]
fn random_plans_with_races_and_deadlines_end_whenever_they_are_cut_or_cancelled() {
    each(TIMED, 4, |seed, dag, _| {
        let whole = run(dag, Some(seed));
        for cut in cuts(whole.events.len(), seed) {
            crash(dag, &whole, cut);
        }
        let mut random = Random(seed);
        for _ in 0..4 {
            let mut world = World::new(Arc::clone(dag));
            world.cancel_at = Some(time(random.below(120) as i64));
            world.start();
            world.finish();
            let rows = world.rows();
            assert!(!rows.contains("=running") && !rows.contains("=waiting"), "{rows}");
        }
    });
}

/// In a plan that handles nothing: all that acted is undone, once, the last first.
#[test]
fn what_acted_is_undone_in_reverse() {
    let mut undone = 0;
    each(BARE, 4, |seed, dag, _| {
        let mut random = Random(seed);
        for cancel in [None, Some(random.below(100) as i64), Some(random.below(40) as i64)] {
            let mut world = World::new(Arc::clone(dag));
            world.cancel_at = cancel.map(time);
            world.start();
            world.finish();
            let failed = world.outcome.as_ref().unwrap().status != RunStatus::Succeeded;
            let acts = |e: &Event| match &e.kind {
                EventKind::AttemptSucceeded { step, .. } => Some(step.to_string()),
                _ => None,
            };
            let ended: Vec<String> = world.events.iter().filter_map(acts).collect();
            let acting: BTreeSet<String> = world
                .calls
                .iter()
                .filter(|c| matches!(&*c.skill, "t.put" | "t.append" | "t.write"))
                .map(|c| c.step.to_string())
                .collect();
            let mut want: Vec<String> =
                ended.iter().filter(|s| acting.contains(*s)).map(|s| format!("{s}@compensate")).collect();
            want.reverse();
            let got: Vec<String> = ended.into_iter().filter(|s| s.contains('@')).collect();
            assert_eq!(got, if failed { want } else { Vec::new() });
            undone += got.len();
        }
    });
    assert!(undone > 100, "hardly anything was undone: {undone}");
}

#[test]
fn the_same_events_give_the_same_commands_of_random_plans() {
    each(TIMED, 4, |seed, dag, _| {
        let first = run(dag, Some(seed));
        let mut machine = aos::engine::Machine::new(Arc::clone(dag));
        for (event, step) in first.events.iter().zip(&first.steps) {
            assert_eq!(&format!("{:?}", machine.apply(event).unwrap()), step);
        }
    });
}
