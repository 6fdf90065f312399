//! Paths of step instances in expectations: `post`, `pages[3].page`, `gate.then.x`, `kind["a"].x`, `sub.x`.

use crate::check::hir::{Action, Body, Plan, Step, StmtKind, Target};
use crate::diagnostic::nearest;
use crate::expr::ExprKind;
use crate::source::Span;
use crate::syntax::ast;
use crate::types::Type;
use crate::value::Value;
use indexmap::IndexMap;
use std::sync::Arc;

/// A part of a path as written.
#[derive(Clone, Debug)]
pub(super) enum Segment {
    Name(Arc<str>),
    Index(i64),
    Key(Value),
}

/// A path as written.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) root: Arc<str>,
    pub(super) root_span: Span,
    pub(super) rest: Vec<(Segment, Span)>,
}

/// The path that an expression spells; none where it is something else.
pub(super) fn written(expr: &ast::Expr) -> Option<Written> {
    match &*expr.kind {
        ast::ExprKind::Name(name) => {
            Some(Written { root: name.clone(), root_span: expr.span, rest: Vec::new() })
        }
        ast::ExprKind::Paren(inner) => written(inner),
        ast::ExprKind::Member { base, name, safe: false } => {
            let mut path = written(base)?;
            path.rest.push((Segment::Name(name.name.clone()), name.span));
            Some(path)
        }
        ast::ExprKind::Index { base, index, safe: false } => {
            let segment = match &*index.kind {
                ast::ExprKind::Int(n) => Segment::Index(*n),
                ast::ExprKind::Text { value, .. } => Segment::Key(Value::String(value.clone())),
                ast::ExprKind::Bool(b) => Segment::Key(Value::Bool(*b)),
                _ => return None,
            };
            let mut path = written(base)?;
            path.rest.push((segment, index.span));
            Some(path)
        }
        _ => None,
    }
}

/// A step that was found.
pub(super) struct Found<'p> {
    /// The path as the engine writes it.
    pub(super) path: Arc<str>,
    pub(super) step: &'p Step,
}

/// Why a path names no step.
pub(super) struct Lost {
    pub(super) at: Span,
    pub(super) message: String,
    /// What may have been meant.
    pub(super) near: Option<String>,
    pub(super) help: Option<String>,
}

impl Lost {
    fn new(at: Span, message: String) -> Self {
        Lost { at, message, near: None, help: None }
    }

    fn help(self, text: impl Into<String>) -> Self {
        Lost { help: Some(text.into()), ..self }
    }
}

/// The step at a path of a plan.
pub(super) fn resolve<'p>(
    plans: &'p IndexMap<Arc<str>, Plan>,
    plan: &'p Plan,
    written: &Written,
) -> Result<Found<'p>, Lost> {
    let mut body = &plan.body;
    let mut text = String::new();
    let mut rest = written.rest.iter();
    let (mut name, mut at) = (&written.root, written.root_span);
    loop {
        let step = step_of(body, name, at)?;
        text.push_str(name);
        if rest.as_slice().is_empty() {
            return Ok(Found { path: text.into(), step });
        }
        body = enter(plans, step, name, &mut rest, &mut text, at)?;
        text.push('.');
        (name, at) = match rest.next() {
            Some((Segment::Name(name), at)) => (name, *at),
            Some((Segment::Index(_) | Segment::Key(_), at)) => {
                return Err(Lost::new(*at, format!("the name of a step must follow `{text}`")));
            }
            None => {
                let text = text.trim_end_matches('.');
                let help = format!("name a step inside: {}", names(body));
                return Err(Lost::new(at, format!("`{text}` is no step by itself")).help(help));
            }
        };
    }
}

fn steps(body: &Body) -> impl Iterator<Item = (&Arc<str>, &Step)> {
    body.stmts.iter().filter_map(|s| match &s.kind {
        StmtKind::Step(step) => Some((&s.name, &**step)),
        StmtKind::Let(_) | StmtKind::Require { .. } | StmtKind::Fail { .. } => None,
    })
}

fn names(body: &Body) -> String {
    steps(body).map(|(n, _)| format!("`{n}`")).collect::<Vec<_>>().join(", ")
}

fn step_of<'p>(body: &'p Body, name: &str, at: Span) -> Result<&'p Step, Lost> {
    if let Some((_, step)) = steps(body).find(|(n, _)| &***n == name) {
        return Ok(step);
    }
    let near = nearest(name, steps(body).map(|(n, _)| &**n)).map(str::to_owned);
    let lost = Lost { near, ..Lost::new(at, format!("there is no step `{name}` here")) };
    let list = names(body);
    Err(if list.is_empty() { lost } else { lost.help(format!("there are {list}")) })
}

type Rest<'w> = std::slice::Iter<'w, (Segment, Span)>;

/// The body that the next parts of a path choose; what they say is added to `text`.
fn enter<'p>(
    plans: &'p IndexMap<Arc<str>, Plan>,
    step: &'p Step,
    name: &str,
    rest: &mut Rest<'_>,
    text: &mut String,
    at: Span,
) -> Result<&'p Body, Lost> {
    match &step.action {
        Action::Call(call) => match &call.target {
            Target::Plan(plan) => plans
                .get(plan)
                .map(|p| &p.body)
                .ok_or_else(|| Lost::new(at, format!("nothing is known of the plan `{plan}`"))),
            Target::Skill(skill) => {
                Err(Lost::new(at, format!("no step stands inside `{name}`: it calls the skill `{skill}`")))
            }
        },
        Action::Do(body) => Ok(body),
        Action::For(f) => numbered(rest, text, name, at, "item").map(|_| &f.body),
        Action::Loop(l) => numbered(rest, text, name, at, "round").map(|_| &l.body),
        Action::Race(branches) => {
            let (index, span) = numbered(rest, text, name, at, "branch")?;
            usize::try_from(index).ok().and_then(|i| branches.get(i)).ok_or_else(|| {
                Lost::new(span, format!("`{name}` has {} branches, counted from 0", branches.len()))
            })
        }
        Action::If(i) => {
            let mut arms = i.arms.iter();
            loop {
                let arm = arms.next();
                match (rest.next(), arm, &i.otherwise) {
                    (Some((Segment::Name(word), _)), Some((_, body)), _) if &**word == "then" => {
                        text.push_str(".then");
                        return Ok(body);
                    }
                    (Some((Segment::Name(word), _)), Some(_), otherwise) if &**word == "else" => {
                        text.push_str(".else");
                        if let (Some(body), true) = (otherwise, arms.as_slice().is_empty()) {
                            return Ok(body);
                        }
                    }
                    (other, ..) => {
                        let at = other.map_or(at, |(_, span)| *span);
                        return Err(Lost::new(at, format!("`{name}` is an `if`"))
                            .help(format!("say which way: `{name}.then.…` or `{name}.else.…`")));
                    }
                }
            }
        }
        Action::Match(m) => matched(m, rest, text, name, at),
    }
}

fn numbered(
    rest: &mut Rest<'_>,
    text: &mut String,
    name: &str,
    at: Span,
    what: &str,
) -> Result<(i64, Span), Lost> {
    match rest.next() {
        Some((Segment::Index(n), span)) if *n >= 0 => {
            text.push_str(&format!("[{n}]"));
            Ok((*n, *span))
        }
        other => {
            let at = other.map_or(at, |(_, span)| *span);
            Err(Lost::new(at, format!("the {what} of `{name}` is not said"))
                .help(format!("count from 0: `{name}[0].…`")))
        }
    }
}

fn matched<'p>(
    m: &'p crate::check::hir::Match,
    rest: &mut Rest<'_>,
    text: &mut String,
    name: &str,
    at: Span,
) -> Result<&'p Body, Lost> {
    let shown = |patterns: &[crate::expr::Expr]| match patterns.first().map(|p| &*p.kind) {
        Some(ExprKind::Literal(value)) => value.to_json().to_string(),
        _ => "\"_\"".to_owned(),
    };
    let all = || m.arms.iter().map(|(p, _)| format!("`{name}[{}]`", shown(p))).collect::<Vec<_>>().join(", ");
    let (key, span) = match rest.next() {
        Some((Segment::Key(key), span)) => (key, *span),
        other => {
            let at = other.map_or(at, |(_, span)| *span);
            return Err(
                Lost::new(at, format!("the arm of `{name}` is not said")).help(format!("name it: {}", all()))
            );
        }
    };
    let is = |p: &crate::expr::Expr| matches!(&*p.kind, ExprKind::Literal(v) if v.to_json() == key.to_json());
    let other = matches!(key, Value::String(s) if &**s == "_");
    let arm = m.arms.iter().find(|(patterns, _)| (other && patterns.is_empty()) || patterns.iter().any(is));
    let Some((patterns, body)) = arm else {
        return Err(Lost::new(span, format!("`{name}` has no such arm")).help(format!("there are {}", all())));
    };
    text.push_str(&format!("[{}]", shown(patterns)));
    Ok(body)
}

/// Whether the value of a type has what the rest of a path names; `json` has everything.
pub(super) fn value_has(ty: &Type, rest: &[(Segment, Span)]) -> bool {
    use crate::check::relate::{non_null, shape};
    let Some(((first, _), rest)) = rest.split_first() else { return true };
    let ty = non_null(ty);
    match (shape(&ty), first) {
        (Type::Json | Type::Error, _) => true,
        (Type::Record(record), Segment::Name(name)) => {
            record.fields.get(name).is_some_and(|f| value_has(&f.ty, rest))
        }
        (Type::Record(record), Segment::Key(Value::String(name))) => {
            record.fields.get(name).is_some_and(|f| value_has(&f.ty, rest))
        }
        (Type::Map(item), Segment::Name(_) | Segment::Key(_)) | (Type::List(item), Segment::Index(_)) => {
            value_has(item, rest)
        }
        // Methods and the fields of files: the checker says what is wrong with them.
        (Type::File, _) => true,
        _ => false,
    }
}
