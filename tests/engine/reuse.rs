//! Runs that take over what an earlier one left.

use super::cases::all;
use super::world::{World, dag, shown};
use aos::dag::Dag;
use aos::engine::reuse::Reused;
use aos::engine::reuse::{Collector, Earlier, EarlierEnd};
use aos::engine::{Event, EventKind, Machine, RunStatus, StepPath};
use aos::value::{Map, Value};
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
    for case in all().filter(|c| !c.timed) {
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

const PEOPLE: &str = "plan p(n: int = 1, to: string = \"ops\") -> json? {
  step size = human.ask<int>(question: \"value 30 ${n}\", by: to)
  step seen = human.review(value: [size, n], question: \"yes 30\")
  step late = signal.wait<int>(name: \"value 30 8\")
  step early = signal.wait<int>(name: \"early\") depends_on [late]
  step b = t.boom(kind: \"boom\") depends_on [seen, early]
  return [size, seen, late, early, b]
}";

/// A run of [`PEOPLE`]. The signal `early` comes where it is wanted.
fn asked(dag: &Arc<Dag>, earlier: Option<Vec<Earlier>>, inputs: &[(&str, Value)], early: bool) -> World {
    let mut world = World::new(Arc::clone(dag));
    if let Some(steps) = earlier {
        assert!(world.apply(EventKind::Reusable { from: "run-0".into(), steps }));
    }
    world.start_with(inputs.iter().map(|(n, v)| ((*n).into(), v.clone())).collect::<Map>());
    if early {
        let value = Value::Int(5);
        assert!(world.apply(EventKind::Signalled { name: "early".into(), value, login: None }));
    }
    world.finish();
    world
}

/// What is told of the steps that ask: `-` taken over, else why not.
fn told(world: &World) -> Vec<String> {
    let rows = world.machine.report();
    let rows = rows.iter().filter(|r| r.skill.as_deref() != Some("t.boom"));
    rows.map(|r| match &r.reuse {
        Some(Reused::From(_)) => {
            assert_eq!(r.attempts, 0, "{}", r.path);
            "-".to_owned()
        }
        Some(Reused::Not(why)) => why.to_string(),
        None => panic!("nothing is told of {}", r.path),
    })
    .collect()
}

#[test]
fn what_people_and_signals_said_is_taken_over() {
    let dag = dag(PEOPLE);
    let first = asked(&dag, None, &[], true);
    assert_eq!(end(&first), "boom: it was boom at b");
    let earlier = |again: &[&str]| Some(left(&dag, &first.events, again));
    let second = asked(&dag, earlier(&[]), &[], false);
    assert_eq!(end(&second), end(&first));
    assert_eq!(told(&second), ["-", "-", "-", "-"]);
    assert_eq!(second.took_ms(), 10, "nobody is waited for");
    // Who said it then stays known.
    let rows = second.machine.report();
    let by = |i: usize| rows[i].decisions.iter().map(|d| d.by.to_string()).collect::<Vec<_>>();
    assert_eq!((by(0), by(1), by(2)), (vec!["ann".to_owned()], vec!["ann".to_owned()], vec![]));
    // A third run has it from the second.
    let third = asked(&dag, Some(left(&dag, &second.events, &[])), &[], false);
    assert_eq!(told(&third), ["-", "-", "-", "-"]);
    assert_eq!(third.machine.report()[1].decisions.len(), 1);
    // Other questions are asked.
    let second = asked(&dag, earlier(&[]), &[("n", Value::Int(2))], false);
    assert_eq!(told(&second), ["its argument `question` differs", "its argument `value` differs", "-", "-"]);
    let second = asked(&dag, earlier(&[]), &[("to", Value::text("lead"))], false);
    assert_eq!(told(&second), ["its argument `by` differs", "-", "-", "-"]);
    let second = asked(&dag, earlier(&["seen", "early"]), &[], true);
    assert_eq!(told(&second), ["-", "it is to be made again", "-", "it is to be made again"]);
}

#[test]
fn an_answer_of_another_type_is_asked_for_again() {
    let text = "step q = human.ask<int>(question: \"value 30 1\")\nreturn q";
    let first = run(&dag(text), None);
    let earlier = left(&dag(text), &first.events, &[]);
    let second = run(&dag(&text.replace("int", "float")), Some(earlier));
    assert_eq!(told(&second), ["its argument `<T>` differs"]);
}

#[test]
fn who_said_no_or_nothing_is_asked_again() {
    let told_after = |text: &str| {
        let dag = dag(text);
        let first = run(&dag, None);
        told(&run(&dag, Some(left(&dag, &first.events, &[]))))
    };
    let no = "step r = human.review<int>(value: 4, question: \"no 30\")";
    assert_eq!(told_after(&format!("{no}\nreturn r")), ["it failed with denied then"]);
    assert_eq!(told_after(&format!("{no} on_error use 3\nreturn r")), ["it failed with denied then"]);
    assert_eq!(
        told_after(
            "step q = human.ask<int>(question: \"never\", within: 9ms) on_error fallback t.echo(v: 2)\nreturn q"
        ),
        ["it failed with expired then"]
    );
    // Another step ended the run before anybody had answered.
    assert_eq!(
        told_after(
            "step q = human.ask<int>(question: \"value 90 1\")\nstep b = t.boom(kind: \"boom\")\nreturn q"
        ),
        ["it had not ended then"]
    );
}

#[test]
fn the_last_answer_counts_where_one_step_asked_twice() {
    // The plan is called anew: both answers come under one path, the second question in the moment after the first answer.
    let text = "plan q(n: int) -> int {\n step a = human.ask<int>(question: \"value 30 ${n}\")\n require a < 0 else \"no\"\n return a\n}\nplan p() -> json? {\n step s = q(n: 1) on_error fallback q(n: 2) then use 0\n return s\n}";
    let dag = dag(text);
    let first = run(&dag, None);
    let earlier = left(&dag, &first.events, &[]);
    let known = earlier.iter().find(|e| e.step == StepPath("s.a".into())).unwrap();
    assert!(matches!(&known.end, EarlierEnd::Value(Value::Int(2))), "{known:?}");
}

#[test]
fn an_approval_is_for_one_call() {
    let dag = dag(
        "step w = t.write(to: \"a\", v: 1) approve \"yes 30\"\nstep b = t.bad_write(to: \"b\", kind: \"boom\") approve \"yes 40\"\nreturn [w, b]",
    );
    let first = run(&dag, None);
    let second = run(&dag, Some(left(&dag, &first.events, &[])));
    let calls: Vec<&str> = second.calls.iter().map(|c| &*c.step.0).collect();
    assert_eq!(calls, ["b"], "what is taken over needs no yes");
    let rows = second.machine.report();
    assert_eq!((rows[0].decisions.len(), rows[1].decisions.len()), (1, 1));
    assert_eq!(second.took_ms(), 50, "what is called again is approved again");
}
