//! Whole texts through the checker.

use super::{Analysis, check};
use crate::catalog::Catalog;
use crate::source::Sources;
use crate::syntax::parse;

const SLACK: &str = "skill slack.post(channel: trusted string, text: untrusted string) -> { ok: bool }\n  irreversible \"slack\"\n  throws rate_limited\n";

pub(super) fn analyse(text: &str) -> Analysis {
    let mut sources = Sources::default();
    let id = sources.add("t.plan", text);
    check(id, &parse(id, text), &sources, &Catalog::stdlib())
}

/// `code` or `code@place` of everything found.
fn codes(text: &str) -> Vec<String> {
    let found = analyse(text).diagnostics;
    found
        .iter()
        .filter(|d| !super::lint::is_lint(d.code))
        .map(|d| format!("{}@{}", d.code, text[d.span.range()].trim_end()))
        .collect()
}

#[track_caller]
fn clean(text: &str) {
    assert_eq!(codes(text), Vec::<String>::new(), "{text}");
}

const SAMPLE: &str = r####"
type Digest = { headline: string, bullets: list<string> }

/// Summarises the week's open issues of one repository and posts the summary.
plan weekly_digest(repo: string, channel: string = "#dev") -> Digest?
  goal "Tell the team what happened in ${repo} this week"
  budget cost 0.50 usd, tokens 200_000, time 10m
{
  step issues = http.get(url: "https://api.example.com/repos/${repo}/issues")
    timeout 10s
    on_error {
      rate_limited                                  => retry 3 backoff 500ms..10s then abort
      status when error.details.status >= 500       => retry 2
      status                                        => abort
    }

  step bodies = for issue in issues.json max 50 parallel 8 {
    step page = http.get(url: string(issue.url))
      on_error continue
    return truncate(page?.body ?? "", 4_000)
  }

  step digest = llm.extract<Digest>(
      prompt: """
        Summarise these issues for the team.
        ${bodies.join("\n---\n")}
        """,
      max_tokens: 800,
    )
    when size(bodies) > 0

  step post = slack.post(channel: channel, text: digest.headline)
    approve "Post this to ${channel}?" by "ops" within 24h
    on_error continue

  return digest
}
"####;

#[test]
fn the_sample_of_the_language_is_clean() {
    let text = format!("{SLACK}{SAMPLE}");
    clean(&text);
    let plan = analyse(&text).into_checked("weekly_digest").unwrap().into_program();
    assert_eq!(
        plan.skills.keys().map(|k| &**k).collect::<Vec<_>>(),
        ["http.get", "llm.extract", "slack.post"]
    );
    let effects = analyse(&text).summaries()[0].effects.clone();
    assert_eq!(
        effects,
        [
            "reads \"http:https://api.example.com/repos/${repo}/issues\"",
            "reads \"http:${…}\"",
            "reads \"model\"",
            "irreversible \"slack\""
        ]
    );
}

#[test]
fn every_standard_signature_is_clean() {
    for row in crate::catalog::STDLIB {
        // A standard skill cannot be declared again, so the files are read under another name.
        let text = row.text.replace(&format!("skill {}.", row.namespace), "skill x.");
        clean(&text);
    }
}

const SKILLS: &str = r#"
skill w.put(x: trusted string) -> string
  writes "w:${x}"
  throws full
skill w.safe(x: trusted string) -> string
  writes "w:${x}"
  idempotent
skill r.one(x: string, y: int = 1) -> string
  reads "r"
  throws gone(why: string) | busy
skill r.pair(x: string, z: string) -> string
  reads "r"
skill g.make<T>(x: string) -> T
"#;

/// Pairs of statements in a plan body and the code that is expected; `""` is clean.
const BODIES: &[(&str, &str)] = &[
    ("step a = r.one(\"x\")", ""),
    ("step a = r.one(x: \"x\", y: 2)", ""),
    ("step a = r.two(x: \"x\")", "unknown-skill@r.two"),
    ("step a = r.one(xs: \"x\")", "unknown-argument@xs"),
    ("step a = r.one(y: 2)", "missing-argument@r.one"),
    ("step a = r.one(x: \"x\", x: \"y\")", "duplicate-argument@x: \"y\""),
    ("step a = r.pair(x: \"x\", x: \"y\")", "duplicate-argument@x: \"y\""),
    ("step a = r.one(\"x\", 2)", "positional-argument@\"x\" positional-argument@2"),
    ("step a = r.one(x: 1)", "argument-type@1"),
    ("step a = r.one<int>(x: \"x\")", "type-arguments@int"),
    ("step a = g.make<int>(x: \"x\")", ""),
    ("step a = g.make(x: \"x\")", "unbound-type-parameter@g.make"),
    ("step a = r.one(x: b)\n step b = r.one(x: \"x\")", "used-before-defined@b"),
    ("step a = r.one(x: b)\n step b = r.one(x: a)", "step-cycle@b"),
    ("step a = r.one(x: a)", "step-cycle@a"),
    ("step a = r.one(x: \"x\")\n step a = r.one(x: \"x\")", "duplicate-name@a"),
    ("step a = r.one(x: \"x\")\n step b = do { step a = r.one(x: \"x\") }", "shadowed-name@a"),
    ("step a = r.one(x: \"x\")\n step b = do { step c = r.one(x: a) return c }\n let d = b", ""),
    ("step b = do { step c = r.one(x: \"x\") return c }\n let d = c", "unknown-name@c"),
    ("step a = r.one(x: \"x\") depends_on [b]", "unknown-name@b"),
    ("step a = r.one(x: \"x\") when true when false", "duplicate-clause@when false"),
    ("step a = do { } timeout 5s", "misplaced-clause@timeout 5s"),
    ("step a = do { } on_error retry 2", "misplaced-clause@retry 2"),
    ("step a = do { } on_error continue", ""),
    ("step a = w.put(x: \"x\") cache 5s", "misplaced-clause@cache 5s"),
    ("step a = r.one(x: \"x\") on_error { gone => abort busy => abort }", ""),
    ("step a = r.one(x: \"x\") on_error { gone => abort }", "unhandled-error@on_error"),
    (
        "step a = r.one(x: \"x\") on_error { gone => abort busy when true => abort }",
        "unhandled-error@on_error",
    ),
    ("step a = r.one(x: \"x\") on_error { gone => abort _ => abort }", ""),
    ("step a = r.one(x: \"x\") on_error { gome => abort _ => abort }", "unknown-error-kind@gome"),
    ("step a = r.one(x: \"x\") on_error { full => abort _ => abort }", "dead-handler@full"),
    ("step a = r.one(x: \"x\") on_error { _ => abort gone => abort }", "dead-handler@gone"),
    ("step a = r.one(x: \"x\") on_error { expired => retry 2 _ => abort }", "dead-handler@expired"),
    ("step a = r.one(x: \"x\") on_error { gone as e => use e.details.why _ => abort }", ""),
    ("step a = r.one(x: \"x\") on_error { gone => use error.details.whi _ => abort }", "unknown-field@whi"),
    ("step a = r.one(x: \"x\") on_error use 1", "type-mismatch@1"),
    ("step a = r.one(x: \"x\") on_error use \"n\"", ""),
    ("step a = r.one(x: \"x\") on_error fallback w.safe(x: \"x\") then continue", ""),
    (
        "step a = r.one(x: \"x\") on_error fallback g.make<int>(x: \"x\")",
        "type-mismatch@g.make<int>(x: \"x\")",
    ),
    ("step a = w.put(x: \"x\") on_error retry 2", "unsafe-retry@retry 2"),
    ("step a = w.safe(x: \"x\") on_error retry 2", ""),
    (
        "step a = r.one(x: \"x\") deadline 5s on_error retry 3 backoff 2s",
        "impossible-deadline@retry 3 backoff 2s",
    ),
    ("step a = time.sleep(10s) deadline 5s", "impossible-deadline@5s"),
    ("step a = time.sleep(1s) deadline 5s", ""),
    ("step a = for x in [1, 2] { }", ""),
    ("step a = for x in l { }", "unbounded-for@l"),
    ("step a = for x in l max 3 { }", ""),
    ("step a = for x in l first 3 parallel 2 tolerate 10% { }", ""),
    ("// allow(unbounded-for): it is short\n step a = for x in l { }", ""),
    (
        "// allow(unbounded-for): why\n step a = for x in l max 3 { }",
        "unused-allow@// allow(unbounded-for): why",
    ),
    ("// allow(unbounded-for)\n step a = for x in l max 3 { }", "bad-allow@// allow(unbounded-for)"),
    ("// allow(unbound-for): x\n step a = for x in l max 3 { }", "bad-allow@// allow(unbound-for): x"),
    ("// allow(unknown-skill): x\n step a = do { }", "bad-allow@// allow(unknown-skill): x"),
    ("step a = for x in j max 3 { return x.name }", ""),
    ("step a = for x in n max 3 { }", "type-mismatch@n"),
    ("step a = for x in l max 3 { step b = w.safe(x: x) key \"k\" }", "constant-key@\"k\""),
    ("step a = for x in l max 3 { step b = w.safe(x: x) key x }", ""),
    ("step a = match k { \"a\" => { } \"b\" => { } }", ""),
    ("step a = match k { \"a\" => { } }", "not-exhaustive@k"),
    ("step a = match k { \"a\" => { } \"b\" => { } _ => { } }", "dead-arm@_"),
    ("step a = match k { \"a\" => { } \"c\" => { } _ => { } }", "dead-arm@\"c\""),
    ("step a = match n { _ => { } }", "type-mismatch@n"),
    ("step a = match t { true => { } false => { } }", ""),
    ("step a = match s { \"x\" => { } }", "not-exhaustive@s"),
    ("step a = race { do { step b = r.one(x: s) } do { step c = w.put(x: s) } }", "race-writes@w.put(x: s)"),
    ("step a = race { do { step b = r.one(x: s) } do { step c = w.put(x: s) compensate w.put(x: s) } }", ""),
    ("step a = loop x = 0 max 3 { return x + 1 until it > 2 }", ""),
    ("step a = loop x = 0 max 3 { return \"x\" until true }", "type-mismatch@\"x\""),
    ("step a = do { return 1 until true }", "misplaced-clause@true"),
    ("step a = do { return 1\n step b = r.one(x: s) }", "misplaced-return@return 1"),
    ("step a = r.one(x: s)\n require succeeded(a) else \"m\"", ""),
    ("step a = r.one(x: s) when t\n require a == \"x\" else \"m\"", "maybe-missing@a"),
    ("step a = r.one(x: s)\n step b = r.one(x: s) when failed(a)", "dead-condition@failed(a)"),
    ("step a = r.one(x: s) on_error continue\n step b = r.one(x: s) when failed(a)", ""),
    ("require n > 0 else bad \"no\"", ""),
    ("let a = http.get(url: s)", "call-in-expression@http.get(url: s)"),
];

#[test]
fn bodies() {
    let mut wrong = Vec::new();
    for (text, wanted) in BODIES {
        let text = format!(
            "{SKILLS}plan p(l: list<string>, j: json, n: int, s: string, t: bool, k: \"a\" | \"b\") {{\n {text}\n}}\n"
        );
        let found = codes(&text).join(" ");
        if &found != wanted {
            wrong.push(format!("{text}\n  wanted {wanted}\n  found  {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Whole files and the code that is expected.
const FILES: &[(&str, &str)] = &[
    ("plan p() -> int { return 1 }", ""),
    ("plan p() -> int { return \"x\" }", "type-mismatch@\"x\""),
    ("plan p() -> int { }", "type-mismatch@int"),
    ("plan p() -> int? { }", ""),
    ("plan p() { return 1 }", "type-mismatch@1"),
    ("plan p() { } plan p() { }", "duplicate-name@p"),
    ("type A = int type A = int plan p() { }", "duplicate-name@A"),
    ("type int = string plan p() { }", "reserved-name@int"),
    ("type A = list<B> type B = list<A> plan p() { }", "type-cycle@A"),
    ("type A = list<B> type B = { x: int } plan p(a: A) -> int { return a[0].x }", ""),
    ("plan p() { step a = p() }", "plan-cycle@p"),
    ("plan p() { step a = q() } plan q() { step a = p() }", "plan-cycle@p"),
    ("plan p() { step a = q() } plan q() { }", ""),
    ("plan p() { } test \"t\" for p { }", ""),
    ("plan p() { } test \"t\" for q { }", "no-such-plan@q"),
    (
        "plan p(x: int) { step a = http.get(url: \"u\") } test \"t\" for p { input { x: 1 } mock http.get => throw rate_limited }",
        "",
    ),
    (
        "plan p(x: int) { } test \"t\" for p { input { x: 1 } mock http.get => throw rate_limited }",
        "unused-mock@http.get",
    ),
    ("plan p(x: int) { } test \"t\" for p { input { y: 1 } }", "unknown-argument@y"),
    ("plan p() { } test \"t\" for p { mock http.gte => 1 }", "unknown-skill@http.gte"),
    ("plan p() { } test \"t\" for p { approve x }", "unknown-name@x"),
    ("skill http.get(url: string) -> int plan p() { }", "name-clash@http.get"),
    ("skill a.b(x: int, x: int) -> int", "duplicate-name@x"),
    ("skill a.b() -> int time 5s time 6s", "duplicate-clause@time 6s"),
    ("skill a.b() -> int throws x plan p() throws y { step s = a.b() }", "unhandled-error@throws y"),
    ("skill a.b() -> int throws x plan p() throws x { step s = a.b() }", ""),
    ("skill a.b() -> int plan p(t: bool) -> int { step s = a.b() when t return s }", "maybe-missing@s"),
    ("skill a.b() -> int plan p(t: bool) -> int { step s = a.b() when t return s ?? 1 }", ""),
    ("skill a.b() -> int plan p(t: bool) -> int? { step s = a.b() when t return s }", ""),
    ("plan p(l: list<int>) budget calls 5 { step a = for x in l { } }", "unbounded-for@l"),
    ("plan p() concurrency 0 { }", "bad-literal@0"),
];

#[test]
fn files() {
    let mut wrong = Vec::new();
    for (text, wanted) in FILES {
        let found = codes(text).join(" ");
        if &found != wanted {
            wrong.push(format!("{text}\n  wanted {wanted}\n  found  {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_budget_makes_an_unbounded_for_an_error() {
    let found = analyse("plan p(l: list<int>) budget calls 5 { step a = for x in l { } }");
    assert!(found.has_errors());
}

#[test]
fn throws_and_effects_of_called_plans_reach_their_callers() {
    let text = format!(
        "{SKILLS}plan q(y: trusted string) {{ step a = w.put(x: y) }}\nplan p() {{ step a = q(y: \"k\") }}\n"
    );
    let analysis = analyse(&text);
    assert_eq!(analysis.default_plan().map(|p| &**p), Some("p"));
    let summary = analysis.summaries();
    assert_eq!(summary[0].effects, ["writes \"w:${y}\""]);
    assert_eq!(summary[1].effects, ["writes \"w:k\""]);
    assert_eq!(&*analysis.plans["p"].throws[0].name, "full");
    assert!(analyse(&text).into_checked("nope").is_err());
    assert_eq!(analysis.into_checked("p").unwrap().program().plans.len(), 2);
}

#[test]
fn the_reordering_mends() {
    let text =
        "plan p(u: string) {\n  step b = http.get(url: a.body)\n  // first\n  step a = http.get(url: u)\n}\n";
    let found = analyse(text).diagnostics;
    let fix = &found[0].fixes[0];
    let mut edits = fix.edits.clone();
    edits.sort_by_key(|e| std::cmp::Reverse(e.span.start));
    let mut mended = text.to_owned();
    for edit in edits {
        mended.replace_range(edit.span.range(), &edit.text);
    }
    assert!(fix.safe);
    clean(&mended);
}
