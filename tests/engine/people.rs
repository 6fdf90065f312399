//! Waiting for people and signals. Questions say themselves what people do: see `World::asked`.

use super::cases::{Case, cases};
use super::world::{World, dag, shown, time};
use aos::engine::{AskKind, EventKind, StepPath};
use aos::value::Value;
use jiff::SignedDuration;

pub const CASES: &[Case] = cases! {
    any "approve" "step w = t.write(to: \"x\", v: 1) approve \"yes 50\"\nreturn w" => "1", 60, "w";
    any "denied" "step w = t.write(to: \"x\", v: 1) approve \"no 50\"\nreturn w"
        => "denied: ann denied it at w", 50, "w=failed!denied";
    any "denied and handled" "step w = t.write(to: \"x\", v: 1) approve \"no 50\" on_error { denied => use 5 }\nreturn [w, error(w)?.kind]"
        => "[5,\"denied\"]", 50, "w=recovered!denied";
    any "expired" "step w = t.echo(v: 1) approve \"never\" within 30ms\nreturn w"
        => "expired: nobody answered within 30ms at w", 30, "w=failed!expired";
    any "a denial is not tried again" "step w = t.echo(v: 1) approve \"no 50\" on_error retry 5 then use 2\nreturn w"
        => "2", 50, "w=recovered!denied";
    any "else continue" "step w = t.echo(v: 1) approve \"no 50\" else continue\nstep r = t.echo(v: w)\nreturn r ?? 9"
        => "9", 50, "w=failed!denied r=skipped<w>";
    any "else fail" "step w = t.echo(v: 1) approve \"never\" within 20ms else fail \"nobody cared\" on_error use 4\nreturn w"
        => "failed: nobody cared at w", 20, "w=failed!failed";
    any "another role is asked" "step w = t.echo(v: 1) approve \"yes 50\" by \"ops\" within 20ms then by \"lead\" within 1s\nreturn w"
        => "1", 60, "w";
    any "nobody of any role answers" "step w = t.echo(v: 1) approve \"yes 500\" by \"ops\" within 20ms then by \"lead\" within 100ms\nreturn w"
        => "expired: nobody answered within 120ms at w", 120, "w=failed!expired";
    any "a quorum" "step w = t.echo(v: 1) approve \"yes 30 80 200\" by \"ops\" quorum 2\nreturn w" => "1", 90, "w";
    any "a quorum that does not come together" "step w = t.echo(v: 1) approve \"yes 30\" by \"ops\" within 100ms quorum 2\nreturn w"
        => "expired: nobody answered within 100ms at w", 100, "w=failed!expired";
    any "approved once for all attempts" "step w = t.flaky(v: 1, times: 2) approve \"yes 50\" on_error retry 3 backoff 100ms\nreturn w"
        => "1", 280, "w*3!busy";
    any "timeout and deadline start after the approval" "step w = t.echo(v: 1, ms: 30) approve \"yes 100\" timeout 50ms deadline 60ms\nreturn w"
        => "1", 130, "w";
    any "skipped before anybody is asked" "step no = t.echo(v: false)\nstep a = t.echo(v: 1) when no\nstep w = t.echo(v: a) approve \"yes 50\"\nreturn w ?? 3"
        => "3", 10, "no a=skipped<when> w=skipped<a>";
    any "a plan is approved as a whole" "plan q(n: int) -> int {\n step a = t.write(to: \"x\", v: n)\n step b = t.echo(v: a + 1)\n return b\n}\nplan p() -> json? {\n step s = q(n: 4) approve \"yes 50\"\n return s\n}"
        => "5", 70, "s s.a s.b";
    any "each item asks" "step f = for x in [1, 2] parallel 2 {\n step w = t.echo(v: x) approve \"yes ${x * 20}\"\n return w\n}\nreturn f"
        => "[1,2]", 50, "f f[0].w f[1].w";
    timed "who waits for people takes no slot" "plan p() -> json? concurrency 1 {\n step w = t.echo(v: 1) approve \"yes 50\"\n step q = human.ask<int>(question: \"value 60 2\")\n step a = t.echo(v: 3)\n return [w, q, a]\n}"
        => "[1,2,3]", 60, "w q a";
    any "a region's deadline stands still while people are waited for" "step d = do {\n step a = t.echo(v: 1) approve \"yes 500\"\n return a\n} deadline 100ms\nreturn d"
        => "1", 510, "d d.a";
    timed "but not while something else goes on" "step d = do {\n step a = t.echo(v: 1) approve \"yes 500\"\n step b = t.echo(v: 2, ms: 300)\n return a + b\n} deadline 100ms\nreturn d"
        => "timeout: the deadline of the step is over at d", 100, "d=failed!timeout d.a=cancelled d.b=cancelled";
    timed "what is left of a deadline is left afterwards" "step d = do {\n step a = t.echo(v: 1, ms: 60) approve \"yes 500\"\n step b = t.echo(v: 2, ms: 50)\n return a + b\n} deadline 100ms\nreturn d"
        => "timeout: the deadline of the step is over at d", 550, "d=failed!timeout d.a=cancelled d.b";
    any "ask" "step q = human.ask<{ n: int }>(question: \"value 30 {\\\"n\\\": 7}\")\nreturn q.n" => "7", 30, "q";
    any "ask in vain" "step q = human.ask<int>(question: \"never\", within: 40ms) on_error { expired => use 3 }\nreturn q"
        => "3", 40, "q=recovered!expired";
    any "ask with a time-out" "step q = human.ask<int>(question: \"never\", within: 40ms) timeout 30ms\nreturn q"
        => "timeout: nobody answered within 30ms at q", 30, "q=failed!timeout";
    any "ask with a deadline" "step q = human.ask<int>(question: \"value 60 1\") deadline 30ms\nreturn q"
        => "timeout: the deadline of the step is over at q", 30, "q=failed!timeout";
    any "review" "step a = t.echo(v: 4)\nstep r = human.review<int>(value: a, question: \"yes 30\")\nreturn r" => "4", 40, "a r";
    any "review refused" "step r = human.review<int>(value: 4, question: \"no 30\")\nreturn r"
        => "denied: ann denied it at r", 30, "r=failed!denied";
    any "signal" "step s = signal.wait<int>(name: \"value 30 8\")\nreturn s" => "8", 30, "s";
    any "no signal" "step s = signal.wait<int>(name: \"never\", within: 20ms)\nreturn s"
        => "expired: no signal came within 20ms at s", 20, "s=failed!expired";
    any "two wait for one name" "step a = signal.wait<int>(name: \"value 30 8\")\nstep b = signal.wait<int>(name: \"value 30 8\")\nreturn a + b"
        => "16", 30, "a b";
};

fn step(path: &str) -> StepPath {
    StepPath(path.into())
}

fn signal(name: &str, value: Value) -> EventKind {
    EventKind::Signalled { name: name.into(), value, login: None }
}

fn decide(world: &World, path: &str, approved: bool) -> EventKind {
    let digest = world.machine.ask_of(&step(path)).unwrap().digest;
    EventKind::Decided { step: step(path), digest, approved, comment: None, login: None }
}

#[test]
fn an_early_signal_is_kept() {
    let mut world = World::new(dag(
        "step a = t.echo(v: 1, ms: 100)\nstep s = signal.wait<int>(name: \"go\") depends_on [a]\nstep t = signal.wait<int>(name: \"go\") depends_on [s]\nreturn [s, t]",
    ));
    world.start();
    assert!(world.apply(signal("go", Value::Int(5))));
    assert!(world.apply(signal("go", Value::Int(6))));
    assert_eq!(shown(&world.finish()), "[5,6]");
    assert_eq!(world.took_ms(), 100);
}

#[test]
fn a_signal_of_another_type_is_refused_where_it_is_waited_for() {
    let mut world = World::new(dag("step s = signal.wait<int>(name: \"go\")\nreturn s"));
    world.start();
    assert!(!world.apply(signal("go", Value::text("x"))));
    assert!(world.apply(signal("stop", Value::text("x"))), "nobody waits for it yet");
    assert!(world.apply(signal("go", Value::Int(1))));
    assert_eq!(shown(&world.finish()), "1");
}

#[test]
fn a_decision_is_bound_to_what_was_shown() {
    let plan =
        "plan p(to: string) -> json? {\n step w = t.write(to: to, v: 1) approve \"never\"\n return w\n}";
    let digest_of = |to: &str| {
        let mut world = World::new(dag(plan));
        world.start_with([("to".into(), Value::text(to))].into_iter().collect());
        let ask = world.machine.ask_of(&step("w")).unwrap();
        assert_eq!(ask.shown.unwrap().to_json(), serde_json::json!({ "to": to, "v": 1 }));
        (world, ask.digest)
    };
    let (mut world, a) = digest_of("a");
    let (_, b) = digest_of("b");
    assert_ne!(a, b);
    let decided =
        |digest| EventKind::Decided { step: step("w"), digest, approved: true, comment: None, login: None };
    assert!(!world.apply_by("ann", decided(b)), "it was shown something else");
    assert!(world.calls.is_empty());
    assert!(world.apply_by("ann", decided(a.clone())));
    assert!(!world.apply_by("ann", decided(a)), "it asks for nothing any more");
    assert_eq!(shown(&world.finish()), "1");
}

#[test]
fn one_person_counts_once() {
    let mut world = World::new(dag("step w = t.echo(v: 1) approve \"never\" by \"ops\" quorum 2\nreturn w"));
    world.start();
    let yes = decide(&world, "w", true);
    assert!(world.apply_by("ann", yes.clone()));
    assert!(!world.apply_by("ann", yes.clone()), "a second time");
    assert_eq!(world.machine.asks()[0].approvals, ["ann".into()]);
    assert!(world.apply_by("bob", yes));
    assert_eq!(shown(&world.finish()), "1");
    let row = &world.machine.report()[0];
    let by: Vec<&str> = row.decisions.iter().map(|d| &*d.by).collect();
    assert_eq!(by, ["ann", "bob"]);
}

#[test]
fn roles_are_asked_one_after_the_other() {
    let mut world = World::new(dag(
        "step w = t.echo(v: 1) approve \"never\" by \"ops\" within 10m then by \"lead\" within 1h\nreturn w",
    ));
    world.start();
    let ask = world.machine.ask_of(&step("w")).unwrap();
    assert_eq!((ask.roles, ask.then), (vec!["ops".into()], Some("lead".into())));
    assert_eq!(ask.until, Some(time(600_000)));
    world.now = time(600_000);
    assert!(world.apply(EventKind::TimerFired { timer: "ask:w".into() }));
    let ask = world.machine.ask_of(&step("w")).unwrap();
    assert_eq!((ask.roles, ask.then), (vec!["ops".into(), "lead".into()], None));
    assert_eq!(ask.until, Some(time(600_000 + 3_600_000)));
}

#[test]
fn secrets_are_not_shown_to_people() {
    let text = "skill t.call(to: string, token: secret string) -> int\nplan p() -> json? {\n step w = t.call(to: \"x\", token: \"Bearer ${secret(\"KEY\")}\") approve \"never\"\n return w\n}";
    let mut world = World::new(dag(text));
    world.start();
    let ask = world.machine.ask_of(&step("w")).unwrap();
    assert_eq!(ask.shown.unwrap().to_json(), serde_json::json!({ "to": "x", "token": "[secret]" }));
}

#[test]
fn a_run_rests_when_only_people_and_far_times_are_waited_for() {
    let rests = |text: &str| {
        let mut world = World::new(dag(text));
        world.start();
        (world.machine.rest(world.now).map(|r| (r.asks.len(), r.due)), world)
    };
    let hour = |n: i64| Some(time(n * 3_600_000));
    assert_eq!(rests("step w = t.echo(v: 1) approve \"never\"\nreturn w").0, Some((1, None)));
    assert_eq!(rests("step w = t.echo(v: 1) approve \"never\" within 5h\nreturn w").0, Some((1, hour(5))));
    assert_eq!(
        rests("step w = t.echo(v: 1) approve \"never\" within 50s\nreturn w").0,
        None,
        "it expires soon"
    );
    assert_eq!(rests("step n = time.sleep(duration: 3h)").0, Some((0, hour(3))));
    assert_eq!(rests("step n = time.sleep(duration: 20m)").0, None, "not worth leaving");
    let (rest, mut world) =
        rests("step w = signal.wait<int>(name: \"never\")\nstep a = t.echo(v: 1, ms: 10)\nreturn a + w");
    assert_eq!(rest, None, "a call is in flight");
    assert!(world.apply(EventKind::AttemptSucceeded {
        step: step("a"),
        attempt: 1,
        value: Value::Int(1),
        usage: aos::engine::Usage::default(),
        reused: None
    }));
    let rest = world.machine.rest(world.now).unwrap();
    assert_eq!((rest.asks.len(), rest.asks[0].kind), (1, AskKind::Signal));
}

#[test]
fn an_answer_of_another_type_is_refused() {
    let mut world = World::new(dag("step q = human.ask<\"low\" | \"high\">(question: \"never\")\nreturn q"));
    world.start();
    let answer = |value| EventKind::Answered { step: step("q"), value, login: None };
    assert!(!world.apply_by("ann", answer(Value::text("medium"))));
    assert!(!world.apply_by("ann", answer(Value::Int(1))));
    assert!(world.apply_by("ann", answer(Value::text("low"))));
    assert_eq!(shown(&world.finish()), "\"low\"");
}

#[test]
fn deadlines_that_stand_still_survive_a_restart() {
    let graph = dag(
        "step d = do {\n step a = t.echo(v: 1) approve \"yes 500\"\n return a\n} deadline 100ms\nreturn d",
    );
    let mut first = World::new(graph.clone());
    first.start();
    let mut world = World::resumed(graph, &first.events);
    world.now = time(0) + SignedDuration::from_millis(400);
    world.apply(EventKind::Resumed);
    assert_eq!(shown(&world.finish()), "1");
    assert_eq!(world.took_ms(), 510);
}
