/// <reference types="tree-sitter-cli/dsl" />
// The surface syntax of AOS plans for editors. `grammar/plan.pest` is the language; a test holds this one to it: every file that the
// compiler accepts is parsed here without an error, and every keyword there stands here.

const PREC = { ternary: 1, coalesce: 2, or: 3, and: 4, compare: 5, add: 6, multiply: 7, cast: 8, unary: 9, postfix: 10 };

const list = (rule) => seq(rule, repeat(seq(",", rule)), optional(","));
const some = (rule) => optional(list(rule));
const bars = (rule) => seq(rule, repeat(seq("|", rule)));

/** What opens a raw text, what may stand in it, what closes it. */
const RAW = [
  ['"""', /([^"]|"[^"]|""[^"])+/],
  ["'''", /([^']|'[^']|''[^'])+/],
  ['"', /[^"\n]+/],
  ["'", /[^'\n]+/],
];
const BYTES = [
  /"""([^"\\]|\\[\s\S]|"[^"]|""[^"])*"""/,
  /'''([^'\\]|\\[\s\S]|'[^']|''[^'])*'''/,
  /"([^"\\\n]|\\.)*"/,
  /'([^'\\\n]|\\.)*'/,
];

module.exports = grammar({
  name: "plan",
  word: ($) => $.identifier,
  extras: ($) => [/\s|\uFEFF/, $.comment, $.doc_comment],
  supertypes: ($) => [$.item, $.statement, $.expression],
  inline: ($) => [$._message],
  conflicts: ($) => [],

  rules: {
    source_file: ($) => repeat($.item),

    comment: () => token(prec(-1, seq("//", /[^\n]*/))),
    doc_comment: () => token(seq("///", /[^\n]*/)),

    // Items
    item: ($) => choice($.use, $.type_declaration, $.skill, $.plan, $.test),
    use: ($) => seq("use", field("path", $.string), optional(seq("as", field("alias", $.identifier)))),
    type_declaration: ($) => seq("type", field("name", $.identifier), "=", optional("opaque"), field("type", $.type)),
    skill: ($) =>
      seq(
        "skill",
        field("name", $.path),
        optional($.type_parameters),
        field("parameters", $.parameters),
        optional($.result),
        repeat($._skill_clause),
      ),
    type_parameters: ($) => seq("<", list($.identifier), ">"),
    parameters: ($) => seq("(", some($.parameter), ")"),
    parameter: ($) =>
      seq(
        field("name", choice($.identifier, $.string)),
        optional("?"),
        ":",
        field("type", $.type),
        optional(seq("=", field("default", $.expression))),
      ),
    result: ($) => seq("->", $.type),
    _skill_clause: ($) =>
      choice($.effect, $.idempotent, $.throws, $.cost, $.tokens, $.time, $.rate, $.wire, $.deprecated),
    effect: ($) => choice("pure", seq(choice("reads", "appends", "writes", "irreversible"), optional($.string))),
    idempotent: () => seq("idempotent", optional(seq("by", "key"))),
    throws: ($) => seq("throws", bars($.error_declaration)),
    error_declaration: ($) => seq(field("kind", $.identifier), optional($.parameters)),
    cost: ($) => seq("cost", $.expression, "usd"),
    tokens: ($) => seq("tokens", $.expression),
    time: ($) => seq("time", $.expression),
    rate: ($) => seq("rate", $.integer, "/", field("unit", choice("min", "s", "h"))),
    wire: ($) => seq("wire", $.string),
    deprecated: ($) => seq("deprecated", $.string),

    plan: ($) =>
      seq(
        "plan",
        field("name", $.identifier),
        optional(field("parameters", $.parameters)),
        optional($.result),
        repeat($._plan_clause),
        field("body", $.body),
      ),
    _plan_clause: ($) => choice($.goal, $.budget, $.throws, $.concurrency, $.planner, $.planner_version, $.meta),
    goal: ($) => seq("goal", $.expression),
    budget: ($) => seq("budget", list($.budget_item)),
    budget_item: ($) => choice(seq("cost", $.count, "usd"), seq(choice("tokens", "time", "calls"), $.count)),
    concurrency: ($) => seq("concurrency", $.count),
    planner: ($) => seq("planner", $.string),
    planner_version: ($) => seq("planner_version", $.string),
    meta: ($) => seq("meta", $.record),

    // Types
    type: ($) =>
      seq(repeat($.label), bars($.type_member), optional(seq("where", "(", field("condition", $.expression), ")"))),
    label: () => choice("trusted", "untrusted", "public", "private", "secret"),
    type_member: ($) => prec.left(seq($._type_atom, repeat("?"))),
    _type_atom: ($) =>
      choice($.list_type, $.map_type, $.null, $.type_name, $.record_type, $.parenthesized_type, $.string),
    list_type: ($) => seq("list", "<", $.type, ">"),
    map_type: ($) => seq("map", "<", $.type, ">"),
    type_name: ($) => prec.right(seq($.identifier, repeat(seq(".", $.identifier)))),
    record_type: ($) => seq("{", some($.parameter), "}"),
    parenthesized_type: ($) => seq("(", $.type, ")"),

    // Bodies
    body: ($) => seq("{", repeat($.statement), "}"),
    statement: ($) => choice($.step, $.let, $.require, $.fail, $.return),
    step: ($) => seq("step", field("name", $.identifier), "=", field("action", $._action), repeat($._clause)),
    let: ($) => seq("let", field("name", $.identifier), "=", field("value", $.expression)),
    require: ($) => seq("require", field("condition", $.expression), "else", $._message),
    fail: ($) => seq("fail", $._message),
    return: ($) => seq("return", field("value", $.expression), optional(seq("until", field("until", $.expression)))),
    _message: ($) => seq(optional(field("kind", $.error_kind)), choice($.string, $.parenthesized)),

    // Actions
    _action: ($) => choice($.call, $.do, $.for, $.if, $.match, $.loop, $.race),
    call: ($) => seq(field("callee", $.path), optional($.type_arguments), field("arguments", $.arguments)),
    type_arguments: ($) => seq("<", list($.type), ">"),
    do: ($) => seq("do", $.body),
    for: ($) =>
      seq(
        "for",
        field("variable", $.identifier),
        optional(seq(",", field("variable", $.identifier))),
        "in",
        field("list", $.expression),
        repeat(choice($.max, $.first, $.parallel, $.tolerate)),
        field("body", $.body),
      ),
    max: ($) => seq("max", $.count),
    first: ($) => seq("first", $.count),
    parallel: ($) => seq("parallel", $.count),
    tolerate: ($) => seq("tolerate", choice($.percent, $.count)),
    if: ($) =>
      seq(
        "if",
        field("condition", $.expression),
        $.body,
        repeat(seq("else", "if", field("condition", $.expression), $.body)),
        optional(seq("else", $.body)),
      ),
    match: ($) => seq("match", field("subject", $.expression), "{", repeat(seq($.match_arm, optional(","))), "}"),
    match_arm: ($) => seq(bars($._pattern), "=>", $.body),
    _pattern: ($) => choice($.string, $.true, $.false, $.wildcard),
    loop: ($) =>
      seq(
        "loop",
        field("variable", $.identifier),
        optional(seq(":", $.type)),
        "=",
        field("first", $.expression),
        repeat(choice($.max, $.every, $.loop_else)),
        field("body", $.body),
      ),
    every: ($) => seq("every", $.count),
    loop_else: ($) => seq("else", choice("last", seq("fail", $._message))),
    race: ($) => seq("race", "{", repeat(seq($.do, optional(","))), "}"),

    // Clauses of a step
    _clause: ($) =>
      choice($.depends_on, $.when, $.key, $.cache, $.approve, $.timeout, $.deadline, $.on_error, $.compensate),
    depends_on: ($) => seq("depends_on", "[", some($.identifier), "]"),
    when: ($) => seq("when", $.expression),
    key: ($) => seq("key", $.expression),
    cache: ($) => seq("cache", $.count),
    timeout: ($) => seq("timeout", $.count),
    deadline: ($) => seq("deadline", $.count),
    approve: ($) =>
      seq(
        "approve",
        field("question", $.expression),
        optional(choice($.within, seq($.stage, repeat(seq("then", $.stage))))),
        optional(seq("quorum", $.count)),
        optional(seq("else", choice("continue", seq("fail", $._message)))),
      ),
    stage: ($) => seq("by", $.string, optional($.within)),
    within: ($) => seq("within", $.count),
    compensate: ($) => seq("compensate", $.call, optional(seq("unless", $.expression))),
    on_error: ($) => seq("on_error", choice(seq("{", repeat(seq($.error_arm, optional(","))), "}"), $.chain)),
    error_arm: ($) =>
      seq(
        bars(choice($.error_kind, $.wildcard)),
        optional(seq("as", field("name", $.identifier))),
        optional(seq("when", field("guard", $.expression))),
        "=>",
        $.chain,
      ),
    error_kind: ($) => $.identifier,
    chain: ($) => seq($._reaction, repeat(seq("then", $._reaction))),
    _reaction: ($) => choice("abort", "continue", $.retry, $.use_value, $.fallback, $.fail),
    retry: ($) => seq("retry", $.count, optional($.backoff)),
    backoff: ($) => seq("backoff", $.count, optional(seq("..", $.count))),
    use_value: ($) => seq("use", $.expression),
    fallback: ($) => seq("fallback", $.call),

    // Tests
    test: ($) => seq("test", field("name", $.string), "for", field("plan", $.path), "{", repeat($._test_line), "}"),
    _test_line: ($) => choice($.input, $.mock, $.test_approve, $.test_deny, $.test_signal, $.expect),
    input: ($) => seq("input", $.record),
    mock: ($) => seq("mock", field("skill", $.path), "=>", $.reply, repeat(seq("then", $.reply))),
    reply: ($) =>
      seq(
        choice(seq("throw", field("kind", $.error_kind), optional($.record)), $.expression),
        optional(seq("times", $.count)),
      ),
    test_approve: ($) => seq("approve", $.identifier),
    test_deny: ($) => seq("deny", $.identifier),
    test_signal: ($) => seq("signal", $.string, "=>", $.expression),
    expect: ($) => seq("expect", $.expression),

    // Expressions
    expression: ($) =>
      choice(
        $.ternary,
        $.binary,
        $.cast,
        $.unary,
        $.member,
        $.index,
        $.function_call,
        $.variable,
        $.string,
        $.bytes,
        $._number,
        $.list,
        $.record,
        $.parenthesized,
        $.true,
        $.false,
        $.null,
      ),
    variable: ($) => $.identifier,
    ternary: ($) =>
      prec.right(PREC.ternary, seq(field("condition", $.expression), "?", $.expression, ":", $.expression)),
    binary: ($) =>
      choice(
        ...[
          [PREC.coalesce, "??"],
          [PREC.or, "||"],
          [PREC.and, "&&"],
          [PREC.compare, choice("==", "!=", "<", "<=", ">", ">=", "in")],
          [PREC.add, choice("+", "-")],
          [PREC.multiply, choice("*", "/", "%")],
        ].map(([level, operator]) =>
          prec.left(level, seq(field("left", $.expression), field("operator", operator), field("right", $.expression))),
        ),
      ),
    cast: ($) => prec.left(PREC.cast, seq($.expression, "as", $._type_atom)),
    unary: ($) => prec(PREC.unary, seq(choice("!", "-"), $.expression)),
    member: ($) =>
      prec(PREC.postfix, seq(field("object", $.expression), choice(".", "?."), field("property", alias($.identifier, $.property)))),
    index: ($) => prec(PREC.postfix, seq($.expression, "[", optional("?"), $.expression, "]")),
    function_call: ($) => prec(PREC.postfix, seq(field("function", $.expression), field("arguments", $.arguments))),
    arguments: ($) => seq("(", some($.argument), ")"),
    argument: ($) => seq(optional(seq(field("name", choice($.identifier, $.string)), ":")), field("value", $.expression)),
    parenthesized: ($) => seq("(", $.expression, ")"),
    list: ($) => seq("[", some($.expression), "]"),
    record: ($) => seq("{", some($.entry), "}"),
    entry: ($) =>
      seq(field("key", choice($.identifier, $.string, $.computed_key, $._number)), ":", field("value", $.expression)),
    computed_key: ($) => seq("[", $.expression, "]"),
    count: ($) =>
      choice($._number, $.parenthesized, seq($.identifier, repeat(seq(choice(".", "?."), alias($.identifier, $.property))))),

    // Literals
    true: () => "true",
    false: () => "false",
    null: () => "null",
    wildcard: () => "_",
    _number: ($) => choice($.integer, $.hexadecimal, $.float, $.duration, $.size),
    integer: () => /[0-9][0-9_]*[uU]?/,
    hexadecimal: () => /0[xX][0-9a-fA-F][0-9a-fA-F_]*[uU]?/,
    float: () => /([0-9][0-9_]*)?\.[0-9][0-9_]*([eE][+-]?[0-9][0-9_]*)?|[0-9][0-9_]*[eE][+-]?[0-9][0-9_]*/,
    duration: () => /([0-9][0-9_]*(ms|d|h|m|s))+/,
    size: () => /[0-9][0-9_]*(KiB|MiB|GiB|TiB)/,
    percent: () => /[0-9][0-9_]*%/,

    string: ($) => choice($._double, $._single, $._double_block, $._single_block, $.raw_string),
    // What stands between the quotes is a node of its own: other languages are coloured in it.
    _double: ($) => seq('"', optional(alias($._in_double, $.string_content)), text('"')),
    _single: ($) => seq("'", optional(alias($._in_single, $.string_content)), text("'")),
    _double_block: ($) => seq('"""', optional(alias($._in_double_block, $.string_content)), text('"""')),
    _single_block: ($) => seq("'''", optional(alias($._in_single_block, $.string_content)), text("'''")),
    _in_double: ($) => repeat1(choice(text(/[^"\\$\n]+/), text(/\$/), $.escape, $.interpolation)),
    _in_single: ($) => repeat1(choice(text(/[^'\\$\n]+/), text(/\$/), $.escape, $.interpolation)),
    _in_double_block: ($) => repeat1(choice(text(/[^"\\$]+/), text(/\$/), text(/"/), text(/""/), $.escape, $.interpolation)),
    _in_single_block: ($) => repeat1(choice(text(/[^'\\$]+/), text(/\$/), text(/'/), text(/''/), $.escape, $.interpolation)),
    escape: () => text(/\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[xX][0-9a-fA-F]{2}|[0-3][0-7]{2}|[^uUxX0-3]|[0-3])/),
    interpolation: ($) => seq(text("${"), $.expression, "}"),
    raw_string: ($) =>
      choice(...RAW.map(([quote, rule]) => seq(token(seq(/[rR]/, quote)), optional(alias(text(rule), $.string_content)), text(quote)))),
    bytes: () => token(seq(/[bB][rR]?/, choice(...BYTES))),

    path: ($) => seq($.identifier, repeat(seq(".", $.identifier))),
    identifier: () => /[A-Za-z_][A-Za-z0-9_]*/,
  },
});

/** A piece of a string: nothing is skipped before it, and it wins over comments. */
function text(rule) {
  return token.immediate(prec(2, rule));
}
