//! Expressions in one small world: the type they get, or the codes of what is wrong.

use super::cx::{Cx, Globals, MayMiss, Role};
use super::hir::VarKind;
use crate::diagnostic::Diagnostic;
use crate::source::{SourceId, Span};
use crate::syntax::ast::Ident;
use crate::syntax::{parse_expr, parse_type};
use crate::types::Type;
use std::sync::Arc;

const TYPES: &[(&str, &str)] = &[
    ("Person", "{ name: string, email: string?, nick?: string }"),
    ("Issue", "{ id: int, title: string, body?: string, labels: list<string>, author: Person? }"),
    ("Level", r#""low" | "mid" | "high""#),
    ("Email", r#"string where (matches(it, "^[^@]+@[^@]+$"))"#),
    ("Port", "int where (it > 0 && it < 65_536)"),
    ("Pair", "list<int> where (size(it) <= 2)"),
];

const VARS: &[(&str, &str)] = &[
    ("i", "int"),
    ("f", "float"),
    ("s", "string"),
    ("b", "bool"),
    ("n", "int?"),
    ("sn", "string?"),
    ("bn", "bool?"),
    ("j", "json"),
    ("xs", "list<int>"),
    ("ss", "list<string>"),
    ("xsn", "list<int?>"),
    ("lsn", "list<string>?"),
    ("m", "map<int>"),
    ("issue", "Issue"),
    ("maybe", "Issue?"),
    ("issues", "list<Issue>"),
    ("lvl", "Level"),
    ("lvln", "Level?"),
    ("fl", "file"),
    ("by", "bytes"),
    ("t", "timestamp"),
    ("d", "duration"),
    ("mail", "Email"),
];

fn world() -> Globals {
    let mut globals = Globals::default();
    for (name, text) in TYPES {
        let (parsed, wrong) = parse_type(SourceId(9), text);
        assert!(wrong.is_empty(), "{name}: {wrong:?}");
        let mut cx = Cx::new(&globals);
        let (ty, _) = cx.resolve_type(&parsed, &[]);
        assert!(cx.diagnostics.is_empty(), "{name}: {:?}", cx.diagnostics);
        globals.types.insert((*name).into(), Type::Named { name: (*name).into(), ty: Arc::new(ty) });
    }
    globals.types.insert("Image".into(), Type::Opaque { name: "Image".into(), base: Arc::new(Type::String) });
    globals.callables = ["http.get", "slack.post", "weekly"].map(Into::into).into();
    globals.secrets = Some(["API_KEY".into()].into());
    globals
}

fn ident(name: &str) -> Ident {
    Ident { name: name.into(), span: Span::new(SourceId(9), 0, 1) }
}

fn filled(globals: &Globals) -> Cx<'_> {
    let mut cx = Cx::new(globals);
    for (name, text) in VARS {
        let (parsed, _) = parse_type(SourceId(9), text);
        let (ty, _) = cx.resolve_type(&parsed, &[]);
        cx.declare(&ident(name), VarKind::Input, ty);
    }
    let image = globals.types["Image"].clone();
    cx.declare(&ident("img"), VarKind::Input, image);
    let issue = globals.types["Issue"].clone();
    let fetch = cx.declare(&ident("fetch"), VarKind::Step, issue.clone());
    cx.set_missing(fetch, MayMiss::Yes);
    cx.declare(&ident("sure"), VarKind::Step, issue.clone());
    let cond = cx.infer(&parse_expr(SourceId(9), "b && i > 3").0, None);
    let when = cx.declare(&ident("when_b"), VarKind::Step, issue);
    cx.set_missing(when, MayMiss::When(cond));
    cx.declare_later(&[("below".into(), Span::new(SourceId(9), 5, 6))]);
    assert!(cx.diagnostics.is_empty(), "{:?}", cx.diagnostics);
    cx
}

fn run(text: &str, want: &str) -> (String, Vec<Diagnostic>) {
    let globals = world();
    let mut cx = filled(&globals);
    let (expr, wrong) = parse_expr(SourceId(0), text);
    assert!(wrong.is_empty(), "{text}: {wrong:?}");
    let checked = if want.is_empty() {
        cx.infer(&expr, None)
    } else {
        let (parsed, wrong) = parse_type(SourceId(9), want);
        assert!(wrong.is_empty(), "{want}: {wrong:?}");
        let (ty, _) = cx.resolve_type(&parsed, &[]);
        cx.expect(&expr, &ty, Role::Argument { name: "p", callee: "f", instead: None })
    };
    let mut codes: Vec<String> = cx
        .diagnostics
        .iter()
        .filter(|d| !super::lint::is_lint(d.code))
        .map(|d| d.code.name().to_owned())
        .collect();
    codes.extend(cx.later_uses.iter().map(|u| format!("later {}", u.name)));
    let result = if codes.is_empty() { checked.ty.to_string() } else { format!("! {}", codes.join(" ")) };
    (result, cx.diagnostics)
}

/// Applies the first mend.
fn mended(text: &str, want: &str) -> String {
    let (_, diagnostics) = run(text, want);
    let mut out = text.to_owned();
    let mut edits = diagnostics[0].fixes[0].edits.clone();
    edits.sort_by_key(|e| std::cmp::Reverse(e.span.start));
    for edit in edits {
        out.replace_range(edit.span.range(), &edit.text);
    }
    out
}

fn table(rows: &[(&str, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(text, expected)| {
            let (found, diagnostics) = run(text, "");
            let messages: Vec<&String> = diagnostics.iter().map(|d| &d.message).collect();
            (found != *expected)
                .then(|| format!("{text}\n  expected {expected}\n  found    {found} {messages:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn wanted(rows: &[(&str, &str, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(text, want, expected)| {
            let (found, diagnostics) = run(text, want);
            let messages: Vec<&String> = diagnostics.iter().map(|d| &d.message).collect();
            (found != *expected)
                .then(|| format!("{text} : {want}\n  expected {expected}\n  found    {found} {messages:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn literals_and_joins() {
    table(&[
        ("1", "int"),
        ("1.5", "float"),
        ("\"a\"", "string"),
        ("null", "null"),
        ("1h30m", "duration"),
        ("b\"x\"", "bytes"),
        ("[]", "list<json>"),
        ("[1, 2]", "list<int>"),
        ("[1, 2.5]", "list<float>"),
        ("[1, null]", "list<int?>"),
        ("[1, \"a\"]", "list<json>"),
        ("[[], [1]]", "list<list<int>>"),
        ("{}", "{}"),
        ("{ a: 1, \"b c\": s }", "{ a: int, \"b c\": string }"),
        ("{ [s]: 1 }", "map<int>"),
        ("{ a: 1, [s]: 2.5 }", "map<float>"),
        ("{ a: 1, a: 2 }", "! duplicate-name"),
        ("{ [xs]: 1 }", "! operator-type"),
        ("[{ a: 1 }, { a: 2.5, b: s }]", "list<{ a: float, b?: string }>"),
        ("b ? 1 : null", "int?"),
        ("b ? issue : null", "Issue?"),
        ("b ? 1 : 2.5", "float"),
        ("b ? [] : ss", "list<string>"),
        ("b ? lvl : s", "string"),
        ("s ? 1 : 2", "! type-mismatch"),
        ("j ? 1 : 2", "! needs-cast"),
    ]);
}

#[test]
fn names() {
    table(&[
        ("i", "int"),
        ("isue", "! unknown-name"),
        ("below", "! later below"),
        ("below.x.y + 1", "! later below"),
        ("None", "! unknown-name"),
        ("run.id", "string"),
        ("run.started_at", "timestamp"),
        ("run.ide", "! unknown-field"),
        ("run", "! unknown-name"),
        ("it", "! unknown-name"),
        ("weekly", "! unknown-name"),
        ("http.get", "! unknown-name"),
        ("nope + 1 == nope.x", "! unknown-name unknown-name"),
        ("type(i) == int", "bool"),
    ]);
}

#[test]
fn members_and_elements() {
    table(&[
        ("issue.id", "int"),
        ("issue.body", "string?"),
        ("issue.boddy", "! unknown-field"),
        ("issue.author.name", "! maybe-null"),
        ("issue.author?.name", "string?"),
        ("issue.author?.nick", "string?"),
        ("maybe.id", "! maybe-null"),
        ("maybe?.id", "int?"),
        ("maybe?.nope", "! unknown-field"),
        ("s.length", "! unknown-field"),
        ("s.x", "! unknown-field"),
        ("ss.first", "! unknown-field"),
        ("j.a.b[0].c", "json"),
        ("j?.a", "json"),
        ("m.a", "int"),
        ("m[\"a\"]", "int"),
        ("m[?\"a\"]", "int?"),
        ("m[1]", "! operator-type"),
        ("xs[0]", "int"),
        ("xs[?0]", "int?"),
        ("xs[s]", "! operator-type"),
        ("xs[n]", "! maybe-null"),
        ("lsn[0]", "! maybe-null"),
        ("lsn[?0]", "string?"),
        ("s[0]", "! operator-type"),
        ("issue[\"title\"]", "string"),
        ("issue[\"titel\"]", "! unknown-field"),
        ("{ a: 1, b: 2.5 }[s]", "float"),
        ("fl.name", "string"),
        ("fl.size", "int"),
        ("fl.path", "! unknown-field"),
        ("fetch.output", "! unknown-field"),
        ("fetch.result.title", "! unknown-field"),
        ("fetch.title", "string"),
        ("fetch?.title", "string?"),
        ("sure?.title", "string?"),
        ("fetch ?? issue", "Issue"),
        ("sure ?? null", "Issue?"),
    ]);
}

#[test]
fn operators() {
    table(&[
        ("i + 1", "int"),
        ("i + 1.5", "float"),
        ("i / 2", "int"),
        ("f % 2", "! operator-type"),
        ("s + \"x\"", "string"),
        ("s + 1", "! operator-type"),
        ("s + lvl", "string"),
        ("xs + [2.5]", "list<float>"),
        ("xs + []", "list<int>"),
        ("xs + 1", "! operator-type"),
        ("t + d", "timestamp"),
        ("t - t", "duration"),
        ("d - d", "duration"),
        ("d + t", "timestamp"),
        ("d * 2", "! operator-type"),
        ("-d", "duration"),
        ("-s", "! operator-type"),
        ("j + 1", "json"),
        ("j * j", "json"),
        ("j + b", "! operator-type"),
        ("n + 1", "! maybe-null"),
        ("(n ?? 0) + 1", "int"),
        ("null + 1", "! maybe-null"),
        ("i < f", "bool"),
        ("s < \"z\"", "bool"),
        ("i < s", "! operator-type"),
        ("j < 3", "bool"),
        ("n < 3", "! maybe-null"),
        ("(1 < i) == b", "bool"),
        ("i == s", "! operator-type"),
        ("i == 1.5", "bool"),
        ("n == 1", "bool"),
        ("i == null", "bool"),
        ("j == 3", "bool"),
        ("lvl == \"low\"", "bool"),
        ("lvl == \"lwo\"", "! type-mismatch"),
        ("\"higgh\" != lvln", "! type-mismatch"),
        ("lvl in [\"low\", \"mid\"]", "bool"),
        ("lvl in [\"low\", \"hi\"]", "! type-mismatch"),
        ("i in xs", "bool"),
        ("s in xs", "! operator-type"),
        ("s in m", "bool"),
        ("\"id\" in issue", "bool"),
        ("\"a\" in s", "! operator-type"),
        ("s in lsn", "! maybe-null"),
        ("b && i > 1 || !b", "bool"),
        ("b && s", "! operator-type"),
        ("b && j", "bool"),
        ("b && bn", "! maybe-null"),
        ("!xs", "! operator-type"),
        ("n ?? 1", "int"),
        ("n ?? 1.5", "float"),
        ("n ?? sn", "json"),
        ("b || (bn ?? b)", "bool"),
        ("j ?? \"\"", "json"),
    ]);
}

#[test]
fn narrowing() {
    table(&[
        ("n != null && n > 1", "bool"),
        ("n == null || n > 1", "bool"),
        ("n != null || n > 1", "! maybe-null"),
        ("n == null && n > 1", "! maybe-null"),
        ("xsn[0] != null && xsn[0] > 1", "bool"),
        ("xsn[0] != null && xsn[1] > 1", "! maybe-null"),
        ("xsn[i] == null || xsn[i] > 1", "bool"),
        ("has(issues[0].body) && issues[0].body.size() > 1", "bool"),
        ("has(issues[0].body) && issues[1].body.size() > 1", "! maybe-null"),
        ("issues.filter(x, has(x.body)).map(x, x.body.size())", "list<int>"),
        ("issues.filter(x, x.author?.email != null).all(x, x.author.email.size() > 1)", "bool"),
        ("issues.filter(x, has(x.body) || x.id > 1).map(x, x.body.size())", "! maybe-null"),
        ("issues.map(x, has(x.body), x.body.size())", "list<int>"),
        ("lvl != \"\"", "bool"),
        ("lvl != \"lwo\"", "! type-mismatch"),
        ("lvl in [\"low\", \"\"]", "bool"),
        ("n != null ? n : 0", "int"),
        ("n == null ? 0 : n", "int"),
        ("!(n == null) ? n : 0", "int"),
        ("null != n ? n : 0", "int"),
        ("n != null && b ? n : 0", "int"),
        ("n != null || b ? n : 0", "int?"),
        ("n == 3 ? n : 0", "int"),
        ("has(issue.body) ? issue.body : \"\"", "string"),
        ("has(issue.body) && issue.body.size() > 1", "bool"),
        ("!has(issue.body) || issue.body.size() > 1", "bool"),
        ("issue.author != null && issue.author.name == s", "bool"),
        ("issue.author?.name != null ? issue.author.name : s", "string"),
        ("issue.author?.name == s ? issue.author.name : s", "string"),
        ("issue.author != null && issue.author.email != null ? issue.author.email : s", "string"),
        ("maybe?.author?.email != null ? maybe.author.email : s", "string"),
        ("(bn ?? false) && bn", "bool"),
        ("(bn ?? true) && bn", "! maybe-null"),
        ("n != null ? [1].map(x, x + n) : []", "list<int>"),
        ("issues.filter(x, x.author != null && x.author.name == s)", "list<Issue>"),
        ("xsn.filter(x, x != null)", "list<int>"),
        ("xsn.map(x, x + 1)", "! maybe-null"),
        ("xsn.compact()", "list<int>"),
        ("(fetch ?? maybe) != null", "bool"),
    ]);
}

#[test]
fn functions_and_macros() {
    table(&[
        ("size(s) + s.size()", "int"),
        ("size(i)", "! operator-type"),
        ("size(sn)", "! maybe-null"),
        ("sn.size()", "! maybe-null"),
        ("sn?.size()", "int?"),
        ("sn?.size() ?? 0", "int"),
        ("string(j)", "string"),
        ("len(s)", "! unknown-function"),
        ("siz(s)", "! unknown-function"),
        ("s.toLowerCase()", "! unknown-function"),
        ("startsWith(s, \"a\")", "! unknown-function"),
        ("size(x: s)", "! unknown-argument"),
        ("math.greatest(1, 2)", "int"),
        ("math.gretest(1, 2)", "! unknown-function"),
        ("s.matches(\"(\")", "! bad-regex"),
        ("matches(s, r\"^a+$\")", "bool"),
        ("xs.map(x, x * 2)", "list<int>"),
        ("xs.map(x, x > 1, string(x))", "list<string>"),
        ("xs.filter(x, x)", "! type-mismatch"),
        ("xs.all(x, x > 1) && xs.exists(x, x == 2)", "bool"),
        ("xs.exists(i2, v, v > i2)", "bool"),
        ("m.map(k, m[k])", "list<int>"),
        ("m.filter(k, v, v > 1)", "map<int>"),
        ("m.transformMap(k, v, string(v))", "map<string>"),
        ("{ a: 1 }.all(k, k == \"a\")", "bool"),
        ("j.map(x, x.id)", "list<json>"),
        ("s.map(x, x)", "! operator-type"),
        ("lsn.map(x, x)", "! maybe-null"),
        ("lsn?.map(x, x.size())", "list<int>?"),
        ("issues.sortBy(x, x.id, x.title)", "list<Issue>"),
        ("xs.map(i, i)", "! shadowed-macro-variable"),
        ("xs.map(1, 2)", "! operator-type"),
        ("has(issue.body)", "bool"),
        ("has(maybe.body)", "bool"),
        ("has(issue.nope)", "! unknown-field"),
        ("has(issue)", "! operator-type"),
        ("has(fetch)", "! operator-type"),
        ("succeeded(fetch) && fetch.id > 1", "bool"),
        ("succeeded(issue)", "! operator-type"),
        ("failed(below)", "! later below"),
        ("skipped(ftch)", "! unknown-name"),
        ("succeeded(fetch.id)", "! operator-type"),
        ("error(fetch)?.message ?? \"\"", "string"),
        ("error(fetch).message", "! maybe-null"),
        ("failures(fetch)[0].error.kind", "string"),
        ("now() - t > 1h", "bool"),
        ("secret(\"API_KEY\")", "secret string"),
        ("\"Bearer ${secret(\"API_KEY\")}\"", "string"),
        ("secret(\"APIKEY\")", "! unknown-secret"),
        ("secret(s)", "! operator-type"),
        ("dyn(i) == s", "bool"),
        ("http.get(url: s)", "! call-in-expression"),
        ("weekly(repo: s).x", "! call-in-expression"),
        ("http.gett(url: s)", "! call-in-expression"),
        ("frobnicate(a: 1)", "! call-in-expression"),
        ("endorse(s, \"checked\")", "trusted string"),
    ]);
}

#[test]
fn texts_and_casts() {
    table(&[
        ("\"${i} ${s} ${j} ${xs} ${issue}\"", "string"),
        ("\"${n}\"", "! maybe-null"),
        ("\"${n ?? 0}\"", "string"),
        ("\"${by}\"", "! operator-type"),
        ("\"${fl}\"", "! operator-type"),
        ("\"${fetch?.title}\"", "! maybe-null"),
        ("j as Issue", "Issue"),
        ("j as (int?)", "int?"),
        ("f as int", "int"),
        ("s as int", "! impossible-cast"),
        ("s as Level", "Level"),
        ("s as Image", "Image"),
        ("n as int", "int"),
        ("xs as list<string>", "! impossible-cast"),
        ("j as Isue", "! unknown-type"),
        ("j as number", "! unknown-type"),
        ("1 / 0", "! constant-error"),
        ("i + 1 / 0", "! constant-error"),
        ("b || 1 / 0 > 1 || true", "! constant-error"),
        ("true || 1 / 0 > 1", "bool"),
        ("int(\"x\")", "! constant-error"),
        ("[1, 2].map(x, x / 0)", "! constant-error"),
        ("xs.map(x, x + 1 / i)", "list<int>"),
        ("9_223_372_036_854_775_807 + 1", "! constant-error"),
        ("\"x\" as Email", "! constant-error"),
        ("[1][3]", "! constant-error"),
    ]);
}

#[test]
fn what_is_wanted() {
    wanted(&[
        ("1", "float", "float"),
        ("i", "float", "float"),
        ("xs", "list<float>", "list<float>"),
        ("f", "int", "! argument-type"),
        ("i", "string", "! argument-type"),
        ("j", "string", "! needs-cast"),
        ("j.a", "Issue", "! needs-cast"),
        ("n", "int", "! maybe-null"),
        ("null", "int?", "null"),
        ("null", "int", "! argument-type"),
        ("issue", "json", "Issue"),
        ("n", "json", "int?"),
        ("[]", "list<string>", "list<string>"),
        ("[1, \"a\"]", "list<int>", "! type-mismatch"),
        ("[1, j]", "list<int>", "! needs-cast"),
        ("\"low\"", "Level", "\"low\""),
        ("\"lwo\"", "Level", "! argument-type"),
        ("b ? \"low\" : \"hgh\"", "Level", "! argument-type"),
        ("s", "Level", "! argument-type"),
        ("lvl", "string", "Level"),
        ("{ name: s, email: null }", "Person", "Person"),
        ("{ name: s, email: sn, nick: sn }", "Person", "Person"),
        ("{ name: s }", "Person", "! missing-field"),
        ("{ nam: s, email: s }", "Person", "! unknown-key"),
        ("{ name: s, email: s, age: 3 }", "Person", "! unknown-key"),
        ("{ name: 1, email: s }", "Person", "! type-mismatch"),
        ("{ a: 1, b: 2 }", "map<int>", "map<int>"),
        ("{ a: 1, b: s }", "map<int>", "! type-mismatch"),
        ("{ a: 1 }", "map<string>", "! type-mismatch"),
        ("issue", "{ id: int }", "Issue"),
        ("issue", "{ id: string }", "! argument-type"),
        ("issue", "{ id: int, nope: int }", "! argument-type"),
        ("issue", "{ body: string }", "! argument-type"),
        ("issue", "{ body?: string }", "Issue"),
        ("issue", "map<json>", "Issue"),
        ("maybe", "Issue", "! maybe-null"),
        ("\"a@b\"", "Email", "string"),
        ("\"ab\"", "Email", "! where-fails"),
        ("mail", "Email", "Email"),
        ("s", "Email", "string"),
        ("70_000", "Port", "! where-fails"),
        ("[80, 0]", "list<Port>", "! where-fails"),
        ("[1, 2, 3]", "Pair", "! where-fails"),
        ("i", "Port", "int"),
        ("s", "Image", "! argument-type"),
        ("img", "Image", "Image"),
        ("img", "string", "! argument-type"),
        ("nope", "string", "! unknown-name"),
        ("fetch?.title ?? \"\"", "string", "string"),
        ("b ? n : 1", "int", "! maybe-null"),
    ]);
}

#[test]
fn mends() {
    for (text, want, expected) in [
        ("isue.id", "", "issue.id"),
        ("issue.titel", "", "issue.title"),
        ("fetch.output.title", "", "fetch.title"),
        ("s.length", "", "size(s)"),
        ("issue.author.name", "", "issue.author?.name"),
        ("j.a", "string", "j.a as string"),
        ("j + 1", "int", "(j + 1) as int"),
        ("j", "int?", "j as (int?)"),
        ("n", "int", "n ?? 0"),
        ("i", "string", "string(i)"),
        ("s + i", "", "s + string(i)"),
        ("xs + i", "", "xs + [i]"),
        ("n + 1", "", "(n ?? 0) + 1"),
        ("\"${sn}\"", "", "\"${sn ?? \"\"}\""),
        ("lvl == \"lwo\"", "", "lvl == \"low\""),
        ("{ nam: s, email: s }", "Person", "{ name: s, email: s }"),
        ("s.toLowerCase()", "", "s.lowerAscii()"),
        ("size(x: s)", "", "size(s)"),
        ("secret(\"APIKEY\")", "", "secret(\"API_KEY\")"),
        ("j as Isue", "", "j as Issue"),
    ] {
        assert_eq!(mended(text, want), expected, "{text}");
    }
}

#[test]
fn steps_under_conditions() {
    let globals = world();
    let mut cx = filled(&globals);
    let step = cx.lookup("when_b").expect("declared");
    let infer = |cx: &mut Cx<'_>, text| cx.infer(&parse_expr(SourceId(0), text).0, None);
    assert!(cx.may_miss(step));
    for (condition, truth, misses) in [
        ("b && i > 3", true, false),
        ("i > 3 && s == \"\" && b", true, false),
        ("b", true, true),
        ("b && i > 3", false, true),
        ("succeeded(when_b)", true, false),
        ("!succeeded(when_b)", false, false),
        ("succeeded(when_b)", false, true),
        ("when_b?.id != null", true, false),
    ] {
        let condition_ = infer(&mut cx, condition);
        let mark = cx.assume(&condition_, truth);
        assert_eq!(cx.may_miss(step), misses, "{condition} {truth}");
        cx.forget(mark);
    }
    assert!(cx.may_miss(step));
}

#[test]
fn declaring() {
    let globals = world();
    let mut cx = filled(&globals);
    let code = |cx: &mut Cx<'_>, name: &str, kind| {
        cx.declare(&ident(name), kind, Type::Int);
        cx.diagnostics.pop().map(|d| d.code.name())
    };
    assert_eq!(code(&mut cx, "fresh", VarKind::Let), None);
    assert_eq!(code(&mut cx, "fresh", VarKind::Let), Some("duplicate-name"));
    assert_eq!(code(&mut cx, "run", VarKind::Let), Some("reserved-name"));
    assert_eq!(code(&mut cx, "it", VarKind::Let), Some("reserved-name"));
    cx.enter();
    assert_eq!(code(&mut cx, "fresh", VarKind::Step), Some("shadowed-name"));
    assert_eq!(code(&mut cx, "below", VarKind::Step), Some("shadowed-name"));
    assert_eq!(code(&mut cx, "i", VarKind::Macro), Some("shadowed-macro-variable"));
    cx.leave();
}

#[test]
fn dotted_names() {
    let check = |text: &str, types: &[(&str, &str)]| {
        let types: Vec<_> = types.iter().map(|(n, t)| (Arc::from(*n), *t)).collect();
        super::check_expr(text, &types).map(|(_, ty)| ty.to_string()).map_err(|d| d[0].code.name())
    };
    assert_eq!(check("a.b.c + 1", &[("a.b.c", "int"), ("a.b", "map<string>")]), Ok("int".to_owned()));
    assert_eq!(check("a.b.d", &[("a.b.c", "int"), ("a.b", "map<string>")]), Ok("string".to_owned()));
    assert_eq!(check("a.b", &[("a", "{ b: bool }")]), Ok("bool".to_owned()));
    assert_eq!(check("[[1]].map(a, a.map(x, x))", &[("a.b", "int")]), Ok("list<list<int>>".to_owned()));
    assert_eq!(check("a.b", &[("a.c", "int")]), Err("unknown-name"));
    assert_eq!(check("1 +", &[]), Err("syntax"));
    assert!(super::close_expr("x.a + 1 > y", &["x".into(), "y".into()]).is_ok());
    assert!(super::close_expr("'cows' ? false : 17", &[]).is_ok());
    // Without types a name that means nothing fails when it is reached.
    assert!(super::close_expr("true || z", &["x".into()]).is_ok());
}
