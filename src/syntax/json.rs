//! The other form: a plan as a JSON document, read into the same tree, every place one of the JSON text.
//!
//! What reads the tree need not know: a string's `${…}` is parsed as any expression is, and its places go through the escapes of
//! the JSON string back to the file.

mod text;
mod values;

use super::Parse;
use super::ast::{
    Action, Arg, Body, Call, Chain, Clause, ClauseKind, Expr, ExprKind, File, Ident, Item, Lead, Name,
    OnError, Path, Plan, PlanClause, PlanClauseKind, Reaction, ReactionKind, Step, Stmt, StmtKind, TextForm,
};
use crate::diagnostic::{Code, Diagnostic, Edit, nearest, sort};
use crate::source::{SourceId, Span};
use std::collections::HashMap;
use text::{Kind, Node, Text};

/// The keys of a plan, and of a step, in the order in which they are written.
pub const PLAN_KEYS: &[&str] = &["planner", "planner_version", "goal", "metadata", "steps"];
/// The keys of a step.
pub const STEP_KEYS: &[&str] =
    &["step_id", "skill", "params", "depends_on", "condition", "on_error", "retry_count", "fallback_skill"];
/// What `on_error` may be.
pub const ON_ERROR: &[&str] = &["abort", "continue", "retry"];

/// Whether the file at a path holds the JSON form.
#[must_use]
pub fn is_json(path: &std::path::Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"))
}

/// The name of the plan in the file at a path: its stem, made a name.
#[must_use]
pub fn plan_name(path: &std::path::Path) -> String {
    let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let mut name: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if !is_name(&name) {
        name.insert_str(0, "plan_");
    }
    name
}

/// Whether a text can be a name of the language.
#[must_use]
pub fn is_name(text: &str) -> bool {
    use pest::Parser as _;
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.chars().all(letters)
        && super::PlanParser::parse(super::Rule::name, text)
            .is_ok_and(|mut p| p.next().is_some_and(|p| p.as_str() == text))
}

/// Reads the JSON form of the plan `name`. Total, as [`super::parse`].
#[must_use]
pub fn parse(source: SourceId, text: &str, name: &str) -> Parse {
    let mut reading = Reading { source, text, places: Vec::new(), diagnostics: Vec::new() };
    let items = match text::read(source, text) {
        Ok(node) => reading.plan(node, name).map(Item::Plan).into_iter().collect(),
        Err(d) => {
            reading.report(*d);
            Vec::new()
        }
    };
    let Reading { places, mut diagnostics, .. } = reading;
    sort(&mut diagnostics);
    diagnostics.truncate(super::MAX_DIAGNOSTICS);
    Parse { file: File { items }, comments: Vec::new(), diagnostics, json: Some(places.into()) }
}

/// A fix of the language for a JSON text: kept where all it changes are insides of strings that hold the language, its text escaped;
/// dropped otherwise.
pub fn fit_fixes(diagnostics: &mut [Diagnostic], source: SourceId, places: &[Span]) {
    let mut places = places.to_vec();
    places.sort_by_key(|p| (p.start, p.end));
    let inside = |span: Span| {
        let at = places.partition_point(|p| p.start <= span.start);
        at.checked_sub(1).and_then(|i| places.get(i)).is_some_and(|p| p.contains(span))
    };
    for d in diagnostics {
        let ours = |e: &Edit| e.span.source == source;
        // The form's own fixes change JSON, not what its strings hold.
        if d.code == Code::JsonForm {
            continue;
        }
        d.fixes.retain(|f| f.edits.iter().all(|e| !ours(e) || inside(e.span)));
        for edit in d.fixes.iter_mut().flat_map(|f| &mut f.edits).filter(|e| ours(e)) {
            let quoted = serde_json::Value::from(edit.text.as_str()).to_string();
            edit.text = quoted.get(1..quoted.len() - 1).unwrap_or("").to_owned();
        }
    }
}

/// What is known while a document is read.
struct Reading<'a> {
    source: SourceId,
    text: &'a str,
    /// The insides of strings that hold the language.
    places: Vec<Span>,
    diagnostics: Vec<Diagnostic>,
}

type Fields = HashMap<&'static str, (Text, Node)>;

impl Reading<'_> {
    fn report(&mut self, d: Diagnostic) {
        if self.diagnostics.len() <= super::MAX_DIAGNOSTICS {
            self.diagnostics.push(d);
        }
    }

    fn fault(&mut self, span: Span, message: impl Into<String>) {
        self.report(Diagnostic::new(Code::JsonForm, span, message));
    }

    /// No key of an object stands twice.
    fn unique(&mut self, entries: &[(Text, Node)]) {
        let mut seen: HashMap<&str, Span> = HashMap::new();
        for (key, _) in entries {
            if let Some(first) = seen.insert(&key.value, key.span) {
                let message = format!("the key `{}` stands twice", key.value.escape_debug());
                self.report(Diagnostic::new(Code::JsonForm, key.span, message).also(first, "first here"));
            }
        }
    }

    /// The fields of an object of the form; null is the same as left out.
    fn fields(&mut self, node: Node, what: &str, keys: &'static [&'static str]) -> Option<Fields> {
        let (span, found) = (node.span, node.what());
        let Kind::Object(entries) = node.kind else {
            let known = keys.join("`, `");
            let d = Diagnostic::new(Code::JsonForm, span, format!("{what} is an object; this is {found}"));
            self.report(d.help(format!("write an object with `{known}`")));
            return None;
        };
        self.unique(&entries);
        let mut fields = Fields::new();
        for (key, value) in entries {
            match keys.iter().find(|k| **k == key.value) {
                Some(name) if matches!(value.kind, Kind::Null) => drop(fields.remove(name)),
                Some(name) => drop(fields.insert(name, (key, value))),
                None => self.unknown_key(&key, what, keys),
            }
        }
        Some(fields)
    }

    fn unknown_key(&mut self, key: &Text, what: &str, keys: &[&str]) {
        let message = format!("{what} has no key `{}`", key.value.escape_debug());
        let d = Diagnostic::new(Code::JsonForm, key.span, message);
        let d = match nearest(&key.value, keys.iter().copied()) {
            Some(near) => {
                let edit = Edit::replace(key.inside(), near);
                d.help(format!("did you mean `{near}`?")).fix(format!("rename it to `{near}`"), vec![edit])
            }
            None => d.help(format!("the keys are `{}`", keys.join("`, `"))),
        };
        self.report(d);
    }

    /// The string of a field, if there is one.
    fn string(&mut self, fields: &mut Fields, key: &'static str) -> Option<Text> {
        let (_, node) = fields.remove(key)?;
        match node.kind {
            Kind::Text(text) => Some(text),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Array(_) | Kind::Object(_) => {
                let what = node.what();
                self.fault(node.span, format!("`{key}` is a string; this is {what}"));
                None
            }
        }
    }

    fn plan(&mut self, node: Node, name: &str) -> Option<Plan> {
        let span = node.span;
        let mut fields = self.fields(node, "a plan", PLAN_KEYS)?;
        let mut clauses = Vec::new();
        if let Some(text) = self.string(&mut fields, "goal") {
            let form = if text.value.contains('\n') { TextForm::Block } else { TextForm::Plain };
            let kind = ExprKind::Text { value: text.value.into(), form };
            let goal = PlanClauseKind::Goal(Expr { kind: Box::new(kind), span: text.span });
            clauses.push(PlanClause { kind: goal, span: text.span });
        }
        let text = |t: Text| super::ast::Text { value: t.value.into(), span: t.span };
        if let Some(t) = self.string(&mut fields, "planner") {
            clauses.push(PlanClause { span: t.span, kind: PlanClauseKind::Planner(text(t)) });
        }
        if let Some(t) = self.string(&mut fields, "planner_version") {
            clauses.push(PlanClause { span: t.span, kind: PlanClauseKind::PlannerVersion(text(t)) });
        }
        if let Some((_, node)) = fields.remove("metadata") {
            let (span, what) = (node.span, node.what());
            if matches!(node.kind, Kind::Object(_)) {
                let record = self.plain_value(node);
                clauses.push(PlanClause { span, kind: PlanClauseKind::Meta(record) });
            } else {
                self.fault(span, format!("`metadata` is an object; this is {what}"));
            }
        }
        let body = match fields.remove("steps") {
            Some((_, node)) => self.steps(node),
            None => {
                self.fault(span.head(), "the plan has no `steps`");
                Body { stmts: Vec::new(), span }
            }
        };
        let name = Ident { name: name.into(), span: span.head() };
        let lead = Lead::default();
        Some(Plan { lead, name, params: Vec::new(), output: None, clauses, body, span })
    }

    fn steps(&mut self, node: Node) -> Body {
        let (span, what) = (node.span, node.what());
        let Kind::Array(nodes) = node.kind else {
            self.fault(span, format!("`steps` is an array; this is {what}"));
            return Body { stmts: Vec::new(), span };
        };
        let stmts = nodes.into_iter().filter_map(|node| self.step(node)).collect();
        Body { stmts, span }
    }

    fn step(&mut self, node: Node) -> Option<Stmt> {
        let span = node.span;
        let faults = self.diagnostics.len();
        let mut fields = self.fields(node, "a step", STEP_KEYS)?;
        for key in ["step_id", "skill"] {
            if !fields.contains_key(key) {
                self.fault(span.head(), format!("the step has no `{key}`"));
            }
        }
        let name = self.string(&mut fields, "step_id").and_then(|t| self.ident(&t, "step_id"));
        let skill = self.string(&mut fields, "skill").and_then(|t| self.path(&t, "skill"));
        let params = fields.remove("params");
        // Under a key that is not known stand perhaps the arguments: that they are missing would be said twice.
        let mut unclear = faults < self.diagnostics.len() && params.is_none();
        let mut args = Vec::new();
        if let Some((_, node)) = params {
            match self.params(node) {
                Some(found) => args = found,
                None => unclear = true,
            }
        }
        let ends = args.first().zip(args.last());
        let args_span = ends.map_or(span.tail(), |(first, last): (&Arg, &Arg)| first.span.to(last.span));
        let mut clauses = Vec::new();
        if let Some((_, node)) = fields.remove("depends_on") {
            let place = node.span;
            clauses.push(Clause { kind: ClauseKind::DependsOn(self.names(node)), span: place });
        }
        if let Some(text) = self.string(&mut fields, "condition") {
            let cond = self.condition(&text);
            clauses.push(Clause { kind: ClauseKind::When(cond), span: text.span });
        }
        let call = |callee: Path| {
            let span = callee.span.to(args_span);
            Call { callee, type_args: Vec::new(), args: args.clone(), span, args_span }
        };
        clauses.extend(self.on_error(&mut fields, &call));
        let name = name?;
        let action = match skill {
            Some(skill) if !unclear => Action::Call(call(skill)),
            Some(_) | None => Action::Error(span),
        };
        Some(Stmt { lead: Lead::default(), kind: StmtKind::Step(Step { name, action, clauses }), span })
    }

    fn params(&mut self, node: Node) -> Option<Vec<Arg>> {
        let (span, what) = (node.span, node.what());
        let Kind::Object(entries) = node.kind else {
            self.fault(span, format!("`params` is an object; this is {what}"));
            return None;
        };
        let arg = |(key, node): (Text, Node)| {
            let span = key.span.to(node.span);
            let name = Ident { name: key.value.as_str().into(), span: key.inside() };
            self.places.push(key.inside());
            Arg { name: Some(name), value: self.value(node), span }
        };
        Some(entries.into_iter().map(arg).collect())
    }

    fn names(&mut self, node: Node) -> Vec<Ident> {
        let (span, what) = (node.span, node.what());
        let Kind::Array(nodes) = node.kind else {
            self.fault(span, format!("`depends_on` is an array of step ids; this is {what}"));
            return Vec::new();
        };
        let mut names = Vec::new();
        for node in nodes {
            let (span, what) = (node.span, node.what());
            match node.kind {
                Kind::Text(text) => names.extend(self.ident(&text, "depends_on")),
                Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Array(_) | Kind::Object(_) => {
                    self.fault(span, format!("a step id is a string; this is {what}"));
                }
            }
        }
        names
    }

    fn ident(&mut self, text: &Text, key: &str) -> Option<Ident> {
        if !is_name(&text.value) {
            let message = format!("`{}` cannot be a step's name in `{key}`", text.value.escape_debug());
            let d = Diagnostic::new(Code::JsonForm, text.inside(), message);
            self.report(d.help(
                "a name is letters, digits and `_`, begins with no digit, and is no word of the language",
            ));
            return None;
        }
        self.places.push(text.inside());
        Some(Ident { name: text.value.as_str().into(), span: text.inside() })
    }

    fn path(&mut self, text: &Text, key: &str) -> Option<Path> {
        let inside = text.inside();
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let part =
            |p: &str| p.starts_with(|c: char| letters(c) && !c.is_ascii_digit()) && p.chars().all(letters);
        let first = text.value.split('.').next().unwrap_or("");
        let named = text.value.split('.').all(part) && is_name(first);
        // An escape in it would move the places of its parts: no tool writes one for such a letter.
        if !named || inside.range().len() != text.value.len() {
            let message = format!("`{}` cannot be the name of a skill in `{key}`", text.value.escape_debug());
            self.report(
                Diagnostic::new(Code::JsonForm, inside, message)
                    .help("write a dotted name such as `http.get`"),
            );
            return None;
        }
        self.places.push(inside);
        let mut start = inside.start;
        let mut segments = Vec::new();
        for part in text.value.split('.') {
            let end = start + part.len() as u32;
            segments.push(Ident { name: Name::from(part), span: Span { start, end, ..inside } });
            start = end + 1;
        }
        Some(Path { name: text.value.as_str().into(), segments, span: inside })
    }

    /// `on_error`, `retry_count` and `fallback_skill` as one clause.
    fn on_error(&mut self, fields: &mut Fields, call: &dyn Fn(Path) -> Call) -> Option<Clause> {
        let count = fields.remove("retry_count");
        let fallback = self.string(fields, "fallback_skill");
        let word = self.string(fields, "on_error");
        let known = word.as_ref().is_none_or(|w| ON_ERROR.contains(&w.value.as_str()));
        if let Some(word) = word.as_ref().filter(|_| !known) {
            let message =
                format!("`on_error` is `abort`, `continue` or `retry`, not `{}`", word.value.escape_debug());
            let mut d = Diagnostic::new(Code::JsonForm, word.inside(), message);
            if let Some(near) = nearest(&word.value, ON_ERROR.iter().copied()) {
                d = d.fix(format!("write `{near}`"), vec![Edit::replace(word.inside(), near)]);
            }
            self.report(d);
            return None;
        }
        let retries = word.as_ref().is_some_and(|w| w.value == "retry");
        if !retries {
            let stray = [
                count.as_ref().map(|(k, _)| (k.span, "retry_count")),
                fallback.as_ref().map(|t| (t.span, "fallback_skill")),
            ];
            for (span, key) in stray.into_iter().flatten() {
                let d = Diagnostic::new(
                    Code::JsonForm,
                    span,
                    format!("`{key}` means nothing without `\"on_error\": \"retry\"`"),
                );
                self.report(d.help("remove it, or set `on_error` to `retry`"));
            }
        }
        let word = word?;
        let span = word.span;
        let reaction = |kind| Reaction { kind, span };
        let mut reactions = Vec::new();
        match word.value.as_str() {
            "abort" => reactions.push(reaction(ReactionKind::Abort)),
            "continue" => reactions.push(reaction(ReactionKind::Continue)),
            _ => {
                let count = self.retry_count(count, span)?;
                reactions.push(reaction(ReactionKind::Retry { count, backoff: None }));
                if let Some(skill) = fallback.and_then(|t| self.path(&t, "fallback_skill")) {
                    let place = skill.span;
                    reactions.push(Reaction { kind: ReactionKind::Fallback(call(skill)), span: place });
                }
            }
        }
        Some(Clause { kind: ClauseKind::OnError(OnError::Chain(Chain { reactions, span })), span })
    }

    fn retry_count(&mut self, count: Option<(Text, Node)>, word: Span) -> Option<Expr> {
        let Some((_, node)) = count else {
            let d = Diagnostic::new(Code::JsonForm, word, "`\"on_error\": \"retry\"` needs a `retry_count`");
            self.report(d.help("say how many further attempts there are"));
            return None;
        };
        let (span, what) = (node.span, node.what());
        match node.kind {
            Kind::Number(text) if text.bytes().all(|b| b.is_ascii_digit()) => {
                text.parse().ok().map(|n| Expr { kind: Box::new(ExprKind::Int(n)), span })
            }
            Kind::Null
            | Kind::Bool(_)
            | Kind::Number(_)
            | Kind::Text(_)
            | Kind::Array(_)
            | Kind::Object(_) => None,
        }
        .or_else(|| {
            let what = if what == "a number" { "another number" } else { what };
            self.fault(span, format!("`retry_count` is a whole number of 64 bits; this is {what}"));
            None
        })
    }
}
