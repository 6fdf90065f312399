//! Inputs of a plan from the command line.

use super::{Stop, load};
use crate::check::hir::Plan;
use crate::diagnostic::nearest;
use crate::source::{DiskLoader, Loader as _};
use crate::types::Type;
use crate::types::conform::{conform, from_text};
use crate::value::{Map, Value};
use std::path::Path;
use std::sync::Arc;

/// Reads `--inputs` and `--input`, the latter winning over what is `kept` of an earlier run, and checks them against the plan's
/// parameters.
pub(crate) fn read(plan: &Plan, file: Option<&Path>, pairs: &[String], kept: Map) -> Result<Map, Stop> {
    let mut given: Vec<(String, Value)> =
        kept.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
    if let Some(file) = file {
        given.extend(object(file)?);
    }
    for pair in pairs {
        let Some((name, text)) = pair.split_once('=') else {
            return Err(Stop::usage(format!("`--input {pair}` has no `=`; write `--input name=value`")));
        };
        let ty = plan.params.iter().find(|p| p.name.as_ref() == name).map(|p| &p.ty);
        given.retain(|(n, _)| n != name);
        given.push((name.to_owned(), parse(name, text, ty)?));
    }
    let mut inputs = Map::new();
    for (name, value) in given {
        let Some(param) = plan.params.iter().find(|p| p.name.as_ref() == name) else {
            return Err(unknown(plan, &name));
        };
        let value = conform(value, &param.ty)
            .map_err(|m| Stop::usage(format!("the input `{name}` does not fit `{}`: {m}", param.ty)))?;
        inputs.insert(Arc::clone(&param.name), value);
    }
    for param in &plan.params {
        if param.default.is_none() && !inputs.contains_key(&param.name) {
            return Err(Stop::usage(format!(
                "the plan `{}` needs the input `{}` of type `{}`; add `--input {}=…`",
                plan.name, param.name, param.ty, param.name
            )));
        }
    }
    Ok(inputs)
}

fn unknown(plan: &Plan, name: &str) -> Stop {
    let names: Vec<&str> = plan.params.iter().map(|p| p.name.as_ref()).collect();
    let hint = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "it takes none".to_owned(),
        None => format!("it takes {}", names.join(", ")),
    };
    Stop::usage(format!("the plan `{}` has no input `{name}`; {hint}", plan.name))
}

/// A string where the parameter takes one, else JSON.
pub(crate) fn parse(name: &str, text: &str, ty: Option<&Type>) -> Result<Value, Stop> {
    from_text(text, ty).map_err(|why| Stop::usage(format!("the value of `{name}` cannot be read: {why}")))
}

fn object(file: &Path) -> Result<Vec<(String, Value)>, Stop> {
    let text = if file == Path::new("-") {
        load::stdin_text()?
    } else {
        DiskLoader.read(file).map_err(|error| load::cannot_read(file, &error))?
    };
    let name = file.display();
    match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(serde_json::Value::Object(object)) => {
            Ok(object.into_iter().map(|(k, v)| (k, Value::from_json(&v))).collect())
        }
        Ok(_) => Err(Stop::usage(format!("`{name}` holds no JSON object of inputs"))),
        Err(error) => Err(Stop::usage(format!("`{name}` is no JSON: {error}"))),
    }
}
