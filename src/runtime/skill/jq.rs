//! The child process of `json.query`: reads a request from stdin, runs its jq program, prints the outputs.
//!
//! jq programs may never end, fill the memory or overflow the stack, and jaq cannot be interrupted. So they run in
//! a process with limits, which the parent kills. What reads the environment or the clock, or ends the
//! process, is left out by name.

use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Vars, data, unwrap_valr};
use jaq_json::{Num, Val};
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::io::{Read as _, Write as _};

/// What programs may not call: it would end the process, or show its environment, its time or its other channels.
const LEFT_OUT: [&str; 17] = [
    "halt",
    "halt_error",
    "env",
    "now",
    "debug",
    "debug_empty",
    "stderr",
    "stderr_empty",
    "input",
    "inputs",
    "input_filename",
    "input_line_number",
    "localtime",
    "strflocaltime",
    "getpath_env",
    "$__prog_args",
    "modulemeta",
];
/// The stack of the thread that runs the program, bytes.
const STACK: usize = 64 * 1024 * 1024;
/// The deepest nesting of an output, as deep as JSON is read again.
const MAX_DEPTH: usize = 120;

/// What the parent asks.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) program: String,
    pub(super) value: Json,
    /// Bytes of address space.
    pub(super) max_memory: u64,
    /// Bytes of JSON.
    pub(super) max_output: usize,
    /// Seconds of processor time.
    pub(super) max_seconds: u64,
}

/// What the child answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reply {
    Outputs(Vec<Json>),
    Error(String),
}

/// The whole of the hidden subcommand `aos __jq`. Gives the exit code.
#[must_use]
pub fn child_main() -> i32 {
    let worker = std::thread::Builder::new().stack_size(STACK).spawn(work);
    match worker.map(std::thread::JoinHandle::join) {
        Ok(Ok(Ok(()))) => 0,
        Ok(Ok(Err(_)) | Err(_)) | Err(_) => 1,
    }
}

fn work() -> std::io::Result<()> {
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text)?;
    let request: Request = serde_json::from_slice(&text)?;
    drop(text);
    limit(&request)?;
    let reply = match run(&request.program, request.value, request.max_output) {
        Ok(outputs) => Reply::Outputs(outputs),
        Err(message) => Reply::Error(message),
    };
    let mut text = serde_json::to_vec(&reply)?;
    text.push(b'\n');
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&text)?;
    stdout.flush()
}

fn limit(request: &Request) -> std::io::Result<()> {
    let exactly = |most| Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(Resource::As, exactly(request.max_memory))?;
    setrlimit(Resource::Cpu, exactly(request.max_seconds))?;
    setrlimit(Resource::Core, exactly(0))?;
    setrlimit(Resource::Nofile, exactly(16))?;
    Ok(())
}

fn run(program: &str, value: Json, max_output: usize) -> Result<Vec<Json>, String> {
    let kept = |name: &str| !LEFT_OUT.contains(&name);
    let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs()).filter(|def| kept(def.name));
    let funs =
        jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs()).filter(|(name, ..)| kept(name));
    let arena = Arena::default();
    let file = File { code: program, path: () };
    // This loader reads no modules. Data imports (`import "a" as $a`) it takes without reading them, and leaves
    // their variables without values: those are refused here.
    let modules = Loader::new(defs).load(&arena, file).map_err(load_messages)?;
    jaq_core::load::import(&modules, |_| Err("not supported".into())).map_err(load_messages)?;
    let filter = Compiler::default().with_funs(funs).compile(modules).map_err(|errors| {
        let undefined = errors.into_iter().flat_map(|(_, errors)| errors);
        let found = undefined.map(|(name, kind)| format!("undefined {} `{name}`", kind.as_str()));
        found.collect::<Vec<_>>().join("; ")
    })?;
    let ctx = Ctx::<data::JustLut<Val>>::new(&filter.lut, Vars::new([]));
    let mut outputs = Vec::new();
    let mut room = max_output;
    for output in filter.id.run((ctx, from_json(value))).map(unwrap_valr) {
        let output = output.map_err(|error| shorten(&error.to_string()))?;
        outputs.push(to_json(&output, &mut room, 0)?);
    }
    Ok(outputs)
}

fn load_messages(errors: jaq_core::load::Errors<&str, ()>) -> String {
    let found = errors.into_iter().map(|(file, error)| load_message(file.code, error));
    found.collect::<Vec<_>>().join("; ")
}

fn load_message(code: &str, error: jaq_core::load::Error<&str>) -> String {
    use jaq_core::load::Error;
    let at = |rest: &str| {
        // The rest is a slice of the program; where it is not, the end is as good.
        let offset = (rest.as_ptr() as usize).saturating_sub(code.as_ptr() as usize).min(code.len());
        format!("at offset {offset}")
    };
    let first = match error {
        Error::Io(errors) => errors.first().map(|(path, _)| format!("`{path}` cannot be imported")),
        Error::Lex(errors) => {
            errors.first().map(|(expected, rest)| format!("expected {} {}", expected.as_str(), at(rest)))
        }
        Error::Parse(errors) => {
            errors.first().map(|(expected, rest)| format!("expected {} {}", expected.as_str(), at(rest)))
        }
    };
    first.unwrap_or_else(|| "the program is not valid".into())
}

fn shorten(text: &str) -> String {
    super::wire::excerpt(text, 1_000)
}

fn from_json(json: Json) -> Val {
    match json {
        Json::Null => Val::Null,
        Json::Bool(b) => Val::Bool(b),
        Json::Number(n) => match n.as_i64().and_then(|int| isize::try_from(int).ok()) {
            Some(int) => Val::Num(Num::Int(int)),
            None => Val::Num(Num::Float(n.as_f64().unwrap_or(f64::NAN))),
        },
        Json::String(text) => Val::utf8_str(text),
        Json::Array(items) => items.into_iter().map(from_json).collect(),
        Json::Object(object) => {
            Val::obj(object.into_iter().map(|(key, value)| (Val::utf8_str(key), from_json(value))).collect())
        }
    }
}

/// An output as JSON, taking what it needs from `room`.
fn to_json(value: &Val, room: &mut usize, depth: usize) -> Result<Json, String> {
    if depth > MAX_DEPTH {
        return Err(format!("an output is nested deeper than {MAX_DEPTH} levels"));
    }
    let mut take = |bytes: usize| match room.checked_sub(bytes) {
        Some(left) => {
            *room = left;
            Ok(())
        }
        None => Err("the outputs are too long".to_owned()),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(match value {
        Val::Null => {
            take(5)?;
            Json::Null
        }
        Val::Bool(b) => {
            take(6)?;
            Json::Bool(*b)
        }
        Val::Num(number) => {
            let json = number_json(number);
            take(json.to_string().len() + 1)?;
            json
        }
        Val::TStr(bytes) => {
            // Quoting may lengthen a text: measured as it is printed.
            take(bytes.len())?;
            let json = Json::String(text(bytes));
            take(json.to_string().len().saturating_sub(bytes.len()) + 1)?;
            json
        }
        Val::BStr(_) => return Err("an output holds bytes; encode them with `@base64`".into()),
        Val::Arr(items) => {
            take(3)?;
            let mut list = Vec::new();
            for item in items.iter() {
                list.push(to_json(item, room, depth + 1)?);
            }
            Json::Array(list)
        }
        Val::Obj(entries) => {
            take(3)?;
            let mut object = serde_json::Map::new();
            for (key, value) in entries.iter() {
                let Val::TStr(key) = key else {
                    return Err("an output has a key that is no string".into());
                };
                let key = text(key);
                *room = room.checked_sub(key.len() + 4).ok_or("the outputs are too long")?;
                object.insert(key, to_json(value, room, depth + 1)?);
            }
            Json::Object(object)
        }
    })
}

/// As jq prints them: no number is null, too big ones are the biggest.
fn number_json(number: &Num) -> Json {
    let float = |x: f64| {
        if x.is_nan() { Json::Null } else { Json::from(x.clamp(f64::MIN, f64::MAX)) }
    };
    match number {
        Num::Int(int) => Json::from(*int),
        Num::Float(x) => float(*x),
        Num::BigInt(_) | Num::Dec(_) => number.to_string().parse::<f64>().map_or(Json::Null, float),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn outputs(program: &str, value: Json) -> Result<Json, String> {
        run(program, value, 10_000).map(Json::Array)
    }

    #[test]
    fn programs_run() {
        let value = json!({ "items": [{ "n": 1, "t": "ä" }, { "n": 2.5 }] });
        assert_eq!(outputs(".items[] | .n", value.clone()), Ok(json!([1, 2.5])));
        assert_eq!(outputs(".items | map(.t)", value.clone()), Ok(json!([["ä", null]])));
        assert_eq!(outputs("[.items[].n] | add", value), Ok(json!([3.5])));
        assert_eq!(outputs("empty", json!(null)), Ok(json!([])));
        assert_eq!(outputs("nan, infinite", json!(null)), Ok(json!([null, f64::MAX])));
        assert_eq!(outputs("9223372036854775807 + 1", json!(null)), Ok(json!([9.223_372_036_854_776e18])));
        assert_eq!(outputs("\"2015-03-05T23:51:47Z\" | fromdate", json!(null)), Ok(json!([1_425_599_507])));
    }

    #[test]
    fn what_reaches_outside_is_undefined() {
        for program in [
            "env",
            "$ENV",
            "halt",
            "halt(0)",
            "halt_error",
            "halt_error(1)",
            "now",
            "debug",
            "debug(1)",
            "stderr",
            "input",
            "inputs",
            "[inputs]",
            "localtime",
            "strflocaltime(\"%Z\")",
            "input_filename",
        ] {
            let error = outputs(program, json!(1)).unwrap_err();
            assert!(error.contains("undefined"), "{program}: {error}");
        }
        assert!(outputs("import \"/etc/passwd\" as p; .", json!(1)).is_err());
        assert!(outputs("include \"x\"; .", json!(1)).is_err());
        for program in ["import \"x\" as $x; .", "import \"x\" as $x; $x", "import \"Cargo\" as $x; [$x]"] {
            let error = outputs(program, json!(1)).unwrap_err();
            assert!(error.contains("cannot be imported"), "{program}: {error}");
        }
    }

    #[test]
    fn errors_are_messages() {
        assert!(outputs(".a[", json!(1)).unwrap_err().contains("offset"));
        assert!(outputs("", json!(1)).is_ok() || outputs("", json!(1)).is_err());
        assert!(outputs("error(\"no\")", json!(1)).unwrap_err().contains("no"));
        assert!(outputs("repeat(1)", json!(1)).unwrap_err().contains("too long"));
        assert!(outputs("reduce range(1000) as $i (0; [.])", json!(1)).unwrap_err().contains("nested"));
        assert!(outputs("{(1): 2}", json!(1)).is_err());
    }
}
