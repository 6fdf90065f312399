//! What a plan is for, as it may be told to others later: values of inputs are filled in only where their labels allow it.

use crate::check::flow::has_labels;
use crate::check::hir::{Param, Plan};
use crate::expr::{Env, Expr, ExprKind, eval, interpolation_text, reads};
use crate::types::{Labels, Privacy, Trust};
use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The `goal` of a plan, in pieces.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Goal(Vec<Piece>);

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Piece {
    Text(Arc<str>),
    /// Over inputs that are trusted and not private.
    Value(Expr),
    /// What is untrusted, private, or cannot be known before the run.
    Hidden,
}

/// So many characters of one value are filled in.
const VALUE: usize = 120;
/// So many characters a goal has at most.
const WHOLE: usize = 1_000;

/// The goal of a plan.
pub(super) fn of(plan: &Plan) -> Option<Goal> {
    let goal = plan.goal.as_ref()?;
    Some(Goal(if let ExprKind::Interpolate(parts) = &*goal.kind {
        parts.iter().map(|part| piece(part, &plan.params)).collect()
    } else {
        vec![piece(goal, &plan.params)]
    }))
}

fn piece(expr: &Expr, params: &[Param]) -> Piece {
    if let ExprKind::Literal(Value::String(text)) = &*expr.kind {
        return Piece::Text(Arc::clone(text));
    }
    let open = reads(expr).iter().all(|read| params.iter().any(|p| p.var == read.var && is_open(p)));
    if open { Piece::Value(expr.clone()) } else { Piece::Hidden }
}

/// Whether anybody may read the input, and nobody from outside wrote it.
fn is_open(param: &Param) -> bool {
    let Labels { trust, privacy } = param.labels;
    trust != Some(Trust::Untrusted)
        && !matches!(privacy, Some(Privacy::Private | Privacy::Secret))
        && !has_labels(&param.ty)
}

impl Goal {
    /// The text, with the values of the inputs; `…` stands for what may not be told.
    pub(crate) fn text(&self, inputs: &dyn Env) -> String {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Hidden => out.push('…'),
                Piece::Value(expr) => match eval(expr, inputs).ok().and_then(|v| interpolation_text(&v).ok())
                {
                    Some(text) => out.push_str(&cut(&text, VALUE)),
                    None => out.push('…'),
                },
            }
        }
        cut(out.split_whitespace().collect::<Vec<_>>().join(" ").as_str(), WHOLE)
    }
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}
