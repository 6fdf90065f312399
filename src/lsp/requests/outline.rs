//! The shape of a file: symbols, folds, selections, links, lenses.

use super::{offset, with};
use crate::ide::hints;
use crate::ide::symbols::{self as ide_symbols, Symbol, SymbolKind as Kind};
use crate::lsp::server::Failure;
use crate::lsp::state::{Doc, State};
use lsp_types::{
    CodeLens, CodeLensParams, Command, DocumentLink, DocumentLinkParams, DocumentSymbol,
    DocumentSymbolParams, FoldingRange, FoldingRangeKind, FoldingRangeParams, Location, SelectionRange,
    SelectionRangeParams, SymbolInformation, SymbolKind, SymbolTag,
};
use serde_json::{Value, json};

pub(super) fn symbols(state: &mut State, params: DocumentSymbolParams) -> Result<Value, Failure> {
    let uri = params.text_document.uri;
    with(state, &uri, |state, doc, checked| {
        let Some(file) = checked.project.files.first() else { return Ok(Value::Null) };
        let all = ide_symbols::symbols(&file.parse, &doc.text);
        if state.client.nested_symbols {
            let nested: Vec<DocumentSymbol> = all.into_iter().map(|s| nested(doc, s)).collect();
            return Ok(json!(nested));
        }
        let mut flat = Vec::new();
        flatten(doc, all, None, &mut flat);
        Ok(json!(flat))
    })
}

fn tags(symbol: &Symbol) -> Option<Vec<SymbolTag>> {
    symbol.deprecated.then(|| vec![SymbolTag::DEPRECATED])
}

#[expect(deprecated, reason = "the field must be given a value")]
fn nested(doc: &Doc, symbol: Symbol) -> DocumentSymbol {
    let range = doc.lines.range(&doc.text, symbol.span.start, symbol.span.end);
    let selection = doc.lines.range(&doc.text, symbol.name_span.start, symbol.name_span.end);
    DocumentSymbol {
        tags: tags(&symbol),
        name: symbol.name,
        detail: (!symbol.detail.is_empty()).then_some(symbol.detail),
        kind: kind(symbol.kind),
        deprecated: None,
        range,
        selection_range: selection,
        children: Some(symbol.children.into_iter().map(|s| nested(doc, s)).collect()),
    }
}

#[expect(deprecated, reason = "the field must be given a value")]
fn flatten(doc: &Doc, all: Vec<Symbol>, container: Option<&str>, out: &mut Vec<SymbolInformation>) {
    for symbol in all {
        let range = doc.lines.range(&doc.text, symbol.name_span.start, symbol.name_span.end);
        out.push(SymbolInformation {
            tags: tags(&symbol),
            name: symbol.name.clone(),
            kind: kind(symbol.kind),
            deprecated: None,
            location: Location { uri: doc.uri.clone(), range },
            container_name: container.map(str::to_owned),
        });
        flatten(doc, symbol.children, Some(&symbol.name), out);
    }
}

pub(in crate::lsp) fn kind(kind: Kind) -> SymbolKind {
    match kind {
        Kind::Type => SymbolKind::STRUCT,
        Kind::Skill => SymbolKind::INTERFACE,
        Kind::Plan => SymbolKind::FUNCTION,
        Kind::Test => SymbolKind::METHOD,
        Kind::Input => SymbolKind::PROPERTY,
        Kind::Field => SymbolKind::FIELD,
        Kind::Step => SymbolKind::EVENT,
        Kind::Let => SymbolKind::VARIABLE,
    }
}

pub(super) fn folds(state: &mut State, params: FoldingRangeParams) -> Result<Value, Failure> {
    with(state, &params.text_document.uri, |_, doc, checked| {
        let Some(file) = checked.project.files.first() else { return Ok(Vec::new()) };
        let mut out: Vec<FoldingRange> = Vec::new();
        for fold in ide_symbols::folds(&file.parse, &doc.text) {
            let range = doc.lines.range(&doc.text, fold.span.start, fold.span.end);
            // The line of a closing bracket stays.
            let closes = doc.text.as_bytes().get(fold.span.end as usize - 1);
            let closing = closes.is_some_and(|b| matches!(b, b'}' | b')' | b']'));
            let end_line = if closing { range.end.line.saturating_sub(1) } else { range.end.line };
            let known = out.iter().any(|f| f.start_line == range.start.line && f.end_line == end_line);
            if end_line > range.start.line && !known {
                out.push(FoldingRange {
                    start_line: range.start.line,
                    start_character: None,
                    end_line,
                    end_character: None,
                    kind: fold.comment.then_some(FoldingRangeKind::Comment),
                    collapsed_text: None,
                });
            }
        }
        Ok(out)
    })
}

pub(super) fn selections(state: &mut State, params: SelectionRangeParams) -> Result<Value, Failure> {
    with(state, &params.text_document.uri, |_, doc, checked| {
        let Some(file) = checked.project.files.first() else { return Ok(Vec::new()) };
        let mut out = Vec::new();
        for place in params.positions {
            let at = offset(doc, place);
            let mut chain: Option<SelectionRange> = None;
            for span in ide_symbols::selections(&file.parse, &doc.text, at).into_iter().rev() {
                let range = doc.lines.range(&doc.text, span.start, span.end);
                chain = Some(SelectionRange { range, parent: chain.map(Box::new) });
            }
            out.extend(chain);
        }
        Ok(out)
    })
}

pub(super) fn links(state: &mut State, params: DocumentLinkParams) -> Result<Value, Failure> {
    with(state, &params.text_document.uri, |state, doc, checked| {
        let one = |(span, file): (crate::source::Span, usize)| {
            let target = state.uri(&checked.project.files.get(file)?.path)?;
            let range = doc.lines.range(&doc.text, span.start, span.end);
            Some(DocumentLink { range, target: Some(target), tooltip: None, data: None })
        };
        Ok(ide_symbols::links(&checked.project).into_iter().filter_map(one).collect::<Vec<_>>())
    })
}

pub(super) fn lenses(state: &mut State, params: CodeLensParams) -> Result<Value, Failure> {
    with(state, &params.text_document.uri, |_, doc, checked| {
        let one = |lens: hints::Lens| {
            // What the server can do itself has its name; what starts a program is the client's.
            let own = matches!(lens.command, "check" | "graph");
            let command = format!("aos.{}{}", if own { "server." } else { "" }, lens.command);
            let arguments = Some(vec![json!(doc.uri), json!(lens.target)]);
            CodeLens {
                range: doc.lines.range(&doc.text, lens.span.start, lens.span.end),
                command: Some(Command { title: lens.title, command, arguments }),
                data: None,
            }
        };
        Ok(hints::lenses(&checked.project).into_iter().map(one).collect::<Vec<_>>())
    })
}
