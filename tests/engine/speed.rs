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

/// Pages of memory that the process has, in bytes.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap() * 4096
}

/// `cargo test --release --test main -- --ignored --nocapture a_run_grows`: per step it takes as long and as much memory, however
/// many there are.
#[test]
#[ignore = "a measurement"]
fn a_run_grows_in_proportion() {
    let mut per_step = Vec::new();
    for items in [12_500_u64, 25_000, 50_000] {
        let list = (0..items).map(|i| aos::value::Value::Int(i as i64 % 10)).collect::<Vec<_>>();
        let text = "plan p(l: list<int>) -> json? {\nstep f = for x in l max 100_000 parallel 64 tolerate 100% {\n step a = t.put(to: \"${x}\", v: x) compensate t.undo(of: \"${x}\", v: a)\n step b = t.flaky(v: a, times: x / 9)\n return b\n}\nreturn size(f)\n}";
        let before = resident();
        let mut world = World::new(dag(text));
        world.record = false;
        let start = Instant::now();
        world.start_with([("l".into(), aos::value::Value::list(list))].into_iter().collect());
        let end = shown(&world.finish());
        let took = start.elapsed();
        let memory = resident().saturating_sub(before);
        let report = Instant::now();
        let rows = world.machine.report().len() as u64;
        println!(
            "{items} items, {rows} rows: {took:.1?}, {:.2?} and {} bytes a row; the report takes {:.1?}; ends with {end}",
            took / rows as u32,
            memory / rows,
            report.elapsed()
        );
        per_step.push((took.as_nanos() as u64 / rows, memory / rows));
    }
    let (first, last) = (per_step[0], per_step[2]);
    assert!(last.0 < first.0 * 2, "time grows faster than the steps: {per_step:?} ns, bytes");
    assert!(last.1 < first.1 * 3 / 2, "memory grows faster than the steps: {per_step:?} ns, bytes");
}
