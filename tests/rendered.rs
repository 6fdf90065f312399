//! What people look at in a terminal, as snapshots.

use crate::support::{aos, finish, root};

fn shown(args: &[&str]) -> String {
    let mut command = aos(&root().join("tests/corpus/rendered"));
    let (_, out, err) = finish(command.args(["--store", ":memory:"]).args(args));
    format!("{out}{err}")
}

#[test]
fn a_graph_of_thirty_steps() {
    let graph = shown(&["graph", "thirty.plan"]);
    let widest = graph.lines().map(|l| l.chars().count()).max().unwrap();
    assert!(widest <= 120, "{widest} columns");
    insta::assert_snapshot!("graph_of_thirty_steps", graph);
}

#[test]
fn five_mistakes() {
    insta::assert_snapshot!("five_mistakes", shown(&["check", "five_mistakes.plan"]));
}

/// Where no name is near, or no literal can be rewritten, the answer still says what to write.
#[test]
fn near_misses() {
    insta::assert_snapshot!("near_misses", shown(&["check", "near_misses.plan"]));
}

#[test]
fn an_explanation() {
    insta::assert_snapshot!("explain_maybe_null", shown(&["explain", "maybe-null"]));
}
