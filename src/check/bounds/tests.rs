use super::*;
use crate::catalog::Catalog;
use crate::check::{Analysis, check};
use crate::source::Sources;
use crate::syntax;

const SKILLS: &str = "skill a.one(n: int = 1, t: string = \"\") -> int
  throws busy
  cost n * 0.1 usd
  tokens n * 10
  time 1s
skill a.put(to: string) -> int
  writes \"${to}\"
  idempotent
  time 2s
";

fn analyse(text: &str) -> Analysis {
    let text = format!("{SKILLS}{text}\n");
    let mut sources = Sources::default();
    let id = sources.add("t.plan", &text);
    check(id, &syntax::parse(id, &text), &sources, &Catalog::stdlib())
}

#[track_caller]
fn of(text: &str) -> (String, String) {
    let analysis = analyse(text);
    let errors: Vec<_> = analysis.diagnostics.iter().filter(|d| d.is_error()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let bounds = bounds(&analysis.plans, &analysis.skills);
    let (_, last) = bounds.last().unwrap();
    let path: Vec<&str> = last.path.iter().map(|n| &**n).collect();
    let text = Bounds { path: Vec::new(), ..last.clone() }.to_string();
    (text, path.join(" "))
}

#[track_caller]
fn is(text: &str, want: &str, path: &str) {
    assert_eq!(of(text), (want.to_owned(), path.to_owned()), "{text}");
}

#[test]
fn calls_chains_and_parallel_steps() {
    is("plan p() { step x = a.one() step y = a.one(n: 3) }", "0.4 usd, 40 tokens, 2 calls, 1s", "x");
    is(
        "plan p() { step x = a.one() step y = a.one(n: 2, t: \"${x}\") }",
        "0.3 usd, 30 tokens, 2 calls, 2s",
        "x y",
    );
    is(
        "plan p() { step x = a.put(to: \"k\") step y = a.put(to: \"k\") }",
        "0 usd, 0 tokens, 2 calls, 4s",
        "x y",
    );
    is(
        "plan p() { step x = a.put(to: \"k\") step y = a.put(to: \"l\") }",
        "0 usd, 0 tokens, 2 calls, 2s",
        "x",
    );
    is(
        "plan p() concurrency 1 { step x = a.one() step y = a.one() }",
        "0.2 usd, 20 tokens, 2 calls, 3s",
        "x",
    );
}

#[test]
fn retries_fallbacks_and_deadlines() {
    let retried = "plan p() { step x = a.one() on_error retry 3 backoff 1s..3s }";
    is(retried, "0.4 usd, 40 tokens, 4 calls, 10s", "x");
    let capped = "plan p() { step x = a.one() deadline 5s on_error retry 3 backoff 1s..3s }";
    is(capped, "0.4 usd, 40 tokens, 4 calls, 5s", "x");
    let fallback = "plan p() { step x = a.one() on_error fallback a.one(n: 5) }";
    is(fallback, "0.6 usd, 60 tokens, 2 calls, 2s", "x");
    let both =
        "plan p() { step x = a.one() on_error { busy => retry 1 backoff 1s  _ => retry 2 backoff 1s } }";
    is(both, "0.4 usd, 40 tokens, 4 calls, 7s", "x");
}

#[test]
fn regions() {
    let f = "plan p(l: list<int>) { step f = for x in l max 10 parallel 4 { step y = a.one() } }";
    is(f, "1 usd, 100 tokens, 10 calls, 3s", "f y");
    is(
        "plan p() { step f = for x in [1, 2, 3] { step y = a.one() } }",
        "0.3 usd, 30 tokens, 3 calls, 3s",
        "f y",
    );
    let typed = "plan p(l: list<int> where (size(it) <= 5)) { step f = for x in l { step y = a.one() } }";
    is(typed, "0.5 usd, 50 tokens, 5 calls, 5s", "f y");
    let i = "plan p(b: bool) { step i = if b { step y = a.one(n: 4) } else { step z = a.put(to: \"k\") } }";
    is(i, "0.4 usd, 40 tokens, 1 call, 2s", "i z");
    let sub = "plan q() { step y = a.one() } plan p() { step s = q() step t = q() depends_on [s] }";
    is(sub, "0.2 usd, 20 tokens, 2 calls, 2s", "s y t y");
    let l = "plan p() { step l = loop n = 0 max 4 { step y = a.one() return n + 1 until it > 3 } }";
    is(l, "0.4 usd, 40 tokens, 4 calls, 4s", "l y");
}

#[test]
fn loops_wait_between_their_rounds() {
    let l = "plan p() { step l = loop n = 0 max 4 every 10s { step y = a.one() return n + 1 until it > 3 } }";
    is(l, "0.4 usd, 40 tokens, 4 calls, 34s", "l y");
    let once = "plan p() { step l = loop n = 0 max 1 every 1h { step y = a.one() return n + 1 } }";
    is(once, "0.1 usd, 10 tokens, 1 call, 1s", "l y");
}

#[test]
fn a_race_uses_what_all_branches_use_and_lasts_as_long_as_the_slowest() {
    let r = "plan p() { step r = race { do { step y = a.one(n: 2) return y } do { step z = a.one() step w = a.one(t: \"${z}\") return w } } }";
    is(r, "0.4 usd, 40 tokens, 3 calls, 2s", "r");
}

/// Six attempts of 2s and the waits 1 + 2 + 4 + 8 + 16 s for each, one compensation after the other; a deadline cuts none.
#[test]
fn undoing_is_added_at_the_end() {
    let one = "plan p() { step x = a.put(to: \"k\") compensate a.put(to: \"k\") }";
    is(one, "0 usd, 0 tokens, 7 calls, 45s", "x");
    let two = "plan p() { step x = a.put(to: \"k\") compensate a.put(to: \"k\") step y = a.put(to: \"l\") compensate a.put(to: \"l\") }";
    is(two, "0 usd, 0 tokens, 14 calls, 1m28s", "x");
    let items = "plan p() { step f = for x in [1, 2, 3] parallel 3 { step w = a.put(to: \"${x}\") compensate a.put(to: \"${x}\") } deadline 1s }";
    is(items, "0 usd, 0 tokens, 21 calls, 2m11s", "f w");
    let sub = "plan q() { step x = a.put(to: \"k\") compensate a.put(to: \"k\") } plan p() { step s = q() on_error retry 1 backoff 1s }";
    is(sub, "0 usd, 0 tokens, 14 calls, 1m31s", "s x");
    let priced = "plan p() budget cost 0.6 usd { step x = a.put(to: \"k\") compensate a.one() }";
    assert_eq!(analyse(priced).diagnostics.len(), 0);
    let over = "plan p() budget cost 0.59 usd { step x = a.put(to: \"k\") compensate a.one() }";
    assert_eq!(analyse(over).diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), [Code::BudgetAtRisk]);
}

#[test]
fn no_bound() {
    is("plan p(n: int) { step x = a.one(n: n) }", "unbounded cost, unbounded tokens, 1 call, 1s", "x");
    let typed = "plan p(n: int where (it <= 7 && it >= 0)) { step x = a.one(n: n) }";
    is(typed, "0.7 usd, 70 tokens, 1 call, 1s", "x");
    let big = "plan p() { step f = for x in [1] { step y = a.one(n: 1_000_000_000) } }";
    assert!(of(big).0.starts_with("100000000 usd, 10000000000 tokens"), "{:?}", of(big));
    let huge = "plan p() { step y = a.one(n: 9_223_372_036_854_775_807) }";
    assert!(of(huge).0.starts_with("unbounded cost, unbounded tokens"), "{:?}", of(huge));
    let nested = "plan p(l: list<int>) { step f = for x in l max 9_000_000_000_000_000_000 { step g = for y in l max 9_000_000_000_000_000_000 { step h = a.one(n: 9_000_000_000_000_000_000) } } }";
    assert!(of(nested).0.starts_with("unbounded cost, unbounded tokens"), "{:?}", of(nested));
}

#[test]
fn budgets() {
    let codes = |text: &str| -> Vec<Code> {
        let found = analyse(text).diagnostics;
        found.iter().map(|d| d.code).filter(|c| !crate::check::lint::is_lint(*c)).collect()
    };
    assert_eq!(codes("plan p() budget cost 0.1 usd, calls 1, tokens 10, time 1s { step x = a.one() }"), []);
    assert_eq!(codes("plan p() budget cost 0.09 usd { step x = a.one() }"), [Code::BudgetExceeded]);
    let retried = "plan p() budget calls 3 { step x = a.one() on_error retry 3 }";
    assert_eq!(codes(retried), [Code::BudgetAtRisk]);
    assert_eq!(codes("plan p(n: int) budget tokens 5 { step x = a.one(n: n) }"), [Code::UnboundedBudget]);
    let either = "plan p(b: bool) budget calls 1 { step x = a.one() when b step y = a.one() when !b }";
    assert_eq!(codes(either), [Code::BudgetAtRisk]);
    let shown =
        analyse("plan p() budget time 1s { step x = a.one() step y = a.one(t: \"${x}\") }").diagnostics;
    let places: Vec<&str> = shown[0].labels.iter().map(|l| &*l.message).collect();
    assert_eq!(places, ["`x`: up to 1s", "`y`: up to 1s"]);
}
