//! A plan as its JSON form. What that form cannot say is refused, never dropped.

use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;
use crate::syntax::Parse;
use crate::syntax::ast::{
    Action, Arg, Call, Chain, Clause, ClauseKind, Entry, EntryKey, Expr, ExprKind, Ident, Item, OnError,
    Plan, PlanClause, PlanClauseKind, ReactionKind, Step, Stmt, StmtKind, TextPart, UnaryOp,
};
use serde_json::{Map, Value as Json, json};

/// The JSON form of the one plan of a file, and the plan's name, which the form leaves to the name of the file.
///
/// # Errors
/// One diagnostic for each construct that the form cannot say, and those of a text that does not parse.
pub fn plan(parse: &Parse) -> Result<(String, Json), Vec<Diagnostic>> {
    let errors: Vec<Diagnostic> = parse.diagnostics.iter().filter(|d| d.is_error()).cloned().collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut writer = Writer::default();
    let mut found = None;
    for item in &parse.file.items {
        match item {
            Item::Plan(plan) if found.is_none() => found = Some(plan),
            Item::Plan(plan) => writer.refuse(plan.name.span, "a second plan", "a document holds one plan"),
            Item::Use(item) => writer.refuse(item.span, "`use`", "a document stands alone"),
            Item::Type(item) => writer.refuse(item.name.span, "`type`", "it declares nothing"),
            Item::Skill(item) => writer.refuse(item.name.span, "`skill`", "it declares nothing"),
            Item::Test(item) => {
                writer.refuse(item.name.span, "`test`", "a document holds one plan and nothing else")
            }
        }
    }
    if let Some(comment) = parse.comments.first() {
        writer.refuse(comment.span, "a comment", "JSON has none");
    }
    let Some(plan) = found else {
        if writer.refused.is_empty() {
            writer.refused.push(Diagnostic::new(Code::NotInJson, Span::default(), "the file has no plan"));
        }
        return Err(writer.refused);
    };
    let json = writer.plan(plan);
    if writer.refused.is_empty() { Ok((plan.name.name.to_string(), json)) } else { Err(writer.refused) }
}

#[derive(Default)]
struct Writer {
    refused: Vec<Diagnostic>,
}

impl Writer {
    fn refuse(&mut self, span: Span, what: &str, why: &str) {
        let message = format!("the JSON form of plans cannot say {what}");
        self.refused.push(Diagnostic::new(Code::NotInJson, span, message).label(why));
    }

    fn plan(&mut self, plan: &Plan) -> Json {
        if let Some(param) = plan.params.first() {
            self.refuse(param.span, "inputs", "a plan in it takes none");
        }
        if let Some(output) = &plan.output {
            self.refuse(output.span, "a result type", "a plan in it gives no result");
        }
        let mut found = [const { None }; 4];
        for clause in &plan.clauses {
            self.plan_clause(clause, &mut found);
        }
        let [planner, version, goal, metadata] = found;
        let mut out = Map::new();
        let fields =
            [("planner", planner), ("planner_version", version), ("goal", goal), ("metadata", metadata)];
        out.extend(fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
        let steps: Vec<Json> = plan.body.stmts.iter().filter_map(|stmt| self.stmt(stmt)).collect();
        out.insert("steps".into(), steps.into());
        Json::Object(out)
    }

    fn plan_clause(&mut self, clause: &PlanClause, found: &mut [Option<Json>; 4]) {
        let [planner, version, goal, metadata] = found;
        let span = clause.span;
        match &clause.kind {
            PlanClauseKind::Planner(text) => *planner = Some((*text.value).into()),
            PlanClauseKind::PlannerVersion(text) => *version = Some((*text.value).into()),
            PlanClauseKind::Goal(expr) => match &*expr.kind {
                ExprKind::Text { value, .. } => *goal = Some((**value).into()),
                _ => self.refuse(expr.span, "a `goal` that is computed", "its `goal` is a plain text"),
            },
            PlanClauseKind::Meta(expr) => match constant(expr) {
                Some(value) => *metadata = Some(value),
                None => self.refuse(expr.span, "`meta` that is computed", "its `metadata` is plain JSON"),
            },
            PlanClauseKind::Budget(_) => self.refuse(span, "`budget`", "it has no key for it"),
            PlanClauseKind::Throws(_) => self.refuse(span, "`throws`", "it has no key for it"),
            PlanClauseKind::Concurrency(_) => self.refuse(span, "`concurrency`", "it has no key for it"),
        }
    }

    fn stmt(&mut self, stmt: &Stmt) -> Option<Json> {
        let only = "its `steps` are calls and nothing else";
        match &stmt.kind {
            StmtKind::Step(step) => return Some(self.step(step)),
            StmtKind::Let { .. } => self.refuse(stmt.span, "`let`", only),
            StmtKind::Require { .. } => self.refuse(stmt.span, "`require`", only),
            StmtKind::Fail { .. } => self.refuse(stmt.span, "`fail`", only),
            StmtKind::Return { .. } => self.refuse(stmt.span, "`return`", "a plan in it gives no result"),
        }
        None
    }

    fn step(&mut self, step: &Step) -> Json {
        let only = "a step in it is one call";
        let call = match &step.action {
            Action::Call(call) => Some(call),
            Action::Do(body) => self.region(body.span, "`do`", only),
            Action::For(node) => self.region(node.span, "`for`", only),
            Action::If(node) => self.region(node.span, "`if`", only),
            Action::Match(node) => self.region(node.span, "`match`", only),
            Action::Loop(node) => self.region(node.span, "`loop`", only),
            Action::Race(node) => self.region(node.span, "`race`", only),
            Action::Error(_) => None,
        };
        let mut out = Map::new();
        out.insert("step_id".into(), (*step.name.name).into());
        if let Some(call) = call {
            out.insert("skill".into(), (*call.callee.name).into());
            let params = self.params(call);
            out.insert("params".into(), params);
        }
        for clause in &step.clauses {
            self.clause(clause, call, &mut out);
        }
        // One order, whatever the plan has.
        let keys = crate::syntax::json::STEP_KEYS.iter();
        Json::Object(keys.filter_map(|key| out.remove_entry(*key)).collect())
    }

    fn region<'a>(&mut self, span: Span, what: &str, why: &str) -> Option<&'a Call> {
        self.refuse(span, what, why);
        None
    }

    fn params(&mut self, call: &Call) -> Json {
        if let Some(ty) = call.type_args.first() {
            self.refuse(ty.span, "type arguments", "a `skill` in it is a name alone");
        }
        let mut params = Map::new();
        for Arg { name, value, span } in &call.args {
            match name {
                Some(name) => drop(params.insert(name.name.to_string(), value_of(value))),
                None => self.refuse(
                    *span,
                    "an argument without a name",
                    "its `params` have names: write the parameter's",
                ),
            }
        }
        Json::Object(params)
    }

    fn clause(&mut self, clause: &Clause, call: Option<&Call>, out: &mut Map<String, Json>) {
        let why = "a step in it has no key for it";
        match &clause.kind {
            ClauseKind::DependsOn(names) => {
                let names: Vec<&str> = names.iter().map(|n: &Ident| &*n.name).collect();
                out.insert("depends_on".into(), json!(names));
            }
            ClauseKind::When(cond) => drop(out.insert("condition".into(), super::expr(cond).into())),
            ClauseKind::OnError(OnError::Chain(chain)) => self.chain(chain, clause.span, call, out),
            ClauseKind::OnError(OnError::Arms(_)) => {
                self.refuse(clause.span, "`on_error` with arms", "it handles all errors alike");
            }
            ClauseKind::Key(_) => self.refuse(clause.span, "`key`", why),
            ClauseKind::Cache(_) => self.refuse(clause.span, "`cache`", why),
            ClauseKind::Approve(_) => self.refuse(clause.span, "`approve`", why),
            ClauseKind::Timeout(_) => self.refuse(clause.span, "`timeout`", why),
            ClauseKind::Deadline(_) => self.refuse(clause.span, "`deadline`", why),
            ClauseKind::Compensate { .. } => self.refuse(clause.span, "`compensate`", why),
        }
    }

    fn chain(&mut self, chain: &Chain, span: Span, call: Option<&Call>, out: &mut Map<String, Json>) {
        let mut word = |word: &str| drop(out.insert("on_error".into(), word.into()));
        let kinds: Vec<&ReactionKind> = chain.reactions.iter().map(|r| &r.kind).collect();
        let (count, fallback) = match kinds.as_slice() {
            [ReactionKind::Abort] => return word("abort"),
            [ReactionKind::Continue] => return word("continue"),
            [ReactionKind::Retry { count, backoff: None }] => (count, None),
            // What a chain ends in where it does not say so.
            [ReactionKind::Retry { count, backoff: None }, ReactionKind::Abort] => (count, None),
            [ReactionKind::Retry { count, backoff: None }, ReactionKind::Fallback(other)]
            | [
                ReactionKind::Retry { count, backoff: None },
                ReactionKind::Fallback(other),
                ReactionKind::Abort,
            ] => (count, Some(other)),
            _ => {
                let why = "it has `abort`, `continue`, and `retry N` with a `fallback` of the same arguments";
                return self.refuse(span, "this `on_error`", why);
            }
        };
        let ExprKind::Int(n) = &*count.kind else {
            return self.refuse(
                count.span,
                "a `retry` count that is computed",
                "its `retry_count` is a number",
            );
        };
        word("retry");
        out.insert("retry_count".into(), (*n).into());
        let Some(other) = fallback else { return };
        let same = call.is_some_and(|call| {
            call.type_args.is_empty() && other.type_args.is_empty() && same_args(call, other)
        });
        if same {
            out.insert("fallback_skill".into(), (*other.callee.name).into());
        } else {
            self.refuse(
                other.span,
                "a `fallback` with other arguments",
                "its `fallback_skill` gets the step's `params`",
            );
        }
    }
}

/// Whether two calls have the same arguments, as they are printed.
fn same_args(a: &Call, b: &Call) -> bool {
    let args = |call: &Call| -> Vec<(Option<String>, String)> {
        call.args
            .iter()
            .map(|a| (a.name.as_ref().map(|n| n.name.to_string()), super::expr(&a.value)))
            .collect()
    };
    args(a) == args(b)
}

/// A number without its sign, as JSON.
fn number(expr: &Expr) -> Option<Json> {
    match &*expr.kind {
        ExprKind::Int(n) => Some((*n).into()),
        ExprKind::Float(n) => serde_json::Number::from_f64(*n).map(Json::Number),
        ExprKind::Unary { op: UnaryOp::Neg, operand } => match &*operand.kind {
            ExprKind::Int(n) if *n >= 0 => Some(n.checked_neg()?.into()),
            ExprKind::Float(n) => serde_json::Number::from_f64(-*n).map(Json::Number),
            _ => None,
        },
        _ => None,
    }
}

/// The value that an expression is, if it is plain JSON.
fn constant(expr: &Expr) -> Option<Json> {
    match &*expr.kind {
        ExprKind::Null => Some(Json::Null),
        ExprKind::Bool(value) => Some((*value).into()),
        ExprKind::Text { value, .. } => Some((**value).into()),
        ExprKind::List(items) => items.iter().map(constant).collect(),
        ExprKind::Record(entries) => object(entries, constant),
        _ => number(expr),
    }
}

/// A record whose keys are texts, each once.
fn object(entries: &[Entry], value: impl Fn(&Expr) -> Option<Json>) -> Option<Json> {
    let mut out = Map::new();
    for entry in entries {
        match &entry.key {
            EntryKey::Text(key) => {
                if out.insert(key.value.to_string(), value(&entry.value)?).is_some() {
                    return None;
                }
            }
            EntryKey::Expr(_) => return None,
        }
    }
    Some(Json::Object(out))
}

/// Any expression: JSON where it is some, else `${…}`.
fn value_of(expr: &Expr) -> Json {
    let written = || Json::String(format!("${{{}}}", super::expr(expr)));
    match &*expr.kind {
        ExprKind::Null => Json::Null,
        ExprKind::Bool(value) => (*value).into(),
        ExprKind::Text { value, .. } => text(value, false).into(),
        ExprKind::List(items) => items.iter().map(value_of).collect(),
        ExprKind::Record(entries) => object(entries, |e| Some(value_of(e))).unwrap_or_else(written),
        ExprKind::Interpolated { parts, .. } if parts.len() > 1 => {
            let mut out = String::new();
            let mut rest = parts.iter().peekable();
            while let Some(part) = rest.next() {
                match part {
                    TextPart::Text(value) => {
                        out.push_str(&text(value, matches!(rest.peek(), Some(TextPart::Expr(_)))))
                    }
                    TextPart::Expr(inner) => {
                        out.push_str("${");
                        out.push_str(&super::expr(inner));
                        out.push('}');
                    }
                }
            }
            out.into()
        }
        _ => number(expr).unwrap_or_else(written),
    }
}

/// A text in which `${` is plain, perhaps before one that is not.
fn text(value: &str, before_expr: bool) -> String {
    let slashes = |text: &str| text.len() - text.trim_end_matches('\\').len();
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find("${") {
        let before = rest.get(..at).unwrap_or("");
        out.push_str(before);
        out.extend(std::iter::repeat_n('\\', slashes(before) + 1));
        out.push_str("${");
        rest = rest.get(at + 2..).unwrap_or("");
    }
    out.push_str(rest);
    if before_expr {
        out.extend(std::iter::repeat_n('\\', slashes(rest)));
    }
    out
}
