//! Expressions from text to value, without types: the meaning of operators, macros and functions, and CEL's own cases.

use aos::expr::{Env, EvalError, Expr, ExprKind, Key, MacroKind, RunField, StatusTest, Stop, VarId, eval};
use aos::source::{SourceId, Span};
use aos::syntax::ast;
use aos::syntax::parse_expr;
use aos::types::Type;
use aos::value::{Map, Value};
use std::collections::HashMap;
use std::sync::Arc;

mod cases;
mod cel;

/// The variables of a case.
#[derive(Default)]
struct Vars(HashMap<VarId, Value>);

/// The step that every case may mention as `gone`: it is missing.
const GONE: VarId = VarId(9_999);

/// A name that is not declared.
const UNKNOWN: VarId = VarId(9_998);

impl Env for Vars {
    fn var(&self, var: VarId) -> Result<Value, Stop> {
        if var == UNKNOWN {
            return Err(Stop::Error(EvalError::new("unknown name", Span::default())));
        }
        self.0.get(&var).cloned().ok_or(Stop::Missing { step: var })
    }

    fn tolerant(&self, var: VarId) -> Option<Value> {
        self.0.get(&var).cloned()
    }

    fn status(&self, test: StatusTest, step: VarId) -> Value {
        Value::Bool((test == StatusTest::Succeeded) == self.0.contains_key(&step))
    }

    fn run(&self, _: RunField) -> Value {
        Value::from("run-1")
    }

    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH
    }
}

/// Parses, closes and evaluates.
fn run(text: &str, vars: &[(&str, Value)]) -> Result<Value, String> {
    let (ast, diagnostics) = parse_expr(SourceId(0), text);
    if let Some(first) = diagnostics.first() {
        return Err(format!("parse: {}", first.message));
    }
    let mut names = HashMap::from([("gone".to_owned(), GONE)]);
    let mut env = Vars::default();
    for (i, (name, value)) in vars.iter().enumerate() {
        names.insert((*name).to_owned(), VarId(i as u32));
        env.0.insert(VarId(i as u32), value.clone());
    }
    let mut closer = Closer { names, next: 1000 };
    let expr = closer.close(&ast)?;
    match eval(&expr, &env) {
        Ok(value) => Ok(value),
        Err(Stop::Missing { .. }) => Err("missing".to_owned()),
        Err(Stop::Error(error)) => Err(error.message),
    }
}

/// Closes without types: as much of the checker as evaluation needs.
struct Closer {
    names: HashMap<String, VarId>,
    next: u32,
}

fn node(kind: ExprKind, span: Span) -> Expr {
    Expr { kind: Box::new(kind), span, ty: Type::Error }
}

impl Closer {
    fn close(&mut self, expr: &ast::Expr) -> Result<Expr, String> {
        let literal = |value: Value| ExprKind::Literal(value);
        let kind = match expr.kind.as_ref() {
            ast::ExprKind::Null => literal(Value::Null),
            ast::ExprKind::Bool(b) => literal(Value::Bool(*b)),
            ast::ExprKind::Int(n) => literal(Value::Int(*n)),
            ast::ExprKind::Float(x) => literal(Value::Float(*x)),
            ast::ExprKind::DurationMs(ms) => literal(Value::Duration(jiff::SignedDuration::from_millis(*ms))),
            ast::ExprKind::Text { value, .. } => literal(Value::String(value.clone())),
            ast::ExprKind::Bytes(b) => literal(Value::Bytes(b.clone())),
            ast::ExprKind::Interpolated { parts, .. } => {
                let parts: Result<Vec<Expr>, String> = parts
                    .iter()
                    .map(|part| match part {
                        ast::TextPart::Text(text) => {
                            Ok(node(literal(Value::String(text.clone())), expr.span))
                        }
                        ast::TextPart::Expr(inner) => self.close(inner),
                    })
                    .collect();
                ExprKind::Interpolate(parts?)
            }
            ast::ExprKind::Name(name) => ExprKind::Var(self.name(name.as_ref())),
            ast::ExprKind::Member { base, name, safe } => {
                if let Some(dotted) = dotted(expr)
                    && !self.shadowed(&dotted)
                    && let Some(var) = self.names.get(&dotted)
                {
                    return Ok(node(ExprKind::Var(*var), expr.span));
                }
                let base = self.base(base, *safe)?;
                ExprKind::Member { base, name: Arc::from(name.name.as_ref()), safe: *safe }
            }
            ast::ExprKind::Index { base, index, safe } => {
                ExprKind::Index { base: self.base(base, *safe)?, index: self.close(index)?, safe: *safe }
            }
            ast::ExprKind::Call { callee, args } => return self.call(expr, callee, args),
            ast::ExprKind::List(items) => {
                ExprKind::List(items.iter().map(|item| self.close(item)).collect::<Result<_, _>>()?)
            }
            ast::ExprKind::Record(entries) => ExprKind::Record(
                entries
                    .iter()
                    .map(|entry| {
                        let key = match &entry.key {
                            ast::EntryKey::Text(text) => Key::Text(Arc::from(text.value.as_ref())),
                            ast::EntryKey::Expr(key) => Key::Computed(self.close(key)?),
                        };
                        Ok((key, self.close(&entry.value)?))
                    })
                    .collect::<Result<_, String>>()?,
            ),
            ast::ExprKind::Unary { op: ast::UnaryOp::Not, operand } => ExprKind::Not(self.close(operand)?),
            ast::ExprKind::Unary { op: ast::UnaryOp::Neg, operand } => ExprKind::Neg(self.close(operand)?),
            ast::ExprKind::Binary { op, left, right, .. } => {
                let coalesce = *op == aos::expr::BinaryOp::Coalesce;
                ExprKind::Binary { op: *op, left: self.base(left, coalesce)?, right: self.close(right)? }
            }
            ast::ExprKind::Cond { cond, then, otherwise } => ExprKind::Cond {
                cond: self.close(cond)?,
                then: self.close(then)?,
                otherwise: self.close(otherwise)?,
            },
            ast::ExprKind::As { value, ty } => {
                ExprKind::As { value: self.close(value)?, ty: plain_type(ty)? }
            }
            ast::ExprKind::Paren(inner) => return self.close(inner),
            ast::ExprKind::Error => return Err("parse: unreadable".to_owned()),
        };
        Ok(node(kind, expr.span))
    }

    /// An unknown name is an error of the run, as in CEL without check.
    fn name(&self, name: &str) -> VarId {
        self.names.get(name).copied().unwrap_or(UNKNOWN)
    }

    /// Whether a dotted name begins with a macro's variable.
    fn shadowed(&self, dotted: &str) -> bool {
        let first = dotted.split('.').next().and_then(|first| self.names.get(first));
        first.is_some_and(|var| (1000..self.next + 1).contains(&var.0))
    }

    /// What stands before `?.` and `??` is read tolerantly.
    fn base(&mut self, expr: &ast::Expr, tolerant: bool) -> Result<Expr, String> {
        let closed = self.close(expr)?;
        Ok(match closed.kind.as_ref() {
            ExprKind::Var(var) if tolerant => node(ExprKind::Tolerant(*var), closed.span),
            _ => closed,
        })
    }

    fn call(&mut self, expr: &ast::Expr, callee: &ast::Expr, args: &[ast::Arg]) -> Result<Expr, String> {
        let args: Vec<&ast::Expr> = args.iter().map(|arg| &arg.value).collect();
        let (receiver, name) = match callee.kind.as_ref() {
            ast::ExprKind::Name(name) => (None, name.as_ref().to_owned()),
            ast::ExprKind::Member { base, name, .. } => match dotted(base) {
                Some(space) if aos::expr::functions::is_namespace(&space) => {
                    (None, format!("{space}.{}", name.name.as_ref()))
                }
                _ => (Some(base), name.name.as_ref().to_owned()),
            },
            _ => return Err("not a function".to_owned()),
        };
        if name == "has"
            && let [only] = args.as_slice()
            && let ast::ExprKind::Member { base, name, .. } = only.kind.as_ref()
        {
            let name = Arc::from(name.name.as_ref());
            return Ok(node(ExprKind::Has { base: self.close(base)?, name }, expr.span));
        }
        if let (Some(target), Some(kind)) = (receiver, macro_kind(&name)) {
            return self.run_macro(expr, kind, target, &args);
        }
        let row = aos::expr::functions::lookup(&name, receiver.is_some());
        let all: Result<Vec<Expr>, String> =
            receiver.into_iter().chain(args).map(|arg| self.close(arg)).collect();
        Ok(node(
            ExprKind::Call {
                function: row.map_or(format!("unknown {name}"), |row| row.name.to_owned()).into(),
                args: all?,
            },
            expr.span,
        ))
    }

    fn run_macro(
        &mut self,
        expr: &ast::Expr,
        kind: MacroKind,
        target: &ast::Expr,
        args: &[&ast::Expr],
    ) -> Result<Expr, String> {
        let target = self.close(target)?;
        let two = match kind {
            MacroKind::TransformList | MacroKind::TransformMap | MacroKind::TransformMapEntry => true,
            MacroKind::Map | MacroKind::SortBy => false,
            _ => args.len() == 3,
        };
        let (names, bodies) = args.split_at_checked(if two { 2 } else { 1 }).ok_or("too few arguments")?;
        if bodies.is_empty() {
            return Err("too few arguments".to_owned());
        }
        let (before, mut vars) = (self.names.clone(), Vec::new());
        for name in names {
            let ast::ExprKind::Name(name) = name.kind.as_ref() else {
                return Err("not a variable".to_owned());
            };
            self.next += 1;
            vars.push(VarId(self.next));
            self.names.insert(name.as_ref().to_owned(), VarId(self.next));
        }
        let bodies: Result<Vec<Expr>, String> = bodies.iter().map(|body| self.close(body)).collect();
        self.names = before;
        Ok(node(ExprKind::Macro { kind, target, vars, bodies: bodies? }, expr.span))
    }
}

fn macro_kind(name: &str) -> Option<MacroKind> {
    Some(match name {
        "all" => MacroKind::All,
        "exists" => MacroKind::Exists,
        "exists_one" | "existsOne" => MacroKind::ExistsOne,
        "filter" => MacroKind::Filter,
        "map" => MacroKind::Map,
        "sortBy" => MacroKind::SortBy,
        "transformList" => MacroKind::TransformList,
        "transformMap" => MacroKind::TransformMap,
        "transformMapEntry" => MacroKind::TransformMapEntry,
        _ => return None,
    })
}

fn dotted(expr: &ast::Expr) -> Option<String> {
    match expr.kind.as_ref() {
        ast::ExprKind::Name(name) => Some(name.as_ref().to_owned()),
        ast::ExprKind::Member { base, name, safe: false } => {
            Some(format!("{}.{}", dotted(base)?, name.name.as_ref()))
        }
        _ => None,
    }
}

fn plain_type(ty: &ast::Type) -> Result<Type, String> {
    Ok(match &ty.kind {
        ast::TypeKind::Name(path) => match path.name.as_ref() {
            "int" => Type::Int,
            "float" => Type::Float,
            "string" => Type::String,
            "bool" => Type::Bool,
            "json" => Type::Json,
            "bytes" => Type::Bytes,
            "timestamp" => Type::Timestamp,
            "duration" => Type::Duration,
            other => return Err(format!("unknown type `{other}`")),
        },
        ast::TypeKind::List(item) => Type::List(Arc::new(plain_type(item)?)),
        ast::TypeKind::Map(value) => Type::Map(Arc::new(plain_type(value)?)),
        ast::TypeKind::Optional(inner) => Type::Optional(Arc::new(plain_type(inner)?)),
        ast::TypeKind::Paren(inner) => plain_type(inner)?,
        _ => return Err("a type that these tests do not read".to_owned()),
    })
}

fn object(entries: &[(&str, Value)]) -> Value {
    let map: Map = entries.iter().map(|(k, v)| (Arc::from(*k), v.clone())).collect();
    Value::from(map)
}
