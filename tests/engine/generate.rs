//! Random plans over all constructs that run. The same seed gives the same plan.

use super::world::Random;
use std::fmt::Write as _;

/// What the plans are for.
#[derive(Clone, Copy)]
pub struct Kind {
    /// With what hangs on how long calls take: races, deadlines.
    pub timed: bool,
    /// With steps that handle errors.
    pub handlers: bool,
}

/// A value that can be read.
#[derive(Clone)]
struct Var {
    name: String,
    is: Is,
}

#[derive(Clone, Copy, PartialEq)]
enum Is {
    /// A number for sure.
    Int,
    /// A step that may have no value.
    Perhaps,
    /// A region: perhaps null.
    Region,
    List,
}

/// Where a body stands.
#[derive(Clone)]
struct Place {
    depth: u32,
    /// What makes the name of a resource differ between items that run at once.
    item: String,
    /// Steps of the same name may run at once.
    at_once: bool,
    /// What acts must be undone.
    race: bool,
}

pub struct Generator {
    random: Random,
    kind: Kind,
    next: u32,
    /// Steps that may still be written.
    left: u32,
    plans: u32,
}

/// The text of a plan `p` and of those it calls.
pub fn plan(seed: u64, kind: Kind) -> String {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5851_F42D);
    for _ in 0..3 {
        random.below(2);
    }
    let mut generator = Generator { random, kind, next: 0, left: 0, plans: 0 };
    let mut text = String::new();
    for n in 0..generator.random.below(3) {
        generator.left = 4;
        let mut scope = vec![Var { name: "n".into(), is: Is::Int }];
        let body =
            generator.body(&mut scope, &Place { depth: 2, item: String::new(), at_once: false, race: false });
        let result = generator.number(&scope, false);
        let _ = writeln!(text, "plan q{n}(n: int) -> int {{\n{body}return {result}\n}}");
        generator.plans += 1;
    }
    generator.left = 5 + generator.random.below(9) as u32;
    let mut scope = Vec::new();
    let body =
        generator.body(&mut scope, &Place { depth: 0, item: String::new(), at_once: false, race: false });
    let result = generator.number(&scope, false);
    let concurrency = 1 + generator.random.below(6);
    let _ = writeln!(text, "plan p() -> json? concurrency {concurrency} {{\n{body}return {result}\n}}");
    text
}

impl Generator {
    fn chance(&mut self, percent: u64) -> bool {
        self.random.below(100) < percent
    }

    fn name(&mut self, letter: char) -> String {
        self.next += 1;
        format!("{letter}{}", self.next)
    }

    /// An expression that is a number. `strict`: what may be missing may be read as if it were not.
    fn number(&mut self, scope: &[Var], strict: bool) -> String {
        let literal = self.random.below(9).to_string();
        if scope.is_empty() || self.chance(15) {
            return literal;
        }
        let var = scope[self.random.below(scope.len() as u64) as usize].clone();
        let one = match var.is {
            Is::Int => var.name,
            Is::Perhaps if strict && self.chance(50) => var.name,
            Is::Perhaps | Is::Region => format!("({} ?? {literal})", var.name),
            Is::List => format!("size({} ?? [])", var.name),
        };
        match self.random.below(4) {
            0 => format!("({one} + {})", self.number(scope, strict)),
            1 => format!("({one} + {literal}) % 7"),
            _ => one,
        }
    }

    fn condition(&mut self, scope: &[Var]) -> String {
        let steps: Vec<&Var> = scope.iter().filter(|v| v.is == Is::Perhaps).collect();
        if let (false, true) = (steps.is_empty(), self.chance(25)) {
            let step = steps[self.random.below(steps.len() as u64) as usize].name.clone();
            return format!("succeeded({step})");
        }
        let number = self.number(scope, false);
        match self.random.below(3) {
            0 => format!("({number}) % 2 == 0"),
            1 => format!("({number}) > {}", self.random.below(6)),
            _ => format!("({number}) < 1_000"),
        }
    }

    /// Statements; what they declare is in scope behind them.
    fn body(&mut self, scope: &mut Vec<Var>, place: &Place) -> String {
        let mut text = String::new();
        let most = 1 + self.random.below(if place.depth == 0 { 6 } else { 3 });
        for _ in 0..most {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            let statement = self.statement(scope, place);
            text.push_str(&statement);
            text.push('\n');
        }
        text
    }

    fn statement(&mut self, scope: &mut Vec<Var>, place: &Place) -> String {
        let deep = place.depth >= 3;
        match self.random.below(if deep { 10 } else { 20 }) {
            0..4 => self.quiet(scope),
            4..8 => self.acting(scope, place),
            8 => {
                let value = self.number(scope, true);
                let name = self.name('l');
                scope.push(Var { name: name.clone(), is: Is::Perhaps });
                format!("let {name} = {value}")
            }
            9 => format!("require {} >= 0 else \"negative\"", self.number(scope, false)),
            10 | 11 => self.do_(scope, place),
            12 | 13 => self.for_(scope, place),
            14 => self.if_(scope, place),
            15 | 16 => self.loop_(scope, place),
            17 if self.kind.timed => self.race(scope, place),
            18 if self.plans > 0 && !place.at_once && !place.race => self.call_plan(scope),
            _ => {
                let name = self.name('s');
                scope.push(Var { name: name.clone(), is: Is::Region });
                format!("step {name} = time.sleep(duration: {}ms)", 1 + self.random.below(30))
            }
        }
    }

    /// Clauses in front of the others, and whether the step may be skipped.
    fn guards(&mut self, scope: &[Var]) -> (String, bool) {
        let mut text = String::new();
        let steps: Vec<&Var> = scope.iter().filter(|v| v.name.starts_with('s')).collect();
        if !steps.is_empty() && self.chance(15) {
            let step = steps[self.random.below(steps.len() as u64) as usize].name.clone();
            let _ = write!(text, " depends_on [{step}]");
        }
        let skipped = self.chance(20);
        if skipped {
            let _ = write!(text, " when {}", self.condition(scope));
        }
        (text, skipped)
    }

    /// What is done about errors, and whether the step may have no value then.
    fn handler(&mut self, scope: &[Var], again: bool) -> (String, bool) {
        if !self.kind.handlers {
            return (String::new(), false);
        }
        let value = self.number(scope, false);
        let chosen = self.random.below(8);
        let (text, missing) = match chosen {
            0 => (" on_error continue".into(), true),
            1 => (format!(" on_error use {value}"), false),
            2 if again => (format!(" on_error retry {} backoff 5ms", 1 + self.random.below(3)), false),
            3 if again => (format!(" on_error retry 1 backoff 5ms..20ms then use {value}"), false),
            4 => (format!(" on_error fallback t.echo(v: {value}) then continue"), true),
            5 => (format!(" on_error {{ timeout => use 1  _ => use {value} }}"), false),
            _ => (String::new(), false),
        };
        (text, missing)
    }

    fn quiet(&mut self, scope: &mut Vec<Var>) -> String {
        let value = self.number(scope, true);
        let name = self.name('s');
        let ms = 1 + self.random.below(30);
        let fails = self.kind.handlers || self.chance(20);
        let call = match self.random.below(6) {
            0 if fails => format!("t.boom(kind: \"boom\", ms: {ms})"),
            1 if fails => format!("t.flaky(v: {value}, times: {}, ms: {ms})", self.random.below(3)),
            2 => format!("t.read(from: \"A\", v: {value}, ms: {ms})"),
            _ => format!("t.echo(v: {value}, ms: {ms})"),
        };
        let (guards, skipped) = self.guards(scope);
        let (handler, missing) = self.handler(scope, true);
        scope.push(Var { name: name.clone(), is: if skipped || missing { Is::Perhaps } else { Is::Int } });
        format!("step {name} = {call}{guards}{handler}")
    }

    fn acting(&mut self, scope: &mut Vec<Var>, place: &Place) -> String {
        let value = self.number(scope, true);
        let name = self.name('s');
        let ms = 1 + self.random.below(30);
        let shared = !place.at_once && !place.race && self.chance(40);
        let to = if shared {
            ["A", "B"][self.random.below(2) as usize].to_owned()
        } else {
            format!("{name}{}", place.item)
        };
        let (call, again) = match self.random.below(6) {
            0 | 1 => (format!("t.put(to: \"{to}\", v: {value}, ms: {ms})"), true),
            2 => (format!("t.append(to: \"{to}\", v: {value}, ms: {ms})"), true),
            3 if self.kind.handlers => {
                (format!("t.bad_write(to: \"{to}\", kind: \"busy\", ms: {ms})"), false)
            }
            _ => (format!("t.write(to: \"{to}\", v: {value}, ms: {ms})"), false),
        };
        let (guards, skipped) = self.guards(scope);
        let (handler, missing) = self.handler(scope, again);
        let undone = place.race || !self.kind.handlers || self.chance(50);
        let undo = if undone { self.compensation(scope, &name, &to) } else { String::new() };
        scope.push(Var { name: name.clone(), is: if skipped || missing { Is::Perhaps } else { Is::Int } });
        format!("step {name} = {call}{guards}{handler}{undo}")
    }

    fn compensation(&mut self, scope: &[Var], name: &str, to: &str) -> String {
        let simple = format!(" compensate t.undo(of: \"{to}\", v: {name}, ms: {})", 1 + self.random.below(9));
        if !self.kind.handlers {
            return simple;
        }
        match self.random.below(7) {
            0 => format!(" compensate t.undo(of: \"{to}\", times: 2)"),
            1 => " compensate t.boom(kind: \"boom\")".into(),
            2 => format!("{simple} unless {}", self.condition(scope)),
            3 => format!(" compensate t.undo_once(of: \"{to}\", v: {name})"),
            _ => simple,
        }
    }

    /// A body in braces, which returns a number.
    fn block(&mut self, scope: &[Var], place: &Place, before: &[Var]) -> String {
        let mut inner: Vec<Var> = scope.iter().chain(before).cloned().collect();
        let body = self.body(&mut inner, place);
        let result = self.number(&inner, false);
        format!("{{\n{body}return {result}\n}}")
    }

    fn region(&mut self, scope: &mut Vec<Var>, action: &str, is: Is) -> String {
        let name = self.name('s');
        let (guards, _) = self.guards(scope);
        let value = self.number(scope, false);
        let handler = match self.random.below(5) {
            0 if self.kind.handlers => " on_error continue".to_owned(),
            1 if self.kind.handlers && is != Is::List => format!(" on_error use {value}"),
            _ => String::new(),
        };
        let deadline = if self.kind.timed && self.chance(20) {
            format!(" deadline {}ms", 20 + self.random.below(60))
        } else {
            String::new()
        };
        scope.push(Var { name: name.clone(), is });
        format!("step {name} = {action}{guards}{deadline}{handler}")
    }

    fn do_(&mut self, scope: &mut Vec<Var>, place: &Place) -> String {
        let block = self.block(scope, &Place { depth: place.depth + 1, ..place.clone() }, &[]);
        self.region(scope, &format!("do {block}"), Is::Region)
    }

    fn if_(&mut self, scope: &mut Vec<Var>, place: &Place) -> String {
        let place = Place { depth: place.depth + 1, ..place.clone() };
        let condition = self.condition(scope);
        let then = self.block(scope, &place, &[]);
        let otherwise = self.block(scope, &place, &[]);
        let action = match self.random.below(3) {
            0 => format!("if {condition} {then}"),
            1 => format!("if {condition} {then} else {otherwise}"),
            _ => format!("match ({condition}) {{\ntrue => {then}\nfalse => {otherwise}\n}}"),
        };
        self.region(scope, &action, Is::Region)
    }

    fn for_(&mut self, scope: &mut Vec<Var>, place: &Place) -> String {
        let item = self.name('x');
        let items: Vec<String> = (0..self.random.below(4)).map(|i| (i + 1).to_string()).collect();
        let mut head = format!("for {item} in [{}]", items.join(", "));
        let at_once = self.chance(50);
        if at_once {
            let _ = write!(head, " parallel {}", 1 + self.random.below(3));
        }
        if self.kind.handlers && self.chance(40) {
            let _ = write!(head, " tolerate {}", self.random.below(3));
        }
        let inner = Place {
            depth: place.depth + 1,
            item: format!("{}-${{{item}}}", place.item),
            at_once: place.at_once || at_once,
            race: place.race,
        };
        let block = self.block(scope, &inner, &[Var { name: item.clone(), is: Is::Int }]);
        self.region(scope, &format!("{head} {block}"), Is::List)
    }

    fn loop_(&mut self, scope: &mut Vec<Var>, place: &Place) -> String {
        let var = self.name('x');
        let init = self.number(scope, false);
        let mut head = format!("loop {var}: int = {init} max {}", 1 + self.random.below(3));
        if self.chance(30) {
            let _ = write!(head, " every {}ms", 1 + self.random.below(20));
        }
        let mut inner: Vec<Var> = scope.to_vec();
        inner.push(Var { name: var, is: Is::Int });
        let body = self.body(&mut inner, &Place { depth: place.depth + 1, ..place.clone() });
        let result = self.number(&inner, false);
        let until = match self.random.below(3) {
            0 => {
                head.push_str(" else last");
                format!(" until it > {}", self.random.below(9))
            }
            1 if self.kind.handlers => format!(" until it >= {}", self.random.below(3)),
            _ => String::new(),
        };
        self.region(scope, &format!("{head} {{\n{body}return {result}{until}\n}}"), Is::Region)
    }

    fn race(&mut self, scope: &mut Vec<Var>, place: &Place) -> String {
        let inner = Place { depth: place.depth + 1, race: true, ..place.clone() };
        let branches: Vec<String> =
            (0..2 + self.random.below(2)).map(|_| format!("do {}", self.block(scope, &inner, &[]))).collect();
        self.region(scope, &format!("race {{\n{}\n}}", branches.join("\n")), Is::Region)
    }

    fn call_plan(&mut self, scope: &mut Vec<Var>) -> String {
        let plan = self.random.below(u64::from(self.plans));
        let value = self.number(scope, false);
        let name = self.name('s');
        let (guards, skipped) = self.guards(scope);
        let (handler, missing) = self.handler(scope, false);
        scope.push(Var { name: name.clone(), is: if skipped || missing { Is::Perhaps } else { Is::Int } });
        format!("step {name} = q{plan}(n: {value}){guards}{handler}")
    }
}
