//! The things that are offered, by what is wanted.

use super::context::{Context, macro_calls};
use super::{Item, ItemKind, Variable, visible};
use crate::check::errors::AMBIENT;
use crate::check::hir::VarKind;
use crate::check::relate::shape;
use crate::check::{infer_text, standard_signature};
use crate::expr::functions::{self, Row, Ty};
use crate::ide::forms::{self, Form};
use crate::ide::keywords::{self, Place as Words};
use crate::ide::scope::{Callee, Scope, standard};
use crate::ide::signature::OpenCall;
use crate::ide::{hover, names, walk};
use crate::source::Span;
use crate::syntax::ast::{self, Item as AstItem, Param};
use crate::syntax::tokens::Token;
use crate::types::{Field, RecordType, Type};

pub(super) struct Maker<'a> {
    pub(super) scope: Scope<'a>,
    pub(super) offset: u32,
    pub(super) span: Span,
    pub(super) files: &'a dyn Fn() -> Vec<String>,
    /// The variables of the macros that are being written around the cursor.
    pub(super) macros: Vec<(ast::Name, Type)>,
    pub(super) out: Vec<Item>,
}

/// A text inside a snippet: `$`, `}` and `\` stand for themselves.
fn plain(text: &str) -> String {
    text.replace('\\', "\\\\").replace('$', "\\$").replace('}', "\\}")
}

impl<'a> Maker<'a> {
    fn add(&mut self, label: &str, kind: ItemKind, rank: u8) -> &mut Item {
        self.out.push(Item {
            label: label.to_owned(),
            kind,
            detail: String::new(),
            docs: String::new(),
            snippet: plain(label),
            span: self.span,
            rank,
            deprecated: false,
        });
        // Just pushed.
        let last = self.out.len() - 1;
        #[expect(clippy::indexing_slicing, reason = "the index of what was just pushed")]
        &mut self.out[last]
    }

    /// The variables of the macros around the cursor.
    fn around(&mut self, before: &[Token<'_>]) {
        for open in macro_calls(before) {
            // Outer ones first: an inner one may run over what an outer one names.
            let ty = self.type_of(open.over(self.scope.text()));
            self.macros.push((open.variable.into(), element(&ty)));
        }
    }

    pub(super) fn all(&mut self, context: &Context<'_>, before: &[Token<'_>]) {
        self.around(before);
        match context {
            Context::Words(places) => places.iter().for_each(|p| self.words(*p)),
            Context::Action { regions } => {
                self.callables(None);
                if *regions {
                    self.words(Words::Action);
                }
            }
            Context::Member { from, action } => self.member(before, *from, *action),
            Context::Argument { call } => self.arguments(call),
            Context::Value { of, duration } => {
                if let Some(call) = of {
                    self.wanted(call, false);
                }
                if *duration {
                    for text in ["500ms", "1s", "10s", "30s", "1m", "5m", "1h", "24h"] {
                        self.add(text, ItemKind::Value, 2);
                    }
                }
                self.values();
            }
            Context::Key { of, given } => self.keys(of.as_ref(), given),
            Context::Type => self.types(),
            Context::Error { callee, given } => self.errors(callee.as_deref(), given),
            Context::Reaction => self.words(Words::Reaction),
            Context::Steps => {
                for v in visible(self.scope.project, self.offset) {
                    if matches!(v.kind, VarKind::Step | VarKind::Let) {
                        self.variable(&v);
                    }
                }
                self.tested_steps();
            }
            Context::Pattern { subject } => self.patterns(*subject),
            Context::Nothing => {}
        }
    }

    fn words(&mut self, place: Words) {
        for row in keywords::of(place) {
            let item = self.add(row.word, ItemKind::Keyword, 5);
            item.snippet = row.snippet.to_owned();
            item.docs = row.doc.to_owned();
        }
        if place == Words::Inner {
            // Behind a value these are operators; the rest of the inner words stand behind clauses.
            self.out.retain(|i| i.kind != ItemKind::Keyword || i.label != "opaque");
        }
    }

    /// All skills and plans, or those of a namespace or alias, which is then replaced with them.
    fn callables(&mut self, from: Option<(u32, &str)>) {
        let mut list: Vec<(String, Callee<'a>)> = Vec::new();
        for (alias, item) in self.scope.visible() {
            let (name, callee) = match item {
                AstItem::Skill(s) => (&s.name.name, Callee::Skill(s)),
                AstItem::Plan(p) => (&p.name.name, Callee::Plan(p)),
                AstItem::Use(_) | AstItem::Type(_) | AstItem::Test(_) => continue,
            };
            let name = alias.map_or_else(|| name.to_string(), |a| format!("{a}.{name}"));
            list.push((name, callee));
        }
        for module in standard().modules() {
            for item in &module.file.items {
                if let AstItem::Skill(s) = item {
                    list.push((s.name.name.to_string(), Callee::Skill(s)));
                }
            }
        }
        let inside = crate::ide::plan_at(self.scope.project, self.offset).map(|p| p.name.span);
        for (name, callee) in list {
            // A plan cannot call itself.
            if inside == Some(callee.place()) || from.is_some_and(|(_, prefix)| !name.starts_with(prefix)) {
                continue;
            }
            let start = from.map_or(self.span.start, |(start, _)| start);
            self.callable(&name, callee, start);
        }
    }

    fn callable(&mut self, name: &str, callee: Callee<'_>, start: u32) {
        let required: Vec<&Param> =
            callee.params().iter().filter(|p| p.default.is_none() && !p.optional).collect();
        let called = self.called();
        let mut snippet = plain(name);
        let mut stop = 1;
        if let Callee::Skill(s) = callee
            && !s.type_params.is_empty()
            && !called
        {
            let names: Vec<String> = s
                .type_params
                .iter()
                .map(|t| {
                    stop += 1;
                    format!("${{{}:{}}}", stop - 1, plain(&t.name))
                })
                .collect();
            snippet.push_str(&format!("<{}>", names.join(", ")));
        }
        if !called {
            let args: Vec<String> = required
                .iter()
                .map(|p| {
                    stop += 1;
                    format!("{}: ${{{}:{}}}", plain(&p.name.name), stop - 1, plain(&p.name.name))
                })
                .collect();
            snippet.push_str(&format!("({})$0", args.join(", ")));
        }
        let params: Vec<String> = callee.params().iter().map(crate::ide::signature::param_text).collect();
        let output = callee.output().map(|t| format!(" -> {}", crate::format::ty(t))).unwrap_or_default();
        let kind = match callee {
            Callee::Skill(_) => ItemKind::Skill,
            Callee::Plan(_) => ItemKind::Plan,
        };
        let deprecated = matches!(callee, Callee::Skill(s) if s.clauses.iter().any(|c| matches!(c.kind, ast::SkillClauseKind::Deprecated(_))));
        let docs = callee.docs().unwrap_or("").to_owned();
        let item = self.add(name, kind, 1);
        item.detail = format!("({}){output}", params.join(", "));
        item.docs = docs;
        item.snippet = snippet;
        item.span.start = start;
        item.deprecated = deprecated;
    }

    /// Whether a parenthesis follows the cursor already.
    fn called(&self) -> bool {
        let rest = self.scope.text().get(self.offset as usize..).unwrap_or("");
        rest.starts_with('(') || rest.starts_with('<')
    }

    fn member(&mut self, before: &[Token<'_>], from: usize, action: bool) {
        let Some(first) = before.get(from) else { return };
        let dot = before.last().map_or(first.start, |t| t.start);
        let text = self.scope.text().get(first.start as usize..dot as usize).unwrap_or("");
        if action {
            let prefix: String = text.chars().filter(|c| !c.is_whitespace()).chain(['.']).collect();
            return self.callables(Some((first.start, &prefix)));
        }
        if text == "run" {
            for name in ["id", "plan", "started_at"] {
                self.add(name, ItemKind::Field, 0);
            }
            return;
        }
        if functions::is_namespace(text) {
            let prefix = format!("{text}.");
            for row in functions::rows().filter(|r| r.name.starts_with(&prefix)) {
                let short = row.name.get(prefix.len()..).unwrap_or(row.name);
                self.function(short, row, false);
            }
        }
        if let Some(alias) = self.scope.alias(text) {
            self.aliased(&alias.name.clone());
        }
        let ty = self.type_of(text);
        self.fields(&ty);
        self.receivers(&ty);
    }

    /// The types of a file behind an alias.
    fn aliased(&mut self, alias: &str) {
        let list: Vec<(String, Option<String>)> = self
            .scope
            .visible()
            .filter(|(a, _)| *a == Some(alias))
            .filter_map(|(_, item)| match item {
                AstItem::Type(t) => {
                    Some((t.name.name.to_string(), t.lead.docs.as_deref().map(str::to_owned)))
                }
                AstItem::Use(_) | AstItem::Skill(_) | AstItem::Plan(_) | AstItem::Test(_) => None,
            })
            .collect();
        for (name, docs) in list {
            self.add(&name, ItemKind::Type, 1).docs = docs.unwrap_or_default();
        }
    }

    fn type_of(&self, text: &str) -> Type {
        let vars: Vec<_> = visible(self.scope.project, self.offset)
            .into_iter()
            .map(|v| (v.name.clone(), v.kind, v.ty.clone()))
            .chain(self.macros.iter().map(|(name, ty)| (name.clone(), VarKind::Macro, ty.clone())))
            .collect();
        let types = self.scope.project.analysis.types.iter().map(|(n, t)| (n.clone(), t.clone()));
        infer_text(text, &vars, types)
    }

    fn fields(&mut self, ty: &Type) {
        match shape(ty) {
            Type::Optional(inner) => self.fields(&inner.clone()),
            Type::Record(r) => {
                let r: RecordType = (**r).clone();
                for (name, field) in &r.fields {
                    self.field(name, field);
                }
            }
            Type::File => {
                for name in ["name", "size", "mime", "digest"] {
                    self.add(name, ItemKind::Field, 0);
                }
            }
            Type::Opaque { base, .. } => self.fields(&base.clone()),
            _ => {}
        }
    }

    fn field(&mut self, name: &str, field: &Field) {
        let optional = if field.optional { "?" } else { "" };
        let item = self.add(name, ItemKind::Field, 0);
        item.detail = format!("{}{}{optional}", field.labels, field.ty);
        item.docs = field.docs.as_deref().unwrap_or("").to_owned();
    }

    /// The functions that can be called on a value.
    fn receivers(&mut self, ty: &Type) {
        let bare = match shape(ty) {
            Type::Optional(inner) => shape(inner).clone(),
            other => other.clone(),
        };
        if matches!(bare, Type::Error) {
            return;
        }
        for row in functions::rows().filter(|r| r.called_as(true)) {
            if row.overloads.iter().any(|o| o.params.first().is_some_and(|p| takes(p, &bare))) {
                self.function(row.name, row, true);
            }
        }
        if matches!(bare, Type::List(_) | Type::Map(_) | Type::Record(_) | Type::Json) {
            self.forms(forms::MACROS, 3);
        }
    }

    fn function(&mut self, name: &str, row: &'static Row, receiver: bool) {
        let called = self.called();
        let arguments =
            row.overloads.iter().map(|o| o.params.len()).max().unwrap_or(0) > usize::from(receiver);
        let item = self.add(name, ItemKind::Function, 4);
        item.detail = row.to_string().lines().next().unwrap_or("").to_owned();
        item.docs = row.doc.to_owned();
        if !called {
            item.snippet = format!("{}({})", plain(name), if arguments { "$1" } else { "" });
        }
    }

    fn arguments(&mut self, call: &OpenCall<'_>) {
        let Some(callee) = self.scope.callee(&call.callee) else { return self.values() };
        let required = callee.params().iter().filter(|p| p.default.is_none() && !p.optional).count();
        for param in callee.params().iter().filter(|p| !call.before.contains(&&*p.name.name)) {
            let needed = param.default.is_none() && !param.optional;
            let item = self.add(&param.name.name, ItemKind::Argument, u8::from(!needed));
            item.detail = crate::ide::signature::param_text(param);
            item.docs = hover::param_docs(param);
            item.snippet = format!("{}: $1", plain(&written(param)));
        }
        // With one required parameter its value may stand alone.
        if required == 1 && call.before.is_empty() {
            self.values();
        }
    }

    /// The type of the parameter that an argument is for.
    fn parameter_type(&self, call: &OpenCall<'_>) -> Option<Type> {
        let callee = self.scope.callee(&call.callee)?;
        let name = match call.name {
            Some(name) => name.to_owned(),
            None => callee.params().iter().find(|p| p.default.is_none())?.name.name.to_string(),
        };
        let analysis = &self.scope.project.analysis;
        let params = match callee {
            Callee::Skill(s) => {
                let known = analysis.skills.get(&s.name.name).cloned();
                known.or_else(|| standard_signature(&s.name.name))?.params.clone()
            }
            Callee::Plan(p) => analysis.plans.values().find(|h| h.span == p.span)?.params.clone(),
        };
        params.into_iter().find(|p| *p.name == *name).map(|p| p.ty)
    }

    /// What the type of a parameter says by itself: the values of a literal union.
    fn wanted(&mut self, call: &OpenCall<'_>, quoted: bool) {
        let Some(ty) = self.parameter_type(call) else { return };
        self.literals(&ty, quoted);
    }

    fn literals(&mut self, ty: &Type, quoted: bool) {
        match shape(ty) {
            Type::Optional(inner) => self.literals(&inner.clone(), quoted),
            Type::Literals(all) => {
                for text in all.iter() {
                    let label = if quoted { text.to_string() } else { format!("{text:?}") };
                    self.add(&label, ItemKind::Value, 0);
                }
            }
            Type::Bool if !quoted => {
                for text in ["true", "false"] {
                    self.add(text, ItemKind::Value, 0);
                }
            }
            _ => {}
        }
    }

    fn variable(&mut self, v: &Variable) {
        let kind = match v.kind {
            VarKind::Input => ItemKind::Input,
            VarKind::Step => ItemKind::Step,
            VarKind::Let => ItemKind::Let,
            VarKind::Item
            | VarKind::Index
            | VarKind::Loop
            | VarKind::It
            | VarKind::Macro
            | VarKind::Error => ItemKind::Local,
        };
        let detail = hover::short(&v.ty);
        let missing = v.missing;
        let item = self.add(&v.name.clone(), kind, 1);
        item.detail = detail;
        if missing {
            item.docs = "May be missing: read it by `?.` or `??`.".to_owned();
        }
    }

    fn values(&mut self) {
        for v in visible(self.scope.project, self.offset) {
            self.variable(&v);
        }
        for (name, ty) in self.macros.clone() {
            self.variable(&Variable { name, kind: VarKind::Macro, ty, missing: false });
        }
        self.words(Words::Value);
        for row in functions::rows().filter(|r| r.called_as(false) && !r.name.contains('.')) {
            self.function(row.name, row, false);
        }
        self.forms(forms::STATUS, 4);
        self.forms(forms::OTHERS, 6);
    }

    fn forms(&mut self, forms: &[Form], rank: u8) {
        let called = self.called();
        for form in forms {
            let item = self.add(form.name, ItemKind::Function, rank);
            item.detail = form.signature.to_owned();
            item.docs = form.doc.to_owned();
            if !called {
                item.snippet = form.snippet.to_owned();
            }
        }
    }

    fn keys(&mut self, of: Option<&OpenCall<'_>>, given: &[&str]) {
        let ty = match of {
            Some(call) => self.parameter_type(call),
            None => self.input_type(),
        };
        let Some(Type::Record(r)) = ty.as_ref().map(shape) else { return };
        let r = (**r).clone();
        for (name, field) in r.fields.iter().filter(|(n, _)| !given.contains(&&***n)) {
            self.field(name, field);
            if let Some(item) = self.out.last_mut() {
                item.snippet = format!("{}: $1", plain(name));
            }
        }
    }

    /// In a test: the inputs of its plan, as a record.
    fn input_type(&self) -> Option<Type> {
        let plan = self.tested()?;
        let hir = crate::ide::hir_of(self.scope.project, plan)?;
        let mut record = RecordType::default();
        for p in &hir.params {
            let field = Field {
                ty: p.ty.clone(),
                optional: p.default.is_some(),
                labels: p.labels,
                docs: p.docs.clone(),
            };
            record.fields.insert(p.name.clone(), field);
        }
        Some(Type::Record(record.into()))
    }

    /// The plan of the test at the cursor.
    fn tested(&self) -> Option<&'a ast::Plan> {
        let test = self.scope.items().iter().find_map(|item| match item {
            AstItem::Test(t) if t.span.start < self.offset && self.offset <= t.span.end => Some(t),
            AstItem::Test(_) | AstItem::Use(_) | AstItem::Type(_) | AstItem::Skill(_) | AstItem::Plan(_) => {
                None
            }
        })?;
        match self.scope.callee(&test.plan.name)? {
            Callee::Plan(plan) => Some(plan),
            Callee::Skill(_) => None,
        }
    }

    fn tested_steps(&mut self) {
        let Some(plan) = self.tested() else { return };
        let mut found = Vec::new();
        walk::walk(walk::Node::Body(&plan.body), &mut |node| {
            if let walk::Node::Stmt(ast::Stmt { kind: ast::StmtKind::Step(step), .. }) = node {
                found.push(step.name.name.clone());
            }
            !matches!(node, walk::Node::Expr(_))
        });
        for name in found {
            self.add(&name, ItemKind::Step, 1);
        }
    }

    fn types(&mut self) {
        for name in names::BASIC {
            self.add(name, ItemKind::Type, 2).docs = hover::basic(name).unwrap_or_default().to_owned();
        }
        self.words(Words::Type);
        let list: Vec<(String, String)> = self
            .scope
            .visible()
            .filter_map(|(alias, item)| match item {
                AstItem::Type(t) => {
                    let name =
                        alias.map_or_else(|| t.name.name.to_string(), |a| format!("{a}.{}", t.name.name));
                    Some((name, t.lead.docs.as_deref().unwrap_or("").to_owned()))
                }
                AstItem::Use(_) | AstItem::Skill(_) | AstItem::Plan(_) | AstItem::Test(_) => None,
            })
            .collect();
        for (name, docs) in list {
            self.add(&name, ItemKind::Type, 1).docs = docs;
        }
    }

    fn errors(&mut self, callee: Option<&str>, given: &[&str]) {
        let thrown: Vec<(String, String)> = callee
            .and_then(|name| self.scope.callee(name))
            .map(|c| {
                let one = |e: &ast::ErrorDecl| {
                    let fields: Vec<String> =
                        e.fields.iter().map(crate::ide::signature::param_text).collect();
                    (e.name.name.to_string(), fields.join(", "))
                };
                c.throws().iter().map(one).collect()
            })
            .unwrap_or_default();
        for (name, fields) in thrown.iter().filter(|(n, _)| !given.contains(&n.as_str())) {
            let item = self.add(name, ItemKind::Error, 0);
            item.detail = fields.clone();
            if callee.is_some() {
                item.snippet = plain(name);
            }
        }
        for name in AMBIENT.iter().filter(|n| !given.contains(*n)) {
            self.add(name, ItemKind::Error, 2).docs = keywords::ambient(name).unwrap_or("").to_owned();
        }
        if callee.is_some() {
            self.add("_", ItemKind::Error, 3).docs = "Every other error.".to_owned();
        }
    }

    fn patterns(&mut self, (from, to): (u32, u32)) {
        let text = self.scope.text().get(from as usize..to as usize).unwrap_or("").trim();
        let ty = self.type_of(text);
        self.literals(&ty, false);
        self.add("_", ItemKind::Value, 3).docs = "Every other value.".to_owned();
    }

    /// Inside a string that does not end before the cursor.
    pub(super) fn in_text(&mut self, context: &Context<'_>, before: &[Token<'_>], token: &Token<'_>) {
        self.around(before);
        let quotes = if token.text.starts_with("\"\"\"") || token.text.starts_with("'''") { 3 } else { 1 };
        self.span.start = token.start + quotes;
        let before = self.scope.text().get(..token.start as usize).unwrap_or("").trim_end();
        if before.ends_with("use") {
            for file in (self.files)() {
                self.add(&file, ItemKind::File, 0);
            }
            return;
        }
        if before.ends_with("secret(") {
            for name in self.scope.project.config.secrets.keys() {
                self.add(name, ItemKind::Secret, 0);
            }
            return;
        }
        if before.ends_with(" by") {
            for name in self.scope.project.config.people.keys() {
                self.add(name, ItemKind::Value, 0);
            }
            return;
        }
        match context {
            Context::Argument { call } => self.wanted(call, true),
            Context::Pattern { subject: (from, to) } => {
                let text = self.scope.text().get(*from as usize..*to as usize).unwrap_or("").trim();
                let ty = self.type_of(text);
                self.literals(&ty, true);
            }
            Context::Value { of, .. } => {
                // `x == "…"`: the values of what stands on the left.
                if let Some(left) = before.strip_suffix("==").or_else(|| before.strip_suffix("!=")) {
                    let left = left.trim_end();
                    let start = left.rfind(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '?')));
                    let ty = self.type_of(left.get(start.map_or(0, |n| n + 1)..).unwrap_or(""));
                    self.literals(&ty, true);
                } else if let Some(call) = of {
                    self.wanted(call, true);
                }
            }
            _ => {}
        }
    }
}

/// What a variable of a macro ranges over.
fn element(ty: &Type) -> Type {
    match shape(ty) {
        Type::List(item) => (**item).clone(),
        Type::Map(_) | Type::Record(_) => Type::String,
        Type::Optional(inner) => element(inner),
        Type::Json => Type::Json,
        _ => Type::Error,
    }
}

/// The name of a parameter as it is written at a call.
fn written(param: &Param) -> String {
    let name = &param.name.name;
    let word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if word { name.to_string() } else { format!("{name:?}") }
}

/// Whether a function's parameter takes such a value.
fn takes(param: &Ty, ty: &Type) -> bool {
    match (param, ty) {
        (Ty::A | Ty::Any, _) => true,
        (_, Type::Json) => true,
        (Ty::String, Type::String | Type::Literals(_))
        | (Ty::Bool, Type::Bool)
        | (Ty::Int, Type::Int)
        | (Ty::Float, Type::Float | Type::Int)
        | (Ty::Bytes, Type::Bytes)
        | (Ty::Timestamp, Type::Timestamp)
        | (Ty::Duration, Type::Duration) => true,
        (Ty::List(_), Type::List(_)) | (Ty::Map(_), Type::Map(_) | Type::Record(_)) => true,
        (Ty::Optional(inner), ty) => takes(inner, ty),
        _ => false,
    }
}
