//! Calls in doubt, and what a person says about them.

use super::world::{World, dag, shown};
use aos::engine::{EventKind, Resolution, StepPath};
use aos::value::Value;

const PLAN: &str = "step o = t.put(to: \"o\") compensate t.undo(of: \"o\")\nstep w = t.write(to: \"x\", v: 4) depends_on [o] compensate t.undo(of: \"x\", v: w)\nstep r = t.echo(v: 1, ms: 50)\nstep n = t.echo(v: w + 1)\nreturn [n, r]";

/// The process ended during the call of this step, and another goes on.
#[track_caller]
fn interrupted(plan: &str, step: &str) -> World {
    let dag = dag(plan);
    let mut whole = World::new(dag.clone());
    whole.start();
    whole.go_on();
    let intent = |e: &aos::engine::Event| matches!(&e.kind, EventKind::AttemptStarted { step: s, .. } if &*s.0 == step);
    let at = whole.events.iter().position(intent).unwrap();
    let mut world = World::resumed(dag, &whole.events[..=at]);
    world.apply(EventKind::Resumed);
    world.go_on();
    world
}

fn say(world: &mut World, step: &str, resolution: Resolution) -> bool {
    world.apply(EventKind::Resolved { step: StepPath(step.into()), resolution })
}

#[test]
fn a_person_decides() {
    for (resolution, end, rows, calls) in [
        (Resolution::Retry, "[5,1]", "o w*2!in_doubt r n", 1),
        (Resolution::Skip, "[null,1]", "o w=skipped<decision>!in_doubt r n=skipped<w>", 0),
        (Resolution::Use(Value::Int(7)), "[8,1]", "o w=recovered!in_doubt r n", 0),
    ] {
        let plan = PLAN.replace("[n, r]", "[n ?? null, r]");
        let mut world = interrupted(&plan, "w");
        assert!(world.outcome.is_none(), "it waits");
        assert_eq!(world.rows(), "o w=in_doubt!in_doubt r n=pending");
        assert_eq!(world.machine.doubts(), [StepPath("w".into())]);
        assert!(say(&mut world, "w", resolution.clone()));
        assert_eq!(shown(&world.finish()), end, "{resolution:?}");
        assert_eq!(world.rows(), rows);
        assert_eq!(world.calls.iter().filter(|c| &*c.step.0 == "w").count(), calls);
        assert!(!say(&mut world, "w", Resolution::Retry), "it is decided");
    }
}

#[test]
fn what_a_person_says_must_fit() {
    let mut world = interrupted(PLAN, "w");
    assert!(!say(&mut world, "w", Resolution::Use(Value::text("seven"))), "no int");
    assert!(!say(&mut world, "r", Resolution::Skip), "not in doubt");
    assert!(!say(&mut world, "zz", Resolution::Skip), "not there");
    assert!(say(&mut world, "w", Resolution::Use(Value::Int(1))));
    assert_eq!(shown(&world.finish()), "[2,1]");
}

/// What a person says acted can be undone; what is in doubt still is not.
#[test]
fn cancelling_in_doubt() {
    let mut world = interrupted(PLAN, "w");
    world.apply(EventKind::CancelRequested { reason: None });
    assert_eq!(shown(&world.finish()), "cancelled");
    assert_eq!(world.rows(), "o o@compensate w=in_doubt!in_doubt r n=pending");
    let mut world = interrupted(&PLAN.replace("return", "fail \"no\"\n//"), "w");
    assert!(say(&mut world, "w", Resolution::Use(Value::Int(7))));
    world.finish();
    assert_eq!(world.rows(), "o o@compensate w=recovered!in_doubt w@compensate r n fail@4=failed!failed");
    let undo = world.calls.iter().find(|c| &*c.step.0 == "w@compensate").unwrap();
    assert_eq!(undo.args.get("v"), Some(&Value::Int(7)));
}

#[test]
fn it_waits_across_crashes() {
    let mut world = interrupted(PLAN, "w");
    for _ in 0..3 {
        world = World::resumed(dag(PLAN), &world.events.clone());
        world.apply(EventKind::Resumed);
        world.go_on();
        assert_eq!(world.machine.doubts().len(), 1);
    }
    assert!(say(&mut world, "w", Resolution::Retry));
    assert_eq!(shown(&world.finish()), "[5,1]");
}

/// Where the plan says what to do about it, nobody is asked.
#[test]
fn a_plan_that_handles_it_asks_nobody() {
    for (plan, step, end) in [
        ("step w = t.write(to: \"x\") on_error { in_doubt => use 5  _ => abort }\nreturn w", "w", "5"),
        ("step d = do {\n step w = t.write(to: \"x\")\n return w\n} on_error use 6\nreturn d", "d.w", "6"),
        (
            "step f = for x in [1] tolerate 1 {\n step w = t.write(to: \"x\")\n return w\n}\nreturn f",
            "f[0].w",
            "[null]",
        ),
    ] {
        let mut world = interrupted(plan, step);
        assert_eq!(shown(&world.finish()), end);
    }
}
