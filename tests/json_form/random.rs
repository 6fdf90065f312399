//! Random plans that the JSON form can say.

use aos::syntax::ast::{
    Action, ClauseKind, Expr, ExprKind, File, Item, OnError, PlanClauseKind, ReactionKind, StmtKind,
    TextForm, TextPart,
};

/// How many plans: `AOS_JSON_PLANS`, else some.
pub fn count() -> u64 {
    std::env::var("AOS_JSON_PLANS").ok().and_then(|n| n.parse().ok()).unwrap_or(400)
}

/// A small generator, the same on every machine.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    pub fn pick<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// What texts hold: what JSON, the language and both escape.
const BITS: &[&str] = &[
    "a",
    "é",
    "😀",
    " ",
    "\\\\",
    "\\\"",
    "\\n",
    "\\t",
    "\\r",
    "'",
    "\\${",
    "$",
    "{",
    "}",
    "\\u0000",
    "\\u202e",
    "/",
    "//",
    "x y",
    "\\\\\\${",
    "${1}",
    "${\"q\"}",
    "${x.y ?? 'z'}",
    "${[1, 2].map(i, i + 1)}",
    "\\\\${2}",
    "${{ a: \"}\" }.a}",
    "\\\\\\\\${r\"\\\"}",
];

const EXPRS: &[&str] = &[
    "null",
    "true",
    "1",
    "-1",
    "0",
    "1_000",
    "0x1f",
    "3.5",
    "-2.5",
    "1e300",
    "-0.0",
    "3.0",
    "9223372036854775807",
    "-9223372036854775808",
    "10s",
    "1h30m",
    "64KiB",
    "b\"a\\x00\"",
    "r\"\\d+\"",
    "a",
    "a.b",
    "a?.b",
    "a[0]",
    "a[?0]",
    "a + 1",
    "(a + 1) * 2",
    "!a",
    "- -1",
    "a ? 1 : 2",
    "a ?? 1",
    "a as int",
    "a as { b: int }",
    "x.map(i, i * 2)",
    "has(a.b)",
    "a in [1, 2]",
    "f(1, 2)",
    "a == \"}\"",
    "{ [a]: 1 }",
    "{ a: 1, a: 2 }",
    "[]",
    "{}",
    "(1)",
    "(\"x\")",
    "\"${a}\"",
    "\"${\"${a}\"}\"",
    "[a, \"${b}\", -1]",
    "{ \"a b\": a, c: { d: [null] } }",
    "a.b.c(1)[2].d",
];

fn text(random: &mut Random) -> String {
    // Some bits beside each other make no string.
    loop {
        let bits: String = (0..random.below(6)).map(|_| random.pick(BITS)).collect();
        let text = format!("\"{bits}\"");
        if aos::syntax::parse_expr(aos::source::SourceId(0), &text).1.is_empty() {
            return text;
        }
    }
}

fn expr(random: &mut Random, depth: usize) -> String {
    match random.below(10) {
        0..=3 => random.pick(EXPRS).to_owned(),
        4..=6 => text(random),
        7 if depth > 0 => {
            let items: Vec<String> = (0..random.below(4)).map(|_| expr(random, depth - 1)).collect();
            format!("[{}]", items.join(", "))
        }
        8 if depth > 0 => {
            let mut keys = vec!["k", "\"a b\"", "step", "\"\\${\"", "\"\"", "\"é\""];
            let entry = |random: &mut Random, keys: &mut Vec<&str>| {
                let key = keys.remove(random.below(keys.len()));
                format!("{key}: {}", expr(random, depth - 1))
            };
            let entries: Vec<String> = (0..random.below(4)).map(|_| entry(random, &mut keys)).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        _ => "\"\"\"\n  two\n  ${a} lines\n  \"\"\"".to_owned(),
    }
}

/// The plan of a seed.
pub fn plan(seed: u64) -> String {
    let random = &mut Random::new(seed);
    let mut out = String::from("plan p()\n");
    if random.chance(50) {
        out.push_str("  goal \"Do \\\"it\\\" with \\${x} é\"\n");
    }
    if random.chance(30) {
        out.push_str("  planner \"model\"\n");
    }
    if random.chance(30) {
        out.push_str("  planner_version \"1.2\"\n");
    }
    if random.chance(40) {
        out.push_str("  meta { a: [1, -2.5, null, true, \"\\${x}\"], \"b c\": { d: \"\" } }\n");
    }
    out.push_str("{\n");
    for n in 0..1 + random.below(7) {
        let mut keys = vec!["a", "b", "\"content-type\"", "when", "in", "\"\""];
        let arg = |random: &mut Random, keys: &mut Vec<&str>| {
            let key = keys.remove(random.below(keys.len()));
            format!("{key}: {}", expr(random, 2))
        };
        let args: Vec<String> = (0..random.below(5)).map(|_| arg(random, &mut keys)).collect();
        let args = args.join(", ");
        let skill = random.pick(&["f.g", "http.get", "a.b.c", "sub"]);
        out.push_str(&format!("  step s{n} = {skill}({args})\n"));
        if n > 0 && random.chance(30) {
            out.push_str(&format!("    depends_on [s{}, s0]\n", n - 1));
        }
        if random.chance(30) {
            out.push_str(&format!("    when {}\n", expr(random, 1)));
        }
        match random.below(8) {
            0 => out.push_str("    on_error abort\n"),
            1 => out.push_str("    on_error continue\n"),
            2 => out.push_str("    on_error retry 3\n"),
            3 => out.push_str(&format!("    on_error retry 0 then fallback g.h({args})\n")),
            _ => {}
        }
    }
    out.push_str("}\n");
    out
}

/// The tree with all texts written plainly.
pub fn plainly(mut file: File) -> File {
    for item in &mut file.items {
        let Item::Plan(plan) = item else { continue };
        for clause in &mut plan.clauses {
            if let PlanClauseKind::Goal(e) | PlanClauseKind::Meta(e) = &mut clause.kind {
                walk(e);
            }
        }
        for stmt in &mut plan.body.stmts {
            let StmtKind::Step(step) = &mut stmt.kind else { continue };
            if let Action::Call(call) = &mut step.action {
                call.args.iter_mut().for_each(|a| walk(&mut a.value));
            }
            for clause in &mut step.clauses {
                match &mut clause.kind {
                    ClauseKind::When(e) => walk(e),
                    ClauseKind::OnError(OnError::Chain(chain)) => {
                        for reaction in &mut chain.reactions {
                            if let ReactionKind::Fallback(call) = &mut reaction.kind {
                                call.args.iter_mut().for_each(|a| walk(&mut a.value));
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    file
}

fn walk(expr: &mut Expr) {
    match &mut *expr.kind {
        ExprKind::Text { form, .. } => *form = TextForm::Plain,
        ExprKind::Interpolated { parts, form } => {
            *form = TextForm::Plain;
            for part in parts {
                if let TextPart::Expr(e) = part {
                    walk(e);
                }
            }
        }
        ExprKind::List(items) => items.iter_mut().for_each(walk),
        ExprKind::Record(entries) => entries.iter_mut().for_each(|e| walk(&mut e.value)),
        ExprKind::Unary { operand, .. } => walk(operand),
        ExprKind::Binary { left, right, .. } => {
            walk(left);
            walk(right);
        }
        ExprKind::Paren(inner) => walk(inner),
        ExprKind::As { value, .. } => walk(value),
        ExprKind::Member { base, .. } | ExprKind::Index { base, .. } => walk(base),
        ExprKind::Call { callee, args } => {
            walk(callee);
            args.iter_mut().for_each(|a| walk(&mut a.value));
        }
        _ => {}
    }
}
