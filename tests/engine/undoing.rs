//! Loops, races and compensations: what the table of cases cannot show.

use super::world::{World, dag, shown, time};
use aos::engine::{EventKind, StepPath};
use aos::value::Value;

fn paths(world: &World) -> Vec<String> {
    world.calls.iter().map(|c| c.step.to_string()).collect()
}

#[track_caller]
fn run(text: &str) -> World {
    let mut world = World::new(dag(text));
    world.start();
    world.finish();
    world
}

#[test]
fn the_order_holds_over_parts_that_are_not_handled() {
    let world = run(
        "step d = do {\n step w = t.write(to: \"w\", ms: 10) compensate t.undo(of: \"w\")\n step e = do {\n  step v = t.write(to: \"v\", ms: 30) compensate t.undo(of: \"v\")\n }\n step f = t.boom(kind: \"boom\") depends_on [e]\n return f\n}\nstep o = t.write(to: \"o\", ms: 20) compensate t.undo(of: \"o\")\nreturn d",
    );
    let undone: Vec<String> = paths(&world).into_iter().filter(|p| p.contains('@')).collect();
    assert_eq!(undone, ["d.e.v@compensate", "o@compensate", "d.w@compensate"]);
}

#[test]
fn cancelling_undoes() {
    let mut world = World::new(dag(
        "step a = t.write(to: \"a\", v: 7) compensate t.undo(of: \"a\", v: a)\nstep b = t.echo(v: a, ms: 100)\nreturn b",
    ));
    world.cancel_at = Some(time(50));
    world.start();
    assert_eq!(shown(&world.finish()), "cancelled");
    assert_eq!(world.rows(), "a a@compensate b=cancelled");
    assert_eq!(world.calls.last().unwrap().args.get("v"), Some(&Value::Int(7)));
    assert_eq!(world.took_ms(), 60);
}

/// A part that undoes itself is told to stop: the compensation at hand is awaited, the rest follows with what lies around.
#[test]
fn cancelling_while_a_part_undoes_itself() {
    for ms in 30..60 {
        let mut world = World::new(dag(
            "step o = t.write(to: \"o\", ms: 20) compensate t.undo(of: \"o\")\nstep d = do {\n step v = t.write(to: \"v\", ms: 5) compensate t.undo(of: \"v\")\n step w = t.write(to: \"w\", ms: 8) compensate t.undo(of: \"w\")\n step f = t.boom(kind: \"boom\", ms: 30) depends_on [w]\n return f\n} on_error use 3\nstep z = t.echo(v: d, ms: 50)\nreturn z",
        ));
        world.cancel_at = Some(time(ms));
        world.start();
        let end = shown(&world.finish());
        assert_eq!(end, "cancelled");
        let undone: Vec<String> = paths(&world).into_iter().filter(|p| p.contains('@')).collect();
        let order = ["d.w@compensate", "d.v@compensate", "o@compensate"];
        if ms < 39 {
            // It stops as one with the plan: in the order of the whole.
            assert_eq!(undone, ["o@compensate", "d.w@compensate", "d.v@compensate"], "at {ms}");
        } else if undone != order {
            assert_eq!(undone, ["d.w@compensate", "o@compensate", "d.v@compensate"], "at {ms}");
        }
    }
}

#[test]
fn what_was_undone_is_called_under_another_key() {
    let world = run(
        "plan q() -> int {\n step w = t.put(to: \"x\", v: 1) compensate t.undo(of: \"x\")\n step b = t.boom(kind: \"boom\") depends_on [w]\n return b\n}\nplan p() -> json? {\n step s = q() on_error retry 1 backoff 10ms then use 1\n return s\n}",
    );
    let keys = |path: &str| -> Vec<_> {
        world.calls.iter().filter(|c| &*c.step.0 == path).map(|c| c.idempotency_key.clone()).collect()
    };
    for path in ["s.w", "s.w@compensate"] {
        let keys = keys(path);
        assert!(keys.len() == 2 && keys[0] != keys[1], "{path}: {keys:?}");
    }
    let same = keys("s.b");
    assert_eq!(same[0], same[1], "what was not undone keeps its key");
}

#[test]
fn what_could_not_be_undone_is_told() {
    let world = run(
        "step a = t.write(to: \"a\") compensate t.boom(kind: \"boom\")\nstep b = t.write(to: \"b\") compensate t.undo(of: \"b\")\nstep c = t.boom(kind: \"busy\") depends_on [a, b]\nreturn c",
    );
    let outcome = world.outcome.as_ref().unwrap();
    assert_eq!(outcome.not_undone, [StepPath("a".into())]);
    assert_eq!(outcome.failed_step, Some(StepPath("c".into())));
    assert_eq!(world.rows(), "a a@compensate=failed*6!boom b b@compensate c=failed!busy");
}

/// Its intent is on record and its answer is not: it is not made again, and the rest is undone.
#[test]
fn a_compensation_in_doubt_is_not_made_again() {
    let dag = dag(
        "step a = t.write(to: \"a\") compensate t.undo_once(of: \"a\")\nstep b = t.write(to: \"b\") compensate t.undo_once(of: \"b\")\nstep c = t.boom(kind: \"busy\") depends_on [a, b]\nreturn c",
    );
    let mut whole = World::new(dag.clone());
    whole.start();
    whole.finish();
    let intent = |e: &aos::engine::Event| matches!(&e.kind, EventKind::AttemptStarted { step, .. } if step.0.contains("b@"));
    let at = whole.events.iter().position(intent).unwrap();
    let mut world = World::resumed(dag, &whole.events[..=at]);
    world.apply(EventKind::Resumed);
    assert_eq!(shown(&world.finish()), "busy: it was busy at c");
    assert_eq!(paths(&world), ["a@compensate"]);
    assert_eq!(world.rows(), "a a@compensate b b@compensate=in_doubt!in_doubt c=failed!busy");
    assert_eq!(world.outcome.unwrap().not_undone, [StepPath("b".into())]);
}

/// Inputs, items and rounds are still known when their parts have long ended.
#[test]
fn what_is_undone_late_still_knows_its_item() {
    let world = run(
        "plan q(n: int) -> list<int> {\n step f = for i, x in [n, n + 1] {\n  step w = t.write(to: \"${x}\") compensate t.undo(of: \"${x}\", v: x * 10 + i + n)\n  return w\n }\n return f\n}\nplan p() -> json? {\n step l = loop r: int = 1 max 2 {\n  step s = q(n: r)\n  return r + 1\n }\n fail \"no\"\n}",
    );
    let undone: Vec<(String, i64)> = world
        .calls
        .iter()
        .filter(|c| c.step.0.contains('@'))
        .map(|c| (c.step.to_string(), c.args.get("v").and_then(Value::as_int).unwrap()))
        .collect();
    let want = [("l[1].s.f[1].w", 33), ("l[1].s.f[0].w", 22), ("l[0].s.f[1].w", 22), ("l[0].s.f[0].w", 11)];
    let want: Vec<(String, i64)> = want.iter().map(|(p, v)| (format!("{p}@compensate"), *v)).collect();
    assert_eq!(undone, want);
}

/// A value that grows in every round ends the loop with an error, not the process.
#[test]
fn what_a_loop_carries_does_not_grow_without_end() {
    for (body, message) in [
        ("return [x]", "the value is more than 256 levels deep"),
        ("return [x, x]", "the value takes more than 64 MiB"),
        ("step f = for y in [x] max 1 { return y }\n return f", "the value is more than 256 levels deep"),
        ("step f = for y in [x, x] max 2 { return y }\n return f", "the value takes more than 64 MiB"),
        ("return \"${x}${x}\"", "more than 64 MiB"),
    ] {
        let world = run(&format!("step l = loop x: json = 1 max 100_000 {{\n {body}\n}}\nreturn l"));
        let error = world.outcome.as_ref().unwrap().error.clone().unwrap();
        assert!(["expression", "limit"].contains(&&*error.kind), "{body}: {error:?}");
        assert!(error.message.contains(message), "{body}: {error:?}");
    }
}
