//! Members, elements, `has`.

use super::super::{Expr, ExprKind};
use super::{Evaluated, Machine, SECRET, Stop, key_text};
use crate::value::Value;

impl Machine<'_> {
    /// `a.b[c].d`: a chain is walked without going deeper.
    pub(super) fn path(&mut self, expr: &Expr) -> Evaluated {
        let mut links = Vec::new();
        let mut base = expr;
        while let ExprKind::Member { base: inner, .. } | ExprKind::Index { base: inner, .. } =
            base.kind.as_ref()
        {
            links.push(base);
            base = inner;
        }
        let mut value = self.eval(base)?;
        for link in links.into_iter().rev() {
            self.at(link, self.cx.work(1))?;
            value = match link.kind.as_ref() {
                ExprKind::Member { name, safe, .. } => {
                    let found = member(&value, name, *safe);
                    self.at(link, found)?
                }
                ExprKind::Index { index, safe, .. } => self.element(link, &value, index, *safe)?,
                _ => value,
            };
        }
        Ok(value)
    }

    fn element(&mut self, link: &Expr, value: &Value, index: &Expr, safe: bool) -> Evaluated {
        if safe && value.is_null() {
            return Ok(Value::Null);
        }
        let index = self.eval(index)?;
        let found = element(value, &index, safe);
        self.at(link, found)
    }

    pub(super) fn has(&mut self, expr: &Expr, base: &Expr, name: &str) -> Evaluated {
        match self.eval(base)? {
            Value::Map(map) => Ok(Value::Bool(map.get(name).is_some_and(|value| !value.is_null()))),
            file @ Value::File(_) => Ok(Value::Bool(member(&file, name, true).is_ok_and(|v| !v.is_null()))),
            Value::Null => Ok(Value::Bool(false)),
            Value::Secret(_) => Err(self.error(expr, SECRET)),
            other => Err(self.error(expr, format!("a {} has no fields", other.type_name()))),
        }
    }
}

fn member(value: &Value, name: &str, safe: bool) -> Result<Value, String> {
    match value {
        Value::Map(map) => match map.get(name) {
            Some(value) => Ok(value.clone()),
            None if safe => Ok(Value::Null),
            None => Err(no_such_key(name)),
        },
        Value::File(file) => match name {
            "name" => Ok(Value::String(file.name.clone())),
            "size" => Ok(Value::Int(file.size)),
            "mime" => Ok(Value::String(file.mime.clone())),
            "digest" => Ok(Value::String(file.digest.clone())),
            _ => Err(no_such_key(name)),
        },
        Value::Null if safe => Ok(Value::Null),
        Value::Null => Err(format!("null has no field `{name}`")),
        Value::Secret(_) => Err(SECRET.to_owned()),
        other => Err(format!("a {} has no field `{name}`", other.type_name())),
    }
}

fn element(value: &Value, index: &Value, safe: bool) -> Result<Value, String> {
    match value {
        Value::List(items) => {
            let position = position(index)?;
            let found = usize::try_from(position).ok().and_then(|i| items.get(i));
            match found {
                Some(value) => Ok(value.clone()),
                None if safe => Ok(Value::Null),
                None => Err(format!("index {position} is out of range, the list has {} items", items.len())),
            }
        }
        Value::Map(map) => {
            let key = key_text(index)?;
            match map.get(&key) {
                Some(value) => Ok(value.clone()),
                None if safe => Ok(Value::Null),
                None => Err(no_such_key(&key)),
            }
        }
        Value::Secret(_) => Err(SECRET.to_owned()),
        other => Err(format!("a {} has no elements", other.type_name())),
    }
}

/// A float that is whole will do, since JSON knows no ints.
fn position(index: &Value) -> Result<i64, String> {
    match index {
        Value::Int(n) => Ok(*n),
        Value::Float(x) if x.fract() == 0.0 && x.abs() < 9e15 => Ok(*x as i64),
        other => Err(format!("an index is an int, this one is a {}", other.type_name())),
    }
}

fn no_such_key(name: &str) -> String {
    let short: String = name.chars().take(60).collect();
    format!("no such key: `{short}`")
}

impl Stop {
    /// Whether `&&`, `||`, `all` and `exists` may absorb it.
    pub(super) fn absorbable(&self) -> bool {
        matches!(self, Stop::Error(error) if !error.limit)
    }
}
