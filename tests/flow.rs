//! Where untrusted, private and secret values go: one plan a rule, with what is found at which text.

use aos::catalog::Catalog;
use aos::check::flow::{Agent, Asker, Writer};
use aos::check::{UnitFile, check_unit_for};
use aos::diagnostic::Code;
use aos::source::Sources;
use aos::syntax;

const SKILLS: &str = r#"
skill web.read(url: string = "") -> untrusted { id: trusted string, text: string, n: int, ok: bool, items: list<{ id: trusted string, text: string }> }
  reads "web" throws gone
skill crm.mail(id: int = 1) -> private string
  reads "crm"
skill clean.read(x: string = "") -> string
  reads "clean" throws gone
skill pay(to: trusted string, note: untrusted string = "", amount: float = 1.0) -> { id: trusted string }
  irreversible "pay"
skill db.put(key: trusted string, value: string = "") -> null
  writes "db"
skill pub.show(what: public string) -> null
  reads "pub"
"#;

fn found_for(body: &str, asker: &Asker) -> Vec<String> {
    let text = format!("{}{body}", SKILLS.replace("skill pay(", "skill bank.pay("));
    let mut sources = Sources::default();
    let id = sources.add("t.plan", &text);
    let parse = syntax::parse(id, &text);
    let file = UnitFile { source: id, parse: &parse, uses: &[], shared: false };
    let analysis = check_unit_for(&[file], &sources, &Catalog::stdlib(), None, asker);
    let one = |d: &aos::diagnostic::Diagnostic| {
        let mark = match d.severity {
            aos::diagnostic::Severity::Error => "",
            aos::diagnostic::Severity::Warning => "?",
            aos::diagnostic::Severity::Info => "~",
        };
        format!("{mark}{}@{}", d.code, sources.slice(d.span))
    };
    // What is unused here is no matter.
    let flow = |d: &&aos::diagnostic::Diagnostic| {
        d.is_error() || matches!(d.code, Code::UntrustedControl | Code::PrivateLeak)
    };
    analysis.diagnostics.iter().filter(flow).map(one).collect()
}

fn found(body: &str) -> Vec<String> {
    found_for(&format!("plan p(free: string, odd: untrusted string) {{\n{body}\n}}"), &Asker::default())
}

#[track_caller]
fn clean(body: &str) {
    assert_eq!(found(body), Vec::<String>::new(), "{body}");
}

#[track_caller]
fn bad(body: &str, wanted: &[&str]) {
    assert_eq!(found(body), wanted, "{body}");
}

#[test]
fn content_follows_data() {
    clean("step a = web.read() step b = bank.pay(to: free, note: a.text)");
    clean("step a = web.read() step b = bank.pay(to: a.id)");
    bad("step a = web.read() step b = bank.pay(to: a.text)", &["untrusted-flow@a.text"]);
    bad("step b = bank.pay(to: odd)", &["untrusted-flow@odd"]);
    bad("let x = \"to ${odd}\" step b = bank.pay(to: x.trim())", &["untrusted-flow@x.trim()"]);
    bad("step a = clean.read(x: odd) step b = bank.pay(to: a)", &["untrusted-flow@a"]);
    clean("let r = { good: free, evil: odd } step b = bank.pay(to: r.good, note: r.evil)");
    bad("let r = { good: free, evil: odd } step b = bank.pay(to: r.evil)", &["untrusted-flow@r.evil"]);
    bad(
        "step a = web.read() step b = bank.pay(to: free, amount: float(a.n))",
        &["untrusted-flow@float(a.n)"],
    );
    bad(
        "step a = web.read() step b = db.put(key: a.items.map(i, i.text).join(\",\"))",
        &["untrusted-flow@a.items.map(i, i.text).join(\",\")"],
    );
}

#[test]
fn choice_is_told_apart() {
    bad(
        "step a = web.read() step b = bank.pay(to: a.ok ? \"x\" : \"y\")",
        &["untrusted-control@a.ok ? \"x\" : \"y\""],
    );
    bad(
        "step a = web.read() step b = bank.pay(to: \"${a.ok ? \"x\" : \"y\"}!\")",
        &["untrusted-flow@\"${a.ok ? \"x\" : \"y\"}!\""],
    );
    bad(
        "step a = web.read() step b = bank.pay(to: [\"x\", \"y\"][a.n])",
        &["untrusted-control@[\"x\", \"y\"][a.n]"],
    );
    bad(
        "step a = web.read() step b = db.put(key: \"k\") when a.ok",
        &["~untrusted-control@db.put(key: \"k\")"],
    );
}

#[test]
fn control_follows_conditions_loops_and_errors() {
    let pay = "untrusted-control@bank.pay(to: free)";
    bad("step a = web.read() step b = bank.pay(to: free) when a.ok", &[pay]);
    bad("step a = web.read() step b = bank.pay(to: free) when size(a.text) > 3", &[pay]);
    bad("step a = web.read() step b = if a.ok { step c = bank.pay(to: free) }", &[pay]);
    bad("step a = web.read() step b = if a.ok { } else { step c = bank.pay(to: free) }", &[pay]);
    bad("step a = web.read() step b = for i in a.items max 3 { step c = bank.pay(to: free) }", &[pay]);
    clean("step a = web.read() step b = for i in [1, 2] { step c = bank.pay(to: free) }");
    bad(
        "step a = web.read() step k = clean.read() when a.ok step b = bank.pay(to: k)",
        &["untrusted-control@bank.pay(to: k)"],
    );
    bad(
        "step a = web.read() step k = clean.read() when a.ok step b = bank.pay(to: free) when succeeded(k)",
        &[pay],
    );
    bad("step a = clean.read(x: odd) on_error use \"\" step b = bank.pay(to: a)", &["untrusted-flow@a"]);
    bad("step w = clean.read() on_error use odd step b = bank.pay(to: w)", &["untrusted-flow@w"]);
    clean("step a = web.read() require a.ok else \"no\" step b = bank.pay(to: free) depends_on [a]");
    clean("step a = web.read() on_error continue step b = bank.pay(to: free) when failed(a)");
    bad(
        "step l = loop x = \"a\" max 3 { step a = web.read() return a.text } step b = bank.pay(to: l)",
        &["untrusted-flow@l"],
    );
}

#[test]
fn people_and_reasons_lift() {
    clean("step a = web.read() step b = bank.pay(to: a.text) when a.ok approve \"pay?\"");
    clean(
        "step a = web.read() step r = human.review(value: a.text, question: \"ok?\") step b = bank.pay(to: r)",
    );
    clean("step b = bank.pay(to: endorse(odd, \"checked by hand\"))");
    clean("step m = crm.mail() step s = pub.show(what: declassify(m, \"it is known\"))");
    bad(
        "step a = web.read() step x = llm.extract<{ to: trusted string }>(prompt: a.text) step b = bank.pay(to: x.to)",
        &["untrusted-flow@x.to"],
    );
}

#[test]
fn private_and_secret_values_stay() {
    bad("step m = crm.mail() step s = pub.show(what: m)", &["private-leak@m"]);
    bad(
        "step m = crm.mail() step s = pub.show(what: \"x\") when m == \"a\"",
        &["?private-leak@pub.show(what: \"x\")"],
    );
    clean("step a = http.get(url: \"https://a.b\", headers: { k: \"Bearer ${secret(\"T\")}\" })");
    bad(
        "step a = http.get(url: \"https://a.b/${secret(\"T\")}\")",
        &["secret-leak@\"https://a.b/${secret(\"T\")}\""],
    );
    bad("let s = secret(\"T\") step a = clean.read(x: s)", &["secret-leak@s"]);
    bad("step a = clean.read() when secret(\"T\") == \"x\"", &["secret-leak@secret(\"T\") == \"x\""]);
    bad("require true else \"no ${secret(\"T\")}\"", &["secret-leak@\"no ${secret(\"T\")}\""]);
}

#[test]
fn called_plans_are_followed() {
    let inner =
        "plan q(x: string, y: string = \"\") -> string { step z = bank.pay(to: x, note: y) return z.id }\n";
    let p = |body: &str| {
        found_for(&format!("{inner}plan p(odd: untrusted string) {{ {body} }}"), &Asker::default())
    };
    assert_eq!(p("step a = q(x: \"me\", y: odd)"), Vec::<String>::new());
    assert_eq!(p("step a = q(x: odd)"), ["untrusted-flow@q(x: odd)"]);
    assert_eq!(p("step a = q(x: \"me\") when odd == \"\""), ["untrusted-control@q(x: \"me\")"]);
    let through = "plan id(x: string) -> string { return x }\n";
    let text = format!(
        "{through}plan p(odd: untrusted string) {{ step a = id(x: odd) step b = bank.pay(to: a) step c = id(x: \"m\") step d = bank.pay(to: c) }}"
    );
    assert_eq!(found_for(&text, &Asker::default()), ["untrusted-flow@a"]);
    // What a called plan read itself is as untrusted as what it was given, also where another plan uses it.
    let reads = "plan r() -> { body: string, ok: bool } { step w = web.read(url: \"u\") return { body: w.text, ok: w.text == \"\" } }\nplan whole() -> { text: string } { step w = web.read(url: \"u\") return w }\nplan s(to: string) { step z = bank.pay(to: to) }\nplan r2() -> { body: string, ok: bool } { step a = r() return a }\n";
    let p = |body: &str| found_for(&format!("{reads}plan p() {{ {body} }}"), &Asker::default());
    assert_eq!(p("step a = r() step b = bank.pay(to: a.body)"), ["untrusted-flow@a.body"]);
    assert_eq!(p("step a = r2() step b = bank.pay(to: a.body)"), ["untrusted-flow@a.body"]);
    assert_eq!(p("step a = whole() step b = bank.pay(to: a.text)"), ["untrusted-flow@a.text"]);
    assert_eq!(p("step a = r() step b = s(to: a.body)"), ["untrusted-flow@s(to: a.body)"]);
    assert_eq!(
        p("step a = r() step b = bank.pay(to: \"me\") when a.ok"),
        ["untrusted-control@bank.pay(to: \"me\")"]
    );
    let inside = "plan q() -> string { step w = web.read(url: \"u\") step z = bank.pay(to: w.text) return z.id }\nplan p() { step a = q() }";
    assert_eq!(found_for(inside, &Asker::default()), ["untrusted-flow@w.text"]);
    let declared = "plan t(x: trusted string) { step z = bank.pay(to: x) }\nplan p(odd: untrusted string) { step a = t(x: odd) }";
    assert_eq!(found_for(declared, &Asker::default()), ["untrusted-flow@odd"]);
    let result = "plan p(odd: untrusted string) -> trusted string { return odd }";
    assert_eq!(found_for(result, &Asker::default()), ["untrusted-flow@odd"]);
}

#[test]
fn what_lets_a_body_fail_decides_too() {
    let pay = "untrusted-control@bank.pay(to: \"me\")";
    let odd = "step w = web.read() require w.ok else \"no\"";
    bad(
        &format!("step a = do {{ {odd} }} on_error continue step b = bank.pay(to: \"me\") when failed(a)"),
        &[pay],
    );
    bad(
        &format!("step a = do {{ {odd} return \"me\" }} on_error use \"you\" step b = bank.pay(to: a)"),
        &["untrusted-control@a"],
    );
    bad(
        &format!(
            "step a = for x in [1, 2] tolerate 1 {{ {odd} return 1 }} step b = bank.pay(to: \"me\") when a[0] != null"
        ),
        &[pay],
    );
    let called = format!(
        "plan q() {{ {odd} }}\nplan p() {{ step a = q() on_error continue step b = bank.pay(to: \"me\") when failed(a) }}"
    );
    assert_eq!(found_for(&called, &Asker::default()), [pay]);
    bad(
        "step a = do { step c = clean.read() when odd == \"\" } on_error continue step b = bank.pay(to: \"me\") when failed(a)",
        &[pay],
    );
    bad(
        "step a = loop n = 0 max 3 { return n + 1 until odd == \"\" } on_error continue step b = bank.pay(to: \"me\") when failed(a)",
        &[pay],
    );
    clean(
        "step a = do { step c = clean.read(x: odd) on_error continue } on_error continue step b = bank.pay(to: \"me\") when failed(a)",
    );
    clean(&format!("step a = do {{ {odd} }} on_error continue step b = bank.pay(to: \"me\")"));
    clean(&format!("step a = do {{ {odd} return \"me\" }} step b = bank.pay(to: a)"));
    clean(
        "step a = do { step c = clean.read() } on_error continue step b = bank.pay(to: \"me\") when failed(a)",
    );
}

#[test]
fn the_asker_counts() {
    let agent = Agent {
        name: "triager".into(),
        grants: vec!["web.*".into(), "bank.pay".into()],
        deny: vec!["web.write".into()],
        may_endorse: vec!["bank.pay.to".into()],
    };
    let asker =
        Asker { agent: Some(agent), written_by: Some(Writer::Model), untrusted_context: false, people: None };
    let plan =
        "plan p(odd: untrusted string) { step a = bank.pay(to: endorse(odd, \"ok\")) step b = clean.read() }";
    assert_eq!(found_for(plan, &asker), ["skill-not-granted@clean.read()"]);
    let lifted = "plan p(odd: untrusted string) { let x = endorse(odd, \"ok\") step a = bank.pay(to: x) }";
    assert_eq!(found_for(lifted, &asker), ["may-not-endorse@endorse(odd, \"ok\")"]);
    let doubted = Asker { untrusted_context: true, ..Asker { agent: None, ..asker } };
    let literal = "plan p(you: string) { step a = bank.pay(to: \"me\") step b = bank.pay(to: \"me\") approve \"pay?\" step c = bank.pay(to: you) }";
    assert_eq!(found_for(literal, &doubted), ["untrusted-flow@\"me\""]);
    let person = Asker { written_by: Some(Writer::Person), ..doubted };
    assert_eq!(found_for(literal, &person), Vec::<String>::new());
}
