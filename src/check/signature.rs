//! From a `skill` declaration to its signature.

use super::cx::{Cx, Globals, Role};
use super::hir::{Effect, ErrorKind, Idempotency, Param, Rate, Signature, VarKind};
use super::relate::optional;
use crate::catalog::{Catalog, Module};
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{Expr, ExprKind, VarId};
use crate::syntax::ast::{self, EffectKind, Name, RateUnit, SkillClause, SkillClauseKind};
use crate::types::{Field, Labels, RecordType, Type};
use crate::value::Value;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

/// The signature of a skill of the catalog; those of the standard ones are made once.
pub(super) fn standard(catalog: &Catalog, name: &str) -> Option<Arc<Signature>> {
    static MADE: LazyLock<Mutex<HashMap<String, Arc<Signature>>>> = LazyLock::new(Mutex::default);
    let module = catalog.module(name)?;
    if module.family.is_none() {
        return make(module, name);
    }
    if let Ok(made) = MADE.lock()
        && let Some(found) = made.get(name)
    {
        return Some(found.clone());
    }
    let signature = make(module, name)?;
    if let Ok(mut made) = MADE.lock() {
        made.insert(name.to_owned(), signature.clone());
    }
    Some(signature)
}

fn make(module: &Module, name: &str) -> Option<Arc<Signature>> {
    let globals = Globals::default();
    Some(Arc::new(lower(module.skill(name)?, &globals, &mut Vec::new())))
}

/// Lowers a declaration.
pub(super) fn lower(skill: &ast::Skill, globals: &Globals, found: &mut Vec<Diagnostic>) -> Signature {
    let mut cx = Cx::new(globals);
    let type_params: Vec<Name> = skill.type_params.iter().map(|p| p.name.clone()).collect();
    for (index, param) in skill.type_params.iter().enumerate() {
        if type_params.iter().take(index).any(|p| *p == param.name) {
            let message = format!("the type parameter `{}` is declared twice", param.name);
            cx.report(Diagnostic::new(Code::DuplicateName, param.span, message));
        }
    }
    let params = params(&mut cx, &skill.params, &type_params, true);
    let (output, output_labels) = match &skill.output {
        Some(ty) => cx.resolve_type(ty, &type_params),
        None => (Type::Null, Labels::default()),
    };
    let mut signature = Signature {
        name: skill.name.name.clone(),
        docs: skill.lead.docs.clone(),
        type_params,
        params,
        output,
        output_labels,
        effects: Vec::new(),
        idempotency: Idempotency::No,
        throws: Vec::new(),
        cost: None,
        tokens: None,
        time: None,
        rate: None,
        wire: None,
        deprecated: None,
        span: skill.span,
    };
    let mut seen: Vec<&'static str> = Vec::new();
    for c in &skill.clauses {
        clause(&mut cx, &mut signature, c, &mut seen);
    }
    found.append(&mut cx.diagnostics);
    signature
}

/// Declares parameters as the variables 0, 1, …; reports `duplicate-name` and wrong defaults.
pub(super) fn params(
    cx: &mut Cx<'_>,
    params: &[ast::Param],
    type_params: &[Name],
    foreign: bool,
) -> Vec<Param> {
    let mut out = Vec::with_capacity(params.len());
    for param in params {
        let (mut ty, labels) = cx.resolve_type(&param.ty, type_params);
        // No parameter is declared yet: a default sees none of them.
        let default = param.default.as_ref().map(|e| cx.expect(e, &ty, Role::Default));
        let default = match default {
            Some(default) => Some(default),
            None if param.optional => Some(null(param.span)),
            None => None,
        };
        if param.optional {
            ty = optional(ty);
        }
        let docs = param.lead.docs.clone();
        let var = VarId(u32::try_from(out.len()).unwrap_or(u32::MAX));
        out.push(Param {
            name: param.name.name.clone(),
            var,
            ty,
            labels,
            default,
            docs,
            span: param.name.span,
        });
    }
    for (param, lowered) in params.iter().zip(&out) {
        // A skill's parameters are names of others: every word is free. A plan's are variables of its body.
        if foreign && cx.lookup(&param.name.name).is_none() {
            cx.declare_hidden(param.name.name.clone(), param.name.span, VarKind::Input, lowered.ty.clone());
        } else {
            cx.declare(&param.name, VarKind::Input, lowered.ty.clone());
        }
    }
    out
}

/// The constant null.
pub(super) fn null(span: crate::source::Span) -> Expr {
    Expr { kind: Box::new(ExprKind::Literal(Value::Null)), span, ty: Type::Null }
}

/// The error kinds of a `throws`.
pub(super) fn throws(cx: &mut Cx<'_>, list: &[ast::ErrorDecl], type_params: &[Name]) -> Vec<ErrorKind> {
    let mut out: Vec<ErrorKind> = Vec::with_capacity(list.len());
    for decl in list {
        if out.iter().any(|k| k.name == decl.name.name) {
            let message = format!("the error `{}` is named twice", decl.name.name);
            cx.report(Diagnostic::new(Code::DuplicateName, decl.name.span, message));
            continue;
        }
        let mut record = RecordType::default();
        for field in &decl.fields {
            let (ty, labels) = cx.resolve_type(&field.ty, type_params);
            let docs = field.lead.docs.clone();
            record
                .fields
                .insert(field.name.name.clone(), Field { ty, optional: field.optional, labels, docs });
        }
        out.push(ErrorKind { name: decl.name.name.clone(), details: Type::Record(Arc::new(record)) });
    }
    out
}

fn clause(cx: &mut Cx<'_>, signature: &mut Signature, clause: &SkillClause, seen: &mut Vec<&'static str>) {
    let word = match &clause.kind {
        // Several effects are allowed.
        SkillClauseKind::Effect { .. } => "",
        SkillClauseKind::Idempotent { .. } => "idempotent",
        SkillClauseKind::Throws(_) => "throws",
        SkillClauseKind::Cost(_) => "cost",
        SkillClauseKind::Tokens(_) => "tokens",
        SkillClauseKind::Time(_) => "time",
        SkillClauseKind::Rate(_) => "rate",
        SkillClauseKind::Wire(_) => "wire",
        SkillClauseKind::Deprecated(_) => "deprecated",
    };
    if !word.is_empty() {
        if seen.contains(&word) {
            cx.report(super::clauses::duplicate_clause(word, clause.span));
            return;
        }
        seen.push(word);
    }
    match &clause.kind {
        SkillClauseKind::Effect { kind, resource } => {
            let resource = resource.as_ref().map(|r| cx.expect(r, &Type::String, Role::Clause("effect")));
            if *kind != EffectKind::Pure {
                signature.effects.push(Effect { kind: *kind, resource });
            }
        }
        SkillClauseKind::Idempotent { by_key } => {
            signature.idempotency = if *by_key { Idempotency::ByKey } else { Idempotency::Yes };
        }
        SkillClauseKind::Throws(list) => {
            let type_params = signature.type_params.clone();
            signature.throws = throws(cx, list, &type_params);
        }
        SkillClauseKind::Cost(e) => signature.cost = Some(cx.expect(e, &Type::Float, Role::Clause("cost"))),
        SkillClauseKind::Tokens(e) => {
            signature.tokens = Some(cx.expect(e, &Type::Int, Role::Clause("tokens")))
        }
        SkillClauseKind::Time(e) => {
            signature.time = Some(cx.expect(e, &Type::Duration, Role::Clause("time")))
        }
        SkillClauseKind::Rate(rate) => {
            let per_ms = match rate.per {
                RateUnit::Second => 1_000,
                RateUnit::Minute => 60_000,
                RateUnit::Hour => 3_600_000,
            };
            signature.rate = Some(Rate { count: rate.count, per_ms });
        }
        SkillClauseKind::Wire(text) => signature.wire = Some(text.value.clone()),
        SkillClauseKind::Deprecated(text) => signature.deprecated = Some(text.value.clone()),
    }
}
