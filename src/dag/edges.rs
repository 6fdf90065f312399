//! How the edges of a body lie in the journal: what several follow is named once. They keep their order, and with it the order in
//! which steps start.

use super::Reason;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef as _;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

type Graph = DiGraph<(), Reason, u32>;

#[derive(Serialize, Deserialize)]
struct Kept {
    /// Nothing is known of them here but their number; a list, so that a file cannot promise more than it holds.
    nodes: Vec<()>,
    /// A node, and those that wait for it for this reason.
    edges: Vec<(u32, Reason, Vec<u32>)>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Found {
    Kept(Kept),
    /// petgraph's own form: each edge with both its ends.
    Format1(Graph),
}

pub(super) fn serialize<S: Serializer>(graph: &Graph, serializer: S) -> Result<S::Ok, S::Error> {
    let mut edges: Vec<(u32, Reason, Vec<u32>)> = Vec::new();
    for edge in graph.edge_references() {
        let (from, to, reason) = (edge.source().index() as u32, edge.target().index() as u32, *edge.weight());
        match edges.last_mut() {
            Some((node, why, waiting)) if (*node, *why) == (from, reason) => waiting.push(to),
            _ => edges.push((from, reason, vec![to])),
        }
    }
    Kept { nodes: vec![(); graph.node_count()], edges }.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Graph, D::Error> {
    let kept = match Found::deserialize(deserializer)? {
        Found::Kept(kept) => kept,
        Found::Format1(graph) => return Ok(graph),
    };
    let mut graph = Graph::with_capacity(kept.nodes.len(), 0);
    kept.nodes.iter().for_each(|()| {
        graph.add_node(());
    });
    let node = |n: u32| {
        let known = (n as usize) < kept.nodes.len();
        known.then(|| NodeIndex::new(n as usize)).ok_or_else(|| D::Error::custom("an edge leads to no node"))
    };
    for (from, reason, waiting) in kept.edges {
        for to in waiting {
            graph.add_edge(node(from)?, node(to)?, reason);
        }
    }
    Ok(graph)
}
