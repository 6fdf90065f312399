//! Random plans that read what is trusted and what is not, compute with both, and act. The same seed gives the same plan.

use crate::engine::world::Random;
use std::fmt::Write as _;

/// `out.*` is from outside: what it answers differs between two runs, and so does what its errors tell. `own.*` answers, or fails, by
/// its arguments.
pub const SKILLS: &str = r#"
skill out.text(n: int = 0) -> untrusted string
  reads "out" idempotent throws gone
skill out.number(n: int = 0) -> untrusted int
  reads "out" idempotent throws gone
skill out.flag(n: int = 0) -> untrusted bool
  reads "out" idempotent throws gone
skill out.items(n: int = 0) -> untrusted list<string>
  reads "out" idempotent throws gone
skill out.page(n: int = 0) -> untrusted { id: trusted string, text: string, count: int }
  reads "out" idempotent throws gone
skill own.text(of: string, n: int = 0) -> string
  reads "own" idempotent
skill own.number(of: int = 0) -> int
  reads "own" idempotent
skill own.items(of: string = "") -> list<string>
  reads "own" idempotent
skill own.check(of: string) -> int
  reads "own" idempotent throws bad
skill act.send(to: trusted string, body: untrusted string) -> { id: trusted string }
  irreversible "send"
skill act.pay(to: string, amount: int, note: untrusted string = "") -> { id: trusted string }
  irreversible "pay"
skill act.put(key: trusted string, value: untrusted string) -> int
  writes "db"
skill act.log(text: untrusted string) -> int
  appends "log"
"#;

#[derive(Clone, Copy, PartialEq)]
enum Is {
    Text,
    Number,
    Flag,
    Items,
    Page,
}

#[derive(Clone)]
struct Var {
    name: String,
    is: Is,
    /// As far as the generator knows: so that not every plan is refused.
    odd: bool,
    /// It may have no value.
    perhaps: bool,
}

pub struct Generator {
    random: Random,
    next: u32,
    left: u32,
    /// Of a hundred places that want what is trusted, so many take anything.
    careless: u64,
}

/// The text of a plan `p`.
pub fn plan(seed: u64) -> String {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x1234_5678);
    random.below(2);
    let careless = [0, 5, 20][random.below(3) as usize];
    let mut g = Generator { random, next: 0, left: 3, careless };
    let mut text = String::from(SKILLS);
    let inner = {
        let mut scope = vec![
            Var { name: "given".into(), is: Is::Text, odd: false, perhaps: false },
            Var { name: "often".into(), is: Is::Number, odd: false, perhaps: false },
        ];
        let body = g.body(&mut scope, 2);
        let result = g.text(&scope, false);
        format!("plan q(given: string, often: int) -> string {{\n{body}return {result}\n}}\n")
    };
    text.push_str(&inner);
    g.left = 6 + g.random.below(8) as u32;
    let mut scope = Vec::new();
    let mut body = String::new();
    for kind in [Is::Text, Is::Flag, Is::Items, Is::Page] {
        body.push_str(&g.outside(&mut scope, kind));
    }
    body.push_str(&g.own(&mut scope));
    body.push_str(&g.body(&mut scope, 0));
    body.push_str(&g.act(&scope));
    let result = g.text(&scope, false);
    let _ = writeln!(text, "plan p() -> json? {{\n{body}return {result}\n}}");
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

    fn pick(&mut self, scope: &[Var], is: Is, trusted: bool) -> Option<Var> {
        let careless = self.careless;
        let trusted = trusted && !self.chance(careless);
        let fit: Vec<&Var> = scope.iter().filter(|v| v.is == is && !(trusted && v.odd)).collect();
        if fit.is_empty() {
            return None;
        }
        Some(fit[self.random.below(fit.len() as u64) as usize].clone())
    }

    fn read(var: &Var, or: &str) -> String {
        if var.perhaps { format!("({} ?? {or})", var.name) } else { var.name.clone() }
    }

    fn text(&mut self, scope: &[Var], trusted: bool) -> String {
        let literal = format!("\"t{}\"", self.random.below(9));
        match self.random.below(9) {
            0..3 => match self.pick(scope, Is::Text, trusted) {
                Some(var) => Self::read(&var, &literal),
                None => literal,
            },
            3 => match self.pick(scope, Is::Page, false) {
                Some(page) if !page.perhaps && trusted => format!("{}.id", page.name),
                Some(page) if !page.perhaps => format!("{}.text", page.name),
                _ => literal,
            },
            4 => {
                let (a, b) = (self.text(scope, trusted), self.number(scope, trusted));
                format!("({a} + \"-${{{b}}}\")")
            }
            5 => {
                let (c, a) = (self.flag(scope, trusted), self.text(scope, trusted));
                format!("({c} ? {a} : {literal})")
            }
            6 => {
                let at = self.number(scope, trusted);
                format!("[\"x\", \"y\", \"z\"][({at}) % 3]")
            }
            7 if !trusted && self.chance(40) => {
                let failed: Vec<&Var> =
                    scope.iter().filter(|v| v.perhaps && v.name.starts_with(['f', 's'])).collect();
                if failed.is_empty() {
                    return literal;
                }
                let step = &failed[self.random.below(failed.len() as u64) as usize].name;
                format!("(error({step})?.message ?? {literal})")
            }
            7 => match self.pick(scope, Is::Items, trusted) {
                Some(items) => format!("{}.filter(i, i != {literal}).join(\",\")", Self::read(&items, "[]")),
                None => literal,
            },
            _ => literal,
        }
    }

    fn number(&mut self, scope: &[Var], trusted: bool) -> String {
        let literal = self.random.below(9).to_string();
        match self.random.below(6) {
            0 | 1 => match self.pick(scope, Is::Number, trusted) {
                Some(var) => Self::read(&var, &literal),
                None => literal,
            },
            2 => match self.pick(scope, Is::Items, trusted) {
                Some(items) => format!("size({})", Self::read(&items, "[]")),
                None => literal,
            },
            3 => match self.pick(scope, Is::Text, trusted) {
                Some(text) => format!("size({})", Self::read(&text, "\"\"")),
                None => literal,
            },
            _ => literal,
        }
    }

    fn flag(&mut self, scope: &[Var], trusted: bool) -> String {
        match self.random.below(5) {
            0 | 1 => match self.pick(scope, Is::Flag, trusted) {
                Some(var) => Self::read(&var, "false"),
                None => format!("{} > 2", self.number(scope, trusted)),
            },
            2 => format!("({}) % 2 == 0", self.number(scope, trusted)),
            3 => {
                let literal = format!("\"t{}\"", self.random.below(9));
                format!("{} == {literal}", self.text(scope, trusted))
            }
            _ => {
                let step = |v: &&Var| v.perhaps && !v.name.starts_with('l') && !(trusted && v.odd);
                let steps: Vec<&Var> = scope.iter().filter(step).collect();
                if steps.is_empty() {
                    return format!("{} > 2", self.number(scope, trusted));
                }
                format!("succeeded({})", steps[self.random.below(steps.len() as u64) as usize].name)
            }
        }
    }

    fn outside(&mut self, scope: &mut Vec<Var>, is: Is) -> String {
        let skill = match is {
            Is::Text => "text",
            Is::Number => "number",
            Is::Flag => "flag",
            Is::Items => "items",
            Is::Page => "page",
        };
        // One that fails says so in its name.
        let fails = is != Is::Page && self.chance(30);
        let name = self.name(if fails { 'f' } else { 's' });
        let handler = if fails { " on_error continue" } else { "" };
        scope.push(Var { name: name.clone(), is, odd: true, perhaps: fails });
        format!("step {name} = out.{skill}(){handler}\n")
    }

    fn own(&mut self, scope: &mut Vec<Var>) -> String {
        let name = self.name('s');
        let trusted = self.chance(70);
        if self.chance(20) {
            let call = format!("own.check(of: {})", self.text(scope, trusted));
            scope.push(Var { name: name.clone(), is: Is::Number, odd: !trusted, perhaps: true });
            return format!("step {name} = {call} on_error continue\n");
        }
        let (call, is) = match self.random.below(3) {
            0 => (
                format!("own.text(of: {}, n: {})", self.text(scope, trusted), self.number(scope, trusted)),
                Is::Text,
            ),
            1 => (format!("own.number(of: {})", self.number(scope, trusted)), Is::Number),
            _ => (format!("own.items(of: {})", self.text(scope, trusted)), Is::Items),
        };
        scope.push(Var { name: name.clone(), is, odd: !trusted, perhaps: false });
        format!("step {name} = {call}\n")
    }

    fn act(&mut self, scope: &[Var]) -> String {
        let asks = self.chance(8);
        // What a person has seen is another matter; the name says so.
        let name = self.name(if asks { 'v' } else { 'a' });
        let careful = !asks;
        let call = match self.random.below(4) {
            0 => format!("act.send(to: {}, body: {})", self.text(scope, careful), self.text(scope, false)),
            1 => format!(
                "act.pay(to: {}, amount: {}, note: {})",
                self.text(scope, careful),
                self.number(scope, careful),
                self.text(scope, false)
            ),
            2 => format!("act.put(key: {}, value: {})", self.text(scope, careful), self.text(scope, false)),
            _ => format!("act.log(text: {})", self.text(scope, false)),
        };
        let when =
            if self.chance(25) { format!(" when {}", self.flag(scope, careful)) } else { String::new() };
        let ask = if asks { " approve \"yes 5\"" } else { "" };
        format!("step {name} = {call}{when}{ask}\n")
    }

    fn body(&mut self, scope: &mut Vec<Var>, depth: u32) -> String {
        let mut text = String::new();
        for _ in 0..2 + self.random.below(3) {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            text.push_str(&self.statement(scope, depth));
        }
        text
    }

    fn statement(&mut self, scope: &mut Vec<Var>, depth: u32) -> String {
        match self.random.below(if depth >= 2 { 7 } else { 14 }) {
            0 => {
                let kinds = [Is::Text, Is::Number, Is::Flag, Is::Items];
                let kind = kinds[self.random.below(4) as usize];
                self.outside(scope, kind)
            }
            1 | 2 => self.own(scope),
            3 => {
                let (name, trusted) = (self.name('l'), self.chance(60));
                let value = self.text(scope, trusted);
                scope.push(Var { name: name.clone(), is: Is::Text, odd: !trusted, perhaps: true });
                format!("let {name} = {value}\n")
            }
            4..7 => self.act(scope),
            7 | 8 => self.branch(scope, depth),
            9 | 10 => self.each(scope, depth),
            11 => self.rounds(scope, depth),
            12 => {
                let block = self.block(scope, depth, &[]);
                let (check, careful) = (self.name('s'), self.chance(70));
                let check = format!("step {check} = own.check(of: {})\n", self.text(scope, careful));
                let checks = self.chance(60);
                let block = if checks { block.replacen('\n', &format!("\n{check}"), 1) } else { block };
                let handler = if checks { " on_error continue" } else { "" };
                self.region(scope, &format!("do {block}{handler}"), Is::Text)
            }
            _ if depth == 0 => {
                let trusted = self.chance(85);
                let call = format!(
                    "q(given: {}, often: {})",
                    self.text(scope, trusted),
                    self.number(scope, trusted)
                );
                self.region(scope, &call, Is::Text)
            }
            _ => self.own(scope),
        }
    }

    fn block(&mut self, scope: &[Var], depth: u32, more: &[Var]) -> String {
        let mut inner: Vec<Var> = scope.iter().chain(more).cloned().collect();
        let body = self.body(&mut inner, depth + 1);
        let result = self.text(&inner, false);
        format!("{{\n{body}return {result}\n}}")
    }

    fn region(&mut self, scope: &mut Vec<Var>, action: &str, is: Is) -> String {
        let name = self.name('r');
        // What comes out of a region may be anything.
        scope.push(Var { name: name.clone(), is, odd: true, perhaps: true });
        format!("step {name} = {action}\n")
    }

    fn branch(&mut self, scope: &mut Vec<Var>, depth: u32) -> String {
        let careful = self.chance(70);
        let condition = self.flag(scope, careful);
        let (then, otherwise) = (self.block(scope, depth, &[]), self.block(scope, depth, &[]));
        let action = if self.chance(50) {
            format!("if {condition} {then} else {otherwise}")
        } else {
            format!("match ({condition}) {{\ntrue => {then}\nfalse => {otherwise}\n}}")
        };
        self.region(scope, &action, Is::Text)
    }

    fn each(&mut self, scope: &mut Vec<Var>, depth: u32) -> String {
        let careful = self.chance(70);
        let list = match self.pick(scope, Is::Items, careful) {
            Some(items) => Self::read(&items, "[]"),
            None => "[\"k\", \"m\"]".into(),
        };
        let item = self.name('x');
        let var = Var { name: item.clone(), is: Is::Text, odd: !careful, perhaps: false };
        let block = self.block(scope, depth, &[var]);
        self.region(scope, &format!("for {item} in {list} max 9 {block}"), Is::Items)
    }

    fn rounds(&mut self, scope: &mut Vec<Var>, depth: u32) -> String {
        let careful = self.chance(70);
        let (var, init) = (self.name('x'), self.text(scope, careful));
        let mut inner = scope.clone();
        inner.push(Var { name: var.clone(), is: Is::Text, odd: !careful, perhaps: false });
        let body = self.body(&mut inner, depth + 1);
        let result = self.text(&inner, careful);
        let until =
            if self.chance(50) { format!(" until {}", self.flag(scope, careful)) } else { String::new() };
        let last = if until.is_empty() { "" } else { " else last" };
        let action = format!("loop {var}: string = {init} max 3{last} {{\n{body}return {result}{until}\n}}");
        self.region(scope, &action, Is::Text)
    }
}
