//! `all exists exists_one filter map sortBy transformList transformMap transformMapEntry`.

use super::super::{Expr, MacroKind, VarId};
use super::{Evaluated, Machine, Stop, key_text, wants_bool};
use crate::value::{Map, Value, compare_exactly};
use std::cmp::Ordering;
use std::sync::Arc;

/// One round: the index or key, and the item.
type Round = (Value, Value);

impl Machine<'_> {
    pub(super) fn run_macro(
        &mut self,
        expr: &Expr,
        kind: MacroKind,
        target: &Expr,
        vars: &[VarId],
        bodies: &[Expr],
    ) -> Evaluated {
        let over = self.eval(target)?;
        let rounds = self.rounds(target, &over, vars.len())?;
        let (Some(first), last) = (bodies.first(), bodies.last()) else {
            return Err(self.error(expr, "the macro has no body"));
        };
        let filter = (bodies.len() > 1).then_some(first);
        let body = last.unwrap_or(first);
        match kind {
            MacroKind::All => self.decided(rounds, vars, first, false),
            MacroKind::Exists => self.decided(rounds, vars, first, true),
            MacroKind::ExistsOne => self.exists_one(rounds, vars, first),
            MacroKind::Filter => self.filter(rounds, vars, first, &over),
            MacroKind::Map => self.map_list(expr, rounds, vars, filter, body),
            MacroKind::TransformList => self.map_list(expr, rounds, vars, filter, body),
            MacroKind::TransformMap => self.map_map(expr, rounds, vars, filter, body),
            MacroKind::TransformMapEntry => self.map_entries(expr, rounds, vars, filter, body),
            MacroKind::SortBy => self.sort_by(expr, rounds, vars, bodies),
        }
    }

    /// Over a list: index and item; over a map: key and value, or with one variable the keys.
    fn rounds(&self, target: &Expr, over: &Value, vars: usize) -> Result<Vec<Round>, Stop> {
        match over {
            Value::List(items) => {
                self.at(target, self.cx.make_list(items.len().saturating_mul(2)))?;
                Ok(items.iter().enumerate().map(|(i, item)| (Value::Int(i as i64), item.clone())).collect())
            }
            Value::Map(map) => {
                self.at(target, self.cx.make_list(map.len().saturating_mul(2)))?;
                Ok(map
                    .iter()
                    .map(|(key, value)| {
                        let key = Value::String(Arc::clone(key));
                        if vars > 1 { (key, value.clone()) } else { (key.clone(), key) }
                    })
                    .collect())
            }
            other => Err(self.error(
                target,
                format!("a macro runs over a list or a map, this is a {}", other.type_name()),
            )),
        }
    }

    /// A body with the variables of one round.
    fn round(&mut self, vars: &[VarId], round: &Round, body: &Expr) -> Evaluated {
        let bound = self.locals.len();
        match vars {
            [item] => self.locals.push((*item, round.1.clone())),
            [index, item, ..] => {
                self.locals.push((*index, round.0.clone()));
                self.locals.push((*item, round.1.clone()));
            }
            [] => {}
        }
        let value = self.eval(body);
        self.locals.truncate(bound);
        value
    }

    fn holds(&mut self, vars: &[VarId], round: &Round, body: &Expr) -> Result<bool, Stop> {
        match self.round(vars, round, body)? {
            Value::Bool(b) => Ok(b),
            other => Err(self.error(body, wants_bool("the condition of a macro", &other))),
        }
    }

    fn kept(&mut self, vars: &[VarId], round: &Round, filter: Option<&Expr>) -> Result<bool, Stop> {
        match filter {
            Some(filter) => self.holds(vars, round, filter),
            None => Ok(true),
        }
    }

    /// `all` and `exists`: one round that gives `decides` decides, whatever errors the others give.
    fn decided(&mut self, rounds: Vec<Round>, vars: &[VarId], body: &Expr, decides: bool) -> Evaluated {
        let mut error = None;
        for round in &rounds {
            match self.holds(vars, round, body) {
                Ok(b) if b == decides => return Ok(Value::Bool(decides)),
                Ok(_) => {}
                Err(stop) if stop.absorbable() => error = error.or(Some(stop)),
                Err(stop) => return Err(stop),
            }
        }
        error.map_or(Ok(Value::Bool(!decides)), Err)
    }

    fn exists_one(&mut self, rounds: Vec<Round>, vars: &[VarId], body: &Expr) -> Evaluated {
        let mut count = 0;
        for round in &rounds {
            if self.holds(vars, round, body)? {
                count += 1;
            }
        }
        Ok(Value::Bool(count == 1))
    }

    /// Of a map with one variable its keys, as in CEL; with two the entries.
    fn filter(&mut self, rounds: Vec<Round>, vars: &[VarId], body: &Expr, over: &Value) -> Evaluated {
        let mut kept = Vec::new();
        for round in rounds {
            if self.holds(vars, &round, body)? {
                kept.push(round);
            }
        }
        if let (Value::Map(map), [_, _]) = (over, vars) {
            let entries = kept.iter().filter_map(|(key, _)| map.get_key_value(key.as_str()?));
            return Ok(Value::map(entries.map(|(k, v)| (Arc::clone(k), v.clone())).collect()));
        }
        Ok(Value::list(kept.into_iter().map(|(_, item)| item).collect()))
    }

    fn map_list(
        &mut self,
        expr: &Expr,
        rounds: Vec<Round>,
        vars: &[VarId],
        filter: Option<&Expr>,
        body: &Expr,
    ) -> Evaluated {
        self.at(expr, self.cx.make_list(rounds.len()))?;
        let mut made = Vec::new();
        for round in &rounds {
            if self.kept(vars, round, filter)? {
                made.push(self.round(vars, round, body)?);
            }
        }
        Ok(Value::list(made))
    }

    fn map_map(
        &mut self,
        expr: &Expr,
        rounds: Vec<Round>,
        vars: &[VarId],
        filter: Option<&Expr>,
        body: &Expr,
    ) -> Evaluated {
        self.at(expr, self.cx.make(rounds.len().saturating_mul(64)))?;
        let mut made = Map::new();
        for round in &rounds {
            if self.kept(vars, round, filter)? {
                let value = self.round(vars, round, body)?;
                let key = self.at(expr, key_text(&round.0))?;
                made.insert(key, value);
            }
        }
        Ok(Value::map(made))
    }

    fn map_entries(
        &mut self,
        expr: &Expr,
        rounds: Vec<Round>,
        vars: &[VarId],
        filter: Option<&Expr>,
        body: &Expr,
    ) -> Evaluated {
        let mut made = Map::new();
        for round in &rounds {
            if !self.kept(vars, round, filter)? {
                continue;
            }
            let Value::Map(entries) = self.round(vars, round, body)? else {
                return Err(self.error(body, "`transformMapEntry` makes a record of each round"));
            };
            self.at(expr, self.cx.make(entries.len().saturating_mul(64)))?;
            for (key, value) in entries.iter() {
                if made.insert(Arc::clone(key), value.clone()).is_some() {
                    return Err(self.error(expr, format!("the key `{key}` is made twice")));
                }
            }
        }
        Ok(Value::map(made))
    }

    /// Stable; by the first key, then the next.
    fn sort_by(&mut self, expr: &Expr, rounds: Vec<Round>, vars: &[VarId], keys: &[Expr]) -> Evaluated {
        self.at(expr, self.cx.make_list(rounds.len().saturating_mul(keys.len() + 1)))?;
        let mut rows: Vec<(Vec<Value>, Value)> = Vec::with_capacity(rounds.len());
        for round in rounds {
            let key: Result<Vec<Value>, Stop> =
                keys.iter().map(|key| self.round(vars, &round, key)).collect();
            rows.push((key?, round.1));
        }
        let n = rows.len() as u64;
        self.at(expr, self.cx.work(n * u64::from(n.max(1).ilog2() + 1)))?;
        self.at(expr, all_ordered(&rows, keys.len()))?;
        rows.sort_by(|(a, _), (b, _)| {
            let orders =
                a.iter().zip(b).map(|(a, b)| compare_exactly(a, b).ok().flatten().unwrap_or(Ordering::Equal));
            orders.fold(Ordering::Equal, Ordering::then)
        });
        Ok(Value::list(rows.into_iter().map(|(_, item)| item).collect()))
    }
}

/// Each key column has one order throughout: then sorting is total.
fn all_ordered(rows: &[(Vec<Value>, Value)], columns: usize) -> Result<(), String> {
    for column in 0..columns {
        let mut keys = rows.iter().filter_map(|(key, _)| key.get(column));
        let Some(first) = keys.next() else { continue };
        for key in std::iter::once(first).chain(keys) {
            if !matches!(compare_exactly(first, key), Ok(Some(_))) {
                return Err(format!("a {} and a {} have no order", first.type_name(), key.type_name()));
            }
        }
    }
    Ok(())
}
