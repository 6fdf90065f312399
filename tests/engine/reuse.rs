//! Runs that take over what an earlier one left.

use super::cases::CASES;
use super::world::{World, dag, shown};
use aos::dag::Dag;
use aos::engine::reuse::{Collector, Earlier, EarlierEnd};
use aos::engine::{Event, EventKind, Machine, RunStatus};
use std::sync::Arc;

/// What a journal leaves.
fn left(dag: &Arc<Dag>, events: &[Event], again: &[&str]) -> Vec<Earlier> {
    let mut machine = Machine::new(Arc::clone(dag));
    let mut collector = Collector::default();
    for event in events {
        let step = machine.apply(event).unwrap();
        collector.take(event, &step);
    }
    let again: Vec<String> = again.iter().map(|s| (*s).to_owned()).collect();
    collector.finish(&machine, &again)
}

fn run(dag: &Arc<Dag>, earlier: Option<Vec<Earlier>>) -> World {
    let mut world = World::new(Arc::clone(dag));
    if let Some(steps) = earlier {
        assert!(world.apply(EventKind::Reusable { from: "run-0".into(), steps }));
    }
    world.start();
    world.finish();
    world
}

fn end(world: &World) -> String {
    shown(world.outcome.as_ref().unwrap())
}

#[test]
fn a_run_after_one_that_succeeded_comes_to_the_same_end() {
    let (mut cases, mut spared) = (0, 0);
    for case in CASES.iter().filter(|c| !c.timed) {
        let dag = dag(case.plan);
        let first = run(&dag, None);
        if first.outcome.as_ref().unwrap().status != RunStatus::Succeeded {
            continue;
        }
        let earlier = left(&dag, &first.events, &[]);
        let second = run(&dag, Some(earlier.clone()));
        assert_eq!(end(&second), end(&first), "{}", case.name);
        cases += 1;
        spared += first.calls.len() - second.calls.len();
        // Nothing that gave a value is called again for the same.
        for call in &second.calls {
            let known = earlier.iter().find(|e| e.step == call.step);
            let gave =
                known.is_some_and(|e| matches!(e.end, EarlierEnd::Value(_)) && *e.skill == *call.skill);
            let undoes = call.step.0.contains('@');
            assert!(!gave || undoes || call.attempt > 1, "{}: {} is called again", case.name, call.step);
        }
        // The journal of the second holds all: whatever is cut off, it comes to the same end.
        for cut in 2..=second.events.len() {
            let mut world = World::resumed(Arc::clone(&dag), &second.events[..cut]);
            world.outcome = None;
            world.apply(EventKind::Resumed);
            world.finish();
            if !world.rows().contains("in_doubt") {
                assert_eq!(end(&world), end(&second), "{} cut at {cut}", case.name);
            }
        }
        // A third takes over from the second what that took over.
        let third = run(&dag, Some(left(&dag, &second.events, &[])));
        assert_eq!(
            (end(&third), third.calls.len() <= second.calls.len()),
            (end(&first), true),
            "{}",
            case.name
        );
    }
    assert!(cases > 30 && spared > 60, "{cases} cases, {spared} calls spared");
}

#[test]
fn what_was_undone_is_not_taken_over() {
    let plan = "step a = t.write(to: \"a\") compensate t.undo(of: \"a\")\nstep b = t.boom(kind: \"boom\") depends_on [a]\nreturn b";
    let dag = dag(plan);
    let first = run(&dag, None);
    let earlier = left(&dag, &first.events, &[]);
    let nothing = |step: &str| {
        earlier.iter().find(|e| &*e.step.0 == step).map(|e| match &e.end {
            EarlierEnd::Nothing(why) => why.to_string(),
            EarlierEnd::Value(value) => panic!("{step} leaves {value:?}"),
        })
    };
    assert_eq!(nothing("a").as_deref(), Some("it was undone then"));
    assert_eq!(nothing("b").as_deref(), Some("it failed with boom then"));
    let second = run(&dag, Some(earlier));
    assert_eq!(second.calls.iter().filter(|c| &*c.skill == "t.write").count(), 1);
}

#[test]
fn steps_are_made_again_where_that_is_wanted() {
    let dag = dag(
        "step a = t.echo(v: 1)\nstep ab = t.echo(v: 2)\nstep l = for i in [1, 2] { step x = t.echo(v: i) return x }\nreturn a + ab + l.sum()",
    );
    let first = run(&dag, None);
    let called = |again: &[&str]| {
        let world = run(&dag, Some(left(&dag, &first.events, again)));
        assert_eq!(end(&world), "6");
        let mut paths: Vec<String> = world.calls.iter().map(|c| c.step.to_string()).collect();
        paths.sort();
        paths.join(" ")
    };
    assert_eq!(called(&[]), "");
    assert_eq!(called(&["a"]), "a");
    assert_eq!(called(&["l"]), "l[0].x l[1].x");
    assert_eq!(called(&["l[1]", "ab"]), "ab l[1].x");
}
