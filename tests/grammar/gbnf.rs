//! A small reader of GBNF, written from its documentation: what the Lark print lets through, the GBNF print of the same grammar does.

use super::registry::{imported, standard};
use super::sample::{Sampler, count};
use aos::grammar::{Format, Level, Options, export};
use std::collections::{BTreeSet, HashMap};

#[derive(Debug)]
enum Part {
    Text(Vec<char>),
    Class(Vec<(char, char)>, bool),
    Seq(Vec<Part>),
    Any(Vec<Part>),
    Repeat(Box<Part>, usize, usize),
    Rule(String),
}

struct Reader<'a> {
    text: &'a [char],
    at: usize,
}

impl Reader<'_> {
    fn blanks(&mut self) {
        while self.text.get(self.at).is_some_and(|c| *c == ' ') {
            self.at += 1;
        }
    }

    fn peek(&mut self) -> char {
        self.blanks();
        self.text.get(self.at).copied().unwrap_or('\0')
    }

    fn any(&mut self) -> Part {
        let mut ways = vec![self.seq()];
        while self.peek() == '|' {
            self.at += 1;
            ways.push(self.seq());
        }
        Part::Any(ways)
    }

    fn seq(&mut self) -> Part {
        let mut parts = Vec::new();
        while !matches!(self.peek(), '|' | ')' | '\0') {
            parts.push(self.repeated());
        }
        Part::Seq(parts)
    }

    fn repeated(&mut self) -> Part {
        let part = self.atom();
        let (min, max) = match self.text.get(self.at) {
            Some('*') => (0, usize::MAX),
            Some('+') => (1, usize::MAX),
            Some('?') => (0, 1),
            Some('{') => {
                let end = self.text[self.at..].iter().position(|c| *c == '}').unwrap() + self.at;
                let inner: String = self.text[self.at + 1..end].iter().collect();
                self.at = end;
                let (min, max) = inner.split_once(',').unwrap_or((&inner, &inner));
                (min.parse().unwrap(), max.parse().unwrap_or(usize::MAX))
            }
            _ => return part,
        };
        self.at += 1;
        Part::Repeat(Box::new(part), min, max)
    }

    fn atom(&mut self) -> Part {
        match self.peek() {
            '"' => {
                self.at += 1;
                let mut text = Vec::new();
                while self.text[self.at] != '"' {
                    text.push(self.char());
                }
                self.at += 1;
                Part::Text(text)
            }
            '[' => {
                self.at += 1;
                let negated = self.text[self.at] == '^';
                self.at += usize::from(negated);
                let mut ranges = Vec::new();
                while self.text[self.at] != ']' {
                    let first = self.char();
                    let mut last = first;
                    if self.text[self.at] == '-' {
                        self.at += 1;
                        last = self.char();
                    }
                    ranges.push((first, last));
                }
                self.at += 1;
                Part::Class(ranges, negated)
            }
            '(' => {
                self.at += 1;
                let inner = self.any();
                assert_eq!(self.peek(), ')');
                self.at += 1;
                inner
            }
            c => {
                assert!(c.is_ascii_alphanumeric(), "{c:?} at {}", self.at);
                let end = self.text[self.at..].iter().position(|c| !c.is_ascii_alphanumeric());
                let end = end.map_or(self.text.len(), |n| n + self.at);
                let name = self.text[self.at..end].iter().collect();
                self.at = end;
                Part::Rule(name)
            }
        }
    }

    fn char(&mut self) -> char {
        let c = self.text[self.at];
        self.at += 1;
        if c != '\\' {
            return c;
        }
        let kind = self.text[self.at];
        self.at += 1;
        let mut hex = |n: usize| {
            let digits: String = self.text[self.at..self.at + n].iter().collect();
            self.at += n;
            char::from_u32(u32::from_str_radix(&digits, 16).unwrap()).unwrap()
        };
        match kind {
            'n' => '\n',
            'x' => hex(2),
            'u' => hex(4),
            'U' => hex(8),
            '"' | '\\' | '[' | ']' => kind,
            _ => panic!("no escape of GBNF: \\{kind}"),
        }
    }
}

pub struct Gbnf {
    rules: HashMap<String, Part>,
}

impl Gbnf {
    pub fn read(text: &str) -> Gbnf {
        let mut rules = HashMap::new();
        for line in text.lines().filter(|l| !l.starts_with('#') && !l.is_empty()) {
            let (name, body) = line.split_once(" ::= ").unwrap();
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "{name}");
            let body: Vec<char> = body.chars().collect();
            let mut reader = Reader { text: &body, at: 0 };
            let part = reader.any();
            assert_eq!(reader.peek(), '\0', "{line}");
            rules.insert(name.to_owned(), part);
        }
        Gbnf { rules }
    }

    pub fn accepts(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let mut matcher = Match { rules: &self.rules, text: &text, known: HashMap::new() };
        matcher.rule("root", 0).contains(&text.len())
    }
}

struct Match<'a> {
    rules: &'a HashMap<String, Part>,
    text: &'a [char],
    known: HashMap<(&'a str, usize), BTreeSet<usize>>,
}

impl<'a> Match<'a> {
    /// Where a rule that begins at a place may end.
    fn rule(&mut self, name: &'a str, at: usize) -> BTreeSet<usize> {
        if let Some(ends) = self.known.get(&(name, at)) {
            return ends.clone();
        }
        let part = self.rules.get(name).unwrap_or_else(|| panic!("no rule `{name}`"));
        let ends = self.part(part, at);
        self.known.insert((name, at), ends.clone());
        ends
    }

    fn part(&mut self, part: &'a Part, at: usize) -> BTreeSet<usize> {
        match part {
            Part::Text(text) => {
                let end = at + text.len();
                if self.text.get(at..end) == Some(text) { BTreeSet::from([end]) } else { BTreeSet::new() }
            }
            Part::Class(ranges, negated) => match self.text.get(at) {
                Some(c) if ranges.iter().any(|(a, b)| a <= c && c <= b) != *negated => {
                    BTreeSet::from([at + 1])
                }
                Some(_) | None => BTreeSet::new(),
            },
            Part::Seq(parts) => {
                let mut ends = BTreeSet::from([at]);
                for part in parts {
                    ends = ends.into_iter().flat_map(|at| self.part(part, at)).collect();
                }
                ends
            }
            Part::Any(parts) => parts.iter().flat_map(|part| self.part(part, at)).collect(),
            Part::Repeat(part, min, max) => {
                let mut ends = BTreeSet::new();
                let mut here = BTreeSet::from([at]);
                let mut seen = here.clone();
                for round in 0..=*max {
                    if round >= *min {
                        ends.extend(&here);
                    }
                    here = here.into_iter().flat_map(|at| self.part(part, at)).collect();
                    if round >= *min {
                        here.retain(|at| !seen.contains(at));
                    }
                    seen.extend(&here);
                    if here.is_empty() {
                        break;
                    }
                }
                ends
            }
            Part::Rule(name) => self.rule(name, at),
        }
    }
}

#[test]
fn gbnf_and_lark_let_through_the_same() {
    let samples = count() / 5;
    for level in [Level::Generic, Level::Skills, Level::Refs] {
        for registry in [standard(), imported(50)] {
            let skills = registry.skills();
            let of = |format| Options { format, level, profile: None, max_steps: Some(6) };
            let mut sampler = Sampler::new(&export(&of(Format::Lark), &skills).unwrap());
            let text = export(&of(Format::Gbnf), &skills).unwrap();
            let gbnf = Gbnf::read(&text);
            let mut compared = 0;
            for seed in 0..samples {
                let Ok(sample) = sampler.draw(seed) else { continue };
                if sample.len() > 2_000 || sample.is_empty() {
                    continue;
                }
                compared += 1;
                assert!(
                    gbnf.accepts(&sample),
                    "{} seed {seed}: GBNF does not let through\n{sample}",
                    level.name()
                );
                // Cut, it is no plan.
                let cut: String = sample.chars().take(sample.chars().count() - 2).collect();
                assert!(!gbnf.accepts(&cut), "{cut}");
            }
            println!(
                "{} over {}: {compared} samples of Lark are let through by {} bytes of GBNF",
                level.name(),
                registry.name,
                text.len()
            );
            assert!(compared > samples / 2);
        }
    }
}
