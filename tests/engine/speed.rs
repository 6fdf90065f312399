//! What the machine costs without a driver: `cargo test --release --test main engine::speed -- --ignored --nocapture`.

use super::world::{World, dag, shown};
use std::fmt::Write as _;
use std::time::Instant;

fn timed(name: &str, text: &str, calls: u32) {
    let mut world = World::new(dag(text));
    world.record = false;
    let start = Instant::now();
    world.start();
    let end = shown(&world.finish());
    let took = start.elapsed();
    println!("{name}: {took:.1?}, {:.2?} a call, ends with {} bytes", took / calls, end.len());
}

#[test]
#[ignore = "a measurement"]
fn what_a_call_costs() {
    let (mut chain, mut fan, mut layers) =
        ("step s0 = t.echo(v: 1)\n".to_owned(), String::new(), String::new());
    for i in 1..1_000 {
        let _ = writeln!(chain, "step s{i} = t.echo(v: s{} + 1)", i - 1);
    }
    for i in 0..1_000 {
        let _ = writeln!(fan, "step s{i} = t.echo(v: {i})");
        let (layer, at) = (i / 20, i % 20);
        let above = if layer == 0 {
            "1".to_owned()
        } else {
            format!("l{}_{at} + l{}_{}", layer - 1, layer - 1, (at + 1) % 20)
        };
        let _ = writeln!(layers, "step l{layer}_{at} = t.echo(v: ({above}) % 7)");
    }
    timed("chain of 1,000", &chain, 1_000);
    timed("fan-out of 1,000", &fan, 1_000);
    timed("50 layers of 20", &layers, 1_000);
    let list = "step l = t.echo<list<int>>(v: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])\nlet h = l.map(a, l.map(b, a * 10 + b)).flatten()\nlet many = h.map(a, h.map(b, a * 100 + b)).flatten().map(a, [a, a, a, a, a, a, a, a, a, a]).flatten()";
    let items = format!(
        "{list}\nstep f = for x in many max 100_000 parallel 8 {{\n step s = t.echo(v: x)\n return s\n}}\nreturn size(f)"
    );
    timed("for of 100,000 items, 8 at once", &items, 100_000);
}
