//! `aos graph`

use super::args::{Global, Graph, GraphFormat};
use super::{CliResult, Exit, load, terminal};
use crate::dag::draw;

pub(crate) fn graph(args: &Graph, _global: &Global) -> CliResult {
    let dag = load::checked(&args.target)?.dag();
    let text = match args.format {
        GraphFormat::Terminal => draw::terminal(&dag, terminal::width().min(120)),
        GraphFormat::Dot => draw::dot(&dag),
        GraphFormat::Mermaid => draw::mermaid(&dag),
        GraphFormat::Svg => draw::svg(&dag),
    };
    terminal::print(text.trim_end());
    Ok(Exit::Done)
}
