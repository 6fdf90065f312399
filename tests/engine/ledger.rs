//! Budgets while a plan runs.

use super::world::{World, dag, shown, time};
use aos::engine::EventKind;
use std::sync::Arc;

#[track_caller]
fn run(text: &str) -> World {
    let mut world = World::new(dag(text));
    world.start();
    world.finish();
    world
}

fn end(world: &World) -> String {
    shown(world.outcome.as_ref().unwrap())
}

/// A price that is known only when it runs, so that nothing can be proven before.
const PRICE: &str = "step price = t.echo<float>(v: 0.1)\n";

fn plan(budget: &str, body: &str) -> String {
    format!("plan p() -> json? budget {budget} {{\n{PRICE}{body}\n}}")
}

#[test]
fn a_call_that_may_cost_too_much_is_not_made() {
    let items = "step f = for x in [1, 2, 3, 4, 5] {\n step s = t.pay(v: x, price: price, real: 0.1)\n return s\n}\nreturn f";
    let world = run(&plan("cost 0.3 usd", items));
    assert_eq!(
        end(&world),
        "budget: with this call the plan `p` may come to 0.4 usd, its budget is 0.3 usd at f[3].s"
    );
    // One tenth three times is three tenths.
    assert_eq!(world.calls.len(), 4);
    assert_eq!(world.machine.usage().cost_usd.to_string(), "0.3");
    assert_eq!(end(&run(&plan("cost 0.5 usd", items))), "[1,2,3,4,5]");
}

#[test]
fn what_was_set_aside_and_not_used_is_free_again() {
    let cheap = "step f = for x in [1, 2, 3, 4, 5] {\n step s = t.pay(v: x, price: price, real: 0.04)\n return s\n}\nreturn f";
    assert_eq!(end(&run(&plan("cost 0.26 usd", cheap))), "[1,2,3,4,5]");
    let at_once = cheap.replace("5] {", "5] parallel 5 {");
    let world = run(&plan("cost 0.26 usd", &at_once));
    assert!(
        end(&world).starts_with("budget: with this call the plan `p` may come to 0.3 usd"),
        "{}",
        end(&world)
    );
}

#[test]
fn a_call_that_did_cost_too_much_stops_the_plan_and_is_undone() {
    let world = run(&plan(
        "cost 0.3 usd",
        "step a = t.pay(v: 1, price: price, real: 0.9) compensate t.undo(of: \"a\")\nstep b = t.echo(v: a)\nreturn b",
    ));
    assert_eq!(end(&world), "budget: the plan `p` has used 0.9 usd, its budget is 0.3 usd at a");
    assert_eq!(world.rows(), "price a a@compensate b=pending");
}

#[test]
fn tokens_and_calls() {
    let world = run(&plan(
        "tokens 100",
        "let n = int(price * 600.0)\nstep a = t.pay(v: 1, count: n)\nstep b = t.pay(v: a, count: n)\nreturn b",
    ));
    assert_eq!(
        end(&world),
        "budget: with this call the plan `p` may come to 121 tokens, its budget is 100 at b"
    );
    let world =
        run(&plan("calls 3", "step a = t.flaky(v: 1, times: 9) on_error retry 5 backoff 1ms\nreturn a"));
    assert_eq!(end(&world), "budget: with this call the plan `p` may come to 4 calls, its budget is 3 at a");
}

#[test]
fn an_error_of_the_budget_can_be_handled() {
    let world = run(&plan(
        "cost 0.15 usd",
        "step a = t.pay(v: 1, price: price, real: 0.1)\nstep b = t.pay(v: a, price: price) on_error { budget => use 7  _ => abort }\nstep c = t.echo(v: b)\nreturn c",
    ));
    assert_eq!(end(&world), "7");
}

#[test]
fn a_plan_inside_has_the_smaller_of_its_budget_and_what_is_left() {
    let text = |outer: &str, inner: &str| {
        format!(
            "plan q(price: float) -> int budget cost {inner} usd {{\n step a = t.pay(v: 1, price: price, real: 0.1)\n step b = t.pay(v: a, price: price, real: 0.1)\n return b\n}}\nplan p() -> json? budget cost {outer} usd {{\n{PRICE}step a = t.pay(v: 1, price: price, real: 0.1)\nstep s = q(price: price) depends_on [a]\nreturn s\n}}"
        )
    };
    assert_eq!(end(&run(&text("0.3", "0.2"))), "1");
    let world = run(&text("0.25", "1.0"));
    assert_eq!(
        end(&world),
        "budget: with this call the plan `p` may come to 0.3 usd, its budget is 0.25 usd at s.b"
    );
    let world = run(&text("1.0", "0.15"));
    assert_eq!(
        end(&world),
        "budget: with this call the plan `q` may come to 0.2 usd, its budget is 0.15 usd at s.b"
    );
}

#[test]
fn time_runs_out() {
    let body = "step d = t.echo<duration>(v: 5s)\nstep w = t.write(to: \"w\") compensate t.undo(of: \"w\")\nstep s = time.sleep(duration: d)\nreturn 1";
    let world = run(&plan("time 1s", body));
    assert_eq!(end(&world), "budget: the time of the plan `p` is over");
    assert_eq!(world.took_ms(), 1010);
    assert_eq!(world.rows(), "price d w w@compensate s=cancelled");
    assert_eq!(end(&run(&plan("time 10s", body))), "1");
}

/// What is undone is counted and never refused.
#[test]
fn undoing_is_never_refused() {
    let world = run(&plan(
        "calls 3, cost 0.1 usd",
        "step a = t.write(to: \"a\") compensate t.pay(v: 1, price: 9.0, real: 9.0)\nstep b = t.flaky(v: 1, times: 9) depends_on [a] on_error retry 3 backoff 1ms\nreturn b",
    ));
    assert!(
        end(&world).starts_with("budget: with this call the plan `p` may come to 4 calls"),
        "{}",
        end(&world)
    );
    assert_eq!(world.rows(), "price a a@compensate b=failed!budget");
    assert_eq!(world.machine.usage().cost_usd.to_string(), "9");
}

/// Interrupted anywhere, the same is refused.
#[test]
fn the_books_are_the_same_after_a_crash() {
    let text = plan(
        "cost 0.25 usd",
        "step f = for x in [1, 2, 3, 4] parallel 2 tolerate 3 {\n step s = t.pay(v: x, price: price, real: 0.1)\n return s\n}\nreturn f",
    );
    let dag = dag(&text);
    let mut whole = World::new(Arc::clone(&dag));
    whole.start();
    whole.finish();
    for cut in 1..=whole.events.len() {
        let mut world = World::resumed(Arc::clone(&dag), &whole.events[..cut]);
        world.apply(EventKind::Resumed);
        world.finish();
        assert_eq!(end(&world), end(&whole), "cut at {cut}");
        assert_eq!(world.machine.usage(), whole.machine.usage());
    }
    assert!(whole.now > time(0));
}
