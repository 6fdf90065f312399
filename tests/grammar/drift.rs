//! The exported grammars and `grammar/plan.pest` are of one language.

use super::lark;
use aos::grammar::ir::Node;
use aos::grammar::{LEFT_OUT, Level, grammar};
use std::collections::{BTreeMap, BTreeSet};

const PEST: &str = include_str!("../../grammar/plan.pest");

/// Rules of the parser that say nothing of the language: how it looks ahead, where it starts, what it skips, and names for groups.
const STRUCTURE: &[&str] = &[
    "ws",
    "lead",
    "told",
    "at_clause",
    "at_prefix",
    "at_postfix",
    "at_operator",
    "at_string",
    "at_quote",
    "at_named",
    "quoted",
    "at_int",
    "items",
    "only_items",
    "only_stmts",
    "only_tests",
    "only_clause",
    "only_expr",
    "only_type",
    "item",
    "skill_clause",
    "plan_head",
    "plan_clause",
    "type_atom",
    "stmt",
    "action",
    "for_option",
    "pattern",
    "loop_option",
    "clause",
    "reaction",
    "test_stmt",
    "operation",
    "operand",
    "primary",
    "postfix",
    "number",
    "digits",
    "exponent",
    "string",
    "text_dq",
    "run_dq",
    "text_sq",
    "run_sq",
    "text_block_dq",
    "run_block_dq",
    "text_block_sq",
    "run_block_sq",
    "escape",
    "interp_end",
    "raw_text",
    "bytes_text",
    "quote",
    "idc",
    "head",
    "ident_text",
    "path_text",
    "expr_name",
    "any",
    "reserved",
    "as_type",
    "count",
];

/// Every other rule that is no keyword and no punctuation, with a text or a rule of the generic grammar that shows it is there.
const SHOWN: &[(&str, &str)] = &[
    ("item_use", "use "),
    ("item_type", "type "),
    ("item_skill", "skill "),
    ("item_plan", "plan "),
    ("item_test", "test "),
    ("type_params", "<"),
    ("params", "("),
    ("param", "@param"),
    ("result", " -> "),
    ("sc_effect", "irreversible"),
    ("sc_idempotent", "idempotent by key"),
    ("sc_cost", "cost "),
    ("sc_tokens", "tokens "),
    ("sc_time", "time "),
    ("sc_rate", "rate "),
    ("rate_unit", "/min"),
    ("sc_wire", "wire "),
    ("sc_deprecated", "deprecated "),
    ("clause_throws", "throws "),
    ("error_decl", "throws "),
    ("pc_goal", "goal "),
    ("pc_budget", "budget "),
    ("budget_item", "calls "),
    ("pc_concurrency", "concurrency "),
    ("pc_planner", "planner "),
    ("pc_planner_version", "planner_version "),
    ("pc_meta", "meta "),
    ("type_expr", "@type"),
    ("label", "untrusted "),
    ("type_member", "?"),
    ("type_list", "list<"),
    ("type_map", "map<"),
    ("type_name", "@toktypename"),
    ("type_record", "@atom"),
    ("type_paren", "@atom"),
    ("body", "@body"),
    ("step", "step "),
    ("stmt_let", "let "),
    ("stmt_require", "require "),
    ("stmt_fail", "fail "),
    ("stmt_return", "return "),
    ("message", "@message"),
    ("call", "@call"),
    ("type_args", "<"),
    ("act_do", "do "),
    ("act_for", "for "),
    ("for_max", " max "),
    ("for_first", " first "),
    ("for_parallel", " parallel "),
    ("for_tolerate", " tolerate "),
    ("act_if", "if "),
    ("else_if", " else if "),
    ("act_match", "match "),
    ("match_arm", " => "),
    ("act_loop", "loop "),
    ("loop_every", " every "),
    ("loop_else", "last"),
    ("act_race", "race "),
    ("cl_depends_on", "depends_on "),
    ("cl_when", "when "),
    ("cl_key", "key "),
    ("cl_cache", "cache "),
    ("cl_timeout", "timeout "),
    ("cl_deadline", "deadline "),
    ("cl_approve", "approve "),
    ("stage", "by "),
    ("within", "within "),
    ("approve_else", "else "),
    ("cl_compensate", "compensate "),
    ("cl_on_error", "on_error "),
    ("error_arm", "@arm"),
    ("error_kind", "@tokkind"),
    ("chain", "@chain"),
    ("re_retry", "retry "),
    ("backoff", " backoff "),
    ("re_abort", "abort"),
    ("re_continue", "continue"),
    ("re_use", "use "),
    ("re_fallback", "fallback "),
    ("re_fail", "fail "),
    ("t_input", "input "),
    ("t_mock", "mock "),
    ("mock_reply", "throw "),
    ("t_approve", "approve "),
    ("t_deny", "deny "),
    ("t_signal", "signal "),
    ("t_expect", "expect "),
    ("expr", "@expr"),
    ("prefix", "!"),
    ("op_not", "!"),
    ("op_neg", "-"),
    ("binop", "?? "),
    ("member", "."),
    ("safe_member", "?."),
    ("index", "["),
    ("safe_index", "[?"),
    ("call_args", "@args"),
    ("arg", "@arg"),
    ("paren", "("),
    ("list", "["),
    ("record", "@record"),
    ("entry", "@entry"),
    ("computed_key", "@entry"),
    ("hex", "@tokhex"),
    ("duration", "@tokduration"),
    ("size", "@toksize"),
    ("float", "@tokfloat"),
    ("int", "@tokint"),
    ("percent", "@tokpercent"),
    ("string_dq", "@tokstring"),
    ("string_block_dq", "\"\"\""),
    ("interp", "@tokstringhead"),
    ("string_raw", "@tokraw"),
    ("bytes", "@tokbytes"),
    ("name", "@tokname"),
    ("word", "@tokword"),
    ("path", "@tokpath"),
    ("lit_true", "true"),
    ("lit_false", "false"),
    ("lit_null", "null"),
];

/// The rules of the parser with their bodies, comments left out.
fn rules() -> BTreeMap<String, String> {
    let mut rules: BTreeMap<String, String> = BTreeMap::new();
    let mut current = String::new();
    for line in PEST.lines().map(|l| if l.trim_start().starts_with("//") { "" } else { l }) {
        if let Some((name, body)) = line.split_once('=')
            && line.starts_with(|c: char| c.is_ascii_lowercase())
        {
            current = name.trim().to_owned();
            rules.insert(current.clone(), body.to_owned());
        } else if let Some(body) = rules.get_mut(&current) {
            body.push_str(line);
        }
    }
    rules
}

/// The literals of a rule's body that are no look-ahead.
fn literals(body: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (i, part) in body.split('"').enumerate() {
        if i % 2 == 1 {
            found.push(part.to_owned());
        }
    }
    found
}

#[test]
fn the_exported_grammar_has_all_of_the_parsers() {
    let generic = grammar(&lark(Level::Generic), &[]).unwrap();
    let mut texts: BTreeSet<String> = BTreeSet::new();
    generic.visit(|node| {
        if let Node::Text(text) = node {
            texts.insert(text.clone());
        }
    });
    let all = texts.iter().cloned().collect::<Vec<_>>().join("\u{0}");
    let has_word = |word: &str| {
        let free = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_');
        all.match_indices(word)
            .any(|(at, _)| free(all[..at].chars().next_back()) && free(all[at + word.len()..].chars().next()))
    };
    let rules = rules();
    let mut wrong = Vec::new();
    let (mut keywords, mut shown) = (0, 0);
    for (name, body) in &rules {
        if name.starts_with("kw_") {
            keywords += 1;
            if !has_word(&literals(body)[0]) {
                wrong.push(format!("the keyword `{}` is nowhere in the generic grammar", literals(body)[0]));
            }
        } else if name.starts_with("p_") {
            if !all.contains(literals(body)[0].as_str()) {
                wrong.push(format!("`{name}` is nowhere in the generic grammar"));
            }
        } else if let Some((_, evidence)) = SHOWN.iter().find(|(n, _)| n == name) {
            shown += 1;
            let there = match evidence.strip_prefix('@') {
                Some(rule) => generic.rules.keys().any(|k| k.starts_with(rule)),
                None => all.contains(evidence),
            };
            if !there {
                wrong.push(format!("`{name}`: `{evidence}` is nowhere in the generic grammar"));
            }
        } else if !STRUCTURE.contains(&name.as_str()) && !LEFT_OUT.iter().any(|(n, _)| n == name) {
            wrong.push(format!(
                "`{name}` is new in plan.pest: export it, or say in `grammar::LEFT_OUT` why not"
            ));
        }
    }
    for op in &literals(&rules["binop"]) {
        if !texts.iter().any(|t| t.trim() == op) {
            wrong.push(format!("the operator `{op}` is nowhere in the generic grammar"));
        }
    }
    let known = SHOWN
        .iter()
        .map(|(n, _)| *n)
        .chain(STRUCTURE.iter().copied())
        .chain(LEFT_OUT.iter().map(|(n, _)| *n));
    wrong.extend(
        known.filter(|n| !rules.contains_key(*n)).map(|n| format!("`{n}` is no rule of plan.pest any more")),
    );
    println!(
        "{} rules of plan.pest: {keywords} keywords, {shown} constructs are exported, {} are left out",
        rules.len(),
        LEFT_OUT.len()
    );
    assert!(keywords > 60 && shown > 100);
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
