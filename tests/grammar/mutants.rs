//! Grammars with a fault: one of the two directions finds it.

use super::completeness::texts;
use super::lark;
use super::sample::Sampler;
use super::soundness::fault;
use aos::grammar::ir::{Grammar, Node};
use aos::grammar::{Level, grammar, to_lark};

/// Rewrites every node, from the inside out.
fn rewrite(node: &mut Node, f: &mut impl FnMut(&mut Node)) {
    match node {
        Node::Seq(nodes) | Node::Any(nodes) => nodes.iter_mut().for_each(|n| rewrite(n, f)),
        Node::Repeat { node, .. } => rewrite(node, f),
        Node::Never | Node::Text(_) | Node::Class { .. } | Node::Rule { .. } => {}
    }
    f(node);
}

fn everywhere(grammar: &mut Grammar, prefix: &str, mut f: impl FnMut(&mut Node)) {
    for (name, rule) in &mut grammar.rules {
        if name.starts_with(prefix) {
            rule.alternatives.iter_mut().for_each(|(node, _)| rewrite(node, &mut f));
        }
    }
}

/// Puts a text in the place of another.
fn swap(grammar: &mut Grammar, prefix: &str, from: &str, to: &str) {
    everywhere(grammar, prefix, |node| {
        if let Node::Text(text) = node {
            *text = text.replace(from, to);
        }
    });
}

/// Adds to the characters of a class, or takes from it.
fn classes(grammar: &mut Grammar, prefix: &str, mut f: impl FnMut(&mut Vec<(char, char)>, bool)) {
    everywhere(grammar, prefix, |node| {
        if let Node::Class { ranges, negated } = node {
            f(ranges, *negated);
        }
    });
}

/// Leads from one rule to another, of the same place.
fn lead(grammar: &mut Grammar, prefix: &str, from: &str, to: &str) {
    everywhere(grammar, prefix, |node| {
        if let Node::Rule { name, .. } = node
            && let Some(place) = name.strip_prefix(from).filter(|p| p.len() <= 3)
        {
            *name = format!("{to}{place}").into();
        }
    });
}

type Mutant = (&'static str, fn(&mut Grammar));

const MUTANTS: &[Mutant] = &[
    ("a keyword is misspelt", |g| swap(g, "clauses", "deadline ", "deadlin ")),
    ("`when` is called `if`", |g| swap(g, "clauses", "when ", "if ")),
    ("two clauses change places", |g| {
        everywhere(g, "clauses", |node| {
            if let Node::Seq(nodes) = node
                && nodes.len() == 9
            {
                nodes.swap(1, 7);
            }
        });
    }),
    ("no quote can be escaped", |g| {
        classes(g, "tokstring", |ranges, negated| {
            if !negated {
                ranges.retain(|(c, _)| *c != '"');
            }
        });
    }),
    ("a quote need not be escaped", |g| {
        classes(g, "tokstring", |ranges, negated| {
            if negated {
                ranges.retain(|(c, _)| *c != '"');
            }
        });
    }),
    ("a line break may stand in a string", |g| {
        classes(g, "tokstring", |ranges, negated| {
            if negated && ranges[0].0 == '\0' {
                ranges[0] = ('\u{b}', '\u{1f}');
            }
        });
    }),
    ("names may begin with a digit", |g| {
        classes(g, "tokname", |ranges, negated| {
            if !negated && ranges.iter().all(|(first, _)| *first != '0') {
                ranges.push(('0', '9'));
            }
        });
    }),
    ("reserved words may be names", |g| lead(g, "", "tokname", "tokword")),
    ("`??` stands beside `||`", |g| lead(g, "coalesce", "compare", "or")),
    ("comparisons chain", |g| lead(g, "compare", "add", "compare")),
    ("no `?.`", |g| swap(g, "field", "?.", ".")),
    ("no comma behind the last element", |g| swap(g, "record", ",", "")),
    ("a level of indentation is three blanks", |g| swap(g, "", "\n    ", "\n     ")),
    ("two blanks before `then`", |g| swap(g, "chain", " then ", "  then ")),
    ("no `race`", |g| swap(g, "region", "race ", "do ")),
    ("letters in numbers", |g| {
        classes(g, "tokint", |ranges, _| ranges.push(('a', 'f')));
    }),
    ("an empty line need not be empty", |g| swap(g, "body", "\n", "\n ")),
    ("no raw strings", |g| swap(g, "tokraw", "r\"", "q\"")),
];

/// Which of the two directions finds it. A sample counts where the mutation is what lets it through.
fn caught(
    spoilt: &mut Sampler,
    whole: &Sampler,
    texts: &[(String, String)],
    samples: u64,
) -> Vec<&'static str> {
    let mut by = Vec::new();
    if texts.iter().any(|(_, text)| !spoilt.accepts(text).1) {
        by.push("completeness");
    }
    let faulty = |seed| match spoilt.draw(seed) {
        Ok(text) => !whole.accepts(&text).1 && fault(&text).is_some(),
        Err(_) => false,
    };
    // What one finds need not be looked for so long by the other.
    if (0..if by.is_empty() { samples } else { samples / 40 }).any(faulty) {
        by.push("soundness");
    }
    by
}

#[test]
fn grammar_mutants_are_caught() {
    let whole = grammar(&lark(Level::Generic), &[]).unwrap();
    let sampler = Sampler::new(&to_lark(&whole));
    let texts: Vec<_> = texts(20).into_iter().filter(|(_, text)| sampler.accepts(text).1).collect();
    assert!(texts.len() > 200);
    let mut survived = Vec::new();
    for (name, mutate) in MUTANTS {
        let mut spoilt = whole.clone();
        mutate(&mut spoilt);
        assert_ne!(spoilt, whole, "{name}: the mutation changes nothing");
        // A rule that is led to only now may not be there.
        let known =
            |n: &Node| if let Node::Rule { name, .. } = n { spoilt.rules.contains_key(name) } else { true };
        spoilt.visit(|n| assert!(known(n), "{name}: {n:?}"));
        let by = caught(&mut Sampler::new(&to_lark(&spoilt)), &sampler, &texts, 1_000);
        println!("{name}: caught by {}", if by.is_empty() { "nothing".to_owned() } else { by.join(" and ") });
        if by.is_empty() {
            survived.push(*name);
        }
    }
    println!("{} mutants, {} caught", MUTANTS.len(), MUTANTS.len() - survived.len());
    assert!(survived.is_empty(), "not caught: {survived:?}");
}
